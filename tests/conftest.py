"""What holds for every test and notebook: one BLAS thread, no progress bars, warnings are errors, skips are named.

`notebooks/conftest.py` applies this file to the notebooks too, so it may be loaded twice.
"""

import os
import tempfile
from pathlib import Path

import hypothesis
import pytest

# before numpy is imported anywhere; the kernels of the notebooks inherit them
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "MPLBACKEND": "agg"}

# run by IPython when a kernel has started; between the cells the kernel's own warnings are its own affair
STARTUP = """\
import os, warnings
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
_strict = []
def _before(info):
    _strict.append(warnings.catch_warnings())
    _strict[-1].__enter__()
    warnings.simplefilter("error")
    if os.environ.get("NNLIB_OLDEST"):
        warnings.simplefilter("ignore", DeprecationWarning)
def _after(result):
    if _strict:
        _strict.pop().__exit__(None, None, None)
get_ipython().events.register("pre_run_cell", _before)
get_ipython().events.register("post_run_cell", _after)
"""
PROFILE = "nnlib-kernels-"


def pytest_configure(config):
    """A fresh IPython profile for all kernels, in which a warning is an error, as pytest makes it for the tests.

    And the same draws for everybody: what decides on a change is no lottery. `--hypothesis-profile=default` draws anew.
    """
    hypothesis.settings.register_profile("same draws", derandomize=True)
    hypothesis.settings.load_profile("same draws")
    if PROFILE not in os.environ.get("IPYTHONDIR", ""):
        folder = tempfile.TemporaryDirectory(prefix=PROFILE, ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        startup = Path(folder.name, "profile_default", "startup")
        startup.mkdir(parents=True)
        (startup / "00-warnings.py").write_text(STARTUP, encoding="utf-8")
        os.environ["IPYTHONDIR"] = folder.name
    if os.environ.get("NNLIB_OLDEST"):  # tests/versions.py: old packages call what newer ones warn of
        config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
    if os.environ.get("NNLIB_NO_SKIP"):
        config.option.continue_on_collection_errors = True


def no_skip():
    """With NNLIB_NO_SKIP=1 (`make test-all`) a skipped test is a failed one, with the reason of the skip."""
    try:
        return (yield)
    except pytest.skip.Exception as skip:
        if os.environ.get("NNLIB_NO_SKIP"):
            pytest.fail(f"skipped, and NNLIB_NO_SKIP allows none: {skip.msg}", pytrace=False)
        raise


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup():
    """Skips by mark and in fixtures."""
    return (yield from no_skip())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call():
    """Skips by pytest.skip and importorskip in a test."""
    return (yield from no_skip())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector):
    """Skips of a whole module."""
    report = yield
    if report.skipped and os.environ.get("NNLIB_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: skipped, and NNLIB_NO_SKIP allows none: {report.longrepr[2]}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Where a test of test_browser.py fails, a picture of its page is kept."""
    report = yield
    if report.failed and getattr(item, "page", None):
        item.page.screenshot(path=Path(__file__).parent / "failures" / f"{item.name}.png")
    return report


@pytest.fixture(scope="module")
def chromium():
    """A browser for the tests of one file; imported here, since this file also serves where there is none."""
    import browser
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        yield p.chromium.launch(executable_path=browser.chromium(), args=browser.FLAGS)


ROWS = {  # what a row of the exercise table counts: column, test
    "blank": "test_a_blank_is_not_done_yet",
    "reference": "test_the_reference_passes_fifty_draws",
    "wrong answers caught": "test_a_wrong_answer_gets_its_diagnosis",
    "right ones passed": "test_a_right_answer_written_differently_passes",
}


def pytest_terminal_summary(terminalreporter):
    """One row per exercise: of how many blanks, references, wrong and right answers the check said the right thing."""
    counts = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            test, _, case = report.nodeid.partition("[")
            column = next((name for name, end in ROWS.items() if test.endswith(f"test_exercises.py::{end}")), None)
            if column and report.when == "call":
                number = case.rstrip("]").partition("-")[0]
                done, all_of_them = counts.get((number, column), (0, 0))
                counts[number, column] = done + (outcome == "passed"), all_of_them + 1
    if counts and not getattr(terminalreporter, "exercises_shown", False):  # this file is loaded for notebooks/ too
        terminalreporter.exercises_shown = True
        terminalreporter.section("exercises")
        terminalreporter.write_line("exercise  " + "  ".join(ROWS))
        for number in dict.fromkeys(number for number, _ in counts):
            cells = ["{} of {}".format(*counts.get((number, column), (0, 0))).rjust(len(column)) for column in ROWS]
            terminalreporter.write_line(f"{number:>8}  " + "  ".join(cells))
