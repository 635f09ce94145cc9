"""The backend `cuda_graph`: an image is uploaded once, then cut and searched by one CUDA graph.

A graph is one launch instead of some hundred, whose preparation in Python would take longer than
the work. Captured graphs need fixed memory: each image shape has its buffers, and each number of
targets its graph. Both are bounded, and freed by :meth:`GraphSearch.release`.

On other devices, and where a graph cannot be captured, the same operations run one by one. The
tests of a machine without a GPU thus run everything but the graphs themselves.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw.crops import Image, Windows
from siamdw_ros.siamdw.search_step import SearchStep

BUCKETS = (1, 2, 4, 8, 16, 32)  # targets that a graph is made for; more come in multiples of 32
WARM_UPS = 3  # runs before a graph is captured, in which cuDNN chooses its algorithms
MAX_SHAPES = 3  # image shapes that keep their buffers: one per camera of a usual robot
MAX_PROGRAMS = 8  # largest number of programs, one per image shape

SearchResult = tuple[NDArray[np.float32], tuple[Tensor, ...]]  # the answer, search features
StepResult = tuple[Tensor, tuple[Tensor, ...]]
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

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
    center = windows[:, :2, None]
    side = windows[:, 2:3, None]
    fill = windows[:, 3:].round()
    steps = torch.arange(out, device=image.device) + 0.5
    places = center - side / 2 + side / out * steps - 0.5  # N x 2 x out: of columns, of rows
    first = places.floor()
    right, down = (places - first).unbind(1)
    column, row = first.long().unbind(1)
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
    """Return the number of targets, at least `count`, that a graph is made for."""
    return next((size for size in BUCKETS if size >= count), -(-count // 32) * 32)


@dataclass
class Program:
    """The search of one image shape, window side and number of targets.

    Attributes:
        run: does the work; its results stay where they are until it runs again.
        windows: N x 6 float32 on the device, see :meth:`Windows.numbers`.
        inputs: T x ... each, on the device.
        captured: whether `run` replays a CUDA graph.
    """

    run: Callable[[], StepResult]
    windows: Tensor
    inputs: list[Tensor]
    captured: bool

    def fill(self, windows: Windows, inputs: Sequence[Sequence[Tensor]]) -> None:
        """Write the inputs of this run; rows without a target repeat the last window."""
        numbers = windows.numbers()
        spare = np.repeat(numbers[-1:], len(self.windows) - len(numbers), axis=0)
        self.windows.copy_(torch.from_numpy(np.concatenate([numbers, spare])))
        for buffer, tensors in zip(self.inputs, inputs, strict=True):
            buffer[: len(tensors)].copy_(torch.stack(list(tensors)))


@dataclass
class FrameBuffers:
    """Buffers and programs for one image shape.

    Attributes:
        pinned: H x W x 3 uint8 in host memory that the device reads by itself.
        frame: the image on the device; the programs read it.
        programs: by window side and number of targets, the least recently used one first.
    """

    pinned: Tensor
    frame: Tensor
    programs: OrderedDict[tuple[int, int], Program] = field(default_factory=OrderedDict)


class GraphSearch:
    """Runs a search step on images of one device.

    Args:
        step: it belongs to one runtime; its buffers may change in place.
        device: where its weights are.

    Attributes:
        shapes: the buffers of the image shapes seen lately, the least recently used one first.
        captures: number of graphs captured so far.
        replays: number of graphs launched so far.
    """

    def __init__(self, step: SearchStep[Any, Any], device: torch.device) -> None:
        self.step = step
        self.device = device
        self.shapes: OrderedDict[tuple[int, ...], FrameBuffers] = OrderedDict()
        self.captures = 0
        self.replays = 0
        self._stream = self._new_stream()

    def _new_stream(self) -> Any:
        stream: Any = torch.cuda.Stream  # has no types
        return stream(self.device) if self.device.type == "cuda" else None

    def _on_stream(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def release(self) -> None:
        """Free all graphs and buffers."""
        if self._stream is not None:
            self._stream.synchronize()  # a graph must not be freed while it runs
        self.shapes.clear()

    @torch.inference_mode()
    def search(
        self,
        images: Sequence[Image],
        windows: Windows,
        side: int,
        inputs: Sequence[Sequence[Tensor]],
    ) -> SearchResult:
        """Search windows of images; see :meth:`Runtime.search`. Each image is searched by itself.

        Several images overwrite each other's results, so that their features are copied.
        """
        groups: dict[int, list[int]] = {}
        for index, image in enumerate(images):
            groups.setdefault(id(image), []).append(index)
        if len(groups) == 1:
            return self._search(images[0], windows, side, inputs)
        each = len(windows.sides) // len(images)
        answers: dict[int, NDArray[np.float32]] = {}
        features: dict[int, tuple[Tensor, ...]] = {}
        for targets in groups.values():
            rows = [target * each + window for target in targets for window in range(each)]
            part = Windows(*(numbers[rows] for numbers in windows))
            own_inputs = [[tensors[target] for target in targets] for tensors in inputs]
            answer, found = self._search(images[targets[0]], part, side, own_inputs)
            for row, target in enumerate(targets):
                answers[target] = answer[row]
                own = slice(row * each, (row + 1) * each)
                features[target] = tuple(kind[own].clone() for kind in found)
        order = range(len(images))
        kinds = zip(*(features[target] for target in order), strict=True)
        return np.stack([answers[t] for t in order]), tuple(torch.cat(kind) for kind in kinds)

    def _search(
        self, image: Image, windows: Windows, side: int, inputs: Sequence[Sequence[Tensor]]
    ) -> SearchResult:
        """Search the targets of one image."""
        targets = len(inputs[0])
        count = len(windows.sides)
        buffers = self._upload(image)
        if self._stream is not None:  # templates may still be in the making, or features in use
            self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with self._on_stream():
            program = self._program(buffers, side, bucket(targets), count // targets, inputs)
            program.fill(windows, inputs)
            answer, features = program.run()
            self.replays += program.captured
            return answer[:targets].cpu().numpy(), tuple(kind[:count] for kind in features)

    def _upload(self, image: Image) -> FrameBuffers:
        """Copy an image to the device, into the buffers of its shape."""
        buffers = self.shapes.get(image.shape)
        if buffers is None:
            pinned = torch.empty(image.shape, dtype=torch.uint8, pin_memory=bool(self._stream))
            buffers = FrameBuffers(pinned, torch.empty_like(pinned, device=self.device))
        if self._stream is not None:
            self._stream.synchronize()  # the upload before may still read the pinned memory
        _put_last(self.shapes, image.shape, buffers, MAX_SHAPES)
        buffers.pinned.copy_(torch.from_numpy(np.ascontiguousarray(image)))
        with self._on_stream():
            buffers.frame.copy_(buffers.pinned, non_blocking=True)
        return buffers

    def _program(
        self,
        buffers: FrameBuffers,
        side: int,
        targets: int,
        windows_per_target: int,
        inputs: Sequence[Sequence[Tensor]],
    ) -> Program:
        """Return the program for a window side and a number of targets; make it if needed."""
        program = buffers.programs.get((side, targets))
        if program is None:
            windows = torch.zeros(targets * windows_per_target, 6, device=self.device)
            windows[:, 2] = side  # a side of 0 would give windows without numbers
            # torch.ones, not empty: rows without a target must stay finite.
            places = [
                torch.ones((targets, *t[0].shape), dtype=t[0].dtype, device=self.device)
                for t in inputs
            ]
            program = self._captured(
                search_program(self.step, buffers.frame, windows, side, places)
            )
        _put_last(buffers.programs, (side, targets), program, MAX_PROGRAMS)
        return program

    def _captured(self, program: Program) -> Program:
        """Turn a program into one launch, if that is possible; it keeps its memory."""
        if self._stream is None:
            return program
        run = program.run
        try:
            with torch.backends.cudnn.flags(enabled=True, benchmark=True):
                for _ in range(WARM_UPS):
                    run()
                self._stream.synchronize()
                graph = torch.cuda.CUDAGraph()
                mode = "thread_local"  # other threads may use the device during the capture
                with torch.cuda.graph(graph, stream=self._stream, capture_error_mode=mode):
                    result = run()
        except RuntimeError as error:
            _logger.warning("no CUDA graph, searching will be slower: %s", error)
            torch.cuda.synchronize(self.device)
            return program

        def replay() -> StepResult:
            graph.replay()
            return result

        self.captures += 1
        return Program(replay, program.windows, program.inputs, captured=True)


def search_program(
    step: SearchStep[Any, Any], frame: Tensor, windows: Tensor, side: int, inputs: list[Tensor]
) -> Program:
    """Return the work that a graph captures: cut the windows of a frame and search them.

    Args:
        step: the search step.
        frame: H x W x 3 uint8; read again at each run, as `windows` and `inputs` are.
        windows: N x 6 float32; see :meth:`Windows.numbers`.
        side: of the windows, in network pixels.
        inputs: T x ... each.
    """

    def run() -> StepResult:
        result: StepResult = step(cut_windows(frame, windows, side), *inputs)
        return result

    return Program(run, windows, inputs, captured=False)


def _put_last(items: OrderedDict[KeyT, ValueT], key: KeyT, value: ValueT, limit: int) -> None:
    """Store an item as the most recently used one, and drop the oldest beyond the limit."""
    items[key] = value
    items.move_to_end(key)
    while len(items) > limit:
        items.popitem(last=False)
