"""Answers to the exercises of lesson 02."""

from math import sqrt

import numpy as np

from nnlib.exercises import Diagnosis as D
from nnlib.init import lecun, uniform

from . import RIGHT, WRONG

WRONG["2.1"] = [
    (7940, (D.KNOWN_MISTAKE, "weights alone")),
    (8744, (D.KNOWN_MISTAKE, "layer 0")),
    (7942, (D.KNOWN_MISTAKE, "one of its own")),
    (7950, (D.KNOWN_MISTAKE, "one of the two")),
    (7850, (D.KNOWN_MISTAKE, "first layer")),
    (7840, (D.KNOWN_MISTAKE, "weights of the first layer")),
    (8734, (D.KNOWN_MISTAKE, "not to an input")),
    (109386, (D.KNOWN_MISTAKE, "network above")),
    ("7960", (D.KNOWN_MISTAKE, "without quotes")),
    (804, (D.KNOWN_MISTAKE, "circles")),
    (78400, (D.KNOWN_MISTAKE, "multiplied")),
    (7961, (D.WRONG_VALUE, "7961 is not it")),
    (7, (D.KNOWN_MISTAKE, "comma")),
]
RIGHT["2.1"] = [7960, 7960.0, np.int64(7850) + 110]

WRONG["2.a"] = [
    ("b", (D.WRONG_VALUE, "Zero was not the trouble")),
    ("c", (D.WRONG_VALUE, "same image")),
    ("d", (D.WRONG_VALUE, "by how much the other")),
]
WRONG["2.b"] = [
    ("a", (D.WRONG_VALUE, "passed on")),
    ("b", (D.WRONG_VALUE, "six layers share")),
    ("d", (D.WRONG_VALUE, "one input")),
]
WRONG["2.2"] = [
    ("a", (D.WRONG_VALUE, "other way up")),
    ("b", (D.WRONG_VALUE, "Which width")),
    ("c", (D.WRONG_VALUE, "of the variance, or of the spread")),
]

WRONG["2.3"] = [
    ((-0.0655, 4, 2), (D.KNOWN_MISTAKE, "one product")),
    ((-392, 4, 2), (D.KNOWN_MISTAKE, "dark pixel")),
    ((-1.834, 4, 2), (D.KNOWN_MISTAKE, "like the root")),
    ((-120.7, 4, 2), (D.KNOWN_MISTAKE, "0.308")),
    ((0, 4, 2), (D.KNOWN_MISTAKE, "randn alone")),
    ((-51, 4, 2), (D.KNOWN_MISTAKE, "rounded")),
    ((-51.4, 2, 4), (D.KNOWN_MISTAKE, "exchanged")),
    ((-51.4, 4, 4), (D.KNOWN_MISTAKE, "variance")),
    ((-51.4, 2, 2), (D.KNOWN_MISTAKE, "answer 2")),
    ((51.4, 4, 2), (D.KNOWN_MISTAKE, "sign")),
    ((51.2, 2, 4), (D.KNOWN_MISTAKE, "sign")),
    ((-102.7, 4, 2), (D.KNOWN_MISTAKE, "not a half")),
    (("-51.4", "4", "2"), (D.KNOWN_MISTAKE, "without quotes")),
    ((-51.2, 2, 1), (D.KNOWN_MISTAKE, "answer 2: chance")),
    ((-51.4, 1, 1), (D.KNOWN_MISTAKE, "answer 2: the mean of one product")),
    ((-51.4, -205.4, 2), (D.KNOWN_MISTAKE, "answer 2: this is the new mean")),
    ((-51.4, 4, 1), (D.KNOWN_MISTAKE, "answer 3: the spread of one weight")),
    ((-51.4, 4, 0.5), (D.KNOWN_MISTAKE, "answer 3: an average")),
    ((-51.4, 4, 18.8), (D.KNOWN_MISTAKE, "answer 3: this is the new spread")),
    ((-50, 4, 2), (D.WRONG_VALUE, "answer 1 of 3")),
    ((-51.4, 3, 2), (D.WRONG_VALUE, "answer 2 of 3")),
    ((-51.4, 4, 16), (D.WRONG_VALUE, "answer 3 of 3")),
    (-51.4, (D.WRONG_LENGTH, "expected 3 answers")),
]
RIGHT["2.3"] = [
    (-51.4, 4, 2),
    (-51.2, 4, 2),
    (-51.24, 4, 2),
    (-51.352, 4, 2),
    [-51.3, 4.0, 2.0],
    (-0.5 * 784 * 0.1308, 4, sqrt(4)),
    np.array([-51.35, 4, 2]).tolist(),
]


def scaled(bound):
    """A draw from U(−r, r) with another r."""
    return lambda shape, rng: uniform(shape, rng, bound(*shape))


def far(shape):
    return sqrt(3 / shape[0])


def flat(shape, rng):
    return uniform(shape[0], rng, far(shape))


def one_column(shape, rng):
    return np.tile(uniform((shape[0], 1), rng, far(shape)), shape[1])


def prints_weights(shape, rng):
    uniform(shape, rng, far(shape))


WRONG["2.4"] = [
    (scaled(lambda m, n: sqrt(1 / m)), (D.KNOWN_MISTAKE, "spread to reach")),
    (scaled(lambda m, n: sqrt(1 / (3 * m))), (D.KNOWN_MISTAKE, "wrong side")),
    (scaled(lambda m, n: sqrt(3 / n)), (D.KNOWN_MISTAKE, "inputs, not the neurons")),
    (scaled(lambda m, n: sqrt(3 / max(m, n))), (D.KNOWN_MISTAKE, "inputs, not the neurons")),
    (scaled(lambda m, n: sqrt(3 / min(m, n))), (D.KNOWN_MISTAKE, "inputs, not the neurons")),
    (scaled(lambda m, n: 3 / m), (D.KNOWN_MISTAKE, "root")),
    (scaled(lambda m, n: sqrt(6 / m)), (D.KNOWN_MISTAKE, "He's")),
    (scaled(lambda m, n: sqrt(6 / (m + n))), (D.KNOWN_MISTAKE, "Glorot's")),
    (scaled(lambda m, n: sqrt(12 / m)), (D.KNOWN_MISTAKE, "twice")),
    (scaled(lambda m, n: 0.0619), (D.KNOWN_MISTAKE, "whatever the shape")),
    (uniform, (D.KNOWN_MISTAKE, "no bound")),
    (scaled(lambda m, n: 1), (D.KNOWN_MISTAKE, "no scaling")),
    (scaled(lambda m, n: 1 / m), (D.KNOWN_MISTAKE, "variance to reach")),
    (scaled(lambda m, n: sqrt(2 / m)), (D.KNOWN_MISTAKE, "He's bell")),
    (scaled(lambda m, n: sqrt(3 / 64)), (D.KNOWN_MISTAKE, "left over")),
    (lambda shape, rng: (rng.random(shape, dtype=np.float32) - 0.5) * far(shape), (D.KNOWN_MISTAKE, "half")),
    (lambda shape, rng: uniform(shape, rng) * far(shape), (D.KNOWN_MISTAKE, "half")),
    (scaled(lambda m, n: 1.7 / sqrt(m)), (D.FACTOR, "times what it should be")),
    (scaled(lambda m, n: 0), D.ALL_ZERO),
    (lecun, (D.WRONG_VALUE, "not uniform")),
    (lambda shape, rng: rng.random(shape, dtype=np.float32) * far(shape), (D.WRONG_VALUE, "mean")),
    (one_column, (D.KNOWN_MISTAKE, "draw each weight by itself")),
    (lambda shape, rng: rng.uniform(-far(shape), far(shape), shape), (D.FLOAT64, "plain number")),
    (lambda shape, rng: uniform(shape, rng).astype(np.float16), (D.WRONG_DTYPE, "float16")),
    (lambda shape, rng: uniform(shape[::-1], rng, far(shape)), D.TRANSPOSED),
    (flat, D.WRONG_SHAPE),
    (lambda shape, rng: far(shape), (D.WRONG_TYPE, "a float")),
    (prints_weights, D.RETURNS_NONE),
    (lambda shape, rng: uniform(shape, far(shape)), (D.RAISES, "generator")),
    (
        lambda shape, rng: np.random.uniform(-far(shape), far(shape), shape).astype(np.float32),
        (D.GLOBAL_RANDOMNESS, "np.random itself"),
    ),
    (lambda shape, rng: uniform(shape, np.random.default_rng(), far(shape)), (D.UNREPEATABLE, "do not come")),
    (lambda shape, rng: uniform(shape, np.random.default_rng(0), far(shape)), (D.UNREPEATABLE, "not used")),
]
RIGHT["2.4"] = [
    lambda shape, rng: rng.uniform(-far(shape), far(shape), size=shape).astype(np.float32),
    lambda shape, rng: (2 * rng.random(shape[::-1], dtype=np.float32) - 1).T * sqrt(3) * shape[0] ** -0.5,
    lambda shape, rng: np.array([uniform(shape[1], rng, far(shape)) for _ in range(shape[0])]),
    lambda shape, rng: np.multiply(
        uniform(shape, rng, 1), np.sqrt(3 / shape[0]), out=np.empty(shape, np.float32), casting="same_kind"
    ),
]
