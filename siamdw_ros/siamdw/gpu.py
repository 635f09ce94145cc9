"""An image's way through a GPU: uploaded once, cut there, searched there, and a small answer back.

All work on an image is one CUDA graph a number of targets: a launch instead of some hundred, whose
preparation in Python would take longer than the work. On other devices, and where a graph cannot
be captured, the same operations run one by one, so that the tests of a machine without a GPU see
all but the graphs.
"""

import logging
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from siamdw_ros.siamdw.crops import Image, Windows

BUCKETS = (1, 2, 4, 8, 16, 32)  # targets that a graph is made for; more come in multiples of 32
WARM_UPS = 3  # runs before a graph is captured, in which cuDNN chooses its algorithms

Answer = NDArray[np.float32]
Compare = Callable[..., Tensor]
Searched = tuple[Tensor, tuple[Tensor, ...]]  # the answer, T x N, and the search features
ResultT = TypeVar("ResultT")

_logger = logging.getLogger(__name__)


def cut_windows(image: Tensor, windows: Tensor, out: int) -> Tensor:
    """Cut windows as :func:`~siamdw_ros.siamdw.crops.crop_window` does, on any device.

    Args:
        image: H x W x 3 uint8.
        windows: N x 6 float32; see :meth:`Windows.numbers`.
        out: side of the results in pixels.

    Returns:
        N x out x out x 3, uint8.
    """
    center, side, fill = windows[:, :2, None], windows[:, 2:3, None], windows[:, 3:].round()
    steps = torch.arange(out, device=image.device) + 0.5
    places = center - side / 2 + side / out * steps - 0.5  # N x 2 x out: of columns, of rows
    first = places.floor()
    (right, down), (column, row) = (places - first).unbind(1), first.long().unbind(1)
    fill = fill[:, None, None, :]
    top, bottom = (
        torch.lerp(
            _pixels(image, row + below, column, fill),
            _pixels(image, row + below, column + 1, fill),
            right[:, None, :, None],
        )
        for below in (0, 1)
    )
    return torch.lerp(top, bottom, down[:, :, None, None]).round().to(torch.uint8)


def _pixels(image: Tensor, rows: Tensor, columns: Tensor, fill: Tensor) -> Tensor:
    """N x out rows and columns -> N x out x out x 3 float32; `fill` outside of the image."""
    height, width = image.shape[:2]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None, :
    ]
    index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None]
    return torch.where(inside[..., None], image.view(-1, 3)[index].float(), fill)


def bucket(count: int) -> int:
    """The number of targets, at least `count`, that a graph is made for."""
    return next((size for size in BUCKETS if size >= count), -(-count // 32) * 32)


@dataclass
class Program:
    """The work on one image shape, window side and number of targets, with its fixed buffers.

    Its results stay where they are until it runs again.
    """

    work: Callable[[], Searched]
    windows: Tensor
    templates: list[Tensor]

    def fill(self, windows: Windows, templates: Sequence[Sequence[Tensor]]) -> None:
        """Write down what is to be done; places that nobody needs repeat the last window."""
        numbers = windows.numbers()
        spare = np.repeat(numbers[-1:], len(self.windows) - len(numbers), axis=0)
        self.windows.copy_(torch.from_numpy(np.concatenate([numbers, spare])))
        for place, parts in zip(self.templates, templates, strict=True):
            place[: len(parts)].copy_(torch.stack(list(parts)))


class GpuSearch:
    """Runs a search branch and what follows it on one device.

    Args:
        branch: N x H x W x 3 uint8 -> search features.
        device: where its weights are.
    """

    def __init__(self, branch: nn.Module, device: torch.device) -> None:
        self.branch, self.device = branch, device
        self._stream = self._new_stream()
        self._frames: dict[Hashable, tuple[Tensor, Tensor]] = {}
        self._programs: dict[Hashable, Program] = {}

    def _new_stream(self) -> Any:
        stream: Any = torch.cuda.Stream  # has no types
        return stream(self.device) if self.device.type == "cuda" else None

    def _on_stream(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    @torch.inference_mode()
    def upload(self, image: Image) -> Tensor:
        """Copy an image to the device, from memory that the device reads by itself."""
        if image.shape not in self._frames:
            pinned = torch.empty(image.shape, dtype=torch.uint8, pin_memory=bool(self._stream))
            self._frames[image.shape] = pinned, torch.empty_like(pinned, device=self.device)
        pinned, frame = self._frames[image.shape]
        if self._stream is not None:
            self._stream.synchronize()  # the upload before may still read the pinned memory
        pinned.copy_(torch.from_numpy(np.ascontiguousarray(image)))
        with self._on_stream():
            return frame.copy_(pinned, non_blocking=True)

    @torch.inference_mode()
    def look(
        self,
        images: Sequence[Image],
        windows: Windows,
        side: int,
        templates: Sequence[Sequence[Tensor]],
        compare: Compare,
    ) -> tuple[Answer, tuple[Tensor, ...]]:
        """Search windows of images; see :meth:`Runtime.look`. Each image is a work of its own."""
        groups: dict[int, list[int]] = {}
        for index, image in enumerate(images):
            groups.setdefault(id(image), []).append(index)
        if len(groups) == 1:
            return self._look(images[0], windows, side, templates, compare)
        scales = len(windows.sides) // len(images)
        answers: dict[int, Answer] = {}
        searches: dict[int, tuple[Tensor, ...]] = {}
        for targets in groups.values():
            rows = [target * scales + scale for target in targets for scale in range(scales)]
            part = Windows(*(numbers[rows] for numbers in windows))
            theirs = [[kind[target] for target in targets] for kind in templates]
            answer, found = self._look(images[targets[0]], part, side, theirs, compare)
            for place, target in enumerate(targets):
                answers[target] = answer[place]
                these = slice(place * scales, (place + 1) * scales)
                searches[target] = tuple(kind[these].clone() for kind in found)
        order = range(len(images))
        kinds = zip(*(searches[target] for target in order), strict=True)
        return np.stack([answers[t] for t in order]), tuple(torch.cat(kind) for kind in kinds)

    def _look(
        self,
        image: Image,
        windows: Windows,
        side: int,
        templates: Sequence[Sequence[Tensor]],
        compare: Compare,
    ) -> tuple[Answer, tuple[Tensor, ...]]:
        frame, targets, count = self.upload(image), len(templates[0]), len(windows.sides)
        size = bucket(targets)
        key = (frame.shape, side, size, count // targets, compare)
        if self._stream is not None:  # templates may still be in the making, or features in use
            self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with self._on_stream():
            if key not in self._programs:
                views = torch.zeros(size * count // targets, 6, device=self.device)
                self._programs[key] = self._program(frame, side, size, views, templates, compare)
            program = self._programs[key]
            program.fill(windows, templates)
            answer, searches = program.work()
            return answer[:targets].cpu().numpy(), tuple(kind[:count] for kind in searches)

    def _program(
        self,
        frame: Tensor,
        side: int,
        size: int,
        windows: Tensor,
        templates: Sequence[Sequence[Tensor]],
        compare: Compare,
    ) -> Program:
        windows[:, 2] = side
        places = [
            torch.ones((size, *parts[0].shape), dtype=parts[0].dtype, device=self.device)
            for parts in templates
        ]

        def work() -> Searched:
            searches = self.branch(cut_windows(frame, windows, side))
            return compare(*places, *searches), searches

        return Program(self._captured(work), windows, places)

    def _captured(self, work: Callable[[], ResultT]) -> Callable[[], ResultT]:
        """Turn work into one launch, if it can be done; its results keep their place in memory."""
        if self._stream is None:
            return work
        try:
            with torch.backends.cudnn.flags(enabled=True, benchmark=True):
                for _ in range(WARM_UPS):
                    work()
                self._stream.synchronize()
                graph = torch.cuda.CUDAGraph()
                mode = "thread_local"  # what other threads do meanwhile is not in the graph
                with torch.cuda.graph(graph, stream=self._stream, capture_error_mode=mode):
                    result = work()
        except RuntimeError as error:
            _logger.warning("no CUDA graph, searching will be slower: %s", error)
            torch.cuda.synchronize(self.device)
            return work

        def replay() -> ResultT:
            graph.replay()
            return result

        return replay
