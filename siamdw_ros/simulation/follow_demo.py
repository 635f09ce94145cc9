"""Follow a rendered person with a simulated base and a simulated drone, and report how it went.

Everything between camera and wheels is the real thing: the tracker with its bundled weights,
distance, pilot and guard. Time is simulated, so that the result does not depend on the machine.
"""

import argparse
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from siamdw_ros.siamdw import create_tracker
from siamdw_ros.simulation.closed_loop import ClosedLoop, Record
from siamdw_ros.simulation.report import Video, figures, plot
from siamdw_ros.simulation.scenarios import SCENARIOS, Scenario

VEHICLES = ("base", "drone")


def run(
    scenario: Scenario, kind: str, tracker: Any, folder: Path, rate: float
) -> tuple[dict[str, Any], list[Record]]:
    """Run one vehicle through one scenario and write its video and plot.

    Args:
        scenario: what happens.
        kind: base or drone.
        tracker: of siamdw_ros.siamdw.
        folder: to write to.
        rate: images a second.
    """
    loop = ClosedLoop(scenario, kind, tracker, rate)
    name = f"{kind}_{scenario.name}"
    video = Video(folder / f"{name}.mp4", rate, scenario)
    records: list[Record] = []
    total = round(scenario.seconds * rate)
    for record in tqdm(loop.run(), total=total, desc=name, unit="image", mininterval=1.0):
        shown = video.add(record)
        if len(records) == total // 2:
            cv2.imwrite(str(folder / f"{name}.jpg"), shown)
        records.append(record)
    video.close()
    if find_spec("matplotlib"):
        plot(folder / f"{name}.png", records, f"{kind}: {scenario.name}", loop.settings)
    return figures(records, scenario, loop.settings, loop.camera), records


def main(args: list[str] | None = None) -> None:
    """Run the scenarios and write summary.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--out", type=Path, default=Path("follow_demo_out"))
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--vehicles", nargs="+", choices=VEHICLES, default=list(VEHICLES))
    parser.add_argument("--rate", type=float, default=15.0, help="images a second")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(args)
    if not find_spec("matplotlib"):
        print("no plots will be drawn: pip install matplotlib")
    given.out.mkdir(parents=True, exist_ok=True)
    tracker = create_tracker("siamfc_res22", device=given.device)
    summary: dict[str, dict[str, Any]] = {}
    for kind in given.vehicles:
        for scenario in SCENARIOS:
            if scenario.name in given.only:
                found, _ = run(scenario, kind, tracker, given.out, given.rate)
                summary[f"{kind} {scenario.name}"] = found
                text = json.dumps(summary, indent=2)
                (given.out / "summary.json").write_text(text + "\n")
    print(f"{given.out / 'summary.json'}:\n{json.dumps(summary, indent=2)}")


if __name__ == "__main__":
    main()
