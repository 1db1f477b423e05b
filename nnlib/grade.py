"""Grade a class: run every notebook in a process of its own, and judge its answers here, on fresh inputs.

    python -m nnlib.grade FOLDER                    # a table: a row per learner, a column per exercise
    python -m nnlib.grade FOLDER --csv > class.csv

FOLDER holds notebooks, one per learner, or a folder per learner with their notebooks. A solved exercise gives as many
points as it has dots. What a notebook prints counts for nothing: its functions are called with inputs that are drawn
here, and what comes back is compared here with the reference, by the same code that `check` runs. All submissions are
read before the first one runs, and each runs in a temporary copy, with limits of time and memory. On Linux it can also
write nowhere else, reach no network and signal no other process. Elsewhere only time, memory (not on Windows) and the
temporary copy hold: grade strangers' notebooks there in a container.
"""

import argparse
import ast
import base64
import contextlib
import csv
import functools
import importlib.util
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from . import sandbox
from .exercises import core

SECONDS, GIGABYTES = 300, 6  # for a notebook
STARTS = 4  # a notebook whose process ends is run again, without what ended it
PROCESSES = 64  # at once, in a notebook; a library may start some
LARGEST = 50 * 2**20  # bytes of a submission
ADOPTED = []  # the process to which orphans come, see adopt_orphans
GRACE = 3  # seconds after a limit until the process is ended from outside


class Gone(BaseException):
    """The learner's process has ended, hangs, or talks nonsense; no rule of an exercise catches it."""


# the learner's process, seen from here


class Process:
    """A sandbox: `ask` sends it a message and waits for the answer, no longer than it may take."""

    def __init__(self, folder, memory, deadline):
        command = [sys.executable, "-P", "-m", "nnlib.sandbox", str(folder), str(memory)]
        self.process = subprocess.Popen(
            [*isolated(), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment(folder),
            start_new_session=True,
        )
        self.memory, self.deadline = memory, deadline
        self.heard = queue.Queue(maxsize=2)  # who floods it waits
        self.ears = threading.Thread(target=self._listen, daemon=True)
        self.ears.start()

    def _listen(self):
        try:
            while True:
                self.heard.put(sandbox.read(self.process.stdout))
        except (EOFError, OSError, ValueError):
            self.heard.put("ended the process")
        except (sandbox.Violation, MemoryError, RecursionError):
            self.heard.put("sent something else than an answer")

    def ask(self, message, *values, limit):
        """(message, buffers) of the answer; Gone if none comes."""
        limit = min(limit, self.deadline - time.monotonic())
        if limit <= 0:
            raise Gone("the time for this notebook was over")
        end = min(time.monotonic() + limit + GRACE, self.deadline + GRACE)
        try:
            sandbox.write(self.process.stdin, {**message, "limit": limit}, *values)
        except OSError as error:
            raise Gone("ended the process") from error
        while True:
            try:
                heard = self.heard.get(timeout=0.1)
            except queue.Empty:
                self._look(end)
                continue
            if isinstance(heard, str):
                raise Gone(heard)
            return heard

    def _look(self, end):
        import psutil

        if time.monotonic() > end:
            raise Gone("did not end")
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.process.pid)
            family = [first, *first.children(recursive=True)]
            if len(family) > PROCESSES:
                raise Gone(f"started more than {PROCESSES} processes")
            if sum(one.memory_info().rss for one in family) > self.memory:
                raise Gone("used too much memory")

    def end(self):
        """End it and all that it has started."""
        import psutil

        with contextlib.suppress(psutil.Error):
            family = psutil.Process(self.process.pid).children(recursive=True)
            for one in [*family, psutil.Process(self.process.pid)]:
                with contextlib.suppress(psutil.Error):
                    one.kill()
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, 9)
        self.process.wait()
        while self.ears.is_alive():  # it may wait with something to tell
            with contextlib.suppress(queue.Empty):
                self.heard.get(timeout=0.05)
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        for orphan in psutil.Process().children(recursive=True) if ADOPTED else []:
            with contextlib.suppress(psutil.Error):
                orphan.kill()
                orphan.wait(1)


class Answer:
    """A learner's function, as `check` sees it: calling it calls the one in the other process."""

    def __init__(self, process, key, name, limit):
        self.process, self.key, self.__name__, self.limit = process, key, name, limit

    def __call__(self, *arguments):
        arguments = list(arguments)
        reply = self.process.ask({"do": "call", "key": self.key}, *arguments, limit=self.limit)
        try:
            return sandbox.settle(*reply, arguments)
        except sandbox.Violation as error:
            raise Gone("sent something else than an answer") from error


@functools.cache
def isolated():
    """The command that gives a process its own process numbers and no network, where this machine has one."""
    command = ["unshare", "--user", "--map-current-user", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]
    works = sys.platform == "linux" and shutil.which("unshare")
    return command if works and not subprocess.run([*command, "true"], capture_output=True).returncode else []


def environment(folder):
    """What a learner's process may know: where programs and nnlib are; nothing else of the teacher's."""
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT", "NUMBER_OF_PROCESSORS") if name in os.environ
    }
    homes = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "IPYTHONDIR", "MPLCONFIGDIR"), str(folder))
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    here = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | homes | threads | here | {"MPLBACKEND": "agg", "TF_CPP_MIN_LOG_LEVEL": "3"}


def adopt_orphans():
    """Linux: what a learner's process leaves behind becomes a child of this one, which can then end it."""
    if sys.platform == "linux":
        import ctypes

        if ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0:  # PR_SET_CHILD_SUBREAPER
            ADOPTED.append(os.getpid())


# one notebook


def cells_of(text):
    """The sources of the code cells of a notebook; ValueError if it is none."""
    try:
        cells = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a notebook") from error


def checks_in(source):
    """(exercise, source of its answer) of each check that a cell makes, in order."""
    source = re.sub(r"^(\s*)[%!?].*$", r"\1pass", source, flags=re.M)  # IPython's own lines
    try:
        tree = ast.parse(source)
        calls = [node for line in tree.body if isinstance(line, ast.Expr | ast.Assign) for node in ast.walk(line)]
        calls = [node for node in calls if isinstance(node, ast.Call) and node.args]
        calls = [node for node in calls if getattr(node.func, "id", getattr(node.func, "attr", None)) == "check"]
        for node in calls:
            first, *more = node.args
            named = isinstance(first, ast.Constant)  # check("4.1", -1), not check(relu)
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                item = core.find(first.value if named else getattr(first, "id", None))
                yield item, "..." if named and not more else ast.unparse(more[0] if named else first)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return


def judge(item, process, source, limit, seed=None):
    """(passed, message) of one answer; None for an exercise that was not done. `seed` repeats the inputs."""
    try:
        reply = process.ask({"do": "take", "key": item.number, "source": source}, limit=limit)
        kind = reply[0].get("kind")
        if item.is_function:
            if kind != "function":
                wrong = f"a value, expected the function {item.name}"
                return (False, wrong) if kind == "value" else (None, "not done yet")
            answer = Answer(process, item.number, item.name, limit)
        elif kind == "value":
            answer = sandbox.values_of(*reply)[0]
        else:
            return (None, "not done yet") if kind == "missing" else (False, "a function, expected a value")
        diagnosis, message = core._judge(item, answer, np.random.default_rng(seed))
    except sandbox.Violation as error:
        raise Gone("sent something else than an answer") from error
    except Exception as error:  # an answer that the check itself stumbles over
        return False, f"cannot be compared: {type(error).__name__}"
    passed = {core.Diagnosis.CORRECT: True, core.Diagnosis.NOT_ATTEMPTED: None}.get(diagnosis, False)
    return passed, message


class Notebook:
    """The grading of one notebook: what its answers are worth, and what there is to remark."""

    def __init__(self, text, seconds):
        self.cells, self.seconds = cells_of(text), seconds
        self.checks = [list(checks_in(cell)) for cell in self.cells]
        self.results, self.ended, self.raised, self.without = {}, [], [], set()

    def run(self, process):
        """Run the cells up to the last check, judge each answer where it stands. True when it came to the end.

        What ends the process is noted, and left out when the notebook runs again.
        """
        self.raised = []
        last = max((i for i, found in enumerate(self.checks) if found), default=len(self.cells) - 1)
        try:
            for i, cell in enumerate(self.cells[: last + 1]):
                if (place := i) not in self.without:
                    name = process.ask({"do": "run", "source": cell}, limit=self.seconds / 5)[0].get("raised")
                    if name == "MemoryError":
                        raise Gone("used too much memory")  # and may still hold it
                    self.raised += [f"{i + 1} ({str(name)[:40]})"] * bool(name)
                for item, source in self.checks[i]:
                    place = item.number
                    self.judge(item, source, process)
            for item in self.unchecked():
                place = item.number
                self.judge(item, item.name, process)
        except Gone as why:
            self.without.add(place)
            if isinstance(place, str):
                self.results[place] = False, str(why)
            self.ended.append(f"cell {place + 1} {why}" if isinstance(place, int) else f"{place} {why}")
            return False
        return True

    def judge(self, item, source, process):
        """Judge one answer; of several in a notebook the last one that was given counts."""
        if item.number not in self.without:
            found = judge(item, process, source, self.seconds / 30)
            if found[0] is not None or item.number not in self.results:
                self.results[item.number] = found

    def unchecked(self):
        """Functions of the notebook's lesson of which no check is left."""
        lessons = [item.order[0] for found in self.checks for item, _ in found]
        items = [item for item in core.REGISTRY.values() if item.is_function and item.order[0] in lessons]
        return [item for item in items if item.number not in self.results]

    @property
    def remarks(self):
        """What a teacher should know beside the points."""
        more = " …" if len(self.raised) > 5 else ""
        raised = [f"raised: cell {', '.join(self.raised[:5])}{more}"] if self.raised else []
        return [*dict.fromkeys(self.ended), *raised]


def grade_notebook(text, files, seconds, memory):
    """(results, remarks) of one notebook; results: {number of the exercise: (passed, message)}."""
    notebook, deadline = Notebook(text, seconds), time.monotonic() + seconds
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory(prefix="nnlib-grade-", ignore_cleanup_errors=True) as folder:
            lay_out(Path(folder), files)
            process = Process(folder, memory, deadline)
            try:
                finished = notebook.run(process)
            finally:
                process.end()
        if finished or time.monotonic() > deadline:
            break
    return notebook.results, notebook.remarks


def lay_out(folder, files):
    """A learner's files in a fresh folder, and what spares matplotlib the search for its fonts."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    with contextlib.suppress(ImportError, OSError):
        import matplotlib

        for fonts in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
            shutil.copy(fonts, folder)


def judge_alone():
    """A notebook comes in as JSON on stdin, its grading goes out on stdout: a grader's process for each notebook."""
    task = json.load(sys.stdin)
    adopt_orphans()
    sandbox.limit_resources(2 * task["memory"])  # a learner's process may ask much of it
    text = base64.b64decode(task["files"][task["notebook"]]).decode("utf-8", "replace")
    try:
        results, remarks = grade_notebook(text, task["files"], task["seconds"], task["memory"])
    except ValueError as error:
        results, remarks = {}, [str(error)]
    json.dump({"results": results, "remarks": remarks}, sys.stdout)


# the class


def submissions(folder):
    """{learner: ({path: content in base64}, [paths of notebooks], remarks)}, all read before anything runs."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink() or not (path.is_dir() or path.suffix == ".ipynb"):
            continue
        files, notebooks, remarks = found.setdefault(path.name if path.is_dir() else path.stem, ({}, [], []))
        size = 0
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            inside = file.relative_to(folder if path == file else path)
            if file.is_symlink() or not file.is_file() or any(part.startswith(".") for part in inside.parts):
                continue
            size += file.stat().st_size
            if size > LARGEST:
                remarks.append("more than 50 MB: not all files were read")
                break
            files[inside.as_posix()] = base64.b64encode(file.read_bytes()).decode()
            notebooks += [inside.as_posix()] * (file.suffix == ".ipynb")
        if not notebooks:
            remarks.append("no notebook")
    return found


def grade_alone(files, notebook, seconds, memory):
    """(results, remarks) of a notebook, by a grader's process of its own."""
    import psutil

    task = {"files": files, "notebook": notebook, "seconds": seconds, "memory": memory}
    command = [sys.executable, "-P", "-m", "nnlib.grade", "--judge"]
    here = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OPENBLAS_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, env=here, start_new_session=True, encoding="utf-8") as grader:
        try:
            out, err = grader.communicate(json.dumps(task), timeout=seconds + 60)
            found = json.loads(out)
            return found["results"], found["remarks"]
        except ValueError:
            words = err.strip().splitlines()
            return {}, [f"not graded: {words[-1] if words else 'its grader was ended'}"]
        except subprocess.TimeoutExpired:
            with contextlib.suppress(psutil.Error):
                for one in [*psutil.Process(grader.pid).children(recursive=True), grader]:
                    one.kill()
            return {}, [f"not graded: no end after {seconds + 60:g} s"]


def grade(folder, *, seconds=SECONDS, memory=GIGABYTES, jobs=1, lessons=()):
    """[{"learner", "results", "remarks"}], a row per learner: what the table and the CSV are made of."""
    found = submissions(Path(folder))
    tasks = [(learner, notebook) for learner, (_, notebooks, _) in found.items() for notebook in notebooks]
    rows = {
        learner: {"learner": learner, "results": {}, "remarks": remarks} for learner, (_, _, remarks) in found.items()
    }
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        done = pool.map(lambda t: grade_alone(found[t[0]][0], t[1], seconds, int(memory * 2**30)), tasks)
        for count, ((learner, notebook), (results, remarks)) in enumerate(zip(tasks, done, strict=True), 1):
            print(f"{count} of {len(tasks)}: {learner}", file=sys.stderr)
            row = rows[learner]
            several = f"{notebook}: " if len(found[learner][1]) > 1 else ""
            row["remarks"] += [several + words for words in remarks]
            for number, (passed, message) in results.items():
                if not row["results"].get(number, (None,))[0]:  # of two copies of a lesson the better one counts
                    row["results"][number] = passed, message
    for row in rows.values():
        row["results"] = {
            n: found for n, found in row["results"].items() if not lessons or int(n.split(".")[0]) in lessons
        }
    return list(rows.values())


def table(rows):
    """(header, rows of text) of points: a column per exercise of the lessons that anybody handed in."""
    lessons = {number.partition(".")[0] for row in rows for number in row["results"]}
    items = sorted((i for i in core.REGISTRY.values() if i.number.partition(".")[0] in lessons), key=lambda i: i.order)
    lines = []
    for row in rows:
        results = {item.number: row["results"].get(item.number, (None, "not done yet")) for item in items}
        points = [item.difficulty if results[item.number][0] else 0 for item in items]
        begun = {number.partition(".")[0] for number in row["results"]}
        blank = [
            number for number, (passed, _) in results.items() if passed is None and number.partition(".")[0] in begun
        ]
        wrong = [f"{number} {message}" for number, (passed, message) in results.items() if passed is False]
        absent = [f"no lesson {lesson}" for lesson in sorted(lessons - begun)]
        remarks = [*row["remarks"], *absent, *wrong, *([f"not done: {', '.join(blank)}"] if blank else [])]
        possible = sum(item.difficulty for item in items)
        lines.append(
            [plain(row["learner"]), *map(str, points), str(sum(points)), str(possible), plain("; ".join(remarks))]
        )
    return ["learner", *(item.number for item in items), "points", "of", "remarks"], lines


def plain(text):
    """One line of text that no terminal and no spreadsheet takes for a command."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())[:2000]
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def show(header, lines):
    """The table as text; the remarks of each learner stand below it."""
    columns = list(zip(*[line[:-1] for line in [header, *lines]], strict=True))
    widths = [max(map(len, column)) for column in columns]
    for line in [header, *lines]:
        print(
            "  ".join(
                part.ljust(w) if k == 0 else part.rjust(w)
                for k, (part, w) in enumerate(zip(line[:-1], widths, strict=True))
            )
        )
    for line in lines:
        if line[-1]:
            print(f"\n{line[0]}: {line[-1]}")


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m nnlib.grade", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="notebooks, or a folder per learner")
    parser.add_argument("--csv", action="store_true", help="write CSV instead of a table")
    parser.add_argument("--lessons", type=int, nargs="+", default=[], metavar="N", help="count these lessons alone")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for a notebook (default {SECONDS}); "
                        "a cell may take a fifth of it, a call of an answer a thirtieth")  # fmt: skip
    parser.add_argument(
        "--memory", type=float, default=GIGABYTES, help=f"gigabytes for a notebook (default {GIGABYTES})"
    )
    parser.add_argument("--jobs", type=int, default=1, help="notebooks at a time (default 1)")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"expected a folder, got {options.folder}")
    if missing := [name for name in ("IPython", "psutil") if not importlib.util.find_spec(name)]:
        parser.error(f"needs {' and '.join(missing)}: pip install -r requirements.txt")
    limits = {"seconds": options.seconds, "memory": options.memory, "jobs": options.jobs}
    rows = grade(options.folder, **limits, lessons=options.lessons)
    if not rows:
        parser.error(f"no notebooks in {options.folder}")
    header, lines = table(rows)
    if options.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([header, *lines])
    else:
        show(header, lines)


if __name__ == "__main__":
    judge_alone() if sys.argv[1:] == ["--judge"] else main()
