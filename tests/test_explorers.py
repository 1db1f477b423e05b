"""The explorers by their controls: what they show is what nnlib computes, and what they say is what they show."""

import json
import re
import xml.etree.ElementTree as ET
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from nnlib import (
    SGD,
    AdaGrad,
    Adam,
    Linear,
    RMSProp,
    Sequential,
    Split,
    check_gradients,
    cross_entropy,
    load_mnist,
    moons,
    softmax,
)
from nnlib.widgets import svg
from nnlib.widgets.descent import LONGEST, DescentExplorer, rule
from nnlib.widgets.explorer import Button, Check, Choice, Explorer, Slider
from nnlib.widgets.initialisers import InitExplorer
from nnlib.widgets.mistakes import MistakeBrowser
from nnlib.widgets.neuron import NeuronPlayground
from nnlib.widgets.slope import WEIGHTS, SlopeExplorer
from nnlib.widgets.softmax import SoftmaxExplorer

POINTS = moons(50, rng=np.random.default_rng(0))


class Reader(Sequential):
    """A "network" for images of four pixels that says whatever stands in them."""

    def __init__(self):
        super().__init__(Linear(4, 4, rng=np.random.default_rng(0)))
        self.layers[0].W = 5 * np.eye(4)


def browser(y=(0, 1, 2, 3, 0, 1), shown=(0, 1, 1, 2, 3, 0), classes=None):
    return MistakeBrowser(Reader(), Split(np.eye(4, dtype=np.float32)[list(shown)], np.array(y)), classes)


MAKE = {
    "neuron, one input": lambda: NeuronPlayground(1),
    "neuron, two inputs": NeuronPlayground,
    "neuron, with points": lambda: NeuronPlayground(split=POINTS),
    "softmax": SoftmaxExplorer,
    "softmax of ten": lambda: SoftmaxExplorer(range(10), 3),
    "slope": SlopeExplorer,
    "init": InitExplorer,
    "descent": DescentExplorer,
    "mistakes": browser,
    "no mistakes": lambda: browser(y=(0, 1), shown=(0, 1)),
}
ALL = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def walk_controls(widget):
    """Move every control to both of its ends and press every button; yields after each move."""
    for control in widget.controls:
        if isinstance(control, Button):
            for _ in range(2):
                widget.handle({"do": "press", "name": control.name})
                yield control
            continue
        ends = {Slider: lambda c: (c.low, c.high), Choice: lambda c: c.options, Check: lambda c: (True, False)}
        for value in ends[type(control)](control):
            widget.handle({"do": "set", "name": control.name, "value": value})
            assert widget.values[control.name] == value
            yield control


@ALL
def test_every_control_leads_to_a_page_that_can_be_drawn(make):
    widget, seen = make(), set()
    for _ in walk_controls(widget):
        state = json.loads(widget.as_json())
        seen.add(state["svg"])
        picture = ET.fromstring(state["svg"])
        assert picture.get("role") == "img"
        assert picture.get("aria-label") == state["headline"]
        coordinates = re.sub(r'aria-label="[^"]*"|>[^<]*<|base64,[^"]*', "", state["svg"])
        assert not re.search(r"nan|inf", coordinates), "a shape at no place"
        assert [row["name"] for row in state["controls"]] == [control.name for control in widget.controls]
        assert all(row["label"] for row in state["controls"])
        assert state["description"] == widget.describe()
    assert len(seen) > 2 or make is MAKE["no mistakes"]


@ALL
def test_snapshot_and_words_belong_together(make):
    widget = make()
    picture = widget.snapshot()
    assert picture.description == widget.describe() == repr(widget)
    assert picture.get_size_inches()[0] * picture.dpi == 700
    data, _ = picture._repr_mimebundle_()
    with Image.open(BytesIO(b64decode(data["image/png"]))) as image:
        assert len(image.convert("L").getcolors()) > 3, "an empty picture"


@ALL
def test_a_prediction_has_an_answer_to_every_option(make):
    prediction = make().prediction
    if prediction is not None:
        assert len(prediction.options) == 3
        assert all(len(why) > 10 for why in prediction.options.values())


@ALL
def test_bad_messages_are_refused_and_change_nothing(make):
    widget = make()
    before = widget.as_json()
    first = next(control for control in widget.controls if not isinstance(control, Button))
    bad = [
        None,
        {"do": "dance"},
        {"do": "set"},
        {"do": "press", "name": "no such button"},
        {"do": "press", "name": first.name},
        {"do": "set", "name": "no such control", "value": 1},
        {"do": "set", "name": first.name, "value": "no such value"},
        {"do": "set", "name": first.name, "value": float("nan")},
        {"do": "set", "name": first.name, "value": 1e9},
        {"do": "set", "name": first.name, "value": [1]},
        {"do": "set", "name": ["w"], "value": 1},
        {"do": "set", "name": first.name, "value": None},
    ]
    for message in bad:
        with pytest.raises(ValueError, match="expected"):
            widget.handle(message)
    assert json.loads(widget.as_json()) | {"answered": 0} == json.loads(before) | {"answered": 0}


def test_set_moves_all_or_nothing():
    widget = NeuronPlayground()
    with pytest.raises(ValueError, match="b: expected -10 to 10"):
        widget.set(w1=5, b=11)
    assert widget.values["w1"] == 2


def test_the_page_is_told_once_per_message_and_learns_that_it_was_heard():
    class View:
        states = ()

        def __setattr__(self, name, value):
            self.__dict__["states"] = (*self.states, json.loads(value))

    widget = SlopeExplorer()
    widget._view = view = View()
    widget.receive({"do": "set", "name": "value", "value": 0.0})  # where it is already: still an answer
    widget.receive({"do": "press", "name": "reset"})
    assert [state["answered"] for state in view.states] == [1, 2]


def test_text_on_the_page_is_escaped():
    widget = browser(classes=['<b>"A"', "&", "c", "d"])
    widget.press("previous")  # says A
    picture = widget.state()["svg"]
    ET.fromstring(picture)
    assert "&lt;b&gt;" in picture
    assert "<b>" not in picture


def test_numbers_are_written_as_people_write_them():
    cases = {0.5: "0.5", -1: "−1", 0: "0", 1e-7: "1e−7", 2345: "2,345", 1.5e9: "1.5e9", 2e5: "2e5"}
    assert {value: svg.number(value) for value in cases} == cases
    assert [svg.number(v) for v in (np.inf, -np.inf, np.nan, -0.0)] == ["∞", "−∞", "nan", "0"]
    assert svg.number(1001.5, 5) == "1001.5"


def test_lines_are_cut_at_the_border_and_nowhere_else():
    box = (0, 0, 10, 10)
    (through,) = svg.cut(np.array([[-5.0, 5], [15, 5]]), box)
    assert through == [(0, 5), (10, 5)]
    pieces = svg.cut(np.array([[5.0, 5], [5, 15], [6, 15], [6, 5]]), box)  # out at the bottom, and in again
    assert pieces == [[(5, 5), (5, 10)], [(6, 10), (6, 5)]]
    assert svg.cut(np.array([[-5.0, 20], [15, 20]]), box) == []


def test_the_png_is_the_image():
    pixels = np.random.default_rng(0).random((5, 7))
    with Image.open(BytesIO(b64decode(svg.png(pixels)))) as image:
        assert np.array_equal(np.asarray(image), np.rint(255 * (1 - pixels)).astype(np.uint8))


def test_axes_put_numbers_where_they_belong():
    axes = svg.Axes(svg.Drawing(700, 300), (100, 50, 200, 100), (-1, 0), (1, 10))
    assert axes.at(-1, 0) == (100, 150)
    assert axes.at(1, 10) == (300, 50)
    assert np.array_equal(axes.pixels([(-1, 0), (1, 10), (0, 5)]), [[100, 150], [300, 50], [200, 100]])
    assert svg.ticks(-6, 6).tolist() == [-5, 0, 5]
    assert svg.ticks(0, 20).tolist() == [0, 5, 10, 15, 20]


# --- NeuronPlayground


def test_one_input_crosses_where_the_lesson_says():
    neuron = NeuronPlayground(1)
    assert neuron.border() == 1
    neuron.set(x=1)
    assert (neuron.z, neuron.a) == (0, 0.5)
    neuron.set(w=8)
    assert neuron.border() == 0.5
    assert "at x = 0.5" in neuron.headline()
    neuron.set(w=0)
    assert neuron.border() is None
    assert "same a for every x" in neuron.describe()


@pytest.mark.parametrize("w", [(2, 1), (-3, 0.5), (0, 4), (5, 0), (1, -1)])
def test_the_line_is_where_z_is_zero(w):
    neuron = NeuronPlayground(w=w, b=0.5)
    for end in neuron.border():
        assert np.dot(w, end) + 0.5 == pytest.approx(0, abs=1e-8)
        assert max(np.abs(end)) == pytest.approx(3)


def test_no_line_is_said_to_be_none():
    assert NeuronPlayground(w=(0.5, 0.5), b=10).border() is None
    assert "No line crosses" in NeuronPlayground(w=(0.5, 0.5), b=10).describe()
    assert "no line" in NeuronPlayground(w=(0, 0), b=1).describe()


def test_the_accuracy_of_the_line():
    neuron = NeuronPlayground(w=(0, -4), b=1, split=POINTS)
    share = np.mean((POINTS.X[:, 1] < 0.25) == (POINTS.y == 1))
    assert 0.8 < neuron.accuracy == share
    assert f"{100 * share:.1f} % of 100 points" in neuron.describe()
    neuron.set(w2=4, b=-1)
    assert neuron.accuracy == pytest.approx(1 - share)


@pytest.mark.parametrize(("name", "a"), [("none", -1.5), ("sigmoid", 0.1824), ("tanh", -0.9051), ("ReLU", 0)])
def test_each_activation_at_a_point(name, a):
    neuron = NeuronPlayground(w=(2, 1), b=-1, activation=name).set(x1=-0.5, x2=0.5)
    assert neuron.z == -1.5
    assert neuron.a == pytest.approx(a, abs=1e-4)


def test_what_a_neuron_cannot_be():
    for wrong in ({"inputs": 3}, {"w": (1,)}, {"b": 99}, {"activation": "step"}, {"inputs": 1, "split": POINTS}):
        with pytest.raises(ValueError, match="expected"):
            NeuronPlayground(**wrong)


# --- SoftmaxExplorer


def test_softmax_default_is_the_no_calculator_net():
    explorer = SoftmaxExplorer()
    assert explorer.probabilities.tolist() == [0.5, 0.5]
    assert explorer.loss == pytest.approx(np.log(2))
    assert "0.6931" in explorer.headline()


def test_plus_1000_changes_nothing_but_breaks_the_naive_way():
    explorer = SoftmaxExplorer((1, 2, 3), target=2)
    before, (_, naive) = explorer.probabilities, explorer.naive()
    assert np.allclose(naive, before)
    assert explorer.prediction.right == "they stay"
    explorer.press("shift")
    assert explorer.logits.tolist() == [1001, 1002, 1003]
    assert np.allclose(explorer.probabilities, before)
    E, naive = explorer.naive()
    assert np.isinf(E).all()
    assert np.isnan(naive).all()
    assert "nan" in explorer.describe()
    assert explorer.controls[-1].label == "take the 1000 back"
    explorer.press("shift")
    assert explorer.logits.tolist() == [1, 2, 3]
    assert "nan" not in explorer.describe()


def test_softmax_sliders_and_target():
    explorer = SoftmaxExplorer((0, np.log(3)))
    assert explorer.probabilities == pytest.approx([0.25, 0.75])
    explorer.set(z0=2, z1=-1, target="1")
    assert explorer.loss == pytest.approx(-np.log(softmax(np.array([2.0, -1]))[1]))
    for wrong in ({"logits": (1,)}, {"logits": range(11)}, {"logits": (1, 99)}, {"target": 2}, {"target": True}):
        with pytest.raises(ValueError, match="expected"):
            SoftmaxExplorer(**wrong)


# --- SlopeExplorer


def test_slopes_of_the_lesson():
    explorer = SlopeExplorer()
    assert explorer.loss() == pytest.approx(np.log(2))
    slopes = {}
    for weight in WEIGHTS[:6]:
        explorer.set(weight=weight)
        slopes[weight] = explorer.backward
        assert explorer.nudged == pytest.approx(explorer.backward, abs=1e-8)
    assert list(slopes.values()) == pytest.approx([-0.5, 0.5, 0, -1, 1, 0])


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_curve_goes_through_every_dot(weight):
    explorer = SlopeExplorer(weight)
    for value, height in zip(explorer.grid[::12], explorer.curve[::12], strict=True):
        explorer.set(value=float(value))
        assert explorer.loss() == pytest.approx(height)
        if not explorer.corner():
            assert explorer.nudged == pytest.approx(explorer.backward, abs=1e-7)
    check_gradients(explorer.net, cross_entropy, [[1.0, 2.0]], [0], rng=np.random.default_rng(0))


def test_the_sleeping_unit_has_a_flat_stretch_and_a_corner():
    explorer = SlopeExplorer("W1[1, 2]")
    assert explorer.values["value"] == -1
    assert "flat from −3 to 0" in explorer.describe()
    assert "unit 3" in explorer.describe()
    explorer.set(value=0)
    assert explorer.corner()
    assert explorer.backward == 0
    assert explorer.nudged == pytest.approx(-1, abs=1e-4)
    assert "corner" in explorer.describe()
    explorer.press("reset")
    assert explorer.values["value"] == -1
    explorer.set(value=2.5).set(weight="W2[0, 0]")  # the moved weight is put back
    assert explorer.loss() == pytest.approx(np.log(2))


# --- InitExplorer


@pytest.fixture(scope="module")
def digits():
    return load_mnist().train.X


@pytest.mark.parametrize("real", [True, False], ids=["digits", "random pixels"])
def test_words_and_spreads_fit_lesson_02(digits, real):
    explorer = InitExplorer(digits if real else None)
    rows = {
        "zeros": (["asleep"] * 6, 0),
        "N(0, 1)": (["jammed"] * 6, 0.96),
        "0.01 · N(0, 1)": (["awake"] + ["asleep"] * 5, 1.5e-6),
        "U(−½, ½)": (["jammed"] * 6, 0.85),
        "1/√fan-out": (["awake"] * 6, 0.26),
        "LeCun, 1/√fan-in": (["awake"] * 6, 0.2),
        "Glorot": (["awake"] * 6, 0.24),
        "He": (["awake"] * 6, 0.52),
    }
    for start, (words, last) in rows.items():
        explorer.set(start=start)
        assert explorer.words == words, start
        assert explorer.layers[-1]["spread"] == pytest.approx(last, rel=0.1), start
        assert all(word in explorer.describe() for word in words)


def test_sigmoids_that_differ_from_each_other_but_not_by_image_are_asleep(digits):
    explorer = InitExplorer(digits, activation="sigmoid")
    assert explorer.words == ["awake"] + ["asleep"] * 5
    assert explorer.layers[-1]["spread"] > 0.1 > 0.001 > explorer.layers[-1]["images"]


def test_relu_runs_away_or_stays(digits):
    explorer = InitExplorer(digits, "N(0, 1)", "ReLU")
    assert explorer.words[-1] == "runs away"
    explorer.set(start="He")
    assert set(explorer.words) == {"awake"}
    explorer.set(start="zeros")
    assert set(explorer.words) == {"asleep"}


def test_histograms_count_every_activation(digits):
    explorer = InitExplorer(digits).set(layers=3, width=64)
    assert [layer["counts"].sum() for layer in explorer.layers] == [6400] * 3
    explorer.set(start="N(0, 1)")
    assert explorer.layers[0]["counts"][[0, -1]].sum() > 0.7 * 6400, "two heaps at the ends"
    before = explorer.layers[0]["spread"]
    explorer.press("draw")
    assert explorer.layers[0]["spread"] != before
    with pytest.raises(ValueError, match="rows of pixels"):
        InitExplorer(digits[0])


def test_random_pixels_have_the_spread_of_digits():
    X = InitExplorer().X
    assert X.mean() == pytest.approx(0.1308, abs=0.003)
    assert X.std() == pytest.approx(0.3082, abs=0.005)


# --- DescentExplorer


def test_sgd_walks_as_the_lesson_does():
    explorer = DescentExplorer(lr=0.02, steps=40)
    k = np.arange(41)
    assert np.allclose(explorer.path, np.column_stack([-4 * 0.98**k, 0.8**k]))
    explorer.set(lr=0.18)
    assert np.allclose(explorer.path, np.column_stack([-4 * 0.82**k, (-0.8) ** k]))
    assert "w2 changes sign 40 times" in explorer.describe()


def averaging():
    """A rule with a memory that moves theta in place."""
    memory = [np.zeros(2)]

    def step(theta, grad, lr):
        memory[0] = 0.9 * memory[0] + grad
        theta -= lr * memory[0]

    return step


@pytest.mark.parametrize("make", [rule(SGD), rule(SGD, momentum=0.9), rule(Adam), averaging])
def test_back_and_forth_is_exact(make):
    def new(steps):
        return DescentExplorer({"it": make}, rng=np.random.default_rng(3), lr=0.05, steps=steps).set(noise=2)

    straight, winding = new(30).path, new(10)
    for name in ["back"] * 4 + ["step"] * 7 + ["back"] * 20 + ["restart", "back", "run", "back", "back", "step"]:
        winding.press(name)
        assert np.array_equal(winding.path, straight[: len(winding.path)])
    assert len(winding.path) == 20
    winding.set(lr=0.1, steep=5).set(lr=0.05, steep=10)
    assert np.array_equal(winding.path, straight[:20])
    assert len(np.unique(straight, axis=0)) == 31


def test_in_place_and_returned_steps_agree():
    paths = [DescentExplorer({"it": make}, lr=0.05).path for make in (averaging, rule(SGD, momentum=0.9))]
    assert np.allclose(*paths)


def test_divergence_is_said_and_ends_the_walk():
    explorer = DescentExplorer(lr=0.21, steps=LONGEST)
    assert explorer.diverged
    length = len(explorer.path)
    assert length < 60
    assert f"diverged at step {length - 1}" in explorer.describe()
    assert f"diverged at step {length - 1}" in explorer.state()["svg"]
    assert len(explorer.press("step").path) == length
    assert not explorer.press("back").diverged
    assert abs(explorer.set(lr=0.2, steep=10).path[-1, 1]) == pytest.approx(1)
    broken = DescentExplorer({"it": lambda: lambda theta, grad, lr: theta * np.nan}, steps=5)
    assert "diverged at step 1" in broken.describe()
    assert json.loads(broken.as_json())
    assert broken.snapshot().description == broken.describe()


def test_with_all_rules_the_question_is_another_and_its_answer_is_true():
    rules = {"SGD": rule(SGD), "momentum": rule(SGD, momentum=0.7), "AdaGrad": rule(AdaGrad)}
    rules |= {"RMSProp": rule(RMSProp), "Adam": rule(Adam)}
    explorer = DescentExplorer(rules, lr=0.3, steps=40)
    right = explorer.prediction.right
    for name in rules:
        walk = explorer.set(rule=name, steep=10).path
        steeper = explorer.set(steep=20).path
        assert (len(walk) == len(steeper) and np.allclose(walk, steeper, atol=1e-6)) == (name in right)


def test_once_is_not_1_times():
    assert "w1 changes sign once and" in DescentExplorer({"it": rule(Adam)}, lr=1.2, steps=7).describe()


def test_what_a_rule_cannot_be():
    for rules in ({}, {"SGD": None}, {"it": lambda: lambda theta, grad, lr: 3.0}):
        with pytest.raises(ValueError, match="expected"):
            DescentExplorer(rules)
    for wrong in ({"start": (1, 2, 3)}, {"steps": -1}, {"lr": 0}):
        with pytest.raises(ValueError, match="expected"):
            DescentExplorer(**wrong)


# --- MistakeBrowser


def test_mistakes_are_those_of_the_network():
    mistakes = browser()  # says 0 1 1 2 3 0, is 0 1 2 3 0 1
    assert mistakes.misread.tolist() == [2, 3, 4, 5]
    assert mistakes.headline() == "1 of 4: says 1, is 2 (image 2 of the split)"
    assert [mistakes.press("next").index for _ in range(4)] == [3, 4, 5, 2]
    assert mistakes.press("previous").index == 5
    k, p = mistakes.top()[0]
    assert k == 0
    assert p == pytest.approx(np.exp(5) / (np.exp(5) + 3))


def test_filters_by_label_and_by_what_was_said():
    mistakes = browser(classes=["a", "b", "c", "d"])
    mistakes.press("next").set(label="d")
    assert mistakes.headline() == "1 of 1: says c, is d (image 3 of the split)"
    mistakes.set(label="any", said="d")
    assert mistakes.index == 4
    mistakes.set(label="b")
    assert mistakes.index is None
    assert "label b that the network calls d" in mistakes.describe()
    assert mistakes.press("next").index is None
    mistakes.set(label="any", said="any")
    assert mistakes.index == 2


def test_nothing_misread():
    mistakes = browser(y=(0, 1), shown=(0, 1))
    assert mistakes.prediction is None
    assert mistakes.describe() == "Misread images: none of 2 images is misread."
    assert mistakes.press("next").index is None


def test_the_question_is_answered_from_the_data():
    net = Reader()
    rows, y = np.eye(4, dtype=np.float32)[[0, 0, 0]], np.array([1, 1, 1])
    rows[:, 1] = (0.5, 0.5, -0.5)  # twice the second choice, once the last
    prediction = MistakeBrowser(net, Split(rows, y)).prediction
    assert prediction.right == "a third to two thirds"
    assert prediction.options[prediction.right] == "It was for 2 of 3."
    assert MistakeBrowser(net, Split(rows[:2], y[:2])).prediction.right == "more than two thirds"
    assert MistakeBrowser(net, Split(rows[2:], y[2:])).prediction.right == "fewer than a third"


def test_images_must_be_square_and_names_enough():
    net = Sequential(Linear(2, 2, rng=np.random.default_rng(0)))
    with pytest.raises(ValueError, match="square images"):
        MistakeBrowser(net, POINTS)
    with pytest.raises(ValueError, match="expected 4 names"):
        browser(classes=["a", "b"])


def test_a_subclass_must_say_what_it_does():
    class Empty(Explorer):
        controls = (Button("go", "go"), Check("yes", "yes"))
        values = {"yes": False}  # noqa: RUF012

    empty = Empty()
    for call in (empty.draw, empty.headline, lambda: empty.press("go")):
        with pytest.raises(NotImplementedError, match="Empty needs a"):
            call()
    assert empty.set(yes=True).values["yes"] is True
    with pytest.raises(ValueError, match="True or False"):
        empty.set(yes=1)
