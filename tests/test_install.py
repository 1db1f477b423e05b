"""Does an installed nnlib work, far from the repository: the wheel with its data and licences, the editable install?"""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import nnlib

ROOT = Path(__file__).resolve().parents[1]
USE = """
import importlib.metadata, json, nnlib, nnlib.data
mnist, fashion = nnlib.load_mnist(), nnlib.load_fashion_mnist()
about = importlib.metadata.distribution("nnlib-course")
print(json.dumps({
    "file": nnlib.__file__,
    "versions": [nnlib.__version__, about.version],
    "shapes": [part.X.shape for data in (mnist, fashion) for part in (data.train, data.dev, data.test)],
    "licence": about.metadata["License-Expression"],
    "licence_files": about.metadata.get_all("License-File"),
    "licence_text": about.read_text("licenses/LICENSE"),
    "requires": about.requires,
    "readme": nnlib.data.bundled_file("README.md").read_text(encoding="utf-8"),
    "mnist": str(nnlib.data.bundled_file("mnist.npz")),
}))
"""
SHAPES = [[7000, 784], [1000, 784], [2000, 784], [9000, 784], [1000, 784], [2000, 784]]


def run(*arguments, cwd):
    return subprocess.run(arguments, cwd=cwd, capture_output=True, encoding="utf-8", timeout=300)


def pip(*arguments, cwd):
    """pip of this environment; a build needs hatchling, which pip fetches unless it has it in its cache or nearby."""
    done = run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)
    if done.returncode and "No matching distribution found for hatchling" in done.stderr:
        pytest.skip("pip cannot fetch hatchling to build a wheel: no network")
    assert done.returncode == 0, done.stdout + done.stderr


def fresh_environment(folder):
    """An environment with nothing in it but this one's packages at the end of the path, so that numpy is found."""
    venv.create(folder)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).stdout.strip())
    (site / "zz_numpy.pth").write_text(sysconfig.get_path("purelib") + "\n" + sysconfig.get_path("platlib") + "\n")
    return python, site


def use(python, cwd):
    done = run(python, "-W", "error", "-c", USE, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_wheel(tmp_path):
    pip("wheel", str(ROOT), "--no-deps", "--wheel-dir", str(tmp_path), cwd=tmp_path)
    (wheel,) = tmp_path.glob("nnlib_course-*.whl")
    python, site = fresh_environment(tmp_path / "venv")
    pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel), cwd=tmp_path)

    found = use(python, cwd=tmp_path)
    assert Path(found["file"]) == site / "nnlib" / "__init__.py"
    assert Path(found["mnist"]) == site / "nnlib" / "bundled" / "mnist.npz"
    pages = {path.name for path in (ROOT / "nnlib" / "widgets").glob("*.[jc]s*")}
    assert pages == {path.name for path in (site / "nnlib" / "widgets").glob("*.[jc]s*")}
    assert {"common.js", "common.css", "stepper.js", "draw.js", "explorer.js"} <= pages
    assert found["versions"] == [nnlib.__version__] * 2
    assert found["shapes"] == SHAPES
    assert found["licence"] == "MIT AND CC-BY-SA-3.0"
    assert found["licence_files"] == ["LICENSE"]
    assert found["licence_text"] == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert found["readme"] == (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert [line for line in found["requires"] if "extra" not in line] == ["numpy>=2.0"]
    installed = {path.relative_to(site).parts[0] for path in site.rglob("*.py")}
    assert installed == {"nnlib"}
    assert not list(site.rglob("rebuild.py"))


def test_editable_install_copies_no_data(tmp_path):
    python, site = fresh_environment(tmp_path / "venv")
    pip("--python", str(python), "install", "--no-deps", "--editable", str(ROOT), cwd=tmp_path)

    found = use(python, cwd=tmp_path)
    assert Path(found["file"]) == ROOT / "nnlib" / "__init__.py"
    assert Path(found["mnist"]) == ROOT / "data" / "mnist.npz"
    assert found["shapes"] == SHAPES
    assert not list(site.rglob("*.npz"))


def test_the_data_are_found_only_where_they_are(tmp_path):
    """A package without its data says what it looked for."""
    shutil.copytree(ROOT / "nnlib", tmp_path / "nnlib", ignore=shutil.ignore_patterns("__pycache__"))
    done = run(sys.executable, "-c", "import nnlib; nnlib.load_mnist()", cwd=tmp_path)
    assert done.returncode == 1
    assert "mnist.npz: expected in" in done.stderr
