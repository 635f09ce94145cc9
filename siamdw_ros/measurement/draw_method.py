"""Draw why padding harms a Siamese tracker: responses before and after the scene moves."""

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from siamdw_ros.measurement.baseline_network import PaddedResNet
from siamdw_ros.siamdw.backbones import ResNet
from siamdw_ros.siamdw.bundled import bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import load_network
from siamdw_ros.siamdw.crops import Image
from siamdw_ros.siamdw.heads import correlate

TEMPLATE, SEARCH = 127, 255  # pixels
MOVED = 48  # pixels, six cells of the response
CELLS = MOVED // ResNet.stride
Response = NDArray[np.float32]


def draw_scene(seed: int = 4) -> Image:
    """Paint a patterned target in the middle of soft clutter: 351 x 351 x 3, uint8."""
    side = SEARCH + 2 * MOVED
    random = np.random.default_rng(seed)
    clutter = random.integers(70, 170, (14, 14, 1)) + random.integers(-15, 16, (14, 14, 3))
    scene = cv2.resize(clutter.astype(np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)
    middle = (side // 2, side // 2)
    cv2.ellipse(scene, middle, (34, 24), 20, 0, 360, (60, 120, 230), -1, cv2.LINE_AA)
    cv2.ellipse(scene, middle, (18, 8), 20, 0, 360, (240, 240, 200), -1, cv2.LINE_AA)
    cv2.circle(scene, (middle[0] - 16, middle[1] - 10), 6, (20, 20, 20), -1, cv2.LINE_AA)
    return np.asarray(scene, np.uint8)


def middle_window(scene: Image, side: int, moved: int = 0) -> Image:
    """Cut the window around the middle; the scene moves right and down by `moved` px in it."""
    start = (scene.shape[0] - side) // 2 - moved
    return scene[start : start + side, start : start + side]


@torch.inference_mode()
def respond(backbone: nn.Module, scene: Image) -> tuple[Response, Response]:
    """Compare the target with the search region before and after the scene moves.

    Returns:
        Both responses, 17 x 17, in units of the first one's range.
    """
    template = backbone(_tensor(middle_window(scene, TEMPLATE)))
    windows = [middle_window(scene, SEARCH, moved) for moved in (0, MOVED)]
    searches = torch.cat([backbone(_tensor(window)) for window in windows])
    responses = correlate(template, searches)[:, 0].numpy()
    still, moved = (responses - responses[0].min()) / np.ptp(responses[0])
    return still, moved


def _tensor(window: Image) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(window.transpose(2, 0, 1)[None])).float()


def shift_error(still: Response, moved: Response) -> Response:
    """Return the remaining difference after the second response is moved back: 11 x 11."""
    difference: Response = np.abs(moved[CELLS:, CELLS:] - still[:-CELLS, :-CELLS])
    return difference


def draw(backbone: ResNet, path: Path) -> None:
    """Draw the figure into a file.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    pyplot = importlib.import_module("matplotlib.pyplot")  # needed here only
    scene = draw_scene()
    figure, axes = pyplot.subplots(2, 4, figsize=(10, 5.2), layout="constrained")
    networks = {"padding kept": PaddedResNet(backbone, crop=False), "padding cropped": backbone}
    for row, (name, network), pixels in zip(axes, networks.items(), (0, MOVED), strict=True):
        _show_window(row[0], middle_window(scene, SEARCH, pixels), pixels)
        still, moved = respond(network, scene)
        _show_map(row[1], still, f"{name}: response", "viridis", 1.0)
        _show_map(row[2], moved, f"after the scene moved {MOVED} px", "viridis", 1.0)
        wrong = shift_error(still, moved)
        shown = _show_map(
            row[3], wrong, f"moved back: off by up to {wrong.max():.2f}", "Reds", 0.3
        )
        figure.colorbar(shown, ax=row[3], shrink=0.8)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _show_window(panel: Any, window: Image, pixels: int) -> None:
    panel.imshow(cv2.cvtColor(window, cv2.COLOR_BGR2RGB))
    panel.set_title(
        f"search region, moved {pixels} px" if pixels else "search region", fontsize=10
    )
    corner = (SEARCH - TEMPLATE) / 2
    if not pixels:
        panel.plot(*_square(corner, TEMPLATE), color="white", linewidth=1.5)
        panel.text(corner + 3, corner - 5, "template", color="white", fontsize=9)
    panel.set_axis_off()


def _square(corner: float, side: float) -> tuple[list[float], list[float]]:
    near, far = corner, corner + side
    return [near, far, far, near, near], [near, near, far, far, near]


def _show_map(panel: Any, values: Response, title: str, colors: str, highest: float) -> Any:
    shown = panel.imshow(values, cmap=colors, vmin=0.0, vmax=highest)
    panel.set_title(title, fontsize=10)
    panel.set_xticks([])
    panel.set_yticks([])
    return shown


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.measurement.draw_method", description=__doc__
    )
    parser.add_argument("file", type=Path, help="image to write: PNG, SVG or PDF")
    parser.add_argument("--checkpoint", type=Path, help="of a siamfc_res22; else the bundled one")
    options = parser.parse_args(arguments)
    network = load_network(
        "siamfc_res22", options.checkpoint or bundled_checkpoint("siamfc_res22")
    )
    backbone = network.eval().backbone
    assert isinstance(backbone, ResNet)
    try:
        draw(backbone, options.file)
    except ModuleNotFoundError as error:
        sys.exit(f"{error}: pip install matplotlib")


if __name__ == "__main__":
    main()
