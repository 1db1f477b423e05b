"""Exercises that check themselves and name the mistake: task, check, hint, solution, progress.

    check(relu_backward)      # a function you wrote, found by its name
    check("4.1", -1)          # a value, by the number of the exercise
    hint("6.2"), solution("6.2"), progress()
    task("6.2")               # the heading and the blank, to copy into a cell

Each lesson has its own file, which is where the solutions are: the decorated function of an exercise is the reference.
"""

from . import lesson00, lesson01, lesson02, lesson03, lesson04, lesson05, lesson06, lesson07, lesson08
from .core import CheckFailed, Exercise, Result, check, exercise, hint, progress, quoted, resume, solution, task
from .diagnose import Diagnosis, diagnose
