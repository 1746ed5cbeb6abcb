import pytest
from harness_cases import ODD_TEXTS, expressions, make_score
from hypothesis import given

from harness.taxonomy import ErrorClass, classify, doubtful_names


def kind_of(target, prediction, *, unknown=(), **fields):
    return classify(make_score(0, target=target, prediction=prediction, **fields), unknown)


@pytest.mark.parametrize(
    ("target", "prediction", "expected"),
    [
        ("3", "", ErrorClass.EMPTY),
        ("3", " \n\t", ErrorClass.EMPTY),
        ("3", "# a comment", ErrorClass.EMPTY),
        ("3", "f(", ErrorClass.SYNTAX_ERROR),
        ("3", "1 2", ErrorClass.SYNTAX_ERROR),
        ("3", ") + (", ErrorClass.SYNTAX_ERROR),
        ("3", "x = 3", ErrorClass.SYNTAX_ERROR),
        ("3", "'3'", ErrorClass.TYPE_MISMATCH),
        ("[1]", "(1,)", ErrorClass.TYPE_MISMATCH),
        ("True", "None", ErrorClass.TYPE_MISMATCH),
        ("True", "1", ErrorClass.TYPE_MISMATCH),
        ("3", "len(x)", ErrorClass.TYPE_MISMATCH),
        ("len(x)", "3", ErrorClass.TYPE_MISMATCH),
        ("3", "4", ErrorClass.WRONG_LITERAL),
        ("3", "-4", ErrorClass.WRONG_LITERAL),
        ("3", "(4)", ErrorClass.WRONG_LITERAL),
        ("[1, 2]", "[3]", ErrorClass.WRONG_LITERAL),
        ("'a'", "'b' 'c'", ErrorClass.WRONG_LITERAL),
        ("f(1, 2)", "f('some thing')", ErrorClass.WRONG_LITERAL),
        ("x", "y", ErrorClass.WRONG_IDENTIFIER),
        ("x.name", "x.size()", ErrorClass.WRONG_IDENTIFIER),
        ("[a]", "[b]", ErrorClass.WRONG_IDENTIFIER),
        ("'hello, world'", "'hello, World'", ErrorClass.NEAR_MISS),
        ("module.function(argument)", "module.functions(argument)", ErrorClass.NEAR_MISS),
    ],
)
def test_wrong_prediction_has_its_class(target, prediction, expected):
    assert kind_of(target, prediction) is expected


def test_rules_are_asked_in_their_order():
    # A name that nothing defines goes before a kind that differs, that before similarity, that before the names.
    assert kind_of("'value'", "value_", unknown=("value_",)) is ErrorClass.HALLUCINATED_NAME
    assert kind_of("value_of_it", "value_of_its", unknown=("value_of_its",)) is ErrorClass.HALLUCINATED_NAME
    assert kind_of("'a long value'", "b'a long value',") is ErrorClass.TYPE_MISMATCH
    assert kind_of("long_name.one", "long_name.ones") is ErrorClass.NEAR_MISS
    # A name that the prediction does not use is not its own.
    assert kind_of("x", "y", unknown=("z",)) is ErrorClass.WRONG_IDENTIFIER
    # Without tokens or as no expression nothing else is asked.
    assert kind_of("x", "y(", unknown=("y",)) is ErrorClass.SYNTAX_ERROR
    # What means the same is near, whatever else differs.
    assert kind_of("1", "((1))", em_ast=True) is ErrorClass.NEAR_MISS


@pytest.mark.parametrize(
    ("target", "prediction", "names"),
    [
        ("x", "y", {"y"}),
        ("x", "y.attribute", {"y"}),
        ("x.y", "y", set()),
        ("x", "len(y, key=z)", {"y", "z"}),
        ("x", "[i for i in y]", {"y"}),
        ("x", "lambda a, b=c: a + b", set()),
        ("x", "(a := b) + a", {"b"}),
        ("x", "f'{y:{w}}'", {"y", "w"}),
        ("x", "'y'", set()),
        ("x", "y(", set()),
        ("x", "ValueError", set()),
    ],
)
def test_doubtful_are_the_names_that_the_prefix_must_have(target, prediction, names):
    assert doubtful_names(make_score(0, target=target, prediction=prediction)) == names


@given(expressions(), expressions())
def test_every_expression_has_a_class_and_is_no_syntax_error(target, prediction):
    assert kind_of(target, prediction) not in (ErrorClass.SYNTAX_ERROR, ErrorClass.EMPTY)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_odd_texts_have_a_class(text):
    assert isinstance(kind_of("3", text), ErrorClass)
    assert isinstance(kind_of(text, "x"), ErrorClass)
