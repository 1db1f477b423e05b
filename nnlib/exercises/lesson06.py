"""Exercises 6.1 to 6.16: the library again, from memory, and the optimisers that follow SGD.

Rows are examples; the floating dtype of the input is kept. Functions not named `…_step` leave their arguments alone;
steps write into the arrays they are given and return None.
"""

import math
from itertools import pairwise

import numpy as np

from .core import exercise, global_state
from .diagnose import Diagnosis, same

# sitting 1 · ReLU and biases, from memory


@exercise(
    "6.1",
    "ReLU",
    minutes=3,
    difficulty=1,
    hints=["What happens to a negative number? And to a positive one?", "NumPy has a function for the larger of two."],
)
def relu(Z):
    """max(z, 0) for every number.   Z (N, D)  ->  A (N, D)"""
    return np.maximum(Z, 0)


@relu.inputs
def _(rng, N=5, D=4):
    Z = rng.standard_normal((N, D), dtype=np.float32)
    Z[0, 0], Z[0, -1] = 0, -1  # also with one row: nothing is right by luck
    return (Z,)


@relu.mistake("the absolute value: a negative number should become 0, not lose its sign")
def _(Z):
    return np.abs(Z)


@relu.mistake("the minimum: it keeps the negative numbers and drops the positive ones")
def _(Z):
    return np.minimum(Z, 0)


@relu.mistake("this is where the slope is 1, not the value: positive numbers pass as they are")
def _(Z):
    return (Z > 0).astype(Z.dtype)


@relu.mistake("this says where Z is positive, True or False; positive numbers pass as they are")
def _(Z):
    return Z > 0


@relu.mistake("this is the largest number of each column; each number of Z is to be compared with 0, on its own")
def _(Z):
    return np.max(Z, 0)


@exercise(
    "6.2",
    "backward through ReLU",
    minutes=5,
    difficulty=1,
    hints=[
        "A gate: where it was open, blame passes unchanged; where it was shut, nothing passes.",
        "Z > 0 is an array of True and False, and True counts as 1.",
    ],
)
def relu_backward(dA, Z):
    """dL/dZ of A = max(Z, 0); 0 where Z = 0.   dA, Z (N, D)  ->  dZ (N, D)"""
    return dA * (Z > 0)


@relu_backward.inputs
def _(rng, N=5, D=4):
    Z = rng.standard_normal((N, D), dtype=np.float32)
    Z[0, : D // 2] = 0
    Z[0, -2:] = 1, -1  # also with one row: nothing is right by luck
    return rng.standard_normal((N, D), dtype=np.float32), Z


@relu_backward.mistake("at Z = 0 the blame passes; the convention of this course (and PyTorch) is that it does not")
def _(dA, Z):
    return dA * (Z >= 0)


@relu_backward.mistake("the gate looks at the blame dA; it should look at Z")
def _(dA, Z):
    return dA * (dA > 0)


@relu_backward.mistake("this multiplies by the activation; the slope is 1 or 0")
def _(dA, Z):
    return dA * np.maximum(Z, 0)


@relu_backward.mistake("the mask is missing: blame passes through sleeping units too")
def _(dA, Z):
    return dA.copy()


@relu_backward.mistake("this is the mask alone; the blame dA has to go through it")
def _(dA, Z):
    return (Z > 0).astype(Z.dtype)


@relu_backward.mistake("the gate is the wrong way round: it opens where Z is negative")
def _(dA, Z):
    return dA * (Z < 0)


@relu_backward.mistake("where Z is negative the blame comes back with its sign changed; nothing should pass there")
def _(dA, Z):
    return dA * np.sign(Z)


@exercise(
    "6.3",
    "a layer with a bias",
    minutes=4,
    difficulty=1,
    hints=[
        "Every row of X goes through the same weights and gets the same bias.",
        "Broadcasting adds b of shape (out,) to each row.",
    ],
)
def add_bias(X, W, b):
    """X @ W + b.   X (N, in), W (in, out), b (out,)  ->  Z (N, out)"""
    return X @ W + b


@add_bias.inputs
def _(rng, N=5, D=3, K=4):
    shapes = (N, D), (D, K), (K,)
    return tuple(rng.standard_normal(shape, dtype=np.float32) for shape in shapes)


@add_bias.mistake("the bias is missing")
def _(X, W, b):
    return X @ W


@add_bias.mistake("the bias is subtracted")
def _(X, W, b):
    return X @ W - b


@add_bias.mistake("every output gets the sum of all biases; each has one of its own")
def _(X, W, b):
    return X @ W + b.sum()


@add_bias.mistake("ReLU is a step of its own, after this one: Z may be negative")
def _(X, W, b):
    return np.maximum(X @ W + b, 0)


@exercise(
    "6.4",
    "the gradient of the bias",
    minutes=5,
    difficulty=2,
    hints=[
        "The same b is added to every row, so every row has a say in how b should move.",
        "dZ already carries the 1/N of the mean loss.",
    ],
)
def bias_gradient(dZ):
    """dL/db of Z = X @ W + b, with dZ of the mean loss.   dZ (N, out)  ->  db (out,)"""
    return dZ.sum(axis=0)


@bias_gradient.inputs
def _(rng, N=5, D=4):
    return (rng.standard_normal((N, D), dtype=np.float32),)


@bias_gradient.mistake("one number for all biases: each output has a bias of its own")
def _(dZ):
    return np.full(dZ.shape[1], dZ.sum(), dtype=dZ.dtype)


@exercise(
    "6.a",
    "digits without biases",
    minutes=1,
    difficulty=1,
    hints=[
        "How many of the network's numbers are biases?",
        "Is there anything in an image of a digit that could do the work of an input that is always 1?",
    ],
    options={
        "a": "40 numbers of 23,860 are few, but each of them reaches every image, so the count alone does "
        "not settle it. What else in an image is nearly always there?",
        "b": "Every hidden unit would indeed have to turn on and off exactly at 0. In the plane that is a cage, as the "
        "next picture shows. But an image has 784 inputs: does none of them play the part of a constant?",
        "c": "Pixels in the middle have ink in most images, so their weights do what a bias does. Biases are not "
        "useless: they are not missed here, because these inputs hold a stand-in for the 1.",
        "d": "The weights get their gradients by way of dZ and X, and neither asks for a bias. Training goes on; only "
        "the place where a unit turns on is no longer free.",
    },
)
def digits_without_biases():
    """What happens to the dev accuracy of 784-30-10 when its biases stay 0."""
    return "c"


# sitting 2 · any depth, and mini-batches


@exercise(
    "6.5",
    "starting weights",
    minutes=8,
    difficulty=2,
    hints=[
        "One weight matrix per gap between two sizes: len(sizes) - 1 of them.",
        "rng.standard_normal takes a shape and a dtype; which number of inputs sets the scale?",
    ],
)
def init_params(sizes, rng):
    """He weights and zero biases of a network, float32.

    sizes, such as [784, 64, 10]  ->  (Ws, bs)
    Ws[i] (sizes[i], sizes[i+1]) is normal · √(2 / sizes[i]); bs[i] (sizes[i+1],) is zero.
    """
    Ws, bs = [], []
    for fan_in, fan_out in pairwise(sizes):
        Ws.append(rng.standard_normal((fan_in, fan_out), dtype=np.float32) * math.sqrt(2 / fan_in))
        bs.append(np.zeros(fan_out, dtype=np.float32))
    return Ws, bs


@init_params.rule
def _(answer, rng):
    sizes, seed = [300, 200, 50], int(rng.integers(2**31))
    before = global_state()
    got = answer(list(sizes), np.random.default_rng(seed))
    if before != global_state():
        return Diagnosis.GLOBAL_RANDOMNESS, "draws from np.random itself; use the generator that is passed in"
    if got is None:
        return Diagnosis.RETURNS_NONE, "nothing is returned (None); end with `return …`"
    if not isinstance(got, tuple | list) or len(got) != 2 or not all(isinstance(part, tuple | list) for part in got):
        return Diagnosis.WRONG_TYPE, "expected two lists, (Ws, bs)"
    Ws, bs = got
    if [np.ndim(array) for array in Ws] == [2, 1]:
        return Diagnosis.WRONG_TYPE, "layer by layer, (W, b) and (W, b); expected all weights, then all biases"
    if len(Ws) != 2 or len(bs) != 2:
        return Diagnosis.WRONG_LENGTH, f"three sizes make 2 layers; got {len(Ws)} weights and {len(bs)} biases"
    for i in range(2):
        found = _weights(Ws[i], bs[i], sizes[i], sizes[i + 1], i)
        if found:
            return found
    if np.corrcoef(Ws[0][:200, :50].ravel(), Ws[1].ravel())[0, 1] > 0.99:
        return Diagnosis.UNREPEATABLE, "both layers have the same numbers: draw afresh for each"
    again, other = (
        answer(list(sizes), np.random.default_rng(seed)),
        answer(list(sizes), np.random.default_rng(seed + 1)),
    )
    if not same(again[0][0], Ws[0]) or same(other[0][0], Ws[0]):
        return Diagnosis.UNREPEATABLE, "the numbers do not come from the generator that is passed in"
    return None


def _weights(W, b, fan_in, fan_out, i):
    for name, array, shape in ((f"Ws[{i}]", W, (fan_in, fan_out)), (f"bs[{i}]", b, (fan_out,))):
        if not isinstance(array, np.ndarray):
            return Diagnosis.WRONG_TYPE, f"{name}: expected a NumPy array, got a {type(array).__name__}"
        if array.shape != shape:
            kind = Diagnosis.TRANSPOSED if array.shape == shape[::-1] and array.ndim == 2 else Diagnosis.WRONG_SHAPE
            return kind, f"{name}: expected shape {shape}, got {array.shape}"
        if array.dtype != np.float32:
            kind = Diagnosis.FLOAT64 if array.dtype == np.float64 else Diagnosis.WRONG_DTYPE
            return kind, f"{name}: expected float32, got {array.dtype}"
    if b.any():
        return Diagnosis.WRONG_VALUE, f"bs[{i}]: a bias starts at zero"
    if not W.any():
        return Diagnosis.ALL_ZERO, f"Ws[{i}]: all zeros; twin units would stay twins"
    want, error = math.sqrt(2 / fan_in), 5 / math.sqrt(2 * W.size)
    if abs(W.mean()) > 5 * W.std() / math.sqrt(W.size):
        return Diagnosis.WRONG_VALUE, f"Ws[{i}]: the mean is {W.mean():.3f}; positive and negative should balance"
    ratio = W.std() / want
    if abs(ratio - 1) > error:
        for other, words in (
            (math.sqrt(1 / fan_in), "√(1/fan_in), which suits sigmoid and tanh"),
            (math.sqrt(2 / fan_out), "√(2/fan_out): count the inputs, not the outputs"),
            (2 / fan_in, "2/fan_in, which is the variance: the root is missing"),
            (1.0, "1: no scaling at all"),
        ):
            if abs(W.std() / other - 1) < error:
                return Diagnosis.KNOWN_MISTAKE, f"Ws[{i}]: the standard deviation is {words}"
        return Diagnosis.FACTOR, f"Ws[{i}]: the standard deviation is {ratio:.3g} times what it should be"
    if abs(np.mean((W / W.std()) ** 4) - 3) > 0.3:
        return Diagnosis.WRONG_VALUE, f"Ws[{i}]: the right spread, but not a normal distribution"
    return None


@exercise(
    "6.6",
    "forward, any depth",
    minutes=10,
    difficulty=2,
    hints=[
        "Start the list with X, and let each new array be made from the last one.",
        "ReLU comes after every layer but the last.",
    ],
    may_share=True,
)
def forward(X, Ws, bs):
    """All activations: X first, logits last, ReLU on all between.

    X (N, in)  ->  list of len(Ws) + 1 arrays
    """
    activations = [X]
    for i, (W, b) in enumerate(zip(Ws, bs, strict=True)):
        Z = activations[-1] @ W + b
        activations.append(np.maximum(Z, 0) if i < len(Ws) - 1 else Z)
    return activations


@forward.inputs
def _(rng, N=7):
    sizes = rng.permutation([3, 4, 5, 6, 8])[: rng.integers(4, 6)]
    while True:  # both signs in the first row of every layer: nothing is right by luck
        X, Ws, bs = _network(rng, N, sizes)
        if all((A[0] > 0).any() and (A[0] <= 0).any() for A in forward.reference(X, Ws, bs)):
            return X, Ws, bs


def _network(rng, N, sizes):
    Ws = [rng.standard_normal(shape, dtype=np.float32) for shape in pairwise(sizes)]
    bs = [rng.standard_normal(W.shape[1], dtype=np.float32) for W in Ws]
    return rng.standard_normal((N, sizes[0]), dtype=np.float32), Ws, bs


@forward.rule
def _(answer, rng):
    X, Ws, bs = _network(rng, 5, [4, 3])
    got = answer(X, Ws, bs)
    if not isinstance(got, list | tuple) or len(got) != 2 or not same(got[1], X @ Ws[0] + bs[0]):
        return Diagnosis.WRONG_VALUE, "wrong for a network of a single layer: its output is the logits, without ReLU"
    return None


@forward.mistake("ReLU on the last layer too: logits may be negative")
def _(X, Ws, bs):
    activations = [X]
    for W, b in zip(Ws, bs, strict=True):
        activations.append(np.maximum(activations[-1] @ W + b, 0))
    return activations


@forward.mistake("ReLU is missing: without it all layers collapse into one")
def _(X, Ws, bs):
    activations = [X]
    for W, b in zip(Ws, bs, strict=True):
        activations.append(activations[-1] @ W + b)
    return activations


@forward.mistake("the biases are missing")
def _(X, Ws, bs):
    return forward(X, Ws, [0 * b for b in bs])


@forward.mistake("this is Z, before the ReLU; the list should hold what goes into the next layer")
def _(X, Ws, bs):
    return [X, *[A @ W + b for A, W, b in zip(forward.reference(X, Ws, bs)[:-1], Ws, bs, strict=True)]]


@forward.mistake("the last hidden layer goes without ReLU too; only the logits should")
def _(X, Ws, bs):
    A = forward.reference(X, Ws[:-2], bs[:-2])
    A[1:] = [np.maximum(part, 0) for part in A[1:]]
    A.append(A[-1] @ Ws[-2] + bs[-2])
    return [*A, A[-1] @ Ws[-1] + bs[-1]]


@forward.mistake("these are the logits alone; the way back needs every array, from X on")
def _(X, Ws, bs):
    return forward.reference(X, Ws, bs)[-1]


@forward.mistake("X is missing: it comes first, since the first layer's way back needs it")
def _(X, Ws, bs):
    return forward.reference(X, Ws, bs)[1:]


@exercise(
    "6.7",
    "backward, any depth",
    minutes=15,
    difficulty=3,
    star=True,
    hints=[
        "Walk from the last layer to the first. For each: its two gradients, then the blame for the layer below.",
        "The input of layer i is activations[i]; the gate below it is activations[i] > 0.",
        "Append on the way down and reverse both lists at the end.",
    ],
)
def backward(dZ, activations, Ws):
    """Gradients of all layers, first layer first.

    dZ (N, C) of the mean loss by the logits  ->  (dWs, dbs)
    """
    dWs, dbs = [], []
    for i in reversed(range(len(Ws))):
        dWs.append(activations[i].T @ dZ)
        dbs.append(dZ.sum(axis=0))
        dZ = (dZ @ Ws[i].T) * (activations[i] > 0)
    return dWs[::-1], dbs[::-1]


@backward.inputs
def _(rng, N=7):
    X, Ws, bs = forward.draw(rng, N=N)
    activations = forward.reference(X, Ws, bs)
    return rng.standard_normal(activations[-1].shape, dtype=np.float32), activations, Ws


def _gated(gate):
    """A backward whose gate is `gate(blame, activation)`."""

    def backward(dZ, activations, Ws):
        dWs, dbs = [], []
        for i in reversed(range(len(Ws))):
            dWs.append(activations[i].T @ dZ)
            dbs.append(dZ.sum(axis=0))
            dZ = gate(dZ @ Ws[i].T, activations[i])
        return dWs[::-1], dbs[::-1]

    return backward


backward.mistake("the mask is missing, or open for all, as A >= 0 is: blame passes through sleeping units too")(
    _gated(lambda dA, A: dA)
)
backward.mistake("this multiplies by the activation; the gate is 1 or 0")(_gated(lambda dA, A: dA * A))
backward.mistake("the gate looks at the blame; it should look at the activation")(_gated(lambda dA, A: dA * (dA > 0)))


@backward.mistake("the blame of the logits went through a gate; there is none after the last layer")
def _(dZ, activations, Ws):
    return backward.reference(dZ * (activations[-1] > 0), activations, Ws)


@backward.mistake("last layer first: the lists should begin with the first layer")
def _(dZ, activations, Ws):
    dWs, dbs = backward.reference(dZ, activations, Ws)
    return dWs[::-1], dbs[::-1]


@backward.mistake("the weights begin with the first layer, the biases with the last: turn both lists round")
def _(dZ, activations, Ws):
    dWs, dbs = backward.reference(dZ, activations, Ws)
    return dWs, dbs[::-1]


@exercise(
    "6.8",
    "mini-batches",
    minutes=8,
    difficulty=2,
    hints=[
        "One permutation per call, cut into pieces.",
        "X[rows] with an array of row numbers takes these rows, in this order.",
    ],
)
def minibatches(X, y, size, rng):
    """Yield (X[rows], y[rows]) in a fresh random order.

    Every row comes once; the last batch may be smaller.
    """
    order = rng.permutation(len(X))
    for start in range(0, len(X), size):
        rows = order[start : start + size]
        yield X[rows], y[rows]


@minibatches.rule
def _(answer, rng):
    N, size, seed = 23, 5, int(rng.integers(2**31))
    X, y = np.arange(2 * N, dtype=np.float32).reshape(N, 2), np.arange(N)
    kept, before = X.copy(), global_state()
    generator = np.random.default_rng(seed)
    got = answer(X, y, size, generator)
    if got is None:
        return Diagnosis.RETURNS_NONE, "nothing comes out (None); `yield` each pair"
    if isinstance(got, tuple) and len(got) == 2 and all(isinstance(part, np.ndarray) for part in got):
        return Diagnosis.WRONG_TYPE, "this is one pair, and then it ends; `yield` hands out one pair after the other"
    parts = list(got)
    if before != global_state():
        return Diagnosis.GLOBAL_RANDOMNESS, "draws from np.random itself; use the generator that is passed in"
    if not np.array_equal(X, kept) or not np.array_equal(y, np.arange(N)):
        return Diagnosis.MODIFIES_ARGUMENT, "shuffles X or y itself; the caller still needs them as they were"
    if any(not isinstance(part, tuple | list) or len(part) != 2 for part in parts):
        return Diagnosis.WRONG_TYPE, "expected pairs (X[rows], y[rows])"
    if any(np.ndim(part[1]) != 1 for part in parts):
        return Diagnosis.WRONG_TYPE, f"each pair should hold {size} rows, not a single one"
    lengths = [len(part[1]) for part in parts]
    seen = np.concatenate([part[1] for part in parts]) if parts else np.empty(0)
    if lengths == [5, 5, 5, 5] and len(set(seen.tolist())) == 20:
        return Diagnosis.WRONG_LENGTH, "3 rows never come: the last, smaller batch is missing"
    if len(seen) < N and len(set(seen.tolist())) == len(seen):
        return (
            Diagnosis.WRONG_LENGTH,
            f"{N - len(seen)} of 23 rows never come; batches of {', '.join(map(str, lengths))} for size 5",
        )
    if sorted(seen.tolist()) != list(range(N)):
        return Diagnosis.WRONG_VALUE, "some rows come twice and others never: one permutation per walk, then cut"
    if any(not np.array_equal(part[0], kept[part[1]]) for part in parts):
        return Diagnosis.KNOWN_MISTAKE, "X and y are shuffled apart: an image gets another image's label"
    if np.array_equal(seen, np.arange(N)):
        return Diagnosis.KNOWN_MISTAKE, "the rows come in the order of the file: nothing is shuffled"
    starts = [part[1][0] for part in parts]
    if all(np.array_equal(part[1], np.arange(s, s + len(part[1]))) for part, s in zip(parts, starts, strict=True)):
        return Diagnosis.KNOWN_MISTAKE, "only the batches are shuffled: the same rows always travel together"
    if lengths != [5, 5, 5, 5, 3]:
        return Diagnosis.WRONG_LENGTH, f"23 rows in batches of 5 are 5, 5, 5, 5, 3; got {', '.join(map(str, lengths))}"
    if np.array_equal(seen, np.concatenate([part[1] for part in answer(X, y, size, generator)])):
        return Diagnosis.KNOWN_MISTAKE, "the second walk has the same order as the first: shuffle afresh each time"
    again = np.concatenate([part[1] for part in answer(X, y, size, np.random.default_rng(seed))])
    if not np.array_equal(seen, again):
        return Diagnosis.UNREPEATABLE, "the order does not come from the generator that is passed in"
    if [len(part[1]) for part in answer(X, y, 100, generator)] != [N]:
        return Diagnosis.WRONG_LENGTH, "a size above the number of rows should give one batch with all of them"
    if [len(part[1]) for part in answer(X[:20], y[:20], size, generator)] != [5, 5, 5, 5]:
        return Diagnosis.WRONG_LENGTH, "20 rows in batches of 5 are four batches, without an empty one at the end"
    return None


@exercise(
    "6.b",
    "a file sorted by digit",
    minutes=1,
    difficulty=1,
    hints=[
        "What does the network see in the last hundred steps?",
        "Each step makes the digits of its own batch more likely, and all others less.",
    ],
    options={
        "a": "Every image was seen once, yes, and the sum of all gradients would not care about the order. But steps "
        "are taken one after the other, each from where the last one ended.",
        "b": "The last steps push only towards the last digits, and nothing in them speaks for the others. What was "
        "learnt first is overwritten: the network says 9 to nearly everything.",
        "c": "The zeros did come first, when all was fresh. But after them come thousands of images on which every "
        "push towards zero is an error, and is corrected.",
    },
)
def sorted_by_digit():
    """What one walk through 7,000 digits in sorted order teaches."""
    return "b"


# sitting 3 · momentum, AdaGrad, RMSProp, Adam


def _vectors(rng, count):
    """`count` float32 vectors: parameters and gradients of any sign, then states that are not negative."""
    return [rng.standard_normal(6, dtype=np.float32) for _ in range(2)] + [
        rng.random(6, dtype=np.float32) + np.float32(0.1) for _ in range(count - 2)
    ]


@exercise(
    "6.9",
    "a step of SGD",
    minutes=3,
    difficulty=1,
    hints=[
        "Downhill is against the gradient.",
        "`theta = …` gives a name to a new array; `theta -= …` changes the one you were given.",
    ],
    in_place=["theta"],
)
def sgd_step(theta, grad, lr):
    """theta ← theta - lr · grad, in place."""
    theta -= lr * grad


@sgd_step.inputs
def _(rng):
    return *_vectors(rng, 2), 0.1


@sgd_step.mistake("the learning rate is missing")
def _(theta, grad, lr):
    theta -= grad


@exercise(
    "6.10",
    "momentum",
    minutes=6,
    difficulty=2,
    hints=[
        "First the velocity: it keeps the share mu of itself and takes up the gradient.",
        "Then theta moves along the new velocity.",
    ],
    in_place=["theta", "velocity"],
)
def momentum_step(theta, grad, velocity, lr, mu):
    """velocity ← mu · velocity + grad; theta ← theta - lr · velocity; both in place."""
    velocity *= mu
    velocity += grad
    theta -= lr * velocity


@momentum_step.inputs
def _(rng):
    return *_vectors(rng, 3), 0.1, 0.8


@momentum_step.mistake("theta moves by the old velocity; update the velocity first")
def _(theta, grad, velocity, lr, mu):
    theta -= lr * velocity
    velocity *= mu
    velocity += grad


@momentum_step.mistake("the gradient is scaled by 1 - mu: that is a running mean, another convention")
def _(theta, grad, velocity, lr, mu):
    velocity *= mu
    velocity += (1 - mu) * grad
    theta -= lr * velocity


@momentum_step.mistake("theta moves by the gradient alone; it should move along the velocity")
def _(theta, grad, velocity, lr, mu):
    velocity *= mu
    velocity += grad
    theta -= lr * grad


@momentum_step.mistake("the learning rate went into the velocity, as some do; here it comes in when theta moves")
def _(theta, grad, velocity, lr, mu):
    velocity *= mu
    velocity += lr * grad
    theta -= velocity


@momentum_step.mistake("the velocity points downhill, as some write it; here it adds up gradients as they are")
def _(theta, grad, velocity, lr, mu):
    velocity *= mu
    velocity -= lr * grad
    theta += velocity


@momentum_step.mistake("the velocity never fades: of itself it keeps only the share mu")
def _(theta, grad, velocity, lr, mu):
    velocity += grad
    theta -= lr * velocity


@momentum_step.mistake("the velocity keeps 1 + mu of itself: += adds to what is already there")
def _(theta, grad, velocity, lr, mu):
    velocity += mu * velocity + grad
    theta -= lr * velocity


@exercise(
    "6.11",
    "AdaGrad",
    minutes=6,
    difficulty=2,
    hints=[
        "The cache collects squares, so it can only grow.",
        "Each coordinate is divided by the root of its own cache; eps stands outside the root.",
    ],
    in_place=["theta", "cache"],
)
def adagrad_step(theta, grad, cache, lr, eps):
    """cache ← cache + grad²; theta ← theta - lr · grad / (√cache + eps); both in place."""
    cache += grad**2
    theta -= lr * grad / (np.sqrt(cache) + eps)


@adagrad_step.inputs
def _(rng):
    return *_vectors(rng, 3), 0.1, 0.5


ROOTS = [  # what goes wrong where a step is divided by the root of the squares
    ("the square root is missing", lambda lr, g, c, eps: lr * g / (c + eps)),
    ("eps is inside the square root; it should be added to the root", lambda lr, g, c, eps: lr * g / np.sqrt(c + eps)),
    ("eps is missing: it is added to the root", lambda lr, g, c, eps: lr * g / np.sqrt(c)),
    ("eps is added to the quotient: a pair of brackets is missing", lambda lr, g, c, eps: lr * g / np.sqrt(c) + eps),
]


def _known_roots(item, update):
    """Register ROOTS for a rule; `update(grad, …)` changes the states and returns what is above and below the line."""
    for words, move in ROOTS:

        def wrong(theta, *rest, move=move):
            theta -= move(*update(*rest))

        item.mistake(words)(wrong)


def _grown(grad, cache, lr, eps):
    cache += grad**2
    return lr, grad, cache, eps


_known_roots(adagrad_step, _grown)


@adagrad_step.mistake("the cache collects the gradient itself; it should collect its square")
def _(theta, grad, cache, lr, eps):
    cache += grad
    with np.errstate(invalid="ignore"):
        theta -= lr * grad / (np.sqrt(cache) + eps)


@adagrad_step.mistake("the cache is the same for all coordinates: np.sum, or @, makes one number of the squares")
def _(theta, grad, cache, lr, eps):
    cache += np.sum(grad**2)
    theta -= lr * grad / (np.sqrt(cache) + eps)


@adagrad_step.mistake("the cache holds the last square alone; it should add them up")
def _(theta, grad, cache, lr, eps):
    cache[:] = grad**2
    theta -= lr * grad / (np.sqrt(cache) + eps)


@adagrad_step.mistake("the cache ends as the root; it should go on as the sum of the squares")
def _(theta, grad, cache, lr, eps):
    cache += grad**2
    cache[:] = np.sqrt(cache)
    theta -= lr * grad / (cache + eps)


@adagrad_step.mistake("theta is divided by the old cache; update the cache first")
def _(theta, grad, cache, lr, eps):
    theta -= lr * grad / (np.sqrt(cache) + eps)
    cache += grad**2


@exercise(
    "6.12",
    "RMSProp",
    minutes=4,
    difficulty=2,
    hints=[
        "AdaGrad that forgets: the cache keeps the share rho of itself.",
        "What share does the new square get, so that the cache is a mean?",
    ],
    in_place=["theta", "cache"],
)
def rmsprop_step(theta, grad, cache, lr, rho, eps):
    """In place for theta and cache.

    cache ← rho · cache + (1 - rho) · grad²
    theta ← theta - lr · grad / (√cache + eps)
    """
    cache *= rho
    cache += (1 - rho) * grad**2
    theta -= lr * grad / (np.sqrt(cache) + eps)


@rmsprop_step.inputs
def _(rng):
    return *_vectors(rng, 3), 0.1, 0.8, 0.5


@rmsprop_step.mistake("the new square comes in whole; it should get the share 1 - rho")
def _(theta, grad, cache, lr, rho, eps):
    cache *= rho
    cache += grad**2
    theta -= lr * grad / (np.sqrt(cache) + eps)


@rmsprop_step.mistake("rho and 1 - rho are exchanged: the cache forgets nearly everything")
def _(theta, grad, cache, lr, rho, eps):
    cache *= 1 - rho
    cache += rho * grad**2
    theta -= lr * grad / (np.sqrt(cache) + eps)


@rmsprop_step.mistake("this is AdaGrad: nothing is forgotten")
def _(theta, grad, cache, lr, rho, eps):
    adagrad_step.reference(theta, grad, cache, lr, eps)


@rmsprop_step.mistake("theta is divided by the old cache; update the cache first")
def _(theta, grad, cache, lr, rho, eps):
    theta -= lr * grad / (np.sqrt(cache) + eps)
    cache *= rho
    cache += (1 - rho) * grad**2


@rmsprop_step.mistake("the cache keeps 1 + rho of itself: += adds to what is already there")
def _(theta, grad, cache, lr, rho, eps):
    cache += rho * cache + (1 - rho) * grad**2
    theta -= lr * grad / (np.sqrt(cache) + eps)


@rmsprop_step.mistake("the cache takes up the gradient itself; it should take up its square")
def _(theta, grad, cache, lr, rho, eps):
    cache *= rho
    cache += (1 - rho) * grad
    with np.errstate(invalid="ignore"):
        theta -= lr * grad / (np.sqrt(cache) + eps)


def _running(grad, cache, lr, rho, eps):
    cache *= rho
    cache += (1 - rho) * grad**2
    return lr, grad, cache, eps


_known_roots(rmsprop_step, _running)


@exercise(
    "6.13",
    "Adam",
    minutes=12,
    difficulty=3,
    star=True,
    hints=[
        "m is momentum as a running mean, v is RMSProp's cache.",
        "Both start at zero and are too small at first: divide m by 1 - beta1**t, v by 1 - beta2**t.",
        "The corrected values are for this step only; m and v themselves stay uncorrected.",
    ],
    in_place=["theta", "m", "v"],
)
def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    """One step of Adam, in place for theta, m and v; t counts the steps from 1.

    m ← beta1 · m + (1 - beta1) · grad;  v ← beta2 · v + (1 - beta2) · grad²
    theta ← theta - lr · m̂ / (√v̂ + eps),  m̂ = m / (1 - beta1ᵗ),  v̂ = v / (1 - beta2ᵗ)
    """
    m *= beta1
    m += (1 - beta1) * grad
    v *= beta2
    v += (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    theta -= lr * m_hat / (np.sqrt(v_hat) + eps)


@adam_step.inputs
def _(rng):
    theta, grad, m, v = _vectors(rng, 4)
    return theta, grad, m, v, int(rng.integers(2, 6)), 0.1, 0.8, 0.9, 0.3


def _adam(above=None, below=None, power=2, swap=False, m_alone=True):
    """A wrong Adam: what m and v are divided by, as functions of beta and t; the power of the gradient in v."""

    def step(theta, grad, m, v, t, lr, beta1, beta2, eps):
        if swap:
            beta1, beta2 = beta2, beta1
        m *= beta1
        m += (1 - beta1) * grad
        v *= beta2
        v += (1 - beta2) * grad**power
        right = 1 - beta1**t, 1 - beta2**t
        m_hat, v_hat = m / (above(beta1, t) if above else right[0]), v / (below(beta2, t) if below else right[1])
        with np.errstate(invalid="ignore"):
            theta -= lr * (m_hat if m_alone else grad) / (np.sqrt(v_hat) + eps)

    return step


CORRECTIONS = [  # what m and v are divided by instead of 1 - beta**t; None: rightly
    ("the bias correction is missing: the first steps are the wrong size", lambda b, t: 1, lambda b, t: 1),
    ("the bias correction of m is missing", lambda b, t: 1, None),
    ("the bias correction of v is missing", None, lambda b, t: 1),
    ("the correction is the same at every step; 1 - beta is right for t = 1 alone", *2 * [lambda b, t: 1 - b]),
    ("t is 1 at the first call already; this corrects for one step more", *2 * [lambda b, t: 1 - b ** (t + 1)]),
    ("the power t belongs to beta alone, not to 1 - beta", *2 * [lambda b, t: (1 - b) ** t]),
    ("v is corrected after the root; correct it before", None, lambda b, t: (1 - b**t) ** 2),
]
for words, above, below in CORRECTIONS:
    adam_step.mistake(words)(_adam(above, below))
adam_step.mistake("beta1 and beta2 are exchanged")(_adam(swap=True))
adam_step.mistake("v takes up the gradient itself; it should take up its square")(_adam(power=1))
adam_step.mistake("above the line stands the gradient; it should be its running mean, corrected")(_adam(m_alone=False))


def _moments(grad, m, v, t, lr, beta1, beta2, eps):
    m *= beta1
    m += (1 - beta1) * grad
    v *= beta2
    v += (1 - beta2) * grad**2
    return lr, m / (1 - beta1**t), v / (1 - beta2**t), eps


_known_roots(adam_step, _moments)


@adam_step.mistake("m is corrected in place, so the next step starts from the wrong m and v")
def _(theta, grad, m, v, t, lr, beta1, beta2, eps):
    adam_step.reference(theta, grad, m, v, t, lr, beta1, beta2, eps)
    m /= 1 - beta1**t
    v /= 1 - beta2**t


@exercise(
    "6.c",
    "Adam's first step",
    minutes=2,
    difficulty=1,
    hints=[
        "Write down m and v after the first step, for the gradient g. Then correct both.",
        "With t = 1, what is m̂ as a multiple of g? And v̂ as a multiple of g²?",
    ],
    options={
        "a": "m̂ = 0.1 g / 0.1 = g and v̂ = 0.001 g² / 0.001 = g², so the step is lr · g / |g|: lr, whatever the size of "
        "the gradient. Only its sign is left.",
        "b": "That is how SGD moves, lr · g. In Adam the gradient stands above the line and below it.",
        "c": "Without the correction, m = 0.1 g would be divided by √0.001 · |g|, and that ratio is 3.16. What do "
        "1 − beta1ᵗ and 1 − beta2ᵗ do to it at t = 1?",
        "d": "Large gradients are held back, true, but small ones are pushed forward too. How far does each get?",
    },
)
def adams_first_step():
    """How far Adam moves two weights at first, whose gradients are 0.001 and 1000."""
    return "a"


# sitting 4 · weight decay, dropout, early stopping


@exercise(
    "6.14",
    "weight decay",
    minutes=4,
    difficulty=1,
    hints=[
        "Each weight is pulled towards zero, the larger the harder.",
        "Give back a new array; dW belongs to the caller.",
    ],
)
def l2_gradient(dW, W, weight_decay):
    """dW + weight_decay · W, a new array.   dW, W (in, out)  ->  (in, out)"""
    return dW + weight_decay * W


@l2_gradient.inputs
def _(rng, D=3, K=4):
    return rng.standard_normal((D, K), dtype=np.float32), rng.standard_normal((D, K), dtype=np.float32), 0.3


@l2_gradient.mistake("the sign: this pushes weights away from zero")
def _(dW, W, weight_decay):
    return dW - weight_decay * W


@l2_gradient.mistake("twice the decay: the penalty is ½ · weight_decay · W², and the ½ takes the 2 away")
def _(dW, W, weight_decay):
    return dW + 2 * weight_decay * W


@l2_gradient.mistake("the square of W is the penalty; its gradient is linear in W")
def _(dW, W, weight_decay):
    return dW + weight_decay * W**2


@l2_gradient.mistake("the sign of W alone: that is L1, every weight is pulled equally hard")
def _(dW, W, weight_decay):
    return dW + weight_decay * np.sign(W)


@l2_gradient.mistake("the pull alone: the gradient dW of the loss has to stay")
def _(dW, W, weight_decay):
    return weight_decay * W


@exercise(
    "6.15",
    "dropout",
    minutes=8,
    difficulty=2,
    hints=[
        "rng.random(A.shape) < something is True with the probability something.",
        "What do the survivors have to be multiplied by, so that the mean stays?",
        "The mask should have the dtype of A.",
    ],
)
def dropout_forward(A, p, rng):
    """Drop each number with probability p, scale the rest so that the mean stays.

    A  ->  (out, mask); 0 <= p < 1.
    mask has the shape and dtype of A, with values 0 or 1 / (1 - p); out = A · mask.
    """
    mask = (rng.random(A.shape) >= p).astype(A.dtype) / (1 - p)
    return A * mask, mask


@dropout_forward.rule
def _(answer, rng):
    A, p, seed = rng.random((200, 50), dtype=np.float32) + np.float32(0.5), 0.3, int(rng.integers(2**31))
    kept, before = A.copy(), global_state()
    got = answer(A, p, np.random.default_rng(seed))
    if before != global_state():
        return Diagnosis.GLOBAL_RANDOMNESS, "draws from np.random itself; use the generator that is passed in"
    if not np.array_equal(A, kept):
        return Diagnosis.MODIFIES_ARGUMENT, "modifies its argument A; the caller still needs it as it was"
    if got is None:
        return Diagnosis.RETURNS_NONE, "nothing is returned (None); end with `return …`"
    if not isinstance(got, tuple | list) or len(got) != 2:
        return Diagnosis.WRONG_TYPE, "expected two arrays, (out, mask)"
    out, mask = got
    for name, array in (("mask", mask), ("out", out)):
        if not isinstance(array, np.ndarray) or array.shape != A.shape:
            return Diagnosis.WRONG_SHAPE, f"{name}: expected shape {A.shape}, got {np.shape(array)}"
        if array.dtype != A.dtype:
            kind = Diagnosis.FLOAT64 if array.dtype == np.float64 else Diagnosis.WRONG_DTYPE
            return kind, f"{name}: expected {A.dtype}, got {array.dtype}"
    if mask.any() and same(mask, A * out):
        return Diagnosis.KNOWN_MISTAKE, "out and the mask are exchanged: out comes first"
    found = _mask(mask, p)
    if found:
        return found
    if not same(out, A * mask):
        return Diagnosis.WRONG_VALUE, "out is not A · mask"
    if not same(answer(A, p, np.random.default_rng(seed))[1], mask):
        return Diagnosis.UNREPEATABLE, "the mask does not come from the generator that is passed in"
    if same(answer(A, p, np.random.default_rng(seed + 1))[1], mask):
        return Diagnosis.UNREPEATABLE, "every generator gives the same mask"
    if not same(answer(A, 0.0, rng)[0], A):
        return Diagnosis.WRONG_VALUE, "p = 0 should drop nothing and change nothing"
    return None


def _mask(mask, p):
    share, values = float(np.mean(mask == 0)), np.unique(mask[mask != 0])
    if len(values) > 1:
        return Diagnosis.WRONG_VALUE, "the mask should have two values: 0 and one other"
    if share == 0:
        return Diagnosis.WRONG_VALUE, f"drops nothing where p = {p}"
    if np.all(mask == mask[:1]) or np.all(mask == mask[:, :1]):
        return Diagnosis.KNOWN_MISTAKE, "whole rows or columns drop together; each number should fall on its own"
    if abs(share - (1 - p)) < 0.03:
        return Diagnosis.KNOWN_MISTAKE, f"drops {100 * share:.0f} %: p is the probability to drop, not to keep"
    if abs(share - p) > 0.03:
        return Diagnosis.WRONG_VALUE, f"drops {100 * share:.0f} % where p = {p}"
    if np.isclose(values[0], 1):
        return Diagnosis.KNOWN_MISTAKE, "the survivors are not scaled: the mean of the layer shrinks"
    if not np.isclose(values[0], 1 / (1 - p)):
        return Diagnosis.FACTOR, f"the survivors are multiplied by {values[0]:.3g}; the mean of the layer changes"
    return None


@exercise(
    "6.16",
    "early stopping",
    minutes=10,
    difficulty=2,
    hints=[
        "Remember the best loss, where it was, and for how many epochs in a row nothing was better.",
        "NaN < x is False for every x.",
    ],
)
def early_stopping(losses, patience):
    """Index of the lowest loss seen before stopping.

    Stops after `patience` epochs in a row without a strictly lower loss.
    Ties go to the earliest; NaN is no improvement; ValueError if losses is empty.
    """
    if len(losses) == 0:
        raise ValueError("losses: expected at least one, got none")
    best, waited = 0, 0
    for i, loss in enumerate(losses):
        if loss < losses[best] or (math.isnan(losses[best]) and not math.isnan(loss)):
            best, waited = i, 0
        elif i > 0:
            waited += 1
        if waited >= patience:
            break
    return best


STOPPING = [  # losses, patience, index, what goes wrong otherwise
    ([3.0, 2.0, 1.0], 2, 2, "a loss that falls to the end is best at the end; the first index is 0"),
    ([3.0, 1.0, 2.0, 2.0, 0.5], 2, 1, "training has stopped before that epoch: its loss was never seen"),
    ([3000.0, 2000.0, 2500.0], 3, 1, "a loss may be large; the lowest one of the list counts"),
    ([2.0, 3.0, 1.0], 1, 0, "with a patience of 1 the first bad epoch ends the training"),
    ([3.0, 1.0, 2.0, 0.5, 0.6, 0.7], 2, 3, "one bad epoch is not yet a reason to stop when patience is 2"),
    ([3.0, 1.0, 2.0, 1.5, 1.8], 3, 1, "an epoch is better if it is below the lowest so far, not below the last"),
    ([2.0, 1.0, 1.5, 0.9, 1.2, 0.8, 0.85, 0.9], 2, 5, "the count of bad epochs starts again after each improvement"),
    ([1.0, 1.0, 1.0, 1.0], 5, 0, "ties go to the earliest"),
    ([2.0, 2.0, 2.0, 1.0], 2, 0, "an equal loss is no improvement"),
    ([2.0, math.nan, 1.0], 3, 2, "NaN is no improvement, and the epochs after it still count"),
    ([2.0, math.nan, math.nan, 1.0], 2, 0, "NaN counts as an epoch without improvement"),
    ([5.0], 1, 0, "a single epoch is its own best"),
]


@early_stopping.rule
def _(answer, rng):
    for losses, patience, index, why in STOPPING:
        got = answer(list(losses), patience)
        if got is None:
            return Diagnosis.RETURNS_NONE, "nothing is returned (None); end with `return …`"
        if isinstance(got, bool) or not isinstance(got, int | np.integer):
            kind = Diagnosis.KNOWN_MISTAKE if got in losses else Diagnosis.WRONG_TYPE
            return kind, f"expected the index of an epoch, an integer, got {got!r}"
        if index + patience < len(losses) and got == index + patience:
            why = "there the training stops; asked for is the best epoch before"
        if got != index:
            return Diagnosis.WRONG_VALUE, f"losses {losses}, patience {patience}: {got} is not it; {why}"
    losses = [*rng.random(29).round(2).tolist(), -1.0]
    for patience in (1, 3, 40):
        if answer(list(losses), patience) != early_stopping.reference(losses, patience):
            return Diagnosis.WRONG_VALUE, f"wrong for 30 random losses with patience {patience}"
    try:
        answer([], 2)
    except ValueError:
        return None
    except Exception as error:
        return Diagnosis.NO_ERROR, f"no losses at all should raise ValueError, got {type(error).__name__}"
    return Diagnosis.NO_ERROR, "no losses at all should raise ValueError"


@exercise(
    "6.d",
    "the weights of a pixel without ink",
    minutes=1,
    difficulty=1,
    hints=[
        "The gradient of a weight is what came in times the blame that comes back. What comes in from this pixel?",
        "Put dW = 0 into the step with weight decay.",
    ],
    options={
        "a": "Their gradient from the loss is exactly 0, so without decay they would stay where they started, to the "
        "last digit. But decay adds a term that does not ask what the pixel shows.",
        "b": "A step takes away a share of a weight, not the weight: at lr 0.1 and decay 0.01 it is one thousandth.",
        "c": "Other weights may grow, when the loss gains by it. Nothing ever asks these to: from a pixel without ink "
        "nothing comes in, so the loss says nothing about them, neither up nor down.",
        "d": "With dW = 0 a step is W − lr · decay · W: the weight is multiplied by the same number, a little "
        "below 1, again and again. It decays, and that gave the method its name.",
    },
)
def pixel_without_ink():
    """What weight decay does to weights whose input is always 0."""
    return "d"
