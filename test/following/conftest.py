"""Fixtures that the tests of the follower share."""

import sys
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
# No deadline: an example may take long on a busy machine.
SETTINGS = settings(max_examples=40, deadline=None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the property tests of this folder their settings, and no others."""
    for item in items:
        if HERE in item.path.parents and is_hypothesis_test(getattr(item, "obj", None)):
            SETTINGS(item.obj)
