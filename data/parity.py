"""Makes data/parity.npz: what the frameworks gave in lesson 07, for readers who have not installed them.

    python data/parity.py            # runs the lesson with all frameworks and writes the record
    python data/parity.py --check    # runs it and compares, writes nothing

There is no second copy of the lesson's code: this script runs the cells of the notebook and keeps what each call of
`recorded` returned. Of an array with more than 20,000 numbers every 331st is kept. tests/test_parity.py runs the cells
tagged `parity` in the same way.
"""

import argparse
import linecache
import os
import re
import sys
from pathlib import Path

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}  # before numpy is imported

import nbformat
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "07_framework_comparison.ipynb"
RECORD = ROOT / "data" / "parity.npz"
STRIDE = 331


def code_cells(tag=None):
    """(name for tracebacks, source) of the notebook's code cells, all or those with a tag; magics left out."""
    for i, cell in enumerate(nbformat.read(NOTEBOOK, as_version=4).cells):
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and (tag is None or tag in tags) and "guards" not in tags:
            yield f"<{NOTEBOOK.stem}, cell {i}>", re.sub(r"^(\s*)%.*$", r"\1pass", cell.source, flags=re.M)


def run_cells(cells, scope=None, after=None):
    """Run cells one after the other in one namespace and return it. `after(scope)` is called after each."""
    scope = {} if scope is None else scope
    for name, source in cells:
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name  # for inspect.getsource
        exec(compile(source, name, "exec"), scope)
        if after:
            after(scope)
    return scope


def framework_code():
    """The namespace after the cells tagged `parity`: our_run, torch_run, keras_run, jax_run, sklearn_run and more."""
    return run_cells([("<set-up>", "import nnlib.data\nimport numpy as np"), *code_cells("parity")])


def thinned(array):
    array = np.asarray(array)
    return array.ravel()[::STRIDE] if array.size > 20_000 else array


def record():
    """{"key:i": array} of everything that the lesson asked of a framework."""
    kept = {}

    def watch(scope):
        switch = scope.get("recorded")
        if switch is None or hasattr(switch, "watched"):
            return

        def recorded(framework, key, run, *arguments, **knobs):
            if not scope["here"][framework]:
                raise SystemExit(f"{framework} is not installed: pip install -r requirements-frameworks.txt")
            parts = run(*arguments, **knobs)
            kept.update({f"{key}:{i}": thinned(part) for i, part in enumerate(parts)})
            return parts

        recorded.watched = True
        scope["recorded"] = recorded

    run_cells(code_cells(), after=watch)
    return kept


def complaints(old, new):
    """What differs between two records by more than another processor explains."""
    if missing := old.keys() ^ new.keys():
        yield f"in one of the two only: {sorted(missing)}"
    for name in sorted(old.keys() & new.keys()):
        a, b = np.asarray(old[name], dtype=float), np.asarray(new[name], dtype=float)
        if a.shape != b.shape:
            yield f"{name}: shapes {a.shape} and {b.shape}"
        elif "float64" in name and not np.allclose(a, b, rtol=1e-10, atol=1e-12):
            yield f"{name}: apart by {np.max(np.abs(a - b)):.1e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the stored record and write nothing")
    check = parser.parse_args().check
    new = record()
    if not check:
        temporary = RECORD.with_suffix(".part.npz")
        np.savez_compressed(temporary, **new)
        temporary.replace(RECORD)
        print(f"{RECORD.name}: {len(new)} arrays, {RECORD.stat().st_size / 1024:.0f} KB")
        return
    with np.load(RECORD) as file:
        found = list(complaints(dict(file), new))
    print("\n".join(found) or f"{RECORD.name}: {len(new)} arrays agree")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
