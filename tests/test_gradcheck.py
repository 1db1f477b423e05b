"""The gradient checker catches wrong gradients, names the place, and never cries wolf."""

import re
from itertools import pairwise

import numpy as np
import pytest

from nnlib import (
    Dropout,
    GradientError,
    Layer,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    binary_cross_entropy,
    check_gradients,
    cross_entropy,
    he,
    lecun,
    mse,
    numeric_gradient,
    sigmoid,
    softmax,
    zeros,
)

# numeric_gradient


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2)])
def test_numeric_gradient_of_a_polynomial(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    # f = Σ x³ + x:  df/dx = 3 x² + 1, and the central difference is off by exactly eps²
    gradient = numeric_gradient(lambda x: np.sum(x**3 + x), x, eps=1e-3)
    assert gradient.shape == shape
    np.testing.assert_allclose(gradient, 3 * x**2 + 1 + 1e-6, rtol=1e-10)


def test_numeric_gradient_uses_float64_and_leaves_x_alone():
    x = np.array([1, 2], dtype=np.float32)
    gradient = numeric_gradient(lambda x: x @ x, x)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, [2, 4], rtol=1e-9)
    np.testing.assert_array_equal(x, [1, 2])
    np.testing.assert_allclose(numeric_gradient(lambda x: x @ x, [1, 2]), [2, 4], rtol=1e-9)
    frozen = np.array([1.0, 2.0])
    frozen.flags.writeable = False
    np.testing.assert_allclose(numeric_gradient(lambda x: x @ x, frozen), [2, 4], rtol=1e-9)


# planted mistakes: each is a class or a loss with one wrong line


class BiasMean(Linear):
    def fill_gradients(self, dZ):
        super().fill_gradients(dZ)
        self.db = dZ.mean(axis=0)


class BiasScalar(Linear):
    def fill_gradients(self, dZ):
        super().fill_gradients(dZ)
        self.db[...] = dZ.sum()


class BiasForgotten(Linear):
    def fill_gradients(self, dZ):
        self.dW = self.recall(dZ).T @ dZ


class WeightOnePercentOff(Linear):
    def fill_gradients(self, dZ):
        super().fill_gradients(dZ)
        self.dW *= 1.01


class WeightTransposed(Linear):
    def fill_gradients(self, dZ):
        super().fill_gradients(dZ)
        self.dW = self.dW.T.copy()


class WeightSign(Linear):
    def fill_gradients(self, dZ):
        super().fill_gradients(dZ)
        self.dW *= -1


class WeightAveragedTwice(Linear):
    def fill_gradients(self, dZ):
        super().fill_gradients(dZ)
        self.dW /= len(dZ)


class WeightAccumulates(Linear):
    def fill_gradients(self, dZ):
        self.dW += self.recall(dZ).T @ dZ
        self.db = dZ.sum(axis=0)


class OutputForInput(Linear):
    def forward(self, X, training=False):
        Z = super().forward(X, training)
        if training:
            self.remembered = Z
        return Z


class StaleInput(Linear):
    def forward(self, X, training=False):
        if training and not hasattr(self, "first"):
            self.first = X.copy()
        return super().forward(X, training)

    def recall(self, dZ):
        return self.first


class InputUntransposed(Linear):
    def backward(self, dZ):
        self.fill_gradients(dZ)
        return dZ @ self.W


class InputSign(Linear):
    def backward(self, dZ):
        return -super().backward(dZ)


class MaskMissing(ReLU):
    def backward(self, dA):
        self.recall(dA)
        return dA


class MaskOfTheGradient(ReLU):
    def backward(self, dA):
        return super().backward(dA) * (dA > 0)


class SigmoidOfTheActivated(Sigmoid):
    def backward(self, dA):
        s = sigmoid(self.recall(dA))
        return dA * s * (1 - s)


class TanhWithoutSquare(Tanh):
    def backward(self, dA):
        return dA * (1 - self.recall(dA))


class DropoutUnscaled(Dropout):
    def backward(self, dY):
        return dY * (self.recall(dY) > 0)


class DropoutNewMask(Dropout):
    def backward(self, dY):
        return dY * (self.rng.random(dY.shape) >= self.p) / (1 - self.p)


class Softmax(Layer):
    """Right: dZ = P · (dP - Σ_k dP_k P_k)."""

    def forward(self, Z, training=False):
        P = softmax(Z)
        if training:
            self.remembered = P
        return P

    def backward(self, dP):
        P = self.recall(dP)
        return P * (dP - np.sum(dP * P, axis=1, keepdims=True))


class SoftmaxDiagonal(Softmax):
    """Wrong in a published correction: of the matrix diag(p) - p pᵀ only the diagonal."""

    def backward(self, dP):
        P = self.recall(dP)
        return dP * P * (1 - P)


class SoftmaxZero(Softmax):
    """Wrong, and unseen by a check whose upstream gradient is all ones."""

    def backward(self, dP):
        return 0 * super().backward(dP)


BELOW = r"(layers\[0\]\.[Wb]|X)"  # what a wrong dX of layers[1] or layers[2] spoils
LAYERS = [  # place in the network, constructor arguments, the parameter that must be named
    (BiasMean, 2, (4, 4), r"layers\[2\]\.b"),
    (BiasScalar, 2, (4, 4), r"layers\[2\]\.b"),
    (BiasForgotten, 2, (4, 4), r"layers\[2\]\.b"),
    (WeightOnePercentOff, 2, (4, 4), r"layers\[2\]\.W"),
    (WeightTransposed, 2, (4, 4), r"layers\[2\]\.W"),
    (WeightSign, 2, (4, 4), r"layers\[2\]\.W"),
    (WeightAveragedTwice, 2, (4, 4), r"layers\[2\]\.W"),
    (WeightAccumulates, 2, (4, 4), r"layers\[2\]\.W"),
    (OutputForInput, 2, (4, 4), r"layers\[2\]\.W"),
    (InputUntransposed, 2, (4, 4), BELOW),
    (InputSign, 2, (4, 4), BELOW),
    (MaskMissing, 1, (), BELOW),
    (MaskOfTheGradient, 1, (), BELOW),
    (SigmoidOfTheActivated, 1, (), BELOW),
    (TanhWithoutSquare, 1, (), BELOW),
    (DropoutUnscaled, 1, (0.5,), BELOW),
    (DropoutNewMask, 1, (0.5,), BELOW),
    (SoftmaxDiagonal, 1, (), BELOW),
    (SoftmaxZero, 1, (), BELOW),
]


def network(kind, place, arguments, rng):
    """4-4-4-3 with a layer of this kind at this place."""
    layers = [Linear(4, 4, rng=rng), Tanh(), Linear(4, 4, rng=rng), Tanh(), Linear(4, 3, rng=rng)]
    layers[place] = kind(*arguments, rng=rng) if arguments else kind()
    return Sequential(*layers)


@pytest.mark.parametrize(("kind", "place", "arguments", "named"), LAYERS, ids=[row[0].__name__ for row in LAYERS])
def test_wrong_layer_is_caught_and_named(kind, place, arguments, named):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((8, 4)), rng.integers(0, 3, 8)
        with pytest.raises(GradientError, match=rf"^{named}: expected a slope of .* got .* from backward"):
            check_gradients(network(kind, place, arguments, rng), cross_entropy, X, y, rng=rng)
        right = kind.__mro__[1]  # the same network with the layer that the wrong one was made of passes
        check_gradients(network(right, place, arguments, rng), cross_entropy, X, y, rng=rng)


def test_stale_input_is_caught_in_a_network_that_was_used_before():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        net = network(StaleInput, 2, (4, 4), rng)
        net.forward(rng.standard_normal((8, 4)), training=True)
        with pytest.raises(GradientError, match=r"^layers\[2\]\.W: "):
            check_gradients(net, cross_entropy, rng.standard_normal((8, 4)), rng.integers(0, 3, 8), rng=rng)


def wrong(loss, change):
    """The loss with a changed gradient: change(dZ, scores, targets)."""

    def mutant(scores, targets):
        value, dZ = loss(scores, targets)
        return value, change(dZ, scores, targets)

    return mutant


LOSSES = {
    "sum, not mean": (cross_entropy, lambda dZ, Z, y: dZ * len(Z)),
    "wrong sign": (cross_entropy, lambda dZ, Z, y: -dZ),
    "targets forgotten": (cross_entropy, lambda dZ, Z, y: softmax(Z) / len(Z)),
    "softmax over the batch": (cross_entropy, lambda dZ, Z, y: dZ - softmax(Z) / len(Z) + softmax(Z, axis=0) / len(Z)),
    "softmax slope a second time": (cross_entropy, lambda dZ, Z, y: dZ * softmax(Z) * (1 - softmax(Z))),
    "sigmoid slope a second time": (binary_cross_entropy, lambda dZ, Z, y: dZ * sigmoid(Z) * (1 - sigmoid(Z))),
    "mean over the rows only": (mse, lambda dS, S, T: dS * S.shape[1]),
    "factor two forgotten": (mse, lambda dS, S, T: dS / 2),
}


@pytest.mark.parametrize(("loss", "change"), LOSSES.values(), ids=LOSSES)
def test_wrong_loss_is_caught(loss, change):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        net = Sequential(Linear(4, 5, rng=rng), Tanh(), Linear(5, 3, rng=rng))
        X = rng.standard_normal((8, 4))
        y = rng.integers(0, 3, 8) if loss is cross_entropy else rng.integers(0, 2, (8, 3))
        check_gradients(net, loss, X, y, rng=rng)
        with pytest.raises(GradientError, match=r"^(layers\[[02]\]\.[Wb]|X): expected a slope"):
            check_gradients(net, wrong(loss, change), X, y, rng=rng)


def test_all_ones_would_not_have_caught_the_softmax():
    """Why the checks use random projections: the rows of a softmax sum to 1, so any backward with sum 0 looks right."""
    rng = np.random.default_rng(0)
    Z, ones, R = rng.standard_normal((5, 3)), np.ones((5, 3)), rng.standard_normal((5, 3))
    for kind in (Softmax, SoftmaxZero):
        layer = kind()
        layer.forward(Z, training=True)
        slope = {
            name: numeric_gradient(lambda Z, P=P: np.sum(P * softmax(Z)), Z) for name, P in [("1", ones), ("R", R)]
        }
        np.testing.assert_allclose(layer.backward(ones), slope["1"], atol=1e-9)
        assert np.allclose(layer.backward(R), slope["R"], atol=1e-9) == (kind is Softmax)


def test_gradient_that_is_not_a_number():
    net = Sequential(Linear(2, 2, rng=np.random.default_rng(0)))
    broken = wrong(cross_entropy, lambda dZ, Z, y: dZ * np.nan)
    with pytest.raises(GradientError, match=r"got nan from backward \(relative error inf, allowed 1e-06\)"):
        check_gradients(net, broken, np.eye(2), [0, 1], rng=np.random.default_rng(0))


# networks that are right must pass


def deep(*widths, act=ReLU, init=he, scale=1.0, rows=8, p=None, loss=cross_entropy):
    """A function that draws (net, loss, X, y) from rng."""

    def draw(rng):
        layers = [Linear(widths[0], widths[1], rng=rng, init=init)]
        for below, above in pairwise(widths[1:]):
            layers += [act(), *([Dropout(p, rng=rng)] if p else []), Linear(below, above, rng=rng, init=init)]
        X = scale * rng.standard_normal((rows, widths[0]))
        y = rng.integers(0, widths[-1], rows)
        if loss is not cross_entropy:
            y = rng.integers(0, 2, (rows, widths[-1]))
        return Sequential(*layers), loss, X, y

    return draw


RIGHT = {
    "relu": (50, deep(5, 7, 6, 3)),
    "relu, thousands of kinks": (50, deep(20, 30, 30, 10, rows=64)),
    "relu, the course's largest": (10, deep(784, 128, 64, 10, rows=64)),
    "relu, large inputs": (50, deep(5, 7, 6, 3, scale=100)),
    "sigmoid": (50, deep(5, 7, 6, 3, act=Sigmoid)),
    "sigmoid, saturated": (50, deep(5, 7, 6, 3, act=Sigmoid, scale=100)),
    "sigmoid, six layers": (20, deep(2, 8, 8, 8, 8, 8, 1, act=Sigmoid, init=lecun, loss=binary_cross_entropy)),
    "tanh, saturated": (50, deep(5, 7, 6, 3, act=Tanh, scale=100)),
    "zero weights": (50, deep(5, 7, 6, 3, init=zeros)),
    "zero weights, sigmoid": (50, deep(5, 7, 6, 3, act=Sigmoid, init=zeros)),
    "dropout": (50, deep(5, 20, 20, 3, p=0.5)),
    "squared error": (50, deep(5, 7, 2, act=Tanh, loss=mse)),
    "no hidden layer": (50, deep(5, 3)),
    "no parameters": (10, lambda rng: (Sequential(Tanh()), mse, *rng.standard_normal((2, 6, 4)))),
}


@pytest.mark.parametrize(("draws", "draw"), RIGHT.values(), ids=RIGHT)
def test_no_false_alarm(draws, draw):
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        net, loss, X, y = draw(rng)
        check_gradients(net, loss, X, y, rng=rng)


def test_a_kink_next_to_the_point_spoils_some_directions_only():
    """z = 1e-7, so a step of 1e-7 · v with |v| > 1 crosses the kink; 3 in 10 draws do, for each of W, b and X."""
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        net = Sequential(Linear(1, 1, rng=rng), ReLU()).astype(np.float64)
        net.theta = [1, -1 + 1e-7]
        try:
            check_gradients(net, mse, [[1]], [[1]], rng=rng)
        except GradientError:
            alarms += 1
    assert alarms <= 10  # about 4 with three directions each, 27 with one


# what comes back


def test_report():
    rng = np.random.default_rng(0)
    net = Sequential(Linear(4, 5, rng=rng), ReLU(), Linear(5, 3, rng=rng))
    report = check_gradients(net, cross_entropy, rng.standard_normal((8, 4)), rng.integers(0, 3, 8), rng=rng)
    assert [row["parameter"] for row in report] == ["layers[0].W", "layers[0].b", "layers[2].W", "layers[2].b", "X"]
    for row in report:
        a, b = row["backward"], row["numeric"]
        assert row["relative_error"] == pytest.approx(abs(a - b) / max(abs(a), abs(b), 1e-4), rel=1e-12)
        assert abs(a) > 1e-4  # a slope of zero would prove nothing
        assert row["relative_error"] <= 1e-6


def test_message_gives_both_slopes_and_the_worst_error():
    rng = np.random.default_rng(0)
    net = Sequential(BiasMean(4, 3, rng=rng), WeightOnePercentOff(3, 3, rng=rng))
    with pytest.raises(GradientError) as caught:
        check_gradients(net, cross_entropy, rng.standard_normal((8, 4)), rng.integers(0, 3, 8), rng=rng)
    found = re.fullmatch(
        r"layers\[0\]\.b: expected a slope of (\S+) along a random direction, got (\S+) from backward "
        r"\(relative error (\S+), allowed 1e-06\)",
        str(caught.value),
    )
    expected, got, error = map(float, found.groups())
    assert got == pytest.approx(expected / 8, rel=1e-5)  # the mean over 8 rows, not their sum
    assert error == pytest.approx(7 / 8, rel=0.1)
    assert isinstance(caught.value, AssertionError)


@pytest.mark.parametrize(("tolerance", "passes"), [(0.02, True), (0.005, False)])
def test_tolerance(tolerance, passes):
    rng = np.random.default_rng(0)
    net = Sequential(WeightOnePercentOff(4, 3, rng=rng))
    arguments = net, cross_entropy, rng.standard_normal((8, 4)), rng.integers(0, 3, 8)
    if passes:
        errors = [row["relative_error"] for row in check_gradients(*arguments, rng=rng, tolerance=tolerance)]
        assert max(errors) == pytest.approx(0.01 / 1.01, rel=1e-3)
    else:
        with pytest.raises(GradientError, match=r"allowed 5e-03"):
            check_gradients(*arguments, rng=rng, tolerance=tolerance)


def test_network_data_and_generators_are_left_alone():
    rng = np.random.default_rng(0)
    drop = Dropout(0.5, rng=np.random.default_rng(1))
    net = Sequential(Linear(4, 5, rng=rng), drop, Linear(5, 3, rng=rng))
    X, y = rng.standard_normal((8, 4)).astype(np.float32), rng.integers(0, 3, 8)
    net.grad = rng.standard_normal(net.grad.shape)
    kept = net.theta.copy(), net.grad.copy(), X.copy(), drop.rng.bit_generator.state
    check_gradients(net, cross_entropy, X, y, rng=rng)
    assert net.theta.dtype == np.float32
    for now, before in zip((net.theta, net.grad, X), kept[:3], strict=True):
        np.testing.assert_array_equal(now, before)
    assert drop.rng.bit_generator.state == kept[3]
    assert net.layers[0].remembered is None


def test_zero_parameters_do_not_hide_a_mistake():
    """With W2 = 0 the dX of layers[2] is zero, right or wrong; the check moves zeros away first."""
    rng = np.random.default_rng(0)
    net = Sequential(Linear(4, 4, rng=rng), Tanh(), InputUntransposed(4, 4, rng=rng, init=zeros))
    with pytest.raises(GradientError, match=BELOW):
        check_gradients(net, cross_entropy, rng.standard_normal((8, 4)), rng.integers(0, 4, 8), rng=rng)
