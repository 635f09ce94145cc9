"""What tests of several rooms share."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def ros_domain() -> Iterator[None]:
    """Give this run a ROS domain of its own, which the processes it starts inherit."""
    import rclpy

    from siamdw_ros.tools.played import isolate

    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    isolate()
    rclpy.init()
    yield
    rclpy.try_shutdown()
