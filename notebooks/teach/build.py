"""Build what a teacher hands out and keeps; `make teach` calls this.

    python notebooks/teach/build.py            # all lessons, into build/teach
    python notebooks/teach/build.py 00 04      # the answers and figures of these lessons alone

    student/    the course without the sources of the solutions; `solution()` sends the learner to the teacher
    answers/    the notebooks with every solution pasted in, executed
    figures/    their pictures as SVG, with an index that says what each shows
    teachers.md the plans, and for each lesson: objectives, minutes, exercises, what goes wrong
    quiz.md     twelve questions for before and after; quiz-key.md has the answers

Objectives, minutes, exercises and wrong answers are read from the notebooks, README, nnlib.exercises and tests/wrong.
"""

import base64
import contextlib
import importlib
import io
import os
import re
import shutil
import sys
import time
import zlib
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "notebooks")]

import wrong  # noqa: E402 (found by the line above)
from execute import normalise, write  # noqa: E402

from nnlib.exercises import Diagnosis, solution  # noqa: E402
from nnlib.exercises.core import DOTS, REGISTRY, _judge  # noqa: E402

LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
STUDENT_FILES = ["README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "pyproject.toml", "requirements.txt",
                 "requirements-frameworks.txt", "data"]  # fmt: skip
TEACHERS_OWN = ["grade.py", "sandbox.py", "__pycache__"]
SVG = """\
import io, matplotlib.figure
from nnlib.widgets.base import Widget
matplotlib.rcParams["svg.hashsalt"] = "nnlib"
def _svg(self):
    text = io.StringIO()
    self.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
    return text.getvalue()
matplotlib.figure.Figure._repr_svg_ = _svg
Widget._repr_svg_ = lambda self: _svg(self.snapshot())"""
PACKED = '''"""{first} Packed: the checks work, and whoever wants the solutions asks the teacher."""

import base64
import zlib

exec(compile(zlib.decompress(base64.b85decode("{text}")), __file__, "exec"))
'''


def tagged(cell, prefix):
    """What follows the prefix in one of the cell's tags, or None."""
    return next(
        (t.removeprefix(prefix) for t in cell.metadata.get("tags", []) if t.startswith(prefix)),
        None,
    )


# the student edition


def student_edition(folder):
    """The course in a folder of its own: notebooks, data, and nnlib with its exercises packed."""
    hide = shutil.ignore_patterns(*TEACHERS_OWN)
    shutil.copytree(ROOT / "nnlib", folder / "nnlib", ignore=hide)
    for name in STUDENT_FILES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    for path in (folder / "nnlib" / "exercises").glob("lesson*.py"):
        pack(path)
    core = folder / "nnlib" / "exercises" / "core.py"
    source = core.read_text(encoding="utf-8")
    assert source.count("\nSOLUTIONS = True") == 1, "core.py has no switch for the solutions"
    core.write_text(
        source.replace("\nSOLUTIONS = True", "\nSOLUTIONS = False"),
        encoding="utf-8",
        newline="\n",
    )
    (folder / "notebooks").mkdir()
    for path in [*(ROOT / "notebooks").glob("*.png"), *LESSONS]:
        shutil.copy(path, folder / "notebooks")
    for path in (folder / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code" and "solution(" in cell.source:
                cell.outputs = []
        write(notebook, path)


def pack(path):
    """A module as a compressed text: no protection, but nothing that one reads by accident."""
    source = path.read_text(encoding="utf-8")
    first = source.split('"""')[1].partition("\n")[0].partition(":")[0].rstrip(".") + "."
    text = base64.b85encode(zlib.compress(source.encode(), 9)).decode()
    path.write_text(PACKED.format(first=first, text=text), encoding="utf-8", newline="\n")


# the answers, and the figures


def solved(path):
    """The notebook with each reference solution in the place of its blank."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if number := tagged(cell, "exercise-"):
            cell.source = str(solution(number))
        elif (number := tagged(cell, "check-")) and not REGISTRY[number].is_function:
            cell.source = f'check("{number}", {typed(REGISTRY[number].reference())!r})'
    return notebook


def typed(value):
    """A value as somebody types it: arrays as lists."""
    return tuple(map(typed, value)) if isinstance(value, tuple) else getattr(value, "tolist", lambda: value)()


def answers_edition(path, folder, figures):
    """Execute the solved notebook; (seconds that it computed, [(file, words)] of its figures)."""
    notebook = solved(path)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SVG))
    begin = time.monotonic()
    NotebookClient(notebook, timeout=300, kernel_name="python3", record_timing=False).execute(cwd=ROOT / "notebooks")
    seconds = time.monotonic() - begin
    del notebook.cells[0]
    found, sentence = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            sentence = last_sentence(cell.source)
        for output in cell.get("outputs", []):
            drawing = output.get("data", {}).pop("image/svg+xml", None)
            if "image/png" in output.get("data", {}):
                words = output.metadata.get("image/png", {}).get("alt") or sentence
                name = f"{path.name[:2]}-{len(found) + 1:02}.{'svg' if drawing else 'png'}"
                content = drawing.encode() if drawing else base64.b64decode(output.data["image/png"])
                (figures / name).write_bytes(content)
                found.append((name, " ".join(words.split())))
                output.metadata.pop("image/svg+xml", None)
    write(normalise(notebook), folder / path.name)
    return seconds, found


def last_sentence(markdown):
    """What a text says last: of a figure without words of its own, what to look for."""
    text = " ".join(re.sub(r"[*`$#]|\]\([^)]*\)|\[", "", markdown).split())
    return re.split(r"(?<=[.?!:]) +", text.rstrip(" :"))[-1]


# what a teacher reads


def head(path):
    """(title, question, build, able, need) of a lesson, from its first cell."""
    text = nbformat.read(path, as_version=4).cells[0].source
    flat = " ".join(text.split())
    parts = [re.search(rf"\*\*{words}\*\* (.*?) ·", flat)[1] for words in ("You will build", "be able to", "need")]
    return text.splitlines()[0].lstrip("# "), re.search(r"^\*(.+)\*$", text, re.M)[1], *parts


def sittings():
    """{"04": [50, 50]}: the minutes of each lesson's sittings, from README's table."""
    rows = re.findall(r"^\| \[(\d\d) .*\| ([^|]+) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    found = {}
    for number, words in rows:
        times = re.fullmatch(r"(\d+) × (\d+)", words.strip())
        found[number] = [int(times[2])] * int(times[1]) if times else [int(part) for part in words.split("+")]
    return found


def minutes_of(words, times):
    """The sum for "00, 04.I, 06.III"."""
    roman = ["I", "II", "III", "IV"]
    parts = [part.strip().partition(".") for part in words.split(",")]
    return sum(times[number][roman.index(part)] if part else sum(times[number]) for number, _, part in parts)


def plans(times):
    """The two plans with a column of minutes."""
    lines = []
    for line in (HERE / "plans.md").read_text(encoding="utf-8").splitlines():
        if cells := re.fullmatch(r"\| (week|day|\d+|---)? ?\|([^|]*)\|(.*)", line) or re.fullmatch(
            r"\|(---)\|(---)\|(.*)", line
        ):
            first, lessons, rest = cells.groups()
            added = {"week": "minutes", "day": "minutes", "---": "---"}.get(first)
            line = f"| {first} | {lessons.strip()} | {added or minutes_of(lessons, times)} |{rest}"
        lines.append(line)
    return "\n".join(lines)


def misconceptions(item):
    """[(what was handed in, what the check says)] for the wrong answers of tests/wrong, each message once."""
    rows = {}
    for answer, _ in wrong.WRONG.get(item.number, []):
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            diagnosis, message = _judge(item, answer, np.random.default_rng(0))
        if diagnosis is not Diagnosis.CORRECT:
            shown = getattr(answer, "__name__", None)
            shown = f"`{answer!r}`" if shown is None else shown.replace("_", " ").replace("<lambda>", "")
            known = diagnosis is Diagnosis.KNOWN_MISTAKE or bool(item.options)
            rows.setdefault(message, (not known, shown.replace("|", "\\|")))
    return [(shown, message.replace("|", "\\|")) for message, (_, shown) in sorted(rows.items(), key=lambda r: r[1][0])]


def lesson_page(path, times, seconds):
    """What a teacher reads before the lesson."""
    title, question, build, able, need = head(path)
    number = path.name[:2]
    items = sorted((i for i in REGISTRY.values() if i.order[0] == int(number)), key=lambda i: i.order)
    notebook = nbformat.read(path, as_version=4)
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    computing = (
        f"{seconds:.0f} s of computing, measured when this page was made" if seconds else "not run for this page"
    )
    lines = [f"## {title}", "", f"*{question}*", "", f"* Objectives: learners build {build}; they can {able}.",
             f"* Needs: {need}.",
             f"* Minutes: {' + '.join(map(str, times[number]))}, of which exercises {sum(i.minutes for i in items)}; "
             f"{words:,} words to read; {computing}.", ""]  # fmt: skip
    lines += ["| exercise | | points | minutes |", "|---|---|---|---|"]
    lines += [
        f"| {i.number} {'★' * i.star} | {i.title} | {DOTS[i.difficulty]} {i.difficulty} | {i.minutes} |" for i in items
    ]
    for item in items:
        if rows := misconceptions(item):
            lines += [
                "",
                f"### What goes wrong in {item.number}, {item.title}",
                "",
                "| handed in | the check says |",
                "|---|---|",
            ]
            lines += [f"| {shown} | {message} |" for shown, message in rows]
    return "\n".join(lines)


def teachers_page(times, seconds):
    """The whole page."""
    intro = (HERE / "teachers.md").read_text(encoding="utf-8").rstrip()
    pages = [lesson_page(path, times, seconds.get(path.name[:2])) for path in LESSONS]
    return "\n\n".join([intro, plans(times).replace("# Two plans", "## Two plans").replace("\n## Six", "\n### Six")
                        .replace("\n## Two days", "\n### Two days"), *pages]) + "\n"  # fmt: skip


def build(target, chosen=("",)):
    """Everything, into an empty folder."""
    shutil.rmtree(target, ignore_errors=True)
    for name in ("student", "answers", "figures"):
        (target / name).mkdir(parents=True)
    for module in sorted((ROOT / "tests" / "wrong").glob("lesson*.py")):
        importlib.import_module(f"wrong.{module.stem}")
    student_edition(target / "student")
    seconds, index = {}, ["# Figures", "", "| file | shows |", "|---|---|"]
    for path in LESSONS:
        if path.name.startswith(tuple(chosen)):
            print(path.name, flush=True)
            seconds[path.name[:2]], found = answers_edition(path, target / "answers", target / "figures")
            index += [f"| [{name}]({name}) | {words.replace('|', ' ')} |" for name, words in found]
    pages = {
        "figures/index.md": "\n".join(index) + "\n",
        "teachers.md": teachers_page(sittings(), seconds),
    }
    for name, text in pages.items():
        (target / name).write_text(text, encoding="utf-8", newline="\n")
    for name in ("quiz.md", "quiz-key.md"):
        shutil.copy(HERE / name, target / name)


if __name__ == "__main__":
    os.environ |= {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "TQDM_DISABLE": "1",
        "NNLIB_STRICT": "1",
    }
    build(ROOT / "build" / "teach", sys.argv[1:] or ("",))
