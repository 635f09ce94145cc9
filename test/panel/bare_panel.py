"""The panel's server in this process, without ROS, behind a network of which the test decides."""

import asyncio
from typing import Any

from siamdw_ros.panel.server import Server


class Link:
    """Keeps what the follower would get."""

    tracker = "/siamdw_tracker"

    def __init__(self) -> None:
        self.enabled: list[bool] = []

    def enable(self, pressed: bool) -> None:
        self.enabled.append(pressed)

    def watch(self, cameras: Any) -> None:
        list(cameras)

    def has_follower(self) -> bool:
        return True

    def age(self, _stamp: object) -> float:
        return 0.0


class Relay:
    """Serves a panel through a network that is slow on the way to the panel, or carries nothing.

    Args:
        hub: Of the panel.
        delay: Of what is sent to the panel, seconds.

    Attributes:
        origin: Address for browsers.
        carries: Cleared: whatever is sent waits, and no connection ends.
    """

    def __init__(self, hub: Any, delay: float = 0.0) -> None:
        self.origin = ""
        self.carries = asyncio.Event()
        self.carries.set()
        self._delay = delay
        self._server = Server(hub)
        self._port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def _connected(self, reader: Any, writer: Any) -> None:
        await self.carries.wait()
        to_panel, from_panel = await asyncio.open_connection("127.0.0.1", self._port)
        for way in ((reader, from_panel, self._delay), (to_panel, writer, 0.0)):
            self._tasks.add(asyncio.create_task(self._carry(*way)))

    async def _carry(self, reader: Any, writer: Any, delay: float) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(65536):
            await self.carries.wait()
            loop.call_later(delay, writer.write, data)
        loop.call_later(delay, writer.close)

    async def __aenter__(self) -> "Relay":
        self._port = await self._server.start()
        self._relay = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.origin = f"http://127.0.0.1:{self._relay.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._relay.close()
        await self._server.close()
