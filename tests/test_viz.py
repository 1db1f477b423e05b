"""Do the pictures say in words what they show? The lessons' own are read by test_notebooks.py."""

import base64
import inspect
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from nnlib import Split, viz

W1, W2 = [[1, -1, 0], [0, 1, -1]], [[1.0, 0], [0, 1], [1, -1]]
EXAMPLES = {
    "digits": lambda: viz.digits(np.zeros((2, 784)), ["a 3", "a 4"]),
    "curves": lambda: viz.curves({"train": [2, 1]}),
    "boundary": lambda: viz.boundary(None, Split(np.eye(2), np.arange(2))),
    "network": lambda: viz.network([W1, W2]),
    "heatmap": lambda: viz.heatmap(np.eye(2), title="four numbers"),
    "spread": lambda: viz.spread({"He": [np.arange(3)]}),
    "bars": lambda: viz.bars({"logit": [1, 2]}),
    "tangent": lambda: viz.tangent(np.square, 3.0, 6.0, low=-1, high=5),
    "step_strip": lambda: viz.step_strip([("forward", [W1], [[1, 2], None])]),
    "walks": lambda: viz.walks({"η = 1": ([0, 1], [1, 0])}, ylabel="w"),
}


def drawn():
    plt.plot([1, 2])
    return viz.described("a line from 1 to 2")


def test_every_picture_is_tried():
    public = {name for name, f in inspect.getmembers(viz, inspect.isfunction) if f.__module__ == viz.__name__}
    assert {name for name in public if not name.startswith("_")} == {*EXAMPLES, "described"}


@pytest.mark.parametrize("make", [*EXAMPLES.values(), drawn], ids=[*EXAMPLES, "described"])
def test_a_picture_says_what_it_shows(make):
    """The same words as text, as alt text and when printed; without them a screen reader has nothing."""
    picture = make()
    data, metadata = picture._repr_mimebundle_()
    assert data.keys() == {"image/png", "text/plain"}
    assert len(data["text/plain"].split()) >= 2
    assert data["text/plain"] == metadata["image/png"]["alt"] == str(picture) == repr(picture)
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as image:
        assert min(image.size) > 50


def test_a_described_figure_leaves_pyplot():
    """Shown once, as the cell's result; the next plot begins anew."""
    picture = drawn()
    assert plt.get_fignums() == []
    assert isinstance(picture, viz.Picture)
    with pytest.raises(ValueError, match="nothing is drawn yet"):
        viz.described("a line")


def test_a_network_names_its_numbers_as_its_picture_does():
    picture = viz.network([W1, W2], [[1, 2], None, [-0.5, 0.5]], labels=["input x", "hidden", "blame"])
    assert str(picture) == (
        "A network; units by layer: 2, 3, 2. input x: 1, 2. blame: −0.5, 0.5. "
        "Lines to layer 1: 1 from 1 to 1, −1 from 1 to 2, 1 from 2 to 2, −1 from 2 to 3. "
        "Lines to layer 2: 1 from 1 to 1, 1 from 2 to 2, 1 from 3 to 1, −1 from 3 to 2."
    )
    assert str(viz.network([np.ones((20, 3))], title="wide")) == "wide; units by layer: 20, 3."
    assert str(viz.network([W1], description="mine")) == "mine"


@pytest.mark.parametrize(("lines", "points"), [(8, 10), (8, 100), (2, 100)])
def test_no_two_lines_differ_by_colour_alone(lines, points):
    picture = viz.curves({f"line {i}": np.arange(points) + i for i in range(lines)})
    drawn = [(line.get_linestyle(), line.get_marker()) for line in picture.axes[0].lines]
    assert len({*drawn}) == lines


def test_a_border_between_classes_is_a_line():
    """Two pale colours are one grey."""
    split = Split(np.array([[0.0, 0], [1, 1]]), np.arange(2))
    black = (0, 0, 0, 1)
    borders = [
        [tuple(c) for part in viz.boundary(scores, split).axes[0].collections for c in part.get_edgecolor()]
        for scores in (lambda X: X[:, :1] - 0.5, lambda X: X[:, :1] + 9)
    ]
    assert (black in borders[0], black in borders[1]) == (True, False)
