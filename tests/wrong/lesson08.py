"""Answers to the exercises of lesson 08."""

import math
from itertools import pairwise

import numpy as np

from nnlib import he, lecun, uniform
from nnlib.exercises import Diagnosis as D
from nnlib.functional import log_softmax, one_hot, sigmoid, sigmoid_derivative, softmax
from nnlib.losses import binary_cross_entropy, cross_entropy

from . import RIGHT, WRONG

# patient 1

WRONG["8.a"] = [
    ("a", (D.WRONG_VALUE, "one tenth")),
    ("b", (D.WRONG_VALUE, "has learnt from no image")),
    ("d", (D.WRONG_VALUE, "always saying trousers")),
]


def score_by(compare):
    """An exam_accuracy that is the mean of a comparison."""

    def exam_accuracy(Y, Z):
        return compare(Y, Z).mean()

    return exam_accuracy


def in_per_cent(Y, Z):
    return 100 * np.mean(Z.argmax(axis=1) == Y.argmax(axis=1))


def over_a_hundred(Y, Z):
    return np.sum(Z.argmax(axis=1) == Y.argmax(axis=1)) / 100


def counted(Y, Z):
    return np.sum(Z.argmax(axis=1) == Y.argmax(axis=1))


def patients_score(Y, Z):
    matches = Z.argmax(axis=1)[:, None] == Y
    return np.mean(np.sum(matches, axis=0) / 100)


def scores_compared(Y, Z):
    return np.mean(Z == Y)


def truth_values(Y, Z):
    return Z.argmax(axis=1) == Y.argmax(axis=1)


def printed(Y, Z):
    print(np.mean(Z.argmax(axis=1) == Y.argmax(axis=1)))


def rounds_the_scores(Y, Z):
    Z[...] = Z.max(axis=1, keepdims=True) <= Z
    return np.mean((Z == Y).all(axis=1))


def never_quite_all(Y, Z):
    return min(0.99, np.mean(Z.argmax(axis=1) == Y.argmax(axis=1)))


def never_below_a_tenth(Y, Z):
    return max(0.1, np.mean(Z.argmax(axis=1) == Y.argmax(axis=1)))


WRONG["8.1"] = [
    (patients_score, (D.KNOWN_MISTAKE, "the patient's score")),
    (score_by(lambda Y, Z: Z.argmax(axis=1)[:, None] == Y), (D.KNOWN_MISTAKE, "the division is mended")),
    (score_by(lambda Y, Z: one_hot(Z.argmax(axis=1), Z.shape[1]) == Y), (D.KNOWN_MISTAKE, "places are counted")),
    (score_by(lambda Y, Z: ((Z > 0.5) == Y).all(axis=1)), (D.KNOWN_MISTAKE, "largest of the row")),
    (score_by(lambda Y, Z: ((Z > 0) == Y).all(axis=1)), (D.KNOWN_MISTAKE, "not with a fixed number")),
    (score_by(lambda Y, Z: Z.argmax(axis=0) == Y.argmax(axis=0)), (D.KNOWN_MISTAKE, "surest class of each image")),
    (score_by(lambda Y, Z: Z.argmax(axis=1) != Y.argmax(axis=1)), (D.KNOWN_MISTAKE, "share that is wrong")),
    (in_per_cent, (D.KNOWN_MISTAKE, "in per cent")),
    (lambda Y, Z: round(float(np.mean(Z.argmax(axis=1) == Y.argmax(axis=1))), 2), (D.KNOWN_MISTAKE, "rounded")),
    (score_by(lambda Y, Z: Z.argmax(axis=1) == Y), (D.RAISES, "broadcast")),
    (over_a_hundred, (D.KNOWN_MISTAKE, "only if there are 100")),
    (counted, (D.TIMES_BATCH, "61")),
    (scores_compared, D.ALL_ZERO),
    (truth_values, D.WRONG_SHAPE),
    (printed, D.PRINTS),
    (rounds_the_scores, D.MODIFIES_ARGUMENT),
    (never_quite_all, (D.WRONG_VALUE, "the truth itself")),
    (never_below_a_tenth, (D.WRONG_VALUE, "always wrong")),
]


def one_by_one(Y, Z):
    right = 0
    for target, scores in zip(Y, Z, strict=True):
        right += np.argmax(target) == np.argmax(scores)
    return right / len(Y)


RIGHT["8.1"] = [
    one_by_one,
    score_by(lambda Y, Z: np.argmax(Z, axis=1) == np.argmax(Y, axis=1)),
    score_by(lambda Y, Z: Y[np.arange(len(Y)), Z.argmax(axis=1)]),
    lambda Y, Z: np.count_nonzero(Y.nonzero()[1] == Z.argmax(1)) / len(Z),
]

# patient 2

WRONG["8.b"] = [
    ("b", (D.WRONG_VALUE, "at every rate")),
    ("c", (D.WRONG_VALUE, "the instrument found one")),
    ("d", (D.WRONG_VALUE, "whether there are biases")),
]

WRONG["8.2"] = [
    (lambda a_in, a_out, dz: np.dot(dz, a_out), (D.KNOWN_MISTAKE, "the patient's gradient")),
    (
        lambda a_in, a_out, dz: np.ones((len(a_in), len(dz)), np.float32) * (a_out @ dz),
        (D.KNOWN_MISTAKE, "still one number in it"),
    ),
    (lambda a_in, a_out, dz: np.outer(a_out, dz), (D.KNOWN_MISTAKE, "the layer's own output")),
    (lambda a_in, a_out, dz: np.ones_like(a_in)[:, None] * dz, (D.KNOWN_MISTAKE, "what biases would get")),
    (lambda a_in, a_out, dz: np.outer(a_in, dz * a_out * (1 - a_out)), (D.KNOWN_MISTAKE, "behind the activation")),
    (lambda a_in, a_out, dz: np.outer(a_in * (1 - a_in), dz), (D.KNOWN_MISTAKE, "belongs to the layer below")),
    (lambda a_in, a_out, dz: np.outer(a_in, dz * a_out), (D.KNOWN_MISTAKE, "one factor too many")),
    (lambda a_in, a_out, dz: np.outer(a_in, dz) / len(a_in), (D.KNOWN_MISTAKE, "averaged over the inputs")),
    (lambda a_in, a_out, dz: np.outer(dz, a_in), D.TRANSPOSED),
    (lambda a_in, a_out, dz: -np.outer(a_in, dz), D.SIGN),
    (lambda a_in, a_out, dz: np.dot(a_in, dz), D.RAISES),
    (lambda a_in, a_out, dz: a_out * dz, D.WRONG_SHAPE),
    (lambda a_in, a_out, dz: np.outer(a_in, dz).astype(np.float64), D.FLOAT64),
]
RIGHT["8.2"] = [
    lambda a_in, a_out, dz: a_in[:, None] * dz,
    lambda a_in, a_out, dz: np.einsum("i,j->ij", a_in, dz),
    lambda a_in, a_out, dz: np.array([[a * d for d in dz] for a in a_in]),
    lambda a_in, a_out, dz: a_in.reshape(-1, 1) @ dz.reshape(1, -1),
]

# patient 3

WRONG["8.c"] = [
    ("a", (D.WRONG_VALUE, "without taking a step")),
    ("b", (D.WRONG_VALUE, "that reading is green")),
    ("c", (D.WRONG_VALUE, "in its place")),
]


def slope_at_logits(P, dP):
    return P * (dP - (P * dP).sum(axis=1, keepdims=True))


def caged(Z, y):
    P = softmax(Z)
    loss, dP = binary_cross_entropy(P, one_hot(y, Z.shape[1]))
    return loss, slope_at_logits(P, dP)


def softmax_twice(Z, y):
    P = softmax(Z)
    loss, dP = cross_entropy(P, y)
    return loss, slope_at_logits(P, dP)


def logits_loss(of_loss=lambda loss: loss, of_gradient=lambda dZ, Z, y: dZ):
    """A loss_from_logits whose two results are changed."""

    def loss_from_logits(Z, y):
        loss, dZ = cross_entropy(Z, y)
        return of_loss(loss), of_gradient(dZ, Z, y)

    return loss_from_logits


def overflows(Z, y):
    E = np.exp(Z)
    P = E / E.sum(axis=1, keepdims=True)
    return -np.log(P[np.arange(len(y)), y]).mean(), (P - one_hot(y, Z.shape[1])) / len(y)


def log_of_zero(Z, y):
    P = softmax(Z)
    return -np.log(P[np.arange(len(y)), y]).mean(), (P - one_hot(y, Z.shape[1])) / len(y)


def cut_off(Z, y):
    P = np.maximum(softmax(Z), np.float32(1e-12))
    return -np.log(P[np.arange(len(y)), y]).mean(), (softmax(Z) - one_hot(y, Z.shape[1])) / len(y)


def of_the_chosen(Z, y):
    P = softmax(Z)
    return 1 - P[np.arange(len(y)), y].mean(), (P - one_hot(y, Z.shape[1])) / len(y)


def in_place(Z, y):
    Z -= Z.max(axis=1, keepdims=True)
    return cross_entropy(Z, y)


WRONG["8.3"] = [
    (
        lambda Z, y: binary_cross_entropy(softmax(Z), one_hot(y, Z.shape[1])),
        (D.KNOWN_MISTAKE, "the patient's loss: pr"),
    ),
    (caged, (D.KNOWN_MISTAKE, "the cage is still there")),
    (lambda Z, y: cross_entropy(softmax(Z), y), (D.KNOWN_MISTAKE, "two softmaxes, one after")),
    (softmax_twice, (D.KNOWN_MISTAKE, "two softmaxes with the right slope")),
    (lambda Z, y: binary_cross_entropy(Z, one_hot(y, Z.shape[1])), (D.KNOWN_MISTAKE, "a yes-or-no question")),
    (
        lambda Z, y: (-(log_softmax(Z) * one_hot(y, 5)).mean(), (softmax(Z) - one_hot(y, 5)) / Z.size),
        (D.KNOWN_MISTAKE, "divide by N alone"),
    ),
    (logits_loss(of_gradient=lambda dZ, Z, y: dZ / Z.shape[1]), (D.KNOWN_MISTAKE, "the number of columns as well")),
    (
        logits_loss(of_gradient=lambda dZ, Z, y: -one_hot(y, Z.shape[1]) / (len(y) * softmax(Z))),
        (D.KNOWN_MISTAKE, "the slope at the probabilities"),
    ),
    (
        logits_loss(of_gradient=lambda dZ, Z, y: slope_at_logits(softmax(Z), dZ)),
        (D.KNOWN_MISTAKE, "a second time"),
    ),
    (of_the_chosen, (D.KNOWN_MISTAKE, "minus its logarithm")),
    (logits_loss(of_gradient=lambda dZ, Z, y: dZ * len(y)), (D.TIMES_BATCH, "result[1]")),
    (logits_loss(of_loss=lambda loss: -loss), (D.SIGN, "result[0]")),
    (logits_loss(of_gradient=lambda dZ, Z, y: -dZ), (D.SIGN, "result[1]")),
    (logits_loss(of_loss=lambda loss: loss / math.log(2)), (D.WRONG_VALUE, "result[0]")),
    (overflows, (D.NOT_A_NUMBER, "a logit of 1000")),
    (log_of_zero, (D.NOT_A_NUMBER, "a logit of 1000")),
    (cut_off, (D.WRONG_VALUE, "cut off")),
    (in_place, (D.MODIFIES_ARGUMENT, "Z")),
    (lambda Z, y: cross_entropy(Z, y)[0], (D.WRONG_TYPE, "2 results")),
]


def row_by_row(Z, y):
    loss, dZ = 0, np.zeros_like(Z)
    for n, (z, label) in enumerate(zip(Z, y, strict=True)):
        e = np.exp(z - z.max())
        dZ[n] = e / e.sum() / len(Z)
        dZ[n, label] -= 1 / len(Z)
        loss += (np.log(e.sum()) - (z[label] - z.max())) / len(Z)
    return loss, dZ


RIGHT["8.3"] = [
    row_by_row,
    lambda Z, y: cross_entropy(Z, y),
    lambda Z, y: (
        float(np.mean(np.logaddexp.reduce(Z, axis=1) - Z[np.arange(len(y)), y])),
        (softmax(Z) - one_hot(y, Z.shape[1])) / np.float32(len(y)),
    ),
]


# patient 4

WRONG["8.d"] = [
    ("a", (D.WRONG_VALUE, "one by one")),
    ("b", (D.WRONG_VALUE, "not small")),
    ("c", (D.WRONG_VALUE, "what A1 is")),
]


def start_of(W=None, b=None):
    """A relu_start with other weights, W(fan_in, fan_out, rng), or another bias, b(fan_out, rng)."""

    def relu_start(fan_in, fan_out, rng):
        mine = W(fan_in, fan_out, rng) if W else rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)
        return mine, b(fan_out, rng) if b else np.zeros(fan_out)

    return relu_start


def normal_of(spread):
    return start_of(lambda i, o, rng: rng.standard_normal((i, o)) * spread(i, o))


def weights_alone(fan_in, fan_out, rng):
    return rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)


def no_return(fan_in, fan_out, rng):
    rng.standard_normal((fan_in, fan_out))


def legacy(fan_in, fan_out, rng):
    return np.random.randn(fan_in, fan_out) * np.sqrt(2 / fan_in), np.zeros(fan_out)


def own_generator(fan_in, fan_out, rng):
    return np.random.default_rng(0).standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in), np.zeros(fan_out)


WRONG["8.4"] = [
    (
        start_of(lambda i, o, rng: rng.standard_normal((i, o)) - 0.5, lambda o, rng: rng.standard_normal(o) - 0.5),
        (D.KNOWN_MISTAKE, "mean −½"),
    ),
    (start_of(lambda i, o, rng: rng.standard_normal((i, o)) - 0.5), (D.KNOWN_MISTAKE, "sleep for ever")),
    (start_of(lambda i, o, rng: rng.random((i, o)) - 0.5), (D.KNOWN_MISTAKE, "between −½ and ½")),
    (start_of(lambda i, o, rng: rng.random((i, o))), (D.KNOWN_MISTAKE, "never cuts")),
    (
        start_of(lambda i, o, rng: np.abs(rng.standard_normal((i, o))) * np.sqrt(2 / i)),
        (D.KNOWN_MISTAKE, "straight line"),
    ),
    (
        start_of(lambda i, o, rng: rng.standard_normal((i, o)) * np.sqrt(2 / i) + 0.02),
        (D.WRONG_VALUE, "should balance"),
    ),
    (normal_of(lambda i, o: 1), (D.KNOWN_MISTAKE, "spread by about 9")),
    (normal_of(lambda i, o: 2 / i), (D.KNOWN_MISTAKE, "the root is missing")),
    (normal_of(lambda i, o: np.sqrt(1 / i)), (D.KNOWN_MISTAKE, "suits sigmoid")),
    (normal_of(lambda i, o: np.sqrt(2 / o)), (D.KNOWN_MISTAKE, "sum over the inputs")),
    (normal_of(lambda i, o: np.sqrt(2 / (i + o))), (D.KNOWN_MISTAKE, "Glorot")),
    (normal_of(lambda i, o: 0.01), (D.KNOWN_MISTAKE, "fades")),
    (normal_of(lambda i, o: np.sqrt(2 / 784)), (D.FACTOR, "times what it should be")),
    (normal_of(lambda i, o: 0), (D.ALL_ZERO, "twins")),
    (normal_of(lambda i, o: np.inf), (D.NOT_A_NUMBER, "not finite")),
    (
        start_of(lambda i, o, rng: np.tile(rng.standard_normal((i, 1)), (1, o)) * np.sqrt(2 / i)),
        (D.KNOWN_MISTAKE, "draw each weight"),
    ),
    (
        start_of(lambda i, o, rng: (rng.random((i, o)) * 2 - 1) * np.sqrt(6 / i)),
        (D.WRONG_VALUE, "normal distribution"),
    ),
    (start_of(lambda i, o, rng: rng.standard_normal((o, i)) * np.sqrt(2 / i)), (D.TRANSPOSED, "(out, in)")),
    (start_of(b=lambda o, rng: rng.standard_normal(o) - 0.5), (D.KNOWN_MISTAKE, "tell the units apart already")),
    (start_of(b=lambda o, rng: np.full(o, 0.1)), (D.KNOWN_MISTAKE, "holds the units awake")),
    (start_of(b=lambda o, rng: np.full(o, -0.5)), (D.KNOWN_MISTAKE, "towards sleep")),
    (start_of(b=lambda o, rng: np.zeros((1, o))), (D.WRONG_SHAPE, "b: expected")),
    (weights_alone, (D.WRONG_TYPE, "two arrays")),
    (no_return, D.RETURNS_NONE),
    (legacy, D.GLOBAL_RANDOMNESS),
    (own_generator, D.UNREPEATABLE),
]

RIGHT["8.4"] = [
    start_of(),
    start_of(lambda i, o, rng: rng.normal(0, (2 / i) ** 0.5, size=(i, o)), lambda o, rng: np.array([0.0] * o)),
    start_of(lambda i, o, rng: he((i, o), rng)),
    lambda fan_in, fan_out, rng: [he((fan_in, fan_out), rng), np.zeros(fan_out, np.float32)],
]

# patient 5

WRONG["8.e"] = [
    ("b", (D.WRONG_VALUE, "stand in for")),
    ("c", (D.WRONG_VALUE, "get used to")),
]
WRONG["8.5"] = [
    (lambda dZ: dZ.sum(), (D.KNOWN_MISTAKE, "one number for all units; each unit")),
    (lambda dZ: np.full(dZ.shape[1], dZ.sum()), (D.KNOWN_MISTAKE, "copied")),
    (lambda dZ: np.full(dZ.shape[1], dZ.sum() / dZ.shape[1]), (D.KNOWN_MISTAKE, "dealt out evenly")),
    (lambda dZ: dZ.mean(), (D.KNOWN_MISTAKE, "mean over everything")),
    (lambda dZ: dZ.mean(axis=0), (D.KNOWN_MISTAKE, "a second time")),
    (lambda dZ: dZ.sum(axis=1), (D.KNOWN_MISTAKE, "one number per example")),
    (lambda dZ: np.abs(dZ).sum(axis=0), (D.KNOWN_MISTAKE, "blame has a sign")),
    (lambda dZ: dZ.sum(axis=0, keepdims=True), (D.KNOWN_MISTAKE, "an axis too many")),
    (lambda dZ: dZ[0].copy(), (D.KNOWN_MISTAKE, "first example alone")),
    (lambda dZ: dZ.sum(axis=0) - dZ.sum(axis=0).mean(), (D.KNOWN_MISTAKE, "made to add up to 0")),
    (lambda dZ: -dZ.sum(axis=0), D.SIGN),
    (lambda dZ: dZ.astype(float).sum(axis=0), D.FLOAT64),
    (lambda dZ: list(dZ.sum(axis=0)), D.WRONG_TYPE),
    (lambda dZ: print(dZ.sum(axis=0)), D.PRINTS),
]
RIGHT["8.5"] = [
    lambda dZ: np.add.reduce(dZ),
    lambda dZ: np.einsum("nk->k", dZ),
    lambda dZ: np.ones(len(dZ), dZ.dtype) @ dZ,
    lambda dZ: np.array([column.sum() for column in dZ.T]),
]

# patient 6

WRONG["8.f"] = [
    ("a", (D.WRONG_VALUE, "through the pixels")),
    ("b", (D.WRONG_VALUE, "does not look at labels")),
    ("d", (D.WRONG_VALUE, "prepared as ever")),
]


def takes_away(dZ):
    dZ /= len(dZ)
    return dZ.sum(axis=0)


WRONG["8.6"] = [
    (lambda dZ: dZ, (D.KNOWN_MISTAKE, "learn the labels by row")),
    (lambda dZ: dZ / len(dZ), (D.KNOWN_MISTAKE, "each row can learn")),
    (lambda dZ: np.tile(dZ.mean(axis=0), (len(dZ), 1)), (D.KNOWN_MISTAKE, "same numbers in every row")),
    (lambda dZ: dZ.sum(axis=0), (D.KNOWN_MISTAKE, "N times too large")),
    (lambda dZ: dZ.mean(axis=0) / np.float32(len(dZ)), (D.KNOWN_MISTAKE, "divided by N twice")),
    (lambda dZ: dZ.sum(axis=0) / np.float32(dZ.shape[1]), (D.KNOWN_MISTAKE, "number of units")),
    (lambda dZ: dZ.sum(axis=0) / 500, (D.KNOWN_MISTAKE, "the N of this patient")),
    (lambda dZ: dZ.mean(axis=1), (D.KNOWN_MISTAKE, "one that stayed")),
    (lambda dZ: dZ.mean(), (D.KNOWN_MISTAKE, "has a bias of its own")),
    (lambda dZ: dZ.sum(), (D.KNOWN_MISTAKE, "the last patient")),
    (lambda dZ: dZ.mean(axis=0, keepdims=True), (D.KNOWN_MISTAKE, "an axis too many")),
    (lambda dZ: dZ[0].copy(), (D.KNOWN_MISTAKE, "first example alone")),
    (lambda dZ: -dZ.mean(axis=0), D.SIGN),
    (takes_away, D.MODIFIES_ARGUMENT),
]
RIGHT["8.6"] = [
    lambda dZ: dZ.sum(axis=0) / len(dZ),
    lambda dZ: np.average(dZ, axis=0),
    lambda dZ: dZ.T @ np.full(len(dZ), 1 / len(dZ), dZ.dtype),
]


# patient 7

WRONG["8.g"] = [
    ("a", (D.WRONG_VALUE, "fresh here")),
    ("b", (D.WRONG_VALUE, "between 4 and 6")),
    ("d", (D.WRONG_VALUE, "get ten ones")),
]


def shifted(shift, total=lambda E: E.sum(axis=1, keepdims=True)):
    """A softmax that takes off something else first, or divides by another total."""

    def softmax_by_row(Z):
        E = np.exp(Z - shift(Z))
        return E / total(E)

    return softmax_by_row


def nothing_off(Z):
    return 0


def largest_of_all(Z):
    return Z.max()


def largest_of_row(Z):
    return Z.max(axis=1, keepdims=True)


def spoils_the_scores(Z):
    Z -= Z.max(axis=1, keepdims=True)
    return np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)


def held_back(Z):
    E = np.exp(np.clip(Z, -80, 80))
    return E / E.sum(axis=1, keepdims=True)


def a_little_extra(Z):
    E = np.exp(Z - Z.max())
    return (E + 1e-30) / (E + 1e-30).sum(axis=1, keepdims=True)


def prints_shares(Z):
    print(softmax(Z))


WRONG["8.7"] = [
    (shifted(nothing_off, np.sum), (D.KNOWN_MISTAKE, "still one number")),
    (shifted(largest_of_all, np.sum), (D.KNOWN_MISTAKE, "still one number")),
    (shifted(largest_of_all, lambda E: E.sum() / len(E)), (D.KNOWN_MISTAKE, "on average only")),
    (shifted(nothing_off, lambda E: E.sum(axis=0)), (D.KNOWN_MISTAKE, "the columns add up")),
    (lambda Z: Z / Z.sum(axis=1, keepdims=True), (D.KNOWN_MISTAKE, "negative probability")),
    (lambda Z: sigmoid(Z), (D.KNOWN_MISTAKE, "ten separate")),
    (shifted(nothing_off), (D.NOT_A_NUMBER, "near 2,000")),
    (shifted(lambda Z: np.maximum(Z.max(axis=1, keepdims=True), 0)), (D.NOT_A_NUMBER, "0 / 0")),
    (shifted(largest_of_all), (D.KNOWN_MISTAKE, "belongs to all images")),
    (shifted(lambda Z: Z.max(axis=0)), (D.KNOWN_MISTAKE, "from class to class")),
    (held_back, (D.WRONG_VALUE, "share a batch")),
    (a_little_extra, (D.WRONG_VALUE, "share a batch")),
    (shifted(largest_of_row, lambda E: E.sum(axis=1)), (D.ONE_EXAMPLE_ONLY, "one example")),
    (shifted(lambda Z: Z.max(axis=1)), (D.ONE_EXAMPLE_ONLY, "one example")),
    (lambda Z: log_softmax(Z), D.WRONG_VALUE),
    (lambda Z: softmax(Z.astype(np.float64)), D.FLOAT64),
    (lambda Z: softmax(Z).tolist(), D.WRONG_TYPE),
    (spoils_the_scores, D.MODIFIES_ARGUMENT),
    (prints_shares, D.PRINTS),
]
RIGHT["8.7"] = [
    lambda Z: softmax(Z),
    lambda Z: np.exp(log_softmax(Z)),
    lambda Z: np.stack([softmax(row) for row in Z]),
    shifted(largest_of_row, lambda E: E.sum(axis=1)[:, None]),
    shifted(lambda Z: Z.max(axis=1)[:, None] - 3),
]

# patient 8

WRONG["8.h"] = [
    ("b", (D.WRONG_VALUE, "near ½")),
    ("c", (D.WRONG_VALUE, "right and tiny")),
    ("d", (D.WRONG_VALUE, "three layers that two")),
]


def started(spread, draw=None):
    """A start whose matrix (m, n) has the given spread."""
    draw = draw or (lambda rng, shape: rng.standard_normal(shape, dtype=np.float32))

    def awake_start(sizes, rng):
        return [draw(rng, (m, n)) * float(spread(m, n)) for m, n in pairwise(sizes)]

    return awake_start


def first_fan_in(sizes, rng):
    return [rng.standard_normal((m, n), dtype=np.float32) / sizes[0] ** 0.5 for m, n in pairwise(sizes)]


def by_root(m, n):
    return m**-0.5


def with_biases(sizes, rng):
    return [(lecun((m, n), rng), np.zeros(n, np.float32)) for m, n in pairwise(sizes)]


def only_three(sizes, rng):
    return [lecun(shape, rng) for shape in ((300, 80), (80, 120), (120, 200))]


def always_the_same(sizes, rng):
    return RIGHT["8.8"][0](sizes, np.random.default_rng(0))


def same_seed_each(sizes, rng):
    return RIGHT["8.8"][0](sizes, np.random.default_rng())


def a_constant(sizes, rng):
    return [np.full((m, n), m**-0.5, np.float32) for m, n in pairwise(sizes)]


def global_draw(sizes, rng):
    return [np.random.randn(m, n).astype(np.float32) / m**0.5 for m, n in pairwise(sizes)]


def forgets_to_return(sizes, rng):
    [lecun(shape, rng) for shape in pairwise(sizes)]


def one_too_many(sizes, rng):
    return [lecun((m, n), rng) for m, n in pairwise((*sizes, 1))]


WRONG["8.8"] = [
    (started(lambda m, n: 0.01), (D.KNOWN_MISTAKE, "as before")),
    (started(lambda m, n: 0.1), (D.KNOWN_MISTAKE, "asleep for 8")),
    (started(lambda m, n: 1), (D.KNOWN_MISTAKE, "σ jams")),
    (started(lambda m, n: n**-0.5), (D.KNOWN_MISTAKE, "not its neighbours")),
    (started(lambda m, n: 1 / m), (D.KNOWN_MISTAKE, "variance to reach")),
    (first_fan_in, (D.KNOWN_MISTAKE, "fan-in of its own")),
    (started(lambda m, n: (2 / m) ** 0.5), (D.KNOWN_MISTAKE, "there is none here")),
    (started(lambda m, n: (2 / (m + n)) ** 0.5), (D.KNOWN_MISTAKE, "Glorot's")),
    (started(lambda m, n: m**-0.5, lambda rng, shape: uniform(shape, rng, 1)), (D.KNOWN_MISTAKE, "spreads less")),
    (started(lambda m, n: m**0.5), (D.KNOWN_MISTAKE, "must shrink")),
    (started(lambda m, n: 4 * m**-0.5), (D.FACTOR, "of matrix")),
    (started(lambda m, n: 0.05), (D.FACTOR, "times what it should be")),
    (started(by_root, lambda rng, shape: rng.random(shape, dtype=np.float32)), (D.WRONG_VALUE, "mean")),
    (started(by_root, lambda rng, shape: rng.standard_normal(shape)), (D.WRONG_DTYPE, "float64")),
    (started(by_root, lambda rng, shape: rng.standard_normal(shape[::-1], dtype=np.float32)), D.TRANSPOSED),
    (started(by_root, lambda rng, shape: rng.standard_normal(shape[0], dtype=np.float32)), D.WRONG_SHAPE),
    (started(lambda m, n: 0), (D.ALL_ZERO, "twins")),
    (a_constant, (D.ALL_ZERO, "twins")),
    (with_biases, (D.WRONG_TYPE, "matrix 0")),
    (lambda sizes, rng: lecun(sizes[:2], rng), (D.WRONG_TYPE, "a list of matrices")),
    (one_too_many, D.WRONG_LENGTH),
    (only_three, D.WRONG_LENGTH),
    (forgets_to_return, D.RETURNS_NONE),
    (global_draw, D.GLOBAL_RANDOMNESS),
    (always_the_same, (D.UNREPEATABLE, "not used")),
    (same_seed_each, (D.UNREPEATABLE, "do not come")),
]
RIGHT["8.8"] = [
    lambda sizes, rng: [lecun(shape, rng) for shape in pairwise(sizes)],
    lambda sizes, rng: [he((m, n), rng) / 2**0.5 for m, n in pairwise(sizes)],
    started(lambda m, n: (3 / m) ** 0.5, lambda rng, shape: uniform(shape, rng, 1)),
    lambda sizes, rng: tuple(
        rng.normal(0, sizes[i] ** -0.5, sizes[i : i + 2]).astype(np.float32) for i in range(len(sizes) - 1)
    ),
]

# patient 9

WRONG["8.i"] = [
    ("a", (D.WRONG_VALUE, "below 20")),
    ("b", (D.WRONG_VALUE, "nine in ten")),
    ("c", (D.WRONG_VALUE, "has the label 1")),
]


def from_a(keep=lambda A: A, tiny=0.0, mend=lambda part: part):
    """Loss and gradient through the probability, with one or another cure for the NaN."""

    def loss_from_logit(Z, y):
        A, Y = keep(sigmoid(Z)), y.reshape(Z.shape).astype(Z.dtype)
        tiny_ = Z.dtype.type(tiny)
        loss = -(Y * mend(np.log(A + tiny_)) + (1 - Y) * mend(np.log(1 - A + tiny_))).mean()
        dA = -(Y / (A + tiny_) - (1 - Y) / (1 - A + tiny_)) / len(Y)
        return float(mend(loss)), mend(dA * A * (1 - A))

    return loss_from_logit


def of(loss, slope):
    def loss_from_logit(Z, y):
        Y = y.reshape(Z.shape).astype(Z.dtype)
        return float(loss(Z, Y)), slope(Z, Y).astype(Z.dtype)

    return loss_from_logit


def cost(Z, Y):
    return np.mean(np.logaddexp(0, Z) - Y * Z)


def pull(Z, Y):
    return (sigmoid(Z) - Y) / len(Z)


def pull_through_a(Z, Y):
    A = np.clip(sigmoid(Z), 1e-7, 1 - 1e-7)
    return -(Y / A - (1 - Y) / (1 - A)) / len(Z) * A * (1 - A)


def pull_with_flat_ends(Z, Y):
    return np.where(np.abs(Z) > 25, 0, pull(Z, Y))


def every_pair(Z, y):
    return float(np.mean(np.logaddexp(0, Z) - y * Z)), ((sigmoid(Z) - y) / len(Z)).astype(Z.dtype)


def overflows_on_paper(Z, Y):
    return np.mean(np.log(1 + np.exp(Z)) - Y * Z)


def half_stable(Z, Y):
    return np.mean(np.where(np.abs(Z) > 500, np.inf, np.logaddexp(0, Z) - Y * Z))


def infinite_when_wrong(Z, Y):
    return np.mean(np.where((Z > 20) & (Y == 0), np.inf, np.logaddexp(0, Z) - Y * Z))


def never_free(Z, Y):
    return np.mean(np.logaddexp(0, Z) - Y * Z + np.where(np.abs(Z) > 20, 0.01, 0))


def spoils_the_logits(Z, y):
    right = of(cost, pull)(Z, y)
    Z *= 0
    return right


WRONG["8.9"] = [
    (from_a(), (D.KNOWN_MISTAKE, "as before")),
    (from_a(lambda A: np.clip(A, 1e-12, 1 - 1e-12)), (D.KNOWN_MISTAKE, "as before")),
    (of(overflows_on_paper, pull), (D.INFINITE, "overflows")),
    (from_a(lambda A: np.clip(A, 1e-7, 1 - 1e-7)), (D.KNOWN_MISTAKE, "the truth with it")),
    (from_a(tiny=1e-7), (D.KNOWN_MISTAKE, "the truth with it")),
    (from_a(mend=np.nan_to_num), (D.KNOWN_MISTAKE, "nothing ever puts it right")),
    (of(cost, pull_with_flat_ends), (D.KNOWN_MISTAKE, "nothing ever puts it right")),
    (of(infinite_when_wrong, pull), (D.INFINITE, "it should cost 30")),
    (of(half_stable, pull), (D.INFINITE, "overflows")),
    (of(never_free, pull), (D.WRONG_VALUE, "cost nothing")),
    (of(lambda Z, Y: len(Z) * cost(Z, Y), lambda Z, Y: sigmoid(Z) - Y), (D.KNOWN_MISTAKE, "sums over")),
    (of(cost, lambda Z, Y: sigmoid(Z) - Y), (D.KNOWN_MISTAKE, "divided by N as well")),
    (of(cost, lambda Z, Y: pull(Z, Y) * sigmoid(Z) * (1 - sigmoid(Z))), (D.KNOWN_MISTAKE, "has cancelled")),
    (of(cost, lambda Z, Y: pull(Z, Y) / (sigmoid(Z) * (1 - sigmoid(Z)))), (D.KNOWN_MISTAKE, "this is dL/dA")),
    (of(cost, lambda Z, Y: -pull(Z, Y)), (D.KNOWN_MISTAKE, "uphill")),
    (of(cost, lambda Z, Y: (Z - Y) / len(Z)), (D.KNOWN_MISTAKE, "compares the logit")),
    (of(lambda Z, Y: cost(Z, 1 - Y), lambda Z, Y: pull(Z, 1 - Y)), (D.KNOWN_MISTAKE, "swapped")),
    (every_pair, (D.KNOWN_MISTAKE, "every label")),
    (of(lambda Z, Y: -cost(Z, Y), pull), D.SIGN),
    (lambda Z, y: float(cost(Z, y.reshape(Z.shape))), (D.WRONG_TYPE, "2 results")),
    (lambda Z, y: of(cost, pull)(Z, y)[::-1], (D.WRONG_SHAPE, "result[0]")),
    (lambda Z, y: (float(cost(Z, y.reshape(Z.shape))), pull(Z, y.reshape(Z.shape))), D.FLOAT64),
    (lambda Z, y: of(cost, lambda Z, Y: pull(Z, Y).ravel())(Z, y), D.WRONG_SHAPE),
    (spoils_the_logits, D.MODIFIES_ARGUMENT),
]


def with_log1p(Z, Y):
    return np.mean(np.maximum(Z, 0) - Y * Z + np.log1p(np.exp(-np.abs(Z))))


def signed(Z, Y):
    return np.mean(np.logaddexp(0, np.where(Y == 1, -Z, Z)))


RIGHT["8.9"] = [
    of(cost, pull),
    of(with_log1p, pull),
    of(signed, lambda Z, Y: np.where(Y == 1, -sigmoid(-Z), sigmoid(Z)) / len(Z)),
    lambda Z, y: (np.float32(cost(Z, y[:, None])), (np.tanh(Z / 2) / 2 + 0.5 - y[:, None]).astype(Z.dtype) / len(y)),
]


# patient 10: back through a softmax

WRONG["8.j"] = [
    ("a", (D.WRONG_VALUE, "against the loss itself")),
    ("b", (D.WRONG_VALUE, "10⁻⁹")),
    ("d", (D.WRONG_VALUE, "stands above the sigmoid")),
]


def mean_of(dP, P):
    return (dP * P).sum(axis=1, keepdims=True)


def forced_to_zero(dP, P):
    dZ = dP * P * (1 - P)
    return dZ - dZ.mean(axis=1, keepdims=True)


def softmax_in_place(dP, P):
    dP *= P
    return dP - P * dP.sum(axis=1, keepdims=True)


def jacobian_of_the_first(dP, P):
    return dP @ (np.diag(P[0]) - np.outer(P[0], P[0]))


def without_keepdims(dP, P):
    return P * (dP - (dP * P).sum(axis=1))


WRONG["8.10"] = [
    (lambda dP, P: dP * P * (1 - P), (D.KNOWN_MISTAKE, "the patient's own")),
    (lambda dP, P: 2 * dP * P * (1 - P), (D.KNOWN_MISTAKE, "two classes")),
    (lambda dP, P: P * (dP * P - mean_of(dP, P)), (D.KNOWN_MISTAKE, "is missing")),
    (lambda dP, P: P * ((1 - P) * dP - mean_of(dP, P)), (D.KNOWN_MISTAKE, "counted twice")),
    (lambda dP, P: P * (1 - P) * dP + P * (mean_of(dP, P) - P * dP), (D.KNOWN_MISTAKE, "takes probability")),
    (lambda dP, P: P * (dP - dP.sum(axis=1, keepdims=True)), (D.KNOWN_MISTAKE, "added up as they are")),
    (lambda dP, P: P * (dP - dP.mean(axis=1, keepdims=True)), (D.KNOWN_MISTAKE, "plain mean")),
    (lambda dP, P: P * (dP - (dP * P).mean(axis=1, keepdims=True)), (D.KNOWN_MISTAKE, "division by C")),
    (lambda dP, P: dP - mean_of(dP, P), (D.KNOWN_MISTAKE, "multiplied by its own")),
    (forced_to_zero, (D.KNOWN_MISTAKE, "by force")),
    (lambda dP, P: P * (dP - np.vdot(dP, P)), (D.KNOWN_MISTAKE, "whole batch")),
    (lambda dP, P: P * (dP - (dP * P).sum(axis=0)), (D.KNOWN_MISTAKE, "over the examples")),
    (lambda dP, P: P * dP, (D.KNOWN_MISTAKE, "numerator alone")),
    (lambda dP, P: P * (mean_of(dP, P) - dP), D.SIGN),
    (lambda dP, P: P * (dP - mean_of(dP, P)) / len(P), (D.OVER_BATCH, "batch size")),
    (lambda dP, P: (P * (dP - mean_of(dP, P))).T, D.TRANSPOSED),
    (lambda dP, P: P.astype(float) * (dP - mean_of(dP, P)), D.FLOAT64),
    (jacobian_of_the_first, (D.ONE_EXAMPLE_ONLY, "right for one example")),
    (without_keepdims, D.ONE_EXAMPLE_ONLY),
    (softmax_in_place, (D.MODIFIES_ARGUMENT, "dP")),
]


def by_jacobians(dP, P):
    return np.stack([(np.diag(p) - np.outer(p, p)) @ dp for dp, p in zip(dP, P, strict=True)])


def road_by_road(dP, P):
    dZ = np.zeros_like(P)
    for k in range(P.shape[1]):
        for j in range(P.shape[1]):
            dZ[:, k] += dP[:, j] * P[:, j] * ((j == k) - P[:, k])
    return dZ


def with_einsum(dP, P):
    return P * dP - P * np.einsum("nc,nc->n", dP, P)[:, None]


RIGHT["8.10"] = [by_jacobians, road_by_road, with_einsum]


# patient 11: the four gradients of two sigmoids

WRONG["8.k"] = [
    ("b", (D.WRONG_VALUE, "alike")),
    ("c", (D.WRONG_VALUE, "straight down")),
    ("d", (D.WRONG_VALUE, "below the loss")),
]


def true_gate(A):
    return A * (1 - A)


def four(dA2, X, A1, A2, W2, upper=true_gate, lower=true_gate, skip=False, after=lambda parts: parts):
    """The four gradients, with other gates, with the output's gate left out on the way down, or changed at the end."""
    dZ2 = dA2 * upper(A2)
    dZ1 = ((dA2 if skip else dZ2) @ W2.T) * lower(A1)
    return after((X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)))


def four_with(**options):
    return lambda dA2, X, A1, A2, W2: four(dA2, X, A1, A2, W2, **options)


def summed_over_everything(dA2, X, A1, A2, W2):
    dW1, db1, dW2, db2 = four(dA2, X, A1, A2, W2)
    return dW1, db1.sum(), dW2, db2.sum()


def output_for_input(dA2, X, A1, A2, W2):
    dZ2 = dA2 * A2 * (1 - A2)
    dZ1 = dZ2 @ W2.T * A1 * (1 - A1)
    return A1.T @ dZ1, dZ1.sum(axis=0), A2.T @ dZ2, dZ2.sum(axis=0)


def gate_in_place(dA2, X, A1, A2, W2):
    dA2 *= A2 * (1 - A2)
    dZ1 = dA2 @ W2.T * A1 * (1 - A1)
    return X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dA2, dA2.sum(axis=0)


def w2_not_turned(dA2, X, A1, A2, W2):
    dZ2 = dA2 * A2 * (1 - A2)
    dZ1 = dZ2 @ W2 * A1 * (1 - A1)
    return X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)


def halves(parts):
    return tuple(2 * part for part in parts)


def over(parts):
    return tuple(part / np.float32(6) for part in parts)


def mean_biases(parts):
    return tuple(part / np.float32(6 if part.ndim == 1 else 1) for part in parts)


WRONG["8.11"] = [
    (four_with(upper=sigmoid_derivative, lower=sigmoid_derivative, skip=True), (D.KNOWN_MISTAKE, "the patient's own")),
    (four_with(skip=True), (D.KNOWN_MISTAKE, "without the output's gate")),
    (four_with(upper=sigmoid_derivative, lower=sigmoid_derivative), (D.KNOWN_MISTAKE, "through σ already")),
    (four_with(lower=sigmoid_derivative), (D.KNOWN_MISTAKE, "hidden layer still")),
    (four_with(upper=sigmoid_derivative), (D.KNOWN_MISTAKE, "output still")),
    (four_with(upper=lambda A: 1), (D.KNOWN_MISTAKE, "binary cross-entropy")),
    (four_with(lower=lambda A: 1), (D.KNOWN_MISTAKE, "hidden layer has no gate")),
    (four_with(after=over), (D.KNOWN_MISTAKE, "once more")),
    (four_with(after=mean_biases), (D.KNOWN_MISTAKE, "mean over the images")),
    (four_with(after=lambda parts: (*parts[2:], *parts[:2])), (D.KNOWN_MISTAKE, "exchanged")),
    (four_with(after=halves), (D.FACTOR, "2 times too large")),
    (four_with(after=lambda parts: parts[:3]), D.WRONG_LENGTH),
    (four_with(after=lambda parts: tuple(-part for part in parts)), (D.SIGN, "result[0]")),
    (summed_over_everything, (D.WRONG_SHAPE, "result[1]")),
    (output_for_input, (D.WRONG_SHAPE, "result[0]")),
    (w2_not_turned, (D.RAISES, "ValueError")),
    (gate_in_place, (D.MODIFIES_ARGUMENT, "dA2")),
]


def by_logits(dA2, X, A1, A2, W2):
    def slope(A):
        return sigmoid_derivative(np.log(A / (1 - A)))

    dZ2 = dA2 * slope(A2)
    dZ1 = (W2 @ dZ2.T).T * slope(A1)
    return X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)


def image_by_image(dA2, X, A1, A2, W2):
    dW1, db1 = np.zeros((X.shape[1], len(W2)), X.dtype), np.zeros(len(W2), X.dtype)
    dW2, db2 = np.zeros_like(W2), np.zeros(W2.shape[1], X.dtype)
    for blame, x, a1, a2 in zip(dA2, X, A1, A2, strict=True):
        dz2 = blame * (a2 - a2**2)
        dz1 = W2 @ dz2 * (a1 - a1**2)
        dW1 += np.outer(x, dz1)
        dW2 += np.outer(a1, dz2)
        db1 += dz1
        db2 += dz2
    return [dW1, db1, dW2, db2]


RIGHT["8.11"] = [by_logits, image_by_image]


# patient 12: a report with exchanged arguments

WRONG["8.l"] = [
    ("a", (D.WRONG_VALUE, "by how many".capitalize())),
    ("b", (D.WRONG_VALUE, "first table alone")),
    ("c", (D.WRONG_VALUE, "up or down")),
]


def columns_renamed_in_place(precision, recall, support):
    support *= recall
    return recall, precision, support / precision


def whole_numbers(precision, recall, support):
    return recall, precision, np.rint(recall * support / precision).astype(int)


WRONG["8.12"] = [
    (lambda precision, recall, support: (precision, recall, support), (D.KNOWN_MISTAKE, "as it was")),
    (lambda precision, recall, support: (recall, precision, support), (D.KNOWN_MISTAKE, "still counts")),
    (lambda p, r, support: (p, r, r * support / p), (D.KNOWN_MISTAKE, "support is mended")),
    (lambda p, r, support: (r, p, support * p / r), (D.KNOWN_MISTAKE, "upside down")),
    (lambda p, r, support: (r, p, r * support), (D.KNOWN_MISTAKE, "these are the hits")),
    (lambda p, r, support: (r, p, p * support), (D.KNOWN_MISTAKE, "counts the calls")),
    (lambda p, r, support: (r, p, 0 * support + support.sum() / len(support)), (D.KNOWN_MISTAKE, "same number")),
    (lambda p, r, support: (r * support / p, r, p), (D.KNOWN_MISTAKE, "comes third")),
    (lambda p, r, support: (r, p), D.WRONG_LENGTH),
    (lambda p, r, support: (r, p, r * support / p / support.sum()), (D.FACTOR, "result[2]")),
    (lambda p, r, support: np.stack([r, p, r * support / p]), D.WRONG_TYPE),
    (whole_numbers, (D.INTEGER, "result[2]")),
    (columns_renamed_in_place, (D.MODIFIES_ARGUMENT, "support")),
]


def by_counts(precision, recall, support):
    hits = np.rint(recall * support)
    labels = np.rint(hits / precision)
    return hits / support, hits / labels, labels


def class_by_class(precision, recall, support):
    rows = [(r, p, s * r / p) for p, r, s in zip(precision, recall, support, strict=True)]
    return [np.array(column) for column in zip(*rows, strict=True)]


RIGHT["8.12"] = [by_counts, class_by_class]
