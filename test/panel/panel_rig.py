"""The panel as a process, a headless Chromium, and what an operator does in it."""

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from siamdw_ros.node.process.with_parent import module_command

try:
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select
except ModuleNotFoundError:
    webdriver = None

WAIT = 90.0  # seconds, for what takes a few on an idle machine
CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
HISTORY = 6.0  # seconds that the tracker holds images
# Seconds until the tracker refuses a request: on a busy machine a tap takes more than the default
# of 5; the panel itself waits for 10.
REQUEST_TIMEOUT = 9.5
RATE = 4  # images per second: other tests may run beside this one
SIZE = (640, 480)  # of the clip
DRIVER, CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium")
# Tests run as root in containers, where there is no sandbox. The others keep it from calling home.
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE = {"width": 390, "height": 844, "pixelRatio": 2, "touch": True}
MOUSE, TOUCH = "mouse", "touch"


def missing_browser() -> str | None:
    """What is missing for tests in a browser, or None."""
    if not (DRIVER and CHROMIUM):
        return "no browser: apt install chromium chromium-driver"
    return None if webdriver else "selenium is not installed: pip install selenium"


def wait_for(condition: Callable[[], Any], what: str, seconds: float = WAIT) -> Any:
    """Return what the condition returns as soon as that is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)
    return value


async def hold(socket: Any) -> None:
    """Hold the button that lets the robot drive, as the page does, until the panel accepts it.

    Args:
        socket: WebSocket of aiohttp.
    """
    answer = {"tick": None, "late": True}
    while answer["late"]:
        await socket.send_json({"type": "hold", "pressed": True, "tick": answer["tick"]})
        is_first = answer["tick"] is None
        while (answer := await socket.receive_json(timeout=WAIT)).get("type") != "tick":
            pass
        answer["late"] |= is_first


class PanelProcess:
    """The panel as users start it.

    Args:
        parameters: As name:=value.
        token: In its environment; empty: none.
    """

    def __init__(self, *parameters: str, token: str = "") -> None:
        arguments = [part for text in parameters for part in ("-p", text)]
        self.process = subprocess.Popen(
            module_command("siamdw_ros.panel", ["--ros-args", *arguments]),
            env={**os.environ, "SIAMDW_PANEL_TOKEN": token},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        line = self._lines.get(timeout=WAIT)
        found = re.search(r"http://\S+:(\d+)/", line)
        assert found is not None, line
        self.address, self.port = found[0], int(found[1])

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def lines(self) -> list[str]:
        """What it printed after its address."""
        return [self._lines.get(timeout=WAIT)]

    def end(self, number: int = signal.SIGINT) -> int:
        """End it by a signal and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def __enter__(self) -> "PanelProcess":
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Browser:
    """A headless Chromium.

    Args:
        phone: A small touch screen instead of a desktop with a mouse.
    """

    def __init__(self, phone: bool = False) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for switch in (*SWITCHES, "--window-size=1280,800"):
            options.add_argument(switch)
        if phone:
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": PHONE})
        self.pointer = TOUCH if phone else MOUSE
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))

    def find(self, selector: str) -> Any:
        """The first element of a CSS selector that is displayed, or None."""
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        for element in found:
            with contextlib.suppress(StaleElementReferenceException):  # the page removed it
                if element.is_displayed():
                    return element
        return None

    def text(self, selector: str) -> str:
        """The text of an element; empty where there is none, or it is hidden."""
        element = self.find(selector)
        return element.text if element else ""

    def choose(self, selector: str, text: str) -> None:
        """Choose an option of a list by its text."""
        Select(self.find(selector)).select_by_visible_text(text)

    def data(self, name: str, selector: str = "#video") -> Any:
        """A data attribute of an element, as JSON; None where there is none."""
        script = f"return document.querySelector({json.dumps(selector)})?.dataset[{name!r}]"
        text = self.driver.execute_script(script)
        return None if text is None else json.loads(text)

    @property
    def stamp(self) -> Any:
        """Of the image on the screen."""
        return self.data("stamp")

    @property
    def frames(self) -> int:
        """That have been on the screen."""
        return int(self.data("frames") or 0)

    def wait_for_frames(self, count: int = 3) -> None:
        """Wait until so many more have been on the screen."""
        target = self.frames + count
        wait_for(lambda: self.frames >= target, f"{count} frames on the screen")

    def at(self, x: float, y: float) -> tuple[int, int]:
        """Pixels of the clip -> pixels of the window, while the view is not zoomed."""
        box = self.driver.execute_script(
            "return document.getElementById('video').getBoundingClientRect()"
        )
        scale = min(box["width"] / SIZE[0], box["height"] / SIZE[1])
        return (
            round(box["x"] + box["width"] / 2 + (x - SIZE[0] / 2) * scale),
            round(box["y"] + box["height"] / 2 + (y - SIZE[1] / 2) * scale),
        )

    def press(self, x: float, y: float) -> None:
        """Put the mouse button down on a pixel of the clip, and keep it there."""
        actions = self._actions()
        actions.pointer_action.move_to_location(*self.at(x, y)).pointer_down()
        actions.perform()

    def release(self, x: float, y: float) -> None:
        """Move the mouse to a pixel of the clip, and release its button."""
        actions = self._actions()
        actions.pointer_action.move_to_location(*self.at(x, y)).pointer_up()
        actions.perform()

    def tap(self, x: float, y: float) -> None:
        """Press and release on a pixel of the clip."""
        self.draw(x, y, 0, 0)

    def draw(self, x: float, y: float, width: float, height: float) -> None:
        """Draw a box, in pixels of the clip. A driver's finger does not stay down by itself."""
        actions = self._actions()
        pointer = actions.pointer_action.move_to_location(*self.at(x, y)).pointer_down()
        pointer.move_to_location(*self.at(x + width, y + height)).pointer_up()
        actions.perform()

    def pinch(self, x: float, y: float, start: float, end: float) -> None:
        """Move two fingers apart around a pixel of the clip: their distances in screen pixels."""
        column, row = self.at(x, y)
        fingers = [PointerInput(TOUCH, f"finger{i}") for i in range(2)]
        actions = ActionBuilder(self.driver, mouse=fingers[0])
        actions.devices.append(fingers[1])
        for finger, side in zip(fingers, (-0.5, 0.5), strict=True):
            finger.create_pointer_move(0, column + round(side * start), row)
            finger.create_pointer_down()
            for distance in (start, (start + end) / 2, end):
                finger.create_pointer_move(50, column + round(side * distance), row)
            finger.create_pointer_up(0)
        actions.perform()

    def _actions(self) -> Any:
        device = PointerInput(self.pointer, "pointer")
        return ActionBuilder(self.driver, mouse=device, duration=20)

    def problems(self) -> list[str]:
        """Errors of the page's scripts, and what its security policy blocked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_error: object) -> None:
        self.driver.quit()
