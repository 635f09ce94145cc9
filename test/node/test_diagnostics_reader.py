"""The reader of diagnostics."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from siamdw_ros.node.diagnostics_reader import Camera, Images, read_diagnostics


def status(name: str, level: bytes = DiagnosticStatus.OK, **values: str) -> DiagnosticStatus:
    pairs = [KeyValue(key=key.replace("_", " "), value=value) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message="text", values=pairs)


def test_the_only_camera_has_the_node_s_own_topics() -> None:
    state = read_diagnostics(
        [status("robot/siamdw_tracker: camera image", topic="/image")], "/robot/siamdw_tracker"
    )
    assert state is not None
    assert state.cameras == {
        "image": Camera("image", "/image", "raw", "/robot/siamdw_tracker/status")
    }


def test_several_cameras_and_their_transport() -> None:
    statuses = [
        status("siamdw_tracker: camera front", topic="/front/image_raw/compressed"),
        status("siamdw_tracker: camera rear", topic="/rear/image_raw/compressed"),
    ]
    state = read_diagnostics(statuses, "/siamdw_tracker")
    assert state is not None
    assert [camera.transport for camera in state.cameras.values()] == ["compressed"] * 2
    assert state.cameras["rear"].status_topic == "/siamdw_tracker/rear/status"


def test_the_size_and_rate_of_the_images() -> None:
    values = {"topic": "/front", "image size": "640x480", "images/s received": "29.9"}
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    statuses = [
        DiagnosticStatus(name="siamdw_tracker: camera front", values=pairs),
        status("siamdw_tracker: camera rear", topic="/rear", image_size="?"),
    ]
    state = read_diagnostics(statuses, "/siamdw_tracker")
    assert state is not None
    assert state.images == {"front": Images((640, 480), 29.9), "rear": Images()}


@pytest.mark.parametrize(
    ("size", "rate"),
    [("-640x480", "30"), ("70000x480", "30"), ("640x480", "nan"), ("640x480", "1e300")],
)
def test_sizes_and_rates_that_no_camera_has_are_not_read(size: str, rate: str) -> None:
    values = {"topic": "/front", "image size": size, "images/s received": rate}
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    state = read_diagnostics([DiagnosticStatus(name="a: camera front", values=pairs)], "/a")
    assert state is not None
    assert state.images == {"front": Images()}


def test_reasons_and_abilities() -> None:
    statuses = [
        status("siamdw_tracker: tracker", DiagnosticStatus.ERROR, starts_from_a_point="yes"),
        status("siamdw_tracker: targets", DiagnosticStatus.WARN),
    ]
    state = read_diagnostics(statuses, "/siamdw_tracker")
    assert state is not None
    assert state.takes_points
    assert [part["level"] for part in state.parts] == ["error", "warning"]
    assert state.parts[0] == {"level": "error", "part": "tracker", "message": "text"}


def test_other_nodes_are_ignored() -> None:
    statuses = [status("lidar: driver"), status("siamdw_tracker_2: camera image", topic="/x")]
    assert read_diagnostics(statuses, "/siamdw_tracker") is None
