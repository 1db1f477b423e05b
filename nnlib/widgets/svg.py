"""One drawing, two forms: SVG for the page, in the colours of its theme, and a Picture for readers without a kernel.

A Drawing collects shapes in pixels, y downwards; Axes turn the numbers of a plot into pixels, and cut off what would
stick out. Colours are names: ink, line, soft, plus, minus, mark, paper (see common.css).
"""

import struct
import zlib
from base64 import b64encode
from html import escape
from itertools import pairwise

import numpy as np

LIGHT = {
    "ink": "#1a1a1a",
    "paper": "#ffffff",
    "line": "#767676",
    "soft": "#f2f2f2",
    "plus": "#0072b2",
    "minus": "#b84a00",
    "mark": "#7a5c00",
}
DASHES = {"solid": "", "dashed": "7 4", "dotted": "2 3"}


def number(value, digits=3):
    """A number as people write it: at most `digits` that count, a real minus sign."""
    value = float(value)
    if not np.isfinite(value):
        return "nan" if np.isnan(value) else ("∞" if value > 0 else "−∞")
    text = f"{value:.{digits}g}"
    if "e+" in text:
        text = f"{value:,.0f}" if abs(value) < 1e5 else text.replace("e+0", "e").replace("e+", "e")
    return ("0" if text in ("-0", "0") else text.replace("e-0", "e-")).replace("-", "−")


class Drawing:
    """Shapes in the order in which they are painted."""

    def __init__(self, width, height):
        self.width, self.height, self.shapes = width, height, []

    def lines(self, parts, colour="ink", width=1.5, dash="solid"):
        """Open lines, each a list of (x, y), painted alike."""
        parts = [np.asarray(part, dtype=float) for part in parts if len(part) > 1]
        if parts:
            self.shapes.append(("lines", parts, colour, width, dash))

    def line(self, x0, y0, x1, y1, colour="ink", width=1.5, dash="solid"):
        self.lines([[(x0, y0), (x1, y1)]], colour, width, dash)

    def rect(self, x, y, width, height, fill="plus", edge=None):
        self.shapes.append(("rect", x, y, max(width, 0), max(height, 0), fill, edge))

    def area(self, points, fill="plus"):
        """A filled shape without an edge."""
        self.shapes.append(("area", np.asarray(points, dtype=float), fill))

    def dots(self, points, shape="circle", radius=4, colour="ink", filled=True):
        """Marks of one kind: circle or square, filled or hollow."""
        points = np.asarray(points, dtype=float).reshape(-1, 2)
        if len(points):
            self.shapes.append(("dots", points, shape, radius, colour, filled))

    def text(self, x, y, string, anchor="start", size=12, colour="ink", bold=False):
        self.shapes.append(("text", x, y, string, anchor, size, colour, bold))

    def image(self, x, y, width, height, pixels):
        """Numbers from 0 (white) to 1 (black), (rows, columns)."""
        self.shapes.append(("image", x, y, width, height, np.clip(np.asarray(pixels, dtype=float), 0, 1)))

    def svg(self, label):
        """The drawing as markup, with `label` as its name for those who do not see it."""
        head = f'<svg viewBox="0 0 {self.width} {self.height}" width="{self.width}" height="{self.height}" role="img"'
        shapes = "".join(getattr(self, f"_{kind}_svg")(*rest) for kind, *rest in self.shapes)
        return f'{head} aria-label="{escape(label)}">{shapes}</svg>'

    def _lines_svg(self, parts, colour, width, dash):
        path = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in part.tolist()) for part in parts)
        dashes = f";stroke-dasharray:{DASHES[dash]}" if DASHES[dash] else ""
        return f'<path d="{path}" style="fill:none;stroke:var(--{colour});stroke-width:{width}{dashes}"/>'

    def _rect_svg(self, x, y, width, height, fill, edge):
        style = f"fill:{f'var(--{fill})' if fill else 'none'};stroke:{f'var(--{edge})' if edge else 'none'}"
        return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" style="{style}"/>'

    def _area_svg(self, points, fill):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points.tolist())
        return f'<path d="M{path}z" style="fill:var(--{fill})"/>'

    def _dots_svg(self, points, shape, radius, colour, filled):
        r = radius
        outline = (
            f"m-{r} -{r}h{2 * r}v{2 * r}h-{2 * r}z"
            if shape == "square"
            else f"m-{r} 0" + "".join(f"a{r} {r} 0 0 1 {step} 0" for step in (2 * r, -2 * r))
        )
        path = "".join(f"M{x:.1f} {y:.1f}{outline}" for x, y in points.tolist())
        style = f"fill:var(--{colour if filled else 'paper'});stroke:var(--{colour});stroke-width:1.5"
        return f'<path d="{path}" style="{style}"/>'

    def _text_svg(self, x, y, string, anchor, size, colour, bold):
        style = f"fill:var(--{colour});font-size:{size}px" + (";font-weight:600" if bold else "")
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{style}">{escape(string)}</text>'

    def _image_svg(self, x, y, width, height, pixels):
        box = f'x="{x}" y="{y}" width="{width}" height="{height}"'
        return f'<image {box} href="data:image/png;base64,{png(pixels)}" style="image-rendering:pixelated"/>'

    def picture(self, description):
        """The same as a Picture, on white paper."""
        from ..viz import Picture

        fig = Picture(self.width / 90, self.height / 90, description)
        fig.set_layout_engine("none")
        ax = fig.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, self.width), ylim=(self.height, 0))
        ax.set_axis_off()
        for order, (kind, *rest) in enumerate(self.shapes):
            getattr(self, f"_{kind}_ax")(ax, order, *rest)
        return fig

    def _lines_ax(self, ax, order, parts, colour, width, dash):
        style = {"solid": "-", "dashed": "--", "dotted": ":"}[dash]
        gap = np.full((1, 2), np.nan)
        path = np.concatenate([row for part in parts for row in (part, gap)])
        ax.plot(*path.T, style, color=LIGHT[colour], linewidth=0.8 * width, zorder=order)

    def _rect_ax(self, ax, order, x, y, width, height, fill, edge):
        from matplotlib.patches import Rectangle

        style = {"facecolor": LIGHT[fill] if fill else "none", "edgecolor": LIGHT[edge] if edge else "none"}
        ax.add_patch(Rectangle((x, y), width, height, zorder=order, **style))

    def _area_ax(self, ax, order, points, fill):
        ax.fill(*points.T, color=LIGHT[fill], linewidth=0, zorder=order)

    def _dots_ax(self, ax, order, points, shape, radius, colour, filled):
        face = LIGHT[colour if filled else "paper"]
        marker = "s" if shape == "square" else "o"
        style = {"markersize": 1.6 * radius, "markeredgecolor": LIGHT[colour], "markerfacecolor": face}
        ax.plot(*points.T, marker, zorder=order, **style)

    def _text_ax(self, ax, order, x, y, string, anchor, size, colour, bold):
        side = {"start": "left", "middle": "center", "end": "right"}[anchor]
        style = {"fontsize": 0.72 * size, "color": LIGHT[colour], "fontweight": "bold" if bold else "normal"}
        ax.text(x, y, string, ha=side, va="baseline", zorder=order, parse_math=False, **style)

    def _image_ax(self, ax, order, x, y, width, height, pixels):
        ax.imshow(
            pixels,
            cmap="gray_r",
            vmin=0,
            vmax=1,
            extent=(x, x + width, y + height, y),
            aspect="auto",
            interpolation="nearest",
            zorder=order,
        )
        ax.set(xlim=(0, self.width), ylim=(self.height, 0))  # imshow sets its own


class Axes:
    """A plot in a rectangle of the drawing: `low` and `high` are the (x, y) at its lower left and upper right."""

    def __init__(self, drawing, box, low, high, *, xlabel="", ylabel="", xticks=None, yticks=None):
        self.drawing = drawing
        self.left, self.top, self.width, self.height = box
        self.low, self.high = np.array(low, dtype=float), np.array(high, dtype=float)
        bottom, right = self.top + self.height, self.left + self.width
        drawing.lines([[(self.left, self.top), (self.left, bottom), (right, bottom)]], "line", 1)
        for x in ticks(low[0], high[0]) if xticks is None else xticks:
            at, _ = self.at(x, 0)
            drawing.line(at, bottom, at, bottom + 4, "line", 1)
            drawing.text(at, bottom + 16, number(x), "middle", 11)
        for y in ticks(low[1], high[1]) if yticks is None else yticks:
            _, at = self.at(0, y)
            drawing.line(self.left - 4, at, self.left, at, "line", 1)
            drawing.text(self.left - 7, at + 4, number(y), "end", 11)
        drawing.text(self.left + self.width / 2, bottom + 32, xlabel, "middle")
        drawing.text(self.left - 30, self.top - 9, ylabel)

    def at(self, x, y):
        """Numbers of the plot as pixels."""
        u, v = (np.array([x, y], dtype=float) - self.low) / (self.high - self.low)
        return self.left + self.width * u, self.top + self.height * (1 - v)

    def pixels(self, points):
        share = (np.asarray(points, dtype=float).reshape(-1, 2) - self.low) / (self.high - self.low)
        return np.array([self.left, self.top]) + np.array([self.width, self.height]) * (share * [1, -1] + [0, 1])

    def line(self, x, y, colour="ink", width=1.5, dash="solid"):
        """A line through the points, without what lies outside the plot."""
        self.drawing.lines(cut(self.pixels(np.column_stack([x, y])), self.box()), colour, width, dash)

    def dots(self, points, shape="circle", radius=4, colour="ink", filled=True):
        """Marks at the points, without those outside the plot."""
        points = np.asarray(points, dtype=float).reshape(-1, 2)
        inside = ((points >= self.low) & (points <= self.high)).all(axis=1)
        self.drawing.dots(self.pixels(points[inside]), shape, radius, colour, filled)

    def box(self):
        return self.left, self.top, self.left + self.width, self.top + self.height


def ticks(low, high, about=5):
    """Round numbers between two others."""
    rough = (high - low) / about
    power = 10 ** np.floor(np.log10(rough))
    step = power * next(s for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
    return np.round(np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step, 12)


def cut(points, box):
    """The pieces of a line that lie inside box = (left, top, right, bottom). Liang and Barsky's way, by segment."""
    left, top, right, bottom = box
    points = points[np.isfinite(points).all(axis=1)]
    if (points >= (left - 0.01, top - 0.01)).all() and (points <= (right + 0.01, bottom + 0.01)).all():
        return [points]
    pieces, piece = [], []
    rows = points.tolist()
    for (x0, y0), (x1, y1) in pairwise(rows):
        enter, leave, dx, dy = 0.0, 1.0, x1 - x0, y1 - y0
        for move, room in ((-dx, x0 - left), (dx, right - x0), (-dy, y0 - top), (dy, bottom - y0)):
            if move < 0:
                enter = max(enter, room / move)
            elif move > 0:
                leave = min(leave, room / move)
            elif room < 0:
                leave = -1.0
        if enter > leave:
            continue
        if not piece or enter > 0:
            piece = [(x0 + enter * dx, y0 + enter * dy)]
            pieces.append(piece)
        piece.append((x0 + leave * dx, y0 + leave * dy))
    return pieces


def bars(drawing, box, values, low, high, *, names, texts, title="", marked=None):
    """Upright bars with a number at each and a name below; `low` is the ground. A marked bar gets a thick frame."""
    left, top, width, height = box
    ground, slot = top + height, width / len(values)
    drawing.text(left, top - 22, title, bold=True)
    for i, (value, name, text) in enumerate(zip(values, names, texts, strict=True)):
        tall = height * float(np.clip((value - low) / (high - low), 0, 1))
        x, wide = left + slot * (i + 0.2), 0.6 * slot
        drawing.rect(x, ground - tall, wide, tall)
        if i == marked:
            edge = [(x, ground), (x, ground - tall), (x + wide, ground - tall), (x + wide, ground), (x, ground)]
            drawing.lines([edge], "ink", 3)
        drawing.text(x + wide / 2, ground - tall - 5, text, "middle", 12 if slot > 40 else 9)
        drawing.text(x + wide / 2, ground + 15, name, "middle", 12 if slot > 26 else 10)
    drawing.line(left, ground, left + width, ground, "line", 1)


def png(pixels):
    """Numbers from 0 (white) to 1 (black), (rows, columns), as a greyscale PNG in base64."""
    rows, columns = pixels.shape
    grey = np.rint(255 * (1 - pixels)).astype(np.uint8)
    raw = np.hstack([np.zeros((rows, 1), np.uint8), grey]).tobytes()

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">2I5B", columns, rows, 8, 0, 0, 0, 0))
    return b64encode(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")).decode()
