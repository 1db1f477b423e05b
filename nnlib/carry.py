"""Keep your answers across an update: carry them from your notebooks into a new edition of the lessons.

    python -m nnlib.carry OLD NEW

OLD is what you have worked in: a notebook or a folder of notebooks. NEW is the new edition, a notebook or a folder too.
Every answer that you gave in OLD goes to its exercise in NEW, and the cells that you added yourself go where they were.
OLD is only read. In NEW an answer that is there already stays, so a second run changes nothing.
"""

import argparse
import ast
import io
import json
import os
import re
import sys
import tokenize
import uuid
from pathlib import Path


def source_of(cell):
    """The text of a cell, which a file may hold as a list of lines."""
    return "".join(cell["source"])


def tag_of(cell, prefix):
    """What follows the prefix in one of the cell's tags, or None."""
    tags = cell.get("metadata", {}).get("tags", [])
    return next((tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)), None)


def parsed(source):
    """The statements of a cell; None if it is not Python, which a half-written answer may be."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        return None


def is_gap(node):
    """`...`, or a tuple of nothing else."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return all(isinstance(part, ast.Constant) and part.value is ... for part in parts)


def answered(source):
    """{exercise: does it say something?} of a cell: functions that it defines, and numbers in `check("4.1", -1)`."""
    found = {line.name: not is_blank(line) for line in parsed(source) or [] if isinstance(line, ast.FunctionDef)}
    for first, *rest in checks(source):
        if isinstance(first, ast.Constant):
            found[first.value] = not all(map(is_gap, rest))
    return {key: said or commented(source) for key, said in found.items()}


def checks(source):
    """The arguments of each `check(…)` that is a line of the cell."""
    for line in parsed(source) or []:
        call = line.value if isinstance(line, ast.Expr | ast.Assign) else None
        if isinstance(call, ast.Call) and getattr(call.func, "id", None) == "check" and call.args:
            yield call.args


def is_blank(function):
    """Is there nothing after the docstring but `...`?"""
    body = function.body[ast.get_docstring(function) is not None :]
    return all(isinstance(line, ast.Expr) and is_gap(line.value) for line in body)


def commented(source):
    """Is there a comment? The course's blanks have none."""
    return any(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(source).readline))


def says(source):
    """Is a cell more than a blank? One that is not Python is half an answer."""
    found = answered(source)
    return not found or any(found.values())


def places(cells):
    """{exercise: the cell with its answer}, by number and by name; without tags, the function before its check."""
    found, defined, tagged = {}, {}, {}
    for cell in cells:
        if cell["cell_type"] == "code":
            source = source_of(cell)
            names = dict.fromkeys(answered(source), cell)
            defined |= names
            for first, *_ in checks(source):
                key = getattr(first, "id", None)  # of check(relu); the other kind is check("4.1", -1)
                if key in defined or isinstance(first, ast.Constant):
                    found.setdefault(key or first.value, defined.get(key, cell))
            number = tag_of(cell, "exercise-")
            if number and (number not in tagged or says(source)):  # of a cell and its copy, the one with an answer
                tagged |= names | {number: cell}
            elif number := tag_of(cell, "check-"):
                tagged.setdefault(number, cell)
    return found | tagged


def carry(old, new):
    """Put answers and added cells of the notebook `old` into `new`; ([what was carried], [what was not])."""
    theirs, done, left = places(old["cells"]), [], []
    for number, cell in places(new["cells"]).items():
        source = source_of(cell)
        names = [name for name in answered(source) if tag_of(cell, "exercise-")]
        mine = next((source_of(theirs[key]) for key in (*names, number) if key in theirs), source)
        if not is_number(number) or mine == source or not says(mine):
            continue
        if says(source):
            left.append(f"{number}, which has another answer there already")
            continue
        cell["source"] = mine
        done.append(number)
        for one in new["cells"]:
            if number in (tag_of(one, "exercise-"), tag_of(one, "check-")):
                clear(one)
    return done + added(old["cells"], new["cells"], left), left


def is_number(key):
    """Is it the number of an exercise, such as 4.1 or 4.a?"""
    return re.fullmatch(r"\d+\.\w+", str(key)) is not None


def clear(cell):
    """What a cell showed is no longer true."""
    cell["outputs"], cell["execution_count"] = [], None


def added(old, new, left):
    """Put cells that the learner added after the cell that they stood after; ["2 cells of your own"] or []."""
    if not any(of_the_course(cell) for cell in old):
        left.append("cells that you added: this file does not say which they are")
        return []
    anchor, count = next((cell for cell in new if tag_of(cell, "setup") is not None), None), 0
    for cell in old:
        same = counterpart(cell, new)
        if same is None and source_of(cell).strip() and not of_the_course(cell):
            if cell["cell_type"] == "code":
                clear(cell)
            if cell.get("id") in {None, *(one.get("id") for one in new)}:
                cell["id"] = uuid.uuid4().hex[:8]
            new.insert(next((i for i, one in enumerate(new) if one is anchor), -1) + 1, cell)
            same, count = cell, count + 1
        anchor = same or anchor
    return [f"{count} {'cell' if count == 1 else 'cells'} of your own"] if count else []


def of_the_course(cell):
    """Does the id say that the cell came with the course? Editors give other ids to cells that you add."""
    name = cell.get("id") or cell["metadata"].get("id")  # Colab keeps it in the metadata
    return re.fullmatch(r"cell-\d{3}", str(name)) is not None


def counterpart(cell, others):
    """The cell with the same text, or the one of the same exercise; None if there is none."""
    kind, text = cell["cell_type"], source_of(cell)
    for one in others:
        if one["cell_type"] == kind and source_of(one) == text:
            return one
    parts = ("task-", "exercise-", "check-", "widget-")
    marks = {prefix: tag_of(cell, prefix) for prefix in parts if of_the_course(cell) and tag_of(cell, prefix)}
    return next((one for one in others if any(tag_of(one, p) == name for p, name in marks.items())), None)


def notebooks(path):
    """The notebooks that a path names, the ones changed last at the end."""
    if path.is_dir():
        folder = path / "notebooks" if (path / "notebooks").is_dir() else path
        found = [file for file in folder.glob("*.ipynb") if file.is_file()]
        return sorted(found, key=lambda file: (file.stat().st_mtime, file.name))
    if not path.is_file():
        raise SystemExit(f"{path}: expected a notebook or a folder of notebooks, found none")
    return [path]


def read(path):
    """A notebook as a dict; SystemExit with a sentence if it is none."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            cell["cell_type"], source_of(cell), cell.setdefault("metadata", {})
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path}: expected a notebook, got something else ({error})") from error
    return notebook


def write(notebook, path):
    """As Jupyter writes; to a name beside it first, so that a stop in the middle costs nothing."""
    draft = path.with_name(path.name + ".part")
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    draft.write_text(text, encoding="utf-8", newline="\n")
    os.replace(draft, path)  # noqa: PTH105


def main():
    """Carry all that is in OLD into NEW, and say what went where."""
    arguments = argparse.ArgumentParser(prog="python -m nnlib.carry", description=__doc__.splitlines()[0])
    arguments.add_argument("old", type=Path, help="your notebook, or a folder of notebooks; it is only read")
    arguments.add_argument("new", type=Path, help="the notebook or folder that gets your answers")
    chosen = arguments.parse_args()
    olds = [(path, read(path)) for path in notebooks(chosen.old)]
    news = [(path, read(path)) for path in notebooks(chosen.new)]
    if {path.resolve() for path, _ in olds} & {path.resolve() for path, _ in news}:
        raise SystemExit("OLD and NEW are the same file: copy yours elsewhere first")
    for path, new in sorted(news):
        for where, old in reversed(olds):  # of two answers to one exercise the younger file's is carried
            if not {*filter(is_number, places(old["cells"]))} & {*filter(is_number, places(new["cells"]))}:
                continue  # another lesson
            done, left = carry(old, new)
            if done:
                write(new, path)
            print(f"{where} -> {path}: {', '.join(done) or 'nothing to carry'}")
            for words in left:
                print(f"  not carried: {words}")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main()
