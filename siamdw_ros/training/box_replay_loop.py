"""The training loop for a CPU: the last units of the backbone and the head learn."""

import contextlib
import multiprocessing as mp
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from siamdw_ros.siamdw.backbones import ResNet
from siamdw_ros.siamdw.box_head import BoxMaps, cell_centers
from siamdw_ros.siamdw.runtime import half_is_faster
from siamdw_ros.training.box_loop import BoxTrainer, BoxTraining, make_optimizer, pair_maker
from siamdw_ros.training.box_losses import BoxLoss, box_loss
from siamdw_ros.training.box_replay import (
    CHUNK,
    ENDED,
    SEARCH,
    STRIDE,
    Encoders,
    ReplayBatch,
    ReplayStore,
    hint_loss,
    producer,
    tail_of,
)

TEMPLATE_HINT = 0.3  # weight of the template's features beside the search region's


class ReplayTrainer(BoxTrainer):
    """A run with `tail` units; see :class:`BoxTrainer`.

    Raises:
        ValueError: the configuration does not fit, or OpenVINO is not installed.
    """

    def __init__(self, config: BoxTraining) -> None:
        if config.torch_device.type != "cpu" or config.search != SEARCH:
            raise ValueError(f"tail {config.tail} needs device=cpu and search={SEARCH}")
        self.hint: nn.Conv2d | None = None
        super().__init__(config)

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Keep the first part of the backbone, and add what predicts the teacher's features."""
        backbone = self.network.backbone
        assert isinstance(backbone, ResNet)
        self.tail = tail_of(backbone, self.config.tail)
        backbone.requires_grad_(False)
        self.tail.requires_grad_(True)
        try:
            encoders = Encoders.make(backbone, self.config.tail, self.config.teacher)
        except ImportError as error:
            raise ValueError(f"tail needs OpenVINO ({error}): pip install openvino") from error
        self._example = encoders.blank()
        if self.config.teacher:
            self.hint = nn.Conv2d(backbone.channels, self._example[-1].shape[1], 1)
        optimizer = make_optimizer(self.network, self.config)
        if self.hint is not None:
            optimizer.add_param_group(
                {"params": list(self.hint.parameters()), "peak": self.config.rate}
            )
        return optimizer

    @contextlib.contextmanager
    def batches(self) -> Iterator[Callable[[], ReplayBatch]]:
        """Draw pairs in another process, and give a function that draws from those stored."""
        store = ReplayStore(self._example, self.config.slots)
        random = torch.Generator().manual_seed(self.config.seed + self.step)
        if not self.config.threads:
            torch.set_num_threads(max(1, torch.get_num_threads() - 1))  # one draws pairs
        seed = self.config.seed + self.step + 1
        with producer(produce, store, self.config, self.network.backbone, seed) as process:
            if self.hint is not None:
                self._scale = store.hint_variances()

            def draw() -> ReplayBatch:
                if not process.is_alive():
                    raise ChildProcessError(ENDED)
                return store.draw(self.config.batch, random)

            yield draw

    def loss(self, batch: ReplayBatch) -> BoxLoss:  # type: ignore[override]  # of stored features
        """Predict from stored features, and compare with the annotation and the teacher."""
        head = self.network.head
        with torch.autocast("cpu", torch.bfloat16, enabled=half_is_faster(self.device)):
            templates, searches = self.tail(batch.templates), self.tail(batch.searches)
            maps = head(head.template(templates, batch.extents), *head.search(searches))
            predicted = None if self.hint is None else (self.hint(searches), self.hint(templates))
        maps = BoxMaps(*(part.float() for part in maps))
        cells = maps.logits.shape[-1]
        centers = cell_centers(cells, STRIDE, batch.side, self.device)
        loss = box_loss(maps, batch.boxes, batch.present, centers)
        if predicted is None:
            return loss
        of_search, of_template = (part.float() for part in predicted)
        hints = hint_loss(
            of_search, batch.search_hints, batch.corner, self._scale
        ) + TEMPLATE_HINT * hint_loss(of_template, batch.template_hints, (0, 0), self._scale)
        return loss._replace(total=loss.total + self.config.hint * hints)

    def extra_state(self) -> dict[str, Any]:
        """Return the layer that predicts the teacher's features."""
        return {} if self.hint is None else {"hint": self.hint.state_dict()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take it back."""
        if self.hint is not None:
            self.hint.load_state_dict(state["hint"])


def produce(store: ReplayStore, config: BoxTraining, backbone: ResNet, seed: int) -> None:
    """Draw pairs and store their features, as long as the process that asked for them lives."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    try:
        pairs = pair_maker(config, torch.device("cpu"), generator)
    except (OSError, ValueError) as error:
        sys.exit(f"train_boxes: {error}")
    encoders = Encoders.make(backbone, config.tail, config.teacher)
    parent = mp.parent_process()
    while parent is None or parent.is_alive():
        batch = pairs.draw(4 * CHUNK)  # large enough for all kinds of pairs to have their shares
        order = torch.randperm(4 * CHUNK)
        for part in torch.split(order, CHUNK):
            store.put(encoders(batch.take(part)))
