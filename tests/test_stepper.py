"""The stepper: every phase is nnlib's own, back is exact to the last bit, and the numbers shown are the lessons'."""

import io
import json
import re
import time
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nnlib import (
    SGD,
    AdaGrad,
    Adam,
    Dropout,
    Layer,
    Linear,
    Optimizer,
    ReLU,
    RMSProp,
    Sequential,
    Sigmoid,
    Split,
    Tanh,
    batches,
    binary_cross_entropy,
    cross_entropy,
    load_mnist,
    moons,
    mse,
    predict,
)
from nnlib.widgets import walk as walk_module
from nnlib.widgets.base import Prediction
from nnlib.widgets.stepper import TrainingStepper
from nnlib.widgets.walk import Walk

POINTS = moons(11, rng=np.random.default_rng(5))  # 22 points: batches of 8 end with one of 6


class Running(Layer):
    """A layer with a state of its own: it subtracts a running mean, and adds noise from a generator of its own."""

    def __init__(self, seed):
        self.mean, self.seen, self.draw = np.zeros(1), [], {"rng": np.random.default_rng(seed)}

    def forward(self, X, training=False):
        if training:
            self.mean = 0.9 * self.mean + 0.1 * X.mean()
            self.seen = self.seen[-3:] + [float(X.sum())]
            self.times = getattr(self, "times", 0) + 1  # an attribute that is not there at the start
            self.remembered = X
            X = X + self.draw["rng"].normal(0, 0.1, X.shape).astype(X.dtype)
        return X - self.mean.astype(X.dtype) - np.float32(len(self.seen))

    def backward(self, dY):
        self.recall(dY)
        return dY + self.draw["rng"].normal(0, 0.01, dY.shape).astype(dY.dtype)


class Scale(Layer):
    """A layer with parameters that is no Linear."""

    parameter_names = ("s",)

    def __init__(self):
        self.s = np.ones(1, dtype=np.float32)

    def forward(self, X, training=False):
        if training:
            self.remembered = X
        return X * self.s

    def backward(self, dY):
        self.ds = np.sum(dY * self.recall(dY)).reshape(1)
        return dY * self.s


class Odd(Optimizer):
    """An optimiser of one's own: a changing lr, a list of old steps, views into its state, noise from a generator."""

    def __init__(self, params, lr, rng):
        super().__init__(params, lr)
        self.rng, self.old, self.mean = rng, [], np.zeros_like(params.value)
        self.halves = np.array_split(self.mean, 2)
        self.inner = SGD(params, lr, momentum=0.5)

    def update(self, theta, grad):
        self.mean += grad
        self.halves[0] *= 0.5
        self.old = self.old[-2:] + [grad.copy()]
        self.lr *= 0.99
        self.inner.step()
        theta -= self.lr * (self.mean + self.old[0]) + 0.001 * self.rng.standard_normal(len(theta)).astype(theta.dtype)


def build(layers, optimiser, loss, batch_size, seed=0):
    """(net, loss, opt, split, batch_size, rng), a new one at each call, always alike."""
    rng, others = np.random.default_rng(seed), [np.random.default_rng(99), np.random.Generator(np.random.MT19937(7))]
    outputs, width, made = 1 if loss is binary_cross_entropy else 2, 2, []
    for kind in layers:
        if isinstance(kind, int):
            made.append(Linear(width, kind, rng=rng))
            width = kind
        elif kind in ("shared", "own", "other"):
            made.append(Dropout(0.4, rng={"shared": rng, "own": others[0], "other": others[1]}[kind]))
        else:
            made.append(
                {"relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh, "scale": Scale}.get(kind, lambda: Running(3))()
            )
    net = Sequential(*made, Linear(width, outputs, rng=rng))
    opt = {
        "SGD": lambda p: SGD(p, 0.3),
        "momentum": lambda p: SGD(p, 0.1, 0.9, weight_decay=0.01),
        "AdaGrad": lambda p: AdaGrad(p, 0.1),
        "RMSProp": lambda p: RMSProp(p, 0.01, weight_decay=0.1),
        "Adam": lambda p: Adam(p, 0.05),
        "odd": lambda p: Odd(p, 0.01, rng),
    }[optimiser](net.parameters())
    y = np.eye(2, dtype=np.float32)[POINTS.y] if loss is mse else POINTS.y
    return net, loss, opt, Split(POINTS.X, y), batch_size, rng


def generators(net, opt, rng):
    draws = [rng, getattr(opt, "rng", rng)]
    draws += [layer.rng for layer in net.layers if isinstance(layer, Dropout)]
    draws += [layer.draw["rng"] for layer in net.layers if isinstance(layer, Running)]
    return [str(g.bit_generator.state) for g in draws]


def everything(net, opt, rng):
    """All that must come back, as bytes and strings: nothing is rounded in a comparison of these."""
    out = {"theta": net.theta.tobytes(), "grad": net.grad.tobytes(), "draws": generators(net, opt, rng)}
    for i, layer in enumerate(net.layers):
        remembered = layer.remembered
        out[f"layer {i}"] = None if remembered is None else (remembered.shape, remembered.tobytes())
        if isinstance(layer, Running):
            out[f"running {i}"] = (layer.mean.tobytes(), np.array(layer.seen).tobytes(), vars(layer).get("times"))
    for name, value in [*vars(opt).items(), *vars(getattr(opt, "inner", opt)).items()]:
        if isinstance(value, np.ndarray) and name != "_scratch":  # Adam's scratch is np.empty: it starts as anything
            out[name] = value.tobytes()
        elif isinstance(value, list):
            out[name] = [part.tobytes() for part in value]
        elif isinstance(value, int | float):
            out[name] = value
    return out


@np.errstate(over="ignore", invalid="ignore")
def straight(position, net, loss, opt, split, batch_size, rng):
    """The four-line loop, stopped after so many phases; written here without the walk."""
    while position:
        for X, y in batches(split, batch_size, rng=rng):
            todo = ["batch", *net.layers, "loss", *net.layers[::-1], "update"]
            first = next(layer for layer in net.layers if layer.parameter_names)
            blind, flow = False, X
            for i, phase in enumerate(todo):
                if position == 0:
                    return everything(net, opt, rng)
                position -= 1
                if phase == "loss":
                    _, flow = loss(flow, y)
                elif phase == "update":
                    opt.step()
                elif phase != "batch" and i <= len(net.layers):
                    flow = phase.forward(flow, training=True)
                elif phase is first:
                    phase.fill_gradients(flow)
                    blind = True
                elif phase != "batch" and not blind:
                    flow = phase.backward(flow)
            if position == 0:
                break
    return everything(net, opt, rng)  # before the next epoch draws its order


@np.errstate(over="ignore", invalid="ignore")
def loop(count, net, loss, opt, split, batch_size, rng):
    """The four-line loop itself, for so many batches."""
    while count:
        for X, y in batches(split, batch_size, rng=rng):
            _, dZ = loss(net.forward(X, training=True), y)
            net.backward(dZ)
            opt.step()
            count -= 1
            if not count:
                break
    return everything(net, opt, rng)


LAYER = st.sampled_from([1, 3, 4, "relu", "sigmoid", "tanh", "shared", "own", "other", "scale", "running"])
OPTIMISER = st.sampled_from(["SGD", "momentum", "AdaGrad", "RMSProp", "Adam", "odd"])
MOVE = st.sampled_from(["step", "back", "next", "epoch", "reset"]) | st.integers(0, 150)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(LAYER, max_size=5),
    OPTIMISER,
    st.sampled_from([cross_entropy, binary_cross_entropy, mse]),
    st.sampled_from([1, 8, 22, 100]),
    st.lists(MOVE, min_size=1, max_size=12),
    st.sampled_from([96, 5, 2]),
)
@example([1, 3, 1, "running"], "SGD", mse, 1, [57], 96)  # one that leaves NaN behind
def test_any_walk_ends_where_a_straight_run_ends(layers, optimiser, loss, batch_size, moves, most):
    recipe = layers, optimiser, loss, batch_size
    parts = build(*recipe)
    kept, walk_module.MOST_KEPT = walk_module.MOST_KEPT, most
    try:
        walk = Walk(*parts[:-1], rng=parts[-1])
        for move in moves:
            size, at = walk.per_batch, walk.position
            if move == "reset":
                walk.reset()
            else:
                steps = {"step": at + 1, "back": max(at - 1, 0), "next": (at // size + 1) * size}
                steps["epoch"] = (at // (size * walk.per_epoch) + 1) * size * walk.per_epoch
                with suppress(FloatingPointError):  # diverged: it stands before that loss
                    walk.go(min(steps.get(move, move), 400))
            expected = straight(walk.position, *build(*recipe))
            assert everything(parts[0], parts[2], parts[-1]) == expected, (move, walk.position)
        if walk.position:
            walk.go(walk.position // walk.per_batch * walk.per_batch)
            assert everything(parts[0], parts[2], parts[-1]) == loop(walk.position // walk.per_batch, *build(*recipe))
        assert len(walk.kept) <= most
    finally:
        walk_module.MOST_KEPT = kept


def stepper(recipe=((4, "tanh", 4, "tanh"), "SGD", cross_entropy, 8), **options):
    *parts, rng = build(*recipe)
    return TrainingStepper(*parts, rng=rng, **options)


def by_hand(optimiser=lambda params: SGD(params, 0.1), **options):
    """The no-calculator net of lessons 03 and 04: x = (1, 2), target 0, no biases."""
    rng = np.random.default_rng(0)
    net = Sequential(Linear(2, 3, rng=rng), ReLU(), Linear(3, 2, rng=rng)).astype(np.float64)
    net.layers[0].W = [[1, -1, 0], [0, 1, -1]]
    net.layers[2].W = [[1, 0], [0, 1], [1, -1]]
    split = Split(np.array([[1.0, 2.0]]), np.array([0]))
    return TrainingStepper(net, cross_entropy, optimiser(net.parameters()), split, 1, rng=rng, **options)


def page(widget):
    """The state as the page reads it."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(widget.as_json(), parse_constant=refuse)


def test_the_net_the_optimiser_and_the_generator_are_the_given_ones():
    net, loss, opt, split, size, rng = build([3], "Adam", cross_entropy, 8)
    walk = TrainingStepper(net, loss, opt, split, size, rng=rng)
    theta, moment = net.theta, opt.m
    assert walk.net is net
    walk.epoch()
    walk.back()
    walk.reset()
    assert net.theta is theta
    assert opt.m is moment
    assert everything(net, opt, rng) == everything(*(build([3], "Adam", cross_entropy, 8)[i] for i in (0, 2, 5)))


def test_the_methods_move_as_they_say():
    walk = stepper()  # 5 layers: 13 phases a batch; 22 points: 3 batches an epoch
    moves = [(walk.back, 0), (walk.step, 1), (walk.next_batch, 13), (walk.next_batch, 26), (walk.back, 25)]
    moves += [(walk.next_batch, 26), (walk.step, 27), (walk.epoch, 39), (walk.epoch, 78), (walk.reset, 0)]
    for move, position in moves:
        move()
        assert walk.position == position
    walk.go(20)
    assert walk.position == 20
    names = [walk.walk.phase(k)[3:] for k in range(14)]
    ahead, down = [("forward", i) for i in range(5)], [("backward", i) for i in (4, 3, 2, 1, 0)]
    assert names == [("start", None), ("batch", None), *ahead, ("loss", None), *down, ("update", None)]
    assert walk.walk.phase(40)[:3] == (40, 2, 1)


def test_the_whole_batch_sizes_of_an_epoch():
    walk = stepper()
    sizes = []
    for batch in range(6):
        walk.go(13 * batch + 1)
        sizes.append(len(walk.walk.rows))
    assert sizes == [8, 8, 6, 8, 8, 6]


# --- the way back is short, and memory is bounded --------------------------------------------------------------------


def test_ten_thousand_phases_stay_small_and_every_way_back_is_quick():
    walk = stepper()
    tracemalloc.start()
    walk.go(2000)
    before = tracemalloc.get_traced_memory()[0]
    walk.go(10_400)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 400_000  # of which 16 bytes a phase for the trace, 8 a batch for the losses
    assert len(walk.walk.kept) <= walk_module.MOST_KEPT
    slowest = 0
    for position in (10_399, 9000, 5003, 5002, 777, 8000, 1, 10_400, 0):
        start = time.perf_counter()
        walk.go(position)
        slowest = max(slowest, time.perf_counter() - start)
    assert slowest < 0.3
    gaps = np.diff(sorted(walk.walk.kept))
    assert max(gaps) <= 64  # batches to be walked again, at most


def test_kept_states_are_bounded_in_bytes_too(monkeypatch):
    walk = stepper()
    walk.go(13)
    size = walk.walk.kept[0][-1]
    monkeypatch.setattr(walk_module, "MOST_BYTES", 10 * size)
    walk.go(13 * 200)
    assert 2 <= len(walk.walk.kept) <= 10
    monkeypatch.setattr(walk_module, "MOST_BYTES", 1)
    walk.go(13 * 210)
    assert len(walk.walk.kept) == 2
    walk.go(13 * 100 + 5)
    expected = straight(13 * 100 + 5, *build((4, "tanh", 4, "tanh"), "SGD", cross_entropy, 8))
    assert everything(walk.net, walk.walk.opt, walk.walk.rng) == expected


# --- what happens from outside, and what fails -----------------------------------------------------------------------


def test_a_change_from_outside_is_noticed_and_reset_undoes_it():
    for change in ("theta", "lr", "rng", "grad"):
        walk = stepper((["shared", 3], "SGD", cross_entropy, 8))
        start = everything(walk.net, walk.walk.opt, walk.walk.rng)
        walk.go(5)
        if change == "rng":
            walk.walk.rng.random()
        elif change == "lr":
            walk.walk.opt.lr = 7
        else:
            getattr(walk.net, change)[0] += 1
        with pytest.raises(RuntimeError, match=r"changed from outside after position 5.*reset"):
            walk.back()
        walk.handle({"do": "step"})
        assert "changed from outside" in page(walk)["problem"]
        walk.reset()
        assert everything(walk.net, walk.walk.opt, walk.walk.rng) == start
        walk.step()
        assert page(walk)["problem"] is None


def test_a_change_at_the_start_is_a_new_start():
    walk, other = by_hand(), by_hand()
    walk.next_batch()
    walk.reset()
    old = page(walk)["version"]
    walk.walk.opt.lr = 0.2
    walk.next_batch()
    assert page(walk)["version"] != old  # the page forgets its frames
    assert walk.net.layers[0].W[0, 0] == pytest.approx(1.1)
    walk.reset()
    assert walk.walk.opt.lr == 0.2
    assert walk.net.theta.tobytes() == other.net.theta.tobytes()


def test_a_forward_from_outside_does_no_harm():
    recipe = [4, "tanh"], "Adam", cross_entropy, 8
    walk = stepper(recipe)
    while walk.position < 20:
        walk.step()
        walk.net.forward(POINTS.X[:3], training=True)
    walk.step()
    assert everything(walk.net, walk.walk.opt, walk.walk.rng) == straight(21, *build(*recipe))


@pytest.mark.parametrize(
    ("times", "at", "to", "then"), [(1, 1, 3, 1), (1, 12, 14, 12), (1, 25, 46, 34), (9, 40, 46, 0)]
)
def test_an_interrupted_phase_has_not_happened(monkeypatch, times, at, to, then):
    recipe = ["running", 3, "tanh"], "Adam", cross_entropy, 8  # 11 phases a batch
    walk, forward, left = stepper(recipe), Running.forward, [times]

    def interrupted(layer, X, training=False):
        left[0] -= 1
        if left[0] < 0:
            return forward(layer, X, training)
        layer.draw["rng"].random()
        layer.mean += 1
        raise KeyboardInterrupt

    walk.go(at)
    monkeypatch.setattr(Running, "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        walk.go(to)
    monkeypatch.undo()
    assert walk.position == then
    page(walk)
    for position in (then, then + 1):
        walk.go(position)
        assert everything(walk.net, walk.walk.opt, walk.walk.rng) == straight(position, *build(*recipe))


def test_a_run_that_diverges_stops_before_the_loss_and_can_go_back():
    walk = by_hand(lambda params: SGD(params, 1e200))
    with pytest.raises(FloatingPointError):
        walk.epoch() or walk.epoch() or walk.epoch()
    at = walk.position
    assert walk.walk.phase(at + 1).name == "loss"
    walk.handle({"do": "step"})
    assert "finite" in page(walk)["problem"]
    assert "Stopped:" in walk.describe()
    walk.handle({"do": "play", "position": 0, "count": 100})
    assert [frame["p"] for frame in page(walk)["frames"]] == list(range(at + 1))
    walk.go(at)
    assert walk.prediction is None
    walk.back()
    assert walk.position == at - 1


def test_a_loss_that_is_not_finite_stops_the_walk():
    *parts, rng = build([3], "SGD", lambda scores, y: (np.nan, scores), 8)
    walk = TrainingStepper(*parts, rng=rng)
    with pytest.raises(FloatingPointError, match="loss: expected a finite number, got nan"):
        walk.next_batch()
    assert walk.position == 3
    assert page(walk)["prediction"] is None


class Blow(Optimizer):
    def update(self, theta, grad):
        theta[0] = np.inf


def test_weights_that_are_not_finite_are_shown_as_such():
    walk = by_hand(lambda params: Blow(params, 0.1))
    walk.next_batch()
    assert page(walk)["frames"][0]["weights"][1] == [None, -1, 0, 0, 1, -1]
    assert "inf" in walk.describe()
    walk.snapshot().savefig(io.BytesIO())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"net": Linear(2, 2, rng=np.random.default_rng(0))}, ValueError, "net: expected a Sequential"),
        ({"loss": 3}, ValueError, "loss: expected a function"),
        ({"opt": None}, ValueError, "opt: expected an optimiser built from this net"),
        ({"opt": build([3], "SGD", cross_entropy, 8)[2]}, ValueError, "opt: expected an optimiser built from this net"),
        ({"batch_size": 0}, ValueError, "batch size: expected an integer of at least 1, got 0"),
        ({"batch_size": 2.5}, ValueError, "batch size"),
        ({"split": Split(np.zeros((0, 2)), np.zeros(0, int))}, ValueError, "split: expected as many rows"),
        ({"split": Split(np.zeros((4, 3)), np.zeros(4, int))}, ValueError, r"expected X of shape \(N, 2\)"),
        ({"split": Split(np.zeros((4, 2)), np.full(4, 5))}, ValueError, "label"),
        ({"split": Split(np.full((4, 2), np.nan), np.zeros(4, int))}, ValueError, "split.X: expected finite"),
        ({"rng": 0}, TypeError, "rng: expected a generator"),
        ({"prediction": True}, ValueError, "prediction: expected"),
    ],
)
def test_what_cannot_work_is_refused(change, error, message):
    names = "net", "loss", "opt", "split", "batch_size", "rng"
    parts = dict(zip(names, build([3], "SGD", cross_entropy, 8), strict=True))
    with pytest.raises(error, match=message):
        TrainingStepper(**parts | change)


@pytest.mark.parametrize("position", [-1, 1.5, True, None])
def test_a_position_is_a_whole_number(position):
    with pytest.raises(ValueError, match="position: expected"):
        stepper().go(position)


def test_making_and_showing_one_draws_nothing_and_changes_nothing():
    recipe = ["shared", 4, "running", "own"], "odd", cross_entropy, 8
    walk, twin = stepper(recipe), build(*recipe)
    page(walk)
    walk.snapshot()
    assert isinstance(walk.prediction, Prediction)
    assert everything(walk.net, walk.walk.opt, walk.walk.rng) == everything(twin[0], twin[2], twin[5])
    walk.go(40)
    before = everything(walk.net, walk.walk.opt, walk.walk.rng)
    page(walk)
    walk.snapshot()
    assert everything(walk.net, walk.walk.opt, walk.walk.rng) == before == straight(40, *build(*recipe))


# --- the numbers of lesson 04 ----------------------------------------------------------------------------------------


def test_the_no_calculator_net_shows_the_lessons_numbers():
    walk = by_hand()
    said = {}
    for k in range(1, 10):
        walk.step()
        said[k] = walk.words.equation()
    assert said[1] == "x = (1, 2), target 0"
    assert said[2] == "unit 1: z = Σ x·w + b = 1·1 + 2·0 + 0 = 1"
    assert said[3] == "unit 1: a = max(z, 0) = max(1, 0) = 1"
    assert said[4] == "logit 0: z = Σ x·w + b = 1·1 + 1·0 + 0·1 + 0 = 1"
    assert "p = softmax(1, 1) = (0.5, 0.5), −log p of target 0 = −log 0.5 = 0.6931" in said[5]
    assert "logit 0: dz = (p − y)/N = (0.5 − 1)/1 = −0.5" in said[5]
    assert "logit 0, from unit 2: dw = x·dz = 1·(−0.5) = −0.5" in said[6]
    assert "unit 1: da = Σ w·dz = 1·(−0.5) + 0·0.5 = −0.5" in said[6]
    assert "dz = da·gate = (−0.5)·1 = −0.5" in said[7]
    assert "unit 1, from input 2: dw = x·dz = 2·(−0.5) = −1" in said[8]
    assert "w from input 1: w ← w − lr·dw = 1 − 0.1·(−0.5) = 1.05" in said[9]
    assert "b: b ← b − lr·db = 0 − 0.1·(−0.5) = 0.05" in said[9]
    assert "Loss of batch 1: 0.6931" in walk.describe()
    walk.go(4)
    assert "Loss of batch" not in walk.describe()
    walk.go(5)
    assert "Loss of batch 1: 0.6931" in walk.describe()
    walk.go(14)
    assert walk.walk.value == pytest.approx(0.3412, abs=5e-5)
    assert "loss = 0.3412" in walk.describe()
    # the sleeping unit: most blamed, and its gate is shut
    walk.choose(1, 2)
    walk.go(2)
    assert walk.words.equation() == "unit 3: z = Σ x·w + b = 1·0 + 2·(−1) + 0 = −2"
    walk.go(6)
    assert walk.words.equation().endswith("unit 3: da = Σ w·dz = 1·(−0.5) + (−1)·0.5 = −1")
    walk.go(7)
    assert "(−1)·0 = 0" in walk.words.equation()


def test_the_frames_of_the_no_calculator_net():
    walk = by_hand()
    walk.handle({"do": "play", "position": 0, "count": 9})
    assert walk.position == 0
    state = page(walk)
    frames = state["frames"]
    assert [frame["p"] for frame in frames] == list(range(10))
    assert frames[2]["values"] == [[1, 2], [1, 1, -2], None]
    assert frames[3]["values"] == [[1, 2], [1, 1, 0], None]
    assert frames[4]["values"][2] == [1, 1]
    assert frames[5]["loss"] == 0.6931
    assert frames[5]["blame"] == [None, None, [-0.5, 0.5]]
    assert frames[6]["blame"][1] == [-0.5, 0.5, -1]
    assert frames[7]["blame"][1] == [-0.5, 0.5, 0]
    assert frames[6]["weights"][2] == [-0.5, 0.5, -0.5, 0.5, 0, 0]  # dW of the layer
    assert frames[8]["weights"][1] == [-0.5, 0.5, 0, -1, 1, 0]
    assert [frame["gradients"] for frame in frames] == [None] * 6 + [2, None, 1, None]
    assert frames[9]["weights"][1] == [1.05, -1.05, 0, 0.1, 0.9, -1]
    assert frames[2]["shapes"] == "X (1, 2) @ W (2, 3) + b (3,) → Z (1, 3)"
    assert frames[2]["equations"][0][2][2] == ["unit 3: z = Σ x·w + b = 1·0 + 2·(−1) + 0 = −2"]
    assert state["curve"] == [[0], [0.6931]]
    assert state["prediction"]["right"] == "lower"
    assert "0.6931 → 0.3412" in state["prediction"]["options"]["lower"]


def test_the_no_calculator_net_asks_about_its_sleeping_unit():
    walk = TrainingStepper.no_calculator()
    first, _, last = walk.net.layers
    asleep = first.W[:, 2].copy(), first.b[2].copy(), last.W[2].copy()
    assert walk.prediction.right == "nothing"
    walk.go(100 * walk.walk.per_batch)
    assert np.array_equal(asleep[0], first.W[:, 2])
    assert asleep[1] == first.b[2]
    assert np.array_equal(asleep[2], last.W[2])
    assert not np.array_equal(first.W[:, 0], [1, 0])


def test_the_picture_of_a_wide_net_says_what_its_images_are():
    rng = np.random.default_rng(0)
    net = Sequential(Linear(64, 40, rng=rng), ReLU(), Linear(40, 3, rng=rng))
    split = Split(rng.random((6, 64), dtype=np.float32), np.array([0, 1, 2, 0, 1, 2]))
    walk = TrainingStepper(net, cross_entropy, SGD(net.parameters(), lr=0.1), split, batch_size=3, rng=rng)
    for position, what in ((0, "W"), (7, "W"), (8, "dW"), (9, "W")):
        walk.go(position)
        assert walk.snapshot().axes[0].get_title() == f"{what} of the first 32 units"


def test_a_prediction_of_ones_own_or_none():
    own = Prediction("Up or down?", {"up": "no", "down": "yes"}, "down")
    assert page(by_hand(prediction=own))["prediction"]["question"] == "Up or down?"
    assert page(by_hand(prediction=False))["prediction"] is None
    high = stepper(([], "SGD", mse, 22))
    high.walk.opt.lr = 50
    high.go(3)
    assert high.prediction.right == "higher"
    assert high.position == 3


def value(text):
    """The number of a formula as it is printed."""
    text = text.replace("−", "-").replace("·", "*").replace("²", "**2")
    text = re.sub(r"√([\d.e-]+)", r"(\1)**0.5", text)
    return eval(text, {"max": max, "σ": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh})


@pytest.mark.parametrize("optimiser", ["SGD", "momentum", "AdaGrad", "RMSProp", "Adam"])
@pytest.mark.parametrize("loss", [cross_entropy, binary_cross_entropy, mse])
def test_every_equation_is_true(optimiser, loss):
    walk = stepper(([3, "sigmoid", 3, "tanh", 3, "relu", "own"], optimiser, loss, 8))
    checked = set()
    for k in range(1, 3 * walk.walk.per_batch + 1):
        walk.go(k)
        for _, _, units in walk.words.equations(every=True):
            for line in (line for lines in units for line in lines):
                for part in line.split("; "):
                    sides = re.split(r" = ", part)
                    if len(sides) >= 3 and "…" not in part and "softmax" not in part and ", " not in sides[-2]:
                        right = sides[-1].split(",")[0]
                        assert value(sides[-2]) == pytest.approx(value(right), rel=4e-3, abs=4e-4), line
                        checked.add(walk.walk.phase().name)
    assert checked == {"forward", "loss", "backward", "update"} | ({"batch"} & checked)


def test_an_update_by_weight_decay_and_by_an_own_optimiser_is_told_truly():
    walk = by_hand(lambda params: SGD(params, 0.1, weight_decay=0.5))
    walk.go(9)
    assert "g = dw + λ·w = −0.5 + 0.5·1 = 0; w ← w − lr·g = 1 − 0.1·0 = 1" in walk.words.equation()
    walk = by_hand(lambda params: Odd(params, 0.1, np.random.default_rng(0)))
    walk.go(9)
    assert re.search(r"w from input 1: 1 → [\d.−]+, its gradient was −0.5", walk.words.equation())


def test_a_batch_of_several_examples_sums_over_them():
    walk = stepper(([2], "SGD", cross_entropy, 3))
    walk.go(5)
    layer, X, dz = walk.net.layers[1], walk.walk.values[1], walk.walk.blames[2]
    assert "dw = Σ x·dz = " in walk.words.equation()
    assert walk.words.equation().count("·") >= 6
    assert np.allclose(layer.dW, X.T @ dz)
    walk.look_at(2)
    assert page(walk)["frames"][0]["example"].startswith("example 3 of 3, target")
    assert walk.describe().count("of example 3") == 2


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        None,
        "step",
        {},
        {"do": "jump"},
        {"do": ["step"]},
        {"do": "go"},
        {"do": "go", "position": -1},
        {"do": "go", "position": "3"},
        {"do": "go", "position": True},
        {"do": "play", "position": 0},
        {"do": "choose", "column": 9, "unit": 0},
        {"do": "choose", "column": 0, "unit": 2},
        {"do": "example", "example": 8},
        {"do": "step", "id": []},
        {"do": "__init__"},
    ],
)
def test_a_message_that_means_nothing_is_refused_and_moves_nothing(message):
    walk = stepper()
    walk.go(4)
    with pytest.raises(ValueError):
        walk.handle(message)
    assert walk.position == 4
    page(walk)


def test_the_controls_of_the_page_do_what_the_methods_do():
    walk = stepper()
    for message, position in [("step", 1), ("next_batch", 13), ("back", 12), ("epoch", 39), ("reset", 0)]:
        walk.handle({"do": message, "id": f"a:{position}"})
        assert walk.position == position
        state = page(walk)
        assert (state["answered"], state["position"], state["frames"][0]["p"]) == (f"a:{position}", position, position)
    walk.handle({"do": "play", "position": 7, "count": 1000})
    assert walk.position == 7
    assert [frame["p"] for frame in page(walk)["frames"]] == list(range(7, 248))
    walk.handle({"do": "go", "position": 30})
    assert [frame["p"] for frame in page(walk)["frames"]] == [30]
    old = page(walk)["version"]
    walk.handle({"do": "choose", "column": 2, "unit": 3})
    assert (page(walk)["chosen"], page(walk)["focus"]) == ([0, 0, 3, 0], 2)
    walk.handle({"do": "example", "example": 5})
    assert page(walk)["version"] != old


def test_a_frame_is_the_same_whichever_way_it_was_reached():
    recipe = ["own", 3, "relu"], "Adam", cross_entropy, 8
    walk, other = stepper(recipe), stepper(recipe)
    walk.go(60)
    for k in (37, 38, 20, 33):
        walk.go(k)
        other.go(k)
        assert page(walk)["frames"] == page(other)["frames"]


def test_the_regions_are_the_networks_and_looked_up_once_a_batch():
    walk = stepper()
    walk.go(26)
    found = page(walk)["now"]
    assert found["right"] == int((predict(walk.net, POINTS.X) == POINTS.y).sum())
    assert f"{found['right']} of 22 points" in walk.describe()
    walk.step()
    assert page(walk)["now"] == found
    assert "map" not in page(walk)["frames"][0]
    walk.go(39)
    assert page(walk)["frames"][0]["map"] == page(walk)["now"]["map"] != found["map"]


def test_words_and_picture_of_every_phase():
    dropout = ("shared", 3, "sigmoid"), "Adam", binary_cross_entropy, 8
    for recipe in [((4, "running", "scale"), "odd", mse, 8), dropout]:
        walk = stepper(recipe)
        for k in range(walk.walk.per_batch + 1):
            walk.go(k)
            text = walk.describe()
            assert text.startswith(f"Training stepper at position {k}. ")
            assert page(walk)["description"] == text
            assert walk.walk.phase().name in text.lower()
            if k in (0, 4, walk.walk.per_batch):
                fig = walk.snapshot()
                assert fig.description == text
                assert fig.get_size_inches()[0] * fig.dpi <= 700
                assert fig.get_suptitle()


def test_trace_is_a_table_with_a_row_per_phase():
    walk = stepper()
    assert len(walk.trace()) == 0
    walk.go(39 + 9)
    table = walk.trace()
    names = ["position", "epoch", "batch", "phase", "layer", "loss", "output", "gradient"]
    assert list(table.columns) == names
    assert len(table) == 48
    assert list(table["position"]) == list(range(1, 49))
    last = table.iloc[-1]
    assert tuple(last[["epoch", "batch", "phase", "layer"]]) == (2, 1, "backward", 3)
    assert table["loss"].notna().sum() == 3 * 7 + 3  # from the loss phase of a batch to its end
    assert last["loss"] == walk.walk.value
    assert table["output"].iloc[-1] == pytest.approx(np.linalg.norm(walk.walk.blames[3]))
    assert table["gradient"].iloc[-2] == pytest.approx(
        np.hypot(np.linalg.norm(walk.net.layers[4].dW), np.linalg.norm(walk.net.layers[4].db))
    )
    walk.go(3)
    assert len(walk.trace()) == 3
    assert walk.trace()["loss"].isna().all()


def digits(batch_size=64):
    rng, train = np.random.default_rng(0), load_mnist().train
    net = Sequential(Linear(784, 128, rng=rng), ReLU(), Linear(128, 10, rng=rng))
    return TrainingStepper(net, cross_entropy, SGD(net.parameters(), 0.1), train, batch_size, rng=rng)


def test_digits_as_images_bars_and_misread_ones():
    walk = digits()
    walk.go(9 + 5)  # loss of the second batch
    frame, state = page(walk)["frames"][0], page(walk)
    assert not state["small"]
    assert [None if v is None else len(v) for v in frame["values"]] == [128, 128, 10]
    assert (state["now"]["images"]["side"], state["now"]["images"]["count"]) == (28, 32)
    said = walk.walk.values[-1].argmax(axis=1)
    wrong = int((said != walk.walk.y).sum())
    assert (frame["misread"]["count"], frame["misread"]["of"], len(frame["misread"]["shown"])) == (wrong, 64, 10)
    assert f"{wrong} of 64 examples of the batch misread: " in walk.describe()
    walk.go(9 + 8)
    assert page(walk)["frames"][0]["images"]["of"] == "dW"
    old = page(walk)["version"]
    walk.choose(1, 100)
    assert page(walk)["version"] != old  # a large frame holds the equation of the chosen unit alone
    assert "unit 101, from input" in walk.words.equation()
    assert "smaller products" in walk.words.equation()
    walk.snapshot()


@pytest.mark.parametrize(("make", "phases", "budget"), [(stepper, 156, 3), (digits, 27, 40)], ids=["2-4-4-2", "digits"])
def test_a_phase_with_its_state_keeps_the_budget(make, phases, budget):
    """In milliseconds, and three times as much, since the machine of a test may be busy; `make bench` is stricter."""
    walk, spent = make(), []
    page(walk)
    for _ in range(phases):
        start = time.perf_counter()
        walk.handle({"do": "step"})
        walk.as_json()
        spent.append(1000 * (time.perf_counter() - start))
    assert np.median(spent) < 3 * budget
