"""Camera components: what ground stations and autopilots ask for, and what they get."""

import math

import pytest
from ground_station import AUTOPILOT, Station
from pymavlink.dialects.v20 import common as mavlink
from wired import BOX, Wired

from siamdw_ros.mavlink.cameras import Cameras, Network
from siamdw_ros.mavlink.codec import Packer
from siamdw_ros.mavlink.commands import FAILED, REJECTED
from siamdw_ros.mavlink.flight import FlightControl, Permissions
from siamdw_ros.mavlink.gimbal import GimbalControl
from siamdw_ros.mavlink.messages import CameraDescription, stream_type
from siamdw_ros.siamdw.presence import State

ACTIVE = mavlink.CAMERA_TRACKING_STATUS_FLAGS_ACTIVE
COASTING = mavlink.CAMERA_TRACKING_STATUS_FLAGS_COASTING
ERROR = mavlink.CAMERA_TRACKING_STATUS_FLAGS_ERROR
IDLE = mavlink.CAMERA_TRACKING_STATUS_FLAGS_IDLE
POINT, RECTANGLE = mavlink.MAV_CMD_CAMERA_TRACK_POINT, mavlink.MAV_CMD_CAMERA_TRACK_RECTANGLE
STOP = mavlink.MAV_CMD_CAMERA_STOP_TRACKING
INTERVAL = mavlink.MAV_CMD_SET_MESSAGE_INTERVAL
STATUS = mavlink.MAVLINK_MSG_ID_CAMERA_TRACKING_IMAGE_STATUS
CORNERS = (0.25, 0.5, 0.5, 0.75)  # of BOX


def statuses(wired: Wired) -> list:
    return wired.station.all("CAMERA_TRACKING_IMAGE_STATUS")


def corners(status) -> tuple[float, ...]:
    return status.rec_top_x, status.rec_top_y, status.rec_bottom_x, status.rec_bottom_y


# Finding the camera


def test_one_heartbeat_per_second_names_a_camera_that_is_no_autopilot(wired: Wired) -> None:
    wired.run(5.0)
    beats = wired.station.all("HEARTBEAT")
    assert len(beats) in (5, 6)
    assert {beat.type for beat in beats} == {mavlink.MAV_TYPE_CAMERA}
    assert {beat.autopilot for beat in beats} == {mavlink.MAV_AUTOPILOT_INVALID}
    assert (beats[0].get_srcSystem(), beats[0].get_srcComponent()) == (1, 100)


def test_the_heartbeat_reports_whether_the_tracker_is_there(wired: Wired) -> None:
    wired.run(2.0, news=False)
    assert wired.station.last("HEARTBEAT").system_status == mavlink.MAV_STATE_STANDBY
    wired.run(3.0)
    assert wired.station.last("HEARTBEAT").system_status == mavlink.MAV_STATE_ACTIVE


@pytest.mark.parametrize(
    ("command", "parameter"),
    [
        (mavlink.MAV_CMD_REQUEST_MESSAGE, mavlink.MAVLINK_MSG_ID_CAMERA_INFORMATION),
        (mavlink.MAV_CMD_REQUEST_CAMERA_INFORMATION, 1),
    ],
)
def test_the_camera_describes_itself(wired: Wired, command: int, parameter: int) -> None:
    wired.camera.describe((640, 480), 30.0)
    assert wired.command(command, parameter) == [mavlink.MAV_RESULT_ACCEPTED]
    information = wired.station.last("CAMERA_INFORMATION")
    assert bytes(information.model_name).rstrip(b"\0") == b"front"
    assert (information.resolution_h, information.resolution_v) == (640, 480)
    assert information.flags == (
        mavlink.CAMERA_CAP_FLAGS_HAS_TRACKING_POINT
        | mavlink.CAMERA_CAP_FLAGS_HAS_TRACKING_RECTANGLE
    )


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (mavlink.MAVLINK_MSG_ID_CAMERA_SETTINGS, "CAMERA_SETTINGS"),
        (mavlink.MAVLINK_MSG_ID_STORAGE_INFORMATION, "STORAGE_INFORMATION"),
        (mavlink.MAVLINK_MSG_ID_CAMERA_CAPTURE_STATUS, "CAMERA_CAPTURE_STATUS"),
        (STATUS, "CAMERA_TRACKING_IMAGE_STATUS"),
    ],
)
def test_what_ground_stations_ask_first_is_answered(wired: Wired, message: int, kind: str) -> None:
    assert wired.command(mavlink.MAV_CMD_REQUEST_MESSAGE, message) == [0]
    assert wired.station.last(kind) is not None


def test_a_video_stream_is_described_where_there_is_one() -> None:
    address = "rtsp://10.0.0.5:8554/front"
    wired = Wired(CameraDescription("front", video_uri=address))
    wired.camera.describe((1280, 720), 25.0)
    number = mavlink.MAVLINK_MSG_ID_VIDEO_STREAM_INFORMATION
    wired.command(mavlink.MAV_CMD_REQUEST_MESSAGE, number, 0)
    wired.command(mavlink.MAV_CMD_REQUEST_VIDEO_STREAM_STATUS, 1)
    stream = wired.station.last("VIDEO_STREAM_INFORMATION")
    assert (stream.uri, stream.count, stream.stream_id) == (address, 1, 1)
    assert stream.type == mavlink.VIDEO_STREAM_TYPE_RTSP
    assert wired.station.last("VIDEO_STREAM_STATUS").resolution_h == 1280


def test_a_camera_without_a_video_stream_reports_it(wired: Wired) -> None:
    number = mavlink.MAVLINK_MSG_ID_VIDEO_STREAM_INFORMATION
    results = wired.command(mavlink.MAV_CMD_REQUEST_MESSAGE, number)
    assert results == [mavlink.MAV_RESULT_UNSUPPORTED]


def test_the_address_of_a_video_has_a_known_form() -> None:
    assert stream_type("udp://:5600") == (mavlink.VIDEO_STREAM_TYPE_RTPUDP, "5600")
    for wrong in ("http://camera/", "udp://:x", "rtsp://" + "x" * 200):
        with pytest.raises(ValueError, match="video address"):
            stream_type(wrong)


# Tracking


def test_a_rectangle_is_passed_to_the_tracker_and_acknowledged_when_it_answers(
    wired: Wired,
) -> None:
    assert wired.command(RECTANGLE, *CORNERS) == []
    (request,) = wired.cameras.take_requests()
    assert (request.camera, request.box) == ("front", BOX)
    wired.answer(request)
    assert wired.station.results(RECTANGLE) == [mavlink.MAV_RESULT_ACCEPTED]
    ack = wired.station.last("COMMAND_ACK")
    assert (ack.target_system, ack.target_component) == (255, 190)


def test_a_rectangle_may_be_dragged_from_any_corner(wired: Wired) -> None:
    wired.command(RECTANGLE, 0.5, 0.75, 0.25, 0.5)
    assert wired.cameras.take_requests()[0].box == BOX


def test_a_point_has_no_size(wired: Wired) -> None:
    wired.command(POINT, 0.25, 0.75, 0.03)
    assert wired.cameras.take_requests()[0].box == (0.25, 0.75, 0.0, 0.0)


def test_stop_asks_the_tracker_to_stop(wired: Wired) -> None:
    wired.command(STOP)
    assert wired.cameras.take_requests()[0].box is None


def test_an_autopilot_may_send_the_commands_as_well(wired: Wired) -> None:
    autopilot = Station(lambda data: wired.cameras.receive(data, wired.now), AUTOPILOT)
    autopilot.command(RECTANGLE, *CORNERS)
    assert wired.cameras.take_requests()[0].box == BOX


@pytest.mark.parametrize(
    ("number", "parameters"),
    [
        (RECTANGLE, (0.25, 0.5, 1.25, 0.75)),
        (RECTANGLE, (-0.1, 0.5, 0.5, 0.75)),
        (RECTANGLE, (math.nan, 0.5, 0.5, 0.75)),
        (RECTANGLE, (0.25, 0.5, math.inf, 0.75)),
        (RECTANGLE, (0.25, 0.5, 0.25, 0.75)),
        (RECTANGLE, (*CORNERS, 101)),
        (POINT, (0.5, 1.5)),
        (INTERVAL, (STATUS, math.nan)),
        (INTERVAL, (math.nan, 1e6)),
        (mavlink.MAV_CMD_REQUEST_MESSAGE, (0.5,)),
    ],
)
def test_wrong_parameters_are_denied_in_words(
    wired: Wired, number: int, parameters: tuple[float, ...]
) -> None:
    assert wired.command(number, *parameters) == [mavlink.MAV_RESULT_DENIED]
    assert wired.cameras.take_requests() == []
    assert wired.station.last("STATUSTEXT").text.startswith("front: ")


@pytest.mark.parametrize("result", [FAILED, REJECTED])
def test_the_trackers_refusal_reaches_the_operator_in_full(wired: Wired, result: int) -> None:
    wired.command(RECTANGLE, *CORNERS)
    reason = "no image has come yet: check that the camera publishes on /front/image_raw"
    wired.answer(wired.cameras.take_requests()[0], result, reason)
    assert wired.station.results(RECTANGLE) == [result]
    texts = wired.station.all("STATUSTEXT")
    assert "".join(text.text for text in texts) == f"front: {reason}"
    assert len({text.id for text in texts}) == 1
    assert [text.chunk_seq for text in texts] == list(range(len(texts)))


def test_an_unknown_command_is_unsupported(wired: Wired) -> None:
    results = wired.command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1)
    assert results == [mavlink.MAV_RESULT_UNSUPPORTED]


@pytest.mark.parametrize("options", [{"component": 1}, {"component": 101}, {"system": 2}])
def test_commands_for_others_are_not_answered(wired: Wired, options: dict[str, int]) -> None:
    assert wired.command(RECTANGLE, *CORNERS, **options) == []
    assert wired.cameras.take_requests() == []


def test_a_slow_tracker_is_reported_as_in_progress(wired: Wired) -> None:
    wired.command(RECTANGLE, *CORNERS)
    wired.run(1.2)
    assert wired.station.results(RECTANGLE) == [mavlink.MAV_RESULT_IN_PROGRESS] * 2


@pytest.mark.parametrize("unused", [0.0, math.nan])
def test_a_command_sent_again_is_answered_but_not_carried_out_again(
    wired: Wired, unused: float
) -> None:
    parameters = *CORNERS, 100, unused, unused
    wired.command(RECTANGLE, *parameters)
    (request,) = wired.cameras.take_requests()
    wired.command(RECTANGLE, *parameters, confirmation=1)  # the answer is late
    assert wired.station.results(RECTANGLE) == [mavlink.MAV_RESULT_IN_PROGRESS]
    wired.answer(request)
    wired.command(RECTANGLE, *parameters, confirmation=2)  # the answer was lost
    accepted = mavlink.MAV_RESULT_ACCEPTED
    assert wired.station.results(RECTANGLE)[1:] == [accepted, accepted]
    assert wired.cameras.take_requests() == []
    wired.command(RECTANGLE, *parameters)  # the operator draws it again
    assert len(wired.cameras.take_requests()) == 1


def test_requests_that_wait_are_limited(wired: Wired) -> None:
    for index in range(20):
        wired.command(RECTANGLE, index / 64, 0.5, 0.5, 0.75)
    assert len(wired.cameras.take_requests()) == 8
    assert wired.station.results(RECTANGLE) == [mavlink.MAV_RESULT_TEMPORARILY_REJECTED] * 12


# The target's state


def test_a_tracked_target_is_reported_with_its_rectangle(wired: Wired) -> None:
    wired.show()
    wired.run(0.5)
    status = statuses(wired)[-1]
    assert status.tracking_status == ACTIVE
    assert status.tracking_mode == mavlink.CAMERA_TRACKING_MODE_RECTANGLE
    assert status.target_data == mavlink.CAMERA_TRACKING_TARGET_DATA_IN_STATUS
    assert corners(status) == CORNERS
    assert (status.point_x, status.point_y) == (0.375, 0.625)


def test_an_uncertain_target_is_coasting(wired: Wired) -> None:
    wired.show(State.UNCERTAIN)
    wired.run(0.5)
    assert statuses(wired)[-1].tracking_status == ACTIVE | COASTING


def test_a_lost_target_is_an_error_without_a_rectangle(wired: Wired) -> None:
    wired.show(State.LOST)
    wired.run(0.5)
    status = statuses(wired)[-1]
    assert status.tracking_status == ERROR
    assert all(map(math.isnan, (*corners(status), status.point_x, status.point_y)))


def test_when_the_tracker_is_silent_the_last_rectangle_is_not_reported_any_more(
    wired: Wired,
) -> None:
    wired.show()
    wired.run(2.0, news=False)
    times = [status.tracking_status for status in statuses(wired)]
    assert times[0] == ACTIVE
    assert times[-1] == ERROR
    assert times.count(ACTIVE) <= 6  # one second at 5 Hz


def test_a_box_that_leaves_the_image_is_cut_to_it(wired: Wired) -> None:
    wired.show(box=(-0.25, 0.75, 0.5, 0.5))
    wired.run(0.5)
    assert corners(statuses(wired)[-1]) == (0.0, 0.75, 0.25, 1.0)


def test_the_end_of_tracking_is_reported_once(wired: Wired) -> None:
    wired.run(1.0)
    assert statuses(wired) == []  # nothing is tracked, and there was no request
    wired.show()
    wired.run(1.0)
    wired.camera.update(None, wired.now)
    wired.run(2.0)
    assert [status.tracking_status for status in statuses(wired)].count(IDLE) == 1
    assert statuses(wired)[-1].tracking_status == IDLE


@pytest.mark.parametrize(("microseconds", "count"), [(500_000, 20), (100_000, 100), (1, 200)])
def test_the_status_comes_at_the_requested_rate(
    wired: Wired, microseconds: int, count: int
) -> None:
    assert wired.command(INTERVAL, STATUS, microseconds) == [0]
    wired.run(10.0)
    assert abs(len(statuses(wired)) - count) <= 2


def test_the_status_can_be_disabled_and_comes_back_with_the_next_target(wired: Wired) -> None:
    wired.show()
    assert wired.command(INTERVAL, STATUS, -1) == [0]
    wired.run(2.0)
    assert statuses(wired) == []
    wired.command(RECTANGLE, *CORNERS)
    wired.answer(wired.cameras.take_requests()[0])
    wired.run(1.0)
    assert len(statuses(wired)) in (5, 6)


def test_the_interval_can_be_read(wired: Wired) -> None:
    for message, expected in ((STATUS, 200_000), (0, 1_000_000), (30, 0)):
        wired.command(mavlink.MAV_CMD_GET_MESSAGE_INTERVAL, message)
        answer = wired.station.last("MESSAGE_INTERVAL")
        assert (answer.message_id, answer.interval_us) == (message, expected)


def test_only_the_status_has_an_interval(wired: Wired) -> None:
    assert wired.command(INTERVAL, 30, 1e6) == [mavlink.MAV_RESULT_DENIED]


# Several cameras


def two() -> Wired:
    return Wired(CameraDescription("front", 100), CameraDescription("rear", 101))


def test_several_cameras_are_several_components() -> None:
    wired = two()
    wired.run(2.0)
    assert {one.get_srcComponent() for one in wired.station.all("HEARTBEAT")} == {100, 101}
    message = mavlink.MAVLINK_MSG_ID_CAMERA_INFORMATION
    wired.command(mavlink.MAV_CMD_REQUEST_MESSAGE, message, component=0)
    names = [bytes(one.model_name[:5]) for one in wired.station.all("CAMERA_INFORMATION")]
    assert names == [b"front", b"rear\0"]


def test_a_rectangle_is_tracked_by_the_camera_it_is_for() -> None:
    wired = two()
    wired.command(RECTANGLE, *CORNERS, component=101)
    wired.command(RECTANGLE, *CORNERS, 101, component=0)
    assert [one.camera for one in wired.cameras.take_requests()] == ["rear", "rear"]
    wired.show(camera="rear")
    wired.run(1.0)
    assert {one.get_srcComponent() for one in statuses(wired)} == {101}


def test_stop_for_all_stops_all() -> None:
    wired = two()
    wired.command(STOP, component=0)
    assert [one.camera for one in wired.cameras.take_requests()] == ["front", "rear"]


def test_each_component_counts_its_packets() -> None:
    wired = two()
    wired.run(3.0)
    for component in (100, 101):
        beats = wired.station.all("HEARTBEAT", component)
        assert [beat.get_seq() for beat in beats] == list(range(len(beats)))


@pytest.mark.parametrize(
    ("cameras", "reason"),
    [
        ([CameraDescription("front", 1)], "component id 1"),
        ([CameraDescription("front", 100), CameraDescription("rear", 100)], "one of its own"),
    ],
)
def test_component_ids_are_checked(cameras: list[CameraDescription], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Cameras(Network(), cameras, 0.0)


def test_the_system_id_is_checked() -> None:
    with pytest.raises(ValueError, match="system id 0"):
        Cameras(Network(system=0), [CameraDescription("front")], 0.0)


def test_what_moves_is_sent_first(wired: Wired) -> None:
    wired.cameras.flight = FlightControl(Packer(1, 191), Permissions())
    wired.cameras.gimbal = GimbalControl(Packer(1, 191), AUTOPILOT)
    autopilot = Station(lambda data: wired.cameras.receive(data, wired.now), AUTOPILOT)
    autopilot.send(mavlink.MAVLink_heartbeat_message(2, 3, 0, 4, 4, 3))
    wired.cameras.flight.command((0.0, 0.0, 0.0), 0.1, wired.now)
    wired.cameras.gimbal.command(0.1, 0.1, wired.now)
    wired.run(0.1)
    kinds = [message.get_type() for message in wired.station.received]
    moves = [kinds.index("SET_POSITION_TARGET_LOCAL_NED"), kinds.index("COMMAND_LONG")]
    assert max(*moves, kinds.index("GIMBAL_MANAGER_SET_PITCHYAW")) < kinds.index("HEARTBEAT")
