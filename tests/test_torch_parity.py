"""The same numbers as PyTorch in float64: losses, layers, and twenty steps of every optimiser."""

from itertools import pairwise

import numpy as np
import pytest

from nnlib import (
    SGD,
    AdaGrad,
    Adam,
    Dropout,
    Linear,
    Params,
    ReLU,
    RMSProp,
    Sequential,
    Sigmoid,
    Tanh,
    binary_cross_entropy,
    cross_entropy,
    mse,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -r requirements-frameworks.txt")
F = torch.nn.functional


def tensor(array, learn=False):
    """A copy as a tensor: never a second name for the same memory."""
    return torch.tensor(np.array(array), requires_grad=learn)


def same(array, expected, rtol=1e-11):
    """Equal to eleven digits; near zero, to eleven digits of the largest entry."""
    expected = expected.detach().numpy()
    np.testing.assert_allclose(array, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


# losses

LOSSES = {
    "cross_entropy": (cross_entropy, F.cross_entropy, (9, 5), lambda rng: rng.integers(0, 5, 9)),
    "binary_cross_entropy, (N, 1)": (
        lambda z, t: binary_cross_entropy(z, t[:, 0]),
        F.binary_cross_entropy_with_logits,
        (9, 1),
        lambda rng: rng.integers(0, 2, (9, 1)).astype(float),
    ),
    "binary_cross_entropy, (N, K)": (
        binary_cross_entropy,
        F.binary_cross_entropy_with_logits,
        (9, 4),
        lambda rng: rng.integers(0, 2, (9, 4)).astype(float),
    ),
    "mse": (mse, F.mse_loss, (9, 4), lambda rng: rng.standard_normal((9, 4))),
}


@pytest.mark.parametrize(("ours", "theirs", "shape", "draw"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("scale", [1, 30, 1000])
def test_loss(ours, theirs, shape, draw, scale):
    rng = np.random.default_rng(0)
    scores, targets = scale * rng.standard_normal(shape), draw(rng)
    value, dZ = ours(scores, targets)
    leaf = tensor(scores, learn=True)
    loss = theirs(leaf, tensor(targets))
    loss.backward()
    assert value == pytest.approx(loss.item(), rel=1e-12)
    same(dZ, leaf.grad)


# layers


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Sigmoid(), torch.nn.Sigmoid()), (Tanh(), torch.nn.Tanh()), (ReLU(), torch.nn.ReLU())],
    ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize("scale", [1, 100])
def test_activation(ours, theirs, scale):
    rng = np.random.default_rng(1)
    Z, dA = scale * rng.standard_normal((7, 6)), rng.standard_normal((7, 6))
    Z[0] = 0  # the kink of ReLU
    leaf = tensor(Z, learn=True)
    A = theirs(leaf)
    A.backward(tensor(dA))
    same(ours.forward(Z, training=True), A)
    same(ours.backward(dA), leaf.grad)


def pair(widths, act, seed=2):
    """The same network twice, in nnlib and in PyTorch, with the same random float64 parameters."""
    rng = np.random.default_rng(seed)
    layers, modules = [], []
    for i, (below, above) in enumerate(pairwise(widths)):
        layers += [Linear(below, above, rng=rng), *([act[0]()] if i < len(widths) - 2 else [])]
        modules += [torch.nn.Linear(below, above, dtype=torch.float64), *([act[1]()] if i < len(widths) - 2 else [])]
    net, module = Sequential(*layers).astype(np.float64), torch.nn.Sequential(*modules)
    net.theta = 0.5 * rng.standard_normal(net.theta.shape)
    with torch.no_grad():
        for layer, other in zip(net.layers, module, strict=True):
            if layer.parameter_names:
                other.weight[...] = tensor(layer.W.T)  # PyTorch keeps W as (out, in)
                other.bias[...] = tensor(layer.b)
    return net, module


def parameters_of(module, part):
    """The parameters of a torch module, or their gradients, as one vector in the order of nnlib."""
    arrays = []
    for other in module:
        if isinstance(other, torch.nn.Linear):
            arrays += [part(other.weight).T.reshape(-1), part(other.bias)]
    return torch.cat(arrays)


def test_linear():
    net, module = pair([6, 4], (ReLU, torch.nn.ReLU))
    rng = np.random.default_rng(3)
    X, dZ = rng.standard_normal((7, 6)), rng.standard_normal((7, 4))
    leaf = tensor(X, learn=True)
    Z = module(leaf)
    Z.backward(tensor(dZ))
    layer = net.layers[0]
    same(layer.forward(X, training=True), Z)
    same(layer.backward(dZ), leaf.grad)
    same(layer.dW, module[0].weight.grad.T)
    same(layer.db, module[0].bias.grad)


ACTIVATIONS = {
    "sigmoid": (Sigmoid, torch.nn.Sigmoid),
    "tanh": (Tanh, torch.nn.Tanh),
    "relu": (ReLU, torch.nn.ReLU),
}


@pytest.mark.parametrize("act", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_network(act):
    net, module = pair([8, 7, 6, 5], act)
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((9, 8)), rng.integers(0, 5, 9)
    value, dZ = cross_entropy(net.forward(X, training=True), y)
    dX = net.backward(dZ, input_gradient=True)
    leaf = tensor(X, learn=True)
    loss = F.cross_entropy(module(leaf), tensor(y))
    loss.backward()
    assert value == pytest.approx(loss.item(), rel=1e-12)
    same(net.grad, parameters_of(module, lambda parameter: parameter.grad))
    same(dX, leaf.grad)


def test_dropout_keeps_the_mean_in_the_same_way():
    """The masks are random on both sides; what survives is scaled alike, and evaluation changes nothing."""
    X = np.ones((50, 60))
    ours, theirs = Dropout(0.25, rng=np.random.default_rng(5)), torch.nn.Dropout(0.25)
    assert np.unique(ours.forward(X, training=True)).tolist() == torch.unique(theirs(tensor(X))).tolist()
    same(ours.forward(X), theirs.eval()(tensor(X)))


# optimisers

OPTIMISERS = {
    "SGD": (lambda p: SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "SGD, weight decay": (
        lambda p: SGD(p, 0.1, weight_decay=0.05),
        lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.05),
    ),
    "momentum": (lambda p: SGD(p, 0.1, momentum=0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "momentum, weight decay": (
        lambda p: SGD(p, 0.1, momentum=0.8, weight_decay=0.05),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.8, weight_decay=0.05),
    ),
    "AdaGrad": (lambda p: AdaGrad(p, 0.1), lambda p: torch.optim.Adagrad(p, 0.1, eps=1e-8)),
    "AdaGrad, large eps": (
        lambda p: AdaGrad(p, 0.1, eps=0.1, weight_decay=0.05),
        lambda p: torch.optim.Adagrad(p, 0.1, eps=0.1, weight_decay=0.05),
    ),
    "RMSProp": (lambda p: RMSProp(p, 0.01), lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, eps=1e-8)),
    "RMSProp, large eps": (
        lambda p: RMSProp(p, 0.01, rho=0.99, eps=0.1, weight_decay=0.05),
        lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.99, eps=0.1, weight_decay=0.05),
    ),
    "Adam": (lambda p: Adam(p), lambda p: torch.optim.Adam(p)),
    "Adam, large eps": (
        lambda p: Adam(p, 0.05, beta1=0.8, beta2=0.9, eps=0.1, weight_decay=0.05),
        lambda p: torch.optim.Adam(p, 0.05, betas=(0.8, 0.9), eps=0.1, weight_decay=0.05),
    ),
}
every_optimiser = pytest.mark.parametrize(("ours", "theirs"), OPTIMISERS.values(), ids=OPTIMISERS)


@every_optimiser
def test_twenty_steps_of_a_vector(ours, theirs):
    rng = np.random.default_rng(6)
    params = Params(rng.standard_normal(10), np.zeros(10))
    leaf = tensor(params.value, learn=True)
    opt, other = ours(params), theirs([leaf])
    for _ in range(20):
        params.grad[...] = rng.standard_normal(10) * 10.0 ** rng.integers(-3, 2, 10)
        leaf.grad = tensor(params.grad)
        opt.step()
        other.step()
        same(params.value, leaf)


@every_optimiser
def test_twenty_steps_of_a_network(ours, theirs):
    """The losses of twenty mini-batches agree to ten digits, and so do the parameters after them."""
    net, module = pair([8, 7, 6, 5], ACTIVATIONS["tanh"])
    rng = np.random.default_rng(7)
    opt, other = ours(net.parameters()), theirs(module.parameters())
    for _ in range(20):
        X, y = rng.standard_normal((9, 8)), rng.integers(0, 5, 9)
        value, dZ = cross_entropy(net.forward(X, training=True), y)
        net.backward(dZ)
        opt.step()
        other.zero_grad()
        loss = F.cross_entropy(module(tensor(X)), tensor(y))
        loss.backward()
        other.step()
        assert value == pytest.approx(loss.item(), rel=1e-10)
    same(net.theta, parameters_of(module, lambda parameter: parameter), rtol=1e-10)
