"""Every exercise: the blank is not done yet, the reference passes, plausible wrong answers fail by name."""

import doctest
import importlib
import inspect
import math
import pkgutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import wrong

from nnlib.exercises import CheckFailed, Diagnosis, check, diagnose, exercise, hint, progress, resume, solution, task
from nnlib.exercises.core import REGISTRY, blank, check_cell

for module in pkgutil.iter_modules(wrong.__path__):
    importlib.import_module(f"wrong.{module.name}")

EXERCISES = list(REGISTRY.values())
IDS = [item.number for item in EXERCISES]
every = pytest.mark.parametrize("item", EXERCISES, ids=IDS)


def define(source, name):
    """The function of that name in a cell's source."""
    scope = {"np": np, "math": math, "pairwise": pairwise}
    exec(source, scope)
    return scope[name]


def ask(item, answer, seed=None):
    """check(), with a learner's function under the exercise's name, or a value under its number."""
    if not item.is_function:
        return check(item.number, answer)
    answer.__name__ = item.name
    return check(answer, seed=seed)


@every
def test_a_blank_is_not_done_yet(item, monkeypatch):
    monkeypatch.setenv("NNLIB_STRICT", "1")
    result = ask(item, define(blank(item), item.name) if item.is_function else ...)
    assert result.passed is None
    assert result.diagnosis is Diagnosis.NOT_ATTEMPTED
    assert "not done yet" in str(result)


@every
def test_the_reference_passes_fifty_draws(item):
    for seed in range(50):
        result = ask(item, item.reference if item.is_function else item.reference(), seed)
        assert result.passed is True, result


@every
def test_at_least_five_wrong_answers_are_known(item):
    answers = wrong.WRONG[item.number]
    if item.options:  # a question with choices has as many wrong answers as choices
        assert {answer for answer, _ in answers} == set(item.options) - {item.reference()}
    else:
        assert len(answers) >= 5


CASES = [(REGISTRY[n], i, a, d) for n, rows in wrong.WRONG.items() for i, (a, d) in enumerate(rows)]


@pytest.mark.parametrize(("item", "i", "answer", "expected"), CASES, ids=[f"{c[0].number}-{c[1]}" for c in CASES])
def test_a_wrong_answer_gets_its_diagnosis(item, i, answer, expected, monkeypatch):
    """`expected`: a Diagnosis, or a Diagnosis and words from the message."""
    diagnosis, words = expected if isinstance(expected, tuple) else (expected, "")
    for seed in range(5):
        result = ask(item, answer, seed)
        assert result.passed is False, result
        assert (result.diagnosis, words in result.message) == (diagnosis, True), result
    monkeypatch.setenv("NNLIB_STRICT", "1")
    with pytest.raises(CheckFailed):
        ask(item, answer)


RIGHT = [(REGISTRY[n], i, a) for n, rows in wrong.RIGHT.items() for i, a in enumerate(rows)]


@pytest.mark.parametrize(("item", "i", "answer"), RIGHT, ids=[f"{c[0].number}-{c[1]}" for c in RIGHT])
def test_a_right_answer_written_differently_passes(item, i, answer):
    for seed in range(20):
        result = ask(item, answer, seed)
        assert result.passed is True, result


# what a learner sees


@every
def test_task_hint_and_solution(item):
    text = str(task(item.number))
    assert text.startswith(f"# {item.heading}\n")
    assert text.endswith(check_cell(item))
    assert inspect.getdoc(item.reference)
    seen = [str(hint(item.number)) for _ in item.hints]
    assert [f": {words}" in line for words, line in zip(item.hints, seen, strict=True)] == [True] * len(item.hints)
    assert str(hint(item.number)) == seen[0]  # after the last comes the first
    if item.is_function:
        assert define(text.rpartition("check(")[0], item.name).__doc__
        source = str(solution(item.name))
        assert source.startswith(f"def {item.name}(")
        assert inspect.getdoc(item.reference).splitlines()[0] in source


def test_progress_is_a_row_per_exercise():
    def relu(Z):
        return np.maximum(Z, 0)

    check(relu)
    check(define(blank(REGISTRY["6.2"]), "relu_backward"))
    assert not check(define("def add_bias(X, W, b):\n    return X @ W", "add_bias")).passed
    table = progress()
    numbers = list(table.index)
    assert numbers == sorted(REGISTRY, key=lambda number: REGISTRY[number].order)
    assert numbers[:4] == ["0.1", "0.a", "0.b", "1.1"]
    assert numbers.index("6.2") < numbers.index("6.16") < numbers.index("6.a")
    assert list(table.state["6.1":"6.3"]) == ["✓ done", "· not done yet", "✗ not yet right"]
    assert list(progress(0).index) == ["0.1", "0.a", "0.b"]
    assert set(table.state.drop(numbers_so_far())) <= {"· not done yet"}


def numbers_so_far():
    """Exercises that some test has checked in this process."""
    return [item.number for item in REGISTRY.values() if item.result]


def test_four_exercises_and_two_questions_a_lesson():
    for lesson in range(1, 9):
        numbers = {item.number for item in EXERCISES if item.order[0] == lesson}
        letters = {number for number in numbers if number[-1].isalpha()}
        assert len(letters) == len([number for number in letters if REGISTRY[number].options]) >= 2, lesson
        assert numbers - letters == {f"{lesson}.{k}" for k in range(1, {6: 17, 8: 13}.get(lesson, 5))}
        assert sum(REGISTRY[number].star for number in numbers - letters) == 2, lesson


def test_the_right_choice_is_not_always_in_the_same_place():
    places = [list(item.options).index(item.reference()) for item in EXERCISES if item.options]
    assert all(places.count(place) <= len(places) / 2 for place in range(4)), places
    assert {0, 1, 2} <= {*places}


def test_a_result_shows_itself_as_text_and_in_a_notebook():
    def relu(Z):
        return np.abs(Z) < 1

    result = check(relu)
    assert repr(result) == str(result)
    assert str(result).startswith("✗ 6.1 ")
    assert "&lt;" in check(define("def relu(Z):\n    raise KeyError('<b>')", "relu"))._repr_html_()
    assert "6.1" in result._repr_html_()


def test_the_example_in_readme_says_what_check_says():
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    example = doctest.DocTestParser().get_doctest(readme.split("```pycon")[1].split("```")[0], {}, "README", None, 0)
    failed, tried = doctest.DocTestRunner(verbose=False).run(example)
    assert (failed, tried) == (0, 3)


def test_resume_takes_the_course_s_own_only_where_yours_is_missing_or_blank():
    def relu(Z):
        return Z + 1  # wrong, but written

    space = {"relu": relu, "relu_backward": define(blank(REGISTRY["6.2"]), "relu_backward"), "other": 1}
    assert check(relu).passed is False
    said = str(resume(space, "6.1", "6.2", "add_bias"))
    assert space["relu"] is relu
    assert space["other"] == 1
    assert said == "yours: relu (its check failed)\nthe course's: relu_backward, add_bias"
    dA, Z = np.ones((1, 2)), np.array([[1.0, -1.0]])
    assert space["relu_backward"](dA, Z).tolist() == [[1, 0]]
    stand_in = check(space["relu_backward"])
    assert stand_in.passed is None
    assert "stands in for yours" in stand_in.message
    assert str(resume(space, "6.2")) == "the course's: relu_backward"  # a second time
    space["relu_backward"] = REGISTRY["6.2"].reference
    assert str(resume(space, "6.2")) == "yours: relu_backward"


def test_a_solution_says_what_there_is_to_know():
    item = next(item for item in EXERCISES if item.options)
    assert str(solution(item.number)).startswith(f"{item.reference()}: ")
    item = next(item for item in EXERCISES if item.praise)
    text = str(solution(item.number))
    assert item.praise in text.replace("\n# ", " ")
    assert max(map(len, text.splitlines())) <= 100


GAPS = {  # a body of g(x): does it still have a gap?
    "'d'\n  ...": True, "pass": True, "return ...": True, "y = ...\n  return y": True, "return ..., ...": True,
    "a, b = ..., ...\n  return a, b": True, "return x * ...": True, "return abs(...)": True, "yield ...": True,
    "x -= ...": True, "return ... * x": True, "raise NotImplementedError": True,
    "return 0": False, "return x[..., 0]": False, "return x[...]": False, "return x[..., :]": False,
    "return x[..., 1:2]": False, "x[..., 0] = 1\n  return x": False, "x[...] -= 1": False,
    "return x[:, ..., None]": False, "for a in x:\n    yield a[..., 0]": False,
}  # fmt: skip


@pytest.mark.parametrize("body", GAPS)
def test_a_gap_is_told_from_an_ellipsis_as_index(body, monkeypatch):
    monkeypatch.setattr("nnlib.exercises.core.REGISTRY", {})
    item = exercise("99.5", "g", minutes=1, difficulty=1, hints=["h"])(define("def g(x):\n  return x + 1", "g"))
    item.inputs(lambda rng, N=3, D=2: (rng.random((N, D)),))
    assert (check(define(f"def g(x):\n  {body}", "g")).passed is None) == GAPS[body]


def test_an_answer_that_no_exercise_can_be_found_for():
    for wrong_one, words in ((lambda Z: Z, "without a name"), (np.ones(2), "ndarray"), (3, "int")):
        with pytest.raises(ValueError, match=rf"expected a function by its name, .*{words}"):
            check(wrong_one)
    assert check("6.1", lambda Z: np.maximum(Z, 0)).passed is True  # with its number


def test_an_unknown_exercise_is_named():
    def nobody(Z):
        return Z

    for key in (nobody, "9.9"):
        with pytest.raises(ValueError, match=r"no exercise is called '(nobody|9\.9)'"):
            check(key)


def test_a_number_is_given_once():
    with pytest.raises(ValueError, match=r"exercise 6\.1: expected a free number, got one that relu has"):
        exercise("6.1", "again", minutes=1, difficulty=1, hints=["h"])(lambda Z: Z)


def test_an_error_in_an_answer_names_its_line():
    relu = define("def relu(Z):\n    Z = Z + 1\n    return Z.nothing", "relu")
    result = check(relu)
    assert result.diagnosis is Diagnosis.RAISES
    assert "AttributeError in line 3" in result.message


# the diagnoser on its own

E = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])
X = np.array([[0.0, 1.0], [2.0, -3.0], [5.0, 1.5]])
D = Diagnosis


@pytest.mark.parametrize(
    ("answer", "expected", "diagnosis", "words"),
    [
        (E, E, D.CORRECT, ""),
        (E * (1 + 1e-12), E, D.CORRECT, ""),
        (E * (1 + 1e-6), E, D.FACTOR, "1 times too large"),
        (None, E, D.RETURNS_NONE, "None"),
        (E.tolist(), E, D.WRONG_TYPE, "a list of length 2"),
        ("six", E, D.WRONG_VALUE, "'six' is not it"),
        (E.T, E, D.TRANSPOSED, "(3, 2)"),
        (E[:, :2], E, D.WRONG_SHAPE, "axis 1 has 2, not 3"),
        (E[0], E, D.WRONG_SHAPE, "1 axis, not 2"),
        (E.ravel(), E, D.WRONG_SHAPE, "arrangement"),
        (E > 2, E, D.WRONG_VALUE, "expected"),
        (E > 9, E, D.ALL_ZERO, "0"),
        (-E, E, D.SIGN, "sign"),
        (0 * E, E, D.ALL_ZERO, "0"),
        (3 * E, E, D.TIMES_BATCH, "3 times too large"),
        (E / 3, E, D.OVER_BATCH, "3 times too small"),
        (2 * E, E, D.FACTOR, "2 times too large"),
        (E / 2, E, D.FACTOR, "2 times too small"),
        (np.where(E == 5, np.nan, E), E, D.NOT_A_NUMBER, "nan at (1, 1)"),
        (np.where(E == 5, -np.inf, E), E, D.INFINITE, "-inf at (1, 1)"),
        (E.astype(int), E + 0.5, D.INTEGER, "rounded"),
        (E.astype(int), E, D.INTEGER, "int64"),
        (E, E.astype(np.float32), D.FLOAT64, "float64"),
        ((E / 3).astype(np.float16), (E / 3).astype(np.float32), D.WRONG_DTYPE, "float16"),
        (X.sum(axis=1), X.sum(axis=0), D.WRONG_AXIS, "wrong axis"),
        (X.mean(axis=1), X.mean(axis=0), D.WRONG_AXIS, "wrong axis"),
        ((E, E), (E, -E), D.SIGN, "result[1]"),
        ((E,), (E, E), D.WRONG_LENGTH, "expected 2 results, got 1"),
        (E, (E, E), D.WRONG_TYPE, "expected 2 results"),
        (E + np.eye(2, 3), E, D.WRONG_VALUE, "expected"),
        (np.array([2, 4]), np.array([1, 2]), D.WRONG_VALUE, "another value at (0,): 2"),  # labels have no factor
        (E[:, :2].T, E[:, :2], D.TRANSPOSED, "but transposed"),
    ],
)
def test_diagnose(answer, expected, diagnosis, words):
    found, message = diagnose(answer, expected, (X,))
    assert found is diagnosis, message
    assert words in message


def test_a_wrong_axis_of_a_square_input():
    square = X[:2]
    for reduce in (np.sum, np.mean, np.max):
        found, message = diagnose(reduce(square, axis=1), reduce(square, axis=0), (square,))
        assert (found, message) == (Diagnosis.WRONG_AXIS, "worked along the wrong axis")


def test_an_answer_that_works_along_the_wrong_axis(monkeypatch):
    monkeypatch.setattr("nnlib.exercises.core.REGISTRY", {})
    source = "def shares(X):\n    return X / X.sum(axis=1, keepdims=True)"
    item = exercise("99.6", "shares", minutes=1, difficulty=1, hints=["h"])(define(source, "shares"))
    item.inputs(lambda rng, N=3, D=2: (rng.random((N, D)),))
    assert check(define(source.replace("1", "0"), "shares")).diagnosis is Diagnosis.WRONG_AXIS


def test_right_only_for_square_inputs():
    def l2_gradient(dW, W, weight_decay):
        out = dW.copy()
        for i in range(len(W)):
            for j in range(len(W)):
                out[i, j] += weight_decay * W[i, j]
        return out

    assert check(l2_gradient).diagnosis is Diagnosis.SQUARE_ONLY


def test_a_view_of_an_argument(monkeypatch):
    monkeypatch.setattr("nnlib.exercises.core.REGISTRY", {})

    def flip(X):
        return X.T

    item = exercise("99.1", "turn", minutes=1, difficulty=1, hints=["h"])(
        define("def flip(X):\n    return X.T.copy()", "flip")
    )
    item.inputs(lambda rng, N=3, D=2: (rng.random((N, D)),))
    assert check(flip).diagnosis is Diagnosis.RETURNS_VIEW
    assert check(item.reference).passed is True


def test_a_value_is_checked_by_its_number(monkeypatch):
    monkeypatch.setattr("nnlib.exercises.core.REGISTRY", {})
    item = exercise("99.2", "ln 2", minutes=1, difficulty=1, hints=["h"])(lambda: math.log(2))
    item.mistake("the logarithm to base 2: log is the natural one here")(lambda: 1.0)
    assert check("99.2").passed is None
    assert check("99.2", ...).passed is None
    assert check("99.2", 0.693).passed is True
    assert check("99.2", 1).diagnosis is Diagnosis.KNOWN_MISTAKE
    assert check("99.2", -0.693).diagnosis is Diagnosis.SIGN
    wrong_one = check("99.2", 0.5)
    assert (wrong_one.diagnosis, wrong_one.message) == (Diagnosis.WRONG_VALUE, "0.5 is not it")
    assert check("99.2", 1.386).diagnosis is Diagnosis.FACTOR
    assert check("99.2", "a half").passed is False


def test_several_values_are_judged_one_by_one(monkeypatch):
    monkeypatch.setattr("nnlib.exercises.core.REGISTRY", {})
    item = exercise("99.4", "three", minutes=1, difficulty=1, hints=["h"])(lambda: (3, np.array([[1.0, 2], [3, 4]])))
    item.mistake("rows and columns exchanged")(lambda: (3, np.array([[1.0, 3], [2, 4]])))
    right = [[1, 2], [3, 4]]
    assert str(check("99.4", (..., right))) == "· 99.4 not done yet; 1 of 2 answers are there"
    assert str(check("99.4", (None, ...))) == "· 99.4 not done yet"
    assert str(check("99.4", ("3", right))) == "✗ 99.4 answer 1 of 2: '3' is a text; expected a number, without quotes"
    assert check("99.4", (3, right)).passed is True
    assert check("99.4", [3, np.array(right)]).passed is True
    assert str(check("99.4", (4, right))) == "✗ 99.4 answer 1 of 2: 4 is not it"
    assert str(check("99.4", (3, [[1, 2], [3, 5]]))) == "✗ 99.4 answer 2 of 2: the entry at (1, 1) is not it"
    assert check("99.4", (3, [[1, 3], [2, 4]])).diagnosis is Diagnosis.KNOWN_MISTAKE
    assert check("99.4", (3, [[1], [2, 4]])).diagnosis is Diagnosis.WRONG_TYPE
    assert check("99.4", np.array([3, 1])).message == "answer 2 of 2: expected shape (2, 2), got (); 0 axes, not 2"
    assert check("99.4", (3,)).diagnosis is check("99.4", 3).diagnosis is Diagnosis.WRONG_LENGTH


def test_a_question_with_choices_explains_each(monkeypatch):
    monkeypatch.setattr("nnlib.exercises.core.REGISTRY", {})
    options = {"a": "it would have to see labels.", "b": "pixels alone say it."}
    exercise("99.3", "which?", minutes=1, difficulty=1, hints=["h"], options=options)(lambda: "b")
    assert check("99.3", ...).passed is None
    assert str(check("99.3", "b")) == "✓ 99.3 right. pixels alone say it."
    assert str(check("99.3", "a")) == "✗ 99.3 no. it would have to see labels."
    assert check("99.3", " B").passed is True
    assert check("99.3", "c").diagnosis is check("99.3", ["b"]).diagnosis is Diagnosis.WRONG_TYPE


def test_every_diagnosis_is_reached():
    """A diagnosis that no test produces is one that nobody knows to work."""
    tables = [expected for rows in wrong.WRONG.values() for _, expected in rows]
    seen = {row[0] if isinstance(row, tuple) else row for row in tables}
    seen |= {mark for row in test_diagnose.pytestmark[0].args[1] for mark in row if isinstance(mark, Diagnosis)}
    others = {D.NOT_ATTEMPTED, D.RAISES, D.SQUARE_ONLY, D.RETURNS_VIEW}  # the tests above and below
    assert seen | others == set(Diagnosis)
