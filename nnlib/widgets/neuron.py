"""NeuronPlayground: what weights, bias and activation do to one neuron, with one input or two. For lesson 03."""

import numpy as np

from ..data import check_split
from ..functional import relu, sigmoid, tanh
from .base import Prediction
from .explorer import Choice, Explorer, Slider
from .svg import Axes, Drawing, number

ACTIVATIONS = {"none": lambda Z: Z, "sigmoid": sigmoid, "tanh": tanh, "ReLU": relu}
ABOUT_W = "More weight makes the curve steeper, and moves the crossing too if b is not 0."
WHAT_BIAS_DOES = {
    1: Prediction(
        "w = 4, b = −4: the neuron crosses ½ at x = 1. Which slider moves the crossing and leaves the curve as steep?",
        {"w": ABOUT_W, "b": "It adds to z, whatever x is: the curve slides as it is.", "neither": "Try b alone."},
        "b",
    ),
    2: Prediction(
        "The line is where w₁x₁ + w₂x₂ + b = 0. What does b alone do to it?",
        {
            "it turns it": "The direction comes from w₁ and w₂ alone.",
            "it shifts it": "The direction comes from w₁ and w₂; b says how far from (0, 0) the line runs.",
            "it bends it": "One neuron draws a straight line, whatever its numbers.",
        },
        "it shifts it",
    ),
}


class NeuronPlayground(Explorer):
    """One neuron, a = f(w·x + b). Left its activation, right the inputs: the curve (one) or the line it draws (two).

    `w`, `b`: where the sliders start, −10 to 10. `activation`: "none", "sigmoid", "tanh" or "ReLU". `split`: two
    classes in the plane, (X (N, 2), y of 0 and 1), for two inputs; the neuron says class 1 where z > 0.
    """

    def __init__(self, inputs=2, *, w=None, b=None, activation="sigmoid", split=None):
        if inputs not in (1, 2):
            raise ValueError(f"inputs: expected 1 or 2, got {inputs!r}")
        self.inputs, self.split = inputs, None
        if split is not None:
            X, y = self.split = check_split(split)
            if inputs != 2 or X.ndim != 2 or X.shape[1] != 2 or y.shape != (len(X),) or not np.isin(y, (0, 1)).all():
                raise ValueError(
                    f"split: expected X (N, 2) and y of 0 and 1 for two inputs, got {X.shape} and {np.unique(y)[:5]}"
                )
        reach = 3.0 if split is None else float(np.ceil(max(1, np.abs(self.split.X).max())))
        self.reach = reach
        ends = [("w", "w")] if inputs == 1 else [("w1", "w₁"), ("w2", "w₂")]
        points = [("x", "x")] if inputs == 1 else [("x1", "x₁"), ("x2", "x₂")]
        self.controls = (
            *(Slider(name, label, -10, 10, 0.5) for name, label in ends),
            Slider("b", "b", -10, 10, 0.5),
            Choice("activation", "activation", tuple(ACTIVATIONS)),
            *(Slider(name, label, -reach, reach, 0.1) for name, label in points),
        )
        w = np.atleast_1d((4.0 if inputs == 1 else (2.0, 1.0)) if w is None else w).astype(float)
        if w.shape != (inputs,):
            raise ValueError(f"w: expected {inputs} numbers, got shape {w.shape}")
        b = (-4.0 if inputs == 1 else -1.0) if b is None else float(b)
        self.values = {name: 0.0 for name, _ in ends + points} | {"b": 0.0, "activation": "none"}
        self.names = [name for name, _ in ends], [name for name, _ in points]
        self.set(**dict(zip(self.names[0], w.tolist(), strict=True)), b=b, activation=activation)
        self.prediction = WHAT_BIAS_DOES[inputs] if inputs == 2 or (w[0], b) == (4, -4) else None

    @property
    def w(self):
        return np.array([self.values[name] for name in self.names[0]])

    @property
    def x(self):
        return np.array([self.values[name] for name in self.names[1]])

    @property
    def z(self):
        """The weighted sum at the point that the x sliders choose."""
        return float(self.x @ self.w + self.values["b"])

    @property
    def a(self):
        return float(self.f(self.z))

    def f(self, Z):
        return ACTIVATIONS[self.values["activation"]](np.asarray(Z, dtype=float))

    @property
    def accuracy(self):
        """The share of the split on its own side of the line, or None without a split."""
        if self.split is None:
            return None
        return float(np.mean((self.split.X @ self.w + self.values["b"] > 0) == (self.split.y == 1)))

    def border(self):
        """Where z = 0: a number for one input, the two ends of a line in the plane for two; None if nowhere in it."""
        b, r = self.values["b"], self.reach
        if not self.w.any():
            return None
        if self.inputs == 1:
            return -b / self.w[0] + 0.0
        w1, w2 = self.w
        ends = [(x, -(w1 * x + b) / w2) for x in (-r, r)] if w2 else []
        ends += [(-(w2 * y + b) / w1, y) for y in (-r, r)] if w1 else []
        inside = sorted({(round(x, 9) + 0.0, round(y, 9) + 0.0) for x, y in ends if max(abs(x), abs(y)) <= r + 1e-9})
        return (inside[0], inside[-1]) if len(inside) > 1 else None

    def equation(self):
        def signed(value):  # what is subtracted stands in brackets
            return number(value) if value >= 0 else f"({number(value)})"

        terms = " + ".join(f"{signed(w)}·{signed(x)}" for w, x in zip(self.w, self.x, strict=True))
        name = {"none": "a = z"}.get(self.values["activation"], f"a = {self.values['activation']}(z)")
        return f"z = {terms} + {signed(self.values['b'])} = {number(self.z)}, {name} = {number(self.a)}"

    def headline(self):
        return f"{self.equation()}. {self.finding()}"

    def finding(self):
        """What the line or the crossing does, in a sentence."""
        border, level = self.border(), "½" if self.values["activation"] == "sigmoid" else "0"
        if self.inputs == 1:
            where = (
                "The same a for every x"
                if border is None
                else f"It crosses z = 0, a = {level}, at x = {number(border)}"
            )
            return f"{where}."
        if border is None:
            said = "No line crosses this part of the plane." if self.w.any() else "Without weights there is no line."
        else:
            (x0, y0), (x1, y1) = border
            said = f"The line runs from ({number(x0)}, {number(y0)}) to ({number(x1)}, {number(y1)})."
        if self.split is not None:
            said += f" {100 * self.accuracy:.1f} % of {len(self.split.X)} points lie on their own side."
        return said

    def describe(self):
        name = self.values["activation"]
        weights = ", ".join(f"{label} = {number(w)}" for label, w in zip(self.names[0], self.w, strict=True))
        point = ", ".join(f"{label} = {number(x)}" for label, x in zip(self.names[1], self.x, strict=True))
        low, high = self.f([-6, 6])
        parts = [
            f"A neuron with {weights}, b = {number(self.values['b'])} and "
            + ("no activation." if name == "none" else f"the activation {name}."),
            f"At {point}: {self.equation()}.",
            f"The activation goes from {number(low)} at z = −6 to {number(high)} at z = 6.",
            self.finding(),
        ]
        if self.inputs == 1:
            start, end = self.f(np.array([-1, 1]) * self.reach * self.w[0] + self.values["b"])
            r = number(self.reach)
            parts.append(f"By x it goes from {number(start)} at x = −{r} to {number(end)} at x = {r}.")
        elif self.w.any():
            side = [f"{'more' if w > 0 else 'less'} {x}" for w, x in zip(self.w, self.names[1], strict=True) if w]
            parts.append(
                f"z is above 0, with plus signs, on the side of {' and '.join(side)}; the rest has minus signs."
            )
        if self.split is not None:
            parts.append("Circles are class 0, which belongs where z < 0; squares are class 1.")
        return " ".join(parts)

    def draw(self):
        drawing = Drawing(700, 330)
        span = {"sigmoid": (-0.1, 1.1), "tanh": (-1.2, 1.2)}.get(self.values["activation"], (-2, 6))
        box = (50, 40, 250, 230)
        left = Axes(drawing, box, (-6, span[0]), (6, span[1]), xlabel="z", ylabel="activation a by z")
        Z = np.linspace(-6, 6, 121)
        left.line([-6, 6], [0, 0], "line", 1, "dotted")
        left.line([0, 0], span, "line", 1, "dotted")
        left.line(Z, self.f(Z), "plus", 2.5)
        left.dots([(np.clip(self.z, -6, 6), np.clip(self.a, *span))], radius=6, filled=-6 <= self.z <= 6)
        if self.inputs == 1:
            self._curve(drawing, span)
        else:
            self._plane(drawing)
        return drawing

    def _curve(self, drawing, span):
        r, w, b = self.reach, self.w[0], self.values["b"]
        right = Axes(
            drawing, (390, 40, 280, 230), (-r, span[0]), (r, span[1]), xlabel="input x", ylabel="activation a by x"
        )
        x = np.linspace(-r, r, 241)
        level = 0.5 if self.values["activation"] == "sigmoid" else 0
        right.line([-r, r], [level, level], "line", 1, "dotted")
        right.line(x, self.f(w * x + b), "plus", 2.5)
        crossing = self.border()
        if crossing is not None and abs(crossing) <= r:
            right.line([crossing, crossing], span, "minus", 1.5, "dashed")
            at, top = right.at(crossing, span[1])
            above = 25 if at < 490 else 4  # clear of the axis's name
            drawing.text(at, top - above, f"x = {number(crossing)}", "middle", bold=True)
        right.dots([(self.x[0], np.clip(self.a, *span))], radius=6)

    def _plane(self, drawing):
        r, b = self.reach, self.values["b"]
        plane = Axes(drawing, (400, 40, 230, 230), (-r, -r), (r, r), xlabel="x₁", ylabel="x₂")
        places = np.stack(np.meshgrid(*[(np.arange(9) - 4) * r / 4.5] * 2), axis=-1).reshape(-1, 2)
        z = places @ self.w + b
        for sign, colour in ((1, "plus"), (-1, "minus")):
            at = plane.pixels(places[np.sign(z) == sign])
            strokes = [[(x - 4, y), (x + 4, y)] for x, y in at]
            if sign > 0:
                strokes += [[(x, y - 4), (x, y + 4)] for x, y in at]
            drawing.lines(strokes, colour, 1.5)
        if self.split is not None:
            X, y = self.split.X[:400], self.split.y[:400]  # enough to see; the accuracy counts all
            plane.dots(X[y == 0], "circle", 3, "minus", filled=False)
            plane.dots(X[y == 1], "square", 3, "plus")
        border = self.border()
        if border is not None:
            plane.line(*np.transpose(border), "ink", 2.5)
        plane.dots([self.x], radius=6)
        x, y = plane.at(r, r)
        drawing.text(x + 8, y + 20, "+  z > 0", colour="plus", bold=True)
        drawing.text(x + 8, y + 40, "−  z < 0", colour="minus", bold=True)
        drawing.text(x + 8, y + 60, "● x")
        if self.split is not None:
            drawing.text(x + 8, y + 90, "○ class 0", colour="minus")
            drawing.text(x + 8, y + 110, "■ class 1", colour="plus")
