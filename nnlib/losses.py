"""A loss says how wrong the scores are, and in which direction every one of them should move.

Each is a function (scores, targets) -> (mean loss, d loss / d scores). The gradient has the shape and dtype of the
scores and already carries the 1/N of the mean: nothing after it divides by the batch size again.
"""

import numpy as np

from .functional import check_labels, sigmoid


def cross_entropy(scores, targets):
    """Softmax and cross-entropy in one: L = -mean log p_y, with p = softmax(scores) by row.

    scores (N, C) logits, targets (N,) integer labels  ->  loss in nats, dZ (N, C) = (P - Y) / N

    Raises ValueError for wrong shapes, dtypes or labels, FloatingPointError for scores that are not finite.
    Built in lessons 03 (the value) and 04 (the gradient).
    """
    Z = _checked(scores, "(N, C)", ndim=2)
    N, C = Z.shape
    y = check_labels(targets, C, N)
    Z = Z - Z.max(axis=1, keepdims=True)
    dZ = np.exp(Z)  # once, for the loss and for its gradient
    total = dZ.sum(axis=1, keepdims=True)
    rows = np.arange(N)
    loss = (np.log(total[:, 0]) - Z[rows, y]).sum() / N
    dZ /= N * total
    dZ[rows, y] -= 1 / N
    return float(loss), dZ


def binary_cross_entropy(scores, targets):
    """Sigmoid and cross-entropy for yes/no targets in one: L = mean [log(1 + e^z) - y z], with p = σ(z).

    scores (N, 1) or (N,) logits, targets (N,) of 0 and 1  ->  loss in nats, dZ = (P - Y) / N in the scores' shape.
    Several independent yes/no outputs, scores and targets both (N, K), are averaged over all N·K.

    Raises ValueError for wrong shapes or targets, FloatingPointError for scores that are not finite.
    Built in lessons 03 (the value) and 04 (the gradient).
    """
    Z = _checked(scores, "(N, 1) or (N,)")
    Y = _matched(targets, Z)
    if not np.isin(Y, (0, 1)).all():
        wrong = Y[(Y != 0) & (Y != 1)][0]
        raise ValueError(f"targets: expected 0 or 1, got {wrong:g}")
    loss = np.mean(np.logaddexp(0, Z) - Y * Z)
    return float(loss), (sigmoid(Z) - Y) / Z.size


def mse(scores, targets):
    """Mean squared error over all outputs: L = mean (s - t)².

    scores and targets (N, K), or (N, 1) and (N,)  ->  loss, dS = 2 (S - T) / (N K)

    Raises ValueError for shapes that differ, FloatingPointError for scores that are not finite.
    Built in lessons 03 (the value) and 04 (the gradient).
    """
    S = _checked(scores, "(N, K)")
    difference = S - _matched(targets, S)
    return float(np.mean(difference**2)), 2 * difference / S.size


def _checked(scores, expected, ndim=None):
    scores = np.asarray(scores)
    if scores.size == 0 or scores.ndim not in (1, 2) or (ndim and scores.ndim != ndim):
        raise ValueError(f"scores: expected shape {expected} with N >= 1, got {scores.shape}")
    if scores.dtype.kind != "f":
        raise ValueError(f"scores: expected a floating dtype, got {scores.dtype}")
    if not np.isfinite(scores).all():
        row = np.argwhere(~np.isfinite(scores))[0][0]
        raise FloatingPointError(
            f"scores: expected finite numbers, got {scores[row]} in row {row}; "
            "often the learning rate is too large or the inputs are not scaled"
        )
    return scores


def _matched(targets, scores):
    """Targets in the shape and dtype of the scores; only (N,) against (N, 1) is reshaped, nothing is broadcast."""
    targets = np.asarray(targets)
    if targets.shape != scores.shape and {targets.shape, scores.shape} != {(len(scores),), (len(scores), 1)}:
        hint = "; for class labels use one_hot(y, classes)" if targets.ndim == 1 else ""
        raise ValueError(f"targets: expected shape {scores.shape} like the scores, got {targets.shape}{hint}")
    if targets.dtype.kind not in "fiub":
        raise ValueError(f"targets: expected numbers, got {targets.dtype}")
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise ValueError("targets: expected finite numbers, got NaN or infinity")
    return targets.reshape(scores.shape).astype(scores.dtype, copy=False)
