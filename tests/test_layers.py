"""Every layer keeps its promises: right gradients, clear errors, and no memory but what backward needs."""

import re

import numpy as np
import pytest

from nnlib import Dropout, Layer, Linear, ReLU, Sequential, Sigmoid, Tanh, check_gradients, he, mse, zeros

# a small layer of each kind with 4 inputs; a class that is missing here fails test_no_layer_is_forgotten
CASES = {
    Linear: lambda rng: Linear(4, 3, rng=rng),
    Sigmoid: lambda rng: Sigmoid(),
    Tanh: lambda rng: Tanh(),
    ReLU: lambda rng: ReLU(),
    Dropout: lambda rng: Dropout(0.4, rng=rng),
    Sequential: lambda rng: Sequential(Linear(4, 5, rng=rng), Dropout(0.3, rng=rng), Tanh(), Linear(5, 3, rng=rng)),
}
every_layer = pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)


def subclasses(base):
    return {kind for child in base.__subclasses__() for kind in {child} | subclasses(child)}


def build(kind, rng, dtype=np.float64):
    """(layer, X): a layer with random parameters, none of them zero, and five rows for it."""
    net = Sequential(CASES[kind](rng)).astype(dtype)
    net.theta = rng.standard_normal(net.theta.shape)
    return net if kind is Sequential else net.layers[0], rng.standard_normal((5, 4)).astype(dtype)


def forward(layer, X, seed=7):
    """A training pass in which every Dropout draws the mask of this seed."""
    for part in getattr(layer, "layers", [layer]):
        if isinstance(part, Dropout):
            part.rng = np.random.default_rng(seed)
    return layer.forward(X, training=True)


def backward(layer, dY):
    return layer.backward(dY, input_gradient=True) if isinstance(layer, Sequential) else layer.backward(dY)


def parameters(layer):
    """(value, gradient) of everything that the layer can learn."""
    if isinstance(layer, Sequential):
        return [layer.parameters()]
    return [(getattr(layer, name), getattr(layer, "d" + name)) for name in layer.parameter_names]


def slopes(f, x, eps=1e-6):
    """d f / d x, entry by entry, by nudging x in place: deliberately not nnlib's numeric_gradient."""
    result = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        kept, x[i] = x[i], x[i] + eps
        above, x[i] = f(), kept - eps
        result[i], x[i] = (above - f()) / (2 * eps), kept
    return result


def test_no_layer_is_forgotten():
    assert {kind for kind in subclasses(Layer) if kind.__module__ == "nnlib.layers"} == set(CASES)


@every_layer
@pytest.mark.parametrize("seed", range(5))
def test_backward_is_the_slope_of_forward(kind, seed):
    rng = np.random.default_rng(seed)
    layer, X = build(kind, rng)
    dY = rng.standard_normal(forward(layer, X).shape)  # a random projection: with ones, softmax would prove nothing
    dX = backward(layer, dY)

    def projected():
        return np.sum(dY * forward(layer, X))

    np.testing.assert_allclose(dX, slopes(projected, X), rtol=1e-6, atol=1e-8)
    for value, gradient in parameters(layer):
        assert gradient.shape == value.shape
        np.testing.assert_allclose(gradient, slopes(projected, value), rtol=1e-6, atol=1e-8)


@every_layer
@pytest.mark.parametrize("seed", range(5))
def test_check_gradients_agrees(kind, seed):
    rng = np.random.default_rng(seed)
    layer, X = build(kind, rng)
    report = check_gradients(Sequential(layer), mse, X, rng.standard_normal(layer.forward(X).shape), rng=rng)
    assert report[-1]["parameter"] == "X"
    assert len(report) == 1 + {Linear: 2, Sequential: 4}.get(kind, 0)


@every_layer
def test_backward_before_forward(kind):
    layer, X = build(kind, np.random.default_rng(0))
    dY = np.ones_like(layer.forward(X))  # without training=True nothing is remembered
    last = layer.layers[-1] if kind is Sequential else layer
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"backward before forward; call forward\(X, training=True\) first"):
            backward(layer, dY)
        assert last.remembered is None
        layer.forward(X)


@every_layer
def test_forward_without_training_leaves_the_memory_alone(kind):
    rng = np.random.default_rng(1)
    layer, X = build(kind, rng)
    dY = rng.standard_normal(forward(layer, X).shape)
    expected = backward(layer, dY)
    layer.forward(rng.standard_normal((9, 4)))  # as evaluation on other data does
    np.testing.assert_array_equal(backward(layer, dY), expected)


@every_layer
def test_backward_belongs_to_the_last_forward(kind):
    rng = np.random.default_rng(2)
    layer, X = build(kind, rng)
    forward(layer, rng.standard_normal((9, 4)))
    dY = rng.standard_normal(forward(layer, X).shape)
    first = backward(layer, dY)
    fresh, _ = build(kind, np.random.default_rng(2))
    forward(fresh, X)
    np.testing.assert_array_equal(first, backward(fresh, dY))


@every_layer
@pytest.mark.parametrize(
    "change", [lambda s: (s[0] + 1, s[1]), lambda s: (s[0], s[1] + 1), lambda s: (1, s[1]), lambda s: s[1:]]
)
def test_gradient_of_the_wrong_shape(kind, change):
    layer, X = build(kind, np.random.default_rng(3))
    shape = forward(layer, X).shape
    message = re.escape(f"expected dY of shape {shape}, got {change(shape)}")
    with pytest.raises(ValueError, match=message):
        backward(layer, np.ones(change(shape)))


@every_layer
def test_gradients_are_overwritten_in_place(kind):
    rng = np.random.default_rng(4)
    layer, X = build(kind, rng)
    dY = rng.standard_normal(forward(layer, X).shape)
    backward(layer, dY)
    before = [(gradient, gradient.copy()) for _, gradient in parameters(layer)]
    backward(layer, 3 * dY)
    for (array, once), (_, now) in zip(before, parameters(layer), strict=True):
        assert array is now or np.shares_memory(array, now)
        np.testing.assert_allclose(now, 3 * once, rtol=1e-12)  # 4 times as much if they were added up


@every_layer
def test_arguments_are_left_alone(kind):
    rng = np.random.default_rng(5)
    layer, X = build(kind, rng)
    dY = rng.standard_normal(forward(layer, X).shape)
    kept = X.copy(), dY.copy()
    forward(layer, X)
    backward(layer, dY)
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(dY, kept[1])


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(kind, dtype):
    layer, X = build(kind, np.random.default_rng(6), dtype)
    Y = forward(layer, X)
    arrays = [Y, layer.forward(X), backward(layer, Y), *(array for pair in parameters(layer) for array in pair)]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@every_layer
def test_rows_are_independent(kind):
    layer, X = build(kind, np.random.default_rng(7))
    np.testing.assert_allclose(layer.forward(X)[2:3], layer.forward(X[2:3]), rtol=1e-14)


@every_layer
def test_repr_names_the_layer(kind):
    text = repr(CASES[kind](np.random.default_rng(0)))
    assert text.startswith(f"{kind.__name__}(")
    assert text.endswith(")")


def test_repr_shows_the_arguments():
    rng = np.random.default_rng(0)
    net = Sequential(Linear(4, 3, rng=rng), ReLU(), Dropout(0.5, rng=rng))
    assert repr(net) == "Sequential(Linear(4, 3), ReLU(), Dropout(0.5))"


def test_a_bare_layer_says_what_it_needs():
    with pytest.raises(NotImplementedError, match=r"Layer needs a forward\(X, training=False\)"):
        Layer().forward(np.ones((1, 1)))
    with pytest.raises(NotImplementedError, match=r"Layer needs a backward\(dY\)"):
        Layer().fill_gradients(np.ones((1, 1)))


# Linear


def test_linear_by_hand():
    layer = Linear(2, 2, rng=np.random.default_rng(0))
    layer.W, layer.b = [[1, 2], [3, 4]], [10, 20]
    # (1, -1): 1 - 3 + 10 = 8, 2 - 4 + 20 = 18;   (0, 2): 6 + 10 = 16, 8 + 20 = 28
    X = np.array([[1, -1], [0, 2]], dtype=np.float32)
    np.testing.assert_array_equal(layer.forward(X, training=True), [[8, 18], [16, 28]])
    # dW = Xᵀ dZ = [[1, 0], [-1, 2]] @ [[1, 0], [5, 7]];  db = column sums;  dX = dZ Wᵀ = dZ @ [[1, 3], [2, 4]]
    dX = layer.backward(np.array([[1, 0], [5, 7]], dtype=np.float32))
    np.testing.assert_array_equal(layer.dW, [[1, 0], [9, 14]])
    np.testing.assert_array_equal(layer.db, [6, 7])
    np.testing.assert_array_equal(dX, [[1, 3], [19, 43]])


def test_linear_starts_with_the_chosen_init_and_zero_bias():
    layer = Linear(30, 20, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(layer.W, he((30, 20), np.random.default_rng(3)))
    np.testing.assert_array_equal(layer.b, np.zeros(20))
    assert not Linear(30, 20, rng=np.random.default_rng(3), init=zeros).W.any()
    assert {array.dtype for array in (layer.W, layer.b, layer.dW, layer.db)} == {np.dtype(np.float32)}
    assert Linear(2, 2, rng=np.random.default_rng(0), init=lambda shape, rng: np.eye(2)).W.dtype == np.float32


@pytest.mark.parametrize("name", ["in_features", "out_features"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None])
def test_linear_sizes_must_be_positive_integers(name, value):
    sizes = {"in_features": 2, "out_features": 2, name: value}
    with pytest.raises(ValueError, match=re.escape(f"{name}: expected an integer of at least 1, got {value!r}")):
        Linear(**sizes, rng=np.random.default_rng(0))


def test_linear_takes_numpy_integers():
    assert Linear(np.int64(3), np.int32(2), rng=np.random.default_rng(0)).config() == {
        "in_features": 3,
        "out_features": 2,
    }


@pytest.mark.parametrize("rng", [0, None, np.random, np.random.RandomState(0)], ids=["int", "None", "module", "old"])
@pytest.mark.parametrize("make", [lambda rng: Linear(2, 2, rng=rng), lambda rng: Dropout(0.5, rng=rng)])
def test_rng_must_be_a_generator(make, rng):
    with pytest.raises(TypeError, match=r"rng: expected a generator such as np.random.default_rng\(0\), got "):
        make(rng)


@pytest.mark.parametrize("make", [lambda: Linear(2, 2), lambda: Dropout(0.5)])
def test_rng_is_required(make):
    with pytest.raises(TypeError, match="required keyword-only argument: 'rng'"):
        make()


def test_init_of_the_wrong_shape():
    with pytest.raises(ValueError, match=re.escape("init: expected an array of shape (2, 3), got (3, 2)")):
        Linear(2, 3, rng=np.random.default_rng(0), init=lambda shape, rng: np.zeros(shape[::-1]))


@pytest.mark.parametrize("shape", [(5,), (5, 3), (1, 5, 4), ()])
def test_linear_input_of_the_wrong_shape(shape):
    layer = Linear(4, 3, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=re.escape(f"Linear(4, 3): expected X of shape (N, 4), got {shape}")):
        layer.forward(np.ones(shape), training=True)
    assert layer.remembered is None


@pytest.mark.parametrize("name", ["W", "dW"])
def test_assignment_copies_into_the_array(name):
    layer = Linear(2, 3, rng=np.random.default_rng(0))
    array, value = getattr(layer, name), np.arange(6.0).reshape(2, 3)
    setattr(layer, name, value)
    assert getattr(layer, name) is array
    assert array.dtype == np.float32
    value[0, 0] = 99
    np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("name", ["b", "db"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0, "expected shape (3,), got ()"),
        (np.ones(1), "expected shape (3,), got (1,)"),
        (np.ones((3, 1)), "expected shape (3,), got (3, 1)"),
        (np.ones((1, 3)), "expected shape (3,), got (1, 3)"),
        (np.ones(3) * 1j, "expected numbers, got complex128"),
        (["a", "b", "c"], "expected numbers, got <U1"),
    ],
)
def test_assignment_of_something_else(name, value, message):
    layer = Linear(2, 3, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=re.escape(f"Linear(2, 3).{name}: {message}")):
        setattr(layer, name, value)
    np.testing.assert_array_equal(layer.b, np.zeros(3))


def test_parameters_of_a_layer_of_ones_own():
    class Scale(Layer):
        """Y = X · s, a scale per column."""

        parameter_names = ("s",)

        def __init__(self, start):
            self.s = start

        def forward(self, X, training=False):
            if training:
                self.remembered = X
            return X * self.s

        def backward(self, dY):
            self.ds = np.sum(dY * self.recall(dY), axis=0)
            return dY * self.s

    start = np.array([1.0, 2.0])
    layer = Scale(start)
    start[0] = 99  # the layer has its own copy
    np.testing.assert_array_equal(layer.s, [1, 2])
    np.testing.assert_array_equal(layer.ds, [0, 0])
    rng = np.random.default_rng(0)
    X, T = rng.standard_normal((2, 5, 2))
    check_gradients(Sequential(Scale([1.0, 2.0]), Linear(2, 2, rng=rng)), mse, X, T, rng=rng)  # fill_gradients too
    with pytest.raises(ValueError, match=r"Scale\.s: expected a floating dtype, got int64"):
        Scale(np.array([1, 2], dtype=np.int64))


# the activations


@pytest.mark.parametrize(
    ("layer", "Z", "A", "slope"),
    [
        (ReLU(), [-2, 0, 3], [0, 0, 3], [0, 0, 1]),  # the slope at the kink is 0 by convention
        (Sigmoid(), [0, np.log(3), -np.log(3)], [0.5, 0.75, 0.25], [0.25, 0.1875, 0.1875]),
        (Tanh(), [0, np.log(2), -np.log(2)], [0, 0.6, -0.6], [1, 0.64, 0.64]),  # (2 - ½) / (2 + ½) = 0.6
    ],
    ids=repr,
)
def test_activation_by_hand(layer, Z, A, slope):
    np.testing.assert_allclose(layer.forward(np.array([Z], dtype=float), training=True), [A], rtol=0, atol=1e-15)
    np.testing.assert_allclose(layer.backward(np.array([[2.0, 3.0, 5.0]])), [np.multiply(slope, [2, 3, 5])], atol=1e-15)


@pytest.mark.parametrize("layer", [Sigmoid(), Tanh(), ReLU()], ids=repr)
def test_saturated_activations_stay_finite(layer):
    Z = np.array([[-1e4, -800, -90, 90, 800, 1e4]], dtype=np.float32)
    A = layer.forward(Z, training=True)
    assert np.isfinite(A).all()
    assert np.isfinite(layer.backward(np.ones_like(Z))).all()


# Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_statistics(p):
    X = np.full((300, 400), 2.0, dtype=np.float32)
    Y = Dropout(p, rng=np.random.default_rng(0)).forward(X, training=True)
    share = np.mean(Y == 0)
    assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / X.size)
    np.testing.assert_allclose(Y[Y != 0], 2 / (1 - p), rtol=1e-6)
    assert abs(Y.mean() - 2) < 5 * 2 * np.sqrt(p / (1 - p) / X.size)
    assert Y.dtype == np.float32


def test_dropout_is_the_identity_outside_training():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    X = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(Dropout(0.9, rng=rng).forward(X), X)
    assert rng.bit_generator.state == state  # no random number is used up


def test_dropout_of_nothing():
    X = np.arange(6.0).reshape(2, 3)
    layer = Dropout(0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(layer.forward(X, training=True), X)
    np.testing.assert_array_equal(layer.backward(X), X)


def test_dropout_backward_uses_the_mask_of_forward():
    layer = Dropout(0.5, rng=np.random.default_rng(0))
    X, dY = np.random.default_rng(1).standard_normal((2, 50, 40))
    Y = layer.forward(X, training=True)
    np.testing.assert_allclose(layer.backward(dY), dY * (Y / X), rtol=1e-14)
    assert ((layer.forward(X, training=True) == 0) != (Y == 0)).any()  # the next step draws a new mask


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan"), True, False, "0.5", None])
def test_dropout_of_something_else(p):
    with pytest.raises(ValueError, match=re.escape(f"p: expected a number from 0 to below 1, got {p!r}")):
        Dropout(p, rng=np.random.default_rng(0))


def test_linear_takes_nested_lists():
    layer = Linear(2, 3, rng=np.random.default_rng(0))
    X = [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_array_equal(layer.forward(X, training=True), layer.forward(np.array(X)))
    layer.backward(np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]]))
    np.testing.assert_allclose(layer.dW, [[1.75, 7.0, -2.5], [3.0, 8.0, -3.0]])  # Xᵀ @ dZ by hand
    np.testing.assert_allclose(layer.db, [1.25, 1.0, -0.5])
