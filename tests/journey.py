"""A learner's journey through the lessons, simulated: right answers, wrong ones and blanks, restarts, and the capstone.

    python tests/journey.py          # `make journey`: every lesson, in order and then out of order
    python tests/journey.py --seed 3

A step is: the learner runs one cell, in a real kernel. "No step raises" means:

1. While every answer is right or blank, no cell raises: from the top, from a restart, from the start of a sitting that
   promises it, run twice in a row, or run again after an interrupt.
2. An answer's own cell and its check never raise, however wrong it is. The check says ✗; for a blank it says "not done
   yet". A check that is run before its exercise cell is Python's own NameError, which names the function.
3. A wrong answer stays in use ("nothing corrects it behind your back"), so cells that come after its check may raise:
   the first of them in the learner's own function, or in a cell that names it or was told "its check failed".
   Once the answer is right, the same cells run again and none raises.
4. An interrupted cell ends, by KeyboardInterrupt or with what `fit` has learnt so far, and the kernel lives.
5. The folded last cell, tagged `guards`, compares the printed page with one run from the top. It must pass in such a
   run with right and blank answers, and is no step otherwise.
"""

import argparse
import ast
import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from wrong import RIGHT, WRONG, lesson00, lesson01, lesson02, lesson03, lesson04, lesson05, lesson06, lesson07, lesson08  # noqa: F401

from nnlib.exercises import Diagnosis
from nnlib.exercises.core import REGISTRY

ANSWERS = {"right": RIGHT, "wrong": WRONG}
ROOT = Path(__file__).resolve().parents[1]
LESSONS = {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))}
CAPSTONE = "06"
SITTINGS = {"04": "## sitting II", "06": "## sitting IV"}  # the later sittings that promise to start on their own
HIDDEN = "import sys\nsys.modules |= dict.fromkeys(['torch', 'keras', 'tensorflow', 'jax', 'sklearn'])"  # not installed


class Raised(AssertionError):
    """A step raised that should not have."""


def answer(number, kind, i):
    """An answer of tests/wrong to an exercise, with the name that its check expects; called in the kernel."""
    found = ANSWERS[kind][number][i]
    function = found[0] if kind == "wrong" else found

    def given(*arguments, **named):
        return function(*arguments, **named)

    given.__name__ = REGISTRY[number].name
    return given


def spoilers(number):
    """The places, in the list of wrong answers, of those that change what they are given."""
    diagnoses = [row[1] if isinstance(row[1], tuple) else (row[1],) for row in WRONG.get(number, [])]
    return [i for i, diagnosis in enumerate(diagnoses) if diagnosis[0] is Diagnosis.MODIFIES_ARGUMENT]


def tag(cell, prefix):
    """What follows the prefix in a tag of the cell, or None."""
    return next((t.removeprefix(prefix) for t in cell.metadata.get("tags", []) if t.startswith(prefix)), None)


class Desk:
    """One lesson on a learner's desk: its cells, which the learner may change, and a kernel that runs them."""

    def __init__(self, lesson):
        self.lesson = lesson
        self.cells = nbformat.read(LESSONS[lesson], as_version=4).cells
        self.original = [cell.source for cell in self.cells]
        self.code = [i for i, cell in enumerate(self.cells) if cell.cell_type == "code"]
        self.place = {f"{p}{tag(c, p)}": i for p in ("check-", "exercise-") for i, c in self.tagged(p)}
        self.numbers = [tag(cell, "check-") for _, cell in self.tagged("check-")]
        self.state = dict.fromkeys(self.numbers, "blank")
        self.steps, self.told = 0, ""
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)

    def tagged(self, prefix):
        return [(i, cell) for i, cell in enumerate(self.cells) if tag(cell, prefix)]

    def __enter__(self):
        self.manager = KernelManager(kernel_name="python3")
        path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH")]))
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
        own = {
            "PYTHONPATH": path,
            "IPYTHONDIR": self.profile.name,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        }
        self.manager.start_kernel(cwd=str(ROOT / "notebooks"), env=os.environ | one_thread | own)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.fresh()
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.profile.cleanup()

    def fresh(self):
        self.client.wait_for_ready(timeout=60)
        self.told = ""
        self.say(HIDDEN)

    def restart(self):
        self.manager.restart_kernel(now=True)
        self.fresh()

    def say(self, source):
        """(error or None, what was shown) of some code."""
        shown = []

        def hear(message):
            content = message["content"]
            shown.append(content.get("text") or content.get("data", {}).get("text/plain", ""))

        reply = self.client.execute_interactive(source, output_hook=hear, allow_stdin=False, timeout=300)["content"]
        return None if reply["status"] == "ok" else reply, "\n".join(text for text in shown if text)

    def interrupted(self, i, after):
        """Run a cell and interrupt it so many seconds after it has begun; the error or None."""
        asked, told, reply = self.client.execute(self.cells[i].source, allow_stdin=False), {}, None
        while (told.get("msg_type"), told.get("parent_header", {}).get("msg_id")) != ("execute_input", asked):
            told = self.client.get_iopub_msg(timeout=60)
        time.sleep(after)
        self.manager.interrupt_kernel()
        while reply is None or reply["parent_header"].get("msg_id") != asked:
            reply = self.client.get_shell_msg(timeout=60)
        return None if reply["content"]["status"] == "ok" else reply["content"]

    def try_cell(self, i):
        """Run a cell as it stands; the error or None."""
        self.steps += 1
        error, shown = self.say(self.cells[i].source)
        self.told += shown
        number = tag(self.cells[i], "check-")
        if number and error is None:
            mark, said, *_ = f"{shown.strip()} ?".split()
            expected = {"blank": "·", "wrong": "✗·"}.get(self.state[number], "✓")
            if said != number or mark not in expected:
                raise Raised(f"lesson {self.lesson}: {self.state[number]} answer, but the check said {shown!r}")
        return error

    def run(self, *cells):
        """Run cells, none of which may raise."""
        for i in cells:
            if error := self.try_cell(i):
                raise Raised(self.words(i, error))

    def words(self, i, error):
        trace = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.get("traceback", [])))[-1500:]
        where = f"lesson {self.lesson}, cell {i}, answers {self.state}:\n{self.cells[i].source}"
        return f"{where}\n{error['ename']}: {error['evalue']}\n{trace}"

    def steps_between(self, start, stop):
        """The code cells from one place to another, without the guards."""
        return [i for i in self.code if start <= i < stop and "guards" not in self.cells[i].metadata.get("tags", [])]

    # the learner's answers

    def fill(self, number, kind, rng, places=None):
        """Put an answer into the cell: "right" in some way, "wrong", the course's "solution", or "blank" again.

        A function is drawn from these places in the list of such answers; from all of them, if none are named.
        """
        item, check = REGISTRY[number], self.place[f"check-{number}"]
        cell = self.place[f"exercise-{number}"] if item.is_function else check
        rows = ANSWERS.get(kind, {}).get(number, [])
        if kind == "blank":
            self.cells[cell].source = self.original[cell]
        elif item.is_function:
            theirs = f"answer({number!r}, {kind!r}, {rng.choice(places or range(len(rows) or 1))})"
            call = theirs if rows else f"REGISTRY[{number!r}].reference"  # the latter for "solution"
            self.cells[cell].source = f"from journey import REGISTRY, answer\n\n{item.name} = {call}"
        else:
            values = [row[0] if kind == "wrong" else row for row in rows]
            values = [value for value in values if is_literal(value)] or [item.reference()]
            self.cells[cell].source = f"check({number!r}, {rng.choice(values)!r})"
        self.state[number] = kind

    def answered(self, number):
        """The cells of an exercise: its own and its check."""
        places = (self.place.get(f"exercise-{number}"), self.place[f"check-{number}"])
        return [i for i in places if i is not None]

    def mistaken(self, number, stop, rng, places=None):
        """Answer wrongly, look at the hint, go on to `stop` all the same; then put it right and run that part again."""
        self.fill(number, "wrong", rng, places)
        cells = self.answered(number)
        self.run(*cells)
        imported = "from nnlib.exercises import hint\n" if self.lesson == "00" else ""  # where it is shown only later
        error, hint = self.say(f"{imported}hint({number!r})")
        if error or not hint.startswith("hint "):
            raise Raised(f"hint({number!r}) said {error or hint!r}")
        later, broken, name = self.steps_between(cells[-1] + 1, stop), None, REGISTRY[number].name
        self.told = ""
        for i in later:
            error = self.try_cell(i)
            if error and not broken:
                broken = self.words(i, error)
                if not (name in broken or f"{name} (its check failed)" in self.told):
                    raise Raised(f"{broken}\nwhich has nothing to do with the wrong {name}")
        self.fill(number, "right", rng)
        self.run(*cells, *later)
        return broken


def is_literal(value):
    """Can a learner type it?"""
    try:
        return ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError):
        return False


# the ways through a lesson


def first_time(lesson, rng):
    """From the top: answers right, wrong and then right, or blank; cells run twice; a check too early; an interrupt."""
    with Desk(lesson) as desk:
        functions = [number for number in desk.numbers if REGISTRY[number].is_function]
        early, at, slow, broken = functions[:1], 0, None, 0
        for k, number in enumerate(desk.numbers):
            cells = desk.answered(number)
            for i in desk.steps_between(at, cells[0]):
                again, began = rng.random() < 0.5, time.monotonic()  # drawn for slow cells too: the same on any machine
                desk.run(i)
                took = time.monotonic() - began
                if slow is None and took > 0.4 and i > desk.code[1]:
                    slow = i
                    error = desk.interrupted(i, took / 3)
                    if error and error["ename"] != "KeyboardInterrupt":
                        raise Raised(desk.words(i, error))
                    desk.run(i)
                elif took < 0.4 and again:
                    desk.run(i)
            if number in early:
                error = desk.try_cell(cells[-1])
                if not error or error["ename"] != "NameError" or REGISTRY[number].name not in error["evalue"]:
                    raise Raised(f"check({number}) before its cell: {error}")
            after = desk.numbers[k + 1 : k + 2]
            stop = desk.answered(after[0])[0] if after else len(desk.cells)
            kind = rng.choice(["blank", "right", "wrong"])
            if kind == "wrong":
                broken += desk.mistaken(number, stop, rng) is not None
            else:
                desk.fill(number, kind, rng)
                desk.run(*cells, *cells)
                desk.run(*desk.steps_between(cells[-1] + 1, stop))
            at = stop
        desk.run(*desk.steps_between(at, len(desk.cells)))
        return desk.steps, broken


def spoiling(lesson, rng):
    """From the top: wherever an answer may change what it is given, one that does, and then a right one."""
    with Desk(lesson) as desk:
        at, broken = 0, 0
        for number, after in zip(desk.numbers, [*desk.numbers[1:], None], strict=True):
            cells = desk.answered(number)
            stop = desk.answered(after)[0] if after else len(desk.cells)
            desk.run(*desk.steps_between(at, cells[0]))
            if places := spoilers(number):
                broken += desk.mistaken(number, stop, rng, places) is not None
            else:
                desk.fill(number, "solution", rng)
                desk.run(*cells, *desk.steps_between(cells[-1] + 1, stop))
            at = stop
        return desk.steps, broken


def another_day(lesson, rng):
    """Right answers and blanks; half of the lesson, the kernel restarts; from the top to the end, guards too."""
    with Desk(lesson) as desk:
        middle = desk.code[len(desk.code) // 2]
        for number in desk.numbers:
            desk.fill(number, rng.choice(["blank", "right"]), rng)
        desk.run(*desk.steps_between(0, middle))
        desk.restart()
        desk.run(*desk.code)
        return desk.steps, 0


def later_sitting(lesson, rng, kinds=("blank", "solution")):
    """A new kernel: the set-up cell, then a later sitting alone, to its end. (Answers in loops would take minutes.)"""
    with Desk(lesson) as desk:
        for number in desk.numbers:
            desk.fill(number, rng.choice(kinds), rng)
        start = next(i for i, cell in enumerate(desk.cells) if re.search(f"^{SITTINGS[lesson]} ", cell.source, re.M))
        desk.run(desk.code[0])
        if "blank" not in kinds:  # "your earlier exercise cells if you want your own functions used"
            desk.run(*(i for i, cell in desk.tagged("exercise-") if i < start))
        desk.run(*desk.steps_between(start, len(desk.cells)))
        return desk.steps, desk.told


def capstone(rng):
    """The last sitting of lesson 06 with every answer right, all functions the learner's own; the test accuracy."""
    steps, told = later_sitting(CAPSTONE, rng, kinds=["solution"])
    if "the course's:" in told or "(its check failed)" in told:
        raise Raised("with every exercise done, the capstone still stands on functions of the course")
    share = re.search(r"trained on 9,000 garments: ([\d.]+) ±", told)
    if not share or float(share[1]) < 85:
        raise Raised(f"the capstone asks for 85 %, got {share and share[0]}")
    return steps, float(share[1])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seed", type=int, default=0, help="which answers, and which order")
    arguments.add_argument("lessons", nargs="*", default=[*LESSONS], help="such as 03 04; all if none is named")
    chosen = arguments.parse_args()
    failed, began = [], time.monotonic()
    shuffled = random.Random(chosen.seed).sample(chosen.lessons, len(chosen.lessons))
    journey = [(first_time, lesson) for lesson in chosen.lessons]
    spoiled = {number.split(".")[0].zfill(2) for number in WRONG if spoilers(number)}
    journey += [(spoiling, lesson) for lesson in chosen.lessons if lesson in spoiled]
    journey += [(later_sitting, lesson) for lesson in shuffled if lesson in SITTINGS]
    journey += [(another_day, lesson) for lesson in shuffled]
    for way, lesson in journey:
        rng = random.Random(f"{chosen.seed} {way.__name__} {lesson}")  # so that it goes the same way when alone
        try:
            steps, broken = way(lesson, rng)
            note = f", {broken} stopped by a wrong answer of their own" if way in (first_time, spoiling) else ""
            print(f"{time.monotonic() - began:5.0f} s  {lesson}  {way.__name__}: {steps} steps{note}", flush=True)
        except Raised as error:
            failed.append((lesson, way.__name__))
            print(f"{lesson} {way.__name__} RAISED\n{error}", flush=True)
    if CAPSTONE in chosen.lessons:
        steps, share = capstone(random.Random(chosen.seed))
        print(f"{time.monotonic() - began:5.0f} s  {CAPSTONE}  capstone: {steps} steps, {share} % of the test garments")
    print("raised: " + ", ".join(map(" ".join, failed)) if failed else "no step raised")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
