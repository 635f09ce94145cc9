"""The command `follower`: ros2 run siamdw_ros follower."""

from siamdw_ros.ros.signals import end_at_signals


def main() -> None:
    """Run the node until it is interrupted."""
    end_at_signals()
    from siamdw_ros.following import follower_node

    follower_node.main()


if __name__ == "__main__":
    main()
