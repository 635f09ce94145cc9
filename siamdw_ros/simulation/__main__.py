"""The command `simulation`: ros2 run siamdw_ros simulation, or python -m siamdw_ros.simulation."""

from siamdw_ros.ros.signals import end_at_signals


def main() -> None:
    """Run the node until it is interrupted."""
    end_at_signals()
    from siamdw_ros.simulation import node

    node.main()


if __name__ == "__main__":
    main()
