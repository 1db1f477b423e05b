"""Exercises of lesson 07: what makes two programs differ, and what carries weights from one to the other."""

import copy
import math
from itertools import pairwise

import numpy as np

from .core import exercise
from .diagnose import Diagnosis, same

# sections 1 and 6


@exercise(
    "7.a",
    "how many digits?",
    minutes=1,
    difficulty=1,
    hints=[
        "Is (a + b) + c in floating point the same as a + (b + c)?",
        "One rounding is wrong by about one part in 10¹⁶. How large is an error that grew a hundredfold?",
    ],
    options={
        "a": "A matrix product is a sum of hundreds of terms, and each library adds them up in an order of its own. "
        "Does floating point give the same sum in any order?",
        "b": "They do grow. But each starts near 10⁻¹⁶: how often must it double before the third digit moves?",
        "c": "The orders of addition differ, so the last bits do; and a hundred smooth steps let 10⁻¹⁶ grow to "
        "10⁻¹⁵ or 10⁻¹⁴, no more.",
        "d": "So it would be if a step depended on chance or on another formula. Which of the two is left, when start, "
        "batches, loss and rule are agreed?",
    },
)
def digits_that_agree():
    """How well two libraries agree in float64 after a hundred steps."""
    return "c"


@exercise(
    "7.b",
    "the right shape, the wrong way",
    minutes=1,
    difficulty=1,
    hints=[
        "reshape keeps the row of numbers and cuts it at other places. Which weights does hidden unit 1 get?",
        "Our start is drawn at random. What does one get that stirs random numbers?",
    ],
    options={
        "a": "784 · 128 numbers fill a (128, 784) array as well. reshape asks for nothing else.",
        "b": "The weights stand in wrong places, so even the first forward pass gives another loss. But stirred "
        "random weights are random weights: nothing in the curve shows the mistake. With trained weights it would be "
        "a disaster, and the same line of code.",
        "c": "The first loss needs a forward pass, and that uses W1. Does unit 2 still see pixel 1 through the same "
        "weight?",
        "d": "They make no sense to us before training either. What distinguishes a stirred random start from a "
        "random start?",
    },
)
def reshape_for_transpose():
    """What reshape in place of a transpose does to a random start."""
    return "b"


@exercise(
    "7.1",
    "mean or sum",
    minutes=3,
    difficulty=2,
    hints=[
        "The step of SGD is η times the gradient. What must η do when the gradient grows 64-fold?",
        "In (7.1), m is a mean of gradients and v a mean of their squares. What happens to m / √v when each "
        "gradient is 64 times as large?",
    ],
    praise="SGD steps in proportion to the gradient, so its rate must be 64 times smaller: 0.0016 to two digits. Adam "
    "divides by the size of the gradients, 64 m / √(64² v) = m / √v, and its rate stays. That is why a program with "
    "the sum goes unnoticed with Adam and flies off with SGD.",
)
def sum_for_mean():
    """The learning rates of SGD and of Adam for the same steps with summed losses of 64."""
    return 0.1 / 64, 0.001


@sum_for_mean.mistake("the gradient has become larger: to take the same step, must η grow or shrink?")
def _():
    return 6.4, ...


@sum_for_mean.mistake("0.1 is the rate for the mean; SGD's step is η times the gradient, and that has changed")
def _():
    return 0.1, ...


@sum_for_mean.mistake(
    "SGD is right. But Adam divides by the root of the squares: write 64 g for g in (7.1) and see what cancels"
)
def _():
    return 0.1 / 64, 0.001 / 64


@sum_for_mean.mistake("Adam: v holds squares, but it stands under a root; what cancels when all g grow 64-fold?")
def _():
    return ..., 0.001 / 64**2


@sum_for_mean.mistake("Adam: larger steps for larger gradients? Write 64 g for g in (7.1) and see what cancels")
def _():
    return ..., 0.064


@sum_for_mean.mistake("Adam: √64 would be right if only v changed; m is 64 times as large too")
def _():
    return ..., 0.001 / 8


@sum_for_mean.mistake(
    "SGD: there is no root in its step, which is η times the gradient; by what factor has that grown?"
)
def _():
    return 0.1 / 8, ...


@sum_for_mean.mistake("the first is right to two digits; the check wants three, or leave the quotient as it is")
def _():
    return 0.0016, ...


@sum_for_mean.mistake("the two are swapped: SGD's rate comes first")
def _():
    return 0.001, 0.1 / 64


# section 7


@exercise(
    "7.2",
    "the cage, by hand",
    minutes=3,
    difficulty=2,
    star=True,
    hints=[
        "Perfect: which ten numbers leave the softmax? One is special, nine are alike.",
        "An output p whose target is 1 costs ln(1 + e⁻ᵖ), one whose target is 0 costs ln(1 + eᵖ). At p = 0 both "
        "cost ln 2.",
        "Surely wrong: the right class has p = 0, one other has p = 1, eight have p = 0. Add up, divide by 10.",
    ],
    praise="Between 0.6552 and 0.7552, whatever the weights. A healthy cross-entropy runs from 0 to as much as you "
    "like. Even ten equal outputs of 0.1 give 0.7344, so a loss of 0.7344 after training has learnt nothing.",
)
def caged_loss():
    """The least and the largest loss of softmax followed by binary cross-entropy on logits, ten classes."""
    perfect = (math.log(1 + math.exp(-1)) + 9 * math.log(2)) / 10
    surely_wrong = (math.log(1 + math.e) + 9 * math.log(2)) / 10
    return perfect, surely_wrong


@caged_loss.mistake("the two are swapped: the least comes first")
def _():
    least, largest = caged_loss.reference()
    return largest, least


@caged_loss.mistake("these are sums over the ten outputs; the loss is their mean")
def _():
    least, largest = caged_loss.reference()
    return 10 * least, 10 * largest


@caged_loss.mistake("right to two digits; the check wants three or more")
def _():
    return 0.66, 0.76


@caged_loss.mistake("the least: this is what the right class alone costs; nine more outputs belong to the mean")
def _():
    return math.log(1 + math.exp(-1)), ...


@caged_loss.mistake("the largest: nine outputs are counted; the right class, now at p = 0, costs something as well")
def _():
    return ..., (math.log(1 + math.e) + 8 * math.log(2)) / 10


@caged_loss.mistake(
    "0 for a perfect answer would need an output far above 0 for the right class; the softmax allows 1 at most"
)
def _():
    return 0, ...


@caged_loss.mistake("the perfect answer has nine outputs at p = 0, and the sigmoid of 0 is ½: each costs ln 2, not 0")
def _():
    return math.log(1 + math.exp(-1)) / 10, ...


@caged_loss.mistake("ln 2 is the cost of one output at p = 0; the right class has p = 1 and costs less")
def _():
    return math.log(2), ...


@caged_loss.mistake("the largest is not that of ten equal outputs: the loss is worse when one wrong class has all")
def _():
    return ..., (math.log(1 + math.exp(-0.1)) + 9 * math.log(1 + math.exp(0.1))) / 10


@caged_loss.mistake(
    "the largest: nine wrong classes cannot all have p = 1, since a softmax adds up to 1; only one of them can"
)
def _():
    return ..., (math.log(2) + 9 * math.log(1 + math.e)) / 10


@caged_loss.mistake(
    "ln 10 is the loss of equal outputs under softmax and cross-entropy; here each p goes through a sigmoid"
)
def _():
    return ..., math.log(10)


@caged_loss.mistake("without a limit, so it would be for logits; but what comes out of a softmax lies between 0 and 1")
def _():
    return ..., math.inf


# section 9


@exercise(
    "7.3",
    "break it and explain",
    minutes=4,
    difficulty=2,
    hints=[
        "Without zero_grad, the second backward adds its 1 to the 1 that is there. Which three numbers does step see?",
        "With them, w goes 0, −0.1, and then? For μ: lesson 06 has v ← μ v + g; which μ forgets nothing?",
    ],
    praise="The steps are 0.1, 0.2, 0.3: the sum of all gradients so far. That is momentum with μ = 1, a ball "
    "without friction: in a valley it swings from side to side for ever.",
)
def without_zero_grad():
    """w after three steps with zero_grad, after three without, and the momentum that walks like the second."""
    with_it = -0.1 * 3
    without = -0.1 * (1 + 2 + 3)
    return with_it, without, 1.0


@without_zero_grad.mistake("with zero_grad: the gradient is +1 and the step goes against it")
def _():
    return 0.3, ..., ...


@without_zero_grad.mistake("with zero_grad: this is one step; there are three")
def _():
    return -0.1, ..., ...


@without_zero_grad.mistake("without zero_grad: −0.3 is the third step alone; the first two have moved w as well")
def _():
    return -0.3, -0.3, ...


@without_zero_grad.mistake("the first two are swapped: with zero_grad comes first")
def _():
    return -0.6, -0.3, ...


@without_zero_grad.mistake(
    "without zero_grad: 3 + 3 + 3 would be if the sum were there from the start; at the first step it is 1"
)
def _():
    return -0.3, -0.9, ...


@without_zero_grad.mistake("without zero_grad: the gradients add up (1, 2, 3), they do not double (1, 2, 4)")
def _():
    return -0.3, -0.7, ...


@without_zero_grad.mistake("0.9 forgets a tenth at every step; here nothing is forgotten")
def _():
    return -0.3, -0.6, 0.9


@without_zero_grad.mistake("momentum 0 is plain SGD, which is the walk with zero_grad")
def _():
    return -0.3, -0.6, 0


@without_zero_grad.mistake("the momentum is the factor of the old v in v ← μ v + g, not the learning rate")
def _():
    return -0.3, -0.6, 0.1


@exercise(
    "7.4",
    "bring the weights home",
    minutes=8,
    difficulty=3,
    star=True,
    hints=[
        "First the first layer: (x − m)/s · W + b. What stands beside x? And −m/s stands in front of each input, so "
        "what does unit j get from all of them together?",
        "New W: divided by s. New b: b less m/s times the sum of W over its inputs. Which axis is that once W is "
        "(in, out)?",
        "A bias has one axis and .T leaves it alone. Make the list of turned arrays, change its first two, flatten "
        "and join them with np.concatenate.",
    ],
    praise="Turned to (in, out), flattened, layer after layer; the first layer with W/s and b − (m/s) Σ W. The length "
    "tells nothing, since every wrong order has the same; only outputs do. And the preprocessing is part of a model: "
    "weights that travel without it are wrong weights.",
)
def theta_from_state(state, mean, std):
    """theta for x, from a state dict for (x - mean) / std: (out, in), (out,), …  ->  (P,)"""
    W, b, *others = [array.T for array in state.values()]
    arrays = [W / std, b - (W / std).sum(axis=0) * mean, *others]
    return np.concatenate([array.ravel() for array in arrays])


def _state(rng, widths):
    """A state dict whose alphabetical order is not that of the layers."""
    state = {}
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        state[f"{'zyx'[i]}.weight"] = rng.standard_normal((fan_out, fan_in)).astype(np.float32)
        state[f"{'zyx'[i]}.bias"] = rng.standard_normal(fan_out).astype(np.float32)
    return state


@theta_from_state.inputs
def _(rng, D=5, H=4, C=3):
    return _state(rng, (D, H, C)), float(rng.uniform(0.1, 0.4)), float(rng.uniform(0.2, 0.5))


def _joined(state, mean, std, fold=True, turn=np.transpose):
    """The parts of a theta, in order, for the mistakes below."""
    arrays = [turn(array) if array.ndim == 2 else array for array in state.values()]
    if fold:
        W, b = list(state.values())[:2]
        arrays[:2] = turn(W) / std, b - W.sum(axis=1) / std * mean
    return arrays


def _flat(arrays):
    return np.concatenate([np.ravel(array) for array in arrays])


@theta_from_state.mistake("turned and joined as it should be; but the first layer still expects standardised pixels")
def _(state, mean, std):
    return _flat(_joined(state, mean, std, fold=False))


@theta_from_state.mistake("two things: the arrays are still (out, in), and the first layer expects standardised pixels")
def _(state, mean, std):
    return _flat(state.values())


@theta_from_state.mistake("the weights lie in PyTorch's layout, (out, in); ours is (in, out)")
def _(state, mean, std):
    return _flat(_joined(state, mean, std, turn=np.asarray))


@theta_from_state.mistake("reshape cuts the same row of numbers at other places; it does not turn the array")
def _(state, mean, std):
    arrays = [array.reshape(array.shape[::-1]) for array in state.values()]
    return _flat([arrays[0] / std, arrays[1] - (arrays[0] / std).sum(axis=0) * mean, *arrays[2:]])


@theta_from_state.mistake("W of the first layer is right; its b has to take over what −m/s · W adds to every output")
def _(state, mean, std):
    arrays = _joined(state, mean, std, fold=False)
    return _flat([arrays[0] / std, *arrays[1:]])


@theta_from_state.mistake("the new b has the wrong sign: it is minus m/s that stands beside W")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([W / std, b + (W / std).sum(axis=0) * mean, *others])


@theta_from_state.mistake("in b the mean m is taken off as it is; but it is divided by s before it meets W")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([W / std, b - W.sum(axis=0) * mean, *others])


@theta_from_state.mistake("in b the mean is taken off once; each input brings its own m/s · w, and they add up")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([W / std, b - mean / std, *others])


@theta_from_state.mistake("in b stands the mean of W over the inputs; every input counts whole, so it is the sum")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([W / std, b - (W / std).mean(axis=0) * mean, *others])


@theta_from_state.mistake("b is divided by s as well; in (x − m)/s · W + b it stands outside the fraction")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([W / std, (b - W.sum(axis=0) * mean) / std, *others])


@theta_from_state.mistake("W is multiplied by s; the pixels are divided by it")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([W * std, b - (W / std).sum(axis=0) * mean, *others])


@theta_from_state.mistake("b is right; W of the first layer still expects pixels that are divided by s")
def _(state, mean, std):
    arrays = _joined(state, mean, std, fold=False)
    return _flat([arrays[0], _joined(state, mean, std)[1], *arrays[2:]])


@theta_from_state.mistake("the mean is taken off, but s has been forgotten, in W and in b")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([W, b - W.sum(axis=0) * mean, *others])


@theta_from_state.mistake("in b the mean is divided by s twice; a W that is divided by s has it already")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([W / std, b - (W / std).sum(axis=0) * mean / std, *others])


@theta_from_state.mistake("in b one sum over all of W serves every unit; each unit has its own, over its inputs")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([W / std, b - (W / std).sum() * mean, *others])


@theta_from_state.mistake("the weights themselves are standardised; it is the pixels in front of them that were")
def _(state, mean, std):
    W, b, *others = _joined(state, mean, std, fold=False)
    return _flat([(W - mean) / std, b, *others])


@theta_from_state.mistake("the first layer is right; the weights of the others are still (out, in)")
def _(state, mean, std):
    return _flat([*_joined(state, mean, std)[:2], *list(state.values())[2:]])


@theta_from_state.mistake("every layer takes over the standardising; only the first one sees pixels")
def _(state, mean, std):
    arrays = _joined(state, mean, std, fold=False)
    for i in range(0, len(arrays), 2):
        W = arrays[i] / std
        arrays[i], arrays[i + 1] = W, arrays[i + 1] - W.sum(axis=0) * mean
    return _flat(arrays)


@theta_from_state.mistake("in each layer the bias stands before the weights; theta has W first")
def _(state, mean, std):
    arrays = _joined(state, mean, std)
    return _flat([arrays[i ^ 1] for i in range(len(arrays))])


@theta_from_state.mistake("first all weights, then all biases; theta goes layer by layer")
def _(state, mean, std):
    arrays = _joined(state, mean, std)
    return _flat(arrays[::2] + arrays[1::2])


@theta_from_state.mistake("the layers are sorted by name; the state dict has them from the input to the output")
def _(state, mean, std):
    arrays = dict(zip(state, _joined(state, mean, std), strict=True))
    return _flat([arrays[name] for name in sorted(state, key=lambda name: name.split(".")[0])])


@theta_from_state.rule
def _(answer, rng):
    """Names and number of layers are the state dict's own affair."""
    state = _state(rng, (2, 3, 4, 2))
    mine = copy.deepcopy(state)
    got = answer(mine, 0.3, 0.5)
    if mine.keys() != state.keys() or any(not np.array_equal(mine[name], state[name]) for name in state):
        return Diagnosis.MODIFIES_ARGUMENT, "modifies the state dict; whoever trained the network still needs it"
    if not same(got, theta_from_state.reference(state, 0.3, 0.5)):
        return Diagnosis.WRONG_VALUE, "right for two layers; a state dict of three goes wrong"
    return None
