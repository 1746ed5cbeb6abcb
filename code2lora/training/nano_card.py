"""The model card of a `nano`, written from the record and the log of its training. Pure: records in, text out."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from code2lora.training.corpus import MAX_DIGIT_SHARE, MAX_FILE_BYTES, MAX_LINE_CHARACTERS, SKIPPED_FOLDERS
from code2lora.training.log import Line
from code2lora.training.nano_record import NanoRecord

CARD_NAME = "MODEL_CARD.md"
_WIDTH = 120
_HEAD = """---
license: mit
language: [code]
tags: [python, causal-lm, byte-level-bpe, qwen2]
---
# nano: a small backbone for Python"""
_PURPOSE = """It is made to ship inside the package, so that every command runs on a processor without a network. It is
    **a plumbing default and makes no claim of quality**: use it to see that a pipeline works, and a real model for
    results."""
_LIMITS = (
    "- It is very small and has seen very little text. It repeats itself, invents names, and rarely computes the value "
    "that an assertion needs.",
    "- It knows Python only, mostly library code and its tests, and nothing of other languages or of instructions.",
    "- **Contamination**: the projects of the table that are not held out, their forks, and projects that vendor them "
    "must not be evaluated with it: it was trained on their code and on their tests.",
    "- It can reproduce passages of its training data; those remain under the licences above.",
)


def model_card(record: NanoRecord, log: Sequence[Line]) -> str:
    """The card of a trained folder, as Markdown.

    Args:
        record: What the training was and came to.
        log: The lines of its log, the last one of the last step.

    Returns:
        The text of `MODEL_CARD.md`.
    """
    parts = (
        _HEAD,
        _network(record),
        "## What it is for",
        _paragraph(_PURPOSE),
        "## Figures",
        "All of them come from `training.json` and `run.log` beside this card.",
        _table(("figure", "value"), list(_figures(record, log).items())),
        _held_out(record),
        *([] if record.unseen is None else [_unseen(record)]),
        "## Training data",
        _data(record),
        _sources(record.corpus["sources"]),
        _left_out(record),
        "## How it was trained",
        _training(record),
        "## Limits",
        "\n".join(_paragraph(limit, indent="  ") for limit in _LIMITS),
    )
    return "\n\n".join(parts) + "\n"


def _network(record: NanoRecord) -> str:
    recipe = record.recipe
    return _paragraph(
        f"""A Qwen2-architecture causal language model for Python with {record.parameters:,} parameters
        ({recipe["layers"]} layers of width {recipe["hidden_size"]}, {recipe["heads"]} query and {recipe["kv_heads"]}
        key-value heads, tied embeddings, context of {recipe["context_length"]:,} tokens), and a byte-level BPE
        tokenizer of {recipe["vocab_size"]:,} entries. Digits are tokens of their own; `<|endoftext|>` ends a text,
        `<|pad|>` pads, and nothing is put before a text. Weights are stored in bfloat16."""
    )


def _figures(record: NanoRecord, log: Sequence[Line]) -> dict[str, str]:
    rows = {
        "Parameters": f"{record.parameters:,}",
        "Steps": f"{record.steps:,}",
        "Step of the weights": f"{record.best_step:,}",
        "Tokens trained on": f"{record.tokens:,}",
        "Training loss (nats per token)": f"{float(log[-1]['loss']):.3f}",
        "Held-out loss (nats per token)": f"{record.validation.loss:.3f}",
        "Held-out bits per byte": f"{record.validation.bits_per_byte:.3f}",
    }
    if record.unseen is not None:
        rows["Loss on unseen projects (nats per token)"] = f"{record.unseen.loss:.3f}"
        rows["Bits per byte on unseen projects"] = f"{record.unseen.bits_per_byte:.3f}"
    seconds = f"{float(log[-1]['seconds']):,.0f}"
    return rows | {"Seconds": seconds, "Corpus SHA-256": f"`{record.corpus['sha256']}`"}


def _held_out(record: NanoRecord) -> str:
    held = record.validation
    return _paragraph(
        f"""The training loss is the mean over the steps of the log's last line. The held-out figures are of the stored
        bfloat16 weights, evaluated under bfloat16 autocast on {held.tokens:,} tokens ({held.bytes:,} bytes) from
        {record.corpus["files"]["val"]:,} files that were held out by the hash of their content; they come from the same
        projects as the training files."""
    )


def _unseen(record: NanoRecord) -> str:
    assert record.unseen is not None
    names = ", ".join(source["name"] for source in record.corpus["sources"] if source["held_out"])
    return _paragraph(
        f"""Unseen projects are those that nothing was learnt from: {names}. Their figures are of
        {record.unseen.tokens:,} tokens ({record.unseen.bytes:,} bytes) from {record.corpus["files"]["unseen"]:,}
        files."""
    )


def _data(record: NanoRecord) -> str:
    files, tokens = record.corpus["files"]["train"], record.corpus["tokens"]["train"]
    return _paragraph(
        f"""Python source with its tests, out of pinned source distributions: {files:,} files to train on ({tokens:,}
        tokens, {record.tokens / tokens:.2f} times as many were drawn)."""
    )


def _sources(sources: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            *(source["name"], source["version"], source["licence"], f"{source['files']:,}", f"{source['bytes']:,}"),
            "held out" if source["held_out"] else "learnt from",
        )
        for source in sources
    ]
    return _table(("source", "version", "licence", "files", "bytes", "use"), rows)


def _left_out(record: NanoRecord) -> str:
    folders = ", ".join(f"`{name}`" for name in sorted(SKIPPED_FOLDERS))
    return _paragraph(
        f"""Left out: files that are equal to an earlier one but for white space at line ends, larger than
        {MAX_FILE_BYTES:,} bytes, empty, not UTF-8, refused by the interpreter's parser, generated, with a line of more
        than {MAX_LINE_CHARACTERS:,} characters or more than {MAX_DIGIT_SHARE:.0%} digits, named in the list, or beyond
        the {record.source_bytes:,} bytes that one release may give (those with the smallest hashes stay), and the
        folders {folders}. The text is the work of those projects' authors under the licences above."""
    )


def _training(record: NanoRecord) -> str:
    used = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    device = f"{record.device}, compiled by torch" if record.compiled else record.device
    return _paragraph(
        f"""`repobench train-nano` with the releases of the table and the recipe of `training.json`: AdamW, cosine
        schedule with warm-up, bfloat16 autocast, {record.recipe["batch_size"]:,} windows of
        {record.recipe["context_length"]:,} tokens per step, on {device}; {used}. The weights are those of the
        lowest held-out loss; `run.log` has the curve. Equal recipe, releases, versions and kind of processor give equal
        weights."""
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows))


def _paragraph(text: str, indent: str = "") -> str:
    """Lines of at most the card's width, of which those behind the first are indented."""
    return textwrap.fill(
        " ".join(text.split()), _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
