"""The training runs of lesson 07, one framework in a process of its own: `python lesson07.py NAME THREADS CORE`.

It answers {"do": "go", "size": 64} with {"seconds_per_image": …}, by the lesson's own code, SGD in float32, its loader
and its bookkeeping included. A run of three epochs minus one of a single epoch leaves out what comes once: building
the model and compiling.
"""

import dataclasses
import sys
import time

from protocol import ROOT, own_stdout, serve, settle

NAMES = {"nnlib": "our", "PyTorch": "torch", "Keras": "keras", "JAX": "jax", "scikit-learn": "sklearn"}


def lesson_of(name):
    """The namespace of the lesson's cells tagged `parity`, run as if no other framework were installed."""
    sys.path.insert(0, str(ROOT / "data"))
    import parity

    def hide(scope):
        scope["here"] = {other: there and other in ("nnlib", name) for other, there in scope.get("here", {}).items()}

    cells = [("<set-up>", "import nnlib.data\nimport numpy as np"), *parity.code_cells("parity")]
    return parity.run_cells(cells, after=hide)


def main(name, threads="1", cores=""):
    answers = own_stdout()
    settle(int(threads), [int(core) for core in cores.split(",") if core])
    sys.path.insert(0, str(ROOT))
    lesson = lesson_of(name)
    run, images, labels = lesson[f"{NAMES[name]}_run"], lesson["X"], lesson["y"]
    few = lesson["data"].dev.X[:64], lesson["data"].dev.y[:64]
    lesson["data"] = dataclasses.replace(lesson["data"], dev=few)  # Keras alone evaluates dev after each epoch
    known, rule = set(), {} if name == "scikit-learn" else {"rule": "SGD"}

    def timed(size, epochs):
        start = time.perf_counter()
        run(**rule, dtype="float32", size=size, epochs=epochs)
        return time.perf_counter() - start

    def go(size):
        count = 6400 // size * size if size > 1 else 320
        lesson["X"], lesson["y"] = images[:count], labels[:count]
        if size not in known:
            timed(size, 1)  # JAX compiles in the first run alone
            known.add(size)
        once = timed(size, 1)
        return {"seconds_per_image": (timed(size, 3) - once) / (2 * count)}

    serve({"go": go}, answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
