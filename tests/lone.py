"""Run each lesson alone: one notebook in an empty folder, in an environment that has Jupyter's kernel and no nnlib.

    python tests/lone.py          # all of them; `make lone` calls this
    python tests/lone.py 04 07    # these; make lone ONLY="04 07"

The set-up cells fetch the archive of the repository, which may be out of reach of a test. So a copy of the course is
stamped with the address of a small server on this machine, as `make notebooks REPO=` stamps it, and the server hands
out the archive of that copy as GitHub does, with a redirection. Other packages come from the package index.

Each lesson runs twice: on this Python with the newest packages, where there is no git, and on Colab's Python with
Colab's packages, of which the set-up cell may change none. README's address for pip and git is tried at last, with
git's `insteadOf` leading it to a clone of the copy.
"""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from versions import pythons

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "notebooks"))
from execute import stamp  # noqa: E402 (found by the line above)

# Colab's runtime of January 2026, as its own list of packages has it; less anywidget, which older ones lacked too
COLAB_PYTHON = "3.12"
COLAB = """
    pip==24.1.2 setuptools==75.2.0 ipykernel==6.17.1 ipython==7.34.0 jupyter_client==7.4.9 traitlets==5.7.1
    tornado==6.5.1 pyzmq==26.2.1 notebook==6.5.7 ipywidgets==7.7.1 widgetsnbextension==3.6.10 jupyterlab_widgets==3.0.16
    numpy==2.0.2 pandas==2.2.2 matplotlib==3.10.0 pooch==1.8.2 tqdm==4.67.1
"""
ADDED_ON_COLAB = {"nnlib-course", "anywidget", "psygnal"}
PACKAGES = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
WHERE = "import nnlib, nnlib.data; nnlib.load_mnist(); print(nnlib.__file__)"


def run(*command, **more):
    return subprocess.run(list(map(str, command)), check=True, text=True, **more)


class GitHub(http.server.BaseHTTPRequestHandler):
    """Hands out one archive at /owner/name/archive/HEAD.zip, as GitHub does: a redirection, then a file with a name."""

    def do_GET(self):
        if self.path == "/owner/name/archive/HEAD.zip":
            self.send_response(302)
            self.send_header("Location", "/codeload/owner/name/zip/HEAD")
            self.end_headers()
        elif self.path == "/codeload/owner/name/zip/HEAD":
            self.send_response(200)
            self.send_header("Content-Type", "application/zip")
            self.send_header("Content-Disposition", "attachment; filename=name-HEAD.zip")
            self.end_headers()
            self.wfile.write(self.server.archive.read_bytes())
            self.server.fetched += 1
        else:
            self.send_error(404)

    def log_message(self, *_):
        """No line for each request."""


def copy_of_the_course(folder):
    """What git would commit of this folder."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT, stdout=subprocess.PIPE).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def environment(folder, python, packages):
    """A fresh environment; its Python, and the variables of a process that has it and nothing else on its PATH."""
    run(python, "-m", "venv", folder)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages)
    kernel = folder / "share" / "jupyter" / "kernels" / "lone"
    kernel.mkdir(parents=True, exist_ok=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    text = json.dumps({"argv": command, "display_name": "lone", "language": "python"})
    (kernel / "kernel.json").write_text(text, encoding="utf-8")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NNLIB_"))}
    variables |= {"PATH": str(python.parent), "IPYTHONDIR": str(folder / "ipython"), "PYTHONNOUSERSITE": "1"}
    variables["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or older kernels warn of the debugger
    if shell := shutil.which("sh"):
        variables["SHELL"] = shell  # where it is not set, Colab's IPython looks for sh on the PATH
    return python, variables | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def complaints(path, folder, python, variables):
    """What is wrong when the notebook runs alone."""
    folder.mkdir(parents=True)
    notebook = nbformat.read(shutil.copy(path, folder), as_version=4)
    os.environ["JUPYTER_PATH"] = str(python.parents[1] / "share" / "jupyter")  # where its kernel is named
    client = NotebookClient(notebook, timeout=300, kernel_name="lone", record_timing=False)
    try:
        client.execute(cwd=str(folder), env=variables)
    except CellExecutionError as error:
        return [re.sub(r"\x1b\[[\d;]*m", "", str(error))[-2000:]]  # without colours
    found = [
        f"a message on stderr from the cell that begins {cell.source[:50]!r}: {output.text[-1000:]}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr" and "setup" not in cell.metadata.get("tags", [])
    ]
    if left := sorted(file.name for file in folder.iterdir() if file.name != path.name):
        found.append(f"it left {left} in its folder")
    return found


def prove(label, python, packages, added, notebooks, server, folder):
    """Run the notebooks, each with nnlib to be installed by its set-up cell; the number of those that fail.

    `added` are the packages that a set-up cell may add, all others staying as they are; None allows any.
    """
    start = time.monotonic()
    python, variables = environment(folder / "venv", python, packages)
    assert not shutil.which("git", path=variables["PATH"])
    installed = dict(json.loads(run(python, "-c", PACKAGES, stdout=subprocess.PIPE).stdout))
    print(f"{label}: {len(installed)} packages, {time.monotonic() - start:.0f} s", flush=True)
    failures = 0
    for path in notebooks:
        start, fetched = time.monotonic(), server.fetched
        found = complaints(path, folder / path.stem, python, variables)
        if server.fetched != fetched + 1:
            found.append(f"its set-up cell fetched the archive {server.fetched - fetched} times, expected once")
        now = json.loads(run(python, "-c", PACKAGES, stdout=subprocess.PIPE).stdout)
        changed = {name for name in {*now, *installed} if now.get(name) != installed.get(name)}
        if added and changed != added:
            found.append(f"its set-up cell changed {sorted(changed)}, expected {sorted(added)}")
        result = f"  {'✗' if found else '✓'} {path.name}, {time.monotonic() - start:.0f} s"
        print(result, *found, sep="\n    ", flush=True)
        failures += bool(found)
        run(python, "-m", "pip", "uninstall", "-qq", "--yes", "nnlib-course")
    return failures


def by_git(url, clone, folder):
    """README's address for pip: the number of failures."""
    start = time.monotonic()
    python, variables = environment(folder / "venv", sys.executable, ["numpy"])
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "the course"]):
        run("git", "-c", "user.name=x", "-c", "user.email=x@example.org", *command, cwd=clone)
    variables |= {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{clone.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": url,
    }
    wanted = f"nnlib-course @ git+{url}"
    assert f'pip install "{wanted}"' in (ROOT / "README.md").read_text(encoding="utf-8")
    run(python, "-m", "pip", "install", "-qq", wanted, env=variables, cwd=folder)
    where = run(python, "-c", WHERE, env=variables, cwd=folder, stdout=subprocess.PIPE).stdout.strip()
    good = Path(where).is_relative_to(folder)
    print(f"by git\n  {'✓' if good else '✗'} {where}, {time.monotonic() - start:.0f} s", flush=True)
    return not good


def main(chosen):
    url = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    with tempfile.TemporaryDirectory(prefix="lone-") as temporary:
        here = Path(temporary).resolve()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GitHub)
        server.fetched, course = 0, here / "archive" / "name-main"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        copy_of_the_course(course)
        stamp(f"http://127.0.0.1:{server.server_port}/owner/name", course)
        server.archive = Path(shutil.make_archive(here / "HEAD", "zip", course.parent, course.name))
        notebooks = sorted(course.glob("notebooks/[0-9]*.ipynb"))
        notebooks = [path for path in notebooks if path.name.startswith(tuple(chosen) or "")]
        failures = prove("alone", sys.executable, ["ipykernel"], None, notebooks, server, here / "alone")
        if python := pythons().get(COLAB_PYTHON):
            failures += prove("as in Colab", python, COLAB.split(), ADDED_ON_COLAB, notebooks, server, here / "colab")
        else:
            print(f"not proved as in Colab: Python {COLAB_PYTHON} is not here (looked on the PATH, in pyenv and in uv)")
        failures += by_git(url, course, here / "git")
        server.shutdown()
    return failures > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
