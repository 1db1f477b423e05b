"""`make learn` serves JupyterLab with lesson 00 open."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LESSON = "notebooks/00_start_here.ipynb"


def answer(url):
    """(status, text) of a page, or None while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=10) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def stop(process):
    """End make and everything it started, and nothing else."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=True)
    else:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait(15)


@pytest.fixture
def course(tmp_path):
    """`make learn` on a free port, without a browser and without the user's settings: (url, log file)."""
    make = shutil.which("make")
    if not make:
        pytest.skip("make is not installed")
    if not (ROOT / ".venv" / "installed").exists():
        pytest.skip("no .venv/installed here: `make test` makes it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "log"
    homes = (
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR",
    )
    environment = os.environ | {name: str(tmp_path / name) for name in homes}
    # an old stamp would have `make` install anew, which is not what is tested here
    options = ["learn", f"PORT={port}", "LAB_OPTIONS=--no-browser --IdentityProvider.token= --ServerApp.port_retries=0"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [make, "--old-file=requirements.txt", "--old-file=pyproject.toml", *options],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=sys.platform != "win32",
        )  # fmt: skip
    try:
        yield f"http://localhost:{port}", log, process
    finally:
        stop(process)


def test_make_learn_serves_lesson_00(course):
    url, log, process = course
    deadline = time.monotonic() + 60
    while (page := answer(f"{url}/lab/tree/{LESSON}")) is None:
        assert process.poll() is None, f"make learn ended\n{log.read_text()}"
        assert time.monotonic() < deadline, f"no answer in 60 s\n{log.read_text()}"
        time.sleep(0.2)
    status, html = page
    assert status == 200, log.read_text()
    assert "JupyterLab" in html
    # what it serves is this course, and what opens first is lesson 00
    status, text = answer(f"{url}/api/contents/{LESSON}")
    assert status == 200
    assert json.loads(text)["content"]["cells"][0]["source"].startswith("# 00 · ")
    assert f"lab/tree/{LESSON}" in log.read_text()
    assert answer(f"{url}/api/contents/notebooks/no_such.ipynb") == (404, "")
