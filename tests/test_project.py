"""Does the repository keep its own promises: who imports whom, how much code there is, what README says?"""

import ast
import importlib.util
import inspect
import io
import json
import os
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

import nnlib

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {path.stem: path for path in sorted((ROOT / "nnlib").glob("*.py"))}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

CORE = ["init", "functional", "losses", "layers", "optim", "gradcheck"]
ARROWS = {  # module: modules of nnlib it may import, packages it may import at the top, packages when needed
    "init": ([], ["numpy"], []),
    "functional": ([], ["numpy"], []),
    "losses": (["functional"], ["numpy"], []),
    "layers": (["init", "functional", "saving"], ["numpy"], []),
    "saving": ([], ["numpy"], []),
    "optim": ([], ["numpy"], []),
    "gradcheck": ([], ["numpy"], []),
    "data": (["download"], ["numpy"], []),  # when full=True asks for it
    "download": ([], ["numpy"], ["pooch", "requests"]),
    "metrics": ([], ["numpy"], ["pandas"]),
    "train": (["losses", "functional", "data", "metrics"], ["numpy"], ["tqdm"]),
    "clinic": (["data", "functional", "gradcheck", "layers", "metrics", "optim"], ["numpy"], ["pandas"]),
    "sandbox": (["exercises"], ["numpy"], ["IPython", "traitlets"]),
    "grade": (["exercises", "sandbox"], ["numpy"], ["matplotlib", "psutil"]),
    "carry": ([], [], []),
    "viz": ([], ["numpy", "matplotlib"], ["matplotlib", "IPython", "PIL"]),
}
PUBLIC = {
    "init": ["zeros", "normal", "uniform", "lecun", "glorot", "he"],
    "functional": ["sigmoid", "tanh", "relu", "softmax", "log_softmax", "one_hot"],
    "losses": ["cross_entropy", "binary_cross_entropy", "mse"],
    "layers": ["Layer", "Linear", "Sigmoid", "Tanh", "ReLU", "Dropout", "Sequential", "Params"],
    "optim": ["SGD", "AdaGrad", "RMSProp", "Adam"],
    "data": ["load_mnist", "load_fashion_mnist", "Dataset", "Split", "batches", "split", "spirals", "moons"],
    "metrics": ["accuracy", "confusion_matrix", "classification_report"],
    "train": ["fit", "evaluate", "predict", "predict_proba"],
    "gradcheck": ["numeric_gradient", "check_gradients"],
    "clinic": ["examine"],
}
TOP_LEVEL = {
    "README.md", "requirements.txt", "requirements-frameworks.txt", "Makefile", "pyproject.toml",
    "LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "notebooks", "nnlib", "data", "tests",
}  # fmt: skip
MADE = {"__pycache__", "build", "dist"}  # by tools; git ignores them


def python(*arguments, cwd, timeout=120):
    old = ["-W", "ignore::DeprecationWarning"] if os.environ.get("NNLIB_OLDEST") else []  # as in conftest.py
    command = [sys.executable, "-W", "error", *old, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", timeout=timeout)


def project_files():
    """Every text file of the project."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = {part for part in parts if part[0] == "." and part not in (".ci", ".github")} - {parts[-1]}
        if path.is_file() and not hidden and not MADE & {*parts} and path.suffix not in (".npz", ".png", ".pyc"):
            yield path


# who imports whom


def imports(source):
    """(modules of nnlib, packages imported at the top, packages imported inside functions)."""
    tree = ast.parse(source)
    own, top, inside = set(), set(), set()
    outermost = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            own |= {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            for name in names:
                package, _, rest = name.partition(".")
                if package == "nnlib":
                    own.add(rest.partition(".")[0] or "nnlib")
                elif package not in sys.stdlib_module_names:
                    (top if id(node) in outermost else inside).add(package)
    return own, top, inside


def against_the_arrows(name, source):
    return [
        f"{name} imports {sorted(found - {*allowed})}, allowed are {allowed} {place}"
        for found, allowed, place in zip(
            imports(source), ARROWS[name], ("of nnlib", "at the top", "when needed"), strict=True
        )
        if found - {*allowed}
    ]


def test_every_module_has_its_place():
    assert SOURCES.keys() - {"__init__"} == ARROWS.keys()


@pytest.mark.parametrize("name", ARROWS)
def test_imports_run_along_the_arrows(name):
    assert against_the_arrows(name, SOURCES[name].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("init", "from .functional import relu"),
        ("optim", "from . import layers"),
        ("losses", "import nnlib.layers"),
        ("losses", "from nnlib import layers"),
        ("layers", "import scipy.special"),
        ("metrics", "import pandas as pd"),
        ("data", "def f():\n    import pandas"),
        ("gradcheck", "if True:\n    import torch"),
    ],
)
def test_an_import_against_the_arrows_is_seen(name, source):
    assert against_the_arrows(name, source)


def test_import_loads_numpy_alone():
    """What `import nnlib` brings beyond numpy's own modules and the standard library: nothing but nnlib."""
    code = (
        "import sys, numpy, numpy.random; old = {*sys.modules}; import nnlib; "
        "print(*{name.split('.')[0] for name in {*sys.modules} - old})"
    )
    done = python("-c", code, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert {*done.stdout.split()} - {*sys.stdlib_module_names} - {"numpy"} == {"nnlib"}


# how much there is


def code_lines(source):
    """The number of lines that hold code: no blank lines, comments and docstrings."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    docstrings = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            docstrings |= {*range(node.body[0].lineno, node.body[0].end_lineno + 1)}
    layout = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    found = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in layout:
            found |= {*range(token.start[0], token.end[0] + 1)}
    return len(found - docstrings)


def test_code_lines_counts_code():
    source = '"""Doc.\n\nMore."""\n\nimport os  # why\n\n\n# a comment\n'
    source += 'def f(a,\n      b):\n    """Doc."""\n    return """x\n\ny"""\n'
    assert code_lines(source) == 6  # import, two of def, three of the string


def test_the_library_stays_small():
    counts = {name: code_lines(SOURCES[name].read_text(encoding="utf-8")) for name in [*CORE, "data", "train"]}
    assert sum(counts.values()) < 700, counts
    assert code_lines(SOURCES["viz"].read_text(encoding="utf-8")) <= 400


WIDGETS = sorted((ROOT / "nnlib" / "widgets").glob("*.py"))


def test_a_file_of_the_widgets_stays_readable():
    for path in WIDGETS:
        assert code_lines(path.read_text(encoding="utf-8")) <= 350, path.name
    for path in (ROOT / "nnlib" / "widgets").glob("*.js"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 350, path.name


def test_the_logic_of_the_widgets_needs_no_ipywidgets():
    code = (
        "import sys, nnlib.widgets as w; s = w.TrainingStepper.no_calculator(); s.step(); s.as_json(); s.describe(); "
        "print({'ipywidgets', 'anywidget', 'traitlets', 'IPython'} & {*sys.modules})"
    )
    done = python("-c", code, cwd=ROOT)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr


def test_nothing_imports_the_widgets_or_the_exercises():
    for path in (ROOT / "nnlib").rglob("*.py"):
        package = path.relative_to(ROOT / "nnlib").parts[0]
        found = {
            *re.findall(
                r"^\s*(?:from|import) (?:nnlib)?\.+(widgets|exercises)\b", path.read_text(encoding="utf-8"), re.M
            )
        }
        allowed = {"exercises"} if package in ("grade.py", "sandbox.py") else {package}  # the graders of the exercises
        assert found - allowed == set(), path.name


# names


def test_the_public_names_are_there():
    for module, names in PUBLIC.items():
        for name in names:
            assert getattr(nnlib, name) is getattr(importlib.import_module(f"nnlib.{module}"), name), f"{module}.{name}"


@pytest.mark.parametrize("name", SOURCES)
def test_every_public_name_has_a_docstring(name):
    module = importlib.import_module("nnlib" if name == "__init__" else f"nnlib.{name}")
    assert (module.__doc__ or "").strip()
    own = {key: thing for key, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__}
    without = [key for key, thing in own.items() if key[0] != "_" and not (thing.__doc__ or "").strip()]
    assert not without
    # a NamedTuple and a dataclass write their own, which says nothing
    made = [key for key, thing in own.items() if inspect.isclass(thing) and (thing.__doc__ or "").startswith(f"{key}(")]
    assert not made


@pytest.mark.parametrize("module", CORE)
def test_the_core_says_in_which_lesson_it_is_built(module):
    things = {name: getattr(importlib.import_module(f"nnlib.{module}"), name) for name in PUBLIC[module]}
    assert [name for name, thing in things.items() if not re.search(r"Built in\s+lessons? \d\d", thing.__doc__)] == []


def test_what_init_exports_is_a_module_or_is_documented_above():
    listed = {name for names in PUBLIC.values() for name in names}
    more = {
        name for name, thing in vars(nnlib).items() if name[0] != "_" and not isinstance(thing, ModuleType)
    } - listed
    derivatives = {f"{name}_derivative" for name in ("sigmoid", "tanh", "relu")}
    assert more == derivatives | {"Optimizer", "Evaluation", "GradientError"}


# files that must agree


def test_top_level():
    found = {path.name for path in ROOT.iterdir() if path.name[0] != "." and not path.name.endswith(".egg-info")}
    assert found - MADE == TOP_LEVEL


def test_versions_agree():
    newest = re.search(
        r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M
    )
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert newest[1] == cited[1] == nnlib.__version__


def test_repository_is_stated_alike():
    url = PYPROJECT["project"]["urls"]["Repository"]
    assert f"\nrepository-code: {url}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    others = set(re.findall(r"https://github\.com/[\w-]*nnlib[\w-]*/[\w-]+", README)) - {url}
    assert not others


def bounds():
    """{package: bounds} of requirements.txt and of pyproject.toml."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    wanted = [line.partition("#")[0].strip() for line in text.splitlines()]
    listed = [Requirement(line) for line in wanted if line and line[0] != "-"]
    project = PYPROJECT["project"]
    extras = [line for group in project["optional-dependencies"].values() for line in group]
    declared = [Requirement(line) for line in [*project["dependencies"], *extras]]
    return ({requirement.name: str(requirement.specifier) for requirement in kind} for kind in (listed, declared))


def test_bounds_agree():
    listed, declared = bounds()
    assert {name: listed.get(name) for name in declared} == declared
    assert listed["ipywidgets"] == "<9,>=7.7.1"


def test_notebooks_are_timed_by_the_benchmark():
    timings = json.loads((ROOT / "data" / "timings.json").read_text(encoding="utf-8"))
    assert timings["threads"] == 1
    assert timings["import_seconds"] > 0
    assert list(timings) == sorted(timings)


def test_no_file_names_one_machine_or_somebody_elses_package():
    mine = ("tests/test_project.py", "tests/test_notebooks.py")  # which hold the patterns, and what they must find
    for path in project_files():
        name = path.relative_to(ROOT).as_posix()
        if name not in mine:
            text = path.read_text(encoding="utf-8")
            assert not (found := re.search(r"/(home|Users|root|work)/\w|\b[A-Z]:\\(?!n\")\w", text)), (
                f"{name}: {found[0]}"
            )
            assert not (found := re.search(r"(?<!not `)pip install (-\w+ )*nnlib\b(?!-)", text)), f"{name}: {found[0]}"


# README


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def test_readme_shows_the_notation():
    for part in ("per row", "Z = X @ W + b", "(in, out)", "logits", "softmax", "`dZ`", "theta", "rng"):
        assert re.search(rf"^\|.*{re.escape(part)}", README, re.M), f"no row of a table says {part!r}"


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md", "notebooks/help.md"]
)
def test_documents_name_existing_files(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    folder = (ROOT / document).parent
    linked = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text)
    named = re.findall(r"`((?:notebooks|nnlib|data|tests|\.ci|\.github)/[\w./-]+)`", text)
    missing = [name for name in linked if not (folder / name).exists()]
    missing += [name for name in named if not (ROOT / name).exists() and "bundled" not in name]
    assert not missing
    if document == "README.md":
        assert linked


def test_readme_lists_every_lesson():
    for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        assert f"notebooks/{path.name}" in README
        title = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
        minutes = re.search(r"(\d+) minutes", "".join(title))[1]
        row = re.search(rf"^\|.*{path.name}.*$", README, re.M)[0]
        assert re.search(rf"\b{minutes}\b", row), f"{path.name}: {minutes} minutes, but README says {row}"


def test_readme_script_runs(tmp_path):
    """All Python blocks, one after the other, as one script in an empty folder."""
    scripts = blocks("python")
    assert scripts
    assert any("fit(" in script and len(script.splitlines()) <= 25 for script in scripts)
    (tmp_path / "script.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n" + "\n".join(scripts))
    done = python("script.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    shown = re.findall(r"^[✓!·] .*$|^✗ red .*$", README, re.M)
    words = [re.sub(r"-?\d[\d.e-]*", "#", line) for line in (*shown, *done.stdout.splitlines())]
    assert len(shown) > 10
    assert words[: len(shown)] == words[-len(shown) :], "README shows another report than its script prints"


def test_readme_shows_the_table_that_the_benchmark_wrote():
    spec = importlib.util.spec_from_file_location("table", ROOT / "tests" / "benchmarks" / "table.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    timings = json.loads((ROOT / "data" / "timings.json").read_text(encoding="utf-8"))
    assert table.readme_table(timings).strip() in README


def test_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {*re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()}
    assert {"help", "learn", "test", "test-all", "notebooks", "bench", "lint"} <= targets
    assert {*re.findall(r"^([a-z-]+):.*## ", makefile, re.M)} == targets, "make help leaves one out"
    for document in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        commands = re.findall(r"(?:^|`)make ((?:[a-z-]+ ?)+)", text, re.M)
        used = {target for words in commands for target in words.split()}
        assert used <= targets, f"{document} names {used - targets}"
    for target in ("learn", "test"):
        assert f"make {target}" in README


def test_continuous_integration_proves_all():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make test-all" in script
    assert "ruff format --check ." in script
