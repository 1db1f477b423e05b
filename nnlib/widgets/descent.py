"""DescentExplorer: walk down a bowl that is steeper across than along, by any rule. For lessons 05 and 06."""

import math

import numpy as np

from ..init import check_rng
from ..layers import Params
from ..optim import SGD
from .base import Prediction
from .explorer import Button, Choice, Explorer, Slider
from .svg import Axes, Drawing, number

LONGEST, FAR = 200, 100.0  # steps of a walk; a walk further out than this has diverged
RUN = 20


def rule(optimizer, **options):
    """A factory for DescentExplorer out of one of nnlib's optimisers: `rule(SGD, momentum=0.9)`, `rule(Adam)`."""

    def make():
        params = Params(np.zeros(2), np.zeros(2))
        opt = optimizer(params, 1.0, **options)

        def step(theta, grad, lr):
            params.value[...], params.grad[...], opt.lr = theta, grad, lr
            opt.step()
            return params.value.copy()

        return step

    return make


SEVERAL = Prediction(
    "The bowl becomes twice as steep across, 20 instead of 10. Which rules walk exactly as before?",
    {
        "none": "The slope across is twice as large. But three of the rules divide it by its own size.",
        "AdaGrad alone": "A running mean of squares carries the factor 2 as a sum does: see RMSProp and Adam.",
        "AdaGrad, RMSProp and Adam": "The factor 2 stands above the line and, through the root, below it: it cancels.",
    },
    "AdaGrad, RMSProp and Adam",
)


class DescentExplorer(Explorer):
    """The bowl f = ½ w₁² + ½ s w₂² with the steepness s (the lesson's is 10), and a walk down from `start`.

    `rules`: {name: factory}; a factory gives a new function step(theta, grad, lr), which returns the next theta, or
    moves theta in place and returns None, and may remember what it likes. `noise` adds N(0, noise²) to each slope,
    drawn from `rng`, the same draw for the same step. A walk is a function of the controls and of the number of steps
    alone: going back is exact, and a moved slider shows the same number of steps again under the new setting.
    """

    prediction = Prediction(
        "With η = 0.18 the walk swings across the valley and arrives. What does it do with η = 0.21?",
        {
            "it arrives sooner": "Along w₁ it would; but across, each step multiplies w₂ by 1 − 10·0.21 = −1.1.",
            "it diverges in w₂ alone": "Each step multiplies w₂ by 1 − 10·0.21 = −1.1, but w₁ by 1 − 0.21 = 0.79.",
            "it diverges in w₁ and w₂": "w₁ goes on closing in: each step multiplies it by 1 − 0.21 = 0.79.",
        },
        "it diverges in w₂ alone",
    )

    def __init__(self, rules=None, *, rng=None, lr=0.18, steps=20, start=(-4.0, 1.0)):
        self.rules = {"SGD": rule(SGD)} if rules is None else dict(rules)
        if not self.rules or not all(callable(make) for make in self.rules.values()):
            raise ValueError(f"rules: expected {{name: factory of a step function}}, got {rules!r}")
        self.start = np.array(start, dtype=float)
        if self.start.shape != (2,) or not np.isfinite(self.start).all():
            raise ValueError(f"start: expected two finite numbers, got {start!r}")
        if isinstance(steps, bool) or not isinstance(steps, int) or not 0 <= steps <= LONGEST:
            raise ValueError(f"steps: expected 0 to {LONGEST}, got {steps!r}")
        # drawn once, so that step k has the same noise whenever it is taken
        self.draws = check_rng(np.random.default_rng(0) if rng is None else rng).standard_normal((LONGEST, 2))
        self.controls = (
            Choice("rule", "rule", tuple(self.rules)),
            Slider("lr", "learning rate η", 0.01, 1.2, 0.01),
            Slider("steep", "steepness", 1, 20, 1),
            Slider("noise", "noise", 0, 4, 0.5),
            Button("back", "back"),
            Button("step", "step"),
            Button("run", f"run {RUN} steps"),
            Button("restart", "restart"),
        )
        self.values = {"rule": next(iter(self.rules)), "lr": 0.18, "steep": 10.0, "noise": 0.0}
        self.wanted = steps
        self.changed("rule")
        self.set(lr=lr)
        if {"SGD", "AdaGrad", "RMSProp", "Adam"} <= {*self.rules}:
            self.prediction = SEVERAL
        elif (lr, tuple(start), self.values["rule"]) != (0.18, (-4, 1), "SGD"):
            self.prediction = None

    def changed(self, name):
        """Another walk: from the start, by a rule that remembers nothing yet."""
        self.stops, self.move = [self.start.copy()], self.rules[self.values["rule"]]()
        self._walk()

    def pressed(self, name):
        now = len(self.path) - 1
        self.wanted = {"back": max(now - 1, 0), "step": now + 1, "run": now + RUN, "restart": 0}[name]
        self.wanted = min(self.wanted, LONGEST)
        self._walk()

    def _walk(self):
        """Walk on until the wanted step has been taken; what has been walked already stays."""
        while len(self.stops) <= self.wanted and not _lost(self.stops[-1]):
            theta = self.stops[-1].copy()
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a rule may run away: that is shown
                moved = self.move(theta, self.slope(theta, len(self.stops) - 1), self.values["lr"])
            theta = theta if moved is None else np.array(moved, dtype=float)
            if theta.shape != (2,):
                raise ValueError(f"{self.values['rule']}: expected a step to give 2 numbers, got shape {theta.shape}")
            self.stops.append(theta)

    def slope(self, theta, k):
        """The gradient at theta, with the noise of step k."""
        return np.array([1, self.values["steep"]]) * theta + self.values["noise"] * self.draws[k]

    def height(self, theta):
        w1, w2 = np.moveaxis(np.asarray(theta), -1, 0)
        return 0.5 * w1**2 + 0.5 * self.values["steep"] * w2**2

    @property
    def path(self):
        """Every stop up to now, (steps + 1, 2); it ends where the walk has diverged."""
        return np.array(self.stops[: self.wanted + 1])

    @property
    def diverged(self):
        return _lost(self.path[-1])

    def headline(self):
        path = self.path
        w1, w2 = (number(v) for v in path[-1])
        where = f"step {len(path) - 1}: w = ({w1}, {w2})"
        if self.diverged:
            return f"diverged at {where}; a smaller η may help"
        now, first = self.height(path[-1]), self.height(path[0])
        grown = " (more than at the start)" if now > first else ""
        return f"{where}, f = {number(now)}{grown}" + ("; no walk is longer" if len(path) > LONGEST else "")

    def describe(self):
        path, v = self.path, self.values
        f = [number(self.height(w)) if np.isfinite(w).all() else "too large" for w in (path[0], path[-1])]
        said = [
            f"{v['rule']} with η = {number(v['lr'])} on the bowl ½ w1² + {number(v['steep'] / 2)} w2², "
            + (f"slopes with noise {number(v['noise'])}." if v["noise"] else "without noise."),
            f"From ({number(self.start[0])}, {number(self.start[1])}) with f = {f[0]}, {self.headline()}"
            + (f", f {f[1]}." if self.diverged else "."),
        ]
        if len(path) > 2:
            for i, name in enumerate(("w1", "w2")):
                crossings = int(np.sum(np.sign(path[1:, i]) * np.sign(path[:-1, i]) < 0))
                way = {0: "keeps its sign", 1: "changes sign once"}.get(crossings, f"changes sign {crossings} times")
                nearer = "closer to 0" if abs(path[-1, i]) < abs(path[0, i]) else "not closer to 0"
                said.append(f"{name} {way} and ends {nearer} than it began.")
        return " ".join(said)

    def draw(self):
        drawing, path = Drawing(700, 340), self.path
        bowl = Axes(drawing, (55, 40, 330, 240), (-5, -2), (5, 2), xlabel="w₁", ylabel="w₂")
        around = np.linspace(0, 2 * np.pi, 61)
        for level in (0.1, 0.5, 2, 5, 10, 20):
            a, b = math.sqrt(2 * level), math.sqrt(2 * level / self.values["steep"])
            bowl.line(a * np.cos(around), b * np.sin(around), "line", 0.8)
        bowl.dots([(0, 0)], radius=2, colour="line")
        bowl.line(*path.T, "plus", 1.5)
        bowl.dots(path, radius=3, colour="plus")
        bowl.dots(path[:1], "square", 5, "minus")
        if not self.diverged:
            bowl.dots(path[-1:], radius=6)
        with np.errstate(over="ignore", invalid="ignore"):
            f = np.clip(np.nan_to_num(self.height(path), nan=1e9, posinf=1e9), 1e-9, 1e9)
        low, high = math.floor(np.log10(f.min())), math.ceil(np.log10(f.max()) + 0.01)
        low, high = min(low, high - 3), max(high, 2)
        last = max(20, 20 * math.ceil((len(path) - 1) / 20))
        fall = Axes(drawing, (460, 40, 220, 240), (0, low), (last, high), xlabel="step", ylabel="f", yticks=[])
        every = max(1, math.ceil((high - low) / 6))
        for power in range(high, low - 1, -every):
            x, y = fall.at(0, power)
            drawing.line(x - 4, y, x, y, "line", 1)
            drawing.text(x - 7, y + 4, number(10.0**power), "end", 11)
        fall.line(np.arange(len(path)), np.log10(f), "plus", 2)
        fall.dots([(len(path) - 1, np.log10(f[-1]))], radius=5, colour="plus")
        drawing.text(55, 332, "■ start   ● now   lines join points of equal f", size=11)
        if self.diverged:
            drawing.rect(100, 130, 240, 44, "paper", "minus")
            drawing.text(220, 157, f"diverged at step {len(path) - 1}", "middle", 15, bold=True)
        return drawing


def _lost(theta):
    return not bool(np.isfinite(theta).all() and np.abs(theta).max() <= FAR)
