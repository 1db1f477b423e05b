"""A layer computes forwards and sends the blame backwards; a Sequential is a row of layers that is itself a layer.

Rows are examples. Z is the value before an activation, A after it; dA means d loss / d A and has the shape of A.
`forward(X, training=True)` remembers what `backward` will need; `backward` overwrites the gradients of the last call.
"""

import copy
from typing import NamedTuple

import numpy as np

from .functional import sigmoid
from .init import check_rng, he
from .saving import read, write


class Params(NamedTuple):
    """All parameters of a network as one vector, and their gradient: what an optimiser walks. Built in lesson 05."""

    value: np.ndarray
    grad: np.ndarray


class Layer:
    """One step of the computation: Y = forward(X), dX = backward(dY). Built in lessons 03 and 04.

    A subclass with parameters names them in `parameter_names` and assigns each once in `__init__`, say `self.W = …`.
    It then also has `dW`, an array of the same shape. Later assignments copy *into* these arrays, which may be views
    into the vectors of a network: a value of another shape raises ValueError, the dtype of the layer is kept.
    `config()` holds the constructor's arguments, for `Sequential.save`.
    """

    parameter_names = ()
    in_features = out_features = None  # None: any number, as many out as in
    remembered = None

    def forward(self, X, training=False):
        """(N, in) -> (N, out)."""
        raise NotImplementedError(f"{type(self).__name__} needs a forward(X, training=False)")

    def backward(self, dY):
        """(N, out) -> dX (N, in); fills the gradients of the layer's own parameters."""
        raise NotImplementedError(f"{type(self).__name__} needs a backward(dY)")

    def fill_gradients(self, dY):
        """backward without dX, for the first layer of a network: nobody asks what the pixels should have been."""
        self.backward(dY)

    def recall(self, dY):
        """What forward remembered; RuntimeError if it did not, ValueError if dY cannot belong to it."""
        if self.remembered is None:
            raise RuntimeError(f"{self}: backward before forward; call forward(X, training=True) first")
        expected = (len(self.remembered), self.out_features) if self.out_features else self.remembered.shape
        if np.shape(dY) != expected:
            raise ValueError(f"{self}: expected dY of shape {expected}, got {np.shape(dY)}")
        return self.remembered

    def config(self):
        return {}

    def __setattr__(self, name, value):
        if name in self.parameter_names and name not in self.__dict__:
            value = np.array(value)
            if value.dtype.kind != "f":
                raise ValueError(f"{type(self).__name__}.{name}: expected a floating dtype, got {value.dtype}")
            self.__dict__["d" + name] = np.zeros_like(value)
        elif name in self.parameter_names or (name[:1] == "d" and name[1:] in self.parameter_names):
            write_into(self.__dict__[name], value, f"{self}.{name}")
            return
        super().__setattr__(name, value)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "remembered"}

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(str(value) for value in self.config().values())})"


def write_into(array, value, name):
    """array[...] = value, but only for real numbers of exactly the same shape."""
    value = np.asarray(value)
    if value.shape != array.shape:
        raise ValueError(f"{name}: expected shape {array.shape}, got {value.shape}")
    if value.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected numbers, got {value.dtype}")
    array[...] = value


class Linear(Layer):
    """Z = X @ W + b, with W (in, out) and b (out,).  dW = Xᵀ @ dZ, db = Σ_rows dZ, dX = dZ @ Wᵀ.

    PyTorch keeps W as (out, in); Keras as (in, out), like here. Built in lessons 03 and 04.
    """

    parameter_names = ("W", "b")

    def __init__(self, in_features, out_features, *, rng, init=he):
        for name, value in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}: expected an integer of at least 1, got {value!r}")
        self.in_features, self.out_features = int(in_features), int(out_features)
        shape = (self.in_features, self.out_features)
        W = np.asarray(init(shape, check_rng(rng)), dtype=np.float32)
        if W.shape != shape:
            raise ValueError(f"init: expected an array of shape {shape}, got {W.shape}")
        self.W = W
        self.b = np.zeros(self.out_features, dtype=np.float32)

    def forward(self, X, training=False):
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != self.in_features:
            raise ValueError(f"{self}: expected X of shape (N, {self.in_features}), got {X.shape}")
        if training:
            self.remembered = X
        Z = X @ self.W
        Z += self.b
        return Z

    def backward(self, dZ):
        self.fill_gradients(dZ)
        return dZ @ self.W.T

    def fill_gradients(self, dZ):
        X = self.recall(dZ)
        if len(X) == 1:  # an outer product: as a matrix product it makes a step nearly twice as long
            np.einsum("i,o->io", X[0], dZ[0], out=self.dW, casting="same_kind")
        else:  # straight into place: `self.dW = X.T @ dZ` writes every number twice, a tenth of a step
            np.matmul(X.T, dZ, out=self.dW)
        np.matmul(np.ones(len(dZ), dZ.dtype), dZ, out=self.db)  # Σ_rows; as a sum, up to a tenth of a step more

    def config(self):
        return {"in_features": self.in_features, "out_features": self.out_features}


class Sigmoid(Layer):
    """A = σ(Z) = 1 / (1 + e^-Z).  dZ = dA · A (1 - A). Built in lessons 03 and 04."""

    def forward(self, Z, training=False):
        A = sigmoid(Z)
        if training:
            self.remembered = A
        return A

    def backward(self, dA):
        A = self.recall(dA)
        dZ = 1 - A
        dZ *= A
        dZ *= dA
        return dZ


class Tanh(Layer):
    """A = tanh(Z).  dZ = dA · (1 - A²). Built in lessons 03 and 04."""

    def forward(self, Z, training=False):
        A = np.tanh(Z)
        if training:
            self.remembered = A
        return A

    def backward(self, dA):
        A = self.recall(dA)
        return dA * (1 - A * A)


class ReLU(Layer):
    """A = max(Z, 0).  dZ = dA where Z > 0, else 0 (also at Z = 0). Built in lessons 03 and 04."""

    def forward(self, Z, training=False):
        A = np.maximum(Z, 0)
        if training:
            self.remembered = A  # A > 0 exactly where Z > 0
        return A

    def backward(self, dA):
        A = self.recall(dA)
        return dA * (A > 0)


class Dropout(Layer):
    """In training, drops each number with probability p and divides the rest by 1 - p; otherwise passes X on.

    Y = X · M, dX = dY · M, with M = 0 (probability p) or 1 / (1 - p), so the mean of Y is X.
    Source: Srivastava et al. 2014, in the "inverted" form of all frameworks. Built in lesson 06.
    """

    def __init__(self, p, *, rng):
        if isinstance(p, bool) or not isinstance(p, int | float | np.floating) or not 0 <= p < 1:
            raise ValueError(f"p: expected a number from 0 to below 1, got {p!r}")
        self.p, self.rng = float(p), check_rng(rng)

    def forward(self, X, training=False):
        if not training:
            return X
        M = (self.rng.random(X.shape) >= self.p).astype(X.dtype)
        M /= 1 - self.p
        self.remembered = M
        return X * M

    def backward(self, dY):
        M = self.recall(dY)
        return dY * M

    def config(self):
        return {"p": self.p}


class Sequential(Layer):
    """A network: layers one after the other. It is itself a layer; nested ones are flattened.

    It owns two vectors, `theta` and `grad`: every W, b, dW, db of its layers is a view into them. One line then
    updates (`net.theta -= lr * net.grad`), counts, copies, clips or rewinds all parameters. Layers that move into a
    new network leave the old one; deepcopy them to have both. Built in lessons 03 (forward), 04 (backward), 05 (theta).
    """

    def __init__(self, *layers):
        self.layers = tuple(part for layer in layers for part in getattr(layer, "layers", (layer,)))
        if not self.layers:
            raise ValueError("Sequential: expected at least one layer, got none")
        width = None
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                hint = f"; write {layer.__name__}()" if isinstance(layer, type) else ""
                raise ValueError(f"layer {i}: expected a Layer, got {layer!r}{hint}")
            if any(layer is other for other in self.layers[:i]):
                raise ValueError(f"layer {i}: expected a new layer, got {layer} a second time")
            if width and layer.in_features and layer.in_features != width:
                raise ValueError(f"layer {i}: expected {width} inputs, as many as come out below, got {layer}")
            width = layer.out_features or width
        self.in_features = next((layer.in_features for layer in self.layers if layer.in_features), None)
        self.out_features = width
        self._pack()

    def _pack(self, dtype=None):
        """Move all parameters and gradients into two new vectors and leave views in their place."""
        places = [(layer, name) for layer in self.layers for name in layer.parameter_names]
        values = [getattr(layer, name) for layer, name in places]
        self._theta, self._grad = (
            np.concatenate([getattr(layer, d + name).ravel() for layer, name in places], dtype=dtype)
            if places
            else np.zeros(0, dtype or np.float32)
            for d in ("", "d")
        )
        start = 0
        for (layer, name), value in zip(places, values, strict=True):
            stop = start + value.size
            layer.__dict__[name] = self._theta[start:stop].reshape(value.shape)
            layer.__dict__["d" + name] = self._grad[start:stop].reshape(value.shape)
            start = stop

    def _check_own(self):
        for layer in self.layers:
            if any(getattr(layer, name).base is not self._theta for name in layer.parameter_names):
                raise RuntimeError(f"{layer} has moved to another network; build that one from copy.deepcopy(layer)")

    @property
    def theta(self):
        """All parameters, layer by layer, each W by rows and then its b: one vector, live."""
        self._check_own()
        return self._theta

    @theta.setter
    def theta(self, value):
        write_into(self.theta, value, "theta")

    @property
    def grad(self):
        """d loss / d theta of the last backward: one vector, live."""
        self._check_own()
        return self._grad

    @grad.setter
    def grad(self, value):
        write_into(self.grad, value, "grad")

    def parameters(self):
        """Params(theta, grad), for an optimiser."""
        return Params(self.theta, self.grad)

    def astype(self, dtype):
        """A copy in another floating dtype; float64 for gradient checks."""
        if np.dtype(dtype).kind != "f":
            raise ValueError(f"dtype: expected a floating dtype, got {np.dtype(dtype)}")
        net = copy.deepcopy(self)
        net._pack(dtype)
        return net

    def forward(self, X, training=False):
        """X (N, in) -> the output of the last layer (N, out), usually logits; computed in the dtype of theta."""
        X = np.asarray(X)
        if X.dtype.kind not in "fiub":
            raise ValueError(f"X: expected numbers, got {X.dtype}")
        if X.ndim != 2:
            raise ValueError(f"X: expected shape (N, {self.in_features or 'D'}), got {X.shape}")
        X = X.astype(self._theta.dtype, copy=False)
        for layer in self.layers:
            X = layer.forward(X, training)
        return X

    def backward(self, dY, input_gradient=False):
        """Fill `grad` from dY = d loss / d output, the loss's dZ.

        Returns d loss / d X if `input_gradient`, else None: it is then not computed, which saves a fifth of a step.
        """
        self._check_own()
        lowest = -1
        if not input_gradient:  # nothing below the first layer with parameters has a gradient to fill
            lowest = next((i for i, layer in enumerate(self.layers) if layer.parameter_names), len(self.layers))
        for layer in reversed(self.layers[lowest + 1 :]):
            dY = layer.backward(dY)
        if input_gradient:
            return dY
        for layer in self.layers[lowest : lowest + 1]:
            layer.fill_gradients(dY)
        return None

    def save(self, path):
        """Write architecture and weights to `path` as .npz; a kill at any moment leaves the old file or the new one."""
        write(path, self.layers, self.theta)

    @classmethod
    def load(cls, path):
        """The network that `save` wrote. Your own Layer subclasses must be defined (or imported) first.

        Nothing in the file is executed. Raises ValueError if it is damaged or not such a file.
        """
        return read(path, cls, Layer)

    def __repr__(self):
        return f"Sequential({', '.join(str(layer) for layer in self.layers)})"

    def __getstate__(self):
        return {name: self.__dict__[name] for name in ("layers", "in_features", "out_features")}, self._theta.dtype

    def __setstate__(self, state):
        attributes, dtype = state
        self.__dict__.update(attributes)
        self._pack(dtype)
