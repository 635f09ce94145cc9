"""Runs the node: python -m siamdw_ros.mavlink."""

import sys

from siamdw_ros.mavlink.main import main

sys.exit(main())
