"""What holds for every test and notebook: one BLAS thread, no progress bars, warnings are errors, skips are named.

`notebooks/conftest.py` applies this file to the notebooks too, so it may be loaded twice.
"""

import os
import tempfile
from pathlib import Path

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
def _after(result):
    if _strict:
        _strict.pop().__exit__(None, None, None)
get_ipython().events.register("pre_run_cell", _before)
get_ipython().events.register("post_run_cell", _after)
"""
PROFILE = "nnlib-kernels-"


def pytest_configure(config):
    """A fresh IPython profile for all kernels, in which a warning is an error, as pytest makes it for the tests."""
    if PROFILE not in os.environ.get("IPYTHONDIR", ""):
        folder = tempfile.TemporaryDirectory(prefix=PROFILE, ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        startup = Path(folder.name, "profile_default", "startup")
        startup.mkdir(parents=True)
        (startup / "00-warnings.py").write_text(STARTUP, encoding="utf-8")
        os.environ["IPYTHONDIR"] = folder.name
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
