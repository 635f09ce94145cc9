"""Reference outputs of the authors' release, and the weights and inputs that they belong to.

The weights are drawn, not trained: what a RandomState(0) gives, key by key in sorted order.
test/data/golden/README.md describes how each number was made.
"""

import ast
import json
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parents[1] / "data" / "golden"
NUMBERS = json.loads((FOLDER / "golden.json").read_text())
CROPS = np.load(FOLDER / "crops.npz")

SIAMFC = {
    "siamfc_res22": "SiamFCRes22",
    "siamfc_incep22": "SiamFCIncep22",
    "siamfc_next22": "SiamFCNext22",
    "siamfc_res22w": "SiamFCRes22W",
}
MODELS = {**SIAMFC, "siamrpn_res22": "SiamRPNRes22"}  # our name -> the authors'


def load_video():
    """Twelve frames of a noise patch that moves, 12 x 240 x 320 x 3, and its boxes, 12 x 4."""
    with np.load(FOLDER / "frames.npz") as video:
        return video["frames"], video["gt"]


def official_shapes(name):
    """Key -> shape of every weight in an official file, without batch counters."""
    released = {**MODELS, "siamrpn_res22": "SiamRPNRes22_thinner"}
    listing = FOLDER / f"keys_{released.get(name, 'SiamRPNRes22_thicker')}.txt"
    rows = (line.split("\t") for line in listing.read_text().splitlines()[1:])
    shapes = {key: ast.literal_eval(shape) for key, shape, _ in rows}
    return {key: shape for key, shape in shapes.items() if "num_batches_tracked" not in key}


def official_weights(name):
    """The weights of an official file, drawn as they were for the reference outputs."""
    random = np.random.RandomState(0)
    shapes = official_shapes(name)
    return {key: torch.from_numpy(_draw(random, key, shapes[key])) for key in sorted(shapes)}


def _draw(random, key, shape):
    # A head of its full size would saturate every score.
    factor = 3e-4 if key.startswith("connect_model.") else 1.0
    if key.endswith("running_mean"):
        values = 0.1 * random.standard_normal(shape)
    elif key.endswith("running_var"):
        values = random.uniform(0.5, 1.5, shape)
    elif len(shape) == 4:
        values = factor * random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    elif len(shape) == 1 and key.endswith("weight"):
        values = random.uniform(0.5, 1.0, shape)
    else:
        values = factor * 0.05 * random.standard_normal(shape)
    return values.astype(np.float32)


def noise_image(seed, side):
    """One image of noise, 1 x side x side x 3 uint8, as the reference outputs were made from."""
    planes = np.random.RandomState(seed).randint(0, 256, (1, 3, side, side))
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1), dtype=np.uint8)


TEMPLATE, SEARCH = noise_image(2, 127), noise_image(3, 255)


def official_files(folder):
    """Return what writes, once a network, a file into `folder`, and gives its path."""

    def path_of(name):
        path = folder / f"{name}.pth"
        if not path.exists():
            torch.save(official_weights(name), path)
        return path

    return path_of


def assert_same_weights(network, weights):
    """The network has exactly the weights of an official table."""
    state = network.state_dict()
    for key, value in weights.items():
        ours = key.replace("features.features.", "backbone.").replace("connect_model.", "head.")
        assert torch.equal(state[ours], value), ours
