"""When a message that is sent again and again is due."""

MIN_INTERVAL = 0.05  # seconds: what a telemetry radio stands, and no more than a tracker gives
DISABLED = -1.0
DEFAULT = 0.0


class StatusStream:
    """Decides when CAMERA_TRACKING_IMAGE_STATUS is due.

    It is sent without a request: while a target is tracked, and once more when that ends,
    so that ground stations remove its box. After MAV_CMD_SET_MESSAGE_INTERVAL it is sent always,
    or never.

    Args:
        rate: Messages per second where no other rate was requested; 0: none.
    """

    def __init__(self, rate: float) -> None:
        self._default = 1 / rate if rate > 0 else DISABLED
        self._interval = self._default
        self._asked = False
        self._tracked = False
        self._due = 0.0

    @property
    def microseconds(self) -> int:
        """Interval as MESSAGE_INTERVAL has it; -1: disabled."""
        return -1 if self._interval < 0 else round(self._interval * 1e6)

    def request(self, microseconds: float, now: float) -> None:
        """Set the interval as MAV_CMD_SET_MESSAGE_INTERVAL does.

        Args:
            microseconds: -1: never, 0: as without a request.
            now: Time, seconds.
        """
        self._asked = microseconds > 0
        self._due = now
        if microseconds < 0:
            self._interval = DISABLED
        elif microseconds == 0:
            self._interval = self._default
        else:
            self._interval = max(microseconds * 1e-6, MIN_INTERVAL)

    def restart(self, now: float) -> None:
        """Send again: a new target is tracked.

        QGroundControl disables the messages of a camera when it stops tracking. The autopilot,
        which may start the next target, is not informed of that.

        Args:
            now: Time, seconds.
        """
        if self._interval < 0:
            self.request(DEFAULT, now)

    def due(self, tracking: bool, now: float) -> bool:
        """Return whether a message is due, and count it as sent.

        Args:
            tracking: Whether the camera has a target.
            now: Time, seconds.
        """
        ended = self._tracked and not tracking
        wanted = self._interval >= 0 and (tracking or self._asked or ended)
        if not wanted or (now < self._due and not ended):
            self._tracked = self._tracked and not (ended and self._interval < 0)
            return False
        self._tracked = tracking
        # Not from `now`: the rate would fall short by the caller's period.
        self._due = max(self._due + self._interval, now)
        return True
