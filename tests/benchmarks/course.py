"""What the course itself takes: epochs, imports, notebooks, widgets, and how the cost grows; nnlib and lessons alone.

`measure` is called by bench.py, after its settings; nothing else runs meanwhile, and comparisons are made by turns.
"""

import copy
import importlib.util
import itertools
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import bench
import numpy as np

sys.path.insert(0, str(bench.ROOT))
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
from nnlib.data import Split
from nnlib.download import FILES

LESSON = {"nnlib": ["nnlib"], "PyTorch": ["torch"], "Keras": ["keras", "tensorflow"]}
LESSON |= {"JAX": ["jax"], "scikit-learn": ["sklearn"]}


def turns(functions, rounds=15, calls=20):
    """Median seconds per call of each function in {name: function}, measured by turns."""
    for function in functions.values():
        function(), function(), function()
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


def ratios(X, y, rng):
    """What one way of writing a step costs by the other: 784-128-64-10 with ReLU, batches of 64."""
    nets = {name: network(784, 128, 64, 10, rng=rng) for name in ("sgd", "input", "back", "named", "scratch")}
    batch, back = (X[:64], y[:64]), nets["back"]

    # the hand-written step must compute the same before it may be compared
    twin = copy.deepcopy(nets["sgd"])
    hand, ours = by_hand(twin, *batch, lr=0.05), step_of(twin, SGD(twin.parameters(), lr=0.05), *batch)
    hand(), ours()
    assert np.allclose(twin.theta, np.concatenate([part.ravel() for part in hand.parameters]), atol=1e-6)

    _, dZ = cross_entropy(back.forward(batch[0], training=True), batch[1])
    for name in ("named", "scratch"):
        nets[name].grad[...] = 0.01 * rng.standard_normal(nets[name].grad.size)
    seconds = turns({
        "sgd": step_of(nets["sgd"], SGD(nets["sgd"].parameters(), lr=1e-6), *batch),
        "hand": by_hand(nets["sgd"], *batch, lr=1e-6),
        "sgd_input": step_of(nets["input"], SGD(nets["input"].parameters(), lr=1e-6), *batch, input_gradient=True),
        "backward": lambda: back.backward(dZ),
        "backward_input": lambda: back.backward(dZ, input_gradient=True),
        "scratch": Adam(nets["scratch"].parameters()).step,
        "named": adam_with_names(nets["named"].parameters()),
    })  # fmt: skip
    return {
        "ratio_adam_named_to_scratch": seconds["named"] / seconds["scratch"],
        "ratio_backward_input_gradient": seconds["backward_input"] / seconds["backward"],
        "ratio_step_input_gradient": seconds["sgd_input"] / seconds["sgd"],
        "ratio_step_nnlib_to_by_hand": seconds["sgd"] / seconds["hand"],
    }


def cost(X, y, rng):
    """How a step grows with batch, width and depth, and an epoch with the examples; SGD, ReLU."""

    def step(*widths, size=64):
        net = network(*widths, rng=rng)
        return step_of(net, SGD(net.parameters(), lr=1e-6), X[:size], y[:size])

    kinds = {
        "batch": {size: step(784, 128, 64, 10, size=size) for size in (1, 8, 32, 64, 128, 512, 2048)},
        "width": {width: step(784, width, 10) for width in (16, 32, 64, 128, 256, 512)},
        "depth": {depth: step(784, *[64] * depth, 10) for depth in (1, 2, 4, 8)},
    }
    seconds = turns({(kind, n): run for kind, runs in kinds.items() for n, run in runs.items()}, rounds=7, calls=10)
    grown = {kind: {str(n): 1e6 * seconds[kind, n] for n in runs} for kind, runs in kinds.items()}
    net = network(784, 128, 64, 10, rng=rng)
    by_examples = {
        str(n): min(row["seconds"] for row in train(net, SGD(net.parameters(), lr=1e-6), Split(X[:n], y[:n]), 3, rng))
        for n in (875, 1750, 3500, 7000)
    }
    per_example = {size: us / int(size) for size, us in grown["batch"].items() if size in ("1", "32", "128", "512")}
    return {
        "batch_microseconds_per_example": per_example,
        "cost_microseconds": grown,
        "cost_epoch_seconds_by_examples": by_examples,
    }


def train(net, opt, data, epochs, rng, size=64, loss=cross_entropy, dev=None):
    return fit(net, loss, opt, data, dev, epochs=epochs, batch_size=size, rng=rng, progress=False)


def epochs(rng):
    """Median seconds per epoch of the networks of lesson 05, batches of 64."""
    mnist, fashion = load_mnist().train, load_fashion_mnist().train
    sizes = (784, 128, 64, 10)
    kinds = {
        "MNIST 784-10-10": (network(784, 10, 10, rng=rng), cross_entropy, mnist, 5),
        "MNIST 784-128-64-10 sigmoid": (network(*sizes, activation=Sigmoid, rng=rng), cross_entropy, mnist, 5),
        "MNIST 784-128-64-10 ReLU": (network(*sizes, rng=rng), cross_entropy, mnist, 5),
        "Fashion-MNIST 784-128-10": (network(784, 128, 10, rng=rng), cross_entropy, fashion, 5),
        "moons 2-8-8-8-1 sigmoid": (
            network(2, 8, 8, 8, 1, activation=Sigmoid, rng=rng),
            binary_cross_entropy,
            moons(500, rng=rng),
            20,
        ),
    }
    found = {name: [] for name in kinds}
    for _ in range(3):
        for name, (net, loss, data, count) in kinds.items():
            history = train(net, SGD(net.parameters(), lr=0.05), data, count, rng, loss=loss)
            found[name] += [row["seconds"] for row in history]
    return {"epoch_seconds": {name: statistics.median(values) for name, values in found.items()}}


def until(data, goal, rule, lr, size=32, at_most=30):
    """Median over three starts of the seconds of training until the dev accuracy first reaches the goal, and epochs."""
    runs = []
    for seed in range(3):
        rng, seconds = np.random.default_rng(seed), []
        net = network(784, 128, 64, 10, rng=rng)
        opt = rule(net.parameters(), lr=lr)
        for _ in range(at_most):
            [row] = train(net, opt, data.train, 1, rng, size, dev=data.dev)
            seconds.append(row["seconds"])
            if row["dev_accuracy"] >= goal:
                break
        else:
            raise RuntimeError(f"{rule.__name__}, start {seed}: {goal:.1%} not reached in {at_most} epochs")
        runs.append(seconds)
    return {"seconds": statistics.median(map(sum, runs)), "epochs": statistics.median(map(len, runs))}


def to_accuracy():
    """Seconds to 94 % of the bundle's dev images, and to 97.5 % of the official ones where they are in the cache."""
    goals = [("94 %", load_mnist(), 0.94)]
    if fetched():
        goals.append(("97.5 % of the full set", load_mnist(full=True), 0.975))
    rules = {"SGD, batch 32": (SGD, 0.2), "Adam, batch 32": (Adam, 0.001)}
    found = {f"{goal}, {name}": until(data, part, *rule) for goal, data, part in goals for name, rule in rules.items()}
    return {"to_accuracy": found}


def fetched():
    """Are the official files where load_mnist(full=True) keeps them? Nothing is downloaded here."""
    import pooch

    folder = Path(os.environ.get("NNLIB_CACHE") or pooch.os_cache("nnlib-course")) / "mnist"
    return all((folder / name).is_file() for name in FILES)


def imports():
    """Median over fresh interpreters of `import nnlib`, and of numpy alone."""

    def once(module):
        code = f"import time; s = time.perf_counter(); import {module}; print(time.perf_counter() - s)"
        done = subprocess.run([sys.executable, "-c", code], cwd=bench.ROOT, capture_output=True, text=True, check=True)
        return float(done.stdout)

    pairs = [(once("nnlib"), once("numpy")) for _ in range(7)]
    names = ("import_seconds", "import_seconds_numpy_alone")
    return dict(zip(names, map(statistics.median, zip(*pairs, strict=True)), strict=True))


def notebooks():
    """Seconds that every notebook takes from a fresh kernel to its last cell, once."""
    import nbformat
    from nbclient import NotebookClient

    found, folder = {}, bench.ROOT / "notebooks"
    for path in sorted(folder.glob("[0-9]*.ipynb")):
        client = NotebookClient(nbformat.read(path, as_version=4), timeout=300, kernel_name="python3")
        start = time.perf_counter()
        client.execute(cwd=folder)
        found[path.stem] = time.perf_counter() - start
    return {"notebook_seconds": found}


def lesson_07(old, core):
    """Seconds per epoch of 6,400 images in batches of 64, and microseconds per image, by lesson 07's own loops.

    The old figures are kept of what is not installed, and where noise was larger than what was to be measured.
    """
    here = [name for name, modules in LESSON.items() if all(map(importlib.util.find_spec, modules))]
    found = {name: {} for name in here}
    script = Path(__file__).with_name("lesson07.py")
    with bench.Field({name: bench.Helper(name, 1, core, script=script) for name in here}) as field:
        for size, _, name in itertools.product(bench.SIZES, range(3), here):
            if name in field.helpers and (answer := field.ask(name, "go", size=size)):
                found[name].setdefault(str(size), []).append(1e6 * answer["seconds_per_image"])
    per_epoch = dict(old.get("framework_epoch_seconds", {}))
    per_image = copy.deepcopy(old.get("framework_microseconds_per_image", {}))
    for name, size in itertools.product(field, map(str, bench.SIZES)):
        if (median := statistics.median(found[name][size])) <= 0:
            print(f"! {name}, batches of {size}: two more epochs took no longer than one; too noisy, old figure kept")
        elif size == "64":
            per_epoch[name] = 6400e-6 * median
        else:
            per_image.setdefault(name, {})[size] = median
    return {"framework_epoch_seconds": per_epoch, "framework_microseconds_per_image": per_image}


def widgets():
    from widgets import measure_widgets

    return {"widgets": measure_widgets()}


def show(value, name=""):
    """Lines `name … number` of nested dicts."""
    if isinstance(value, dict):
        for key, part in value.items():
            show(part, f"{name}  {key.replace('_', ' ')}")
    else:
        print(f"{name:70} {bench.rounded(value)}", flush=True)


def measure(old, core):
    """All of it, part by part, printed as it comes."""
    rng = np.random.default_rng(0)
    X, y = load_mnist().train
    found = {"numpy": np.__version__}
    parts = [
        lambda: ratios(X, y, rng),
        lambda: cost(X, y, rng),
        lambda: epochs(rng),
        to_accuracy,
        imports,
        lambda: lesson_07(old, core),
        widgets,
        notebooks,
    ]
    print("\nnnlib and the lessons alone")
    for part in parts:
        start = time.perf_counter()
        new = part()
        show(new)
        print(f"  ({time.perf_counter() - start:.0f} s)")
        found |= new
    return found
