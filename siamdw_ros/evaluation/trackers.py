"""Trackers to compare: SiamDW with any setting, and OpenCV's trackers."""

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from siamdw_ros.evaluation.one_pass import Follower
from siamdw_ros.evaluation.yaml_text import read_yaml
from siamdw_ros.siamdw import State, TrackResult, create_tracker
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK, bundled_checkpoint
from siamdw_ros.siamdw.crops import Box, Image

PEERS = {"kcf": "TrackerKCF", "csrt": "TrackerCSRT", "mil": "TrackerMIL"}
NANOTRACK = "nanotrack"


@dataclass(frozen=True)
class SiamDW:
    """A SiamDW tracker and how it is set.

    The fields are arguments of :func:`~siamdw_ros.siamdw.create_tracker`; overrides are single
    hyper-parameters, and its other options.
    """

    label: str = "siamdw"
    model: str = DEFAULT_NETWORK
    checkpoint: str | None = None
    device: str = "cpu"
    preset: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Follower:
        """Load it, ready to track: no image has to wait for a compiler."""
        tracker = create_tracker(
            self.model, self.checkpoint, self.device, self.preset, **self.overrides
        )
        tracker.multi_tracker.warm_up(targets=1)
        return tracker

    def settings(self) -> dict[str, Any]:
        """Return what the results depend on."""
        path = Path(self.checkpoint or bundled_checkpoint(self.model))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else None
        return {**dataclasses.asdict(self), "checkpoint_sha256": digest}


@dataclass(frozen=True)
class Peer:
    """A tracker of OpenCV's. MIL draws by the clock: its figures differ from run to run.

    label: kcf, csrt, mil or nanotrack. files: NanoTrack's backbone and head, ONNX.
    """

    label: str
    files: tuple[str, ...] = ()

    def build(self) -> Follower:
        """Load it.

        Raises:
            ValueError: this OpenCV does not have it, or its files are missing.
        """
        return OpenCVTracker(self)

    def settings(self) -> dict[str, Any]:
        """Return what the results depend on."""
        return {**dataclasses.asdict(self), "opencv": cv2.__version__}

    def create(self) -> Any:
        """Make one of OpenCV's objects; each serves one target once."""
        if self.label == NANOTRACK:
            if missing := [file for file in self.files if not Path(file).is_file()]:
                raise ValueError(f"nanotrack: no such file: {', '.join(missing)}")
            parameters = _of_opencv("TrackerNano_Params")()
            parameters.backbone, parameters.neckhead = self.files
            return _of_opencv("TrackerNano_create")(parameters)
        return _of_opencv(f"{PEERS[self.label]}_create")()


def _of_opencv(name: str) -> Any:
    """Return a part of OpenCV that not every build has."""
    if not hasattr(cv2, name):
        raise ValueError(
            f"{name} is not in this OpenCV ({cv2.__version__}); KCF and CSRT come with "
            "opencv-contrib-python-headless"
        )
    return getattr(cv2, name)


TrackerSpec = SiamDW | Peer


class OpenCVTracker:
    """One of OpenCV's trackers with our interface; LOST when it has no box."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._tracker = peer.create()
        self._last: Box = (0.0, 0.0, 0.0, 0.0)

    def init(self, image: Image, box: Box) -> None:
        """Start tracking what is inside the box."""
        self._tracker, self._last = self._peer.create(), box
        height, width = image.shape[:2]
        x, y, w, h = (round(value) for value in box)
        x, y = min(max(x, 0), width - 2), min(max(y, 0), height - 2)
        self._tracker.init(image, (x, y, max(2, min(w, width - x)), max(2, min(h, height - y))))

    def track(self, image: Image) -> TrackResult:
        """Find it in the next image; the last box stays when it is lost."""
        try:
            there, box = self._tracker.update(image)
        except cv2.error:  # CSRT on targets that shrank to nothing
            there, box = False, self._last
        if there and np.isfinite(box).all():
            x, y, w, h = map(float, box)
            self._last = (x, y, w, h)
        state = State.TRACKED if there else State.LOST
        return TrackResult(self._last, float(there), state)


def nanotrack_files(given: Sequence[str]) -> tuple[str, ...]:
    """Find NanoTrack's ONNX files: backbone and head.

    Args:
        given: the two files, or a folder that holds them; empty: the folder in $NANOTRACK.

    Raises:
        ValueError: a folder does not have one of each.
    """
    places = list(given) or [os.environ.get("NANOTRACK", "")]
    if len(places) != 1 or not places[0]:
        return tuple(filter(None, places))
    parts = ("backbone", "head")
    found = [sorted(Path(places[0]).glob(f"*{part}*.onnx")) for part in parts]
    if [len(files) for files in found] != [1, 1]:
        raise ValueError(
            f"nanotrack: expected one *backbone*.onnx, one *head*.onnx in {places[0]}"
        )
    return tuple(str(file) for (file,) in found)


def read_spec(text: str, defaults: SiamDW, nanotrack: Sequence[str]) -> TrackerSpec:
    """Read a tracker from the command line.

    Args:
        text: siamdw, kcf, csrt, mil, nanotrack, or a YAML file as `tools.tune` writes it, with
            any of model, checkpoint, device, preset and overrides.
        defaults: what siamdw means, and what a file leaves out.
        nanotrack: see :func:`nanotrack_files`.

    Raises:
        ValueError: it is none of these, or the file is not such a file.
    """
    if text == "siamdw":
        return defaults
    if text in PEERS:
        return Peer(text)
    if text == NANOTRACK:
        if len(files := nanotrack_files(nanotrack)) != 2:
            raise ValueError(
                "nanotrack: give its files with --nanotrack BACKBONE.onnx HEAD.onnx, "
                "or their folder in $NANOTRACK"
            )
        return Peer(text, files)
    path = Path(text)
    if not path.is_file():
        known = ", ".join(["siamdw", *PEERS, NANOTRACK])
        raise ValueError(f"'{text}' is neither a tracker ({known}) nor a YAML file of one")
    given = read_yaml(path) or {}
    known_keys = {f.name for f in dataclasses.fields(SiamDW)} - {"label"}
    if not isinstance(given, dict) or (unknown := given.keys() - known_keys):
        wrong = ", ".join(map(str, unknown)) if isinstance(given, dict) else type(given).__name__
        raise ValueError(f"{path}: {wrong} unknown; it may have {', '.join(sorted(known_keys))}")
    return dataclasses.replace(defaults, label=path.stem, **given)
