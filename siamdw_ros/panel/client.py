"""One browser: its WebSocket, what it asked for and what is to be sent."""

import asyncio
import json
import time
from collections import deque
from typing import Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.services import RateLimit
from siamdw_ros.panel.hub import Hub, box_numbers
from siamdw_ros.panel.protocol import (
    Command,
    Hold,
    Next,
    ProtocolError,
    Start,
    Stop,
    Watch,
    pack_frame,
    parse,
)
from siamdw_ros.panel.ros_link import UnavailableError
from siamdw_ros.ros.conversions import box_to_message

STATE_PERIOD = 1.0  # seconds between states; sooner when something changes
MAX_MESSAGES = 200.0  # a second; a 120 Hz camera takes 120
MAX_STARTS = 5.0  # a second
MAX_REQUESTS = 8  # that wait for the tracker
# Largest age of the tick in a message of the held button: the tick's way to the page, the page's
# wait of up to 100 ms, and the way back. An older message may be of a button that was released.
MAX_TICK_AGE = 500  # milliseconds


class Client:
    """Sends a frame only when the browser has asked for it: a slow link never queues video.

    Args:
        hub: What all clients share.
        socket: Open WebSocket.
    """

    def __init__(self, hub: Hub, socket: web.WebSocketResponse) -> None:
        self.camera = ""
        self._hub, self._socket = hub, socket
        self._news = asyncio.Event()
        self._answers: deque[dict[str, Any]] = deque()
        self._asked: float | None = None  # steady time of the request for a frame that waits
        self._sent: tuple[str, int] | None = None  # camera and serial of the last frame
        self._state_sent = -1e9
        self._messages, self._starts = RateLimit(), RateLimit()
        self._requests: set[asyncio.Task[None]] = set()
        self._pressed = False  # the button that lets the robot drive
        self._stopped = False  # STOP was pressed meanwhile
        self._enables = False  # the follower was enabled and not disabled
        self._tick_due = False
        self._late = False  # a message of the button was too old since the last tick

    def wake(self) -> None:
        """Check for something new to send."""
        self._news.set()

    async def serve(self) -> None:
        """Talk to the browser until it leaves."""
        self._hub.viewers.add(self)
        self._hub.update_streams()
        sender = asyncio.create_task(self._send_news())
        try:
            async for message in self._socket:
                if not self._take(message):
                    await self._socket.close(
                        code=WSCloseCode.POLICY_VIOLATION, message=b"not what the page sends"
                    )
        finally:
            self._hold(Hold(False))
            self._hub.viewers.discard(self)
            self._hub.update_streams()
            for task in (sender, *self._requests):
                task.cancel()
            await asyncio.gather(sender, *self._requests, return_exceptions=True)

    # From the browser

    def _take(self, message: WSMessage) -> bool:
        """Take a message; False if the connection is to be closed."""
        if message.type != WSMsgType.TEXT or not self._messages.allows(
            MAX_MESSAGES, time.monotonic()
        ):
            return False
        try:
            self._carry_out(parse(message.data))
        except ProtocolError:
            return False
        return True

    def _carry_out(self, command: Command) -> None:
        if isinstance(command, Stop) and not command.target:
            self._hub.stop_robot()  # whatever the tracker answers
        if isinstance(command, Next):
            self._asked = time.monotonic()
            self.wake()
        elif isinstance(command, Watch):
            self.camera = command.camera
            self._hub.update_streams()
            self._state_sent = -1e9  # the page shows at once which camera it is
            self.wake()
        elif isinstance(command, Hold):
            if not self._hub.settings.read_only:
                self._hold(command)
        elif self._hub.settings.read_only:
            self._answer(command.request, False, "the panel is read-only")
        elif len(self._requests) >= MAX_REQUESTS or (
            isinstance(command, Start) and not self._starts.allows(MAX_STARTS, time.monotonic())
        ):
            self._answer(command.request, False, "too many requests at a time: slow down")
        else:
            task = asyncio.create_task(self._request(command))
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)

    def _hold(self, hold: Hold) -> None:
        """Pass on that the operator lets the robot drive, and once that he does not any more.

        A link may deliver late. So each message has a tick of this panel, by which it shows how
        old it can be at most; the first one after the button was pressed asks for that tick.
        """
        self._pressed = hold.pressed
        if not hold.pressed:
            self._stopped = False
            self._disable()
            return
        self._tick_due = True
        self.wake()
        if self._stopped or hold.tick is None:
            return
        if 0 <= steady_milliseconds() - hold.tick <= MAX_TICK_AGE:
            self._enables = True
            self._hub.link.enable(True)
        else:
            self._late = True
            self._disable()

    def _disable(self) -> None:
        if self._enables:
            self._enables = False
            self._hub.link.enable(False)

    def end_hold(self) -> None:
        """Ignore the button until it was released: STOP was pressed, here or elsewhere."""
        self._stopped = self._pressed
        self._enables = False

    async def _request(self, command: Start | Stop) -> None:
        """Ask the tracker and pass its answer on."""
        link = self._hub.link
        try:
            if isinstance(command, Start):
                answer = await link.start(start_request(command))
                extra = {
                    "target": answer.target_id,
                    "stamp": [answer.stamp.sec, answer.stamp.nanosec],
                    "box": box_numbers(answer.bbox),
                }
            else:
                answer = await link.stop(StopTracking.Request(target_id=command.target))
                extra = {"targets": list(answer.target_ids)}
            self._answer(command.request, answer.success, answer.message, **extra)
        except UnavailableError as reason:
            self._answer(command.request, False, str(reason))

    def _answer(self, request: int, success: bool, message: str, **extra: Any) -> None:
        answer = {"type": "answer", "request": request, "success": success, "message": message}
        self._answers.append({**answer, **extra})
        self.wake()

    # To the browser

    async def _send_news(self) -> None:
        """The only sender: what is not sent yet is replaced by what is newer."""
        try:
            while True:
                await self._send_text()
                await self._send_frame()
                due = self._state_sent + STATE_PERIOD - time.monotonic()
                try:
                    await asyncio.wait_for(self._news.wait(), max(due, 0.0))
                except asyncio.TimeoutError:
                    continue
                self._news.clear()
        except (ConnectionError, RuntimeError):  # it has just left
            await self._socket.close()
        except Exception as error:
            # Without its sender an open connection would show nothing any more, without a reason.
            self._hub.link.report(f"a browser's connection is closed: {error!r}")
            await self._socket.close(
                code=WSCloseCode.INTERNAL_ERROR, message=b"see the panel's log"
            )

    async def _send_text(self) -> None:
        if self._tick_due:
            tick = {"type": "tick", "tick": steady_milliseconds(), "late": self._late}
            self._tick_due = False
            self._late = False
            await self._socket.send_str(json.dumps(tick))
        while self._answers:
            await self._socket.send_str(json.dumps(self._answers.popleft()))
        if time.monotonic() - self._state_sent >= STATE_PERIOD:
            self._state_sent = time.monotonic()
            await self._socket.send_str(json.dumps({**self._hub.state(), "camera": self.camera}))

    async def _send_frame(self) -> None:
        frame = self._hub.newest(self.camera)
        if self._asked is None or frame is None or self._sent == (self.camera, frame.serial):
            return
        camera, asked = self.camera, self._asked
        self._sent = camera, frame.serial
        try:
            jpeg = await self._hub.encode(camera, frame)
        except ValueError:  # damaged; the tracker's diagnostics report it too
            return
        self._asked = None
        head = self._hub.head(camera, frame, jpeg)
        head["waited"] = round(time.monotonic() - asked, 3)
        await self._socket.send_bytes(pack_frame(head, jpeg.data))


def steady_milliseconds() -> int:
    """Return the time of a clock that never jumps."""
    return time.monotonic_ns() // 10**6


def start_request(command: Start) -> StartTracking.Request:
    """The service request: the camera by its name, and the stamp of the image on the screen."""
    request = StartTracking.Request(target_id=command.target)
    request.header.frame_id = command.camera
    request.header.stamp.sec, request.header.stamp.nanosec = command.stamp
    request.bbox = box_to_message(command.box)
    request.duration.sec = command.seconds
    return request
