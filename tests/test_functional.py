"""The functions of plain arrays: right values, right slopes, and no NaN or warning at any input."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnlib import (
    log_softmax,
    numeric_gradient,
    one_hot,
    relu,
    relu_derivative,
    sigmoid,
    sigmoid_derivative,
    softmax,
    tanh,
    tanh_derivative,
)

ELEMENTWISE = [sigmoid, sigmoid_derivative, tanh, tanh_derivative, relu, relu_derivative]
EVERY = [*ELEMENTWISE, softmax, log_softmax]
by_name = {"ids": lambda f: f.__name__}
repeatable = settings(derandomize=True, deadline=None)  # the same examples on every run, slow machines included
floats = st.sampled_from([np.float32, np.float64])


def numbers(shape):
    """Arrays of either float dtype with |z| up to 1e4, zeros, huge and tiny values included."""
    return floats.flatmap(
        lambda dtype: arrays(dtype, shape, elements=st.floats(-1e4, 1e4, width=np.dtype(dtype).itemsize * 8))
    )


matrices = numbers(array_shapes(min_dims=1, max_dims=3, max_side=5))


@pytest.mark.parametrize("f", EVERY, **by_name)
@repeatable
@given(Z=matrices)
def test_finite_with_shape_and_dtype_kept(f, Z):
    kept = Z.copy()
    result = f(Z)
    assert result.shape == Z.shape
    assert result.dtype == Z.dtype
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(Z, kept)


@pytest.mark.parametrize(
    ("f", "z", "value"),
    [
        (sigmoid, 0, 0.5),
        (sigmoid, math.log(3), 0.75),
        (sigmoid, -math.log(3), 0.25),
        (sigmoid, -700, math.exp(-700)),  # not rounded to 0: 1 / (1 + e^700) = e^-700 / (1 + e^-700)
        (sigmoid, 40, 1),
        (sigmoid_derivative, 0, 0.25),
        (sigmoid_derivative, math.log(3), 0.1875),
        (tanh, math.log(2), 0.6),  # (2 - ½) / (2 + ½)
        (tanh_derivative, 0, 1),
        (tanh_derivative, -math.log(2), 0.64),
        (relu, -2, 0),
        (relu, 3, 3),
        (relu_derivative, -2, 0),
        (relu_derivative, 0, 0),  # by convention
        (relu_derivative, 1e-30, 1),
    ],
)
def test_by_hand(f, z, value):
    assert f(np.array([[z]], dtype=float)) == pytest.approx(value, rel=1e-14, abs=0)
    assert f([z])[0] == pytest.approx(value, rel=1e-14, abs=0)  # a list will do


@pytest.mark.parametrize(
    ("f", "derivative"),
    [(sigmoid, sigmoid_derivative), (tanh, tanh_derivative), (relu, relu_derivative)],
    ids=["sigmoid", "tanh", "relu"],
)
def test_derivative_is_the_slope(f, derivative):
    Z = np.random.default_rng(0).uniform(-4, 4, (6, 7))
    R = np.random.default_rng(1).standard_normal((6, 7))
    slope = numeric_gradient(lambda Z: np.sum(R * f(Z)), Z)
    np.testing.assert_allclose(R * derivative(Z), slope, rtol=1e-7, atol=1e-9)


@repeatable
@given(Z=matrices)
def test_sigmoid_is_symmetric_and_stays_between_0_and_1(Z):
    A = sigmoid(Z)
    assert ((A >= 0) & (A <= 1)).all()
    np.testing.assert_allclose(A + sigmoid(-Z), 1, rtol=0, atol=2 * np.finfo(Z.dtype).eps)


def test_sigmoid_in_float32_is_the_float64_one_rounded():
    Z = np.linspace(-80, 80, 1001)
    np.testing.assert_allclose(sigmoid(Z.astype(np.float32)), sigmoid(Z.astype(np.float32).astype(float)), rtol=3e-7)


@repeatable
@given(Z=matrices)
def test_softmax_is_a_distribution(Z):
    P = softmax(Z)
    assert (P >= 0).all()
    np.testing.assert_allclose(P.sum(axis=-1), 1, rtol=0, atol=8 * np.finfo(Z.dtype).eps)
    assert (np.take_along_axis(P, Z.argmax(axis=-1)[..., None], -1)[..., 0] == P.max(axis=-1)).all()


@repeatable
@given(Z=matrices)
def test_log_softmax_is_the_logarithm_of_softmax(Z):
    eps = np.finfo(Z.dtype).eps
    np.testing.assert_allclose(np.exp(log_softmax(Z)), softmax(Z), rtol=1e5 * eps, atol=4 * eps)
    assert (log_softmax(Z) <= 0).all()


def test_softmax_by_hand():
    # e^0 : e^ln2 : e^ln5 = 1 : 2 : 5
    Z = np.log([[1.0, 2.0, 5.0], [4.0, 4.0, 8.0]])
    P = [[1 / 8, 2 / 8, 5 / 8], [1 / 4, 1 / 4, 1 / 2]]
    np.testing.assert_allclose(softmax(Z), P, rtol=1e-14)
    np.testing.assert_allclose(log_softmax(Z), np.log(P), rtol=1e-14)
    np.testing.assert_allclose(softmax(Z + 1000), P, rtol=1e-12)  # the same number added to all changes nothing


def test_log_softmax_where_softmax_rounds_to_zero():
    np.testing.assert_array_equal(softmax(np.array([0.0, 2000.0])), [0, 1])
    np.testing.assert_array_equal(log_softmax(np.array([0.0, 2000.0])), [-2000, 0])


@pytest.mark.parametrize("f", [softmax, log_softmax], **by_name)
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_axis(f, axis):
    Z = np.random.default_rng(0).standard_normal((3, 4, 5))
    np.testing.assert_allclose(f(Z, axis=axis), np.moveaxis(f(np.moveaxis(Z, axis, -1)), -1, axis), rtol=1e-12)
    np.testing.assert_array_equal(f(Z), f(Z, axis=-1))


# one_hot


@repeatable
@given(data=st.data(), classes=st.integers(1, 12))
def test_one_hot(data, classes):
    dtype = data.draw(st.sampled_from([np.uint8, np.int32, np.int64]))
    y = data.draw(arrays(dtype, st.integers(0, 20), elements=st.integers(0, classes - 1)))
    rows = one_hot(y, classes)
    assert rows.shape == (len(y), classes)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, np.eye(classes)[y])


def test_one_hot_dtype():
    assert one_hot([0, 2, 1], 3, dtype=np.float64).dtype == np.float64
    np.testing.assert_array_equal(one_hot([2, 0], 3), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 3], "labels: expected 0 to 2, got 0 to 3"),
        ([-1, 2], "labels: expected 0 to 2, got -1 to 2"),
        ([0.0, 1.0], "labels: expected integers, got float64"),
        ([True, False], "labels: expected integers, got bool"),
        (["a"], "labels: expected integers, got <U1"),
        (1, "labels: expected shape (N,), got ()"),
        (
            [[1, 0, 0], [0, 1, 0]],
            "labels: expected shape (N,), got (2, 3); turn one-hot rows into labels with y.argmax(axis=1)",
        ),
    ],
)
def test_one_hot_of_something_else(y, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        one_hot(y, 3)


@pytest.mark.parametrize("function", [sigmoid, softmax, log_softmax])
def test_unsigned_integers_do_not_wrap_around(function):
    Z = np.array([[0, 1, 3]], dtype=np.uint8)
    np.testing.assert_array_equal(function(Z), function(Z.astype(np.float64)))
