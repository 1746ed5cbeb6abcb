"""CodeBLEU by the `codebleu` package 0.7.0 itself, where it is installed; nothing else imports it.

It is no dependency, as its pins cannot be met (docs/adr/0003). Its warnings about texts without data flow, one for
each, are not shown.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness.errors import ScoringError
from harness.records import CodeBleu, Unscored

WANTED = "0.7.0"
"""The version whose numbers the paper's evaluation has."""


def require_package() -> None:
    """Makes sure that the package is there.

    Raises:
        ScoringError: it is not installed, or in another version.
    """
    try:
        found = version("codebleu")
    except PackageNotFoundError:
        found = None
    if found != WANTED:
        what = "is not installed" if found is None else f"is installed in version {found}"
        raise ScoringError(
            f"The backend 'package' needs codebleu {WANTED}, which {what}: "
            f"run pip install --no-deps codebleu=={WANTED}, or score with --codebleu-backend ours."
        )


def package_codebleu(prediction: str, target: str) -> CodeBleu:
    """What the package says of one prediction; unscored where it fails.

    Raises:
        ScoringError: the package is not installed.
    """
    calculate = _calculate()
    with _without_warnings():
        try:
            found = calculate([target], [prediction], lang="python")
        except Exception as error:  # noqa: BLE001 - whatever third-party code raises on a text is the reason
            return CodeBleu.settled(Unscored(reason=f"codebleu failed with {type(error).__name__}"))
    return CodeBleu(
        score=float(found["codebleu"]),
        ngram=float(found["ngram_match_score"]),
        weighted=float(found["weighted_ngram_match_score"]),
        syntax=float(found["syntax_match_score"]),
        dataflow=float(found["dataflow_match_score"]),
    )


@cache
def _calculate() -> Any:
    require_package()
    from codebleu import calc_codebleu

    return calc_codebleu


@contextmanager
def _without_warnings() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)
