"""An optimiser moves a vector downhill, in place; it knows nothing about networks.

`params` is anything with a `value` and a `grad`, two floating arrays of one shape: `net.parameters()`, or
`Params(value, grad)` made by hand. Each `step()` reads `grad` and changes `value`; nothing else is touched.
"""

import math
import numbers

import numpy as np


class Optimizer:
    """What all optimisers share: the two vectors, a checked learning rate, and weight decay.

    With `weight_decay` > 0 the gradient gets weight_decay · θ added (an L2 penalty of weight_decay/2 · |θ|²), as in
    PyTorch. Subclasses say how to move in `update(theta, grad)`. Built in lesson 05.
    """

    def __init__(self, params, lr, *, weight_decay=0.0):
        for name in ("value", "grad"):
            array = getattr(params, name, None)
            if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
                got = getattr(array, "dtype", type(array).__name__)
                raise ValueError(f"params.{name}: expected a NumPy array of floats, got {got}")
        if params.value.shape != params.grad.shape:
            raise ValueError(f"params.grad: expected shape {params.value.shape}, got {params.grad.shape}")
        self.params = params
        self.lr = lr
        self.weight_decay = _number("weight_decay", weight_decay, 0, math.inf)

    @property
    def lr(self):
        """The learning rate η; may be set between steps."""
        return self._lr

    @lr.setter
    def lr(self, lr):
        # float(): a NumPy float64 scalar would turn every float32 product into float64
        if isinstance(lr, bool) or not isinstance(lr, numbers.Real) or not 0 < lr < math.inf:
            raise ValueError(f"lr: expected a positive finite number, got {lr!r}")
        self._lr = float(lr)

    def step(self):
        """Move `value` by one update from `grad`."""
        theta, grad = self.params.value, self.params.grad
        self.update(theta, grad + self.weight_decay * theta if self.weight_decay else grad)

    def update(self, theta, grad):
        """Change theta in place; must leave grad alone."""
        raise NotImplementedError(f"{type(self).__name__} needs an update(theta, grad)")


class SGD(Optimizer):
    """Stochastic gradient descent: θ ← θ - η g; with momentum μ: v ← μ v + g, θ ← θ - η v.

    Source for momentum: Polyak 1964, in the form of PyTorch (v is not scaled by η).
    Built in lessons 05 and 06 (momentum).
    """

    def __init__(self, params, lr, momentum=0.0, *, weight_decay=0.0):
        super().__init__(params, lr, weight_decay=weight_decay)
        self.momentum = _number("momentum", momentum, 0, 1)
        self.velocity = np.zeros_like(params.value)
        self._scratch = np.empty_like(params.value)

    def update(self, theta, grad):
        for w, g, v, s in _pieces(theta, grad, self.velocity, self._scratch):
            if self.momentum:
                v *= self.momentum
                v += g
                g = v
            w -= np.multiply(g, self.lr, out=s)


class AdaGrad(Optimizer):
    """c ← c + g², θ ← θ - η g / (√c + ε): a coordinate that has moved much moves less.

    Source: Duchi, Hazan & Singer 2011. Built in lesson 06.
    """

    def __init__(self, params, lr, eps=1e-8, *, weight_decay=0.0):
        super().__init__(params, lr, weight_decay=weight_decay)
        self.eps = _number("eps", eps, 0, math.inf)
        self.cache = np.zeros_like(params.value)

    def update(self, theta, grad):
        self.cache += grad * grad
        theta -= self.lr * grad / (np.sqrt(self.cache) + self.eps)


class RMSProp(Optimizer):
    """c ← ρ c + (1 - ρ) g², θ ← θ - η g / (√c + ε): AdaGrad that forgets.

    Source: Hinton 2012, "Neural Networks for Machine Learning", lecture 6e. Built in lesson 06.
    """

    def __init__(self, params, lr, rho=0.9, eps=1e-8, *, weight_decay=0.0):
        super().__init__(params, lr, weight_decay=weight_decay)
        self.rho = _number("rho", rho, 0, 1)
        self.eps = _number("eps", eps, 0, math.inf)
        self.cache = np.zeros_like(params.value)

    def update(self, theta, grad):
        self.cache *= self.rho
        self.cache += (1 - self.rho) * (grad * grad)
        theta -= self.lr * grad / (np.sqrt(self.cache) + self.eps)


class Adam(Optimizer):
    """m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², θ ← θ - η m̂ / (√v̂ + ε).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) undo the start at zero; t counts the steps from 1.
    Source: Kingma & Ba 2015, algorithm 1. Built in lesson 06.
    """

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, *, weight_decay=0.0):
        super().__init__(params, lr, weight_decay=weight_decay)
        self.beta1 = _number("beta1", beta1, 0, 1)
        self.beta2 = _number("beta2", beta2, 0, 1)
        self.eps = _number("eps", eps, 0, math.inf)
        self.t = 0
        self.m = np.zeros_like(params.value)
        self.v = np.zeros_like(params.value)
        self._scratch = np.empty_like(params.value)

    def update(self, theta, grad):
        self.t += 1
        correction = math.sqrt(1 - self.beta2**self.t)
        rate, eps = self.lr * correction / (1 - self.beta1**self.t), self.eps * correction
        # m̂ / (√v̂ + ε) = correction · m / (√v + ε · correction) / (1 - β₁ᵗ), and one scratch vector for every
        # intermediate result: four times faster than naming each of them
        for w, g, m, v, s in _pieces(theta, grad, self.m, self.v, self._scratch):
            m *= self.beta1
            m += np.multiply(g, 1 - self.beta1, out=s)
            v *= self.beta2
            np.multiply(g, g, out=s)
            v += np.multiply(s, 1 - self.beta2, out=s)
            np.sqrt(v, out=s)
            s += eps
            np.divide(m, s, out=s)
            w -= np.multiply(s, rate, out=s)


def _pieces(*vectors, size=2**17):
    """The vectors in matching pieces, small enough for the processor's cache: a quarter less time for Adam on 500,000.

    Up to `size` numbers are one piece.
    """
    if vectors[0].size <= size:
        yield vectors
        return
    for start in range(0, len(vectors[0]), size):
        yield [vector[start : start + size] for vector in vectors]


def _number(name, value, low, high):
    """`value` as a Python float; ValueError unless low <= value < high."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not low <= value < high:
        raise ValueError(f"{name}: expected a number from {low} to below {high}, got {value!r}")
    return float(value)
