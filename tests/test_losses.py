"""The losses: values worked by hand, gradients by nudging, no trouble at extreme scores, and errors that explain."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnlib import (
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    binary_cross_entropy,
    cross_entropy,
    glorot,
    he,
    lecun,
    mse,
    numeric_gradient,
    sigmoid,
    softmax,
)

LOSSES = {"cross_entropy": cross_entropy, "binary_cross_entropy": binary_cross_entropy, "mse": mse}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
LN2, LN3 = math.log(2), math.log(3)


def targets_for(loss, shape, rng):
    return {
        cross_entropy: lambda: rng.integers(0, shape[-1], shape[0]),
        binary_cross_entropy: lambda: rng.integers(0, 2, shape),
        mse: lambda: rng.standard_normal(shape),
    }[loss]()


@pytest.mark.parametrize(
    ("loss", "scores", "targets", "value", "gradient"),
    [
        # row 1: p = (½, ½), -log ½ = ln 2, p - y = (-½, ½).  row 2: p = (¾, ¼), -log ¼ = 2 ln 2, p - y = (¾, -¾)
        (cross_entropy, [[0, 0], [LN3, 0]], [0, 1], 1.5 * LN2, [[-0.25, 0.25], [0.375, -0.375]]),
        # p = 1/10 each: ln 10
        (cross_entropy, [[7] * 10], [3], math.log(10), [[0.1] * 3 + [-0.9] + [0.1] * 6]),
        # p is 1 and 0 to the last digit: the loss is the distance of the scores, the gradient ±1
        (cross_entropy, [[1e4, -1e4]], [1], 2e4, [[1, -1]]),
        # p = ½, y = 1: ln 2, p - y = -½.  p = ¾, y = 0: -log ¼ = 2 ln 2, p - y = ¾
        (binary_cross_entropy, [0, LN3], [1, 0], 1.5 * LN2, [-0.25, 0.375]),
        (binary_cross_entropy, [[0], [LN3]], [1, 0], 1.5 * LN2, [[-0.25], [0.375]]),
        (binary_cross_entropy, [0, LN3], [[1], [0]], 1.5 * LN2, [-0.25, 0.375]),
        # four yes/no answers: (ln 2 + 2 ln 2 + log(4/3) + ln 2) / 4, and (p - y) / 4
        (
            binary_cross_entropy,
            [[0, LN3], [LN3, 0]],
            [[1, 0], [1, 0]],
            (6 * LN2 - LN3) / 4,
            [[-1 / 8, 3 / 16], [-1 / 16, 1 / 8]],
        ),
        (binary_cross_entropy, [1e4, -1e4], [0, 0], 5e3, [0.5, 0]),
        # (1 + 0 + 0 + 4) / 4, and 2 · difference / 4
        (mse, [[1, 2], [3, 4]], [[0, 2], [3, 2]], 1.25, [[0.5, 0], [0, 1]]),
        (mse, [[1], [3]], [2, 1], 2.5, [[-1], [2]]),
        (mse, [1, 3], [2, 1], 2.5, [-1, 2]),
    ],
)
def test_by_hand(loss, scores, targets, value, gradient):
    got, dZ = loss(np.array(scores, dtype=float), np.array(targets))
    assert got == pytest.approx(value, rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(dZ, gradient, rtol=1e-12, atol=1e-12)
    assert dZ.shape == np.shape(scores)


@every_loss
@pytest.mark.parametrize("shape", [(1, 2), (7, 3), (20, 10), (4, 1)])
def test_gradient_is_the_slope(loss, shape):
    rng = np.random.default_rng(0)
    Z, targets = 3 * rng.standard_normal(shape), targets_for(loss, shape, rng)
    _, dZ = loss(Z, targets)
    np.testing.assert_allclose(dZ, numeric_gradient(lambda Z: loss(Z, targets)[0], Z), rtol=1e-6, atol=1e-10)


def test_cross_entropy_is_the_naive_formula():
    rng = np.random.default_rng(1)
    Z, y = rng.standard_normal((9, 5)), rng.integers(0, 5, 9)
    naive = [-math.log(softmax(z)[label]) for z, label in zip(Z, y, strict=True)]
    assert cross_entropy(Z, y)[0] == pytest.approx(sum(naive) / 9, rel=1e-12)


def test_binary_cross_entropy_is_the_naive_formula():
    rng = np.random.default_rng(2)
    Z, y = rng.standard_normal(9), rng.integers(0, 2, 9)
    naive = [-math.log(p if label else 1 - p) for p, label in zip(sigmoid(Z), y, strict=True)]
    assert binary_cross_entropy(Z, y)[0] == pytest.approx(sum(naive) / 9, rel=1e-12)


@every_loss
@settings(derandomize=True, deadline=None)  # the same examples on every run, slow machines included
@given(data=st.data())
def test_extreme_scores(loss, data):
    """|z| up to 1e4 in both dtypes: finite, no warning (warnings are errors), gradients within their bounds."""
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    elements = st.floats(-1e4, 1e4, width=np.dtype(dtype).itemsize * 8)
    Z = data.draw(arrays(dtype, shape, elements=elements))
    targets = targets_for(loss, shape, np.random.default_rng(0))
    kept = Z.copy(), targets.copy()
    value, dZ = loss(Z, targets)
    assert type(value) is float
    assert math.isfinite(value)
    assert value >= 0
    assert dZ.dtype == dtype
    assert dZ.shape == shape
    assert np.isfinite(dZ).all()
    if loss is cross_entropy:
        assert (np.abs(dZ) <= 1 / shape[0] * (1 + 1e-6)).all()
        np.testing.assert_allclose(dZ.sum(axis=1), 0, atol=10 * np.finfo(dtype).eps * shape[1])
    if loss is binary_cross_entropy:
        assert (np.abs(dZ) <= 1 / dZ.size * (1 + 1e-6)).all()
    np.testing.assert_array_equal(Z, kept[0])
    np.testing.assert_array_equal(targets, kept[1])


@every_loss
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(loss, dtype):
    rng = np.random.default_rng(3)
    targets = targets_for(loss, (6, 3), rng)
    value, dZ = loss(rng.standard_normal((6, 3)).astype(dtype), targets)
    assert type(value) is float
    assert dZ.dtype == dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_any_integer_labels(dtype):
    Z, y = np.random.default_rng(4).standard_normal((6, 3)), np.array([0, 1, 2, 2, 1, 0])
    assert cross_entropy(Z, y.astype(dtype))[0] == cross_entropy(Z, list(y))[0]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64])
def test_any_yes_or_no(dtype):
    Z, y = np.random.default_rng(5).standard_normal(4).astype(np.float32), np.array([0, 1, 1, 0])
    value, dZ = binary_cross_entropy(Z, y.astype(dtype))
    assert value == binary_cross_entropy(Z, y)[0]
    assert dZ.dtype == np.float32


LABELS, SHAPE = "labels: expected ", "targets: expected shape "


@pytest.mark.parametrize(
    ("loss", "scores", "targets", "message"),
    [
        (cross_entropy, np.ones(3), [0], "scores: expected shape (N, C) with N >= 1, got (3,)"),
        (cross_entropy, np.ones((0, 3)), [], "scores: expected shape (N, C) with N >= 1, got (0, 3)"),
        (cross_entropy, np.ones((2, 3, 4)), [0, 0], "scores: expected shape (N, C) with N >= 1, got (2, 3, 4)"),
        (cross_entropy, np.ones((2, 3), int), [0, 0], "scores: expected a floating dtype, got int64"),
        (cross_entropy, np.ones((2, 3)), [0, 0, 0], LABELS + "shape (2,), got (3,)"),
        (cross_entropy, np.ones((2, 3)), 0, LABELS + "shape (2,), got ()"),
        (
            cross_entropy,
            np.ones((2, 3)),
            [[1, 0, 0], [0, 1, 0]],
            LABELS + "shape (2,), got (2, 3); turn one-hot rows into labels with y.argmax(axis=1)",
        ),
        (cross_entropy, np.ones((2, 3)), [0.0, 1.0], LABELS + "integers, got float64"),
        (cross_entropy, np.ones((2, 3)), [0, 3], LABELS + "0 to 2, got 0 to 3"),
        (cross_entropy, np.ones((2, 3)), [0, -1], LABELS + "0 to 2, got -1 to 0"),
        (binary_cross_entropy, np.ones(0), [], "scores: expected shape (N, 1) or (N,) with N >= 1, got (0,)"),
        (binary_cross_entropy, np.float64(1), 1, "scores: expected shape (N, 1) or (N,) with N >= 1, got ()"),
        (binary_cross_entropy, np.ones(2), [0, 2], "targets: expected 0 or 1, got 2"),
        (binary_cross_entropy, np.ones(2), [-1, 1], "targets: expected 0 or 1, got -1"),
        (binary_cross_entropy, np.ones(2), [0.5, 1], "targets: expected 0 or 1, got 0.5"),
        (
            binary_cross_entropy,
            np.ones((2, 1)),
            [0, 1, 1],
            SHAPE + "(2, 1) like the scores, got (3,); for class labels use one_hot(y, classes)",
        ),
        (binary_cross_entropy, np.ones((1, 2)), [[0], [1]], SHAPE + "(1, 2) like the scores, got (2, 1)"),
        (mse, np.ones((0, 2)), np.ones((0, 2)), "scores: expected shape (N, K) with N >= 1, got (0, 2)"),
        (mse, np.ones((2, 3), int), np.ones((2, 3)), "scores: expected a floating dtype, got int64"),
        (
            mse,
            np.ones((2, 3)),
            [0, 1],
            SHAPE + "(2, 3) like the scores, got (2,); for class labels use one_hot(y, classes)",
        ),
        (mse, np.ones((2, 3)), np.ones((3, 2)), SHAPE + "(2, 3) like the scores, got (3, 2)"),
        (mse, np.ones((2, 3)), np.ones((1, 3)), SHAPE + "(2, 3) like the scores, got (1, 3)"),  # never broadcast
        (mse, np.ones((2, 3)), 1.0, SHAPE + "(2, 3) like the scores, got ()"),
        (mse, np.ones(2), ["a", "b"], "targets: expected numbers, got <U1"),
        (mse, np.ones(2), [1.0, np.nan], "targets: expected finite numbers, got NaN or infinity"),
        (mse, np.ones(2), [1.0, np.inf], "targets: expected finite numbers, got NaN or infinity"),
    ],
)
def test_messages(loss, scores, targets, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        loss(scores, np.array(targets))


@every_loss
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite(loss, bad):
    Z = np.zeros((4, 2))
    Z[2, 1] = bad
    message = re.escape(f"scores: expected finite numbers, got {Z[2]} in row 2; often the learning rate is too large")
    with pytest.raises(FloatingPointError, match=message):
        loss(Z, targets_for(loss, (4, 2), np.random.default_rng(0)))


# losses and networks


@pytest.mark.parametrize(
    ("act", "hidden", "last"), [(ReLU, he, he), (ReLU, he, glorot), (Sigmoid, lecun, glorot)], ids=lambda f: f.__name__
)
def test_loss_at_the_start_is_near_ln_10(act, hidden, last):
    """784-128-64-10 knows nothing yet, so each class has about a tenth: ln 10 = 2.303, a little more by chance."""
    rng = np.random.default_rng(0)
    X = (rng.random((500, 784)) * (rng.random((500, 784)) < 0.2)).astype(np.float32)  # as dark as digits are
    y = rng.integers(0, 10, 500)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        layers = Linear(784, 128, rng=rng, init=hidden), act(), Linear(128, 64, rng=rng, init=hidden), act()
        net = Sequential(*layers, Linear(64, 10, rng=rng, init=last))
        assert math.log(10) - 0.02 < cross_entropy(net.forward(X), y)[0] < math.log(10) + 0.3


@every_loss
@pytest.mark.parametrize("cut", [7, 10])
def test_full_batch_gradient_is_the_mean_of_the_halves(loss, cut):
    rng = np.random.default_rng(6)
    net = Sequential(Linear(4, 6, rng=rng), ReLU(), Linear(6, 3, rng=rng)).astype(np.float64)
    X, y = rng.standard_normal((20, 4)), targets_for(loss, (20, 3), rng)

    def loss_and_gradient(rows):
        value, dZ = loss(net.forward(X[rows], training=True), y[rows])
        net.backward(dZ)
        return np.array([value, *net.grad])

    weighted = (
        cut * loss_and_gradient(slice(cut)) + (20 - cut) * loss_and_gradient(slice(cut, None))
    ) / 20  # weighted by rows: a mean of means would be wrong for 7 and 13
    np.testing.assert_allclose(loss_and_gradient(slice(None)), weighted, rtol=1e-12, atol=1e-15)
