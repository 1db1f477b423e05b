"""Exercises: a reference solution with a number, checked against the learner's own answer on fresh random inputs.

The decorated function *is* the solution. What makes a good check beyond it is stated next to it: the inputs, known
mistakes by name, properties that hold whatever the random stream.
"""

import contextlib
import copy
import dis
import html
import inspect
import io
import math
import os
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .diagnose import Diagnosis, diagnose, same

DRAWS = 3  # fresh random inputs per check
DOTS = {1: "●○○", 2: "●●○", 3: "●●●"}
SOLUTIONS = True  # the edition for students sets it to False, see `make teach`
REGISTRY: dict[str, "Exercise"] = {}

# a number as prose has it: 94, −1.5, 109,386, 3e-5, 10⁻⁸, ½, 2½; in 784-128 the hyphen is no sign, W1 and 3D are names
NUMBER = re.compile(
    r"(?P<minus>(?<![\w)\]])[-−])?(?<!\w)"
    r"(?:10(?P<power>⁻?[⁰¹²³⁴-⁹]++)|(?P<digits>(?:\d{1,3}(?:,\d{3})++|\d++)(?:\.\d++)?(?:e[-−+]?\d++)?)?(?P<part>[½⅓⅔¼¾]?))"
    r"(?<=[\d⁰¹²³⁴-⁹½⅓⅔¼¾])(?![A-Za-z_½⅓⅔¼¾]|,\d{3})"
)
SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
PARTS = {"½": 1 / 2, "⅓": 1 / 3, "⅔": 2 / 3, "¼": 1 / 4, "¾": 3 / 4}


class CheckFailed(AssertionError):
    """A failed check where NNLIB_STRICT=1 asks for an exception."""


@dataclass(frozen=True)
class Result:
    """What a check says. `passed`: True, False, or None when not attempted."""

    exercise: "Exercise"
    passed: bool | None
    diagnosis: Diagnosis
    message: str

    def __str__(self):
        mark = {True: "✓", False: "✗", None: "·"}[self.passed]
        return f"{mark} {self.exercise.number} {self.message}"

    __repr__ = __str__

    def _repr_html_(self):
        border = {True: "#0072B2 solid", False: "#D55E00 dashed", None: "#777777 dotted"}[self.passed]
        style = f"border-left: 4px {border}; padding: 0.3em 0.8em"  # a status is read out when it appears
        return f'<div role="status" style="{style}">{html.escape(str(self))}</div>'


@dataclass
class Exercise:
    """One exercise. Calling it calls the reference, so the lessons can go on with it."""

    number: str
    title: str
    minutes: int
    difficulty: int
    hints: tuple
    reference: Callable
    praise: str = ""
    star: bool = False
    options: dict | None = None
    in_place: tuple = ()
    may_share: bool = False
    draw: Callable | None = None
    rules: list = field(default_factory=list)
    mistakes: list = field(default_factory=list)
    hinted: int = 0
    result: Result | None = None

    @property
    def name(self):
        return self.reference.__name__

    def __call__(self, *args, **kwargs):
        return self.reference(*args, **kwargs)

    @property
    def heading(self):
        kind = "Exercise" if self.number[-1].isdigit() else "Question"
        star = " ★" if self.star else ""
        return f"{kind} {self.number} · {self.title}{star}  {DOTS[self.difficulty]}  {self.minutes} min"

    @property
    def order(self):
        """What to sort by: the lesson, then exercises by number before questions by letter."""
        lesson, place = self.number.split(".")
        return int(lesson), len(place) if place.isdigit() else math.inf, place

    @property
    def is_function(self):
        """A function to write, not a value to find."""
        return self.draw is not None or bool(self.rules)

    def inputs(self, draw):
        """Decorator: `draw(rng, …sizes with defaults…)` returns the tuple of arguments for one trial."""
        self.draw = draw
        return draw

    def rule(self, rule):
        """Decorator: `rule(answer, rng)` returns None, or (Diagnosis, message) if the learner's function breaks it."""
        self.rules.append(rule)
        return rule

    def mistake(self, message):
        """Decorator: the function below gives what somebody gets who makes this mistake."""

        def keep(wrong):
            self.mistakes.append((message, wrong))
            return wrong

        return keep


def exercise(
    number,
    title,
    *,
    minutes,
    difficulty,
    hints,
    praise="",
    star=False,
    options=None,
    in_place=(),
    may_share=False,
):
    """Decorator that registers a reference solution as an exercise.

    A function with inputs (`@name.inputs`) or rules is an exercise to write; one without arguments holds a value to
    find. `options`: {answer: explanation} makes it a question with choices. `praise`: what to know once it is right.
    `star`: one of the two that matter most. `in_place`: the names of the arguments that the function must change; it
    then returns None. `may_share`: parts of the result may be views of arguments.
    """

    def register(reference):
        if number in REGISTRY and REGISTRY[number].reference.__qualname__ != reference.__qualname__:
            raise ValueError(f"exercise {number}: expected a free number, got one that {REGISTRY[number].name} has")
        item = Exercise(
            number,
            title,
            minutes,
            difficulty,
            tuple(hints),
            reference,
            praise,
            star,
            options,
            tuple(in_place),
            may_share,
        )
        REGISTRY[number] = item
        return item

    return register


def find(key):
    """The exercise of a number ("4.2"), of a function's name, or of a function; ValueError if there is none."""
    name = key if isinstance(key, str) else getattr(key, "name", None) or getattr(key, "__name__", None)
    for item in REGISTRY.values():
        if name == item.number or (name == item.name and item.is_function):
            return item
    if name is None or name == "<lambda>":
        got = "a function without a name (lambda)" if name else f"{type(key).__name__}"
        raise ValueError(f'expected a function by its name, as in check(relu), or a number, "4.1"; got {got}')
    raise ValueError(f"no exercise is called {name!r}; there are {', '.join(REGISTRY)}")


def check(answer, *value, seed=None):
    """Check a function by its name, `check(relu_backward)`, or a value by number, `check("4.1", -1)`.

    Never raises for a wrong answer unless NNLIB_STRICT=1. `seed` repeats the random inputs of a check.
    """
    item = find(answer)
    if isinstance(answer, str) and not value:
        value = (...,)
    diagnosis, message = _judge(item, value[0] if value else answer, np.random.default_rng(seed))
    passed = {Diagnosis.CORRECT: True, Diagnosis.NOT_ATTEMPTED: None}.get(diagnosis, False)
    item.result = Result(item, passed, diagnosis, message)
    if passed is False and os.environ.get("NNLIB_STRICT") == "1":
        raise CheckFailed(str(item.result))
    return item.result


def _judge(item, answer, rng):
    if not item.is_function:
        return _judge_value(item, answer)
    if isinstance(answer, Exercise):
        return Diagnosis.NOT_ATTEMPTED, "not done yet; this is the course's own function, which stands in for yours"
    if _blank(answer):
        return Diagnosis.NOT_ATTEMPTED, "not done yet"
    found = _judge_function(item, answer, rng)
    return found or (Diagnosis.CORRECT, f"right. {item.praise}".strip())


def _judge_value(item, answer):
    parts = answer if isinstance(answer, tuple | list) else [answer]
    gaps = sum(part is ... or part is None for part in parts)
    if gaps:
        filled = f"; {len(parts) - gaps} of {len(parts)} answers are there" if len(parts) > gaps else ""
        return Diagnosis.NOT_ATTEMPTED, f"not done yet{filled}"
    expected = item.reference()
    if item.options:
        answer = answer.strip().lower() if isinstance(answer, str) else answer
        if not isinstance(answer, str) or answer not in item.options:
            return Diagnosis.WRONG_TYPE, f"choose one of {', '.join(map(repr, item.options))}"
        diagnosis = Diagnosis.CORRECT if answer == expected else Diagnosis.WRONG_VALUE
        return diagnosis, ("right. " if answer == expected else "no. ") + item.options[answer]
    for message, wrong in item.mistakes:
        if _value(answer, wrong())[0] is Diagnosis.CORRECT:
            return Diagnosis.KNOWN_MISTAKE, message
    diagnosis, message = _value(answer, expected)
    return diagnosis, message or f"right. {item.praise}".strip()


def _value(answer, expected):
    """Diagnose a value found on paper: the message says where it is wrong, not what would be right.

    A part of `expected` that is `...` may be anything: for mistakes that concern one of several answers.
    """
    if expected is ...:
        return Diagnosis.CORRECT, ""
    if isinstance(expected, tuple):
        answer = answer.tolist() if isinstance(answer, np.ndarray) else answer
        if not isinstance(answer, tuple | list) or len(answer) != len(expected):
            return Diagnosis.WRONG_LENGTH, f"expected {len(expected)} answers, (…, …), got {answer!r}"
        for i, (a, e) in enumerate(zip(answer, expected, strict=True)):
            diagnosis, message = _value(a, e)
            if message:
                return diagnosis, f"answer {i + 1} of {len(expected)}: {message}"
        return Diagnosis.CORRECT, ""
    if isinstance(answer, str) and not isinstance(expected, str):
        return Diagnosis.WRONG_TYPE, f"{answer!r} is a text; expected a number, without quotes"
    if isinstance(expected, np.ndarray) and isinstance(answer, tuple | list):
        answer = np.array(answer) if len({np.shape(row) for row in answer}) == 1 else answer
    diagnosis, message = diagnose(answer, expected, rtol=2e-3)
    if diagnosis is Diagnosis.INTEGER and same(answer, expected, 2e-3):  # whole numbers need no point on paper
        return Diagnosis.CORRECT, ""
    if diagnosis is Diagnosis.WRONG_VALUE:
        wrong = (
            [] if np.ndim(expected) == 0 else np.argwhere(~np.isclose(answer, expected, rtol=2e-3, atol=1e-6)).tolist()
        )
        return diagnosis, f"the entry at {tuple(wrong[0])} is not it" if wrong else f"{answer} is not it"
    return diagnosis, message


def _judge_function(item, answer, rng):
    """None if right, else (Diagnosis, message)."""
    for _ in range(DRAWS if item.draw else 0):
        found = _trial(item, answer, item.draw(rng))
        if found:
            vague = found[0] in (Diagnosis.WRONG_VALUE, Diagnosis.WRONG_SHAPE, Diagnosis.RAISES)
            return (vague and _only(item, answer, rng)) or found
    for rule in item.rules:
        found = _guarded(lambda rule=rule: rule(answer, rng))
        if found:
            return found
    return None


def _guarded(call):
    """The result of a rule; an exception from the learner's function becomes a diagnosis."""
    try:
        return call()
    except Exception as error:
        return _raised(error)


def _trial(item, answer, arguments):
    """Call the learner's function and the reference on equal arguments and compare all that can differ."""
    mine, theirs, before = (copy.deepcopy(arguments) for _ in range(3))
    names = list(inspect.signature(item.reference).parameters)
    expected = _result(item.reference(*mine))
    state, spoken = global_state(), io.StringIO()
    try:
        with contextlib.redirect_stdout(spoken), np.errstate(all="ignore"):
            got = _result(answer(*theirs))
    except Exception as error:
        return _raised(error)
    if state != global_state():
        return Diagnosis.GLOBAL_RANDOMNESS, "draws from np.random itself; use the generator that is passed in"
    if item.in_place:
        return _judge_in_place(item, got, names, before, mine, theirs)
    for name, x, y in zip(names, before, theirs, strict=False):
        if not _unchanged(x, y):
            return Diagnosis.MODIFIES_ARGUMENT, f"modifies its argument {name}; the caller still needs it as it was"
    if got is None and spoken.getvalue():
        return Diagnosis.PRINTS, "prints its result; end with `return …` so that others can use it"
    for message, wrong in item.mistakes:
        with np.errstate(all="ignore"):
            trap = _result(wrong(*copy.deepcopy(before)))
        if diagnose(trap, expected)[0] is not Diagnosis.CORRECT and diagnose(got, trap)[0] is Diagnosis.CORRECT:
            return Diagnosis.KNOWN_MISTAKE, message
    diagnosis, message = diagnose(got, expected, before)
    if diagnosis is not Diagnosis.CORRECT:
        return _wrong_axis(item, got, before) or (diagnosis, message)
    if not item.may_share:
        for name, x in zip(names, theirs, strict=False):
            if any(np.shares_memory(x, part) for x in _arrays(x) for part in _arrays(got)):
                return (
                    Diagnosis.RETURNS_VIEW,
                    f"returns a view of {name}; whoever changes the result changes {name} too",
                )
    return None


def _judge_in_place(item, got, names, before, mine, theirs):
    """Compare the arrays that the learner's function was to change."""
    if got is not None:
        return Diagnosis.RETURNS_VALUE, f"should change {', '.join(item.in_place)} in place and return nothing"
    for name, x, e, a in zip(names, before, mine, theirs, strict=True):
        if not isinstance(x, np.ndarray):
            continue
        if name not in item.in_place:
            if not _unchanged(x, a):
                return Diagnosis.MODIFIES_ARGUMENT, f"modifies {name}, which it should only read"
            continue
        if np.array_equal(x, a) and not np.array_equal(x, e):
            return Diagnosis.NOT_IN_PLACE, f"leaves {name} as it was; write into the array, as `+=` and its like do"
    for message, wrong in item.mistakes:
        traps = copy.deepcopy(before)
        wrong(*traps)
        pairs = [(t, e, a) for n, t, e, a in zip(names, traps, mine, theirs, strict=True) if n in item.in_place]
        if not all(same(t, e) for t, e, _ in pairs) and all(same(a, t) for t, _, a in pairs):
            return Diagnosis.KNOWN_MISTAKE, message
    for name, x, e, a in zip(names, before, mine, theirs, strict=True):
        if name in item.in_place:
            diagnosis, message = diagnose(a - x, e - x, name=f"the change of {name}", rtol=1e-3)
            if diagnosis is not Diagnosis.CORRECT:
                return diagnosis, message
            diagnosis, message = diagnose(a, e, name=name)
            if diagnosis is not Diagnosis.CORRECT:
                return diagnosis, message
    return None


def _only(item, answer, rng):
    """Does a failing function work when the inputs are square, or a single example?"""
    sizes = [name for name, p in inspect.signature(item.draw).parameters.items() if p.default is not p.empty]
    if len(sizes) > 1 and _trial(item, answer, item.draw(rng, **dict.fromkeys(sizes, 4))) is None:
        return Diagnosis.SQUARE_ONLY, "right only for square inputs: rows and columns are mixed up"
    if "N" in sizes and _trial(item, answer, item.draw(rng, N=1)) is None:
        return Diagnosis.ONE_EXAMPLE_ONLY, "right for one example, wrong for several rows"
    return None


def _wrong_axis(item, got, arguments):
    """The reference on the transposed input, transposed back: what working along the wrong axis gives."""
    if len(arguments) == 1 and isinstance(arguments[0], np.ndarray) and arguments[0].ndim == 2:
        try:
            trap = item.reference(arguments[0].T.copy())
        except (ValueError, IndexError):
            return None
        if diagnose(got, np.asarray(trap).T)[0] is Diagnosis.CORRECT:
            return Diagnosis.WRONG_AXIS, "worked along the wrong axis: rows are examples"
    return None


def _blank(function):
    """Is the body still `...`? (Or `pass`, or does it still hold an Ellipsis as a value?)"""
    code = getattr(function, "__code__", None)
    if code is None:
        return function is ... or function is None
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "POP_TOP", "RETURN_GENERATOR", "CACHE"}
    steps = list(dis.get_instructions(code))
    if _has_gap(steps):
        return True
    return all(step.opname in idle for step in steps) and not _returns_constant(steps)


def _has_gap(steps):
    """Is an Ellipsis stored, returned, passed on or reckoned with? As an index, in X[..., 0], it is no gap."""
    uses = ("STORE_FAST", "RETURN", "YIELD", "UNPACK", "BINARY_OP", "CALL", "PRECALL")
    for step, after in zip(steps, [*steps[1:], steps[-1]], strict=True):
        gaps = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if gaps and all(part is ... for part in gaps) and after.opname.startswith(uses) and after.argrepr != "[]":
            return True
    return False


def _returns_constant(steps):
    """Does a body without any computation return something, as `return 0` does?"""
    text = [step.argval for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")]
    return text[-1:] not in ([None], [])


def global_state():
    """The state of np.random's own generator, which no answer may touch; comparable with ==."""
    name, key, *rest = np.random.get_state()  # noqa: NPY002
    return name, key.tobytes(), *rest


def _result(value):
    """A generator becomes the list of what it yields."""
    if inspect.isgenerator(value):
        return [_result(part) for part in value]
    return value


def _arrays(value):
    if isinstance(value, tuple | list):
        return [array for part in value for array in _arrays(part)]
    return [value] if isinstance(value, np.ndarray) else []


def _unchanged(before, after):
    if isinstance(before, tuple | list):
        return len(before) == len(after) and all(map(_unchanged, before, after))
    if isinstance(before, np.ndarray):
        return before.dtype == after.dtype and np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
    return True


def _raised(error):
    """What an exception in the learner's code says: its type, text and line; or that a gap is left."""
    if isinstance(error, NotImplementedError) or "ellipsis" in str(error):
        return Diagnosis.NOT_ATTEMPTED, "not done yet"
    trace, line = error.__traceback__, getattr(error, "line_of_cell", None)  # nnlib.sandbox knows it
    while trace:
        if "exercises" not in trace.tb_frame.f_code.co_filename and line is None:
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" in line {line} of your cell" if line else ""
    words = str(error).splitlines()[0] if str(error) else ""
    return Diagnosis.RAISES, f"raises {type(error).__name__}{where}: {words}".rstrip(": ")


class Text:
    """Plain text that shows itself, with a small frame in a notebook."""

    def __init__(self, text, code=False):
        self.text, self.code = text, code

    def __repr__(self):
        return self.text

    def _repr_html_(self):
        tag = "pre" if self.code else "div"
        return f'<{tag} style="border-left: 4px solid #777777; padding: 0.3em 0.8em">{html.escape(self.text)}</{tag}>'


def task(key):
    """What to do: the heading of an exercise, its blank and its check, to copy into a cell."""
    item = find(key)
    what = f"{blank(item)}\n\n\n" if item.is_function else f"# {inspect.getdoc(item.reference)}\n"
    return Text(f"# {item.heading}\n{what}{check_cell(item)}", code=True)


def blank(item):
    """The source of the blank: signature, docstring, and an Ellipsis where the answer goes."""
    head = f"def {item.name}{inspect.signature(item.reference)}:"
    doc = inspect.getdoc(item.reference)
    doc += "\n" if "\n" in doc else ""
    return f"{head}\n" + textwrap.indent(f'"""{doc}"""\n...', "    ")


def check_cell(item):
    """The source of the cell that checks an answer; for a value, with an Ellipsis where each answer goes."""
    if item.is_function:
        return f"check({item.name})"
    answer = item.reference()
    gaps = f"({', '.join(['...'] * len(answer))})" if isinstance(answer, tuple) else "..."
    return f'check("{item.number}", {gaps})'


def hint(key):
    """The next hint of an exercise; after the last one it starts again."""
    item = find(key)
    number = item.hinted % len(item.hints)
    item.hinted += 1
    return Text(f"hint {number + 1} of {len(item.hints)}: {item.hints[number]}")


def solution(key):
    """The source of the reference solution. Try first."""
    item = find(key)
    if not SOLUTIONS:
        return Text(f"{item.number} {item.title}: ask your teacher. hint({item.number!r}) helps as well.")
    if item.options:
        return Text(f"{item.reference()}: {item.options[item.reference()]}")
    source = textwrap.dedent(inspect.getsource(item.reference))
    words = textwrap.fill(item.praise, 92, initial_indent="# ", subsequent_indent="# ")
    return Text(f"{source[source.index('def ') :].rstrip()}\n\n{words}".rstrip(), code=True)


def resume(namespace, *keys):
    """Fill in the course's own function where one of these exercises is blank or missing, and say whose is used.

    `namespace`: the notebook's `globals()`. A function that you wrote stays, right or wrong. A stand-in is an
    Exercise: `check` still says that yours is not done.
    """
    lines = {"yours": [], "the course's": []}
    for item in map(find, keys):
        mine = namespace.get(item.name)
        if mine is None or isinstance(mine, Exercise) or _blank(mine):
            namespace[item.name] = item
            lines["the course's"].append(item.name)
        else:
            judged = item.result is not None and item.result.passed is False
            lines["yours"].append(item.name + (" (its check failed)" if judged else ""))
    return Text("\n".join(f"{whose}: {', '.join(names)}" for whose, names in lines.items() if names))


def progress(lesson=None):
    """A table of all exercises, or of one lesson's: title, difficulty, minutes, and how the last check went."""
    import pandas as pd

    words = {True: "✓ done", False: "✗ not yet right", None: "· not done yet"}
    rows = [
        {
            "exercise": item.number,
            "title": item.title,
            "difficulty": DOTS[item.difficulty],
            "minutes": item.minutes,
            "state": words[item.result.passed if item.result else None],
        }
        for item in sorted(REGISTRY.values(), key=lambda item: item.order)
        if lesson in (None, item.order[0])
    ]
    return pd.DataFrame(rows, columns=["exercise", "title", "difficulty", "minutes", "state"]).set_index("exercise")


def quoted(words, *values, within=0):
    """Hold the numbers in a lesson's words against what the lesson measured; AssertionError if one is off.

    quoted("reads about 94 % of 2,000", 100 * share, n, within=(1.5, 0))

    As many values as numbers, in their order. `within`: the largest difference allowed, one for all or one for each;
    the rounding of the digits that are printed is always allowed.
    """
    found = list(NUMBER.finditer(words))
    allowed = within if isinstance(within, tuple) else (within,) * len(found)
    if not found or not len(found) == len(values) == len(allowed):
        raise ValueError(
            f"{words!r} holds {len(found)} numbers, expected as many values and tolerances, at least 1; "
            f"got {len(values)} and {len(allowed)}"
        )
    for match, value, most in zip(found, values, allowed, strict=True):
        number, rounding = number_of(match)
        if not abs(number - value) <= max(most, rounding) + 1e-9 * abs(number):
            raise AssertionError(
                f"{words!r} says {match[0]}, measured {value:.6g}, allowed ± {max(most, rounding):.2g}"
            )


def number_of(match):
    """(value, half a unit of the last digit printed) of a match of NUMBER."""
    sign = -1 if match["minus"] else 1
    if match["power"]:
        value = 10.0 ** int(match["power"].translate(SUPERSCRIPT))
        return sign * value, value / 2
    digits = (match["digits"] or "0").replace(",", "").replace("−", "-")
    mantissa, _, power = digits.partition("e")
    value = float(digits) + PARTS.get(match["part"], 0)
    unit = 0.0 if match["part"] else 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
    return sign * value, unit / 2
