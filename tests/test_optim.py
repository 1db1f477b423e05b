"""The optimisers: two updates of each worked by hand, in place, in the dtype of the vector; errors that explain."""

import inspect
import re
from fractions import Fraction

import numpy as np
import pytest

from nnlib import SGD, AdaGrad, Adam, Linear, Optimizer, Params, ReLU, RMSProp, Sequential, cross_entropy

# name: how to build it, for the tests that hold for all; every optimiser and every option must be here
EVERY = {
    "SGD": lambda params, lr=0.1, **kw: SGD(params, lr, **kw),
    "SGD momentum": lambda params, lr=0.1, **kw: SGD(params, lr, momentum=0.9, **kw),
    "AdaGrad": lambda params, lr=0.1, **kw: AdaGrad(params, lr, **kw),
    "RMSProp": lambda params, lr=0.1, **kw: RMSProp(params, lr, **kw),
    "Adam": lambda params, lr=0.1, **kw: Adam(params, lr, **kw),
}
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


def vectors(n=2, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return Params(rng.standard_normal(n).astype(dtype), rng.standard_normal(n).astype(dtype))


def test_no_optimiser_is_forgotten():
    made = {type(make(vectors())) for make in EVERY.values()}
    assert made == {kind for kind in Optimizer.__subclasses__() if kind.__module__ == "nnlib.optim"}


# Two updates from θ = (1, -2), lr = 0.1, with the two gradients given.
BY_HAND = {
    # θ - 0.1 g: (1 - 0.05, -2 + 0.1), then (0.95 - 0.1, -1.9 - 0.2)
    "SGD": (lambda p: SGD(p, 0.1), [(0.5, -1), (1, 2)], [(0.95, -1.9), (0.85, -2.1)]),
    # v = (0.5, -1);  v = 0.9 (0.5, -1) + (1, 2) = (1.45, 1.1);  θ = (0.95 - 0.145, -1.9 - 0.11)
    "momentum": (lambda p: SGD(p, 0.1, 0.9), [(0.5, -1), (1, 2)], [(0.95, -1.9), (0.805, -2.01)]),
    # g + 0.1 θ = (0.6, -1.2);  then (1 + 0.094, 2 - 0.188) = (1.094, 1.812)
    "weight decay": (
        lambda p: SGD(p, 0.1, weight_decay=0.1),
        [(0.5, -1), (1, 2)],
        [(0.94, -1.88), (0.8306, -2.0612)],
    ),
    # the decay goes through the velocity: v = (0.6, -1.2);  v = 0.9 v + (1.094, 1.812) = (1.634, 0.732)
    "momentum, weight decay": (
        lambda p: SGD(p, 0.1, 0.9, weight_decay=0.1),
        [(0.5, -1), (1, 2)],
        [(0.94, -1.88), (0.7766, -1.9532)],
    ),
    # ε = 1.  c = (9, 1), √c + ε = (4, 2): steps 0.3/4, -0.1/2.  c = (9 + 16, 1 + 0.5625), √c + ε = (6, 2.25)
    "AdaGrad": (
        lambda p: AdaGrad(p, 0.1, eps=1),
        [(3, -1), (4, 0.75)],
        [(0.925, -1.95), (0.925 - 0.4 / 6, -1.95 - 0.075 / 2.25)],
    ),
    # ρ = 3/4, ε = 1.  c = ¼ (16, 4) = (4, 1), √c + ε = (3, 2).  c = ¾ (4, 1) + ¼ (4, 1) = (4, 1) again
    "RMSProp": (
        lambda p: RMSProp(p, 0.1, rho=0.75, eps=1),
        [(4, -2), (2, 1)],
        [(1 - 0.4 / 3, -1.9), (1 - 0.6 / 3, -1.95)],
    ),
    # β₁ = ½, β₂ = ¾, ε = 1.  t = 1: m = (1, -2), m̂ = m / ½ = (2, -4); v = ¼ (4, 16), v̂ = v / ¼ = (4, 16);
    #   θ - 0.1 (2/3, -4/5).
    # t = 2: m = ½ (1, -2) + ½ (5, 4) = (3, 1), m̂ = m / ¾ = (4, 4/3);
    #   v = ¾ (1, 4) + ¼ (25, 16) = (7, 7), v̂ = v / (7/16) = (16, 16);  θ - 0.1 (4/5, 4/15)
    "Adam": (
        lambda p: Adam(p, 0.1, beta1=0.5, beta2=0.75, eps=1),
        [(2, -4), (5, 4)],
        [(1 - 0.2 / 3, -1.92), (1 - 0.2 / 3 - 0.08, -1.92 - 0.08 / 3)],
    ),
}


@pytest.mark.parametrize(("make", "gradients", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_two_steps_by_hand(make, gradients, expected):
    params = Params(np.array([1.0, -2.0]), np.zeros(2))
    opt = make(params)
    for gradient, theta in zip(gradients, expected, strict=True):
        params.grad[...] = gradient
        opt.step()
        np.testing.assert_allclose(params.value, theta, rtol=1e-12)


def test_defaults():
    defaults = {
        kind: {name: p.default for name, p in inspect.signature(kind).parameters.items() if p.default is not p.empty}
        for kind in (SGD, AdaGrad, RMSProp, Adam)
    }
    assert defaults[SGD] == {"momentum": 0.0, "weight_decay": 0.0}
    assert defaults[AdaGrad] == {"eps": 1e-8, "weight_decay": 0.0}
    assert defaults[RMSProp] == {"rho": 0.9, "eps": 1e-8, "weight_decay": 0.0}
    assert defaults[Adam] == {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}


@every
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_value_moves_in_place_and_grad_is_left_alone(make, weight_decay):
    params = vectors(50)
    value, before, grad = params.value, params.value.copy(), params.grad.copy()
    opt = make(params, weight_decay=weight_decay)
    for _ in range(3):
        opt.step()
    assert params.value is value
    assert opt.params.value is value
    assert (value != before).all()
    np.testing.assert_array_equal(params.grad, grad)


@every
def test_weight_decay_adds_the_slope_of_its_penalty(make):
    plain, decayed = vectors(5), vectors(5)
    first, second = make(plain), make(decayed, weight_decay=0.3)
    start = plain.grad.copy()
    for _ in range(4):
        plain.grad[...] = start + 0.3 * plain.value  # d/dθ of 0.3/2 · |θ|²
        first.step()
        second.step()
        np.testing.assert_allclose(decayed.value, plain.value, rtol=1e-13)


@every
def test_any_shape(make):
    flat, square = vectors(6), Params(*(array.reshape(2, 3).copy() for array in vectors(6)))
    first, second = make(flat), make(square)
    for _ in range(3):
        first.step()
        second.step()
    np.testing.assert_array_equal(square.value.ravel(), flat.value)


@pytest.mark.parametrize("kind", [SGD, AdaGrad, RMSProp, Adam])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", [float, np.float64, np.float32, Fraction])
def test_every_array_keeps_the_dtype(kind, dtype, number):
    params = vectors(4, dtype)
    options = {"momentum": 0.9, "rho": 0.9, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01}
    known = inspect.signature(kind).parameters
    opt = kind(params, lr=number(0.1), **{name: number(value) for name, value in options.items() if name in known})
    for _ in range(3):
        opt.step()
    arrays = {name: value for name, value in vars(opt).items() if isinstance(value, np.ndarray)}
    assert len(arrays) == {SGD: 2, AdaGrad: 1, RMSProp: 1, Adam: 3}[kind]
    assert {array.dtype for array in (*arrays.values(), params.value)} == {np.dtype(dtype)}
    scalars = {type(value) for name, value in vars(opt).items() if name not in (*arrays, "params", "t")}
    assert scalars == {float}  # a NumPy scalar here would turn float32 arithmetic into float64


@every
def test_lr_may_change_between_steps(make):
    params, other = vectors(), vectors()
    opt, slow = make(params), make(other)
    slow.lr = np.float32(0.05)
    assert type(slow.lr) is float
    start = params.value.copy()
    opt.step()
    slow.step()
    np.testing.assert_allclose(params.value - start, 2 * (other.value - start), rtol=1e-6)


@every
@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf"), True, "0.1", None, 1j, np.array(0.1)], ids=repr)
def test_learning_rate_that_cannot_work(make, lr):
    message = f"^{re.escape(f'lr: expected a positive finite number, got {lr!r}')}$"
    with pytest.raises(ValueError, match=message):
        make(vectors(), lr=lr)
    opt = make(vectors())
    with pytest.raises(ValueError, match=message):
        opt.lr = lr
    assert opt.lr == 0.1


@pytest.mark.parametrize(
    ("kind", "name", "high"),
    [
        (SGD, "momentum", 1),
        (SGD, "weight_decay", None),
        (AdaGrad, "eps", None),
        (AdaGrad, "weight_decay", None),
        (RMSProp, "rho", 1),
        (RMSProp, "eps", None),
        (RMSProp, "weight_decay", None),
        (Adam, "beta1", 1),
        (Adam, "beta2", 1),
        (Adam, "eps", None),
        (Adam, "weight_decay", None),
    ],
)
def test_options_that_cannot_work(kind, name, high):
    for bad in (-0.1, float("nan"), float("inf"), True, "0.5", None, *([high, 1.5] if high else [])):
        message = f"{name}: expected a number from 0 to below {high or 'inf'}, got {bad!r}"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            kind(vectors(), lr=0.1, **{name: bad})
    kind(vectors(), lr=0.1, **{name: 0}).step()


@every
@pytest.mark.parametrize(
    ("params", "message"),
    [
        (Params([1.0], np.ones(1)), "params.value: expected a NumPy array of floats, got list"),
        (Params(np.ones(1), None), "params.grad: expected a NumPy array of floats, got NoneType"),
        (Params(np.ones(1, int), np.ones(1)), "params.value: expected a NumPy array of floats, got int64"),
        (Params(np.ones(2), np.ones(3)), "params.grad: expected shape (2,), got (3,)"),
        (np.ones(2), "params.value: expected a NumPy array of floats, got NoneType"),
    ],
)
def test_vectors_that_cannot_work(make, params, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make(params)


def test_a_bare_optimiser_says_what_it_needs():
    with pytest.raises(NotImplementedError, match=r"Optimizer needs an update\(theta, grad\)"):
        Optimizer(vectors(), 0.1).step()


# what each is known for


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (lambda p: SGD(p, 0.15), 200),
        (lambda p: SGD(p, 0.05, momentum=0.9), 300),
        (lambda p: AdaGrad(p, 1.0), 300),
        (lambda p: RMSProp(p, 0.01), 600),
        (lambda p: Adam(p, 0.1), 600),
    ],
    ids=EVERY,
)
def test_walk_down_a_bowl(make, steps):
    """f = ½ x² + 5 y²: no network anywhere, two vectors made by hand."""
    params = Params(np.array([3.0, -2.0]), np.empty(2))
    opt = make(params)
    heights = []
    for _ in range(steps):
        params.grad[...] = params.value * (1, 10)
        heights.append(params.value @ params.grad / 2)
        opt.step()
    assert heights[0] == 24.5
    assert heights[-1] < 1e-3
    assert heights[5] < heights[0]


@pytest.mark.parametrize(("lr", "expected"), [(0.1, [0.8, 0.64]), (0.5, [0, 0]), (1, [-1, 1]), (1.1, [-1.2, 1.44])])
def test_four_learning_rates_on_w_squared(lr, expected):
    """w² has the slope 2 w, so w ← (1 - 2 lr) w."""
    params = Params(np.array([1.0]), np.empty(1))
    opt, seen = SGD(params, lr), []
    for _ in range(2):
        params.grad[...] = 2 * params.value
        opt.step()
        seen.append(params.value[0])
    np.testing.assert_allclose(seen, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, -1e3])
def test_first_step_of_adam_is_lr_whatever_the_gradient(size):
    params = Params(np.zeros(1), np.array([size]))
    Adam(params, lr=0.01).step()
    assert params.value[0] == pytest.approx(-np.sign(size) * 0.01, rel=2e-5)


def test_momentum_under_a_constant_gradient_reaches_ten_times_the_speed():
    """v = 1 + 0.9 + 0.81 + … → 1 / (1 - 0.9) = 10"""
    params = Params(np.zeros(1), np.ones(1))
    opt, speeds = SGD(params, 0.1, momentum=0.9), []
    for _ in range(200):
        before = params.value[0]
        opt.step()
        speeds.append((before - params.value[0]) / 0.1)
    np.testing.assert_allclose(speeds[:3], [1, 1.9, 2.71], rtol=1e-12)
    assert speeds[-1] == pytest.approx(10, rel=1e-6)
    assert speeds == sorted(speeds)


def test_adagrad_slows_down_and_rmsprop_forgets():
    """Under a constant gradient AdaGrad's step falls as 1/√t; RMSProp's falls to lr and stays there."""
    slowing, steady = (Params(np.zeros(1), np.array([5.0])) for _ in range(2))
    first, second = AdaGrad(slowing, 0.1), RMSProp(steady, 0.1)
    for _ in range(100):
        before = slowing.value[0], steady.value[0]
        first.step()
        second.step()
    assert before[0] - slowing.value[0] == pytest.approx(0.1 / np.sqrt(100), rel=1e-6)
    assert before[1] - steady.value[0] == pytest.approx(0.1, rel=1e-4)


@every
def test_a_network_learns_through_its_two_vectors(make):
    rng = np.random.default_rng(0)
    net = Sequential(Linear(4, 16, rng=rng), ReLU(), Linear(16, 3, rng=rng))
    X, y = rng.standard_normal((30, 4)), rng.integers(0, 3, 30)
    opt = make(net.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        value, dZ = cross_entropy(net.forward(X, training=True), y)
        net.backward(dZ)
        opt.step()
        losses.append(value)
    assert losses[-1] < 0.9 * losses[0]
    assert np.shares_memory(opt.params.value, net.layers[0].W)
