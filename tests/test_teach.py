"""Is what `make teach` builds what a teacher hands out: checks without answers, answers without blanks, true words?"""

import importlib.util
import inspect
import json
import math
import os
import re
import subprocess
import sys
import textwrap

import nbformat
import numpy as np
import pytest
from test_notebooks import EMOJI, FORBIDDEN, NOTEBOOKS, PATHS, ROOT, printed, task_of

from nnlib import cross_entropy
from nnlib.exercises.core import REGISTRY

_spec = importlib.util.spec_from_file_location("teach", NOTEBOOKS / "teach" / "build.py")
teach = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(teach)

CHOSEN = "02"  # executed here; `make teach` executes all
STUDENT = """\
import inspect, json, sys
import numpy as np
import nnlib
from nnlib.exercises import check, core, hint, solution, task
said = {}
for number, item in core.REGISTRY.items():
    scope = {"np": np}
    exec(core.blank(item), scope)
    blank = check(scope[item.name]) if item.is_function else check(number, ...)
    right = check(item.reference) if item.is_function else check(number, item.reference())
    wrong = check(number, lambda *given: len(given) + 0.5) if item.is_function else check(number, "no such answer")
    try:
        source = inspect.getsource(item.reference)
    except OSError:
        source = ""
    words = [str(tell(number)) for tell in (solution, hint, task)]
    said[number] = [blank.passed, right.passed, wrong.passed, source, *words]
print(json.dumps({"where": nnlib.__file__, "said": said}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    target = tmp_path_factory.mktemp("teach") / "teach"
    before = dict(os.environ)
    teach.build(target, [CHOSEN])
    assert dict(os.environ) == before
    return target


@pytest.fixture(scope="module")
def student(built):
    """What the exercises of the student edition say, each asked by a process that has nothing else of the course."""
    command = [sys.executable, "-W", "error", "-P", "-c", STUDENT]
    environment = os.environ | {"PYTHONPATH": str(built / "student")}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=built, env=environment)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["where"] == str(built / "student" / "nnlib" / "__init__.py")
    return told["said"]


@pytest.mark.parametrize("number", REGISTRY)
def test_students_have_checks_and_hints_but_no_solutions(student, number):
    blank, right, wrong, source, solution, hint, task = student[number]
    assert (blank, right, wrong) == (None, True, False)
    assert "def " not in source
    assert "ask your teacher" in solution
    assert hint.startswith("hint 1")
    assert REGISTRY[number].title in task


def test_no_file_of_the_students_holds_a_solution(built):
    bodies = {}
    for number, item in REGISTRY.items():
        source = textwrap.dedent(inspect.getsource(item.reference))
        body = source[source.index('"""', source.index('"""') + 3) + 3 :]  # after the docstring, which the blank shows
        bodies[number] = "".join(body.split())
    files = [path for path in (built / "student").rglob("*") if path.suffix in (".py", ".md", ".toml", ".txt")]
    texts = {path.relative_to(built).as_posix(): "".join(path.read_text(encoding="utf-8").split()) for path in files}
    texts |= {
        path.name: "".join(
            "".join(cell.source + str(cell.get("outputs", "")) for cell in nbformat.read(path, 4).cells).split()
        )
        for path in (built / "student").rglob("*.ipynb")
    }
    assert len(texts) > 30
    names = {f"student/nnlib/exercises/lesson{item.order[0]:02}.py" for item in REGISTRY.values()}
    assert names <= texts.keys()
    assert [name for name in names if "@exercise" in texts[name] or "reference" in texts[name]] == []
    short = 40  # characters: `returndA*(Z>0)` is what a lesson teaches, not what its exercise hides
    found = [
        (number, name)
        for number, body in bodies.items()
        for name, text in texts.items()
        if len(body) > short and body in text
        if not name.endswith(".ipynb") or name.startswith(f"0{number[0]}_")  # another lesson may teach it
    ]
    assert found == []
    assert not list((built / "student").rglob("wrong"))
    assert not list((built / "student").rglob("grade.py"))


def test_students_notebooks_are_the_course(built):
    for path in PATHS:
        mine = nbformat.read(built / "student" / "notebooks" / path.name, as_version=4)
        theirs = nbformat.read(path, as_version=4)
        assert [cell.source for cell in mine.cells] == [cell.source for cell in theirs.cells]


def test_the_answers_are_right(built):
    (path,) = (built / "answers").glob("*.ipynb")
    checks = [cell for cell in nbformat.read(path, as_version=4).cells if task_of(cell, "check-")]
    assert {task_of(cell, "check-") for cell in checks} == {n for n, i in REGISTRY.items() if i.order[0] == int(CHOSEN)}
    assert [cell.source for cell in checks if "✓" not in printed(cell)] == []


def test_figures_are_svg_and_described(built):
    (path,) = NOTEBOOKS.glob(f"{CHOSEN}_*.ipynb")
    stored = [
        o for cell in nbformat.read(path, 4).cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})
    ]
    figures = sorted((built / "figures").glob("*.svg"))
    assert len(figures) == len(stored) > 5
    assert not list((built / "figures").glob("*.png"))
    index = (built / "figures" / "index.md").read_text(encoding="utf-8")
    for figure in figures:
        assert "<svg" in figure.read_text(encoding="utf-8")
        words = re.search(rf"^\| \[{figure.name}\]\({figure.name}\) \| (.+) \|$", index, re.M)
        assert words, f"{figure.name} is not in the index"
        assert len(words[1].split()) >= 3, figure.name


def test_the_teachers_page_holds_every_lesson_and_exercise(built):
    page = (built / "teachers.md").read_text(encoding="utf-8")
    for path in PATHS:
        title = nbformat.read(path, 4).cells[0].source.splitlines()[0].lstrip("# ")
        section = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        assert re.search(r"^\* Objectives: learners build \S.+; they can \S.+\.$", section, re.M), title
        assert re.search(
            r"^\* Minutes: \d+( \+ \d+)*, of which exercises \d+; [\d,]+ words to read; ", section, re.M
        ), title
        assert ("measured when this page was made" in section) == path.name.startswith(CHOSEN)
        for item in REGISTRY.values():
            if item.order[0] == int(path.name[:2]):
                assert f"| {item.number} " in section
                assert f"### What goes wrong in {item.number}, {item.title}\n" in section
    assert "the gate looks at the blame dA; it should look at Z" in page


def test_the_plans_add_up(built):
    page = (built / "teachers.md").read_text(encoding="utf-8")
    times = teach.sittings()
    assert times["04"] == [50, 50]
    assert len(times["08"]) == 2
    weeks = re.findall(r"^\| (\d) \| ([^|]+) \| (\d+) \|", page, re.M)
    assert len(weeks) == 6 + 2
    assert sum(int(minutes) for _, _, minutes in weeks[:6]) == sum(map(sum, times.values())), (
        "six weeks hold the course"
    )
    lessons = {words for _, row, _ in weeks[:6] for words in row.split(", ")}
    assert {words[:2] for words in lessons} == {path.name[:2] for path in PATHS}
    assert all(int(minutes) <= 300 for _, _, minutes in weeks)
    with pytest.raises(KeyError):
        teach.minutes_of("00, 99", times)


# the quiz


def quiz():
    """[(text, {letter: answer})] of the twelve questions."""
    text = (NOTEBOOKS / "teach" / "quiz.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\d+) · .*$", text, flags=re.M)
    assert [int(number) for number in parts[1::2]] == list(range(1, 13))
    return [(part, dict(re.findall(r"^\* \*\*(\w)\*\* · (.+)$", part, re.M))) for part in parts[2::2]]


def key():
    """{question: (letter, lesson)}."""
    text = (NOTEBOOKS / "teach" / "quiz-key.md").read_text(encoding="utf-8")
    return {
        int(n): (letter, lesson) for n, letter, lesson in re.findall(r"^\| (\d+) \| (\w) \| (\d\d) \| \S", text, re.M)
    }


def test_the_quiz_has_twelve_questions_and_a_key():
    answers = key()
    assert len(quiz()) == len(answers) == 12
    for number, (_, options) in enumerate(quiz(), 1):
        assert list(options) == list("abcd")
        assert len({*options.values()}) == 4
        assert answers[number][0] in options
    assert {lesson for _, lesson in answers.values()} == {path.name[:2] for path in PATHS} - {"00"}
    assert max([letter for letter, _ in answers.values()].count(letter) for letter in "abcd") <= 6


def test_the_key_is_computed_where_it_can_be():
    right = {number: quiz()[number - 1][1][letter] for number, (letter, _) in key().items()}
    assert int(right[1]) == int((np.array([100], np.uint8) - np.array([180], np.uint8))[0])
    assert (
        float(right[3]) == round(float(cross_entropy(np.zeros((1, 4)), np.array([0]))[0]), 2) == round(math.log(4), 2)
    )
    X, dZ, W = np.ones((5, 3)), np.ones((5, 2)), np.ones((3, 2))
    fits = []
    for letter, code in quiz()[6][1].items():
        try:
            fits += [letter] * (eval(code.strip("`"), {"X": X, "dZ": dZ, "W": W}).shape == W.shape)
        except ValueError:
            continue
    assert fits == [key()[7][0]]
    assert float(right[8]) == 1 - 0.25 * 2
    m, v = 0.1 * 1000 / (1 - 0.9), 0.001 * 1000**2 / (1 - 0.999)
    assert f"both by about {0.01 * m / math.sqrt(v):.2f}" == right[10]
    assert "64 times as long" in right[11]


@pytest.mark.parametrize("path", sorted((NOTEBOOKS / "teach").glob("*.md")), ids=lambda path: path.name)
def test_the_texts_keep_the_rules(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(FORBIDDEN, text, re.I)
    assert not re.search(EMOJI, text)
    assert max(map(len, (line for line in text.splitlines() if line[:1] != "|"))) <= 120


def test_there_is_a_command():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "python notebooks/teach/build.py" in makefile
