"""Train the head that finds the box of the object at a point (siamdw_ros/siamdw/extent.py).

    python -m siamdw_ros.training.extents --stills boxes.zip --sequences a.zip b.zip --out head.pt

Stills are zips of images with a boxes.csv (file,x,y,w,h), sequences as for evaluate. The bundled
network stays as it is: the features of all windows are computed once, then the head is trained on
them, which takes seconds.
"""

import argparse
import csv
import io
import math
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import trange

from siamdw_ros.evaluation.benchmarks import find_sequences
from siamdw_ros.evaluation.frames import ZippedFrames, decode
from siamdw_ros.siamdw.bundled import bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import load_network
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.extent import (
    NETWORK,
    SIZE_IN_WINDOW,
    ExtentHead,
    Predictions,
    window_pyramid,
)

MIN_SIDE = 5.0  # pixels, of an object that is trained on
WINDOWS = 3  # per object: two that fit about, one that does not
FITTING = 0.8  # octaves between the window and the one that fits exactly, at most; ...
NOT_FITTING = 3.0  # ... and at most for the windows that do not fit
SCORE_WIDTH = 0.45  # octaves: the score to be learned is a bell of this width
REGRESSED = 1.2  # octaves up to which the box is learned
# Frames of sequences may be cut to some target sizes, and larger windows would show their end.
MAX_OCTAVES_OF_SEQUENCES = 0.6
SIDE_LIMITS = (14.0, 900.0)  # of windows, in image pixels
SEQUENCE_SHARE = 0.4

Draw = Callable[[np.random.Generator], tuple[Image, Box]]


@dataclass(frozen=True)
class Windows:
    """Features of N windows and the head's output for them.

    features: N x channels x 5 x 5. octaves: N, log2 of the window's side by the one that fits
    exactly. distances: N x 4, from the centre to the object's sides, as shares of the window.
    """

    features: Tensor
    octaves: Tensor
    distances: Tensor


def still_boxes(path: Path) -> Draw:
    """Return what draws an image with one of its boxes from a zip with a boxes.csv."""
    with zipfile.ZipFile(path) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("boxes.csv").decode())))
    frames = ZippedFrames(path, [row["file"] for row in rows])

    def draw(rng: np.random.Generator) -> tuple[Image, Box]:
        index = int(rng.integers(len(rows)))
        x, y, w, h = (float(rows[index][key]) for key in "xywh")
        return decode(frames[index]), (x, y, w, h)

    return draw


def sequence_boxes(paths: Sequence[Path]) -> Draw:
    """Return what draws a frame with its annotation; every sequence is as likely as any other."""
    sequences = [sequence for path in paths for sequence in find_sequences(path)]

    def draw(rng: np.random.Generator) -> tuple[Image, Box]:
        sequence = sequences[int(rng.integers(len(sequences)))]
        index = int(rng.choice(np.flatnonzero(sequence.visible)))
        x, y, w, h = sequence.boxes[index].tolist()
        return decode(sequence.frames[index]), (x, y, w, h)

    return draw


def draw_windows(
    draw: Draw, rng: np.random.Generator, max_octaves: float
) -> tuple[list[Image], list[list[float]]]:
    """Cut the windows of one object around a point of the inner half of its box.

    Returns:
        Windows of 127 x 127 x 3; per window the octaves and the four distances.
    """
    image, (x, y, w, h) = draw(rng)
    if rng.random() < 0.5:
        image, x = np.ascontiguousarray(image[:, ::-1]), image.shape[1] - x - w
    if min(w, h) < MIN_SIDE:
        return [], []
    windows, labels = [], []
    for number in range(WINDOWS):
        across, down = rng.uniform(0.25, 0.75, 2) if rng.random() < 0.75 else (0.5, 0.5)
        octaves = float(rng.uniform(-FITTING, FITTING))
        if number == WINDOWS - 1:
            octaves = float(rng.choice((-1, 1)) * rng.uniform(FITTING, NOT_FITTING))
        side = math.sqrt(w * h) / SIZE_IN_WINDOW * 2**octaves
        if octaves > max_octaves or not SIDE_LIMITS[0] < side < SIDE_LIMITS[1]:
            continue
        windows.append(window_pyramid(image, (x + across * w, y + down * h), [side])[0])
        distances = (across * w, down * h, (1 - across) * w, (1 - down) * h)
        labels.append([octaves, *(distance / side for distance in distances)])
    return windows, labels


@torch.inference_mode()
def compute_windows(
    stills: Draw, sequences: Draw | None, objects: int, rng: np.random.Generator
) -> Windows:
    """Draw objects and compute the features of their windows with the bundled network."""
    network = load_network(NETWORK, bundled_checkpoint(NETWORK)).eval()
    features, labels = [], []
    for _ in trange(objects, unit="object", disable=None):
        of_sequence = sequences is not None and rng.random() < SEQUENCE_SHARE
        draw = sequences if of_sequence and sequences is not None else stills
        limit = MAX_OCTAVES_OF_SEQUENCES if of_sequence else math.inf
        crops, described = draw_windows(draw, rng, limit)
        if crops:
            batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
            features.append(network.features(batch).half())
            labels += described
    table = torch.tensor(labels)
    return Windows(torch.cat(features), table[:, 0], table[:, 1:])


def train_head(windows: Windows, epochs: int, batch: int = 128, rate: float = 2e-3) -> ExtentHead:
    """Train a head on features, with mirrored ones besides."""
    head = ExtentHead(channels=windows.features.shape[1])
    whole = windows.features.float()
    head.mean.copy_(whole.mean((0, 2, 3), keepdim=True))
    head.deviation.copy_(whole.std((0, 2, 3), keepdim=True) + 1e-3)
    optimizer = torch.optim.AdamW(head.parameters(), rate, weight_decay=2e-2)
    steps = epochs * max(len(whole) // batch, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.2
    )
    for _ in trange(steps, unit="step", disable=None):
        chosen = torch.randint(len(whole), (batch,))
        features, distances = whole[chosen], windows.distances[chosen]
        if torch.rand(()) < 0.5:
            features, distances = features.flip(-1), distances[:, [2, 1, 0, 3]]
        loss = head_loss(head, Windows(features, windows.octaves[chosen], distances))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return head.eval()


def head_loss(head: ExtentHead, windows: Windows) -> Tensor:
    """Cross-entropy of the score, overlap and logarithms of the distances of windows that fit."""
    predicted: Predictions = head(windows.features)
    octaves = windows.octaves
    target = torch.exp(-((octaves / SCORE_WIDTH) ** 2))
    weight = 1 + 1.5 * (octaves.abs() > FITTING).float()
    score = F.binary_cross_entropy_with_logits(predicted.scores, target, weight=weight)
    near = octaves.abs() < REGRESSED
    if not near.any():
        return score
    found, truth = predicted.distances[near], windows.distances[near]
    logarithms = (found.log() - truth.log()).abs().mean()
    return score + (1 - overlap_of_distances(found, truth)).mean() + 0.3 * logarithms


def overlap_of_distances(found: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of boxes around one point, given by distances, N x 4 each."""
    inner = torch.minimum(found, truth)
    areas = [(d[:, 0] + d[:, 2]) * (d[:, 1] + d[:, 3]) for d in (inner, found, truth)]
    union = areas[1] + areas[2] - areas[0]
    overlap: Tensor = areas[0] / union
    return overlap


def save_head(head: ExtentHead, path: Path) -> None:
    """Write the head, its weights in half precision."""
    weights = {
        name: value.half() if name.endswith("weight") else value
        for name, value in head.state_dict().items()
    }
    torch.save(weights, path)


def main(arguments: list[str] | None = None) -> int:
    """Train and write; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="extents", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stills", type=Path, required=True)
    parser.add_argument("--sequences", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--objects", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)
    try:
        stills = still_boxes(options.stills)
        sequences = sequence_boxes(options.sequences) if options.sequences else None
        rng = np.random.default_rng(options.seed)
        windows = compute_windows(stills, sequences, options.objects, rng)
    except (ValueError, OSError, KeyError) as error:
        print(f"extents: {error}", file=sys.stderr)
        return 2
    save_head(train_head(windows, options.epochs), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
