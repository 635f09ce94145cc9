"""Measure what the operator panel costs, and how late its video is.

Plays the shipped clip at VGA and 30 Hz to the tracker, with one target, and reports

- the tracker's latency, from an image's stamp to its detections, while 0, 1 and 4 clients watch.
  The clients ask for frames as the page does, but draw nothing: on a robot the browsers run on
  other machines. The numbers of clients take turns, so that each round is a pair with its own 0;
- in one headless Chromium on the same machine: latency from the image's stamp to the screen, and
  the processor time of panel and browser apart;
- the newcomer's trial: seconds from the printed address to a box over the target, while the
  tracker still loads its network.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from ament_index_python.packages import get_package_share_directory

from siamdw_ros.evaluation.metrics import overlap
from siamdw_ros.evaluation.node_client import RobotError
from siamdw_ros.evaluation.node_process import ModuleProcess
from siamdw_ros.evaluation.robot import Robot
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.measurement import machine
from siamdw_ros.measurement.camera import camera_process
from siamdw_ros.measurement.node_latency import ros
from siamdw_ros.measurement.node_run import CAMERA, tracker
from siamdw_ros.measurement.panel_browser import NoBrowserError, PanelBrowser, cpu_seconds
from siamdw_ros.measurement.statistics import percentiles
from siamdw_ros.siamdw.crops import Box

CLIENTS = (0, 1, 4)
TRACKER = {"history_seconds": 10.0, "history_megabytes": 400.0}
BOX: Box = (306.0, 124.0, 108.0, 260.0)  # the bottle, on the first frame of the shipped clip
SETTLE = 1.0  # seconds before a measurement, with the clients connected


@dataclass(frozen=True)
class Bench:
    """The measured processes: a camera at 30 Hz, the tracker with one target, the panel."""

    robot: Robot
    panel: ModuleProcess
    address: str

    def latencies(self, seconds: float) -> list[float]:
        """Collect the tracker's latencies for a while, in milliseconds."""
        time.sleep(SETTLE)
        self.robot.detections.clear()
        time.sleep(seconds)
        return [(one.arrived - one.stamp) * 1e-6 for one in tuple(self.robot.detections)]


class Watchers:
    """Clients that ask for frame after frame, in a thread of their own.

    Args:
        address: Of the panel.
        count: How many.

    Attributes:
        frames: That all of them have received.
    """

    def __init__(self, address: str, count: int) -> None:
        self.frames = 0
        self._address = address
        self._count = count
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Watchers":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._watch_all())

    def _end(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _watch_all(self) -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(self._watch(session) for _ in range(self._count)))

    async def _watch(self, session: aiohttp.ClientSession) -> None:
        headers = {"Origin": self._address.rstrip("/")}
        async with session.ws_connect(f"{self._address}ws", headers=headers) as connection:
            await connection.send_str('{"type": "next"}')
            async for message in connection:
                if message.type == aiohttp.WSMsgType.BINARY:
                    self.frames += 1
                    await connection.send_str('{"type": "next"}')


@contextlib.contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Start camera, tracker and panel, and let the camera play."""
    clip = Path(get_package_share_directory("siamdw_ros"), "clips", "cup.mp4")
    port = free_port()
    arguments = ["--ros-args", "-p", f"port:={port}"]
    with (
        tracker(folder, TRACKER) as under_test,
        camera_process(clip, folder / "sent.csv"),
        ModuleProcess("siamdw_ros.panel", arguments, folder / "panel.log") as panel,
    ):
        robot = under_test.robot
        robot.wait(lambda: "open http" in panel.output(), "the panel")
        yield Bench(robot, panel, f"http://127.0.0.1:{port}/")


def free_port() -> int:
    """Return a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def newcomer(running: Bench, browser: PanelBrowser) -> float:
    """Return the seconds from the printed address to a box over the target.

    The tracker loads its network meanwhile, as after `make panel`.
    """
    begin = time.monotonic()
    browser.open(running.address)
    browser.wait(lambda: browser.data("frames"), "a first frame on the screen")
    browser.wait(lambda: "fps" in browser.text("rate"), "the tracker's rate on the page")
    browser.draw(BOX)
    card = "#targets .card"

    def followed() -> bool:
        box = browser.data("box", card)
        return box is not None and bool(overlap(tuple(box), BOX) > 0.5)

    browser.wait(followed, "a box over the target")
    return time.monotonic() - begin


def on_the_screen(running: Bench, browser: PanelBrowser, seconds: float) -> dict[str, Cell]:
    """Measure one browser: latency of each frame that it draws, and processor time."""
    panel = psutil.Process(running.panel.process.pid)
    time.sleep(SETTLE)
    browser.record_latencies()
    begin, used, used_panel = time.monotonic(), browser.processor_seconds(), cpu_seconds(panel)
    time.sleep(seconds)
    passed = time.monotonic() - begin
    latencies = browser.latencies()
    return {
        "frames/s drawn": len(latencies) / passed,
        **percentiles([1e3 * one for one in latencies], "ms to the screen"),
        "panel % of a core": 100 * (cpu_seconds(panel) - used_panel) / passed,
        "browser % of a core": 100 * (browser.processor_seconds() - used) / passed,
    }


def beside_clients(
    running: Bench, rounds: int, seconds: float, progress: Callable[[str], None]
) -> Table:
    """Measure the tracker's latency beside clients, in rounds that begin with another number."""
    panel = psutil.Process(running.panel.process.pid)
    found: dict[int, list[list[float]]] = {count: [] for count in CLIENTS}
    shares: dict[int, list[float]] = {count: [] for count in CLIENTS}
    frames: dict[int, list[float]] = {count: [] for count in CLIENTS}
    for turn in range(rounds):
        for count in CLIENTS[turn % len(CLIENTS) :] + CLIENTS[: turn % len(CLIENTS)]:
            progress(f"round {turn + 1} of {rounds}, {count} clients")
            with Watchers(running.address, count) as watchers:
                begin, used, seen = time.monotonic(), cpu_seconds(panel), watchers.frames
                found[count].append(running.latencies(seconds))
                passed = time.monotonic() - begin
                shares[count].append(100 * (cpu_seconds(panel) - used) / passed)
                frames[count].append((watchers.frames - seen) / passed / max(count, 1))
    table = Table("Tracker's latency, from stamp to detections, beside clients of the panel")
    for count in CLIENTS:
        medians = [statistics.median(one) for one in found[count]]
        bases = [statistics.median(one) for one in found[0]]
        pairs = [ours - base for ours, base in zip(medians, bases, strict=True)]
        table.rows.append(
            {
                "clients": count,
                **percentiles([value for one in found[count] for value in one], "ms"),
                "median of the pairs' differences ms": statistics.median(pairs),
                "panel % of a core": statistics.median(shares[count]),
                "frames/s per client": statistics.median(frames[count]),
            }
        )
    return table


def measure(options: argparse.Namespace, folder: Path) -> list[Table]:
    """Run everything; return the tables.

    Raises:
        RobotError, NoBrowserError, TimeoutError: Something does not do its part.
    """
    with ros(), bench(folder) as running:
        # The camera shows its first image until here: the newcomer draws on what stands still.
        browser = PanelBrowser()
        try:
            trial = newcomer(running, browser)
            running.robot.trigger(f"{CAMERA}/play")
            screen = on_the_screen(running, browser, options.seconds)
        finally:
            browser.close()
        clients = beside_clients(
            running, options.rounds, options.seconds, lambda text: print(text, file=sys.stderr)
        )
    rows: list[dict[str, Cell]] = [{"from the address to a followed target, s": trial, **screen}]
    return [Table("One browser on the same machine", rows), clients]


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.measurement.panel",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement (10)")
    parser.add_argument("--rounds", type=int, default=5, help="of 0, 1 and 4 clients (5)")
    parser.add_argument("--out", type=Path, help="Markdown page to write as well")
    options = parser.parse_args(arguments)
    described = json.dumps(machine.describe(), indent=2)
    print(described)
    try:
        with tempfile.TemporaryDirectory() as folder:
            tables = measure(options, Path(folder))
    except (RobotError, NoBrowserError, TimeoutError) as error:
        print(f"panel: {error}", file=sys.stderr)
        return 1
    for table in tables:
        print(table.text())
    if options.out:
        sections = [table.section() for table in tables]
        options.out.write_text("\n\n".join([*sections, f"```json\n{described}\n```\n"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
