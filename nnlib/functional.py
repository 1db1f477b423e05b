"""The functions a network is made of, as functions of plain arrays: no layers, no state.

All keep the floating dtype and the shape of their input. Z is the value before the activation.
"""

import math

import numpy as np


def sigmoid(Z):
    """σ(z) = 1 / (1 + e^-z), between 0 and 1. Built in lesson 03.

    Far below zero, where e^-z would overflow, it stays the smallest number that the dtype holds with all its digits.
    """
    Z = floats(Z)
    largest = -math.log(np.finfo(Z.dtype).tiny)  # 87 in float32, 708 in float64
    return 1 / (1 + np.exp(np.minimum(-Z, largest)))


def sigmoid_derivative(Z):
    """σ'(z) = σ(z) (1 - σ(z)) at the value Z before the activation; at most 1/4. Built in lesson 04."""
    A = sigmoid(Z)
    return A * (1 - A)


def tanh(Z):
    """(e^z - e^-z) / (e^z + e^-z), between -1 and 1. Built in lesson 03."""
    return np.tanh(Z)


def tanh_derivative(Z):
    """tanh'(z) = 1 - tanh²(z) at the value Z before the activation. Built in lesson 04."""
    return 1 - np.tanh(Z) ** 2


def relu(Z):
    """max(z, 0). Built in lesson 03."""
    return np.maximum(Z, 0)


def relu_derivative(Z):
    """1 where z > 0, else 0; by convention 0 at z = 0. Built in lesson 04."""
    Z = np.asarray(Z)
    return (Z > 0).astype(Z.dtype)


def softmax(Z, axis=-1):
    """p_k = e^(z_k) / Σ_j e^(z_j) along `axis`: positive, sums to 1. Built in lesson 03.

    The largest z is subtracted first. That cancels in the fraction, and exp then never sees a positive number.
    """
    Z = floats(Z)
    E = np.exp(Z - np.max(Z, axis=axis, keepdims=True))
    return E / E.sum(axis=axis, keepdims=True)


def log_softmax(Z, axis=-1):
    """log p_k = z_k - log Σ_j e^(z_j), finite even where p_k itself rounds to 0. Built in lesson 03."""
    Z = floats(Z)
    shifted = Z - np.max(Z, axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def one_hot(y, classes, dtype=np.float32):
    """Labels (N,) -> (N, classes) with a 1 in the column of the label, 0 elsewhere. Built in lesson 01.

    Raises ValueError unless y holds integers in 0 … classes - 1.
    """
    y = check_labels(y, classes)
    rows = np.zeros((len(y), classes), dtype=dtype)
    rows[np.arange(len(y)), y] = 1
    return rows


def floats(Z):
    """Z as an array of floats: unsigned pixels, for one, would wrap around below zero."""
    Z = np.asarray(Z)
    return Z if Z.dtype.kind == "f" else Z.astype(np.float64)


def check_labels(y, classes, count=None):
    """Return y as an array; ValueError unless it is (count,) integers in 0 … classes - 1."""
    y = np.asarray(y)
    expected = f"({'N' if count is None else count},)"
    if y.ndim != 1 or (count is not None and len(y) != count):
        hint = "; turn one-hot rows into labels with y.argmax(axis=1)" if y.ndim == 2 else ""
        raise ValueError(f"labels: expected shape {expected}, got {y.shape}{hint}")
    if y.dtype.kind not in "iu":
        raise ValueError(f"labels: expected integers, got {y.dtype}")
    if y.size and (y.min() < 0 or y.max() >= classes):
        raise ValueError(f"labels: expected 0 to {classes - 1}, got {y.min()} to {y.max()}")
    return y
