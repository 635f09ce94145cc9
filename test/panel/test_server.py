"""The panel's process over HTTP and its WebSocket: who may do what."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
import rclpy
from panel_rig import WAIT, PanelProcess, hold
from std_msgs.msg import Bool

pytestmark = pytest.mark.ros
TOKEN = "correct horse"


@pytest.fixture(scope="module")
def guarded(ros_domain: None) -> Iterator[PanelProcess]:
    with PanelProcess("port:=0", "max_clients:=2", "read_only:=true", token=TOKEN) as running:
        yield running


class Browser:
    """A session with cookies, that sends what browsers send."""

    def __init__(self, panel: PanelProcess) -> None:
        self.address = panel.address
        self.origin = panel.address.rstrip("/")
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def get(self, path: str, **headers: str) -> tuple[int, str, Any]:
        return await self._ask("GET", path, headers)

    async def log_in(self, token: str, origin: str | None = None) -> tuple[int, str, Any]:
        return await self._ask(
            "POST", "login", {"Origin": origin or self.origin}, data={"token": token}
        )

    async def enter(self) -> None:
        """Log in, as soon as the panel allows another attempt."""
        while (status := (await self.log_in(TOKEN))[0]) == 429:
            await asyncio.sleep(0.05)
        assert status == 303

    async def _ask(self, method: str, path: str, headers: Any, **rest: Any) -> Any:
        asked = self.session.request(
            method, self.address + path, headers=headers, allow_redirects=False, **rest
        )
        async with asked as answer:
            return answer.status, await answer.text(), answer.headers

    async def socket(self, origin: str | None = None) -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(
            self.address + "ws", headers={"Origin": origin or self.origin}
        )

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.session.close()


async def closing(socket: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    """Read until the panel closes: the code and the reason."""
    while True:
        message = await asyncio.wait_for(socket.receive(), 20)
        if message.type == aiohttp.WSMsgType.CLOSE:
            return message.data, message.extra
        if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
            return socket.close_code, ""


async def refused(browser: Browser, origin: str | None = None) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await browser.socket(origin)
    return caught.value.status


def test_without_the_token_there_is_only_the_login_page(guarded: PanelProcess) -> None:
    async def act() -> None:
        async with Browser(guarded) as browser:
            status, _, headers = await browser.get("")
            assert (status, headers["Location"]) == (303, "/login")
            assert (await browser.get("panel.js"))[0] == 401
            assert await refused(browser) == 401
            status, page, _ = await browser.log_in("wrong horse")
            assert status == 401
            assert "not the token" in page
            assert await refused(browser) == 401

    asyncio.run(act())


def test_the_token_opens_a_session_that_scripts_cannot_read(guarded: PanelProcess) -> None:
    async def act() -> None:
        async with Browser(guarded) as browser:
            status, _, headers = await browser.log_in(TOKEN)
            assert status == 303
            assert TOKEN not in str(headers)
            cookie = headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            status, page, headers = await browser.get("")
            assert status == 200
            assert "<canvas" in page
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            await (await browser.socket()).close()

    asyncio.run(act())


def test_tokens_cannot_be_tried_fast(guarded: PanelProcess) -> None:
    async def act() -> None:
        async with Browser(guarded) as browser:
            statuses = [(await browser.log_in(f"guess {i}"))[0] for i in range(8)]
            assert 429 in statuses
            await browser.enter()

    asyncio.run(act())


def test_other_sites_and_other_names_are_refused(guarded: PanelProcess) -> None:
    async def act() -> None:
        async with Browser(guarded) as browser:
            assert (await browser.log_in(TOKEN, "http://evil.example"))[0] == 403
            await browser.enter()
            assert await refused(browser, "http://evil.example") == 403
            assert (await browser.get("", Host=f"evil.example:{guarded.port}"))[0] == 403
            assert (await browser.get("", Host=f"localhost:{guarded.port}"))[0] == 200

    asyncio.run(act())


def test_nothing_else_is_served(guarded: PanelProcess) -> None:
    async def act() -> None:
        async with Browser(guarded) as browser:
            await browser.enter()
            for path in ("main.py", "page/panel.js", "%2e%2e/main.py", "..%2f..%2fsetup.py"):
                assert (await browser.get(path))[0] == 404

    asyncio.run(act())


def test_a_read_only_panel_starts_and_stops_nothing(guarded: PanelProcess) -> None:
    async def act() -> dict[str, Any]:
        async with Browser(guarded) as browser:
            await browser.enter()
            socket = await browser.socket()
            await socket.send_str('{"type": "stop", "request": 7, "target": ""}')
            while (answer := json.loads(await socket.receive_str()))["type"] != "answer":
                assert answer["read_only"]
            await socket.close()
            return dict(answer)

    answer = asyncio.run(act())
    assert answer["request"] == 7
    assert answer["success"] is False
    assert "read-only" in answer["message"]


@pytest.fixture
def enabling(panel: PanelProcess) -> Iterator[Callable[[int], list[bool]]]:
    """Waits until the panel has sent so many messages to the follower's topic; returns them."""
    node = rclpy.create_node("follower_of_the_panel")
    got: list[bool] = []
    node.create_subscription(Bool, "/follower/enable", lambda m: got.append(m.data), 100)

    def wait(count: int) -> list[bool]:
        end = time.monotonic() + WAIT
        while len(got) < count:
            assert time.monotonic() < end, got
            rclpy.spin_once(node, timeout_sec=0.1)
        return list(got)

    yield wait
    node.destroy_node()


async def wait_for_follower(socket: aiohttp.ClientWebSocketResponse) -> None:
    while not json.loads(await asyncio.wait_for(socket.receive_str(), WAIT)).get("follower"):
        pass


def test_the_robot_may_drive_while_the_button_is_held(
    panel: PanelProcess, enabling: Callable[[int], list[bool]]
) -> None:
    async def act() -> None:
        async with Browser(panel) as browser:
            socket = await browser.socket()
            await wait_for_follower(socket)
            await hold(socket)
            await asyncio.to_thread(enabling, 1)
            await socket.close()  # without a word that the button is not held any more

    asyncio.run(act())
    assert enabling(2) == [True, False]


def test_stop_stops_the_robot_too(
    panel: PanelProcess, enabling: Callable[[int], list[bool]]
) -> None:
    async def act() -> None:
        async with Browser(panel) as browser:
            socket = await browser.socket()
            await wait_for_follower(socket)
            await socket.send_str('{"type": "stop", "request": 1, "target": "another"}')
            await socket.send_str('{"type": "stop", "request": 2, "target": ""}')
            assert await asyncio.to_thread(enabling, 1) == [False]

    asyncio.run(act())


def test_stop_in_one_browser_ends_what_another_one_holds(
    panel: PanelProcess, enabling: Callable[[int], list[bool]]
) -> None:
    async def act() -> None:
        async with Browser(panel) as browser:
            driver, other = await browser.socket(), await browser.socket()
            await wait_for_follower(driver)
            await hold(driver)
            await asyncio.to_thread(enabling, 1)
            await other.send_str('{"type": "stop", "request": 1, "target": ""}')
            await asyncio.to_thread(enabling, 2)
            await hold(driver)  # still held: ignored
            await driver.send_str('{"type": "hold", "pressed": false}')
            await hold(driver)  # held anew
            assert await asyncio.to_thread(enabling, 3) == [True, False, True]
            await driver.send_str('{"type": "hold", "pressed": false}')
            assert await asyncio.to_thread(enabling, 4) == [True, False, True, False]
            await hold(other)  # it held nothing before
            assert (await asyncio.to_thread(enabling, 5))[4]

    asyncio.run(act())


def test_clients_messages_and_rates_are_limited(guarded: PanelProcess) -> None:
    async def act() -> None:
        async with Browser(guarded) as browser:
            await browser.enter()
            first, second = await browser.socket(), await browser.socket()
            assert await closing(await browser.socket()) == (1013, "2 browsers watch already")
            await first.send_str("x" * 5000)
            assert (await closing(first))[0] == 1009  # too big
            await second.send_str('{"type": "format"}')
            assert (await closing(second))[0] == 1008  # policy
            third = await browser.socket()
            for _ in range(2000):
                await third.send_str('{"type": "next"}')
            assert (await closing(third))[0] == 1008

    asyncio.run(act())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_with_a_browser_connected(ros_domain: None, number: int) -> None:
    async def act() -> tuple[int, int | None]:
        with PanelProcess("port:=0") as panel:
            async with Browser(panel) as browser:
                socket = await browser.socket()
                loop = asyncio.get_running_loop()
                ended = loop.run_in_executor(None, panel.end, number)
                code, _ = await closing(socket)
                return await ended, code

    assert asyncio.run(act()) == (0, 1001)


def test_an_open_address_makes_up_a_token(ros_domain: None) -> None:
    with PanelProcess("port:=0", "host:=0.0.0.0") as panel:

        async def act() -> int:
            async with Browser(panel) as browser:
                browser.address = browser.address.replace("0.0.0.0", "127.0.0.1")
                return (await browser.get("panel.js"))[0]

        assert asyncio.run(act()) == 401
        assert panel.lines()[0].startswith("panel: token ")


def test_wrong_parameters_and_taken_ports_are_explained(panel: PanelProcess) -> None:
    for parameter, reason in (
        ("max_clients:=0", "max_clients is 0, expected 1 to 64"),
        (f"port:={panel.port}", "cannot listen on 127.0.0.1"),
    ):
        command = [sys.executable, "-m", "siamdw_ros.panel", "--ros-args", "-p", parameter]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 1
        assert reason in ran.stderr
        assert "Traceback" not in ran.stderr
