"""The exceptions of `harness`: every failure a caller may want to tell apart, and no other.

HarnessError                    anything expected to go wrong; the message is meant for the user
├── UnknownMethodError          no method has the given name
├── PredictorError              a predictor cannot answer anything: it ends the run
├── ProbeError                  predictions cannot be executed, or what came of it cannot be kept
├── RunError                    a run folder cannot be used, or a predictor broke its protocol
├── DiagnosisError              what is to be diagnosed cannot be, or not with these tasks
└── ScoringError                the predictions are not one per task

A message says what is wrong, the value, where, and what to do. The command line prints it without a traceback; an
exception that is not in this tree is a bug and keeps its traceback. Any other exception of a predictor concerns the
tasks it was asked for, no more: the runner turns it into failed predictions.
"""

import difflib
from collections.abc import Iterable


class HarnessError(Exception):
    """An expected failure whose message is written for the user."""


class UnknownMethodError(HarnessError):
    """No method has the given name; the message names the nearest one and all there are."""

    def __init__(self, name: str, available: Iterable[str]) -> None:
        """Keeps `name`; `available` are the names that exist, in the order to print them."""
        self.name = name
        names = list(available)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"Unknown method {name!r}.{hint} Available: {', '.join(names)}.")


class PredictorError(HarnessError):
    """A predictor can answer nothing with these settings on this machine; raised by one, it ends the run."""


class ProbeError(HarnessError):
    """Predictions cannot be executed with these options, or what came of it cannot be kept."""


class RunError(HarnessError):
    """A run folder cannot be used for this run, or a predictor broke its protocol."""


class ScoringError(HarnessError):
    """The predictions to score are not exactly one per task."""


class DiagnosisError(HarnessError):
    """Something is no network whose conditioning could be diagnosed, or the tasks are too few to compare adapters."""
