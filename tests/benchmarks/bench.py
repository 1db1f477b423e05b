"""How fast is nnlib? `make bench` prints a table and writes data/timings.json, which the lessons quote.

Everything is measured in one run. What is compared takes turns, round after round, so that a slow moment of the
machine hits all alike; the median of the rounds counts.
"""

import os

# before numpy is imported; some machines name an old processor here, which halves the matrix products
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}

import copy
import dataclasses
import importlib.util
import itertools
import json
import math
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from widgets import measure_widgets

from nnlib import (
    SGD,
    Adam,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    binary_cross_entropy,
    cross_entropy,
    fit,
    load_fashion_mnist,
    load_mnist,
    moons,
)

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORKS = {"nnlib": "our", "PyTorch": "torch", "Keras": "keras", "JAX": "jax", "scikit-learn": "sklearn"}
RESULT = ROOT / "data" / "timings.json"


def measure(functions, rounds=15, calls=20, warm_up=3):
    """Median seconds per call of each function in {name: function}, measured in turns."""
    for function in functions.values():
        for _ in range(warm_up):
            function()
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            for _ in range(calls):
                function()
            seconds[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(values) for name, values in seconds.items()}


def network(*widths, activation=ReLU, rng):
    """Linear layers with an activation between them."""
    layers = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [Linear(fan_in, fan_out, rng=rng), activation()]
    return Sequential(*layers[:-1])


def step_of(net, opt, X, y, input_gradient=False):
    """One training step, as in the loop that lesson 05 writes."""

    def step():
        _, dZ = cross_entropy(net.forward(X, training=True), y)
        net.backward(dZ, input_gradient)
        opt.step()

    return step


def by_hand(net, X, y, lr):
    """The step of `step_of` with SGD for a 784-128-64-10 network, written out in NumPy: no layers, no checks."""
    W1, b1, W2, b2, W3, b3 = (getattr(layer, name).copy() for layer in net.layers for name in layer.parameter_names)
    rows = np.arange(len(X))

    def step():
        A1 = np.maximum(X @ W1 + b1, 0)
        A2 = np.maximum(A1 @ W2 + b2, 0)
        Z = A2 @ W3 + b3
        E = np.exp(Z - Z.max(axis=1, keepdims=True))
        dZ = E / E.sum(axis=1, keepdims=True)
        -np.log(dZ[rows, y]).mean()
        dZ[rows, y] -= 1
        dZ /= len(X)
        dA2 = (dZ @ W3.T) * (A2 > 0)
        dA1 = (dA2 @ W2.T) * (A1 > 0)
        for W, b, A, dA in ((W3, b3, A2, dZ), (W2, b2, A1, dA2), (W1, b1, X, dA1)):
            W -= lr * (A.T @ dA)
            b -= lr * dA.sum(axis=0)

    step.parameters = (W1, b1, W2, b2, W3, b3)
    return step


def adam_with_names(params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam as it is written in textbooks, with a new full-size array for every intermediate result."""
    theta, t = params.value, 0
    m, v = np.zeros_like(theta), np.zeros_like(theta)

    def step():
        nonlocal theta, m, v, t
        t += 1
        m = beta1 * m + (1 - beta1) * params.grad
        v = beta2 * v + (1 - beta2) * params.grad**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta -= lr * m_hat / (np.sqrt(v_hat) + eps)

    return step


def import_seconds():
    """Median over fresh interpreters of `import nnlib`, and of numpy alone."""

    def once(module):
        code = f"import time; s = time.perf_counter(); import {module}; print(time.perf_counter() - s)"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        return float(done.stdout)

    pairs = [(once("nnlib"), once("numpy")) for _ in range(7)]
    return [statistics.median(column) for column in zip(*pairs, strict=True)]


def epochs(rng):
    """Median seconds per epoch of the networks of lesson 05, batches of 64."""
    mnist, fashion = load_mnist().train, load_fashion_mnist().train
    two = moons(500, rng=rng)
    kinds = {
        "MNIST 784-10-10": (network(784, 10, 10, rng=rng), cross_entropy, mnist, 5),
        "MNIST 784-128-64-10 sigmoid": (
            network(784, 128, 64, 10, activation=Sigmoid, rng=rng),
            cross_entropy,
            mnist,
            5,
        ),
        "MNIST 784-128-64-10 ReLU": (network(784, 128, 64, 10, rng=rng), cross_entropy, mnist, 5),
        "Fashion-MNIST 784-128-10": (network(784, 128, 10, rng=rng), cross_entropy, fashion, 5),
        "moons 2-8-8-8-1 sigmoid": (network(2, 8, 8, 8, 1, activation=Sigmoid, rng=rng), binary_cross_entropy, two, 20),
    }
    found = {name: [] for name in kinds}
    for _ in range(3):
        for name, (net, loss, train, count) in kinds.items():
            history = fit(net, loss, SGD(net.parameters(), lr=0.05), train, epochs=count, rng=rng, progress=False)
            found[name] += [row["seconds"] for row in history]
    return {name: statistics.median(values) for name, values in found.items()}


def frameworks():
    """(seconds per epoch of 6,400 images in batches of 64, microseconds per image by batch size), both by framework.

    The code is that of lesson 07, SGD in float32. A run of three epochs minus one of a single epoch leaves out what
    comes once: building the model and compiling. What is not installed is left out; its old figures are kept.
    """
    spec = importlib.util.spec_from_file_location("parity", ROOT / "data" / "parity.py")
    parity = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parity)
    lesson = parity.framework_code()
    runs = {name: lesson[f"{prefix}_run"] for name, prefix in FRAMEWORKS.items() if lesson["here"][name]}
    images, labels = lesson["X"], lesson["y"]
    few = lesson["data"].dev.X[:64], lesson["data"].dev.y[:64]
    lesson["data"] = dataclasses.replace(lesson["data"], dev=few)  # Keras alone evaluates dev after each epoch
    seconds = {name: {} for name in runs}
    for size in (1, 32, 64, 128, 512):
        count = 6400 // size * size if size > 1 else 320
        lesson["X"], lesson["y"] = images[:count], labels[:count]
        for _ in range(3):
            for name, run in runs.items():
                rule = {} if name == "scikit-learn" else {"rule": "SGD"}
                start = time.perf_counter()
                run(**rule, dtype="float32", size=size, epochs=1)
                middle = time.perf_counter()
                run(**rule, dtype="float32", size=size, epochs=3)
                two_epochs = (time.perf_counter() - middle) - (middle - start)
                seconds[name].setdefault(size, []).append(two_epochs / (2 * count))
    per_image = {
        name: {str(size): 1e6 * statistics.median(found) for size, found in sizes.items()}
        for name, sizes in seconds.items()
    }
    per_epoch = {name: 6400e-6 * sizes.pop("64") for name, sizes in per_image.items()}
    return per_epoch, per_image


def rounded(value, digits=3):
    """Three significant digits: more would differ from run to run anyway."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def main():
    rng = np.random.default_rng(0)
    X, y = load_mnist().train
    nets = {name: network(784, 128, 64, 10, rng=rng) for name in ("sgd", "input", "adam", "back", "named", "scratch")}
    batch = X[:64], y[:64]

    # the hand-written step must compute the same before it may be compared
    twin = copy.deepcopy(nets["sgd"])
    hand, ours = by_hand(twin, *batch, lr=0.05), step_of(twin, SGD(twin.parameters(), lr=0.05), *batch)
    hand(), ours()
    assert np.allclose(twin.theta, np.concatenate([part.ravel() for part in hand.parameters]), atol=1e-6)

    back = nets["back"]
    _, dZ = cross_entropy(back.forward(batch[0], training=True), batch[1])
    for name in ("named", "scratch"):
        nets[name].grad[...] = 0.01 * rng.standard_normal(nets[name].grad.size)
    steps = measure({
        "sgd": step_of(nets["sgd"], SGD(nets["sgd"].parameters(), lr=0.05), *batch),
        "hand": by_hand(nets["sgd"], *batch, lr=0.05),
        "adam": step_of(nets["adam"], Adam(nets["adam"].parameters()), *batch),
        "sgd_input": step_of(nets["input"], SGD(nets["input"].parameters(), lr=0.05), *batch, input_gradient=True),
        "backward": lambda: back.backward(dZ),
        "backward_input": lambda: back.backward(dZ, input_gradient=True),
        "adam_scratch": Adam(nets["scratch"].parameters()).step,
        "adam_named": adam_with_names(nets["named"].parameters()),
    })  # fmt: skip
    sizes = {}
    for size in (1, 32, 128, 512):
        net = network(784, 128, 64, 10, rng=rng)
        sizes[size] = step_of(net, SGD(net.parameters(), lr=0.01), X[:size], y[:size])
    per_size = measure(sizes, rounds=9, calls=10)
    with_nnlib, with_numpy = import_seconds()
    old = json.loads(RESULT.read_text(encoding="utf-8"))
    per_epoch, per_image = frameworks()

    timings = {
        "batch_microseconds_per_example": {str(size): 1e6 * seconds / size for size, seconds in per_size.items()},
        "epoch_seconds": epochs(rng),
        "framework_epoch_seconds": old.get("framework_epoch_seconds", {}) | per_epoch,
        "framework_microseconds_per_image": old.get("framework_microseconds_per_image", {}) | per_image,
        "import_seconds": with_nnlib,
        "import_seconds_numpy_alone": with_numpy,
        "numpy": np.__version__,
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "ratio_adam_named_to_scratch": steps["adam_named"] / steps["adam_scratch"],
        "ratio_backward_input_gradient": steps["backward_input"] / steps["backward"],
        "ratio_step_input_gradient": steps["sgd_input"] / steps["sgd"],
        "ratio_step_nnlib_to_by_hand": steps["sgd"] / steps["hand"],
        "step_milliseconds": {"Adam": 1e3 * steps["adam"], "SGD": 1e3 * steps["sgd"]},
        "threads": 1,
        "widgets": measure_widgets(),
    }
    timings = rounded(timings)
    assert all(math.isfinite(value) for value in timings.values() if isinstance(value, float))
    for name, value in timings.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for kind, number in rows:
            print(f"{name.replace('_', ' '):34} {kind:30} {number}")
    RESULT.write_text(json.dumps(timings, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
