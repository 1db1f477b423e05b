"""Answers to the exercises of lesson 01."""

import warnings

import numpy as np

from nnlib.exercises import Diagnosis as D

from . import RIGHT, WRONG

WRONG["1.1"] = [
    ((294, 17, 24, 176), (D.KNOWN_MISTAKE, "changed places; it is the lines")),
    ((374, 17, 24, 176), (D.KNOWN_MISTAKE, "14 full lines come before")),
    ((373, 17, 24, 176), (D.KNOWN_MISTAKE, "nothing to take off")),
    ((403, 17, 24, 176), (D.KNOWN_MISTAKE, "one too many")),
    ((402, 24, 17, 176), (D.KNOWN_MISTAKE, "answers 2 and 3 changed places")),
    ((402, 18, 25, 176), (D.KNOWN_MISTAKE, "counted from 1")),
    ((402, 18, 24, 176), (D.KNOWN_MISTAKE, "answer 2: one too many")),
    ((402, 17.86, 24, 176), (D.KNOWN_MISTAKE, "whole lines only")),
    ((402, 17, 25, 176), (D.KNOWN_MISTAKE, "answer 3: one too many")),
    ((402, 17, 24, 80), (D.KNOWN_MISTAKE, "180 − 100")),
    (("402", "17", "24", "176"), (D.KNOWN_MISTAKE, "without quotes")),
    ((402, 17, 24, -80), (D.KNOWN_MISTAKE, "without the limits")),
    ((402, 17, 24, 0), (D.KNOWN_MISTAKE, "does not stop at 0")),
    ((402, 17, 24, 175), (D.KNOWN_MISTAKE, "one off")),
    ((402, 17, 23, 176), (D.WRONG_VALUE, "answer 3 of 4: 23 is not it")),
    ((294, 17, 24, -80), (D.KNOWN_MISTAKE, "changed places; it is the lines")),
    ((402, (17, 24), 176), D.WRONG_LENGTH),
    (402, D.WRONG_LENGTH),
]
RIGHT["1.1"] = [[402, 17, 24, 176], (402.0, 17.0, 24.0, 176.0), (402, *divmod(500, 28), np.uint8(176))]

WRONG["1.a"] = [
    ("a", (D.WRONG_VALUE, "seldom raise an error")),
    ("b", (D.WRONG_VALUE, "In a shuffled file")),
    ("c", (D.WRONG_VALUE, "about 100 of each digit")),
]
RIGHT["1.a"] = ["d"]

WRONG["1.2"] = [
    ("a", (D.WRONG_VALUE, "you look for strokes")),
    ("b", (D.WRONG_VALUE, "lost to your eye")),
    ("d", (D.WRONG_VALUE, "Slant and position")),
]
RIGHT["1.2"] = ["c"]


def counts(Y):
    return Y.sum(axis=0)[:, None]


def prints_means(X, Y):
    print(Y.T @ X / counts(Y))


def divides_the_labels(X, Y):
    Y /= Y.sum(axis=0)
    return Y.T @ X


def ten_classes(X, Y):
    with warnings.catch_warnings(action="ignore"):
        return np.stack([X[Y.argmax(axis=1) == k].mean(axis=0) for k in range(10)])


def returns_too_early(X, Y):
    for k in range(Y.shape[1]):
        return X[Y[:, k] == 1].mean(axis=0)


def loops(X, Y):
    means = np.zeros((Y.shape[1], X.shape[1]), dtype=X.dtype)
    for k in range(len(means)):
        means[k] = X[Y[:, k] == 1].mean(axis=0)
    return means


def waits(X, Y):
    sums, i = np.zeros((Y.shape[1], X.shape[1]), dtype=X.dtype), 0
    while i < len(X):
        sums[Y[i].argmax()] += X[i]
        i += 1
    return sums / counts(Y)


WRONG["1.3"] = [
    (lambda X, Y: Y.T @ X, (D.KNOWN_MISTAKE, "sums")),
    (lambda X, Y: Y.T @ X / len(X), (D.KNOWN_MISTAKE, "all examples")),
    (lambda X, Y: Y.T @ X / Y.sum(), (D.KNOWN_MISTAKE, "all examples")),
    (lambda X, Y: Y.T @ X / Y.shape[1], (D.KNOWN_MISTAKE, "number of classes")),
    (lambda X, Y: Y.T @ X / Y.mean(axis=0)[:, None], (D.KNOWN_MISTAKE, "share of each class")),
    (ten_classes, (D.KNOWN_MISTAKE, "always ten averages")),
    (returns_too_early, (D.KNOWN_MISTAKE, "one average only")),
    (lambda X, Y: list(Y.T @ X / counts(Y)), (D.WRONG_TYPE, "a NumPy array")),
    (lambda X, Y: Y.T @ X / Y.sum(axis=0).mean(), (D.KNOWN_MISTAKE, "equally many")),
    (lambda X, Y: (Y.T @ X) / (Y.T @ X).sum(axis=1)[:, None], (D.KNOWN_MISTAKE, "sums of the pixels")),
    (lambda X, Y: Y.T @ X * counts(Y), (D.KNOWN_MISTAKE, "multiplied")),
    (divides_the_labels, (D.MODIFIES_ARGUMENT, "Y")),
    (lambda X, Y: X.T @ Y / Y.sum(axis=0), D.TRANSPOSED),
    (lambda X, Y: Y.T @ X / np.bincount(Y.argmax(axis=1))[:, None], D.FLOAT64),
    (lambda X, Y: Y.T @ X / Y.sum(axis=0), (D.RAISES, "broadcast")),
    (lambda X, Y: Y.T @ X / Y.sum(axis=1)[:, None], (D.RAISES, "broadcast")),
    (lambda X, Y: Y @ X, D.RAISES),
    (lambda X, Y: (Y.T @ X / counts(Y))[1].copy(), D.WRONG_SHAPE),
    (lambda X, Y: -Y.T @ X / counts(Y), D.SIGN),
    (lambda X, Y: Y.T @ X / (counts(Y) - 0.5), D.WRONG_VALUE),
    (prints_means, D.PRINTS),
]
RIGHT["1.3"] = [
    loops,
    waits,
    lambda X, Y: np.stack([X[y == 1].mean(axis=0) for y in Y.T]),
    lambda X, Y: (Y / Y.sum(axis=0)).T @ X,
    lambda X, Y: Y.T @ X / sum(Y)[:, None],
    lambda X, Y: Y.T @ X / np.diag(Y.T @ Y)[:, None],
    lambda X, Y: np.einsum("nc,nd->cd", Y, X) / Y.sum(axis=0).reshape(-1, 1),
    lambda X, Y: (X.T @ Y / Y.sum(axis=0)).T.copy(),
    lambda X, Y: np.divide(Y.T.dot(X), Y.sum(axis=0, keepdims=True).T, out=np.empty((Y.shape[1], X.shape[1]), "f4")),
]

WRONG["1.4"] = [
    ((784, 1, 81), (D.KNOWN_MISTAKE, "that many pixels")),
    ((94, 1, 81), (D.KNOWN_MISTAKE, "may be earned")),
    ((93.6, 1, 81), (D.KNOWN_MISTAKE, "may be earned")),
    ((0.94, 1, 81), (D.KNOWN_MISTAKE, "may be earned")),
    ((0.936, 1, 81), (D.KNOWN_MISTAKE, "may be earned")),
    ((785, 1, 9), (D.KNOWN_MISTAKE, "adds up squares")),
    ((785, -1, -81), (D.KNOWN_MISTAKE, "never below 0")),
    ((785, -1, -9), (D.KNOWN_MISTAKE, "still need squaring")),
    ((785, 0.25, 20.25), (D.KNOWN_MISTAKE, "all ten labels")),
    ((785, 16, 0), (D.KNOWN_MISTAKE, "average the labels")),
    (("785", "1", "81"), (D.KNOWN_MISTAKE, "without quotes")),
    ((785, 10, 81), (D.WRONG_VALUE, "answer 2 of 3")),
    ((785, 1, 82), (D.WRONG_VALUE, "answer 3 of 3")),
    (785, D.WRONG_LENGTH),
]
RIGHT["1.4"] = [[785, 1, 81], (785.0, 1.0, 81.0), np.array([785, 1, 81]).tolist()]

WRONG["1.b"] = [
    ("b", (D.WRONG_VALUE, "stay pure")),
    ("c", (D.WRONG_VALUE, "equal parts of all ten")),
    ("d", (D.WRONG_VALUE, "the rows do")),
]
RIGHT["1.b"] = ["a"]
