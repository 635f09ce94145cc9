"""Follow a rendered person with a simulated base and a simulated drone, and report how it went.

Everything between camera and wheels is the real thing: the tracker with its bundled weights,
distance, pilot and guard. Time is simulated, so that the result does not depend on the machine.
"""

import argparse
import itertools
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from siamdw_ros.siamdw import create_tracker
from siamdw_ros.simulation.closed_loop import VEHICLES, ClosedLoop, Record
from siamdw_ros.simulation.report import Video, figures, plot
from siamdw_ros.simulation.scenarios import SCENARIOS, Scenario, paced

SEED = 3  # seed of the runs unless --seeds is given; people walk at the pace of the scenario
PACES = (0.85, 1.15)  # range of the pace with other seeds, as a factor of the scenario's


def run(
    scenario: Scenario, kind: str, tracker: Any, folder: Path, rate: float, seed: int = SEED
) -> tuple[dict[str, Any], list[Record]]:
    """Run one vehicle through one scenario and write its video and plot.

    Args:
        scenario: what happens.
        kind: base or drone.
        tracker: of siamdw_ros.siamdw.
        folder: to write to.
        rate: images per second.
        seed: of the place, of what people wear and of their pace.
    """
    if seed != SEED:
        scenario = paced(scenario, float(np.random.default_rng(seed).uniform(*PACES)))
    loop = ClosedLoop(scenario, kind, tracker, rate, seed=seed)
    name = f"{kind}_{scenario.name}" + (f"_{seed}" if seed != SEED else "")
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
    parser.add_argument("--rate", type=float, default=15.0, help="images per second")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[SEED], help="runs of each scenario"
    )
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(args)
    if not find_spec("matplotlib"):
        print("no plots will be drawn: pip install matplotlib")
    given.out.mkdir(parents=True, exist_ok=True)
    tracker = create_tracker(device=given.device)
    summary: dict[str, dict[str, Any]] = {}
    wanted = [scenario for scenario in SCENARIOS if scenario.name in given.only]
    for kind, scenario, seed in itertools.product(given.vehicles, wanted, given.seeds):
        found, _ = run(scenario, kind, tracker, given.out, given.rate, seed)
        name = f"{kind} {scenario.name}" + (f" {seed}" if len(given.seeds) > 1 else "")
        summary[name] = found
        (given.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(f"{given.out / 'summary.json'}:\n{json.dumps(summary, indent=2)}")


if __name__ == "__main__":
    main()
