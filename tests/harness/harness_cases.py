"""What the tests of the harness share: tasks, requests, expressions and odd texts."""

import ast
import warnings
from dataclasses import fields, replace

from hypothesis import strategies as st

from harness.predictors.scripted import MemoryView
from harness.records import PredictionRequest, Score, TaskFacts, Unscored
from harness.task_facts import facts_of
from repopeftbench.schema import Event, Family, Split, TargetType, Task, TaskInput, Track, content_id

PREFIX = "import m\n\n\ndef test_it():\n    assert m.f(1) =="

_TASK = Task(
    task_id="",
    repo_id="org/a",
    track=Track.EVOLUTION,
    split=Split.CR_TEST,
    commit_sha="c" * 40,
    commit_index=0,
    history_index=0,
    committer_time=0,
    test_file="tests/test_m.py",
    test_function="test_it",
    lineno=5,
    statement_start_byte=0,
    statement_end_byte=0,
    target_start_byte=0,
    target_end_byte=0,
    family=Family.ASSERT,
    event=Event.ADDED,
    statement="assert m.f(1) == 3",
    statement_key="k",
    prefix=PREFIX,
    gap=" ",
    target="3",
    suffix="",
    old_target=None,
    target_type=TargetType.NUMBER,
    licence=None,
)


def make_task(number: int, **changes: object) -> Task:
    """A task whose id comes from `number`; `changes` override."""
    return replace(_TASK, **{"task_id": content_id("task", number), **changes})


HISTORY_LENGTHS = dict.fromkeys(("org/a", "org/b", "r0", "r1", "r2"), 10)


def make_facts(task: Task) -> TaskFacts:
    return facts_of(task, HISTORY_LENGTHS)


_SCORE = Score(
    **{
        field.name: getattr(make_facts(make_task(0)), field.name)
        for field in fields(TaskFacts)
        if field.name != "raw_target"
    },
    em_strict=False,
    em_ast=False,
    em_paper=False,
    edit_similarity=0.0,
    edit_similarity_paper=0.0,
    codebleu=0.0,
    codebleu_ngram=0.0,
    codebleu_weighted=Unscored(reason="the target has no keyword"),
    codebleu_syntax=0.0,
    codebleu_dataflow=Unscored(reason="the target has no data flow"),
    codebleu_degenerate=("weighted", "dataflow"),
    codebleu_paper=0.0,
    codebleu_paper_ngram=0.0,
    codebleu_paper_weighted=0.0,
    codebleu_paper_syntax=0.0,
    codebleu_paper_dataflow=0.0,
    complete=True,
    failed=False,
    prediction="",
)


def make_score(number: int, **changes: object) -> Score:
    """The score of a wrong prediction for the task of `number`; `changes` override."""
    return replace(_SCORE, **{"task_id": content_id("task", number), **changes})


def make_request(task: Task) -> PredictionRequest:
    return PredictionRequest(task=TaskInput.of(task), view=make_view(task))


def make_view(task: Task) -> MemoryView:
    """A repository of one file and one kept commit, the task's own."""
    code = f"NAME = {task.repo_id!r}\n"
    return MemoryView(
        repo_id=task.repo_id,
        commit_sha=task.commit_sha,
        files={"m.py": code},
        diffs={task.commit_sha: f"--- /dev/null\n+++ b/m.py\n@@ -0,0 +1 @@\n+{code}" * 3},
    )


ODD_TEXTS = (
    "",
    " ",
    "\n\n",
    "\\",
    "\\\n",
    "\0",
    "a\0b",
    "'",
    '"""',
    "f'{",
    "f'{x:{",
    "(" * 3000 + "1" + ")" * 3000,
    "[" * 3000,
    ")" * 3000,
    "f'{" * 500,
    "x" * 100_000,
    "'a' " * 25_000,
    "é 中文 \N{PILE OF POO}",
    "\N{NO-BREAK SPACE}3",
    "\ud800",
    "\r3\r\n",
    "# only a comment",
    "\N{LINE SEPARATOR}",
    "def f():\n    return 1\n",
)

_NAMES = st.sampled_from(["x", "foo", "é", "_", "match", "in_", "notx", "f", "rb"])
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def _leaf() -> st.SearchStrategy[ast.expr]:
    constants = st.one_of(
        st.integers(0, 10**20),
        st.floats(0, allow_nan=False, allow_infinity=False),
        _TEXTS,
        st.binary(max_size=5),
        st.sampled_from([None, True, False, Ellipsis, 2j]),
    )
    return st.one_of(constants.map(ast.Constant), _NAMES.map(lambda name: ast.Name(name, ast.Load())))


def _branch(inner: st.SearchStrategy[ast.expr]) -> st.SearchStrategy[ast.expr]:
    several = st.lists(inner, max_size=3)
    some = st.lists(inner, min_size=1, max_size=3)
    arguments = ast.arguments([], [ast.arg("a"), ast.arg("b")], None, [], [], None, [])
    binary = [ast.Add(), ast.Sub(), ast.Mult(), ast.Pow(), ast.FloorDiv(), ast.MatMult(), ast.BitOr(), ast.LShift()]
    compare = [ast.Eq(), ast.NotIn(), ast.IsNot(), ast.In(), ast.Lt()]
    field = st.builds(lambda value: ast.FormattedValue(value, -1, None), inner)
    plain = st.text("ab{}: ", max_size=4).map(ast.Constant)
    return st.one_of(
        several.map(lambda items: ast.List(items, ast.Load())),
        several.map(lambda items: ast.Tuple(items, ast.Load())),
        some.map(ast.Set),
        some.map(lambda items: ast.Dict(items, items)),
        st.builds(lambda f, a, k: ast.Call(f, a, [ast.keyword("k", k), ast.keyword(None, k)]), inner, several, inner),
        st.builds(lambda v, s: ast.Subscript(v, s, ast.Load()), inner, inner),
        st.builds(lambda v, s: ast.Subscript(v, ast.Slice(s, None, s), ast.Load()), inner, inner),
        st.builds(lambda v, n: ast.Attribute(v, n, ast.Load()), inner, _NAMES),
        st.builds(ast.BinOp, inner, st.sampled_from(binary), inner),
        st.builds(ast.UnaryOp, st.sampled_from([ast.USub(), ast.Invert(), ast.Not()]), inner),
        st.builds(lambda v, o, c: ast.Compare(v, [o], [c]), inner, st.sampled_from(compare), inner),
        st.builds(lambda o, v: ast.BoolOp(o, [v, v]), st.sampled_from([ast.And(), ast.Or()]), inner),
        st.builds(ast.IfExp, inner, inner, inner),
        inner.map(lambda body: ast.Lambda(arguments, body)),
        st.builds(lambda v: ast.NamedExpr(ast.Name("w", ast.Store()), v), inner),
        st.builds(
            lambda e, i: ast.ListComp(e, [ast.comprehension(ast.Name("x", ast.Store()), i, [e], 0)]), inner, inner
        ),
        st.lists(st.one_of(plain, field), min_size=1, max_size=3).map(ast.JoinedStr),
    )


def _unparsed(node: ast.expr) -> str | None:
    """The node's source where it has one that means the same and is no syntax error on this Python."""
    try:
        text = ast.unparse(node)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            ast.parse(f"({text}\n)")
    except (ValueError, SyntaxError):
        return None
    return text


_OPEN_AT_THE_TOP = (ast.Compare, ast.BoolOp, ast.IfExp, ast.Lambda)

_NODES = st.recursive(_leaf(), _branch, max_leaves=6)


def expressions() -> st.SearchStrategy[str]:
    """Sources of random expressions, as `ast.unparse` writes them."""
    return _NODES.map(_unparsed).filter(lambda text: text is not None).map(str)


def operands() -> st.SearchStrategy[str]:
    """Sources of random expressions that may be compared without brackets."""

    def may_stand(node: ast.expr) -> bool:
        negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        return not negated and not isinstance(node, _OPEN_AT_THE_TOP)

    return _NODES.filter(may_stand).map(_unparsed).filter(lambda text: text is not None).map(str)
