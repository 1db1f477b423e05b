"""The tables of the benchmark: those that `make bench` prints, and the one in the README.

python tests/benchmarks/table.py     # prints README's table from data/timings.json
"""

import datetime
import json
from pathlib import Path

NET = "784-128-64-10"
ORDER = ("nnlib", "nnlib fit", "PyTorch", "JAX", "scikit-learn", "Keras fit", "products")
SHOWN = {"nnlib": "nnlib", "PyTorch": "PyTorch eager", "JAX": "JAX jitted", "scikit-learn": "scikit-learn"}
SHOWN |= {"Keras fit": "Keras `fit`", "products": "products alone"}


def columns(by_size):
    """Names of all who ran, in a fixed order."""
    there = {name for row in by_size.values() for name in row}
    return [name for name in ORDER if name in there]


def step_table(net, rule, activation, by_size):
    """Microseconds per step for every size of the batch, with ratios to nnlib and its share of the limit."""
    return f"\n{net}, {rule}, {activation}: µs per step (× nnlib), one thread\n{plain(by_size)}"


def two_thread_table(timings):
    title = f"\n{NET}, SGD, sigmoid: µs per step (× nnlib), two threads on two cores, one rival at a time\n"
    memory = timings["memory_megabytes"]
    lines = [
        f"  {name:13} {part['import']:6.0f} MB with its import, {part['above_import']:5.0f} more in training"
        for name, part in memory.items()
    ]
    return title + plain(timings["two_thread_microseconds"]) + "\n\npeak memory, batches of 64\n" + "\n".join(lines)


def plain(by_size):
    """One table as text, sizes in order."""
    names = columns(by_size)
    lines = ["batch" + "".join(f"{name:>18}" for name in names) + f"{'share of limit':>18}"]
    for size in sorted(by_size, key=int):
        row, cells = by_size[size], []
        for name in names:
            ratio = f" ({row[name] / row['nnlib']:.2f})" if name in row and "nnlib" in row else ""
            cells.append(f"{f'{row[name]:.0f}{ratio}' if name in row else '-':>18}")
        lines.append(f"{size:>5}" + "".join(cells) + f"{share(row):>18}")
    return "\n".join(lines)


def share(row):
    """The products' time by nnlib's: 1 would be a step that is nothing but its matrix products."""
    return f"{row['products'] / row['nnlib']:.2f}" if {"products", "nnlib"} <= row.keys() else "-"


def readme_table(timings):
    """The table in the README, Markdown: microseconds per step, and under it when and where that was."""
    rules = {rule: functions["sigmoid"] for rule, functions in timings["step_microseconds"][NET].items()}
    names = [name for name in columns(next(iter(rules.values()))) if name in SHOWN]
    head = ["optimiser", "batch", *(SHOWN[name] for name in names), "PyTorch ÷ nnlib", "share of the limit"]
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    for rule in sorted(rules, reverse=True):  # SGD first
        for size in sorted(rules[rule], key=int):
            row = rules[rule][size]
            ratio = f"{row['PyTorch'] / row['nnlib']:.1f}" if "PyTorch" in row else "-"
            times = [f"{row[name]:.0f}" if name in row else "-" for name in names]
            lines.append(f"| {' | '.join([rule, size, *times, ratio, share(row)])} |")
    when = datetime.date.fromisoformat(timings["date"])
    where = f"{timings['processor']}, one core and one thread for each: `{timings['command']}`."
    return "\n".join([*lines, "", f"*Measured on {when.day} {when:%B %Y}, {where}*"])


if __name__ == "__main__":
    path = Path(__file__).resolve().parents[2] / "data" / "timings.json"
    print(readme_table(json.loads(path.read_text(encoding="utf-8"))))
