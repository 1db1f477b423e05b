"""The widgets in a real browser: JupyterLab and Notebook 7 serve the lessons, and the page shows what nnlib says."""

import contextlib
import re
import subprocess
import sys
import time
from itertools import permutations

import browser
import numpy as np
import pytest
from test_notebooks import NOTEBOOKS, WIDGETS

from nnlib import Linear, Sequential
from nnlib.widgets import DrawDigit, SoftmaxExplorer, TrainingStepper
from nnlib.widgets.base import HERE as WIDGETS_FOLDER

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "-")

LESSONS = {number: next(NOTEBOOKS.glob(f"{number}_*.ipynb")).name for number in WIDGETS}
OPENED = [("lab", number) for number in LESSONS] + [("notebook", "00"), ("notebook", "04")]

DIGITS = {  # as a hand draws them: strokes of points on a sheet from (0, 0) top left to (100, 100)
    0: [[(50, 20), (35, 25), (28, 40), (27, 60), (35, 76), (50, 80), (65, 75), (72, 60), (72, 40), (65, 25), (50, 20)]],
    1: [[(52, 18), (50, 40), (49, 60), (47, 82)]],
    2: [[(30, 32), (38, 22), (55, 20), (66, 30), (64, 45), (50, 60), (30, 78), (45, 76), (72, 78)]],
    3: [[(32, 24), (50, 20), (64, 28), (60, 42), (45, 48), (62, 53), (68, 66), (58, 78), (42, 80), (30, 74)]],
    4: [[(38, 20), (32, 50), (68, 50)], [(64, 22), (62, 50), (60, 82)]],
    5: [[(68, 20), (38, 21), (36, 46), (52, 44), (66, 52), (66, 68), (54, 79), (34, 77)]],
    6: [[(60, 18), (42, 35), (33, 55), (35, 72), (48, 80), (62, 74), (64, 60), (52, 53), (38, 60)]],
    7: [[(30, 24), (50, 23), (70, 22), (58, 48), (46, 82)]],
    8: [[(50, 48), (35, 38), (38, 24), (52, 19), (64, 26), (62, 38), (50, 48), (36, 60), (36, 74), (50, 81), (64, 74),
         (64, 60), (50, 48)]],
    9: [[(66, 34), (56, 22), (40, 24), (34, 38), (44, 48), (58, 44), (66, 32), (64, 55), (58, 82)]],
}  # fmt: skip


@pytest.fixture(scope="module")
def lesson(chromium, tmp_path_factory):
    """lesson(kind, number) is the page of a lesson, all its cells run; each is opened once."""
    with contextlib.ExitStack() as stack:
        servers, pages = {}, {}

        def opened(kind, number):
            if (kind, number) not in pages:
                if kind not in servers:
                    servers[kind] = stack.enter_context(browser.server(kind, tmp_path_factory.mktemp(kind)))
                page = chromium.new_context(viewport={"width": 1200, "height": 1000}).new_page()
                browser.open_notebook(page, servers[kind], kind, LESSONS[number])
                page.complaints = []  # from here on: Notebook 7 has one of its own while it opens
                page.on("console", lambda m: m.type == "error" and page.complaints.append(m.text))
                page.on("pageerror", lambda error: page.complaints.append(str(error)))
                page.failures = browser.run_all(page)
                while page.locator(".nn-skip").count():
                    page.locator(".nn-skip").first.click()
                pages[kind, number] = page
            return pages[kind, number]

        yield opened


@pytest.fixture
def page_of(lesson, request):
    """As `lesson`; where the test fails, a picture of the page is kept in tests/failures."""

    def opened(kind, number):
        request.node.page = lesson(kind, number)
        return request.node.page

    return opened


def widget(page, name, which=0):
    found = page.locator(f'.nn-widget[aria-label="{name}"]').nth(which)
    found.scroll_into_view_if_needed()
    return found


def words(found):
    """What the kernel's own describe() says of it now."""
    return found.locator(".nn-description").text_content()


def wait_until(page, condition, timeout=30):
    """Until condition() holds; the page works meanwhile."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not true after {timeout} s"
        page.wait_for_timeout(20)


@pytest.mark.parametrize(("kind", "number"), OPENED)
def test_a_lesson_runs_and_its_widgets_live(page_of, kind, number):
    page = page_of(kind, number)
    assert page.failures == []
    names = [found.get_attribute("aria-label") for found in page.locator(".nn-widget").all()]
    assert sorted(names) == sorted(WIDGETS[number])
    assert page.complaints == []


def test_a_sheet_is_paper_before_anybody_draws(page_of):
    page = page_of("lab", "00")
    sheet = widget(page, "DrawDigit").locator("canvas").first
    corner = "node => [...node.getContext('2d').getImageData(9, 9, 1, 1).data]"
    wait_until(page, lambda: sheet.evaluate(corner) == [255] * 4)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_line_stands_between_the_regions_of_two_classes(page_of, theme):
    """Without colour the two pale regions are one grey: so they never touch, and the line differs from both."""
    page = page_of("lab", "05")
    plane = page.locator("canvas.nn-plane")
    plane.scroll_into_view_if_needed()
    browser.dark(page, theme == "dark")

    def grey(colour):
        """Luminance on the page, which the canvas lets through."""
        page_colour = 255 if theme == "light" else 17
        *rgb, alpha = colour
        return [0.3, 0.6, 0.1] @ (np.array(rgb) * alpha / 255 + page_colour * (1 - alpha / 255))

    def well_drawn():
        """The regions and the line are the three most frequent colours that let the page through; the points do not."""
        pixels = plane.evaluate("node => [...node.getContext('2d').getImageData(0, 0, 240, 240).data]")
        colours, which, counts = np.unique(np.reshape(pixels, (-1, 4)), axis=0, return_inverse=True, return_counts=True)
        three = np.argsort(-counts * (colours[:, 3] < 255))[:3]
        first, second, line = (which.reshape(240, 240) == k for k in three)
        assert min(first.mean(), second.mean()) > 0.2
        touching = [(a[:, 1:] & b[:, :-1]).any() or (a[1:] & b[:-1]).any() for a, b in permutations((first, second))]
        one, other, between = map(grey, colours[three])
        return line.mean() > 0.01 and not any(touching) and min(abs(between - one), abs(between - other)) > 60

    wait_until(page, well_drawn, timeout=10)
    browser.dark(page, False)


@pytest.mark.parametrize("kind", ["lab", "notebook"])
def test_the_stepper_shows_nnlib_s_numbers_forwards_and_back(page_of, kind):
    """Step by step through one training step of the no-calculator net, beside a twin that no page has seen."""
    page, twin = page_of(kind, "04"), TrainingStepper.no_calculator()
    found = widget(page, "TrainingStepper")
    found.locator(".nn-reset").click()
    for column, node in enumerate((0, 2, 5)):  # the first unit of each column
        found.locator(".nn-node").nth(node).locator("circle").click()
        twin.choose(column, 0)

    def at(position):
        twin.go(position)
        wait_until(page, lambda: words(found) == twin.describe())
        assert found.locator(".nn-where").text_content() == str(position)
        assert found.locator(".nn-title").text_content() == twin.words.title()
        shown = found.locator(".nn-equation").text_content()
        assert shown == (twin.words.equation() or "")
        return shown

    forwards = []
    for position in range(2 * twin.walk.per_batch + 1):
        forwards.append(at(position))
        found.locator(".nn-step").click()
    assert "0.6931" in " ".join(forwards)
    assert "0.3412" in " ".join(forwards)
    for position in reversed(range(2 * twin.walk.per_batch + 1)):
        found.locator(".nn-back").click()
        assert at(position) == forwards[position]
    found.locator(".nn-next-batch").click()
    at(twin.walk.per_batch)


def test_the_stepper_plays_and_its_slider_and_keys_move_it(page_of):
    page = page_of("lab", "05")
    found = widget(page, "TrainingStepper")
    where = found.locator(".nn-where")
    found.locator(".nn-reset").click()
    wait_until(page, lambda: where.text_content() == "0")
    start = words(found)
    slider = found.locator("input.nn-position")
    slider.focus()
    for key, position in (("ArrowRight", 1), ("ArrowUp", 2), ("ArrowLeft", 1), ("Home", 0), ("ArrowRight", 1)):
        page.keyboard.press(key)
        wait_until(page, lambda position=position: where.text_content() == str(position))
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    half = int(slider.get_attribute("max")) / 2
    wait_until(page, lambda: abs(int(where.text_content()) - half) < 0.1 * half)
    wait_until(page, lambda: f"position {where.text_content()}." in words(found))
    found.locator(".nn-reset").click()
    wait_until(page, lambda: where.text_content() == "0")
    found.locator("input.nn-speed").focus()
    page.keyboard.press("End")
    found.locator(".nn-play").click()
    wait_until(page, lambda: int(where.text_content()) > 30)
    found.locator(".nn-play").click()
    wait_until(page, lambda: f"position {where.text_content()}." in words(found))
    for _ in range(3):
        found.locator(".nn-back").click()
    wait_until(page, lambda: f"position {where.text_content()}." in words(found))
    found.locator(".nn-reset").click()
    wait_until(page, lambda: words(found) == start)  # all of it is back, to the digit


def test_a_unit_is_chosen_by_click_and_by_arrow_keys(page_of):
    page, twin = page_of("lab", "04"), TrainingStepper.no_calculator()
    found = widget(page, "TrainingStepper")
    found.locator(".nn-reset").click()
    found.locator(".nn-step").click()
    found.locator(".nn-step").click()
    twin.go(2)
    twin.choose(1, 2)
    found.locator(".nn-node").nth(4).locator("circle").click()  # two inputs, then the third unit
    wait_until(page, lambda: found.locator(".nn-equation").text_content() == twin.words.equation())
    page.keyboard.press("ArrowUp")
    twin.choose(1, 1)
    wait_until(page, lambda: found.locator(".nn-equation").text_content() == twin.words.equation())


def test_ten_drawn_digits_are_read(page_of):
    """Drawn with the mouse from lists of strokes; the lesson's network must read eight of the ten."""
    page = page_of("lab", "05")
    found = widget(page, "DrawDigit")
    sheet = found.locator("canvas.nn-sheet")
    right = []
    for digit, strokes in DIGITS.items():
        if not found.get_by_role("button", name="clear").is_disabled():
            found.get_by_role("button", name="clear").click()
        wait_until(page, lambda: words(found).startswith("An empty sheet"))
        box = sheet.bounding_box()
        for stroke in strokes:
            places = [(box["x"] + box["width"] * x / 100, box["y"] + box["height"] * y / 100) for x, y in stroke]
            page.mouse.move(*places[0])
            page.mouse.down()
            for place in places[1:]:
                page.mouse.move(*place, steps=4)
            page.mouse.up()
        drawn = f"A drawing of {len(strokes)} stroke"
        wait_until(page, lambda drawn=drawn: drawn in words(found))
        browser.settle(page)
        said = re.search(r"says (\d) with probability ([\d.]+)", words(found))
        best = found.locator(".nn-best").text_content()
        assert best.startswith(said[1])  # the bar that is marked is what the kernel says
        assert f"{float(said[2]):.2f}" in best
        right.append(int(said[1]) == digit)
    assert sum(right) >= 8, right


def test_drawing_by_keyboard_and_undo(page_of):
    page = page_of("lab", "00")
    found = widget(page, "DrawDigit")
    clear = found.get_by_role("button", name="clear")
    if not clear.is_disabled():
        clear.click()
    found.locator("canvas.nn-sheet").focus()
    for key in (" ", *["ArrowDown"] * 8, " ", *["ArrowRight"] * 4, " ", *["ArrowUp"] * 8, " "):
        page.keyboard.press(key)
    wait_until(page, lambda: "A drawing of 2 strokes" in words(found))
    found.get_by_role("button", name="undo").click()
    wait_until(page, lambda: "A drawing of 1 stroke," in words(found))


# A page with the widget's own script and a kernel that answers when the test says so: asked(), answer(state).
SLOW_KERNEL = """async ([script, state]) => {
    const {default: made} = await import("data:text/javascript," + encodeURIComponent(script));
    const asked = [];
    let tell = null;
    const model = {get: () => state, send: (message) => asked.push(message), on: (_, f) => (tell = f), off: () => {}};
    Object.assign(window, {asked: () => asked, answer: (fresh) => { state = fresh; tell(); }});
    made.render({model, el: document.body});
}"""


def test_a_stroke_drawn_before_the_kernel_has_answered_is_kept(chromium):
    """The sheet is cleared, and a stroke is on it before the kernel says that it is empty."""
    net = Sequential(Linear(784, 10, rng=np.random.default_rng(0)))
    digit = DrawDigit(net, [[(0.2, 0.2), (0.8, 0.2)], [(0.2, 0.8), (0.8, 0.8)]], prediction=False)
    page = chromium.new_page()
    page.goto("about:blank")
    script = "".join((WIDGETS_FOLDER / name).read_text(encoding="utf-8") for name in ("common.js", "draw.js"))
    page.evaluate(SLOW_KERNEL, [script, digit.as_json()])

    def answer(message):
        digit.receive(message)
        page.evaluate("state => answer(state)", digit.as_json())

    def stroke():
        for key in (" ", "ArrowDown", " "):
            page.keyboard.press(key)

    page.get_by_role("button", name="clear").click()
    page.locator("canvas.nn-sheet").focus()
    stroke()
    cleared, *_ = page.evaluate("asked()")
    answer(cleared)
    assert digit.strokes == []
    stroke()
    last = page.evaluate("asked()")[-1]
    assert len(last["strokes"]) == 2
    answer(last)
    digit.draw([[(0.5, 0.1), (0.5, 0.9)]])  # from Python, and nothing is under way: the page follows
    page.evaluate("state => answer(state)", digit.as_json())
    stroke()
    assert page.evaluate("asked()")[-1]["strokes"][0] == [[0.5, 0.1], [0.5, 0.9]]
    page.close()


EXPLORERS = [
    (number, name)
    for number, names in WIDGETS.items()
    for name in dict.fromkeys(names)
    if name not in ("TrainingStepper", "DrawDigit")
]


@pytest.mark.parametrize(("number", "name"), EXPLORERS)
def test_an_explorer_answers_its_controls(page_of, number, name):
    """Every slider by keyboard, every button by click, every choice: what the kernel says follows them."""
    page = page_of("lab", number)
    found = widget(page, name)
    heard = [words(found)]
    for slider in found.locator("input[type=range]").all():
        slider.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        browser.settle(page)
        heard.append(words(found))
    for i in range(found.locator("button[data-name]").count()):
        button = found.locator("button[data-name]").nth(i)
        if button.is_enabled():
            button.click()
            browser.settle(page)
            heard.append(words(found))
    for select in found.locator("select").all():
        options = select.locator("option").all_text_contents()
        select.select_option(options[-1])
        browser.settle(page)
        heard.append(words(found))
    controls = len(heard) - 1
    assert controls >= 3
    assert len({*heard}) > controls / 2  # some moves change nothing: a slider at its end, a button that goes back
    assert not found.locator(".nn-silence").text_content()


def test_the_softmax_explorer_says_what_nnlib_says(page_of):
    page = page_of("lab", "03")
    found = widget(page, "SoftmaxExplorer")
    values = {f"z{i}": float(s.input_value()) for i, s in enumerate(found.locator("input[type=range]").all())}
    target = int(found.locator("select").first.input_value())
    twin = SoftmaxExplorer(tuple(values.values()), target)
    slider = found.locator("input[type=range]").first
    slider.focus()
    page.keyboard.press("End")
    name = slider.get_attribute("data-name")
    twin.set(**{name: float(slider.get_attribute("max"))})
    wait_until(page, lambda: found.locator(".nn-headline").text_content() == twin.headline())


@pytest.mark.parametrize(("kind", "number"), OPENED)
def test_axe_finds_nothing_inside_the_widgets(page_of, kind, number):
    from axe_playwright_python.sync_playwright import Axe

    page = page_of(kind, number)
    # Jupyter's body has no height and hides what is outside of it: axe would take no text for visible
    page.add_style_tag(content="body { overflow: visible !important }")
    for theme in ("dark", "light"):
        page.evaluate(f"document.body.setAttribute('data-jp-theme-light', '{str(theme == 'light').lower()}')")
        page.wait_for_function(
            f"[...document.querySelectorAll('.nn-widget')].every((w) => w.getAttribute('data-theme') === '{theme}')"
        )
        for i, found in enumerate(page.locator(".nn-widget").all()):
            found.scroll_into_view_if_needed()
            found.evaluate("(node, i) => node.setAttribute('data-axe', i)", i)
            said = Axe().run(page, context=f"[data-axe='{i}']", options=None).response
            assert [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in said["violations"]] == [], theme
            assert "color-contrast" in [rule["id"] for rule in said["passes"]]  # it was looked at


def test_every_control_has_a_name(page_of):
    named = "node => node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.[0]?.textContent.trim()"
    for kind, number in OPENED:
        page = page_of(kind, number)
        controls = page.locator(".nn-widget").locator("button, input, select, canvas, svg[role], [tabindex='0']").all()
        assert controls
        unnamed = [control for control in controls if not control.evaluate(named)]
        assert [control.evaluate("node => node.outerHTML.slice(0, 200)") for control in unnamed] == []


def test_the_dark_theme_of_jupyterlab_is_followed(page_of):
    page = page_of("lab", "03")
    found = widget(page, "NeuronPlayground")
    light = found.evaluate("node => getComputedStyle(node).backgroundColor")
    browser.dark(page)
    wait_until(page, lambda: found.get_attribute("data-theme") == "dark")
    assert found.evaluate("node => getComputedStyle(node).backgroundColor") != light
    browser.dark(page, False)
    wait_until(page, lambda: found.get_attribute("data-theme") == "light")


def test_what_is_computed_can_be_seen_without_a_kernel(page_of):
    """The last test of this page: its kernel is shut down, and the stepper still goes back and on."""
    page = page_of("notebook", "04")
    found = widget(page, "TrainingStepper")
    found.locator(".nn-reset").click()
    for _ in range(4):
        found.locator(".nn-step").click()
    wait_until(page, lambda: "position 4." in words(found))
    page.evaluate(f"{browser.KERNEL}.shutdown()")
    complaints = len(page.complaints)
    found.locator(".nn-back").click()
    found.locator(".nn-back").click()
    wait_until(page, lambda: found.locator(".nn-where").text_content() == "2")
    found.locator(".nn-step").click()
    wait_until(page, lambda: found.locator(".nn-where").text_content() == "3")
    ours = [text for text in page.complaints[complaints:] if "nn-" in text or "anywidget" in text]
    assert ours == []


OLD = """
import ipywidgets, json, sys
import numpy as np
assert ipywidgets.__version__ == "7.7.1", ipywidgets.__version__
from nnlib import Linear, ReLU, Sequential, Split
from nnlib.widgets import *
rng = np.random.default_rng(0)
net = Sequential(Linear(784, 10, rng=rng))
images = Split(rng.random((40, 784), dtype=np.float32), rng.integers(0, 10, 40))
messages = {
    TrainingStepper.no_calculator(): {"do": "step"}, NeuronPlayground(): {"do": "set", "name": "b", "value": 0.5},
    SoftmaxExplorer(): {"do": "set", "name": "z0", "value": 2.0},
    SlopeExplorer(): {"do": "set", "name": "value", "value": 0.5},
    InitExplorer(): {"do": "set", "name": "layers", "value": 3}, DescentExplorer(): {"do": "press", "name": "step"},
    MistakeBrowser(net, images): {"do": "press", "name": "next"},
    DrawDigit(net): {"do": "draw", "strokes": [[[0.2, 0.2], [0.5, 0.8]]]},
}
for widget, message in messages.items():
    view = widget.view
    before = view.state
    view._handle_custom_msg(message, [])
    assert view.state != before, type(widget).__name__
    assert json.loads(view.state) == json.loads(widget.as_json())
    assert "image/png" in widget._repr_mimebundle_()[0]
print(len(messages), "widgets")
"""


def test_all_widgets_answer_on_the_ipywidgets_of_colab(tmp_path):
    """ipywidgets 7.7.1 in front of the installed one, with the anywidget that is installed."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*install, "--target", tmp_path, "ipywidgets==7.7.1", "ipython-genutils"], check=True, timeout=300)
    path = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    done = subprocess.run([sys.executable, "-c", path + OLD], capture_output=True, encoding="utf-8", timeout=120)
    assert done.stdout.strip() == "8 widgets", done.stderr
