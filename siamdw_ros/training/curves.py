"""Images of a run: its loss curves, and pairs that it learns from."""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from siamdw_ros.siamdw.crops import Image
from siamdw_ros.training.objectives import Arrays

TARGET = (40, 120, 255)  # BGR
NO_CURVES = {"step", "epoch", "rate", "skipped"}


def draw_losses(table: Path, image: Path) -> bool:
    """Plot the columns of a losses.csv over the steps, where matplotlib is installed.

    Returns:
        Whether there is an image now.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return False
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    steps = [int(row["step"]) for row in rows]
    for name in (name for name in rows[0] if name not in NO_CURVES):
        values = [float(row[name]) for row in rows]
        axes.plot(steps, values, label=name, linewidth=2 if name == "loss" else 1)
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    rate = axes.twinx()
    rates = [float(row["rate"]) for row in rows]
    rate.plot(steps, rates, color="0.6", linestyle=":", label="learning rate")
    rate.set(ylabel="learning rate", ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=6, frameon=False)
    figure.savefig(image, dpi=110)
    return True


def pair_sheet(pairs: Sequence[Arrays], columns: int = 4) -> Image:
    """Lay out pairs, template beside search region with the target marked, on one image."""
    tiles = [_tile(pair) for pair in pairs]
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def _tile(pair: Arrays) -> Image:
    template = pair["template"] if pair["template"].ndim == 3 else pair["template"][0]
    search = pair["search"].copy()
    middle = np.array(search.shape[1::-1]) / 2 + pair["offset"]
    cross = middle.round().astype(int).tolist()
    cv2.drawMarker(search, cross, TARGET, cv2.MARKER_CROSS, 14, 1, cv2.LINE_AA)
    if "size" in pair:
        low, high = (middle + sign * pair["size"] / 2 for sign in (-1, 1))
        corners = [corner.round().astype(int).tolist() for corner in (low, high)]
        cv2.rectangle(search, corners[0], corners[1], TARGET, 1, cv2.LINE_AA)
    margin = np.zeros((search.shape[0] + 6, search.shape[1] + template.shape[1] + 12, 3), np.uint8)
    margin[3 : 3 + template.shape[0], 3 : 3 + template.shape[1]] = template
    margin[3:-3, template.shape[1] + 6 : -6] = search
    return margin
