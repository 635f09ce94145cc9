"""Warnings that come with every image are throttled by what they are about."""

from types import SimpleNamespace

from siamdw_ros.node.throttled_log import PERIOD, ThrottledLog


class Recorder:
    """A node whose log is kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.up = True
        self.context = SimpleNamespace(ok=lambda: self.up)

    def get_logger(self) -> SimpleNamespace:
        keep = self.lines.append
        return SimpleNamespace(warning=keep, error=keep, info=keep)


def test_each_camera_and_each_kind_has_a_throttle_of_its_own() -> None:
    node, now = Recorder(), [0.0]
    log = ThrottledLog(node, lambda: now[0])
    for time in (0.0, 1.0, PERIOD):
        now[0] = time
        log.warning("front rejected", f"front: {time}")
        log.warning("rear rejected", f"rear: {time}")
        log.warning("rear time", f"rear time: {time}")
    assert node.lines == [
        f"{what}: {time}" for time in (0.0, PERIOD) for what in ("front", "rear", "rear time")
    ]


def fail() -> None:
    raise ZeroDivisionError("unexpected")


def test_an_exception_is_logged_with_the_place_where_it_was_raised() -> None:
    node = Recorder()
    try:
        fail()
    except ZeroDivisionError as error:
        ThrottledLog(node).exception("tracking", error)
        (line,) = node.lines
        assert line.startswith("tracking failed: ZeroDivisionError('unexpected')\n")
        assert "test_throttled_log.py" in line
        assert "in fail" in line
        node.up = False
        ThrottledLog(node).exception("tracking", error)  # the node is shut down
    assert len(node.lines) == 1
