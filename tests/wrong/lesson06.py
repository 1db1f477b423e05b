"""Answers to exercises 6.1 to 6.16."""

import math
from itertools import pairwise

import numpy as np

from nnlib.exercises import Diagnosis as D

from . import RIGHT, WRONG


def prints(Z):
    print(np.maximum(Z, 0))


def in_place_relu(Z):
    Z[Z < 0] = 0
    return Z


WRONG["6.1"] = [
    (lambda Z: np.abs(Z), (D.KNOWN_MISTAKE, "absolute")),
    (lambda Z: np.minimum(Z, 0), (D.KNOWN_MISTAKE, "minimum")),
    (lambda Z: (Z > 0).astype(Z.dtype), (D.KNOWN_MISTAKE, "slope")),
    (lambda Z: Z > 0, (D.KNOWN_MISTAKE, "True or False")),
    (lambda Z: np.max(Z, 0), (D.KNOWN_MISTAKE, "largest number of each column")),
    (lambda Z: np.maximum(Z, 0.01 * Z), (D.WRONG_VALUE, "expected")),
    (lambda Z: -np.maximum(Z, 0), D.SIGN),
    (lambda Z: np.maximum(Z.astype(np.float64), 0), D.FLOAT64),
    (lambda Z: np.maximum(Z, 0).T, D.TRANSPOSED),
    (lambda Z: np.zeros_like(Z), D.ALL_ZERO),
    (prints, D.PRINTS),
    (in_place_relu, D.MODIFIES_ARGUMENT),
    (lambda Z: max(Z, 0), D.RAISES),
    (lambda Z: np.maximum(Z, 0).tolist(), D.WRONG_TYPE),
]
RIGHT["6.1"] = [
    lambda Z: np.where(Z > 0, Z, 0),
    lambda Z: Z * (Z > 0),
    lambda Z: np.maximum(Z.copy(), 0, out=np.empty_like(Z)),
    lambda Z: np.array([[max(z, 0) for z in row] for row in Z], dtype=Z.dtype),
]


WRONG["6.2"] = [
    (lambda dA, Z: dA * (Z >= 0), (D.KNOWN_MISTAKE, "convention")),
    (lambda dA, Z: dA * (dA > 0), (D.KNOWN_MISTAKE, "look at Z")),
    (lambda dA, Z: dA * np.maximum(Z, 0), (D.KNOWN_MISTAKE, "slope is 1 or 0")),
    (lambda dA, Z: dA.copy(), (D.KNOWN_MISTAKE, "mask is missing")),
    (lambda dA, Z: dA * (1e-9 * np.random.random() < Z), D.GLOBAL_RANDOMNESS),
    (lambda dA, Z: (Z > 0).astype(Z.dtype), (D.KNOWN_MISTAKE, "mask alone")),
    (lambda dA, Z: dA * (Z < 0), (D.KNOWN_MISTAKE, "wrong way round")),
    (lambda dA, Z: dA * np.sign(Z), (D.KNOWN_MISTAKE, "sign changed")),
    (lambda dA, Z: Z * (Z > 0), (D.WRONG_VALUE, "expected")),
    (lambda dA, Z: -dA * (Z > 0), D.SIGN),
    (lambda dA, Z: dA * (Z > 0) / len(Z), D.OVER_BATCH),
    (lambda dA, Z: dA * np.where(Z > 0, np.float64(1), 0), D.FLOAT64),
    (lambda dA, Z: np.multiply(dA, Z > 0, out=dA), (D.MODIFIES_ARGUMENT, "dA")),
    (lambda dA, Z: dA.T @ (Z > 0), D.WRONG_SHAPE),
]
RIGHT["6.2"] = [
    lambda dA, Z: np.where(Z > 0, dA, 0),
    lambda dA, Z: np.einsum("ij,ij->ij", dA, (Z > 0).astype(dA.dtype)),
    lambda dA, Z: np.multiply(dA, Z > 0, out=np.empty_like(dA)),
]


def bias_per_example(X, W, b):
    return X @ W + np.resize(b, (len(X), 1))


def in_place_bias(X, W, b):
    b += 1
    return X @ W + b - 1


WRONG["6.3"] = [
    (lambda X, W, b: X @ W, (D.KNOWN_MISTAKE, "missing")),
    (lambda X, W, b: X @ W - b, (D.KNOWN_MISTAKE, "subtracted")),
    (lambda X, W, b: X @ W + b.sum(), (D.KNOWN_MISTAKE, "one of its own")),
    (lambda X, W, b: np.maximum(X @ W + b, 0), (D.KNOWN_MISTAKE, "step of its own")),
    (lambda X, W, b: (X @ W + b).T, D.TRANSPOSED),
    (lambda X, W, b: X @ W.T + b, D.RAISES),
    (in_place_bias, (D.MODIFIES_ARGUMENT, "b;")),
    (lambda X, W, b: X.astype(np.float64) @ W + b, D.FLOAT64),
    (lambda X, W, b: np.rint(X @ W + b).astype(int), D.WRONG_VALUE),
]
RIGHT["6.3"] = [
    lambda X, W, b: np.einsum("ni,io->no", X, W) + b,
    lambda X, W, b: np.array([x @ W + b for x in X]),
    lambda X, W, b: np.add(X.dot(W), b[None, :]),
]

WRONG["6.4"] = [
    (lambda dZ: dZ.sum(axis=1), D.WRONG_AXIS),
    (lambda dZ: dZ.mean(axis=0), D.OVER_BATCH),
    (lambda dZ: dZ.sum(axis=0) * len(dZ), D.TIMES_BATCH),
    (lambda dZ: dZ.sum(axis=0, keepdims=True), D.WRONG_SHAPE),
    (lambda dZ: dZ.sum(), D.WRONG_SHAPE),
    (lambda dZ: np.full(dZ.shape[1], dZ.sum(), dtype=dZ.dtype), (D.KNOWN_MISTAKE, "of its own")),
    (lambda dZ: -dZ.sum(axis=0), D.SIGN),
    (lambda dZ: dZ[0].copy(), D.ONE_EXAMPLE_ONLY),
    (lambda dZ: dZ.sum(axis=0, dtype=np.float64), D.FLOAT64),
    (lambda dZ: 2 * dZ.sum(axis=0), D.FACTOR),
]
RIGHT["6.4"] = [
    lambda dZ: np.ones(len(dZ), dtype=dZ.dtype) @ dZ,
    lambda dZ: np.einsum("no->o", dZ),
    lambda dZ: sum(dZ[1:], start=dZ[0].copy()),
]


def start(scale, dtype=np.float32, bias=np.zeros, turn=False, draw=None):
    """A wrong init_params with another scale, dtype, bias, orientation or source of numbers."""

    def init_params(sizes, rng):
        numbers = draw or (lambda shape, rng: rng.standard_normal(shape))
        shapes = list(pairwise(sizes))
        Ws = [(numbers(s[::-1] if turn else s, rng) * scale(*s)).astype(dtype) for s in shapes]
        return Ws, [bias(s[1]).astype(dtype) for s in shapes]

    return init_params


def he(fan_in, fan_out):
    return math.sqrt(2 / fan_in)


def shared(sizes, rng):
    big = rng.standard_normal((300, 300), dtype=np.float32)
    Ws = [big[:m, :n] * np.float32(he(m, n)) for m, n in pairwise(sizes)]
    return Ws, [np.zeros(n, np.float32) for n in sizes[1:]]


def draws_and_forgets(sizes, rng):
    start(he)(sizes, rng)


def layer_by_layer(sizes, rng):
    return list(zip(*start(he)(sizes, rng), strict=True))


WRONG["6.5"] = [
    (draws_and_forgets, D.RETURNS_NONE),
    (layer_by_layer, (D.WRONG_TYPE, "layer by layer")),
    (shared, (D.UNREPEATABLE, "both layers")),
    (lambda sizes, rng: ([W.tolist() for W in start(he)(sizes, rng)[0]], start(he)(sizes, rng)[1]), D.WRONG_TYPE),
    (start(lambda m, n: math.sqrt(1 / m)), (D.KNOWN_MISTAKE, "sigmoid")),
    (start(lambda m, n: math.sqrt(2 / n)), (D.KNOWN_MISTAKE, "inputs")),
    (start(lambda m, n: 2 / m), (D.KNOWN_MISTAKE, "root")),
    (start(lambda m, n: 1), (D.KNOWN_MISTAKE, "no scaling")),
    (start(lambda m, n: 0.01), D.FACTOR),
    (start(he, dtype=np.float64), D.FLOAT64),
    (start(he, turn=True), D.TRANSPOSED),
    (start(lambda m, n: 0), D.ALL_ZERO),
    (start(he, bias=np.ones), (D.WRONG_VALUE, "bias")),
    (start(he, draw=lambda s, rng: np.random.standard_normal(s)), D.GLOBAL_RANDOMNESS),
    (start(he, draw=lambda s, rng: np.random.default_rng().standard_normal(s)), D.UNREPEATABLE),
    (start(he, draw=lambda s, rng: (rng.random(s) - 0.5) * math.sqrt(12)), (D.WRONG_VALUE, "normal")),
    (start(he, draw=lambda s, rng: abs(rng.standard_normal(s))), (D.WRONG_VALUE, "mean")),
    (lambda sizes, rng: start(he)(sizes, rng)[0], D.WRONG_TYPE),
    (lambda sizes, rng: start(he)(sizes[:2], rng), D.WRONG_LENGTH),
]
RIGHT["6.5"] = [
    start(he),
    lambda sizes, rng: list(start(he)(sizes, rng)),
    start(he, draw=lambda s, rng: rng.normal(0, 1, s)),
]


def forward_by(step, first=True):
    def forward(X, Ws, bs):
        activations = [X] if first else []
        A = X
        for i, (W, b) in enumerate(zip(Ws, bs, strict=True)):
            A = step(A, W, b, i == len(Ws) - 1)
            activations.append(A)
        return activations

    return forward


def relu_all(A, W, b, last):
    return np.maximum(A @ W + b, 0)


def honest(A, W, b, last):
    return A @ W + b if last else np.maximum(A @ W + b, 0)


def two_layers(X, Ws, bs):
    A = np.maximum(X @ Ws[0] + bs[0], 0)
    return [X, A, A @ Ws[1] + bs[1]]


def keeps_Z(X, Ws, bs):
    kept, A = [X], X
    for W, b in zip(Ws, bs, strict=True):
        kept.append(A @ W + b)
        A = np.maximum(kept[-1], 0)
    return kept


def too_early(X, Ws, bs):
    kept = [X]
    for i, (W, b) in enumerate(zip(Ws, bs, strict=True)):
        Z = kept[-1] @ W + b
        kept.append(np.maximum(Z, 0) if i < len(Ws) - 2 else Z)
    return kept


def relu_first(X, Ws, bs):
    """Right for several layers, wrong for a single one: the first layer always bends."""
    out = forward_by(honest)(X, Ws, bs)
    return out if len(Ws) > 1 else [X, np.maximum(out[-1], 0)]


WRONG["6.6"] = [
    (forward_by(relu_all), (D.KNOWN_MISTAKE, "last layer")),
    (forward_by(lambda A, W, b, last: A @ W + b), (D.KNOWN_MISTAKE, "collapse")),
    (forward_by(lambda A, W, b, last: A @ W if last else np.maximum(A @ W, 0)), (D.KNOWN_MISTAKE, "biases")),
    (forward_by(honest, first=False), (D.KNOWN_MISTAKE, "X is missing")),
    (lambda X, Ws, bs: forward_by(honest)(X, Ws, bs)[-1], (D.KNOWN_MISTAKE, "logits alone")),
    (lambda X, Ws, bs: forward_by(honest)(X, Ws, bs)[:-1], D.WRONG_LENGTH),
    (keeps_Z, (D.KNOWN_MISTAKE, "before the ReLU")),
    (too_early, (D.KNOWN_MISTAKE, "last hidden layer")),
    (two_layers, D.WRONG_LENGTH),
    (lambda X, Ws, bs: [np.maximum(X, 0), *forward_by(honest)(X, Ws, bs)[1:]], (D.WRONG_VALUE, "result[0]")),
    (relu_first, (D.WRONG_VALUE, "single layer")),
    (forward_by(lambda A, W, b, last: honest(A, W.astype(np.float64), b, last)), D.FLOAT64),
]
RIGHT["6.6"] = [
    forward_by(honest),
    forward_by(lambda A, W, b, last: np.where(last, A @ W + b, (A @ W + b).clip(0))),
    lambda X, Ws, bs: [X.copy(), *forward_by(honest)(X, Ws, bs)[1:]],
]


def gate_on_activation(dA, A):
    return dA * (A > 0)


def backward_by(weight=1, bias=1, gate=gate_on_activation, below=None, reverse=True, bias_axis=0):
    def backward(dZ, activations, Ws):
        dWs, dbs = [], []
        for i in reversed(range(len(Ws))):
            A = activations[i] if below is None else below(activations, i)
            dWs.append(A.T @ dZ * weight)
            dbs.append(dZ.sum(axis=bias_axis) * bias)
            dZ = gate(dZ @ Ws[i].T, activations[i])
        return (dWs[::-1], dbs[::-1]) if reverse else (dWs, dbs)

    return backward


def in_place_mask(dZ, activations, Ws):
    activations[0] *= 1 + 1e-3
    return backward_by()(dZ, activations, Ws)


def half_turned(dZ, activations, Ws):
    dWs, dbs = backward_by(reverse=False)(dZ, activations, Ws)
    return dWs[::-1], dbs


def backward_of_two(dZ, activations, Ws):
    X, A, _ = activations
    dZ1 = gate_on_activation(dZ @ Ws[1].T, A)
    return [X.T @ dZ1, A.T @ dZ], [dZ1.sum(axis=0), dZ.sum(axis=0)]


def gated_logits(dZ, activations, Ws):
    dWs, dbs = [], []
    for i in range(len(Ws) - 1, -1, -1):
        dZ = dZ * (activations[i + 1] > 0)
        dWs.insert(0, activations[i].T @ dZ)
        dbs.insert(0, dZ.sum(axis=0))
        dZ = dZ @ Ws[i].T
    return dWs, dbs


WRONG["6.7"] = [
    (backward_by(gate=lambda dA, A: dA), (D.KNOWN_MISTAKE, "mask")),
    (backward_by(gate=lambda dA, A: dA * (A >= 0)), (D.KNOWN_MISTAKE, "open for all")),
    (backward_by(gate=lambda dA, A: dA * A), (D.KNOWN_MISTAKE, "1 or 0")),
    (backward_by(gate=lambda dA, A: np.maximum(dA, 0)), (D.KNOWN_MISTAKE, "looks at the blame")),
    (backward_by(reverse=False), (D.KNOWN_MISTAKE, "first layer")),
    (half_turned, (D.KNOWN_MISTAKE, "both lists")),
    (gated_logits, (D.KNOWN_MISTAKE, "blame of the logits")),
    (backward_of_two, D.RAISES),
    (backward_by(weight=-1), D.SIGN),
    (backward_by(weight=1 / 7), D.OVER_BATCH),
    (backward_by(bias=7), D.TIMES_BATCH),
    (backward_by(bias_axis=1), D.WRONG_SHAPE),
    (backward_by(below=lambda a, i: a[i + 1]), D.WRONG_SHAPE),
    (lambda dZ, activations, Ws: (*backward_by()(dZ, activations, Ws), dZ), D.WRONG_LENGTH),
    (in_place_mask, (D.MODIFIES_ARGUMENT, "activations")),
]
RIGHT["6.7"] = [
    backward_by(),
    lambda dZ, activations, Ws: tuple(list(part) for part in backward_by()(dZ, activations, Ws)),
]


def rows_of(order, size, last=True):
    cuts = [order[i : i + size] for i in range(0, len(order), size)]
    return cuts if last or len(cuts[-1]) == size else cuts[:-1]


def walk(order, last=True, labels=None):
    def minibatches(X, y, size, rng):
        rows = order(len(X), rng)
        for cut in rows_of(rows, size, last):
            yield X[cut], (y if labels is None else labels(y, rng))[cut]

    return minibatches


def shuffles_arguments(X, y, size, rng):
    order = rng.permutation(len(X))
    X[:], y[:] = X[order], y[order]
    yield from ((X[i : i + size], y[i : i + size]) for i in range(0, len(X), size))


def shuffled_starts(X, y, size, rng):
    for i in rng.permutation(np.arange(0, len(X), size)):
        yield X[i : i + size], y[i : i + size]


def fixed(n, rng):
    return np.random.default_rng(0).permutation(n)


def fails_above(X, y, size, rng):
    order = rng.permutation(len(X))
    for i in range(max(1, -(-len(X) // size)) if size <= len(X) else 0):
        yield X[order[i * size : (i + 1) * size]], y[order[i * size : (i + 1) * size]]


def even_batches(X, y, size, rng):
    for rows in np.array_split(rng.permutation(len(X)), -(-len(X) // size)):
        yield X[rows], y[rows]


def first_batch(X, y, size, rng):
    rows = rng.permutation(len(X))[:size]
    return X[rows], y[rows]


def yields_nothing(X, y, size, rng):
    for i in range(0, len(X), size):
        i + size


def one_by_one(X, y, size, rng):
    for i in rng.permutation(len(X)):
        yield X[i], y[i]


def one_too_few(X, y, size, rng):
    order = rng.permutation(len(X))
    for i in range(0, len(X), size):
        yield X[order[i : i + size - 1]], y[order[i : i + size - 1]]


def empty_batch(X, y, size, rng):
    order = rng.permutation(len(X))
    for i in range(len(X) // size + 1):
        rows = order[i * size : (i + 1) * size]
        yield X[rows], y[rows]


def row_numbers(X, y, size, rng):
    yield from rows_of(rng.permutation(len(X)), size)


WRONG["6.8"] = [
    (first_batch, (D.WRONG_TYPE, "one pair")),
    (yields_nothing, D.RETURNS_NONE),
    (one_by_one, (D.WRONG_TYPE, "single one")),
    (one_too_few, (D.WRONG_LENGTH, "4 of 23 rows")),
    (empty_batch, (D.WRONG_LENGTH, "empty")),
    (row_numbers, (D.WRONG_TYPE, "expected pairs")),
    (walk(lambda n, rng: np.arange(n)), (D.KNOWN_MISTAKE, "order of the file")),
    (walk(lambda n, rng: rng.permutation(n), last=False), (D.WRONG_LENGTH, "last")),
    (walk(lambda n, rng: rng.integers(n, size=n)), (D.WRONG_VALUE, "twice")),
    (walk(lambda n, rng: rng.permutation(n), labels=lambda y, rng: y[::-1]), (D.KNOWN_MISTAKE, "apart")),
    (shuffled_starts, (D.KNOWN_MISTAKE, "travel together")),
    (shuffles_arguments, D.MODIFIES_ARGUMENT),
    (walk(lambda n, rng: np.random.permutation(n)), D.GLOBAL_RANDOMNESS),
    (walk(fixed), (D.KNOWN_MISTAKE, "second walk")),
    (walk(lambda n, rng: np.random.default_rng().permutation(n)), D.UNREPEATABLE),
    (fails_above, (D.WRONG_LENGTH, "one batch")),
    (even_batches, (D.WRONG_LENGTH, "5, 5, 5, 5, 3")),
    (lambda X, y, size, rng: (X, y), D.WRONG_TYPE),
]
RIGHT["6.8"] = [
    walk(lambda n, rng: rng.permutation(n)),
    walk(lambda n, rng: np.argsort(rng.random(n))),
    lambda X, y, size, rng: [[X[c], y[c]] for c in rows_of(rng.permutation(len(X)), size)],
]


def step(text, **names):
    """A step function from its lines, so that a table can hold it: step("theta, grad, lr", "theta -= grad")."""
    arguments, body = text.split(":", 1)
    scope = {"np": np, "math": math}
    lines = "\n".join(f"    {line.strip()}" for line in body.split(";"))
    exec(f"def answer({arguments}):\n{lines}\n", scope)
    return scope["answer"]


SGD, MOM = "theta, grad, lr:", "theta, grad, velocity, lr, mu:"
ADA, RMS = "theta, grad, cache, lr, eps:", "theta, grad, cache, lr, rho, eps:"
ADAM = "theta, grad, m, v, t, lr, beta1, beta2, eps: "
MOMENTS = "m *= beta1; m += (1-beta1)*grad; v *= beta2; v += (1-beta2)*grad**2; "

WRONG["6.9"] = [
    (step(SGD + "theta += lr * grad"), D.SIGN),
    (step(SGD + "theta -= grad"), (D.KNOWN_MISTAKE, "learning rate")),
    (step(SGD + "theta = theta - lr * grad"), D.NOT_IN_PLACE),
    (step(SGD + "theta -= lr * grad; return theta"), D.RETURNS_VALUE),
    (step(SGD + "grad *= lr; theta -= grad"), (D.MODIFIES_ARGUMENT, "grad")),
    (step(SGD + "theta -= 2 * lr * grad"), D.FACTOR),
    (step(SGD + "theta *= 1 - lr"), D.WRONG_VALUE),
]
RIGHT["6.9"] = [
    step(SGD + "theta[:] = theta - lr * grad"),
    step(SGD + "np.subtract(theta, lr * grad, out=theta)"),
    step(SGD + "for i in range(len(theta)): theta[i] -= lr * grad[i]"),
]
WRONG["6.10"] = [
    (step(MOM + "theta -= lr*velocity; velocity *= mu; velocity += grad"), (D.KNOWN_MISTAKE, "old velocity")),
    (step(MOM + "velocity *= mu; velocity += (1-mu)*grad; theta -= lr*velocity"), (D.KNOWN_MISTAKE, "1 - mu")),
    (step(MOM + "velocity *= mu; velocity += grad; theta -= lr*grad"), (D.KNOWN_MISTAKE, "gradient alone")),
    (step(MOM + "velocity = mu*velocity + grad; theta -= lr*velocity"), (D.NOT_IN_PLACE, "velocity")),
    (step(MOM + "velocity *= mu; velocity += grad; theta += lr*velocity"), (D.SIGN, "theta")),
    (step(MOM + "velocity *= mu; velocity += grad; theta -= velocity"), (D.FACTOR, "theta")),
    (step(MOM + "velocity *= mu; velocity += lr*grad; theta -= velocity"), (D.KNOWN_MISTAKE, "went into the velocity")),
    (step(MOM + "velocity *= mu; velocity -= lr*grad; theta += velocity"), (D.KNOWN_MISTAKE, "points downhill")),
    (step(MOM + "velocity += grad; theta -= lr*velocity"), (D.KNOWN_MISTAKE, "never fades")),
    (step(MOM + "velocity += mu*velocity + grad; theta -= lr*velocity"), (D.KNOWN_MISTAKE, "1 + mu")),
    (step(MOM + "velocity *= mu; velocity += lr*grad; theta -= lr*velocity"), D.WRONG_VALUE),
    (step(MOM + "velocity *= mu; velocity += grad; theta -= lr*velocity; return theta, velocity"), D.RETURNS_VALUE),
]
RIGHT["6.10"] = [
    step(MOM + "velocity[:] = mu*velocity + grad; theta[:] = theta - lr*velocity"),
    step(MOM + "np.add(mu*velocity, grad, out=velocity); theta -= lr*velocity"),
]
WRONG["6.11"] = [
    (step(ADA + "cache += grad**2; theta -= lr*grad/(cache+eps)"), (D.KNOWN_MISTAKE, "root is missing")),
    (step(ADA + "cache += grad**2; theta -= lr*grad/np.sqrt(cache+eps)"), (D.KNOWN_MISTAKE, "inside")),
    (step(ADA + "cache += grad**2; theta -= lr*grad/np.sqrt(cache)"), (D.KNOWN_MISTAKE, "eps is missing")),
    (step(ADA + "cache += grad**2; theta -= lr*grad/np.sqrt(cache)+eps"), (D.KNOWN_MISTAKE, "brackets")),
    (step(ADA + "cache += grad; theta -= lr*grad/(np.sqrt(cache)+eps)"), (D.KNOWN_MISTAKE, "square")),
    (step(ADA + "cache += grad@grad; theta -= lr*grad/(np.sqrt(cache)+eps)"), (D.KNOWN_MISTAKE, "one number")),
    (step(ADA + "cache[:] = grad**2; theta -= lr*grad/(np.sqrt(cache)+eps)"), (D.KNOWN_MISTAKE, "last square")),
    (
        step(ADA + "cache += grad**2; cache[:] = cache**.5; theta -= lr*grad/(cache+eps)"),
        (D.KNOWN_MISTAKE, "ends as the root"),
    ),
    (step(ADA + "theta -= lr*grad/(np.sqrt(cache)+eps); cache += grad**2"), (D.KNOWN_MISTAKE, "old cache")),
    (step(ADA + "cache = cache + grad**2; theta -= lr*grad/(np.sqrt(cache)+eps)"), (D.NOT_IN_PLACE, "cache")),
    (step(ADA + "cache += grad**2; theta += lr*grad/(np.sqrt(cache)+eps)"), D.SIGN),
    (step(ADA + "cache += grad**2; theta -= lr/(np.sqrt(cache)+eps)"), D.WRONG_VALUE),
]
RIGHT["6.11"] = [step(ADA + "cache += grad*grad; theta -= lr/(cache**0.5+eps)*grad")]
WRONG["6.12"] = [
    (step(RMS + "cache *= rho; cache += grad**2; theta -= lr*grad/(np.sqrt(cache)+eps)"), (D.KNOWN_MISTAKE, "whole")),
    (
        step(RMS + "cache *= 1-rho; cache += rho*grad**2; theta -= lr*grad/(cache**.5+eps)"),
        (D.KNOWN_MISTAKE, "exchanged"),
    ),
    (
        step(RMS + "cache *= rho; cache += (1-rho)*grad**2; theta -= lr*grad/np.sqrt(cache+eps)"),
        (D.KNOWN_MISTAKE, "inside"),
    ),
    (step(RMS + "cache *= rho; cache += (1-rho)*grad**2; theta -= lr*grad/cache**.5+eps"), (D.KNOWN_MISTAKE, "brack")),
    (step(RMS + "cache += grad**2; theta -= lr*grad/(cache**.5+eps)"), (D.KNOWN_MISTAKE, "forgotten")),
    (
        step(RMS + "theta -= lr*grad/(cache**.5+eps); cache[:] = rho*cache + (1-rho)*grad**2"),
        (D.KNOWN_MISTAKE, "old cache"),
    ),
    (
        step(RMS + "cache += rho*cache + (1-rho)*grad**2; theta -= lr*grad/(cache**.5+eps)"),
        (D.KNOWN_MISTAKE, "1 + rho"),
    ),
    (
        step(RMS + "cache[:] = rho*cache + (1-rho)*grad; theta -= lr*grad/(cache**.5+eps)"),
        (D.KNOWN_MISTAKE, "its square"),
    ),
    (step(RMS + "cache[:] = rho*cache + (1-rho)*grad**2; theta += lr*grad/(cache**.5+eps)"), D.SIGN),
    (step(RMS + "cache[:] = rho*cache + (1-rho)*grad**2; theta -= grad/(cache**.5+eps)"), D.FACTOR),
    (step(RMS + "cache = rho*cache + (1-rho)*grad**2; theta -= lr*grad/(cache**.5+eps)"), D.NOT_IN_PLACE),
    (step(RMS + "grad *= grad; cache *= rho; cache += (1-rho)*grad"), (D.NOT_IN_PLACE, "theta")),
]
RIGHT["6.12"] = [step(RMS + "cache += (1-rho)*(grad**2-cache); theta -= lr*grad/(cache**.5+eps)")]
WRONG["6.13"] = [
    (step(ADAM + MOMENTS + "theta -= lr*m/(np.sqrt(v)+eps)"), (D.KNOWN_MISTAKE, "bias correction")),
    (step(ADAM + MOMENTS + "theta -= lr*m/(1-beta1**t)/np.sqrt(v/(1-beta2**t)+eps)"), (D.KNOWN_MISTAKE, "inside")),
    (
        step(ADAM + MOMENTS + "m /= 1-beta1**t; v /= 1-beta2**t; theta -= lr*m/(v**.5+eps)"),
        (D.KNOWN_MISTAKE, "in place"),
    ),
    (
        step(
            ADAM + "beta1, beta2 = beta2, beta1; " + MOMENTS + "theta -= lr*m/(1-beta1**t)/((v/(1-beta2**t))**.5+eps)"
        ),
        (D.KNOWN_MISTAKE, "exchanged"),
    ),
    (step(ADAM + MOMENTS + "theta += lr*m/(1-beta1**t)/((v/(1-beta2**t))**.5+eps)"), (D.SIGN, "theta")),
    (step(ADAM + MOMENTS + "theta -= m/(1-beta1**t)/((v/(1-beta2**t))**.5+eps)"), (D.FACTOR, "theta")),
    (step(ADAM + MOMENTS + "theta -= lr*grad/((v/(1-beta2**t))**.5+eps)"), (D.KNOWN_MISTAKE, "stands the gradient")),
    (step(ADAM + MOMENTS + "theta -= lr*m/((v/(1-beta2**t))**.5+eps)"), (D.KNOWN_MISTAKE, "correction of m")),
    (step(ADAM + MOMENTS + "theta -= lr*m/(1-beta1**t)/(v**.5+eps)"), (D.KNOWN_MISTAKE, "correction of v")),
    (step(ADAM + MOMENTS + "theta -= lr*m/(1-beta1)/((v/(1-beta2))**.5+eps)"), (D.KNOWN_MISTAKE, "same at every step")),
    (
        step(ADAM + "t += 1; " + MOMENTS + "theta -= lr*m/(1-beta1**t)/((v/(1-beta2**t))**.5+eps)"),
        (D.KNOWN_MISTAKE, "one step more"),
    ),
    (
        step(ADAM + MOMENTS + "theta -= lr*m/(1-beta1)**t/((v/(1-beta2)**t)**.5+eps)"),
        (D.KNOWN_MISTAKE, "beta alone"),
    ),
    (step(ADAM + MOMENTS + "theta -= lr*m/(1-beta1**t)/(v**.5/(1-beta2**t)+eps)"), (D.KNOWN_MISTAKE, "after the root")),
    (
        step(ADAM + MOMENTS.replace("grad**2", "grad") + "theta -= lr*m/(1-beta1**t)/((v/(1-beta2**t))**.5+eps)"),
        (D.KNOWN_MISTAKE, "its square"),
    ),
    (step(ADAM + MOMENTS + "theta -= lr*m/(1-beta1**t)/(v/(1-beta2**t))**.5+eps"), (D.KNOWN_MISTAKE, "brackets")),
]
RIGHT["6.13"] = [
    step(
        ADAM
        + "m += (1-beta1)*(grad-m); v += (1-beta2)*(grad*grad-v); theta -= lr*(m/(1-beta1**t))/(np.sqrt(v/(1-beta2**t))+eps)"
    ),
]

WRONG["6.14"] = [
    (lambda dW, W, weight_decay: dW - weight_decay * W, (D.KNOWN_MISTAKE, "sign")),
    (lambda dW, W, weight_decay: dW + 2 * weight_decay * W, (D.KNOWN_MISTAKE, "twice")),
    (lambda dW, W, weight_decay: dW + weight_decay * W**2, (D.KNOWN_MISTAKE, "linear")),
    (lambda dW, W, weight_decay: dW + weight_decay * np.sign(W), (D.KNOWN_MISTAKE, "L1")),
    (lambda dW, W, weight_decay: weight_decay * W, (D.KNOWN_MISTAKE, "alone")),
    (lambda dW, W, weight_decay: np.add(dW, weight_decay * W, out=dW), D.MODIFIES_ARGUMENT),
    (lambda dW, W, weight_decay: dW + np.float64(weight_decay) * W, D.FLOAT64),
]
RIGHT["6.14"] = [
    lambda dW, W, weight_decay: W * weight_decay + dW,
    lambda dW, W, weight_decay: np.add(dW, weight_decay * W, out=np.empty_like(dW)),
]


def drop(keep=lambda u, p: u >= p, scale=lambda p: 1 / (1 - p), dtype=None, draw=None, mask_only=False):
    def dropout_forward(A, p, rng):
        u = draw(A, rng) if draw else rng.random(A.shape)
        mask = (keep(u, p) * np.ones(A.shape) * scale(p)).astype(dtype or A.dtype)
        return mask if mask_only else (A * mask, mask)

    return dropout_forward


def drops_in_place(A, p, rng):
    mask = drop()(A, p, rng)[1]
    A *= mask
    return A, mask


def forgets_to_return(A, p, rng):
    drop()(A, p, rng)


WRONG["6.15"] = [
    (forgets_to_return, D.RETURNS_NONE),
    (lambda A, p, rng: drop()(A, p, rng)[::-1], (D.KNOWN_MISTAKE, "exchanged")),
    (drop(keep=lambda u, p: u * (u >= p)), (D.WRONG_VALUE, "two values")),
    (drop(draw=lambda A, rng: rng.standard_normal(A.shape)), (D.WRONG_VALUE, "where p = 0.3")),
    (drop(keep=lambda u, p: u >= 0), (D.WRONG_VALUE, "drops nothing")),
    (drop(keep=lambda u, p: u > 1), (D.KNOWN_MISTAKE, "whole rows")),
    (lambda A, p, rng: (A * drop()(A[:1], p, rng)[1], drop()(A[0], p, rng)[1]), (D.WRONG_SHAPE, "mask")),
    (drop(keep=lambda u, p: u < p), (D.KNOWN_MISTAKE, "not to keep")),
    (drop(scale=lambda p: 1), (D.KNOWN_MISTAKE, "not scaled")),
    (drop(scale=lambda p: 1 / p), D.FACTOR),
    (drop(dtype=np.float64), D.FLOAT64),
    (drop(dtype=bool), D.WRONG_DTYPE),
    (drop(draw=lambda A, rng: rng.random(A.shape[1])), (D.KNOWN_MISTAKE, "columns")),
    (drop(draw=lambda A, rng: np.random.random(A.shape)), D.GLOBAL_RANDOMNESS),
    (drop(draw=lambda A, rng: np.random.default_rng().random(A.shape)), D.UNREPEATABLE),
    (drop(draw=lambda A, rng: np.random.default_rng(1).random(A.shape)), (D.UNREPEATABLE, "same mask")),
    (drop(mask_only=True), D.WRONG_TYPE),
    (drops_in_place, D.MODIFIES_ARGUMENT),
    (lambda A, p, rng: drop()(A, p or 0.5, rng), (D.WRONG_VALUE, "p = 0")),
    (lambda A, p, rng: (A, drop()(A, p, rng)[1]), (D.WRONG_VALUE, "A · mask")),
]
RIGHT["6.15"] = [drop(), lambda A, p, rng: list(drop()(A, p, rng)), drop(draw=lambda A, rng: 1 - rng.random(A.shape))]


def stop(better=lambda a, b: a < b, answer=lambda best, i, losses: best, reset=True, early=0, empty=True):
    def early_stopping(losses, patience):
        if empty and not losses:
            raise ValueError("losses: expected at least one, got none")
        best, waited, i = 0, 0, 0
        for i, loss in enumerate(losses):
            if i and better(loss, losses[best]):
                best, waited = i, 0 if reset else waited
            elif i:
                waited += 1
            if waited >= patience + early:
                break
        return answer(best, i, losses)

    return early_stopping


def by_the_last(losses, patience):
    """Compares with the epoch before."""
    if not losses:
        raise ValueError("losses: expected at least one, got none")
    best, waited = 0, 0
    for i in range(1, len(losses)):
        best, waited = (i, 0) if losses[i] < losses[i - 1] else (best, waited + 1)
        if waited >= patience:
            break
    return best


def from_a_hundred(losses, patience):
    if not losses:
        raise ValueError("losses: expected at least one, got none")
    best, low = 0, 100
    for i, loss in enumerate(losses):
        if loss < low:
            best, low = i, loss
        elif i - best >= patience:
            break
    return best


def ties_start_again(losses, patience):
    """The earliest of equal losses is kept, but an equal one resets the count."""
    if not losses:
        raise ValueError("losses: expected at least one, got none")
    best, waited = 0, 0
    for i, loss in enumerate(losses):
        waited = 0 if i == 0 or loss <= losses[best] else waited + 1
        best = i if loss < losses[best] else best
        if waited >= patience:
            break
    return best


def ends_at_nan(losses, patience):
    end = next((i for i, loss in enumerate(losses) if math.isnan(loss)), len(losses))
    return stop()(losses[:end], patience)


def needs_two(losses, patience):
    if len(losses) == 1:
        return losses[1]
    return stop()(losses, patience)


def speaks(losses, patience):
    print(stop()(losses, patience))


def asserts(losses, patience):
    assert losses
    return stop(empty=False)(losses, patience)


WRONG["6.16"] = [
    (by_the_last, (D.WRONG_VALUE, "not below the last")),
    (from_a_hundred, (D.WRONG_VALUE, "may be large")),
    (ties_start_again, (D.WRONG_VALUE, "equal loss")),
    (ends_at_nan, (D.WRONG_VALUE, "still count")),
    (needs_two, D.RAISES),
    (speaks, D.RETURNS_NONE),
    (asserts, (D.NO_ERROR, "AssertionError")),
    (lambda losses, patience: stop()(losses, max(patience, 2)), (D.WRONG_VALUE, "patience of 1")),
    (lambda losses, patience: stop()(losses[:20], patience), (D.WRONG_VALUE, "30 random")),
    (lambda losses, patience: int(np.nanargmin(losses)), (D.WRONG_VALUE, "never seen")),
    (stop(better=lambda a, b: a <= b), (D.WRONG_VALUE, "ties")),
    (stop(answer=lambda best, i, losses: i), (D.WRONG_VALUE, "there the training stops")),
    (stop(answer=lambda best, i, losses: losses[best]), (D.KNOWN_MISTAKE, "index")),
    (stop(reset=False), (D.WRONG_VALUE, "again")),
    (stop(early=1), (D.WRONG_VALUE, "never seen")),
    (stop(early=-1), (D.WRONG_VALUE, "patience is 2")),
    (stop(answer=lambda best, i, losses: best + 1), (D.WRONG_VALUE, "first index is 0")),
    (stop(better=lambda a, b: not a >= b), (D.WRONG_VALUE, "NaN")),
    (stop(empty=False), D.NO_ERROR),
]
RIGHT["6.16"] = [stop(), stop(better=lambda a, b: b > a)]


# the questions

WRONG["6.a"] = [
    ("a", (D.WRONG_VALUE, "40 numbers of 23,860")),
    ("b", (D.WRONG_VALUE, "a cage")),
    ("d", (D.WRONG_VALUE, "neither asks for a bias")),
]
WRONG["6.b"] = [
    ("a", (D.WRONG_VALUE, "one after the other")),
    ("c", (D.WRONG_VALUE, "zeros did come first")),
]
WRONG["6.c"] = [
    ("b", (D.WRONG_VALUE, "how SGD moves")),
    ("c", (D.WRONG_VALUE, "that ratio is 3.16")),
    ("d", (D.WRONG_VALUE, "held back")),
]
WRONG["6.d"] = [
    ("a", (D.WRONG_VALUE, "does not ask what the pixel shows")),
    ("b", (D.WRONG_VALUE, "a share of a weight")),
    ("c", (D.WRONG_VALUE, "neither up nor down")),
]
