"""How fast is the TrainingStepper? In the kernel, and as somebody in JupyterLab sees it, from click to repaint."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_notebook

from nnlib import SGD, Linear, ReLU, Sequential, Tanh, cross_entropy, load_mnist, moons
from nnlib.widgets import TrainingStepper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import browser

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
SMALL = """
import numpy as np
from nnlib import SGD, Linear, Sequential, Tanh, cross_entropy, moons
from nnlib.widgets import TrainingStepper
rng = np.random.default_rng(0)
net = Sequential(Linear(2, 4, rng=rng), Tanh(), Linear(4, 4, rng=rng), Tanh(), Linear(4, 2, rng=rng))
TrainingStepper(net, cross_entropy, SGD(net.parameters(), lr=0.1), moons(200, rng=rng), rng=rng)
"""

# milliseconds from a click until the frame after the change has been painted
CLICK = """
async () => {
  const where = document.querySelector(".nn-where"), button = document.querySelector(".nn-step");
  const changed = new Promise((resolve) => {
    const watch = new MutationObserver(() => (watch.disconnect(), resolve()));
    watch.observe(where, { childList: true, characterData: true, subtree: true });
  });
  const start = performance.now();
  button.click();
  await changed;
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  return performance.now() - start;
}
"""

# positions passed in two seconds of play, per second
PLAY = """
async () => {
  const where = () => Number(document.querySelector(".nn-where").textContent);
  const start = performance.now(), first = where();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  return (1000 * (where() - first)) / (performance.now() - start);
}
"""


def phase_milliseconds(net, loss, split, batch_size, phases=300):
    """Median time of one step and of the state that the page is then sent."""
    rng = np.random.default_rng(0)
    stepper = TrainingStepper(net, loss, SGD(net.parameters(), lr=0.1), split, batch_size, rng=rng)
    stepper.as_json()
    seconds = []
    for _ in range(phases):
        start = time.perf_counter()
        stepper.receive({"do": "step"})
        stepper.as_json()
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


def in_the_browser():
    """Median milliseconds from click to repaint and frames per second of play, in JupyterLab; {} without a browser."""
    if browser.missing():
        return {}
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, browser.server("lab", Path(name)) as url, sync_playwright() as p:
        notebook = new_notebook(cells=[new_code_cell(SMALL)], metadata={"kernelspec": KERNEL})
        nbformat.write(notebook, Path(name, "notebooks", "speed.ipynb"))
        page = p.chromium.launch(executable_path=browser.chromium(), args=browser.FLAGS).new_page()
        browser.open_notebook(page, url, "lab", "speed.ipynb")
        browser.run_all(page)
        page.locator(".nn-skip").click()
        clicks = []
        for _ in range(40):
            clicks.append(page.evaluate(CLICK))
            page.wait_for_timeout(20)
        page.locator(".nn-reset").click()
        page.locator("input.nn-speed").focus()
        page.keyboard.press("End")
        page.locator(".nn-play").click()
        page.wait_for_timeout(1000)  # a stretch is computed
        frames = page.evaluate(PLAY)
    return {"click_milliseconds": statistics.median(clicks), "frames_per_second": frames}


def measure_widgets():
    """What data/timings.json holds under "widgets"."""
    rng = np.random.default_rng(0)
    small = Sequential(Linear(2, 4, rng=rng), Tanh(), Linear(4, 4, rng=rng), Tanh(), Linear(4, 2, rng=rng))
    large = Sequential(Linear(784, 128, rng=rng), ReLU(), Linear(128, 10, rng=rng))
    return in_the_browser() | {
        "phase_milliseconds 2-4-4-2": phase_milliseconds(small, cross_entropy, moons(200, rng=rng), 8),
        "phase_milliseconds 784-128-10": phase_milliseconds(large, cross_entropy, load_mnist().train, 32),
    }


if __name__ == "__main__":
    print(measure_widgets())
