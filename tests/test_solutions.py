"""Do the lessons run with every solution pasted in, and do later cells use the function that the learner wrote?"""

import re

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell
from test_notebooks import NOTEBOOKS, PATHS, printed, solution_cell, task_of

from nnlib.exercises.core import REGISTRY

LESSONS = [path for path in PATHS if any(item.order[0] == int(path.name[:2]) for item in REGISTRY.values())]
COUNTER = """
import functools
_calls = {}
def _counted(function):
    @functools.wraps(function)
    def counted(*args, **kwargs):
        _calls[function.__name__] = _calls.get(function.__name__, 0) + 1
        return function(*args, **kwargs)
    return counted
"""


def solved(path):
    """The notebook with each reference solution pasted over its blank, its outputs removed."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, cell.outputs = solution_cell(cell), []
    return notebook


def run(notebook):
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=NOTEBOOKS)
    return notebook


def by_number(notebook, prefix):
    return {task_of(cell, prefix): cell for cell in notebook.cells if task_of(cell, prefix)}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_with_solutions_pasted(path, monkeypatch):
    """Strict: every check passes, and nothing after it breaks. Later cells use the function that stands in the cell."""
    monkeypatch.setenv("NNLIB_STRICT", "1")
    notebook = solved(path)
    resumed = set()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if number := task_of(cell, "exercise-"):
                cell.source += f"\n{REGISTRY[number].name} = _counted({REGISTRY[number].name})"
            if (number := task_of(cell, "check-")) and REGISTRY[number].is_function:
                cell.source += f"\n_calls.pop({REGISTRY[number].name!r}, None)"  # what the check called is not counted
            for call in re.findall(r"resume\(globals\(\),([^)]*)\)", cell.source):
                resumed |= {*re.findall(r'"([^"]+)"', call)}
    notebook.cells.insert(0, new_code_cell(COUNTER))
    notebook.cells.append(new_code_cell("print(sorted(_calls))"))
    run(notebook)
    checks = by_number(notebook, "check-")
    assert checks.keys() == {item.number for item in REGISTRY.values() if item.order[0] == int(path.name[:2])}
    used = notebook.cells[-1].outputs[0].text
    names = {REGISTRY[number].name if number in REGISTRY else number for number in resumed}
    assert [name for name in sorted(names) if repr(name) not in used] == []


WORKBOOK = NOTEBOOKS / "06_exercises.ipynb"
PLANTED = {  # sitting: exercise, a wrong answer whose harm shows in the numbers of that sitting
    0: ("6.2", "def relu_backward(dA, Z):\n    return dA.copy()"),
    1: ("6.7", "def backward(dZ, activations, Ws):\n    return [0 * W for W in Ws], [0 * W[0] for W in Ws]"),
    2: ("6.9", "def sgd_step(theta, grad, lr):\n    theta -= 0.1 * lr * grad"),
    3: ("6.14", "def l2_gradient(dW, W, weight_decay):\n    return dW - weight_decay * W"),
}


def sitting(notebook, k):
    """The set-up cells and one sitting of the workbook, with the other sittings taken away."""
    heads = [i for i, cell in enumerate(notebook.cells) if re.search("^## (sitting|what you built)", cell.source, re.M)]
    assert len(heads) == 5
    notebook.cells = notebook.cells[: heads[0]] + notebook.cells[heads[k] : heads[k + 1]]
    return notebook


@pytest.fixture(scope="module", params=range(4), ids=["I", "II", "III", "IV"])
def alone(request):
    """A sitting of the workbook that was run alone, all its blanks and all earlier ones empty."""
    return request.param, run(sitting(nbformat.read(WORKBOOK, as_version=4), request.param))


def shown(notebook, number):
    """All that is shown after the check of an exercise."""
    after = [task_of(cell, "check-") for cell in notebook.cells].index(number) + 1
    return [output for cell in notebook.cells[after:] for output in cell.get("outputs", [])]


def test_a_sitting_can_be_opened_first(alone):
    _, notebook = alone
    said = "\n".join(printed(cell) for cell in notebook.cells if cell.cell_type == "code")
    assert "the course's: " in said
    assert "yours: " not in said
    assert all("not done yet" in printed(cell) for cell in by_number(notebook, "check-").values())


def test_a_planted_error_is_never_hidden(alone):
    """A wrong function of the learner's is judged, named as theirs, and used: what comes after it changes."""
    k, clean = alone
    number, wrong = PLANTED[k]
    notebook = sitting(nbformat.read(WORKBOOK, as_version=4), k)
    by_number(notebook, "exercise-")[number].source = wrong
    run(notebook)
    assert printed(by_number(notebook, "check-")[number]).split()[:2] == ["✗", number]
    assert f"yours: {REGISTRY[number].name} (its check failed)" in "\n".join(
        output.get("data", {}).get("text/plain", "") for output in shown(notebook, number)
    )
    pairs = [[a.get("data", {}).get("image/png") for a in shown(book, number)] for book in (notebook, clean)]
    assert len(pairs[0]) == len(pairs[1])
    assert pairs[0] != pairs[1]  # pictures alone: the name of a live widget is never the same twice


@pytest.mark.parametrize("odd", [0, 1])
def test_any_blank_may_stay(odd):
    """Every other exercise of the workbook is done: no blank breaks a later cell."""
    notebook = nbformat.read(WORKBOOK, as_version=4)
    for i, cell in enumerate(by_number(notebook, "exercise-").values()):
        if i % 2 == odd:
            cell.source = solution_cell(cell)
    run(notebook)
    said = [printed(cell).split()[0] for number, cell in by_number(notebook, "check-").items() if number[-1].isdigit()]
    assert said == ["✓" if i % 2 == odd else "·" for i in range(16)]


def test_a_wrong_answer_stops_a_strict_run(monkeypatch):
    monkeypatch.setenv("NNLIB_STRICT", "1")
    notebook = solved(NOTEBOOKS / "00_start_here.ipynb")
    by_number(notebook, "exercise-")["0.1"].source = "def share_right(said, labels):\n    return (said == labels).sum()"
    with pytest.raises(CellExecutionError, match=r"CheckFailed.*0\.1 this is how many agree"):
        run(notebook)
