"""Do the guards of a lesson read the numbers in its words, and see when one is wrong?"""

import re

import numpy as np
import pytest

from nnlib.exercises import quoted
from nnlib.exercises.core import NUMBER, number_of


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("reads about 94 % of 2,000 digits.", [94, 2000]),
        ("109,386 parameters, 1,234,567.5 in all", [109386, 1234567.5]),
        ("(−½, ½), blame −1 or -0.25; 2½ or ¾", [-0.5, 0.5, -1, -0.25, 2.5, 0.75]),
        ("784-128-64-10 by 0–4 pixels, 28×28, 1/√784", [784, 128, 64, 10, 0, 4, 28, 28, 1, 784]),
        ("below 3e-5, 1.5e−7 and 10⁻⁸; 10² of 0.5²", [3e-5, 1.5e-7, 1e-8, 100, 0.5]),
        ("W1 of 3Blue1Brown in float32 at 2i and x−1", [1]),
        ("from 0.6931 to 0.6832, a drop of 0.0099.", [0.6931, 0.6832, 0.0099]),
        ("1, 2, 3 and (1,−2)", [1, 2, 3, 1, -2]),
        ("two thirds of ten", []),
    ],
)
def test_numbers_are_read(words, numbers):
    assert [number_of(match)[0] for match in NUMBER.finditer(words)] == numbers


@pytest.mark.parametrize(
    ("words", "values", "within"),
    [
        ("about 94 %", [95.4], 1.5),
        ("about 94 %", [94.4999], 0),
        ("a loss of 0.693", [np.log(2)], 0),
        ("a loss of 0.693", [np.float32(np.log(2))], 0),
        ("22,000 and 7.4", [np.exp(10), np.exp(2)], (500, 0)),
        ("3, 4", [3, np.array(4)], 0),
        ("−½", [-0.5], 0),
        ("near 10⁻⁸", [1.4e-8], 0),
        ("near 3e-5", [3.49e-5], 0),
        ("0.1 + 0.2 is 0.3", [0.1, 0.2, 0.1 + 0.2], 0),
    ],
)
def test_what_is_right_passes(words, values, within):
    assert quoted(words, *values, within=within) is None


@pytest.mark.parametrize(
    ("words", "values", "within"),
    [
        ("about 94 %", [95.6], 1.5),
        ("about 94 %", [0.94], 1.5),
        ("about 94 %", [94.6], 0),
        ("a loss of 0.694", [np.log(2)], 0),
        ("a loss of 0.69", [0.6951], 0.001),
        ("109,386", [109_387], 0),
        ("−1", [1], 0),
        ("½", [0.501], 0),
        ("10⁻⁸", [1e-7], 0),
        ("3e-5", [3.6e-5], 0),
        ("1 and 2", [2, 1], 0),
        ("94 and 7", [95, 8], (1, 0)),
        ("about 94 %", [float("nan")], 1.5),
        ("about 94 %", [float("inf")], 1.5),
    ],
)
def test_what_is_wrong_fails(words, values, within):
    with pytest.raises(AssertionError, match=re.escape(repr(words))):
        quoted(words, *values, within=within)


def test_the_message_names_words_number_and_value():
    with pytest.raises(AssertionError, match=r"'of 7 in 94 %' says 94, measured 90\.1, allowed ± 1\.5"):
        quoted("of 7 in 94 %", 7, 90.1, within=(0, 1.5))


@pytest.mark.parametrize(
    ("words", "values", "within"),
    [
        ("1 and 2", [1], 0),
        ("1", [1, 2], 0),
        ("two thirds", [], 0),
        ("two thirds", [2 / 3], 0),
        ("1 and 2", [1, 2], (0,)),
    ],
)
def test_as_many_values_as_numbers(words, values, within):
    with pytest.raises(ValueError, match=r"holds \d numbers"):
        quoted(words, *values, within=within)
