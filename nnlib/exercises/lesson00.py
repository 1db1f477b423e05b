"""Exercises of lesson 00: one to try out how a check works, and two guesses about what the reader sees."""

import numpy as np

from .core import exercise


@exercise(
    "0.1",
    "your first check",
    minutes=3,
    difficulty=1,
    hints=[
        "Compare the two arrays: that gives an array of True and False.",
        "A share is a mean, and True counts as 1, False as 0.",
    ],
    praise="True counts as 1 and False as 0, so the mean of a comparison is a share. It comes back in every lesson.",
)
def share_right(said, labels):
    """The share of right answers, from 0 to 1.   said, labels (N,)  ->  a number"""
    return np.mean(said == labels)


@share_right.inputs
def _(rng, N=12):
    labels, slips = rng.integers(0, 10, N), rng.integers(1, 10, N)
    slips[N // 4 :] = 0
    return (labels + slips) % 10, labels


@share_right.mistake("this is how many agree; a share is that number divided by the number of answers")
def _(said, labels):
    return float(np.sum(said == labels))


@share_right.mistake("this is the share of wrong answers")
def _(said, labels):
    return np.mean(said != labels)


@share_right.mistake("this is in per cent; a share goes from 0 to 1")
def _(said, labels):
    return 100 * np.mean(said == labels)


@share_right.mistake("this is how far apart digits are; a 3 read as 8 is as wrong as a 3 read as 4")
def _(said, labels):
    return np.mean(np.abs(said - labels))


@exercise(
    "0.a",
    "four pixels to the right",
    minutes=1,
    difficulty=1,
    hints=["Which of the 784 numbers of an image stay where they were?"],
    options={
        "a": "The shape is the same, and you would read as many. But does the network get a shape, or 784 numbers?",
        "b": "It does lose some reading at every pixel. Four pixels are more than the width of a stroke.",
        "c": "Too many still. Ask how much of a digit's ink overlaps with the same digit, four pixels further.",
        "d": "Four pixels are a seventh of the width, and hardly any stroke is left where training had it.",
    },
)
def slid():
    """Of 100 test digits, slid right by four pixels, how many are still read right?"""
    return "d"


@exercise(
    "0.b",
    "ink and paper exchanged",
    minutes=1,
    difficulty=1,
    hints=["In training a corner of the image was always 0. What is it now?"],
    options={
        "a": "Every number it knew to be small is now large, and the other way round: nothing that it learnt applies.",
        "b": "Half would be right if half of what it learnt still held. Which half would that be?",
        "c": "For you nothing changes: the strokes have the same form. It never learnt forms.",
    },
)
def inverted_digits():
    """Of 100 test digits in black on white, how many are read right?"""
    return "a"
