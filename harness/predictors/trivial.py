"""The trivial baselines: what is right without reading the repository, its code or the test.

A method that injects repository knowledge has to beat all three. None of them looks at the `RepositoryView`; only
`previous-version` reads `TaskInput.old_target`. All are deterministic, and none raises on any text.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from tree_sitter import Node

from harness.lexing import Kind, Lexer
from harness.metrics.exact import Normalised, normalised_tokens
from harness.predictors.protocol import PredictorSettings, TrainingTasks
from harness.records import Answer, PredictionRequest
from harness.stopping import read_context
from repopeftbench.schema import Family, Task, TaskInput, Track
from repopeftbench.syntax import parse, walk


class MostFrequent:
    """Always the most frequent target of the training tasks.

    Counted as exact texts per (track, family); where training has none of these, per track, else over everything,
    else the answer is empty. Of equally frequent targets the first in sorted order.
    """

    def __init__(self, settings: PredictorSettings, training: TrainingTasks) -> None:
        """Reads `training` at the first request; `settings` do not matter."""
        self._training = training
        self._answers: dict[tuple[Track | None, Family | None], str] | None = None

    def predict(self, requests: Sequence[PredictionRequest]) -> Iterator[Answer]:
        """One answer per request, in order."""
        for request in requests:
            if self._answers is None:
                self._answers = _most_frequent_targets(self._training)
            track, family = request.task.track, request.task.family
            keys = ((track, family), (track, None), (None, None))
            text = next((self._answers[key] for key in keys if key in self._answers), "")
            yield Answer(task_id=request.task.task_id, text=text)


def _most_frequent_targets(training: TrainingTasks) -> dict[tuple[Track | None, Family | None], str]:
    counts: dict[tuple[Track | None, Family | None], Counter[str]] = {}
    for task in training():
        for key in ((task.track, task.family), (task.track, None), (None, None)):
            counts.setdefault(key, Counter())[task.target] += 1
    return {key: min(counter, key=lambda target: (-counter[target], target)) for key, counter in counts.items()}


class CopyPrefix:
    """Copies an expected value from the prefix.

    The last expected value of an earlier assertion in the prefix: for `raises` the first positional argument of the
    last call of `raises`, `warns`, `assertRaises` and the like; for all other families the last operand of the last
    compared `assert`, or the second positional argument of the last call whose name starts with `assert`, whichever
    stands later. Where there is none, the last literal of the prefix (a number, a string that is no f-string, True,
    False or None); for `raises` the last name that ends in Error, Exception or Warning. Else the answer is empty.
    """

    def __init__(self, settings: PredictorSettings, training: TrainingTasks) -> None:
        """Needs neither `settings` nor `training`."""

    def predict(self, requests: Sequence[PredictionRequest]) -> Iterator[Answer]:
        """One answer per request, in order."""
        for request in requests:
            yield Answer(task_id=request.task.task_id, text=_copied(request.task))


def _copied(task: TaskInput) -> str:
    earlier = task.prefix[: read_context(task.prefix).statement_start].encode("utf-8", "surrogatepass")
    found = ""
    for node in walk(parse(earlier).root_node):
        expected = _expected_value(node, task.family)
        if expected is not None:
            found = earlier[expected.start_byte : expected.end_byte].decode("utf-8", "replace")
    return found or _last_simple_value(task)


def _expected_value(node: Node, family: Family) -> Node | None:
    """The expected value, if `node` is an assertion of the kind that `family` copies from."""
    if node.type == "assert_statement" and family is not Family.RAISES:
        test = node.named_child(0)
        while test is not None and test.type == "parenthesized_expression":
            test = test.named_child(0)
        if test is None or test.type != "comparison_operator":
            return None
        return test.named_child(test.named_child_count - 1)
    if node.type != "call":
        return None
    function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if function is None or arguments is None or arguments.type != "argument_list":
        return None
    name = function.child_by_field_name("attribute") or function
    called = (name.text or b"").lower()
    raises = b"raises" in called or b"warns" in called
    if raises is not (family is Family.RAISES) or not (raises or called.startswith(b"assert")):
        return None
    unusable = ("keyword_argument", "comment", "list_splat", "dictionary_splat", "ERROR")
    positional = [child for child in arguments.named_children if child.type not in unusable]
    place = 0 if raises else 1
    return positional[place] if len(positional) > place else None


def _last_simple_value(task: TaskInput) -> str:
    found = ""
    for token in Lexer(task.prefix, inside=False).tokens():
        text = task.prefix[token.start : token.end]
        if task.family is Family.RAISES:
            wanted = token.kind is Kind.NAME and text.endswith(("Error", "Exception", "Warning"))
        else:
            wanted = token.kind in (Kind.NUMBER, Kind.STRING) or text in ("True", "False", "None")
        if wanted:
            found = text
    return found


_Place = tuple[Track, str, str, str]


class PreviousVersion:
    """The value that the same assertion had before.

    `old_target` where the task has one. Else the target of the latest training task of the same track, repository,
    test file and test function whose statement reads the same up to the cut, compared as tokens; else the answer is
    empty.

    Never from a later commit: within a repository training tasks precede those of validation and test, by
    construction of the evolution splits. Should a request be a training task itself, only strictly earlier commits
    than its own are used.
    """

    def __init__(self, settings: PredictorSettings, training: TrainingTasks) -> None:
        """Reads `training` at the first request that has no `old_target`; `settings` do not matter."""
        self._training = training
        self._by_place: dict[_Place, list[Task]] | None = None

    def predict(self, requests: Sequence[PredictionRequest]) -> Iterator[Answer]:
        """One answer per request, in order."""
        for request in requests:
            old = request.task.old_target
            yield Answer(task_id=request.task.task_id, text=self._last_known(request.task) if old is None else old)

    def _last_known(self, task: TaskInput) -> str:
        if self._by_place is None:
            self._by_place = {}
            for known in self._training():
                self._by_place.setdefault(_place(known), []).append(known)
        known_here = self._by_place.get(_place(task), [])
        own = next((known.history_index for known in known_here if known.task_id == task.task_id), None)
        earlier = [known for known in known_here if own is None or known.history_index < own]
        earlier.sort(key=lambda known: (known.history_index, known.target_start_byte, known.task_id), reverse=True)
        left = _left_side(task.prefix) if earlier else ()
        return next((known.target for known in earlier if _left_side(known.prefix) == left), "")


def _place(task: Task | TaskInput) -> _Place:
    return (task.track, task.repo_id, task.test_file, task.test_function)


def _left_side(prefix: str) -> tuple[Normalised, ...]:
    """The tokens of the cut statement up to the cut."""
    return normalised_tokens(prefix[read_context(prefix).statement_start :])
