"""InitExplorer: how a signal lives or dies on its way up, by start, activation, depth and width. For lesson 02."""

from functools import partial

import numpy as np

from ..data import check_finite
from ..functional import relu, sigmoid, tanh
from ..init import glorot, he, lecun, normal, uniform, zeros
from .base import Prediction
from .explorer import Button, Choice, Explorer, Slider
from .svg import Drawing, number

STARTS = {
    "zeros": zeros,
    "N(0, 1)": normal,
    "0.01 · N(0, 1)": partial(normal, std=0.01),
    "U(−½, ½)": uniform,
    "1/√fan-out": lambda shape, rng: normal(shape, rng, float(np.sqrt(1 / shape[1]))),
    "LeCun, 1/√fan-in": lecun,
    "Glorot": glorot,
    "He": he,
}
ACTIVATIONS = {"sigmoid": (sigmoid, 0, 1), "tanh": (tanh, -1, 1), "ReLU": (relu, None, None)}
RULE = "jammed: a quarter of the answers within 1 % of an end; asleep: images change them by < 0.02; else awake"
RELU_RULE = "runs away: spread above 10; asleep: images change the answers by less than 0.02; else awake"
IMAGES, BINS = 100, 41


class InitExplorer(Explorer):
    """Histograms of the activations by layer, with their spread, and a word for each layer: jammed, asleep or awake.

    `X`: rows of pixels such as `load_mnist().train.X`, of which the first 100 are used; without it, random pixels
    with the mean and spread of MNIST's. The rule for the words is written below the picture.
    """

    prediction = Prediction(
        "With 1/√fan-out and tanh, layers of width 128 are awake. You make them 8 wide. What becomes of layer 1?",
        {
            "it jams": "Its weights are now of the size 1/√8 = 0.35, and it still adds 784 pixels: 9.4 · 0.35 = 3.3.",
            "it falls asleep": "A smaller fan-out means larger weights here, not smaller ones.",
            "it stays awake": "That takes 1/√784, the fan-in of layer 1; this start looks at the 8 alone.",
        },
        "it jams",
    )

    def __init__(self, X=None, start="LeCun, 1/√fan-in", activation="tanh"):
        if X is None:
            # as many bright pixels, and as bright, as give MNIST's mean 0.1308 and spread 0.3082
            bright = (0.3082**2 + 0.1308**2) / 0.1308
            X = bright * (np.random.default_rng(0).random((IMAGES, 784)) < 0.1308 / bright)
            self.what = "random pixels with the mean and spread of MNIST's"
        else:
            X = check_finite(X, "X")
            if X.ndim != 2 or not len(X):
                raise ValueError(f"X: expected rows of pixels (N, D), got {X.shape}")
            self.what = f"{min(len(X), IMAGES)} rows of {X.shape[1]} inputs"
        self.X, self.seed = np.asarray(X[:IMAGES], dtype=np.float32), 0
        self.controls = (
            Choice("start", "start", tuple(STARTS)),
            Choice("activation", "activation", tuple(ACTIVATIONS)),
            Slider("layers", "layers", 1, 10, 1),
            Slider("width", "width", 8, 256, 8),
            Button("draw", "draw new weights"),
        )
        self.values = {"start": "zeros", "activation": "tanh", "layers": 6, "width": 128}
        self.changed("start")
        self.set(start=start, activation=activation)

    def pressed(self, name):
        self.seed += 1
        self.changed(name)

    def changed(self, name):
        """Send the images up through new weights, from the same seed for every start."""
        rng, A, self.layers = np.random.default_rng(self.seed), self.X, []
        f, low, high = ACTIVATIONS[self.values["activation"]]
        for _ in range(int(self.values["layers"])):
            W = STARTS[self.values["start"]]((A.shape[1], int(self.values["width"])), rng)
            A = f(A @ W)
            self.layers.append(self._look(A, low, high))

    def _look(self, A, low, high):
        """What is shown of a layer: histogram, spread, what an image changes, and the word for it."""
        spread = float(A.std())
        images = float(A.std(axis=0).mean())  # of each unit over the images, then the mean over units
        ends = None
        if low is None:
            low, high = 0.0, float(A.max()) or 1.0
            jammed = "runs away" if spread > 10 else None
        else:
            ends = float(np.mean(np.abs(A - (low + high) / 2) > 0.49 * (high - low)))
            jammed = "jammed" if ends >= 0.25 else None
        bins = np.clip((A.ravel() - low) * (BINS / (high - low)), 0, BINS - 1).astype(int)
        counts = np.bincount(bins, minlength=BINS)
        word = jammed or ("asleep" if images < 0.02 else "awake")
        return {"counts": counts, "spread": spread, "images": images, "ends": ends, "word": word, "range": (low, high)}

    @property
    def words(self):
        """The word for each layer, from the bottom up."""
        return [layer["word"] for layer in self.layers]

    def headline(self):
        spreads = [number(layer["spread"], 2) for layer in self.layers]
        first, last = self.words[0], self.words[-1]
        fate = f"layer 1 {first}, layer {len(self.words)} {last}"
        if len(set(self.words)) == 1:
            fate = f"every layer {first}"
        return f"{self.values['start']}, {self.values['activation']}: {fate}; spread {spreads[0]} → {spreads[-1]}"

    def describe(self):
        said = [
            f"{len(self.layers)} layers of {int(self.values['width'])} {self.values['activation']} units "
            f"that start from {self.values['start']}, fed with {self.what}."
        ]
        for k, layer in enumerate(self.layers, 1):
            shares = layer["counts"] / layer["counts"].sum()
            shape = f"between images {number(layer['images'], 2)}"
            if layer["ends"] is not None:
                shape += f", {layer['ends']:.0%} at the ends"
            else:
                shape += f", {shares[0]:.0%} near 0, largest {number(layer['range'][1], 2)}"
            said.append(f"Layer {k}: spread {number(layer['spread'], 2)}, {shape}, {layer['word']}.")
        return " ".join(said) + f" ({self.rule()})"

    def rule(self):
        return RELU_RULE if self.values["activation"] == "ReLU" else RULE

    def draw(self):
        columns = min(5, len(self.layers))
        rows = -(-len(self.layers) // columns)
        if rows == 2:
            columns = -(-len(self.layers) // 2)
        slot, tall = 680 / max(columns, 3), 165
        drawing = Drawing(700, 34 + tall * rows)
        for k, layer in enumerate(self.layers):
            left, top = 12 + slot * (k % columns), 62 + tall * (k // columns)
            wide, high, ground = slot - 16, 66, 62 + tall * (k // columns) + 66
            drawing.text(left, top - 44, f"layer {k + 1}: {layer['word']}", bold=True)
            drawing.text(left, top - 28, f"spread {number(layer['spread'], 2)}", size=11)
            drawing.text(left, top - 14, f"between images {number(layer['images'], 2)}", size=11)
            counts = layer["counts"] / layer["counts"].max()
            bar = wide / BINS
            steps = np.repeat(left + bar * np.arange(BINS + 1), 2)[1:-1]
            outline = np.column_stack([steps, ground - high * np.repeat(counts, 2)])
            drawing.area([(left, ground), *outline, (left + wide, ground)])
            drawing.line(left, ground, left + wide, ground, "line", 1)
            low, most = layer["range"]
            drawing.text(left, ground + 14, number(low, 2), size=11)
            drawing.text(left + wide, ground + 14, number(most, 2), "end", size=11)
            if self.values["activation"] != "ReLU":
                drawing.text(left + wide / 2, ground + 14, number((low + most) / 2, 2), "middle", size=11)
        drawing.text(12, drawing.height - 8, self.rule(), size=11)
        return drawing
