"""The exceptions of `harness`: every failure a caller may want to tell apart, and no other.

HarnessError                    anything expected to go wrong; the message is meant for the user
├── UnknownNameError            nothing has the given name; the message names the nearest one and all there are
│   ├── UnknownMethodError      no method
│   ├── UnknownCommandNameError no command
│   └── UnknownSettingError     no command or option of a command, in a file for --config
├── PredictorError              a predictor cannot answer anything: it ends the run
├── ProbeError                  predictions cannot be executed, or what came of it cannot be kept
├── RunError                    a run folder cannot be used, or a predictor broke its protocol
├── DiagnosisError              what is to be diagnosed cannot be, or not with these tasks
└── ScoringError                the predictions are not one per task

A message says what is wrong, the value, where, and what to do. The command line prints it without a traceback; an
exception that is not in this tree is a bug and keeps its traceback. Any other exception of a predictor concerns the
tasks it was asked for, no more: the runner turns it into failed predictions.
"""

from collections.abc import Iterable

from repopeftbench.near import near


class HarnessError(Exception):
    """An expected failure whose message is written for the user."""


class UnknownNameError(HarnessError):
    """Nothing has the given name; the message names the nearest one and all there are."""

    kind = "name"

    def __init__(self, name: str, available: Iterable[str], *, where: str = "") -> None:
        """Keeps `name`; `available` are the names that exist, in the order to print them; `where` it was found."""
        self.name = name
        names = list(available)
        super().__init__(f"{where}Unknown {self.kind} {name!r}.{near(name, names)} Available: {', '.join(names)}.")


class UnknownMethodError(UnknownNameError):
    """No method has the given name."""

    kind = "method"


class UnknownCommandNameError(UnknownNameError):
    """No command has the given name."""

    kind = "command"


class UnknownSettingError(UnknownNameError):
    """A file for --config sets something that does not exist."""

    kind = "key"


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
