"""MistakeBrowser: the images that a network misreads, one after the other. For lesson 05."""

import math

import numpy as np

from ..data import check_split
from ..functional import check_labels
from ..train import predict_proba
from .base import Prediction
from .explorer import Button, Choice, Explorer
from .svg import Drawing, number

TOP = 5
ANY = "any"


class MistakeBrowser(Explorer):
    """Every misread image of a split: what the network says, what the label says, and the largest probabilities.

    `split`: (X (N, D) with D a square such as 784, y (N,) labels). `classes`: names of the classes, else 0, 1, ….
    """

    def __init__(self, net, split, classes=None):
        self.X, y = check_split(split)
        self.P = predict_proba(net, self.X)
        self.y = check_labels(y, self.P.shape[1], len(self.X))
        side = math.isqrt(self.X.shape[1]) if self.X.ndim == 2 else 0
        if not side or side**2 != self.X.shape[1]:
            raise ValueError(f"split: expected square images as rows (N, side²), got {self.X.shape}")
        self.classes = [str(name) for name in (range(self.P.shape[1]) if classes is None else classes)]
        if len(self.classes) != self.P.shape[1]:
            raise ValueError(f"classes: expected {self.P.shape[1]} names, got {len(self.classes)}")
        self.said, self.side = self.P.argmax(axis=1), side
        self.misread = np.flatnonzero(self.said != self.y)
        names = (ANY, *self.classes)
        self.controls = (
            Button("previous", "previous"),
            Button("next", "next"),
            Choice("label", "label says", names),
            Choice("said", "network says", names),
        )
        self.values = {"label": ANY, "said": ANY}
        self.changed("label")
        self.prediction = self._question()

    def _question(self):
        if not len(self.misread):
            return None
        second = self.P[self.misread].argsort(axis=1)[:, -2]
        hits, of = int(np.sum(second == self.y[self.misread])), len(self.misread)
        options = ("fewer than a third", "a third to two thirds", "more than two thirds")
        fact = f"It was for {hits} of {of}."
        right = options[(3 * hits >= of) + (3 * hits > 2 * of)]
        question = (
            f"{of} of {len(self.X)} are misread. For how many of these was the label the network's second choice?"
        )
        return Prediction(question, dict.fromkeys(options, fact), right)

    def changed(self, name):
        keep = np.ones(len(self.misread), bool)
        for control, labels in (("label", self.y), ("said", self.said)):
            if self.values[control] != ANY:
                keep &= labels[self.misread] == self.classes.index(self.values[control])
        self.shown, self.position = self.misread[keep], 0

    def pressed(self, name):
        """One further or one back; after the last comes the first."""
        if len(self.shown):
            self.position = (self.position + {"next": 1, "previous": -1}[name]) % len(self.shown)

    @property
    def index(self):
        """Which row of the split is shown, or None if none is."""
        return int(self.shown[self.position]) if len(self.shown) else None

    def top(self):
        """The largest probabilities of the shown image, [(class, p), …], largest first."""
        return [(int(k), float(self.P[self.index, k])) for k in self.P[self.index].argsort()[::-1][:TOP]]

    def headline(self):
        if not len(self.misread):
            return f"none of {len(self.X)} images is misread"
        if self.index is None:
            return f"no misread image with label {self.values['label']} that the network calls {self.values['said']}"
        i = self.index
        place = f"{self.position + 1} of {len(self.shown)}"
        return f"{place}: says {self.classes[self.said[i]]}, is {self.classes[self.y[i]]} (image {i} of the split)"

    def describe(self):
        if self.index is None:
            return f"Misread images: {self.headline()}."
        listed = ", ".join(f"{self.classes[k]} with {number(p, 2)}" for k, p in self.top())
        rank = 1 + int(np.sum(self.P[self.index] > self.P[self.index, self.y[self.index]]))
        bright = self.X[self.index].reshape(self.side, self.side) > 0.5
        high, wide = (np.ptp(np.flatnonzero(bright.any(axis))) + 1 if bright.any() else 0 for axis in (1, 0))
        filters = " and ".join(
            f"{word} {self.values[name]}"
            for name, word in (("label", "label"), ("said", "network says"))
            if self.values[name] != ANY
        )
        return (
            f"Misread image {self.headline()}." + (f" Filter: {filters}." if filters else "")
            + f" Most probable: {listed}. The label has rank {rank}."
            + (f" Its ink is {high} pixels high and {wide} wide." if bright.any() else "")
        )  # fmt: skip

    def draw(self):
        drawing = Drawing(700, 300)
        if self.index is None:
            drawing.rect(20, 40, 240, 240, None, "line")
            drawing.text(140, 165, "nothing to show", "middle", 15)
            drawing.text(300, 60, self.headline(), size=14, bold=True)
            return drawing
        i = self.index
        image = self.X[i].reshape(self.side, self.side)
        drawing.text(20, 24, f"says {self.classes[self.said[i]]}, is {self.classes[self.y[i]]}", size=15, bold=True)
        drawing.text(680, 24, f"{self.position + 1} of {len(self.shown)}", "end", 15, bold=True)
        drawing.image(20, 40, 240, 240, image)
        drawing.rect(20, 40, 240, 240, None, "line")
        wide = 240
        drawing.text(300, 56, "probability", bold=True)
        for row, (k, p) in enumerate(self.top()):
            y = 74 + 38 * row
            right = k == self.y[i]
            name = f"{self.classes[k]} ✓ label" if right else self.classes[k]
            drawing.text(400, y + 17, name, "end", 13, bold=right)
            drawing.rect(410, y, wide, 24, "soft")
            drawing.rect(410, y, wide * p, 24, "plus" if right else "minus")
            drawing.text(410 + wide + 6, y + 17, f"{p:.2f}", size=13)
        return drawing
