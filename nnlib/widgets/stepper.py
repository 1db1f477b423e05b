"""TrainingStepper: walk through training one phase at a time, forwards and back, and see every number of it.

The walk itself is in walk.py, what is said about it in equations.py, the page in stepper.js. A frame is what the page
draws at one position; it is made from copies, so looking never changes the network. The page keeps the frames it has
seen and moves among them alone; "play" asks for a stretch of them ahead of the walk, which then follows the page.
"""

import copy
import math
from base64 import b64decode, b64encode
from contextlib import suppress
from textwrap import wrap

import numpy as np

from ..data import Split
from ..layers import Linear, ReLU, Sequential
from ..losses import cross_entropy
from ..optim import SGD
from ..train import _classes
from .base import Prediction, Widget
from .equations import Words, num, question, row
from .walk import Walk

FINE, IMAGES, BARS, MISREAD, POINTS, STRETCH, CURVE = 40, 32, 128, 10, 400, 240, 400

ASLEEP = Prediction(
    "Unit 3 of the no-calculator net sleeps: its sum is −2. What will a hundred updates do to its weights?",
    {
        "wake it": "Its blame of −1 asks for that, but it does not get through the gate.",
        "move them a little": "Each update moves a weight by lr·dw, and dw is exactly 0 into this unit and out of it.",
        "nothing": "The shut gate makes each dw into it 0, its output of 0 each dw out of it. So it stays asleep.",
    },
    "nothing",
)


def short(values):
    """Numbers for the page: 4 digits, None where not finite."""
    return [float(f"{v:.4g}") + 0.0 if math.isfinite(v) else None for v in np.ravel(values).tolist()]


def grey(values, low, high):
    """Numbers as bytes in base64, low is 0 and high is 255."""
    scaled = np.clip((np.asarray(values, float) - low) / ((high - low) or 1), 0, 1)
    return b64encode(np.rint(np.nan_to_num(255 * scaled)).astype(np.uint8).tobytes()).decode()


def check_index(name, value, size):
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < size:
        raise ValueError(f"{name}: expected an integer from 0 to {size - 1}, got {value!r}")
    return int(value)


class TrainingStepper(Widget):
    """Steps through the training of the given net, optimiser and generator: they move with `position`, to the last bit
    as in the loop `for X, y in batches(split, batch_size, rng=rng): …`, and back again.

    `step`, `back`, `next_batch`, `epoch`, `go(position)`, `reset` move; `choose(column, unit)` and `look_at(example)`
    say whose numbers the equation tells; `trace()` is the walk as a table. `prediction=False` asks nothing before play.
    """

    script = "stepper.js"

    def __init__(self, net, loss, opt, split, batch_size=8, *, rng, prediction=None):
        if not (prediction is None or prediction is False or isinstance(prediction, Prediction)):
            raise ValueError(f"prediction: expected a Prediction, None or False, got {prediction!r}")
        self.walk = Walk(net, loss, opt, split, batch_size, rng=rng)
        self.words = Words(self.walk)
        self._asked, self._told, self._problem, self._answered, self._stretch = prediction, 0, None, None, None
        self._maps, self._curve = {}, []
        self._lay_out()

    net = property(lambda self: self.walk.net)
    position = property(lambda self: self.walk.position)

    @classmethod
    def no_calculator(cls):
        """The no-calculator net of lessons 03 and 04: x = (1, 2), target 0, steps of 0.1."""
        rng = np.random.default_rng(0)
        net = Sequential(Linear(2, 3, rng=rng), ReLU(), Linear(3, 2, rng=rng))
        net.layers[0].W = np.array([[1, -1, 0], [0, 1, -1]])
        net.layers[2].W = np.array([[1, 0], [0, 1], [1, -1]])
        one = Split(np.array([[1, 2]], np.float32), np.array([0]))
        opt = SGD(net.parameters(), lr=0.1)
        return cls(net, cross_entropy, opt, one, batch_size=1, rng=rng, prediction=ASLEEP)

    # --- what the controls do ----------------------------------------------------------------------------------------

    def step(self):
        """One phase on."""
        self.go(self.position + 1)

    def back(self):
        """One phase back; at the start nothing happens."""
        self.go(max(self.position - 1, 0))

    def next_batch(self):
        """On to the end of the next update."""
        self.go(self._end(self.walk.per_batch))

    def epoch(self):
        """On to the end of the epoch."""
        self.go(self._end(self.walk.per_batch * self.walk.per_epoch))

    def go(self, position):
        """To any position, forwards or back."""
        self._problem = self._stretch = None
        try:
            self.walk.go(position)
        finally:
            self.refresh()

    def reset(self):
        """Back to the start."""
        self.walk.reset()
        self.go(0)

    def trace(self):
        """The walk so far as a DataFrame, a row per phase: epoch, batch, phase, layer, loss, norms."""
        return self.walk.table().rename(columns={"name": "phase"})

    def choose(self, column, unit):
        """Tell the equations of a unit; column 0 holds the inputs, counts start at 0."""
        column = check_index("column", column, len(self.words.widths))
        self.words.chosen[column] = check_index("unit", unit, self.words.widths[column])
        self.words.focus, self._stretch = column, None
        self._told += not self.small  # else the frames that the page has hold the equations of all units
        self.refresh()

    def look_at(self, example):
        """Tell the numbers of another example of the batch; the first is 0."""
        self.words.example = check_index("example", example, self._fixed["rows"])
        self._told, self._stretch = self._told + 1, None
        self.refresh()

    def handle(self, message):
        do = message.get("do") if isinstance(message, dict) else None
        methods = {"play": self._play, "example": self.look_at}
        methods |= {n: getattr(self, n) for n in ("step", "back", "next_batch", "epoch", "reset", "go", "choose")}
        keys = {"go": ["position"], "play": ["position", "count"], "choose": ["column", "unit"], "example": ["example"]}
        if not isinstance(do, str) or do not in methods or not isinstance(message.get("id", 0), int | str):
            raise ValueError(f"message: expected a do of {list(methods)}, got {message!r}")
        values = [message.get(key) for key in keys.get(do, ())]
        if any(isinstance(v, bool) or not isinstance(v, int) or v < 0 for v in values):
            raise ValueError(f"message: expected {keys[do]} as integers of at least 0, got {message!r}")
        view, self._view = self._view, None  # the page is told once, by receive
        try:
            self._answered = message.get("id")
            methods[do](*values)
        except (FloatingPointError, RuntimeError) as error:
            self._problem = str(error)  # shown on the page
        finally:
            self._view = view

    def _end(self, size):
        return (self.position // size + 1) * size

    def _play(self, position, count):
        """Frames for the page to play, computed ahead; the walk follows when the page says where it is."""
        self.go(position)
        frames, problem = [self.frame()], None
        try:
            for k in range(position + 1, position + min(count, STRETCH) + 1):
                self.walk.go(k)
                frames.append(self.frame())
        except FloatingPointError as error:
            problem = str(error)
        self.go(position)
        self._stretch, self._problem = frames, problem

    # --- what the page draws -----------------------------------------------------------------------------------------

    def _lay_out(self):
        walk, widths = self.walk, self.words.widths
        X, y = walk.split
        self.small, side = self.words.small, math.isqrt(X.shape[1])
        self.side = side if side * side == X.shape[1] and side >= 8 else None
        self.labels = y if y.ndim == 1 and y.dtype.kind in "iu" else None
        self.range = float(X.min()), float(X.max())
        kinds, rows = [self.words.kinds(c) for c in range(len(widths))], min(walk.batch_size, len(X))
        self._fixed = {"widths": widths, "kinds": kinds, "small": self.small, "side": self.side, "rows": rows}
        self._fixed |= {"perBatch": walk.per_batch, "perEpoch": walk.per_epoch}
        self.plane = widths[0] == 2 and self.labels is not None and len(X) > 2
        if self.plane:
            low, high = X.min(axis=0), X.max(axis=0)
            room = 0.1 * (high - low) + 0.1
            (left, bottom), (right, top) = low - room, high + room
            grid = np.meshgrid(np.linspace(left, right, FINE), np.linspace(top, bottom, FINE))
            self._grid = np.stack(grid, axis=-1).reshape(-1, 2).astype(walk.net.theta.dtype)
            points = " ".join(f"{a:.3g},{b:.3g},{k}" for (a, b), k in zip(X[:POINTS], y, strict=False))
            self._fixed |= {"points": points, "extent": short([left, bottom, right, top]), "fine": FINE}

    def _regions(self):
        """The classes over the plane, or the images of the weights: once per batch, on a copy of the net."""
        key = self.walk.runs, self.position // self.walk.per_batch
        if key not in self._maps:
            while len(self._maps) >= 300:
                del self._maps[next(iter(self._maps))]
            found = {}
            if self.plane:
                X, y = (part[:POINTS] for part in self.walk.split)
                with np.errstate(all="ignore"):
                    Z = copy.deepcopy(self.net).forward(np.concatenate([self._grid, X.astype(self._grid.dtype)]))
                label = _classes(Z)
                found["map"] = b64encode(label[: len(self._grid)].astype(np.uint8).tobytes()).decode()
                found["right"], found["of"] = int((label[len(self._grid) :] == y).sum()), len(y)
            elif not self.small:
                found["images"] = self._images("")
            self._maps[key] = found
        return self._maps[key]

    def _images(self, d):
        """The weights of the first units, or their gradients ("d"), as pictures of the input's shape."""
        i = next(iter(self.words.edges), None)
        if i is None or self.words.column[i] != 1:
            return None
        W = getattr(self.net.layers[i], d + self.words.edges[i])[:, :IMAGES]
        largest = float(np.abs(W[np.isfinite(W)]).max(initial=0))
        side = self.side or math.isqrt(len(W) - 1) + 1
        W = np.pad(W.T, ((0, 0), (0, side * side - len(W))))
        return {"of": d + self.words.edges[i], "side": side, "count": len(W), "largest": num(largest)} | {
            "data": grey(W, -largest, largest)
        }

    def frame(self):
        """What is to be drawn at this position, in rounded numbers."""
        walk, words, phase = self.walk, self.words, self.walk.phase()
        frame = {"p": phase.position, "name": phase.name, "layer": phase.layer, "epoch": phase.epoch}
        frame |= {"batch": phase.batch, "title": words.title(), "shapes": words.shapes(), "loss": None}
        frame["equations"] = words.equations(every=True)
        frame["column"] = None if phase.layer is None else words.column[phase.layer]
        cut = slice(None if self.small else BARS)
        for key, kind in (("values", "values"), ("blame", "blames")):
            frame[key] = [None if v is None else short(v[cut]) for v in words.numbers(kind)]
        if self.small:
            back = phase.layer if phase.name == "backward" else None
            frame["weights"] = [None] * len(words.widths)
            for i, name in words.edges.items():
                W = getattr(self.net.layers[i], ("d" if i == back else "") + name)
                frame["weights"][words.column[i]] = short(W)
            frame["gradients"] = words.column[back] if back in words.edges else None
        elif phase.name == "backward" and phase.layer in words.edges and words.column[phase.layer] == 1:
            frame["images"] = self._images("d")
        if walk.value is not None:
            frame["loss"] = float(f"{walk.value:.4g}")
        if walk.values:
            if self.plane:
                frame["at"] = [short(x) for x in walk.split.X[walk.rows[:64]]]
            frame["example"] = f"example {words.which() + 1} of {len(walk.rows)}, target {row(walk.y[words.which()])}"
            if self.side and not self.small:
                frame["input"] = grey(walk.values[0][words.which()], *self.range)
                frame["misread"] = self._misread()
        if phase.name in ("start", "update"):
            frame |= self._regions()
        return frame

    def _misread(self):
        """The examples of the batch read as another class, [image, said, is]; None before there are scores."""
        walk = self.walk
        if self.labels is None or len(walk.values) <= len(walk.net.layers):
            return None
        said = _classes(walk.values[-1])
        wrong = np.flatnonzero(said != walk.y)
        shown = [[grey(walk.values[0][i], *self.range), int(said[i]), int(walk.y[i])] for i in wrong[:MISREAD]]
        return {"count": len(wrong), "of": len(said), "shown": shown}

    def state(self):
        losses = self.walk.losses
        stride = max(1, -(-len(losses) // CURVE))
        at = [*range(0, len(losses) - 1, stride), len(losses) - 1] if losses else []
        state = {"version": f"{self.walk.runs}.{self._told}", "position": self.position, "problem": self._problem}
        state |= {"frames": self._stretch or [self.frame()], "now": self._regions(), "answered": self._answered}
        state |= {"chosen": self.words.chosen, "focus": self.words.focus, "example": self.words.example}
        return self._fixed | state | {"curve": [at, short([losses[i] for i in at])]}

    # --- for those without a page ------------------------------------------------------------------------------------

    @property
    def prediction(self):
        """The question before play: does one update lower the loss of its batch? The answer is looked up ahead."""
        if self._asked is None:
            walk, here, loss, told = self.walk, self.position, copy.deepcopy(self.walk.loss), []
            try:
                walk.go(here)
            except RuntimeError:  # changed from outside: there is no exact way to look ahead and come back
                return None
            self._asked = False
            with suppress(FloatingPointError), np.errstate(all="ignore"):  # a run that diverges at once asks nothing
                for k in (walk.per_batch - 1, walk.per_batch):
                    walk.go(k)
                    told.append(float(loss(copy.deepcopy(self.net).forward(walk.values[0]), walk.y)[0]))
                if np.isfinite(told).all():
                    self._asked = question(*told, len(walk.rows))
            walk.go(here)
        return self._asked or None

    def describe(self):
        walk, parts = self.walk, self.words.describe()
        if self.side and walk.values and (found := self._misread()):
            said = ", ".join(f"{truth} read as {said}" for _, said, truth in found["shown"])
            parts.append(
                f"{found['count']} of {found['of']} examples of the batch misread{': ' + said if said else ''}"
            )
        if self.plane:
            found = self._regions()
            parts.append(f"The regions give {found['right']} of {found['of']} points to the right class")
        known = walk.losses[: self._known()]
        if known:
            past = f", from {num(known[0])}, lowest {num(min(known))}" if len(known) > 1 else ""
            parts.append(f"Loss of batch {len(known)}: {num(known[-1])}{past}")
        if self._problem:
            parts.append(f"Stopped: {self._problem}")
        return ".\n".join(parts) + "."

    def _known(self):
        """Of how many batches the loss is known at this position."""
        return (self.position + len(self.net.layers) + 1) // self.walk.per_batch

    def snapshot(self):
        from .. import viz

        fig = viz.Picture(7.6, 6.6, self.describe())
        rows = fig.add_gridspec(3, 1, height_ratios=[3, 0.1 + 0.17 * len(self._lines()), 2])
        top = rows[0].subgridspec(1, 1 if self.small else 2, width_ratios=None if self.small else [1.6, 1])
        low = rows[2].subgridspec(1, 2 if self.plane else 1, width_ratios=[1.5, 1] if self.plane else None)
        title, ax = self.words.title(), fig.add_subplot(top[0])
        if self.small:
            title += self._draw_network(viz, ax)
        else:
            self._draw_images(ax)
            out, ax_out = self.words.numbers("values")[-1], fig.add_subplot(top[1])
            ax_out.bar(range(self.words.widths[-1]), 0 if out is None else out, color=viz.BLUE)
            ax_out.set(xlabel="output unit", title="outputs" if out is not None else "no outputs yet")
        fig.suptitle("\n".join(wrap(title, 90)), fontsize=10)
        ax = fig.add_subplot(rows[1])
        ax.set_axis_off()
        ax.text(0, 1, "\n".join(self._lines()), fontsize=9, va="top")
        ax, count = fig.add_subplot(low[0]), self._known()
        ax.plot(np.arange(1, count + 1), self.walk.losses[:count], color=viz.BLUE, marker="o" if count < 30 else None)
        ax.set(xlabel="batch", ylabel="loss", xlim=(0, max(count, 2) + 0.5))
        if self.plane:
            viz.boundary(copy.deepcopy(self.net).forward, self.walk.split, ax=fig.add_subplot(low[1]))
        fig.description = self.describe()
        return fig

    def _draw_network(self, viz, ax):
        frame, widths = self.frame(), self.words.widths
        pairs = zip(widths[:-1], widths[1:], frame["weights"][1:], strict=True)
        Ws = [np.reshape(W or np.zeros(m * n), (m, n)).astype(float) for m, n, W in pairs]
        Ws = [np.nan_to_num(W) for W in Ws]
        back = frame["name"] == "backward"
        shown = [
            v and [float(f"{math.nan if x is None else x:.2g}") for x in v] for v in frame[("values", "blame")[back]]
        ]
        viz.network(Ws, shown, labels=[self.words.called(c) for c in range(len(widths))], ax=ax)
        lines = ", on the lines of this layer: dW" if frame["gradients"] is not None else ""
        return f" (in the nodes: blame{lines})" if back else ""

    def _lines(self):
        text = self.words.equation() or "Press step."
        return [line for part in [*text.split("\n"), self.words.shapes()] for line in wrap(part, 105)]

    def _draw_images(self, ax):
        ax.set_axis_off()
        if found := self.frame().get("images") or self._images(""):
            ax.set_title(f"{found['of']} of the first {found['count']} units")
            side, count = found["side"], found["count"]
            tiles = np.frombuffer(b64decode(found["data"]), np.uint8).reshape(count, side, side)
            tiles = np.pad(tiles, ((0, -count % 8), (1, 1), (1, 1)), constant_values=128)
            tall = len(tiles) // 8
            wall = tiles.reshape(tall, 8, side + 2, side + 2).swapaxes(1, 2).reshape(tall * (side + 2), -1)
            ax.imshow(wall, cmap="PuOr", vmin=0, vmax=255, interpolation="nearest")
