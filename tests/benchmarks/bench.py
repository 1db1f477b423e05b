"""How fast is nnlib? `make bench` measures it beside its rivals, prints tables and writes data/timings.json.

    python tests/benchmarks/bench.py                       # all of it: what `make bench` does
    python tests/benchmarks/bench.py --only 2-16-16-2      # the steps of one network; prints alone
    python tests/benchmarks/bench.py --quick --rivals nnlib,products --out /tmp/timings.json

Every rival (rivals.py) has a process of its own, one thread, and one core, the same for all. They take turns, round
after round, so that a slow moment of the machine hits all alike: one works while the others wait for a line on stdin.
The median of the rounds counts. All start from the same weights, and unless their losses agree nothing is measured.
What is not installed is named and left out. The lessons, the README and the tests read what is written.
"""

import argparse
import datetime
import importlib.util
import itertools
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from protocol import ROOT, settle
from rivals import RIVALS
from table import step_table, two_thread_table

HERE = Path(__file__).resolve().parent
RESULT = ROOT / "data" / "timings.json"
NETS = {"784-128-64-10": [784, 128, 64, 10], "784-512-256-10": [784, 512, 256, 10], "2-16-16-2": [2, 16, 16, 2]}
SIZES = (1, 32, 64, 128, 512)
AGREE = 1e-3  # relative, losses after up to three steps in float32
PATIENCE = 300  # seconds, then a rival counts as dead


class Died(Exception):
    """A rival did not answer; the message is the end of what it wrote."""


class Helper:
    """A script that answers requests (protocol.serve), in a process of its own."""

    def __init__(self, *arguments, script=HERE / "rivals.py"):
        self.said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115, closed by close
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.said}
        command = [sys.executable, str(script), *map(str, arguments)]
        self.process = subprocess.Popen(command, **pipes, text=True, encoding="utf-8")

    def ask(self, what, **request):
        """The answer to one request; Died if none comes."""
        alarm = threading.Timer(PATIENCE, self.process.kill)
        alarm.start()
        try:
            self.process.stdin.write(json.dumps({"do": what} | request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:  # the pipe is closed: it died before
            line = ""
        finally:
            alarm.cancel()
        if line.startswith("{"):
            return json.loads(line)
        self.process.kill()  # if it still runs, it speaks another language
        self.process.wait()
        self.said.seek(0)
        last = self.said.read().strip().splitlines()[-1:] or ["no word"]
        raise Died(f"ended with status {self.process.returncode}: {last[0]}")

    def close(self):
        """End of its input is the end of its work."""
        for part in (self.process.stdin, self.process.stdout):
            try:
                part.close()
            except BrokenPipeError:
                continue  # it was dead: what it was to read is lost, as it should be
        self.process.wait()
        self.said.close()


class Field:
    """The rivals in a race, {name: Helper}. One that dies is named and leaves it; the others go on."""

    def __init__(self, helpers):
        self.helpers, self.dead = dict(helpers), {}

    def __iter__(self):
        return iter(list(self.helpers))

    def ask(self, name, what, **request):
        """Its answer, or None if it died."""
        try:
            return self.helpers[name].ask(what, **request)
        except Died as error:
            print(f"! {name} died in `{what}` and is left out from here on; it {error}", flush=True)
            self.dead[name] = str(error)
            self.helpers.pop(name).close()
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for helper in self.helpers.values():
            helper.close()


def agree(losses):
    """Raise ValueError unless all of {name: losses} are the same to one part in a thousand."""
    shown = {name: values for name, values in losses.items() if values}
    for (one, ours), (other, theirs) in itertools.combinations(shown.items(), 2):
        if len(ours) != len(theirs) or not all(map(lambda a, b: math.isclose(a, b, rel_tol=AGREE), ours, theirs)):
            raise ValueError(f"not the same work: losses of {one} {ours}, of {other} {theirs}")


def race(field, job, rounds, seconds):
    """{name: microseconds per step}: the median of the rounds, each about `seconds` long, by turns.

    Who cannot do with less than twice that (Keras, an epoch of `fit`) is asked in every third round.
    """
    losses, steps, every, found = {}, {}, {}, {}
    for name in field:
        if answer := field.ask(name, "prepare", **job):
            losses[name] = answer["losses"]
    agree(losses)
    for name in field:
        if answer := field.ask(name, "go", steps=5):
            per_step = answer["seconds"] / answer["steps"]
            steps[name] = max(1, round(seconds / per_step))
            every[name] = 3 if answer["seconds"] > 2 * seconds or per_step > 2 * seconds else 1
    for turn in range(rounds):
        for name in field:
            if turn % every[name] == 0 and (answer := field.ask(name, "go", steps=steps[name])):
                found.setdefault(name, []).append(1e6 * answer["seconds"] / answer["steps"])
    return {name: statistics.median(values) for name, values in found.items() if name in field.helpers}


def blocks(quick=False, only=None):
    """(net, optimizer, activation, {batch: job}) of every table, the same network's together."""
    nets = [only] if only else list(NETS)[: 1 if quick else None]
    sizes, functions = ((1, 64), ("sigmoid",)) if quick else (SIZES, ("sigmoid", "ReLU"))
    for net, rule, activation in itertools.product(nets, ("SGD", "Adam"), functions):
        job = {"widths": NETS[net], "activation": activation, "optimizer": rule}
        yield net, rule, activation, {str(size): job | {"batch": size} for size in sizes}


def measure_steps(names, core, quick, only):
    """Steps, kernels and versions, as data/timings.json holds them; prints each table when it is done."""
    found, rounds = {}, (3, 0.01) if quick else (9, 0.05)
    with Field({name: Helper(name, 1, core) for name in names}) as field:
        about = {name: answer for name in field if (answer := field.ask(name, "kernels"))}
        for name, answer in about.items():
            print(f"  {name:13} {answer['version']:32} {answer['kernels']}")
        for net, rule, activation, jobs in blocks(quick, only):
            by_size = {size: race(field, job, *rounds) for size, job in jobs.items()}
            found.setdefault(net, {}).setdefault(rule, {})[activation] = by_size
            print(step_table(net, rule, activation, by_size), flush=True)
    kernels, versions = ({name: answer[key] for name, answer in about.items()} for key in ("kernels", "version"))
    return {"step_microseconds": found, "kernels": kernels, "versions": versions, "left_out": sorted(field.dead)}


def measure_alone(names, cores, quick):
    """Two threads on two cores, rival by rival: idle threads of the others would spin. Also their memory."""
    rounds, sizes = ((3, 0.01), (64,)) if quick else ((7, 0.05), (64, *(size for size in SIZES if size != 64)))
    times, memory = {}, {}
    for name in names:
        with Field({name: Helper(name, 2, ",".join(map(str, cores[:2])))}) as field:
            for size in sizes:
                job = {"widths": NETS["784-128-64-10"], "activation": "sigmoid", "optimizer": "SGD", "batch": size}
                times.setdefault(str(size), {}).update(race(field, job, *rounds))
                if size == 64 and name in field.helpers and (answer := field.ask(name, "memory")):
                    memory[name] = answer
    return {"two_thread_microseconds": times, "memory_megabytes": memory}


def installed():
    """Names of the rivals that can run here; the others are said."""
    here = [name for name, kind in RIVALS.items() if all(map(importlib.util.find_spec, kind.modules))]
    for name in sorted(RIVALS.keys() - here):
        print(f"  {name} is not installed and left out: pip install -r requirements-frameworks.txt")
    return here


def processor():
    """The processor's name as the system tells it."""
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return " ".join((found[1] if found else platform.processor() or platform.machine()).split())


def load():
    """How many programs wanted a core in the last minute; NaN where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan


def heading(cores, coretype):
    """Say what is measured on, and how busy it is."""
    says = f"was set to {coretype!r} and is cleared" if coretype else "is not set"
    print(
        f"{processor()}, {os.cpu_count()} cores; rivals on core {cores[-1]}, one thread each; OPENBLAS_CORETYPE {says}"
    )
    print(f"{datetime.date.today()}, {platform.platform()}, Python {platform.python_version()}, load {load():.2f}")
    if load() > 1:
        print("! load above 1: something else is running here, and these numbers will not be good ones")


def rounded(value, digits=3):
    """Three significant digits: more would differ from run to run anyway."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def not_finite(value, name=""):
    """Names of the numbers in nested dicts that are NaN or infinite."""
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in not_finite(part, f"{name}.{key}".lstrip("."))]
    return [name] if isinstance(value, float) and not math.isfinite(value) else []


def write(timings, path):
    """Sorted keys, three digits, and no number that is not one."""
    timings = rounded(timings)
    if bad := not_finite(timings):
        raise ValueError(f"not written, since these are not finite: {', '.join(bad)}")
    text = json.dumps(timings, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"written: {path}")


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, one network, nothing of the course")
    parser.add_argument("--only", choices=NETS, help="the steps of this network alone")
    parser.add_argument("--rivals", help="names separated by commas; all that are installed if left out")
    parser.add_argument("--out", type=Path, help="file to write; data/timings.json if everything is measured")
    options = parser.parse_args(given)
    if unknown := {*(options.rivals or "nnlib").split(",")} - RIVALS.keys():
        parser.error(f"rivals: expected some of {', '.join(RIVALS)}, got {', '.join(unknown)}")
    options.part = options.quick or options.only or options.rivals
    options.out = options.out or (None if options.part else RESULT)
    return options


def main(given=None):
    options = arguments(given)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    coretype = os.environ.get("OPENBLAS_CORETYPE")
    settle(1, cores[:1])  # this process asks and waits; the rivals have the last core to themselves
    heading(cores or ["?"], coretype)
    names = options.rivals.split(",") if options.rivals else installed()
    old = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    timings = {
        "command": "make bench",
        "date": datetime.date.today().isoformat(),
        "openblas_coretype_found": coretype or "",
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "threads": 1,
    }
    before = load()
    timings |= measure_steps(names, cores[-1] if cores else "", options.quick, options.only)
    if not options.only:
        timings |= measure_alone(names, cores, options.quick)
        print(two_thread_table(timings))
    if cores:
        os.sched_setaffinity(0, cores)
    if not options.part:
        import course  # imports numpy, so that it comes after settle

        timings |= course.measure(old, cores[-1] if cores else "")
    if math.isfinite(before):
        timings |= {"load_at_start": before, "load_at_end": load()}
    print(f"load at the end {load():.2f}, of which this benchmark is about 1")
    if load() > 2:
        print("! load above 2 at the end: something else was running here")
    if options.out:
        write(timings, options.out)


if __name__ == "__main__":
    main()
