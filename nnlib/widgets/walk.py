"""A training run as a walk through its phases, forwards and exactly backwards. No drawing here.

The phases of a batch: batch, forward layer by layer, loss, backward layer by layer (last first), update. The walk makes
the calls of `for X, y in batches(...): forward, loss, backward, step` one at a time, on the given net, optimiser and
generator. Back means: take up the nearest state kept at the start of a batch and walk on from there. As every phase
only depends on the state before it, what comes out is the same to the last bit.
"""

import copy
import math
from array import array
from typing import NamedTuple
from zlib import crc32

import numpy as np

from ..data import Split, batches, check_count, check_rng, check_split
from ..layers import Sequential

MOST_KEPT, MOST_BYTES = 96, 64_000_000  # of kept states; two are always kept, however large


class Phase(NamedTuple):
    """Where the walk is: epoch and batch count from 1, the batch within its epoch; layer is an index or None."""

    position: int
    epoch: int
    batch: int
    name: str  # start, batch, forward, loss, backward, update
    layer: int | None


class Walk:
    """`position` counts the phases since the start. `go(k)` walks to any other, `reset()` back to the start."""

    def __init__(self, net, loss, opt, split, batch_size, *, rng):
        if not isinstance(net, Sequential):
            raise ValueError(f"net: expected a Sequential, got {net!r}")
        if not callable(loss):
            raise ValueError(f"loss: expected a function (scores, targets) -> (loss, gradient), got {loss!r}")
        if not np.may_share_memory(getattr(getattr(opt, "params", None), "value", np.zeros(0)), net.theta):
            raise ValueError("opt: expected an optimiser built from this net.parameters(), got one for other weights")
        self.net, self.loss, self.opt, self.rng = net, loss, opt, check_rng(rng)
        self.split, self.batch_size = check_split(split), int(check_count(batch_size, "batch size"))
        # the errors of net and loss come now and not at the first step; on copies, which draw from no generator of ours
        scores = copy.deepcopy(net).forward(self.split.X[:1])
        copy.deepcopy(loss)(scores, self.split.y[:1])
        self.per_batch, self.per_epoch = 2 * len(net.layers) + 3, math.ceil(len(self.split.X) / self.batch_size)
        self.lowest = next(i for i, layer in enumerate(net.layers) if layer.parameter_names)
        self.owners = [opt, *net.layers] + ([loss] if hasattr(loss, "__dict__") else [])
        self.position, self.runs = 0, 0
        self._know()
        self._begin()

    def phase(self, position=None):
        """The Phase that led to a position, the present one if left out."""
        position = self.position if position is None else position
        if position == 0:
            return Phase(0, 0, 0, "start", None)
        batch, i = divmod(position - 1, self.per_batch)
        top = len(self.net.layers)
        if 1 <= i <= top:
            name, layer = "forward", i - 1
        elif top + 2 <= i <= 2 * top + 1:
            name, layer = "backward", 2 * top + 1 - i
        else:
            name, layer = {0: "batch", top + 1: "loss"}.get(i, "update"), None
        return Phase(position, batch // self.per_epoch + 1, batch % self.per_epoch + 1, name, layer)

    def go(self, position):
        """Walk to a position, forwards or back. After an error the walk stands before the phase that failed."""
        if isinstance(position, bool) or not isinstance(position, int | np.integer) or position < 0:
            raise ValueError(f"position: expected an integer of at least 0, got {position!r}")
        self._look_around()
        self._walk(int(position))

    def reset(self):
        """Back to the start, also if net, optimiser or generator have been changed from outside."""
        self._take_up(0)
        self._leave()

    def table(self):
        """The walk so far as a DataFrame with a row per phase; loss is that of the batch, once it is known.

        `output` is the norm of what the phase computed (X, values, blame, change of theta), `gradient` that of the
        gradients it filled in (backward: of its layer; update: of all).
        """
        import pandas as pd

        phases = [self.phase(k) for k in range(1, self.position + 1)]
        table = pd.DataFrame(phases, columns=Phase._fields)
        table["layer"] = table["layer"].astype("Int64")
        number, within = np.divmod(np.arange(self.position), self.per_batch)
        known = np.append(np.array(self.losses), np.nan)  # the last batch may have no loss yet
        table["loss"] = np.where(within > len(self.net.layers), known[np.minimum(number, len(known) - 1)], np.nan)
        table["output"], table["gradient"] = (np.array(log)[: self.position] for log in self.norms)
        return table

    # --- one phase ---------------------------------------------------------------------------------------------------

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # what is not finite is reported at the loss
    def _advance(self):
        if self.position % self.per_batch == 0:
            self._keep(self.position // self.per_batch)
        phase, gradient, layer = self.phase(self.position + 1), math.nan, None
        if phase.layer is not None:
            layer = self.net.layers[phase.layer]
        if phase.name == "batch":
            if phase.batch == 1:
                index = np.arange(len(self.split.X), dtype=np.int32)
                pieces = batches(Split(index, index), self.batch_size, rng=self.rng)
                self._order = np.concatenate([rows for rows, _ in pieces])
            self._clear()
            self.rows = self._order[(phase.batch - 1) * self.batch_size :][: self.batch_size]
            X, self.y = self.split.X[self.rows], self.split.y[self.rows]
            self._flow = X.astype(self.net.theta.dtype, copy=False)
            self.values.append(self._flow.copy())
            made = self.values[-1]
        elif phase.name == "forward":
            self._flow = layer.forward(self._flow, True)
            self.values.append(np.array(self._flow))
            made = self.values[-1]
        elif phase.name == "loss":
            value, self._flow = self.loss(self._flow, self.y)
            if not math.isfinite(value):
                raise FloatingPointError(f"loss: expected a finite number, got {value}")
            self.value = float(value)
            made = self.blames[len(self.net.layers)] = np.array(self._flow)
            if len(self.losses) == self.position // self.per_batch:
                self.losses.append(self.value)
        elif phase.name == "backward":
            made = None
            if phase.layer > self.lowest:
                self._flow = layer.backward(self._flow)
                made = self.blames[phase.layer] = np.array(self._flow)
            elif phase.layer == self.lowest:  # as net.backward: nobody asks what the inputs should have been
                layer.fill_gradients(self._flow)
            if layer.parameter_names:
                gradient = math.hypot(*(_norm(getattr(layer, "d" + name)) for name in layer.parameter_names))
        else:
            self.before = self.net.theta.copy()
            self.opt.step()
            made, gradient = self.net.theta - self.before, _norm(self.net.grad)
        self.position += 1
        for log, norm in zip(self.norms, (math.nan if made is None else _norm(made), gradient), strict=True):
            if len(log) < self.position:
                log.append(norm)

    def _clear(self):
        """Forget the arrays of the last batch. values[i] goes into layer i; blames[i] is d loss / d values[i]."""
        self.rows = self.y = self.value = self.before = self._flow = None
        self.values, self.blames = [], {}

    # --- back --------------------------------------------------------------------------------------------------------

    def _begin(self):
        """Here is position 0."""
        self.runs += 1
        self.kept, self.losses, self.norms, self._order = {}, array("d"), (array("d"), array("d")), None
        self._first = [layer.remembered for layer in self.net.layers]
        self._clear()
        self._keep(0)
        self._leave()

    def _walk(self, position):
        # A whole batch before the one of `position` is walked again, so that what the layers remember is right as well.
        last = max((position - 1) // self.per_batch - 1, 0)
        near = max(number for number in self.kept if number <= last)
        if position < self.position or near * self.per_batch > self.position:
            self._take_up(near)
        try:
            while self.position < position:
                self._advance()
        except BaseException:  # Ctrl-C too: no phase stays half done
            here, last = self.position, max((self.position - 1) // self.per_batch - 1, 0)
            near = max(number for number in self.kept if number <= last)
            try:
                self._take_up(near)
                while self.position < here:
                    self._advance()
            except BaseException:  # a layer that always fails: only the start can be reached without it
                self._take_up(0)
            raise
        finally:
            self._leave()

    def _know(self):
        """What a copy of a state must share with it: the parts of the net, the data, the generators."""
        net, params = self.net, self.opt.params
        shared = [net, net.theta, net.grad, params, params.value, params.grad, *self.split, *self.owners, self.rng]
        for layer in net.layers:
            shared += [getattr(layer, d + name) for name in layer.parameter_names for d in ("", "d")]
        found = list(_reach(self.rng, *(vars(owner) for owner in self.owners)))
        draws = [thing for thing in found if isinstance(thing, np.random.Generator)]
        draws += [thing for thing in found if isinstance(thing, np.random.BitGenerator)]
        self.generators = list({id(g): g for g in (getattr(g, "bit_generator", g) for g in draws)}.values())
        self._shared = {id(thing): thing for thing in [*shared, *draws, *self.generators]}
        for owner in self.owners:
            for value in _own(owner).values():
                try:
                    copy.deepcopy(value, dict(self._shared))
                except (TypeError, copy.Error):  # an open file or a lock cannot be taken back
                    self._shared[id(value)] = value

    def _keep(self, number):
        """Keep the state at the start of a batch, then thin what is kept: all the last ones, of older ones every s-th.

        s doubles whenever they become too many, so the memory is bounded, and every way back is short.
        """
        if number in self.kept:
            return
        own = copy.deepcopy([_own(owner) for owner in self.owners], dict(self._shared))
        draws = [generator.state for generator in self.generators]
        state = (self.net.theta.copy(), self.net.grad.copy(), own, draws, self._order)
        size = sum(thing.nbytes for thing in _reach(state) if isinstance(thing, np.ndarray))
        self.kept[number] = (*state, size)
        recent = max(1, min(MOST_KEPT // 3, MOST_BYTES // (3 * size + 1)))
        spacing = 1
        while len(self.kept) > 2 and (
            len(self.kept) > MOST_KEPT or sum(state[-1] for state in self.kept.values()) > MOST_BYTES
        ):
            spacing *= 2
            for old in list(self.kept)[:-recent]:
                if old % spacing:
                    del self.kept[old]
            if spacing > 2 * max(self.kept) + 2:
                break

    def _take_up(self, number):
        """Make a kept state the present one, in place: whoever holds an array of it sees the old numbers in it."""
        theta, grad, own, draws, self._order, _ = self.kept[number]
        self.net.theta[...], self.net.grad[...] = theta, grad
        for owner, then in zip(self.owners, copy.deepcopy(own, dict(self._shared)), strict=True):
            now = _own(owner)
            for name in now.keys() - then.keys():
                del owner.__dict__[name]
            for name, value in then.items():
                owner.__dict__[name] = _put(now.get(name), value, {})
        for generator, state in zip(self.generators, draws, strict=True):
            generator.state = state
        self.position = number * self.per_batch
        self._clear()
        if number == 0:
            for layer, remembered in zip(self.net.layers, self._first, strict=True):
                layer.remembered = remembered

    def _marks(self):
        """What shows a change from outside."""
        plain = [v for o in self.owners for v in _own(o).values() if isinstance(v, int | float | str)]
        draws = [generator.state for generator in self.generators]
        return crc32(self.net.theta.tobytes()), crc32(self.net.grad.tobytes()), repr((plain, draws))

    def _leave(self):
        self._left = self._marks(), [layer.remembered for layer in self.net.layers]

    def _look_around(self):
        """Notice what has been changed from outside since the last phase: a new start, or there is no exact way."""
        marks, remembered = self._left
        if marks != self._marks():
            if self.position:
                raise RuntimeError(
                    f"weights, gradients, optimiser or generator were changed from outside after position "
                    f"{self.position}, so there is no exact way from here; reset() returns to the start"
                )
            self._begin()
        else:  # a forward(training=True) from outside does no harm
            for layer, value in zip(self.net.layers, remembered, strict=True):
                layer.remembered = value


def _norm(values):
    flat = np.ravel(values).astype(np.float64)
    return math.sqrt(flat @ flat)


def _own(owner):
    """The attributes that belong to an optimiser, layer or loss alone, not to the vectors of the network."""
    names = getattr(owner, "parameter_names", ())
    apart = {"params", "remembered", *names, *("d" + name for name in names)}
    return {name: value for name, value in vars(owner).items() if name not in apart}


def _reach(*roots):
    """Everything that can be reached through containers and attributes, each thing once."""
    todo, seen = list(roots), {}
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        yield thing
        if isinstance(thing, dict):
            todo += thing.values()
        elif isinstance(thing, list | tuple | set):
            todo += thing
        elif hasattr(thing, "__dict__") and not isinstance(thing, type) and type(thing).__module__ != "builtins":
            todo += vars(thing).values()


def _put(now, then, seen):
    """Give `now` the contents of `then`, in place where that can be. Returns the one to use."""
    if now is then or type(now) is not type(then) or id(then) in seen:
        return seen.get(id(then), then)
    seen[id(then)] = now
    if isinstance(now, np.ndarray):
        if now.shape == then.shape and now.dtype == then.dtype and now.flags.writeable:
            now[...] = then
            return now
    elif isinstance(now, list):
        now[:] = [_put(a, b, seen) for a, b in zip(now, then, strict=False)] + then[len(now) :]
        return now
    elif isinstance(now, dict) or (hasattr(now, "__dict__") and not callable(now)):
        here, there = (now, then) if isinstance(now, dict) else (vars(now), vars(then))
        for name in here.keys() - there.keys():
            del here[name]
        for name in there:
            here[name] = _put(here.get(name), there[name], seen)
        return now
    seen[id(then)] = then
    return then
