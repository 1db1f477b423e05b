"""The pictures of the lessons. Each function returns a Picture, which shows itself as a cell's result.

A Picture carries a description, the same in words: it is the text output of the cell and the image's alt text.
Colours are Okabe and Ito's, told apart by all common kinds of colour vision; nothing is said by colour alone.
"""

from base64 import b64encode
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY, GREY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#F0E442",
    "#56B4E9",
    "#777777",
)
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, "#E69F00", YELLOW, "#000000")
MARKERS, DASHES = "osD^vP*X", ("-", "--", "-.", ":")


class Picture(Figure):
    """A figure with a `description`. It belongs to no pyplot state, so it is shown once and never leaks."""

    def __init__(self, width, height, description=""):
        super().__init__(figsize=(width, height), dpi=90, layout="constrained")
        FigureCanvasAgg(self)
        self.description = description

    def __repr__(self):
        return self.description

    __str__ = __repr__  # so print(Out[9]) says in words what the picture of cell 9 shows

    def _repr_mimebundle_(self, include=None, exclude=None):
        from IPython.core.pylabtools import print_figure
        from PIL import Image

        with Image.open(BytesIO(print_figure(self, "png", bbox_inches=None))) as image, BytesIO() as small:
            # 128 colours are enough for every picture here, and make a stored notebook more than three times smaller
            image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(small, "png", optimize=True)
            png = b64encode(small.getvalue()).decode()
        return {"image/png": png, "text/plain": self.description}, {"image/png": {"alt": self.description}}


def described(description):
    """What a cell has drawn with pyplot, as a Picture: in place of plt.show(), with what is to be seen in words."""
    import matplotlib.pyplot as plt

    if not plt.get_fignums():
        raise ValueError("nothing is drawn yet; expected a figure of plt, to be described")
    fig = plt.gcf()
    plt.close(fig)
    FigureCanvasAgg(fig)
    fig.set_dpi(90)
    fig.set_layout_engine(fig.get_layout_engine() or "constrained")
    fig.__class__, fig.description = Picture, description  # the axes cannot move to another figure, so it becomes one
    return fig


def digits(X, titles=None, *, wrong=None, columns=10, size=0.9, description=None):
    """Images in a grid, (N, 784) or (N, 28, 28), dark on light, each with a title.

    `wrong`: N truth values; those images get a frame and a ✗ before the title.
    """
    images = np.asarray(X).reshape(-1, 28, 28)
    titles = [""] * len(images) if titles is None else [str(title) for title in titles]
    wrong = np.zeros(len(images), bool) if wrong is None else np.asarray(wrong)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max(title.count("\n") + 1 for title in titles) if any(titles) else 0
    fig = Picture(
        columns * size, rows * (size + 0.2 * lines), description or f"{len(images)} images: {', '.join(titles)}"
    )
    grid = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax in grid:
        ax.set_axis_off()
    for ax, image, title, cross in zip(grid, images, titles, wrong, strict=False):
        ax.imshow(image, cmap="gray_r", interpolation="nearest")
        ax.set_title(f"✗ {title}" if cross else title, fontsize=9, color=ORANGE if cross else "black", pad=3)
        if cross:
            ax.add_patch(_frame(ax))
    return fig


def _frame(ax):
    from matplotlib.patches import Rectangle

    return Rectangle((0, 0), 1, 1, transform=ax.transAxes, fill=False, edgecolor=ORANGE, linewidth=3, clip_on=False)


def curves(lines, *, xlabel="epoch", ylabel="loss", x=None, log=False, guide=None, title="", description=None):
    """Lines by name, {"train": [...], "dev": [...]}, each with a colour, a dash and its name at the end.

    x: the common positions (1, 2, … if left out). `guide`: a height, or {name: height}, drawn as a dotted line.
    """
    fig = Picture(6.4, 3.4, description)
    ax = fig.subplots()
    for i, (name, y) in enumerate(lines.items()):
        at = np.arange(1, len(y) + 1) if x is None else np.asarray(x)[: len(y)]
        few = len(y) <= 30
        mark = MARKERS[i % 8] if few or i >= len(DASHES) else None  # no two lines differ by colour alone
        every = 1 if few else len(y) // 10
        ax.plot(at, y, DASHES[i % 4], color=COLOURS[i % 8], marker=mark, markersize=4, markevery=every, label=name)
    for name, height in (guide if isinstance(guide, dict) else {"": guide}).items() if guide is not None else ():
        ax.axhline(height, color=GREY, linestyle=":", linewidth=1)
        ax.annotate(name, (1, height), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=GREY)
    if log:
        ax.set_yscale("log")
    if np.issubdtype(at.dtype, np.integer):
        ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if len(lines) > 1:
        ax.legend(frameon=False)
    ends = ", ".join(f"{name} from {y[0]:.3g} to {y[-1]:.3g}" for name, y in lines.items())
    fig.description = description or f"{ylabel} by {xlabel}: {ends}"
    return _bare(fig)


def boundary(scores, split, *, title="", ax=None, description=None):
    """Points of the plane by class, over the regions that a network gives to each class.

    `scores`: a function (N, 2) -> logits (N, 1) or (N, C), such as net.forward; None draws the points alone.
    """
    X, y = split
    fig = ax.figure if ax else Picture(4.6, 3.8, description)
    ax = ax or fig.subplots()
    (left, bottom), (right, top) = X.min(axis=0) - 0.3, X.max(axis=0) + 0.3
    if scores is not None:
        grid = np.stack(np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200)), axis=-1)
        Z = np.asarray(scores(grid.reshape(-1, 2).astype(np.float32)))
        label = (Z[:, 0] > 0).astype(int) if Z.shape[1] == 1 else Z.argmax(axis=1)
        levels = np.arange(max(label.max(), y.max()) + 2) - 0.5
        at = *grid.transpose(2, 0, 1), label.reshape(200, 200)
        ax.contourf(*at, levels, colors=COLOURS, alpha=0.2)
        if len(np.unique(label)) > 1:
            ax.contour(*at, levels[1:-1], colors="black", linewidths=0.8)  # for who does not see the colours
    for k in np.unique(y):
        ax.plot(*X[y == k].T, MARKERS[k], color=COLOURS[k], markersize=3, label=f"class {k}")
    ax.set(xlabel="x₁", ylabel="x₂", title=title, aspect="equal")
    ax.legend(frameon=False, fontsize=8)
    where = " over the regions the network gives to each class" if scores is not None else ""
    fig.description = description or f"{title or 'points'}: {len(X)} points in {len(np.unique(y))} classes{where}"
    return _bare(fig)


def network(Ws, values=None, *, labels=None, title="", ax=None, description=None):
    """Nodes and layers. `Ws`: the weight matrices (in, out); edges are solid and blue above zero, dashed and orange
    below, thicker where larger; zero weights are not drawn.

    `values`: a list with one row of numbers per layer (inputs first), written into the nodes. `labels`: layer names.
    """
    Ws = [np.asarray(W, dtype=float) for W in Ws]
    sizes = [len(Ws[0])] + [W.shape[1] for W in Ws]
    fig = ax.figure if ax else Picture(1.9 * len(sizes), 0.75 * max(sizes) + 0.9, description)
    ax = ax or fig.subplots()
    places = [[(layer, (size - 1) / 2 - unit) for unit in range(size)] for layer, size in enumerate(sizes)]
    largest = max(abs(W).max() for W in Ws) or 1
    for left, right, W in zip(places[:-1], places[1:], Ws, strict=True):
        for i, j in np.argwhere(W):
            (x0, y0), (x1, y1), w = left[i], right[j], W[i, j]
            dash, colour = ("-", BLUE) if w > 0 else ("--", ORANGE)
            ax.plot([x0, x1], [y0, y1], dash, color=colour, linewidth=0.5 + 2.5 * abs(w) / largest, zorder=1)
            if W.size <= 12:
                x, y = x0 + 0.3 * (x1 - x0), y0 + 0.3 * (y1 - y0)
                ax.text(
                    x,
                    y,
                    f"{w:.3g}".replace("-", "−"),
                    fontsize=7,
                    ha="center",
                    va="center",
                    bbox={"fc": "white", "ec": "none", "pad": 1.5},
                )
    for layer, nodes in enumerate(places):
        for unit, (x, y) in enumerate(nodes):
            ax.plot(x, y, "o", markersize=26, markerfacecolor="white", markeredgecolor="black", zorder=2)
            if values is not None and values[layer] is not None:
                text = f"{np.ravel(values[layer])[unit]:.3g}".replace("-", "−")
                ax.text(x, y, text, ha="center", va="center", fontsize=8, zorder=3)
        if labels:
            ax.text(layer, max(sizes) / 2 + 0.15, labels[layer], ha="center", va="bottom", fontsize=9)
    ax.set(xlim=(-0.4, len(sizes) - 0.6), ylim=(-max(sizes) / 2 - 0.1, max(sizes) / 2 + 0.5), title=title)
    ax.set_axis_off()
    said = [f"{title or 'A network'}; units by layer: {', '.join(map(str, sizes))}."]
    for layer, row in enumerate(values or []):
        if row is not None and np.size(row) <= 12:
            name = labels[layer] if labels else f"layer {layer}"
            said.append(f"{name}: {', '.join(map(_number, np.ravel(row)))}.")
    for layer, W in enumerate(Ws, 1):
        if W.size <= 12:  # as on the lines
            drawn = [f"{_number(W[i, j])} from {i + 1} to {j + 1}" for i, j in np.argwhere(W)]
            said.append(f"Lines to layer {layer}: {', '.join(drawn)}.")
    fig.description = description or " ".join(said)
    return fig


def heatmap(table, *, title="", description=None, xlabel="predicted", ylabel="true", names=None):
    """A matrix of counts or numbers (an array or a DataFrame) as shaded cells with the number in each."""
    values = np.asarray(table)
    names = names if names is not None else getattr(table, "columns", range(values.shape[1]))
    rows = getattr(table, "index", names if values.shape[0] == values.shape[1] else range(values.shape[0]))
    fig = Picture(0.48 * values.shape[1] + 1.4, 0.4 * values.shape[0] + 1.1, description or title)
    ax = fig.subplots()
    ax.imshow(np.log1p(abs(values)), cmap="Blues", vmax=1.5 * np.log1p(abs(values)).max() or 1, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, f"{value:g}" if value else "·", ha="center", va="center", fontsize=8)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.set_xticks(range(values.shape[1]), names, rotation=45 if max(len(str(n)) for n in names) > 3 else 0)
    ax.set_yticks(range(values.shape[0]), rows)
    ax.tick_params(length=0)
    return fig


def spread(rows, *, xlabel="activation", limits=None, bins=41, description=None):
    """Histograms side by side, a row per name: {"He": [layer 1, layer 2, …], …} shows how a signal lives or dies."""
    depth = max(len(arrays) for arrays in rows.values())
    fig = Picture(1.45 * depth + 1, 1.25 * len(rows) + 0.5, description)
    grid = fig.subplots(len(rows), depth, squeeze=False, sharex="row" if limits is None else "all")
    for line, (name, arrays) in zip(grid, rows.items(), strict=True):
        line[0].set_ylabel(name, fontsize=9)
        for i, (ax, values) in enumerate(zip(line, arrays, strict=True)):
            ax.hist(np.ravel(values), bins=bins, range=limits, color=BLUE)
            ax.set_yticks([])
            ax.tick_params(labelsize=7)
            ax.set_title(f"layer {i + 1}, std {np.std(values):.2g}", fontsize=8)
    fig.supxlabel(xlabel, fontsize=9)
    stds = "; ".join(f"{name}: {', '.join(f'{np.std(a):.2g}' for a in arrays)}" for name, arrays in rows.items())
    fig.description = description or f"spread (standard deviation) of {xlabel} by layer: {stds}"
    return _bare(fig)


def bars(panels, *, limits=None, names=None, xlabel="class", description=None):
    """Panels side by side, {"logits": (C,), "probabilities": (C,)}, a bar with its number for every class.

    `limits`: (bottom, top) of all panels, or {panel: (bottom, top)}. `names` of the classes: 0, 1, … if left out.
    """
    fig = Picture(sum(0.45 * len(values) + 1.1 for values in panels.values()), 2.5, description)
    texts = {name: [f"{np.round(v, 2):g}" for v in values] for name, values in panels.items()}
    axes = fig.subplots(1, len(panels), squeeze=False, width_ratios=[len(values) + 1.5 for values in panels.values()])
    for (name, values), ax in zip(panels.items(), axes[0], strict=True):
        at = np.arange(len(values))
        drawn = ax.bar(at, values, color=BLUE, width=0.6)
        ax.bar_label(drawn, [text.replace("-", "−") for text in texts[name]], fontsize=8, padding=2)
        ax.axhline(0, color="black", linewidth=0.8)
        ax.margins(y=0.15)
        ax.set(xlabel=xlabel, ylabel=name, ylim=limits.get(name) if isinstance(limits, dict) else limits)
        ax.set_xticks(at, names if names is not None else at)
    numbers = "; ".join(f"{name}: {', '.join(text)}" for name, text in texts.items())
    fig.description = description or f"bars by {xlabel}: {numbers}"
    return _bare(fig)


def tangent(f, at, slope, *, low, high, xlabel="weight", ylabel="loss", description=None):
    """The curve y = f(w) from `low` to `high`, and the straight line of the given slope through (at, f(at))."""
    fig = Picture(5.2, 3.2)
    ax = fig.subplots()
    w = np.linspace(low, high, 201)
    y = np.array([f(value) for value in w])
    line = f(at) + slope * (w - at)
    ax.plot(w, y, color=BLUE, label=ylabel)
    ax.plot(w, line, "--", color=ORANGE, label=f"slope {slope:.3g}".replace("-", "−"))
    ax.plot(at, f(at), "o", color="black", zorder=3)
    room = 0.15 * np.ptp(y)
    ax.set(xlabel=xlabel, ylabel=ylabel, ylim=(y.min() - room, y.max() + room))
    ax.legend(frameon=False)
    ends = f"from {y[0]:.3g} at {low:g} to {y[-1]:.3g} at {high:g}"
    fig.description = description or f"{ylabel} by {xlabel}: {ends}; the tangent at {at:g} has the slope {slope:.3g}"
    return _bare(fig)


def step_strip(panels, *, columns=3, description=None):
    """One training step as a strip of pictures: a `network` for every panel (title, Ws, values)."""
    rows = -(-len(panels) // columns)
    units = max(max(np.shape(W)) for _, Ws, _ in panels for W in Ws)
    layers = max(len(Ws) + 1 for _, Ws, _ in panels)
    fig = Picture(1.1 * layers * columns, rows * (0.7 * units + 0.6))
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    said = []
    for (title, Ws, values), ax in zip(panels, axes, strict=False):
        network(Ws, values, title=title, ax=ax)
        known = [np.ravel(row) for row in values or () if row is not None]
        said.append(f"{title}: " + (" → ".join(", ".join(f"{v:.3g}" for v in row) for row in known) or "weights"))
    fig.description = description or "; ".join(said)
    return fig


def walks(panels, *, curve=None, bowl=None, xlabel="", ylabel="", description=None):
    """Panels side by side on common axes, {"title": (x, y)}: a walk with a dot per stop and a square at its start.

    `curve`: (x, y), drawn behind each walk. `bowl`: a function of x and y, drawn behind as lines of equal height.
    """
    fig = Picture(2 * len(panels) + 0.4, 2.2, description)
    axes = fig.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for ax, (title, (x, y)) in zip(axes, panels.items(), strict=True):
        ax.plot(*(curve or ([], [])), color=GREY, linewidth=1)
        ax.plot(x, y, "-o", color=BLUE, linewidth=1, markersize=3)
        ax.plot(x[0], y[0], "s", color=ORANGE, markersize=6)
        ax.set_title(title, fontsize=9)
        ax.set_xlabel(xlabel)
    axes[0].set_ylabel(ylabel)
    if bowl is not None:
        axes[0].margins(0.15)
        grid = np.meshgrid(np.linspace(*axes[0].get_xlim(), 100), np.linspace(*axes[0].get_ylim(), 100))
        for ax in axes:
            ax.contour(*grid, bowl(*grid), levels=6, colors=GREY, linewidths=0.6, zorder=0)
    said = (f"{title}: {ylabel} from {y[0]:.3g} to {y[-1]:.3g}" for title, (_, y) in panels.items())
    fig.description = description or "; ".join(said)
    return _bare(fig)


def _number(value):
    return f"{value:.3g}".replace("-", "−")


def _bare(fig):
    for ax in fig.axes:
        ax.spines[["top", "right"]].set_visible(False)
    return fig
