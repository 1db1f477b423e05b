"""The loop that trains a network, and the questions asked of a trained one. Built in lesson 05.

A network here ends in logits: C columns for C classes, or one column for yes or no.
"""

import math
import os
import time
from typing import NamedTuple

import numpy as np

from .data import batches, check_count, check_finite, check_split
from .functional import sigmoid, softmax
from .metrics import accuracy


class Evaluation(NamedTuple):
    """Mean loss, and accuracy from 0 to 1 (None if the targets are not class labels). Built in lesson 05."""

    loss: float
    accuracy: float | None


# an overflow on the way to NaN is no news of its own: what is not finite at the end is reported once
_quiet = {"over": "ignore", "invalid": "ignore", "divide": "ignore"}


@np.errstate(**_quiet)
def fit(net, loss, opt, train, dev=None, *, epochs, batch_size=64, rng, progress=True):
    """Walk `epochs` times over `train` in fresh random batches. Returns the history, a list with a row per epoch.

    A row is a dict: epoch, seconds, loss and accuracy (means over the batches, each before its update), and with a
    dev split dev_loss and dev_accuracy (after the epoch). Ctrl-C stops, says so and keeps what is learnt.
    Raises ValueError for arguments that cannot work, FloatingPointError if loss or weights stop being finite; the
    network then has the last weights that gave a finite loss. Built in lesson 05.
    """
    train = check_split(train, "train")
    dev = None if dev is None else check_split(dev, "dev")
    check_count(batch_size, "batch size")
    check_count(epochs, "epochs")
    if not np.may_share_memory(opt.params.value, net.theta):
        raise ValueError("opt: expected an optimiser built from this net.parameters(), got one for other weights")
    history, log, good, step = [], [], net.theta.copy(), 0
    try:
        try:
            for epoch in _progress(range(1, epochs + 1), progress):
                start = time.perf_counter()
                for X, y in batches(train, batch_size, rng=rng):
                    scores = net.forward(X, training=True)
                    value, dZ = loss(scores, y)
                    if not math.isfinite(value):
                        raise FloatingPointError(f"loss: expected a finite number, got {value}")
                    good[...] = net.theta
                    net.backward(dZ)
                    opt.step()
                    step += 1
                    log.append((len(X), value, _accuracy(scores, y)))
                history.append(_row(net, loss, dev, epoch, start, log))
                log = []
        except KeyboardInterrupt:
            print(f"stopped by hand after step {step}; the network keeps what it has learnt")
            if log and len(history) < epoch:
                history.append(_row(net, loss, dev, epoch, start, log))
    except FloatingPointError as error:
        net.theta = good
        raise FloatingPointError(
            f"training diverged at step {step} with lr = {opt.lr:g}: {error}. "
            "The network has its last good weights back; try a smaller learning rate"
        ) from error
    return history


@np.errstate(**_quiet)
def evaluate(net, loss, split):
    """Evaluation(loss, accuracy) of the network on a split, in one pass without training. Built in lesson 05."""
    X, y = check_split(split)
    scores = net.forward(X)
    value, _ = loss(scores, y)
    return Evaluation(value, _accuracy(scores, y))


def predict(net, X):
    """The class of every row: the column of its largest logit, or 1 where a single logit is positive. (N,) integers.

    Raises ValueError if X is not finite, FloatingPointError if the logits are not. Built in lesson 05.
    """
    return _classes(_logits(net, X))


def predict_proba(net, X):
    """The probability of every class, (N, C); rows sum to 1. One logit gives two columns, no and yes.

    Raises ValueError if X is not finite, FloatingPointError if the logits are not. Built in lesson 05.
    """
    Z = _logits(net, X)
    return softmax(Z) if Z.shape[1] > 1 else np.hstack([sigmoid(-Z), sigmoid(Z)])


@np.errstate(**_quiet)
def _logits(net, X):
    Z = net.forward(check_finite(X))
    if not np.isfinite(Z).all():  # argmax would call NaN class 0
        raise FloatingPointError("logits: expected finite numbers, got NaN or infinity")
    return Z


def _classes(Z):
    return Z.argmax(axis=1) if Z.shape[1] > 1 else (Z[:, 0] > 0).astype(np.int64)


def _accuracy(scores, y):
    return accuracy(y, _classes(scores)) if y.ndim == 1 and y.dtype.kind in "iu" else None


def _row(net, loss, dev, epoch, start, log):
    """The row of one epoch: means over its log of (examples, loss, accuracy) by batch, then the dev split's figures."""
    seconds = time.perf_counter() - start
    if not np.isfinite(net.theta).all():
        raise FloatingPointError("theta: expected finite numbers, got NaN or infinity")
    sizes, *columns = zip(*log, strict=True)
    loss_, accuracy_ = (None if None in c else float(np.average(c, weights=sizes)) for c in columns)
    row = {"epoch": epoch, "seconds": seconds, "loss": loss_, "accuracy": accuracy_}
    if dev is not None:
        row["dev_loss"], row["dev_accuracy"] = evaluate(net, loss, dev)
    return row


def _progress(epochs, show):
    """The same epochs, with a bar if that is wanted, tqdm is there, and somebody can see it."""
    if not show or os.environ.get("TQDM_DISABLE"):  # tqdm itself does not look at it in a notebook
        return epochs
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return epochs
    return tqdm(epochs, unit="epoch", leave=False, disable=None)
