"""An annotated sequence: reads its frames, and has the target's box in each."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from siamdw_ros.evaluation.frames import Frames
from siamdw_ros.siamdw.crops import Box, Image

Form = Literal["otb", "got10k", "vot"]
Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class AnnotatedSequence:
    """One target through one video.

    Attributes:
        name: as its benchmark calls it.
        frames: the images.
        boxes: N x 4, (x, y, w, h) in 0-based pixels, nan in frames where the target is absent.
        form: the benchmark whose result files its results are written as.
        origin: coordinate of the first pixel in the benchmark's own files, and in result files.
        polygons: N x 4 x 2, corners, where the benchmark annotates those.
        attributes: name -> N, in which frames it holds (in all, if it is the sequence's).
        hidden: only the first box is public, as in GOT-10k's test set.
        step: every which frame is taken; the arrays are already thinned.
    """

    name: str
    frames: Frames
    boxes: Boxes
    form: Form = "otb"
    origin: int = 0
    polygons: Boxes | None = None
    attributes: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    hidden: bool = False
    step: int = 1

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def start(self) -> Box:
        """The box on the first frame."""
        x, y, w, h = self.boxes[0].tolist()
        return x, y, w, h

    @property
    def visible(self) -> NDArray[np.bool_]:
        """N, in which frames the target is annotated as present."""
        return np.asarray(np.isfinite(self.boxes).all(axis=1))

    def images(self) -> Iterator[Image]:
        """Yield the image of each box.

        Raises:
            ValueError: there are fewer or more images than boxes, or one cannot be read.
        """
        count = 0
        for image in self.frames.read(self.step):
            count += 1
            if count > len(self):
                break
            yield image
        if count != len(self):
            more = "more" if count > len(self) else f"only {count}"
            raise ValueError(f"{self.name}: {len(self)} boxes for {more} images")

    def identity(self, *, all_boxes: bool) -> dict[str, Any]:
        """Return what distinguishes this video and annotation from others of the same name.

        Args:
            all_boxes: whether all of the annotation counts, or only where the target starts.
        """
        ends = (0, (len(self) - 1) * self.step)
        identity: dict[str, Any] = {
            "frames": [os.path.realpath(self.frames.name(index)) for index in ends],
            "length": len(self),
            "form": self.form,
            "origin": self.origin,
            "start": self.start,
        }
        if all_boxes:
            parts = (self.boxes, *([] if self.polygons is None else [self.polygons]))
            annotation = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
            identity["annotation_sha256"] = hashlib.sha256(annotation).hexdigest()
        return identity

    def thinned(self, step: int) -> "AnnotatedSequence":
        """Take every `step`-th frame only, as a robot does that is slower than its camera."""
        return replace(
            self,
            boxes=self.boxes[::step],
            polygons=None if self.polygons is None else self.polygons[::step],
            attributes={name: mask[::step] for name, mask in self.attributes.items()},
            step=self.step * step,
        )
