import dataclasses
import types

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

from code2lora import decoding
from code2lora.errors import GenerationError
from code2lora.generation import generate

PREFIXES = ("assert f(1) == ", "x", "", "def test_a():\n    assert total([1, 2]) == ", "é = ", "assert f(1) == ")


def never(prefix, text):
    return False


def texts(results):
    return [result.text for result in results]


@pytest.mark.parametrize("batch_size", [2, 3, 8])
def test_batched_answers_equal_single_ones(random_backbone, batch_size):
    single = generate(random_backbone, PREFIXES, max_new_tokens=12, batch_size=1, stop=never)
    assert generate(random_backbone, PREFIXES, max_new_tokens=12, batch_size=batch_size, stop=never) == single
    assert len(set(texts(single))) > 3  # the model's answers do depend on the prefix


@pytest.mark.parametrize(
    ("model_type", "options"),
    [
        ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96}),
        ("llama", {"num_key_value_heads": 2}),
        ("mistral", {"num_key_value_heads": 2, "sliding_window": 8}),
        ("gemma3_text", {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 8, "pad_token_id": 1}),
        ("gpt_neox", {}),
    ],
)
def test_batched_answers_equal_single_ones_in_other_architectures(random_backbone, model_type, options):
    """Absolute positions, sliding windows and mixed caches are what left padding and leaving rows can break."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = AutoConfig.for_model(
        model_type, vocab_size=258, max_position_embeddings=96, initializer_range=0.6, eos_token_id=0, **sizes | options
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = AutoModelForCausalLM.from_config(config).eval()
    backbone = dataclasses.replace(random_backbone, model=model)

    def stop(prefix, text):
        return len(text) >= 4 + len(prefix) % 9  # rows finish, and leave, at different times

    single = generate(backbone, PREFIXES, max_new_tokens=24, batch_size=1, stop=stop)
    assert generate(backbone, PREFIXES, max_new_tokens=24, batch_size=6, stop=stop) == single


def test_answers_equal_uncached_argmax(random_backbone):
    ids = random_backbone.tokenizer("assert f(1) == ")["input_ids"]
    expected = list(ids)
    for _ in range(10):
        logits = random_backbone.model(input_ids=torch.tensor([expected])).logits
        expected.append(int(logits[0, -1].argmax()))
    results = generate(
        random_backbone, ["a much longer prefix than the other", "assert f(1) == "], max_new_tokens=10, batch_size=2,
        stop=never,
    )  # fmt: skip
    assert 0 not in expected
    tail = random_backbone.tokenizer.decode(expected[len(ids) :])
    assert results[1].text == tail.rstrip("\N{REPLACEMENT CHARACTER}")


def test_equal_calls_give_equal_results_whatever_ran_before(random_backbone):
    def run(prefixes):
        return generate(random_backbone, prefixes, max_new_tokens=8, batch_size=3, stop=never)

    first = run(PREFIXES)
    run(["something else", "y"])
    assert run(PREFIXES) == first


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=12), max_size=5), st.integers(1, 4))
def test_any_text_is_answered_in_its_place(scripted, prefixes, batch_size):
    scripts = {prefix or "<|endoftext|>": f"<{index}>" for index, prefix in enumerate(prefixes)}
    backbone = scripted(scripts)
    results = generate(backbone, prefixes, max_new_tokens=9, batch_size=batch_size, stop=never)
    assert texts(results) == [scripts[prefix or "<|endoftext|>"] for prefix in prefixes]


def test_end_of_text_ends_a_row_and_is_not_counted(scripted):
    (result,) = generate(scripted({"a": "abc"}), ["a"], max_new_tokens=9, batch_size=1, stop=never)
    assert (result.text, result.new_tokens, result.finish_reason) == ("abc", 3, "eos")


def test_end_of_text_at_once_is_an_empty_answer(scripted):
    (result,) = generate(scripted({"a": ""}), ["a"], max_new_tokens=9, batch_size=1, stop=never)
    assert (result.text, result.new_tokens, result.finish_reason) == ("", 0, "eos")


def test_every_end_token_of_the_generation_config_ends_a_row(scripted, byte_tokenizer):
    backbone = scripted({"a": "one;two"})
    semicolon = byte_tokenizer(";")["input_ids"]
    backbone.model.generation_config = types.SimpleNamespace(eos_token_id=semicolon)
    (result,) = generate(backbone, ["a"], max_new_tokens=9, batch_size=1, stop=never)
    assert (result.text, result.finish_reason) == ("one", "eos")


def test_length_ends_a_row(scripted):
    (result,) = generate(scripted({"a": "abcdef"}), ["a"], max_new_tokens=4, batch_size=1, stop=never)
    assert (result.text, result.new_tokens, result.finish_reason) == ("abcd", 4, "length")


def test_stop_sees_its_own_prefix_and_text_so_far(scripted):
    seen = []

    def stop(prefix, text):
        seen.append((prefix, text))
        return text.endswith("\n")

    results = generate(scripted({"a": "1\nx", "bb": "234\n"}), ["a", "bb"], max_new_tokens=9, batch_size=2, stop=stop)
    assert texts(results) == ["1\n", "234\n"]
    assert {result.finish_reason for result in results} == {"stop"}
    assert [text for prefix, text in seen if prefix == "a"] == ["1", "1\n"]
    assert [text for prefix, text in seen if prefix == "bb"] == ["2", "23", "234", "234\n"]


def test_stop_gets_the_whole_prefix_even_if_the_model_does_not(random_backbone):
    prefix = "x" * 200
    seen = set()
    generate(random_backbone, [prefix], max_new_tokens=3, batch_size=1, stop=lambda p, t: bool(seen.add(p)))
    assert seen == {prefix}


def test_finished_rows_leave_the_batch(scripted):
    backbone = scripted({"a": "1", "b": "22", "c": "333", "d": "4444444"})
    rows = []
    results = generate(backbone, list("abcd"), max_new_tokens=9, batch_size=4, stop=never, on_rows=rows.append)
    assert texts(results) == ["1", "22", "333", "4444444"]
    assert [result.new_tokens for result in results] == [1, 2, 3, 7]
    assert backbone.model.rows_per_pass == [4, 4, 4, 4, 2, 1, 1, 1, 1]  # the first pass reads the prompts
    assert rows == [(0, 1, 2, 3), (0, 1, 2, 3), (2, 3), (3,)]


def test_prompts_that_wait_take_the_place_of_rows_that_end(scripted):
    answers = {"aaaa": "1", "bbb": "22", "cc": "333", "d": "4444444"}
    rows = []
    results = generate(
        scripted(answers), list(answers), max_new_tokens=9, batch_size=2, stop=never, on_rows=rows.append
    )
    assert texts(results) == list(answers.values())
    # Read, answered: the third takes the place of the first while the second goes on.
    assert rows == [(0, 1), (0, 1), (2,), (1, 2), (3,), (2, 3), (3,)]


def test_long_rows_come_first_and_answers_keep_the_order_of_prefixes(scripted):
    rows = []
    prefixes = ["a", "ccc", "bb", "dddd"]
    backbone = scripted({prefix: prefix.upper() for prefix in prefixes})
    results = generate(backbone, prefixes, max_new_tokens=9, batch_size=2, stop=never, on_rows=rows.append)
    assert texts(results) == ["A", "CCC", "BB", "DDDD"]
    assert rows[0] == (3, 1)


def test_long_prefix_loses_its_left(scripted):
    prefix = "L" * 10 + "R" * 54
    backbone = scripted({"R" * 54: "ok"})
    (result,) = generate(backbone, [prefix], max_new_tokens=10, batch_size=1, stop=never)
    assert (result.text, result.prompt_tokens, result.truncated) == ("ok", 54, True)


def test_prefix_that_just_fits_is_whole(scripted):
    (result,) = generate(scripted({"R" * 54: "ok"}), ["R" * 54], max_new_tokens=10, batch_size=1, stop=never)
    assert (result.prompt_tokens, result.truncated) == (54, False)


@pytest.mark.parametrize(
    ("prefix", "prompt", "truncated"),
    [("a", "^a", False), ("L" * 9 + "R" * 53, "^" + "R" * 53, True), ("", "^", False)],
)
def test_opening_token_stands_once_before_every_prompt(scripted, byte_tokenizer, prefix, prompt, truncated):
    class WithBos:
        """A tokenizer that puts `^` before every text."""

        def __call__(self, text, add_special_tokens=True, **options):
            return byte_tokenizer("^" + text if add_special_tokens else text, **options)

        def __getattr__(self, name):
            return getattr(byte_tokenizer, name)

    backbone = dataclasses.replace(scripted({prompt: "ok"}), tokenizer=WithBos())
    (result,) = generate(backbone, [prefix], max_new_tokens=10, batch_size=1, stop=never)
    assert (result.text, result.prompt_tokens, result.truncated) == ("ok", len(prompt), truncated)


def test_empty_prefix_without_end_of_text_token_is_refused(scripted):
    class WithoutSpecials:
        eos_token_id = None

        def __call__(self, text, **options):
            return {"input_ids": []}

    backbone = dataclasses.replace(scripted({}), tokenizer=WithoutSpecials())
    with pytest.raises(GenerationError, match="no end-of-text token to stand for an empty prefix"):
        generate(backbone, [""], max_new_tokens=4, batch_size=1, stop=never)


def test_empty_prefix_is_fed_as_end_of_text(scripted):
    (result,) = generate(scripted({"<|endoftext|>": "ok"}), [""], max_new_tokens=4, batch_size=1, stop=never)
    assert (result.text, result.prompt_tokens, result.truncated) == ("ok", 1, False)


def test_no_prefixes_give_no_answers(scripted):
    assert generate(scripted({}), [], max_new_tokens=4, batch_size=2, stop=never) == ()


def test_character_split_over_tokens_is_never_shown_in_part(scripted):
    seen = []
    backbone = scripted({"a": "é→😀!"})
    (result,) = generate(
        backbone, ["a"], max_new_tokens=20, batch_size=1, stop=lambda prefix, text: bool(seen.append(text))
    )
    assert result.text == "é→😀!"
    assert seen == ["", "é", "é", "é", "é→", "é→", "é→", "é→", "é→😀", "é→😀!"]


def test_character_cut_by_the_length_is_left_out(scripted):
    (result,) = generate(scripted({"a": "x😀"}), ["a"], max_new_tokens=3, batch_size=1, stop=never)
    assert (result.text, result.new_tokens) == ("x", 3)


def test_answer_keeps_its_leading_space(scripted):
    (result,) = generate(scripted({"a ==": " 1"}), ["a =="], max_new_tokens=5, batch_size=1, stop=never)
    assert result.text == " 1"


@pytest.mark.parametrize("max_new_tokens", [0, 64])
def test_impossible_length_is_refused(scripted, max_new_tokens):
    with pytest.raises(GenerationError, match=f"max_new_tokens is {max_new_tokens}: choose 1 to 63"):
        generate(scripted({}), ["a"], max_new_tokens=max_new_tokens, batch_size=1, stop=never)


def test_empty_batches_are_refused(scripted):
    with pytest.raises(GenerationError, match="batch_size is 0"):
        generate(scripted({}), ["a"], max_new_tokens=4, batch_size=0, stop=never)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("none left"), RuntimeError("you can't allocate memory: 9 B")])
def test_batches_that_do_not_fit_into_memory_are_halved_and_start_anew(scripted, error):
    prefixes = [letter * (9 - number) for number, letter in enumerate("abcdefg")]
    backbone = scripted({prefix: prefix[:3] for prefix in prefixes})
    forward, tried = backbone.model.forward, []

    def limited(input_ids, attention_mask, past_key_values, use_cache):
        if attention_mask is None:
            tried.append(len(input_ids))
        elif len(input_ids) > 2:  # after the prompts were read
            raise error
        return forward(input_ids, attention_mask, past_key_values, use_cache)

    limited_backbone = dataclasses.replace(backbone, model=Called(limited))
    expected = generate(backbone, prefixes, max_new_tokens=9, batch_size=1, stop=never)
    assert generate(limited_backbone, prefixes, max_new_tokens=9, batch_size=7, stop=never) == expected
    assert tried == [7, 3, 1, 1, 1, 1, 1, 1, 1]


def test_rows_that_have_ended_are_not_answered_again_where_memory_ends(scripted):
    answers = {"aaaa": "1", "bbb": "22222", "cc": "3333", "d": "4444"}
    backbone = scripted(answers)
    passes, asked = [], []

    def limited(input_ids, attention_mask, past_key_values, use_cache):
        passes.append(len(input_ids))
        if len(passes) == 5:  # by then the first row has ended
            raise torch.OutOfMemoryError("none left")
        return backbone.model.forward(input_ids, attention_mask, past_key_values, use_cache)

    def stop(prefix, text):
        asked.append(prefix)
        return False

    limited_backbone = dataclasses.replace(backbone, model=Called(limited))
    results = generate(limited_backbone, list(answers), max_new_tokens=9, batch_size=2, stop=stop)
    assert texts(results) == list(answers.values())
    assert asked.count("aaaa") == 1
    assert asked.count("bbb") > 5


class Called:
    """A model that is one function."""

    generation_config = None

    def __init__(self, forward):
        self.forward = forward

    def __call__(self, **inputs):
        return self.forward(**inputs)


def test_one_row_that_does_not_fit_into_memory_and_other_errors_pass(scripted):
    for error, rows in ((torch.OutOfMemoryError("none left"), 1), (RuntimeError("shapes differ"), 2)):

        def fail(input_ids, attention_mask, past_key_values, use_cache, error=error):
            raise error

        broken = dataclasses.replace(scripted({}), model=Called(fail))
        with pytest.raises(type(error), match=str(error)):
            generate(broken, ["a"] * rows, max_new_tokens=4, batch_size=2, stop=never)


def test_models_may_call_their_keys_and_values_by_either_name(scripted):
    older, newer = scripted({"a": "1 + 2"}), scripted({"a": "1 + 2"})
    forward = newer.model.forward

    def renamed(input_ids, attention_mask, cache, use_cache):
        return forward(input_ids, attention_mask, cache, use_cache)

    newer = dataclasses.replace(newer, model=Called(renamed))
    answers = [generate(one, ["a"], max_new_tokens=8, batch_size=1, stop=never) for one in (older, newer)]
    assert answers[0] == answers[1]
    assert answers[0][0].text == "1 + 2"


@pytest.mark.parametrize("layers", [["linear_attention", "full_attention"], ["mamba"]])
def test_models_that_keep_no_keys_and_values_are_refused(scripted, layers):
    backbone = scripted({})
    backbone.model.config = types.SimpleNamespace(layer_types=layers)
    with pytest.raises(GenerationError, match=r"'scripted' has layers without keys and values .* choose a model"):
        generate(backbone, ["a"], max_new_tokens=4, batch_size=1, stop=never)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.text("ab\n=", max_size=20), st.integers(1, 7)), min_size=1, max_size=9),
    st.integers(1, 5),
    st.sampled_from([4, 64, 1024]),
)
def test_rows_of_any_lengths_that_end_at_any_time_are_answered_as_alone(
    random_backbone, parts, batch_size, tokens_read
):
    """Refilled pools, whatever is read together."""
    ends = {f"{number}{text}": end for number, (text, end) in enumerate(parts)}

    def stop(prefix, text):
        return len(text) >= ends[prefix]

    alone = [generate(random_backbone, [prefix], max_new_tokens=12, batch_size=1, stop=stop)[0] for prefix in ends]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(decoding._TOKENS_READ, "cpu", tokens_read)
        assert list(generate(random_backbone, list(ends), max_new_tokens=12, batch_size=batch_size, stop=stop)) == alone
