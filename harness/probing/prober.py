"""Executes what many tasks need, in threads: trees and environments are shared, results are in the order of the tasks.

Knows where trees, environments and a sandbox come from, and nothing of how they are made. The unit of work is a test
function of a commit: its tasks share the executions of the original.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.probing.heirs import heirs
from harness.probing.records import Execution, Outcome, Reason, Runnability, Site
from harness.probing.runnable import ARGUMENTS, LIMITS, Bench, check_runnable, judge_prediction, make_execution
from harness.probing.trees import TreeStore, TreeUnwritableError, WrittenTree
from repopeftbench.errors import SourceError
from repopeftbench.gitrepo import GitRepository
from sandboxes.environments import EnvironmentProvider, SourceTree
from sandboxes.errors import EnvironmentFailedError, EnvironmentUnusableError, RequestError
from sandboxes.spec import Environment, ExecRequest, Patch, Sandbox, Verdict

Progress = Callable[[int, int], None]
"""Called as `progress(done, total)`, in tasks."""
_LAST_SECOND = 4_102_444_800  # 2100: a commit may claim any second
Texts = Mapping[str, str | None]
"""By task, the stopped text of its prediction; None where the predictor failed."""


@dataclass(slots=True)
class Probed:
    """What came of all tasks, by id; `left_out` names what trees lack, `missing` the repositories without a clone."""

    runnable: dict[str, Runnability] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    left_out: set[tuple[str, str]] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)


class Prober:
    """Executes tasks of one dataset."""

    def __init__(
        self,
        sandbox: Sandbox,
        environments: EnvironmentProvider,
        trees: TreeStore,
        clones: Mapping[str, Path],
        *,
        workers: int = 1,
    ) -> None:
        """Puts together what executing needs.

        Args:
            sandbox: executes; safe to use from several threads.
            environments: what trees run with.
            trees: where trees are written.
            clones: folders of the git repositories, by id.
            workers: threads.
        """
        self._sandbox = sandbox
        self._environments = environments
        self._trees = trees
        self._clones = clones
        self._workers = workers
        self._repositories: dict[str, GitRepository] = {}

    def probe(self, sites: Iterable[Site], texts: Texts | None = None, progress: Progress | None = None) -> Probed:
        """Whether each task is runnable and, where texts are given, what executing its prediction says.

        Args:
            sites: tasks in any order; they are executed commit by commit.
            texts: the predictions; tasks without an entry are looked at alone.
            progress: told how far it is.

        Raises:
            SandboxError: nothing can be executed on this machine.
        """
        texts = texts or {}
        probed = Probed()
        units = self._units(sites, probed)
        total, done = sum(map(len, units)), 0
        report = progress or _ignore
        report(0, total)
        with ThreadPoolExecutor(self._workers) as pool:
            waiting = [pool.submit(self._probe_unit, unit, texts) for unit in units]
            try:
                for unit, future in zip(units, waiting, strict=True):
                    part = future.result()
                    probed.runnable |= part.runnable
                    probed.executions |= part.executions
                    probed.left_out |= part.left_out
                    done += len(unit)
                    report(done, total)
            finally:
                pool.shutdown(cancel_futures=True)
        for site in (site for unit in units for site in unit if site.task_id in texts):
            if site.task_id not in probed.executions:
                found = probed.runnable[site.task_id]
                probed.executions[site.task_id] = make_execution(
                    site, Outcome.NOT_RUNNABLE, found.reason, detail=found.detail
                )
        return probed

    def _units(self, sites: Iterable[Site], probed: Probed) -> list[list[Site]]:
        """The tasks by test function; repositories without a clone are noted."""
        units = units_of(sites)
        for repo_id in sorted({unit[0].repo_id for unit in units}):
            try:
                self._repositories[repo_id] = GitRepository(self._clones[repo_id])
            except SourceError as error:
                probed.missing[repo_id] = str(error)
        return units

    def _probe_unit(self, unit: Sequence[Site], texts: Texts) -> Probed:
        """All tasks of one test function at one commit."""
        site = unit[0]
        repository = self._repositories.get(site.repo_id)
        if repository is None:
            return _all(unit, Reason.NO_CLONE, f"{site.repo_id} is not where it was mined from")
        try:
            with self._trees.tree(repository, site.commit_sha) as tree:
                probed = self._in_tree(unit, tree, texts)
                probed.left_out |= {(site.repo_id, entry) for entry in tree.left_out}
                return probed
        except TreeUnwritableError as error:
            return _all(unit, Reason.NO_TREE, str(error))

    def _in_tree(self, unit: Sequence[Site], tree: WrittenTree, texts: Texts) -> Probed:
        site = unit[0]
        file = tree.folder / site.test_file
        if not file.is_file() or file.is_symlink():
            return _all(unit, Reason.NO_TREE, f"{site.test_file} is no file of the commit")
        committed = datetime.fromtimestamp(min(max(0, site.committer_time), _LAST_SECOND), UTC).date()
        wanted = SourceTree(folder=tree.folder, repository=site.repo_id, committed=committed)
        try:
            with self._environments.provide(wanted) as environment:
                source = Patch(path=site.test_file, content=file.read_bytes())
                bench = Bench(sandbox=self._sandbox, request=_request(site, tree, environment, source))
                return _execute(_collected(bench, site), unit, texts)
        except EnvironmentFailedError as error:
            return _all(unit, _environment_reason(error.code), error.reason)


def units_of(sites: Iterable[Site]) -> list[list[Site]]:
    """The tasks by commit and test function, in history order."""
    groups: dict[tuple[str, int, str, str], list[Site]] = {}
    for site in sorted(sites, key=lambda one: (one.target_start_byte, one.task_id)):
        key = (site.repo_id, site.committer_time, site.commit_sha, site.test)
        groups.setdefault(key, []).append(site)
    return [groups[key] for key in sorted(groups)]


def import_paths(folder: Path) -> tuple[str, ...]:
    """Where the modules of a tree are: a folder `src` that is no package itself, and the tree."""
    source = folder / "src"
    return ("src", ".") if source.is_dir() and not (source / "__init__.py").exists() else (".",)


def _request(site: Site, tree: WrittenTree, environment: Environment, source: Patch) -> ExecRequest:
    return ExecRequest(
        source=tree.folder,
        source_key=tree.key,
        test=site.test,
        patch=source,
        environment=environment,
        limits=LIMITS,
        import_paths=import_paths(tree.folder),
        arguments=ARGUMENTS,
    )


def _collected(bench: Bench, site: Site) -> Bench:
    """The bench of the test itself or, where pytest does not collect it, of the first class that inherits it."""
    try:
        if bench.sandbox.execute(bench.request).verdict is Verdict.NOT_COLLECTED:
            for test in heirs(bench.request.source, site.test_file, site.test_function):
                inherited = replace(bench, request=replace(bench.request, test=test))
                if inherited.sandbox.execute(inherited.request).verdict is not Verdict.NOT_COLLECTED:
                    return inherited
    except (EnvironmentUnusableError, RequestError):
        pass  # whoever looks at the tasks meets it again, and says so
    return bench


def _execute(bench: Bench, unit: Sequence[Site], texts: Texts) -> Probed:
    probed = Probed()
    for site in unit:
        found = check_runnable(bench, site)
        probed.runnable[site.task_id] = found
        if found.reason is not Reason.RUNNABLE or site.task_id not in texts:
            continue
        text = texts[site.task_id]
        probed.executions[site.task_id] = (
            make_execution(site, Outcome.UNANSWERED, Reason.RUNNABLE)
            if text is None
            else judge_prediction(bench, site, text)
        )
    return probed


def _all(unit: Sequence[Site], reason: Reason, detail: str) -> Probed:
    return Probed(runnable={site.task_id: Runnability(reason=reason, detail=detail) for site in unit})


def _environment_reason(code: str) -> Reason:
    return Reason(code) if code in set(Reason) else Reason.ENV_FAILED


def _ignore(done: int, total: int) -> None:
    """The progress of a caller that does not ask for it."""
