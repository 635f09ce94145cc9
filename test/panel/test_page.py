"""The page in a real browser, on a bad network; its tracker and follower are made up."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bare_panel import Relay
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from panel_rig import WAIT, Browser, missing_browser

from siamdw_ros.node.decoding import image_message

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(missing_browser() is not None, reason=missing_browser() or ""),
]


def diagnostics() -> DiagnosticArray:
    """Make the tracker's diagnostics, with two cameras."""
    return DiagnosticArray(
        status=[
            DiagnosticStatus(
                name=f"siamdw_tracker: camera {name}",
                values=[KeyValue(key="topic", value=f"/{name}/image")],
            )
            for name in ("front", "rear")
        ]
    )


async def show(hub: Any) -> None:
    """Let the tracker and its cameras send."""
    image = image_message(np.zeros((48, 64, 3), np.uint8))
    while True:
        hub.on_diagnostics(diagnostics())
        for camera in ("front", "rear"):
            hub.on_image(camera, image)
        await asyncio.sleep(0.1)


async def wait_for(condition: Callable[[], Any], what: str) -> None:
    """Wait until a condition is true; it may ask the browser, and runs in a thread."""
    end = time.monotonic() + WAIT
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, f"{what}: not within {WAIT:g} s"
        await asyncio.sleep(0.05)


def test_after_a_silent_loss_the_page_comes_back_with_the_same_camera(hub: Any) -> None:
    async def run(browser: Browser) -> None:
        async with Relay(hub) as relay:
            sending = asyncio.create_task(show(hub))
            await asyncio.to_thread(browser.driver.get, relay.origin)
            await wait_for(lambda: browser.frames, "a first frame")
            await asyncio.to_thread(browser.choose, "#camera", "rear")
            await wait_for(lambda: [v.camera for v in hub.viewers] == ["rear"], "the camera")
            before = set(hub.viewers)
            relay.carries.clear()
            await wait_for(
                lambda: "nothing came for 5 s" in browser.text("#banner"), "the loss is shown"
            )
            relay.carries.set()
            await wait_for(lambda: browser.text("#connection") == "connected", "a connection")
            frames = await asyncio.to_thread(lambda: browser.frames)
            await wait_for(lambda: browser.frames > frames, "the video goes on")
            (new,) = hub.viewers - before
            assert new.camera == "rear"
            chosen = "return document.getElementById('camera').value"
            await wait_for(lambda: browser.driver.execute_script(chosen) == "rear", "its name")
            sending.cancel()

    with Browser() as browser:
        asyncio.run(run(browser))


def point(browser: Browser, kind: str) -> None:
    """Let an event of a pointer happen on the button that lets the robot drive."""
    browser.driver.execute_script(
        "document.getElementById('hold')"
        f".dispatchEvent(new PointerEvent('{kind}', {{ bubbles: true }}))"
    )


def test_the_robot_is_enabled_while_the_button_is_held(hub: Any) -> None:
    async def run(browser: Browser) -> None:
        async with Relay(hub) as relay:
            await asyncio.to_thread(browser.driver.get, relay.origin)
            await wait_for(lambda: browser.find("#hold"), "the button")
            await asyncio.to_thread(point, browser, "pointerdown")
            await wait_for(lambda: hub.link.enabled[-3:] == [True] * 3, "an enabled robot")
            await asyncio.to_thread(point, browser, "pointerup")
            await wait_for(lambda: hub.link.enabled[-1:] == [False], "a robot that stands")
            assert await asyncio.to_thread(browser.find, "#toast") is None

    with Browser() as browser:
        asyncio.run(run(browser))


def test_a_hold_that_arrives_late_is_reported(hub: Any) -> None:
    async def run(browser: Browser) -> None:
        async with Relay(hub, delay=0.7) as relay:
            await asyncio.to_thread(browser.driver.get, relay.origin)
            await wait_for(lambda: browser.find("#hold"), "the button")
            await asyncio.to_thread(point, browser, "pointerdown")
            await wait_for(lambda: "too slow" in browser.text("#toast"), "the reason")

    with Browser() as browser:
        asyncio.run(run(browser))
    assert hub.link.enabled == []
