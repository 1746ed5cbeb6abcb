from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from repopeftbench.tasks.select import CAP_PER_COMMIT, CAP_PER_FILE, Place, cap_reasons

PLACES = st.lists(
    st.builds(Place, test_file=st.sampled_from("abcde"), test_function=st.sampled_from("xyz")), max_size=60
)


@given(PLACES, st.integers(0, 9))
def test_caps_hold_and_nothing_is_capped_without_need(places, seed):
    reasons = cap_reasons(places, seed, "repo", "sha")
    kept = [place for place, reason in zip(places, reasons, strict=True) if reason is None]
    per_file = Counter(place.test_file for place in kept)
    assert max(per_file.values(), default=0) <= CAP_PER_FILE
    wanted = sum(min(count, CAP_PER_FILE) for count in Counter(place.test_file for place in places).values())
    assert len(kept) == min(wanted, CAP_PER_COMMIT)
    assert cap_reasons(places, seed, "repo", "sha") == reasons


def test_files_and_functions_take_turns():
    places = [Place(test_file="a", test_function="x")] * 10 + [Place(test_file="a", test_function="y")]
    places += [Place(test_file="b", test_function="z")] * 10
    kept = [p for p, reason in zip(places, cap_reasons(places, 1, "r", "s"), strict=True) if reason is None]
    assert Counter(p.test_file for p in kept) == {"a": 4, "b": 4}
    assert Counter(p.test_function for p in kept if p.test_file == "a") == {"x": 3, "y": 1}


def test_choice_depends_on_seed_repository_and_commit():
    places = [Place(test_file=f"f{n}", test_function="t") for n in range(40)]
    base = cap_reasons(places, 0, "r", "s")
    others = [cap_reasons(places, 1, "r", "s"), cap_reasons(places, 0, "q", "s"), cap_reasons(places, 0, "r", "t")]
    assert all(other != base for other in others)
