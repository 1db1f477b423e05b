"""How the weights start: too large and every unit is jammed, too small and the signal dies on its way up.

Every initialiser takes a shape (fan_in, fan_out) and a generator and returns a float32 array. Built in lesson 02.
"""

import math

import numpy as np


def zeros(shape, rng=None):
    """All zeros: right for a bias, wrong for a weight matrix (twin units stay twins). Built in lesson 02."""
    return np.zeros(shape, dtype=np.float32)


def normal(shape, rng, std=1.0):
    """w ~ N(0, std²), whatever the shape. Built in lesson 02."""
    return check_rng(rng).standard_normal(shape, dtype=np.float32) * float(std)


def uniform(shape, rng, bound=0.5):
    """w ~ U(-bound, bound), whatever the shape; its variance is bound² / 3. Built in lesson 02."""
    return (check_rng(rng).random(shape, dtype=np.float32) * 2 - 1) * float(bound)


def lecun(shape, rng):
    """w ~ N(0, 1 / fan_in): z has the variance of the inputs. For sigmoid and tanh.

    Source: LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp", section 4.6. Built in lesson 02.
    """
    fan_in, _ = shape
    return normal(shape, rng, math.sqrt(1 / fan_in))


def glorot(shape, rng):
    """w ~ U(-r, r), r = √(6 / (fan_in + fan_out)): variance 2 / (fan_in + fan_out), a compromise of both directions.

    Source: Glorot & Bengio 2010, equation 16. Built in lesson 02.
    """
    fan_in, fan_out = shape
    return uniform(shape, rng, math.sqrt(6 / (fan_in + fan_out)))


def he(shape, rng):
    """w ~ N(0, 2 / fan_in): makes up for the half of the units that ReLU switches off.

    Source: He, Zhang, Ren & Sun 2015, equation 10. Built in lesson 02.
    """
    fan_in, _ = shape
    return normal(shape, rng, math.sqrt(2 / fan_in))


def check_rng(rng):
    """Return rng; TypeError unless it is a generator made by np.random.default_rng(seed)."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a generator such as np.random.default_rng(0), got {rng!r}")
    return rng
