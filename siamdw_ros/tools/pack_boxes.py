"""Pack training material of the box head into one file, see training/box_pack.py."""

import argparse
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from siamdw_ros.tools.command_line import called_as, positive, run_command, whole_number
from siamdw_ros.training.box_bank import (
    read_cutouts,
    read_photographs,
    read_stills,
    read_track,
)
from siamdw_ros.training.box_pack import PackWriter

SOURCES = ("tracks", "easy", "stills", "photographs", "cutouts")
QUALITY = partial(whole_number, 1, 100)
EPILOG = """
Sources are zip archives:
  --tracks, --easy   one target each: images and groundtruth.csv (file,x,y,w,h)
  --stills           photographs and boxes.csv (file,x,y,w,h; several lines per file)
  --photographs      images without annotation
  --cutouts          images with an alpha channel, named CLASS_anything.webp
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog=called_as("pack_boxes"),
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="pack to write, a .zip file")
    for name in SOURCES:
        parser.add_argument(f"--{name}", type=Path, nargs="+", default=[], metavar="ZIP")
    parser.add_argument(
        "--quality", type=QUALITY, default=80, help="of the WebP images, 1 to 100 (default: 80)"
    )
    parser.add_argument(
        "--every", type=positive, default=1, help="take every n-th scene of --easy (default: 1)"
    )
    options = parser.parse_args(arguments)
    if not any(getattr(options, name) for name in SOURCES):
        parser.error(f"no sources: give some by --{', --'.join(SOURCES)}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    return run_command("pack_boxes", partial(_pack, options))


def _pack(options: argparse.Namespace) -> None:
    counts = _write(options)
    size = options.out.stat().st_size / 1e6
    print(
        f"{options.out}: {size:.1f} MB, images: "
        + ", ".join(f"{kind} {n}" for kind, n in counts.items())
    )


def _write(options: argparse.Namespace) -> dict[str, int]:
    counts = {}
    with PackWriter(options.out, options.quality) as pack:
        if options.tracks:
            counts["tracks"] = pack.scenes("tracks", _each(read_track, options.tracks))
        if options.easy:
            thinned = (track[:: options.every] for track in _each(read_track, options.easy))
            counts["easy"] = pack.scenes("easy", thinned)
        if options.stills:
            tracks = (track for part in _each(read_stills, options.stills) for track in part)
            counts["stills"] = pack.scenes("stills", tracks)
        if options.photographs:
            parts = _each(read_photographs, options.photographs)
            counts["photographs"] = pack.scenes("photographs", (t for part in parts for t in part))
        if options.cutouts:
            objects = (o for part in _each(read_cutouts, options.cutouts) for o in part)
            counts["cutouts"] = pack.cutouts(objects)
    return counts


def _each(read: Callable[[Path], Any], paths: Iterable[Path]) -> Iterable[Any]:
    for path in tqdm(list(paths), disable=None, leave=False):
        yield read(path)


if __name__ == "__main__":
    sys.exit(main())
