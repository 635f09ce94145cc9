"""A headless Chromium that shows the panel, for measuring and for pictures."""

import base64
import importlib.util
import json
import shutil
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import psutil

from siamdw_ros.evaluation.node_client import LOAD_SECONDS
from siamdw_ros.siamdw.crops import Box

# Tests run as root in containers, where there is no sandbox.
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--window-size=1280,800",
)
VGA = (640, 480)  # pixels of the images that are shown
PATIENCE = LOAD_SECONDS  # the first image comes when the tracker has loaded its network
POLL_SECONDS = 0.02
PICTURE_QUALITY = 88
RECORD = """
window.latencies = [];
const video = document.getElementById("video");
new MutationObserver(() => window.latencies.push(video.dataset.latency))
  .observe(video, {attributes: true, attributeFilter: ["data-frames"]});
"""


class NoBrowserError(RuntimeError):
    """There is no browser to measure with; the message states what to install."""


def missing_browser() -> str | None:
    """Return what is missing for a browser and how to install it, or None."""
    if not (shutil.which("chromedriver") and shutil.which("chromium")):
        return "no browser: apt install chromium chromium-driver"
    if importlib.util.find_spec("selenium") is None:
        return "Selenium is missing: pip install selenium"
    return None


class Screen(NamedTuple):
    """The screen that a page is shown on: size, pixels per unit of it, and pointer."""

    width: int
    height: int
    pixels: float = 1
    touch: bool = False


class PanelBrowser:
    """A browser with the panel's page.

    Raises:
        NoBrowserError: Chromium, its driver or Selenium is missing.
    """

    def __init__(self) -> None:
        if reason := missing_browser():
            raise NoBrowserError(reason)
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for switch in SWITCHES:
            options.add_argument(switch)
        service = webdriver.ChromeService(str(shutil.which("chromedriver")))
        self._driver: Any = webdriver.Chrome(options, service)

    def open(self, address: str) -> None:
        """Open a page."""
        self._driver.get(address)

    def script(self, text: str) -> Any:
        """Run a script in the page and return its value."""
        return self._driver.execute_script(text)

    def data(self, name: str, selector: str = "#video") -> Any:
        """Return a data attribute of an element, as JSON; None where there is none."""
        text = self.script(f"return document.querySelector({selector!r})?.dataset[{name!r}]")
        return None if text is None else json.loads(text)

    def text(self, name: str) -> str:
        """Return the text of the element with an id."""
        return str(self.script(f"return document.getElementById({name!r}).textContent"))

    def record_latencies(self) -> None:
        """Let the page note the latency of each frame that it draws, so that asking costs nothing.

        Asking the page for each frame would load the browser that is measured.
        """
        self.script(RECORD)

    def latencies(self) -> list[float]:
        """Return what was noted, in seconds."""
        return [float(text) for text in self.script("return window.latencies")]

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until a condition holds, and return its value.

        Raises:
            TimeoutError: It does not; the message has the problems that the page shows.
        """
        end = time.monotonic() + PATIENCE
        while not (value := condition()):
            if time.monotonic() > end:
                raise TimeoutError(
                    f"{what}: not within {PATIENCE:g} s; the page: {self.trouble()}"
                )
            time.sleep(POLL_SECONDS)
        return value

    def trouble(self) -> str:
        """Return the problems that the page shows: its banner, and the tracker's reasons."""
        reasons = self.script(
            "return [...document.querySelectorAll('#reasons div')].map((item) => item.innerText)"
        )
        parts = [self.text("banner"), *(" ".join(reason.split()) for reason in reasons)]
        return "; ".join(part for part in parts if part) or "nothing"

    def draw(self, box: Box) -> None:
        """Draw a box on the video of VGA images as a mouse does.

        Args:
            box: (x, y, w, h) in pixels of the image.
        """
        from selenium.webdriver.common.action_chains import ActionChains

        left, top, scale = self.script(
            "const box = document.getElementById('video').getBoundingClientRect();"
            f"const [width, height] = [{VGA[0]}, {VGA[1]}];"
            "const scale = Math.min(box.width / width, box.height / height);"
            "return [box.x + (box.width - width * scale) / 2,"
            " box.y + (box.height - height * scale) / 2, scale]"
        )
        x, y, width, height = (value * scale for value in box)
        actions = ActionChains(self._driver, duration=50)
        pointer: Any = actions.w3c_actions.pointer_action
        pointer.move_to_location(round(left + x), round(top + y))
        pointer.pointer_down()
        pointer.move_to_location(round(left + x + width), round(top + y + height))
        pointer.pointer_up()
        actions.perform()

    def shown(self, name: str) -> bool:
        """Whether the element with an id is on the page."""
        return bool(self.script(f"return document.getElementById({name!r}).checkVisibility()"))

    def show_on(self, screen: Screen) -> None:
        """Show the page as on another screen."""
        size = {"width": screen.width, "height": screen.height}
        metrics = {**size, "deviceScaleFactor": screen.pixels, "mobile": screen.touch}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        touch = {"enabled": screen.touch}
        self._driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch)

    def picture(self) -> bytes:
        """Return what the page shows, as JPEG."""
        how = {"format": "jpeg", "quality": PICTURE_QUALITY}
        answer = self._driver.execute_cdp_cmd("Page.captureScreenshot", how)
        return base64.b64decode(answer["data"])

    def processor_seconds(self) -> float:
        """Return the processor time of all of the browser's processes so far."""
        service = psutil.Process(self._driver.service.process.pid)
        return sum(cpu_seconds(process) for process in service.children(recursive=True))

    def close(self) -> None:
        """End the browser."""
        self._driver.quit()


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process so far; 0 if it has just ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
