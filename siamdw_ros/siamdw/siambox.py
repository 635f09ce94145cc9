"""The box tracker: SiamDW's backbone with an anchor-free head (siambox_res22).

It goes beyond the paper: the box follows the shape of the target, which SiamFC+ cannot. The head
is described in box_head.py, and the search for lost targets in wide_search.py.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from siamdw_ros.siamdw import crops
from siamdw_ros.siamdw.box_head import BoxTemplate
from siamdw_ros.siamdw.crops import Box, Image, Vector, Windows
from siamdw_ros.siamdw.hyperparameters import SiamBoxHyper
from siamdw_ros.siamdw.multi_tracker import box_to_center_size, size_of
from siamdw_ros.siamdw.networks import BoxNetwork
from siamdw_ros.siamdw.presence import Presence, State
from siamdw_ros.siamdw.runtime import Runtime
from siamdw_ros.siamdw.siambox_step import BoxChoice
from siamdw_ros.siamdw.wide_search import Match, Place, WideSearchTarget, WideSearchTracker

SIZE_LIMITS = (0.1, 10.0)  # limits of the target's sides, as factors of the first ones
LOST_LIMITS = (1 / 1.5, 1.5)  # the same for a lost target, as factors of the sides last seen
LEARNT_QUALITY = 0.6  # estimated overlap from which the memory learns


@dataclass(kw_only=True)
class SiamBoxTarget(WideSearchTarget):
    """A target of the box tracker.

    Attributes:
        template: of the first image: one target's, without the dimension of the targets.
        current: the template that is searched for, with what was learnt since.
        first_size: (w, h) of the first box, in image pixels.
        seen_size: (w, h) when it was clearly seen last, in image pixels.
    """

    template: BoxTemplate
    first_size: Vector
    current: BoxTemplate = field(init=False)
    seen_size: Vector = field(init=False)

    def __post_init__(self) -> None:
        self.current = self.template
        self.seen_size = self.first_size

    def move_and_scale(self, center: Vector, growth: float, image: Image) -> None:
        """Set the position and scale the size and the search window."""
        before = self.size
        super().move_and_scale(center, growth, image)
        self.seen_size = self.seen_size * growth
        self.search_side *= crops.context_side(self.size) / crops.context_side(before)

    def rescale(self, factor: float, image: Image) -> None:
        """Adapt the target and its limits to the same scene at another resolution."""
        self.first_size = self.first_size * factor
        super().rescale(factor, image)


@dataclass(frozen=True, kw_only=True)
class BoxMatch(Match):
    """The best box of a target in one search window.

    Attributes:
        choice: the box chosen by the search step.
    """

    choice: BoxChoice


class SiamBox(WideSearchTracker[SiamBoxTarget]):
    """The box tracker; see :class:`MultiTracker` for the arguments.

    A wide window contains more look-alikes: searched whenever the target is not clearly seen, or
    instead of the usual window, it cost .04 to .06 of mean overlap on nine sequences. All parts of
    an image are searched at the size of the lost target, then at twice: it may have come nearer.
    """

    wide_scales = (1.0, 2.0)
    hyper: SiamBoxHyper
    runtime: Runtime[BoxNetwork, SiamBoxHyper]

    @torch.inference_mode()
    def start(self, image: Image, box: Box) -> SiamBoxTarget:
        """Make a target from its first image: compute its template.

        Args:
            image: H x W x 3, uint8, BGR.
            box: (x, y, w, h) in pixels of `image`.
        """
        center, size = box_to_center_size(box)
        side = crops.context_side(size)
        fill = crops.mean_color(image)
        exemplar = crops.crop_window(image, center, side, self.hyper.exemplar_size, fill)
        extents = torch.from_numpy(size * self.hyper.exemplar_size / side).float()
        extents = extents.to(self.runtime.device)[None]
        features = self.runtime.features(exemplar[None])
        template = self.runtime.network.head.template(features, extents)
        return SiamBoxTarget(
            center=center,
            size=size,
            image_size=size_of(image),
            fill=fill,
            presence=Presence(self.thresholds),
            search_side=self._search_side(size),
            template=BoxTemplate(*(part[0] for part in template)),
            first_size=size,
        )

    def _search_side(self, size: Vector) -> float:
        """Return the side of the usual search window, in image pixels."""
        return crops.context_side(size) * self.hyper.instance_size / self.hyper.exemplar_size

    def _match(
        self,
        images: list[Image],
        targets: list[SiamBoxTarget],
        places: list[Place],
        size: int,
        influence: Tensor,
    ) -> list[BoxMatch]:
        """Search each target in one window."""
        inputs = [
            *([target.current[part] for target in targets] for part in range(3)),
            [torch.from_numpy(t.size * self._zoom(t)).float() for t in targets],
            [influence] * len(targets),
        ]
        sides = np.array([target.search_side for target in targets])
        scales = np.array([place.scale for place in places])
        windows = Windows(
            centers=np.array([place.center for place in places]),
            sides=sides * scales * size / self.hyper.instance_size,
            fills=np.array([target.fill for target in targets]),
        )
        answers, features = self.runtime.search(images, windows, size, inputs)
        found = zip(places, answers, features[0].unsqueeze(1), strict=True)
        return [self._read(place, answer, part) for place, answer, part in found]

    def _read(self, place: Place, answer: NDArray[np.float32], features: Tensor) -> BoxMatch:
        """Read the row of numbers that the search step computed for one target."""
        choice = BoxChoice.from_row(answer)
        return BoxMatch(
            place=place,
            score=self._presence_score(choice.logit) if choice.finite else 0.0,
            finite=choice.finite,
            response=choice.logits,
            features=features,
            choice=choice,
        )

    def _zoom(self, target: SiamBoxTarget) -> float:
        """Return network pixels per image pixel."""
        return self.hyper.instance_size / target.search_side

    def _move(self, image: Image, target: SiamBoxTarget, match: BoxMatch) -> None:
        """Move the target to a match, and change its size part of the way.

        The size of a lost target changes little until it is clearly seen again: what occludes
        it, or the background, is not of its size, and the windows in which it is searched are.
        """
        choice, (center, scale) = match.choice, match.place
        before = target.size * scale
        zoom = self._zoom(target) / scale
        rate = choice.penalty * choice.quality * self.hyper.rate
        step = self.hyper.max_growth
        found = np.clip(choice.size / zoom, before / step, before * step)
        size = before * (1 - rate) + found * rate
        size = np.clip(size, *np.multiply.outer(SIZE_LIMITS, target.first_size))
        lost = target.presence.state is State.LOST
        clear = match.score >= (self.thresholds.reacquire if lost else self.thresholds.tracked)
        if clear:
            target.seen_size = size
        elif lost:
            size = np.clip(size, *np.multiply.outer(LOST_LIMITS, target.seen_size))
        target.move(center + choice.offset / zoom, size, image)
        target.search_side = self._search_side(target.size)

    @torch.inference_mode()
    def _learn(self, target: SiamBoxTarget, match: BoxMatch) -> None:
        """Mix what the target looks like now into its template, if it is clearly seen."""
        if not self.hyper.memory:
            target.current = target.template  # the memory may have been on until now
        elif match.score >= self.thresholds.tracked and match.choice.quality >= LEARNT_QUALITY:
            first = target.template.features.unsqueeze(0)
            memory = self._remember(target, first, match, match.choice.offset)
            features = torch.lerp(first, memory, self.hyper.memory)
            extents = target.template.extents.unsqueeze(0)
            template = self.runtime.network.head.template(features, extents)
            target.current = BoxTemplate(*(part[0] for part in template))
