"""Is every lesson made as a lesson should be? Rules about the stored file; running it is nbval's part.

Each rule is a function that yields complaints about one notebook. Each is shown, on a made-up notebook, to complain
when it should.
"""

import ast
import copy
import importlib.util
import inspect
import os
import re
import shutil
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import nnlib
from nnlib.exercises import solution
from nnlib.exercises.core import NUMBER, REGISTRY, blank, check_cell, number_of

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

_spec = importlib.util.spec_from_file_location("execute", NOTEBOOKS / "execute.py")
execute = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(execute)

SETUP = f"""\
try:
    import nnlib.data
except ImportError:  # on Colab, or with this notebook on its own
    %pip install -q "nnlib-course[pictures,widgets] @ {PYPROJECT["project"]["urls"]["Repository"]}/archive/HEAD.zip"
import matplotlib.pyplot as plt
import numpy as np"""

WORKBOOKS = ("06", "08")  # in sittings, exempt from the number of cells
FORBIDDEN = r"\b(simply|just|obvious(ly)?|trivial(ly)?|fancy|recall that|of course)\b"
UNFINISHED = r"\b(todo|fixme|xxx|tbd|coming soon|under construction|lorem ipsum)\b"
MACHINE = r"/(home|Users|root|tmp|work|mnt)/|\b[A-Z]:\\|file://|ipykernel_\d"
EMOJI = r"[\U0001F000-\U0001FAFF\uFE0F\u2705\u2728\u274C\u274E\u26A0\u2B50\u2757\u2753]"
DURATION = r"\b\d+(\.\d+)?\s?(ns|µs|μs|ms|s|secs?|seconds?)\b|\b(seconds|elapsed)\b"


# what the rules ask of a notebook


def tags(cell):
    return cell.metadata.get("tags", [])


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def printed(cell):
    """The text of a cell's outputs, as nbval would compare it."""
    texts = []
    for output in cell.outputs:
        texts.append(output.get("text", ""))
        texts += [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(texts)


def without_code(markdown):
    """Markdown without fenced blocks and code spans."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", markdown, flags=re.DOTALL)


def is_loop(source):
    """A training loop: a `for` and an update."""
    return re.search(r"^\s*for\b", source, re.M) and re.search(r"\.step\(\)|[-+]=", source)


def task_of(cell, *prefixes):
    """The number of the exercise that a cell belongs to, by its tags task-…, exercise-… or check-…; or None."""
    return next((tag.removeprefix(p) for tag in tags(cell) for p in prefixes if tag.startswith(p)), None)


def solution_cell(cell):
    """The source of a cell with the reference in place of the blank; other cells as they are."""
    if number := task_of(cell, "exercise-"):
        return str(solution(number))
    if (number := task_of(cell, "check-")) and not REGISTRY[number].is_function:
        return f"check({number!r}, {plain(REGISTRY[number].reference())!r})"
    return cell.source


def plain(value):
    """A value as somebody types it: arrays as lists."""
    return tuple(map(plain, value)) if isinstance(value, tuple) else getattr(value, "tolist", lambda: value)()


# the rules: (notebook, its number as two digits) -> complaints


def head(notebook, number):
    cell = notebook.cells[0]
    if cell.cell_type != "markdown" or not re.match(rf"# {number} · \S.*\n", cell.source):
        yield f"the first cell should be markdown that begins with '# {number} · ', got {cell.source[:60]!r}"
        return
    for part, pattern in {
        "the question of the lesson in italics": r"^\*[^*\n]+\?\*$",
        "**You will build**": r"\*\*You will build\*\*",
        "the minutes in bold": r"\*\*[^*]*\d+ minutes[^*]*\*\*",
    }.items():
        if not re.search(pattern, cell.source, re.M):
            yield f"the head lacks {part}"


def set_up(notebook, number):
    first = code_cells(notebook)[0]
    if first.source != SETUP:
        yield f"the first code cell should be exactly\n{SETUP}\ngot\n{first.source}"
    if "setup" not in tags(first):
        yield "the first code cell lacks the tag setup"


def executed(notebook, number):
    for i, cell in enumerate(notebook.cells):
        if not cell.source.strip():
            yield f"cell {i} is empty"
        if cell.cell_type == "code":
            if cell.execution_count is None:
                yield f"cell {i} has not been executed"
            for output in cell.outputs:
                if output.output_type == "error" or output.get("name") == "stderr":
                    yield f"cell {i} has stored {output.get('ename') or output.text!r}"
    if not any(cell.outputs for cell in code_cells(notebook)):
        yield "no cell has an output: run `make notebooks`"


def cell_lengths(notebook, number):
    """A framework's classes and loops, in the cells that test_parity.py reads, are not cut up for the median."""
    cells = [cell for cell in code_cells(notebook) if not {"setup", "guards"} & {*tags(cell)}]
    cells = [cell for cell in cells if not task_of(cell, "exercise-", "check-")]
    for cell in cells:
        limit = 20 if is_loop(cell.source) else 15
        if len(lines(cell)) > limit:
            yield f"{len(lines(cell))} lines, at most {limit}, in the cell that begins {cell.source[:50]!r}"
    median = statistics.median(len(lines(cell)) for cell in cells if "parity" not in tags(cell))
    if not 2 <= median <= 6:
        yield f"the median cell has {median} lines, expected 2 to 6"


def cell_number(notebook, number):
    """Widgets and cells to fill in, to check an answer or to fall back on the course's are not counted."""
    counted = [cell for cell in code_cells(notebook) if not task_of(cell, "exercise-", "check-", "widget-")]
    count = sum(not cell.source.startswith("resume(") for cell in counted)
    most = 50 if number in ("00", "04") else 40
    if number not in WORKBOOKS and not 15 <= count <= most:
        yield f"{count} code cells, expected 15 to {most}"


def no_semicolon(notebook, number):
    for cell in code_cells(notebook):
        if re.search(r";\s*(#.*)?$", cell.source, re.M):
            yield f"a trailing ; in {cell.source[-50:]!r}"


def no_times(notebook, number):
    """A measured time differs from run to run; only those of data/timings.json may be shown."""
    for cell in code_cells(notebook):
        found = re.search(DURATION, printed(cell))
        if found and "timings" not in cell.source:
            yield f"the output shows a time, {found[0]!r}, in the cell that begins {cell.source[:50]!r}"
        if re.search(r"^\s*%%?time", cell.source, re.M):
            yield "%time and %timeit print what differs from run to run"


def guards(notebook, number):
    guarding = [cell for cell in notebook.cells if "guards" in tags(cell)]
    if len(guarding) != 1 or guarding[0] is not notebook.cells[-1]:
        yield f"expected one cell tagged guards, the last, got {len(guarding)}"
        return
    cell = guarding[0]
    if cell.cell_type != "code" or not re.search(r"\b(assert\b|quoted\()", cell.source):
        yield "the guards assert nothing"
    if not cell.metadata.get("jupyter", {}).get("source_hidden"):
        yield "the guards are not folded"
    if cell.get("outputs"):
        yield "the guards have an output"


def exercises(notebook, number):
    """Task, blank and check of each exercise stand in a row and say what nnlib.exercises says."""
    expected = [item for item in REGISTRY.values() if item.order[0] == int(number)]
    found = [task_of(cell, "task-") for cell in notebook.cells if task_of(cell, "task-")]
    if sorted(found) != sorted(item.number for item in expected):
        yield f"the tasks are {sorted(found)}, expected {sorted(item.number for item in expected)}"
        return
    for item in expected:
        i = next(i for i, cell in enumerate(notebook.cells) if task_of(cell, "task-") == item.number)
        task, *rest = notebook.cells[i : i + 3]
        if task.source.splitlines()[0] != f"### {item.heading}":
            yield f"{item.number}: expected the heading '### {item.heading}', got {task.source.splitlines()[0]!r}"
        if (letters := re.findall(r"^\* \*\*(\w)\*\* · \S", task.source, re.M)) != list(item.options or ()):
            yield f"{item.number}: the choices are {letters}, expected {list(item.options or ())}"
        if "<details>" in task.source:
            yield f"{item.number}: the answer stands twice; solution({item.number!r}) has it"
        wanted = [(f"exercise-{item.number}", blank(item))] if item.is_function else []
        wanted.append((f"check-{item.number}", check_cell(item)))
        for cell, (tag, text) in zip(rest, wanted, strict=False):
            if tag not in tags(cell) or cell.cell_type != "code":
                yield f"{item.number}: expected a code cell tagged {tag}, got {tags(cell)}"
            elif cell.source != text:
                yield f"{item.number}: expected\n{text}\ngot\n{cell.source}"


def reflection(notebook, number):
    """One thing to explain to a friend; from lesson 02 on, one question from two lessons back."""
    for tag, first in (("explain", 1), ("recall", 2)):
        count = sum(tag in tags(cell) and "<details>" in cell.source for cell in notebook.cells)
        if int(number) >= first and number not in WORKBOOKS[1:] and count != 1:
            yield f"{count} cells tagged {tag} with a model answer, expected 1"


WIDGETS = {  # what DESIGN and the lessons' plan ask for, in the order of the lesson
    "00": ["DrawDigit"],
    "02": ["InitExplorer"],
    "03": ["NeuronPlayground", "SoftmaxExplorer"],
    "04": ["SlopeExplorer", "TrainingStepper"],
    "05": ["DescentExplorer", "TrainingStepper", "TrainingStepper", "DrawDigit", "MistakeBrowser"],
    "06": ["DescentExplorer"],
}


def widgets(notebook, number):
    """Each lesson has its widgets; before each stands what to try, and its picture is stored with its words."""
    found = [task_of(cell, "widget-") for cell in notebook.cells if task_of(cell, "widget-")]
    if sorted(found) != sorted(WIDGETS.get(number, [])):
        yield f"the widgets are {found}, expected {WIDGETS.get(number, [])}"
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if name := task_of(cell, "widget-"):
            shown = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
            if before.cell_type != "markdown":
                yield f"{name}: nothing before it says what to try"
            if len(shown) != 1 or shown[0].metadata["image/png"].get("alt") != shown[0].data.get("text/plain"):
                yield f"{name}: expected one picture with its description as alt text and as text"
            if any("widget" in kind for output in shown for kind in output.data):
                yield f"{name}: a live widget is stored, run `make notebooks`"


def closing(notebook, number):
    cells = [cell for cell in code_cells(notebook) if "closing" in tags(cell)]
    if number not in ("00", *WORKBOOKS) and not cells:
        yield "no code cell is tagged closing"
    if cells and not any("assert" in cell.source for cell in cells):
        yield "no closing cell asserts that nnlib agrees with the reader's code"


def checked_outputs(notebook, number):
    cells = [cell for cell in notebook.cells if "nbval-check-output" in tags(cell)]
    if not cells:
        yield "no cell is tagged nbval-check-output"
    for cell in cells:
        text = printed(cell) if cell.cell_type == "code" else ""
        if not text.strip():
            yield f"nbval-check-output on a cell without text output: {cell.source[:50]!r}"
        for whole, decimals in re.findall(r"(\d+)\.(\d{5,})", text):
            if len((whole + decimals).lstrip("0")) > 4:
                yield f"{whole}.{decimals} has too many digits for a checked output: four"


def words(notebook, number):
    for cell in notebook.cells:
        text = cell.source if cell.cell_type == "markdown" else "\n".join(re.findall(r"#.*", cell.source))
        text = re.sub(r"\[[^]]*\](?=\(https?:)|\*[^*\n]+\*(?= \()", "", text)  # titles of works are what they are
        for pattern in (FORBIDDEN, UNFINISHED):
            for found in re.finditer(pattern, text, re.I):
                yield f"{found[0]!r} in {text[max(0, found.start() - 30) : found.end() + 30]!r}"


def alt_texts(notebook, number):
    """Markdown pictures have alt text; a figure has it in the stored output, and says the same as its text."""
    for cell in prose(notebook):
        for picture in re.findall(r"!\[\s*\]\([^)]*\)|<img\b(?![^>]*\balt=[\"'][^\"'])[^>]*>", cell.source):
            yield f"no alt text: {picture}"
    for cell in code_cells(notebook):
        for output in cell.outputs:
            for kind in (kind for kind in output.get("data", {}) if kind.startswith("image/")):
                alt = output.metadata.get(kind, {}).get("alt", "")
                if len(alt.split()) < 4:
                    yield f"a figure without alt text, got {alt!r}; viz.described gives it: {cell.source[:50]!r}"
                elif alt != output.data.get("text/plain"):
                    yield f"a figure whose text is not its alt text: {cell.source[:50]!r}"


def headings(notebook, number):
    level = 0
    for cell in prose(notebook):
        for marks, title in re.findall(r"^(#+) +(.*)$", re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL), re.M):
            if len(marks) > level + 1:
                yield f"heading {title!r} has level {len(marks)} after level {level}"
            if level and len(marks) == 1:
                yield f"a second title: {title!r}"
            level = len(marks)


def links(notebook, number):
    for cell in prose(notebook):
        for target in re.findall(r"\]\(([^)\s]+)[^)]*\)", without_code(cell.source)):
            file, _, _ = target.partition("#")
            if file and not re.match(r"https?://|mailto:|attachment:|data:", target):
                if not (NOTEBOOKS / file).exists():
                    yield f"{target} does not exist"
                elif not (NOTEBOOKS / file).resolve().is_relative_to(ROOT):
                    yield f"{target} is outside of the course"


def equation_tags(notebook, number):
    found = re.findall(r"\\tag\{([^}]*)\}", "\n".join(cell.source for cell in prose(notebook)))
    expected = [f"{int(number)}.{k}" for k in range(1, len(found) + 1)]
    if found != expected:
        yield f"equations are numbered {found}, expected {expected}"


def details(notebook, number):
    """An answer that is not closed hides the rest of its cell."""
    for cell in prose(notebook):
        counts = [len(re.findall(tag, cell.source)) for tag in ("<details>", "<summary>", "</summary>", "</details>")]
        if len({*counts}) != 1:
            yield f"<details> and <summary> opened and closed {counts} times in {cell.source[:50]!r}"
        if re.search(r"</summary>\n(?!\n)", cell.source):
            yield f"no blank line after </summary>: the markdown below is not rendered, in {cell.source[:50]!r}"


def machines(notebook, number):
    for cell in notebook.cells:
        for text in (cell.source, printed(cell) if cell.cell_type == "code" else ""):
            found = re.search(MACHINE, text)
            if found:
                yield f"a path of one machine: {text[found.start() : found.start() + 40]!r}"
            if found := re.search(EMOJI, text):
                yield f"an emoji: {found[0]!r} in {cell.source[:50]!r}"


def order(notebook, number):
    """Lesson N uses of nnlib what lessons before it built; what it builds itself, in its closing cell."""
    if number == "00":
        return
    known, own = {}, set()  # names bound by an import; attributes that classes of the notebook define
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            reader = _Reader(known, own)
            reader.visit(ast.parse(_python(cell.source)))
            for name, lesson in reader.used:
                last = int(number) - ("closing" not in tags(cell) and name.strip(".") not in DISCOVERED)
                if lesson > last:
                    hint = "; only a closing cell may use it" if lesson == int(number) else ""
                    yield f"cell {i} uses {name}, built in lesson {lesson:02}{hint}"


STATED = {  # numbers that no cell of the lesson can compute: published ones, sizes of published sets, suppositions
    "01": [
        "If one class filled 90 % of the data", "would be right 90 % of the time", "scores 100 % on them",
        "A network that reads 85 % sounds good", "the official 60,000 MNIST training images", "the best: 97.3 %.",
    ],
    "02": ["a network that had read 94 of 100", "knows that pixel 300 and pixel 301 are neighbours"],
    "03": [
        "hidden layers until about 2010", 'read them as "80 % a three"', "for 10 examples and for 10,000",
        "the true class 0.9 is better than one that gives it 0.6",
    ],
    "05": ["if it started at 12", "A start at 12 means", "Very near 100 %", "SGD in 74 lines of Python"],
    "06": [
        "ReLU and biases: 6.1 to 6.4", "mini-batches: 6.5 to 6.8", "for a step: 6.9 to 6.13", "stopping: 6.14 to 6.16",
        "the ε of Keras's Adam is 10⁻⁷, not 10⁻⁸", "sets it to 0.99", "Keras's name for 6.16",
        "algorithm 1 is your 6.13",
    ],
    "07": [
        "on the 60,000 training images of MNIST, the first ends at 11.35 %", "and the second near 10 %",
        "the logarithm of −0.3 or 1.7", "One reaches 97 %, the other 94 %",
    ],
}  # fmt: skip


NO_MEASUREMENT = [  # where a number in prose is a name, or a part of the code or the mathematics
    r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$",
    r"^#+ [^\n]*|^ *\d+\. |\? \| (\d × )?\d+ \|$",  # headings, lists; the minutes of the course's map
    r"\]\([^)\s]*\)|https?://[^\s)]+|\[[^]]*\](?=\(https?:)|</?[a-z][^<>\n]*>",
    r"\b(lessons|sections|exercises|questions|equations) \d[\d.]*((, | and | or | to |–)\d[\d.]*)*",
    r"\b(lesson|section|exercise|question|equation|sitting|chapter|part) \d[\d.]*",
    r"\([1-8]\.\d+\)|\[\d\d\b[^],]*\](?=\()",  # an equation; a link to a lesson
    r"\(([^()\d]* )?(19|20)\d\d\)|\bPython \d\.\d+|\bNumPy \d\b|\b\d+ minutes\b",
]


def squeezed(text):
    """Words as `quoted` has them: one space, no bold, no italics."""
    return " ".join(re.sub(r"[*~]", "", text).split())


def without_names(markdown):
    """The same text, as long, with the digits gone that measure nothing."""
    for pattern in NO_MEASUREMENT:
        markdown = re.sub(
            pattern, lambda found: re.sub(r"[\d½⅓⅔¼¾]", "_", found[0]), markdown, flags=re.I | re.M | re.S
        )
    return markdown


def without_wrong_choices(cell):
    """The source of a cell; where it asks a question with choices, only the right one keeps its numbers."""
    item = REGISTRY.get(task_of(cell, "task-"))
    wrong = "".join(letter for letter in item.options if letter != item.reference()) if item and item.options else ""
    pattern = rf"^\* \*\*[{wrong}]\*\* · [^\n]*" if wrong else r"$^"
    return re.sub(pattern, lambda found: re.sub(r"[\d½⅓⅔¼¾]", "_", found[0]), cell.source, flags=re.M)


def literals(source):
    """The numbers that stand in a cell's code."""
    nodes = list(ast.walk(ast.parse(_python(source))))
    found = {node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) in (int, float)}
    signs = [node.operand for node in nodes if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)]
    return found | {-node.value for node in signs if isinstance(node, ast.Constant)}


def numbers(notebook, number):
    """Each number in prose is compared with what the lesson measured, or stands in its code, or in a checked output.

    A guard `quoted(words, …)` compares; STATED lists the words of numbers that come from elsewhere.
    """
    calls = [
        node for node in ast.walk(ast.parse(notebook.cells[-1].source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "quoted"
    ]  # fmt: skip
    held = list(STATED.get(number, []))
    for node in calls:
        if isinstance(node.args[0], ast.Constant):
            held.append(node.args[0].value)
        else:
            yield f"quoted wants its words as they stand in the prose, got {ast.unparse(node.args[0])}"
    in_code = set().union(*[literals(cell.source) for cell in code_cells(notebook) if "guards" not in tags(cell)])
    checked = [printed(cell) for cell in code_cells(notebook) if "nbval-check-output" in tags(cell)]
    checked = [re.sub(r"<[^<>]*>", " ", text) for text in checked]  # the numbers of a table, not of its style
    shown = {number_of(match)[0] for text in checked for match in NUMBER.finditer(text)}
    texts = [(squeezed(cell.source), squeezed(without_names(without_wrong_choices(cell)))) for cell in prose(notebook)]
    for part in held:
        if not any(squeezed(part) in whole for whole, _ in texts):
            yield f"quoted words that the prose lacks: {part!r}"
    for whole, open_text in texts:
        spans = [found.span() for part in held for found in re.finditer(re.escape(squeezed(part)), whole)]
        for match in NUMBER.finditer(open_text):
            value = number_of(match)[0]
            unit = re.match(r" ?%| points?\b| times\b|-fold", open_text[match.end() :])
            small = re.fullmatch(r"\d|10", match[0])
            known = not unit and (small or value in in_code or value in shown)
            if not known and not any(start <= match.start() and match.end() <= end for start, end in spans):
                around = open_text[max(0, match.start() - 40) : match.end() + 25]
                yield f"{match[0]} is neither guarded by quoted() nor in the lesson's code, in {around!r}"


RULES = [
    head, set_up, executed, cell_lengths, cell_number, no_semicolon, no_times, guards, exercises, reflection, closing,
    checked_outputs, words, alt_texts, headings, links, equation_tags, details, machines, order,
    numbers,
]  # fmt: skip


# which lesson builds what: the docstrings of nnlib say it


SCENERY = {"Dataset", "Split", "examine", "load_fashion_mnist", "load_mnist", "moons", "spirals", "split"}
DISCOVERED = {"theta", "grad", "parameters"}  # lesson 05 does not build them: it shows that Sequential has them
ATTRIBUTES = dict.fromkeys((*DISCOVERED, "save", "load", "step"), 5) | {"backward": 4}
PUBLIC = {
    name: thing for name, thing in vars(nnlib).items() if name[0] != "_" and not isinstance(thing, ModuleType)
}  # fmt: skip


def lesson_of(thing):
    """The number in "Built in lesson 05.", the first one in "Built in lessons 03 and 04."; None without such words."""
    found = re.search(r"[Bb]uilt in\s+lessons?\s+(\d\d)", inspect.getdoc(thing) or "")
    return int(found[1]) if found else None


LESSONS = {id(thing): lesson_of(thing) for name, thing in PUBLIC.items() if name not in SCENERY}


def _python(source):
    """The cell without IPython's magics."""
    source = "" if source.startswith("%%") else source
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M)


class _Reader(ast.NodeVisitor):
    """Collects (name, lesson) for what a cell uses of nnlib. A name that the reader defines is the reader's own."""

    def __init__(self, known, own):
        self.known, self.own, self.used = known, own, []

    def use(self, thing, name):
        if LESSONS.get(id(thing)):
            self.used.append((name, LESSONS[id(thing)]))

    def visit_Import(self, node):
        for alias in node.names:
            first = alias.name.partition(".")[0]
            if first == "nnlib":
                module = importlib.import_module(alias.name)
                self.known[alias.asname or first] = module if alias.asname else nnlib
            else:
                self.known[alias.asname or first] = ModuleType(first)

    def visit_ImportFrom(self, node):
        for alias in node.names:
            name = alias.asname or alias.name
            if (node.module or "").partition(".")[0] != "nnlib":
                self.known[name] = None
            elif alias.name == "*":
                self.used.append((f"from {node.module} import *", 99))
            else:
                module = importlib.import_module(node.module)
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
                self.known[name] = getattr(module, alias.name)
                self.use(self.known[name], alias.name)

    def resolve(self, node):
        """What a dotted name stands for, as far as imports tell."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self.resolve(node.value), node.attr, None)
        return None

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self.use(self.known.get(node.id), node.id)
        else:
            self.known.pop(node.id, None)

    def visit_Attribute(self, node):
        base = self.resolve(node.value)
        self.use(self.resolve(node), ast.unparse(node))
        plot = isinstance(node.value, ast.Name) and re.fullmatch(r"ax\w*|fig\w*", node.value.id)
        if node.attr in ATTRIBUTES and node.attr not in self.own and not isinstance(base, ModuleType) and not plot:
            self.used.append((f".{node.attr}", ATTRIBUTES[node.attr]))
        self.generic_visit(node)

    def visit_Assign(self, node):  # the right side first: `relu = relu` is a use
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_FunctionDef(self, node):
        self.known.pop(node.name, None)
        self.generic_visit(node)

    def visit_ClassDef(self, node):
        for part in ast.walk(node):
            if isinstance(part, ast.FunctionDef):
                self.own.add(part.name)
            elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                self.own.add(part.attr)
            elif isinstance(part, ast.AnnAssign):
                self.own.add(part.target.id)
        for base in node.bases:
            self.visit(base)
        self.known.pop(node.name, None)
        for statement in node.body:
            self.visit(statement)


def test_docstrings_say_in_which_lesson_each_name_is_built():
    assert PUBLIC.keys() >= SCENERY
    without = [name for name, thing in PUBLIC.items() if name not in SCENERY and not lesson_of(thing)]
    assert not without, f"'Built in lesson NN' is missing in the docstrings of {without}"
    assert {*LESSONS.values()} <= {*range(1, 7)}
    assert [lesson_of(thing) for thing in (nnlib.one_hot, nnlib.he, nnlib.Linear, nnlib.SGD)] == [1, 2, 3, 5]


# the lessons keep the rules


@pytest.fixture(scope="session")
def stored():
    return {path: nbformat.read(path, as_version=4) for path in PATHS}


def test_there_are_lessons():
    assert [path.name[:2] for path in PATHS[:6]] == ["00", "01", "02", "03", "04", "05"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_lesson(path, rule, stored):
    complaints = list(rule(stored[path], path.name[:2]))
    assert not complaints, "\n".join([path.name, *complaints])


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_stored_file_is_normalised_and_small(path, stored, tmp_path):
    execute.write(execute.normalise(copy.deepcopy(stored[path])), tmp_path / path.name)
    assert path.read_bytes() == (tmp_path / path.name).read_bytes(), f"run `make notebooks ONLY={path.name[:2]}`"
    assert path.stat().st_size <= 400 * 1024, f"{path.stat().st_size / 1024:.0f} KB, at most 400"
    nbformat.validate(stored[path])


# the rules see what they should


def code(source, *outputs, tags=()):
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)} if tags else {})


def text(value):
    return new_output("stream", name="stdout", text=value)


def figure(alt="A line from 1 to 2", **data):
    data = {"image/png": "iVBORw0KGgo=", "text/plain": alt} | data
    return new_output("display_data", data, metadata={"image/png": {"alt": alt}} if alt else {})


def exercise_cells(item):
    """Task, blank and check as a lesson should hold them."""
    choices = "".join(f"\n* **{letter}** · something" for letter in item.options or ())
    yield new_markdown_cell(f"### {item.heading}\n{choices}", metadata={"tags": [f"task-{item.number}"]})
    if item.is_function:
        yield code(blank(item), tags=[f"exercise-{item.number}"])
    yield code(check_cell(item), tags=[f"check-{item.number}"])


def first_tagged(tag, **fields):
    """Change the first cell with such a tag."""
    return lambda notebook: next(c for c in notebook.cells if any(t.startswith(tag) for t in tags(c))).update(fields)


def good():
    """A small lesson 04 that keeps every rule."""
    cells = [
        new_markdown_cell("# 04 · blame\n\n*Who is to blame?*\n\n**You will build** x · **50 minutes**"),
        code(SETUP, tags=["setup"]),
        new_markdown_cell("## 1 · a slope\n\nThe slope is $$ s = 1 \\tag{4.1} $$ and [lesson 04](04.ipynb#x) says so."),
        code("from nnlib import Linear, relu\n0.1234", text("0.1234\n"), tags=["nbval-check-output"]),
        *[code("a = 1\nb = 2\nassert a < b") for _ in range(12)],
        new_markdown_cell(
            "<details><summary>Answer</summary>\n\nThe line rises with x.\n\n</details>",
            metadata={"tags": ["explain", "recall"]},
        ),
        code("plt.plot([1, 2])\nplt.show()", figure()),
        new_markdown_cell("## what you built\n\n*Just sums* (a film), [Simply put](https://example.org)"),
        *[cell for item in REGISTRY.values() if item.order[0] == 4 for cell in exercise_cells(item)],
        code("from nnlib import relu_derivative\nassert relu_derivative(1.0) == 1", tags=["closing"]),
        code("assert a < b", tags=["guards"]),
    ]  # fmt: skip
    notebook = execute.normalise(new_notebook(cells=cells))
    notebook.cells[2].source = notebook.cells[2].source.replace("04.ipynb", "execute.py")
    return notebook


def change(i, **fields):
    return lambda notebook: notebook.cells[i].update(fields)


def source(text, i=4):
    return change(i, source=text)


def output(*outputs, i=4):
    return change(i, outputs=list(outputs))


def marked(*tags, i=4):
    return lambda notebook: notebook.cells[i].metadata.update(tags=list(tags))


def markdown(text):
    return lambda notebook: notebook.cells.insert(2, new_markdown_cell(text))


PLANTED = {
    head: [
        source("# 05 · x\n", 0), source("# 04 · x\n\n*Why?*\n\n**You will build** y", 0),
        source("# 04 · x\n\n**You will build** y · **5 minutes**", 0),
        source("# 04 · x\n\n*Why?*\n\n**5 minutes**", 0),
    ],
    set_up: [source(SETUP.replace("nnlib-course", "other"), 1), source(SETUP + "\nimport os", 1), marked(i=1)],
    executed: [
        change(4, execution_count=None), source("  "), source("", 2), output(new_output("error", ename="E", evalue="")),
        output(new_output("stream", name="stderr", text="x")),
        lambda notebook: [cell.update(outputs=[]) for cell in code_cells(notebook)],
    ],
    cell_lengths: [
        source("a = 1\n" * 16), source("for i in a:\n    opt.step()\n" + "a = 1\n" * 19),
        lambda notebook: [cell.update(source="a = 1") for cell in code_cells(notebook)],
        lambda notebook: [cell.update(source="a = 1\n" * 7) for cell in code_cells(notebook)],
    ],
    cell_number: [
        lambda notebook: notebook.cells.__delitem__(slice(4, 9)),
        lambda notebook: notebook.cells.extend(code("a = 1") for _ in range(40)),
    ],
    no_semicolon: [source("plt.plot(a);"), source("a = 1;  # why")],
    no_times: [output(text("0.12 s")), output(text("12 ms")), output(text("epoch seconds")), source("%timeit f()")],
    guards: [
        source("a = 1", -1), marked(i=-1), marked("guards"), change(-1, outputs=[text("x")]),
        lambda notebook: notebook.cells[-1].metadata.pop("jupyter"), lambda notebook: notebook.cells.append(code("a")),
    ],
    exercises: [
        first_tagged("task-", source="### Exercise 4.1 · another"), first_tagged("check-", source="check('4.1', 1)"),
        first_tagged("exercise-", source="a = 1"), first_tagged("check-", metadata={}),
        first_tagged("task-", metadata={}), first_tagged("task-4.a", source=f"### {REGISTRY['4.a'].heading}"),
        lambda notebook: notebook.cells.extend(copy.deepcopy([c for c in notebook.cells if task_of(c, "task-")][:1])),
    ],
    reflection: [marked("explain", i=16), marked("recall", i=16), source("an answer", 16)],
    closing: [marked(i=-2), source("relu", -2)],
    checked_outputs: [marked(i=3), output(text("0.12345"), i=3), output(i=3), marked("nbval-check-output", i=2)],
    words: [markdown("It is just a sum."), markdown("Recall that x."), source("a = 1  # simply"), markdown("TODO")],
    alt_texts: [
        markdown("![](a.png)"), markdown("<img src='a.png'>"), output(figure(""), i=17), output(figure("a line"), i=17),
        output(figure(**{"text/plain": "<Figure size 640x480>"}), i=17), output(figure(**{"image/svg+xml": ""}), i=17),
    ],
    headings: [markdown("### x"), markdown("# x")],
    links: [markdown("[x](44_nothing.ipynb)"), markdown("[x](44_nothing.ipynb#a)"), markdown("[x](../../)")],
    equation_tags: [markdown(r"$$ a \tag{4.2} $$"), markdown(r"$$ a \tag{4.1} $$"), markdown(r"$$ a \tag{3.1} $$")],
    details: [markdown("<details><summary>A</summary>\n\nx"), markdown("<details><summary>A</summary>\nx</details>")],
    machines: [source("open('/home/me/x')"), output(text("/tmp/ipykernel_1/2.py")), markdown("well done \U0001f389")],
    order: [
        source("from nnlib import relu_derivative"), source("from nnlib.functional import relu_derivative as slope"),
        source("from nnlib import *"), source("import nnlib\nnnlib.check_gradients"), source("net.backward(dZ)"),
        source("from nnlib import functional as F\nF.tanh_derivative(1.0)"), source("relu_derivative(1)", -1),
        source("net.theta -= net.grad", -2), source("from nnlib import SGD", -2), source("opt.step()"),
        source("import nnlib.optim as o\no.SGD"), source("from nnlib import fit as train"), source("Any.load('x')"),
        source("if True:\n    %time\n    net.save('x')"), source("[nnlib.Adam for _ in 'x']"),
        source("class Mine(nnlib.Dropout):\n    pass"),
    ],
    numbers: [
        markdown("About 97 % are read."), markdown("A step of 0.35."), markdown("There are 12 of them."),
        markdown("It falls to −0.1235."), markdown("It takes **2 times** as long."), markdown("a rate of 10⁻⁷"),
        source("quoted('reads 94 % of them', 94)", -1), source("quoted('reads *all* 13', n)", -1),
        source("quoted(words, 94)", -1),
        lambda notebook: (markdown("It reads 94 % of 13.")(notebook), source("quoted('reads 94 %', 94)", -1)(notebook)),
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_stated(request, monkeypatch):
    """The made-up notebook calls itself lesson 04, but says nothing of what that lesson states."""
    if "path" not in request.fixturenames:
        monkeypatch.setitem(STATED, "04", [])


def test_a_good_notebook_has_no_complaint():
    assert {rule.__name__: list(rule(good(), "04")) for rule in RULES} == {rule.__name__: [] for rule in RULES}


@pytest.mark.parametrize(
    ("rule", "i"),
    [(rule, i) for rule in RULES for i in range(len(PLANTED[rule]))],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_rule_complains(rule, i):
    notebook = good()
    PLANTED[rule][i](notebook)
    assert list(rule(notebook, "04"))


def test_numbers_that_measure_nothing_need_no_guard():
    notebook = good()
    notebook.cells[2].source = """## 12 · 94 % of it

11. Lessons 03, 04 and 05, section 12, equation (4.11), equations 4.12 and 4.13, exercises 4.11 to 4.14 (Kingma 2015).
In Python 3.11 and NumPy 2, it is question 4.a.
[05 · 94 of them](execute.py) and [94 lines](https://example.org/94) take **50 minutes**: `a = 94`, $b = 94$, 3 rows.

$$ c = 94 $$

| [05](execute.py) | why? | 2 × 50 |"""
    assert list(numbers(notebook, "04")) == []


def test_quoted_and_stated_numbers_are_accounted_for(monkeypatch):
    notebook = good()
    notebook.cells[2].source = "It reads\n**94 %** of 60,000 images, as `a` says, and loses 2 points."
    notebook.cells[-1].source = "quoted('reads 94 % of', 94)\nquoted('as `a` says, and loses 2 points', 2)"
    assert len(list(numbers(notebook, "04"))) == 1
    monkeypatch.setitem(STATED, "04", ["60,000 images"])
    assert list(numbers(notebook, "04")) == []
    monkeypatch.setitem(STATED, "04", ["60,000 images", "50,000 images"])
    assert len(list(numbers(notebook, "04"))) == 1


def test_the_map_in_lesson_00_says_the_minutes_of_each_lesson(stored):
    page = "\n".join(cell.source for cell in prose(stored[PATHS[0]]))
    rows = re.findall(r"^\| (?:\*\*|\[)(\d\d)\b.*\? \| ([^|]+) \|$", page, re.M)
    said = {}
    for path in PATHS:
        text = stored[path].cells[0].source
        sittings = re.search(r"(two|three|four) sittings", text)
        times = {"two": "2 × ", "three": "3 × ", "four": "4 × "}[sittings[1]] if sittings else ""
        said[path.name[:2]] = times + re.search(r"\*\*(\d+) minutes", text)[1]
    assert dict(rows) == said


@pytest.mark.parametrize(
    "allowed",
    [
        "from nnlib import Sequential, load_mnist, moons, softmax, viz\nnet = Sequential(Linear(2, 2, rng=rng))",
        "def relu_derivative(Z):\n    return Z > 0\nrelu_derivative(1)",
        "class Layer:\n    def backward(self, dY):\n        self.grad = dY\nLayer().backward(1)\nprint(Layer().grad)",
        "X = np.load('x.npz')\nax.step(X)\naxes[0].plot(X)\nsteps = np.gradient(X)",
        "import nnlib\nnnlib.load_mnist().train\nnnlib.functional.softmax(1)\n%matplotlib inline",
        "fit = 1\nfit",
    ],
)
def test_the_order_allows(allowed):
    notebook = good()
    notebook.cells[4].source = allowed
    assert list(order(notebook, "04")) == []


def test_lesson_05_may_use_what_it_discovers():
    notebook = good()
    notebook.cells[4].source = "net.theta -= 0.1 * net.grad\nnet.parameters()"
    assert list(order(notebook, "05")) == []
    notebook.cells[4].source += "\nnet.save('x')"
    assert len(list(order(notebook, "05"))) == 1
    assert len(list(order(notebook, "04"))) == 4


# nbval, with the settings of this repository, sees what it should


def run_pytest(folder, *arguments, **environment):
    """pytest in a copy of the repository's settings that holds only what a test planted there."""
    for file in ("pyproject.toml", "tests/conftest.py", "notebooks/conftest.py"):
        (folder / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    inherited = {name: value for name, value in os.environ.items() if name not in ("IPYTHONDIR", "NNLIB_NO_SKIP")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder, env=inherited | environment, capture_output=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


def test_nbval_sees_warnings_errors_and_wrong_outputs(tmp_path):
    planted = {
        "fine": code("import warnings\nprint(1 + 1)", text("2\n"), tags=["nbval-check-output"]),
        "figure": code("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"),
        "one_thread": code("import os\nassert os.environ['OPENBLAS_NUM_THREADS'] == os.environ['TQDM_DISABLE'] == '1'"),
        "differs": code("print(1 + 1)", text("3\n")),
        "wrong_output": code("print(1 + 1)", text("3\n"), tags=["nbval-check-output"]),
        "warns": code("import warnings\nwarnings.warn('look out')"),
        "warns_numpy": code("import numpy as np\nnp.log(np.zeros(1))"),
        "error": code("1 / 0"),
    }
    (tmp_path / "notebooks").mkdir()
    for name, cell in planted.items():
        nbformat.write(execute.normalise(new_notebook(cells=[cell])), tmp_path / "notebooks" / f"{name}.ipynb")
    done = run_pytest(tmp_path, "notebooks", "-rA")
    outcomes = {
        name: outcome for outcome, name in re.findall(r"^(PASSED|FAILED|ERROR) notebooks/(\w+)", done.stdout, re.M)
    }
    good = ["fine", "figure", "one_thread", "differs"]
    assert outcomes == {name: "PASSED" if name in good else "FAILED" for name in planted}, done.stdout + done.stderr
    assert "look out" in done.stdout
    assert done.returncode == 1


def test_a_skip_fails_where_none_is_allowed(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests" / "test_some.py").write_text(
        "import pytest\n"
        "def test_runs(): assert True\n"
        "def test_inside(): pytest.importorskip('no_such_framework', reason='reason one')\n"
        "@pytest.mark.skip(reason='reason two')\n"
        "def test_marked(): assert True\n"
    )
    (tmp_path / "tests" / "test_module.py").write_text(
        "import pytest\npytest.skip('reason three', allow_module_level=True)"
    )
    cell = code("1 + 1", tags=["nbval-skip"])
    nbformat.write(execute.normalise(new_notebook(cells=[cell])), tmp_path / "notebooks" / "skipped.ipynb")

    lenient, strict = run_pytest(tmp_path), run_pytest(tmp_path, NNLIB_NO_SKIP="1")
    assert lenient.returncode == 0, lenient.stdout
    assert "1 passed, 4 skipped" in lenient.stdout
    assert strict.returncode == 1, strict.stdout
    assert "2 failed, 1 passed, 2 errors" in strict.stdout.splitlines()[-1]
    for done in (lenient, strict):
        for reason in ("one", "two", "three"):
            assert f"reason {reason}" in done.stdout


def test_the_picture_in_readme_is_a_stored_output():
    found = [picture for path in PATHS if (picture := execute.readme_picture(nbformat.read(path, as_version=4)))]
    assert found == [(NOTEBOOKS / "misread.png").read_bytes()]
