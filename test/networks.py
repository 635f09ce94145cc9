"""The bundled networks as parameters of tests."""

import pytest

from siamdw_ros.siamdw.bundled import BUNDLED, DEFAULT_NETWORK

# For costly tests: the default at each run, the others where the slow tests run, too.
DEFAULT_FIRST = [
    name if name == DEFAULT_NETWORK else pytest.param(name, marks=pytest.mark.slow)
    for name in BUNDLED
]
