"""The soak, for a minute, and what it calls flat."""

import json
from pathlib import Path

import pytest

from siamdw_ros.measurement import soak
from siamdw_ros.measurement.growth import Sample, growths, processed


def samples(megabytes_a_minute: float, threads: int = 15) -> list[Sample]:
    """Half an hour of a process that grows, with a step in the warm-up."""
    seconds = range(0, 1800, 5)
    return [
        Sample(s, 500 + 100 * (s > 200) + megabytes_a_minute * s / 60, threads, 20, s, s)
        for s in seconds
    ]


def test_a_step_in_the_warm_up_is_no_growth() -> None:
    assert all(one.flat for one in growths(samples(0.0)))


def test_a_leak_of_a_megabyte_a_minute_is_seen() -> None:
    memory, threads, files = growths(samples(1.0))
    assert not memory.flat
    assert memory.rise == pytest.approx(24, abs=1)
    assert threads.flat
    assert files.flat


def test_images_are_counted_across_restarts() -> None:
    counts = [3, 10, 2, 5]
    assert processed([Sample(0, 0, 0, 0, 0, count) for count in counts]) == 15


@pytest.mark.slow
@pytest.mark.ros
@pytest.mark.usefixtures("ros_domain")
def test_a_minute_of_soak_is_flat(tmp_path: Path) -> None:
    import rclpy

    rclpy.shutdown()  # the tool has its own
    arguments = ["--minutes", "1", "--rate", "5", "--threads", "1", "--restart-every", "15"]
    assert soak.main([*arguments, "--device", "cpu", "--out", str(tmp_path)]) == 0
    rclpy.init()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["flat"]
    assert summary["configured anew"] >= 2
    assert summary["starts and stops"] >= 10
    assert (tmp_path / "soak.csv").is_file()
