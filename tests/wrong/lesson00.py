"""Answers to the exercises of lesson 00."""

import numpy as np

from nnlib.exercises import Diagnosis as D

from . import RIGHT, WRONG


def prints_share(said, labels):
    print(np.mean(said == labels))


WRONG["0.1"] = [
    (lambda said, labels: np.sum(said == labels), (D.KNOWN_MISTAKE, "how many agree")),
    (lambda said, labels: np.mean(said != labels), (D.KNOWN_MISTAKE, "wrong answers")),
    (lambda said, labels: 100 * np.mean(said == labels), (D.KNOWN_MISTAKE, "per cent")),
    (lambda said, labels: np.mean(np.abs(said - labels)), (D.KNOWN_MISTAKE, "how far apart")),
    (lambda said, labels: -np.mean(said == labels), D.SIGN),
    (lambda said, labels: said == labels, D.WRONG_SHAPE),
    (lambda said, labels: 0.0, D.ALL_ZERO),
    (prints_share, D.PRINTS),
    (lambda said, labels: sum(said == labels) // len(said), D.INTEGER),
    (lambda said, labels: np.mean(said == labels) / 2, (D.FACTOR, "2 times too small")),
    (lambda said, labels: (said == labels)[:3].mean() + 0.1, D.WRONG_VALUE),
]
RIGHT["0.1"] = [
    lambda said, labels: sum(a == b for a, b in zip(said, labels, strict=True)) / len(said),
    lambda said, labels: (said == labels).mean(),
    lambda said, labels: 1 - np.count_nonzero(said - labels) / len(labels),
]

WRONG["0.a"] = [
    ("a", (D.WRONG_VALUE, "a shape, or 784 numbers")),
    ("b", (D.WRONG_VALUE, "width of a stroke")),
    ("c", (D.WRONG_VALUE, "overlaps")),
]
WRONG["0.b"] = [("b", (D.WRONG_VALUE, "Which half")), ("c", (D.WRONG_VALUE, "never learnt forms"))]
