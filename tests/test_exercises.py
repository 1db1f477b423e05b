"""Every exercise: the blank is not done yet, the reference passes, plausible wrong answers fail by name."""

import doctest
import importlib
import math
import pkgutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import wrong

from nnlib.exercises import CheckFailed, Diagnosis, check, diagnose, exercise, hint, progress, solution, task
from nnlib.exercises.core import REGISTRY, blank

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
    assert text.startswith(f"# Exercise {item.number} · {item.title}")
    assert define(text, item.name).__doc__
    seen = [str(hint(item.name)) for _ in item.hints]
    assert [f": {words}" in line for words, line in zip(item.hints, seen, strict=True)] == [True] * len(item.hints)
    assert str(hint(item.name)) == seen[0]  # after the last comes the first
    source = str(solution(item.name))
    assert source.startswith(f"def {item.name}(")
    assert check(define(source, item.name)).passed is True
    assert blank(item).split('"""')[1].split()[0] in source


def test_progress_is_a_row_per_exercise():
    def relu(Z):
        return np.maximum(Z, 0)

    check(relu)
    check(define(blank(REGISTRY["6.2"]), "relu_backward"))
    assert not check(define("def add_bias(X, W, b):\n    return X @ W", "add_bias")).passed
    table = progress()
    assert list(table.index) == [f"6.{n}" for n in range(1, 17)]
    assert list(table.state[:3]) == ["✓ done", "· not done yet", "✗ not yet right"]


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
        (E[0], E, D.WRONG_SHAPE, "1 axes, not 2"),
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
        (E.astype(np.float16), E.astype(np.float32), D.WRONG_DTYPE, "float16"),
        (X.sum(axis=1), X.sum(axis=0), D.WRONG_AXIS, "wrong axis"),
        (X.mean(axis=1), X.mean(axis=0), D.WRONG_AXIS, "wrong axis"),
        ((E, E), (E, -E), D.SIGN, "result[1]"),
        ((E,), (E, E), D.WRONG_LENGTH, "expected 2 results, got 1"),
        (E, (E, E), D.WRONG_TYPE, "expected 2 results"),
        (E + np.eye(2, 3), E, D.WRONG_VALUE, "expected"),
    ],
)
def test_diagnose(answer, expected, diagnosis, words):
    found, message = diagnose(answer, expected, (X,))
    assert found is diagnosis, message
    assert words in message


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


def test_a_question_with_choices_explains_each(monkeypatch):
    monkeypatch.setattr("nnlib.exercises.core.REGISTRY", {})
    options = {"a": "it would have to see labels.", "b": "pixels alone say it."}
    exercise("99.3", "which?", minutes=1, difficulty=1, hints=["h"], options=options)(lambda: "b")
    assert check("99.3", ...).passed is None
    assert str(check("99.3", "b")) == "✓ 99.3 right. pixels alone say it."
    assert str(check("99.3", "a")) == "✗ 99.3 no. it would have to see labels."
    assert check("99.3", "c").diagnosis is Diagnosis.WRONG_TYPE


def test_every_diagnosis_is_reached():
    """A diagnosis that no test produces is one that nobody knows to work."""
    tables = [expected for rows in wrong.WRONG.values() for _, expected in rows]
    seen = {row[0] if isinstance(row, tuple) else row for row in tables}
    seen |= {mark for row in test_diagnose.pytestmark[0].args[1] for mark in row if isinstance(mark, Diagnosis)}
    others = {D.NOT_ATTEMPTED, D.RAISES, D.SQUARE_ONLY, D.RETURNS_VIEW}  # the tests above and below
    assert seen | others == set(Diagnosis)
