"""`icl`: solved training tasks as examples.

Of other repositories every training task may be shown. Of the task's own, `earlier` shows those of the evolution track
whose commits came strictly before the task's: neither what came later, nor another test of the evaluated commit. Which
is why a task of the static track, whose training tasks stand in its own snapshot, is shown none of those.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from harness.predictors.retrieval.compression import CountTokens
from harness.predictors.retrieval.lexical import LexicalIndex, Vocabulary
from harness.predictors.retrieval.recipe import IclSettings
from harness.records import PredictionRequest
from repopeftbench.schema import Task, Track, content_id

_HEADER, _BETWEEN, _FOOTER = (
    "# Examples of assertion completions:",
    "# ---",
    "# Now complete the following assertion:",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What is kept of a training task: `tail` is the end of its prefix, `answer` what follows it in the file."""

    task_id: str
    repo_id: str
    track: Track
    commit_sha: str
    path: str
    tail: str
    answer: str


class ExamplePool:
    """The training tasks to choose from, by their prefixes' ends; a bounded number of each repository and track."""

    def __init__(self, training: Iterable[Task], settings: IclSettings) -> None:
        """Reads the training tasks, once; their order does not matter."""
        self._settings = settings
        self._examples = sorted(_drawn(training, settings), key=lambda example: example.task_id)
        self._of_repository: dict[str, list[int]] = {}
        for place, example in enumerate(self._examples):
            self._of_repository.setdefault(example.repo_id, []).append(place)
        vocabulary = Vocabulary()
        texts = [vocabulary.numbered(example.tail) for example in self._examples]
        self._index = LexicalIndex(texts, vocabulary, k1=settings.k1, b=settings.b)

    def choose(self, request: PredictionRequest) -> list[Example]:
        """The examples for a request, best first; no two alike."""
        chosen: list[Example] = []
        shown: set[str] = set()
        allowed = self._rule(request)
        for place in self._candidates(request):
            example = self._examples[place]
            text = example.tail + example.answer
            if text not in shown and allowed(example):
                chosen.append(example)
                shown.add(text)
            if len(chosen) == self._settings.k:
                break
        return chosen

    def _candidates(self, request: PredictionRequest) -> Iterator[int]:
        task = request.task
        own = self._of_repository.get(task.repo_id)
        if self._settings.choice == "random-in-repository" and own:
            return iter(sorted(own, key=lambda place: content_id(task.task_id, self._examples[place].task_id)))
        return iter(self._index.ranked(task.prefix[-self._settings.query_characters :]))

    def _rule(self, request: PredictionRequest) -> Callable[[Example], bool]:
        task = request.task
        if self._settings.own_repository == "any":
            return lambda example: example.task_id != task.task_id
        earlier: set[str] | None = None

        def is_allowed(example: Example) -> bool:
            nonlocal earlier
            if example.repo_id != task.repo_id:
                return True
            if earlier is None:  # asked of the view only where it matters
                earlier = {commit.commit_sha for commit in request.view.kept_commits()} - {task.commit_sha}
            return example.track is Track.EVOLUTION and example.commit_sha in earlier

        return is_allowed


class Examples:
    """Gives examples for requests, as texts."""

    def __init__(self, training: Callable[[], Iterable[Task]], settings: IclSettings) -> None:
        """Reads `training` when the first examples are asked for."""
        self._training = training
        self._settings = settings
        self._pool: ExamplePool | None = None

    def blocks(self, request: PredictionRequest, budget: int, count_tokens: CountTokens) -> list[str]:
        """Examples within a budget of tokens, the nearest last."""
        if self._pool is None:
            self._pool = ExamplePool(self._training(), self._settings)
        published = self._settings.layout == "published"
        texts: list[str] = []
        for example in self._pool.choose(request):
            heading = "" if published else f"# {example.path}\n"
            text = heading + example.tail + example.answer
            cost = count_tokens(text + "\n\n")
            if cost <= budget:
                texts.append(text)
                budget -= cost
        texts.reverse()
        if published and texts:
            return ["\n".join([_HEADER, f"\n{_BETWEEN}\n".join(texts), _FOOTER])]
        return texts


def _drawn(training: Iterable[Task], settings: IclSettings) -> list[Example]:
    """The examples to choose from; which they are depends on no order of reading.

    With `earlier` those of the static track are left out where a repository has others: they stand in its snapshot, and
    no text of that shall be in the index when a task of the snapshot is asked for.
    """
    smallest: dict[tuple[str, Track], _Smallest] = {}
    for task in training:
        kept = smallest.setdefault((task.repo_id, task.track), _Smallest(settings.per_repository))
        kept.offer(content_id("icl", task.task_id), _example(task, settings))
    if settings.own_repository == "earlier":
        for repo_id, track in list(smallest):
            if track is Track.STATIC and (repo_id, Track.EVOLUTION) in smallest:
                del smallest[repo_id, track]
    return [example for kept in smallest.values() for example in kept.examples()]


class _Smallest:
    """Keeps the examples with the smallest hashes, a bounded number of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[int, str, Example]] = []

    def offer(self, name: str, example: Example) -> None:
        entry = -int(name, 16), example.task_id, example
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        elif entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    def examples(self) -> list[Example]:
        return [example for _, _, example in self._heap]


def _example(task: Task, settings: IclSettings) -> Example:
    tail = task.prefix[-settings.example_characters :]
    if len(tail) < len(task.prefix) and "\n" in tail:
        tail = tail.partition("\n")[2]
    answer = task.target if settings.layout == "published" else task.gap + task.target + task.suffix
    return Example(
        task_id=task.task_id,
        repo_id=task.repo_id,
        track=task.track,
        commit_sha=task.commit_sha,
        path=task.test_file,
        tail=tail,
        answer=answer,
    )
