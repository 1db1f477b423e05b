"""What every rival of the benchmark shares: its threads, its start, its batches, its clock, and how it is spoken to."""

import importlib.util
import itertools
import json
import math
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEARNS = {"SGD": 0.1, "Adam": 0.001}  # the learning rates of the four steps that are compared
STAYS = 1e-6  # when timed, the network stays where it is: step 1,000 computes with numbers like those of step 1
EPS = 1e-10  # of Adam; Keras and scikit-learn add it before the correction, which at 1e-8 shows in the losses
BATCHES, EXAMPLES = 64, 8192  # at most


def settle(threads=1, cores=()):
    """One thread (or so many) for every library, on these cores; before any of them is imported."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    os.environ.pop("OPENBLAS_CORETYPE", None)  # some machines name an old processor here, which halves the products
    os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    os.environ["TQDM_DISABLE"] = "1"
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def start_of(widths):
    """[(W, b), …], the same in every process."""
    import numpy as np

    rng = np.random.default_rng(0)
    return [
        (rng.standard_normal(shape, np.float32) / np.float32(math.sqrt(shape[0])), np.zeros(shape[1], np.float32))
        for shape in itertools.pairwise(widths)
    ]


def batches_of(widths, size):
    """[(X, y), …]: bundled digits, or points of the plane in two classes; at most 64 batches and 8,192 examples."""
    import numpy as np

    count = size * min(BATCHES, EXAMPLES // size)
    if widths[0] == 784:
        with np.load(ROOT / "data" / "mnist.npz") as file:
            rows = np.random.default_rng(1).permutation(len(file["labels"]))[:count]  # the file is sorted by class
            X, y = file["images"][rows], file["labels"][rows]
        X, y = X.reshape(count, 784).astype(np.float32) / 255, y.astype(np.int64)
    else:
        X = np.random.default_rng(1).standard_normal((count, widths[0]), np.float32)
        y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    return [(X[i : i + size], y[i : i + size]) for i in range(0, count, size)]


class Rival:
    """What all have in common: `build` makes the network, `step` trains on one batch, `go` is what is timed."""

    modules = ()

    def __init__(self, widths, activation, optimizer, batch):
        self.activation, self.optimizer, self.batch = activation, optimizer, batch
        self.build(start_of(widths))
        self.batches = [self.own(X, y) for X, y in batches_of(widths, batch)]
        self.set_lr(LEARNS[optimizer])
        self.losses = [float(self.step(*batch)) for batch in self.batches[:4]]
        self.set_lr(STAYS)
        self.go(3)

    @classmethod
    def prepare_library(cls, threads):
        """Import it and set its threads."""

    @staticmethod
    def kernels():
        """What computes, in words; "" for what threadpoolctl says."""
        return ""

    def own(self, X, y):
        """A batch in the rival's own kind of array."""
        return X, y

    def wait(self, loss):
        """Return when the last step is done."""

    def go(self, steps):
        """(seconds, steps)"""
        batches = list(itertools.islice(itertools.cycle(self.batches), steps))
        start = time.perf_counter()
        for X, y in batches:
            loss = self.step(X, y)
        self.wait(loss)
        return time.perf_counter() - start, steps


def peak():
    """The most memory that this process ever held, in megabytes."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil  # comes with Jupyter

        return psutil.Process().memory_info().peak_wset / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def blas():
    """The BLAS that NumPy and SciPy use here: library, version, the processor it takes this one for."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return "not known: threadpoolctl is not installed"
    from threadpoolctl import threadpool_info

    found = [info for info in threadpool_info() if info["user_api"] == "blas"]
    parts = ("internal_api", "version", "architecture")
    return ", ".join(dict.fromkeys(" ".join(str(info.get(part) or "") for part in parts).strip() for info in found))


def own_stdout():
    """A file for the answers; what libraries print from now on goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def serve(handlers, answers):
    """Answer requests, {"do": name of a handler, …}, until "quit" or the end of stdin."""
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("do")
        if what == "quit":
            break
        print(json.dumps(handlers[what](**request)), file=answers, flush=True)
