"""The loop that trains a network, and the questions asked of a trained one. Built in lesson 05.

A network here ends in logits: C columns for C classes, or one column for yes or no.
"""

import time
from typing import NamedTuple

import numpy as np

from .data import batches, check_count, check_finite, check_rng, check_split
from .functional import sigmoid, softmax
from .metrics import accuracy


class Evaluation(NamedTuple):
    """Mean loss, and accuracy from 0 to 1 (None if the targets are not class labels). Built in lesson 05."""

    loss: float
    accuracy: float | None


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
    check_rng(rng)
    if not np.may_share_memory(opt.params.value, net.theta):
        raise ValueError("opt: expected an optimiser built from this net.parameters(), got one for other weights")
    history, row, good, step = [], {}, net.theta.copy(), 0
    try:
        # an overflow on the way is caught below and reported once, with the step and the learning rate
        with (
            np.errstate(over="ignore", invalid="ignore", divide="ignore"),
            _bar(epochs * -(-len(train.X) // batch_size), progress) as bar,
        ):
            for epoch in range(1, epochs + 1):
                start, seen, row = time.perf_counter(), 0, {}
                for X, y in batches(train, batch_size, rng=rng):
                    scores = net.forward(X, training=True)
                    value, dZ = loss(scores, y)
                    good[...] = net.theta
                    net.backward(dZ)
                    opt.step()
                    step, seen = step + 1, seen + len(X)
                    now = {"epoch": epoch, "seconds": time.perf_counter() - start, "loss": value}
                    now["accuracy"] = _accuracy(scores, y)
                    for name in ("loss", "accuracy"):  # running means over the rows seen
                        if row and now[name] is not None:
                            now[name] = row[name] + (now[name] - row[name]) * len(X) / seen
                    row = now
                    bar.update()
                if not np.isfinite(net.theta).all():
                    raise FloatingPointError("theta: expected finite numbers, got NaN or infinity")
                history.append(row | _dev_row(net, loss, dev))
                bar.set_postfix({name: f"{history[-1][name]:.4f}" for name in row if name.endswith("loss")})
    except KeyboardInterrupt:
        print(f"stopped by hand after step {step}; the network keeps what it has learnt")
        if row and row["epoch"] > len(history):
            history.append(row | _dev_row(net, loss, dev))
    except FloatingPointError as error:
        net.theta = good
        raise FloatingPointError(
            f"training diverged at step {step} with lr = {opt.lr:g}: {error}. "
            "The network has its last good weights back; try a smaller learning rate"
        ) from error
    return history


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


def _logits(net, X):
    Z = net.forward(check_finite(X))
    if not np.isfinite(Z).all():  # argmax would call NaN class 0
        raise FloatingPointError("logits: expected finite numbers, got NaN or infinity")
    return Z


def _classes(Z):
    return Z.argmax(axis=1) if Z.shape[1] > 1 else (Z[:, 0] > 0).astype(np.int64)


def _accuracy(scores, y):
    return accuracy(y, _classes(scores)) if y.ndim == 1 and y.dtype.kind in "iu" else None


def _dev_row(net, loss, dev):
    return {} if dev is None else {f"dev_{k}": v for k, v in evaluate(net, loss, dev)._asdict().items()}


def _bar(total, show):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _NoBar()
    return tqdm(total=total, unit="step", leave=False, disable=None if show else True)


class _NoBar:
    """Stands in for the progress bar where tqdm is not installed."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def update(self):
        pass

    def set_postfix(self, values):
        pass
