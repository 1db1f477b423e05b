"""Answers to the exercises of lesson 04."""

import numpy as np

from nnlib.exercises import Diagnosis as D

from . import RIGHT, WRONG

WRONG["4.1"] = [
    (1, (D.KNOWN_MISTAKE, "old target")),
    (0.5, (D.KNOWN_MISTAKE, "x₁ to unit 1")),
    (-0.5, (D.KNOWN_MISTAKE, "row 1 is x₂")),
    (0, (D.KNOWN_MISTAKE, "sleeping unit")),
    (2, (D.KNOWN_MISTAKE, "unit 3")),
    (-2, (D.FACTOR, "2 times too large")),
    (-1.5, (D.WRONG_VALUE, "-1.5 is not it")),
]
RIGHT["4.1"] = [-1, -1.0, np.float32(-1), np.array(-1)]

WRONG["4.2"] = [
    ((0, -2, -2), (D.KNOWN_MISTAKE, "at the dot the unit sleeps")),
    ((0, -1, -2), (D.KNOWN_MISTAKE, "a₃ has the blame −1")),
    ((0, -2, -1), (D.KNOWN_MISTAKE, "its blame is −1")),
    ((0, 0, -1), (D.KNOWN_MISTAKE, "blame of the unit")),
    ((0.5, 0, -1), (D.KNOWN_MISTAKE, "blame of the unit")),
    ((0, 0, 0), (D.KNOWN_MISTAKE, "flat everywhere")),
    ((-0.5, 0, -2), (D.KNOWN_MISTAKE, "last picture")),
    ((-1, 0, -2), (D.KNOWN_MISTAKE, "where the weight is now")),
    ((1, 0, -2), (D.KNOWN_MISTAKE, "awake for a while")),
    ((-2, 0, -2), (D.KNOWN_MISTAKE, "the sum of unit 3 now")),
    ((0, 0, 2), (D.KNOWN_MISTAKE, "the curve falls")),
    ((0, 0, 1), (D.KNOWN_MISTAKE, "x₂ is not 1")),
    ((0, 0, -4), (D.FACTOR, "answer 3 of 3")),
    ((0.5, 0, -2), (D.WRONG_VALUE, "answer 1 of 3: 0.5 is not it")),
    ((0, -0.5, -2), (D.WRONG_VALUE, "answer 2 of 3: -0.5 is not it")),
    ((0, 0), D.WRONG_LENGTH),
    (0, D.WRONG_LENGTH),
]
RIGHT["4.2"] = [(0, 0, -2), [0.0, 0.0, -2.0], (0, -0.0, np.float64(-2))]

WRONG["4.a"] = [
    ("a", (D.WRONG_VALUE, "not made from weights")),
    ("c", (D.WRONG_VALUE, "for a seven")),
    ("d", (D.WRONG_VALUE, "none stands out")),
]


def in_place(dA, Z):
    dA[Z <= 0] *= 0.1
    return dA


def prints(dA, Z):
    print(dA * np.where(Z > 0, 1, 0.1))


def forgets_to_return(dA, Z):
    dZ = dA * np.where(Z > 0, 1, 0.1)  # noqa: F841


def only_first_row(dA, Z):
    return dA * np.where(Z[0] > 0, 1, 0.1)


def square_loop(dA, Z):
    dZ = dA.copy()
    for i in range(len(Z)):
        for j in range(len(Z)):
            dZ[i, j] *= 1 if Z[i, j] > 0 else 0.1
    return dZ


def slope_by_slope(dA, Z):
    slopes = np.empty(Z.shape)
    slopes[Z > 0], slopes[Z <= 0] = 1, 0.1
    return dA * slopes


def copies_first(dA, Z):
    dZ = dA.copy()
    dZ[Z <= 0] /= 10
    return dZ


WRONG["4.3"] = [
    (lambda dA, Z: dA * (Z > 0), (D.KNOWN_MISTAKE, "old gate")),
    (lambda dA, Z: dA, (D.KNOWN_MISTAKE, "unchanged")),
    (lambda dA, Z: dA * np.maximum(Z, 0.1 * Z), (D.KNOWN_MISTAKE, "meets its slope")),
    (lambda dA, Z: np.where(Z > 0, dA, 0.1 * Z * dA), (D.KNOWN_MISTAKE, "one number")),
    (lambda dA, Z: np.where(Z > 0, Z, 0.1 * Z), (D.KNOWN_MISTAKE, "forward")),
    (lambda dA, Z: np.where(Z > 0, 1, 0.1), (D.KNOWN_MISTAKE, "slopes alone")),
    (lambda dA, Z: np.where(Z > 0, dA, 0.1), (D.KNOWN_MISTAKE, "left of 0 this is the slope alone")),
    (lambda dA, Z: np.where(Z > 0, 1, 0.1 * dA), (D.KNOWN_MISTAKE, "right of 0 this is the slope alone")),
    (
        lambda dA, Z: np.where(Z > 0, dA, 0.1 * Z),
        (D.KNOWN_MISTAKE, "forward again; the blame dA does not come in there"),
    ),
    (lambda dA, Z: np.maximum(dA, 0.1 * dA), (D.KNOWN_MISTAKE, "depends on Z")),
    (lambda Z, dA: dA * np.where(Z > 0, 1, 0.1), (D.KNOWN_MISTAKE, "changed places")),
    (lambda dA, Z: np.where(Z > 0, 0.1 * dA, dA), (D.KNOWN_MISTAKE, "exchanged")),
    (lambda dA, Z: dA * np.where(Z > 0, 1, -0.1), (D.KNOWN_MISTAKE, "negative")),
    (lambda dA, Z: dA * np.where(Z >= 0, 1, 0.1), (D.KNOWN_MISTAKE, "the second piece holds ('elsewhere')")),
    (lambda dA, Z: dA * (Z > 0) + 0.1 * dA * (Z < 0), (D.KNOWN_MISTAKE, "no blame passes")),
    (lambda dA, Z: dA * np.where(Z > 0, 1, 0.01), (D.KNOWN_MISTAKE, "PyTorch")),
    (lambda dA, Z: -dA * np.where(Z > 0, 1, 0.1), D.SIGN),
    (lambda dA, Z: dA * np.where(Z > 0, 1, 0.1) / len(Z), D.OVER_BATCH),
    (lambda dA, Z: (dA * np.where(Z > 0, 1, 0.1)).T, D.TRANSPOSED),
    (lambda dA, Z: (dA * np.where(Z > 0, 1, 0.1)).astype(np.float16), D.WRONG_DTYPE),
    (lambda dA, Z: (dA * np.where(Z > 0, 1, 0.1)).sum(axis=0), D.WRONG_SHAPE),
    (lambda dA, Z: dA * (1 if Z > 0 else 0.1), D.RAISES),
    (lambda dA, Z: (dA * np.where(Z > 0, 1, 0.1)).tolist(), D.WRONG_TYPE),
    (in_place, (D.MODIFIES_ARGUMENT, "dA")),
    (prints, D.PRINTS),
    (forgets_to_return, D.RETURNS_NONE),
    (only_first_row, D.ONE_EXAMPLE_ONLY),
    (square_loop, D.SQUARE_ONLY),
]
RIGHT["4.3"] = [
    lambda dA, Z: np.where(Z > 0, dA, 0.1 * dA),
    lambda dA, Z: dA * (0.1 + 0.9 * (Z > 0)),
    lambda dA, Z: np.multiply(dA, np.where(Z > 0, 1, 0.1), out=np.empty_like(dA)),
    lambda dA, Z: np.array(
        [[d if z > 0 else 0.1 * d for d, z in zip(*row, strict=True)] for row in zip(dA, Z, strict=True)]
    ),
    lambda dA, Z: np.einsum("ij,ij->ij", dA, np.where(Z > 0, 1.0, 0.1)),
    lambda dA, Z: dA * np.maximum(np.sign(Z), 0.1),
    slope_by_slope,
    copies_first,
]

WRONG["4.b"] = [
    ("a", (D.WRONG_VALUE, "the same sign?")),
    ("b", (D.WRONG_VALUE, "these nine")),
    ("c", (D.WRONG_VALUE, "depend on the weights")),
]

WRONG["4.4"] = [
    ((0.207, 0.197, 0.25, 2), (D.KNOWN_MISTAKE, "the slope of σ at σ(2)")),
    ((0.881, 0.197, 0.25, 2), (D.KNOWN_MISTAKE, "the value σ(2)")),
    ((0.119, 0.197, 0.25, 2), (D.KNOWN_MISTAKE, "one of the two factors")),
    ((0.10, 0.197, 0.25, 2), (D.KNOWN_MISTAKE, "first number is rounded to one or two digits")),
    ((0.11, 0.20, 0.25, 2), (D.KNOWN_MISTAKE, "first number is rounded to one or two digits")),
    ((0.104, 0.197, 0.25, 2), (D.KNOWN_MISTAKE, "first number is cut off")),
    ((0.105, 0.25, 0.197, 2), (D.KNOWN_MISTAKE, "smaller one first")),
    ((0.105, 0, 0.25, 2), (D.KNOWN_MISTAKE, "what the right gate can be")),
    ((0.105, 0, 1, 2), (D.KNOWN_MISTAKE, "bounds of a")),
    ((0.105, 0.5, 0.731, 2), (D.KNOWN_MISTAKE, "values of σ")),
    ((0.105, 0.219, 0.235, 2), (D.KNOWN_MISTAKE, "one σ too many")),
    ((0.105, 0.207, 0.25, 2), (D.KNOWN_MISTAKE, "second number is the published gate at z = 2")),
    ((0.105, 0.105, 0.25, 2), (D.KNOWN_MISTAKE, "a is never 2")),
    ((0.105, 0.2, 0.25, 2), (D.KNOWN_MISTAKE, "second number is rounded to one or two digits")),
    ((0.105, 0.196, 0.25, 2), (D.KNOWN_MISTAKE, "second number is cut off")),
    ((0.105, 0.197, 0.25, 0), (D.KNOWN_MISTAKE, "reaches layers[0]")),
    ((0.105, 0.197, 0.25, 1), (D.KNOWN_MISTAKE, "layers[1] is the sigmoid")),
    ((0.105, 0.197, 0.25, 3), (D.KNOWN_MISTAKE, "no layers[3]")),
    ((0.105, 0.197, 0.25, -1), (D.KNOWN_MISTAKE, "from the front")),
    ((0.207, 0, 0.25, 0), (D.KNOWN_MISTAKE, "the slope of σ at σ(2)")),
    ((0.105, 0.197, 0.235, 2), (D.WRONG_VALUE, "answer 3 of 4: 0.235 is not it")),
    ((0.07, 0.197, 0.25, 2), (D.WRONG_VALUE, "answer 1 of 4: 0.07 is not it")),
    ((0.197, 0.25, 2), D.WRONG_LENGTH),
]
RIGHT["4.4"] = [(0.105, 0.197, 0.25, 2), [0.105, 0.1966, 0.25, 2.0], (0.10499, np.float32(0.19661), 1 / 4, 2)]
