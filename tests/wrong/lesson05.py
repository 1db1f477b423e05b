"""Answers to the exercises of lesson 05."""

import math

import numpy as np

from nnlib.exercises import Diagnosis as D

from . import RIGHT, WRONG

WRONG["5.1"] = [
    ("a", (D.WRONG_VALUE, "into which of the two")),
    ("b", (D.WRONG_VALUE, "put into the tuple")),
    ("c", (D.WRONG_VALUE, "who still holds its result")),
]

WRONG["5.2"] = [
    ((0.25, 2 / 3), (D.KNOWN_MISTAKE, "not 3w")),
    ((0.25, 1 / 3), (D.KNOWN_MISTAKE, "not 3w")),
    ((0.5, 1), (D.KNOWN_MISTAKE, "of the table")),
    ((0.5, 1 / 3), (D.KNOWN_MISTAKE, "in a steeper one")),
    ((1 / 3, -0.5), (D.KNOWN_MISTAKE, "swapped")),
    ((2.5, 1 / 3), (D.KNOWN_MISTAKE, "uphill")),
    ((-1.5, 1 / 3), (D.KNOWN_MISTAKE, "the step itself")),
    ((0.75, 1 / 3), (D.KNOWN_MISTAKE, "how high")),
    ((-0.5, 0.16667), (D.KNOWN_MISTAKE, "to the bottom")),
    ((-0.5, 1), (D.KNOWN_MISTAKE, "limit of w²")),
    ([-0.5, 3], (D.KNOWN_MISTAKE, "longer steps")),
    ((-0.5, 0.33), (D.KNOWN_MISTAKE, "fraction")),
    ((-0.5, 2 / 3), (D.KNOWN_MISTAKE, "goes with the slope 3w")),
    ((-0.5, "1/3"), (D.KNOWN_MISTAKE, "in quotes is a text")),
    ((-0.5, -1 / 3), (D.SIGN, "answer 2 of 2")),
    ((0.1, 1 / 3), (D.WRONG_VALUE, "answer 1 of 2: 0.1 is not it")),
    (-0.5, D.WRONG_LENGTH),
]
RIGHT["5.2"] = [(-0.5, 1 / 3), [-0.5, 0.333], (-1 / 2, 0.3333)]

WRONG["5.3"] = [
    ((0.2, math.inf), (D.KNOWN_MISTAKE, "w² has no ReLUs")),
    ((0.2, 2.5), (D.KNOWN_MISTAKE, "all four start")),
    ((0.2, 0.693), (D.KNOWN_MISTAKE, "between two classes")),
    ((0.2, 0), (D.KNOWN_MISTAKE, "certain and right")),
    ((0.2, 10), (D.KNOWN_MISTAKE, "one time in ten")),
    ((0.2, 0.1), (D.KNOWN_MISTAKE, "one tenth")),
    ((0.2, 1), (D.KNOWN_MISTAKE, "base 10")),
    ((0.2, 2), (D.KNOWN_MISTAKE, "2 is near")),
    ((0.2, "ln 10"), (D.KNOWN_MISTAKE, "in quotes")),
    ((0.2, "2.3"), (D.KNOWN_MISTAKE, "in quotes")),
    ((0.3, math.inf), (D.KNOWN_MISTAKE, "w² has no ReLUs")),
    ((2.3, 0.2), (D.KNOWN_MISTAKE, "swapped")),
    *[
        ((rate, loss), (D.KNOWN_MISTAKE, words))
        for rate, words in ((0.01, "creeps"), (0.5, "swings"), (2, "far above its start"))
        for loss in (2.3, math.inf, 2.5, 12)
    ],
    ((0.2, -2.303), (D.SIGN, "answer 2 of 2")),
    ((0.2, 7.0), (D.WRONG_VALUE, "7.0 is not it")),
    ((0.3, 2.303), (D.WRONG_VALUE, "0.3 is not it")),
    (0.2, D.WRONG_LENGTH),
]
RIGHT["5.3"] = [(0.2, 2.3), [0.2, np.log(10)], (1 / 5, -math.log(0.1))]

WRONG["5.a"] = [("b", (D.WRONG_VALUE, "at which steps")), ("c", (D.WRONG_VALUE, "at the same moment?"))]
WRONG["5.b"] = [
    ("a", (D.WRONG_VALUE, "storing each one")),
    ("b", (D.WRONG_VALUE, "how sure")),
    ("d", (D.WRONG_VALUE, "seen none")),
]


def step(move):
    """A clipped_step that subtracts move(theta, grad, lr, longest, length)."""

    def clipped_step(theta, grad, lr, longest):
        theta -= move(theta, grad, lr, longest, np.linalg.norm(grad))

    return clipped_step


def rebinds(theta, grad, lr, longest):
    theta = theta - lr * grad * min(1, longest / np.linalg.norm(grad))


def spoils_grad(theta, grad, lr, longest):
    grad *= min(1, longest / np.linalg.norm(grad))
    theta -= lr * grad


def returns_it(theta, grad, lr, longest):
    return theta - lr * grad * min(1, longest / np.linalg.norm(grad))


def only_long(theta, grad, lr, longest):
    length = np.linalg.norm(grad)
    if length > longest:
        theta -= lr * grad * longest / length


def only_short(theta, grad, lr, longest):
    if np.linalg.norm(grad) <= longest:
        theta -= lr * grad


def both_steps(theta, grad, lr, longest):
    length = np.linalg.norm(grad)
    if length > longest:
        theta -= lr * grad * longest / length
    theta -= lr * grad


def one_number(theta, grad, lr, longest):
    if np.linalg.norm(grad) > longest:
        grad = longest
    theta -= lr * grad


def compares_the_square(theta, grad, lr, longest):
    if grad @ grad > longest:
        grad = grad * longest / np.linalg.norm(grad)
    theta -= lr * grad


def compares_each(theta, grad, lr, longest):
    if (abs(grad) > longest).any():
        grad = grad * longest / np.linalg.norm(grad)
    theta -= lr * grad


def plain_numbers(theta, grad, lr, longest):
    theta -= lr * grad * min(1, longest / math.sqrt(sum(float(g) ** 2 for g in grad)))


def with_if(theta, grad, lr, longest):
    length = np.linalg.norm(grad)
    if length > longest:
        grad = grad / length * longest
    theta -= lr * grad


def two_lines(theta, grad, lr, longest):
    factor = min(1, longest / np.sqrt(grad @ grad))
    np.subtract(theta, lr * factor * grad, out=theta)


def times_a_list(theta, grad, lr, longest):
    length = math.hypot(*grad)
    theta -= [lr * (number * longest / length if length > longest else number) for number in grad]


def a_copy(theta, grad, lr, longest):
    shortened = grad.copy()
    if np.linalg.norm(shortened) > longest:
        shortened *= longest / np.linalg.norm(shortened)
    theta[:] = theta - lr * shortened


def number_by_number(theta, grad, lr, longest):
    length = sum(float(g) ** 2 for g in grad) ** 0.5
    for i in range(len(theta)):
        theta[i] -= lr * grad[i] * (longest / length if length > longest else 1)


WRONG["5.4"] = [
    (step(lambda t, g, lr, most, length: lr * g), (D.KNOWN_MISTAKE, "plain SGD")),
    (step(lambda t, g, lr, most, length: lr * g * most / min(length, most)), (D.KNOWN_MISTAKE, "plain SGD")),
    (step(lambda t, g, lr, most, length: lr * np.clip(g, -most, most)), (D.KNOWN_MISTAKE, "on its own")),
    (step(lambda t, g, lr, most, length: g * min(lr, most / length)), (D.KNOWN_MISTAKE, "lr then multiplies")),
    (step(lambda t, g, lr, most, length: lr * g / max(length, 1e-9)), (D.KNOWN_MISTAKE, "the length 1")),
    (step(lambda t, g, lr, most, length: lr * g * most / max(g @ g, most)), (D.KNOWN_MISTAKE, "root is missing")),
    (step(lambda t, g, lr, most, length: lr * g * most / max(abs(g).sum(), most)), (D.KNOWN_MISTAKE, "added up")),
    (step(lambda t, g, lr, most, length: lr * g * most / max(abs(g).max(), most)), (D.KNOWN_MISTAKE, "largest number")),
    (step(lambda t, g, lr, most, length: lr * g * most / np.linalg.norm(t)), (D.KNOWN_MISTAKE, "length of theta")),
    (step(lambda t, g, lr, most, length: lr * g * length / most), (D.KNOWN_MISTAKE, "upside down")),
    (step(lambda t, g, lr, most, length: lr * g * most / length), (D.KNOWN_MISTAKE, "made longer")),
    (only_long, (D.KNOWN_MISTAKE, "no step at all when the gradient is shorter")),
    (only_short, (D.KNOWN_MISTAKE, "no step at all when the gradient is longer")),
    (both_steps, (D.KNOWN_MISTAKE, "two steps")),
    (one_number, (D.KNOWN_MISTAKE, "direction of the gradient is lost")),
    (step(lambda t, g, lr, most, length: lr * np.minimum(g, most)), (D.KNOWN_MISTAKE, "only if it is positive")),
    (
        step(lambda t, g, lr, most, length: lr * min(length, most)),
        (D.KNOWN_MISTAKE, "direction of the gradient is lost"),
    ),
    (step(lambda t, g, lr, most, length: lr * g * min(1, most / len(g))), (D.KNOWN_MISTAKE, "counts the numbers")),
    (
        step(lambda t, g, lr, most, length: lr * g * min(1, most / max(np.sqrt(np.mean(g**2)), most))),
        (D.KNOWN_MISTAKE, "mean of the squares"),
    ),
    (step(lambda t, g, lr, most, length: lr * g / (most if length > most else 1)), (D.KNOWN_MISTAKE, "dividing by")),
    (step(lambda t, g, lr, most, length: lr * g * min(1, 0.2 / max(length, 0.2))), (D.KNOWN_MISTAKE, "to 0.2")),
    (compares_the_square, (D.KNOWN_MISTAKE, "barely too long")),
    (compares_each, (D.KNOWN_MISTAKE, "barely too long")),
    (
        step(lambda t, g, lr, most, length: lr * g * (most / length if abs(g).sum() > most else 1)),
        (D.KNOWN_MISTAKE, "made longer"),
    ),
    (step(lambda t, g, lr, most, length: lr * g * min(0.5, most / length)), (D.FACTOR, "2 times too small")),
    (step(lambda t, g, lr, most, length: -lr * g * min(1, most / length)), (D.SIGN, "the change of theta")),
    (step(lambda t, g, lr, most, length: lr * g * min(1, 2 * most / length)), (D.FACTOR, "2 times too large")),
    (step(lambda t, g, lr, most, length: lr * g / length * min(most, length)), (D.NOT_A_NUMBER, "length 0")),
    (step(lambda t, g, lr, most, length: lr * (g or 1)), D.RAISES),
    (step(lambda t, g, lr, most, length: lr * g * min(1, most / length) + (length == 0)), D.WRONG_VALUE),
    (plain_numbers, (D.RAISES, "divides by zero")),
    (rebinds, D.NOT_IN_PLACE),
    (spoils_grad, (D.MODIFIES_ARGUMENT, "grad")),
    (returns_it, D.RETURNS_VALUE),
]
RIGHT["5.4"] = [
    step(lambda t, g, lr, most, length: lr * g * min(1, most / length)),
    step(lambda t, g, lr, most, length: lr * g * min(1, most / (length + 1e-6))),
    step(lambda t, g, lr, most, length: lr * g * min(1, most / max(np.sqrt(np.einsum("i,i->", g, g)), 1e-12))),
    with_if,
    two_lines,
    number_by_number,
    times_a_list,
    a_copy,
]
