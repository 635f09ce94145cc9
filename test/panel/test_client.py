"""A browser's request for a frame is answered, whatever comes first, or its connection ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from siamdw_ros.node.decoding import image_message
from siamdw_ros.panel.encoding import Encoder
from siamdw_ros.panel.hub import Hub
from siamdw_ros.panel.ros_link import RosLink
from siamdw_ros.panel.server import Server
from siamdw_ros.panel.settings import PanelSettings

pytestmark = pytest.mark.ros
WAIT = 60.0  # seconds
SETTINGS = PanelSettings(port=0)
CAMERA = DiagnosticStatus(
    name="siamdw_tracker: camera front", values=[KeyValue(key="topic", value="/front/image")]
)


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Hub, aiohttp.ClientWebSocketResponse]]:
    """Connect as a browser to a server whose messages of ROS the test makes."""
    link = RosLink(Node("panel_under_test"), "siamdw_tracker", "", asyncio.get_running_loop())
    hub = Hub(link, SETTINGS)
    server = Server(hub)
    origin = f"http://127.0.0.1:{await server.start()}"
    try:
        async with (
            aiohttp.ClientSession(headers={"Origin": origin}) as session,
            session.ws_connect(f"{origin}/ws") as socket,
        ):
            await socket.receive_json(timeout=WAIT)  # the first state: the panel knows the browser
            yield hub, socket
    finally:
        await server.close()
        link.close()
        hub.close()


async def ask(_hub: Hub, socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.send_str('{"type": "next"}')
    await asyncio.sleep(0.1)  # the panel takes it before the next step


async def tell_camera(hub: Hub, _socket: aiohttp.ClientWebSocketResponse) -> None:
    hub.on_diagnostics(DiagnosticArray(status=[CAMERA]))


async def show(hub: Hub, _socket: aiohttp.ClientWebSocketResponse) -> None:
    hub.on_image("front", image_message(np.zeros((8, 8, 3), np.uint8)))


async def next_of(kind: aiohttp.WSMsgType, socket: aiohttp.ClientWebSocketResponse) -> None:
    while (await socket.receive(WAIT)).type is not kind:
        pass


@pytest.mark.parametrize(
    "steps", [(ask, tell_camera, show), (tell_camera, ask, show), (tell_camera, show, ask)]
)
def test_one_request_is_enough_for_the_first_frame(
    steps: tuple[Callable[..., Awaitable[None]], ...], ros_domain: None
) -> None:
    async def run() -> None:
        async with connected() as (hub, socket):
            for step in steps:
                await step(hub, socket)
            await asyncio.wait_for(next_of(aiohttp.WSMsgType.BINARY, socket), WAIT)

    asyncio.run(run())


def test_connection_that_can_show_nothing_more_is_closed(
    ros_domain: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Encoder, "encode", fail)

    async def run() -> None:
        async with connected() as (hub, socket):
            for step in (tell_camera, ask, show):
                await step(hub, socket)
            await asyncio.wait_for(next_of(aiohttp.WSMsgType.CLOSE, socket), 10)

    asyncio.run(run())


def test_a_camera_that_is_asked_for_before_the_tracker_is_known_is_shown(ros_domain: None) -> None:
    async def run() -> None:
        async with connected() as (hub, socket):
            rear = DiagnosticStatus(
                name="siamdw_tracker: camera rear",
                values=[KeyValue(key="topic", value="/rear/image")],
            )
            await socket.send_str('{"type": "watch", "camera": "rear"}')
            await socket.receive_json(timeout=WAIT)  # its state: the panel has taken it
            hub.on_diagnostics(DiagnosticArray(status=[CAMERA, rear]))
            state = await socket.receive_json(timeout=WAIT)
            assert state["camera"] == "rear"

    asyncio.run(run())
