"""The second part of a training of the extent network: the end of the backbone learns as well.

The features that a tracker compares separate an object from others, but describe its borders less
well. So the last units of the backbone learn with the heads. The output of the units before them
never changes for a window: it is computed once, and used several times.
"""

import contextlib
import copy
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from siamdw_ros.siamdw.backends import SearchFeatures, window_features
from siamdw_ros.siamdw.extent_network import ExtentNetwork, save_extent_network
from siamdw_ros.siamdw.runtime import fold_batch_norms
from siamdw_ros.training.box_replay import Front, channels_last, tail_of
from siamdw_ros.training.extent_loop import (
    Batch,
    ExtentLoss,
    head_loss,
    neighbours,
    some_hidden,
)
from siamdw_ros.training.extent_objects import Draw
from siamdw_ros.training.extent_windows import Windows, draw_windows, joined
from siamdw_ros.training.timed import TimedRun, TimedTrainer, adamw

WEIGHTS = "extent_res22.pt"


@dataclass(frozen=True)
class ExtentTuning(TimedRun):
    """A run; a batch is of objects.

    Attributes:
        tail: units of the backbone's last stage that learn.
        uses: times that an object is used, on average.
        slots: objects whose features are kept, about 1 MB each.
    """

    minutes: float = 0.0
    batch: int = 12
    rate: float = 5e-4
    backbone_rate: float = 2e-4
    warmup: int = 50
    decay: float = 2e-2
    average: int = 200
    tail: int = 3
    uses: int = 4
    slots: int = 1500


class ExtentTuner(TimedTrainer[ExtentNetwork, ExtentTuning]):
    """A run.

    Args:
        network: to begin with.
        draw: an object.
        config: of the run.
    """

    def __init__(self, network: ExtentNetwork, draw: Draw, config: ExtentTuning) -> None:
        self.draw = draw
        super().__init__(network, config)

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Keep the first units of the backbone."""
        self.tail = tail_of(self.network.backbone, self.config.tail)
        self.network.requires_grad_(True)
        self.network.backbone.requires_grad_(False)
        self.tail.requires_grad_(self.config.backbone_rate > 0)
        parts = (self.network.heads, self.config.rate), (self.tail, self.config.backbone_rate)
        return adamw(parts, self.config.decay)

    @contextlib.contextmanager
    def batches(self) -> Iterator[Callable[[], Batch]]:
        """Give a function that draws new objects, and a batch from those that are kept."""
        config = self.config
        front = Front(copy.deepcopy(self.network.backbone), config.tail).eval()
        features = window_features(fold_batch_norms(front), config.torch_device, "auto")
        kept = ObjectStore(self.draw, features, config.slots, config.seed + self.step)
        yield lambda: kept.batch(config.batch, fresh=max(1, config.batch // config.uses))

    def loss(self, batch: Batch) -> ExtentLoss:
        """Predict from what is kept, and compare with the annotation: the mean of the heads."""
        features = self.tail(channels_last(batch.windows.features))
        losses = [head_loss(head, features, batch) for head in self.network.heads]
        return ExtentLoss(*(torch.stack(part).mean() for part in zip(*losses, strict=True)))

    def save_weights(self) -> Path:
        """Write the averaged weights for the tracker."""
        path = self.config.folder / WEIGHTS
        save_extent_network(self.average, path)
        return path


class ObjectStore:
    """The last objects that were drawn: the features of their windows.

    Args:
        draw: an object.
        features: of windows.
        slots: objects that are kept.
        seed: of the random numbers.
    """

    def __init__(self, draw: Draw, features: SearchFeatures, slots: int, seed: int) -> None:
        self._draw = draw
        self._features = features
        self._rng = np.random.default_rng(seed)
        self._objects: deque[Windows] = deque(maxlen=slots)

    def batch(self, count: int, fresh: int) -> Batch:
        """Draw objects in place of the oldest, and return a batch of those that are kept.

        Args:
            count: objects in the batch.
            fresh: objects to draw; more while there are fewer than `count`.
        """
        for _ in range(max(fresh, count - len(self._objects))):
            self._objects.append(draw_windows(self._draw, self._features, self._rng))
        chosen = self._rng.choice(len(self._objects), count, replace=False)
        windows = joined([self._objects[number] for number in chosen])
        _, counts = torch.unique_consecutive(windows.taps, return_counts=True)
        return Batch(windows, some_hidden(neighbours(windows)), counts)
