"""Each instrument of the clinic sees the faults it is made for, and none in a healthy network; it disturbs nothing."""

import contextlib
import copy
import html
import io
import os
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import nbformat
import numpy as np
import pytest
import wrong.lesson08

from nnlib import (
    SGD,
    Dropout,
    Layer,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    Split,
    Tanh,
    accuracy,
    binary_cross_entropy,
    clinic,
    cross_entropy,
    examine,
    fit,
    glorot,
    he,
    lecun,
    load_fashion_mnist,
    load_mnist,
    moons,
    mse,
    normal,
    one_hot,
    sigmoid,
    softmax,
    spirals,
    uniform,
)

INSTRUMENTS = [
    "finite", "loss at start", "loss range", "rows sum to 1", "units", "gradient", "shapes", "overfit twenty",
    "one example", "permutation", "constant guesses",
]  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return load_mnist()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def network(*widths, rng, activation=ReLU, init=he, last=glorot, end=()):
    layers = []
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        layers += [Linear(fan_in, fan_out, rng=rng, init=init if i < len(widths) - 2 else last), activation()]
    return Sequential(*layers[:-1], *end)


class Softmax(Layer):
    axis = -1

    def forward(self, Z, training=False):
        self.remembered = softmax(Z, axis=self.axis)
        return self.remembered

    def backward(self, dP):
        P = self.recall(dP)
        return P * (dP - (P * dP).sum(axis=self.axis, keepdims=True))


class Program:
    """A network of one's own: two dicts, no layers. `own_bias`: one bias per example, as a famous program has it."""

    def __init__(self, rng, own_bias=False):
        self.params = {"W": 0.1 * rng.standard_normal((784, 10), dtype=np.float32), "b": np.zeros(10, np.float32)}
        self.grads, self.own_bias = {}, own_bias

    def forward(self, X, training=False):
        self.X = X
        return X @ self.params["W"] + self.params["b"]

    def backward(self, dZ):
        self.grads = {"W": self.X.T @ dZ, "b": dZ if self.own_bias else dZ.sum(axis=0)}

    def step(self, X, y):
        self.backward(cross_entropy(self.forward(X), y)[1])
        for name in self.params:
            self.params[name] = self.params[name] - 0.1 * self.grads[name]


# healthy networks


def healthy():
    """name: (network, loss, split to train on, learning rate); sizes, activations and starts of lessons 05 to 07."""
    images, clothes = load_mnist().dev, load_fashion_mnist().dev
    for seed in range(10):
        rng = np.random.default_rng(seed)
        widths = [(784, 10, 10), (784, 32, 10), (784, 128, 10), (784, 128, 64, 10)][seed % 4]
        activation, init = [(ReLU, he), (Sigmoid, lecun), (Tanh, glorot)][seed % 3]
        net = network(*widths, rng=rng, activation=activation, init=init, last=[glorot, init][seed % 2])
        yield f"{widths} {activation.__name__} {seed}", net, cross_entropy, [images, clothes][seed // 5], 0.1
        deep = [(2, 8, 1), (2, 16, 16, 3), (2, 8, 8, 8, 1)][seed % 3]
        points = (spirals if deep[-1] == 3 else moons)(150, rng=rng)
        net = network(*deep, rng=rng, activation=activation, init=init)
        loss = binary_cross_entropy if deep[-1] == 1 else cross_entropy
        yield f"{deep} {activation.__name__} {seed}", net, loss, points, 0.5
    yield "softmax alone", network(784, 10, rng=rng), cross_entropy, images, 0.1
    end = (Dropout(0.5, rng=rng), Linear(32, 10, rng=rng))
    yield "dropout", Sequential(Linear(784, 32, rng=rng), ReLU(), *end), cross_entropy, images, 0.1


HEALTHY = {name: rest for name, *rest in healthy()}


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_red_on_a_healthy_network(name):
    net, loss, split, lr = HEALTHY[name]
    net = copy.deepcopy(net)
    assert examine(net, loss, split).red == []
    fit(net, loss, SGD(net.parameters(), lr), split, epochs=10, rng=np.random.default_rng(1), progress=False)
    report = examine(net, loss, split)
    assert report.red == []
    assert report["gradient"].verdict == report["one example"].verdict == report["finite"].verdict == "green"


def test_a_program_with_dictionaries_is_a_network_too(digits, rng):
    report = examine(Program(rng), cross_entropy, digits.dev, step=Program.step)
    assert report.red == []
    assert report["gradient"].figures.keys() == {"scores", "W", "b"}
    assert report["units"].verdict == "grey"


def test_examine_leaves_a_program_s_dictionaries_as_they_were(digits, rng):
    program = Program(rng)
    before = dict(program.params)
    examine(program, cross_entropy, digits.dev)
    assert program.grads == {}
    assert all(program.params[name] is value for name, value in before.items())


def test_examine_leaves_everything_as_it_was(digits):
    rng = np.random.default_rng(3)
    net = Sequential(Linear(784, 12, rng=rng), Dropout(0.5, rng=rng), ReLU(), Linear(12, 10, rng=rng))
    X, y = digits.dev.X[:100].copy(), digits.dev.y[:100].copy()
    before = net.theta.copy(), net.grad.copy(), rng.bit_generator.state
    examine(net, cross_entropy, (X, y))
    assert (net.theta == before[0]).all()
    assert (net.grad == before[1]).all()
    assert rng.bit_generator.state == before[2]
    assert all(layer.remembered is None for layer in net.layers)
    np.testing.assert_array_equal(X, digits.dev.X[:100])
    np.testing.assert_array_equal(y, digits.dev.y[:100])


def test_the_same_network_gets_the_same_report(digits, rng):
    net = network(784, 10, 10, rng=rng)
    assert str(examine(net, cross_entropy, digits.dev)) == str(examine(net, cross_entropy, digits.dev))


def test_regression_has_no_classes(rng):
    X = rng.standard_normal((60, 3)).astype(np.float32)
    T = np.tanh(X @ rng.standard_normal((3, 2)).astype(np.float32))
    report = examine(network(3, 16, 2, rng=rng, activation=Tanh), mse, (X, T))
    assert report.red == []
    assert {name: report[name].verdict for name in ("loss range", "constant guesses")} == {
        "loss range": "grey",
        "constant guesses": "grey",
    }


# the report


def test_the_report_is_a_table_with_words(digits, rng):
    report = examine(network(784, 10, 10, rng=rng), cross_entropy, digits.dev, metric=lambda y, p: 0.945)
    assert [finding.instrument for finding in report] == INSTRUMENTS
    table = report.table()
    assert [*table.index] == INSTRUMENTS
    assert {*table.verdict} <= {"green", "amber", "red", "grey"}
    assert table.words.str.len().min() > 10
    assert report.red == ["constant guesses"]
    assert report["constant guesses"] is report[-1]
    lines = str(report).splitlines()
    assert len(lines) == len(INSTRUMENTS)
    assert lines[0].startswith("✓ green")
    assert lines[-1].startswith("✗ red")
    with pytest.raises(KeyError, match="expected one of"):
        report["nonsense"]


def test_the_page_says_it_without_colour_and_escapes(digits):
    report = clinic.Report([clinic.Finding("finite", "red", "<b> & co")])
    page = report._repr_html_()
    assert "✗ red" in page
    assert "<b>" not in page
    assert html.escape("<b> & co") in page
    assert len(re.findall(r'<th scope="col"', page)) == 3
    assert '<th scope="row"' in page


@pytest.mark.parametrize(
    ("net", "split", "error", "words"),
    [
        (None, None, TypeError, "net: expected something with forward and backward, got NoneType"),
        ("an image", None, TypeError, "got str"),
        ("one way", None, TypeError, "with forward and backward, got OneWay"),
        ("no parameters", None, TypeError, r"expected \.layers, or dicts \.params and \.grads"),
        ("no gradients", None, TypeError, r"expected \.layers, or dicts \.params and \.grads, got Half"),
        ("fine", "text", ValueError, r"split: expected a pair \(X, y\)"),
        ("fine", (np.zeros((0, 784)), np.zeros(0, int)), ValueError, "at least 1"),
        ("fine", (np.full((4, 784), np.nan), np.zeros(4, int)), ValueError, "expected finite numbers"),
    ],
)
def test_what_cannot_be_examined_is_refused(digits, rng, net, split, error, words):
    bare = type("Bare", (), {"forward": lambda self, X, training=False: X, "backward": lambda self, dZ: None})
    one_way = type("OneWay", (), {"forward": bare.forward, "params": {}, "grads": {}})
    half = type("Half", (bare,), {"params": {}})
    nets = {"fine": network(784, 10, rng=rng), "no parameters": bare(), "one way": one_way(), "no gradients": half()}
    net = nets.get(net, net)
    with pytest.raises(error, match=words):
        examine(net, cross_entropy, digits.dev if split is None else split)


def test_labels_that_do_not_fit_are_named_in_the_report(digits, rng):
    report = examine(network(784, 5, rng=rng), cross_entropy, digits.dev)
    assert "finite" in report.red
    assert "labels: expected 0 to 4, got 0 to 9" in report["finite"].words


# sick networks: the right instrument is red, and its words say where


def one_bias(layer_class):
    class OneBias(layer_class):
        def fill_gradients(self, dZ):
            super().fill_gradients(dZ)
            self.db = np.full_like(self.b, dZ.sum())

    return OneBias


def sigmoid_of_sigmoid(Z):
    return sigmoid(Z) * (1 - sigmoid(Z))


class SlopeOfActivation(Sigmoid):
    def backward(self, dA):
        return dA * sigmoid_of_sigmoid(self.recall(dA))


def cross_entropy_of_probabilities(P, y):
    N = len(P)
    dP = np.zeros_like(P)
    dP[np.arange(N), y] = -1 / P[np.arange(N), y] / N
    return float(-np.log(P[np.arange(N), y]).mean()), dP


def binary_on_all(scores, y):
    return binary_cross_entropy(scores, one_hot(y, scores.shape[1]))


def summed(scores, y):
    value, dZ = cross_entropy(scores, y)
    return value * len(y), dZ * len(y)


def unstable_binary(A, y):
    A, Y = A[:, 0], y
    value = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    return value, (((1 - Y) / (1 - A) - Y / A) / len(Y))[:, None]


def unscaled(digits):
    return Split(255 * digits.dev.X, digits.dev.y)


def forgetful_step(net, X, y):
    """Moves the first layer alone."""
    net.backward(cross_entropy(net.forward(X, training=True), y)[1])
    net.layers[0].W -= 0.1 * net.layers[0].dW


def poisoned(net):
    net.layers[0].W[3, 4] = np.nan
    return net


def test_a_gradient_wrong_in_one_parameter_is_named(digits, rng):
    OneBias = one_bias(Linear)
    net = Sequential(OneBias(784, 12, rng=rng), ReLU(), Linear(12, 10, rng=rng))
    finding = clinic.gradient(net, cross_entropy, digits.dev, rng=rng)
    assert finding.verdict == "red"
    assert re.match(r"wrong for layers\[0\]\.b \(.*\); right for scores, layers\[0\]\.W, ", finding.words)
    assert finding.figures["layers[0].b"] > 0.01 > 1e-5 > finding.figures["layers[2].b"]


def test_a_loss_with_another_gradient_is_named(digits, rng):
    def flipped(scores, y):
        value, dZ = cross_entropy(scores, y)
        return value, -dZ

    finding = clinic.gradient(network(784, 10, 10, rng=rng), flipped, digits.dev, rng=rng)
    assert finding.verdict == "red"
    assert finding.words.startswith("wrong for scores (2), layers[0].W (2)")
    assert finding.words.endswith("right for none")


def test_a_wrong_slope_of_the_activation_is_seen_below_it(digits, rng):
    net = network(784, 12, 10, rng=rng, activation=SlopeOfActivation, init=lecun)
    finding = clinic.gradient(net, cross_entropy, digits.dev, rng=rng)
    wrong = {name for name, error in finding.figures.items() if error > 1e-5}
    assert wrong == {"layers[0].W", "layers[0].b"}


def test_gradients_that_were_left_from_before_are_seen(digits, rng):
    class Adds(Linear):
        def fill_gradients(self, dZ):
            old = self.db.copy()
            super().fill_gradients(dZ)
            self.db = old + self.db

    net = Sequential(Linear(784, 12, rng=rng), ReLU(), Adds(12, 10, rng=rng))
    net.backward(cross_entropy(net.forward(digits.dev.X, training=True), digits.dev.y)[1])
    assert clinic.gradient(net, cross_entropy, digits.dev, rng=rng).verdict == "red"


def test_a_gradient_of_another_shape_is_named(digits, rng):
    finding = clinic.gradient(Program(rng, own_bias=True), cross_entropy, digits.dev, rng=rng)
    assert (finding.verdict, finding.words) == (
        "red",
        "another shape than its parameter: d b has 30×10 and b has 10",
    )


def test_one_bias_per_example(digits, rng):
    sick = Program(rng, own_bias=True)
    report = examine(sick, cross_entropy, digits.dev, step=Program.step)
    assert {"gradient", "shapes"} <= {*report.red}
    assert report["shapes"].words == "changed by one step: b: 10 became 500×10"
    sick.params["b"] = 3 * one_hot(digits.dev.y[:500], 10)
    first = Split(*(part[:500] for part in digits.dev))
    report = examine(sick, cross_entropy, first, step=Program.step)
    assert {"one example", "permutation"} <= {*report.red}
    assert report["one example"].words == "one row in, 500 rows out"
    assert report["permutation"].figures["share"] > 0.01


def test_a_parameter_that_does_not_move_is_amber(digits, rng):
    finding = clinic.shapes(network(784, 10, 10, rng=rng), cross_entropy, digits.dev, step=forgetful_step)
    assert finding.verdict == "amber"
    assert finding.words.endswith("layers[0].b, layers[2].W and layers[2].b did not move")


def test_a_dtype_that_grows_is_seen(digits, rng):
    def step(net, X, y):
        net.params["W"] = net.params["W"] - np.float64(0.1) * np.ones((784, 10))

    finding = clinic.shapes(Program(rng), cross_entropy, digits.dev, step=step)
    assert (finding.verdict, finding.words) == ("red", "changed by one step: W: float32 became float64")


@pytest.mark.parametrize(
    ("end", "loss", "verdict"),
    [
        ((), cross_entropy, "green"),
        ((), summed, "amber"),
        ((Softmax(),), binary_on_all, "red"),
        ((Softmax(),), cross_entropy, "red"),
        ((), lambda scores, y: (-cross_entropy(scores, y)[0], -cross_entropy(scores, y)[1]), "red"),
        ((Sigmoid(),), lambda A, y: mse(A, one_hot(y, 10)), "green"),
    ],
    ids=["healthy", "sum", "two nonlinearities", "two softmaxes", "upside down", "squared error"],
)
def test_the_range_of_the_loss(digits, rng, end, loss, verdict):
    net = network(784, 10, 10, rng=rng, end=copy.deepcopy(end))
    assert clinic.loss_range(net, loss, digits.dev).verdict == verdict


@pytest.mark.parametrize("layers", [True, False])
def test_the_cage_of_softmax_and_binary_cross_entropy(digits, rng, layers):
    """Right ln(1 + e^p) - y p at one-hot p; equal p = 1/10; by hand. A program's softmax is seen by what it gives."""
    net = network(784, 10, 10, rng=rng, end=(Softmax(),)) if layers else Program(rng)
    if not layers:
        logits = net.forward
        net.forward = lambda X, training=False: softmax(logits(X))
    figures = clinic.loss_range(net, binary_on_all, digits.dev).figures
    least = (9 * np.log(2) + np.log(1 + np.e) - 1) / 10
    equal = np.log(1 + np.exp(0.1)) - 0.01
    assert abs(figures["least"] - least) < 1e-6
    assert abs(figures["equal"] - equal) < 1e-6
    assert abs(least - 0.6552) < 5e-5
    assert abs(equal - 0.7344) < 5e-5
    greatest = (8 * np.log(2) + np.log(1 + np.e) + np.log(2)) / 10
    assert abs(figures["greatest"] - greatest) < 1e-6
    assert abs(greatest - 0.7552) < 5e-5


@pytest.mark.parametrize(
    ("init", "verdict"),
    [(he, "green"), (lambda s, r: uniform(s, r, 0.5), "red"), (lambda s, r: normal(s, r, 0.14), "amber")],
    ids=["He", "uniform ± ½", "a little large"],
)
def test_loss_at_start(digits, init, verdict):
    net = network(784, 32, 10, rng=np.random.default_rng(0), init=init, last=lambda s, r: init(s, r))
    finding = clinic.loss_at_start(net, cross_entropy, digits.dev)
    assert finding.verdict == verdict
    assert abs(finding.figures["equal"] - np.log(10)) < 1e-5
    assert abs(finding.figures["loss"] - cross_entropy(net.forward(digits.dev.X), digits.dev.y)[0]) < 1e-6


def test_dead_jammed_and_asleep(digits, rng):
    def minus_half(shape, rng):
        return normal(shape, rng) - 0.5

    dead = clinic.units(network(784, 10, 10, rng=rng, init=minus_half), digits.dev)
    assert dead.verdict == "red"
    assert re.match(r"layers\[1\]: \d+ % dead", dead.words)
    jammed = clinic.units(
        network(784, 30, 10, rng=rng, activation=Sigmoid, init=lambda s, r: 10 * normal(s, r)), digits.dev
    )
    assert (jammed.verdict, "% jammed" in jammed.words) == ("red", True)
    half = clinic.units(
        network(784, 300, 10, rng=rng, activation=Tanh, init=lambda s, r: normal(s, r, 0.5)), digits.dev
    )
    assert half.verdict == "amber"
    small = network(2, 8, 8, 8, 1, rng=rng, activation=Sigmoid, init=lambda s, r: normal(s, r, 0.01))
    asleep = clinic.units(small, moons(100, rng=rng))
    assert asleep.verdict == "red"
    assert "layers[5]: asleep" in asleep.words
    assert "layers[1]: asleep" not in asleep.words
    quarter = network(784, 8, 10, rng=rng)
    quarter.layers[0].b = [-100, -100] + 6 * [0]
    finding = clinic.units(quarter, digits.dev)
    assert finding.verdict == "amber"
    assert finding.figures["layers[1]"]["dead"] == 0.25


@pytest.mark.parametrize(
    ("dead", "scale", "verdict"),
    [(0, 1, "green"), (1, 1, "amber"), (2, 1, "amber"), (3, 1, "red"), (0, 1e-4, "amber"), (0, 1e-6, "red"),
     (3, 1e-4, "red"), (4, 1, "red")],
)  # fmt: skip
def test_where_units_turn_amber_and_red(rng, dead, scale, verdict):
    """Four units, some of them below zero for every example; the others move by as much as the input does."""
    net = Sequential(Linear(1, 4, rng=rng), ReLU(), Dropout(0.5, rng=rng), Linear(4, 2, rng=rng)).astype(np.float64)
    net.layers[0].W = np.ones((1, 4))
    net.layers[0].b = np.where(np.arange(4) < dead, -2, 1)
    split = Split(scale * np.linspace(-0.9, 0.9, 20)[:, None], np.arange(20) % 2)
    finding = clinic.units(net, split)
    assert (finding.verdict, [*finding.figures]) == (verdict, ["layers[1]"])
    assert finding.figures["layers[1]"]["dead"] == dead / 4


def test_a_network_without_hidden_units_is_not_asked_for_them(digits, rng):
    assert clinic.units(network(784, 10, rng=rng), digits.dev).verdict == "grey"


def test_overfit_twenty(digits, rng):
    sleepy = network(2, 8, 8, 8, 1, rng=rng, activation=Sigmoid, init=lambda s, r: normal(s, r, 0.001), last=normal)
    points = moons(100, rng=rng)
    assert clinic.overfit_twenty(sleepy, binary_cross_entropy, points, steps=50).verdict == "red"
    net = network(784, 10, 10, rng=rng)
    finding = clinic.overfit_twenty(net, cross_entropy, digits.dev)
    assert (finding.verdict, finding.figures["accuracy"]) == ("green", 1.0)
    assert clinic.overfit_twenty(net, cross_entropy, digits.dev, step=lambda net, X, y: None).verdict == "red"
    twins = Split(np.repeat(digits.dev.X[:10], 2, axis=0), np.repeat(np.arange(10), 2))
    twins.y[1] = 9  # the same image with two labels
    assert clinic.overfit_twenty(net, cross_entropy, twins).verdict == "amber"


def test_rows_sum_to_one(digits, rng):
    def verdict(end, **changes):
        layer = end()
        vars(layer).update(changes)
        return clinic.rows_sum_to_one(network(784, 10, 10, rng=rng, end=(layer,)), digits.dev).verdict

    assert verdict(Softmax) == "green"
    assert verdict(Softmax, axis=0) == "red"
    assert verdict(Softmax, axis=None) == "red"
    assert verdict(Sigmoid) == "amber"
    assert verdict(ReLU) == "grey"  # all at least 0, some above 1
    one = clinic.rows_sum_to_one(network(784, 1, rng=rng, end=(Sigmoid(),)), digits.dev)
    assert one.verdict == "grey"  # yes or no, in one column
    assert clinic.rows_sum_to_one(network(784, 10, rng=rng), digits.dev).verdict == "grey"


def test_a_softmax_over_the_batch_is_seen_by_one_example(digits, rng):
    layer = Softmax()
    layer.axis = 0
    net = network(784, 10, 10, rng=rng, end=(layer,))
    assert clinic.one_example(net, digits.dev).verdict == "red"
    assert clinic.one_example(network(784, 10, 10, rng=rng), digits.dev).verdict == "green"


def test_a_network_that_takes_a_whole_batch_only_is_seen_by_one_example(digits, rng):
    net = network(784, 10, 10, rng=rng)
    whole = type("Whole", (), {"forward": lambda self, X: net.forward(X.reshape(100, 784))})
    finding = clinic.one_example(whole(), Split(digits.dev.X[:100], digits.dev.y[:100]))
    assert (finding.verdict, finding.words[:17]) == ("red", "raises ValueError")


@pytest.mark.parametrize(("off", "verdict"), [(0.0005, "green"), (0.005, "red")])
def test_float32_may_round_and_a_network_may_not(digits, off, verdict):
    """A sum, or a score, that is off by half a thousandth could be rounding; five thousandths could not."""

    class Uneven:
        def forward(self, X):
            return np.full((len(X), 10), 0.1) * (1 + off * (len(X) > 1))

    assert clinic.rows_sum_to_one(Uneven(), digits.dev).verdict == verdict
    Uneven.forward = lambda self, X: np.ones((len(X), 10)) + off * (len(X) > 1)
    assert clinic.one_example(Uneven(), digits.dev).verdict == verdict
    Uneven.forward = lambda self, X: 1000 * (np.ones((len(X), 10)) + off * (len(X) > 1))  # relative to the scores
    assert clinic.one_example(Uneven(), digits.dev).verdict == verdict


def test_not_finite(digits, rng):
    net = network(784, 10, 10, rng=rng)
    assert clinic.finite(net, cross_entropy, digits.dev).verdict == "green"
    large = clinic.finite(net, cross_entropy, unscaled(digits))
    assert (large.verdict, large.words) == ("amber", "inputs go up to 255: scale them to about 1")
    sick = clinic.finite(poisoned(copy.deepcopy(net)), cross_entropy, digits.dev)
    assert sick.verdict == "red"
    assert sick.words.startswith("not finite: layers[0].W, the scores, the loss")


def test_a_loss_that_breaks_on_a_right_answer(rng):
    points = moons(50, rng=rng)
    net = network(2, 8, 1, rng=rng, end=(Sigmoid(),))
    finding = clinic.finite(net, unstable_binary, points)
    assert finding.verdict == "red"
    assert "the loss of a surely right answer (logit 100)" in finding.words
    assert clinic.finite(network(2, 8, 1, rng=rng), binary_cross_entropy, points).verdict == "green"


def test_a_loss_that_breaks_on_a_wrong_answer_alone(digits, rng):
    def of_probability(scores, y):
        P = softmax(scores)
        value = -np.mean(np.log(P[np.arange(len(y)), y]))
        return value, cross_entropy(scores, y)[1]

    finding = clinic.finite(network(784, 10, 10, rng=rng), of_probability, digits.dev)
    assert finding.verdict == "red"
    assert finding.figures["bad"] == [f"the loss of a surely wrong answer (logit {size})" for size in (100, 1000)]


def test_a_regression_that_is_not_finite_is_red(rng):
    def infinite(scores, T):
        return np.inf, np.zeros_like(scores)

    X = rng.standard_normal((20, 3)).astype(np.float32)
    assert clinic.loss_at_start(network(3, 2, rng=rng), infinite, (X, X[:, :2])).verdict == "red"
    assert clinic.loss_at_start(network(3, 2, rng=rng), mse, (X, X[:, :2])).verdict == "green"


def test_constant_guesses(digits):
    y = digits.test.y

    def published(y_true, y_pred):
        """Compares a class number with a one-hot row, adds up, divides by 100, averages over the columns."""
        rows = one_hot(y_true, 10)
        return float(np.mean([(rows[:, k] == y_pred).sum() / 100 for k in range(10)]))

    finding = clinic.constant_guesses(published, y)
    assert finding.verdict == "red"
    assert finding.words.startswith("the truth gets ")
    assert finding.words.endswith(", and 8 more")
    assert clinic.constant_guesses(accuracy, y).verdict == "green"
    assert clinic.constant_guesses(lambda y, p: np.mean(y == p) + 0.01, y).verdict == "red"
    # blind to the guess: right for "always 3" alone
    assert clinic.constant_guesses(lambda y, p: np.mean(y == 3), y).verdict == "red"


def test_permutation(digits, rng):
    class ByPlace(Layer):
        def forward(self, X, training=False):
            return X + 3 * np.sin(np.arange(X.size).reshape(X.shape))

    assert clinic.permutation(network(784, 10, rng=rng, end=(ByPlace(),)), digits.dev, rng=rng).verdict == "red"
    assert clinic.permutation(network(784, 10, rng=rng), digits.dev, rng=rng).verdict == "green"


# the patients of lesson 08: what runs is the code of the notebook, and the cures are the reference solutions

LESSON = next((Path(__file__).resolve().parents[1] / "notebooks").glob("08_*.ipynb"))
RED = {  # what must see the bug; it may show elsewhere too
    1: {"constant guesses"},
    2: {"gradient", "overfit twenty"},
    3: {"loss range", "overfit twenty"},
    4: {"units", "overfit twenty"},
    5: {"gradient", "loss at start"},
    6: {"one example", "permutation"},
    7: {"rows sum to 1", "one example"},
    8: {"units", "overfit twenty"},
    9: {"finite"},
    10: {"gradient"},
    11: {"gradient"},
}


def sections():
    """The cells of each patient, by number, and before them, under 0, what all need."""
    found, number = {0: []}, 0
    for cell in nbformat.read(LESSON, as_version=4).cells:
        if heading := re.match(r"## (?:(\d+) · )?", cell.source):
            number = int(heading[1]) if heading[1] else None
        if number is not None:
            found.setdefault(number, []).append(cell)
    return found


SECTIONS = sections()


def tagged(cell, word):
    return any(tag.startswith(word) for tag in cell.metadata.get("tags", ()))


@pytest.fixture(scope="module")
def treated():
    """treated(3): the names after the third patient's cells alone, the blanks filled in by the course's solutions."""
    shown, os.environ["MPLBACKEND"] = os.environ.get("MPLBACKEND"), "Agg"

    @cache
    def treat(number):
        names = {}
        for cell in [*SECTIONS[0], *SECTIONS[number]]:
            if cell.cell_type == "code" and not (tagged(cell, "exercise-") or tagged(cell, "check-")):
                source = re.sub(r"^(\s*)%.*$", r"\1pass", cell.source, flags=re.M)
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(source, f"patient {number}", "exec"), names)
        return names

    yield treat
    os.environ.pop("MPLBACKEND") if shown is None else os.environ.update(MPLBACKEND=shown)


def test_twelve_patients_each_with_all_it_needs():
    assert [number for number in SECTIONS if number] == [*range(1, 13)]
    for number in range(1, 13):
        cells, text = SECTIONS[number], "\n".join(cell.source for cell in SECTIONS[number])
        for tag in (f"patient-{number}", f"cured-{number}", f"task-8.{number}", f"task-8.{'abcdefghijkl'[number - 1]}"):
            assert any(tag in cell.metadata.get("tags", ()) for cell in cells), f"patient {number}: no {tag}"
        assert re.search(r"your guess", text, re.I), f"patient {number} asks for no guess"
        assert "*Found in*" in text or "Found in" in text, f"patient {number} has no source"


@pytest.mark.parametrize("number", range(1, 13))
def test_a_patient_is_ill_and_its_cure_heals(number, treated):
    names = treated(number)
    if number not in RED:  # a table, which no instrument can see
        assert number not in names["sick"]
        return
    assert RED[number] <= {*examine(**names["sick"][number]).red}
    assert examine(**names["well"][number]).red == []


@pytest.mark.parametrize("number", range(1, 13))
def test_wrong_cures_are_refused_with_the_reason(number):
    reasons = {expected[1] for _, expected in wrong.lesson08.WRONG[f"8.{number}"] if isinstance(expected, tuple)}
    assert len(reasons - {""}) >= 3
