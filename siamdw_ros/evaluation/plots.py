"""Success and precision curves, and bars by attribute. Needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation import metrics
from siamdw_ros.evaluation.summary import Summary

Curves = Sequence[tuple[str, NDArray[np.float64]]]


def plot_all(summaries: Sequence[Summary], out: Path) -> list[Path]:
    """Write the plots as PNG and return their paths.

    Raises:
        ImportError: there is no matplotlib; the message states how to install it.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "no plots without matplotlib: pip install matplotlib, or python3-matplotlib"
        ) from error
    plt.switch_backend("agg")
    written = []
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    success = sorted(summaries, key=lambda s: -float(s.success.mean()))
    for summary in success:
        label = f"{summary.label} [{summary.success.mean():.3f}]"
        left.plot(metrics.OVERLAP_THRESHOLDS, summary.success, label=label, linewidth=2)
    left.set(title="Success [area under the curve]", xlabel="overlap threshold", xlim=(0, 1))
    for summary in success:
        label = f"{summary.label} [{summary.precision[metrics.PRECISION_AT]:.3f}]"
        right.plot(metrics.CENTER_THRESHOLDS, summary.precision, label=label, linewidth=2)
    right.set(title="Precision [at 20 px]", xlabel="centre error threshold (px)", xlim=(0, 50))
    for axes, corner in ((left, "lower left"), (right, "lower right")):
        axes.set_ylim(0, 1)
        axes.set_ylabel("share of frames")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9, loc=corner)
    written.append(_save(figure, out / "curves.png"))
    if any(score.overlaps.size for score in summaries[0].scores):
        names = [score.name for score in summaries[0].scores]
        values = [(s.label, np.array([x.mean_overlap for x in s.scores])) for s in summaries]
        written.append(_bars(plt, names, values, "mean overlap", out / "sequences.png"))
    if names := list(summaries[0].attributes):
        values = [(s.label, np.array([s.attributes[name] for name in names])) for s in summaries]
        written.append(_bars(plt, names, values, "success AUC", out / "attributes.png"))
    return written


def _bars(plt: Any, names: Sequence[str], values: Curves, label: str, path: Path) -> Path:
    """A group of bars for each name, a bar in it for each tracker."""
    width = 0.8 / len(values)
    size = (max(6.0, 0.25 * len(names) * len(values) + 2), 3.8)
    figure, axes = plt.subplots(figsize=size)
    for i, (tracker, heights) in enumerate(values):
        places = np.arange(len(names)) + (i - (len(values) - 1) / 2) * width
        axes.bar(places, heights, width, label=tracker)
    axes.set_xticks(np.arange(len(names)), names, rotation=30 if len(names) > 6 else 0, ha="right")
    if len(names) <= 6:
        plt.setp(axes.get_xticklabels(), ha="center")
    axes.set(ylabel=label, ylim=(0, 1))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return _save(figure, path)


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=110, bbox_inches="tight")
    return path
