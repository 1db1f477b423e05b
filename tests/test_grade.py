"""Does the grader give every learner their points, whatever the notebooks of the others do to it?"""

# ruff: noqa: E501 (cells as learners write them)

import contextlib
import csv
import importlib
import io
import json
import os
import pkgutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
import wrong
from nbformat.v4 import new_code_cell, new_notebook
from test_notebooks import NOTEBOOKS, solution_cell, task_of

from nnlib import grade, sandbox
from nnlib.exercises import core

for module in pkgutil.iter_modules(wrong.__path__):
    importlib.import_module(f"wrong.{module.name}")

TESTS = Path(__file__).resolve().parent
SECONDS = 45  # for a notebook: 9 for a cell, 1.5 for a call
LESSON = NOTEBOOKS / "04_backpropagation.ipynb"


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """One process with the answers of tests/wrong in reach."""
    process = grade.Process(tmp_path_factory.mktemp("sandbox"), 4 * 2**30, time.monotonic() + 600)
    names = [f"wrong.{module.name}" for module in pkgutil.iter_modules(wrong.__path__)]
    code = f"import sys\nsys.path.append({str(TESTS)!r})\nimport wrong, {', '.join(names)}"
    assert process.ask({"do": "run", "source": code}, limit=60)[0] == {"raised": None, "values": [], "sizes": []}
    yield process
    process.end()


def here(item, answer):
    """What the check says in this process, with the same inputs as `there`."""
    passed = {core.Diagnosis.CORRECT: True, core.Diagnosis.NOT_ATTEMPTED: None}
    with contextlib.redirect_stdout(io.StringIO()):
        diagnosis, message = core._judge(item, answer, np.random.default_rng(7))
    return passed.get(diagnosis, False), message


@pytest.mark.parametrize("number", wrong.WRONG)
def test_an_answer_is_judged_as_in_the_notebook(number, process):
    """Wrong and right ones, word for word: the same inputs, the function in another process."""
    item, differ = core.REGISTRY[number], []
    for kind, answers in (
        ("WRONG", [answer for answer, _ in wrong.WRONG[number]]),
        ("RIGHT", wrong.RIGHT.get(number, [])),
    ):
        for i, answer in enumerate(answers):
            source = f"wrong.{kind}[{number!r}][{i}]" + "[0]" * (kind == "WRONG")
            said, expected = grade.judge(item, process, source, 20, seed=7), here(item, answer)
            if said != expected:
                differ.append((kind, i, said, expected))
    assert differ == []


def define(process, name, source):
    """A function defined in the other process, to be called here."""
    process.ask({"do": "run", "source": source}, limit=20)
    process.ask({"do": "take", "key": name, "source": name}, limit=20)
    return grade.Answer(process, name, name, 20)


def test_a_view_there_is_a_view_here(process):
    X = np.arange(12.0).reshape(3, 4)
    seen = define(process, "f", "def f(X):\n    X[0, 0] = 7\n    return X.T[1:], X + 1")(X)
    assert np.shares_memory(seen[0], X)
    assert not np.shares_memory(seen[1], X)
    assert X[0, 0] == 7
    np.testing.assert_array_equal(seen[0], X.T[1:])
    np.testing.assert_array_equal(seen[1], X + 1)


@pytest.mark.parametrize(
    ("k", "offset", "strides"), [(0, 8 * 10**6, [8]), (0, -800, [8]), (0, 8, [-(10**9)]), (9, 0, [8]), (0, 8, [8])]
)
def test_a_view_of_foreign_memory_is_not_made(k, offset, strides):
    X, buffers = np.arange(5.0), []
    plain = sandbox.pack(np.arange(3.0), buffers)
    got = sandbox.unpack(["view", plain, k, offset, strides], iter(buffers), [X])
    np.testing.assert_array_equal(got, [0, 1, 2])
    assert not np.shares_memory(got, X)


def test_only_plain_data_come_back():
    for packed in (
        ["array", "O", [1]],
        ["array", "V8", [1]],
        ["code", "x"],
        ["array", "<f8", [10**12]],
        ["rng", {"state": 1}],
        ["tuple"],
        [],
    ):
        with pytest.raises(sandbox.Violation):
            sandbox.values_of({"values": [packed]}, [b"\0" * 8])


def test_a_generator_goes_there_and_comes_back(process):
    mine, same = np.random.default_rng(3), np.random.default_rng(3)
    assert define(process, "g", "def g(rng):\n    return rng.random()")(mine) == same.random()
    assert mine.random() == same.random()


# a class


def lesson(done):
    """Lesson 04 with the first `done` of its exercises solved."""
    notebook = nbformat.read(LESSON, as_version=4)
    numbers = list(dict.fromkeys(n for cell in notebook.cells if (n := task_of(cell, "check-"))))
    for cell in notebook.cells:
        if task_of(cell, "exercise-", "check-") in numbers[:done]:
            cell.source = solution_cell(cell)
    return notebook


START = "import numpy as np\nfrom nnlib.exercises import check"
RELU = "def relu(Z):\n    return np.maximum(Z, 0)\ncheck(relu)"
RELU_BACKWARD = "def relu_backward(dA, Z):\n    return dA * (Z > 0)\ncheck(relu_backward)"
CHEAT = "import nnlib.exercises as e\nfrom nnlib.exercises import core, diagnose"
# learner: cells before an honest 6.2, points for 6.1 and 6.2, words of the remarks
HARMLESS = {
    "loops": (["while True: pass", RELU], (1, 1), "raised: cell 2 (TooLong)"),
    "loops deaf": (["import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass", RELU], (1, 1), "cell 2 did not end"),
    "loops inside": (["def relu(Z):\n    while True: pass", "check(relu)"], (0, 1), "6.1 raises TooLong in line 2 of your cell: longer than 1.5 s"),
    "exits": (["import sys\nsys.exit()", "exit()", RELU], (1, 1), "raised: cell 2 (SystemExit)"),
    "exits hard": (["import os\nos._exit(0)", RELU], (1, 1), "cell 2 ended the process"),
    "exits inside": (["import os\ndef relu(Z):\n    os._exit(0)", "check(relu)"], (0, 1), "6.1 ended the process"),
    "takes all": (["x = np.ones(10**12)", RELU], (1, 1), "cell 2 used too much memory"),
    "takes more": (["x = []\nwhile True: x.append(np.ones(10**7))", RELU], (1, 1), "cell 2"),
    "takes all inside": (["def relu(Z):\n    return np.ones((10**6, 10**6))", "check(relu)"], (0, 1), "6.1 raises"),
    "deletes": (["import os, shutil\nshutil.rmtree(os.getcwd())\nshutil.rmtree('..', ignore_errors=True)", RELU], (1, 1), ""),
    "deletes the class": (["import shutil\nshutil.rmtree(CLASS)", RELU], (1, 1), ""),
    "forks": (["import os, time\nfor _ in range(8): os.fork()\ntime.sleep(60)", RELU], (1, 1), "cell 2"),
    "leaves one": (["import os, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(987)'])\n    os._exit(0)", RELU], (1, 1), ""),
    "kills": (["import os\nos.kill(os.getppid(), 9)", RELU], None, ""),
    "floods": (["import os\nwhile True:\n    print('x' * 10**6); os.write(1, b'x' * 10**6)", RELU], (1, 1), "raised: cell 2 (TooLong)"),
    "talks nonsense": (["import os\nfor fd in range(3, 40):\n    try: os.write(fd, b'\\xff' * 10**6)\n    except OSError: pass", RELU], (1, 1), "cell 2"),
    "talks at length": (["import os\nfor fd in range(3, 40):\n    try: os.write(fd, b'\\x02\\0\\0\\0{}' * 10**6)\n    except OSError: pass", RELU], (1, 1), "cell 2"),
    "prints": (["print('✓ 6.1 right.\\n' * 3)", "def relu(Z):\n    print('✓ 6.1 right.')", "check(relu)"], (0, 1), "6.1 prints its result"),
    "patches the check": ([f"{CHEAT}\ndef yes(*a, **k): return diagnose.Diagnosis.CORRECT, 'right'\ncore._judge = core._judge_function = yes\n"
        "core.diagnose = diagnose.diagnose = yes\ncore.check = e.check = check = lambda *a: print('✓')\n"
        "for item in core.REGISTRY.values():\n    item.difficulty, item.draw, item.rules = 99, tuple, []",
        "def relu(Z):\n    return Z", "check(relu)"], (0, 1), "6.1"),
    "patches numpy": (["np.allclose = np.array_equal = np.isclose = np.all = lambda *a, **k: True\nnp.random.default_rng = lambda s=None: None",
        "def relu(Z):\n    return Z.copy()", "check(relu)"], (0, 1), "6.1"),
    "always equal": (["class Yes(np.ndarray):\n    def __eq__(self, other): return True\n    def __sub__(self, other): return 0 * other",
        "def relu(Z):\n    return Z.copy().view(Yes)", "check(relu)"], (0, 1), "6.1"),
    "hands in ours": ([f"{CHEAT}\nrelu = core.REGISTRY['6.1'].reference", "check(relu)"], (0, 1), "not done: 6.1"),
    "calls ours": ([f"{CHEAT}\ndef relu(Z):\n    return core.REGISTRY['6.1'].reference(Z)", "check(relu)"], (0, 1), "not done: 6.1"),
    "resumes": (["from nnlib.exercises import resume\nresume(globals(), '6.1')", "check(relu)"], (0, 1), "not done: 6.1"),
    "builds on ours": (["from nnlib.exercises import resume\nresume(globals(), '6.2')", "def relu(Z):\n    return Z * relu_backward(np.ones_like(Z), Z)", "check(relu)"], (1, 1), ""),
    "pickles": (["class Bomb:\n    def __reduce__(self): import os; return os._exit, (3,)", "def relu(Z):\n    return Bomb()", "check(relu)"], (0, 1), "got a Bomb"),
    "cannot parse": (["def relu(Z) return Z", RELU], (1, 1), "raised: cell 2 (SyntaxError)"),
    "magic": (["%matplotlib inline\n%time relu = None", RELU], (1, 1), ""),
    "without a check": ([RELU.replace("check(relu)", "")], (1, 1), ""),
    "by number": ([RELU.replace("check(relu)", "check('6.1', relu)")], (1, 1), ""),
    "=1+1": ([RELU], (1, 1), ""),
}  # fmt: skip


def hand_in(folder, name, cells):
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in [START, *cells, RELU_BACKWARD]])
    nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """(rows of the CSV by learner, the folder, what else was said) of a class with all of them in it."""
    folder = tmp_path_factory.mktemp("class")
    for name, (cells, _, _) in HARMLESS.items():
        hand_in(folder, name, [cell.replace("CLASS", repr(str(folder))) for cell in cells])
    for name, done in {"blank": 0, "half": 3, "full": 6}.items():
        (folder / name).mkdir()
        nbformat.write(lesson(done), folder / name / LESSON.name)
    (folder / "half" / "helper.py").write_text("import os\nos._exit(1)\n")
    (folder / "broken.ipynb").write_text("[" * 100_000)
    (folder / "empty").mkdir()
    options = ["--csv", "--seconds", str(SECONDS), "--memory", "2", "--jobs", "2"]
    command = [sys.executable, "-W", "error", "-m", "nnlib.grade", str(folder), *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=folder.parent, timeout=600)
    assert done.returncode == 0, done.stderr
    return {row["learner"]: row for row in csv.DictReader(io.StringIO(done.stdout))}, folder, done.stderr


def test_blank_half_done_and_complete(graded):
    rows = graded[0]
    items = [item for item in core.REGISTRY.values() if item.order[0] == 4]
    first = [item.number for item in items if rows["half"][item.number] != "0"]
    assert len(first) == 3
    for name, numbers in {"blank": [], "half": first, "full": [item.number for item in items]}.items():
        expected = {item.number: item.difficulty * (item.number in numbers) for item in items}
        assert {number: int(rows[name][number]) for number in expected} == expected
        assert int(rows[name]["points"]) == sum(expected.values())
    everything = sum(item.difficulty for item in core.REGISTRY.values() if item.order[0] in (4, 6))
    assert {int(row["of"]) for row in rows.values()} == {everything}


@pytest.mark.parametrize("name", HARMLESS)
def test_it_costs_nobody_but_its_author(graded, name):
    _, points, words = HARMLESS[name]
    row = graded[0][f"'{name}" if name[0] == "=" else name]
    if points:
        assert (int(row["6.1"]), int(row["6.2"])) == points, row["remarks"]
    if sys.platform == "linux":  # elsewhere other limits stop it, and other words say so
        assert words in row["remarks"]


def test_what_cannot_be_read_is_said(graded):
    assert graded[0]["broken"]["remarks"].startswith("not a notebook")
    assert graded[0]["empty"]["remarks"].startswith("no notebook")
    assert graded[0]["broken"]["points"] == graded[0]["empty"]["points"] == "0"


def left_behind(marks):
    """The command lines of processes of this Python that hold one of these words; another run of the tests has its own."""
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if sys.executable in line and any(mark in line for mark in marks)]


def test_nothing_is_left_behind(graded):
    assert left_behind(["nnlib-grade-", "sleep(987)"]) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has Landlock, which keeps a process in its folder")
def test_a_notebook_writes_into_its_own_folder_alone(graded, tmp_path):
    assert sandbox_says(tmp_path, "import nnlib.sandbox as s\nv = s.keep_inside('.')") > 0, "this Linux has no Landlock"
    assert len(list(graded[1].glob("*.ipynb"))) == len(HARMLESS) + 1


def sandbox_says(folder, code):
    done = subprocess.run([sys.executable, "-c", f"{code}\nprint(v)"], capture_output=True, cwd=folder, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("name", ["forks", "leaves one", "kills"])
def test_without_namespaces_orphans_are_found(name, tmp_path):
    """Where `unshare` is missing or not allowed."""
    hand_in(tmp_path, "a", HARMLESS[name][0])
    files = grade.submissions(tmp_path)["a"][0]
    task = {"files": files, "notebook": "a.ipynb", "seconds": SECONDS, "memory": 2 * 2**30}
    code = "from nnlib import grade; grade.isolated = lambda: []; grade.judge_alone()"
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps(task), capture_output=True, encoding="utf-8")
    if HARMLESS[name][1]:
        results = json.loads(done.stdout)["results"]
        assert (results["6.1"][0], results["6.2"][0]) == (True, True)
    time.sleep(0.5)
    assert left_behind(["nnlib-grade-", "sleep(987)"]) == []
