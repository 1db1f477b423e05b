"""Lesson 07's claim: from one start, on one list of batches, all frameworks compute what nnlib computes.

What runs here is the code that stands in the notebook, in its cells tagged `parity`; there is no copy of it.
"""

import importlib.util
import os
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parents[1]
RULES = ("SGD", "momentum", "Adam")
RUNS = {"PyTorch": "torch_run", "Keras": "keras_run", "JAX": "jax_run"}
MODULES = {"PyTorch": ["torch"], "Keras": ["keras", "tensorflow"], "JAX": ["jax"], "scikit-learn": ["sklearn"]}
LIMIT = {"float64": 1e-10, "float32": 1e-4}

_spec = importlib.util.spec_from_file_location("parity", ROOT / "data" / "parity.py")
parity = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(parity)

frameworks = pytest.mark.parametrize("name", RUNS)
rules = pytest.mark.parametrize("rule", RULES)


@pytest.fixture(scope="module")
def lesson():
    """The names of the lesson's cells. What they set for the frameworks is taken back."""
    before = dict(os.environ)
    yield parity.framework_code()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def need(lesson):
    def need(name):
        for module in MODULES[name]:
            pytest.importorskip(module, reason=f"{name} is not installed: pip install -r requirements-frameworks.txt")
        assert lesson["here"][name]

    return need


def apart(run, other):
    """The largest difference of the hundred losses, and of all parameters relative to the largest of them."""
    (losses, theta), (their_losses, their_theta) = run, other
    assert losses.shape == their_losses.shape == (100,)
    assert theta.shape == their_theta.shape
    assert np.isfinite(theta).all()
    of_theta = np.max(np.abs(np.subtract(theta, their_theta, dtype=float))) / np.max(np.abs(their_theta))
    return max(np.max(np.abs(losses / their_losses - 1)), of_theta)


@frameworks
@rules
@pytest.mark.parametrize("acts", [("sigmoid", "relu"), ("sigmoid", "sigmoid"), ("relu", "relu")], ids="-".join)
def test_a_hundred_steps_in_float64(name, rule, acts, lesson, need):
    need(name)
    ours = lesson["our_run"](rule, acts=acts)
    theirs = lesson[RUNS[name]](rule, acts=acts)
    assert ours[1].dtype == theirs[1].dtype == np.float64
    assert ours[1].size == 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10
    assert ours[0][-10:].mean() < 0.95 * ours[0][:10].mean()  # there was something to disagree about
    assert apart(theirs, ours) < LIMIT["float64"]


@frameworks
@rules
def test_a_hundred_steps_in_float32(name, rule, lesson, need):
    need(name)
    ours = lesson["our_run"](rule, "float32")
    theirs = lesson[RUNS[name]](rule, "float32")
    assert ours[1].dtype == theirs[1].dtype == np.float32
    assert apart(theirs, ours) < LIMIT["float32"]
    assert apart(theirs, ours) > LIMIT["float64"]  # or it was not float32


@pytest.mark.parametrize("dtype", LIMIT)
def test_scikit_learn_with_plain_sgd(dtype, lesson, need):
    need("scikit-learn")
    ours = lesson["our_run"]("SGD", dtype, acts=("sigmoid", "sigmoid"))
    theirs = lesson["sklearn_run"](dtype)
    assert ours[1].dtype == theirs[1].dtype == dtype
    assert apart(theirs, ours) < LIMIT[dtype]


# parity is red when one thing differs


@frameworks
def test_one_altered_bias_is_seen(name, lesson, need, monkeypatch):
    need(name)
    ours = lesson["our_run"]("SGD")
    assert apart(lesson[RUNS[name]]("SGD"), ours) < LIMIT["float64"]
    altered = [array.copy() for array in lesson["start"]]
    altered[3][17] += 1e-4  # one of the 64 of the second layer
    monkeypatch.setitem(lesson, "start", altered)
    assert apart(lesson[RUNS[name]]("SGD"), ours) > 1e3 * LIMIT["float64"]


@frameworks
def test_one_altered_batch_is_seen(name, lesson, need, monkeypatch):
    need(name)
    ours = lesson["our_run"]("SGD")
    order = np.arange(6400)
    order[[63, 64]] = 64, 63  # the last image of batch 1 and the first of batch 2 change places
    X, y = lesson["X"][order], lesson["y"][order]
    monkeypatch.setitem(lesson, "X", X)
    monkeypatch.setitem(lesson, "y", y)
    assert apart(lesson[RUNS[name]]("SGD"), ours) > 1e3 * LIMIT["float64"]


@frameworks
def test_one_altered_epsilon_is_seen(name, lesson, need):
    need(name)
    ours = lesson["our_run"]("Adam")
    assert apart(lesson[RUNS[name]]("Adam"), ours) < LIMIT["float64"]
    assert apart(lesson[RUNS[name]]("Adam", eps=1e-8), ours) > 1e3 * LIMIT["float64"]


@pytest.mark.parametrize("name", ["PyTorch", "JAX"])
def test_where_epsilon_stands_alike_it_may_have_any_size(name, lesson, need):
    need(name)
    assert apart(lesson[RUNS[name]]("Adam", eps=1e-8), lesson["our_run"]("Adam", eps=1e-8)) < LIMIT["float64"]


def test_keras_needs_both_choices_of_the_lesson(lesson, need):
    """Momentum and betas as np.float64, and an ε too small to matter: without either there is no match."""
    need("Keras")
    for rule in ("momentum", "Adam"):
        theirs = lesson["keras_run"](rule, cast=float)
        assert LIMIT["float64"] < apart(theirs, lesson["our_run"](rule)) < 1e-2
    place = apart(lesson["keras_run"]("Adam", eps=1e-8), lesson["our_run"]("Adam", eps=1e-8))
    assert 1e-5 < place < 1e-1


# the record that stands in


@pytest.fixture(scope="module")
def record():
    with np.load(parity.RECORD) as file:
        return dict(file)


@frameworks
@rules
@pytest.mark.parametrize("dtype", LIMIT)
def test_nnlib_agrees_with_the_record(name, rule, dtype, lesson, record):
    """Needs no framework: what nnlib computes here is what the frameworks computed when the record was made."""
    losses, theta = lesson["our_run"](rule, dtype)
    key = f"{name} {rule} {dtype}"
    assert apart((record[f"{key}:0"], record[f"{key}:1"]), (losses, parity.thinned(theta))) < LIMIT[dtype]


@frameworks
def test_the_record_is_what_the_lesson_gives(name, lesson, need, record):
    need(name)
    losses, theta = lesson[RUNS[name]]("momentum")
    key = f"{name} momentum float64"
    assert apart((record[f"{key}:0"], record[f"{key}:1"]), (losses, parity.thinned(theta))) < LIMIT["float64"]


def test_a_record_that_differs_is_seen(record):
    assert list(parity.complaints(record, dict(record))) == []
    name = "JAX Adam float64:0"
    for change in ({name: record[name] * (1 + 1e-8)}, {name: record[name][:-1]}, {"another:0": record[name]}):
        assert list(parity.complaints(record, record | change))


def test_the_lesson_without_any_framework():
    """Every number comes from the record or from NumPy, the guards hold, and 30 s of the processor are enough."""
    notebook = nbformat.read(parity.NOTEBOOK, as_version=4)
    hidden = [module for modules in MODULES.values() for module in modules]
    notebook.cells.insert(0, new_code_cell(f"import sys\nsys.modules |= dict.fromkeys({hidden})"))
    notebook.cells.append(new_code_cell("import time\nprint(time.process_time())"))
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=parity.NOTEBOOK.parent)
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert said.count("not installed: the record stands in") == 4
    assert float(notebook.cells[-1].outputs[0].text) < 30


def test_the_record_needs_all_frameworks(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(SystemExit, match="is not installed: pip install"):
        parity.record()
