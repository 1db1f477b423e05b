"""Exercises of lesson 08: for each patient of the bug clinic a diagnosis to choose and a cure to write."""

import math
from itertools import pairwise

import numpy as np

from ..functional import one_hot, sigmoid, softmax
from ..losses import binary_cross_entropy, cross_entropy
from .core import exercise, global_state
from .diagnose import Diagnosis, same

# patient 1


@exercise(
    "8.a",
    "what is 94.5?",
    minutes=1,
    difficulty=1,
    hints=[
        "The instrument has answers with known shares. Which of them gets the most, and has that to do with images?",
        "Only two of the constant guesses score at all. What have the numbers 0 and 1 in common, that 2 has not?",
    ],
    options={
        "a": "Whoever always says 0 gets the same 94.5, and reads only the images of class 0: one tenth.",
        "b": "That happens, and it gives numbers that are too good. But a constant guess has learnt from no image, and "
        "still gets it; and the truth, which should profit most, gets a tenth.",
        "c": "A class number is compared with the zeros and ones of the target. The number 0 finds nine zeros in each "
        "row, the number 1 finds one 1, and 2 to 9 find nothing. The images play no part in it.",
        "d": "Nine tenths of the images are indeed no T-shirts, which makes this tempting. But that would be about 90, "
        "and always saying trousers would get it as well.",
    },
)
def what_the_score_counts():
    """What the score of patient 1 counts."""
    return "c"


@exercise(
    "8.1",
    "the share that is right",
    minutes=4,
    difficulty=1,
    star=True,
    hints=[
        "Compare like with like. Z has scores and Y has zeros and ones: bring both to the same kind of thing first.",
        "In which column of a row of Y does the 1 stand? The method that answers this for Z answers it for Y as well.",
        "Two arrays (N,) of class numbers, compared place by place, give N truth values. What is their mean?",
    ],
    praise="Two lists of class numbers, and the share of places where they agree. A score is a program like any other: "
    "try it on answers whose worth you know before you believe what it says of a network.",
)
def exam_accuracy(Y, Z):
    """The share of rows whose largest score stands where the target has its 1.

    Y (N, C) one-hot, Z (N, C) scores  ->  a number from 0 to 1
    """
    return float(np.mean(Z.argmax(axis=1) == Y.argmax(axis=1)))


@exam_accuracy.inputs
def _(rng, images=61):  # a prime, so that no share has two digits; not N and C, since a few images are right by luck
    N, C = images, 7
    Y = one_hot(rng.integers(0, C, N), C)
    Z = rng.standard_normal((N, C)) - 1 + 2.5 * Y
    Z[Y.argmax(axis=0)[:3], np.arange(C)[:3]] += 6  # surest where a class comes first, so that axis=0 gets a score
    return Y, Z.astype(np.float32)


@exam_accuracy.mistake("this is the patient's score: a class number is still compared with the zeros and ones of a row")
def _(Y, Z):
    return ((Z.argmax(axis=1)[:, None] == Y).sum(axis=0) / 100).mean()


@exam_accuracy.mistake(
    "the division is mended, the comparison is not: a class number meets the zeros and ones of a row"
)
def _(Y, Z):
    return (Z.argmax(axis=1)[:, None] == Y).mean()


@exam_accuracy.mistake(
    "places are counted, not images: a wrong guess still agrees with the target in all columns but two, so nobody "
    "falls below a high floor"
)
def _(Y, Z):
    return (one_hot(Z.argmax(axis=1), Z.shape[1]) == Y).mean()


@exam_accuracy.mistake(
    "scores are compared with a threshold, and each column must pass; but a guess is right when its score is the "
    "largest of the row, whatever its size"
)
def _(Y, Z):
    return ((Z > 0.5) == Y).all(axis=1).mean()


@exam_accuracy.mistake("the same with the threshold 0: logits are compared with each other, not with a fixed number")
def _(Y, Z):
    return ((Z > 0) == Y).all(axis=1).mean()


@exam_accuracy.mistake("right, but in per cent; asked is the share, from 0 to 1")
def _(Y, Z):
    return 100 * exam_accuracy.reference(Y, Z)


@exam_accuracy.mistake("right, but rounded to two digits: round when you print, and give back the number as it is")
def _(Y, Z):
    return round(exam_accuracy.reference(Y, Z), 2)


@exam_accuracy.mistake("the right ones are divided by 100; that is a share only if there are 100 images")
def _(Y, Z):
    return (Z.argmax(axis=1) == Y.argmax(axis=1)).sum() / 100


@exam_accuracy.mistake("this is the share that is wrong")
def _(Y, Z):
    return 1 - exam_accuracy.reference(Y, Z)


@exam_accuracy.mistake("argmax(axis=0) finds the surest image of each class; asked is the surest class of each image")
def _(Y, Z):
    return (Z.argmax(axis=0) == Y.argmax(axis=0)).mean()


@exam_accuracy.rule
def _(answer, rng):
    Y = one_hot(np.arange(50) % 5, 5)
    never = np.roll(Y, 1, axis=1)
    if not abs(float(answer(Y, Y)) - 1) < 1e-6:
        return Diagnosis.WRONG_VALUE, "the truth itself should get 1"
    if not abs(float(answer(Y, never))) < 1e-6:
        return Diagnosis.WRONG_VALUE, "a network that is always wrong should get 0"
    return None


# patient 2


@exercise(
    "8.b",
    "one number for a matrix",
    minutes=2,
    difficulty=2,
    hints=[
        "How many slopes has the loss by the 16 · 10 entries of W3? How many did the program compute?",
        "The same number is taken from all entries of W3. By how much does each of the ten logits move, and what "
        "does softmax make of that?",
    ],
    options={
        "a": "Each entry of a matrix has a slope of its own, and here one number serves for all. It says how much to "
        "move and leaves nothing of the direction. What such a step can do to the outputs is worked out below.",
        "b": "The rate says how far to go. Hundreds of steps on twenty images are enough for a walk downhill, and this "
        "one led nowhere; and the gradient has the wrong shape at every rate.",
        "c": "They do shrink gradients, and three of them cost time. But a small gradient of W1 would still have "
        "784 · 32 numbers; the instrument found one.",
        "d": "That is true of the program, and worth having. But the instrument speaks of W1, W2 and W3: their "
        "gradients are wrong whether there are biases or not.",
    },
)
def one_number_for_a_matrix():
    """Why patient 2 cannot learn."""
    return "a"


@exercise(
    "8.2",
    "the gradient of one example",
    minutes=4,
    difficulty=2,
    hints=[
        "One entry first. W[i, j] leads from a_in[i] to z[j]. If it grows by a little, how much does z[j] grow, and "
        "how much does the loss?",
        "Each a_in[i] times each dz[j]: a multiplication table with a row per input. Lesson 04, section 4, has a name "
        "for it.",
        "a_out is not needed: the weights of a layer meet what comes in, not what goes out.",
    ],
    praise="Entry (i, j) is what came in at i times the blame at j, so it has the shape of W, and W -= lr * dW fits in "
    "one line. Mend the product alone, or the activation alone, and the program stops with an error.",
)
def example_gradient(a_in, a_out, dz):
    """d loss / d W of one example, for z = a_in @ W and dz = d loss / d z.

    a_in (in,), a_out (out,) the activation of z, dz (out,)  ->  dW, of the shape of W
    """
    return np.outer(a_in, dz)


@example_gradient.inputs
def _(rng, D=6, C=4):
    a_in, a_out = rng.uniform(0.1, 0.9, D), rng.uniform(0.1, 0.9, C)
    return a_in.astype(np.float32), a_out.astype(np.float32), rng.standard_normal(C).astype(np.float32)


@example_gradient.mistake("this is the patient's gradient: a sum over the products is one number for all entries of W")
def _(a_in, a_out, dz):
    return np.dot(a_out, dz)


@example_gradient.mistake(
    "it has the right shape now, and still one number in it: each entry of W needs the product that belongs to it"
)
def _(a_in, a_out, dz):
    return np.full((len(a_in), len(dz)), np.dot(a_out, dz))


@example_gradient.mistake(
    "every product has its place, but with the layer's own output: the weights multiply what comes in"
)
def _(a_in, a_out, dz):
    return np.outer(a_out, dz)


@example_gradient.mistake(
    "every row is dz: this is what biases would get; a weight is blamed in proportion to what came through it"
)
def _(a_in, a_out, dz):
    return np.tile(dz, (len(a_in), 1))


@example_gradient.mistake("a slope of the activation too many: dz is the blame at z already, behind the activation")
def _(a_in, a_out, dz):
    return np.outer(a_in, dz * a_out * (1 - a_out))


@example_gradient.mistake("the slope of the sigmoid at a_in belongs to the layer below; W meets a_in itself")
def _(a_in, a_out, dz):
    return np.outer(a_in * (1 - a_in), dz)


@example_gradient.mistake("a_out is one factor too many: z comes before the activation, and dz is the blame at z")
def _(a_in, a_out, dz):
    return np.outer(a_in, dz * a_out)


@example_gradient.mistake("one example has one gradient; nothing here is to be averaged over the inputs")
def _(a_in, a_out, dz):
    return np.outer(a_in, dz) / len(a_in)


# patient 3


@exercise(
    "8.c",
    "why 0.73?",
    minutes=1,
    difficulty=1,
    hints=[
        "The range is measured without any training. Which suspects does that leave?",
        "Between 0.6552 and 0.7552 there is room for a tenth. What would let the loss of a right answer fall to 0?",
    ],
    options={
        "a": "The gradients are small, and a larger rate does help it along. But no rate takes a loss below 0.6552, "
        "and the range was measured without taking a step.",
        "b": "The start is where it should be, at the loss of ten equal scores; that reading is green. So this "
        "suspect goes free.",
        "c": "A network that is too small cannot give the perfect answers. The instrument gave them in its place, and "
        "they cost 0.6552 all the same.",
        "d": "The loss takes what it gets for logits and sends it through a sigmoid. It gets probabilities, which end "
        "at 1, so even a perfect answer looks like a doubtful one.",
    },
)
def why_the_loss_stands():
    """Why the loss of patient 3 hardly moves."""
    return "d"


@exercise(
    "8.3",
    "the loss from the logits",
    minutes=6,
    difficulty=2,
    hints=[
        "(3.9) has ln p from the logits, with the largest logit taken off first; no softmax is needed for the loss.",
        "The loss is minus the mean of ln p at the right classes: log_P[np.arange(N), y] picks one number per row.",
        "(4.11) has the gradient: P − Y, divided by N. P is the exp of what you have, and Y is 1 in N places only.",
    ],
    praise="The softmax lives in the loss and nowhere else. The network ends in logits, which may be as large as they "
    "like: a right answer can cost nothing, and the slope at the logits is (P − Y)/N, at most 1/N and never stuck "
    "while the answer is wrong.",
)
def loss_from_logits(Z, y):
    """Mean of -ln softmax(z)_y, and d loss / d Z, finite for logits of any size.

    Z (N, C) logits, y (N,) labels  ->  loss, dZ (N, C)
    """
    rows = np.arange(len(y))
    shifted = Z - Z.max(axis=1, keepdims=True)
    log_P = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dZ = np.exp(log_P)
    dZ[rows, y] -= 1
    return -log_P[rows, y].mean(), dZ / len(y)


@loss_from_logits.inputs
def _(rng, N=6, C=5):
    return (2 * rng.standard_normal((N, C))).astype(np.float32), rng.integers(0, C, N)


def _rounded(result):
    """A loss in float32, like the reference's: compared as exactly as float32 allows."""
    return np.float32(result[0]), result[1]


def _through_softmax(P, result):
    """(loss, d loss / d Z) from (loss, d loss / d P), one row after the other."""
    rows = [(np.diag(p) - np.outer(p, p)) @ d for p, d in zip(P, result[1], strict=True)]
    return _rounded((result[0], np.stack(rows)))


@loss_from_logits.mistake("this is the patient's loss: probabilities go where logits are expected")
def _(Z, y):
    return _rounded(binary_cross_entropy(softmax(Z), one_hot(y, Z.shape[1])))


@loss_from_logits.mistake(
    "this is the patient's loss, and its gradient at the logits is right; the cage is still there"
)
def _(Z, y):
    P = softmax(Z)
    return _through_softmax(P, binary_cross_entropy(P, one_hot(y, Z.shape[1])))


@loss_from_logits.mistake(
    "two softmaxes, one after the other: the second gets probabilities, and for ten classes no answer costs less "
    "than 1.46"
)
def _(Z, y):
    return _rounded(cross_entropy(softmax(Z), y))


@loss_from_logits.mistake(
    "two softmaxes with the right slope behind both: the second gets probabilities, and for ten classes no answer "
    "costs less than 1.46"
)
def _(Z, y):
    P = softmax(Z)
    return _through_softmax(P, cross_entropy(P, y))


@loss_from_logits.mistake(
    "the softmax is gone, but each class gets a yes-or-no question of its own: sigmoids, averaged over the columns too"
)
def _(Z, y):
    return _rounded(binary_cross_entropy(Z, one_hot(y, Z.shape[1])))


@loss_from_logits.mistake("averaged over rows and columns; one example has one loss, so divide by N alone")
def _(Z, y):
    loss, dZ = loss_from_logits.reference(Z, y)
    return loss / Z.shape[1], dZ / Z.shape[1]


@loss_from_logits.mistake("the loss is right; the gradient is divided by the number of columns as well")
def _(Z, y):
    loss, dZ = loss_from_logits.reference(Z, y)
    return loss, dZ / Z.shape[1]


@loss_from_logits.mistake(
    "the loss is right; the gradient is the slope at the probabilities, −1/p of the right class, and has to go "
    "through the softmax"
)
def _(Z, y):
    Y, P = one_hot(y, Z.shape[1]), softmax(Z)
    return loss_from_logits.reference(Z, y)[0], -Y / P / len(y)


@loss_from_logits.mistake(
    "the loss is right; the gradient goes through the softmax a second time, and P − Y has been through it already"
)
def _(Z, y):
    return _through_softmax(softmax(Z), loss_from_logits.reference(Z, y))


@loss_from_logits.mistake("1 − p of the right class; the loss is minus its logarithm")
def _(Z, y):
    return 1 - softmax(Z)[np.arange(len(y)), y].mean(), loss_from_logits.reference(Z, y)[1]


@loss_from_logits.rule
def _(answer, rng):
    """Surely right, surely wrong: exp of 1000 is infinite, and the log of 0 too."""
    Z = np.array([[1000, 0, 0], [0, 1000, 0]], dtype=np.float32)
    with np.errstate(all="ignore"):
        loss, dZ = answer(Z, np.array([0, 0]))
    if not np.isfinite(loss) or not np.isfinite(dZ).all():
        return (
            Diagnosis.NOT_A_NUMBER,
            "right for small logits; for a logit of 1000 it is no longer finite: exp overflows, or the log of an "
            "exact 0 is taken",
        )
    if abs(loss - 500) > 1:
        return (
            Diagnosis.WRONG_VALUE,
            f"right for small logits; a surely wrong answer with logit 1000 costs 1000, so that two rows, one of them "
            f"right, cost 500; got {loss:.4g}: is something cut off?",
        )
    return None


# patient 4


@exercise(
    "8.d",
    "what is left alive",
    minutes=2,
    difficulty=2,
    hints=[
        "Write down the four gradients: dW2, db2, dW1, db1. In which of them stands A1, in which the slope of ReLU?",
        "A1 is 0 everywhere, and the slope of ReLU too. Which of the four gradients can be something else than 0?",
    ],
    options={
        "a": "Nearly all of them are 0. But look at the four gradients one by one: does each contain a hidden unit, or "
        "the slope of one?",
        "b": "Below zero the slope of ReLU is not small, it is 0. What does not move today does not move tomorrow: z "
        "stays where it is.",
        "c": "Half of that is right. dW2 is A1ᵀ @ dZ2, and the instrument says what A1 is.",
        "d": "dW1 and db1 are cut off by the ReLU, and dW2 = A1ᵀ @ dZ2 is 0 because A1 is. Only db2, the sum of dZ2 "
        "over the examples, has no hidden unit in it. So b2 learns how often each digit occurs, and everything is "
        "called the most frequent one: a share of labels again, and no accuracy. `clinic.shapes` says the same: the "
        "three others do not move in a step.",
    },
)
def still_alive():
    """What a network with dead hidden units can still learn."""
    return "d"


@exercise(
    "8.4",
    "a start for ReLU",
    minutes=5,
    difficulty=2,
    hints=[
        "(2.10) of lesson 02: normal, the mean 0, the variance 2 / fan-in. Which number do you multiply "
        "`rng.standard_normal(...)` by?",
        "The spread is the root of the variance. And once the weights differ, no bias has to.",
    ],
    praise="The mean 0 lets about half of the units be awake on an image, the spread √(2/fan-in) keeps the size of the "
    "signal, and a bias can wait at 0 because the weights already tell the units apart.",
)
def relu_start(fan_in, fan_out, rng):
    """The start of a ReLU layer, by He's formula.   ->  W (fan_in, fan_out), b (fan_out,)"""
    W = rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)
    return W, np.zeros(fan_out)


@relu_start.rule
def _(answer, rng):
    seed, sizes = int(rng.integers(2**31)), (300, 120)
    before = global_state()
    got = answer(*sizes, np.random.default_rng(seed))
    if before != global_state():
        return Diagnosis.GLOBAL_RANDOMNESS, "draws from np.random itself; use the generator that is passed in"
    if got is None:
        return Diagnosis.RETURNS_NONE, "nothing is returned (None); end with `return W, b`"
    if not isinstance(got, tuple | list) or len(got) != 2 or not all(isinstance(part, np.ndarray) for part in got):
        return Diagnosis.WRONG_TYPE, "expected two arrays, W and b"
    found = _shapes_of_start(*got, *sizes) or _weights_of_start(got[0], *sizes) or _bias_of_start(got[1])
    if found:
        return found
    again, other = (answer(*sizes, np.random.default_rng(s))[0] for s in (seed, seed + 1))
    if not same(again, got[0]) or same(other, got[0]):
        return Diagnosis.UNREPEATABLE, "the numbers do not come from the generator that is passed in"
    return None


def _shapes_of_start(W, b, fan_in, fan_out):
    if W.shape == (fan_out, fan_in):
        return Diagnosis.TRANSPOSED, f"W is (out, in) here; expected (fan_in, fan_out) = {(fan_in, fan_out)}"
    for name, array, shape in (("W", W, (fan_in, fan_out)), ("b", b, (fan_out,))):
        if array.shape != shape:
            return Diagnosis.WRONG_SHAPE, f"{name}: expected shape {shape}, got {array.shape}"
    return None


def _weights_of_start(W, fan_in, fan_out):
    if not np.isfinite(W).all():
        return Diagnosis.NOT_A_NUMBER, "W: there are numbers in it that are not finite"
    if not W.any():
        return Diagnosis.ALL_ZERO, "W: all zeros; twin units would stay twins"
    if len(np.unique(W)) < 0.9 * W.size:
        return Diagnosis.KNOWN_MISTAKE, "W: the same numbers come back again and again: draw each weight by itself"
    mean, std, chance = float(W.mean()), float(W.std()), 5 / math.sqrt(W.size)
    if abs(mean + 0.5) < chance and abs(std - 1) < chance:
        return Diagnosis.KNOWN_MISTAKE, (
            "W: a normal number less ½ has the mean −½. Inputs are never negative, so each of them pulls z down, and "
            "the units sleep for ever"
        )
    if W.min() >= 0:
        return Diagnosis.KNOWN_MISTAKE, (
            "W: no weight is negative, so every unit is awake on every image. A ReLU that never cuts is a straight line"
        )
    if abs(mean) > chance * std:
        return Diagnosis.WRONG_VALUE, f"W: the mean is {mean:.3f}; positive and negative should balance"
    for other, words in (
        (1 / math.sqrt(12), "that of numbers between −½ and ½: the units wake up, but the spread ignores the fan-in"),
        (1.0, "1, whatever the fan-in: with 784 inputs z would spread by about 9"),
        (2 / fan_in, "2/fan-in, which is the variance: the root is missing"),
        (math.sqrt(1 / fan_in), "√(1/fan-in), which suits sigmoid: ReLU throws half of the signal away"),
        (math.sqrt(2 / fan_out), "√(2/fan-out): z is a sum over the inputs, so count those"),
        (math.sqrt(2 / (fan_in + fan_out)), "Glorot's, √(2/(fan-in + fan-out)), a compromise of both directions"),
        (0.01, "0.01, whatever the fan-in: the signal fades from layer to layer"),
    ):
        if abs(std / other - 1) < chance:
            return Diagnosis.KNOWN_MISTAKE, f"W: the mean is right; the spread is {words}"
    ratio = std / math.sqrt(2 / fan_in)
    if abs(ratio - 1) > chance:
        return Diagnosis.FACTOR, f"W: the spread is {ratio:.3g} times what it should be"
    if abs(np.mean((W / std) ** 4) - 3) > 0.3:
        return Diagnosis.WRONG_VALUE, "W: the right spread, but He's formula (2.10) draws from a normal distribution"
    return None


def _bias_of_start(b):
    if not b.any():
        return None
    if (b > 0).all():
        return Diagnosis.KNOWN_MISTAKE, (
            "b: above zero it holds the units awake on all images alike; balanced weights need no such help"
        )
    if (b == b[0]).all():
        return Diagnosis.KNOWN_MISTAKE, "b: below zero it pulls every unit towards sleep, on all images alike"
    return Diagnosis.KNOWN_MISTAKE, "b: drawn at random. Random weights tell the units apart already; b can start at 0"


# patient 5


@exercise(
    "8.e",
    "what the cure is worth",
    minutes=2,
    difficulty=2,
    hints=[
        "How many of the 7,960 parameters are biases? Which others can push a whole column of logits up or down?",
        "A hidden unit that is positive for most images, times a weight of W2: what does that add to a logit?",
    ],
    options={
        "a": "A hidden unit that is positive for most images adds nearly the same to a logit each time, as a bias "
        "would; the weights learn around the fault. Accuracy cannot find this bug, so it must be looked for in "
        "another way.",
        "b": "A wrong gradient costs something; but does it cost hits? 7,940 of the 7,960 parameters have the right "
        "one. Could some of them stand in for the twenty others?",
        "c": "A network does not get used to a wrong gradient: the right one is the way in which the loss falls most "
        "steeply, wherever it stands. So there is little to fear. Is there much to be gained?",
    },
)
def worth_of_biases():
    """What the right gradient of the biases does to the accuracy."""
    return "a"


@exercise(
    "8.5",
    "a gradient for every bias",
    minutes=3,
    difficulty=1,
    star=True,
    hints=[
        "Which of the two axes of dZ are the units, and which the examples? db keeps one of them.",
        "(4.5) of lesson 04: add up over the examples. The mean has been taken care of.",
    ],
    praise="One number per unit, the sum of its blame over the examples. In the upper layer these ten add up to "
    "0, without being 0 themselves.",
)
def db_by_unit(dZ):
    """The gradient of each bias.   dZ (N, K), already averaged  ->  db (K,)"""
    return dZ.sum(axis=0)


@db_by_unit.inputs
def _(rng, N=5, D=4):
    return (rng.standard_normal((N, D)).astype(np.float32),)


@db_by_unit.mistake("the sum over everything is one number for all units; each unit has its own bias and its own blame")
def _(dZ):
    return dZ.sum()


@db_by_unit.mistake("the right shape, but still one number for all units: the sum over everything, copied")
def _(dZ):
    return np.full(dZ.shape[1], dZ.sum())


@db_by_unit.mistake("the total, dealt out evenly: still the same number for all units, whatever each has done")
def _(dZ):
    return np.full(dZ.shape[1], dZ.sum() / dZ.shape[1])


@db_by_unit.mistake("the mean over everything is still one number for all units")
def _(dZ):
    return dZ.mean()


@db_by_unit.mistake("divided by N a second time: dZ comes from a mean loss and carries its 1/N already")
def _(dZ):
    return dZ.mean(axis=0)


@db_by_unit.mistake("one number per example, not per unit: then every image would have a bias of its own")
def _(dZ):
    return dZ.sum(axis=1)


@db_by_unit.mistake("blame has a sign: two examples that pull a bias in opposite directions cancel")
def _(dZ):
    return np.abs(dZ).sum(axis=0)


@db_by_unit.mistake("the numbers are right, with an axis too many: b has the shape (K,)")
def _(dZ):
    return dZ.sum(axis=0, keepdims=True)


@db_by_unit.mistake("this is the blame of the first example alone; every example uses the bias")
def _(dZ):
    return dZ[0].copy()


@db_by_unit.mistake("made to add up to 0. That holds in the upper layer by itself, and in the lower one it does not")
def _(dZ):
    db = dZ.sum(axis=0)
    return db - db.mean()


# patient 6


@exercise(
    "8.f",
    "where the labels went",
    minutes=2,
    difficulty=2,
    hints=[
        "`argmax` of b2 was asked without any image. How many labels did it know?",
        "Look at the shape of b2: which of its two axes does not belong there?",
    ],
    options={
        "a": "Overfitting goes through the pixels: such a network answers a training image alone as it does among "
        "others. What does one example say here?",
        "b": "Then the training images would pass all instruments. But permutation was asked about training images: it "
        "does not look at labels at all.",
        "c": "b1 and b2 have grown a row per example. The row of example i has learnt label i, no pixel needed; "
        "argmax of b2 alone is right every time. On other images the same rows give the same answers: right where "
        "two labels happen to agree, one time in ten.",
        "d": "One example and permutation were asked about training images, prepared as ever. They fail nevertheless.",
    },
)
def leaked_labels():
    """What is wrong with the program of the hundred per cent."""
    return "c"


@exercise(
    "8.6",
    "one bias for all examples",
    minutes=4,
    difficulty=2,
    hints=[
        "Which axis of dZ must be gone from db? A bias that serves every example hears the blame of every example.",
        "dW is a sum over the examples, divided by N. What is the same for db?",
    ],
    praise="One number per unit, a mean over the examples like each dW. With the examples' axis gone, b keeps its "
    "shape, and there is no place left for an answer sheet.",
)
def shared_db(dZ):
    """One gradient per bias.   dZ (N, K), a row per example, not divided by N  ->  db (K,)"""
    return dZ.mean(axis=0)


@shared_db.inputs
def _(rng, N=5, D=4):
    return (rng.standard_normal((N, D)).astype(np.float32),)


@shared_db.mistake("a row for each example is still there: b would grow to that shape and learn the labels by row")
def _(dZ):
    return dZ


@shared_db.mistake("divided by N, but a row for each example is still there, and each row can learn its label")
def _(dZ):
    return dZ / len(dZ)


@shared_db.mistake("the same numbers in every row, but still a row per example: b would grow to that shape")
def _(dZ):
    return np.tile(dZ.mean(axis=0), (len(dZ), 1))


@shared_db.mistake("the shape is right, but N times too large: each dW is divided by N here, so db must be as well")
def _(dZ):
    return dZ.sum(axis=0)


@shared_db.mistake("divided by N twice: the biases would creep while the weights walk")
def _(dZ):
    return dZ.mean(axis=0) / np.float32(len(dZ))


@shared_db.mistake("divided by 500, the N of this patient; ask dZ how many examples there are")
def _(dZ):
    return dZ.sum(axis=0) / 500


@shared_db.mistake("divided by the number of units; the mean is over the examples")
def _(dZ):
    return dZ.sum(axis=0) / np.float32(dZ.shape[1])


@shared_db.mistake("one number per example: the axis that should go is the one that stayed")
def _(dZ):
    return dZ.mean(axis=1)


@shared_db.mistake("one number for all units; each unit has a bias of its own")
def _(dZ):
    return dZ.mean()


@shared_db.mistake("the sum over everything: one number for all units, as with the last patient")
def _(dZ):
    return dZ.sum()


@shared_db.mistake("the numbers are right, with an axis too many: b would grow from (K,) to (1, K)")
def _(dZ):
    return dZ.mean(axis=0, keepdims=True)


@shared_db.mistake("the blame of the first example alone; the others use this bias too")
def _(dZ):
    return dZ[0].copy()


# patient 7


@exercise(
    "8.g",
    "two readings",
    minutes=1,
    difficulty=1,
    hints=[
        "Two readings: what do the rows of 500 images add up to, and what does the row of one image alone add up to?",
        "Work out both numbers for each suspect, before you choose.",
    ],
    options={
        "a": "Scores that overflow end a training, and they will end this one. But the network is fresh here and its "
        "scores are near 0. The rows are wrong long before anything overflows.",
        "b": "A sigmoid looks at its own score alone. Then a row would add up to something between 4 and 6, and an "
        "image would get the same numbers alone as in company.",
        "c": "All 500 rows together add up to 1, so a row gets about a five-hundredth; an image alone has the total to "
        "itself, and is right. Whatever changes with the company looks across the rows.",
        "d": "Then each of the ten columns would add up to 1, and 500 rows to 10, a fiftieth each. And an image alone "
        "would get ten ones. Compare both with the readings.",
    },
)
def total_of_all_rows():
    """What the softmax of patient 7 divides by."""
    return "c"


@exercise(
    "8.7",
    "one total for each image",
    minutes=5,
    difficulty=2,
    hints=[
        "Lesson 03 has it, in (3.7): which axis do the classes lie along, and what does `keepdims=True` do for a "
        "total that has to divide the rows it came from?",
        "Two things belong to each row: its total and its largest score. The largest is taken off before `exp`.",
    ],
    praise="Each row has its own total, so an image gets the same probabilities in any company; and each row has its "
    "own largest score, so one large image cannot drown another.",
)
def softmax_by_row(Z):
    """Scores to probabilities by image; finite for any scores.   Z (N, C)  ->  P (N, C)"""
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


@softmax_by_row.inputs
def _(rng, N=5, C=4):
    return ((2 * rng.standard_normal((N, C))).astype(np.float32),)


@softmax_by_row.mistake("the total is still one number, for all images together; the whole batch adds up to 1")
def _(Z):
    return np.exp(Z) / np.exp(Z).sum()


@softmax_by_row.mistake("the rows add up to 1 on average only: one total for all, times N, is still one total for all")
def _(Z):
    return len(Z) * np.exp(Z) / np.exp(Z).sum()


@softmax_by_row.mistake("each class is shared out among the images: the columns add up to 1, not the rows")
def _(Z):
    return np.exp(Z) / np.exp(Z).sum(axis=0)


@softmax_by_row.mistake("what is taken off before `exp` differs from class to class, so it does not cancel")
def _(Z):
    E = np.exp(Z - Z.max(axis=0))
    return E / E.sum(axis=1, keepdims=True)


@softmax_by_row.mistake("the rows add up to 1, but without `exp`: a score below 0 becomes a negative probability")
def _(Z):
    return Z / Z.sum(axis=1, keepdims=True)


@softmax_by_row.mistake("ten separate answers, each between 0 and 1: nothing makes a row add up to 1")
def _(Z):
    return sigmoid(Z)


@softmax_by_row.rule
@np.errstate(all="ignore")
def _(answer, rng):
    """Images of very different size in one batch: what is taken off before exp must belong to the row."""
    sizes = [
        (2000, "NaN for scores near 2,000: `exp` overflows unless something is taken off first"),
        (-2000, "NaN for scores near −2,000: every `exp` is 0, and 0 / 0; bring the largest of the row to 0 first"),
    ]
    for offset, words in sizes:
        Z = (rng.standard_normal((3, 4)) + offset).astype(np.float32)
        got = answer(Z.copy())
        if not np.isfinite(got).all():
            return Diagnosis.NOT_A_NUMBER, words
    Z = rng.standard_normal((4, 3)).astype(np.float32) + np.float32([[0], [2000], [-2000], [0]])
    got = answer(Z.copy())
    if not np.isfinite(got).all():
        return Diagnosis.KNOWN_MISTAKE, (
            "NaN where a large and a small image share a batch: what is taken off belongs to all images, so one of "
            "them is left with nothing but zeros"
        )
    if not same(got, softmax_by_row.reference(Z), 1e-3):
        return Diagnosis.WRONG_VALUE, "wrong where a large and a small image share a batch"
    return None


# patient 8


@exercise(
    "8.h",
    "why nothing moves",
    minutes=1,
    difficulty=1,
    hints=[
        "Which of the readings would be red, and which green, if the gradient were wrong? And if units were jammed?",
        "Compare the spread in layer 1 with that in layer 3. What has multiplied it?",
    ],
    options={
        "a": "Each layer leaves less than a hundredth of what differs from point to point, and on the way back the "
        "gradient passes the same small weights and the same flat slopes. What cannot be told apart cannot be learnt.",
        "b": "A jammed unit stands near 0 or near 1, and the first reading counts none. With weights so small they all "
        "stand near ½, where σ is steepest. What else is multiplied in?",
        "c": "The instrument compared every parameter with a nudge, and they agree. A gradient may be right and tiny: "
        "it says truly that a step would change nearly nothing.",
        "d": "The same η and the same number of steps bring the networks with one and with two hidden layers down. "
        "What have three layers that two have not?",
    },
)
def asleep_by_depth():
    """Why the deep network of patient 8 stays at ln 2."""
    return "a"


@exercise(
    "8.8",
    "a start that stays awake",
    minutes=6,
    difficulty=2,
    hints=[
        "A unit adds fan-in many terms. Lesson 02: by what does the spread of the sum grow, and which spread of the "
        "weights undoes that?",
        "`rng.standard_normal(shape, dtype=np.float32)` has spread 1. Each matrix wants a factor of its own: which of "
        "its two sizes is the fan-in?",
        "`pairwise(sizes)` gives the shapes: (2, 8), (8, 8), … . A plain number under the root, `m**0.5`, "
        "keeps float32.",
    ],
    praise="The factor asks each layer how many terms it adds. σ still takes its quarter, layer by layer: for twenty "
    "layers this start is not enough, and ReLU or tanh are the better answer.",
)
def awake_start(sizes, rng):
    """A float32 matrix (in, out) per layer, mean 0, spread 1/√in.   sizes (n0, n1, …)"""
    return [rng.standard_normal((m, n), dtype=np.float32) / m**0.5 for m, n in pairwise(sizes)]


@awake_start.rule
def _(answer, rng):
    seed, sizes = int(rng.integers(2**31)), (300, 80, 120, 200)
    before = global_state()
    Ws = answer(sizes, np.random.default_rng(seed))
    if before != global_state():
        return Diagnosis.GLOBAL_RANDOMNESS, "draws from np.random itself; use the generator that is passed in"
    found = _matrices_of_patient_8(Ws, sizes) or _spreads_of_patient_8(Ws, sizes)
    if found:
        return found
    if not all(map(same, answer(sizes, np.random.default_rng(seed)), Ws)):
        return Diagnosis.UNREPEATABLE, "the numbers do not come from the generator that is passed in"
    if any(map(same, answer(sizes, np.random.default_rng(seed + 1)), Ws)):
        return Diagnosis.UNREPEATABLE, "the same weights whichever generator is passed in: it is not used"
    return _matrices_of_patient_8(answer((2, 8, 1), rng), (2, 8, 1))


def _matrices_of_patient_8(Ws, sizes):
    if Ws is None:
        return Diagnosis.RETURNS_NONE, "nothing is returned (None); end with `return …`"
    if not isinstance(Ws, list | tuple):
        return Diagnosis.WRONG_TYPE, f"expected a list of matrices, got a {type(Ws).__name__}"
    if len(Ws) != len(sizes) - 1:
        return Diagnosis.WRONG_LENGTH, f"{len(sizes)} sizes have {len(sizes) - 1} matrices between them, got {len(Ws)}"
    for i, (W, shape) in enumerate(zip(Ws, pairwise(sizes), strict=True)):
        if not isinstance(W, np.ndarray):
            return Diagnosis.WRONG_TYPE, f"matrix {i}: expected a NumPy array, got a {type(W).__name__}"
        if W.shape != shape:
            kind = Diagnosis.TRANSPOSED if W.shape == shape[::-1] else Diagnosis.WRONG_SHAPE
            return kind, f"matrix {i}: expected shape {shape}, got {W.shape}"
        if W.dtype != np.float32:
            return (
                Diagnosis.WRONG_DTYPE,
                f"matrix {i}: expected float32, got {W.dtype}; draw in float32 and divide by a plain number",
            )
    return None


def _spreads_of_patient_8(Ws, sizes):
    """Chance alone moves such a spread by 1 % at most; 5 % are allowed."""
    shapes, spreads = list(pairwise(sizes)), [float(W.std()) for W in Ws]
    if not all(spreads):
        return Diagnosis.ALL_ZERO, "a matrix whose entries are all alike: its units would stay twins"
    for i, W in enumerate(Ws):
        if not abs(W.mean()) <= 0.2 * spreads[i]:
            return (
                Diagnosis.WRONG_VALUE,
                f"matrix {i}: the mean is {W.mean():.3f}; positive and negative should balance",
            )

    def fits(spread):
        return all(abs(s / spread(m, n) - 1) <= 0.05 for s, (m, n) in zip(spreads, shapes, strict=True))

    if fits(lambda m, n: 1 / math.sqrt(m)):
        return None
    known = [
        (lambda m, n: 0.01, "0.01 in every layer, as before: three layers of it and nothing is left"),
        (lambda m, n: 0.1, "0.1 in every layer: awake for 100 inputs, asleep for 8, jammed for thousands"),
        (lambda m, n: 1, "1 in every layer: a sum of hundreds of such terms is large, and σ jams"),
        (lambda m, n: 1 / math.sqrt(n), "1/√(fan-out): a unit adds up its inputs, not its neighbours"),
        (lambda m, n: 1 / m, "1/fan-in: that is the variance to reach, and a spread is its root"),
        (lambda m, n: 1 / math.sqrt(sizes[0]), "that of the first layer in all of them: each has a fan-in of its own"),
        (lambda m, n: math.sqrt(2 / m), "He's, which makes up for what ReLU throws away, and there is none here"),
        (lambda m, n: math.sqrt(2 / (m + n)), "Glorot's, which also looks at the way back; asked is 1/√(fan-in)"),
        (lambda m, n: 1 / math.sqrt(3 * m), "1/√(3 · fan-in): a draw between −r and r spreads less than r"),
        (lambda m, n: math.sqrt(m), "√(fan-in): the sums grow with it, so the weights must shrink"),
    ]  # fmt: skip
    for spread, words in known:
        if fits(spread):
            return Diagnosis.KNOWN_MISTAKE, f"the spread is {words}"
    i = max(range(len(Ws)), key=lambda i: abs(math.log(spreads[i] * math.sqrt(sizes[i]))))
    times = spreads[i] * math.sqrt(sizes[i])
    return Diagnosis.FACTOR, f"the spread of matrix {i} is {times:.3g} times what it should be"


# patient 9


@exercise(
    "8.i",
    "the cause of death",
    minutes=1,
    difficulty=1,
    hints=[
        "Look at the labels beside the scores. Was the fatal answer right or wrong?",
        "What are `A`, `1 - A`, `log(1 - A)` and `(1 - Y) * log(1 - A)` for that image?",
    ],
    options={
        "a": "So one thinks at first. But the score is below 20, and e²⁰ is far from the end of float32. `sigmoid` "
        "did what it should: it returned the float nearest to the truth.",
        "b": "Then weights and scores would be huge before the end. The largest score of the fatal batch is below 20, "
        "and the network after the epoch before it reads more than nine in ten.",
        "c": "That costs a lot, and rightly: −ln 0 is infinite. But the image whose A is exactly 1 has the label 1. "
        "And infinite is not yet NaN.",
        "d": "A is exactly 1, so 1 − A is exactly 0. Cost: 0 · log 0 is 0 · (−∞), which is NaN. Gradient: "
        "(1 − Y)/(1 − A) is 0/0, NaN again. One NaN in a mean makes the mean NaN, and one step later every weight.",
    },
)
def fatal_answer():
    """What makes the first NaN of patient 9."""
    return "d"


@exercise(
    "8.9",
    "the loss from the logit",
    minutes=5,
    difficulty=2,
    hints=[
        "The value: (3.11) on paper; (3.12) for floats, or `np.logaddexp(0, Z)`, which is ln(e⁰ + e^z).",
        "The gradient: cancel in the equation above before you write any code. What is left needs no division by A.",
        "y is (N,) and Z is (N, 1). Without a `reshape`, their difference is (N, N); and a label that "
        "is an integer makes float64 of float32.",
    ],
    praise="Nothing is divided by A and no logarithm sees a 0, so nothing can break: a sure right answer costs 0, a "
    "sure wrong one costs |z|, and pulls with full force.",
)
def loss_from_logit(Z, y):
    """Mean binary cross-entropy, from logits.   Z (N, 1), y (N,) 0 or 1  ->  loss, dZ (N, 1)"""
    Y = y.reshape(Z.shape).astype(Z.dtype)
    loss = np.mean(np.logaddexp(0, Z) - Y * Z)
    return loss, (sigmoid(Z) - Y) / len(Z)


@loss_from_logit.inputs
def _(rng, N=6):
    y = rng.permutation(np.arange(N) % 3 == 0).astype(np.int64)
    return (1.5 * rng.standard_normal((N, 1))).astype(np.float32), y


def _patient_9(loss=None, slope=None):
    """A wrong answer: another mean of costs, or another gradient."""

    def wrong(Z, y):
        right, dZ = loss_from_logit.reference(Z, y)
        Y = y.reshape(Z.shape).astype(Z.dtype)
        return loss(Z, Y) if loss else right, slope(Z, Y).astype(Z.dtype) if slope else dZ

    return wrong


_MISTAKES_OF_PATIENT_9 = [
    (
        lambda Z, Y: np.sum(np.logaddexp(0, Z) - Y * Z),
        lambda Z, Y: sigmoid(Z) - Y,
        "sums over the examples; the mean is asked for, in the loss and in its gradient",
    ),
    (None, lambda Z, Y: sigmoid(Z) - Y, "the loss is a mean; its gradient has to be divided by N as well"),
    (
        None,
        lambda Z, Y: (sigmoid(Z) - Y) * sigmoid(Z) * (1 - sigmoid(Z)) / len(Z),
        "σ′ is still in the gradient; in the equation above it has cancelled. A sure wrong answer would hardly move",
    ),
    (
        None,
        lambda Z, Y: -(Y / sigmoid(Z) - (1 - Y) / (1 - sigmoid(Z))) / len(Z),
        "this is dL/dA; the way from A to Z, times A (1 − A), is missing",
    ),
    (None, lambda Z, Y: (Y - sigmoid(Z)) / len(Z), "the gradient points downhill; it should point uphill: a − y"),
    (None, lambda Z, Y: (Z - Y) / len(Z), "the gradient compares the logit with the label; the probability should be"),
    (
        lambda Z, Y: np.mean(np.logaddexp(0, Z) - (1 - Y) * Z),
        lambda Z, Y: (sigmoid(Z) - (1 - Y)) / len(Z),
        "yes and no are swapped: y = 1 should be cheap where z is large",
    ),
]
for _parts in _MISTAKES_OF_PATIENT_9:
    loss_from_logit.mistake(_parts[2])(_patient_9(*_parts[:2]))


@loss_from_logit.mistake("y (N,) against Z (N, 1) makes (N, N): every logit is compared with every label")
def _(Z, y):
    return np.float32(np.mean(np.logaddexp(0, Z) - y * Z)), (sigmoid(Z) - y).astype(Z.dtype) / len(Z)


@loss_from_logit.rule
@np.errstate(all="ignore")
def _(answer, rng):
    """Sure answers, right and wrong; the mistakes of this patient show nowhere else."""
    Z, yes = np.float32([[30], [-30]]), np.array([1, 0])
    right, dZ = answer(Z.copy(), yes.copy())
    if not (np.isfinite(right) and np.isfinite(dZ).all()):
        return Diagnosis.KNOWN_MISTAKE, (
            "NaN for a sure right answer, z = 30 and y = 1, as before: A is exactly 1 there, and log(1 − A) or "
            "1 / (1 − A) still stands in the code"
        )
    if abs(right) > 1e-6 or np.abs(dZ).max() > 1e-6:
        return (
            Diagnosis.WRONG_VALUE,
            f"a sure right answer should cost nothing and pull at nothing; it costs {right:.3g}",
        )
    wrong, dZ = answer(Z.copy(), 1 - yes)
    if not (np.isfinite(wrong) and np.isfinite(dZ).all()):
        return Diagnosis.INFINITE, "not finite for a sure wrong answer, z = 30 and y = 0; it should cost 30"
    if wrong < 29:
        return Diagnosis.KNOWN_MISTAKE, (
            f"a wrong answer with z = 30 costs {wrong:.3g}, and should cost 30: A was kept away from 0 and 1, or "
            "NaN replaced. The NaN is gone, and the truth with it"
        )
    if np.abs(dZ).min() < 0.49:
        return Diagnosis.KNOWN_MISTAKE, (
            "the gradient of a sure wrong answer is 0, so nothing ever puts it right: it should pull with full force, "
            "1/N. Something in it is still computed through A (1 − A)"
        )
    huge = answer(np.float32([[1000], [-1000]]), 1 - yes)
    if not all(np.isfinite(part).all() for part in huge):
        return Diagnosis.INFINITE, "not finite for z = 1,000: e to that power overflows; take the larger part out first"
    return None


# patient 10


@exercise(
    "8.j",
    "where the blame goes wrong",
    minutes=1,
    difficulty=1,
    hints=[
        "The blame walks scores → softmax → upper Linear → sigmoid → lower Linear. Mark which of them are right.",
        "What lies between the last thing that is right and the first that is wrong?",
    ],
    options={
        "a": "`scores` is what the loss sends down, held against the loss itself. What does the instrument say of it?",
        "b": "The instrument computes in float64, and rounding leaves an error near 10⁻⁹. And on paper the blames "
        "did not add up to 0, with numbers that need no rounding at all.",
        "c": "The blame is right when it leaves the loss and wrong when it reaches the upper Linear. Between the two "
        "lies the softmax, and the sum on paper accuses it too. What is below is wrong because it gets wrong blame.",
        "d": "The blame goes downwards: the upper Linear stands above the sigmoid and has not been through it. Is it "
        "right?",
    },
)
def first_wrong_blame():
    """The layer between the last right and the first wrong blame."""
    return "c"


@exercise(
    "8.10",
    "back through a softmax",
    minutes=5,
    difficulty=3,
    hints=[
        "Logit k reaches each probability j. What comes back from j is its blame dp_j, times the slope of that road.",
        "dz_k = p_k dp_k − p_k Σ_j p_j dp_j: both (4.12) and the sum are in it. What do all k have in common?",
        "The common number is one for each row: the mean blame of that row, weighted with P. Keep its axis.",
    ],
    praise="Each probability's blame is measured against the row's own mean blame, weighted with P. So the row adds up "
    "to 0, and blame that is the same for all probabilities moves nothing: they always share a sum of 1.",
)
def softmax_backward(dP, P):
    """dL/dZ of P = softmax(Z), by row.   dP, P (N, C)  ->  dZ (N, C)"""
    return P * (dP - (dP * P).sum(axis=1, keepdims=True))


@softmax_backward.inputs
def _(rng, N=5, C=4):
    dP, Z = rng.standard_normal((2, N, C)).astype(np.float32)
    return dP, softmax(Z)


@softmax_backward.mistake(
    "the patient's own: the road from a logit to its own probability alone; the rows do not add up to 0"
)
def _(dP, P):
    return dP * P * (1 - P)


@softmax_backward.mistake(
    "twice the patient's gradient: that is right for two classes under squared error, and for nothing else"
)
def _(dP, P):
    return 2 * dP * P * (1 - P)


@softmax_backward.mistake("the roads to the other probabilities alone; the one to its own, p (1 − p), is missing")
def _(dP, P):
    return P * (dP * P - (dP * P).sum(axis=1, keepdims=True))


@softmax_backward.mistake(
    "the road to its own probability is counted twice: p (1 − p) has taken off p², and the sum takes it off again"
)
def _(dP, P):
    return P * ((1 - P) * dP - (dP * P).sum(axis=1, keepdims=True))


@softmax_backward.mistake(
    "the roads to the other probabilities have the wrong sign: a logit that rises takes probability from the others"
)
def _(dP, P):
    return P * (dP * (1 - 2 * P) + (dP * P).sum(axis=1, keepdims=True))


@softmax_backward.mistake("the blames of the row are added up as they are; the road from j has the slope p_j as well")
def _(dP, P):
    return P * (dP - dP.sum(axis=1, keepdims=True))


@softmax_backward.mistake("the plain mean of the blames is taken off; it is the mean weighted with P, Σ_j p_j dp_j")
def _(dP, P):
    return P * (dP - dP.mean(axis=1, keepdims=True))


@softmax_backward.mistake(
    "the weights P add up to 1 already: their sum over the row is the mean, without a division by C"
)
def _(dP, P):
    return P * (dP - (dP * P).mean(axis=1, keepdims=True))


@softmax_backward.mistake("the mean of the row is taken off; each result is still to be multiplied by its own p_k")
def _(dP, P):
    return dP - (dP * P).sum(axis=1, keepdims=True)


@softmax_backward.mistake("the row is made to add up to 0 by force; its numbers are still not the slopes")
def _(dP, P):
    dZ = dP * P * (1 - P)
    return dZ - dZ.mean(axis=1, keepdims=True)


@softmax_backward.mistake("one sum for the whole batch: the examples know nothing of each other, each row has its own")
def _(dP, P):
    return P * (dP - (dP * P).sum())


@softmax_backward.mistake("the sum goes over the examples; blames of one example are added over the classes")
def _(dP, P):
    return P * (dP - (dP * P).sum(axis=0))


@softmax_backward.mistake("the slope of the numerator alone: P also stands over a sum that moves with every logit")
def _(dP, P):
    return dP * P


# patient 11


@exercise(
    "8.k",
    "two readings",
    minutes=2,
    difficulty=2,
    hints=[
        "Red and amber come from different instruments. Does either of them speak about what the other one measures?",
        "With a constant factor in the gradient, by how much would each parameter be off? Compare the errors.",
    ],
    options={
        "a": "Red: all four gradients are not the slopes of the loss. Amber: the loss is a sum, so 2,000 images make a "
        "step 2,000 times as long as one does. Neither reading says anything about the other, and mending one leaves "
        "the other.",
        "b": "One factor would give every parameter the same relative error. Are the errors in the reading alike?",
        "c": "Does a step have to go straight down in order to go down? The instrument has measured the loss itself, "
        "on both sides of the weights.",
        "d": "`scores` is the loss's own slope, and it is right. So the fault begins below the loss.",
    },
)
def wrong_and_too_long():
    """What a red gradient and an amber range say together."""
    return "a"


@exercise(
    "8.11",
    "the four gradients",
    minutes=6,
    difficulty=2,
    hints=[
        "(4.8) is σ′(z) = σ(z) (1 − σ(z)). You have σ(z): it is called A.",
        "Which blame goes down through W2: that of the output's activation, or that of its Z?",
        "dZ2 from dA2, then dA1 from dZ2, then dZ1 from dA1. Then two products and two sums over the rows.",
    ],
    praise="Blame passes every gate on its way, and the gate of a sigmoid is a (1 − a), with the activation itself. "
    "sigmoid_derivative(A) takes σ a second time: it lies between 0.197 and 0.25, whatever the unit does.",
)
def sigmoid_pair_gradients(dA2, X, A1, A2, W2):
    """A1 = σ(X @ W1 + b1), A2 = σ(A1 @ W2 + b2); from the blame dA2 to dW1, db1, dW2, db2"""
    dZ2 = dA2 * A2 * (1 - A2)
    dZ1 = dZ2 @ W2.T * A1 * (1 - A1)
    return X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)


@sigmoid_pair_gradients.inputs
def _(rng, N=6, D=5, H=4, C=3):
    dA2, X, Z1, Z2, W2 = (
        rng.standard_normal(shape).astype(np.float32) for shape in ((N, C), (N, D), (N, H), (N, C), (H, C))
    )
    return dA2, X, sigmoid(Z1), sigmoid(Z2), W2


def _slope(A):
    """The gate of a sigmoid, from its activation."""
    return A * (1 - A)


def _slope_of_slope(A):
    """The same, with the activation taken for Z."""
    return _slope(sigmoid(A))


def _pair(dA2, X, A1, A2, W2, *, upper=_slope, lower=_slope, passed=None):
    """The four gradients with other gates, or with another blame passed down through W2, for the mistakes below."""
    dZ2 = dA2 * upper(A2)
    dZ1 = (dZ2 if passed is None else passed) @ W2.T * lower(A1)
    return X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)


@sigmoid_pair_gradients.mistake(
    "the patient's own: σ′ is taken at the activation, twice, and the blame goes down without the output's gate"
)
def _(dA2, X, A1, A2, W2):
    return _pair(dA2, X, A1, A2, W2, upper=_slope_of_slope, lower=_slope_of_slope, passed=dA2)


@sigmoid_pair_gradients.mistake("the gates are right; but the blame goes down through W2 without the output's gate")
def _(dA2, X, A1, A2, W2):
    return _pair(dA2, X, A1, A2, W2, passed=dA2)


@sigmoid_pair_gradients.mistake(
    "the way of the blame is right; but both gates take σ′ at the activation, which has been through σ already"
)
def _(dA2, X, A1, A2, W2):
    return _pair(dA2, X, A1, A2, W2, upper=_slope_of_slope, lower=_slope_of_slope)


@sigmoid_pair_gradients.mistake("the output's gate is mended; the hidden layer still takes σ′ at its activation")
def _(dA2, X, A1, A2, W2):
    return _pair(dA2, X, A1, A2, W2, lower=_slope_of_slope)


@sigmoid_pair_gradients.mistake("the hidden layer's gate is mended; the output still takes σ′ at its activation")
def _(dA2, X, A1, A2, W2):
    return _pair(dA2, X, A1, A2, W2, upper=_slope_of_slope)


@sigmoid_pair_gradients.mistake(
    "the output has no gate: that is the gradient of binary cross-entropy, and another loss than the squared error"
)
def _(dA2, X, A1, A2, W2):
    return _pair(dA2, X, A1, A2, W2, upper=np.ones_like)


@sigmoid_pair_gradients.mistake("the hidden layer has no gate: its blame still has to go through a (1 − a)")
def _(dA2, X, A1, A2, W2):
    return _pair(dA2, X, A1, A2, W2, lower=np.ones_like)


@sigmoid_pair_gradients.mistake(
    "divided by the number of images once more: where the loss is a mean, dA2 has the 1/N already"
)
def _(dA2, X, A1, A2, W2):
    return tuple(part / np.float32(len(X)) for part in _pair(dA2, X, A1, A2, W2))


@sigmoid_pair_gradients.mistake("the weights are right; the biases have the mean over the images instead of the sum")
def _(dA2, X, A1, A2, W2):
    dW1, db1, dW2, db2 = _pair(dA2, X, A1, A2, W2)
    return dW1, db1 / np.float32(len(X)), dW2, db2 / np.float32(len(X))


@sigmoid_pair_gradients.mistake("the layers are exchanged: dW1 and db1 come first")
def _(dA2, X, A1, A2, W2):
    dW1, db1, dW2, db2 = _pair(dA2, X, A1, A2, W2)
    return dW2, db2, dW1, db1


# patient 12


@exercise(
    "8.l",
    "whose support?",
    minutes=2,
    difficulty=2,
    hints=[
        "Support should count labels. Which of the three columns of the first table is it that agrees with the labels?",
        "The images are the same for both networks. What else, of which there is one per image, is not?",
    ],
    options={
        "a": "Rounding moves a count by a few. By how many do support and labels differ in the row of the shirts?",
        "b": "Both columns add up to 1,000, and both calls read dev. And the first table alone is at odds with labels.",
        "c": "Then the labels, counted, would stand in the column of support, a row further up or down. Do they?",
        "d": "Then support counts what the network said, which differs from network to network, and hits / precision "
        "counts the labels. Both can be seen. And what is printed as precision is the recall.",
    },
)
def exchanged_arguments():
    """Why the support of a report depends on the network."""
    return "d"


@exercise(
    "8.12",
    "mend the page",
    minutes=4,
    difficulty=2,
    hints=[
        "Hits are hits, whoever is called the truth. What stood below the line in each of the two quotients?",
        "The printed precision is hits / labels: that is the recall. Two columns need only another name.",
        "The third: the hits are recall · support as printed. Divide them by what has the labels below the line.",
    ],
    praise="Precision and recall change names, hits / precision is the support, and the hits stay. Two networks on the "
    "same images must print the same support: that is the quickest test of all.",
    may_share=True,
)
def mended_report(precision, recall, support):
    """Three columns (C,) of an exchanged report  ->  the right precision, recall, support"""
    return recall, precision, recall * support / precision


def _page(rng, C):
    """(precision, recall, support) by class of a report on random labels and predictions, with hits in every class."""
    counts = rng.integers(1, 9, (C, C)) + np.diag(rng.integers(10, 40, C))
    hits = np.diag(counts).astype(float)
    return hits / counts.sum(axis=0), hits / counts.sum(axis=1), counts.sum(axis=1).astype(float)


@mended_report.inputs
def _(rng, C=5):
    return _page(rng, C)


@mended_report.mistake("this is the page as it was: nothing has changed places")
def _(precision, recall, support):
    return precision, recall, support


@mended_report.mistake(
    "precision and recall have changed places; but support still counts what the network said, and not the labels"
)
def _(precision, recall, support):
    return recall, precision, support


@mended_report.mistake("support is mended; but what is printed as precision has the labels below the line")
def _(precision, recall, support):
    return precision, recall, recall * support / precision


@mended_report.mistake(
    "support: the quotient is upside down; hits are recall · support, and precision is hits / labels"
)
def _(precision, recall, support):
    return recall, precision, precision * support / recall


@mended_report.mistake("support: these are the hits; the labels that the network missed belong to it as well")
def _(precision, recall, support):
    return recall, precision, recall * support


@mended_report.mistake("support: precision · support is not the hits, since the support printed here counts the calls")
def _(precision, recall, support):
    return recall, precision, precision * support


@mended_report.mistake("support: not every class has the same number of images; the page knows how many each has")
def _(precision, recall, support):
    return recall, precision, np.full_like(support, support.mean())


@mended_report.mistake("support comes third: precision, recall, support")
def _(precision, recall, support):
    return recall * support / precision, recall, precision
