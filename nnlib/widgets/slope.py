"""SlopeExplorer: one weight of the no-calculator net, its loss curve, and the slope by two ways. For lesson 04."""

import numpy as np

from ..functional import log_softmax
from ..layers import Linear, ReLU, Sequential
from ..losses import cross_entropy
from .base import Prediction
from .explorer import Button, Choice, Explorer, Slider
from .svg import Axes, Drawing, number

X, TARGET = np.array([[1.0, 2.0]]), 0
W1 = np.array([[1.0, -1, 0], [0, 1, -1]])
W2 = np.array([[1.0, 0], [0, 1], [1, -1]])
LOW, HIGH = -3.0, 3.0
WEIGHTS = tuple(f"{name}[{i}, {j}]" for name, W in (("W1", W1), ("W2", W2)) for i, j in np.ndindex(W.shape))


class SlopeExplorer(Explorer):
    """Drag one weight; the others stay as the lesson has them. `weight`: "W1[1, 0]" and so on.

    `backward` is nnlib's slope at the dot, `nudged` (L(w + h) − L(w − h)) / 2h with h = 1e-5.
    """

    prediction = Prediction(
        "The dot is at W1[1, 0] = 0, where the loss has the slope −1. What will the loss do if the weight grows to 3?",
        {
            "it falls by 3, as the slope says": "It would be below 0 then, and −log p never is.",
            "it falls, ever more slowly": "The nearer p of the target is to 1, the less is left to gain.",
            "it rises again soon": "This weight only ever pushes the right logit up.",
        },
        "it falls, ever more slowly",
    )

    def __init__(self, weight="W1[1, 0]"):
        self.net = Sequential(
            Linear(2, 3, rng=np.random.default_rng(0)), ReLU(), Linear(3, 2, rng=np.random.default_rng(0))
        ).astype(np.float64)
        self.controls = (
            Choice("weight", "weight", WEIGHTS),
            Slider("value", "its value", LOW, HIGH, 0.05),
            Button("reset", "back to the lesson's value"),
        )
        self.values = {"weight": WEIGHTS[0], "value": 0.0}
        self.changed("weight")
        self.set(weight=weight)

    def place(self):
        """(which of W1 and W2, row, column)."""
        name = self.values["weight"]
        return name[:2], int(name[3]), int(name[6])

    def changed(self, name):
        if name == "weight":
            self.pressed("reset")
            matrix, i, j = self.place()
            self.grid = np.linspace(LOW, HIGH, 121)
            Ws = {"W1": np.tile(W1, (121, 1, 1)), "W2": np.tile(W2, (121, 1, 1))}
            Ws[matrix][:, i, j] = self.grid
            scores = np.maximum(X @ Ws["W1"], 0) @ Ws["W2"]  # all 121 networks at once
            self.curve = -log_softmax(scores)[:, 0, TARGET]

    def pressed(self, name):
        matrix, i, j = self.place()
        self.values["value"] = float({"W1": W1, "W2": W2}[matrix][i, j])

    def loss(self, value=None):
        """The loss with the chosen weight at `value`, by default where it is."""
        first, _, last = self.net.layers
        first.W, last.W = W1, W2
        matrix, i, j = self.place()
        (first if matrix == "W1" else last).W[i, j] = self.values["value"] if value is None else value
        self.scores = self.net.forward(X, training=True)
        return cross_entropy(self.scores, np.array([TARGET]))[0]

    @property
    def backward(self):
        self.loss()
        first, _, last = self.net.layers
        self.net.backward(cross_entropy(self.scores, np.array([TARGET]))[1])
        matrix, i, j = self.place()
        return float((first if matrix == "W1" else last).dW[i, j])

    @property
    def nudged(self):
        w, h = self.values["value"], 1e-5
        return (self.loss(w + h) - self.loss(w - h)) / (2 * h)

    def insides(self):
        """z and a of the hidden units, and p, at the dot."""
        self.loss()
        first, relu, _ = self.net.layers
        z = first.forward(X)
        return z[0], relu.forward(z)[0], np.exp(log_softmax(self.scores))[0]

    def corner(self):
        """True where the two slopes differ: at a corner of ReLU."""
        return abs(self.backward - self.nudged) > 1e-4

    def headline(self):
        return (
            f"{self.values['weight']} = {number(self.values['value'])}: loss {self.loss():.4f}, "
            f"slope {number(self.backward)} by backprop, {number(self.nudged)} by nudging"
        )

    def describe(self):
        z, _, p = self.insides()
        asleep = [str(k + 1) for k in np.flatnonzero(z <= 0)]
        flat = np.flatnonzero(np.abs(np.diff(self.curve)) < 1e-12)
        parts = [
            f"The no-calculator net with {self.headline()}.",
            f"Along this weight the loss goes from {number(self.curve[0])} at −3 to {number(self.curve[-1])} at 3.",
        ]
        if len(flat) == 120:
            parts.append("It is flat everywhere: the unit it belongs to is asleep, so the weight does not matter.")
        elif len(flat):
            parts.append(f"It is flat from {number(self.grid[flat[0]])} to {number(self.grid[flat[-1] + 1])}.")
        parts.append(f"Hidden sums {', '.join(map(number, z))}; p of the target {number(p[TARGET])}.")
        parts.append(f"Asleep: unit {' and '.join(asleep)}." if asleep else "No unit is asleep.")
        if self.corner():
            parts.append(
                "The dot is at a corner of ReLU: nudging takes the mean of both sides, backprop the sleeping side."
            )
        return " ".join(parts)

    def draw(self):
        drawing = Drawing(700, 330)
        w, loss, slope = self.values["value"], self.loss(), self.backward
        top = max(1.0, float(self.curve.max())) * 1.1
        axes = Axes(
            drawing, (60, 40, 360, 235), (LOW, -0.1 * top), (HIGH, top),
            xlabel=self.values["weight"], ylabel="loss",
        )  # fmt: skip
        axes.line([LOW, HIGH], [0, 0], "line", 1, "dotted")
        axes.line(self.grid, self.curve, "plus", 2.5)
        axes.line([LOW, HIGH], [loss + slope * (LOW - w), loss + slope * (HIGH - w)], "minus", 2, "dashed")
        axes.dots([(w, loss)], radius=6)
        z, a, p = self.insides()
        rows = [
            (f"{self.values['weight']} = {number(w)}", True),
            (f"loss {loss:.4f}", True),
            (f"slope by backprop {number(slope, 5)}", False),
            (f"slope by nudging {number(self.nudged, 5)}", False),
            ("", False),
            (f"sums z₁ = ({', '.join(map(number, z))})", False),
            (f"after ReLU a₁ = ({', '.join(map(number, a))})", False),
            (f"p = ({', '.join(map(number, p))})", False),
            ("asleep: " + (", ".join(f"unit {k + 1}" for k in np.flatnonzero(z <= 0)) or "none"), False),
        ]
        if self.corner():
            rows.append(("at a corner: the two slopes differ", True))
        for i, (text, bold) in enumerate(rows):
            drawing.text(450, 56 + 22 * i, text, bold=bold)
        drawing.line(450, 272, 480, 272, "plus", 2.5)
        drawing.text(488, 276, "loss")
        drawing.line(540, 272, 575, 272, "minus", 2, "dashed")
        drawing.text(583, 276, "tangent")
        return drawing
