import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

pytest.importorskip("pymavlink", reason="pymavlink is not installed")

from wired import Wired


@pytest.fixture
def wired() -> Wired:
    return Wired()
