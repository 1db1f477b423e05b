"""Run the tests on the oldest and on the newest packages, on every Python that is here.

    python tests/versions.py                        # all; `make versions` calls this
    python tests/versions.py oldest 3.12-newest     # these; make versions ONLY="oldest 3.12-newest"
    python tests/versions.py newest -- -k widgets   # what follows -- is for pytest; OPTIONS="-k widgets"

The oldest packages are the lower bounds of requirements.txt, on the oldest Python that pyproject.toml allows; the
newest are what pip installs today, on every Python here (the bare word `newest`: on the newest of them). Each
combination gets a copy of the course and a fresh environment in build/versions, without frameworks and browser: what is
skipped for that is named at the end. Needs nothing but Python.

A warning is an error, as in every run of the tests, with one exception: beside the oldest packages stand new ones that
they do not know, and what these deprecate the old ones may still call.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

TWO = ["-n", "2", "--dist", "loadfile"]  # as in the Makefile
ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "versions"
SHOWN = ["numpy", "matplotlib", "pandas", "ipywidgets"]
ABOUT = "import ensurepip, sys, venv; print(sys.implementation.name, sys.version_info.minor)"


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def oldest_packages():
    """The lower bounds of requirements.txt, as constraints for pip."""
    lines = [line.partition("#")[0].strip() for line in read("requirements.txt").splitlines()]
    bounds = [re.match(r"([\w-]+)>=([\d.]+)", line).groups() for line in lines if line and line[0] != "-"]
    return [f"{name}=={version}" for name, version in bounds]


def oldest_python():
    return tomllib.loads(read("pyproject.toml"))["project"]["requires-python"].removeprefix(">=")


def supported():
    """The Pythons that the workflow tests: those to look for here."""
    return json.loads(re.search(r"^ +python: (\[.*\])$", read(".github/workflows/tests.yml"), re.M)[1])


def candidates():
    """Programs that may be a Python: this one, those on the PATH, pyenv's, uv's."""
    yield sys.executable
    for folder in os.get_exec_path():
        yield from (path for path in Path(folder).glob("python3.*") if re.fullmatch(r"python3\.\d+(\.exe)?", path.name))
    yield from Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob("3.*/bin/python")
    if uv := shutil.which("uv"):
        command = [uv, "python", "list", "--only-installed", "--output-format", "json"]
        listed = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
        yield from (found["path"] for found in json.loads(listed))


def pythons():
    """{"3.12": its program} of every Python here that is new enough and can make an environment."""
    found = {}
    for program in dict.fromkeys(map(str, candidates())):
        answer = subprocess.run([program, "-c", ABOUT], capture_output=True, encoding="utf-8")
        if answer.stdout.startswith("cpython"):
            found.setdefault(int(answer.stdout.split()[1]), program)
    return {f"3.{minor}": found[minor] for minor in sorted(found) if minor >= int(oldest_python()[2:])}


def prepare(name, python, log):
    """A copy of the course with an environment of its own; that environment's Python."""
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", *read(".gitignore").replace("/", "").split()))
    constraints = folder / ".constraints"
    constraints.write_text("\n".join(oldest_packages() if name.endswith("-oldest") else []), encoding="utf-8")
    own = folder / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip = [own, "-m", "pip", "install", "--disable-pip-version-check", "-r", "requirements.txt", "-c", constraints]
    for command in ([python, "-m", "venv", folder / ".venv"], pip):
        subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=True)
    (folder / ".venv" / "installed").touch()  # make's stamp: `make learn` is one of the things tested
    return own


def run(name, python, options):
    """One combination: a row of the table, and why tests were skipped."""
    start = time.monotonic()
    row = {"combination": name, **dict.fromkeys(SHOWN, "?"), "tests": "not installed", "verdict": "RED"}
    path = OUT / f"{name}.log"
    print(f"{name}: started, log in {path}", flush=True)
    with path.open("w", encoding="utf-8") as log:
        try:
            own = prepare(name, python, log)
            ask = f"from importlib.metadata import version; print(*map(version, {SHOWN}))"
            row |= zip(SHOWN, subprocess.check_output([own, "-c", ask], encoding="utf-8").split(), strict=True)
            settings = {"NNLIB_OLDEST": "1"} if name.endswith("-oldest") else {}  # tests/conftest.py
            command = [own, "-m", "pytest", *TWO, *options]
            done = subprocess.run(command, cwd=OUT / name, env=os.environ | settings, stdout=log, stderr=log)
            row |= {"tests": "did not finish", "verdict": "RED" if done.returncode else "green"}
        except (OSError, subprocess.CalledProcessError) as error:
            print(error, file=log)
    text = path.read_text(encoding="utf-8", errors="replace")
    if closing := re.findall(r"^(?:=+ )?((?:\d+|no) .*) in [\d.]+s\b", text, re.M):
        row["tests"] = closing[-1]
    if row["verdict"] == "RED":
        print(text[-20_000:])
    print(f"{name}: {row['verdict']}, {row['tests']}", flush=True)
    row["minutes"] = f"{(time.monotonic() - start) / 60:.1f}"
    return row, re.findall(r"^SKIPPED \[\d+\] \S+ (.*)$", text, re.M)


def table(rows):
    cells = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def main(arguments):
    sys.stdout.reconfigure(errors="replace")
    end = arguments.index("--") if "--" in arguments else len(arguments)
    chosen, options = arguments[:end], arguments[end + 1 :]
    here = pythons()
    short = {"oldest": f"{oldest_python()}-oldest", "newest": f"{[*here][-1]}-newest"}
    everything = ["oldest", *(f"{version}-newest" for version in here)]
    names = [short.get(name, name) for name in dict.fromkeys(chosen or everything)]
    for name in names:
        version, _, packages = name.partition("-")
        if version not in here or packages not in ("oldest", "newest"):
            sys.exit(f"cannot run {name!r}: it should be one of {[*here]}, then -oldest or -newest")
    OUT.mkdir(parents=True, exist_ok=True)
    done = [run(name, here[name.partition("-")[0]], options) for name in names]
    print("\n" + table([row for row, _ in done]))
    for reason in sorted({reason for _, reasons in done for reason in reasons}):
        print("skipped:", reason)
    for version in supported():
        if version not in here:
            print(f"not tested: Python {version}, not found on the PATH, in pyenv or in uv")
    return int(any(row["verdict"] == "RED" for row, _ in done))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
