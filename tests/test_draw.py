"""DrawDigit: is a drawing treated as MNIST treated its digits, and does the widget say what the network says?"""

import base64
import json

import numpy as np
import pytest

from nnlib import Linear, ReLU, Sequential, load_mnist, predict_proba
from nnlib.widgets.base import Prediction
from nnlib.widgets.draw import DrawDigit, as_mnist, rasterise

ONE = [[(0.5, 0.2), (0.5, 0.8)]]
SEVEN = [[(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]]


@pytest.fixture
def net(rng=None):
    rng = np.random.default_rng(0)
    return Sequential(Linear(784, 16, rng=rng), ReLU(), Linear(16, 10, rng=rng))


def centre_of_mass(image):
    places = np.arange(28) + 0.5
    return image.sum(axis=1) @ places / image.sum(), image.sum(axis=0) @ places / image.sum()


@pytest.mark.parametrize("box", [(40, 8), (8, 40), (30, 30), (1, 1), (3, 90), (112, 112)])
def test_ink_fills_a_box_of_twenty_pixels(box):
    ink = np.zeros((112, 112))
    ink[: box[0], : box[1]] = 1
    image = as_mnist(ink)
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    sides = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    assert max(sides) == 20
    assert sides == tuple(max(1, round(20 * side / max(box))) for side in box)  # proportions are kept
    assert image.max() == pytest.approx(1)
    assert image.dtype == np.float32


def test_the_centre_of_mass_comes_to_the_middle():
    rng = np.random.default_rng(1)
    for _ in range(20):
        ink = rng.random((60, 50)) ** 4
        ink[: rng.integers(1, 50)] *= 0.2  # heavier below
        assert np.abs(np.array(centre_of_mass(as_mnist(ink))) - 14.5).max() <= 0.5 + 1e-4


def test_a_heavy_edge_stays_in_the_image():
    ink = np.full((100, 100), 1e-3)
    ink[:4] = 1
    image = as_mnist(ink)
    assert np.flatnonzero(image.any(axis=1)).tolist() == list(range(8, 28))  # no further down than the edge


def test_means_over_areas():
    ink = np.zeros((60, 60))
    ink[:30, :] = 1  # the upper half
    ink[30:33, :] = 0.5  # and half a row of new pixels of 3 × 3 at 0.5
    ink[59, 0] = ink[59, 59] = 1e-9  # holds the box open
    column = as_mnist(ink)[:, 14]
    assert np.flatnonzero(column > 1e-6).size == 11
    assert column[np.flatnonzero(column > 1e-6)[-1]] == pytest.approx(0.5)
    thirds = as_mnist(np.pad(np.ones((30, 45)), 2))  # 45 -> 20 and 30 -> 13: pixels cut in parts
    assert thirds.max() == pytest.approx(1)
    assert thirds.sum() == pytest.approx(20 * 13, rel=1e-5)


def test_place_and_size_of_a_drawing_do_not_matter():
    ink = rasterise(SEVEN)
    moved = np.roll(ink, (-12, 9), axis=(0, 1))
    assert np.array_equal(as_mnist(ink), as_mnist(moved))
    assert np.allclose(as_mnist(ink), as_mnist(np.kron(ink, np.ones((3, 3)))), atol=1e-6)


def test_mnist_s_own_digits_come_back():
    """Enlarged eight times, digits of the test set give nearly the images that they are."""
    digits = load_mnist().test.X[:200].reshape(-1, 28, 28)
    likeness = []
    for image in digits:
        again = as_mnist(np.kron(image, np.ones((8, 8))))
        likeness.append(float(np.corrcoef(image.ravel(), again.ravel())[0, 1]))
    assert np.quantile(likeness, 0.05) > 0.999


def test_no_ink_is_a_blank_image():
    assert not as_mnist(np.zeros((5, 7))).any()
    assert not rasterise([]).any()


@pytest.mark.parametrize(
    "ink", [np.zeros(5), np.zeros((0, 4)), np.full((2, 2), np.nan), np.full((2, 2), 2.0), -np.eye(2)]
)
def test_ink_out_of_range(ink):
    with pytest.raises(ValueError, match="ink: expected an image"):
        as_mnist(ink)


def test_a_line_is_as_wide_as_the_pen():
    ink = rasterise([[(0.25, 0.5), (0.75, 0.5)]], size=100, pen=8)
    assert ink[:, 50].sum() == pytest.approx(8, abs=0.1)
    assert ink[50].sum() == pytest.approx(50 + 8, abs=0.5)  # round ends
    assert ((ink > 0) & (ink < 1)).any()
    dot = rasterise([[(0.5, 0.5)]], size=100, pen=8)
    assert dot.sum() == pytest.approx(np.pi * 16, rel=0.02)


def test_it_says_what_the_network_says(net):
    widget = DrawDigit(net, SEVEN)
    P = predict_proba(net, as_mnist(rasterise(SEVEN)).reshape(1, 784))[0]
    assert np.array_equal(widget.probabilities, P)
    assert f"The network says {P.argmax()} with probability {P.max():.2f}" in widget.describe()
    state = json.loads(widget.as_json())
    assert state["probabilities"] == [round(float(p), 4) for p in P]
    pixels = np.frombuffer(base64.b64decode(state["pixels"]), np.uint8).reshape(28, 28)
    assert np.abs(pixels / 255 - widget.image).max() <= 0.5 / 255 + 1e-6
    assert state["strokes"] == [[list(point) for point in SEVEN[0]]]


def test_drawing_undo_and_clear(net):
    widget = DrawDigit(net)
    assert widget.probabilities is None
    assert widget.describe().startswith("An empty sheet")
    widget.receive({"do": "draw", "strokes": ONE + SEVEN})
    assert "2 strokes" in widget.describe()
    widget.receive({"do": "undo"})
    assert widget.strokes == [[[0.5, 0.2], [0.5, 0.8]]]
    widget.receive({"do": "draw", "strokes": [[(-3, 0.5), (2, 0.5)]]})
    assert widget.strokes == [[[0, 0.5], [1, 0.5]]]  # the sheet has edges
    widget.receive({"do": "clear"})
    assert widget.strokes == []
    assert json.loads(widget.as_json())["probabilities"] is None
    widget.undo()  # nothing to undo is no error


@pytest.mark.parametrize(
    "message",
    [{}, {"do": "fly"}, {"do": "draw"}, {"do": "draw", "strokes": 3}, {"do": "draw", "strokes": [[1, 2]]},
     {"do": "draw", "strokes": [[(0, float("nan"))]]}, {"do": "draw", "strokes": [[]]}],
)  # fmt: skip
def test_bad_messages_change_nothing(net, message):
    widget = DrawDigit(net, ONE)
    with pytest.raises(ValueError, match=r"message: expected draw|strokes: expected lists of points"):
        widget.receive(message)
    assert widget.strokes == [[[0.5, 0.2], [0.5, 0.8]]]


def test_a_question_of_ones_own_or_none(net):
    own = Prediction("Four or nine?", {"4": "no", "9": "yes"}, "9")
    assert json.loads(DrawDigit(net, prediction=own).as_json())["prediction"]["question"] == "Four or nine?"
    assert json.loads(DrawDigit(net, prediction=False).as_json())["prediction"] is None
    assert "draw a 7" in json.loads(DrawDigit(net).as_json())["prediction"]["question"]
    with pytest.raises(ValueError, match="prediction: expected"):
        DrawDigit(net, prediction="Four or nine?")


def test_a_network_with_other_inputs_is_refused():
    with pytest.raises(ValueError, match="784"):
        DrawDigit(Sequential(Linear(2, 10, rng=np.random.default_rng(0))))


def test_the_picture(net):
    widget = DrawDigit(net, SEVEN)
    picture = widget.snapshot()
    assert [ax.get_title() for ax in picture.axes] == ["your drawing", "what it sees", "what it says"]
    assert picture.description == widget.describe()
    assert np.array_equal(picture.axes[1].images[0].get_array(), widget.image)
    assert [bar.get_height() for bar in picture.axes[2].patches] == pytest.approx(widget.probabilities)
    assert DrawDigit(net).snapshot()
