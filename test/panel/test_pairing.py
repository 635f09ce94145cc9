"""Images and what was found in them are matched by stamp."""

import pytest
from sensor_msgs.msg import Image
from siamdw_msgs.msg import TrackerStatus

from siamdw_ros.panel.pairing import MAX_BYTES, MAX_IMAGES, SILENCE, Pairing


def image(number: int, size: int = 10) -> Image:
    message = Image(data=bytes(size))
    message.header.stamp.nanosec = number
    return message


def status(number: int) -> TrackerStatus:
    message = TrackerStatus()
    message.header.stamp.nanosec = number
    return message


@pytest.fixture
def pairing() -> Pairing:
    """One that matched image 1 at time 0."""
    made = Pairing()
    made.add_image(image(1), 0.0)
    made.add_status(status(1), 0.0)
    return made


def shown(pairing: Pairing) -> tuple[int, bool]:
    assert pairing.newest is not None
    return pairing.newest.message.header.stamp.nanosec, pairing.newest.status is not None


def test_an_image_waits_for_its_status(pairing: Pairing) -> None:
    assert not pairing.add_image(image(2), 0.1)
    assert not pairing.add_image(image(3), 0.2)
    assert shown(pairing) == (1, True)
    assert pairing.add_status(status(2), 0.3)
    assert shown(pairing) == (2, True)


def test_a_status_that_comes_first_waits_for_its_image(pairing: Pairing) -> None:
    assert not pairing.add_status(status(2), 0.1)
    assert pairing.add_image(image(2), 0.2)
    assert shown(pairing) == (2, True)


def test_images_that_the_tracker_left_out_are_not_shown_later(pairing: Pairing) -> None:
    for number in (2, 3, 4):
        pairing.add_image(image(number), 0.1)
    pairing.add_status(status(3), 0.2)
    assert not pairing.add_status(status(2), 0.3)
    assert shown(pairing) == (3, True)


def test_a_silent_tracker_does_not_stop_the_video(pairing: Pairing) -> None:
    assert not pairing.add_image(image(2), SILENCE / 2)
    assert pairing.add_image(image(3), SILENCE + 0.01)
    assert shown(pairing) == (3, False)


def test_video_is_there_before_the_tracker_is() -> None:
    pairing = Pairing()
    assert pairing.add_image(image(1), 0.0)
    assert shown(pairing) == (1, False)


def test_each_frame_has_a_new_serial(pairing: Pairing) -> None:
    assert pairing.newest is not None
    before = pairing.newest.serial
    pairing.add_image(image(2), 0.1)
    pairing.add_status(status(2), 0.2)
    assert pairing.newest.serial > before


@pytest.mark.parametrize(("count", "size"), [(3 * MAX_IMAGES, 10), (10, MAX_BYTES // 4)])
def test_waiting_images_are_bounded(pairing: Pairing, count: int, size: int) -> None:
    for number in range(2, 2 + count):
        pairing.add_image(image(number, size), 0.1)
    held = [n for n in range(2, 2 + count) if pairing.add_status(status(n), 0.2)]
    assert len(held) == min(MAX_IMAGES, MAX_BYTES // size)
    assert held[-1] == 1 + count
