"""Which source of distance is used when."""

import math

import numpy as np

from siamdw_ros.following.camera import Camera, Mount
from siamdw_ros.following.settings import PoseSettings
from siamdw_ros.following.sources import DepthView, DistanceSources

CAMERA = Camera.from_field_of_view(640, 480, math.radians(70))
BOX = (270.0, 140.0, 100.0, 200.0)


def view(metres: float) -> DepthView:
    return DepthView(np.full((480, 640), metres, np.float32), (640, 480))


def measured(sources: DistanceSources, depth: DepthView | None, stamp: float, box=BOX, target="a"):
    found = sources.measure(target, box, CAMERA, stamp, depth)
    return (round(found.metres, 2), found.source) if found else None


def test_depth_comes_before_a_known_size() -> None:
    sources = DistanceSources(PoseSettings(target_height=1.7), Mount())
    assert measured(sources, view(2.0), 1.0) == (2.0, "depth")
    assert measured(sources, None, 5.0)[1] == "size"


def test_a_hole_in_the_depth_is_bridged_by_the_size_for_a_moment_only() -> None:
    sources = DistanceSources(PoseSettings(), Mount())
    measured(sources, view(2.0), 1.0)
    half = (295.0, 190.0, 50.0, 100.0)
    assert measured(sources, view(np.nan), 1.05, half) == (4.0, "relative")
    assert measured(sources, view(np.nan), 1.2, half) is None
    assert sources.source == "none"


def test_a_jump_is_rejected_and_counted() -> None:
    sources = DistanceSources(PoseSettings(max_target_speed=2.0), Mount())
    measured(sources, view(2.0), 1.0)
    assert measured(sources, view(7.0), 1.03) == (2.0, "relative")
    assert sources.rejected == 1


def test_the_ground_and_then_the_start_give_the_distance_without_depth_and_size() -> None:
    low = DistanceSources(PoseSettings(start_distance=3.0), Mount(z=0.5))
    assert measured(low, None, 1.0)[1] == "ground"
    nothing_known = DistanceSources(PoseSettings(start_distance=3.0), Mount())
    assert measured(nothing_known, None, 1.0) == (3.0, "relative")
    assert measured(nothing_known, None, 1.1, (245.0, 40.0, 200.0, 400.0)) == (1.5, "relative")


def test_another_target_starts_anew() -> None:
    sources = DistanceSources(PoseSettings(start_distance=3.0), Mount())
    measured(sources, None, 1.0)
    large = (245.0, 40.0, 200.0, 400.0)
    assert measured(sources, None, 1.1, large, target="b") == (3.0, "relative")


def test_settings_that_change_count_for_the_present_target() -> None:
    sources = DistanceSources(PoseSettings(max_target_speed=0.1), Mount())
    measured(sources, view(2.0), 1.0)
    sources.settings = PoseSettings(max_target_speed=100.0)
    assert measured(sources, view(3.0), 1.03) == (3.0, "depth")
    sources = DistanceSources(PoseSettings(), Mount())
    assert measured(sources, None, 1.0) is None
    sources.settings = PoseSettings(start_distance=3.0)
    assert measured(sources, None, 1.1, (245.0, 40.0, 200.0, 400.0)) == (1.5, "relative")
    sources.settings = PoseSettings(start_distance=4.0)
    assert measured(sources, None, 1.1, (245.0, 40.0, 200.0, 400.0)) == (2.0, "relative")


def test_without_any_source_there_is_no_distance() -> None:
    assert measured(DistanceSources(PoseSettings(), Mount()), None, 1.0) is None
