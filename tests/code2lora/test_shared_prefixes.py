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
from code2lora.shared_prefixes import shared_batch

HEADER = "import m\n\n\ndef test_many():\n    x = m.f(1)\n"
SIBLINGS = [HEADER + body for body in ("assert x ==", "assert x.y ==", "assert m.g(x) ==", "z = x\n    assert z !=")]
OTHERS = ["assert 1 ==", "with raises("]

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=9)


@given(st.lists(st.tuples(tokens, st.sampled_from("ab")), max_size=9))
def test_stems_and_rests_are_the_prompts_and_only_rows_of_one_kind_share(rows):
    prompts, kinds = [prompt for prompt, _ in rows], [kind for _, kind in rows]
    shared = shared_batch(prompts, kinds)
    if shared is None:
        return
    for row, prompt in enumerate(prompts):
        cluster = shared.clusters[row]
        assert [*shared.stems[cluster], *shared.rests[row]] == prompt
        assert kinds[shared.members[cluster]] == kinds[row]
        assert shared.clusters[shared.members[cluster]] == cluster
        assert shared.rests[row]
    assert all(shared.stems)
    fed = len(shared.stems) * max(map(len, shared.stems)) + len(rows) * max(map(len, shared.rests))
    assert fed < len(rows) * max(map(len, prompts))


def test_rows_that_begin_alike_are_one_cluster():
    shared = shared_batch([list(range(40)), [*range(38), 99, 98], [7] * 38, [7] * 39], "aaaa")
    assert shared.clusters == (0, 0, 1, 1)
    assert shared.stems == (tuple(range(38)), (7,) * 37)
    assert shared.rests == ((38, 39), (99, 98), (7,), (7, 7))


@pytest.mark.parametrize(
    ("prompts", "kinds"),
    [([], ""), ([[1] * 9], "a"), ([[1] * 9, [1] * 9], "ab"), ([[1] * 9, [2] * 9], "aa"), ([[1], [1] * 9], "aa")],
)
def test_where_nothing_is_won_nothing_is_shared(prompts, kinds):
    assert shared_batch(prompts, kinds) is None


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
    for kinds, rows in ((None, 4), ([id(adapter) for adapter in adapters], 2)):
        fed.clear()
        announced.clear()
        assert run(4, kinds) == alone
        assert fed[0][0] == len(announced[0]) == rows
        assert {adapters[row] is one for row in announced[0]} == {True, False}


@pytest.mark.parametrize(
    ("model_type", "options", "shares"),
    [
        ("llama", {"num_key_value_heads": 2}, True),
        ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96}, True),
        ("mistral", {"num_key_value_heads": 2, "sliding_window": 8}, False),
        ("gemma3_text", {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 8, "pad_token_id": 1}, False),
    ],
)
def test_models_with_a_sliding_window_share_nothing(random_backbone, model_type, options, shares):
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
    assert (fed[0][0] < 4) is shares
