"""What rows share is computed once and changes no answer."""

import dataclasses

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

from code2lora.adapters import stack
from code2lora.generation import generate
from code2lora.lora import Injection
from code2lora.shared_prefixes import packed

HEADER = "import m\n\n\ndef test_many():\n    x = m.f(1)\n"
SIBLINGS = [HEADER + body for body in ("assert x ==", "assert x.y ==", "assert m.g(x) ==", "z = x\n    assert z !=")]
OTHERS = ["assert 1 ==", "with raises("]

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=9)


rows_of_kinds = st.lists(st.tuples(tokens, st.sampled_from("ab")), max_size=9)


@given(rows_of_kinds, st.integers(1, 9), st.booleans())
def test_packs_hold_every_prompt_once_and_only_rows_of_one_kind_share(rows, most_rows, chains_only):
    prompts, kinds = [prompt for prompt, _ in rows], [kind for _, kind in rows]
    packs = packed(prompts, kinds, most_rows=most_rows, chains_only=chains_only)
    assert sorted(row for pack in packs for row in pack.rows) == list(range(len(rows)))
    for pack in packs:
        assert len(pack.rows) == len(pack.paths) <= most_rows
        assert len({kinds[row] for row in pack.rows}) == 1
        assert pack.is_chain or not chains_only
        assert len(pack.tokens) <= sum(len(prompts[row]) for row in pack.rows)
        assert len(pack.tokens) <= 2 * max(len(prompts[row]) for row in pack.rows)
        for row, path in zip(pack.rows, pack.paths, strict=True):
            assert [pack.tokens[place] for place in path] == prompts[row]
            assert [pack.depths[place] for place in path] == list(range(len(path)))
            assert list(path) == sorted(path)  # a token comes behind those that it sees
    assert [len(pack.tokens) for pack in packs] == sorted((len(pack.tokens) for pack in packs), reverse=True)


def test_prompts_that_go_on_where_others_end_are_a_chain():
    (pack,) = packed([[1, 2, 3], [1, 2, 3, 4, 5], [1, 2]], "aaa", most_rows=9)
    assert pack.is_chain
    assert (pack.tokens, pack.rows) == ((1, 2, 3, 4, 5), (2, 0, 1))


def test_prompts_that_part_are_branches_of_one_pack():
    (pack,) = packed([[1, 2, 3, 4], [1, 2, 3, 5, 6], [1, 2, 3, 5]], "aaa", most_rows=9)
    assert not pack.is_chain
    assert (pack.tokens, pack.depths) == ((1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 3, 4))
    assert dict(zip(pack.rows, pack.paths, strict=True))[1] == (0, 1, 2, 4, 5)


@pytest.mark.parametrize(
    ("prompts", "kinds", "options"),
    [
        ([[1] * 9, [1] * 9], "ab", {}),
        ([[1] * 9, [2] * 9], "aa", {}),
        ([[1] * 9, [1] * 4 + [2] * 5], "aa", {}),  # less than half of it is shared
        ([[1] * 9, [1] * 9], "aa", {"most_rows": 1}),
        ([[1] * 9 + [2], [1] * 9 + [3]], "aa", {"chains_only": True}),
        ([[], []], "aa", {}),
    ],
)
def test_other_prompts_stand_alone(prompts, kinds, options):
    assert len(packed(prompts, kinds, **{"most_rows": 9} | options)) == 2


def never(prefix, text):
    return False


def counted(backbone):
    """The backbone, and the shapes of what it is fed."""
    fed = []

    class Counting:
        def __getattr__(self, name):
            return getattr(backbone.model, name)

        def __call__(self, **inputs):
            fed.append(tuple(inputs["input_ids"].shape))
            return backbone.model(**inputs)

    return dataclasses.replace(backbone, model=Counting()), fed


@pytest.mark.parametrize("batch_size", [2, 4, 6])
def test_answers_of_siblings_are_those_of_each_alone(random_backbone, batch_size):
    prefixes = [SIBLINGS[0], OTHERS[0], *SIBLINGS[1:], OTHERS[1]]
    alone = generate(random_backbone, prefixes, max_new_tokens=12, batch_size=1, stop=never)
    backbone, fed = counted(random_backbone)
    assert generate(backbone, prefixes, max_new_tokens=12, batch_size=batch_size, stop=never) == alone
    if batch_size > 2:  # the rows of a pack are answered together
        assert sum(rows * length for rows, length in fed if length > 1) < sum(map(len, prefixes))
    assert len({one.text for one in alone}) > 3


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(SIBLINGS), st.text("ab =\n", max_size=6)), min_size=2, max_size=6))
def test_any_batch_is_answered_as_one_by_one(random_backbone, parts):
    prefixes = [head + tail for head, tail in parts]
    alone = generate(random_backbone, prefixes, max_new_tokens=6, batch_size=1, stop=never)
    assert generate(random_backbone, prefixes, max_new_tokens=6, batch_size=6, stop=never) == alone


def test_rows_with_different_adapters_share_nothing_and_others_do(random_backbone, make_adapter):
    one, other = (make_adapter(random_backbone.model, seed=seed) for seed in (1, 2))
    adapters = [one, other, one, other]
    backbone, fed = counted(random_backbone)
    announced = []

    def run(batch_size, kinds):
        def use(rows):
            announced.append(rows)
            injection.use(stack([adapters[row] for row in rows]))

        with Injection(random_backbone.model) as injection:
            return generate(
                backbone,
                SIBLINGS,
                max_new_tokens=9,
                batch_size=batch_size,
                stop=never,
                on_rows=use,
                kinds=kinds,
            )

    alone = run(1, None)
    assert len({answer.text for answer in alone}) == 4
    for kinds, packs in ((None, 4), ([id(adapter) for adapter in adapters], 2)):
        fed.clear()
        announced.clear()
        assert run(4, kinds) == alone
        read = [rows for rows, (_, length) in zip(announced, fed, strict=False) if length > 1]
        assert sum(map(len, read)) == packs
        assert {adapters[row] is one for rows in read for row in rows} == {True, False}


@pytest.mark.parametrize(
    ("model_type", "options", "shares"),
    [
        ("llama", {"num_key_value_heads": 2}, True),
        ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96}, True),
        ("mistral", {"num_key_value_heads": 2, "sliding_window": 8}, False),
        ("gemma3_text", {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 8, "pad_token_id": 1}, False),
    ],
)
def test_branches_are_read_once_unless_the_model_has_a_sliding_window(random_backbone, model_type, options, shares):
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = AutoConfig.for_model(
        model_type, vocab_size=258, max_position_embeddings=96, initializer_range=0.6, eos_token_id=0, **sizes | options
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = AutoModelForCausalLM.from_config(config).eval()
    whole = dataclasses.replace(random_backbone, model=model)
    alone = generate(whole, SIBLINGS, max_new_tokens=12, batch_size=1, stop=never)
    backbone, fed = counted(whole)
    assert generate(backbone, SIBLINGS, max_new_tokens=12, batch_size=4, stop=never) == alone
    read = sum(rows * length for rows, length in fed if length > 1)
    assert (read < sum(map(len, SIBLINGS)) - 4) is shares


@pytest.mark.parametrize("model_type", ["mistral", "gemma3_text"])
def test_chains_are_read_once_by_models_with_a_sliding_window(random_backbone, model_type):
    config = AutoConfig.for_model(
        model_type, vocab_size=258, max_position_embeddings=96, initializer_range=0.6, eos_token_id=0, hidden_size=32,
        intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        sliding_window=8, pad_token_id=1,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = AutoModelForCausalLM.from_config(config).eval()
    whole = dataclasses.replace(random_backbone, model=model)
    prefixes = [HEADER[:end] for end in (12, 20, 31, 40)]
    alone = [generate(whole, [prefix], max_new_tokens=12, batch_size=1, stop=never)[0] for prefix in prefixes]
    backbone, fed = counted(whole)
    assert list(generate(backbone, prefixes, max_new_tokens=12, batch_size=4, stop=never)) == alone
    assert fed[0] == (1, 39)
