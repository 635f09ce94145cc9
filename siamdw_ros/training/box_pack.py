"""A pack: training material of the box head in one zip archive, small enough to carry about.

It holds views of images as WebP and tables beside them. `tools/pack_boxes.py` makes packs out of
data sets, and training reads one or several of them.

    scenes/NAME.csv    track,x,y,w,h   one line per view, in the order of its files
    scenes/NAME/000000.webp ...
    cutouts.csv        class
    cutouts/000000.webp ...            with transparency

NAME is the kind of the scenes: `tracks`, `easy` (tracks that are drawn seldom), `stills` or
`photographs`.
"""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import cv2
import numpy as np
import torch

from siamdw_ros.siamdw.crops import Image
from siamdw_ros.training.box_bank import (
    CutoutBank,
    Scene,
    SceneBank,
    cutout_bank,
    decode,
    scene_bank,
)

KINDS = ("tracks", "easy", "stills", "photographs")
SCENE_FIELDS = ("track", "x", "y", "w", "h")


@dataclass(frozen=True)
class Banks:
    """All that training draws from.

    Attributes:
        scenes: by kind, one of :data:`KINDS`.
        cutouts: objects with transparency.
    """

    scenes: dict[str, SceneBank]
    cutouts: CutoutBank

    def to(self, device: torch.device) -> "Banks":
        """Move all of it."""
        scenes = {kind: bank.to(device) for kind, bank in self.scenes.items()}
        return Banks(scenes, self.cutouts.to(device))


class PackWriter:
    """Writes a pack; what is at its path is replaced when all of it is written.

    Args:
        path: of the archive.
        quality: of the WebP images, 1 to 100.
    """

    def __init__(self, path: Path, quality: int) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._archive = ZipFile(self._partial, "w", ZIP_STORED)
        self._quality = quality

    def __enter__(self) -> "PackWriter":
        """Return itself."""
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        """Complete the archive, or remove it if something went wrong."""
        self._archive.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink()

    def scenes(self, kind: str, tracks: Iterable[Sequence[Scene]]) -> int:
        """Write scenes of one kind; return how many."""
        rows: list[list[object]] = []
        for number, track in enumerate(tracks):
            for scene in track:
                self._image(f"scenes/{kind}/{len(rows):06d}.webp", scene.image)
                rows.append([number, *(f"{value:.2f}" for value in scene.box)])
        self._table(f"scenes/{kind}.csv", SCENE_FIELDS, rows)
        return len(rows)

    def cutouts(self, objects: Iterable[tuple[str, Image]]) -> int:
        """Write cut-outs, each with its class; return how many."""
        rows: list[list[object]] = []
        for name, image in objects:
            self._image(f"cutouts/{len(rows):06d}.webp", image)
            rows.append([name])
        self._table("cutouts.csv", ("class",), rows)
        return len(rows)

    def _image(self, name: str, image: Image) -> None:
        encoded, data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, self._quality])
        if not encoded:
            raise ValueError(f"{name}: cannot be encoded as WebP")
        self._archive.writestr(name, data.tobytes())

    def _table(self, name: str, fields: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows(rows)
        self._archive.writestr(name, text.getvalue(), ZIP_DEFLATED)


def load_packs(paths: Sequence[Path]) -> Banks:
    """Decode packs into banks in memory.

    Raises:
        ValueError: a file is not a pack, or something that training needs is in none of them.
    """
    scenes: dict[str, list[list[Scene]]] = {kind: [] for kind in KINDS}
    cutouts: list[tuple[str, Image]] = []
    for path in paths:
        try:
            with ZipFile(path) as archive:
                _read(archive, scenes, cutouts)
        except (BadZipFile, KeyError) as error:
            raise ValueError(f"{path}: not a pack of tools/pack_boxes.py: {error}") from error
    missing = [kind for kind in ("tracks", "stills", "photographs") if not scenes[kind]]
    if not cutouts:
        missing.append("cutouts")
    if missing:
        raise ValueError(f"the packs hold no {', '.join(missing)}: name packs that do")
    banks = {kind: scene_bank(tracks) for kind, tracks in scenes.items() if tracks}
    return Banks(banks, cutout_bank(cutouts))


def _read(
    archive: ZipFile, scenes: dict[str, list[list[Scene]]], cutouts: list[tuple[str, Image]]
) -> None:
    names = set(archive.namelist())
    for kind in KINDS:
        if f"scenes/{kind}.csv" not in names:
            continue
        rows = _rows(archive, f"scenes/{kind}.csv")
        images = _images(archive, f"scenes/{kind}", len(rows), cv2.IMREAD_COLOR)
        tracks: dict[str, list[Scene]] = {}
        for row, image in zip(rows, images, strict=True):
            box = np.array([float(row[key]) for key in "xywh"], np.float32)
            tracks.setdefault(row["track"], []).append(Scene(image, box))
        scenes[kind] += tracks.values()
    if "cutouts.csv" in names:
        rows = _rows(archive, "cutouts.csv")
        images = _images(archive, "cutouts", len(rows), cv2.IMREAD_UNCHANGED)
        cutouts += zip((row["class"] for row in rows), images, strict=True)


def _rows(archive: ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(archive.read(name).decode().splitlines()))


def _images(archive: ZipFile, folder: str, count: int, flags: int) -> list[Image]:
    encoded = [archive.read(f"{folder}/{index:06d}.webp") for index in range(count)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        images = list(pool.map(partial(decode, flags=flags), encoded))
    whole = [image for image in images if image is not None]
    if len(whole) < count:
        raise KeyError(f"{count - len(whole)} damaged images in {folder}")
    return whole
