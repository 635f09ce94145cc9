"""Section `soak`: does the node grow with time? Memory, threads and open files, by the minute."""

import time

from tqdm import tqdm

from siamdw_ros.benchmark.node import MODEL, VGA, boxes_for, node_parameters, ros
from siamdw_ros.benchmark.node_run import Scenario, camera_arguments, tracker
from siamdw_ros.benchmark.plan import Plan
from siamdw_ros.benchmark.processes import Usage, usage
from siamdw_ros.benchmark.report import Table
from siamdw_ros.benchmark.statistics import slope
from siamdw_ros.benchmark.updates import resized
from siamdw_ros.tools.played import process

SAMPLES = 120
SETTLED = 0.25  # of the time, after which caches and the history of images are full


def run(plan: Plan) -> list[Table]:
    """Follow two targets at 30 Hz for `soak_minutes`."""
    if not plan.soak_minutes:
        return [Table("soak", "Growth with time", skipped=["give --soak MINUTES"])]
    samples = _watch(plan)
    return [_table(plan, samples)]


def _watch(plan: Plan) -> list[tuple[float, Usage]]:
    seconds = 60 * plan.soak_minutes
    scenario = Scenario(VGA, 30.0, 2, seconds)
    film = plan.film(plan.clips[0], 1)
    image, box = resized(film.images[0], film.boxes[0], VGA)
    arguments = camera_arguments(plan.clips[0], scenario, plan.work / "soak.csv")
    samples = []
    with (
        ros(),
        tracker(plan.work, node_parameters(plan, MODEL, False)) as under_test,
        process("siamdw_ros.benchmark.camera", *arguments),
    ):
        under_test.ear.follow(boxes_for(box, scenario, image))
        under_test.ear.hold()
        under_test.ear.show_film()
        begin = time.monotonic()
        for _ in tqdm(range(SAMPLES), desc="soak", leave=False):
            under_test.ear.listen(seconds / SAMPLES)
            under_test.ear.forget()
            samples.append((time.monotonic() - begin, usage(under_test.running.pid)))
    return samples


def _table(plan: Plan, samples: list[tuple[float, Usage]]) -> Table:
    settled = samples[int(SETTLED * len(samples)) :]
    minutes = [seconds / 60 for seconds, _ in settled]
    values = {
        "memory MiB": [use.rss / 2**20 for _, use in settled],
        "threads": [float(use.threads) for _, use in settled],
        "open files": [float(use.files) for _, use in settled],
    }
    table = Table("soak", f"The node over {plan.soak_minutes:g} minutes, after the first quarter")
    for name, series in values.items():
        table.rows.append(
            {
                "what": name,
                "first": series[0],
                "last": series[-1],
                "largest": max(series),
                "growth a minute": round(slope(minutes, series), 4),
            }
        )
    return table
