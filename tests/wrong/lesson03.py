"""Answers to the exercises of lesson 03."""

import math

import numpy as np

from nnlib.exercises import Diagnosis as D

from . import RIGHT, WRONG

WRONG["3.1"] = [
    ((1, -3), (D.KNOWN_MISTAKE, "bend between the layers is missing")),
    ([-1, -1], (D.KNOWN_MISTAKE, "upside down")),
    ((3, -1), (D.KNOWN_MISTAKE, "takes away minus signs")),
    ((2.0, 0.0), (D.KNOWN_MISTAKE, "after the second layer")),
    ((2.5, -2.5), (D.KNOWN_MISTAKE, "bias of ½")),
    ((0, 0), (D.KNOWN_MISTAKE, "all three neurons sleep")),
    ((1, 1), (D.KNOWN_MISTAKE, "for x = (1, 2)")),
    ((2, 2), (D.KNOWN_MISTAKE, "row 2 of W2")),
    ((-2, 2), (D.SIGN, "answer 1 of 2")),
    ((2, -1), (D.FACTOR, "answer 2 of 2")),
    ((2, 5), (D.WRONG_VALUE, "answer 2 of 2")),
    ((0, 0, 2), (D.KNOWN_MISTAKE, "after the bend")),
    (np.array([-1.0, -1.0, 2.0]), (D.KNOWN_MISTAKE, "sums of the first layer")),
    ((-1, 3), (D.KNOWN_MISTAKE, "collapsed network says for x = (1, 2)")),
    ((2, -2, 0), (D.WRONG_LENGTH, "expected 2 answers")),
    (-2, D.WRONG_LENGTH),
    ("(2, -2)", D.WRONG_LENGTH),
]
RIGHT["3.1"] = [[2, -2], (2.0, -2.0), (np.float32(2), np.int64(-2)), np.array([2.0, -2.0])]

WRONG["3.a"] = [
    ("b", (D.WRONG_VALUE, "each with one job")),
    ("c", (D.WRONG_VALUE, "double the place")),
    ("d", (D.WRONG_VALUE, "sideways")),
]
RIGHT["3.a"] = ["a"]


def hat(corners=lambda left, w: (left, left + w, left + 2 * w), weights=lambda w: (1 / w, -2 / w, 1 / w)):
    """A hat_network with other corners or other weights."""

    def hat_network(left, width):
        return -np.array(corners(left, width)), np.array(weights(width))[:, None]

    return hat_network


def parts(change):
    """The right hat, with something else done to its two arrays."""

    def hat_network(left, width):
        return change(*hat()(left, width))

    return hat_network


def prints(left, width):
    print(*hat()(left, width))


WRONG["3.2"] = [
    (parts(lambda b, W: (-b, W)), (D.KNOWN_MISTAKE, "other side of 0")),
    (hat(lambda left, w: (0, w, 2 * w)), (D.KNOWN_MISTAKE, "whatever `left` is")),
    (
        hat(lambda left, w: (left, left + w / 2, left + w), lambda w: (2 / w, -4 / w, 2 / w)),
        (D.KNOWN_MISTAKE, "half as wide"),
    ),
    (hat(weights=lambda w: (1 / w, -1 / w, 0)), (D.KNOWN_MISTAKE, "slopes of the three")),
    (hat(weights=lambda w: (1, -1, 0)), (D.KNOWN_MISTAKE, "slopes of the three")),
    (hat(weights=lambda w: (1 / w, -2 / w, 0)), (D.KNOWN_MISTAKE, "for ever")),
    (lambda left, width: (np.zeros(3), np.array([[1.0], [0.0], [0.0]])), (D.WRONG_VALUE, "the curve is at")),
    (hat(weights=lambda w: (1, -2, 1)), (D.FACTOR, "its top is at")),
    (hat(weights=lambda w: (w, -2 * w, w)), (D.FACTOR, "its top is at")),
    (parts(lambda b, W: (b, -W)), (D.SIGN, "upside down")),
    (parts(lambda b, W: (b, 0 * W)), D.ALL_ZERO),
    (parts(lambda b, W: (b, W.T)), (D.TRANSPOSED, "W2")),
    (parts(lambda b, W: (b, W[:, 0])), (D.WRONG_SHAPE, "W2: expected shape (3, 1), got (3,)")),
    (parts(lambda b, W: (b[:2], W[:2])), (D.WRONG_SHAPE, "b1")),
    (parts(lambda b, W: (W, b)), (D.WRONG_SHAPE, "exchanged")),
    (parts(lambda b, W: (b[:, None], W)), (D.WRONG_SHAPE, "b1: expected shape (3,), got (3, 1)")),
    (parts(lambda b, W: (b.tolist(), W)), (D.WRONG_TYPE, "b1: expected a NumPy array, got a list")),
    (parts(lambda b, W: b), (D.WRONG_TYPE, "two arrays")),
    (parts(lambda b, W: (np.ones((1, 3)), b, W)), D.WRONG_LENGTH),
    (parts(lambda b, W: (b, W * np.nan)), D.NOT_A_NUMBER),
    (prints, D.RETURNS_NONE),
    (hat(weights=lambda w: (1 / w, -1 / w, 1 / w)), (D.WRONG_VALUE, "on the way down")),
    (hat(lambda left, w: (left, left + w, left + w)), (D.WRONG_VALUE, "on the way down")),
    (hat(lambda left, w: (left, left + 1, left + 2)), (D.WRONG_VALUE, "on the way")),
    (hat(lambda left, w: (left, left + 1, left + 2), lambda w: (1, -2, 1)), (D.KNOWN_MISTAKE, "whatever `width` is")),
    (
        lambda left, width: (np.array([0, -1, -2]), np.array([[1], [-2], [1]])),
        (D.KNOWN_MISTAKE, "left = 0 and width = 1"),
    ),
    (hat(lambda left, w: (left, left - w, left - 2 * w)), (D.KNOWN_MISTAKE, "first corner is in its place")),
    (hat(weights=lambda w: (0, 1, 0)), (D.KNOWN_MISTAKE, "heights of the hat")),
    (parts(lambda b, W: (b.astype(int), W)), (D.INTEGER, "whole numbers")),
    (parts(lambda b, W: (b.astype(str), W)), (D.WRONG_DTYPE, "b1: expected an array of numbers")),
    (hat(lambda left, w: (left - w, left, left + w)), (D.WRONG_VALUE, "left of the hat")),
    (hat(weights=lambda w: (1 / w, -2 / w, 2 / w)), (D.WRONG_VALUE, "right of the hat")),
    (lambda left, width: hat()(left, width)[0] @ hat()(left, width)[0][:, None, None], D.RAISES),
]


def step_by_step(left, width):
    b1, W2, slope = np.empty(3, dtype=np.float32), np.empty((3, 1), dtype=np.float32), 0
    for k, wanted in enumerate((1 / width, -1 / width, 0)):
        b1[k] = -(left + k * width)
        W2[k] = wanted - slope
        slope = wanted
    return b1, W2


RIGHT["3.2"] = [
    step_by_step,
    hat(),
    parts(lambda b, W: [b[::-1].copy(), W[::-1].copy()]),
    lambda left, width: (-left - width * np.arange(3), np.reshape([1, -2, 1], (3, 1)) / width),
]

WRONG["3.3"] = [
    ("a", (D.WRONG_VALUE, "share of e^z")),
    ("c", (D.WRONG_VALUE, "in the exponent")),
    ("d", (D.WRONG_VALUE, "moved apart")),
]
RIGHT["3.3"] = ["b"]

WRONG["3.b"] = [
    ("a", (D.WRONG_VALUE, "and saying so")),
    ("b", (D.WRONG_VALUE, "1 in 22,000")),
    ("d", (D.WRONG_VALUE, "rounded to 0")),
]
RIGHT["3.b"] = ["c"]

WRONG["3.4"] = [
    ((64, 1), (D.KNOWN_MISTAKE, "made of logarithms")),
    ((64, 0), (D.KNOWN_MISTAKE, "times too small")),
    ((1 / 64, 1), (D.KNOWN_MISTAKE, "a row sums to")),
    ([1 / 64, 0], (D.KNOWN_MISTAKE, "a row sums to")),
    ((6.91, 6.91), (D.KNOWN_MISTAKE, "1,000 rows: what")),
    ((6.9, 0), (D.KNOWN_MISTAKE, "1,000 rows: what")),
    ((4.159, 6.91), (D.KNOWN_MISTAKE, "now there is one")),
    ((0.442, 0.0069), (D.KNOWN_MISTAKE, "in proportion")),
    ((1.806, 0), (D.KNOWN_MISTAKE, "base 10")),
    ((6, 0), (D.KNOWN_MISTAKE, "base 2")),
    ((2.303, 2.303), (D.KNOWN_MISTAKE, "ten classes")),
    ((4.159, 2.303), (D.KNOWN_MISTAKE, "ten classes")),
    ((6.46, 2.3), (D.KNOWN_MISTAKE, "ten classes")),
    ((4.159, 1), (D.KNOWN_MISTAKE, "right for 64")),
    ((0, 4.16), (D.KNOWN_MISTAKE, "wrong order")),
    ((4.2, 0), (D.KNOWN_MISTAKE, "4.2 is right as far as it goes")),
    ((4, 0), (D.KNOWN_MISTAKE, "4 is right as far as it goes")),
    ((-4.159, 0), (D.SIGN, "answer 1 of 2")),
    ((4.159, 2), (D.WRONG_VALUE, "answer 2 of 2")),
    ((5, 0), (D.WRONG_VALUE, "answer 1 of 2")),
    (4.159, D.WRONG_LENGTH),
    (("ln 64", 0), (D.WRONG_TYPE, "a text")),
]
RIGHT["3.4"] = [
    (math.log(64), 0),
    (4.16, 0),
    [np.log(64), np.log(1)],
    (6 * math.log(2), 0.0),
    np.log(np.array([64, 1])),
]
