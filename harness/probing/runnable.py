"""Whether one task is runnable: its test passes as it is, every time, and fails when the target is another value.

Knows a sandbox and a source tree, no dataset and no clone.
"""

import threading
from dataclasses import dataclass, replace

from harness.metrics.exact import em_strict
from harness.probing.evidence import detail_of, reason_of
from harness.probing.mutants import mutants
from harness.probing.records import Execution, Outcome, Reason, Runnability, Site
from sandboxes.errors import EnvironmentUnusableError, RequestError
from sandboxes.judging import Judged, Judgement, judge
from sandboxes.spec import ExecRequest, ExecResult, Limits, Patch, Sandbox, Verdict
from sandboxes.splice import Place, Refusal, splice

TIMES = 3
"""How often the original must pass: each time with another hash seed, the second time with its cases backwards."""
ARGUMENTS = ("-p", "no:randomly")
"""For pytest: the order of cases is ours to say."""
LIMITS = Limits(wall_seconds=60.0)
"""Of one execution."""
_TOLD_BY_ONE = frozenset({Verdict.NOT_COLLECTED, Verdict.SKIPPED, Verdict.TIMEOUT, Verdict.MEMORY, Verdict.OUTPUT})
# The parser that compares tokens is one for the process, and predictions are judged in several threads.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A test in its tree, ready to be executed: `request` runs it as it is; its patch is the file with the target."""

    sandbox: Sandbox
    request: ExecRequest

    @property
    def file(self) -> Patch:
        """The file with the target, as the tree has it."""
        assert self.request.patch is not None
        return self.request.patch

    def execute(self, content: bytes) -> ExecResult:
        """Runs the test with another content of the file."""
        return self.sandbox.execute(replace(self.request, patch=Patch(path=self.file.path, content=content)))


def check_runnable(bench: Bench, site: Site) -> Runnability:
    """Executes the original and mutants of its target.

    Raises:
        SandboxError: nothing could be executed on this machine.
    """
    place = _place(bench, site)
    if isinstance(place, Runnability):
        return place
    try:
        return _original(bench) or _with_mutants(bench, place, site.target)
    except EnvironmentUnusableError as error:
        return Runnability(reason=Reason.ENV_UNUSABLE, detail=str(error))
    except RequestError as error:
        return Runnability(reason=Reason.NOT_SPLICEABLE, detail=str(error))


def judge_prediction(bench: Bench, site: Site, text: str) -> Execution:
    """Executes a prediction for a runnable task.

    Raises:
        SandboxError: nothing could be executed on this machine.
    """
    place = Place(source=bench.file.content, start=site.target_start_byte, end=site.target_end_byte)
    try:
        judged = judge(bench.sandbox, bench.request, place, text)
    except (EnvironmentUnusableError, RequestError) as error:
        return make_execution(site, Outcome.INFRASTRUCTURE, Reason.RUNNABLE, detail=str(error))
    with _ONE_AT_A_TIME:
        is_target = em_strict(text, site.target)
    outcome, detail = _outcome(judged, is_target=is_target)
    cheats = tuple(map(str, judged.cheats)) if outcome is Outcome.CHEATED else ()
    return make_execution(site, outcome, Reason.RUNNABLE, detail=detail, cheats=cheats)


def make_execution(
    site: Site, outcome: Outcome, reason: Reason | None, *, detail: str = "", cheats: tuple[str, ...] = ()
) -> Execution:
    """The row of a task."""
    return Execution(
        task_id=site.task_id,
        repo_id=site.repo_id,
        track=site.track,
        split=site.split,
        outcome=outcome,
        reason=reason,
        detail=detail,
        cheats=cheats,
    )


def _outcome(judged: Judged, *, is_target: bool) -> tuple[Outcome, str]:
    """What a judgement comes to; the target itself is no cheat, and that it matters a mutant has shown already."""
    passes = bool(judged.results) and judged.results[0].verdict is Verdict.PASSED
    if is_target and passes:
        return Outcome.PASSED, "it is the target"
    detail = detail_of(judged.results[-1]) if judged.results else judged.reason
    if judged.judgement is Judgement.FAILED:
        verdict = judged.results[0].verdict
        outcome = {
            Verdict.DAMAGED: Outcome.INFRASTRUCTURE,
            Verdict.CONTRADICTION: Outcome.CONTRADICTION,
        }.get(verdict, Outcome.FAILED)
        return outcome, f"{verdict}: {detail}"
    told = judged.reason if judged.judgement in (Judgement.CHEATED, Judgement.PASSED) else detail
    return Outcome(judged.judgement), told


def _place(bench: Bench, site: Site) -> Place | Runnability:
    """Where the target stands, or that it does not stand there as one expression."""
    place = Place(source=bench.file.content, start=site.target_start_byte, end=site.target_end_byte)
    if not 0 <= place.start < place.end <= len(place.source):
        detail = f"bytes {place.start} to {place.end} are not in {site.test_file}"
        return Runnability(reason=Reason.NOT_SPLICEABLE, detail=detail)
    spliced = splice(place, site.target)
    if isinstance(spliced, Refusal):
        return Runnability(reason=Reason.NOT_SPLICEABLE, detail=f"the target: {spliced.reason}")
    if spliced != place.source:
        detail = f"the target does not stand at bytes {place.start} to {place.end} of {site.test_file}"
        return Runnability(reason=Reason.NOT_SPLICEABLE, detail=detail)
    return place


def _original(bench: Bench) -> Runnability | None:
    """Why the original does not pass every time; None if it does."""
    results: list[ExecResult] = []
    for seed in range(TIMES):
        results.append(bench.sandbox.execute(replace(bench.request, hash_seed=seed, backwards=seed == 1)))
        if results[-1].verdict in _TOLD_BY_ONE:
            break
    failures = [result for result in results if result.verdict is not Verdict.PASSED]
    if not failures:
        return None
    if len(failures) < len(results):
        passed = len(results) - len(failures)
        detail = f"{passed} of {len(results)} times it passes, else: {detail_of(failures[0])}"
        return Runnability(reason=Reason.FLAKY, detail=detail)
    return Runnability(reason=reason_of(results[0]), detail=detail_of(results[0]))


def _with_mutants(bench: Bench, place: Place, target: str) -> Runnability:
    """Whether another value makes the test fail."""
    executed = 0
    for text in mutants(target):
        spliced = splice(place, text)
        if isinstance(spliced, Refusal):
            continue
        executed += 1
        result = bench.execute(spliced)
        if result.verdict in (Verdict.FAILED, Verdict.ERROR):
            return Runnability(reason=Reason.RUNNABLE, mutants=executed)
    if not executed:
        return Runnability(reason=Reason.NO_MUTANT, detail="no other value can be put in the target's place")
    detail = f"the test does not fail with any of {executed} other values"
    return Runnability(reason=Reason.VACUOUS, detail=detail, mutants=executed)
