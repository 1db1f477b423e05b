"""What the explorers share: controls on one side, one drawing on the other, and nothing that depends on the way there.

An explorer declares its controls, keeps their values, and draws. Its page (explorer.js) is the same for all of them.
"""

from dataclasses import dataclass

from .base import Widget


@dataclass(frozen=True)
class Slider:
    """A number from `low` to `high`; the page moves it by `step`, Python may set any number between."""

    name: str
    label: str
    low: float
    high: float
    step: float

    def check(self, value):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{self.name}: expected a number, got {value!r}")
        if not self.low <= value <= self.high:  # NaN is not
            raise ValueError(f"{self.name}: expected {self.low:g} to {self.high:g}, got {value:g}")
        return value


@dataclass(frozen=True)
class Choice:
    """One of `options`, a tuple of strings."""

    name: str
    label: str
    options: tuple

    def check(self, value):
        if value not in self.options:
            raise ValueError(f"{self.name}: expected one of {list(self.options)}, got {value!r}")
        return value


@dataclass(frozen=True)
class Check:
    """Yes or no."""

    name: str
    label: str

    def check(self, value):
        if not isinstance(value, bool):
            raise ValueError(f"{self.name}: expected True or False, got {value!r}")
        return value


@dataclass(frozen=True)
class Button:
    """Something to press; the label may change with the state."""

    name: str
    label: str


class Explorer(Widget):
    """A subclass gives `controls`, a tuple that may be a property, and `values`, a value per control with one.

    It has `draw()` (a Drawing), `headline()` (one line, shown and spoken after every change), `describe()`, and
    `pressed(name)` if it has buttons; `changed(name)` is called when a value has become another one.
    """

    script = "explorer.js"
    controls = ()
    answered = 0  # messages handled: the page learns from it that its last word has been heard

    def set(self, **values):
        """Move controls by name, `explorer.set(w1=2)`; all or none of them. Returns the explorer."""
        named = {control.name: control for control in self.controls if not isinstance(control, Button)}
        for name, value in values.items():
            if name not in named:
                raise ValueError(f"control: expected one of {list(named)}, got {name!r}")
            values[name] = named[name].check(value)
        for name, value in values.items():
            if self.values[name] != value:
                self.values[name] = value
                self.changed(name)
        self.refresh()
        return self

    def press(self, name):
        """Press a button by name, `explorer.press("step")`. Returns the explorer."""
        buttons = [control.name for control in self.controls if isinstance(control, Button)]
        if name not in buttons:
            raise ValueError(f"button: expected one of {buttons}, got {name!r}")
        self.pressed(name)
        self.refresh()
        return self

    def changed(self, name):
        """A control has another value now."""

    def pressed(self, name):
        raise NotImplementedError(f"{type(self).__name__} needs a pressed(name)")

    def handle(self, message):
        if not isinstance(message, dict) or message.get("do") not in ("set", "press"):
            raise ValueError(f'message: expected {{"do": "set" or "press", "name": …}}, got {message!r}')
        name = message.get("name")
        if not isinstance(name, str):
            raise ValueError(f"name: expected the name of a control, got {name!r}")
        self.answered += 1
        if message["do"] == "press":
            self.press(name)
        else:
            self.set(**{name: message.get("value")})

    def receive(self, message):
        """As for every widget; the explorer shows itself anew in `set` and `press`."""
        self.handle(message)

    def state(self):
        controls = []
        for control in self.controls:
            row = {"kind": type(control).__name__.lower(), "name": control.name, "label": control.label}
            if isinstance(control, Slider):
                row |= {"low": control.low, "high": control.high, "step": control.step}
            if isinstance(control, Choice):
                row["options"] = list(control.options)
            if not isinstance(control, Button):
                row["value"] = self.values[control.name]
            controls.append(row)
        headline = self.headline()
        return {
            "controls": controls,
            "headline": headline,
            "svg": self.draw().svg(headline),
            "answered": self.answered,
        }

    def draw(self):
        raise NotImplementedError(f"{type(self).__name__} needs a draw()")

    def headline(self):
        raise NotImplementedError(f"{type(self).__name__} needs a headline()")

    def snapshot(self):
        return self.draw().picture(self.describe())
