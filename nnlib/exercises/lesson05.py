"""Exercises of lesson 05: steps that go nowhere, too far, or as far as they may; and two looks at dev."""

import math
from functools import partial

import numpy as np

from .core import DRAWS, _trial, exercise
from .diagnose import Diagnosis, diagnose, same


@exercise(
    "5.1",
    "break it and explain",
    minutes=3,
    difficulty=1,
    hints=[
        "Which array does the network compute its scores with, and does the step write into that array?",
        "`theta` is a name that exists only while `step` runs. To what does it refer at the end of its last line?",
    ],
    options={
        "a": "For a single number the two lines do the same. With an array one of them writes into it and the other "
        "makes a new one; into which of the two does the network look?",
        "b": "Nothing is put into the tuple: `theta, grad = self.params` gives names to what is in it, and a name may "
        "be given to something else at any time.",
        "c": "That each step starts from the same vector is well seen. Now ask of the first step what you ask of the "
        "others: when `step` has returned, who still holds its result?",
        "d": "`theta - …` computes a new vector, and `theta = …` gives the local name theta to it; when `step` "
        "returns, it is thrown away, and nothing complains. The network still looks at the old one, and `theta -= …` "
        "writes into that. A loss that is the same to the last digit from the first step on is the mark of this "
        "mistake; a bad learning rate hardly ever does that.",
    },
)
def rebound_name():
    """What do twenty steps of `theta = theta - …` do to the loss?"""
    return "d"


@exercise(
    "5.2",
    "a number by hand",
    minutes=3,
    difficulty=1,
    star=True,
    hints=[
        "The slope first: 2w belongs to w². What is it for three times as much?",
        "Write the step as w · (1 - …η), as in equation 5.2. The walk closes in while that factor is between -1 and 1.",
    ],
    praise="The slope is 6w, three times that of w², so a step multiplies by 1 - 6η. With η = 0.25 that is -0.5, and "
    "at η = 1/3 the factor reaches -1. A valley three times as steep allows a learning rate only a third as large.",
)
def steep_valley():
    """Where one step from w = 1 with η = 0.25 leads on f(w) = 3w², and the η from which on it no longer closes in."""
    return 1 - 0.25 * 6, 2 / 6


_VALLEYS = [
    ("this walks in the valley w² of the table; yours is three times as steep", (0.5, 1)),
    ("the two answers are swapped: first where the step leads, then the η", (1 / 3, -0.5)),
    ("the first answer walks down 3w²/2: the slope of 3w² is not 3w", (0.25, ...)),
    ("the first answer is where the step leads in the valley w²; in a steeper one it is longer", (0.5, ...)),
    ("the first answer went uphill: a step goes against the slope", (2.5, ...)),
    ("the first answer is the step itself; where does it lead from w = 1?", (-1.5, ...)),
    ("the first answer is how high you are, f(w); where is that on the w axis?", (0.75, ...)),
    ("with the second answer the factor is 0: one step leads to the bottom", (..., 1 / 6)),
    ("the second answer goes with the slope 3w; is that the slope of 3w²?", (..., 2 / 3)),
    ("the second answer is the limit of w²; this valley is steeper", (..., 1)),
    ("the second answer: does a steeper valley allow longer steps or only shorter ones?", (..., 3)),
    ("the second answer in quotes is a text; write the fraction without them", (..., "1/3")),
    ("both are right as far as the digits go; write the second as a fraction", (-0.5, 0.33)),
]
for _message, _pair in _VALLEYS:
    _wrong = partial(tuple, _pair)
    steep_valley.mistake(_message)(_wrong)


@exercise(
    "5.a",
    "the first row of the table",
    minutes=1,
    difficulty=1,
    hints=["In `fit`, find the line in which `total` grows and the line that calls `evaluate`. When does each run?"],
    options={
        "a": "The train value is a mean over the epoch, bad first batches included; dev is asked once, after the last "
        "step. After a few epochs the network changes less during an epoch, and the usual order comes back: train a "
        "little below dev.",
        "b": "In the end it is so, and practice is the reason. Before that, read in `fit` at which steps of the epoch "
        "each of the two values is measured.",
        "c": "If both were measured at the same moment they would be nearly equal, since nothing is known by heart "
        "yet. Are they measured at the same moment?",
    },
)
def first_epoch():
    """In the first epoch, is the loss that `fit` notes lower on train or on dev?"""
    return "a"


@exercise(
    "5.3",
    "predict, then run",
    minutes=3,
    difficulty=1,
    star=True,
    hints=[
        "Match the four rates with the four behaviours of w²: creeping, arriving, swinging, flying off.",
        "Huge steps can push a hidden unit to where its ReLU is asleep for every image. What gradient gets through it?",
        "With every hidden unit asleep all images get the same ten scores. What loss does lesson 03 give to a guess?",
    ],
    praise="0.01 creeps, 0.2 comes down smoothly and ends lowest, 0.5 swings and still makes progress. 2 is soon "
    "thrown far above the start, as 1.1 was on w². But it does not fly off for ever: the huge steps push the hidden "
    "units to where every ReLU is asleep, and then no gradient gets through to them. What is left are ten constant "
    "scores, and guessing among ten classes costs ln 10 ≈ 2.30. A loss that sits at 2.30 says dead, not slow.",
)
def four_rates():
    """The learning rate that ends lowest, and the loss at which the worst one ends."""
    return 0.2, np.log(10)


_RATES = [
    ("the two answers are swapped: first the η, then the loss", (math.log(10), 0.2)),
    (
        "the lowest one: 0.01 never overshoots, but fifty of its steps do not lead far: it creeps",
        (0.01, ...),
    ),
    (
        "the lowest one: 0.5 takes long steps and loses a part of what it wins: it swings from side to side",
        (0.5, ...),
    ),
    (
        "the lowest one: 2 is more than this loss allows: the walk is thrown far above its start",
        (2, ...),
    ),
    (
        "the worst one: on w² it would fly off for ever, but w² has no ReLUs. What happens to a unit that a huge step "
        "has thrown to where it is asleep for every image?",
        (..., math.inf),
    ),
    (
        "the worst one: 2.5 is where all four start: no knowledge, and a little certainty all the same. Does that "
        "survive?",
        (..., 2.5),
    ),
    (
        "the worst one: ln 2 is the price of a guess between two classes; how many are there here?",
        (..., math.log(2)),
    ),
    (
        "the worst one: a loss of 0 means certain and right for every image; none of the four gets there in fifty "
        "steps",
        (..., 0.0),
    ),
    (
        "the worst one: a guess is right one time in ten, yes; the loss is minus the logarithm of that share",
        (..., 10.0),
    ),
    (
        "the worst one: one tenth is the share that a guess gets right; the loss is minus its logarithm",
        (..., 0.1),
    ),
    ("the worst one: 1 would be a logarithm to base 10; the loss takes the natural one", (..., 1.0)),
    ("the worst one: 2 is near. For what reason? Say it with two digits after the point", (..., 2.0)),
    ("the worst one: in quotes it is a text; write a number", (..., "ln 10")),
    ("the worst one: in quotes it is a text; write a number", (..., "2.3")),
]
for _message, _pair in _RATES:
    _wrong = partial(tuple, _pair)
    four_rates.mistake(_message)(_wrong)


@exercise(
    "5.4",
    "build a step with a longest length",
    minutes=10,
    difficulty=3,
    hints=[
        "The length first: np.linalg.norm(grad), the root of the sum of the squares of all its numbers.",
        "By which number do you multiply a vector of length 5 to give it the length 0.2? And one of length 0.1, which "
        "is to stay as it is?",
        "The factor is `longest` over the length and never more than 1. Divide by something that cannot be 0.",
    ],
    praise="This is called gradient clipping. In PyTorch it is a line between backward and step, "
    "torch.nn.utils.clip_grad_norm_(model.parameters(), longest); language models are usually trained with it.",
    in_place=["theta"],
)
def clipped_step(theta, grad, lr, longest):
    """θ ← θ - lr · g, in place; g is grad, cut to `longest` if longer.   theta, grad (n,)"""
    length = np.linalg.norm(grad)
    theta -= lr * grad * (longest / max(length, longest))


def _walker(rng, times):
    """theta, a gradient that is `times` as long as the longest allowed, the learning rate, the longest length."""
    theta, grad = (rng.standard_normal(6, dtype=np.float32) for _ in range(2))
    grad[:2] = 2, -2  # so that one number above the limit is positive and one negative
    lr, longest = rng.uniform(6, 8), rng.uniform(0.6, 0.9)  # no mistake below looks like another
    return theta + np.float32(3), grad * np.float32(times * longest / np.linalg.norm(grad)), lr, longest


@clipped_step.mistake("a gradient longer than `longest` is not shortened: this is a step of plain SGD")
def _(theta, grad, lr, longest):
    theta -= lr * grad


@clipped_step.mistake("each number is cut on its own, and that turns the direction; shorten the vector as a whole")
def _(theta, grad, lr, longest):
    theta -= lr * np.clip(grad, -longest, longest)


@clipped_step.mistake("each number is cut on its own, and only if it is positive; shorten the vector as a whole")
def _(theta, grad, lr, longest):
    theta -= lr * np.minimum(grad, longest)


@clipped_step.mistake("the step is as long as `longest`; the gradient should be, and lr then multiplies it")
def _(theta, grad, lr, longest):
    theta -= grad * (longest / np.linalg.norm(grad))


@clipped_step.mistake("the gradient is shortened to the length 1; it may be as long as `longest`")
def _(theta, grad, lr, longest):
    theta -= lr * grad / np.linalg.norm(grad)


@clipped_step.mistake("this divides by the square of the length: the root is missing")
def _(theta, grad, lr, longest):
    theta -= lr * grad * (longest / np.sum(grad**2))


@clipped_step.mistake("the sizes are added up; the length is the root of the sum of squares")
def _(theta, grad, lr, longest):
    theta -= lr * grad * (longest / np.abs(grad).sum())


@clipped_step.mistake("the largest number is not the length: all of them count, squared")
def _(theta, grad, lr, longest):
    theta -= lr * grad * (longest / np.abs(grad).max())


@clipped_step.mistake("this is the length of theta; it is the gradient that may be too long")
def _(theta, grad, lr, longest):
    theta -= lr * grad * (longest / np.linalg.norm(theta))


@clipped_step.mistake("the factor is upside down: a long gradient becomes longer still")
def _(theta, grad, lr, longest):
    theta -= lr * grad * (np.linalg.norm(grad) / longest)


@clipped_step.mistake("`len` counts the numbers; the length of a vector is the root of the sum of their squares")
def _(theta, grad, lr, longest):
    theta -= lr * grad * (longest / len(grad))


@clipped_step.mistake("a mean of the squares; for the length they are added up")
def _(theta, grad, lr, longest):
    theta -= lr * grad * (longest / np.sqrt(np.mean(grad**2)))


@clipped_step.mistake("dividing by `longest` does not give the length `longest`: how long is the result?")
def _(theta, grad, lr, longest):
    theta -= lr * grad / longest


@clipped_step.mistake("the gradient is shortened to 0.2, as in the run below; here `longest` says how long it may be")
def _(theta, grad, lr, longest):
    theta -= lr * grad * (0.2 / np.linalg.norm(grad))


@clipped_step.mistake("every number of theta moves by lr · longest: the direction of the gradient is lost")
def _(theta, grad, lr, longest):
    theta -= lr * longest


@clipped_step.mistake("two steps: after the shortened one comes the whole one as well")
def _(theta, grad, lr, longest):
    theta -= lr * grad * (1 + longest / np.linalg.norm(grad))


@clipped_step.rule
def _(answer, rng):
    """Comes first: where only short gradients lead to a step, theta looks as if nobody wrote to it."""
    moves = []
    for times in (0.5, 4):
        theta, grad, lr, longest = _walker(rng, times)
        moved = theta.copy()
        with np.errstate(all="ignore"):
            answer(moved, grad, lr, longest)
        moves.append(not np.array_equal(moved, theta))
    if moves == [True, False]:
        return (
            Diagnosis.KNOWN_MISTAKE,
            "no step at all when the gradient is longer than `longest`; shorten it, then step",
        )
    return None


@clipped_step.rule
def _(answer, rng):
    trials = (_trial(clipped_step, answer, _walker(rng, rng.uniform(3, 5))) for _ in range(DRAWS))
    return next(filter(None, trials), None)


@clipped_step.rule
def _(answer, rng):
    theta, grad, lr, longest = _walker(rng, rng.uniform(0.7, 0.9))
    moved, stretched = theta.copy(), grad * (longest / np.linalg.norm(grad))
    answer(moved, grad.copy(), lr, longest)
    if np.array_equal(moved, theta):
        return Diagnosis.KNOWN_MISTAKE, "no step at all when the gradient is shorter than `longest`"
    if same(theta - moved, lr * stretched, 1e-3):
        return Diagnosis.KNOWN_MISTAKE, "a gradient shorter than `longest` is made longer; it should stay as it is"
    diagnosis, message = diagnose(theta - moved, lr * grad, rtol=1e-3)
    if diagnosis is not Diagnosis.CORRECT:
        return diagnosis, f"right for a long gradient; when it is shorter than `longest`: {message}"
    return None


@clipped_step.rule
def _(answer, rng):
    """Longer by a twentieth: neither the square of the length nor any single number is above the limit."""
    theta, _, lr, longest = _walker(rng, 1)
    grad = (rng.choice([-1, 1], 6) * rng.uniform(0.8, 1.2, 6)).astype(np.float32)
    grad *= np.float32(1.05 * longest / np.linalg.norm(grad))
    moved = theta.copy()
    answer(moved, grad.copy(), lr, longest)
    if not same(theta - moved, lr * grad / 1.05, 1e-3):
        message = (
            "a gradient that is barely too long is not shortened as it should be; compare its length with `longest`"
        )
        return Diagnosis.KNOWN_MISTAKE, message
    return None


@clipped_step.rule
def _(answer, rng):
    theta, grad, lr, longest = _walker(rng, 0)
    moved = theta.copy()
    try:
        with np.errstate(all="ignore"):
            answer(moved, grad, lr, longest)
    except ZeroDivisionError:
        return Diagnosis.RAISES, "divides by zero when the gradient is all zeros; theta should then stay as it is"
    if not np.isfinite(moved).all():
        return Diagnosis.NOT_A_NUMBER, "a gradient of zeros has the length 0, and theta becomes nan; it should stay"
    if not np.array_equal(moved, theta):
        return Diagnosis.WRONG_VALUE, "theta moves although the gradient is all zeros"
    return None


@exercise(
    "5.b",
    "500 images, sixty epochs",
    minutes=1,
    difficulty=1,
    hints=[
        "How many images are there for how many weights?",
        "The loss on an image that is read wrong depends on how sure the network is. How sure does it become?",
    ],
    options={
        "a": "So it was with 7,000 images and ten hidden units. Here 109,386 weights meet 500 images: what keeps them "
        "from storing each one?",
        "b": "The share of dev images that it reads right does nearly stay. But the loss also asks how sure the "
        "network is, above all where it is wrong.",
        "c": "Every one of the 500 is known with near certainty, so train goes to nearly 0. Dev has its lowest point "
        "within the first ten epochs; from then on the network becomes more and more certain even where it is wrong.",
        "d": "500 images are few. But would a network that has seen 500 digits read others worse than one that has "
        "seen none?",
    },
)
def few_images():
    """What do the losses on train and dev do when a large network trains on 500 images for sixty epochs?"""
    return "c"
