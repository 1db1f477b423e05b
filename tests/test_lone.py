"""Is the repository's address stated once, and stamped everywhere else? Whether lessons run alone, lone.py tries."""

import ast
import os
import re
import shutil
import subprocess
import tomllib

import nbformat
import pytest
from packaging.requirements import Requirement
from test_notebooks import PATHS, SETUP, _python, code_cells, execute
from test_project import PYPROJECT, README, ROOT, project_files

URL = PYPROJECT["project"]["urls"]["Repository"]
NAME = "/".join(URL.split("/")[-2:])
LINK = "https://colab.research.google.com/github/{}/blob/main/notebooks/{}"


STAMPED = ["pyproject.toml", "CITATION.cff", "README.md", *(f"notebooks/{path.name}" for path in PATHS)]


@pytest.fixture
def course(tmp_path):
    """A copy of the files that have the address, and of two that have not."""
    (tmp_path / "notebooks").mkdir()
    for name in [*STAMPED, "CHANGELOG.md", "notebooks/execute.py"]:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_stamping_there_and_back_restores_every_byte(course):
    (course / "CITATION.cff").write_bytes((course / "CITATION.cff").read_bytes().replace(b"\n", b"\r\n"))
    before = contents(course)
    execute.stamp("some-school/their.course", course)
    there = contents(course)
    assert {name for name in before if before[name] != there[name]} == {*STAMPED}
    execute.stamp(NAME if URL.startswith("https://github.com/") else URL, course)
    assert contents(course) == before


def test_no_other_file_has_the_address():
    assert {path.relative_to(ROOT).as_posix() for path in project_files() if NAME.encode() in path.read_bytes()} == {
        *STAMPED
    }


def test_stamping_leaves_no_old_address_and_the_outputs_as_they_are(course):
    execute.stamp("some-school/their.course", course)
    assert [name for name, data in contents(course).items() if NAME.encode() in data] == []
    pyproject = tomllib.loads((course / "pyproject.toml").read_text(encoding="utf-8"))
    new = pyproject["project"]["urls"]["Repository"]
    assert new == "https://github.com/some-school/their.course"
    for path in PATHS:
        old, stamped = (nbformat.read(folder / "notebooks" / path.name, as_version=4) for folder in (ROOT, course))
        assert stamped.cells[1].source == SETUP.replace(URL, new)
        assert LINK.format("some-school/their.course", path.name) in stamped.cells[0].source
        assert stamped.cells[2:] == old.cells[2:]
        assert stamped.cells[1].outputs == old.cells[1].outputs


def test_an_address_elsewhere_and_one_that_was_stamped_by_halves(course):
    """Every place is found by what stands around it, so a second try mends what an interrupted one left."""
    pyproject = course / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8").replace(URL, "https://github.com/half/done"))
    execute.stamp("http://127.0.0.1:8000/owner/name", course)
    stamped = contents(course)
    assert b'Repository = "http://127.0.0.1:8000/owner/name"' in stamped["pyproject.toml"]
    assert b'"nnlib-course @ git+http://127.0.0.1:8000/owner/name"' in stamped["README.md"]
    assert b" @ http://127.0.0.1:8000/owner/name/archive/HEAD.zip" in stamped["notebooks/04_backpropagation.ipynb"]


@pytest.mark.parametrize("wrong", ["nnlib", "a/b/c", "owner/name.git", "git@github.com:owner/name", "a b/c", "/name"])
def test_what_is_no_address_is_refused(course, wrong):
    before = contents(course)
    with pytest.raises(SystemExit, match="expected owner/name"):
        execute.stamp(wrong, course)
    assert contents(course) == before


def test_make_stamps_when_it_is_given_an_address():
    make = shutil.which("make") or pytest.skip("make is not here")
    given = ("MAKE", "ONLY", "REPO")  # to the make that runs this test, which hands them on
    fresh = {name: value for name, value in os.environ.items() if not name.startswith(given)}
    for arguments, expected in (["REPO=a/b"], "--repo a/b"), (["ONLY=04 05"], "04 05"), ([], ""):
        shown = subprocess.check_output([make, "-n", "notebooks", *arguments], cwd=ROOT, text=True, env=fresh)
        assert re.search(rf"notebooks/execute\.py *{expected}$", shown, re.M), shown


def test_the_setup_cell_asks_for_what_there_is():
    line = re.search(r'%pip install -q "(.*)"', SETUP)[1]
    wanted, project = Requirement(line), PYPROJECT["project"]
    assert wanted.name == project["name"] != "nnlib"
    assert wanted.url == f"{URL}/archive/HEAD.zip"  # pip needs no git for it
    assert wanted.extras == {"pictures", "widgets"} <= project["optional-dependencies"].keys()
    assert len(SETUP.splitlines()) <= 6


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_lesson_opens_in_colab(path):
    link = LINK.format(NAME, path.name)
    head = nbformat.read(path, as_version=4).cells[0].source
    assert head.endswith(f"\n\n[Open in Colab]({link})")
    row = re.search(rf"^\| \[.*\]\(notebooks/{path.name}\) .*$", README, re.M)[0]
    assert re.search(rf"\[!\[Open lesson {path.name[:2]} in Colab\]\([^)]*\)\]\({re.escape(link)}\) \|", row), row


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_lesson_that_says_nnlib_imports_it(path):
    """Where the set-up cell has to install, its own `import nnlib.data` has failed, and the name is unknown."""
    imported = False
    for cell in code_cells(nbformat.read(path, as_version=4)):
        if cell.source != SETUP:
            nodes = list(ast.walk(ast.parse(_python(cell.source))))
            imported |= any(
                alias.name == "nnlib" for node in nodes if isinstance(node, ast.Import) for alias in node.names
            )
            assert imported or not any(isinstance(node, ast.Name) and node.id == "nnlib" for node in nodes), cell.source


def test_readme_says_how_pip_gets_it_by_git():
    assert f'`pip install "{PYPROJECT["project"]["name"]} @ git+{URL}"`' in README


def test_continuous_integration_runs_the_lessons_alone():
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert "make lone" in workflow
