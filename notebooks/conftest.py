"""What tests/conftest.py says holds for the notebooks too, also in `pytest notebooks` alone."""

from pathlib import Path

shared = Path(__file__).resolve().parents[1] / "tests" / "conftest.py"
exec(compile(shared.read_text(encoding="utf-8"), shared, "exec"))
