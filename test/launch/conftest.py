"""Lets tests here import the modules of helpers beside them, and the ground station."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "mavlink")]
