"""Take the screenshots of the operator panel that its documentation shows.

The shipped clip plays at VGA and 30 Hz to the tracker, and a follower runs, so that the page has
all of its buttons. Written are panel_desktop.jpg and panel_phone.jpg. Look at them before they are
committed: a busy machine shows in the figures at the top.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from siamdw_ros.evaluation.node_client import RobotError
from siamdw_ros.evaluation.node_process import ModuleProcess
from siamdw_ros.measurement.node_latency import ros
from siamdw_ros.measurement.node_run import CAMERA
from siamdw_ros.measurement.panel import Bench, bench, newcomer
from siamdw_ros.measurement.panel_browser import NoBrowserError, PanelBrowser, Screen

SCREENS = {"desktop": Screen(1280, 720), "phone": Screen(390, 844, pixels=2, touch=True)}
FRAMES = 60  # drawn on each screen before its picture is taken


def take_pictures(running: Bench, browser: PanelBrowser, folder: Path) -> list[Path]:
    """Start a target, let the camera play, and write a picture per screen."""
    newcomer(running, browser)
    browser.wait(lambda: browser.shown("hold"), "the button of the follower")
    running.robot.trigger(f"{CAMERA}/play")
    files = []
    for name, screen in SCREENS.items():
        browser.show_on(screen)
        wait_for_frames(browser, browser.data("frames") + FRAMES)
        files.append(folder / f"panel_{name}.jpg")
        files[-1].write_bytes(browser.picture())
    return files


def wait_for_frames(browser: PanelBrowser, count: int) -> None:
    """Wait until the page has drawn so many frames, and the tracker keeps up with them."""
    browser.wait(lambda: browser.data("frames") >= count, f"{count} frames")
    browser.wait(
        lambda: (
            browser.data("box", "#targets .card")
            and "fps" in browser.text("rate")
            and not browser.shown("banner")
            and not browser.shown("toast")
        ),
        "a tracker that keeps up with the camera",
    )


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.measurement.panel_pictures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=Path("docs/images"), help="docs/images")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch, ros(), bench(Path(scratch)) as running:
            log = Path(scratch, "follower.log")
            with ModuleProcess("siamdw_ros.following.follower", log=log):
                browser = PanelBrowser()
                try:
                    files = take_pictures(running, browser, options.folder)
                finally:
                    browser.close()
    except (RobotError, NoBrowserError, TimeoutError, OSError) as error:
        print(f"panel_pictures: {error}", file=sys.stderr)
        return 1
    for file in files:
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
