"""What the tests of the follower share."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

settings.register_profile("following", max_examples=40, deadline=None)
settings.load_profile("following")
