"""Values and chances: pools of controlled size, idioms that are of the generator, best scores that are exact."""

import re
from fractions import Fraction

import pytest

from repopeftbench.dataset.truth import Stratum
from repopeftbench.synthetic.controlled.drawing import _QUALIFIERS
from repopeftbench.synthetic.controlled.rendering import WORDINGS
from repopeftbench.synthetic.controlled.values import FOLLOWS, IDIOMS, POOLS, TYPICAL, best_of, idiom_chances
from repopeftbench.synthetic.themes import NAME_STARTS, THEMES


@pytest.mark.parametrize("pool", sorted(POOLS))
def test_pools_have_8_to_50_different_values(pool):
    assert 8 <= len(set(POOLS[pool])) == len(POOLS[pool]) <= 50


def test_no_value_is_a_part_of_a_name():
    names = {word for theme in THEMES for words in (theme.subjects, theme.stems) for word in words}
    names |= {word for words in _QUALIFIERS.values() for word in words} | set(IDIOMS) | set(NAME_STARTS)
    names |= {module for wording in WORDINGS.values() for module in wording.modules.values()}
    words = {word.lower() for pool in POOLS.values() for value in pool for word in re.findall(r"[A-Z]?[a-z]+", value)}
    assert not [(word, name) for word in words - {"error", "errors"} for name in names if word in name]


def test_name_of_a_package_tells_its_domain():
    stems = [stem for theme in THEMES for stem in theme.stems]
    assert len(set(stems)) == len(stems)


@pytest.mark.parametrize("idiom", sorted(IDIOMS))
def test_domains_differ_in_what_is_typical_of_them(idiom):
    assert len({TYPICAL[theme.key, idiom] for theme in THEMES}) == len(THEMES)
    for theme in THEMES:
        chances = idiom_chances(theme.key, idiom)
        assert sum(chances.values()) == 1
        assert max(chances, key=chances.__getitem__) == TYPICAL[theme.key, idiom]


@pytest.mark.parametrize("idiom", sorted(IDIOMS))
def test_best_of_an_idiom_is_the_chance_of_its_likeliest_value(idiom):
    best = best_of(Stratum.DOMAIN, IDIOMS[idiom], idiom)
    others = len(THEMES) - 1
    anywhere = (FOLLOWS + others * (1 - FOLLOWS) / (len(POOLS[IDIOMS[idiom]]) - 1)) / len(THEMES)
    assert (best.prefix, best.domain, best.repository) == (anywhere, FOLLOWS, 1)


@pytest.mark.parametrize("pool", sorted(POOLS))
def test_best_of_the_other_strata_is_one_or_the_chance_to_guess(pool):
    guess = Fraction(1, len(POOLS[pool]))
    found = {stratum: best_of(stratum, pool) for stratum in Stratum if stratum is not Stratum.DOMAIN}
    assert {stratum: (best.prefix, best.domain, best.repository) for stratum, best in found.items()} == {
        Stratum.COPY: (1, 1, 1),
        Stratum.PRIVATE_DIRECT: (guess, guess, 1),
        Stratum.PRIVATE_COMPOSED: (guess, guess, 1),
        Stratum.NONE: (guess, guess, guess),
    }
