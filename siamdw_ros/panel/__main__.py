"""Runs the panel: python -m siamdw_ros.panel."""

import sys

from siamdw_ros.panel.main import main

sys.exit(main())
