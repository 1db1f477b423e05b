"""The learner's side of a grading: one notebook runs here, in a process of its own, and answers with plain data.

nnlib.grade starts it, sends it cells to run and inputs for the functions they define, and judges what comes back.
Nothing here is trusted: whatever a notebook does to this process, it can change only its own answers.
"""

import builtins
import collections.abc
import contextlib
import ctypes
import functools
import inspect
import json
import os
import signal
import struct
import sys
import types
from pathlib import Path

import numpy as np

from .exercises import core

LARGEST = 256 * 2**20  # bytes of one message


class Violation(Exception):
    """A message that is not one."""


class TooLong(BaseException):
    """Code that ran longer than it may; no `except Exception` of a learner's catches it."""


# plain data, as JSON and the bytes of arrays


def pack(value, buffers, views=()):
    """JSON for a value; the bytes of its arrays are appended to `buffers`.

    `views`: arrays of which the value may hold views; it is said where, so that the other side can make the same view.
    """
    if isinstance(value, np.generic) and value.dtype.kind in "biufc":
        buffers.append(value.tobytes())
        return ["scalar", value.dtype.str]
    if value is None or isinstance(value, bool | int | float | str):
        plain = next((kind for kind in (bool, int, float, str) if isinstance(value, kind)), lambda none: none)
        return plain(value)
    if value is ...:
        return ["gap"]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufcU":
        buffers.append(np.ascontiguousarray(value).tobytes())
        plain = ["array", value.dtype.str, list(value.shape)]
        for k, whole in enumerate(views):
            if value.size and np.may_share_memory(value, whole):
                offset = value.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
                return ["view", plain, k, offset, list(value.strides)]
        return plain
    if isinstance(value, np.random.Generator) and isinstance(value.bit_generator, np.random.PCG64):
        return ["rng", value.bit_generator.state]
    if isinstance(value, dict):
        return ["dict", [[pack(k, buffers), pack(v, buffers, views)] for k, v in value.items()]]
    kinds = {tuple: "tuple", list: "list", types.GeneratorType: "generator", collections.abc.Iterator: "iterator"}
    for kind, name in kinds.items():
        if isinstance(value, kind):
            return [name, [pack(part, buffers, views) for part in value]]
    if hasattr(value, "__array__") and not isinstance(
        value, type | np.ndarray | np.generic
    ):  # a tensor, a column of a table
        return pack(np.asarray(value), buffers)
    return ["other", type(value).__name__]


def unpack(data, buffers, views=()):
    """The value that `pack` packed; Violation if there is none. `buffers`: an iterator over the bytes of the arrays."""
    if not isinstance(data, list):
        return data
    kind, *rest = data
    if kind in ("tuple", "list", "generator", "iterator"):
        parts = [unpack(part, buffers, views) for part in rest[0]]
        if kind == "generator":
            return (part for part in parts)
        return {"tuple": tuple, "list": list, "iterator": iter}[kind](parts)
    if kind == "dict":
        return {unpack(k, buffers): unpack(v, buffers, views) for k, v in rest[0]}
    if kind in ("scalar", "array"):
        dtype = np.dtype(rest[0])
        if dtype.kind not in "biufcU":
            raise Violation(f"expected numbers, got {dtype}")
        array = np.frombuffer(bytearray(next(buffers)), dtype)
        return array[0] if kind == "scalar" else array.reshape(rest[1])
    if kind == "view":
        plain, k, offset, strides = rest
        array = unpack(plain, buffers)
        with contextlib.suppress(ValueError, TypeError, IndexError):  # the other side's word for it is not enough
            view = np.ndarray(array.shape, array.dtype, views[k], offset, strides)
            if np.array_equal(view, array, equal_nan=array.dtype.kind in "fc"):
                return view
        return array
    if kind == "rng":
        rng = np.random.default_rng(0)
        rng.bit_generator.state = rest[0]
        return rng
    if kind == "gap":
        return ...
    if kind == "other":
        return type(str(rest[0])[:40], (), {})()
    raise Violation(f"unknown kind {kind!r}")


def write(stream, message, *values, views=()):
    """Send a message: JSON, with `values` packed under "values"."""
    buffers, packed = [], []
    for value in values:
        kept = len(buffers)
        try:
            packed.append(pack(value, buffers, views))
        except Exception as error:  # what a learner's object does when it is looked at
            del buffers[kept:]
            packed.append(["other", type(error).__name__])
    header = json.dumps({**message, "values": packed, "sizes": [len(part) for part in buffers]}).encode()
    if len(header) + sum(map(len, buffers)) > LARGEST:
        return write(stream, message, *[type("a result of more than 256 MB", (), {})()] * len(values))
    stream.write(struct.pack("<I", len(header)) + header)
    for part in buffers:
        stream.write(part)
    return stream.flush()


def read(stream):
    """The next message, its values still packed, with their buffers; EOFError at the end, Violation if it is none."""
    (size,) = struct.unpack("<I", _exactly(stream, 4))
    if size > LARGEST:
        raise Violation("a message of more than 256 MB")
    try:
        message = json.loads(_exactly(stream, size))
        sizes = [int(part) for part in message["sizes"]]
        fits = min(sizes, default=0) >= 0 and sum(sizes) <= LARGEST and isinstance(message["values"], list)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Violation(f"not a message: {type(error).__name__}") from error
    if not fits:
        raise Violation("a message of more than 256 MB")
    return message, [_exactly(stream, size) for size in sizes]


def _exactly(stream, size):
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("the other side has gone")
    return data


def values_of(message, buffers, views=()):
    """The values of a message; Violation whatever is wrong with them."""
    try:
        buffers = iter(buffers)
        return [unpack(value, buffers, views) for value in message["values"]]
    except Violation:
        raise
    except Exception as error:
        raise Violation(f"not values: {type(error).__name__}") from error


# a call


class Spoken:
    """A stdout that keeps the first few words and forgets the rest."""

    def __init__(self):
        self.text = ""

    def __setattr__(self, name, value):
        if name != "write":  # IPython would replace it by one that keeps every word
            super().__setattr__(name, value)

    def write(self, text):
        self.text = (self.text + text[:200])[:200]
        return len(text)

    def flush(self):
        """Nothing waits."""


def perform(function, arguments):
    """Call a function; (message, values, views) for `write`: the result, and each argument if it changed."""
    before, state, spoken = [_bytes(value) for value in arguments], core.global_state(), Spoken()
    message, result = {}, None
    try:
        with contextlib.redirect_stdout(spoken), np.errstate(all="ignore"):
            result = function(*arguments)
            if isinstance(result, collections.abc.Iterator):  # runs now, inside the limits
                parts = list(result)
                result = (part for part in parts) if inspect.isgenerator(result) else iter(parts)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        message["raised"] = raised(error)
    message |= {"printed": spoken.text, "drew": state != core.global_state()}
    changed = [(value,) if _bytes(value) != old else None for value, old in zip(arguments, before, strict=True)]
    return message, (result, changed), _arrays(arguments)


def raised(error):
    """[name, the built-in classes it belongs to, text, line] of an exception."""
    kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
    trace, line = error.__traceback__, None
    while trace and line is None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename != __file__ else None
        trace = trace.tb_next
    return [type(error).__name__, kinds, str(error)[:300], line]


def settle(message, buffers, arguments):
    """Do to `arguments`, here, what a call did on the other side; return its result, or raise what it raised."""
    views = _arrays(arguments)
    drafts = values_of(message, buffers)  # first the changes: a view must show them
    if len(drafts) != 2 or not isinstance(drafts[1], list) or len(drafts[1]) != len(arguments):
        raise Violation("not the reply to a call")
    try:
        for i, (old, new) in enumerate(zip(arguments, drafts[1], strict=True)):
            if new is not None:
                arguments[i] = _become(old, new[0])
    except Exception as error:
        raise Violation("not arguments") from error
    if message.get("drew"):
        np.random.random()  # noqa: NPY002 (somebody drew from it over there)
    if message.get("raised"):
        raise _rebuilt(message["raised"])
    if message.get("printed"):
        print(str(message["printed"])[:200])
    return values_of(message, buffers, views)[0]


def _rebuilt(words):
    try:
        name, kinds, text, line = words
        name, kinds, text = str(name)[:60], [str(kind) for kind in kinds], str(text)[:300]
        found = [getattr(builtins, kind, None) for kind in kinds]
        base = next((kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception)), Exception)
        error = type(name, (base,), {"__str__": lambda self: text})(text)
    except Exception:  # its own mistake: it is an exception all the same
        return Exception("")
    error.line_of_cell = line if isinstance(line, int) else None
    return error


def _become(old, new):
    """Give an argument the value that it has on the other side, in place where that can be."""
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        old[...] = (
            new if old.shape == new.shape else np.resize(new, old.shape)
        )  # never other memory: there may be views
        return old
    if isinstance(old, np.random.Generator) and isinstance(new, np.random.Generator):
        old.bit_generator.state = new.bit_generator.state
        return old
    if isinstance(old, list) and isinstance(new, list):
        old[:] = [*map(_become, old, new), *new[len(old) :]]
        return old
    if isinstance(old, dict) and isinstance(new, dict):
        both = {key: _become(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(both)
        return old
    return tuple(map(_become, old, new)) if isinstance(old, tuple) and isinstance(new, tuple) else new


def _bytes(value):
    if isinstance(value, collections.abc.Iterator):
        return None
    buffers = []
    return pack(value, buffers), buffers


def _arrays(value):
    """All arrays in lists, tuples and dicts, in order: the same on both sides."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [array for part in value for array in _arrays(part)]
    return [value] if isinstance(value, np.ndarray) else []


# the process


def limit_resources(memory):
    """Limits of the platform: memory, size of files, no core dumps. Windows has none of them."""
    try:
        import resource
    except ImportError:
        return
    for name, limit in {"RLIMIT_AS": memory, "RLIMIT_FSIZE": 2**28, "RLIMIT_CORE": 0}.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (limit, limit))


def keep_inside(folder):
    """Let this process write beneath `folder` alone, reach no network, signal no other process: Linux's Landlock.

    Where the kernel has none, nothing happens. Returns the version of Landlock, 0 if there is none.
    """
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    create, add, restrict = 444, 445, 446  # system calls, the same on all processors
    version = libc.syscall(create, None, 0, 1)
    if version < 1:
        return 0
    into_files = 1 << 1 | (1 << 14 if version >= 3 else 0)  # write, truncate
    writing = into_files | sum(1 << bit for bit in range(4, 14 if version >= 2 else 13))  # remove and make whatever
    what = [writing, 3, 2][: 3 if version >= 6 else 2 if version >= 4 else 1]  # files, TCP, signals
    rules = struct.pack(f"{len(what)}Q", *what)
    ruleset = libc.syscall(create, rules, len(rules), 0)
    for path, allowed in ((folder, writing), (os.devnull, into_files)):
        inside = os.open(path, os.O_PATH | os.O_CLOEXEC)
        libc.syscall(add, ruleset, 1, struct.pack("=Qi", allowed, inside), 0)
        os.close(inside)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    done = libc.syscall(restrict, ruleset, 0)
    os.close(ruleset)
    return version if done == 0 else 0


class Clock:
    """Raises TooLong in the code that runs after its time; where there are no alarms, the grader ends the process."""

    def __init__(self):
        self.running = False
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self.ring)

    def ring(self, number, frame):
        if self.running:
            raise TooLong(f"longer than {self.limit:g} s")

    @contextlib.contextmanager
    def __call__(self, limit):
        self.limit, self.running = limit, True
        try:
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, limit, 0.5)  # again and again: a bare `except:` may swallow one
            yield
        finally:
            self.running = False
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)


def main(folder, memory):
    """Read messages from stdin and answer on stdout until stdin ends. Neither is within reach of a `print`."""
    ask, tell = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    sys.stdin, sys.stdout, sys.stderr = open(os.devnull), Spoken(), Spoken()  # noqa: SIM115, PTH123
    os.chdir(folder)
    sys.path.append(folder)  # a learner's own modules, after everybody else's

    import IPython.core.interactiveshell
    import traitlets.config

    config = traitlets.config.Config()
    config.HistoryManager.enabled = False
    shell = IPython.core.interactiveshell.InteractiveShell.instance(config=config)
    shell.displayhook.quiet = lambda: True
    limit_resources(memory)
    keep_inside(folder)
    clock, answers, judged = Clock(), {}, set()
    _stand_ins(judged)
    while True:
        try:
            message, buffers = read(ask)
        except EOFError:
            return
        if message["do"] == "run":
            judged.clear()
            write(tell, _run(shell, clock, message))
        elif message["do"] == "take":
            judged.add(message["key"])
            kind, value = _take(shell.user_ns, message["source"])
            answers[message["key"]] = value
            with clock(message["limit"]):
                write(tell, {"kind": kind}, value if kind == "value" else None)
        else:
            arguments = values_of(message, buffers)
            with clock(message["limit"]):
                reply, values, views = perform(answers[message["key"]], arguments)
            write(tell, reply, *values, views=views)


def _run(shell, clock, message):
    try:
        with clock(message["limit"]):
            done = shell.run_cell(message["source"], store_history=False)
        error = done.error_before_exec or done.error_in_exec
    except BaseException as late:  # the bell rang on the way out
        error = late
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    return {"raised": raised(error)[0] if error else None}


def _take(names, source):
    """(kind, value) of an expression in the notebook: a function, blank or not, the course's own, or a value."""
    try:
        value = eval(source, names)
    except BaseException:
        return "missing", None
    if isinstance(value, core.Exercise):
        return "stand-in", None
    if callable(value) and not isinstance(value, np.ndarray):
        return ("blank" if core._blank(value) else "function"), value
    return "value", value


def _stand_ins(judged):
    """The course's own functions fill blanks, by `resume`; the one that is being judged does not answer."""
    import nnlib.exercises

    for item in core.REGISTRY.values():
        item.reference = _stand_in(item, item.reference, judged)
        item.draw, item.rules, item.mistakes = item.draw and tuple, [None] * len(item.rules), []
    nnlib.exercises.check = core.check = lambda *answer, seed=None: None  # the grader checks
    core.SOLUTIONS = False


def _stand_in(item, reference, judged):
    @functools.wraps(reference)
    def stand_in(*arguments, **named):
        if item.number in judged or not item.is_function:
            raise NotImplementedError("not done yet")
        return reference(*arguments, **named)

    return stand_in


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).resolve()), int(sys.argv[2]))
