"""Two training steps worked out on paper, every intermediate number, against the same steps in nnlib."""

import math

import numpy as np
import pytest

from nnlib import SGD, Linear, ReLU, Sequential, Sigmoid, cross_entropy


def network(W1, b1, act, W2, b2):
    rng = np.random.default_rng(0)
    net = Sequential(Linear(*np.shape(W1), rng=rng), act, Linear(*np.shape(W2), rng=rng)).astype(np.float64)
    first, _, last = net.layers
    first.W, first.b, last.W, last.b = W1, b1, W2, b2
    return net


def outputs(net, X):
    """What comes out of every layer in a training pass, the logits last."""
    seen = []
    for layer in net.layers:
        X = layer.forward(X, training=True)
        seen.append(X)
    return seen


def no_calculator():
    """The network of lessons 03 and 04; its biases are zero."""
    return network([[1, -1, 0], [0, 1, -1]], [0, 0, 0], ReLU(), [[1, 0], [0, 1], [1, -1]], [0, 0])


X = np.array([[1.0, 2.0]])


def test_no_calculator_forward():
    net = no_calculator()
    Z1, A1, Z2 = outputs(net, X)
    # z = (1·1 + 2·0, 1·(-1) + 2·1, 1·0 + 2·(-1));  ReLU;  1 (1, 0) + 1 (0, 1) + 0 (1, -1)
    np.testing.assert_array_equal(Z1, [[1, 1, -2]])
    np.testing.assert_array_equal(A1, [[1, 1, 0]])
    np.testing.assert_array_equal(Z2, [[1, 1]])
    # equal logits: p = (½, ½), loss -log ½ = ln 2, dZ2 = p - (1, 0)
    loss, dZ2 = cross_entropy(Z2, [0])
    assert loss == pytest.approx(math.log(2), rel=1e-15)
    np.testing.assert_allclose(dZ2, [[-0.5, 0.5]], rtol=1e-15)
    np.testing.assert_array_equal(net.forward(X), Z2)


def test_no_calculator_backward():
    net = no_calculator()
    dZ2 = cross_entropy(net.forward(X, training=True), [0])[1]
    first, act, last = net.layers
    # dA1 = dZ2 @ W2ᵀ = (-½·1 + ½·0, -½·0 + ½·1, -½·1 + ½·(-1)): the third unit is blamed most …
    dA1 = last.backward(dZ2)
    np.testing.assert_allclose(dA1, [[-0.5, 0.5, -1]], rtol=1e-15)
    # … and is asleep: its gate makes it 0
    dZ1 = act.backward(dA1)
    np.testing.assert_allclose(dZ1, [[-0.5, 0.5, 0]], rtol=1e-15)
    # dW1 = outer product of x = (1, 2) and dZ1;  dX = dZ1 @ W1ᵀ = (-½·1 + ½·(-1), -½·0 + ½·1)
    dX = first.backward(dZ1)
    np.testing.assert_allclose(dX, [[-1, 0.5]], rtol=1e-15)

    def check_gradients_of(layers):
        np.testing.assert_allclose(layers[0].dW, [[-0.5, 0.5, 0], [-1, 1, 0]], rtol=1e-15)
        np.testing.assert_allclose(layers[0].db, [-0.5, 0.5, 0], rtol=1e-15)
        # dW2 = outer product of a = (1, 1, 0) and dZ2
        np.testing.assert_allclose(layers[2].dW, [[-0.5, 0.5], [-0.5, 0.5], [0, 0]], rtol=1e-15)
        np.testing.assert_allclose(layers[2].db, [-0.5, 0.5], rtol=1e-15)

    check_gradients_of(net.layers)
    again = no_calculator()  # the same through Sequential
    again.backward(cross_entropy(again.forward(X, training=True), [0])[1])
    check_gradients_of(again.layers)


def test_no_calculator_nudge():
    net = no_calculator()
    # W1[1, 0] + 0.01: z1 = 1.02, logits (1.02, 1), loss = log(1 + e^-0.02) = 0.6832; the slope is -1
    net.layers[0].W[1, 0] += 0.01
    assert cross_entropy(net.forward(X), [0])[0] == pytest.approx(0.6832, abs=5e-5)


def test_no_calculator_update():
    net = no_calculator()
    net.backward(cross_entropy(net.forward(X, training=True), [0])[1])
    # the slope promises 0.1 · |g|² = 0.1 · (2.5 + 0.5 + 1 + 0.5) = 0.45
    assert 0.1 * net.grad @ net.grad == pytest.approx(0.45, rel=1e-14)
    SGD(net.parameters(), 0.1).step()
    first, _, last = net.layers
    np.testing.assert_allclose(first.W, [[1.05, -1.05, 0], [0.1, 0.9, -1]], rtol=1e-14)
    np.testing.assert_allclose(first.b, [0.05, -0.05, 0], rtol=1e-14)
    np.testing.assert_allclose(last.W, [[1.05, -0.05], [0.05, 0.95], [1, -1]], rtol=1e-14)
    np.testing.assert_allclose(last.b, [0.05, -0.05], rtol=1e-14)
    # z = (1.05 + 0.2 + 0.05, -1.05 + 1.8 - 0.05, -2) = (1.3, 0.7, -2), a = (1.3, 0.7, 0)
    # logits (1.365 + 0.035 + 0.05, -0.065 + 0.665 - 0.05) = (1.45, 0.55);  loss = log(1 + e^-0.9) = 0.3412
    np.testing.assert_allclose(net.forward(X), [[1.45, 0.55]], rtol=1e-14)
    loss = cross_entropy(net.forward(X), [0])[0]
    assert loss == pytest.approx(math.log(1 + math.exp(-0.9)), rel=1e-14)
    assert loss == pytest.approx(0.3412, abs=5e-5)
    assert math.log(2) - loss == pytest.approx(0.35, abs=5e-3)  # of the 0.45 promised


def test_sigmoid_network_to_six_digits():
    """One update, lr = ½, of a 2-2-2 network with sigmoids, softmax and cross-entropy: x = (1, 0.5), label 1.

    W1 = [[0.2, -0.4], [0.6, 0.1]], b1 = (0.1, -0.2), W2 = [[0.5, -0.3], [-0.2, 0.4]], b2 = (0, 0.1)
    """
    net = network([[0.2, -0.4], [0.6, 0.1]], [0.1, -0.2], Sigmoid(), [[0.5, -0.3], [-0.2, 0.4]], [0, 0.1])
    x = np.array([[1.0, 0.5]])

    def same(array, numbers):
        np.testing.assert_allclose(array, numbers, rtol=0, atol=1e-6)

    # forward
    # Z1 = (0.2 + 0.3 + 0.1, -0.4 + 0.05 - 0.2)              = (0.6, -0.55)
    # A1 = (1 / (1 + e^-0.6), 1 / (1 + e^0.55))
    #    = (1 / 1.548812, 1 / 2.733253)                      = (0.645656, 0.365864)
    # Z2 = (0.322828 - 0.073173, -0.193697 + 0.146346 + 0.1) = (0.249655, 0.052649)
    # P  = (1.283583, 1.054059) / 2.337642                   = (0.549093, 0.450907)
    # L  = -log 0.450907                                     = 0.796494
    Z1, A1, Z2 = outputs(net, x)
    same(Z1, [[0.6, -0.55]])
    same(A1, [[0.645656, 0.365864]])
    same(Z2, [[0.249655, 0.052649]])
    loss, dZ2 = cross_entropy(net.forward(x, training=True), [1])
    same(loss, 0.796494)

    # backward
    # dZ2 = P - (0, 1)                                                   = (0.549093, -0.549093)
    # dW2 = A1ᵀ dZ2 = [[0.645656 · 0.549093, …], [0.365864 · 0.549093, …]] = [[0.354525, -…], [0.200894, -…]]
    # dA1 = dZ2 W2ᵀ = 0.549093 · (0.5 + 0.3, -0.2 - 0.4)                 = (0.439274, -0.329456)
    # σ'  = A1 (1 - A1)                                                  = (0.228784, 0.232008)
    # dZ1 = dA1 · σ'                                                     = (0.100499, -0.076436)
    # dW1 = xᵀ dZ1, rows 1 and ½ times dZ1
    same(dZ2, [[0.549093, -0.549093]])
    net.backward(dZ2)
    first, _, last = net.layers
    same(last.dW, [[0.354525, -0.354525], [0.200894, -0.200894]])
    same(last.db, [0.549093, -0.549093])
    same(first.dW, [[0.100499, -0.076436], [0.050250, -0.038218]])
    same(first.db, [0.100499, -0.076436])

    # update: every parameter less half its gradient, such as 0.2 - 0.050250 = 0.149750
    SGD(net.parameters(), lr=0.5).step()
    same(first.W, [[0.149750, -0.361782], [0.574875, 0.119109]])
    same(first.b, [0.049750, -0.161782])
    same(last.W, [[0.322737, -0.122737], [-0.300447, 0.500447]])
    same(last.b, [-0.274546, 0.374546])

    # and forward again
    # Z1 = (0.149750 + 0.287438 + 0.049750, -0.361782 + 0.059555 - 0.161782) = (0.486939, -0.464009)
    # A1 = (0.619385, 0.386035), Z2 = (-0.190631, 0.491715), P = (0.335738, 0.664262), L = 0.409079
    Z1, A1, Z2 = outputs(net, x)
    same(Z1, [[0.486939, -0.464009]])
    same(A1, [[0.619385, 0.386035]])
    same(Z2, [[-0.190631, 0.491715]])
    same(cross_entropy(Z2, [1])[0], 0.409079)
