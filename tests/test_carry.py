"""Are a learner's answers kept across an update: the new text is there, and so is all that was written before?"""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from nnlib import carry

ROOT = Path(__file__).resolve().parents[1]
LESSON = ROOT / "notebooks" / "04_backpropagation.ipynb"
WORKBOOK = ROOT / "notebooks" / "06_exercises.ipynb"
LEAKY = 'def leaky_relu_backward(dA, Z):\n    """mine"""\n    return dA * np.where(Z > 0, 1, 0.1)'
HALF = "def relu_backward(dA, Z):\n    return dA * ("


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cell(notebook, tag):
    return next(one for one in notebook["cells"] if tag in one["metadata"].get("tags", []))


def source(notebook, tag):
    return carry.source_of(cell(notebook, tag))


def own(text, kind="code"):
    made = {"cell_type": kind, "id": "9f86d081", "metadata": {}, "source": text}
    return made | ({"outputs": [], "execution_count": 7} if kind == "code" else {})


@pytest.fixture
def worked():
    """Lesson 04 after an evening: one function, one value, half of a value, a note and a cell of the learner's own."""
    notebook = read(LESSON)
    cell(notebook, "exercise-4.3")["source"] = LEAKY.splitlines(keepends=True)
    cell(notebook, "check-4.1")["source"] = 'check("4.1", -1)'
    cell(notebook, "check-4.2")["source"] = 'check("4.2", (0, ..., ...))'
    place = notebook["cells"].index(cell(notebook, "check-4.1"))
    notebook["cells"][place + 1 : place + 1] = [own("# mine: the gate is shut", "markdown"), own("1 + 1")]
    return notebook


def edition(notebook):
    """The next edition of a notebook: other words in the text, another docstring in a blank, a new cell, new ids."""
    new = copy.deepcopy(notebook)
    for one in new["cells"]:
        if one["cell_type"] == "markdown" and "tags" not in one["metadata"]:
            one["source"] = ["NEW TEXT. ", *one["source"]]
    blank = cell(new, "exercise-4.3")
    blank["source"] = carry.source_of(blank).replace('"""', '"""NEW WORDS. ', 1)
    new["cells"].insert(2, own("print('a new cell of the course')"))
    for i, one in enumerate(new["cells"]):
        one["id"] = f"cell-{i:03}"
    return new


def test_answers_and_own_cells_come_into_the_new_text(worked):
    new = edition(read(LESSON))
    before = copy.deepcopy(new)
    done, left = carry.carry(copy.deepcopy(worked), new)
    assert done == ["4.1", "4.2", "4.3", "2 cells of your own"]
    assert left == []
    assert source(new, "exercise-4.3") == LEAKY
    assert source(new, "check-4.1") == 'check("4.1", -1)'
    assert source(new, "check-4.2") == 'check("4.2", (0, ..., ...))'
    place = new["cells"].index(cell(new, "check-4.1"))
    assert [carry.source_of(one) for one in new["cells"][place + 1 : place + 3]] == [
        "# mine: the gate is shut",
        "1 + 1",
    ]
    answered = ("exercise-4.3", "check-4.1", "check-4.2", "check-4.3")
    for tag in answered:  # what these cells showed belongs to other code
        assert cell(new, tag)["outputs"] == []
    kept = [one for one in new["cells"] if one["id"].startswith("cell-")]
    same = [a == b for a, b in zip(kept, before["cells"], strict=True)]
    assert same.count(False) == len(answered)


def test_a_second_time_changes_nothing(worked):
    new = edition(read(LESSON))
    carry.carry(copy.deepcopy(worked), new)
    once = copy.deepcopy(new)
    assert carry.carry(copy.deepcopy(worked), new) == ([], [])
    assert new == once


def test_an_answer_that_is_there_stays(worked):
    new = edition(read(LESSON))
    cell(new, "check-4.1")["source"] = 'check("4.1", 5)'
    done, left = carry.carry(worked, new)
    assert "4.1" not in done
    assert left == ["4.1, which has another answer there already"]
    assert source(new, "check-4.1") == 'check("4.1", 5)'


def test_an_old_blank_is_no_answer():
    """Its docstring differs from the new one's, and still nobody wrote it."""
    new = edition(read(LESSON))
    assert carry.carry(read(LESSON), new) == ([], [])
    assert "NEW WORDS" in source(new, "exercise-4.3")


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_every_exercise_of_every_lesson_is_carried(path):
    old, new = read(path), read(path)
    numbers = []
    for one in old["cells"]:
        if number := carry.tag_of(one, "exercise-"):
            one["source"] = carry.source_of(one).replace("    ...", "    return 1")
            numbers.append(number)
        elif (number := carry.tag_of(one, "check-")) and number not in numbers:
            one["source"] = f"check({number!r}, 'an answer')"
            numbers.append(number)
    done, left = carry.carry(copy.deepcopy(old), new)
    assert (sorted(done), left) == (sorted(numbers), [])
    assert [carry.source_of(one) for one in new["cells"]] == [carry.source_of(one) for one in old["cells"]]


def test_half_an_answer_and_a_comment_are_kept():
    old, new = read(WORKBOOK), read(WORKBOOK)
    cell(old, "exercise-6.2")["source"] = HALF
    blank = source(old, "exercise-6.1")
    cell(old, "exercise-6.1")["source"] = blank + "  # where is the gate?"
    assert carry.carry(old, new) == (["6.1", "6.2"], [])
    assert source(new, "exercise-6.2") == HALF


def test_of_a_cell_and_its_copy_the_one_with_an_answer_is_carried(worked):
    new, i = edition(read(LESSON)), worked["cells"].index(cell(worked, "exercise-4.3"))
    copied = copy.deepcopy(cell(read(LESSON), "exercise-4.3")) | {"id": "copied"}
    worked["cells"].insert(i + 1, copied)
    carry.carry(worked, new)
    assert source(new, "exercise-4.3") == LEAKY


def test_a_file_without_tags_and_ids(worked):
    """As an editor may leave it: the exercises are found by what the cells say."""
    for one in worked["cells"]:
        one["metadata"] = {}
        one.pop("id", None)
    new = edition(read(LESSON))
    done, left = carry.carry(worked, new)
    assert done == ["4.1", "4.2", "4.3"]
    assert left == ["cells that you added: this file does not say which they are"]
    assert source(new, "exercise-4.3") == LEAKY


def test_ids_may_be_in_the_metadata(worked):
    for one in worked["cells"]:
        one["metadata"]["id"] = one.pop("id")
    new = edition(read(LESSON))
    assert carry.carry(worked, new)[0][-1] == "2 cells of your own"
    assert len({one["id"] for one in new["cells"]}) == len(new["cells"])


def test_an_exercise_with_a_new_number_keeps_its_function(worked):
    new = edition(read(LESSON))
    for prefix in ("task-", "exercise-", "check-"):
        one = cell(new, f"{prefix}4.3")
        one["metadata"]["tags"] = [f"{prefix}4.9"]
    assert "4.9" in carry.carry(worked, new)[0]
    assert source(new, "exercise-4.9") == LEAKY


# the command, on folders and files


def run(*arguments):
    command = [sys.executable, "-W", "error", "-m", "nnlib.carry", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)


def store(notebook, path, age=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    os.utime(path, (1e9 - age, 1e9 - age))


def test_from_folder_to_folder_whatever_the_files_are_called(worked, tmp_path):
    older = read(LESSON)
    cell(older, "check-4.1")["source"] = 'check("4.1", 5)'
    cell(older, "check-4.4")["source"] = 'check("4.4", (1, 2, 3, 4))'
    store(worked, tmp_path / "old" / "my lesson (1).ipynb")
    store(older, tmp_path / "old" / "04-Copy1.ipynb", age=1000)
    store(edition(read(LESSON)), tmp_path / "new" / "notebooks" / LESSON.name)
    store(read(WORKBOOK), tmp_path / "new" / "notebooks" / WORKBOOK.name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")}
    done = run(tmp_path / "old", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    changed = {path.name for path, text in before.items() if path.read_bytes() != text}
    assert changed == {LESSON.name}
    assert "my lesson (1).ipynb" in done.stdout
    assert "not carried: 4.1, which has another answer there already" in done.stdout
    new = nbformat.read(tmp_path / "new" / "notebooks" / LESSON.name, as_version=4)
    nbformat.validate(new)
    assert source(new, "check-4.1") == 'check("4.1", -1)'  # the younger file's
    assert source(new, "check-4.4") == 'check("4.4", (1, 2, 3, 4))'
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".ipynb"}


def test_what_it_cannot_read_it_names_and_leaves(worked, tmp_path):
    store(worked, tmp_path / "mine.ipynb")
    (tmp_path / "torn.ipynb").write_text('{"cells": [', encoding="utf-8")
    for old, new, words in (
        ("torn.ipynb", "mine.ipynb", "torn.ipynb: expected a notebook"),
        ("mine.ipynb", "torn.ipynb", "torn.ipynb: expected a notebook"),
        ("none.ipynb", "mine.ipynb", "none.ipynb: expected a notebook or a folder"),
        ("mine.ipynb", "mine.ipynb", "the same file"),
    ):
        before = (tmp_path / "mine.ipynb").read_bytes()
        done = run(tmp_path / old, tmp_path / new)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert (tmp_path / "mine.ipynb").read_bytes() == before


# an update, as notebooks/help.md tells it


def outside(*command, cwd):
    """Run a command as a learner does; none of the settings of a git that runs around the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", env=clean, timeout=120)


def git(*arguments, cwd):
    who = ["-c", "user.name=a learner", "-c", "user.email=learner@example.org", "-c", "init.defaultBranch=main"]
    return outside("git", *who, *arguments, cwd=cwd)


def follow(first, cwd):
    """Type the commands of the page that begin with these words, those for macOS and Linux."""
    page = (ROOT / "notebooks" / "help.md").read_text(encoding="utf-8")
    commands = re.search(rf"^```\n({re.escape(first)}.*?)^```", page, re.M | re.S)[1]
    done = outside("sh", "-ec", commands.replace(".venv/bin/python", f'"{sys.executable}"'), cwd=cwd)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def upstream(tmp_path):
    """A repository with a lesson, a clone in which a learner has worked, and then a new edition in the repository."""
    if not (shutil.which("git") and shutil.which("sh")):
        pytest.skip("needs git and a shell; install git")
    here, mine = tmp_path / "course", tmp_path / "mine"
    store(read(LESSON), here / "notebooks" / LESSON.name)
    for command in (["init"], ["add", "."], ["commit", "-m", "first edition"]):
        assert git(*command, cwd=here).returncode == 0
    assert git("clone", str(here), str(mine), cwd=tmp_path).returncode == 0
    return here, mine


def test_an_update_of_a_clone_keeps_the_answers(upstream, worked):
    here, mine = upstream
    lesson = mine / "notebooks" / LESSON.name
    lesson.write_text(json.dumps(worked), encoding="utf-8")
    store(edition(read(LESSON)), here / "notebooks" / LESSON.name)
    assert git("commit", "-am", "second edition", cwd=here).returncode == 0

    refused = git("pull", cwd=mine)
    assert refused.returncode != 0
    assert "would be overwritten" in refused.stderr
    follow("cp -R notebooks", cwd=mine)
    new = read(lesson)
    assert source(new, "exercise-4.3") == LEAKY
    assert source(new, "check-4.1") == 'check("4.1", -1)'
    assert "# mine: the gate is shut" in map(carry.source_of, new["cells"])
    assert "print('a new cell of the course')" in map(carry.source_of, new["cells"])
    assert sum(carry.source_of(one).startswith("NEW TEXT. ") for one in new["cells"]) > 10
    assert read(mine.parent / "my-notebooks" / LESSON.name) == worked


def test_one_notebook_back_to_its_original(upstream, worked):
    _, mine = upstream
    lesson = mine / "notebooks" / LESSON.name
    spoilt = copy.deepcopy(worked)
    spoilt["cells"][3]["source"] = "I deleted this by mistake"
    lesson.write_text(json.dumps(spoilt), encoding="utf-8")
    follow("mv notebooks", cwd=mine)
    assert source(read(lesson), "exercise-4.3") == LEAKY
    assert carry.source_of(read(lesson)["cells"][3]) == carry.source_of(read(LESSON)["cells"][3])
