"""Training on a CPU: features of the frozen part are computed once and used several times.

The first units of the backbone are kept, so that what they compute for a crop never changes. One
process draws pairs and stores these features; another learns the last units and the head from
them. Each time a search region is used a random part of it is taken, which shows the target at
another place. OpenVINO computes the frozen part, in a third of the time that training it takes.

A teacher can be given: another tracker's backbone, whose features the new ones have to predict
linearly (FitNets, ICLR 2015). It has seen more kinds of objects than the pairs show.
"""

import contextlib
import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.multiprocessing as mp
from torch import Tensor, nn

from siamdw_ros.siamdw.backbones import ResNet
from siamdw_ros.siamdw.runtime import fold_batch_norms
from siamdw_ros.training.box_pairs import TEMPLATE, PairBatch

SEARCH = 255  # px, side of the stored search regions
STRIDE = 8
MOST_CUT = 6  # cells by which a part of a search region is narrower
MARGIN = 20  # px, between the target's centre and the border of the part
CHUNK = 8  # pairs per OpenVINO batch
ENDED = "the process that draws pairs has ended: see its message above"
FEWEST = 400  # stored pairs before training starts
ONE_THREAD = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
# A teacher's stride is 16: these cells of its maps of 127 and 255 px lie on every second of ours.
TEACHER_TEMPLATE, TEACHER_SEARCH = slice(3, 6), slice(3, 14)

Features = Callable[[Tensor], Tensor]  # B x 3 x H x W crops, 0..255 -> B x C x h x w


class ReplayBatch(NamedTuple):
    """B stored pairs, of which a part of the search region is used.

    templates, searches: what the tail takes in, B x C x h x w. extents, boxes, present: as in
    :class:`~siamdw_ros.training.box_pairs.PairBatch`, boxes in pixels of the part. side: of the
    part in pixels. corner: row and column of the part's first cell in the search region.
    template_hints, search_hints: the teacher's features for whole crops; without channels if
    there is no teacher.
    """

    templates: Tensor
    extents: Tensor
    searches: Tensor
    boxes: Tensor
    present: Tensor
    side: int
    corner: tuple[int, int]
    template_hints: Tensor
    search_hints: Tensor


class Front(nn.Module):
    """All of a backbone before its last units: B x H x W x 3 uint8 crops -> features."""

    def __init__(self, backbone: ResNet, tail: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.units = nn.Sequential(*list(backbone.layer2)[:-tail])

    def forward(self, crops: Tensor) -> tuple[Tensor]:
        """Compute what the tail takes in."""
        return (self.units(self.backbone.first_stage(crops.permute(0, 3, 1, 2).float())),)


def tail_of(backbone: ResNet, count: int) -> nn.Sequential:
    """Return the last units of a backbone: the modules themselves, not copies."""
    return nn.Sequential(*list(backbone.layer2)[-count:])


def front_features(front: Front, side: int) -> Features:
    """Make the frozen part ready for crops of one side, with OpenVINO on one thread."""
    import openvino

    from siamdw_ros.siamdw.backends import convert

    model = convert(front, torch.zeros(1, side, side, 3, dtype=torch.uint8))
    request = openvino.Core().compile_model(model, "CPU", ONE_THREAD).create_infer_request()

    def features(crops: Tensor) -> Tensor:
        request.infer({0: crops.permute(0, 2, 3, 1).contiguous().byte().numpy()})
        return torch.from_numpy(request.get_output_tensor(0).data.copy())

    return features


def teacher_features(file: Path, side: int, cells: slice) -> Features:
    """Load a teacher for crops of one side.

    Args:
        file: ONNX, a backbone that takes 1 x 3 x H x W float BGR 0..255, as NanoTrack's.
        side: of the crops in pixels.
        cells: of the rows and columns of its maps to be kept.
    """
    import openvino

    core = openvino.Core()
    model = core.read_model(str(file))
    model.reshape({0: [1, 3, side, side]})
    request = core.compile_model(model, "CPU", ONE_THREAD).create_infer_request()

    def features(crops: Tensor) -> Tensor:
        maps = []
        for crop in crops:
            request.infer({0: crop[None].contiguous().numpy()})
            maps.append(request.get_output_tensor(0).data[0, :, cells, cells].copy())
        return torch.from_numpy(np.stack(maps))

    return features


@dataclass(frozen=True)
class Encoders:
    """The parts of the networks whose outputs for a pair are stored."""

    template: Features
    search: Features
    template_hint: Features | None = None
    search_hint: Features | None = None

    @classmethod
    def make(cls, backbone: ResNet, tail: int, teacher: Path | None) -> "Encoders":
        """Compile them; the backbone is left as it is."""
        front = fold_batch_norms(Front(copy.deepcopy(backbone).eval(), tail).eval())
        ours = front_features(front, TEMPLATE), front_features(front, SEARCH)
        if teacher is None:
            return cls(*ours)
        template_hint = teacher_features(teacher, TEMPLATE, TEACHER_TEMPLATE)
        return cls(*ours, template_hint, teacher_features(teacher, SEARCH, TEACHER_SEARCH))

    def blank(self) -> tuple[Tensor, ...]:
        """Encode a pair of black crops, for the shapes."""
        crops = [torch.zeros(1, 3, side, side) for side in (TEMPLATE, SEARCH)]
        absent = torch.zeros(1, dtype=torch.bool)
        return self(PairBatch(crops[0], torch.ones(1, 2), crops[1], torch.zeros(1, 4), absent))

    def __call__(self, pairs: PairBatch) -> tuple[Tensor, ...]:
        """Encode pairs: the fields of a :class:`ReplayStore`, a row per pair."""
        count = len(pairs.present)
        nothing = torch.zeros(count, 0, 0, 0)
        return (
            self.template(pairs.templates).half(),
            pairs.extents,
            self.search(pairs.searches).half(),
            pairs.boxes,
            pairs.present,
            self.template_hint(pairs.templates).half() if self.template_hint else nothing,
            self.search_hint(pairs.searches).half() if self.search_hint else nothing,
        )


class ReplayStore:
    """The last pairs that were drawn, in memory that processes share.

    Args:
        example: an encoded pair or more, for the shapes.
        slots: pairs that it holds; 0.9 MB each with three units in the tail.
    """

    def __init__(self, example: tuple[Tensor, ...], slots: int) -> None:
        self.fields = [shared(slots, *part.shape[1:], dtype=part.dtype) for part in example]
        self.slots = slots
        self.written: Any = mp.get_context("spawn").Value("q", 0)
        self._lock = mp.get_context("spawn").Lock()

    def put(self, rows: tuple[Tensor, ...]) -> None:
        """Store encoded pairs in place of the oldest."""
        with self._lock:
            at = (torch.arange(len(rows[0])) + self.written.value) % self.slots
            for field, part in zip(self.fields, rows, strict=True):
                field[at] = part
            self.written.value += len(rows[0])

    def hint_variances(self) -> Tensor:
        """Return the variance of each channel of the teacher's features, so far."""
        return self.fields[-1][: self.filled].float().var((0, 2, 3)) + 1e-3

    @property
    def filled(self) -> int:
        """How many pairs there are to draw from."""
        return int(min(self.written.value, self.slots))

    def draw(self, count: int, random: torch.Generator) -> ReplayBatch:
        """Draw pairs, and a part of their search regions; less those whose target it cuts off."""
        chosen = torch.randint(self.filled, (count,), generator=random)
        cut = 2 * int(torch.randint(MOST_CUT // 2 + 1, (), generator=random))
        row, column = torch.randint(cut + 1, (2,), generator=random).tolist()
        with self._lock:
            templates, extents, searches, boxes, present, *hints = (
                field[chosen] for field in self.fields
            )
        width = searches.shape[-1] - cut
        searches = searches[:, :, row : row + width, column : column + width]
        boxes = boxes - torch.tensor([column, row, column, row]) * float(STRIDE)
        side = SEARCH - cut * STRIDE
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        kept = ~present | ((middle > MARGIN) & (middle < side - MARGIN)).all(dim=1)
        return ReplayBatch(
            channels_last(templates[kept]), extents[kept], channels_last(searches[kept]),
            boxes[kept], present[kept], side, (row, column), *(h[kept].float() for h in hints)
        )  # fmt: skip


def shared(*shape: int, dtype: torch.dtype) -> Tensor:
    """Return zeros in memory that processes share."""
    zeros: Tensor = torch.zeros(shape, dtype=dtype).share_memory_()  # type: ignore[no-untyped-call]
    return zeros


def channels_last(features: Tensor) -> Tensor:
    """Return features as float32, in the order in which CPUs convolve faster."""
    return features.float().contiguous(memory_format=torch.channels_last)


def hint_loss(predicted: Tensor, hints: Tensor, corner: tuple[int, int], scale: Tensor) -> Tensor:
    """Compare predicted features of a teacher with its own, at the cells that both have.

    Args:
        predicted: B x C x H x W, at the cells of a part of the crop.
        hints: B x C x h x w, at every second cell of the whole crop, in each direction.
        corner: row and column of the part's first cell.
        scale: C, variances of the teacher's channels.
    """
    row, column = corner
    ours = predicted[:, :, row % 2 :: 2, column % 2 :: 2]
    first_row, first_column = (row + 1) // 2, (column + 1) // 2
    rows = slice(first_row, first_row + ours.shape[2])
    columns = slice(first_column, first_column + ours.shape[3])
    return ((ours - hints[:, :, rows, columns]) ** 2 / scale[:, None, None]).mean()


@contextlib.contextmanager
def producer(work: Callable[..., None], store: ReplayStore, *arguments: object) -> Iterator[Any]:
    """Run what fills a store in a process of its own, and wait until there is enough in it.

    Raises:
        ChildProcessError: the process has ended.
    """
    process = mp.get_context("spawn").Process(
        target=work, args=(store, *arguments), name="box_pairs", daemon=True
    )
    process.start()
    try:
        while store.filled < min(FEWEST, store.slots):
            if not process.is_alive():
                raise ChildProcessError(ENDED)
            time.sleep(0.2)
        yield process
    finally:
        process.terminate()
        process.join()
