"""Instruments for a network that trains and should not, or does not and should: each answers one question in words.

Every instrument returns a Finding, leaves your network as it was, and works on a `Sequential` or on any object with

    forward(X, training=False) -> scores,   backward(dZ),   and two dicts of arrays, `params` and `grads`,

so on a network of your own as well. `examine` runs them all. `split` is a pair (X, y); labels are integers.
"""

import copy
import html
from typing import NamedTuple

import numpy as np

from .data import Split, check_split
from .functional import one_hot, softmax
from .gradcheck import compare
from .layers import Dropout, Params, Sigmoid, Tanh
from .metrics import accuracy
from .optim import SGD, Adam

MARKS = {"green": "✓ green", "amber": "! amber", "red": "✗ red", "grey": "· not asked"}
COLOURS = {"green": "#009E73", "amber": "#E69F00", "red": "#D55E00", "grey": "#777777"}
SURE = 100.0  # a logit of which sigmoid and softmax make 1, to the last bit
quiet = np.errstate(all="ignore")  # a patient may overflow: what comes of it is what the instruments look at


class Finding(NamedTuple):
    """What one instrument says: its name, "green", "amber", "red" or "grey", words, and the figures behind them."""

    instrument: str
    verdict: str
    words: str
    figures: dict | None = None

    def __str__(self):
        return f"{MARKS[self.verdict]:12} {self.instrument:18} {self.words}"

    __repr__ = __str__


class Report(list):
    """The Findings of `examine`, in order. `report["gradient"]` is one of them, `report.red` the names of the red."""

    def __getitem__(self, key):
        if not isinstance(key, str):
            return super().__getitem__(key)
        for finding in self:
            if finding.instrument == key:
                return finding
        raise KeyError(f"{key!r}: expected one of {[finding.instrument for finding in self]}")

    @property
    def red(self):
        """The names of the instruments that are red."""
        return [finding.instrument for finding in self if finding.verdict == "red"]

    def table(self):
        """The report as a DataFrame, a row per instrument."""
        import pandas as pd

        rows = [(finding.instrument, finding.verdict, finding.words) for finding in self]
        return pd.DataFrame(rows, columns=["instrument", "verdict", "words"]).set_index("instrument")

    def __str__(self):
        return "\n".join(map(str, self))

    __repr__ = __str__

    def _repr_html_(self):
        rows = "".join(
            f'<tr><th scope="row" style="text-align: left">{html.escape(finding.instrument)}</th>'
            f'<td style="white-space: nowrap; border-left: 6px solid {COLOURS[finding.verdict]}">'
            f"{MARKS[finding.verdict]}</td>"
            f'<td style="text-align: left">{html.escape(finding.words)}</td></tr>'
            for finding in self
        )
        names = ("instrument", "verdict", "words")
        head = "".join(f'<th scope="col" style="text-align: left">{name}</th>' for name in names)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


@quiet
def examine(net, loss, split, *, step=None, metric=accuracy, rng=None):
    """Every instrument on one network, as a Report: a table of green, amber and red, with words.

    net is only looked at; what has to train, trains a copy. `step(net, X, y)` is your own training step, by default
    one of SGD or Adam; `metric(y_true, y_pred)` is your own accuracy. At most 500 examples of the split are used.
    An instrument on which the network raises is red, and the words are the error's.
    Raises ValueError for a split that is not (X, y), and TypeError for a net without forward and backward.
    Taught in lesson 08.
    """
    split = _some(check_split(split), 500)
    if not (callable(getattr(net, "forward", None)) and callable(getattr(net, "backward", None))):
        raise TypeError(f"net: expected something with forward and backward, got {type(net).__name__}")
    named(net)
    rng = np.random.default_rng(0) if rng is None else rng
    instruments = {
        "finite": lambda: finite(net, loss, split),
        "loss at start": lambda: loss_at_start(net, loss, split),
        "loss range": lambda: loss_range(net, loss, split),
        "rows sum to 1": lambda: rows_sum_to_one(net, split),
        "units": lambda: units(net, split),
        "gradient": lambda: gradient(net, loss, split, rng=rng),
        "shapes": lambda: shapes(net, loss, split, step=step),
        "overfit twenty": lambda: overfit_twenty(net, loss, split, step=step),
        "one example": lambda: one_example(net, split),
        "permutation": lambda: permutation(net, split, rng=rng),
        "constant guesses": lambda: constant_guesses(metric, split.y),
    }
    report = Report()
    for name, instrument in instruments.items():
        try:
            report.append(instrument())
        except Exception as error:  # whatever a sick network raises is what the report should say
            report.append(Finding(name, "red", f"raises {type(error).__name__}: {error}"))
    return report


@quiet
def finite(net, loss, split):
    """Is every number finite: inputs, parameters, scores, loss and gradient, also for logits of ± 100 and ± 1000?

    NaN compares as nothing and argmax calls it class 0, so a dead network looks like one that reads a tenth of all
    digits; and log(1 - 1) strikes when a prediction is surest. Amber: inputs so large that they should be scaled.
    Taught in lesson 08.
    """
    X, y = split
    work = copy.deepcopy(net)
    numbers = {"the inputs": X} | {name: value for name, value, _ in named(work)}
    numbers["the scores"] = scores = work.forward(X, training=True)
    value, dZ = _loss(loss, scores, y)
    numbers |= {"the loss": value, "its gradient": dZ}
    if np.isfinite(dZ).all():
        work.backward(dZ)
        numbers |= {f"d {name}": slope for name, _, slope in named(work)}
    for size in (SURE, 10 * SURE) if _classes(scores, y) else ():
        for word in ("right", "wrong"):
            value, dZ = _loss(loss, _output(net, size * _certain(scores, y, word == "wrong"), scores), y)
            numbers[f"the loss of a surely {word} answer (logit {size:g})"] = value
            numbers[f"its gradient at a surely {word} answer (logit {size:g})"] = dZ
    bad = [name for name, array in numbers.items() if not np.isfinite(array).all()]
    if bad:
        return Finding("finite", "red", f"not finite: {_and(bad)}", {"bad": bad})
    if (largest := float(np.abs(X).max())) > 20:
        return Finding("finite", "amber", f"inputs go up to {largest:g}: scale them to about 1", {"largest": largest})
    return Finding("finite", "green", "every number is finite, for surely right and surely wrong answers too")


@quiet
def loss_at_start(net, loss, split):
    """Is the loss near the loss of equal scores, which is ln C for cross-entropy, or below it?

    A fresh network knows nothing, so equal scores are the best it can do; a start far above them is a network that is
    wrong with confidence: its first steps go into unlearning. Amber above 1.2 times that value, red above 1.5 times
    and a whole nat. Taught in lesson 08.
    """
    X, y = split
    scores = net.forward(X)
    value, equal = _loss(loss, scores, y)[0], _loss(loss, _output(net, 0 * _certain(scores, y), scores), y)[0]
    words = f"{value:.4g}; equal scores for all give {equal:.4g}"
    if not _classes(scores, y) or value <= 1.2 * equal:
        verdict = "green" if np.isfinite(value) else "red"
    else:
        verdict = "red" if value > 1.5 * equal and value > equal + 1 else "amber"
        words += ": it starts by being wrong with confidence"
    return Finding("loss at start", verdict, words, {"loss": value, "equal": equal})


@quiet
def loss_range(net, loss, split):
    """Which values can the loss take: for surely right, equal and surely wrong answers? Right ones must cost nothing.

    The answers are logits of ± 100, sent through whatever the network has after its last weights (a softmax, say) and
    then into the loss. A softmax too many shows as a range like 0.66 to 0.76. Amber: the loss is a sum, which doubles
    with the examples. Taught in lesson 08.
    """
    X, y = split
    scores = net.forward(X)
    if not _classes(scores, y):
        return Finding("loss range", "grey", "the targets are not classes")
    right, wrong = SURE * _certain(scores, y), SURE * _certain(scores, y, wrong=True)
    least, equal, greatest = (_loss(loss, _output(net, Z, scores), y)[0] for Z in (right, 0 * right, wrong))
    figures = {"least": least, "equal": equal, "greatest": greatest}
    words = f"surely right {least:.4g}, equal scores {equal:.4g}, surely wrong {greatest:.4g}"
    if not least < 0.1 * min(equal, greatest):
        return Finding(
            "loss range", "red", f"{words}: a right answer should cost next to nothing beside the others", figures
        )
    twice = _loss(loss, np.concatenate([scores, scores]), np.concatenate([y, y]))[0]
    once = _loss(loss, scores, y)[0]
    if once > 0 and twice > 1.5 * once:
        return Finding("loss range", "amber", f"{words}: a sum over the examples, so every step grows with N", figures)
    return Finding("loss range", "green", words, figures)


@quiet
def rows_sum_to_one(net, split):
    """Are outputs between 0 and 1 also a distribution over the classes, row by row? Logits are not asked.

    Amber: sigmoids, which answer ten separate questions. Taught in lesson 08.
    """
    scores = net.forward(split[0])
    if scores.ndim != 2 or scores.shape[1] < 2 or not ((scores >= 0) & (scores <= 1)).all():
        return Finding("rows sum to 1", "grey", "the outputs are not probabilities of several classes")
    sums = scores.sum(axis=1)
    figures = {"least": float(sums.min()), "greatest": float(sums.max())}
    words = f"rows sum to {sums.min():.4g} … {sums.max():.4g}"
    if np.allclose(sums, 1, atol=1e-3):
        return Finding("rows sum to 1", "green", words, figures)
    if isinstance(getattr(net, "layers", [None])[-1], Sigmoid):
        return Finding("rows sum to 1", "amber", f"{words}: separate yes-or-no answers, not a distribution", figures)
    return Finding("rows sum to 1", "red", f"{words}: not a distribution over the classes", figures)


@quiet
def units(net, split):
    """How many hidden units are dead (0 for every example), jammed (σ or tanh at its end) or asleep (the same for all)?

    By layer: dead and jammed as shares, asleep as the spread over the examples of the liveliest unit.
    Red: three quarters dead, nine tenths jammed, or a spread below 1e-5; amber: a quarter, a half, 1e-3.
    Taught in lesson 08.
    """
    X = split[0]
    if not hasattr(net, "layers"):
        return Finding("units", "grey", "needs net.layers")
    A, rows = np.asarray(X).astype(net.theta.dtype), {}
    for i, layer in enumerate(net.layers[: len(net.layers) - len(_tail(net))]):
        A = layer.forward(A)
        if layer.parameter_names or isinstance(layer, Dropout):
            continue
        low, high = {Sigmoid: (0, 1), Tanh: (-1, 1)}.get(type(layer), (-np.inf, np.inf))
        rows[f"layers[{i}]"] = {
            "dead": float((A == 0).all(axis=0).mean()),
            "jammed": float((np.minimum(A - low, high - A) < 0.01).mean()),
            "spread": float(A.std(axis=0, dtype=np.float64).max()),
        }
    found, verdict = [], "green"
    for name, row in rows.items():
        for what, amber, red in (("dead", 0.25, 0.75), ("jammed", 0.5, 0.9)):
            if row[what] >= amber:
                found.append(f"{name}: {100 * row[what]:.0f} % {what}")
                verdict = "red" if row[what] >= red or verdict == "red" else "amber"
        if row["spread"] < 1e-3 and row["dead"] < 1:
            found.append(f"{name}: asleep, the same for all examples to within {row['spread']:.0e}")
            verdict = "red" if row["spread"] < 1e-5 or verdict == "red" else "amber"
    words = _and(found) if found else "awake: few units dead or jammed"
    return Finding("units", verdict if rows else "grey", words if rows else "no hidden units", rows)


@quiet
def gradient(net, loss, split, *, rng, tolerance=1e-5):
    """Does backward give the slope of the loss, parameter by parameter, and does the loss give its own?

    Along random directions, in float64, on a copy whose zero parameters are made small random numbers; "scores" is
    the loss alone. At most 30 examples. A gradient of another shape than its parameter is named. Taught in lesson 08.
    """
    X, y = _some(split, 30)
    X = X.astype(np.float64)
    net = _float64(net)
    for _, value, _ in named(net):
        value[value == 0] = 0.1 * rng.standard_normal(np.count_nonzero(value == 0))

    def run(scores=None):
        work = copy.deepcopy(net)  # so that Dropout draws the same mask every time
        scores = work.forward(X, training=True) if scores is None else scores
        return *_loss(loss, scores, y), work, scores

    _, dZ, done, scores = run()
    done.backward(dZ)
    pairs = [(name, value, slope) for (name, value, _), (_, _, slope) in zip(named(net), named(done), strict=True)]
    misshapen = [f"d {name} has {_shape(d)} and {name} has {_shape(v)}" for name, v, d in pairs if d.shape != v.shape]
    if misshapen:
        return Finding("gradient", "red", f"another shape than its parameter: {_and(misshapen)}")
    report = compare([("scores", scores, dZ)], lambda: run(scores)[0], rng=rng, tolerance=tolerance)
    report += compare(pairs, lambda: run()[0], rng=rng, tolerance=tolerance)
    errors = {row["parameter"]: row["relative_error"] for row in report}
    wrong = {name: error for name, error in errors.items() if not error <= tolerance}
    if not wrong:
        words = f"right for all {len(pairs)} parameters (relative error up to {max(errors.values()):.0e})"
        return Finding("gradient", "green", words, errors)
    right = [name for name in errors if name not in wrong]
    listed = _and(f"{name} ({error:.2g})" for name, error in wrong.items())
    return Finding("gradient", "red", f"wrong for {listed}; right for {_and(right) or 'none'}", errors)


@quiet
def shapes(net, loss, split, *, step=None):
    """Do all parameters keep shape and dtype in one training step, and does each of them move?

    Amber: one that does not move at all. Taught in lesson 08.
    """
    work = copy.deepcopy(net)
    before = {name: value.copy() for name, value, _ in named(work)}
    (step or _sgd_step(loss))(work, *split)
    after = {name: value for name, value, _ in named(work)}
    figures = {name: (_shape(before[name]), _shape(after[name])) for name in before}
    changed = [f"{name}: {old} became {new}" for name, (old, new) in figures.items() if old != new]
    changed += [
        f"{name}: {before[name].dtype} became {after[name].dtype}"
        for name in before
        if before[name].dtype != after[name].dtype
    ]
    if changed:
        return Finding("shapes", "red", f"changed by one step: {_and(changed)}", figures)
    still = [name for name in before if np.array_equal(before[name], after[name])]
    if still:
        return Finding("shapes", "amber", f"kept by one step; {_and(still)} did not move", figures)
    return Finding("shapes", "green", "kept by one step, and every parameter moves", figures)


@quiet
def overfit_twenty(net, loss, split, *, step=None, steps=600):
    """Can it learn twenty examples by heart? A network that cannot has a fault that more data will not cure.

    A copy takes up to `steps` steps on twenty of them, with Adam (learning rate 0.01) or your own `step(net, X, y)`.
    Red: the loss stays above half of what equal scores cost; amber: below, but an example stays wrong.
    Taught in lesson 08.
    """
    X, y = _some(split, 20)
    work = copy.deepcopy(net)
    step = step or _adam_step(work, loss)
    first = work.forward(X)
    start = value = _loss(loss, first, y)[0]
    read = _read(first, y)
    zero = 0 * _certain(first, y)
    # half of what equal scores cost; a trained network may be below that already
    goal = 0.5 * (_loss(loss, _output(net, zero, first), y)[0] if _classes(first, y) else start)
    taken, solved = 0, False
    while taken < steps and np.isfinite(value) and not solved:
        step(work, X, y)
        taken += 1
        scores = work.forward(X)
        value, read = _loss(loss, scores, y)[0], _read(scores, y)
        solved = value < 0.2 * goal and read == 1
    figures = {"before": start, "after": value, "accuracy": read, "steps": taken}
    words = f"the loss goes from {start:.4g} to {value:.4g} in {taken} steps"
    verdict = "red" if not value <= goal else "green" if read == 1 else "amber"
    if _classes(first, y):
        words += f", {round(read * len(y))} of {len(y)} right"
    return Finding("overfit twenty", verdict, words, figures)


@quiet
def one_example(net, split):
    """Does one example alone get the same scores as among others? Taught in lesson 08."""
    X = split[0]
    try:
        alone, among = net.forward(X[:1]), net.forward(X)[:1]
    except ValueError as error:
        return Finding("one example", "red", f"raises ValueError: {error}")
    if alone.shape != among.shape:
        return Finding("one example", "red", f"one row in, {len(alone)} rows out")
    gap = float(np.abs(alone - among).max())
    if not gap <= 1e-3 * max(1.0, float(np.abs(among).max())):
        return Finding("one example", "red", f"alone its scores differ by up to {gap:.2g} from those among others")
    return Finding("one example", "green", "has the same scores alone as among others")


@quiet
def permutation(net, split, *, rng):
    """Do predictions follow their examples when the examples change places? Taught in lesson 08."""
    X = split[0]
    order = rng.permutation(len(X))
    kept, moved = net.forward(X)[order], net.forward(X[order])
    share = float(np.mean(_said(kept) != _said(moved)))
    if share > 0.001:  # two equal scores may fall either way
        words = f"in another order {100 * share:.2g} % of the examples get another answer"
        return Finding("permutation", "red", words, {"share": share})
    return Finding("permutation", "green", "in another order every example keeps its answer", {"share": share})


@quiet
def constant_guesses(metric, y):
    """Does metric(y_true, y_pred) give the truth 1, and each constant guess the share of that class?

    Taught in lesson 08.
    """
    y = np.asarray(y)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        return Finding("constant guesses", "grey", "the targets are not classes")
    expected = {"the truth": 1.0} | {f"always {c}": float(np.mean(y == c)) for c in range(int(y.max()) + 1)}
    guesses = [y, *(np.full_like(y, c) for c in range(int(y.max()) + 1))]
    found = {name: float(metric(y, guess)) for name, guess in zip(expected, guesses, strict=True)}
    wrong = [name for name in found if not abs(found[name] - expected[name]) <= 1e-6]
    if wrong:
        listed = _and(f"{name} gets {found[name]:.4g} and should get {expected[name]:.4g}" for name in wrong[:3])
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return Finding("constant guesses", "red", listed + more, found)
    return Finding("constant guesses", "green", "the truth gets 1, each constant guess the share of its class", found)


def named(net):
    """(name, parameter, gradient) for every parameter of a Sequential, or of a network with dicts params and grads.

    A gradient that was never computed is an array of no entries. Raises TypeError for a net that has neither.
    """
    if hasattr(net, "layers"):
        return [
            (f"layers[{i}].{name}", getattr(layer, name), getattr(layer, "d" + name))
            for i, layer in enumerate(net.layers)
            for name in layer.parameter_names
        ]
    if not (isinstance(getattr(net, "params", None), dict) and isinstance(getattr(net, "grads", None), dict)):
        raise TypeError(f"net: expected .layers, or dicts .params and .grads, got {type(net).__name__}")
    return [(name, value, np.asarray(net.grads.get(name, ()))) for name, value in net.params.items()]


def _some(split, most):
    """At most so many examples, from all over the split: it may be sorted by class."""
    rows = np.linspace(0, len(split[0]) - 1, min(most, len(split[0]))).astype(int)
    return Split(*(np.asarray(part)[rows] for part in split))


def _float64(net):
    if hasattr(net, "layers"):
        return net.astype(np.float64)
    net = copy.deepcopy(net)
    net.params.update({name: np.array(value, dtype=np.float64) for name, value in net.params.items()})
    return net


def _sgd_step(loss):
    def step(net, X, y):
        net.backward(_loss(loss, net.forward(X, training=True), y)[1])
        for _, value, slope in named(net):
            SGD(Params(value, np.ascontiguousarray(slope, value.dtype)), lr=0.01).step()

    return step


def _adam_step(net, loss):
    walkers = {name: Adam(Params(value, np.zeros_like(value)), lr=0.01) for name, value, _ in named(net)}

    def step(net, X, y):
        net.backward(_loss(loss, net.forward(X, training=True), y)[1])
        for name, _, slope in named(net):
            walkers[name].params.grad[...] = slope
            walkers[name].step()

    return step


def _loss(loss, scores, y):
    """loss(scores, y), where nnlib's own refuse scores that are not finite: NaN."""
    try:
        value, dZ = loss(scores, y)
    except FloatingPointError:
        return np.nan, np.full(scores.shape, np.nan)
    return float(value) + 0.0, dZ  # + 0.0 makes 0 of -0


def _tail(net):
    """The layers after the last one with parameters."""
    layers = list(getattr(net, "layers", ()))
    last = max((i for i, layer in enumerate(layers) if layer.parameter_names), default=-1)
    return layers[last + 1 :]


def _output(net, Z, scores):
    """What the network would give where its last weights give Z, in the dtype of `scores`: its true output.

    Without layers to send Z through: softmax of Z if the scores are probabilities of classes, Z itself otherwise.
    """
    Z = Z.astype(scores.dtype)
    if not hasattr(net, "layers"):
        distribution = scores.ndim == 2 and scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-3)
        return softmax(Z) if distribution else Z
    for layer in _tail(net):
        Z = layer.forward(Z)
    return Z


def _certain(scores, y, wrong=False):
    """1 for one class and -1 for every other, in the shape of `scores`; the class is the true one, or the next."""
    if not _classes(scores, y):
        return np.zeros(scores.shape)
    several = scores.ndim == 2 and scores.shape[1] > 1
    y = (np.asarray(y) + wrong) % (scores.shape[1] if several else 2)
    return 2.0 * (one_hot(y, scores.shape[1]) if several else y.reshape(scores.shape)) - 1


def _classes(scores, y):
    return y.ndim == 1 and y.dtype.kind in "iub" and len(scores) == len(y)


def _said(scores):
    scores = scores.reshape(len(scores), -1)
    return scores.argmax(axis=1) if scores.shape[1] > 1 else scores[:, 0] > 0


def _read(scores, y):
    return float(np.mean(_said(scores) == y)) if _classes(scores, y) else 1.0


def _shape(array):
    return "×".join(map(str, array.shape)) or "one number"


def _and(words):
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last
