"""Films, or folders of frames, with a CSV of boxes: the layouts for data of one's own."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from siamdw_ros.training.datasets.frames import FilmFrames
from siamdw_ros.training.datasets.tracks import Tally, Track, Video, make_track
from siamdw_ros.training.sources import read_sequence

FILMS = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v"}
COLUMNS = ("frame", "x", "y", "w", "h")


def read_films(path: Path, tally: Tally) -> Iterator[Video]:
    """Read NAME.mp4 with NAME.csv, everywhere below path.

    The CSV has the columns frame (numbered from 0), x, y, w, h, and `target` where there are
    several; lines that begin with # are comments. Where the target does not show a frame has no
    line, or no numbers in it.

    Raises:
        ValueError: a CSV is not like that, or there are no films with one.
    """
    films = sorted(
        f for f in path.rglob("*") if f.suffix.lower() in FILMS and f.with_suffix(".csv").is_file()
    )
    if not films:
        raise ValueError(f"{path} has no films with a CSV of the same name beside them")
    for film in films:
        yield [
            track
            for target, rows in _rows_by_target(film.with_suffix(".csv")).items()
            for track in _film_track(film, f"{film.stem}/{target}".rstrip("/"), rows, tally)
        ]


def _film_track(film: Path, name: str, rows: list[list[float]], tally: Tally) -> Video:
    table = np.array(sorted(rows))
    numbers, boxes = table[:, 0].astype(np.int32), table[:, 1:]
    shows = ~np.isnan(boxes).any(1)
    return make_track(
        name,
        lambda kept: FilmFrames(film, numbers[kept]),
        boxes,
        tally,
        shows=shows,
        numbers=numbers,
    )


def _rows_by_target(file: Path) -> dict[str, list[list[float]]]:
    targets: dict[str, list[list[float]]] = defaultdict(list)
    with file.open(newline="") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            try:
                numbers = [float(row[column] or "nan") for column in COLUMNS]
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{file}: expected the columns {', '.join(COLUMNS)}") from error
            targets[row.get("target") or ""].append(numbers)
    return targets


def read_frame_tables(path: Path, tally: Tally) -> Iterator[Video]:
    """Read folders or zips of frames with a groundtruth.csv in each, or one of them.

    See :func:`~siamdw_ros.training.sources.read_sequence`; a zip is held in memory as it is.
    """
    one = path.is_file() or (path / "groundtruth.csv").is_file()
    for item in [path] if one else sorted(path.iterdir()):
        if item.suffix == ".zip" or (item / "groundtruth.csv").is_file():
            sequence = read_sequence(item)
            boxes = np.array(sequence.boxes, np.float32).reshape(-1, 4)
            tally.frames += len(boxes)
            if len(boxes):
                yield [Track(sequence.name, sequence.frames, boxes, np.arange(len(boxes)))]
