"""Delete one assertion of one check and see a test go red; for each of them in turn.

    python tests/mutations.py            # all: some minutes
    python tests/mutations.py lesson06   # those of one file
    python tests/mutations.py --list

An assertion is a `return Diagnosis.…` in a check, a known mistake, or a row of a table of cases. It is deleted in a
copy of the repository; then the exercise tests run there. Prints what survives. test_mutations.py runs a few of them.
"""

import ast
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "nnlib/exercises").glob("[cdl]*.py"))


@dataclass(frozen=True)
class Mutation:
    """The lines from `first` to `last` (counted from 1) of a file are replaced by `text`."""

    file: str
    first: int
    last: int
    column: int
    text: str
    what: str

    def __str__(self):
        return f"{self.file}:{self.first} {self.what}"

    def applied(self, source):
        lines = source.splitlines()
        lines[self.first - 1 : self.last] = [" " * self.column + self.text] if self.text else []
        return "\n".join(lines) + "\n"


def mutations(path):
    """All assertions of one file."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        span = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0), getattr(node, "col_offset", 0)
        if isinstance(node, ast.Return) and _diagnosis(node.value) not in (None, "CORRECT", "NOT_ATTEMPTED"):
            yield Mutation(path.stem, *span, "pass", lines[node.lineno - 1].strip()[:70])
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if _is_mistake(decorator):
                    yield Mutation(path.stem, decorator.lineno, span[1], 0, "", ast.unparse(decorator)[:70])
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _is_mistake(node.value.func):
            yield Mutation(path.stem, *span, "pass", ast.unparse(node.value.func)[:70])
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List) and len(node.value.elts) > 2:
            for row in node.value.elts:
                if isinstance(row, ast.Tuple) and lines[row.lineno - 1].strip().startswith("("):
                    yield Mutation(path.stem, row.lineno, row.end_lineno, 0, "", ast.unparse(row)[:70])


def _diagnosis(value):
    """The name in `Diagnosis.NAME, message`."""
    first = value.elts[0] if isinstance(value, ast.Tuple) and value.elts else None
    named = isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name) and first.value.id == "Diagnosis"
    return first.attr if named else None


def _is_mistake(call):
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "mistake"


def is_noticed(mutation):
    """Does a test of the exercises fail once this assertion is gone? None: is everything green without a mutation?"""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("nnlib", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, copy)
        if mutation:
            path = copy / "nnlib/exercises" / f"{mutation.file}.py"
            path.write_text(mutation.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbval", "-o", "addopts=", "--no-header"]
        if mutation and mutation.file.startswith("lesson"):
            options += ["-k", f"{int(mutation.file[6:])}."]
        run = [sys.executable, "-m", "pytest", *options, "tests/test_exercises.py"]
        done = subprocess.run(run, cwd=copy, capture_output=True, encoding="utf-8", timeout=120)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{mutation}: pytest ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.returncode == 1


def main(arguments):
    chosen = [
        m for path in FILES if path.stem in (arguments or [path.stem]) or "--list" in arguments for m in mutations(path)
    ]
    if "--list" in arguments:
        print(*chosen, sep="\n")
        return 0
    if is_noticed(None):
        print("the exercise tests fail as they are: mend them first")
        return 1
    with ThreadPoolExecutor(2) as pool:
        survivors = [m for m, noticed in zip(chosen, pool.map(is_noticed, chosen), strict=True) if not noticed]
    print(*[f"not noticed: {m}" for m in survivors], sep="\n")
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} deleted assertions turn a test red")
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
