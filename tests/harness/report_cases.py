"""What the tests of reports share: scored runs that are made up."""

from harness_cases import make_score

from harness.manifest import TrainingManifest, describe_run
from harness.predictors.protocol import PredictorSettings
from harness.report.methods import ScoredRun
from harness.selection import TaskSelection
from repopeftbench.schema import Split, Track


def make_manifest(method="m", *, dataset="d", tasks=(), seed=0, limit=None, **settings):
    return describe_run(
        tasks,
        method=method,
        settings=PredictorSettings(**settings),
        selection=TaskSelection(splits=(Split.CR_TEST,), seed=seed, limit=limit),
        dataset_sha256=dataset * 64,
    )


def graded(number, right, **fields):
    usual = {
        "repo_id": f"r{number % 2}",
        "track": Track.STATIC,
        "em_strict": right,
        "em_ast": right,
        "em_paper": right,
        "edit_similarity": float(right),
        "prediction": "3" if right else "4",
    }
    return make_score(number, **{**usual, **fields})


def scored(method, rights, *, dataset="d", seed=0, **fields):
    scores = tuple(graded(number, right, **fields) for number, right in enumerate(rights))
    return ScoredRun(manifest=make_manifest(method, dataset=dataset, seed=seed), scores=scores)


def spread(method, leads, *, tasks=20, **fields):
    """A run on one repository per lead: half of its tasks are solved, and `lead` more."""
    scores = [
        graded(1000 * index + number, number < tasks // 2 + lead, repo_id=f"r{index}", **fields)
        for index, lead in enumerate(leads)
        for number in range(tasks)
    ]
    return ScoredRun(manifest=make_manifest(method), scores=tuple(scores))


def training(**changes):
    """What the weights of a run were trained with; `changes` override."""
    usual = {"recipe": "clean", "seed": 0, "settings_sha256": "s", "repositories": 3, "draws": 44}
    return TrainingManifest(
        **(usual | {"target_tokens": 1_234, "steps": 6, "trainable_parameters": 9_876_543} | changes)
    )
