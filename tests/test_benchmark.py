"""The benchmark gives all rivals the same work, survives one that dies, says what it wrote. No time is tested."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
import bench
import table
from rivals import RIVALS

CORE = ""  # where the tests run is nobody's business
JOB = {"widths": [784, 16, 8, 10], "activation": "sigmoid", "optimizer": "SGD", "batch": 16}


def ours(widths, activation, optimizer, batch):
    """Losses of four steps, from the formulas: the same start and batches, in float64, the gradient by differences."""
    import numpy as np
    from protocol import EPS, LEARNS, batches_of, start_of

    weights = [array.astype(float) for pair in start_of(widths) for array in pair]
    act = {"sigmoid": lambda Z: 1 / (1 + np.exp(-Z)), "ReLU": lambda Z: np.maximum(Z, 0)}[activation]

    def loss_of(X, y):
        for k in range(0, len(weights) - 2, 2):
            X = act(X @ weights[k] + weights[k + 1])
        Z = X @ weights[-2] + weights[-1]
        Z -= Z.max(axis=1, keepdims=True)
        return -(Z[range(len(y)), y] - np.log(np.exp(Z).sum(axis=1))).mean()

    losses, m, v = [], 0.0, 0.0
    for t, (X, y) in enumerate(batches_of(widths, batch)[:4], start=1):
        X = X.astype(float)
        losses.append(loss_of(X, y))
        slopes = []
        for array in weights:
            for place in np.ndindex(array.shape):
                old = array[place]
                array[place] = old + 1e-5
                up = loss_of(X, y)
                array[place] = old - 1e-5
                slopes.append((up - loss_of(X, y)) / 2e-5)
                array[place] = old
        g = np.array(slopes)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        adam = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + EPS)
        down = LEARNS[optimizer] * (adam if optimizer == "Adam" else g)
        for array in weights:
            array -= down[: array.size].reshape(array.shape)
            down = down[array.size :]
    return losses


@pytest.fixture
def start():
    """A function that starts rivals, which end with the test."""
    fields = []

    def run(*names, script=None):
        options = {"script": script} if script else {}
        fields.append(bench.Field({name: bench.Helper(name, 1, CORE, **options) for name in names}))
        return fields[-1]

    yield run
    for field in fields:
        field.__exit__()


@pytest.fixture(scope="module")
def by_formula():
    jobs = [
        {"widths": [2, 6, 5, 2], "activation": activation, "optimizer": rule, "batch": 32}
        for activation, rule in (("sigmoid", "SGD"), ("ReLU", "Adam"))
    ]
    return [(job, ours(**job)) for job in jobs]


@pytest.mark.parametrize("name", [name for name in RIVALS if name != "products"])
def test_every_rival_does_the_same_work(name, start, by_formula):
    for module in RIVALS[name].modules:
        if find_spec(module) is None:  # not importorskip: this process need not load what another one computes with
            pytest.skip(f"{module} is not installed")
    field = start(name)
    for job, losses in by_formula:
        answer = field.ask(name, "prepare", **job)
        assert answer["losses"] == pytest.approx(losses, rel=1e-4), job
        assert len(set(answer["losses"])) == 4
    timed = field.ask(name, "go", steps=3)
    assert timed["steps"] >= 3
    assert timed["seconds"] > 0
    memory = field.ask(name, "memory")
    assert memory["import"] > 10
    assert memory["above_import"] >= 0
    about = field.ask(name, "kernels")
    assert about["kernels"]
    assert [part.split()[0] for part in about["version"].split(", ")] == list(RIVALS[name].modules)


def test_the_products_are_those_of_the_step(start):
    """Forward in the order of the layers, then backward without the first layer's dX: 3 + 5 products for 3 layers."""
    from rivals import Products

    limit = Products(**JOB)
    shapes = [(left.shape, right.shape) for left, right, _ in limit.forward + limit.backward]
    assert shapes == [
        ((16, 784), (784, 16)),
        ((16, 16), (16, 8)),
        ((16, 8), (8, 10)),
        ((8, 16), (16, 10)),
        ((16, 10), (10, 8)),
        ((16, 16), (16, 8)),
        ((16, 8), (8, 16)),
        ((784, 16), (16, 16)),
    ]
    calls = []
    limit.products = lambda left, right, out: calls.append((left.shape, right.shape))
    limit.step(*limit.batches[0])
    assert calls == shapes


def test_different_work_is_not_measured():
    bench.agree({"a": [2.3, 2.2], "b": [2.3001, 2.2001], "products": []})
    with pytest.raises(ValueError, match=r"losses of a .* of b"):
        bench.agree({"a": [2.3, 2.2], "b": [2.3, 2.21]})
    with pytest.raises(ValueError, match="losses of a"):
        bench.agree({"a": [2.3, 2.2], "b": [2.3]})


MORTAL = """\
import json, sys
lives = LIVES
for line in sys.stdin:
    if json.loads(line)["do"] == "go":
        lives -= 1
        if lives < 0:
            sys.exit("out of breath")
    print(json.dumps({"losses": [2.0, 1.0], "seconds": 0.001, "steps": 1}), flush=True)
"""


def test_different_work_is_not_timed(start, tmp_path):
    script = tmp_path / "other.py"
    script.write_text(MORTAL.replace("LIVES", "9").replace("2.0", "2.1"), encoding="utf-8")
    (tmp_path / "one.py").write_text(MORTAL.replace("LIVES", "9"), encoding="utf-8")
    field = start("one", script=tmp_path / "one.py")
    field.helpers |= start("other", script=script).helpers
    with pytest.raises(ValueError, match=r"losses of one .* of other"):
        bench.race(field, JOB, rounds=2, seconds=0.001)


@pytest.mark.parametrize("lives", [0, 2])
def test_the_rest_goes_on_when_a_rival_dies(lives, start, tmp_path, capsys):
    script = tmp_path / "mortal.py"
    script.write_text(MORTAL.replace("LIVES", str(lives)), encoding="utf-8")
    field = start("products")
    field.helpers = start("mortal", script=script).helpers | field.helpers
    found = bench.race(field, JOB, rounds=2, seconds=0.001)
    assert list(found) == ["products"]
    assert list(field) == ["products"]
    assert field.dead == {"mortal": "ended with status 1: out of breath"}
    assert "mortal died in `go`" in capsys.readouterr().out
    assert bench.race(field, JOB, rounds=2, seconds=0.001).keys() == {"products"}


def test_a_rival_that_hangs_is_dead(start, tmp_path, monkeypatch):
    script = tmp_path / "asleep.py"
    script.write_text("import time\ntime.sleep(30)\nprint({})\n", encoding="utf-8")
    monkeypatch.setattr(bench, "PATIENCE", 0.5)
    field = start("asleep", script=script)
    assert field.ask("asleep", "go", steps=1) is None
    assert "no word" in field.dead["asleep"]


def test_a_quick_run_writes_what_it_says(tmp_path):
    out = tmp_path / "timings.json"
    before = bench.RESULT.read_bytes()
    command = [sys.executable, bench.__file__, "--quick", "--rivals", "nnlib,products"]
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    timings = json.loads(out.read_text(encoding="utf-8"))
    assert list(timings) == sorted(timings)
    assert timings["threads"] == 1
    assert timings["left_out"] == []
    for rule in ("SGD", "Adam"):
        rows = timings["step_microseconds"]["784-128-64-10"][rule]["sigmoid"]
        assert rows.keys() == {"1", "64"}
        for row in rows.values():
            assert row.keys() == {"nnlib", "products"}
            assert all(0 < us < 1e7 and us == bench.rounded(us) for us in row.values())
    assert timings["kernels"]["nnlib"] in done.stdout
    assert timings["processor"] in done.stdout
    assert table.readme_table(timings).count("\n| ") == 4
    assert bench.RESULT.read_bytes() == before
    assert bench.arguments(["--quick"]).out is None
    assert bench.arguments(["--only", "2-16-16-2"]).out is None
    assert bench.arguments([]).out == bench.RESULT
    with pytest.raises(SystemExit):
        bench.arguments(["--rivals", "nnlib,numpi"])


def test_readme_table_says_what_the_file_says():
    row = {"nnlib": 200.0, "nnlib fit": 250.0, "PyTorch": 500.0, "products": 150.0}
    rules = {"Adam": {"sigmoid": {"64": row | {"nnlib": 400.0}}}, "SGD": {"sigmoid": {"128": row, "64": row}}}
    where = {"date": "2026-03-04", "processor": "A Processor", "command": "make bench"}
    assert table.readme_table({"step_microseconds": {"784-128-64-10": rules}} | where) == (
        "| optimiser | batch | nnlib | PyTorch eager | products alone | PyTorch ÷ nnlib | share of the limit |\n"
        "|---|--:|--:|--:|--:|--:|--:|\n"
        "| SGD | 64 | 200 | 500 | 150 | 2.5 | 0.75 |\n"
        "| SGD | 128 | 200 | 500 | 150 | 2.5 | 0.75 |\n"
        "| Adam | 64 | 400 | 500 | 150 | 1.2 | 0.38 |\n"
        "\n"
        "*Measured on 4 March 2026, A Processor, one core and one thread for each: `make bench`.*"
    )


def test_three_digits_and_no_number_that_is_not_one(tmp_path):
    assert bench.rounded({"a": {"b": 1.23456}, "c": 1234, "d": "x"}) == {"a": {"b": 1.23}, "c": 1234, "d": "x"}
    with pytest.raises(ValueError, match=r"cost\.batch\.64"):
        bench.write({"cost": {"batch": {"64": float("nan")}}}, tmp_path / "timings.json")
    assert not list(tmp_path.iterdir())
