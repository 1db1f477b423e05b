"""Does the site say what the lessons say, to every reader, and without asking any other machine?

`make site` builds it; here it is built once more, into a temporary folder, and opened in Chromium with the network cut.
What the glossary, the notation and the alt texts are made of is tested without either.
"""

import contextlib
import functools
import html.parser
import http.server
import importlib.util
import re
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import browser
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from test_keyboard import Reader as Listener
from test_keyboard import formulas, squeezed

from nnlib.exercises.core import REGISTRY
from nnlib.widgets import TrainingStepper

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "notebooks" / "site"

_spec = importlib.util.spec_from_file_location("site_build", SITE / "build.py")
build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build)

LESSONS = [(path, nbformat.read(path, as_version=4)) for path in build.LESSONS]
in_chromium = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "-")


# notation: one page that lists every sign of every formula


def unlisted(notebooks, listed):
    return {
        f"{path.name}: {sign} in {formula.strip()}"
        for path, notebook in notebooks
        for formula in build.formulas(notebook)
        for sign in build.symbols(formula) - listed.keys()
    }


def test_every_sign_of_a_formula_is_on_the_notation_page():
    assert unlisted(LESSONS, build.listed_symbols()) == set()


def test_the_notation_page_lists_no_sign_that_no_lesson_uses():
    used = {sign for _, notebook in LESSONS for formula in build.formulas(notebook) for sign in build.symbols(formula)}
    from_readme = {*re.findall(r"`(\w)`", build.table(build.README, "Notation"))}
    assert {*build.listed_symbols()} - used - from_readme == set()


@pytest.mark.parametrize(
    ("formula", "signs"),
    [
        (r"Z = X W + b \tag{2.1}", {"Z", "X", "W", "b"}),
        (r"\frac{dL}{dw_{ij}} \approx 2\,\varepsilon", {"d", "L", "w", "i", "j", r"\varepsilon"}),
        (r"\begin{cases} 1 & z > 0 \\ 0 & \text{else} \end{cases}", {"z"}),
        (r"w \sim \mathcal{N}\!\left(0, \tfrac{2}{\text{fan-in}}\right)", {"w", r"\sim", r"\mathcal{N}"}),
        (r"\mathrm{ReLU}(z) = \max(z, 0)", {"ReLU", "z", r"\max"}),
        (r"\hat m \leftarrow \xi \sum_n dZ_n", {r"\hat", "m", r"\leftarrow", r"\xi", r"\sum", "n", "d", "Z"}),
        (r"\frac{TP}{TP + FP}, XW", {"TP", "FP", "X", "W"}),
    ],
)
def test_the_signs_of_a_formula_are_found(formula, signs):
    assert build.symbols(formula) == signs


def test_a_sign_that_is_not_listed_is_seen():
    lesson = new_notebook(cells=[new_markdown_cell(r"`$\chi$` is code, but $$ A = \xi(Z) $$ and $\zeta_k$ are not")])
    found = unlisted([(Path("09.ipynb"), lesson)], build.listed_symbols())
    assert sorted(line.split()[1] for line in found) == [r"\xi", r"\zeta"]


def test_the_notation_is_readme_s():
    page = build.page("notation.md", LESSONS)
    assert build.table(build.README, "Notation") in page
    row = re.search(r"^\| \$\\eta\$.*$", page, re.MULTILINE)[0]
    assert re.search(r"\| 05, 06, 07[\d, ]*\|$", row), row


# glossary: the sentences of the lessons


def test_the_glossary_holds_what_the_lessons_define():
    terms = build.terms(LESSONS)
    wanted = (
        "batch, epoch, loss, logits, neuron, layer, bias, softmax, cross-entropy, gradient, learning rate, overfitting"
    )
    assert {*wanted.split(", ")} <= terms.keys()
    assert len(terms) > 60
    for term, (text, _) in terms.items():
        assert text.endswith("."), term
        assert 4 <= len(text.split()) <= 70, f"{term}: {text}"


@pytest.mark.parametrize(
    ("paragraph", "entries"),
    [
        ("First. A **bias** is added: it is a number:", [("bias", "A bias is added: it is a number.")]),
        ("Sum them. Such a sum is a **score**.", [("score", "Sum them. Such a sum is a score.")]),
        ("| **loss** | how wrong | 3 |", [("loss", "How wrong.")]),
        ("**By hand.** Two and two. **Try**: guess.", []),
        ("**Recall**: of those that are.", [("Recall", "Recall: of those that are.")]),
    ],
)
def test_a_definition_is_found(paragraph, entries):
    assert [*build.defined(paragraph)] == entries


# alt texts


def pictures():
    """(where, alt text) of each picture of the lessons."""
    for path, notebook in LESSONS:
        for cell in notebook.cells:
            if (alt := build.alt_of(cell)) is not None:
                yield f"{path.name} {cell.id}", alt


def test_every_stored_picture_has_an_alt_text():
    found = [*pictures()]
    assert len(found) > 100
    assert [where for where, alt in found if len(alt.split()) < 4 or "$" in alt or "**" in alt] == []


def figure(**metadata):
    return new_code_cell("plot()", outputs=[new_output("display_data", {"image/png": "AA=="}, metadata=metadata)])


def test_alt_texts_come_from_the_output():
    assert build.alt_of(figure(**{"image/png": {"alt": "a\n curve"}})) == "a curve"
    assert build.alt_of(new_code_cell("1")) is None
    with pytest.raises(KeyError):
        build.alt_of(figure())
    twice = figure()
    twice.outputs *= 2
    with pytest.raises(ValueError, match="one picture"):
        build.alt_of(twice)


# the built site


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built site."""
    for module in ("sphinx", "myst_nb", "sphinx_book_theme", "mathjax"):
        pytest.importorskip(module, reason=f"{module} is not installed (make site and make test-all install it)")
    folder = tmp_path_factory.mktemp("site") / "html"
    done = subprocess.run(
        [sys.executable, str(SITE / "build.py"), str(folder)], capture_output=True, encoding="utf-8", timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Reader(html.parser.HTMLParser):
    """What a page holds: ids, links, resources that are fetched, pictures, tables."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.fetched, self.images, self.tables = set(), [], [], [], []
        self.details = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.ids.add(a.get("id"))
        if tag == "a":
            self.links.append(a.get("href", ""))
        if tag == "link" and a.get("rel") not in ("canonical", "search", "index", "next", "prev"):
            self.fetched.append(a["href"])
        self.fetched += [a["src"]] if a.get("src") else []
        if tag == "img":
            self.images.append(a)
        if tag == "table":
            self.tables.append(0)
        if tag == "th":
            self.tables[-1] += 1
        if tag == "details":
            self.details.append("open" in a)


@pytest.fixture(scope="session")
def pages(site):
    return {path.name: Reader(path) for path in sorted(site.glob("*.html"))}


def test_every_lesson_has_a_page_and_so_have_the_signs_and_the_words(pages):
    assert {*pages} == {f"{path.stem}.html" for path, _ in LESSONS} | {
        "index.html", "glossary.html", "notation.html", "help.html", "search.html",
    }  # fmt: skip


def test_every_link_leads_somewhere(site, pages):
    for name, page in pages.items():
        for link in page.links:
            place, _, fragment = link.partition("#")
            if re.match(r"https?:|mailto:", link):
                continue
            target = urllib.parse.unquote(place.partition("?")[0]) or name
            assert (site / target).exists(), f"{name} links to {link}"
            if fragment and target in pages:
                assert urllib.parse.unquote(fragment) in pages[target].ids, f"{name} links to {link}"


def test_nothing_is_fetched_from_elsewhere(site, pages):
    for name, page in pages.items():
        for address in page.fetched:
            assert not re.match(r"\w+:|//", address) or address.startswith("data:"), f"{name} fetches {address}"
            assert (site / address.partition("?")[0]).exists() or address.startswith("data:"), f"{name}: {address}"
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""(url\(|@import)\s*["']?(https?:)?//""", text), path.name


def test_pictures_have_alt_texts_and_tables_have_heads(pages):
    for name, page in pages.items():
        for image in page.images:  # those of the lessons; the theme has a logo of its own
            assert image["src"].startswith("_static/") or len((image.get("alt") or "").split()) >= 4, f"{name}: {image}"
        assert all(page.tables), f"{name}: a table without a head, {page.tables}"
    assert sum(len(page.images) for page in pages.values()) > 100


def test_solutions_wait_behind_a_click(site, pages):
    for number in REGISTRY:
        page = f"{next(path.stem for path, _ in LESSONS if path.name.startswith(f'{int(number[0]):02}'))}.html"
        text = (site / page).read_text(encoding="utf-8")
        assert text.count(f"<summary>Solution of exercise {number}</summary>") == 1, number
        assert text.count(f"<summary>Hints for exercise {number}</summary>") == 1, number
    assert not any(opened for page in pages.values() for opened in page.details)


def test_the_equations_reach_mathjax_as_written(site):
    text = (site / "04_backpropagation.html").read_text(encoding="utf-8")
    printed = [f for path, notebook in LESSONS if path.name.startswith("04") for f in build.formulas(notebook)]
    assert sum(r"\tag" in formula for formula in printed) == len(re.findall(r"\\tag\{4\.\d+\}", text))
    assert r"\begin{split}" not in text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[here](nowhere.ipynb)", "nowhere"),
        ("[here](#nowhere)", "nowhere"),
        ("{term}`nobody`", "nobody"),
        ("### too deep", "header level"),
        ("[fine](other.md)", None),
    ],
)
def test_what_is_broken_stops_the_build(tmp_path, text, complaint):
    sphinx = pytest.importorskip("sphinx.cmd.build", reason="Sphinx is not installed (make test-all installs it)")
    pytest.importorskip("sphinx_book_theme", reason="its theme is not installed (make test-all installs it)")
    assert sphinx
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.md").write_text(f"# A page\n\n{text}\n\n```{{toctree}}\nother\n```\n", encoding="utf-8")
    (source / "other.md").write_text("# Another\n", encoding="utf-8")
    for name in ("common.css", "site.css", "site.js", "widgets.js", "favicon.svg"):
        (source / "_static").mkdir(exist_ok=True)
        (source / "_static" / name).write_text("", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "-c", str(SITE)]
    done = subprocess.run([*command, str(source), str(tmp_path / "out")], capture_output=True, encoding="utf-8")
    assert (done.returncode == 0) == (complaint is None), done.stderr
    assert complaint is None or complaint in done.stderr


# in a browser, with the network cut


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with contextlib.closing(server.socket):
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def opened(chromium, address):
    """opened(page, theme): a page in that theme, everything but this site refused; what else it asked for is kept."""
    contexts = {}

    def load(name, theme="light", base=address):
        if theme not in contexts:
            size = {"width": 1300, "height": 1000}
            context = chromium.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
            context.route(re.compile(r"^(?!data:|blob:)"), functools.partial(keep_in, address))
            contexts[theme] = page = context.new_page()
            page.complaints, page.asked = [], []
            page.on("console", lambda m: m.type == "error" and page.complaints.append(m.text))
            page.on("pageerror", lambda error: page.complaints.append(str(error)))
            page.on("request", lambda r: ours(r.url, address) or page.asked.append(r.url))
        page = contexts[theme]
        page.complaints.clear()
        page.asked.clear()
        page.goto(f"{base}/{name}")
        page.wait_for_load_state("load")
        if page.locator(".math").count():
            page.evaluate("MathJax.startup.promise.then(() => 1)")
        page.wait_for_function(f"{ALL}('.nn-widget').length === {ALL}('.nn-kept').length")
        return page

    yield load
    for page in contexts.values():
        page.context.close()


ALL = "document.querySelectorAll"


def ours(url, address):
    return url.startswith((f"{address}/", "file:", "data:", "blob:"))


def keep_in(address, route):
    if ours(route.request.url, address):
        route.continue_()
    else:
        route.abort()


NAMES = [*(f"{path.stem}.html" for path, _ in LESSONS), "index.html", "glossary.html", "notation.html", "search.html"]


@in_chromium
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_and_nothing_is_asked_of_others(opened, name, theme):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(name, theme)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert (page.complaints, page.asked) == ([], [])
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    page.wait_for_function("document.getAnimations().every((a) => a.playState === 'finished')")
    # axe reads no MathML: a head that is a formula looks empty to it
    context = {"include": [["html"]], "exclude": [["th:has(mjx-container)"]]}
    options = {"resultTypes": ["violations"], "preload": False}
    if theme == "dark":  # nothing but the colours has changed
        options["runOnly"] = ["color-contrast"]
    said = Axe().run(page, context=context, options=options).response
    assert [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in said["violations"]] == []
    assert "color-contrast" in [rule["id"] for rule in said["passes"]]


@in_chromium
def test_formulas_are_drawn_and_can_be_read_out(opened):
    page = opened("04_backpropagation.html")
    assert page.locator("mjx-container").count() > 100
    assert page.locator("mjx-container mjx-assistive-mml math").count() == page.locator("mjx-container").count()
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert page.locator("mjx-container[display='true']", has_text="4.10").count() == 1


@in_chromium
def test_search_finds_the_lesson(opened):
    page = opened("search.html?q=overfitting")
    page.locator("#search-results li a", has_text="05").first.wait_for()


@in_chromium
def test_the_stepper_plays_without_a_kernel_as_nnlib_would(opened):
    """Step by step beside a twin in Python that no page has seen: the same words, forwards, back, at another unit."""
    page, twin = opened("04_backpropagation.html"), TrainingStepper.no_calculator()
    found = page.locator(".nn-widget")
    found.locator(".nn-skip").click()
    assert page.locator(".cell_output:has(.nn-widget) img:visible").count() == 0

    def same():
        browser_says = found.locator(".nn-description")
        for _ in range(1000):
            if browser_says.text_content() == twin.describe():
                break
            page.wait_for_timeout(20)
        assert browser_says.text_content() == twin.describe()
        assert found.locator(".nn-title").text_content() == twin.words.title()
        assert found.locator(".nn-equation").text_content() == (twin.words.equation() or "")

    twin.choose(1, 2)
    twin.go(7)
    same()
    for control, move in [("reset", lambda: twin.go(0)), *[("step", twin.step)] * 11, *[("back", twin.back)] * 4]:
        found.locator(f".nn-{control}").click()
        move()
        same()
    found.locator(".nn-node").nth(5).locator("circle").click()
    twin.choose(2, 0)
    same()
    for control, move in [("next-batch", twin.next_batch), ("epoch", twin.epoch), ("back", twin.back)]:
        found.locator(f".nn-{control}").click()
        move()
        same()
    assert page.complaints == []


@in_chromium
def test_play_runs_to_the_end_of_what_is_kept_and_says_so(opened):
    page = opened("05_sgd.html")
    wide, moons = page.locator(".nn-widget").all()
    skip = moons.locator(".nn-skip")
    skip.click() if skip.count() else None
    wide.locator(".nn-speed").evaluate("input => (input.value = 60)")
    start = int(wide.locator(".nn-where").text_content())
    wide.locator(".nn-play").click()
    wide.locator(".nn-play", has_text="play").wait_for(timeout=20_000)
    assert int(wide.locator(".nn-where").text_content()) > start
    assert "ends at position" in wide.locator(".nn-problem").text_content()
    wide.locator(".nn-node").nth(3).click()
    wide.locator(".nn-problem", has_text="need Python").wait_for()

    start = int(moons.locator(".nn-where").text_content())
    for epoch in range(1, 9):
        moons.locator(".nn-epoch").click()
        moons.locator(".nn-where", has_text=re.compile(rf"^{start + 180 * epoch}$")).wait_for()
    assert moons.locator(".nn-problem").text_content() == ""
    moons.locator(".nn-step").click()
    moons.locator(".nn-problem", has_text="keeps nothing").wait_for()
    assert page.complaints == []


@in_chromium
def test_explorers_show_their_picture_and_say_so(opened):
    page = opened("03_forward_pass.html")
    notes = page.locator(".nn-note").all_text_contents()
    assert [name for name in ("NeuronPlayground", "SoftmaxExplorer") if not any(name in note for note in notes)] == []
    assert page.locator(".cell_output:has(.nn-note) img").count() == len(notes)


@in_chromium
def test_the_keyboard_is_enough(opened):
    page = opened("04_backpropagation.html")
    page.keyboard.press("Tab")
    assert "Skip" in page.evaluate("document.activeElement.textContent")
    found = page.locator(".nn-widget")
    if found.locator(".nn-skip").count():
        found.locator(".nn-skip").focus()
        page.keyboard.press("Enter")
    found.locator(".nn-reset").focus()
    page.keyboard.press("Enter")
    found.locator(".nn-where", has_text=re.compile("^0$")).wait_for()
    found.locator(".nn-position").focus()
    for position in (1, 2):
        page.keyboard.press("ArrowRight")
        found.locator(".nn-where", has_text=re.compile(f"^{position}$")).wait_for()
    page.keyboard.press("ArrowLeft")
    found.locator(".nn-where", has_text=re.compile("^1$")).wait_for()

    solution = page.locator("details", has=page.locator("summary", has_text="Solution of exercise 4.3"))
    assert not solution.evaluate("node => node.open")
    solution.locator("summary").focus()
    page.keyboard.press("Enter")
    assert solution.evaluate("node => node.open")

    reached, before = set(), None  # Tab goes on, and is never caught
    page.locator("body").evaluate("node => { node.tabIndex = -1; node.focus(); }")
    for _ in range(400):
        page.keyboard.press("Tab")
        now = page.evaluate(
            "() => { const a = document.activeElement;"
            " return `${a.tagName} ${a.className} ${[...document.querySelectorAll('*')].indexOf(a)}`; }"
        )
        assert now != before, f"the focus stays at {now}"
        reached.add(now)
        before = now
    assert any("nn-step" in place for place in reached)
    assert any("theme-switch" in place for place in reached)


@in_chromium
def test_exercise_4_2_by_keyboard_and_text_alone(opened):
    """From the skip link to the task, its hints and its solution, as the accessibility tree has them."""
    page = opened("04_backpropagation.html")
    cells = next(notebook.cells for path, notebook in LESSONS if path.name.startswith("04"))
    reader = Listener(page)
    whole, here = "document.body", "document.activeElement.parentElement"
    headings = [
        (squeezed(node["name"]["value"]), next(p["value"]["value"] for p in node["properties"] if p["name"] == "level"))
        for node in reader.nodes(whole, role="heading")
    ]
    start = [level for _, level in headings].index(1)  # before the title stand those of the sidebar
    written = [
        (len(marks), squeezed(re.sub("[*`]", "", title)).translate({0x27: "’"}))
        for cell in cells
        if cell.cell_type == "markdown"
        for marks, title in re.findall(r"^(#+) (.*)", cell.source, re.M)
    ]
    assert [(level, name) for name, level in headings[start:]] == written
    assert len(reader.nodes(whole, role="MathMLMath")) == sum(len(formulas(cell)) for cell in cells)
    assert all(node["name"]["value"].strip() for node in reader.nodes(whole, role="image"))

    reader.press("Tab")
    assert reader.focus()[:2] == ("link", "Skip to main content")
    reader.press("Enter")
    for name, text in {
        "Hints for exercise 4.2": REGISTRY["4.2"].hints[0],
        "Solution of exercise 4.2": "0.0 # the gate is shut",
    }.items():
        reader.go("Tab", lambda name=name: reader.focus()[:2] == ("DisclosureTriangle", name))
        assert text not in reader.words(here)
        reader.press("Enter")
        reader.until(lambda text=text: text in reader.words(here))


@in_chromium
def test_the_theme_switch_takes_the_widget_along(opened):
    page = opened("04_backpropagation.html")
    found = page.locator(".nn-widget")
    assert found.get_attribute("data-theme") == "light"
    page.locator("button.theme-switch-button").first.click()
    page.locator("button[data-mode='dark']:visible").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.locator(".nn-widget[data-theme='dark']").wait_for()
    page.evaluate("localStorage.clear()")


@in_chromium
def test_the_site_works_from_a_folder(opened, site):
    """As files, without any server: what somebody gets who unpacks the folder."""
    page = opened("04_backpropagation.html", base=site.as_uri())
    found = page.locator(".nn-widget")
    found.locator(".nn-skip").click()
    found.locator(".nn-step").click()
    found.locator(".nn-where", has_text=re.compile("^8$")).wait_for()
    assert (page.complaints, page.asked) == ([], [])
    assert page.locator("mjx-container").count() > 100
