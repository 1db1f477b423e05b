"""One rival of the benchmark in a process of its own, so that no rival's threads disturb another.

    python rivals.py NAME [THREADS [CORE,CORE]]

reads a request per line on stdin and answers each with a line on stdout, both JSON:

    {"do": "prepare", "widths": [784, 128, 64, 10], "activation": "sigmoid", "optimizer": "SGD", "batch": 64}
                                -> {"losses": [...]}: built, compiled and warmed up; the losses of four steps
    {"do": "go", "steps": 100}  -> {"seconds": 0.025, "steps": 100}
    {"do": "memory"}            -> {"import": 31.0, "above_import": 25.0}, the peak in megabytes
    {"do": "kernels"}           -> {"kernels": "openblas 0.3.31 SkylakeX", "version": "numpy 2.4.6"}
    {"do": "quit"}

All start from the same weights and see the same batches, gathered beforehand, in the same order, in float32. A step
is forward, mean cross-entropy, backward and update, and gathering is not in it; only "nnlib fit" gathers as it goes.
"Keras fit" walks over the batches joined into one array. "products" is no rival but a limit: the matrix products of
forward and backward, without the first layer's dX, into arrays made beforehand.
"""

import math
import sys
import time

from protocol import BATCHES, EPS, ROOT, Rival, blas, own_stdout, peak, serve, settle


class Ours(Rival):
    """nnlib: the four lines of lesson 05."""

    modules = ("numpy",)

    @classmethod
    def prepare_library(cls, threads):
        sys.path.insert(0, str(ROOT))
        import nnlib

        cls.library = nnlib

    def build(self, start):
        import numpy as np

        nn, rng = self.library, np.random.default_rng(0)
        layers = []
        for W, b in start:
            layers += [nn.Linear(*W.shape, rng=rng), {"sigmoid": nn.Sigmoid, "ReLU": nn.ReLU}[self.activation]()]
            layers[-2].W, layers[-2].b = W, b
        self.net, self.loss_of = nn.Sequential(*layers[:-1]), nn.cross_entropy
        rule, options = (nn.Adam, {"eps": EPS}) if self.optimizer == "Adam" else (nn.SGD, {})
        self.opt = rule(self.net.parameters(), lr=0.1, **options)

    def set_lr(self, lr):
        self.opt.lr = lr

    def step(self, X, y):
        loss, dZ = self.loss_of(self.net.forward(X, training=True), y)
        self.net.backward(dZ)
        self.opt.step()
        return loss


class OurFit(Ours):
    """nnlib's `fit`, by its own clock: with shuffling, gathering, accuracy, and a copy of the last good weights."""

    def go(self, steps):
        import numpy as np

        X, y = map(np.concatenate, zip(*self.batches, strict=True))
        epochs = math.ceil(steps / len(self.batches))
        rule = {"epochs": epochs, "batch_size": self.batch, "rng": np.random.default_rng(0), "progress": False}
        history = self.library.fit(self.net, self.loss_of, self.opt, (X, y), **rule)
        return sum(row["seconds"] for row in history), epochs * len(self.batches)


class Torch(Rival):
    """PyTorch in its usual, eager mode."""

    modules = ("torch",)

    @classmethod
    def prepare_library(cls, threads):
        import torch

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(threads)
        cls.library = torch

    @staticmethod
    def kernels():
        import torch

        return f"PyTorch's own, {torch.backends.cpu.get_cpu_capability()}"

    def own(self, X, y):
        return self.library.from_numpy(X), self.library.from_numpy(y)

    def build(self, start):
        torch, layers = self.library, []
        for W, b in start:
            layers += [
                torch.nn.Linear(*W.shape),
                {"sigmoid": torch.nn.Sigmoid, "ReLU": torch.nn.ReLU}[self.activation](),
            ]
            with torch.no_grad():
                layers[-2].weight.copy_(torch.from_numpy(W.T))
                layers[-2].bias.copy_(torch.from_numpy(b))
        self.net, self.loss_of = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
        options = {"eps": EPS} if self.optimizer == "Adam" else {}
        self.opt = getattr(torch.optim, self.optimizer)(self.net.parameters(), lr=0.1, **options)

    def set_lr(self, lr):
        self.opt.param_groups[0]["lr"] = lr

    def step(self, X, y):
        loss = self.loss_of(self.net(X), y)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss


class KerasFit(Rival):
    """Keras on TensorFlow: `fit` in its default mode, silent and without callbacks."""

    modules = ("keras", "tensorflow")

    @classmethod
    def prepare_library(cls, threads):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        import keras

        cls.library = keras

    @staticmethod
    def kernels():
        return "TensorFlow's own"

    def build(self, start):
        keras = self.library
        keras.backend.clear_session()
        hidden = [keras.layers.Dense(len(b), self.activation.lower()) for _, b in start[:-1]]
        layers = [keras.Input((len(start[0][0]),)), *hidden, keras.layers.Dense(len(start[-1][1]))]
        self.net, self.joined = keras.Sequential(layers), None
        self.net.set_weights([array for pair in start for array in pair])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        options = {"epsilon": EPS} if self.optimizer == "Adam" else {}
        self.net.compile(getattr(keras.optimizers, self.optimizer)(0.1, **options), loss)

    def set_lr(self, lr):
        self.net.optimizer.learning_rate = lr

    def step(self, X, y, epochs=1):
        walk = {"batch_size": self.batch, "epochs": epochs, "shuffle": False, "verbose": 0}
        return self.net.fit(X, y, **walk).history["loss"][0]

    def go(self, steps):
        """Whole epochs of at least 64 batches: starting one costs as much as many steps."""
        import numpy as np

        if self.joined is None:
            many = self.batches * math.ceil(BATCHES / len(self.batches))
            self.joined = [np.concatenate(part) for part in zip(*many, strict=True)]
        in_epoch = len(self.joined[0]) // self.batch
        epochs = math.ceil(steps / in_epoch)
        start = time.perf_counter()
        self.step(*self.joined, epochs)
        return time.perf_counter() - start, epochs * in_epoch


class Sklearn(Rival):
    """scikit-learn: `MLPClassifier.partial_fit`, a call per batch."""

    modules = ("sklearn",)

    @classmethod
    def prepare_library(cls, threads):
        import sklearn.neural_network

        cls.library = sklearn

    def build(self, start):
        import numpy as np

        if len(start[-1][1]) == 2:  # of two classes it makes one output; a third, to which nothing belongs, keeps two
            W, b = start[-1]
            start[-1] = np.pad(W, ((0, 0), (0, 1))), np.append(b, np.float32(-1e4))
        self.model = self.library.neural_network.MLPClassifier(
            [len(b) for _, b in start[:-1]],
            activation={"sigmoid": "logistic", "ReLU": "relu"}[self.activation],
            solver=self.optimizer.lower(),
            alpha=0,
            epsilon=EPS,
            batch_size=self.batch,
            momentum=0,
            nesterovs_momentum=False,
            shuffle=False,
        )
        nothing = np.zeros((self.batch, len(start[0][0])), np.float32)
        self.model.partial_fit(nothing, np.zeros(self.batch, np.int64), classes=range(len(start[-1][1])))
        for k, (W, b) in enumerate(start):
            self.model.coefs_[k], self.model.intercepts_[k] = W, b
        del self.model._optimizer  # the next call makes a new one, for these arrays

    def set_lr(self, lr):
        self.model.learning_rate_init = lr
        if hasattr(self.model, "_optimizer"):
            self.model._optimizer.learning_rate = self.model._optimizer.learning_rate_init = lr

    def step(self, X, y):
        self.model.partial_fit(X, y)
        return self.model.loss_


class Jax(Rival):
    """JAX: one compiled call per step, which may overwrite the old parameters."""

    modules = ("jax",)

    @classmethod
    def prepare_library(cls, threads):
        import jax

        cls.library = jax

    @staticmethod
    def kernels():
        return "XLA's own"

    def own(self, X, y):
        return self.library.device_put(X), self.library.device_put(y.astype("int32"))

    def build(self, start):
        jax, jnp = self.library, self.library.numpy
        activation = {"sigmoid": jax.nn.sigmoid, "ReLU": jax.nn.relu}[self.activation]
        adam = self.optimizer == "Adam"

        def loss_of(weights, X, y):
            for W, b in weights[:-1]:
                X = activation(X @ W + b)
            W, b = weights[-1]
            log_P = jax.nn.log_softmax(X @ W + b)
            return -(log_P * jax.nn.one_hot(y, len(b))).sum() / len(y)

        def step(state, lr, X, y):
            weights, m, v, t = state
            loss, grads = jax.value_and_grad(loss_of)(weights, X, y)
            t, down = t + 1, grads
            if adam:
                m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
                v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
                one, two = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)
                down = jax.tree.map(lambda m, v: one * m / (jnp.sqrt(two * v) + EPS), m, v)
            return loss, (jax.tree.map(lambda w, d: w - lr * d, weights, down), m, v, t)

        weights = jax.tree.map(jnp.array, start)
        m, v = (jax.tree.map(jnp.zeros_like, weights) if adam else () for _ in range(2))
        self.state, self.compiled = (weights, m, v, jnp.float32(0)), jax.jit(step, donate_argnums=0)

    def set_lr(self, lr):
        self.lr = self.library.numpy.float32(lr)

    def step(self, X, y):
        loss, self.state = self.compiled(self.state, self.lr, X, y)
        return loss

    def wait(self, loss):
        self.library.block_until_ready(self.state)


class Products(Rival):
    """The limit: what the matrix products of a step take."""

    modules = ("numpy",)

    def build(self, start):
        import numpy as np

        rng, sizes = np.random.default_rng(2), [len(start[0][0]), *(len(b) for _, b in start)]
        A = [rng.random((self.batch, size), np.float32) for size in sizes]
        dZ = [rng.random((self.batch, size), np.float32) for size in sizes]
        Z, dA, dW = ([np.empty_like(part) for part in parts] for parts in (A, dZ, [W for W, _ in start]))
        self.forward = [(A[k], W, Z[k + 1]) for k, (W, _) in enumerate(start)]
        self.backward = []
        for k, (W, _) in reversed(list(enumerate(start))):
            self.backward.append((A[k].T, dZ[k + 1], dW[k]))
            if k:
                self.backward.append((dZ[k + 1], W.T, dA[k]))
        self.products, self.losses = np.matmul, []

    def set_lr(self, lr):
        """It has none."""

    def step(self, X, y):
        product = self.products
        _, W, Z = self.forward[0]
        product(X, W, out=Z)
        for left, right, out in self.forward[1:]:
            product(left, right, out=out)
        for left, right, out in self.backward[:-1]:
            product(left, right, out=out)
        product(X.T, self.backward[-1][1], out=self.backward[-1][2])
        return math.nan


RIVALS = {
    "nnlib": Ours,
    "nnlib fit": OurFit,
    "PyTorch": Torch,
    "Keras fit": KerasFit,
    "scikit-learn": Sklearn,
    "JAX": Jax,
    "products": Products,
}


def main(name, threads="1", cores=""):
    answers = own_stdout()
    settle(int(threads), [int(core) for core in cores.split(",") if core])
    kind, state = RIVALS[name], {}
    import numpy  # noqa: F401, part of everybody's import

    kind.prepare_library(int(threads))
    with_import = peak()

    def prepare(**job):
        state.clear()  # the network before this one
        state["rival"] = kind(**job)
        return {"losses": [loss for loss in state["rival"].losses if not math.isnan(loss)]}

    def go(steps):
        seconds, done = state["rival"].go(steps)
        return {"seconds": seconds, "steps": done}

    def kernels():
        versions = ", ".join(f"{module} {sys.modules[module].__version__}" for module in kind.modules)
        return {"kernels": kind.kernels() or blas(), "version": versions}

    def memory():
        return {"import": with_import, "above_import": peak() - with_import}

    serve({"prepare": prepare, "go": go, "memory": memory, "kernels": kernels}, answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
