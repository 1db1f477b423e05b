"""What the stepper says about a phase: its title, the shapes in play, and its equation with the numbers filled in.

Notation of the course: Z before an activation, A after it, dz is d loss / d z and already carries the 1/N of the mean.
The formulas are for nnlib's own layers, losses and optimisers; of others only what went in and came out is said.
"""

import copy
import math

import numpy as np

from ..functional import log_softmax, sigmoid, softmax
from ..layers import Dropout, Linear, ReLU, Sigmoid, Tanh
from ..losses import binary_cross_entropy, cross_entropy, mse
from ..optim import SGD, AdaGrad, Adam, RMSProp
from .base import Prediction

DETAIL = 40  # up to so many units every one is drawn, and has its equation


def num(value):
    """A number as the lessons print it: 4 digits, a real minus sign, no minus zero."""
    text = f"{float(value):.4g}"
    return "0" if text == "-0" else text.replace("-", "−")


def par(value):
    return f"({num(value)})" if num(value).startswith("−") else num(value)


def row(values, most=10):
    """(1, 2), cut after `most` numbers."""
    values = np.ravel(values)
    return f"({', '.join(map(num, values[:most]))}{f', … {len(values) - most} more' if len(values) > most else ''})"


def products(left, right, most=8):
    """1·1 + 2·0; of a long sum the largest three products."""
    if len(left) <= most:
        return " + ".join(f"{par(a)}·{par(b)}" for a, b in zip(left, right, strict=True))
    order = np.argsort(-np.abs(left * right), kind="stable")[:3]
    largest = " + ".join(f"{par(left[i])}·{par(right[i])}" for i in order)
    return f"{largest} + … ({len(left) - 3} smaller products)"


class Words:
    """A walk in columns of units, and in words. `chosen[column]` is the unit whose equation is told, `focus` the column
    whose update is told, `example` the row of the batch.

    A layer with a width of its own opens a column; those that follow (activations, dropout) work inside its nodes.
    """

    def __init__(self, walk):
        self.walk, self.column, self.edges, self.places = walk, [], {}, {}
        flow = walk.split.X[:1].astype(walk.net.theta.dtype)
        self.widths, start = [flow.shape[1]], 0
        for i, layer in enumerate(copy.deepcopy(walk.net).layers):
            before, flow = flow.shape[1], np.asarray(layer.forward(flow))
            if layer.out_features or flow.shape[1] != before:
                self.widths.append(flow.shape[1])
            self.column.append(len(self.widths) - 1)
            for name in layer.parameter_names:
                self.places[i, name] = start
                start += getattr(layer, name).size
                if getattr(layer, name).shape == (before, flow.shape[1]) and i not in self.edges and layer.out_features:
                    self.edges[i] = name
        self.small = sum(self.widths) <= DETAIL
        self.chosen, self.focus, self.example = [0] * len(self.widths), min(1, len(self.widths) - 1), 0

    def which(self):
        """The row of the batch that is told: the last where the batch is smaller."""
        return min(self.example, len(self.walk.rows) - 1)

    def unit(self, column, unit):
        """What a unit is called; logits by their class, from 0, all others from 1."""
        if column == 0:
            return f"input {unit + 1}"
        if column == len(self.widths) - 1:
            if self.walk.loss is mse or self.widths[column] == 1:
                return "output" if self.widths[column] == 1 else f"output {unit + 1}"
            return f"logit {unit}"
        return f"unit {unit + 1} of layer {column}" if len(self.widths) > 3 else f"unit {unit + 1}"

    def kinds(self, column):
        return ", ".join(
            type(layer).__name__ for i, layer in enumerate(self.walk.net.layers) if self.column[i] == column
        )

    def called(self, column):
        return "input" if column == 0 else "output" if column == len(self.widths) - 1 else f"layer {column}"

    def weights(self):
        """The weights as sentences, a unit each; during a layer's backward phase its gradients instead, as drawn."""
        phase, out = self.walk.phase(), []
        for i, name in self.edges.items():
            name = ("d" if (phase.name, phase.layer) == ("backward", i) else "") + name
            W, c = getattr(self.walk.net.layers[i], name), self.column[i]
            units = range(W.shape[1]) if self.walk.net.theta.size <= 60 else [self.chosen[c]]
            out.append(f"{name} into " + ", into ".join(f"{self.unit(c, u)}: {row(W[:, u])}" for u in units))
        return out

    def numbers(self, kind):
        """Per column the numbers in its nodes for the chosen example, None where there are none yet."""
        walk, out = self.walk, [None] * len(self.widths)
        known = range(len(walk.values)) if kind == "values" else sorted(walk.blames, reverse=True)
        for i in known:  # later ones take the place of earlier ones: a that of z, dz that of da
            array = (walk.values if kind == "values" else walk.blames)[i]
            if array.ndim == 2:
                out[self.column[i - 1] if i else 0] = array[self.which()]
        return out

    def title(self):
        """What happens at this position, in a line."""
        phase, walk = self.walk.phase(), self.walk
        if phase.name == "start":
            return "Start: nothing has happened yet"
        where = f"epoch {phase.epoch}, batch {phase.batch} of {walk.per_epoch}: "
        if phase.name == "batch":
            plural = f"{len(walk.rows)} examples arrive" if len(walk.rows) > 1 else "one example arrives"
            return f"{where}batch, {plural}"
        if phase.name == "loss":
            return f"{where}loss = {num(walk.value)}"
        if phase.name == "update":
            return f"{where}update by {type(walk.opt).__name__}, lr = {getattr(walk.opt, 'lr', math.nan):g}"
        layer = walk.net.layers[phase.layer]
        return f"{where}{phase.name} through layer {phase.layer + 1} of {len(walk.net.layers)}, {layer}"

    def shapes(self):
        """The arrays in play and their shapes."""
        walk, phase = self.walk, self.walk.phase()
        if phase.name == "start":
            return f"theta {walk.net.theta.shape}"
        if phase.name == "batch":
            return f"X {walk.values[0].shape}, y {walk.y.shape}"
        if phase.name == "loss":
            return f"scores {walk.values[-1].shape}, targets {walk.y.shape} → loss (), dZ {walk.values[-1].shape}"
        if phase.name == "update":
            return f"theta {walk.net.theta.shape}, grad {walk.net.grad.shape}"
        i, layer = phase.layer, walk.net.layers[phase.layer]
        came, went = walk.values[i].shape, walk.values[i + 1].shape
        exact = type(layer) is Linear
        if phase.name == "forward":
            return f"X {came} @ W {layer.W.shape} + b {layer.b.shape} → Z {went}" if exact else f"{came} → {went}"
        parts = [f"d{name} {getattr(layer, name).shape}" for name in layer.parameter_names]
        if exact:
            parts = [f"dW {layer.W.shape} = Xᵀ {came[::-1]} @ dZ {went}", f"db {layer.b.shape}"]
        if i > walk.lowest:
            parts.append(f"dX {came} = dZ {went} @ Wᵀ {layer.W.shape[::-1]}" if exact else f"{went} → {came}")
        return ", ".join(parts)

    def equations(self, every=False):
        """[(column, first unit, [lines of a unit, …]), …]: the phase's equation, for the chosen units or every one."""
        walk, phase = self.walk, self.walk.phase()
        columns, line = [], None
        if phase.name == "forward":
            columns = [(self.column[phase.layer], self._forward)]
        elif phase.name == "loss":
            columns = [(len(self.widths) - 1, self._loss)]
        elif phase.name == "backward":
            layer, c = walk.net.layers[phase.layer], self.column[phase.layer]
            below = self.column[phase.layer - 1] if phase.layer else 0
            columns = [(c, self._gradients)] if layer.parameter_names else []
            columns += [(below, self._blame)]
        elif phase.name == "update":
            columns = [(c, self._update) for c in range(len(self.widths)) if every or c == self._weighted()]
        elif phase.name == "batch":
            x, target = walk.values[0][self.which()], walk.y[self.which()]
            line = f"x = {row(x)}, target {row(target) if np.ndim(target) else num(target)}"
        if line:
            return [(0, 0, [[line]])]
        out = []
        for c, says in columns:
            units = range(self.widths[c]) if every and self.small else [self.chosen[c]]
            out.append((c, units[0], [says(phase.layer, c, u) for u in units]))
        return out

    def equation(self):
        """The equation of the present phase for the chosen unit, as text."""
        return "\n".join(line for _, _, texts in self.equations() for lines in texts for line in lines)

    def _weighted(self):
        """The column whose update is shown: the chosen one, or the next that has parameters."""
        have = sorted({self.column[i] for i, _ in self.places})
        return next((c for c in have if c >= self.focus), have[-1])

    def _forward(self, i, c, u):
        walk, e, layer = self.walk, self.which(), self.walk.net.layers[i]
        x, y = walk.values[i][e], walk.values[i + 1][e]
        name, kind = f"{self.unit(c, u)}: ", type(layer)
        if kind is Linear:
            return [f"{name}z = Σ x·w + b = {products(x, layer.W[:, u])} + {par(layer.b[u])} = {num(y[u])}"]
        if kind is Dropout:
            return [f"{name}x·m = {par(x[u])}·{num(layer.remembered[e, u])} = {num(y[u])}"]
        formula = {ReLU: "a = max(z, 0) = max({}, 0)", Sigmoid: "a = σ(z) = σ({})", Tanh: "a = tanh(z) = tanh({})"}
        if kind in formula:
            return [f"{name}{formula[kind].format(num(x[u]))} = {num(y[u])}"]
        return [f"{name}{kind.__name__}: {num(x[u]) if len(x) == len(y) else row(x)} → {num(y[u])}"]

    def _loss(self, i, c, u):
        walk, e = self.walk, self.which()
        scores, targets, N = walk.values[-1], walk.y, len(walk.rows)
        d = num(walk.blames[len(walk.net.layers)][e].ravel()[u])
        mean = "" if N == 1 else f"mean over the {N} examples: loss = {num(walk.value)}"
        mean, name = [mean] if mean else [], self.unit(c, u)
        if walk.loss is cross_entropy:
            p, y = softmax(scores)[e], int(targets[e])
            first = f"p = softmax{row(scores[e])} = {row(p)}"
            own = f"−log p of target {y} = −log {num(p[y])} = {num(-log_softmax(scores)[e, y])}"
            return [f"{first}, {own}", *mean, f"{name}: dz = (p − y)/N = ({num(p[u])} − {int(u == y)})/{N} = {d}"]
        if walk.loss is binary_cross_entropy:
            z, t = scores[e].ravel()[u], targets[e].ravel()[u]
            p = float(sigmoid(np.asarray(z)))
            own = np.logaddexp(0, z) - t * z
            lines = [f"p = σ({num(z)}) = {num(p)}, −log {'p' if t else '(1 − p)'} = {num(own)}"]
            return [*lines, *mean, f"{name}: dz = (p − y)/N = ({num(p)} − {num(t)})/{scores.size} = {d}"]
        if walk.loss is mse:
            s, t = scores[e].ravel()[u], targets[e].ravel()[u]
            lines = [f"{name}: (s − t)² = ({num(s)} − {par(t)})² = {num((s - t) ** 2)}"]
            lines += [f"mean over {scores.size} numbers: loss = {num(walk.value)}"]
            return [*lines, f"ds = 2·(s − t)/{scores.size} = 2·({num(s)} − {par(t)})/{scores.size} = {d}"]
        return [f"loss = {num(walk.value)}", f"{name}: d loss / d score = {d}"]

    def _gradients(self, i, c, u):
        walk, layer = self.walk, self.walk.net.layers[i]
        if type(layer) is not Linear:
            return [f"d{name} = {row(getattr(layer, 'd' + name))}" for name in layer.parameter_names]
        X, dz, below = walk.values[i], walk.blames[i + 1][:, u], self.column[i - 1] if i else 0
        order, lines = self._largest(layer.dW[:, u]), []
        for k in order:
            sum_ = "x·dz" if len(dz) == 1 else "Σ x·dz"
            came = self.unit(below, k)
            lines.append(
                f"{self.unit(c, u)}, from {came}: dw = {sum_} = {products(X[:, k], dz)} = {num(layer.dW[k, u])}"
            )
        bias = " + ".join(map(par, dz)) if len(dz) <= 8 else f"{' + '.join(map(par, dz[:3]))} + …"
        return [*lines, f"db = Σ dz = {bias} = {num(layer.db[u])}" if len(dz) > 1 else f"db = dz = {num(dz[0])}"]

    def _blame(self, i, c, u):
        walk, e, layer = self.walk, self.which(), self.walk.net.layers[i]
        if i not in walk.blames:
            return ["no dX: nobody asks what the inputs should have been"]
        d, came = walk.blames[i][e], walk.blames[i + 1][e]
        name, a = f"{self.unit(c, u)}: ", num(walk.values[i + 1][e][u]) if u < walk.values[i + 1].shape[1] else ""
        kind, end = type(layer), f" = {num(d[u])}"
        if kind is Linear:
            return [f"{name}da = Σ w·dz = {products(layer.W[u], came)}{end}"]
        if kind is ReLU:
            return [
                f"{name}dz = da·gate = {par(came[u])}·{int(walk.values[i + 1][e][u] > 0)}{end}, the gate is 1 if a > 0"
            ]
        if kind is Sigmoid:
            return [f"{name}dz = da·a·(1 − a) = {par(came[u])}·{a}·(1 − {a}){end}"]
        if kind is Tanh:
            return [f"{name}dz = da·(1 − a²) = {par(came[u])}·(1 − {par(walk.values[i + 1][e][u])}²){end}"]
        if kind is Dropout:
            return [f"{name}dx = dy·m = {par(came[u])}·{num(layer.remembered[e, u])}{end}"]
        return [f"{name}{kind.__name__}: blame {num(came[u]) if len(came) == len(d) else row(came)} → {num(d[u])}"]

    @staticmethod
    def _largest(values, most=4):
        return range(len(values)) if len(values) <= most else sorted(np.argsort(-np.abs(values), kind="stable")[:3])

    def _update(self, _, c, u):
        walk, lines = self.walk, []
        for (i, name), start in self.places.items():
            layer, array = walk.net.layers[i], getattr(walk.net.layers[i], name)
            if self.column[i] != c:
                continue
            if type(layer) is not Linear:
                lines += [self._moved(f"{name}[{k}]", start + k) for k in range(min(array.size, 3))]
            elif name == "b":
                lines.append(self._moved("b", start + u))
            else:
                below = self.column[i - 1] if i else 0
                moved = [
                    (f"w from {self.unit(below, k)}", start + k * len(layer.b) + u)
                    for k in self._largest(layer.dW[:, u])
                ]
                lines += [self._moved(label, place) for label, place in moved]
        return [f"{self.unit(c, u)}:", *lines]

    def _moved(self, label, place):
        """One number of theta, before and after: the rule of the optimiser with its numbers."""
        w = label[0]
        walk, opt, kind = self.walk, self.walk.opt, type(self.walk.opt)
        old, new, d = walk.before[place], walk.net.theta[place], walk.net.grad[place]
        rules = (SGD, AdaGrad, RMSProp, Adam)
        if kind not in rules or opt.params.value.size != walk.net.theta.size:
            return f"{label}: {num(old)} → {num(new)}, its gradient was {num(d)}"
        lr, g, text, parts = num(opt.lr), float(d) + opt.weight_decay * float(old), f"d{w}", []
        if opt.weight_decay:
            text = "g"
            parts = [f"g = d{w} + λ·{w} = {num(d)} + {num(opt.weight_decay)}·{par(old)} = {num(g)}"]
        rule, by = f"lr·{text}", f"{lr}·{par(g)}"
        if kind is SGD and opt.momentum:
            v = opt.velocity[place]
            parts.append(f"v ← μ·v + {text} with μ = {num(opt.momentum)}, now v = {num(v)}")
            rule, by = "lr·v", f"{lr}·{par(v)}"
        elif kind is Adam:
            m, v = opt.m[place] / (1 - opt.beta1**opt.t), opt.v[place] / (1 - opt.beta2**opt.t)
            parts.append(f"m̂ = {num(m)}, v̂ = {num(v)}")
            rule, by = "lr·m̂/(√v̂ + ε)", f"{lr}·{par(m)}/(√{num(v)} + {num(opt.eps)})"
        elif kind is not SGD:
            parts.append(f"c = {num(opt.cache[place])}")
            rule, by = rule + "/(√c + ε)", f"{by}/(√{num(opt.cache[place])} + {num(opt.eps)})"
        parts.append(f"{w} ← {w} − {rule} = {num(old)} − {by} = {num(new)}")
        return f"{label}: {'; '.join(parts)}"

    def describe(self):
        """The phase as sentences: what happens, its equation, the numbers in the nodes, the weights."""
        walk, phase = self.walk, self.walk.phase()
        parts = [f"Training stepper at position {phase.position}. {self.title()}", f"Arrays: {self.shapes()}"]
        if equation := self.equation():
            parts.append("Equation: " + "; ".join(equation.split("\n")).replace(":;", ":"))
        for kind, name in (("values", "Values"), ("blames", "Gradients (blame)")):
            numbers = self.numbers(kind)
            columns = [f"{self.called(c)} {row(v)}" for c, v in enumerate(numbers) if v is not None]
            if columns:
                parts.append(f"{name} of example {self.which() + 1}: {', '.join(columns)}")
        if self.small:
            parts += self.weights()
        if phase.name == "update":
            moved = np.abs(walk.net.theta - walk.before)
            parts.append(
                f"{np.count_nonzero(moved)} of {moved.size} parameters moved, the furthest by {num(moved.max())}"
            )
        return parts


def question(before, after, size):
    """Does one update lower the loss? The answer is what the walk will do; the reason says why."""
    examples = f"the {size} examples" if size > 1 else "the example"
    told = f"{num(before)} → {num(after)}. "
    why = "The update goes against the gradient, " + (
        "and the step is short enough for the slope to hold."
        if after < before
        else "but the step is so long that it lands higher on the other side."
    )
    options = {"lower": told + why, "higher": told + why, "the same": f"{told}The gradient is not zero, so it moves."}
    right = "lower" if after < before else "higher"
    if after == before:
        right, options = "the same", dict.fromkeys(options, told + "The gradient, or what it changes, is zero here.")
    return Prediction(
        f"After one update, the network reads {examples} of the first batch again. Its loss is then …", options, right
    )
