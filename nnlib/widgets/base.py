"""What all widgets share: a plain object that shows itself live where it can, and as a picture everywhere.

No ipywidgets here until a widget is shown: the logic runs, and is tested, without a browser.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Prediction:
    """A question before the first move, which may be skipped. `options`: {answer: what speaks for or against it}."""

    question: str
    options: dict
    right: str

    def __post_init__(self):
        if self.right not in self.options:
            raise ValueError(f"right: expected one of {list(self.options)}, got {self.right!r}")


class Widget:
    """Subclasses say what the page needs (`state`), what its controls do (`handle`), and what is to be seen."""

    script = ""  # the JavaScript file beside this one
    prediction = None  # a Prediction, or None
    _view = None

    def state(self):
        """All that the page draws, as a dict of numbers, strings, lists and dicts."""
        raise NotImplementedError

    def handle(self, message):
        """Do what a control of the page asks for: a dict with "do" and whatever it needs."""
        raise NotImplementedError

    def snapshot(self):
        """The widget as it is now, as a Picture: for readers without a running kernel."""
        raise NotImplementedError

    def describe(self):
        """The widget as it is now, in words: what a screen reader says."""
        raise NotImplementedError

    def refresh(self):
        """Show the present state on the page, if there is one."""
        if self._view is not None:
            self._view.state = self.as_json()

    def as_json(self):
        """The state with what the page shows for every widget, as one string."""
        p = self.prediction
        shared = {"name": type(self).__name__, "description": self.describe()}
        shared["prediction"] = p and {"question": p.question, "options": p.options, "right": p.right}
        return json.dumps(shared | self.state(), allow_nan=False, ensure_ascii=False)

    def receive(self, message):
        """A message from the page: handle it, then show what has become of it."""
        self.handle(message)
        self.refresh()

    @property
    def view(self):
        """The live part, an anywidget that is made when first asked for. ImportError without anywidget."""
        if self._view is None:
            self._view = _view_class(self.script)(state=self.as_json())
            self._view.on_msg(lambda view, message, buffers: self.receive(message))
        return self._view

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The live widget for a front end that can show it, and a picture with the description for all others."""
        data, metadata = self.snapshot()._repr_mimebundle_()
        data["text/plain"] = self.describe()
        try:
            live = self.view._repr_mimebundle_()
        except ImportError:
            return data, metadata
        live = live[0] if isinstance(live, tuple) else live
        return live | data, metadata

    def __repr__(self):
        return self.describe()


@cache
def _view_class(script):
    """One anywidget class per script; its JavaScript is the shared part and then its own."""
    import anywidget
    import traitlets

    read = [(HERE / name).read_text(encoding="utf-8") for name in ("common.js", script)]
    return type(
        f"View_{Path(script).stem}",
        (anywidget.AnyWidget,),
        {
            "_esm": "\n".join(read),
            "_css": (HERE / "common.css").read_text(encoding="utf-8"),
            "state": traitlets.Unicode("{}").tag(sync=True),
        },
    )
