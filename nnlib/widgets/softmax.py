"""SoftmaxExplorer: logits become probabilities, and why the largest is subtracted first. For lesson 03."""

import numpy as np

from ..functional import softmax
from ..losses import cross_entropy
from .base import Prediction
from .explorer import Button, Choice, Explorer, Slider
from .svg import Drawing, bars, number

FAR = 1000.0
ADD_TO_ALL = Prediction(
    "You add 1000 to every logit. What becomes of the probabilities?",
    {
        "they stay": "Only differences between logits count; but the naive e^z is then too large for a float.",
        "they become equal": "1000 and 1001 look alike, yet they differ by 1, as 0 and 1 do, and only that counts.",
        "the largest becomes 1": "That needs larger differences; all logits have grown by the same.",
    },
    "they stay",
)
RAISE_ONE = Prediction(  # where there are others to compare
    "You raise the largest logit and leave the others. The others' probabilities fall. What becomes of their ratios?",
    {
        "they stay": "The e^z of the others are as before, and one sum divides all of them: they fall by one factor.",
        "they come nearer to 1": "That needs a difference between their logits to shrink; you touched none of them.",
        "they grow": "That needs a difference between their logits to grow; you touched none of them.",
    },
    "they stay",
)


class SoftmaxExplorer(Explorer):
    """A slider per logit, 2 to 10 of them; bars of logits and probabilities, the loss of the target, and both sums.

    The table shows what e^z by itself gives (the naive way) beside e^(z − m) with m = the largest logit.
    """

    def __init__(self, logits=(1.0, 1.0), target=0):
        logits = np.asarray(logits, dtype=float)
        if logits.ndim != 1 or not 2 <= len(logits) <= 10:
            raise ValueError(f"logits: expected 2 to 10 numbers, got shape {logits.shape}")
        if isinstance(target, bool) or not isinstance(target, int | np.integer) or not 0 <= target < len(logits):
            raise ValueError(f"target: expected 0 to {len(logits) - 1}, got {target!r}")
        self.classes = tuple(str(k) for k in range(len(logits)))
        self.values = {f"z{k}": 0.0 for k in self.classes} | {"target": str(target)}
        self.prediction = ADD_TO_ALL if len(logits) == 2 else RAISE_ONE
        self.shift = 0.0
        self.set(**{f"z{k}": z for k, z in zip(self.classes, logits.tolist(), strict=True)})

    @property
    def controls(self):
        return (
            *(Slider(f"z{k}", f"logit {k}", -10, 10, 0.1) for k in self.classes),
            Choice("target", "target", self.classes),
            Button("shift", "take the 1000 back" if self.shift else "+1000 to all"),
        )

    def pressed(self, name):
        self.shift = 0.0 if self.shift else FAR

    @property
    def logits(self):
        return np.array([self.values[f"z{k}"] for k in self.classes]) + self.shift

    @property
    def probabilities(self):
        return softmax(self.logits)

    @property
    def target(self):
        return int(self.values["target"])

    @property
    def loss(self):
        return cross_entropy(self.logits[None], np.array([self.target]))[0]

    def naive(self):
        """e^z and e^z / Σ e^z as they stand, with inf and nan where floats end."""
        with np.errstate(over="ignore", invalid="ignore"):
            E = np.exp(self.logits)
            return E, E / E.sum()

    def headline(self):
        p = ", ".join(f"{p:.3f}" for p in self.probabilities)
        return f"p = ({p}); loss = −log p of class {self.target} = {self.loss:.4f}"

    def describe(self):
        E, P = self.naive()
        parts = [
            f"{len(self.classes)} logits: {', '.join(number(z, 5) for z in self.logits)}.",
            f"Softmax makes of them the probabilities {', '.join(number(p) for p in self.probabilities)}.",
            f"The target is class {self.target}, the loss −log p is {self.loss:.4f}.",
        ]
        if np.isfinite(P).all():
            parts.append("The naive way, e^z over the sum, gives the same.")
        else:
            parts.append(
                f"The naive way fails: e^z is {', '.join(map(number, E))}, "
                f"and the shares are {', '.join(map(number, P))}. "
                f"With the largest logit subtracted first, e^(z − m) is {', '.join(map(number, self.shifted()))}."
            )
        return " ".join(parts)

    def shifted(self):
        return np.exp(self.logits - self.logits.max())

    def draw(self):
        C, z, p = len(self.classes), self.logits, self.probabilities
        drawing = Drawing(700, 250 + 22 * C)
        wide = 300
        low, high = self.shift - 10, self.shift + 10
        names, written = self.classes, [f"{v:.1f}".replace("-", "−") for v in z]
        title = f"logits z, bars from {number(low)} up"
        bars(drawing, (30, 40, wide, 120), z, low, high, names=names, texts=written, title=title)
        title, written = "probabilities p, the target framed", [f"{v:.2f}" for v in p]
        bars(drawing, (375, 40, wide, 120), p, 0, 1, names=names, texts=written, title=title, marked=self.target)
        E, P = self.naive()
        columns = {
            "class": self.classes,
            "z": [number(v, 5) for v in z],
            "e^z": [number(v) for v in E],
            "naive p": [number(v) for v in P],
            "z − m": [number(v) for v in z - z.max()],
            "e^(z − m)": [number(v) for v in self.shifted()],
            "p": [number(v) for v in p],
        }
        top = 210
        for place, (title, cells) in zip((70, 160, 260, 360, 460, 570, 670), columns.items(), strict=True):
            drawing.text(place, top, title, "end", bold=True)
            for row, cell in enumerate(cells):
                lost = cell in ("∞", "nan")
                drawing.text(place, top + 24 + 22 * row, cell, "end", colour="minus" if lost else "ink", bold=lost)
        drawing.line(30, top + 7, 675, top + 7, "line", 1)
        return drawing
