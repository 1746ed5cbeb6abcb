"""Makes a controlled benchmark (io): git repositories, the dataset that is mined from them, and its truth.

The repositories stand beside the dataset, in DATA-repositories. Both are functions of the recipe alone; made again with
the same recipe, the repositories are kept as they are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from repopeftbench.atomic import fill_atomically
from repopeftbench.dataset.build import NO_CUTOFF, BuildOptions, build_dataset, check_folder
from repopeftbench.dataset.manifest import Manifest
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.truth import TaskTruth, write_truth
from repopeftbench.errors import ConfigError
from repopeftbench.gitrepo import write_history
from repopeftbench.mining.drafts import DraftOptions
from repopeftbench.pool import Engine, LocalEngine
from repopeftbench.schema import Track
from repopeftbench.sources import repository_list
from repopeftbench.splits.assign import Role

from .drawing import blueprint
from .facts import Blueprint, Fact
from .rendering import WORDINGS, controlled_repository, holders_of, place_of, question_of
from .values import POOLS, best_of
from .wording import Templates

GENERATOR = "2"
"""Version of the generator: another one gives other bytes."""
LIST_NAME = "repos.toml"
_ROLES = {"train": Role.TRAIN, "val": Role.CR_VAL, "test": Role.CR_TEST}
_COLUMNS = ("task_id", "repo_id", "split", "history_index", "test_file", "test_function", "target")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOptions:
    """How a controlled benchmark is made.

    Attributes:
        folder: where the dataset goes.
        repos: how many repositories, at least 1.
        seed: chooses the facts, not below 0.
        templates: the set that words them; None takes the set of the seed.
        role: `train`, `val` or `test` of all repositories; None divides them as always.
        engine: what mines; the bytes do not depend on it.
    """

    folder: Path
    repos: int
    seed: int = 0
    templates: Templates | None = None
    role: str | None = None
    engine: Engine = field(default_factory=LocalEngine)

    @property
    def wording(self) -> Templates:
        """The set of templates that words the facts."""
        return self.templates or Templates.of_seed(self.seed)

    @property
    def recipe(self) -> dict[str, str]:
        """All that the bytes depend on."""
        return {
            "generator": GENERATOR,
            "repos": str(self.repos),
            "seed": str(self.seed),
            "templates": self.wording.value,
            "role": self.role or "divided",
        }


def repositories_folder(folder: Path) -> Path:
    """Where the git repositories of the benchmark in `folder` are."""
    return folder.absolute().with_name(f"{folder.absolute().name}-repositories")


def make_benchmark(options: BenchmarkOptions, report: Callable[[str, int, int], None]) -> Manifest:
    """Writes repositories, dataset and truth, and returns the dataset's manifest.

    Args:
        options: how.
        report: progress of mining, called with repository id, commits done and commits in all.

    Raises:
        ConfigError: `repos` is below 1 or the seed negative, or the repositories' folder holds something else.
        DatasetError: the dataset's folder holds something else.
    """
    if options.repos < 1 or options.seed < 0:
        raise ConfigError(
            f"a benchmark needs --repos 1 or more and a seed of 0 or more, not {options.repos} and {options.seed}"
        )
    if options.role not in (None, *_ROLES):
        raise ConfigError(f"role {options.role!r} is none of {', '.join(_ROLES)}: choose one, or leave it out")
    check_folder(options.folder)
    blueprints = [blueprint(options.seed, index) for index in range(options.repos)]
    listing = _write_repositories(options, blueprints)
    build = BuildOptions(
        folder=options.folder, draft=DraftOptions(seed=options.seed), cutoff=NO_CUTOFF, engine=options.engine
    )
    result = build_dataset(repository_list(str(listing)), build, report)
    if result.failed:
        text, problem = next(iter(result.failed.items()))
        raise ConfigError(f"{listing} has a repository that cannot be mined: {text}: {problem}: remove its folder")
    dataset = Dataset(options.folder)
    write_truth(options.folder, _truths(dataset, blueprints, options.wording), options.recipe)
    return result.manifest


def _write_repositories(options: BenchmarkOptions, blueprints: list[Blueprint]) -> Path:
    """The list of the repositories, which are written unless they are there."""
    folder = repositories_folder(options.folder)
    listing = folder / LIST_NAME
    title = "# repobench synth: " + ", ".join(f"{name} {value}" for name, value in options.recipe.items())
    if folder.exists():
        if listing.is_file() and listing.read_text("utf-8").partition("\n")[0] == title:
            return listing
        raise ConfigError(f"{folder} holds other things than these repositories: remove it, or name another folder")

    def write(new: Path) -> None:
        entries = [title + "\n"]
        for made in blueprints:
            repository = controlled_repository(made, options.wording)
            write_history(new / made.package, [(c.message, c.committer_time, c.files) for c in repository.commits])
            role = f'role = "{_ROLES[options.role]}"\n' if options.role else ""
            entries.append(f'[[repository]]\nsource = "{made.package}"\nlicence = "{repository.licence}"\n{role}')
        (new / LIST_NAME).write_text("\n".join(entries), "utf-8")

    fill_atomically(folder, write)
    return listing


def _truths(dataset: Dataset, blueprints: list[Blueprint], templates: Templates) -> Iterator[TaskTruth]:
    """What is known of every task of the dataset."""
    wording = WORDINGS[templates]
    by_repository = {made.package: made for made in blueprints}
    asked: Mapping[tuple[str, str, str], Fact] = {
        (made.package, *question_of(fact, wording)): fact
        for made in blueprints
        for fact in made.facts
        if fact.question is not None
    }
    for track in Track:
        for split in dataset.splits(track):
            for table in dataset.task_tables(track, split, _COLUMNS):
                for row in table.to_pylist():
                    fact = asked[row["repo_id"], row["test_file"], row["test_function"]]
                    commit = row["history_index"]
                    best = best_of(fact.stratum, fact.pool, fact.idiom)
                    value = fact.at(commit).value
                    if value != row["target"]:
                        raise AssertionError(f"{row['task_id']} asks for {row['target']}, its fact is {value}")
                    yield TaskTruth(
                        task_id=row["task_id"],
                        repo_id=row["repo_id"],
                        track=track,
                        split=split,
                        history_index=commit,
                        stratum=fact.stratum,
                        domain=by_repository[row["repo_id"]].domain,
                        fact=place_of(fact, wording),
                        kind=fact.kind,
                        form=fact.form,
                        sources=holders_of(fact, wording),
                        value=value,
                        choices=len(POOLS[fact.pool]),
                        changes=fact.changes(commit),
                        in_parent=fact.in_parent(commit),
                        best_prefix=float(best.prefix),
                        best_domain=float(best.domain),
                        best_repository=float(best.repository),
                    )
