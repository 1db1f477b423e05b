"""Build the course as a web site from its stored notebooks; `make site` calls this.

    python notebooks/site/build.py           # into build/site
    python notebooks/site/build.py FOLDER    # elsewhere

The lessons are published as they are stored; no cell of theirs is run for what the page shows. Only the training
steppers are run once more, up to their cell, and what they show at each position is kept in a file, so that they play
in a page without Python. Everything that a page needs lies beside it: reading asks nothing of any other machine.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell, new_output

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WIDGETS = ROOT / "nnlib" / "widgets"
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
URL = PYPROJECT["project"]["urls"]["Repository"]

IN_PYTHON = "The controls of this {name} ask Python. Open the lesson as a notebook to move them; this is its picture."
LIVE = "This stepper plays here, among the positions kept for this page. In the notebook it goes anywhere."


# ---- the lessons


def tagged(cell, prefix):
    """What follows the prefix in one of the cell's tags, or None."""
    return next(
        (t.removeprefix(prefix) for t in cell.metadata.get("tags", []) if t.startswith(prefix)),
        None,
    )


def alt_of(cell):
    """The description stored with the picture of a cell; None without a picture."""
    shown = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    if not shown:
        return None
    if len(shown) > 1:
        raise ValueError(f"one picture for a cell, got {len(shown)}: {cell.source[:60]!r}")
    return " ".join(shown[0].metadata["image/png"]["alt"].split())


def linked(markdown):
    """Links that lead out of the site: files of the repository at its address, no pictures of other machines."""
    markdown = re.sub(r"!\[([^]]*)\]\(https?:[^)]*\)", r"\1", markdown)
    folder = ROOT / "notebooks"

    def elsewhere(found):
        path = (folder / found[2]).resolve()
        if path.suffix == ".ipynb" or not path.exists():
            return found[0]
        return f"]({URL}/blob/main/{path.relative_to(ROOT).as_posix()})"

    return re.sub(
        r"(\]\()((?!https?:|mailto:|#)[^)\s#]+)\)",
        lambda m: elsewhere([m[0], m[1], m[2]]),
        markdown,
    )


def behind_a_click(number):
    """Hints and solution of an exercise, as a cell of their own."""
    from nnlib.exercises import solution
    from nnlib.exercises.core import REGISTRY

    item = REGISTRY[number]
    hints = "".join(f"{i}. {text}\n" for i, text in enumerate(item.hints, 1))
    answer = str(solution(number))
    answer = f"\n{answer}\n" if item.options else f"\n```python\n{answer}\n```\n"
    parts = {
        f"Hints for exercise {number}": "\n" + hints,
        f"Solution of exercise {number}": answer,
    }
    details = [f"<details>\n<summary>{title}</summary>\n{text}\n</details>" for title, text in parts.items()]
    return new_markdown_cell("\n\n".join(details))


def walk_name(path, cell):
    return f"{path.name[:2]}-{cell.id}"


def prepared(path):
    """A lesson for the site: alt texts, answers behind a click, steppers that play, links that lead somewhere."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["language_info"] = {"name": "python"}
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source)
            continue
        if (alt := alt_of(cell)) is not None:
            cell.metadata["mystnb"] = {"image": {"alt": alt}}
        if "guards" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("hide-input")
        for output in cell.outputs:
            if "text/html" in output.get("data", {}):  # the corner of a table heads nothing
                output.data["text/html"] = re.sub(r"<th[^>]*></th>", "<td></td>", output.data["text/html"])
        if name := tagged(cell, "widget-"):
            plays = name == "TrainingStepper"
            where = f' class="nn-kept" data-walk="{walk_name(path, cell)}"' if plays else ' class="nn-note"'
            note = f"<p{where}>{LIVE if plays else IN_PYTHON.format(name=name)}</p>"
            cell.outputs.append(new_output("display_data", {"text/html": note}))
        if number := tagged(cell, "check-"):
            cells.append(behind_a_click(number))
    notebook.cells = cells
    return notebook


# ---- glossary and notation: written once, in the lessons and in README

NO_TERMS = {  # bold for another reason, or the same term again
    "be able to", "need", "one", "one row per example", "hat", "labels", "weights", "test", "dev",
    "read against itself", "Try", "Exercises",
}  # fmt: skip
SENTENCE = r"(?<=[.?!])\**\s+(?=[A-Z*\[`$\"“(])"


def terms(notebooks):
    """{term: (its definition, lesson)}: a term is bold once, in the sentence that defines it."""
    found = {}
    for path, notebook in notebooks:
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                for paragraph in re.split(r"\n\s*\n|\n(?=[*|])", cell.source):
                    for term, text in defined(" ".join(paragraph.split())):
                        found.setdefault(term, (text, path))
    return found


def defined(paragraph):
    """(term, sentence) for each term that a paragraph, or the row of a table, defines."""
    if row := re.match(r"\| \*\*([a-z][\w -]+)\*\* \| (.*?) \|", paragraph):
        yield row[1], f"{row[2][0].upper()}{row[2][1:]}."
        return
    sentences = re.split(SENTENCE, paragraph.removeprefix("* "))
    for i, sentence in enumerate(sentences):
        for term in re.findall(r"\*\*([a-z][\w '-]+|[A-Z][\w ]+(?=\*\*(?::| is | means )))\*\*", sentence):
            if term not in NO_TERMS and len(term.split()) <= 4:
                leans = i and re.match(r"(Such|This|It|That|They)\b", sentence)
                text = f"{sentences[i - 1]} {sentence}" if leans else sentence
                yield term, re.sub(r"\*\*", "", text).rstrip(":.") + "."


LAYOUT = (
    r"\\(?:(?:text|tag|begin|end)\s*\{[^}]*\}|[,;!:\\{}]"
    r"|(?:left|right|big[lr]?|quad|qquad|[td]?frac|sqrt|cdot|dots|times|le|ge|approx|pm|infty)(?![a-zA-Z]))"
)


def symbols(formula):
    """The signs of a formula that need a meaning: letters, Greek letters, named functions. Words and layout do not."""
    named = r"\\(mathrm|mathcal)\s*\{?\s*(\w+)\}?"
    names = [name if kind == "mathrm" else f"\\mathcal{{{name}}}" for kind, name in re.findall(named, formula)]
    formula = re.sub(LAYOUT, " ", re.sub(named, " ", formula))
    found = re.findall(
        r"\\[a-zA-Z]+|\b(?:TP|FP|FN)\b|(?<![a-zA-Z\\])d(?=[a-zA-Z](?![a-zA-Z]))|[a-zA-Z]",
        formula,
    )
    return {*names, *found}


def formulas(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"```.*?```|`[^`\n]*`", "", cell.source, flags=re.DOTALL)
            yield from (one or two for one, two in re.findall(r"\$\$(.*?)\$\$|\$([^$\n]+)\$", text, re.DOTALL))


def table(markdown, heading):
    """The rows of the first table below a heading, as they stand."""
    return re.search(rf"^#+ {heading}\n.*?\n(\|.*?)\n\n", markdown, re.DOTALL | re.MULTILINE)[1]


def listed_symbols():
    """{sign: the row of the notation page, or of README's table, that says what it means}."""
    found = {}
    for row in (HERE / "notation.md").read_text(encoding="utf-8").splitlines():
        if row.startswith("| $"):
            for sign in re.findall(r"\$([^$]+)\$", row.split(" | ")[0]):
                found |= dict.fromkeys(symbols(sign), row)
    for row in table(README, "Notation").splitlines()[2:]:
        for sign in re.findall(r"`(\w)`", row.split(" | ")[0]):
            found.setdefault(sign, row)
    return found


def page(name, notebooks):
    """A page of this folder, with what is taken from elsewhere put in."""
    text = (HERE / name).read_text(encoding="utf-8")  # a whole path stays what it is
    if "(LESSONS)" in text:
        rows = table(README, "Lessons").replace("(notebooks/", "(")
        rows = re.sub(r" \[!\[.*?\)\]\(.*?\)", "", rows)  # badges: each lesson's page has its own link
        text = text.replace("(LESSONS)", linked(rows))
        text = text.replace("(NAMES)", "\n".join(path.stem for path, _ in notebooks))
    if "(NOTATION)" in text:
        used = {path.name[:2]: set().union(*map(symbols, formulas(notebook))) for path, notebook in notebooks}
        text = text.replace("(NOTATION)", table(README, "Notation"))
        rows = text.splitlines()
        for i, row in enumerate(rows):
            if row.startswith("| $"):
                signs = set().union(*map(symbols, re.findall(r"\$([^$]+)\$", row.split(" | ")[0])))
                rows[i] = f"{row} {', '.join(number for number, all_ in used.items() if signs & all_)} |"
        text = "\n".join(rows) + "\n"
    if "(TERMS)" in text:
        entries = [
            f"{term}\n  {linked(text)} *[Lesson {path.name[:2]}]({path.name})*\n"
            for term, (text, path) in sorted(terms(notebooks).items(), key=lambda entry: entry[0].lower())
        ]
        text = text.replace("(TERMS)", "\n".join(entries))
    return text


# ---- the steppers


def kept(stepper):
    """Which positions of a walk go with the page: the start, where the lesson stands, and ends of epochs."""
    batch, epoch, here = (
        stepper.walk.per_batch,
        stepper.walk.per_batch * stepper.walk.per_epoch,
        stepper.position,
    )
    if not stepper.small:
        near = here // batch * batch
        return sorted({*range(3 * batch + 1), *range(near, near + 3 * batch + 1)})
    if epoch == batch:
        return [*range(100 * batch + 1)]
    return sorted(
        {
            *range(epoch + 1),
            *range(max(here - epoch, 0), here + epoch + 1),
            *range(0, 40 * epoch + 1, epoch),
        }
    )


def recorded(stepper):
    """All that the page needs to play a stepper alone: its state, and frame and words of each kept position."""
    here, first = stepper.position, json.loads(stepper.as_json())
    frames, words = [], {}
    for position in kept(stepper):
        stepper.go(position)
        frames.append(stepper.frame())
        words[position] = stepper.describe()
    curve = json.loads(stepper.as_json())["curve"]
    stepper.go(here)
    return {
        "first": first | {"frames": [stepper.frame()]},
        "frames": frames,
        "words": words,
        "curve": curve,
    }


def record(path, folder):
    """Run a lesson up to its last stepper; a file for each of them."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    notebook = nbformat.read(path, as_version=4)
    steppers = [i for i, cell in enumerate(notebook.cells) if tagged(cell, "widget-") == "TrainingStepper"]
    shell = InteractiveShell.instance(colors="nocolor")
    for i, cell in enumerate(notebook.cells[: steppers[-1] + 1]):
        if cell.cell_type == "code":
            with capture_output() as said:
                result = shell.run_cell(cell.source)
            if not result.success:
                raise RuntimeError(f"{path.name}, cell {i}:\n{said.stdout[-2000:]}")
            if i in steppers:
                text = json.dumps(
                    recorded(result.result),
                    allow_nan=False,
                    ensure_ascii=False,
                    separators=(",", ":"),
                )
                packed = base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
                name = walk_name(path, cell)
                (folder / f"{name}.js").write_text(f'nnWalk("{name}", "{packed}");\n', encoding="utf-8")


def walks(path, store):
    """The folder with the files of a lesson's steppers, made anew when the lesson or nnlib has changed; or None."""
    notebook = nbformat.read(path, as_version=4)
    if not any(tagged(cell, "widget-") == "TrainingStepper" for cell in notebook.cells):
        return None
    made_of = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    sources = [*sorted((ROOT / "nnlib").rglob("*.py")), HERE / "build.py"]
    made_of += [file.read_text(encoding="utf-8") for file in sources]
    folder = store / f"{path.name[:2]}-{hashlib.sha256(''.join(made_of).encode()).hexdigest()[:12]}"
    if not (folder / "done").exists():
        for old in store.glob(f"{path.name[:2]}-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True, exist_ok=True)
        quiet = {
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "TQDM_DISABLE": "1",
            "MPLBACKEND": "agg",
        }
        path_to_nnlib = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        command = [sys.executable, str(HERE / "build.py"), "--record", str(path), str(folder)]
        subprocess.run(command, env=os.environ | quiet | path_to_nnlib, cwd=ROOT / "notebooks", check=True)
        (folder / "done").touch()
    return folder


def scripts():
    """The pages of the widgets as one classic script, which a browser also runs from a file: {name: module}."""
    common = (WIDGETS / "common.js").read_text(encoding="utf-8")
    parts = []
    for path in sorted(WIDGETS.glob("*.js")):
        text = path.read_text(encoding="utf-8")
        if path.name != "common.js":
            before, _, after = text.partition("export default")
            parts.append(f'nnWidgets["{path.name}"] = (() => {{\n{common}\n{before}return{after}}})();\n')
    return "const nnWidgets = {};\n" + "\n".join(parts)


# ---- all of it


def mathjax():
    import mathjax as package  # the PyPI package django-static-mathjax; Django is not needed

    return Path(package.__file__).parent / "static" / "mathjax" / "es5" / "tex-svg.js"


def main(target):
    from sphinx.cmd.build import main as sphinx

    store, done = ROOT / "build" / "site-walks", shutil.ignore_patterns("done")
    source = target.parent / f"{target.name}-source"
    for folder in (source, target):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("build.py", "ruff.toml", "__pycache__", "*.md"))
    notebooks = [(path, nbformat.read(path, as_version=4)) for path in LESSONS]
    for path in LESSONS:
        (source / path.name).write_text(nbformat.writes(prepared(path)), encoding="utf-8")
        if folder := walks(path, store):
            shutil.copytree(folder, source / "_static" / "walks", ignore=done, dirs_exist_ok=True)
    for path in (*HERE.glob("*.md"), HERE.parent / "help.md"):
        (source / path.name).write_text(page(path, notebooks), encoding="utf-8")
    (source / "_static" / "widgets.js").write_text(scripts(), encoding="utf-8")
    shutil.copy(WIDGETS / "common.css", source / "_static")
    shutil.copy(mathjax(), source / "_static" / "mathjax.js")
    options = ["-W", "--keep-going", "-q", "-b", "html", "-d", str(source / ".doctrees")]
    options += ["-D", f"html_theme_options.repository_url={URL}"]
    failed = sphinx([*options, str(source), str(target)])
    for path in target.glob("*.html"):  # an empty head of a column heads nothing
        html = path.read_text(encoding="utf-8")
        path.write_text(html.replace('<th class="head"><p></p></th>', "<td></td>"), encoding="utf-8")
    return failed


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if sys.argv[1:2] == ["--record"]:
        record(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT / "build" / "site"))
