"""Sequential: two vectors and views into them that nothing breaks, and a whole training step in one dtype."""

import copy
import pickle
import re

import numpy as np
import pytest

from nnlib import (
    SGD,
    AdaGrad,
    Adam,
    Dropout,
    Layer,
    Linear,
    ReLU,
    RMSProp,
    Sequential,
    Sigmoid,
    Tanh,
    cross_entropy,
    mse,
    numeric_gradient,
)


def make(seed=0):
    rng = np.random.default_rng(seed)
    return Sequential(Linear(4, 5, rng=rng), ReLU(), Dropout(0.2, rng=rng), Linear(5, 3, rng=rng))


def trained(net, seed=1):
    """The network after one forward and backward, so that grad is not zero."""
    rng = np.random.default_rng(seed)
    _, dZ = cross_entropy(net.forward(rng.standard_normal((6, 4)), training=True), rng.integers(0, 3, 6))
    net.backward(dZ)
    return net


def assert_views(net):
    """theta and grad are one vector each, every W, b, dW, db a view: layer by layer, W by rows, then b."""
    places = [(layer, name) for layer in net.layers for name in layer.parameter_names]
    for vector, d in ((net.theta, ""), (net.grad, "d")):
        arrays = [getattr(layer, d + name) for layer, name in places]
        assert vector.ndim == 1
        assert vector.flags.c_contiguous
        assert all(np.shares_memory(array, vector) for array in arrays)
        assert {array.dtype for array in arrays} == {vector.dtype}
        np.testing.assert_array_equal(vector, np.concatenate([array.ravel() for array in arrays]))
        kept = vector.copy()
        vector += np.arange(vector.size)  # and a change of the vector reaches all of them
        np.testing.assert_array_equal(vector, np.concatenate([array.ravel() for array in arrays]))
        vector[...] = kept
    assert net.theta.shape == net.grad.shape
    assert not np.shares_memory(net.theta, net.grad)
    assert net.parameters().value is net.theta
    assert net.parameters().grad is net.grad


# views


def test_views_after_construction():
    layers = Linear(4, 5, rng=np.random.default_rng(0)), Tanh(), Linear(5, 3, rng=np.random.default_rng(1))
    values = [array.copy() for layer in (layers[0], layers[2]) for array in (layer.W, layer.b)]
    net = Sequential(*layers)
    assert net.layers == layers
    assert net.theta.size == 4 * 5 + 5 + 5 * 3 + 3
    assert net.theta.dtype == np.float32
    assert not net.grad.any()
    np.testing.assert_array_equal(net.theta, np.concatenate([value.ravel() for value in values]))
    assert_views(net)


def test_109386_parameters():
    rng = np.random.default_rng(0)
    net = Sequential(Linear(784, 128, rng=rng), ReLU(), Linear(128, 64, rng=rng), ReLU(), Linear(64, 10, rng=rng))
    assert net.theta.size == 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10 == 109_386


def assign_layer(net):
    net.layers[3].W = np.arange(15.0).reshape(5, 3)
    net.layers[0].b = [1, 2, 3, 4, 5]
    net.layers[0].dW = np.ones((4, 5))


def assign_theta(net):
    net.theta = np.arange(net.theta.size)
    net.grad = np.arange(net.grad.size)


def step_theta(net):
    net.theta -= 0.1 * net.grad
    net.grad *= 2


def step_layer(net):
    net.layers[0].W -= 0.1 * net.layers[0].dW
    net.layers[3].b += 1


@pytest.mark.parametrize("change", [assign_layer, assign_theta, step_theta, step_layer, trained])
def test_views_after(change):
    net = trained(make())
    theta, grad = net.theta, net.grad
    before = theta.copy(), grad.copy()
    change(net)
    assert net.theta is theta
    assert net.grad is grad
    assert any((now != then).any() for now, then in zip((theta, grad), before, strict=True))
    assert_views(net)


def test_assignment_copies():
    net = make()
    value = np.arange(net.theta.size, dtype=np.float32)
    net.theta = value
    value[0] = 99
    assert net.theta[0] == 0


@pytest.mark.parametrize("name", ["theta", "grad"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(3), "expected shape (43,), got (3,)"),
        (0.0, "expected shape (43,), got ()"),
        (np.ones((1, 43)), "expected shape (43,), got (1, 43)"),
        (np.ones(43) * 1j, "expected numbers, got complex128"),
    ],
)
def test_assignment_of_something_else(name, value, message):
    net = make()
    kept = net.theta.copy()
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name}: {message}')}$"):
        setattr(net, name, value)
    np.testing.assert_array_equal(net.theta, kept)
    assert_views(net)


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "astype": lambda net: net.astype(net.theta.dtype),
}
every_copy = pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)


@every_copy
def test_a_copy_has_vectors_of_its_own(duplicate):
    net = trained(make())
    twin = duplicate(net)
    np.testing.assert_array_equal(twin.theta, net.theta)
    np.testing.assert_array_equal(twin.grad, net.grad)
    assert not np.shares_memory(twin.theta, net.theta)
    assert not np.shares_memory(twin.grad, net.grad)
    assert_views(twin)
    assert_views(net)
    kept = net.theta.copy()
    SGD(twin.parameters(), 0.1).step()
    np.testing.assert_array_equal(net.theta, kept)
    assert (twin.theta != net.theta).any()


@every_copy
def test_a_copy_goes_on_as_the_original_would(duplicate):
    net = make()
    twin = duplicate(net)
    assert repr(twin) == repr(net)
    for seed in range(3):  # the generator of Dropout is copied too
        for each in (net, twin):
            trained(each, seed)
            each.theta -= 0.1 * each.grad
    np.testing.assert_array_equal(twin.theta, net.theta)
    assert twin.layers[2].rng is not net.layers[2].rng


@every_copy
def test_a_copy_remembers_no_forward(duplicate):
    twin = duplicate(trained(make()))
    assert all(layer.remembered is None for layer in twin.layers)
    with pytest.raises(RuntimeError, match="backward before forward"):
        twin.backward(np.ones((6, 3)))


@every_copy
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layers", [lambda: make().layers, lambda: (Tanh(),)], ids=["parameters", "none"])
def test_a_copy_keeps_the_dtype(duplicate, dtype, layers):
    net = Sequential(*layers()).astype(dtype)
    twin = duplicate(net)
    assert {twin.theta.dtype, twin.grad.dtype, twin.forward(np.ones((2, 4))).dtype} == {np.dtype(dtype)}


def test_deepcopy_of_a_single_layer():
    net = trained(make())
    layer = copy.deepcopy(net.layers[0])
    np.testing.assert_array_equal(layer.W, net.layers[0].W)
    assert not np.shares_memory(layer.W, net.theta)
    assert layer.remembered is None
    layer.W = 2 * layer.W  # assignment still copies into the array, in its dtype
    assert layer.W.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float64, "float64", np.float32, np.float16])
def test_astype(dtype):
    net = trained(make())
    twin = net.astype(dtype)
    np.testing.assert_array_equal(twin.theta, net.theta.astype(dtype))
    assert twin.theta.dtype == np.dtype(dtype)
    assert net.theta.dtype == np.float32
    assert_views(twin)
    assert_views(net)


@pytest.mark.parametrize("dtype", [np.int64, bool, np.complex128])
def test_astype_of_something_else(dtype):
    with pytest.raises(ValueError, match=f"dtype: expected a floating dtype, got {np.dtype(dtype)}"):
        make().astype(dtype)


def test_nested_networks_are_flattened():
    rng = np.random.default_rng(0)
    a, b, c = Linear(4, 5, rng=rng), Tanh(), Linear(5, 3, rng=rng)
    expected = Sequential(*map(copy.deepcopy, (a, b, c)))
    net = Sequential(Sequential(a, Sequential(b)), c)
    assert net.layers == (a, b, c)
    np.testing.assert_array_equal(net.theta, expected.theta)
    assert_views(net)
    X = rng.standard_normal((2, 4))
    np.testing.assert_array_equal(net.forward(X), expected.forward(X))


def test_layers_that_moved_to_another_network():
    rng = np.random.default_rng(0)
    body, head = Linear(4, 5, rng=rng), Linear(5, 3, rng=rng)
    old = trained(Sequential(body, ReLU(), head))
    new = Sequential(body, ReLU(), Linear(5, 2, rng=rng))
    assert_views(new)
    message = re.escape("Linear(4, 5) has moved to another network; build that one from copy.deepcopy(layer)")

    def assign():
        old.theta = np.zeros(43)

    for use in (lambda: old.theta, lambda: old.grad, old.parameters, lambda: old.backward(np.ones((6, 3))), assign):
        with pytest.raises(RuntimeError, match=message):
            use()
    apart = Sequential(copy.deepcopy(new.layers[0]), ReLU(), Linear(5, 2, rng=rng))  # as the message advises
    assert_views(apart)
    assert_views(new)


def test_a_network_without_parameters():
    net = Sequential(Sigmoid(), Tanh())
    assert net.theta.shape == net.grad.shape == (0,)
    X = np.random.default_rng(0).standard_normal((2, 3))
    np.testing.assert_allclose(net.forward(X, training=True), np.tanh(1 / (1 + np.exp(-X))), rtol=1e-6)
    assert net.backward(np.ones((2, 3))) is None
    assert net.backward(np.ones((2, 3), np.float32), input_gradient=True).shape == (2, 3)


# errors on construction


def linear(i, o):
    return Linear(i, o, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "Sequential: expected at least one layer, got none"),
        ([linear(4, 5), ReLU], "layer 1: expected a Layer, got <class 'nnlib.layers.ReLU'>; write ReLU()"),
        ([linear(4, 5), None], "layer 1: expected a Layer, got None"),
        ([np.tanh], "layer 0: expected a Layer, got <ufunc 'tanh'>"),
        ([[ReLU()]], "layer 0: expected a Layer, got [ReLU()]"),
        ([linear(4, 5), linear(4, 3)], "layer 1: expected 5 inputs, as many as come out below, got Linear(4, 3)"),
        (
            [linear(4, 5), ReLU(), Dropout(0.5, rng=np.random.default_rng(0)), linear(6, 3)],
            "layer 3: expected 5 inputs, as many as come out below, got Linear(6, 3)",
        ),
        (
            [Sequential(linear(4, 5), Tanh()), Sequential(linear(4, 3))],
            "layer 2: expected 5 inputs, as many as come out below, got Linear(4, 3)",
        ),
        ([linear(4, 4)] * 2, "layer 1: expected a new layer, got Linear(4, 4) a second time"),
    ],
)
def test_layers_that_do_not_fit(layers, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Sequential(*layers)


def test_widths_of_the_whole():
    net = make()
    assert (net.in_features, net.out_features) == (4, 3)
    net = Sequential(ReLU(), linear(4, 3), Tanh())
    assert (net.in_features, net.out_features) == (4, 3)
    net = Sequential(ReLU())
    assert (net.in_features, net.out_features) == (None, None)


# forward


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones(4), "X: expected shape (N, 4), got (4,)"),
        (np.ones((2, 4, 1)), "X: expected shape (N, 4), got (2, 4, 1)"),
        (1.0, "X: expected shape (N, 4), got ()"),
        (np.ones((2, 5)), "Linear(4, 5): expected X of shape (N, 4), got (2, 5)"),
        (np.ones((4, 2)), "Linear(4, 5): expected X of shape (N, 4), got (4, 2)"),
        (np.ones((2, 4)) * 1j, "X: expected numbers, got complex128"),
        ([["a"] * 4], "X: expected numbers, got <U1"),
        (np.full((2, 4), None), "X: expected numbers, got object"),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_input_that_does_not_fit(X, message, training):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make().forward(X, training=training)


def test_input_message_without_a_known_width():
    with pytest.raises(ValueError, match=re.escape("X: expected shape (N, D), got (3,)")):
        Sequential(ReLU()).forward(np.ones(3))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_any_real_input_is_computed_in_the_dtype_of_theta(dtype):
    net = make()
    X = np.array([[0, 1, 1, 0], [1, 1, 0, 0]])
    expected = net.forward(X.astype(np.float32))
    for each, tolerance in ((net, 0), (net.astype(np.float64), 1e-5)):
        Z = each.forward(X.astype(dtype))
        assert Z.dtype == each.theta.dtype
        np.testing.assert_allclose(Z, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(net.forward(X.tolist()), expected)


def test_forward_is_one_layer_after_the_other():
    net, X = make(), np.random.default_rng(3).standard_normal((6, 4)).astype(np.float32)
    first, last = net.layers[0], net.layers[3]
    np.testing.assert_allclose(
        net.forward(X), np.maximum(X @ first.W + first.b, 0) @ last.W + last.b, rtol=1e-5, atol=1e-6
    )
    assert (net.forward(X, training=True) != net.forward(X)).any()  # training reaches Dropout


# backward


def smooth(seed=0):
    """(net, X, T) in float64, without randomness or kinks."""
    rng = np.random.default_rng(seed)
    layers = Tanh(), Linear(4, 5, rng=rng), Sigmoid(), Linear(5, 3, rng=rng), Tanh()
    return Sequential(*layers).astype(np.float64), rng.standard_normal((6, 4)), rng.standard_normal((6, 3))


def test_backward_returns_the_input_gradient_only_if_asked():
    net, X, T = smooth()
    _, dY = mse(net.forward(X, training=True), T)
    assert net.backward(dY) is None
    grad = net.grad.copy()
    net.grad = np.zeros_like(grad)
    dX = net.backward(dY, input_gradient=True)
    np.testing.assert_array_equal(net.grad, grad)
    np.testing.assert_allclose(dX, numeric_gradient(lambda X: mse(net.forward(X), T)[0], X), rtol=1e-6, atol=1e-10)


def test_grad_is_the_slope_along_theta():
    net, X, T = smooth(1)
    _, dY = mse(net.forward(X, training=True), T)
    net.backward(dY)

    def loss_at(theta):
        net.theta = theta
        return mse(net.forward(X), T)[0]

    np.testing.assert_allclose(net.grad, numeric_gradient(loss_at, net.theta), rtol=1e-6, atol=1e-10)


def test_backward_stops_at_the_first_layer_with_parameters():
    """Its dX, a fifth of the work of a step, is computed only if asked for."""

    class Counting(Linear):
        calls = 0

        def backward(self, dZ):
            self.calls += 1
            return super().backward(dZ)

    class Untouched(Tanh):
        def backward(self, dA):
            raise AssertionError("nobody needs this gradient")

    rng = np.random.default_rng(0)
    below, first, second = Untouched(), Counting(4, 5, rng=rng), Counting(5, 3, rng=rng)
    net = Sequential(below, first, second)
    net.forward(np.ones((2, 4)), training=True)
    net.backward(np.ones((2, 3), dtype=np.float32))
    assert (first.calls, second.calls) == (0, 1)
    assert first.dW.any()
    with pytest.raises(AssertionError, match="nobody needs"):
        net.backward(np.ones((2, 3), dtype=np.float32), input_gradient=True)


# one whole step of training

OPTIMISERS = {
    "SGD": lambda p: SGD(p, np.float64(0.1)),
    "momentum, weight decay": lambda p: SGD(
        p, np.float64(0.1), momentum=np.float64(0.9), weight_decay=np.float64(0.01)
    ),
    "AdaGrad": lambda p: AdaGrad(p, np.float64(0.1)),
    "RMSProp": lambda p: RMSProp(p, np.float64(0.1)),
    "Adam": lambda p: Adam(p, np.float64(0.1)),
}


@pytest.mark.parametrize("optimiser", OPTIMISERS.values(), ids=OPTIMISERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_every_array_of_a_step(optimiser, dtype, monkeypatch):
    seen = []

    def watched(method):
        def call(self, array, *args, **kwargs):
            result = method(self, array, *args, **kwargs)
            seen.extend([array, *([result] if isinstance(result, np.ndarray) else [])])
            return result

        return call

    for kind in (Linear, Sigmoid, Tanh, ReLU, Dropout):
        for name in ("forward", "backward", "fill_gradients"):
            monkeypatch.setattr(kind, name, watched(getattr(kind, name)))
    rng = np.random.default_rng(0)
    layers = [
        Linear(4, 6, rng=rng),
        ReLU(),
        Dropout(0.2, rng=rng),
        Linear(6, 6, rng=rng),
        Tanh(),
        Linear(6, 6, rng=rng),
    ]
    net = Sequential(*layers, Sigmoid(), Linear(6, 3, rng=rng)).astype(dtype)
    opt = optimiser(net.parameters())
    X, y = rng.integers(0, 256, (8, 4), dtype=np.uint8), rng.integers(0, 3, 8)
    for _ in range(2):
        Z = net.forward(X, training=True)
        value, dZ = cross_entropy(Z, y)
        assert type(value) is float
        net.backward(dZ)
        opt.step()
    seen += [Z, dZ, net.theta, net.grad, *(array for array in vars(opt).values() if isinstance(array, np.ndarray))]
    for layer in net.layers:
        seen += [array for array in vars(layer).values() if isinstance(array, np.ndarray)]
    assert len(seen) > 80
    assert {array.dtype for array in seen} == {np.dtype(dtype)}
    assert np.isfinite(net.theta).all()
    assert_views(net)


@pytest.mark.parametrize("act", [ReLU, Sigmoid, Tanh])
def test_twenty_examples_are_learnt_by_heart(act):
    """A network that cannot overfit twenty examples has a bug; labels drawn at random leave nothing else to learn."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 10)), rng.integers(0, 4, 20)
    net = Sequential(Linear(10, 30, rng=rng), act(), Linear(30, 4, rng=rng))
    opt = Adam(net.parameters(), lr=0.02)
    assert np.mean(net.forward(X).argmax(axis=1) == y) < 0.6
    for _ in range(150):
        value, dZ = cross_entropy(net.forward(X, training=True), y)
        net.backward(dZ)
        opt.step()
    assert np.mean(net.forward(X).argmax(axis=1) == y) == 1
    assert value < 0.05


def test_a_layer_of_ones_own_in_a_network():
    class Shift(Layer):
        """Y = X + s"""

        parameter_names = ("s",)

        def __init__(self):
            self.s = np.zeros(5, dtype=np.float64)

        def forward(self, X, training=False):
            if training:
                self.remembered = X
            return X + self.s

        def backward(self, dY):
            self.recall(dY)
            self.ds = dY.sum(axis=0)
            return dY

    net = Sequential(linear(4, 5), Shift(), linear(5, 3))
    assert net.theta.size == 25 + 5 + 18
    assert net.theta.dtype == np.float64  # of mixed dtypes the wider one
    assert_views(trained(net))
    assert net.layers[1].ds.any()
