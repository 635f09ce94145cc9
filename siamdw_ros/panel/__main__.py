"""The command `panel`: ros2 run siamdw_ros panel, or python -m siamdw_ros.panel."""

import sys

from siamdw_ros.ros.signals import end_at_signals


def main() -> int:
    """Run the node until it is interrupted; return the exit code."""
    end_at_signals()
    from siamdw_ros.panel.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
