"""The frozen records of execution: the task as execution sees it, whether it is runnable, what a prediction came to."""

from dataclasses import dataclass
from enum import StrEnum

from repopeftbench.schema import Split, Track


class Stage(StrEnum):
    """How far a task came, in the order of the funnel; each stage holds all later ones."""

    TASKS = "tasks"
    TREE = "tree"  # the commit's tree is there, and the target in it
    ENVIRONMENT = "environment"
    COLLECTED = "collected"  # pytest found the test
    PASSES = "passes"  # with the original target, the first time
    STABLE = "stable"  # and whatever the hash seed and the order of cases
    RUNNABLE = "runnable"  # and a mutant of the target fails


class Reason(StrEnum):
    """Why a task is not runnable; `RUNNABLE` if it is."""

    RUNNABLE = "runnable"
    NO_CLONE = "no-clone"  # the repository is not where it was mined from
    NO_TREE = "no-tree"  # the clone lacks objects of the commit, or the tree cannot be written
    NOT_SPLICEABLE = "not-spliceable"  # the target does not stand in the file as one expression
    ENV_FAILED = "env-failed"
    ENV_PYTHON = "env-failed: python"
    ENV_COMPILED = "env-failed: compiled"
    ENV_TIMEOUT = "env-failed: timeout"
    ENV_DISK = "env-failed: disk"
    ENV_UNREADABLE = "env-failed: unreadable"
    ENV_MODULE = "env-failed: module"  # something that the test imports is not installed
    ENV_PYTEST = "env-failed: pytest"  # its pytest does not take the options that the repository sets
    ENV_UNUSABLE = "env-failed: unusable"  # pytest does not start in it
    NOT_COLLECTED = "not-collected"
    UNIMPORTABLE = "unimportable"  # the test's file, or a conftest, raises while it is imported
    NEEDS_NETWORK = "needs-network"
    NEEDS_SERVICE = "needs-service"  # a server, or a program that is not there
    NEEDS_WRITING = "needs-writing"  # into its own source tree
    SKIPPED = "skipped"
    ERROR = "error"  # set-up or teardown fails
    ORIGINAL_FAILS = "original-fails"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"
    CRASHED = "crashed"
    DAMAGED = "damaged"
    CONTRADICTION = "contradiction"
    FLAKY = "flaky"
    NO_MUTANT = "no-mutant"  # no other value can be put in the target's place
    VACUOUS = "vacuous"  # the test passes with other values, too

    @property
    def stage(self) -> Stage:
        """The last stage that a task with this reason reached."""
        return _STAGES.get(self, Stage.COLLECTED)


_STAGES = {
    Reason.NO_CLONE: Stage.TASKS,
    Reason.NO_TREE: Stage.TASKS,
    Reason.NOT_SPLICEABLE: Stage.TASKS,
    **{reason: Stage.TREE for reason in Reason if reason.startswith("env-failed")},
    Reason.NOT_COLLECTED: Stage.ENVIRONMENT,
    Reason.UNIMPORTABLE: Stage.ENVIRONMENT,
    Reason.FLAKY: Stage.PASSES,
    Reason.NO_MUTANT: Stage.STABLE,
    Reason.VACUOUS: Stage.STABLE,
    Reason.RUNNABLE: Stage.RUNNABLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What execution needs of a task: where its target stands, in which test of which commit. No prefix."""

    task_id: str
    repo_id: str
    track: Track
    split: Split
    commit_sha: str
    committer_time: int
    test_file: str
    test_function: str
    target_start_byte: int
    target_end_byte: int
    target: str

    @property
    def test(self) -> str:
        """The id that pytest has for the test function."""
        return "::".join((self.test_file, *self.test_function.split(".")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnability:
    """Whether a task is runnable, and one sentence on why not.

    `mutants` counts the mutants of the target that were executed; the last of a runnable task fails.
    """

    reason: Reason
    detail: str = ""
    mutants: int = 0


class Outcome(StrEnum):
    """What came of executing a prediction; `Judgement` has the rules of the first five."""

    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"
    CHEATED = "cheated"
    UNPROVEN = "unproven"
    CONTRADICTION = "contradiction"  # a failure whose evidence does not agree
    INFRASTRUCTURE = "infrastructure"  # its execution says nothing about the prediction
    UNANSWERED = "unanswered"  # the predictor failed
    NOT_RUNNABLE = "not-runnable"
    NOT_DRAWN = "not-drawn"  # the limit left the task out

    @property
    def counts(self) -> bool:
        """Whether it is in the denominator of `exec_pass`: it is of a runnable task."""
        return self not in (Outcome.NOT_RUNNABLE, Outcome.NOT_DRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One prediction's row.

    Attributes:
        task_id: the task; `repo_id`, `track` and `split` are its own.
        outcome: what came of it.
        reason: why the task is not runnable; `runnable` if it is, None if nobody looked.
        detail: one sentence; no clock time and no address.
        cheats: what the prediction was found to do.
    """

    task_id: str
    repo_id: str
    track: Track
    split: Split
    outcome: Outcome
    reason: Reason | None
    detail: str = ""
    cheats: tuple[str, ...] = ()
