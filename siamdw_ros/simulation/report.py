"""Report of a run: figures, plots and a video with a map."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from siamdw_ros.following.camera import Camera
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.siamdw.presence import State
from siamdw_ros.simulation.closed_loop import TARGET_RADIUS, Record
from siamdw_ros.simulation.scenarios import PILLAR, Scenario

SETTLE = 4.0  # seconds at the start that do not count for errors: the robot has to get there
OVERLAP = 0.3  # overlap of the boxes from which on the tracker is on the target
MAP = 480  # pixels
COLORS = {
    State.TRACKED: (80, 200, 80),
    State.UNCERTAIN: (0, 190, 255),
    State.LOST: (60, 60, 230),
}


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    x = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    y = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    both = max(x, 0.0) * max(y, 0.0)
    return both / (first[2] * first[3] + second[2] * second[3] - both)


def on_target(record: Record) -> bool:
    """Whether the tracker reports the target, with the right box."""
    seen = record.seen
    if record.truth is None or seen is None or seen.state is State.LOST:
        return False
    return overlap(seen.box, record.truth) >= OVERLAP


def time_to_stand(records: Sequence[Record], since: float) -> float | None:
    """Seconds from a moment until the first command of zero, None if there is none."""
    stands = (r.time - since for r in records if r.time >= since and r.motion.stands())
    return next(stands, None)


def figures(
    records: Sequence[Record], scenario: Scenario, settings: FollowSettings, camera: Camera
) -> dict[str, Any]:
    """The figures of a run.

    Args:
        records: of the run.
        scenario: what happened.
        settings: of the follower.
        camera: of the robot.
    """
    present = [r for r in records if r.truth is not None and r.time < scenario.gone_from]
    settled = [r for r in present if r.time >= SETTLE]
    field = camera.horizontal_field_of_view()
    wanted = settings.gap + settings.robot_radius + TARGET_RADIUS
    found: dict[str, Any] = {
        "time on target": _mean([on_target(r) for r in present]),
        "rms bearing error / field of view": _rms([r.bearing / field for r in settled]),
        "rms distance error / distance": _rms([(r.gap - settings.gap) / wanted for r in settled]),
        "smallest gap (m)": min(
            (r.gap for r in records if r.time < scenario.gone_from), default=None
        ),
        "collisions": _collisions(records, scenario, settings),
    }
    lost = [r for r in records if r.seen is not None and r.seen.state is State.LOST]
    if lost:
        found["standing after loss (s)"] = time_to_stand(records, lost[0].time)
        again = (r.time for r in records if r.time > lost[0].time and on_target(r))
        back = next(again, None)
        found["time to re-find (s)"] = None if back is None else back - lost[0].time
    if math.isfinite(scenario.stall[0]):
        last_image = max(r.time for r in records if r.time < scenario.stall[0])
        found["standing after stall (s)"] = time_to_stand(records, last_image)
        drives = [r.time for r in records if r.time >= scenario.stall[1] and r.motion.forward > 0]
        found["driving after stall (s)"] = drives[0] - scenario.stall[1] if drives else None
    return found


def _collisions(records: Sequence[Record], scenario: Scenario, settings: FollowSettings) -> int:
    """Images in which the robot touches the target or a pillar."""
    count = 0
    for record in records:
        touches = record.gap <= 0 and record.time < scenario.gone_from
        for pillar in scenario.pillars:
            away = math.dist(record.robot[:2], pillar)
            touches = touches or away < settings.robot_radius + PILLAR / 2
        count += touches
    return count


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _rms(values: Sequence[float]) -> float | None:
    return float(np.sqrt(np.mean(np.square(values)))) if values else None


class Video:
    """Writes camera view and map side by side.

    Args:
        path: of the file, mp4.
        rate: images per second.
        scenario: what happens.
    """

    def __init__(self, path: Path, rate: float, scenario: Scenario) -> None:
        code = cv2.VideoWriter_fourcc(*"mp4v")  # type: ignore[attr-defined]
        self._writer = cv2.VideoWriter(str(path), code, rate, (640 + MAP, 480))
        self._scenario = scenario
        self._paths: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        self._last: NDArray[np.uint8] = np.zeros((480, 640, 3), np.uint8)

    def add(self, record: Record) -> NDArray[np.uint8]:
        """Draw and write one image; returns it."""
        if record.image is not None:
            self._last = record.image.copy()
        view = self._last.copy() if record.image is not None else self._last // 2
        seen = record.seen
        state = seen.state if seen is not None else State.IDLE
        if record.image is not None and seen is not None and state is not State.LOST:
            x, y, w, h = (round(value) for value in seen.box)
            cv2.rectangle(view, (x, y), (x + w, y + h), COLORS.get(state, (200,) * 3), 2)
        mode = record.plan.mode if record.plan else "waiting"
        lines = [f"{self._scenario.name}  {record.time:4.1f} s  {state.name}  {mode}"]
        if record.image is None:
            lines.append("no images")
        lines.append(f"{record.motion.forward:.2f} m/s  {record.motion.turn:+.2f} rad/s")
        lines += [record.reasons[0][:62]] if record.reasons else []
        for row, line in enumerate(lines):
            for color, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
                cv2.putText(
                    view, line, (10, 24 + 22 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.55, color, width,
                    cv2.LINE_AA,
                )  # fmt: skip
        whole = np.hstack([view, self._map(record)])
        self._writer.write(whole)
        return np.asarray(whole, np.uint8)

    def _map(self, record: Record) -> NDArray[np.uint8]:
        """Both paths from above: forward is up."""
        image = np.full((480, MAP, 3), 244, np.uint8)
        scale = 34.0  # pixels a metre

        def at(x: float, y: float) -> tuple[int, int]:
            return round(MAP / 2 - y * scale), round(450 - x * scale)

        for meter in range(14):
            cv2.line(image, at(meter, -7), at(meter, 7), (228, 228, 228), 1)
            cv2.line(image, at(-1, meter - 7), at(13, meter - 7), (228, 228, 228), 1)
        for pillar in self._scenario.pillars:
            cv2.circle(
                image, at(*pillar), round(PILLAR / 2 * scale), (150, 150, 150), -1, cv2.LINE_AA
            )
        robot, target = self._paths
        robot.append(at(record.robot[0], record.robot[1]))
        target.append(at(*record.target))
        cv2.polylines(image, [np.array(target)], False, (60, 60, 200), 2, cv2.LINE_AA)
        cv2.polylines(image, [np.array(robot)], False, (160, 110, 30), 2, cv2.LINE_AA)
        if record.time < self._scenario.gone_from:
            cv2.circle(image, target[-1], 8, (60, 60, 200), -1, cv2.LINE_AA)
        yaw = record.robot[2]
        cv2.circle(image, robot[-1], 8, (160, 110, 30), -1, cv2.LINE_AA)
        for edge in (-0.61, 0.61):
            tip = (
                record.robot[0] + 2 * math.cos(yaw + edge),
                record.robot[1] + 2 * math.sin(yaw + edge),
            )
            cv2.line(image, robot[-1], at(*tip), (200, 170, 110), 1, cv2.LINE_AA)
        return image

    def close(self) -> None:
        """Finish the file."""
        self._writer.release()


def plot(path: Path, records: Sequence[Record], title: str, settings: FollowSettings) -> None:
    """Write bearing, distance, speed and state over time as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(4, 1, figsize=(8, 8), sharex=True)
    times = [r.time for r in records]
    axes[0].plot(times, [math.degrees(r.bearing) for r in records])
    axes[0].set_ylabel("bearing (deg)")
    axes[1].plot(times, [r.gap for r in records])
    axes[1].axhline(settings.gap, color="0.7")
    axes[1].set_ylabel("gap (m)")
    axes[2].plot(times, [r.motion.forward for r in records], label="forward (m/s)")
    axes[2].plot(times, [r.motion.turn for r in records], label="turn (rad/s)")
    axes[2].legend(loc="upper right")
    axes[2].set_ylabel("command")
    states = [int(r.seen.state) if r.seen else 0 for r in records]
    axes[3].step(times, states, where="post")
    axes[3].set_yticks([1, 2, 3], ["tracked", "uncertain", "lost"])
    axes[3].set_xlabel("time (s)")
    axes[0].set_title(title)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
