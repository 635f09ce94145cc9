"""The whole suite runs in one process, also where launch_testing is installed.

launch_testing's pytest hook imports every test file by its bare name, whatever the value of
`--import-mode`.
"""

import logging
import os
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from isolation import LeftChangedError, left_unchanged

TESTS = Path(__file__).parent


def test_no_two_test_modules_share_a_name():
    names = Counter(path.name for path in TESTS.rglob("*.py") if path.name != "conftest.py")
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("change", [{"ROS_DOMAIN_ID": "97"}, {"A_NEW_VARIABLE": ""}])
def test_a_changed_environment_is_reported_and_restored(change):
    before = dict(os.environ)
    expected = pytest.raises(LeftChangedError, match=f"this test left .*{next(iter(change))}")
    with expected, left_unchanged("this test"):
        os.environ.update(change)
    assert dict(os.environ) == before


def test_a_removed_variable_is_reported():
    with pytest.raises(LeftChangedError, match="PATH"), left_unchanged("this test"):
        del os.environ["PATH"]


def test_tests_that_pytest_runs_without_fixtures_are_checked_too():
    """As launch_testing's are."""
    hook = runpy.run_path(str(TESTS / "conftest.py"))["pytest_runtest_call"]
    call = hook(SimpleNamespace(nodeid="a launch test"))
    next(call)
    os.environ["A_NEW_VARIABLE"] = ""
    with pytest.raises(LeftChangedError, match=r"a launch test left .*A_NEW_VARIABLE"):
        call.send(None)
    assert "A_NEW_VARIABLE" not in os.environ


@pytest.mark.parametrize("chosen", ["timing", "timing and not slow", "not timing", ""])
def test_only_files_with_timing_tests_are_imported_where_only_those_are_chosen(chosen, tmp_path):
    hook = runpy.run_path(str(TESTS / "conftest.py"))["pytest_ignore_collect"]
    config = SimpleNamespace(option=SimpleNamespace(markexpr=chosen))
    marked, other = tmp_path / "test_marked.py", tmp_path / "test_other.py"
    marked.write_text("pytestmark = pytest.mark.timing")
    other.write_text("pytestmark = pytest.mark.ros")
    left_out = [path for path in (marked, other, tmp_path) if hook(path, config)]
    assert left_out == ([other] if chosen.startswith("timing") else [])


def test_messages_of_the_package_reach_pytest_although_launch_has_loggers_of_its_own():
    class DoesNotPropagate(logging.Logger):
        """As launch's: set for all later loggers when launch is imported."""

    logging.setLoggerClass(DoesNotPropagate)
    try:
        runpy.run_path(str(TESTS / "conftest.py"))
        assert logging.getLoggerClass() is logging.Logger
    finally:
        logging.setLoggerClass(logging.Logger)


@pytest.mark.ros
def test_a_changed_default_context_is_reported():
    """In a process of its own: the context of this one belongs to the session."""
    pytest.importorskip("rclpy")
    program = (
        "import rclpy\n"
        "from isolation import left_unchanged\n"
        "with left_unchanged('this test'):\n"
        "    rclpy.init(domain_id=96)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=TESTS, capture_output=True, text=True, check=False
    )
    assert "default context initialized, domain 96; it was not initialized" in finished.stderr
