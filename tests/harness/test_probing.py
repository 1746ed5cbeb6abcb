"""Which tasks are runnable, why the others are not, and what executing a prediction comes to."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from probing_cases import FAILED, FILE, PASSED, SOURCE, answering, make_history, make_site, result, right_site

from harness.probing.prober import Prober
from harness.probing.records import Outcome, Reason, Stage
from harness.probing.trees import TreeStore
from sandboxes.environments import FAILURES, ImageEnvironments
from sandboxes.errors import EnvironmentFailedError, EnvironmentUnusableError, RequestError, SandboxUnavailableError
from sandboxes.spec import Verdict


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return make_history(tmp_path_factory.mktemp("history") / "repo")


@pytest.fixture
def probe(tmp_path, repository):
    def run(sandbox, sites=None, texts=None, *, environments=None, workers=1, clones=None):
        prober = Prober(
            sandbox,
            environments or ImageEnvironments(),
            TreeStore(tmp_path / "trees", 10**9),
            clones or {"org/a": repository[0].path},
            workers=workers,
        )
        return prober.probe(sites or [right_site(repository[1])], texts)

    return run


def only(probed):
    (found,) = probed.runnable.values()
    return found


def test_task_is_runnable_when_the_original_passes_three_times_and_a_mutant_fails(probe):
    sandbox = answering(lambda content, request: None)
    assert only(probe(sandbox)).reason is Reason.RUNNABLE
    originals = [one for one in sandbox.requests if one.patch.content == SOURCE.encode()]
    assert {(one.hash_seed, one.backwards) for one in originals} == {(0, False), (1, True), (2, False)}
    mutant = sandbox.requests[-1]
    assert mutant.patch.content == SOURCE.replace("1 + 1 == 2", "1 + 1 == 3").encode()
    assert (mutant.test, mutant.patch.path) == (f"{FILE}::test_right", FILE)


@pytest.mark.parametrize(
    ("planted", "reason"),
    [
        (result(Verdict.FAILED, error="AssertionError: 1 != 2"), Reason.ORIGINAL_FAILS),
        (result(Verdict.ERROR, "t failed in setup", error="RuntimeError: no", when="setup"), Reason.ERROR),
        (result(Verdict.ERROR, "not collected: E   ValueError: no"), Reason.UNIMPORTABLE),
        (result(Verdict.ERROR, "not collected: E   ModuleNotFoundError: No module named 'x'"), Reason.ENV_MODULE),
        (result(Verdict.ERROR, "the environment has no pytest: No module named 'pytest'"), Reason.ENV_MODULE),
        (result(Verdict.NOT_COLLECTED), Reason.NOT_COLLECTED),
        (
            result(Verdict.NOT_COLLECTED, output="ImportError while loading conftest\nE   ValueError"),
            Reason.UNIMPORTABLE,
        ),
        (
            result(Verdict.NOT_COLLECTED, output="ImportError while loading conftest\nE   ModuleNotFoundError: y"),
            Reason.ENV_MODULE,
        ),
        (result(Verdict.NOT_COLLECTED, output="pytest: error: unrecognized arguments: --cov"), Reason.ENV_PYTEST),
        (result(Verdict.SKIPPED), Reason.SKIPPED),
        (result(Verdict.TIMEOUT, "ended after 30.0 s"), Reason.TIMEOUT),
        (result(Verdict.MEMORY), Reason.MEMORY),
        (result(Verdict.OUTPUT), Reason.OUTPUT),
        (result(Verdict.CRASHED), Reason.CRASHED),
        (result(Verdict.DAMAGED), Reason.DAMAGED),
        (result(Verdict.CONTRADICTION), Reason.CONTRADICTION),
        (
            result(Verdict.FAILED, error="urllib.error.URLError: [Errno -3] Temporary failure in name resolution"),
            Reason.NEEDS_NETWORK,
        ),
        (result(Verdict.FAILED, error="OSError: [Errno 101] Network is unreachable"), Reason.NEEDS_NETWORK),
        (
            result(Verdict.ERROR, error="ConnectionRefusedError: [Errno 111] Connection refused", when="setup"),
            Reason.NEEDS_SERVICE,
        ),
        (
            result(Verdict.FAILED, error="FileNotFoundError: [Errno 2] No such file or directory: 'git'"),
            Reason.NEEDS_SERVICE,
        ),
        (
            result(Verdict.FAILED, error="FileNotFoundError: [Errno 2] No such file or directory: 'data/x.json'"),
            Reason.ORIGINAL_FAILS,
        ),
        (
            result(Verdict.FAILED, error="OSError: [Errno 30] Read-only file system: '/box/tree/out'"),
            Reason.NEEDS_WRITING,
        ),
    ],
)
def test_original_that_does_not_pass_gets_the_reason_that_its_evidence_tells(probe, planted, reason):
    assert only(probe(answering(lambda content, request: planted))).reason is reason


def test_original_that_passes_now_and_then_is_flaky(probe):
    sandbox = answering(lambda content, request: FAILED if request.hash_seed == 2 else None)
    found = only(probe(sandbox))
    assert (found.reason, found.detail) == (Reason.FLAKY, "2 of 3 times it passes, else: 1 failed")


def test_test_that_passes_with_other_values_is_vacuous(probe):
    found = only(probe(answering(lambda content, request: PASSED)))
    assert (found.reason, found.mutants) == (Reason.VACUOUS, 3)


def test_mutant_that_passes_is_not_the_last_word(probe):
    sandbox = answering(lambda content, request: PASSED if b"== 3" in content else None)
    found = only(probe(sandbox))
    assert (found.reason, found.mutants) == (Reason.RUNNABLE, 2)


@pytest.mark.parametrize("verdict", [Verdict.TIMEOUT, Verdict.CONTRADICTION, Verdict.SKIPPED, Verdict.CRASHED])
def test_mutant_that_ends_otherwise_does_not_count_as_failing(probe, verdict):
    sandbox = answering(lambda content, request: None if content == SOURCE.encode() else result(verdict))
    assert only(probe(sandbox)).reason is Reason.VACUOUS


@pytest.mark.parametrize("code", FAILURES)
def test_environment_that_cannot_be_had_is_the_reason(probe, code):
    class Failing:
        @contextmanager
        def provide(self, tree):
            raise EnvironmentFailedError(code, "it asks too much")
            yield

    sandbox = answering(lambda content, request: None)
    found = only(probe(sandbox, environments=Failing()))
    assert (found.reason, found.detail, sandbox.requests) == (code, "it asks too much", [])


def raising(error):
    def rule(content, request):
        raise error

    return answering(rule)


def test_environment_that_does_not_start_is_the_reason(probe):
    assert only(probe(raising(EnvironmentUnusableError("no")))).reason is Reason.ENV_UNUSABLE


def test_request_that_the_sandbox_refuses_is_the_reason(probe):
    assert only(probe(raising(RequestError("through a link")))).reason is Reason.NOT_SPLICEABLE


def test_machine_that_cannot_execute_ends_it_all(probe):
    with pytest.raises(SandboxUnavailableError, match="no engine"):
        probe(raising(SandboxUnavailableError("no engine")))


def test_missing_clone_is_said_and_nothing_is_executed(probe, tmp_path):
    sandbox = answering(lambda content, request: None)
    probed = probe(sandbox, clones={"org/a": tmp_path / "nowhere"})
    assert (only(probed).reason, sandbox.requests) == (Reason.NO_CLONE, [])
    assert "does not exist" in probed.missing["org/a"]


def test_commit_that_the_clone_lacks_is_the_reason(probe):
    found = only(probe(answering(lambda content, request: None), [right_site("a" * 40, source=SOURCE)]))
    assert found.reason is Reason.NO_TREE
    assert "a" * 40 in found.detail


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "3"},
        {"target_end_byte": 10**6},
        {"target_start_byte": -1},
        {"target": "2 +"},
    ],
)
def test_target_that_does_not_stand_where_it_should_is_not_spliceable(probe, repository, changes):
    site = replace(right_site(repository[1]), **changes)
    sandbox = answering(lambda content, request: None)
    assert only(probe(sandbox, [site])).reason is Reason.NOT_SPLICEABLE


def test_every_reason_has_a_stage_before_runnable():
    assert [reason for reason in Reason if reason.stage is Stage.RUNNABLE] == [Reason.RUNNABLE]


def test_inherited_test_runs_through_its_heir_and_the_target_stays_where_it_is(probe, repository):
    site = make_site(repository[1], "self.value == ", "5", "Mixin.test_inherited")

    def rule(content, request):
        return result(Verdict.NOT_COLLECTED) if "Mixin" in request.test else None

    sandbox = answering(rule)
    assert only(probe(sandbox, [site])).reason is Reason.RUNNABLE
    assert sandbox.requests[-1].test == f"{FILE}::TestHeir::test_inherited"
    assert sandbox.requests[-1].patch.content == SOURCE.replace("value == 5", "value == 6").encode()


PREDICTIONS = {
    "2": Outcome.PASSED,
    "1 + 1": Outcome.CHEATED,
    "(x := 2)": Outcome.CHEATED,
    "2 or True": Outcome.REFUSED,
    "": Outcome.REFUSED,
    "3": Outcome.FAILED,
    "damage": Outcome.INFRASTRUCTURE,
    "broken": Outcome.INFRASTRUCTURE,
    "forged": Outcome.CONTRADICTION,
    "4 - 2": Outcome.PASSED,
    "swallowed": Outcome.UNPROVEN,
    None: Outcome.UNANSWERED,
}


def with_predictions(content, request):
    if b"lambda value" in content:
        return PASSED if b"swallowed" in content else FAILED
    if b"== broken" in content:
        raise EnvironmentUnusableError("gone")
    for text, found in (
        (b"== damage", result(Verdict.DAMAGED)),
        (b"== forged", result(Verdict.CONTRADICTION)),
        (b"== 1 + 1\n", PASSED),
        (b"== (x := 2)", PASSED),
        (b"== 4 - 2", PASSED),
        (b"== swallowed", PASSED),
    ):
        if text in content:
            return found
    return None


@pytest.mark.parametrize("text", PREDICTIONS)
def test_prediction_comes_to_what_it_is_worth(probe, repository, text):
    site = right_site(repository[1])
    probed = probe(answering(with_predictions), [site], {site.task_id: text})
    execution = probed.executions[site.task_id]
    assert execution.outcome is PREDICTIONS[text], execution.detail
    assert execution.reason is Reason.RUNNABLE


def test_target_itself_is_no_cheat_whatever_it_looks_like(probe, repository):
    site = make_site(repository[1], 'assert len("ab") == 2 and ', "True", "test_right")
    sandbox = answering(lambda content, request: PASSED if b"lambda value" in content else None)
    probed = probe(sandbox, [site], {site.task_id: " True "})
    assert probed.executions[site.task_id].outcome is Outcome.PASSED
    assert probed.executions[site.task_id].detail == "it is the target"


def test_prediction_for_a_task_that_is_not_runnable_is_not_executed(probe, repository):
    site = right_site(repository[1])
    sandbox = answering(lambda content, request: result(Verdict.SKIPPED))
    probed = probe(sandbox, [site], {site.task_id: "77"})
    execution = probed.executions[site.task_id]
    assert (execution.outcome, execution.reason) == (Outcome.NOT_RUNNABLE, Reason.SKIPPED)
    assert not any(b"77" in one.patch.content for one in sandbox.requests)


def test_neither_threads_nor_the_order_of_tasks_change_what_comes_of_it(probe, repository):
    sites = [
        right_site(repository[1]),
        make_site(repository[1], 'len("ab") == ', "2", "test_right"),
        make_site(repository[1], "value * 0 == ", "0", "test_cases"),
        make_site(repository[1], "1 + 1 or ", "3", "test_vacuous"),
    ]
    texts = {site.task_id: "2" for site in sites}
    found = []
    for order, workers in ((sites, 1), (sites[::-1], 3)):
        probed = probe(answering(lambda content, request: None), order, texts, workers=workers)
        found.append((dict(sorted(probed.runnable.items())), dict(sorted(probed.executions.items()))))
    assert found[0] == found[1]
    assert len(found[0][0]) == 4
