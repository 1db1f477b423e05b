"""A real browser on a real Jupyter server, for test_browser.py: start, open a notebook, run it, look at its widgets."""

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SETTINGS = {  # every cell stays in the page
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": '{"windowingMode": "none"}',
}


@functools.cache
def missing():
    """What the browser tests lack on this machine, or an empty string."""
    try:
        import axe_playwright_python  # noqa: F401
        import playwright  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed (make test-all installs it)"
    return "" if chromium() else "no Chromium found (apt install chromium, or playwright install chromium)"


@functools.cache
def chromium():
    """The path of a Chromium: the system's, or Playwright's own."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        path = p.chromium.executable_path
    return path if Path(path).exists() else None


@contextlib.contextmanager
def server(kind, folder):
    """`jupyter lab` or `jupyter notebook` on a copy of the lessons in `folder`; yields its address."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("__pycache__", ".ipynb_*"))
    for name, text in SETTINGS.items():
        path = folder / "settings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    environment = os.environ | {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    command = [
        sys.executable,
        "-m",
        "jupyter",
        kind,
        "--no-browser",
        f"--port={port}",
        "--ip=127.0.0.1",
        "--allow-root",
    ]
    command += ["--IdentityProvider.token=", "--expose-app-in-browser", f"--ServerApp.root_dir={folder / 'notebooks'}"]
    command += ["--LabApp.news_url="] if kind == "lab" else []
    log = (folder / "server.log").open("w", encoding="utf-8")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/api/status", timeout=5).close()
                break
            if process.poll() is not None:
                raise RuntimeError((folder / "server.log").read_text(encoding="utf-8"))
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def open_notebook(page, url, kind, name):
    """Open a notebook in a fresh page and wait until its kernel is ready."""
    page.goto(f"{url}/{'lab/tree' if kind == 'lab' else 'notebooks'}/{name}" + ("?reset" if kind == "lab" else ""))
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function(KERNEL + " !== undefined && " + KERNEL + ".status === 'idle'", timeout=60_000)


KERNEL = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"


def settle(page):
    """Until the kernel has answered what the page has told it, and what the page then told it in turn."""
    for _ in range(2):
        page.evaluate(f"{KERNEL}.requestKernelInfo().then(() => 1)")
        page.wait_for_timeout(20)


def run_all(page, timeout=120):
    """Run all cells, wait for the end, and return the text of errors in the outputs."""
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_timeout(500)
    page.wait_for_function(
        f"{KERNEL}.status === 'idle' && "
        "![...document.querySelectorAll('.jp-InputPrompt')].some((p) => p.textContent.includes('*'))",
        timeout=1000 * timeout,
    )
    kinds = ("stderr", "error")
    selector = ", ".join(f'.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in kinds)
    return page.locator(selector).all_inner_texts()


def dark(page, on=True):
    """The dark theme, or the light one."""
    theme = f"JupyterLab {'Dark' if on else 'Light'}"
    page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{ theme: '{theme}' }})")
    page.wait_for_selector(f"[data-jp-theme-light='{'false' if on else 'true'}']", state="attached")
