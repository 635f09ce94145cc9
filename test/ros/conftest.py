"""The tests here create nodes, in a ROS domain of this test run."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _in_own_domain(ros_domain: None) -> None:
    """Run every test here in the run's own ROS domain."""
