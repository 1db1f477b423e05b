"""Exercises that check themselves and name the mistake: task, check, hint, solution, progress.

    task("6.2")               # the heading and the blank, to copy into a cell
    check(relu_backward)      # a function you wrote, found by its name
    hint("6.2"), solution("6.2"), progress()

The exercises here are those of writing the library again, from memory: ReLU to Adam, dropout and early stopping.
"""

from . import lesson06
from .core import CheckFailed, Exercise, Result, check, exercise, hint, progress, solution, task
from .diagnose import Diagnosis, diagnose
