"""Can a learner go through the lessons as learners do? A short way through three of them; `make journey` goes all ways.

What "no step raises" means stands at the top of tests/journey.py.
"""

import random

import journey
import pytest
from journey import Desk, Raised


@pytest.fixture
def rng():
    return random.Random(0)


def test_a_first_time_through_a_lesson(rng):
    steps, _ = journey.first_time("03", rng)
    assert steps > 40


def test_an_answer_that_changed_what_it_was_given_leaves_no_trace(rng):
    steps, _ = journey.spoiling("07", rng)
    assert steps > 50


def test_a_later_sitting_after_a_restart(rng):
    steps, told = journey.later_sitting("04", rng)
    assert steps > 30
    assert told


def test_it_ends_with_the_capstone(rng):
    _, share = journey.capstone(rng)
    assert share >= 85


@pytest.fixture(scope="module")
def desk():
    with Desk("01") as desk:
        yield desk


def planted(desk, source):
    """The second code cell of the lesson, with other source."""
    i = desk.code[1]
    desk.cells[i].source = source
    return i


def test_a_step_that_raises_is_seen(desk):
    with pytest.raises(Raised, match=r"lesson 01, cell \d+(.|\n)*ZeroDivisionError"):
        desk.run(planted(desk, "1 / 0"))


def test_an_interrupt_ends_the_cell_and_not_the_kernel(desk):
    i = planted(desk, "x = 1\nimport time\ntime.sleep(60)")
    assert desk.interrupted(i, 2)["ename"] == "KeyboardInterrupt"
    desk.run(planted(desk, "assert x == 1"))


def test_a_restart_forgets(desk):
    desk.run(planted(desk, "x = 1"))
    desk.restart()
    assert desk.try_cell(planted(desk, "x"))["ename"] == "NameError"


def test_a_check_that_says_something_else_is_seen(desk, rng):
    desk.run(planted(desk, "from nnlib.exercises import check"))
    desk.fill("1.1", "wrong", rng)
    desk.state["1.1"] = "right"
    with pytest.raises(Raised, match=r"right answer, but the check said '✗ 1\.1"):
        desk.run(desk.place["check-1.1"])


def test_an_error_without_the_learners_function_is_no_excuse(desk, rng):
    """After a wrong answer, a cell that has nothing to do with it may not raise."""
    desk.run(planted(desk, "import numpy as np\nfrom nnlib.exercises import check, hint, resume"))
    after = desk.answered("1.3")[-1] + 1
    later = desk.steps_between(after, len(desk.cells))[0]
    desk.cells[later].source = "1 / 0"
    with pytest.raises(Raised, match="nothing to do with the wrong class_means"):
        desk.mistaken("1.3", later + 1, rng)
    use = "np.shape(class_means(np.ones((2, 3)), np.eye(2)))"
    desk.cells[later].source = f"print(resume(globals(), '1.3'))\nassert {use} == (2, 3)"
    desk.mistaken("1.3", later + 1, rng)
