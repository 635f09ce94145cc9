"""Immutable records of what the tracker found in an image. They need no torch.

The inference thread creates them; publishers, the debug image and the tests read them.
"""

from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray

from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.settings import Settings
from siamdw_ros.siamdw.crops import Box
from siamdw_ros.siamdw.presence import State

SEEN = (State.TRACKED, State.UNCERTAIN)  # states in which there is a box to publish


@dataclass(frozen=True)
class TargetResult:
    """Result of one target in one frame.

    Attributes:
        id: The target's id.
        state: Tracked, uncertain or lost.
        score: Presence score in [0, 1].
        box: (x, y, w, h) in pixels of the image. When the state is LOST: where the search
            continues, not where the target is.
        last_seen: Stamp of the last image in which the target was tracked.
        predicted: The box `prediction_horizon` seconds after the image's stamp; None if nothing
            is predicted.
        response: Cells x cells logits of the search, for the debug image; None if the tracker
            keeps none.
    """

    id: str
    state: State
    score: float
    box: Box
    last_seen: Time
    predicted: Box | None = None
    response: NDArray[np.float32] | None = None

    @property
    def seen(self) -> bool:
        """Whether the target is in the image."""
        return self.state in SEEN


@dataclass(frozen=True)
class FrameResult:
    """Results of all targets in one frame.

    Attributes:
        frame: The frame.
        targets: All targets of the frame's camera, in the order in which they were started.
        inference_seconds: Duration of the batch that the frame was part of.
        settings: The parameters that the frame was processed with.
    """

    frame: Frame
    targets: tuple[TargetResult, ...]
    inference_seconds: float
    settings: Settings
