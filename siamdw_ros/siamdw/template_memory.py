"""Memory: what a target looked like lately, taken from search features that exist anyway.

Without padding, a network computes the same features for a patch wherever it lies. The features of
an exemplar are therefore a part of those of the search window, and learning costs no pass.
"""

import numpy as np
import torch
from torch import Tensor

from siamdw_ros.siamdw.crops import Vector


@torch.inference_mode()
def mix_into_memory(memory: Tensor, search: Tensor, displacement: Vector, rate: float) -> Tensor:
    """Return the memory after one more image.

    Args:
        memory: 1 x C x h x w, features of the exemplar as it was so far.
        search: 1 x C x H x W, features of the search window.
        displacement: (x, y) of the target from the middle of the window, in cells.
        rate: share of the new image.
    """
    seen = exemplar_features(search, displacement, memory.shape[-1])
    return torch.lerp(memory, seen, rate)


def exemplar_features(search: Tensor, displacement: Vector, side: int) -> Tensor:
    """Cut the features of an exemplar out of those of a search window.

    Args:
        search: 1 x C x H x W.
        displacement: (x, y) from the middle, in cells; interpolated linearly between cells, exact
            at whole ones.
        side: of the exemplar's features, in cells.

    Returns:
        1 x C x side x side.
    """
    middle = (np.array(search.shape[:1:-1]) - side) / 2
    x, y = np.clip(middle + displacement, 0, 2 * middle)
    column = int(min(x, 2 * middle[0] - 1))
    row = int(min(y, 2 * middle[1] - 1))
    part = search[:, :, row : row + side + 1, column : column + side + 1]
    part = torch.lerp(part[..., :-1], part[..., 1:], x - column)
    return torch.lerp(part[:, :, :-1], part[:, :, 1:], y - row)
