"""What the course promises its networks reach: mean test accuracy over five seeds, on the bundled images.

Optimiser, learning rate, batch size and epochs were chosen on the dev split, with other seeds; see `CHOSEN`.
"""

from itertools import pairwise

import numpy as np
import pytest

from nnlib import (
    SGD,
    Adam,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    binary_cross_entropy,
    cross_entropy,
    evaluate,
    fit,
    lecun,
    load_fashion_mnist,
    load_mnist,
    moons,
)

CHOSEN = {  # widths, activation, optimiser, its arguments, batch size, epochs, least mean test accuracy
    "MNIST 784-128-64-10 sigmoid": ((784, 128, 64, 10), Sigmoid, SGD, {"lr": 0.3, "momentum": 0.9}, 64, 15, 0.935),
    "MNIST 784-128-64-10 ReLU": ((784, 128, 64, 10), ReLU, SGD, {"lr": 0.2}, 32, 12, 0.940),
    "MNIST 784-10-10 He": ((784, 10, 10), ReLU, Adam, {"lr": 0.003}, 64, 16, 0.885),
    "Fashion-MNIST 784-128-10": ((784, 128, 10), ReLU, SGD, {"lr": 0.02, "momentum": 0.9}, 64, 16, 0.835),
    "moons 2-8-8-8-1 sigmoid": ((2, 8, 8, 8, 1), Sigmoid, Adam, {"lr": 0.01}, 64, 200, 0.985),
}


def network(widths, activation, rng):
    init = {"init": lecun} if activation is Sigmoid else {}  # ReLU: He, the default
    layers = [layer for pair in pairwise(widths) for layer in (Linear(*pair, rng=rng, **init), activation())]
    return Sequential(*layers[:-1])


@pytest.mark.parametrize("name", CHOSEN)
def test_mean_test_accuracy(name):
    widths, activation, optimiser, arguments, batch_size, epochs, least = CHOSEN[name]
    data = {"MNIST": load_mnist, "Fashion-MNIST": load_fashion_mnist, "moons": lambda: None}[name.split()[0]]()
    accuracies = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        train, test = (data.train, data.test) if data else (moons(500, rng=rng), moons(1000, rng=rng))
        loss = cross_entropy if data else binary_cross_entropy
        net = network(widths, activation, rng)
        opt = optimiser(net.parameters(), **arguments)
        fit(net, loss, opt, train, epochs=epochs, batch_size=batch_size, rng=rng, progress=False)
        accuracies.append(evaluate(net, loss, test).accuracy)
    mean = np.mean(accuracies)
    print(f"{name}: {mean:.2%} from {accuracies}")
    assert mean >= least, f"{name}: expected a mean of at least {least:.1%}, got {mean:.2%}"
