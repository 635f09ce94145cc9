"""Measure how well the presence score separates targets in view from absent ones.

Each target is tracked through its own video and then shown videos of others. Printed are the
logistic curve that fits best (`presence_midpoint` and `presence_slope` of the hyper-parameters),
precision and recall of "absent" at some thresholds, and whether the margin between the peak and
its best rival would add to it. With --out also a figure and a JSON file.

With --absences, for videos in which the target itself disappears (frames whose box is nan;
`annotate` makes such files): each is tracked to its end as the node does, and a table shows how
often LOST was right, how soon it was reported, and how soon the target was re-acquired.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from siamdw_ros.evaluation.benchmarks import find_sequences
from siamdw_ros.evaluation.one_pass import follow
from siamdw_ros.evaluation.table import Cell, Table
from siamdw_ros.measurement.absences import lost_statistics, table
from siamdw_ros.measurement.presence_curve import (
    Curve,
    absent_curve,
    fit_logistic,
    points,
    search_all,
)
from siamdw_ros.siamdw import CheckpointError, create_multi_tracker
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK
from siamdw_ros.siamdw.networks import NETWORKS
from siamdw_ros.siamdw.siambox import SiamBox
from siamdw_ros.siamdw.siamfc import SiamFC
from siamdw_ros.siamdw.tracker import Tracker

THRESHOLDS = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9)


def measure(
    method: SiamFC | SiamBox, videos: list[Path], frames: int
) -> tuple[dict[str, Any], Curve]:
    """Search everything and fit; return figures for the JSON file, and the curve of the score."""
    searches = search_all(method, [s for path in videos for s in find_sequences(path)], frames)
    both = np.column_stack([searches.logits, searches.margins])
    slope, constant = fit_logistic(searches.logits[:, None], searches.present)
    with_margin = fit_logistic(both, searches.present)
    curve = absent_curve(_sigmoid(searches.logits * slope + constant), searches.present)
    wider = absent_curve(_sigmoid(both @ with_margin[:2] + with_margin[2]), searches.present)
    figures = {
        "searches": int(searches.present.size),
        "present": int(searches.present.sum()),
        "presence_midpoint": float(-constant / slope),
        "presence_slope": float(slope),
        "average_precision": curve.average_precision,
        "average_precision_with_margin": wider.average_precision,
        "points": [list(point) for point in points(curve, THRESHOLDS)],
    }
    return figures, curve


def measure_absences(method: SiamFC | SiamBox, videos: list[Path]) -> tuple[dict[str, Any], Table]:
    """Track videos whose targets disappear; return figures for the JSON file, and the table."""
    sequences = [sequence for path in videos for sequence in find_sequences(path)]
    found = [
        lost_statistics(follow(Tracker(method), sequence), sequence)
        for sequence in tqdm(sequences, unit="video")
    ]
    return {"videos": [dataclasses.asdict(one) for one in found]}, table(found)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def report(figures: dict[str, Any]) -> Table:
    """Lay the figures out."""
    notes = [
        "{searches} searches, the target in view in {present} of them",
        "presence_midpoint {presence_midpoint:.2f}, presence_slope {presence_slope:.2f}",
        "average precision of 'absent' {average_precision:.3f}",
        "the same with the margin to the best rival {average_precision_with_margin:.3f}",
    ]
    rows: list[dict[str, Cell]] = [
        {"score below": t, "precision of 'absent'": p, "recall of 'absent'": r}
        for t, p, r in figures["points"]
    ]
    return Table("Presence score", rows, notes=[note.format(**figures) for note in notes])


def draw(curve: Curve, path: Path) -> None:
    """Write the curve as a figure.

    Raises:
        ImportError: there is no matplotlib.
    """
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    figure, axes = plt.subplots(figsize=(5.2, 4))
    axes.plot(curve.recall, curve.precision, linewidth=2)
    marked = list(points(curve, (0.1, 0.5, 0.9)))
    for threshold, precision, recall in marked:
        axes.plot(recall, precision, "o", color="C1")
        place = {"xytext": (-22, -12), "textcoords": "offset points"}
        axes.annotate(f"{threshold:g}", (recall, precision), **place)
    low = max(0.0, min(value for _, *pair in marked for value in pair) - 0.05)
    axes.set(xlabel="recall of 'absent'", ylabel="precision of 'absent'")
    axes.set(xlim=(low, 1.01), ylim=(low, 1.01))
    axes.set_title("The target is absent when the score is below ...")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.measurement.presence",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "videos",
        type=Path,
        nargs="+",
        help="annotated sequences; at least three without --absences",
    )
    parser.add_argument(
        "--absences", action="store_true", help="the videos' own targets disappear and return"
    )
    names = [name for name in NETWORKS if not name.startswith("siamrpn")]
    parser.add_argument("--model", default=DEFAULT_NETWORK, choices=names, metavar="NAME")
    parser.add_argument("--checkpoint", help="file of its weights (default: the bundled ones)")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--frames", type=int, default=60, help="of each video (default 60; with --absences all)"
    )
    parser.add_argument("--threads", type=int, help="CPU threads (default: torch's choice)")
    parser.add_argument("--out", type=Path, help="folder for presence.json and presence.png")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        method = create_multi_tracker(options.model, options.checkpoint, options.device)
        assert isinstance(method, SiamFC | SiamBox)
        if options.absences:
            figures, result = measure_absences(method, options.videos)
        else:
            figures, curve = measure(method, options.videos, options.frames)
            result = report(figures)
    except (CheckpointError, ValueError, FileNotFoundError) as error:
        print(f"measure_presence: {error}", file=sys.stderr)
        return 2
    print(result.text())
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        name = "absences" if options.absences else "presence"
        (options.out / f"{name}.json").write_text(json.dumps(figures, indent=1))
        if not options.absences:
            _try_to_draw(curve, options.out / "presence.png")
    return 0


def _try_to_draw(curve: Curve, path: Path) -> None:
    try:
        draw(curve, path)
    except ImportError:
        print("no figure without matplotlib: pip install matplotlib", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
