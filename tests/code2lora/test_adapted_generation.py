"""Batches whose rows have adapters of their own, against peft's own model asked for one prefix at a time."""

import copy
import dataclasses

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from code2lora.adapted_generation import generate_adapted
from code2lora.adapters import stack
from code2lora.backbone import load_backbone
from code2lora.export import AdapterSource, export_peft
from code2lora.generation import generate
from code2lora.lora import Injection

NEW_TOKENS = 12
PREFIXES = (
    "assert f(1) == ",
    "x",
    "def test_a():\n    assert total([1, 2]) == ",
    "é = ",
    "import m\n\ndef test_b():\n    with pytest.raises(",
    "assert f(1) == ",
    "    self.assertEqual(name, ",
)
SOURCE = AdapterSource(repo_id="o/r", commit_sha="1" * 40, checkpoint_sha256="2" * 64)

# peft asks transformers for a name that it is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


@pytest.fixture(params=["tiny", "nano"])
def backbone(request, random_backbone):
    return random_backbone if request.param == "tiny" else load_backbone("nano", device="cpu")


def never(prefix, text):
    return False


def adapted(backbone, adapters, *, batch_size):
    """The answers to `PREFIXES`, with an adapter for each."""
    with Injection(backbone.model) as injection:
        return generate(
            backbone,
            PREFIXES,
            max_new_tokens=NEW_TOKENS,
            batch_size=batch_size,
            stop=never,
            on_rows=lambda rows: injection.use(stack([adapters[row] for row in rows])),
        )


def asked_of_peft(tmp_path, backbone, adapters):
    """Text and number of tokens that transformers and peft give, one prefix at a time."""
    from peft import PeftModel

    answers = []
    for number, (prefix, adapter) in enumerate(zip(PREFIXES, adapters, strict=True)):
        folder = tmp_path / f"{number}"
        export_peft(folder, adapter, backbone, SOURCE)
        model = PeftModel.from_pretrained(copy.deepcopy(backbone.model), str(folder)).eval()
        prompt = torch.tensor([backbone.tokenizer(prefix)["input_ids"]])
        ids = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=NEW_TOKENS
        )[0, prompt.shape[1] :].tolist()
        if ids[-1] == backbone.tokenizer.eos_token_id:
            ids.pop()
        whole = backbone.tokenizer.decode(prompt[0].tolist() + ids, skip_special_tokens=True)
        answers.append((whole[len(prefix) :].rstrip("\N{REPLACEMENT CHARACTER}"), len(ids)))
    return answers


@pytest.fixture
def adapters(backbone, make_adapter):
    """One per prefix; two prefixes are of one repository."""
    distinct = [make_adapter(backbone.model, seed=seed) for seed in range(5)]
    return [distinct[number] for number in (0, 1, 2, 3, 4, 1, 2)]


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_batched_answers_are_those_of_peft_token_for_token(tmp_path, backbone, adapters, batch_size):
    expected = asked_of_peft(tmp_path, backbone, adapters)
    found = adapted(backbone, adapters, batch_size=batch_size)
    assert [(one.text, one.new_tokens) for one in found] == expected
    plain = generate(backbone, PREFIXES, max_new_tokens=NEW_TOKENS, batch_size=batch_size, stop=never)
    assert [one.text for one in plain] != [one.text for one in found]


@pytest.mark.parametrize("batch_size", [2, 7])
def test_adapters_that_stay_in_place_give_the_answers_of_rows_of_their_own(random_backbone, make_adapter, batch_size):
    distinct = [make_adapter(random_backbone.model, seed=seed) for seed in range(3)]
    adapters = [distinct[number] for number in (2, 0, 1, 0, 2, 2, 1)]
    found = generate_adapted(
        random_backbone, PREFIXES, adapters, max_new_tokens=NEW_TOKENS, batch_size=batch_size, stop=never
    )
    assert [one.text for one in found] == [
        one.text for one in adapted(random_backbone, adapters, batch_size=batch_size)
    ]
    assert generate_adapted(random_backbone, [], [], max_new_tokens=2, batch_size=1, stop=never) == ()


def test_every_row_keeps_its_adapter_when_others_leave_the_batch(random_backbone, make_adapter):
    adapters = [make_adapter(random_backbone.model, seed=seed) for seed in range(len(PREFIXES))]
    prefixes = [f"{prefix}{index}" for index, prefix in enumerate(PREFIXES)]
    lengths = (1, 9, 2, 12, 5, 3, 7)

    def run(batch_size):
        with Injection(random_backbone.model) as injection:
            return generate(
                random_backbone,
                prefixes,
                max_new_tokens=NEW_TOKENS,
                batch_size=batch_size,
                stop=lambda prefix, text: len(text) >= lengths[int(prefix[-1])],
                on_rows=lambda rows: injection.use(stack([adapters[row] for row in rows])),
            )

    assert run(7) == run(1)
    assert len({one.new_tokens for one in run(1)}) > 3


def test_an_adapter_of_one_row_serves_a_whole_batch(random_backbone, make_adapter):
    adapter = make_adapter(random_backbone.model)
    with Injection(random_backbone.model, adapter):
        shared = generate(random_backbone, PREFIXES, max_new_tokens=NEW_TOKENS, batch_size=7, stop=never)
    assert shared == adapted(random_backbone, [adapter] * len(PREFIXES), batch_size=7)


def test_halved_batches_keep_their_adapters(random_backbone, make_adapter):
    adapters = [make_adapter(random_backbone.model, seed=seed) for seed in range(len(PREFIXES))]

    class Limited:
        """The model, without memory for more than three rows."""

        def __getattr__(self, name):
            return getattr(random_backbone.model, name)

        def __call__(self, **inputs):
            if len(inputs["input_ids"]) > 3:
                raise torch.OutOfMemoryError("none left")
            return random_backbone.model(**inputs)

    limited = dataclasses.replace(random_backbone, model=Limited())
    expected = adapted(random_backbone, adapters, batch_size=3)
    with Injection(random_backbone.model) as injection:
        found = generate(
            limited,
            PREFIXES,
            max_new_tokens=NEW_TOKENS,
            batch_size=7,
            stop=never,
            on_rows=lambda rows: injection.use(stack([adapters[row] for row in rows])),
        )
    assert found == expected


def grouped(backbone, prefixes, resident, numbers, *, batch_size):
    """Answers with adapters that stay in place; rows of one adapter may share and are one matrix product."""
    with Injection(backbone.model) as injection:
        return generate(
            backbone,
            prefixes,
            max_new_tokens=NEW_TOKENS,
            batch_size=batch_size,
            stop=lambda prefix, text: len(text) >= 3 + len(prefix) % 7,
            on_rows=lambda rows: injection.use(resident, [numbers[row] for row in rows]),
            kinds=numbers,
        )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["def f(x):\n    ", "assert ", ""]), st.text("ab =(", max_size=9), st.integers(0, 3)),
        min_size=1,
        max_size=8,
    ),
    st.integers(2, 8),
)
def test_rows_of_any_adapters_in_any_pool_are_answered_as_alone(random_backbone, make_adapter, parts, batch_size):
    resident = make_adapter(random_backbone.model, rows=4)
    prefixes, numbers = [head + tail for head, tail, _ in parts], [number for *_, number in parts]
    alone = [
        grouped(random_backbone, [prefix], resident, [number], batch_size=1)[0]
        for prefix, number in zip(prefixes, numbers, strict=True)
    ]
    assert list(grouped(random_backbone, prefixes, resident, numbers, batch_size=batch_size)) == alone


@pytest.mark.parametrize("rows", [(2, 2, 2, 2), (3, 0, 3, 1), (0, 1, 2, 3), (1, 1, 0, 0)])
def test_rows_that_name_their_adapter_give_the_logits_of_a_stack(random_backbone, make_adapter, rows):
    resident = make_adapter(random_backbone.model, rows=4)
    ids = torch.arange(4 * 5).view(4, 5) + 2
    with torch.no_grad(), Injection(random_backbone.model) as injection:
        injection.use(resident, rows)
        found = random_backbone.model(input_ids=ids, use_cache=False).logits
        injection.use(resident.take(rows))
        torch.testing.assert_close(found, random_backbone.model(input_ids=ids, use_cache=False).logits)
        injection.use(resident.take([0]))
        assert not torch.allclose(found, random_backbone.model(input_ids=ids, use_cache=False).logits)
