"""`fit` is the four-line loop and some book-keeping: the same weights bit for bit, nothing lost when it ends early."""

import inspect
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib import (
    SGD,
    Adam,
    Dropout,
    Evaluation,
    Linear,
    ReLU,
    Sequential,
    Split,
    Tanh,
    accuracy,
    batches,
    binary_cross_entropy,
    cross_entropy,
    evaluate,
    fit,
    moons,
    mse,
    predict,
    predict_proba,
    softmax,
)

STOPPED = "stopped by hand after step {}; the network keeps what it has learnt\n"


def rng(seed=0):
    return np.random.default_rng(seed)


def examples(n=50, seed=5, classes=3):
    """Points of 4 numbers; the class depends on them, so there is something to learn."""
    X = rng(seed).standard_normal((n, 4)).astype(np.float32)
    return Split(X, np.digitize(X[:, 0] + X[:, 1], np.linspace(-1, 1, classes + 1)[1:-1]))


def network(seed=0, out=3, dropout=False):
    generator = rng(seed)
    drop = [Dropout(0.3, rng=generator)] if dropout else []
    return Sequential(Linear(4, 8, rng=generator), Tanh(), *drop, Linear(8, out, rng=generator))


def quiet_fit(net, loss, opt, train, dev=None, epochs=3, batch_size=8, seed=1):
    return fit(net, loss, opt, train, dev, epochs=epochs, batch_size=batch_size, rng=rng(seed), progress=False)


def numbers(history):
    """The history without its times."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def after(step, action, loss=cross_entropy):
    """The loss, but at call number `step` (from 1) `action` happens instead."""
    calls = []

    def wrapped(scores, targets):
        calls.append(len(targets))
        if len(calls) == step:
            return action()
        return loss(scores, targets)

    return wrapped


def ctrl_c():
    raise KeyboardInterrupt


# ---------------------------------------------------------------- the loop


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, momentum=0.9), lambda p: Adam(p, 0.01)], ids=["SGD", "Adam"])
@pytest.mark.parametrize("dropout", [False, True])
def test_fit_is_the_four_line_loop_bit_for_bit(make, dropout):
    train = examples()
    net, by_hand = network(dropout=dropout), network(dropout=dropout)
    history = quiet_fit(net, cross_entropy, make(net.parameters()), train)

    opt, generator, log = make(by_hand.parameters()), rng(1), []
    for _ in range(3):
        for X, y in batches(train, 8, rng=generator):
            loss, dZ = cross_entropy(by_hand.forward(X, training=True), y)
            by_hand.backward(dZ)
            opt.step()
            log.append(loss * len(y))
    assert net.theta.tobytes() == by_hand.theta.tobytes()
    assert net.theta.dtype == np.float32
    losses = np.sum(np.reshape(log, (3, 7)), axis=1) / 50  # 6 batches of 8 and one of 2: each example counts once
    np.testing.assert_allclose([row["loss"] for row in history], losses, rtol=1e-12)


def test_the_source_shows_the_four_lines():
    source = re.sub(r"\s+", " ", inspect.getsource(fit))
    lines = ("for X, y in batches(train, batch_size, rng=rng):", "net.forward(X, training=True)")
    places = [source.index(line) for line in (*lines, "loss(scores, y)", "net.backward(dZ)", "opt.step()")]
    assert places == sorted(places)


def test_a_row_per_epoch_with_its_keys():
    train, net = examples(), network()
    history = quiet_fit(net, cross_entropy, SGD(net.parameters(), 0.1), train)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert all(list(row) == ["epoch", "seconds", "loss", "accuracy"] for row in history)
    assert all(type(row[key]) is float for row in history for key in ("seconds", "loss", "accuracy"))
    assert all(0 < row["seconds"] < 60 for row in history)
    assert history[2]["loss"] < history[0]["loss"]


def test_accuracy_in_a_row_counts_hits_before_each_update():
    train, net, by_hand = examples(), network(), network()
    history = quiet_fit(net, cross_entropy, SGD(net.parameters(), 0.1), train, epochs=1)
    opt, hits = SGD(by_hand.parameters(), 0.1), 0
    for X, y in batches(train, 8, rng=rng(1)):
        scores = by_hand.forward(X, training=True)
        hits += np.sum(scores.argmax(axis=1) == y)
        by_hand.backward(cross_entropy(scores, y)[1])
        opt.step()
    assert history[0]["accuracy"] == pytest.approx(hits / 50)


def test_dev_columns_are_those_of_evaluate_after_the_epoch():
    train, dev, net = examples(), examples(20, seed=6), network(dropout=True)
    history = quiet_fit(net, cross_entropy, SGD(net.parameters(), 0.1), train, dev)
    assert all(list(row)[4:] == ["dev_loss", "dev_accuracy"] for row in history)
    assert (history[-1]["dev_loss"], history[-1]["dev_accuracy"]) == evaluate(net, cross_entropy, dev)
    first = network(dropout=True)
    one = quiet_fit(first, cross_entropy, SGD(first.parameters(), 0.1), train, epochs=1)
    assert "dev_loss" not in one[0]
    assert history[0]["dev_loss"] == evaluate(first, cross_entropy, dev).loss


def test_dev_has_no_influence():
    nets = network(dropout=True), network(dropout=True)
    for net, dev in zip(nets, (None, examples(20)), strict=True):
        quiet_fit(net, cross_entropy, SGD(net.parameters(), 0.1), examples(), dev)
    assert nets[0].theta.tobytes() == nets[1].theta.tobytes()


def test_the_seed_decides_everything():
    def train(seed):
        net = network(dropout=True)
        return net, quiet_fit(net, cross_entropy, Adam(net.parameters()), examples(), examples(9), seed=seed)

    (first, one), (again, two), (other, three) = train(1), train(1), train(2)
    assert first.theta.tobytes() == again.theta.tobytes()
    assert numbers(one) == numbers(two)
    assert first.theta.tobytes() != other.theta.tobytes()
    assert numbers(one) != numbers(three)


def test_fit_goes_on_from_where_the_network_is():
    net, whole, generator, train = network(), network(), rng(1), examples()
    opt = Adam(net.parameters())
    for _ in range(3):
        fit(net, cross_entropy, opt, train, epochs=1, batch_size=8, rng=generator, progress=False)
    quiet_fit(whole, cross_entropy, Adam(whole.parameters()), train)
    assert net.theta.tobytes() == whole.theta.tobytes()


def test_data_are_left_alone():
    train = examples()
    before = train.X.copy(), train.y.copy()
    net = network()
    quiet_fit(net, cross_entropy, SGD(net.parameters(), 0.1), train)
    np.testing.assert_array_equal(train.X, before[0])
    np.testing.assert_array_equal(train.y, before[1])


def test_yes_or_no_with_one_logit():
    train = moons(100, rng=rng())
    net = Sequential(Linear(2, 16, rng=rng()), ReLU(), Linear(16, 1, rng=rng(1)))
    opt = Adam(net.parameters(), 0.02)
    history = fit(net, binary_cross_entropy, opt, train, train, epochs=30, batch_size=20, rng=rng(2), progress=False)
    assert history[-1]["dev_accuracy"] > 0.95
    assert history[-1]["accuracy"] > 0.95
    assert evaluate(net, binary_cross_entropy, train).accuracy == accuracy(train.y, predict(net, train.X))


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
def test_regression_has_a_loss_and_no_accuracy(shape):
    X = rng().standard_normal((40, 2)).astype(np.float32)
    train = X, (X @ [2, -3] + 1).reshape(shape)
    net = Sequential(Linear(2, 1, rng=rng()))
    history = fit(net, mse, SGD(net.parameters(), 0.1), train, train, epochs=40, rng=rng(), progress=False)
    np.testing.assert_allclose(net.theta, [2, -3, 1], atol=1e-2)
    assert history[-1]["accuracy"] is None
    assert history[-1]["dev_accuracy"] is None
    assert evaluate(net, mse, train) == Evaluation(history[-1]["dev_loss"], None)


def test_targets_of_several_columns():
    train = examples()
    net = network()
    history = quiet_fit(net, mse, SGD(net.parameters(), 0.1), (train.X, np.eye(3, dtype=int)[train.y]))
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["accuracy"] is None


# ---------------------------------------------------------------- ctrl-C


@pytest.mark.parametrize("step", [1, 2, 7, 8, 11, 21])
@pytest.mark.parametrize("with_dev", [False, True])
def test_ctrl_c_keeps_what_is_learnt_and_says_so(step, with_dev, capsys):
    """7 batches an epoch. At call `step` of the loss, step - 1 updates are done."""
    train, net, by_hand = examples(), network(), network()
    dev = examples(20, seed=6) if with_dev else None
    calls_of_dev = (step - 1) // 7 if with_dev else 0
    loss = after(step + calls_of_dev, ctrl_c)
    history = quiet_fit(net, loss, SGD(net.parameters(), 0.1), train, dev)
    assert capsys.readouterr().out == STOPPED.format(step - 1)

    opt, generator, rows = SGD(by_hand.parameters(), 0.1), rng(1), []
    for done in range(step - 1):
        if done % 7 == 0:
            pieces, rows = batches(train, 8, rng=generator), [*rows, []]
        X, y = next(pieces)
        value, dZ = cross_entropy(by_hand.forward(X, training=True), y)
        by_hand.backward(dZ)
        opt.step()
        rows[-1].append((value, len(y)))
    assert net.theta.tobytes() == by_hand.theta.tobytes()
    assert [row["epoch"] for row in history] == list(range(1, len(rows) + 1))
    for row, log in zip(history, rows, strict=True):
        values, sizes = zip(*log, strict=True)
        assert row["loss"] == pytest.approx(np.average(values, weights=sizes))
    if with_dev and history:
        assert (history[-1]["dev_loss"], history[-1]["dev_accuracy"]) == evaluate(by_hand, cross_entropy, dev)


def test_ctrl_c_while_the_dev_split_is_evaluated_loses_no_row(capsys):
    net = network()
    history = quiet_fit(net, after(8, ctrl_c), SGD(net.parameters(), 0.1), examples(), examples(20, seed=6))
    assert capsys.readouterr().out == STOPPED.format(7)
    assert [row["epoch"] for row in history] == [1]
    assert history[0]["dev_loss"] == evaluate(net, cross_entropy, examples(20, seed=6)).loss


SCRIPT = """
import signal
import numpy as np
from nnlib import *
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us deaf to it
rng = np.random.default_rng(0)
train = moons(200, rng=rng)
net = Sequential(Linear(2, 8, rng=rng), ReLU(), Linear(8, 1, rng=rng))
steps = 0
def loss(scores, targets):
    global steps
    steps += 1
    if steps == 100:
        print("running", flush=True)
    return binary_cross_entropy(scores, targets)
history = fit(net, loss, SGD(net.parameters(), 0.5), train, train, epochs=10**6, batch_size=50, rng=rng)
print(len(history) > 1, history[-1]["epoch"] == len(history), evaluate(net, binary_cross_entropy, train).accuracy > 0.8)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot send SIGINT to one process")
def test_a_real_ctrl_c():
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        cwd=Path(nnlib.__file__).resolve().parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert error == ""
    assert re.fullmatch(STOPPED.format(r"\d{2,}") + "True True True\n", out)
    assert process.returncode == 0


# ---------------------------------------------------------------- divergence


def diverge_by_hand(net, loss, opt, train):
    """Steps done and the last weights with a finite loss."""
    generator, steps, good = rng(1), 0, None
    with np.errstate(all="ignore"):
        while True:
            for X, y in batches(train, 8, rng=generator):
                scores = net.forward(X, training=True)
                try:
                    value, dZ = loss(scores, y)
                except FloatingPointError:
                    return steps, good
                if not math.isfinite(value):
                    return steps, good
                good = net.theta.copy()
                net.backward(dZ)
                opt.step()
                steps += 1


@pytest.mark.parametrize("lr", [1e3, 1e20])
def test_divergence_names_step_and_rate_and_gives_good_weights_back(lr):
    X = rng().standard_normal((40, 4)).astype(np.float32)
    train = Split(X, X[:, :1] * 2)
    net, by_hand = network(out=1), network(out=1)
    steps, good = diverge_by_hand(by_hand, mse, SGD(by_hand.parameters(), lr), train)
    message = f"training diverged at step {steps} with lr = {lr:g}: "
    hint = "The network has its last good weights back; try a smaller learning rate"
    with pytest.raises(FloatingPointError, match="^" + re.escape(message) + ".*" + re.escape(hint) + "$"):
        quiet_fit(net, mse, SGD(net.parameters(), lr), train, epochs=100)
    assert np.isfinite(net.theta).all()
    assert net.theta.tobytes() == good.tobytes()


class Blow(SGD):
    """Step number `last` makes infinity of the weights."""

    def __init__(self, params, last):
        super().__init__(params, 0.1)
        self.left = last

    def update(self, theta, grad):
        self.left -= 1
        theta -= 0.1 * grad if self.left else np.inf


@pytest.mark.parametrize("last", [1, 3, 7, 14])  # 7 and 14: the last step of an epoch, after which no loss is computed
@pytest.mark.parametrize("with_dev", [False, True])
def test_infinite_weights_are_found_at_the_latest_when_the_epoch_ends(last, with_dev):
    net, by_hand = network(), network()
    with pytest.raises(FloatingPointError, match=f"^training diverged at step {last} with lr = 0.1: .*expected finite"):
        quiet_fit(net, cross_entropy, Blow(net.parameters(), last), examples(), examples(9) if with_dev else None, 2)
    opt, generator, step = SGD(by_hand.parameters(), 0.1), rng(1), 1
    while step < last:
        for X, y in batches(examples(), 8, rng=generator):
            if step < last:
                by_hand.backward(cross_entropy(by_hand.forward(X, training=True), y)[1])
                opt.step()
                step += 1
    assert net.theta.tobytes() == by_hand.theta.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_loss_of_ones_own_that_is_not_finite_stops_too(value):
    """A loss a learner wrote may return NaN where the library's would raise."""
    net, loss = network(), after(4, lambda: (value, np.full((8, 3), np.nan, np.float32)))
    with pytest.raises(FloatingPointError, match=f"step 3 with lr = 0.1: loss: expected a finite number, got {value}"):
        quiet_fit(net, loss, SGD(net.parameters(), 0.1), examples())
    assert np.isfinite(net.theta).all()


def test_ctrl_c_after_the_weights_went_bad_does_not_keep_them():
    net = network()
    with pytest.raises(FloatingPointError, match="training diverged at step 3"):
        quiet_fit(net, after(4, ctrl_c), Blow(net.parameters(), 3), examples())
    assert np.isfinite(net.theta).all()


def test_network_that_starts_with_nan():
    net = network()
    net.theta[0] = np.nan
    with pytest.raises(FloatingPointError, match=r"training diverged at step 0 with lr = 0\.1: scores"):
        quiet_fit(net, cross_entropy, SGD(net.parameters(), 0.1), examples())


# ---------------------------------------------------------------- arguments that cannot work


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs: expected an integer of at least 1, got 0"),
        ({"epochs": 2.5}, ValueError, "epochs: expected an integer of at least 1, got 2.5"),
        ({"epochs": True}, ValueError, "epochs: expected an integer of at least 1, got True"),
        ({"batch_size": 0}, ValueError, "batch size: expected an integer of at least 1, got 0"),
        ({"batch_size": -3}, ValueError, "batch size: expected an integer of at least 1, got -3"),
        ({"rng": 0}, TypeError, "rng: expected a generator such as np.random.default_rng(0), got 0"),
        ({"rng": None}, TypeError, "rng: expected a generator such as np.random.default_rng(0), got None"),
        ({"train": Split(np.zeros((0, 4)), np.zeros(0, int))}, ValueError, "train: expected as many rows in X as in y"),
        ({"train": Split(np.zeros((3, 4)), np.zeros(2, int))}, ValueError, "train: expected as many rows in X as in y"),
        ({"train": Split(np.full((3, 4), np.nan), np.zeros(3, int))}, ValueError, "train.X: expected finite numbers"),
        ({"dev": Split(np.full((3, 4), np.inf), np.zeros(3, int))}, ValueError, "dev.X: expected finite numbers"),
        ({"dev": Split(np.zeros((0, 4)), np.zeros(0, int))}, ValueError, "dev: expected as many rows in X as in y"),
        ({"train": np.zeros((3, 4))}, ValueError, "train: expected a pair (X, y), got ndarray"),
        ({"train": Split(np.zeros((3, 4)), np.array([0, 1, 3]))}, ValueError, "labels: expected 0 to 2, got 0 to 3"),
        ({"train": Split(np.zeros((3, 5)), np.zeros(3, int))}, ValueError, "Linear(4, 8): expected X of shape (N, 4)"),
    ],
)
def test_wrong_arguments_are_refused_and_the_weights_stay(change, error, message):
    net = network()
    before = net.theta.copy()
    arguments = {"train": examples(), "dev": None, "epochs": 1, "batch_size": 8, "rng": rng(), "progress": False}
    with pytest.raises(error, match="^" + re.escape(message)):
        fit(net, cross_entropy, SGD(net.parameters(), 0.1), **(arguments | change))
    assert net.theta.tobytes() == before.tobytes()


def test_optimiser_of_another_network_is_refused():
    net, other = network(), network()
    with pytest.raises(
        ValueError, match=r"^opt: expected an optimiser built from this net\.parameters\(\), got one for"
    ):
        quiet_fit(net, cross_entropy, SGD(other.parameters(), 0.1), examples())


# ---------------------------------------------------------------- the progress bar


@pytest.mark.parametrize(
    ("progress", "disabled", "shown"),
    [(True, None, True), (True, "", True), (True, "1", False), (False, None, False), (False, "1", False)],
)
def test_bar_is_shown_only_where_wanted(progress, disabled, shown, monkeypatch):
    """One bar over the epochs; disable=None leaves it to tqdm: shown on a terminal and in a notebook."""
    import tqdm.auto

    made = []

    class Bar(tqdm.std.tqdm):
        def __init__(self, epochs, **options):
            made.append((list(epochs), options["disable"]))
            super().__init__(epochs, **options | {"disable": True})

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    if disabled is None:
        monkeypatch.delenv("TQDM_DISABLE", raising=False)
    else:
        monkeypatch.setenv("TQDM_DISABLE", disabled)
    net = network()
    opt = SGD(net.parameters(), 0.1)
    history = fit(net, cross_entropy, opt, examples(), epochs=2, batch_size=8, rng=rng(), progress=progress)
    assert len(history) == 2
    assert made == [([1, 2], None)] * shown


def test_nothing_is_printed_without_a_bar(capfd, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    net = network()
    fit(net, cross_entropy, SGD(net.parameters(), 0.1), examples(), epochs=1, rng=rng())
    assert capfd.readouterr() == ("", "")


def test_fit_needs_no_tqdm(monkeypatch, capfd):
    with_tqdm, without = network(), network()
    expected = quiet_fit(with_tqdm, cross_entropy, SGD(with_tqdm.parameters(), 0.1), examples(), examples(9))
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    opt = SGD(without.parameters(), 0.1)
    got = fit(without, cross_entropy, opt, examples(), examples(9), epochs=3, batch_size=8, rng=rng(1))
    assert numbers(got) == numbers(expected)
    assert without.theta.tobytes() == with_tqdm.theta.tobytes()
    assert capfd.readouterr() == ("", "")


# ---------------------------------------------------------------- evaluate, predict, predict_proba


def test_evaluate_is_loss_and_accuracy_in_one_pass_without_training():
    net, data = network(dropout=True), examples(20)
    before = net.theta.copy()
    result = evaluate(net, cross_entropy, data)
    scores = net.forward(data.X)
    assert isinstance(result, Evaluation)
    assert result == (cross_entropy(scores, data.y)[0], np.mean(scores.argmax(axis=1) == data.y))
    assert evaluate(net, cross_entropy, data) == result
    assert net.theta.tobytes() == before.tobytes()
    with pytest.raises(RuntimeError, match="backward before forward"):
        net.backward(np.zeros_like(scores))  # nothing was remembered


def test_evaluate_refuses_what_fit_refuses():
    with pytest.raises(ValueError, match=r"at least 1, got \(0, 4\) and \(0,\)"):
        evaluate(network(), cross_entropy, (np.zeros((0, 4)), np.zeros(0, int)))
    with pytest.raises(ValueError, match="expected finite numbers"):
        evaluate(network(), cross_entropy, (np.full((1, 4), np.nan), np.zeros(1, int)))


def test_predict_and_predict_proba():
    net, X = network(dropout=True), examples(20).X
    Z = net.forward(X)
    labels, P = predict(net, X), predict_proba(net, X)
    assert labels.shape == (20,)
    assert labels.dtype.kind == "i"
    np.testing.assert_array_equal(labels, Z.argmax(axis=1))
    assert len(set(labels)) > 1
    assert P.shape == (20, 3)
    assert P.dtype == np.float32
    np.testing.assert_array_equal(P, softmax(Z))
    np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(P.argmax(axis=1), labels)


def test_one_logit_gives_two_columns_no_and_yes():
    net = Sequential(Linear(1, 1, rng=rng()))
    net.layers[0].W = [[1]]
    X = np.array([[-200], [-1], [0], [1e-3], [200]])
    np.testing.assert_array_equal(predict(net, X), [0, 0, 0, 1, 1])
    P = predict_proba(net, X)
    assert P.shape == (5, 2)
    np.testing.assert_allclose(P[:, 1], [0, 1 / (1 + math.e), 0.5, 0.50025, 1], atol=1e-6)
    np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-6)


def test_one_row_and_integer_pixels_are_welcome():
    net = network()
    X = np.array([[0, 255, 3, 7]], dtype=np.uint8)
    assert predict(net, X).shape == (1,)
    np.testing.assert_array_equal(predict_proba(net, X), predict_proba(net, X.astype(np.float32)))


@pytest.mark.parametrize("function", [predict, predict_proba])
def test_predict_refuses_what_is_no_finite_input(function):
    net = network()
    for bad, message in (
        (np.full((2, 4), np.nan), "X: expected finite numbers, got nan at (0, 0)"),
        (np.array([[0, 0, np.inf, 0]]), "X: expected finite numbers, got inf at (0, 2)"),
        (np.zeros((2, 4), dtype=str), "X: expected numbers, got <U1"),
        (np.zeros(4), "X: expected shape (N, 4), got (4,)"),
        (np.zeros((2, 5)), "Linear(4, 8): expected X of shape (N, 4), got (2, 5)"),
    ):
        with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
            function(net, bad)


@pytest.mark.parametrize("function", [predict, predict_proba])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38])
def test_broken_network_is_no_class_0(function, value):
    """argmax calls NaN class 0, and a broken network would look like ten per cent accuracy."""
    net = network()
    net.theta[...] = value
    with pytest.raises(FloatingPointError, match=r"^logits: expected finite numbers, got NaN or infinity$"):
        function(net, examples(20).X + 10)
    with pytest.raises(FloatingPointError, match=r"^scores: expected finite numbers, got "):
        evaluate(net, cross_entropy, (examples(20).X + 10, examples(20).y))
