"""The command `target_pose`: ros2 run siamdw_ros target_pose."""

from siamdw_ros.ros.signals import end_at_signals


def main() -> None:
    """Run the node until it is interrupted."""
    end_at_signals()
    from siamdw_ros.following import target_pose_node

    target_pose_node.main()


if __name__ == "__main__":
    main()
