"""Examples and labels: the bundled digits and garments, two toys in the plane, splitting, shuffling, batches.

X is float32 with one example per row, y holds integer labels. Nothing is random unless you pass a generator.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

DIGITS = tuple("0123456789")
GARMENTS = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


class Split(NamedTuple):
    """Examples X (N, D) and their labels y (N,), row by row; unpacks as `X, y = split`."""

    X: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Three splits and the names of the classes.

    Raises ValueError if a split is empty, its lengths differ, or X holds NaN or infinity.
    """

    train: Split
    dev: Split
    test: Split
    classes: tuple

    def __post_init__(self):
        for name in ("train", "dev", "test"):
            object.__setattr__(self, name, check_split(getattr(self, name), name))


def check_split(pair, name="split"):
    """(X, y) as a Split of arrays; ValueError unless both have N >= 1 rows and X is finite numbers."""
    try:
        X, y = (np.asarray(part) for part in pair)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected a pair (X, y), got {type(pair).__name__}") from error
    if X.ndim < 1 or y.ndim < 1 or len(X) != len(y) or not len(X):
        raise ValueError(f"{name}: expected as many rows in X as in y, at least 1, got {X.shape} and {y.shape}")
    check_finite(X, f"{name}.X")
    if y.dtype.kind == "f":
        check_finite(y, f"{name}.y")
    return Split(X, y)


def check_finite(X, name="X"):
    """Return X as an array; ValueError unless it holds finite real numbers."""
    X = np.asarray(X)
    if X.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected numbers, got {X.dtype}")
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise ValueError(f"{name}: expected finite numbers, got {X[place]} at {place}")
    return X


def load_mnist(full=False):
    """Handwritten digits: a Dataset with X (N, 784) in [0, 1] float32 and y 0 to 9.

    The bundled 10,000 are split, always alike, into 7,000 for training, 1,000 dev and 2,000 test.
    `full=True` downloads the official 70,000 once (12 MB) and gives 55,000, 5,000 and the official 10,000 test images.
    Raises OSError if no mirror can deliver them. Source and licence: data/README.md.
    """
    if full:
        return _official("mnist", DIGITS)
    with np.load(bundled_file("mnist.npz")) as file:
        X, y = _rows(file["images"]), file["labels"].astype(np.int64)
    return Dataset(*split(X, y, (7000, 1000, 2000), rng=np.random.default_rng(0)), DIGITS)


def load_fashion_mnist(full=False):
    """Photographs of garments, a harder twin of MNIST: same shapes, ten classes such as "Sneaker".

    The bundle gives 9,000 for training, 1,000 dev and 2,000 test; `full=True` (31 MB) 55,000, 5,000 and 10,000.
    Raises OSError if no mirror can deliver them. Source and licence: data/README.md.
    """
    if full:
        return _official("fashion-mnist", GARMENTS)
    with np.load(bundled_file("fashion_mnist.npz")) as file:
        X, y = _rows(file["images"]), file["labels"].astype(np.int64)
        test = Split(_rows(file["test_images"]), file["test_labels"].astype(np.int64))
    return Dataset(*split(X, y, (9000, 1000), rng=np.random.default_rng(0)), test, GARMENTS)


def bundled_file(name):
    """Path of a file that comes with the course, in a checkout (data/) or an installed package."""
    here = Path(__file__).resolve().parent
    for path in (here.parent / "data" / name, here / "bundled" / name):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name}: expected in {here.parent / 'data'} or {here / 'bundled'}")


def split(X, y, sizes, *, rng):
    """Shuffle X and y together and cut them into Splits of the given sizes: counts, or fractions of all rows.

    `train, dev, test = split(X, y, (0.7, 0.1, 0.2), rng=rng)`. Counts may leave rows over. ValueError if they ask for
    more rows than there are.
    """
    X, y = check_split((X, y))
    counts = np.array(sizes)
    if counts.dtype.kind == "f":
        counts = np.diff(np.rint(np.cumsum(counts) * len(X)).astype(int), prepend=0)
    if counts.ndim != 1 or counts.size == 0 or counts.min() < 1 or counts.sum() > len(X):
        raise ValueError(f"sizes: expected at least 1 each and at most {len(X)} in all, got {tuple(sizes)}")
    order, cuts = check_rng(rng).permutation(len(X)), np.cumsum(counts)
    return tuple(Split(X[rows], y[rows]) for rows in np.split(order, cuts)[: len(counts)])


def batches(split, size, *, rng):
    """Yield (X, y) pieces of `size` rows, every row once, in an order drawn from rng; the last may be smaller.

    Call it again for the next epoch: the order will be another one. Built in lesson 05.
    """
    X, y = (np.asarray(part) for part in split)
    if len(X) != len(y) or not len(X):
        raise ValueError(f"split: expected as many rows in X as in y, at least 1, got {X.shape} and {y.shape}")
    check_count(size, "batch size")
    order = check_rng(rng).permutation(len(X))
    return (Split(X[rows], y[rows]) for rows in (order[i : i + size] for i in range(0, len(X), size)))


def moons(n, *, rng, noise=0.1):
    """Two half circles that interlock: a Split with n points per class, X (2n, 2), y 0 or 1, in random order.

    `noise` is the standard deviation of the blur; the circles have radius 1.
    """
    angle = np.linspace(0, np.pi, check_count(n))
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])
    return _plane([upper, lower], noise, rng)


def spirals(n, *, rng, classes=3, noise=0.03):
    """Arms of a spiral around the origin: a Split with n points per class, X (classes · n, 2), in random order.

    Each arm makes three quarters of a turn while its radius grows from 0.1 to 1.
    """
    radius, angle = np.linspace(0.1, 1, check_count(n)), np.linspace(0, 1.5 * np.pi, n)
    turns = [angle + 2 * np.pi * k / classes for k in range(classes)]
    return _plane([np.column_stack([radius * np.cos(a), radius * np.sin(a)]) for a in turns], noise, rng)


def _plane(arms, noise, rng):
    X = np.concatenate(arms) + noise * check_rng(rng).standard_normal((sum(map(len, arms)), 2))
    y = np.repeat(np.arange(len(arms)), len(arms[0]))
    order = rng.permutation(len(X))
    return Split(X[order].astype(np.float32), y[order])


def check_count(n, name="n"):
    """Return n; ValueError unless it is an integer of at least 1."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"{name}: expected an integer of at least 1, got {n!r}")
    return n


def check_rng(rng):
    """Return rng; TypeError unless it is a generator made by np.random.default_rng(seed)."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a generator such as np.random.default_rng(0), got {rng!r}")
    return rng


def _rows(images):
    return images.reshape(len(images), -1).astype(np.float32) / 255


def _official(name, classes):
    from .download import official

    images, labels, test_images, test_labels = official(name)
    train, dev = split(_rows(images), labels.astype(np.int64), (11 / 12, 1 / 12), rng=np.random.default_rng(0))
    return Dataset(train, dev, Split(_rows(test_images), test_labels.astype(np.int64)), classes)
