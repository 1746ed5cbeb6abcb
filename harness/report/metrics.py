"""The metrics that a report shows, as functions of a score. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harness.records import Score, Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric; its values are in [0, 1], and `points` says that they are printed as per cent."""

    title: str
    points: bool
    value: Callable[[Score], float | Unscored]


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "em_strict": Metric(title="EM", points=True, value=lambda score: score.em_strict),
        "em_ast": Metric(title="EM AST", points=True, value=lambda score: score.em_ast),
        "em_paper": Metric(title="EM paper", points=True, value=lambda score: score.em_paper),
        "edit_similarity": Metric(title="EditSim", points=False, value=lambda score: score.edit_similarity),
        "edit_similarity_paper": Metric(
            title="EditSim paper", points=False, value=lambda score: score.edit_similarity_paper
        ),
        "codebleu": Metric(title="CodeBLEU", points=False, value=lambda score: score.codebleu),
        "codebleu_paper": Metric(title="CodeBLEU paper", points=False, value=lambda score: score.codebleu_paper),
    }
)
"""By the name that scores have for it; the first is the headline, on which methods are compared."""

HEADLINE = "em_strict"


def counted_value(metric: Metric, score: Score) -> float:
    """The value as a headline counts it: what failed or has none counts as not solved."""
    value = metric.value(score)
    return 0.0 if score.failed or isinstance(value, Unscored) else float(value)


def has_value(metric: Metric, score: Score) -> bool:
    """Whether the predictor answered and the metric could say what the answer is worth."""
    return not score.failed and not isinstance(metric.value(score), Unscored)
