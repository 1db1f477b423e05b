"""Does tests/versions.py test the bounds that are stated, on the Pythons found, and does the workflow call it?"""

import re
import shutil
import subprocess
import sys
from importlib.metadata import version

import nbformat
import pytest
import versions
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement
from test_notebooks import execute, run_pytest

TESTS = """\
import os, pytest
def test_passes():
    assert ("NNLIB_OLDEST" in os.environ) == ("-oldest" in os.getcwd())
@pytest.mark.skip(reason='no loom here')
def test_skipped(): pass
"""
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_oldest_packages_are_the_lower_bounds():
    pins = {pin.name: pin.specifier for pin in map(Requirement, versions.oldest_packages())}
    lines = [line.partition("#")[0].strip() for line in versions.read("requirements.txt").splitlines()]
    listed = [Requirement(line) for line in lines if line and line[0] != "-"]
    assert {"numpy", "matplotlib", "pandas", "ipywidgets"} <= {wanted.name for wanted in listed}
    for wanted in listed:
        (lowest,) = [bound.version for bound in wanted.specifier if bound.operator == ">="]
        assert str(pins[wanted.name]) == f"=={lowest}"
        assert wanted.specifier.contains(lowest)


def test_the_pythons_found_are_what_they_are_called():
    found = versions.pythons()
    assert HERE in found
    for name, program in found.items():
        ask = "import sys, venv; print(*sys.version_info[:2], sep='.')"
        assert subprocess.check_output([program, "-c", ask], encoding="utf-8").strip() == name


def test_pythons_are_found_on_the_path_and_in_pyenv_and_broken_or_old_ones_are_not(tmp_path, monkeypatch):
    if sys.platform == "win32":
        pytest.skip("made-up programs are shell scripts")

    def program(path, answer):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{answer}\n")
        path.chmod(0o755)
        return str(path)

    on_path = program(tmp_path / "bin" / "python3.97", "echo cpython 97")
    in_pyenv = program(tmp_path / "pyenv" / "versions" / "3.98.1" / "bin" / "python", "echo cpython 98")
    program(tmp_path / "bin" / "python3.10", "echo cpython 10")
    program(tmp_path / "bin" / "python3.96", "echo command not found >&2; exit 127")
    program(tmp_path / "bin" / "python3.95", "echo pypy 95")
    program(tmp_path / "bin" / "python3.94-config", "echo cpython 94")
    in_uv = program(tmp_path / "uv-python", "echo cpython 99")
    program(tmp_path / "bin" / "uv", f"""echo '[{{"path": "{in_uv}"}}]'""")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    expected = {HERE: sys.executable, "3.97": on_path, "3.98": in_pyenv, "3.99": in_uv}
    assert versions.pythons() == expected
    assert [*versions.pythons()] == [*expected]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """(exit code, what was printed) of a run whose tests are those given, in this environment."""
    monkeypatch.setattr(versions, "OUT", tmp_path)
    monkeypatch.setattr(versions, "pythons", lambda: {"3.11": sys.executable, "3.12": sys.executable})
    monkeypatch.delenv("NNLIB_OLDEST", raising=False)

    def call(tests, *arguments):
        def prepare(name, python, log):
            (tmp_path / name).mkdir()
            (tmp_path / name / "pytest.ini").write_text("[pytest]\naddopts = -ra -p no:nbval\n")
            (tmp_path / name / "test_it.py").write_text(tests)
            return python

        monkeypatch.setattr(versions, "prepare", prepare)
        return versions.main([*arguments]), capsys.readouterr().out

    return call


@pytest.mark.parametrize("chosen", ["", "oldest newest"])
def test_a_green_run_says_what_it_ran_with_and_what_it_skipped(run, chosen):
    code, said = run(TESTS, *chosen.split())
    assert code == 0
    rows = re.findall(r"^(3\.1\d-\w+) +(\S+) +\S+ +\S+ +\S+ +1 passed, 1 skipped +green +0\.\d$", said, re.M)
    ran = ["3.11-oldest", "3.12-newest"] if chosen else ["3.11-oldest", "3.11-newest", "3.12-newest"]
    assert rows == [(name, version("numpy")) for name in ran]
    assert "\nskipped: no loom here\n" in said
    assert re.findall(r"^not tested: Python (\S+),", said, re.M) == versions.supported()[2:]


def test_one_red_test_makes_the_run_red_and_is_shown(run):
    code, said = run(TESTS + "def test_fails(): assert 'snow' == 'rain'\n", "3.11-newest")
    assert code == 1
    assert "3.11-newest: RED, 1 failed, 1 passed, 1 skipped" in said
    assert "assert 'snow' == 'rain'" in said
    assert re.findall(r"^(\S+): started", said, re.M) == ["3.11-newest"]


def test_options_reach_pytest_and_no_test_is_not_green(run):
    assert run(TESTS, "3.11-newest", "--", "-k", "passes")[0] == 0
    code, said = run(TESTS, "3.11-oldest", "--", "-k", "no_such_test")
    assert (code, "RED, no tests ran" in said) == (1, True)


def test_an_unknown_combination_is_refused(run):
    for name in ("3.10-newest", "3.11-middle", "3.11"):
        with pytest.raises(SystemExit, match=f"cannot run '{name}'"):
            run(TESTS, name)


def test_an_environment_that_cannot_be_made_is_red(tmp_path, monkeypatch, capsys):
    """A Python that answers but makes none: the copy of the course is real, what it lacks is named in the log."""
    monkeypatch.setattr(versions, "OUT", tmp_path)
    monkeypatch.setattr(versions, "pythons", lambda: {"3.11": shutil.which("false") or "no-such-python"})
    assert versions.main(["3.11-oldest"]) == 1
    said = capsys.readouterr().out
    assert "returned non-zero exit status" in said
    assert "3.11-oldest: RED, not installed" in said
    copied = {path.name for path in (tmp_path / "3.11-oldest").iterdir()}
    assert {"nnlib", "notebooks", "tests", "pyproject.toml", ".github"} <= copied
    assert not {".git", ".venv", "build"} & copied
    constraints = (tmp_path / "3.11-oldest" / ".constraints").read_text(encoding="utf-8")
    assert constraints.splitlines() == versions.oldest_packages()


def test_beside_the_oldest_a_deprecation_is_no_error_and_any_other_warning_is(tmp_path):
    kinds = ("DeprecationWarning", "UserWarning")
    cells = {kind: f"import warnings\nwarnings.warn('look out', {kind})" for kind in kinds}
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests").mkdir()
    for kind, source in cells.items():
        test = f"def test_{kind}():\n    " + source.replace("\n", "\n    ")
        (tmp_path / "tests" / f"test_{kind}.py").write_text(test, encoding="utf-8")
    notebook = execute.normalise(new_notebook(cells=[new_code_cell(source) for source in cells.values()]))
    nbformat.write(notebook, tmp_path / "notebooks" / "warns.ipynb")
    done = run_pytest(tmp_path, NNLIB_OLDEST="1")
    assert " 2 failed, 2 passed in " in done.stdout.splitlines()[-1], done.stdout
    assert "FAILED tests/test_UserWarning.py" in done.stdout
    assert "FAILED notebooks/warns.ipynb::Cell 1" in done.stdout


def test_the_workflow_runs_it_on_every_supported_python():
    workflow = versions.read(".github/workflows/tests.yml")
    assert versions.supported()[0] == versions.oldest_python()
    assert "run: python tests/versions.py ${{ matrix.python }}-${{ matrix.packages }}" in workflow
    assert "packages: [newest]" in workflow
    oldest = re.search(r'include:\n +- os: \S+\n +python: "(\S+)"\n +packages: oldest\n', workflow)
    assert oldest[1] == versions.oldest_python()
    tried = re.search(r"for python in (.*); do", versions.read("Makefile"))[1]
    assert sorted(re.findall(r"python(3\.\d+)", tried)) == versions.supported()


def test_it_runs_pytest_as_make_does():
    assert f"\nTWO := {' '.join(versions.TWO)}\n" in versions.read("Makefile")
    assert versions.read("Makefile").count("-m pytest $(TWO)\n") == 2
