"""Exercises of lesson 03: the forward pass on paper and in code."""

import math

import numpy as np

from .core import exercise
from .diagnose import Diagnosis, same

# section 2 · why a layer needs a bend


@exercise(
    "3.1",
    "another input",
    minutes=3,
    difficulty=1,
    star=True,
    hints=[
        "Each neuron of the first layer has a column of W1. Write down three sums of two products.",
        "The bend looks at each of the three sums by itself. How many of them are above zero?",
        "Only one neuron is awake: its value times its row of W2 is all that comes out.",
    ],
    praise="The neuron that slept for (1, 2) is the only one awake now: a = (0, 0, 2), and 2 times row 2 of W2 is "
    "what comes out. The input only changed its sign, but the output did more than that, from (1, 1) to (2, −2). A "
    "network without bend and bias could only have changed its sign too.",
)
def another_input():
    """The two numbers that come out for x = (-1, -2)."""
    z = (-1.0, 1.0 - 2.0, 2.0)  # x @ W1, neuron by neuron
    a = [max(number, 0.0) for number in z]  # (0, 0, 2)
    return a[0] + a[2], a[1] - a[2]  # a @ W2


@another_input.mistake("the bend between the layers is missing: this is what the collapsed network says")
def _():
    return 1, -3


@another_input.mistake("the bend is upside down: it keeps what is positive, and here the negative numbers went on")
def _():
    return -1, -1


@another_input.mistake("the bend takes away minus signs here; a negative number should become 0")
def _():
    return 3, -1


@another_input.mistake("there is a bend after the second layer too; these are logits, and logits may be negative")
def _():
    return 2, 0


@another_input.mistake("there is a bias of ½ in it, the one of the batch in section 1; your sheet has no bias")
def _():
    return 2.5, -2.5


@another_input.mistake("this comes out when all three neurons sleep; one is awake, so look at the signs once more")
def _():
    return 0, 0


@another_input.mistake("this is the output for x = (1, 2); here both inputs are negative")
def _():
    return 1, 1


@another_input.mistake("this is what the collapsed network says for x = (1, 2); here both inputs are negative")
def _():
    return -1, 3


@another_input.mistake("these are the three sums of the first layer; the bend and the second layer are still to come")
def _():
    return -1, -1, 2


@another_input.mistake("these are the three neurons after the bend; the second layer is still to come")
def _():
    return 0, 0, 2


@another_input.mistake("the size is right and the sign is lost on the way: which number of row 2 of W2 is negative?")
def _():
    return 2, 2


# section 3 · three bends


@exercise(
    "3.a",
    "double the weight",
    minutes=1,
    difficulty=1,
    hints=[
        "At the crossing, what goes into the sigmoid is exactly 0.",
        "So for which x is w x as large as what b takes away?",
    ],
    options={
        "a": "At x = ½ the neuron computes σ(4 − 4) = σ(0) = ½. In general the crossing is at x = −b / w: the weight "
        "alone sets how steep it is, weight and bias together where it is.",
        "b": "You had the weight for how steep and the bias for where, each with one job. The steepness is right. "
        "But put x = 1 into 8 x − 4: is that 0?",
        "c": "You had a doubled weight double the place as well. But the weight multiplies x: the larger it is, the "
        "less x is needed to make up for a bias of −4.",
        "d": "You had the weight as one more way to move the curve sideways. The place is right. But around it, one "
        "step of x now moves w x + b by 8, where it was 4: can the climb stay as it was?",
    },
)
def crossing():
    """Where the neuron with w = 8, b = -4 crosses, and how."""
    return "a"


@exercise(
    "3.2",
    "build a hat",
    minutes=10,
    difficulty=2,
    hints=[
        "A ReLU with weight 1 and bias b wakes where x + b passes 0. Which three places are the corners of the hat?",
        "Take width 1. The slope of the hat goes 0, 1, −1, 0. A ReLU that is awake stays awake, so each weight of W2 "
        "is what *changes* at its corner.",
        "A climb from 0 to 1 over a stretch of `width` has which slope?",
    ],
    praise="A network is a sum of corners. And hats can follow any unbroken curve over a finite stretch, as closely "
    "as you like, if there are enough of them, each half over the next and as high as the curve: the idea behind the "
    "universal approximation theorem.",
)
def hat_network(left, width):
    """Biases and last weights of a hat of 3 ReLUs.   numbers  ->  b1 (3,), W2 (3, 1)"""
    b1 = np.array([-left, -left - width, -left - 2 * width])
    W2 = np.array([[1.0], [-2.0], [1.0]]) / width  # the slope times width is 0, then 1, −1, 0
    return b1, W2


def _curve(x, b1, W2):
    return np.maximum(x[:, None] + b1, 0) @ np.reshape(W2, 3)


def _corners(b1, W2):
    """Place and weight of each ReLU that counts, from left to right: the same network in any order of its neurons."""
    return np.array(sorted((-float(b), float(w)) for b, w in zip(b1, np.ravel(W2), strict=True) if w))


HATS = [  # what somebody gets who makes this mistake, and its name
    (
        lambda left, w: ([left, left + w, left + 2 * w], [1 / w, -2 / w, 1 / w]),
        "the corners lie on the other side of 0: at which x is x + b equal to 0?",
    ),
    (
        lambda left, w: ([0, -w, -2 * w], [1 / w, -2 / w, 1 / w]),
        "the hat begins at 0, whatever `left` is",
    ),
    (
        lambda left, w: ([-left, -left - 1, -left - 2], [1, -2, 1]),
        "the hat is 1 wide on each side, whatever `width` is",
    ),
    (
        lambda left, w: ([0, -1, -2], [1, -2, 1]),
        "this is the hat for left = 0 and width = 1, whatever `left` and `width` are",
    ),
    (
        lambda left, w: ([-left, -left + w, -left + 2 * w], [1 / w, -2 / w, 1 / w]),
        "the first corner is in its place; the other two lie to the left of it",
    ),
    (
        lambda left, w: ([-left, -left - w, -left - 2 * w], [0, 1, 0]),
        "these weights are the heights of the hat at its corners; but a ReLU that is awake climbs on",
    ),
    (
        lambda left, w: ([-left, -left - w / 2, -left - w], [2 / w, -4 / w, 2 / w]),
        "the hat is half as wide as it should be: `width` is one side of it, not both",
    ),
    (
        lambda left, w: ([-left, -left - w, -left - 2 * w], [1 / w, -1 / w, 0]),
        "these weights are the slopes of the three stretches; but a ReLU that is awake stays awake, and slopes add up",
    ),
    (
        lambda left, w: ([-left, -left - w, -left - 2 * w], [1, -1, 0]),
        "these weights are slopes of the three stretches; but a ReLU that is awake stays awake, and slopes add up",
    ),
    (
        lambda left, w: ([-left, -left - w, -left - 2 * w], [1 / w, -2 / w, 0]),
        "up and down are right, but at the right end the curve falls on, below 0, for ever",
    ),
]


@hat_network.rule
def _(answer, rng):
    for left in (rng.uniform(0.5, 2), -rng.uniform(2, 3), rng.uniform(0.5, 2)):
        width = rng.uniform(0.3, 0.8) if left < 0 else rng.uniform(1.5, 3)
        found = _hat(answer(float(left), float(width)), left, width)
        if found:
            return found
    return None


def _hat(got, left, width):
    if got is None:
        return Diagnosis.RETURNS_NONE, "nothing is returned (None); end with `return b1, W2`"
    if not isinstance(got, tuple | list):
        return Diagnosis.WRONG_TYPE, f"expected two arrays, b1 and W2, got one {type(got).__name__}"
    if len(got) != 2:
        return Diagnosis.WRONG_LENGTH, f"expected two arrays, b1 and W2, got {len(got)} results"
    for name, array, shape in (("b1", got[0], (3,)), ("W2", got[1], (3, 1))):
        if any(part is ... for part in np.ravel(np.array(array, dtype=object))):
            return Diagnosis.NOT_ATTEMPTED, f"not done yet; {name} still holds a ..."
        if not isinstance(array, np.ndarray):
            return Diagnosis.WRONG_TYPE, f"{name}: expected a NumPy array, got a {type(array).__name__}"
        if array.dtype.kind not in "fiu":
            return Diagnosis.WRONG_DTYPE, f"{name}: expected an array of numbers, got one of {array.dtype}"
        if array.shape == (3, 1) and name == "b1" and np.shape(got[1]) == (3,):
            return Diagnosis.WRONG_SHAPE, "the two arrays are exchanged: first the biases (3,), then the weights (3, 1)"
        if array.shape != shape:
            kind = Diagnosis.TRANSPOSED if array.shape == (1, 3) and name == "W2" else Diagnosis.WRONG_SHAPE
            return kind, f"{name}: expected shape {shape}, got {array.shape}"
        if not np.isfinite(array).all():
            return Diagnosis.NOT_A_NUMBER, f"{name}: a number in it is not finite"
    x = np.linspace(left - 8, left + 12, 2001)
    mine, hat = _curve(x, *got), np.maximum(1 - np.abs(x - left - width) / width, 0)
    if same(mine, hat, 1e-3):
        return None
    if not mine.any():
        return Diagnosis.ALL_ZERO, "the curve is 0 everywhere"
    for trap, message in HATS:
        if same(_corners(*got), _corners(*map(np.array, trap(left, width))), 1e-4):
            return Diagnosis.KNOWN_MISTAKE, message
    if got[0].dtype.kind in "iu":
        return Diagnosis.INTEGER, f"b1: the corners are cut to whole numbers ({got[0].dtype}); expected floats"
    top = mine[np.argmax(np.abs(mine))]
    if same(mine, -hat, 1e-3):
        return Diagnosis.SIGN, "the hat hangs upside down: every weight of W2 has the wrong sign"
    if same(mine, top * hat, 1e-2):
        return (
            Diagnosis.FACTOR,
            f"a hat in the right place, but for width {width:.2f} its top is at {top:.2f}",
        )
    sides = {"left of the hat": 0, "on the way up": width, "on the way down": 2 * width, "right of the hat": np.inf}
    for name, end in sides.items():  # up to the first side where the two part
        off, side = np.abs(mine - hat) * (x <= left + end), name
        if off.max() > 5e-4:
            break
    i = np.argmax(off)
    where = f"left = {left:.2f}, width = {width:.2f}: {side}, at x = {x[i]:.2f}"
    return Diagnosis.WRONG_VALUE, f"{where}, the curve is at {mine[i]:.2f} and the hat at {hat[i]:.2f}"


# section 4 · scores become probabilities


@exercise(
    "3.3",
    "predict, then run",
    minutes=3,
    difficulty=1,
    hints=[
        "Only the differences between logits count. What becomes of a difference of 1?",
        "A difference d makes a ratio of e to the power d.",
    ],
    options={
        "a": "You had softmax as each score's share of the total. It is the share of e^z, not of z: only differences "
        "between logits count, and doubling all logits changes the differences.",
        "b": "The differences between logits double from 1 to 2, so each probability is now e² ≈ 7.4 times the one "
        "before it, the square of e, and the tallest grows from 0.67 to 0.87. Adding a number to all logits changes "
        "nothing; multiplying them by a number above 1 makes the network more sure of the same answer.",
        "c": "The direction is right. But a difference stands in the exponent: when it doubles, does the ratio e^d "
        "double?",
        "d": "You may have thought of the ends of a sigmoid, where large numbers all come out alike. In softmax the "
        "scores compete: what counts is how far they are apart, and they have just moved apart.",
    },
)
def doubled_logits():
    """What doubling all logits does to the probabilities."""
    return "b"


# section 7 · any depth in one loop


@exercise(
    "3.b",
    "a bad start",
    minutes=1,
    difficulty=1,
    hints=[
        "Lesson 02: what does a layer with N(0, 1) weights do to the spread of its numbers? There are three layers.",
        "Ten logits far apart: what does softmax say then, and is it the true class it says it of?",
    ],
    options={
        "a": "You had ln 10 as the price of knowing nothing. It is the price of knowing nothing and saying so, with "
        "ten nearly equal probabilities. Nothing makes an untrained network unsure.",
        "b": "You thought of a few worse guesses. A loss of 10 already means that the true class got 1 in 22,000. But "
        "lesson 02 saw the spread of the numbers grow with each such layer: how far apart are ten logits after three?",
        "c": "Each layer multiplies the spread, so the logits differ by hundreds. Softmax is sure of one class, mostly "
        "a wrong one, and the loss is about the gap between that logit and the one of the true class.",
        "d": "You thought of a probability that is rounded to 0. That does happen here, for most images. But look at "
        "what cross_entropy is given, and whether (3.9) ever takes the logarithm of such a probability.",
    },
)
def wild_loss():
    """The loss at the start with N(0, 1) weights."""
    return "c"


@exercise(
    "3.4",
    "break it and explain",
    minutes=5,
    difficulty=2,
    star=True,
    hints=[
        "Compare the two lines with softmax in section 4, word by word: along which axis is the total taken now?",
        "The whole matrix sums to 1. If all rows have the same share of it, what does one row sum to?",
        "So every probability is too small by a factor, the number of rows. What does minus the logarithm make of it?",
    ],
    praise="axis=1 (with its keepdims=True) is missing, twice. In the maximum that does no harm here, in the sum it "
    "does: all rows are divided by one common total, so the matrix sums to 1, a row of 1,000 only to about 1/1000. "
    "Within a row all numbers shrink by the same factor, so the largest stays the largest and the accuracy cannot "
    "notice. The loss can: −ln(p / 1000) = −ln p + ln 1000, and ln 1000 = 6.91. With a single image nothing is wrong, "
    "so a test on one example never finds this mistake. A loss at the start that is far from ln C is worth a look "
    "before anything else.",
)
def too_large_by():
    """By how much the loss is too large for 64 images, and for one."""
    return math.log(64), math.log(1)


@too_large_by.mistake("64 is how many times too small each probability is; the loss is made of logarithms")
def _():
    return 64, ...


@too_large_by.mistake("1/64 is what a row sums to; the loss is made of logarithms")
def _():
    return 1 / 64, ...


@too_large_by.mistake("6.9 belongs to a batch of 1,000 rows: what in it comes from the number of rows?")
def _():
    return math.log(1000), ...


@too_large_by.mistake("right for 64; but 6.9 belongs to a batch of 1,000 rows, and now there is one")
def _():
    return math.log(64), math.log(1000)


@too_large_by.mistake(
    "this is 6.9 in proportion to the number of rows; probabilities shrink so, their logarithms do not"
)
def _():
    return 64 * math.log(1000) / 1000, ...


@too_large_by.mistake("this is the logarithm to base 10; the loss takes the natural one, np.log")
def _():
    return math.log10(64), ...


@too_large_by.mistake("this is the logarithm to base 2; the loss takes the natural one, np.log")
def _():
    return 6, ...


@too_large_by.mistake("this counts the ten classes; in the broken version, the number of rows is what matters")
def _():
    return ..., math.log(10)


@too_large_by.mistake("right for 64; with one image, what does its row sum to, and what is the logarithm of that?")
def _():
    return math.log(64), 1


@too_large_by.mistake("the right two numbers in the wrong order: first the batch of 64, then the single image")
def _():
    return 0, math.log(64)


@too_large_by.mistake("4.2 is right as far as it goes; give three digits, or write np.log(…)")
def _():
    return 4.2, ...


@too_large_by.mistake("4 is right as far as it goes; give three digits, or write np.log(…)")
def _():
    return 4, ...
