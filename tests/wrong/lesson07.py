"""Answers to the exercises of lesson 07."""

import math

import numpy as np

from nnlib.exercises import Diagnosis as D

from . import RIGHT, WRONG

WRONG["7.a"] = [
    ("a", (D.WRONG_VALUE, "in any order")),
    ("b", (D.WRONG_VALUE, "how often")),
    ("d", (D.WRONG_VALUE, "which of the two".capitalize())),
]
WRONG["7.b"] = [
    ("a", (D.WRONG_VALUE, "nothing else")),
    ("c", (D.WRONG_VALUE, "uses W1")),
    ("d", (D.WRONG_VALUE, "before training either")),
]

WRONG["7.2"] = [
    ((0.7552, 0.6552), (D.KNOWN_MISTAKE, "swapped")),
    ((6.552, 7.552), (D.KNOWN_MISTAKE, "their mean")),
    ((0, 0.7552), (D.KNOWN_MISTAKE, "1 at most")),
    ((0, math.inf), (D.KNOWN_MISTAKE, "1 at most")),
    ((0.03133, 0.7552), (D.KNOWN_MISTAKE, "each costs ln 2")),
    ((0.6931, 0.7552), (D.KNOWN_MISTAKE, "costs less")),
    ((0.66, 0.76), (D.KNOWN_MISTAKE, "two digits")),
    ((0.3133, 1.3133), (D.KNOWN_MISTAKE, "nine more")),
    ((0.6552, 0.6858), (D.KNOWN_MISTAKE, "costs something as well")),
    ((0.6552, 0.7344), (D.KNOWN_MISTAKE, "ten equal outputs")),
    ((0.6552, 1.2513), (D.KNOWN_MISTAKE, "only one of them")),
    ((0.6552, 2.3026), (D.KNOWN_MISTAKE, "through a sigmoid")),
    ((0.6552, math.inf), (D.KNOWN_MISTAKE, "without a limit")),
    ((0.6552, "0.7552"), (D.WRONG_TYPE, "without quotes")),
    ((0.6552, 0.8), (D.WRONG_VALUE, "answer 2 of 2")),
    (0.6552, D.WRONG_LENGTH),
]
RIGHT["7.2"] = [
    (0.655, 0.755),
    [0.6552, 0.7552],
    ((math.log(1 + 1 / math.e) + 9 * math.log(2)) / 10, (math.log(1 + math.e) + 9 * math.log(2)) / 10),
    np.array([0.65517, 0.75517]),
]

WRONG["7.1"] = [
    ((6.4, 0.001), (D.KNOWN_MISTAKE, "grow or shrink")),
    ((0.1, 0.001), (D.KNOWN_MISTAKE, "rate for the mean")),
    ((0.1 / 64, 0.001 / 64), (D.KNOWN_MISTAKE, "SGD is right")),
    ((0.1 / 64, 0.001 / 4096), (D.KNOWN_MISTAKE, "under a root")),
    ((0.1 / 64, 0.064), (D.KNOWN_MISTAKE, "larger steps")),
    ((0.1 / 64, 0.001 / 8), (D.KNOWN_MISTAKE, "m is 64 times")),
    ((0.1 / 8, 0.001), (D.KNOWN_MISTAKE, "no root")),
    ((0.0016, 0.001), (D.KNOWN_MISTAKE, "two digits")),
    ((0.001, 0.1 / 64), (D.KNOWN_MISTAKE, "swapped")),
    ((0.1 / 100, 0.001), (D.WRONG_VALUE, "answer 1 of 2")),
    ((0.1 / 64, 0.002), (D.FACTOR, "answer 2 of 2")),
    (0.1 / 64, D.WRONG_LENGTH),
]
RIGHT["7.1"] = [(0.1 / 64, 0.001), [0.0015625, 1e-3], (0.001563, 1 / 1000)]

WRONG["7.3"] = [
    ((0.3, 0.6, 1), (D.KNOWN_MISTAKE, "against it")),
    ((-0.1, -0.6, 1), (D.KNOWN_MISTAKE, "there are three")),
    ((-0.3, -0.3, 1), (D.KNOWN_MISTAKE, "third step alone")),
    ((-0.6, -0.3, 1), (D.KNOWN_MISTAKE, "swapped")),
    ((-0.3, -0.9, 1), (D.KNOWN_MISTAKE, "from the start")),
    ((-0.3, -0.7, 1), (D.KNOWN_MISTAKE, "do not double")),
    ((-0.3, -0.6, 0.9), (D.KNOWN_MISTAKE, "forgets a tenth")),
    ((-0.3, -0.6, 0), (D.KNOWN_MISTAKE, "plain SGD")),
    ((-0.3, -0.6, 0.1), (D.KNOWN_MISTAKE, "not the learning rate")),
    ((-0.3, 0.6, 1), (D.SIGN, "answer 2 of 3")),
    ((-0.3, -0.6), D.WRONG_LENGTH),
]
RIGHT["7.3"] = [(-0.3, -0.6, 1), [-0.3, -0.1 - 0.2 - 0.3, 1.0], np.array([-0.3, -0.6, 1])]


def theta_of(first=lambda W, b, m, s: (W / s, b - (W / s).sum(axis=0) * m), join=None, turn=np.transpose):
    """A theta_from_state that does something else with the first layer, with the order, or with the layout."""

    def theta_from_state(state, mean, std):
        W, b, *others = [turn(array) if array.ndim == 2 else array for array in state.values()]
        arrays = [*first(W, b, mean, std), *others]
        return np.concatenate([array.ravel() for array in (join(arrays) if join else arrays)])

    return theta_from_state


def by_alphabet(state, mean, std):
    state = dict(state)
    W, b = list(state)[:2]
    state[W] = state[W] / std
    state[b] = state[b] - state[W].sum(axis=1) * mean
    return np.concatenate(
        [state[name].T.ravel() for layer in sorted({n[0] for n in state}) for name in state if name[0] == layer]
    )


def every_layer(state, mean, std):
    out, values = [], list(state.values())
    for i in range(0, len(values), 2):
        W = values[i].T / std
        out += [W.ravel(), values[i + 1] - W.sum(0) * mean]
    return np.concatenate(out)


def only_the_first_turned(state, mean, std):
    W, b, *others = state.values()
    W = W.T / std
    return np.concatenate([W.ravel(), b - mean * W.sum(axis=0), *[a.ravel() for a in others]])


def two_layers(state, mean, std):
    W1, b1, W2, b2 = list(state.values())[:4]
    return np.concatenate([W1.T.ravel() / std, b1 - W1.sum(1) * mean / std, W2.T.ravel(), b2])


def names_of_this_lesson(state, mean, std):
    return np.concatenate([state[name].T.ravel() for name in ("hidden1.weight", "hidden1.bias")])


def a_list(state, mean, std):
    return [array.T for array in state.values()]


def spoils(state, mean, std):
    W, b = list(state.values())[:2]
    W /= std
    b -= W.sum(axis=1) * mean
    return np.concatenate([a.T.ravel() for a in state.values()])


def nothing(state, mean, std):
    np.concatenate([a.T.ravel() for a in state.values()])


def wrong_axis(state, mean, std):
    W, b, *others = [a.T for a in state.values()]
    return np.concatenate([a.ravel() for a in (W / std, b - (W / std).sum(axis=1) * mean, *others)])


WRONG["7.4"] = [
    (theta_of(lambda W, b, m, s: (W, b)), (D.KNOWN_MISTAKE, "still expects standardised")),
    (theta_of(lambda W, b, m, s: (W, b), turn=np.array), (D.KNOWN_MISTAKE, "two things")),
    (
        theta_of(lambda W, b, m, s: (W / s, b - W.sum(axis=1) * m / s), turn=np.array),
        (D.KNOWN_MISTAKE, "PyTorch's layout"),
    ),
    (theta_of(turn=lambda a: a.reshape(a.shape[::-1])), (D.KNOWN_MISTAKE, "reshape cuts")),
    (theta_of(lambda W, b, m, s: (W / s, b)), (D.KNOWN_MISTAKE, "take over what")),
    (theta_of(lambda W, b, m, s: (W / s, b + W.sum(axis=0) * m / s)), (D.KNOWN_MISTAKE, "wrong sign")),
    (theta_of(lambda W, b, m, s: (W / s, b - W.sum(axis=0) * m)), (D.KNOWN_MISTAKE, "divided by s before")),
    (theta_of(lambda W, b, m, s: (W / s, b - m / s)), (D.KNOWN_MISTAKE, "each input brings")),
    (theta_of(lambda W, b, m, s: (W / s, b - W.mean(axis=0) * m / s)), (D.KNOWN_MISTAKE, "every input counts")),
    (theta_of(lambda W, b, m, s: (W / s, (b - W.sum(axis=0) * m) / s)), (D.KNOWN_MISTAKE, "outside the fraction")),
    (theta_of(lambda W, b, m, s: (W * s, b - W.sum(axis=0) * m / s)), (D.KNOWN_MISTAKE, "multiplied by s")),
    (theta_of(lambda W, b, m, s: (W, b - W.sum(axis=0) * m / s)), (D.KNOWN_MISTAKE, "b is right")),
    (theta_of(lambda W, b, m, s: (W, b - W.sum(axis=0) * m)), (D.KNOWN_MISTAKE, "s has been forgotten")),
    (theta_of(lambda W, b, m, s: (W / s, b - (W / s).sum(axis=0) * m / s)), (D.KNOWN_MISTAKE, "twice")),
    (theta_of(lambda W, b, m, s: (W / s, b - (W / s).sum() * m)), (D.KNOWN_MISTAKE, "each unit has its own")),
    (theta_of(lambda W, b, m, s: ((W - m) / s, b)), (D.KNOWN_MISTAKE, "the pixels in front")),
    (only_the_first_turned, (D.KNOWN_MISTAKE, "the first layer is right")),
    (every_layer, (D.KNOWN_MISTAKE, "every layer")),
    (theta_of(join=lambda a: [a[i ^ 1] for i in range(len(a))]), (D.KNOWN_MISTAKE, "bias stands before")),
    (theta_of(join=lambda a: a[::2] + a[1::2]), (D.KNOWN_MISTAKE, "first all weights")),
    (by_alphabet, (D.KNOWN_MISTAKE, "sorted by name")),
    (two_layers, (D.WRONG_VALUE, "right for two layers")),
    (theta_of(join=lambda a: a[::2]), D.WRONG_SHAPE),
    (theta_of(lambda W, b, m, s: (W.astype(float) / s, b - W.sum(axis=0) * m / s)), D.FLOAT64),
    (theta_of(join=lambda a: [-x for x in a]), D.SIGN),
    (wrong_axis, (D.RAISES, "ValueError")),
    (names_of_this_lesson, (D.RAISES, "KeyError")),
    (a_list, D.WRONG_TYPE),
    (nothing, D.RETURNS_NONE),
    (spoils, (D.MODIFIES_ARGUMENT, "still needs it")),
]


def in_a_loop(state, mean, std):
    pieces = []
    for i, array in enumerate(state.values()):
        array = array.T
        if i == 0:
            array = array / std
            shift = array.sum(axis=0) * mean
        if i == 1:
            array = array - shift
        pieces.append(array.flatten())
    return np.hstack(pieces)


def with_a_shifted_image(state, mean, std):
    W, b, *others = state.values()
    nothing_at_all = np.full(W.shape[1], -mean / std, dtype=W.dtype)
    arrays = [W.T / np.float32(std), b + W @ nothing_at_all, *[array.T for array in others]]
    return np.concatenate([array.reshape(-1) for array in arrays])


RIGHT["7.4"] = [theta_of(), theta_of(turn=lambda a: a.swapaxes(0, 1).copy()), in_a_loop, with_a_shifted_image]
