"""The network that finds an object's box: a backbone, and heads that compare windows.

A head evaluates windows of several sizes around one point. From each window it predicts how far
the object's four sides are from the point. The score of a window depends on the features of that
window and of those of half and of twice its side: a part of an object fills a window, too, and
only the next larger window shows that there is more of it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from siamdw_ros.siamdw.backbones import ResNet

CELLS = 5  # cells per side of the features of a window of 127 px
SIZE_IN_WINDOW = 0.5  # sqrt(width * height) of the object, as share of the side that fits best
LOG_DISTANCES = (-4.0, 3.0)  # limits of the logarithms that the head predicts
NO_WINDOW = -1
MIRRORED = [2, 1, 0, 3]  # order of the distances in a window that is mirrored left to right


class Predictions(NamedTuple):
    """Predictions of the head for B windows.

    Attributes:
        scores: B, logits of the overlap of the predicted box with the object's.
        distances: B x 4, from the window's centre to the left, upper, right and lower side of the
            object, as shares of the window's side.
    """

    scores: Tensor
    distances: Tensor


class ExtentHead(nn.Module):
    """Predicts the box of the object in the middle of a window, and which window to rely on.

    Args:
        channels: of the features.
        width: channels of the neck.
        hidden: units that describe a window.
        summary: units that describe a window to its neighbours.
        dropout: in training.
    """

    def __init__(
        self,
        channels: int = 512,
        width: int = 48,
        hidden: int = 192,
        summary: int = 48,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.neck = nn.Conv2d(channels, width, 1)
        self.hidden = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(width * CELLS**2, hidden),
            nn.ReLU(),
        )
        self.distances = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, 4))
        self.summary = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(hidden + 4, summary), nn.ReLU()
        )
        # What stands for a neighbour that is missing: the smaller one, the larger one.
        self.absent = nn.Parameter(torch.zeros(2, summary))
        self.score = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(hidden + 4 + 2 * summary, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )

    def forward(self, features: Tensor, smaller: Tensor, larger: Tensor) -> Predictions:
        """Predict from the features of windows.

        Args:
            features: B x channels x 5 x 5.
            smaller: B, the index of the window around the same point that has half the side, or
                :data:`NO_WINDOW`.
            larger: B, the same for twice the side.
        """
        hidden = self.hidden(self.neck(features).relu())
        logarithms = self.distances(hidden).clamp(*LOG_DISTANCES)
        # The score judges the box. It must not bend the box to its liking.
        seen = torch.cat((hidden, logarithms.detach()), 1)
        summaries = torch.cat((self.summary(seen), self.absent))
        first_absent = len(seen)
        below = summaries[torch.where(smaller == NO_WINDOW, first_absent, smaller)]
        above = summaries[torch.where(larger == NO_WINDOW, first_absent + 1, larger)]
        scores = self.score(torch.cat((seen, below, above), 1))[:, 0]
        return Predictions(scores, logarithms.exp() * SIZE_IN_WINDOW / 2)


class ExtentNetwork(nn.Module):
    """A backbone of its own and heads that are averaged. Trackers may change without it.

    Args:
        backbone: CIResNet-22.
        heads: for its features; each errs in its own way.
    """

    def __init__(self, backbone: ResNet, heads: Iterable[ExtentHead]) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleList(heads)

    def predict(self, features: Tensor, smaller: Tensor, larger: Tensor) -> Predictions:
        """Predict from the features of the backbone; see :meth:`ExtentHead.forward`."""
        return mean_of([head(features, smaller, larger) for head in self.heads])


class WindowFeatures(nn.Module):
    """The part of the network that computes features of windows, which a backend runs."""

    def __init__(self, backbone: ResNet) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, windows: Tensor) -> tuple[Tensor]:
        """B x 127 x 127 x 3 uint8 BGR -> B x 512 x 5 x 5."""
        return (self.backbone(windows.permute(0, 3, 1, 2).float()),)


def mean_of(predictions: Sequence[Predictions]) -> Predictions:
    """Average predictions for the same windows: logits, and logarithms of distances."""
    scores = torch.stack([one.scores for one in predictions]).mean(0)
    logarithms = torch.stack([one.distances.log() for one in predictions]).mean(0)
    return Predictions(scores, logarithms.exp())


def overlap_of_distances(found: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union of boxes around one point, given by distances.

    Args:
        found: ... x 4, to the left, upper, right and lower side.
        truth: the same, of a shape that broadcasts.
    """
    inner = torch.minimum(found, truth)
    areas = [(d[..., 0] + d[..., 2]) * (d[..., 1] + d[..., 3]) for d in (inner, found, truth)]
    overlap: Tensor = areas[0] / (areas[1] + areas[2] - areas[0])
    return overlap


def save_extent_network(network: ExtentNetwork, path: Path) -> None:
    """Write a network, its weights in half precision."""
    weights = {
        name: value.half() if name.endswith("weight") and value.ndim > 1 else value
        for name, value in network.state_dict().items()
    }
    torch.save(weights, path)


def load_extent_network(path: Path) -> ExtentNetwork:
    """Read a network, ready to predict.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it does not hold an extent network.
    """
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        numbers = {name.split(".")[1] for name in weights if name.startswith("heads.")}
        network = ExtentNetwork(ResNet(), [ExtentHead() for _ in numbers])
        network.load_state_dict({name: value.float() for name, value in weights.items()})
    except FileNotFoundError:
        raise
    except Exception as error:  # torch has many kinds for a damaged file
        raise ValueError(
            f"{path}: expected the weights of an extent network, as "
            f"siamdw_ros.tools.train_extents writes them: {error}"
        ) from error
    return network.eval().requires_grad_(False)
