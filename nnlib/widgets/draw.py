"""DrawDigit: draw a digit and watch the network read it, from the same 28 × 28 pixels that it gets to see."""

import base64

import numpy as np

from .. import viz
from ..train import predict_proba
from .base import Prediction, Widget

SIZE = 112  # the drawing is rasterised at four times the resolution of the digits
PEN = 10.0  # width of the pen, in these pixels


def as_mnist(ink):
    """A drawing as MNIST would hold it.   ink (H, W), 0 paper to 1 ink  ->  (28, 28) float32

    The box around the ink is scaled, its proportions kept, to fit 20 × 20 pixels; each new pixel is the mean of the
    area it covers. Then the centre of mass is moved to the centre of the 28 × 28 image (LeCun, Cortes and Burges, "The
    MNIST database of handwritten digits"). Without ink the image is blank.
    """
    ink = np.asarray(ink, dtype=np.float64)
    if ink.ndim != 2 or ink.size == 0 or not np.isfinite(ink).all() or ink.min() < 0 or ink.max() > 1:
        raise ValueError(f"ink: expected an image (H, W) with values from 0 to 1, got shape {ink.shape}")
    image = np.zeros((28, 28), dtype=np.float32)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if len(rows) == 0:
        return image
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(box.shape)
    height, width = (max(1, round(side * scale)) for side in box.shape)
    small = _averages(box.shape[0], height) @ box @ _averages(box.shape[1], width).T
    top = _offset(small.sum(axis=1))
    left = _offset(small.sum(axis=0))
    image[top : top + height, left : left + width] = small
    return image


def _averages(n, m):
    """The (m, n) matrix that turns n values into m means over equal stretches, parts of a value counted as parts."""
    edges = np.linspace(0, n, m + 1)
    low, high = edges[:-1, None], edges[1:, None]
    cells = np.arange(n)
    return np.clip(np.minimum(high, cells + 1) - np.maximum(low, cells), 0, None) * (m / n)


def _offset(mass):
    """Where a stretch must begin for its centre of mass to lie between 14 and 15, as it does in all of MNIST."""
    centre = (np.arange(len(mass)) + 0.5) @ mass / mass.sum()
    return int(np.clip(np.ceil(14 - centre), 0, 28 - len(mass)))


def rasterise(strokes, size=SIZE, pen=PEN):
    """Strokes, lists of points (x, y) from 0 to 1, drawn with a round pen.   ->  (size, size), edges anti-aliased"""
    ink = np.zeros((size, size))
    for stroke in strokes:
        points = size * np.asarray(stroke, dtype=np.float64)
        for a, b in zip(points, points[1:] if len(points) > 1 else points, strict=False):
            # only the pixels around this piece: their distance to it, and ink where that is below half a pen
            x0, y0 = np.floor(np.minimum(a, b) - pen).astype(int).clip(0, size)
            x1, y1 = np.ceil(np.maximum(a, b) + pen).astype(int).clip(0, size)
            x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
            length = float((b - a) @ (b - a))
            t = ((x - a[0]) * (b[0] - a[0]) + (y - a[1]) * (b[1] - a[1])) / length if length else 0.0
            t = np.clip(t, 0, 1)
            distance = np.hypot(x - a[0] - t * (b[0] - a[0]), y - a[1] - t * (b[1] - a[1]))
            piece = ink[y0:y1, x0:x1]
            np.maximum(piece, np.clip(pen / 2 + 0.5 - distance, 0, 1), out=piece)
    return ink


class DrawDigit(Widget):
    """A sheet to draw on, the 28 × 28 pixels made of it, and what the network reads, while you draw.

    `net`: a network with 784 inputs. `strokes`: lists of points (x, y), from (0, 0) top left to (1, 1). `prediction`:
    a question of your own; False asks nothing.
    """

    script = "draw.js"
    answered = None  # the id of the last message from a page: what the page has drawn since is ahead of the kernel
    prediction = Prediction(
        "You will draw a 7 in a corner of the sheet, a third as high as it is. In lesson 00 four pixels to the side "
        "were too much for the network. Will it read this one?",
        {
            "no": "It would not, if it got the sheet as it is. But look at the small picture beside the sheet: what "
            "has happened to your digit on its way?",
            "yes": "Each drawing is treated as MNIST treated its digits: its box is scaled to 20 × 20 pixels and its "
            "centre of mass moved to the middle. The place is gone before the network looks, and so is the size, "
            "but for the pen: in a still smaller digit the strokes are too fat to be read.",
        },
        right="yes",
    )

    def __init__(self, net, strokes=(), *, prediction=None):
        if not (prediction is None or prediction is False or isinstance(prediction, Prediction)):
            raise ValueError(f"prediction: expected a Prediction, None or False, got {prediction!r}")
        self.net = net
        if prediction is not None:
            self.prediction = prediction or None
        predict_proba(net, np.zeros((1, 784), np.float32))  # the right number of inputs?
        self.strokes = []
        self.draw(strokes)

    def draw(self, strokes):
        """Put these strokes on an empty sheet. ValueError for anything but lists of points within the sheet."""
        checked = []
        for stroke in strokes:
            points = np.asarray(stroke, dtype=np.float64)
            if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
                raise ValueError(f"strokes: expected lists of points (x, y), got {stroke!r}")
            checked.append(np.clip(points, 0, 1).round(4).tolist())
        self.strokes = checked
        self.refresh()

    def undo(self):
        """Take the last stroke away."""
        self.draw(self.strokes[:-1])

    def clear(self):
        """An empty sheet."""
        self.draw([])

    @property
    def image(self):
        """The 28 × 28 pixels that the network sees, float32 from 0 to 1."""
        return as_mnist(rasterise(self.strokes))

    @property
    def probabilities(self):
        """What the network says: one probability per class, or None while the sheet is empty."""
        return predict_proba(self.net, self.image.reshape(1, 784))[0] if self.strokes else None

    def handle(self, message):
        """{"do": "draw", "strokes": […], "id": …}, {"do": "undo"} or {"do": "clear"}."""
        match message:
            case {"do": "draw", "strokes": list(strokes)}:
                self.answered = message.get("id")
                self.draw(strokes)
            case {"do": "undo"}:
                self.undo()
            case {"do": "clear"}:
                self.clear()
            case _:
                raise ValueError(f"message: expected draw, undo or clear, got {message!r}")

    def state(self):
        pixels = (255 * self.image).round().astype(np.uint8)
        P = self.probabilities
        return {
            "strokes": self.strokes,
            "answered": self.answered,
            "pen": PEN / SIZE,
            "pixels": base64.b64encode(pixels.tobytes()).decode(),
            "probabilities": None if P is None else [round(float(p), 4) for p in P],
        }

    def describe(self):
        P = self.probabilities
        if P is None:
            return "An empty sheet to draw a digit on, and room for what the network sees and says."
        first, second = np.argsort(P)[::-1][:2]
        count = f"{len(self.strokes)} stroke{'s' if len(self.strokes) > 1 else ''}"
        return (
            f"A drawing of {count}, scaled and centred to 28 × 28 pixels as MNIST does. The network says {first} with "
            f"probability {P[first]:.2f}, then {second} with {P[second]:.2f}."
        )

    def snapshot(self):
        P = self.probabilities
        fig = viz.Picture(7, 2.4, self.describe())
        sheet, seen, bars = fig.subplots(1, 3, width_ratios=[1, 1, 1.6])
        for ax, image, title in ((sheet, rasterise(self.strokes), "your drawing"), (seen, self.image, "what it sees")):
            ax.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            ax.set(title=title, xticks=[], yticks=[])
        bars.bar(range(10), np.zeros(10) if P is None else P, color=viz.BLUE)
        bars.set(title="what it says", xlabel="digit", ylabel="probability", xticks=range(10), ylim=(0, 1))
        return fig
