"""Which mistake is it? From an answer, the right result and what the learner had in hand, a name for the difference.

One diagnoser serves every exercise. It says what is wrong with the answer, never how to write it.
"""

from enum import Enum

import numpy as np


class Diagnosis(Enum):
    """What a check found. The value says it in general words; a result's message says it for the answer at hand."""

    CORRECT = "right"
    NOT_ATTEMPTED = "not done yet"
    RAISES = "raises an error"
    RETURNS_NONE = "returns nothing"
    PRINTS = "prints instead of returning"
    WRONG_TYPE = "another kind of object"
    WRONG_LENGTH = "another number of parts"
    WRONG_SHAPE = "another shape"
    TRANSPOSED = "transposed"
    WRONG_AXIS = "along the wrong axis"
    SIGN = "the sign is flipped"
    TIMES_BATCH = "too large by the batch size: sum and mean confused"
    OVER_BATCH = "too small by the batch size: mean and sum confused"
    FACTOR = "wrong by a constant factor"
    ALL_ZERO = "all zeros"
    NOT_A_NUMBER = "NaN"
    INFINITE = "infinite"
    FLOAT64 = "float64 instead of float32"
    INTEGER = "integers instead of floats"
    WRONG_DTYPE = "another dtype"
    MODIFIES_ARGUMENT = "modifies its argument"
    RETURNS_VIEW = "returns a view of its argument"
    NOT_IN_PLACE = "does not change the array it was given"
    RETURNS_VALUE = "returns something, should change an array in place"
    SQUARE_ONLY = "right only for square inputs"
    ONE_EXAMPLE_ONLY = "right only for one example"
    GLOBAL_RANDOMNESS = "uses global randomness"
    UNREPEATABLE = "not repeatable from the generator"
    NO_ERROR = "accepts what it should refuse"
    KNOWN_MISTAKE = "a known mistake of this exercise"
    WRONG_VALUE = "another value"


RTOL = {"e": 5e-3, "f": 1e-4, "d": 1e-8}  # by the letter of the dtype: float16, float32, float64


def same(answer, expected, rtol=None):
    """Equal up to rounding: the tolerance is relative to the largest expected entry, so that zeros may be noisy."""
    answer, expected = np.asarray(answer), np.asarray(expected)
    if answer.shape != expected.shape:
        return False
    if expected.dtype.kind not in "fc":
        return bool(np.all(answer == expected))
    if answer.dtype.kind not in "fiub":
        return False
    if not np.array_equal(np.isfinite(answer), np.isfinite(expected)):
        return False
    finite = np.isfinite(expected)
    a, e = answer[finite].astype(np.float64), expected[finite].astype(np.float64)
    if rtol is None:
        rtol = max(RTOL.get(array.dtype.char, 1e-8) for array in (answer, expected))
    return bool(np.all(np.abs(a - e) <= rtol * max(np.abs(e).max(initial=0), 1e-6)))


def diagnose(answer, expected, arguments=(), *, name="", rtol=None):
    """(Diagnosis, message) of an answer against the expected array, number, or tuple or list of those.

    `arguments`: the arrays the learner had in hand; they tell the batch size and where a NaN came from.
    `name`: how to call the answer in the message.
    """
    label = f"{name}: " if name else ""
    if answer is None:
        return Diagnosis.RETURNS_NONE, f"{label}nothing is returned (None); end with `return …`"
    if isinstance(expected, tuple | list):
        return _parts(answer, expected, arguments, name, rtol)
    if isinstance(expected, str | bool | np.bool_) or isinstance(answer, str):
        right = type(answer) in (type(expected), np.bool_) and answer == expected
        return (Diagnosis.CORRECT, "") if right else (Diagnosis.WRONG_VALUE, f"{label}{answer!r} is not it")
    try:
        a, e = np.asarray(answer), np.asarray(expected)
    except ValueError:
        a = np.empty(0, dtype=object)
    if a.dtype.kind not in "fiub" or (isinstance(answer, tuple | list) and isinstance(expected, np.ndarray)):
        want = "a NumPy array" if isinstance(expected, np.ndarray) else "a number"
        return Diagnosis.WRONG_TYPE, f"{label}expected {want}, got {_kind(answer)}"
    found = _shape(a, e, arguments, rtol) or _values(a, e, arguments, rtol) or _dtype(a, e)
    return (found[0], label + found[1]) if found else (Diagnosis.CORRECT, "")


def _parts(answer, expected, arguments, name, rtol):
    label = f"{name}: " if name else ""
    if not isinstance(answer, tuple | list):
        return Diagnosis.WRONG_TYPE, f"{label}expected {len(expected)} results, got {_kind(answer)}"
    if len(answer) != len(expected):
        return Diagnosis.WRONG_LENGTH, f"{label}expected {len(expected)} results, got {len(answer)}"
    for i, (a, e) in enumerate(zip(answer, expected, strict=True)):
        diagnosis, message = diagnose(a, e, arguments, name=f"{name or 'result'}[{i}]", rtol=rtol)
        if diagnosis is not Diagnosis.CORRECT:
            return diagnosis, message
    return Diagnosis.CORRECT, ""


def _shape(a, e, arguments, rtol):
    if a.shape == e.shape:
        return None
    if a.shape == e.shape[::-1] and same(a.T, e, rtol):
        return Diagnosis.TRANSPOSED, f"the numbers are right, but transposed: expected shape {e.shape}, got {a.shape}"
    if _reduced_elsewhere(a, e, arguments, rtol):
        return Diagnosis.WRONG_AXIS, f"summed along the wrong axis: expected shape {e.shape}, got {a.shape}"
    where = ""
    if a.ndim == e.ndim:
        axes = [i for i in range(a.ndim) if a.shape[i] != e.shape[i]]
        where = "; " + ", ".join(f"axis {i} has {a.shape[i]}, not {e.shape[i]}" for i in axes)
    elif a.size == e.size:
        where = "; the count of numbers is right, the arrangement is not"
    else:
        where = f"; {a.ndim} {'axis' if a.ndim == 1 else 'axes'}, not {e.ndim}"
    return Diagnosis.WRONG_SHAPE, f"expected shape {e.shape}, got {a.shape}{where}"


def _values(a, e, arguments, rtol):
    if same(a, e, rtol):
        return None
    bad = ~np.isfinite(a) & np.isfinite(e)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        kind = Diagnosis.NOT_A_NUMBER if np.isnan(a[place]) else Diagnosis.INFINITE
        source = next((x for x in arguments if isinstance(x, np.ndarray) and x.shape == a.shape), None)
        at = f" at {place}" if place else ""
        because = f", where the input is {source[place]:g}" if source is not None else ""
        return kind, f"the result is {a[place]}{at}{because}; expected a finite number"
    if e.dtype.kind == "f" and a.dtype.kind in "iub" and same(a, np.trunc(e)):
        return Diagnosis.INTEGER, f"the result is rounded to integers ({a.dtype}); expected {e.dtype}"
    if e.dtype.kind != "f":
        return Diagnosis.WRONG_VALUE, _example(a, e)
    a = a.astype(np.float64) if a.dtype.kind in "iub" else a
    if e.any() and not a.any():
        return Diagnosis.ALL_ZERO, "every number is 0" if e.ndim else "the result is 0"
    if same(-a, e, rtol):
        every = "every number" if e.ndim else "it"
        return Diagnosis.SIGN, f"the sign is flipped: {every} is minus what it should be"
    if e.ndim == 2 and e.shape[0] == e.shape[1] and same(a.T, e, rtol):
        return Diagnosis.TRANSPOSED, "the numbers are right, but transposed"
    if _reduced_elsewhere(a, e, arguments, rtol):
        return Diagnosis.WRONG_AXIS, "worked along the wrong axis"
    return _factor(a, e, arguments, rtol) or (Diagnosis.WRONG_VALUE, _example(a, e))


def _factor(a, e, arguments, rtol):
    square = float(np.sum(e.astype(np.float64) ** 2))
    ratio = float(np.sum(a.astype(np.float64) * e)) / square if square else 0.0
    if not ratio or not np.isfinite(ratio) or not same(a / ratio, e, rtol):
        return None
    batch = next((len(x) for x in arguments if isinstance(x, np.ndarray) and x.ndim == 2), 0)
    if batch > 1 and np.isclose(ratio, batch, rtol=1e-3):
        return Diagnosis.TIMES_BATCH, f"exactly {batch} times too large, and {batch} is the batch size: sum or mean?"
    if batch > 1 and np.isclose(ratio, 1 / batch, rtol=1e-3):
        return Diagnosis.OVER_BATCH, f"exactly {batch} times too small, and {batch} is the batch size: mean or sum?"
    if e.size == 1 and not any(np.isclose(ratio, factor, rtol=1e-3) for factor in (2, 0.5)):
        return None  # every number is some multiple of the right one
    words = f"{ratio:.4g} times too large" if abs(ratio) > 1 else f"{1 / ratio:.4g} times too small"
    return Diagnosis.FACTOR, f"wrong by a constant factor: {words}"


def _dtype(a, e):
    if a.dtype == e.dtype or not e.ndim:
        return None
    if a.dtype.kind in "iub" and e.dtype.kind == "f":
        return Diagnosis.INTEGER, f"the numbers are right, but integers ({a.dtype}); expected {e.dtype}"
    if a.dtype == np.float64 and e.dtype == np.float32:
        return Diagnosis.FLOAT64, "the numbers are right, but float64: float32 came in, float32 should go out"
    if a.dtype.kind in "iu" and e.dtype.kind in "iu":
        return None
    return Diagnosis.WRONG_DTYPE, f"the numbers are right, but {a.dtype}; expected {e.dtype}"


def _reduced_elsewhere(a, e, arguments, rtol):
    """Is the answer a sum, mean or maximum of an argument along one axis, and the expected one along another?"""
    for x in arguments:
        if not isinstance(x, np.ndarray) or x.ndim != 2 or x.dtype.kind != "f":
            continue
        for reduce in (np.sum, np.mean, np.max):
            along = [reduce(x, axis=axis) for axis in (0, 1)]
            for right, wrong in (along, along[::-1]):
                if same(np.squeeze(e), right, rtol) and same(np.squeeze(a), wrong, rtol):
                    return True
    return False


def _example(a, e):
    different = a != e if e.dtype.kind != "f" else np.abs(a - e) == np.max(np.abs(a - e))
    place = tuple(int(i) for i in np.argwhere(different)[0])
    at = f" at {place}" if place else ""
    return (
        f"expected {e[place]:.4g}{at}, got {a[place]:.4g}" if e.dtype.kind == "f" else f"another value{at}: {a[place]}"
    )


def _kind(answer):
    if isinstance(answer, np.ndarray):
        return f"an array of {answer.dtype} with shape {answer.shape}"
    if isinstance(answer, tuple | list):
        return f"a {type(answer).__name__} of length {len(answer)}"
    return f"a {type(answer).__name__}"
