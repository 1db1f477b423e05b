"""Is the gradient right? Nudge, measure the slope, compare. Built in lesson 04.

Everything is computed in float64: at float32 the difference of two losses has hardly a correct digit left.
"""

import copy

import numpy as np


class GradientError(AssertionError):
    """A gradient that does not fit the slope of its loss. Built in lesson 04."""


def numeric_gradient(f, x, eps=1e-5):
    """The gradient of f at x by central differences: (f(x + eps e_i) - f(x - eps e_i)) / (2 eps) for every entry i.

    f takes an array of the shape of x and returns a number; x is not changed. The error is of order eps². Costs two
    calls of f per entry. Built in lesson 04.
    """
    x = np.array(x, dtype=np.float64)
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + eps
        above = f(x)
        x[i] = kept - eps
        below = f(x)
        x[i] = kept
        gradient[i] = (above - below) / (2 * eps)
    return gradient


def check_gradients(net, loss, X, y, *, rng, tolerance=1e-6):
    """Compare backward with the slope of the loss along one random direction per parameter, and one for the input.

    For a random v the slope d/dt loss(θ + t v) must be grad · v. One direction tests all entries at once, whatever
    the size of the network. Works on a float64 copy whose zero parameters are made small random numbers, for at zero
    a wrong gradient can look right; your network and its generators are left alone.

    Returns a report, a list of dicts with parameter, backward, numeric (the two slopes)
    and relative_error = |a - b| / max(|a|, |b|).
    Raises GradientError, an AssertionError that names the worst parameter, if an error exceeds `tolerance`.
    Built in lesson 04.
    """
    net = net.astype(np.float64)
    net.grad[...] = 1  # old gradients, which backward must overwrite
    for layer in net.layers:
        for name in layer.parameter_names:
            value = getattr(layer, name)
            value[value == 0] = 0.1 * rng.standard_normal(np.count_nonzero(value == 0))
    X = np.array(X, dtype=np.float64)

    def run(net):
        """Loss and d loss / d scores; on a copy, so that Dropout draws the same mask every time."""
        net = copy.deepcopy(net)
        value, dZ = loss(net.forward(X, training=True), y)
        return value, dZ, net

    _, dZ, done = run(net)
    dX = done.backward(dZ, input_gradient=True)
    places = [
        (f"layers[{i}].{name}", getattr(layer, name), getattr(done.layers[i], "d" + name))
        for i, layer in enumerate(net.layers)
        for name in layer.parameter_names
    ]
    report = compare([*places, ("X", X, dX)], lambda: run(net)[0], rng=rng, tolerance=tolerance)
    worst = max(report, key=lambda row: row["relative_error"])
    if not worst["relative_error"] <= tolerance:
        raise GradientError(
            f"{worst['parameter']}: expected a slope of {worst['numeric']:.6g} along a random direction, "
            f"got {worst['backward']:.6g} from backward (relative error {worst['relative_error']:.1e}, "
            f"allowed {tolerance:.0e})"
        )
    return report


def compare(places, loss, *, rng, tolerance):
    """Rows of a report for places (name, value, gradient): the slope of loss() along a random direction of value.

    loss() reads the arrays `value`, which are moved in place and put back. Built in lesson 04.
    """
    report = []
    for name, value, gradient in places:
        for _ in range(3):
            direction = rng.standard_normal(value.shape)
            backward = float(np.sum(gradient * direction))
            slopes = [_slope(loss, value, direction, eps) for eps in (1e-4, 1e-5, 1e-6, 1e-7)]
            # a kink of ReLU between the two points spoils some steps or a whole direction, a wrong gradient all of them
            numeric = min(slopes, key=lambda slope: _error(backward, slope))
            error = _error(backward, numeric)
            if error <= tolerance:
                break
        report.append({"parameter": name, "backward": backward, "numeric": numeric, "relative_error": error})
    return report


def _slope(f, value, direction, eps):
    """d/dt f at value + t · direction by a central difference; value is changed in place and put back."""
    kept = value.copy()
    value += eps * direction
    above = f()
    value[...] = kept - eps * direction
    below = f()
    value[...] = kept
    return (above - below) / (2 * eps)


def _error(a, b):
    """|a - b| / max(|a|, |b|, 1e-4): slopes near zero are compared absolutely, where rounding rules. NaN: infinity."""
    error = abs(a - b) / max(abs(a), abs(b), 1e-4)
    return error if np.isfinite(error) else np.inf
