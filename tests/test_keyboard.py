"""Exercise 4.2 by keyboard and text alone, in JupyterLab. (Notebook 7 has the same cells: put "notebook" for "lab".)

No mouse, and nothing is looked for on the screen: keys go in, and what is read is the accessibility tree, as a screen
reader has it. The site is read in the same way by test_site.py.
"""

import re
import unicodedata

import browser
import nbformat
import pytest
from test_notebooks import NOTEBOOKS

from nnlib.exercises.core import find
from nnlib.widgets import SlopeExplorer

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "-")

KIND, LESSON = "lab", "04_backpropagation.ipynb"
CELLS = nbformat.read(NOTEBOOKS / LESSON, as_version=4).cells
TASK = next(i for i, cell in enumerate(CELLS) if "task-4.2" in cell.metadata.get("tags", []))
EXERCISE = find("4.2")
RIGHT, WRONG = "(0, 0, -2)", "(0, -2, -2)"


def squeezed(text):
    """One space between words; the italic x of a formula is an x."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def formulas(cell):
    """Those that are open to be read: what is folded is in the tree once it is unfolded."""
    text = re.sub(r"```.*?```|`[^`\n]*`|</summary>.*?</details>", "", cell.source, flags=re.S)
    return re.findall(r"\$\$.*?\$\$|\$[^$\n]+\$", text, re.S) if cell.cell_type == "markdown" else []


class Reader:
    """A page for somebody who types and listens."""

    def __init__(self, page):
        self.page, self.tree = page, page.context.new_cdp_session(page)
        self.tree.send("Accessibility.enable")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def nodes(self, expression="document.activeElement", **which):
        found = self.tree.send("Runtime.evaluate", {"expression": expression})["result"]["objectId"]
        nodes = self.tree.send("Accessibility.queryAXTree", {"objectId": found, **which})["nodes"]
        return [node for node in nodes if not node["ignored"]]

    def heard(self, *where):
        """(role, name, value) of all that the tree holds where the focus is, that itself first."""
        parts = ("role", "name", "value")
        return [tuple(str(node.get(part, {}).get("value", "")) for part in parts) for node in self.nodes(*where)]

    def focus(self):
        return self.heard()[0]

    def words(self, *where):
        """What is written where the focus is; a formula by its signs."""
        return squeezed(" ".join(name for role, name, _ in self.heard(*where) if role == "StaticText"))

    def announced(self):
        """The texts of the page that are read out as soon as they change, wherever the focus is."""
        texts = []
        for node in self.nodes("document.body", role="status"):
            inside = self.tree.send("Accessibility.queryAXTree", {"backendNodeId": node["backendDOMNodeId"]})["nodes"]
            texts.append(squeezed(" ".join(x["name"]["value"] for x in inside if x["role"]["value"] == "StaticText")))
        return texts

    def until(self, condition, seconds=60):
        """Wait; return what the condition gives."""
        for _ in range(20 * seconds):
            if found := condition():
                return found
            self.page.wait_for_timeout(50)
        raise AssertionError(f"not heard after {seconds} s; heard is {self.words()!r}")

    def go(self, key, condition):
        """Press a key until the condition holds, at most 40 times."""
        for _ in range(40):
            if condition():
                return
            self.press(key)
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{key} does not lead there, but to {self.heard()[:3]} {self.words()!r}")

    def type_and_run(self, text):
        """Enter the cell, put this text in place of what is there, run it."""
        self.press("Enter")
        self.until(lambda: self.focus()[0] == "textbox")
        self.press("ControlOrMeta+a", "Delete")
        self.page.keyboard.type(text)
        self.until(lambda: self.focus()[2].strip() == text)
        self.press("Escape", "Control+Enter")

    def in_a_new_cell(self, text):
        self.press("b")
        self.until(lambda: self.words() == "[ ]:")
        self.type_and_run(text)


@pytest.fixture(scope="module")
def at_the_task(chromium, tmp_path_factory):
    """A reader who has run all cells above the exercise, one by one, and stands at its text; and what was heard."""
    with browser.server(KIND, tmp_path_factory.mktemp(KIND)) as url:
        page = chromium.new_context(viewport={"width": 1200, "height": 1000}).new_page()
        browser.open_notebook(page, url, KIND, LESSON)
        reader, heard = Reader(page), []
        expected = sum(len(formulas(cell)) for cell in CELLS)
        reader.until(lambda: len(reader.nodes("document.body", role="MathMLMath")) == expected)
        for _ in range(TASK):
            heard.append(reader.heard())
            reader.press("Shift+Enter")
            page.wait_for_timeout(30)
        reader.until(lambda: squeezed(EXERCISE.heading) in reader.words())
        yield reader, heard
        page.context.close()


def test_all_of_the_lesson_is_in_the_tree(at_the_task):
    """Cell by cell: headings as written, formulas as formulas, tables as tables, code in fields."""
    _, heard = at_the_task
    for cell, nodes in zip(CELLS, heard, strict=False):
        roles = [role for role, *_ in nodes]
        if cell.cell_type == "code":
            assert next(value for role, _, value in nodes if role == "textbox").split() == cell.source.split()
            continue
        titles = [squeezed(re.sub("[*`]", "", title)) for title in re.findall(r"^#+ (.*)", cell.source, re.M)]
        assert [squeezed(name) for role, name, _ in nodes if role == "heading"] == titles
        assert roles.count("MathMLMath") == len(formulas(cell))
        assert roles.count("table") == len(re.findall(r"^\|[-:| ]+\|$", cell.source, re.M))


def test_exercise_4_2_from_its_text_to_its_answer(at_the_task):
    reader, _ = at_the_task
    words = reader.words()
    for part in ("the weight from x 2 = 2 to the sleeping unit 3", "the slope at the dot, where the weight is −1"):
        assert part in words

    # the explorer above it: Tab leads to the question and the slider, and it says what they do
    twin = SlopeExplorer("W1[1, 0]")
    reader.go("ArrowUp", lambda: "SlopeExplorer(" in str(reader.heard()))
    assert twin.headline() in reader.announced()
    reader.go("Tab", lambda: reader.focus()[:2] == ("button", twin.prediction.right))
    reader.press("Enter")
    reader.until(lambda: any(text.startswith(f"{twin.prediction.right}: right.") for text in reader.announced()))
    reader.go("Tab", lambda: reader.focus()[:2] == ("slider", "its value"))
    reader.press("ArrowRight")
    twin.set(value=float(reader.focus()[2]))
    assert twin.headline() != SlopeExplorer("W1[1, 0]").headline()
    reader.until(lambda: twin.headline() in reader.announced())
    reader.press("Escape")  # from the slider, which keeps the arrow keys, back to the cell

    # a wrong answer, a hint, the right answer
    def at_check():
        return any(role == "textbox" and value.startswith('check("4.2"') for role, _, value in reader.heard())

    reader.go("ArrowDown", at_check)

    def answer(mark):
        said = next((text for text in reader.announced() if text.startswith(f"{mark} 4.2")), "")
        return said if said and said in reader.words() else None

    reader.type_and_run(f'check("4.2", {WRONG})')
    assert "at the dot the unit sleeps" in reader.until(lambda: answer("✗"))
    reader.in_a_new_cell('hint("4.2")')
    reader.until(lambda: f"hint 1 of {len(EXERCISE.hints)}: {EXERCISE.hints[0]}" in reader.words())
    reader.press("d", "d")
    reader.go("ArrowUp", at_check)
    reader.type_and_run(f'check("4.2", {RIGHT})')
    assert "the loss stays at 0.6931: flat, with slope 0 at the dot" in reader.until(lambda: answer("✓"))

    # the picture below: JupyterLab gives it no name; Out[…], with the number beside the cell, says what it shows
    reader.go("ArrowDown", lambda: "loss_if" in str(reader.heard()))
    old = reader.words()
    reader.press("Control+Enter")
    reader.until(lambda: reader.words() != old and "[*]" not in reader.words())
    number = re.search(r"\[(\d+)\]:", reader.words())[1]
    reader.in_a_new_cell(f"print(Out[{number}])")
    stored = CELLS[TASK + 2].outputs[0].data["text/plain"]
    assert "the tangent at -1 has the slope 0" in stored
    reader.until(lambda: stored in reader.words())
