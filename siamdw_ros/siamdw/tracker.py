"""The public interface: `create_tracker` for one target, `create_multi_tracker` for many."""

import math
from os import PathLike
from typing import Any

import numpy as np
import torch

from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK, bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import load_network
from siamdw_ros.siamdw.crops import Box, Image
from siamdw_ros.siamdw.hyperparameters import hyperparameters
from siamdw_ros.siamdw.multi_tracker import MultiTracker, Target
from siamdw_ros.siamdw.networks import BoxNetwork, Network, SiamFCNetwork, SiamRPNNetwork
from siamdw_ros.siamdw.presence import DEFAULT_THRESHOLDS, PresenceThresholds, TrackResult
from siamdw_ros.siamdw.runtime import Runtime, choose_device
from siamdw_ros.siamdw.search_step import SearchStep
from siamdw_ros.siamdw.siambox import SiamBox
from siamdw_ros.siamdw.siambox_step import SiamBoxStep
from siamdw_ros.siamdw.siamfc import SiamFC
from siamdw_ros.siamdw.siamfc_step import SiamFCStep
from siamdw_ros.siamdw.siamrpn import SiamRPN
from siamdw_ros.siamdw.siamrpn_step import SiamRPNStep

MIN_BOX = 2.0  # pixels
STEPS: dict[type[Network], type[SearchStep[Any, Any]]] = {
    SiamFCNetwork: SiamFCStep,
    SiamRPNNetwork: SiamRPNStep,
    BoxNetwork: SiamBoxStep,
}
TRACKERS: dict[type[Network], type[MultiTracker[Any]]] = {
    SiamFCNetwork: SiamFC,
    SiamRPNNetwork: SiamRPN,
    BoxNetwork: SiamBox,
}


class Tracker:
    """Tracks one target. For many, use a :class:`MultiTracker` and keep its targets yourself."""

    def __init__(self, multi_tracker: MultiTracker[Any]) -> None:
        self.multi_tracker = multi_tracker
        self._target: Target | None = None

    def init(self, image: Image, box: Box) -> None:
        """Start to track what is inside `box`.

        Args:
            image: H x W x 3, uint8, BGR.
            box: (x, y, w, h), float pixels, 0-based, of the top-left corner. What lies outside of
                the image is cut off; not so with parity, where the authors take the box as it is.

        Raises:
            ValueError: image or box are not usable; the message states why.
        """
        inside = checked_box(box, checked_image(image))
        x, y, w, h = map(float, box)
        drawn = (x, y, w, h) if self.multi_tracker.parity else inside
        # The target keeps the image until the next one, and callers re-use their buffers.
        self._target = self.multi_tracker.start(image.copy(), drawn)

    def track(self, image: Image) -> TrackResult:
        """Find the target in the next image.

        Args:
            image: H x W x 3, uint8, BGR; may be of another size than the one before.

        Raises:
            RuntimeError: `init` was not called.
            ValueError: the image is not usable.
        """
        if self._target is None:
            raise RuntimeError("call init(image, box) before track(image)")
        return self.multi_tracker.update(checked_image(image).copy(), [self._target])[0]


def create_tracker(
    name: str = DEFAULT_NETWORK,
    checkpoint: str | PathLike[str] | None = None,
    device: str = "cpu",
    preset: str | None = None,
    parity: bool = False,
    thresholds: PresenceThresholds = DEFAULT_THRESHOLDS,
    **options: Any,
) -> Tracker:
    """Make a tracker; see :func:`create_multi_tracker` for the arguments and options."""
    return Tracker(
        create_multi_tracker(name, checkpoint, device, preset, parity, thresholds, **options)
    )


def create_multi_tracker(
    name: str = DEFAULT_NETWORK,
    checkpoint: str | PathLike[str] | None = None,
    device: str = "cpu",
    preset: str | None = None,
    parity: bool = False,
    thresholds: PresenceThresholds = DEFAULT_THRESHOLDS,
    *,
    learned_scale: bool | None = None,
    old_stem: bool = False,
    precision: str = "auto",
    backend: str = "auto",
    **overrides: Any,
) -> MultiTracker[Any]:
    """Load a network and make the tracker that belongs to it.

    Args:
        name: of the network, one of :data:`~siamdw_ros.siamdw.networks.NETWORKS`.
        checkpoint: a file of the authors or of this project; None takes the bundled one.
        device: `cpu`, `cuda`, `cuda:1`, or `auto` for a GPU where there is one.
        preset: tuned hyper-parameters by name; None takes ours (with `parity` the published).
        parity: compute what the authors' release computes, pixel for pixel.
        thresholds: of the presence score.
        learned_scale: see :func:`~siamdw_ros.siamdw.checkpoints.load_network`.
        old_stem: see :class:`~siamdw_ros.siamdw.backbones.Inception22`.
        precision: of the features: `full`, `half` (float16 on a GPU, bfloat16 on a CPU), `int8`
            (with OpenVINO, for a checkpoint that was quantised), or `auto`: the fastest that
            keeps the boxes (with `parity` always full).
        backend: what computes: `torch`, `openvino` on a CPU, `cuda_graph` on a GPU (not yet
            proven on one), or `auto`: OpenVINO on a CPU where it is installed, else torch
            (with `parity` always torch).
        overrides: single hyper-parameters, by name.

    Raises:
        CheckpointError: the file is missing, damaged, unsafe, or of another network.
        ValueError: a name or a number is not valid, or no checkpoint is bundled for the network.
    """
    if parity and preset is None:
        preset = "published"
    hyper = hyperparameters(name, preset, **overrides)
    path = bundled_checkpoint(name) if checkpoint is None else checkpoint
    network = load_network(name, path, learned_scale=learned_scale, old_stem=old_stem)
    place = choose_device(device)
    if parity:
        precision = "full" if precision == "auto" else precision
        backend = "torch" if backend == "auto" else backend
    runtime = make_runtime(network, place, precision=precision, backend=backend, parity=parity)
    return TRACKERS[type(network)](runtime, hyper, thresholds)


def make_runtime(
    network: Network,
    device: torch.device,
    *,
    precision: str = "full",
    backend: str = "torch",
    parity: bool = False,
) -> Runtime[Any, Any]:
    """Make a network ready to run as its tracker needs it; see :class:`Runtime`."""
    step = STEPS[type(network)](network, parity=parity)
    return Runtime(step, device, precision=precision, backend=backend)


def checked_image(image: Image) -> Image:
    """Return the image if a tracker can use it.

    Raises:
        ValueError: it is not H x W x 3, uint8, or it is empty.
    """
    shape, dtype = np.shape(image), getattr(image, "dtype", None)
    if len(shape) != 3 or shape[2] != 3 or dtype != np.uint8 or min(shape) == 0:
        raise ValueError(f"image must be H x W x 3, uint8, BGR, not {shape}, {dtype}")
    return image


def checked_box(box: Box, image: Image) -> Box:
    """Return the box, its part inside the image, if there is something to track in it.

    Raises:
        ValueError: it is not finite, smaller than 2 px, or outside the image.
    """
    values = tuple(float(value) for value in box)
    if len(values) != 4 or not all(map(math.isfinite, values)):
        raise ValueError(f"box {values}: needs four finite numbers, x, y, width and height")
    x, y, w, h = values
    place = f"box {w:g}x{h:g} px at ({x:g}, {y:g})"
    if min(w, h) < MIN_BOX:
        raise ValueError(f"{place}: width and height must be at least {MIN_BOX:g} px")
    height, width = image.shape[:2]
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
    if right - left < MIN_BOX or bottom - top < MIN_BOX:
        raise ValueError(f"{place}: lies outside the image of {width}x{height} px")
    return left, top, right - left, bottom - top
