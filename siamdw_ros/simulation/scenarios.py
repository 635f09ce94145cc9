"""Scenarios: paths of people, pillars, and faults of the camera."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from siamdw_ros.following.camera import Vector
from siamdw_ros.simulation import textures
from siamdw_ros.simulation.renderer import Card

HEIGHT, WIDTH = 1.78, 0.80  # size of a person's card, metres
STRIDE = 0.7  # metres per step
PILLAR = 1.2  # width, metres
PHASES = 8  # pictures of a stride

Path = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Scenario:
    """One run.

    Attributes:
        name: of the run.
        seconds: it takes.
        target: where the target is at a time, metres.
        other: where a second person in a similar jacket is, if there is one.
        pillars: where they stand.
        gone_from: the target is out of the scene from then on, seconds.
        stall: begin and end of a time without images, seconds.
    """

    name: str
    seconds: float
    target: Path
    other: Path | None = None
    pillars: tuple[tuple[float, float], ...] = ()
    gone_from: float = math.inf
    stall: tuple[float, float] = (math.inf, math.inf)


def _line(start: tuple[float, float], velocity: tuple[float, float], until: float = 1e9) -> Path:
    def at(time: float) -> tuple[float, float]:
        t = min(time, until)
        return start[0] + velocity[0] * t, start[1] + velocity[1] * t

    return at


def _arc(radius: float, speed: float) -> Path:
    """A circle to the left that begins ahead of the robot, 2.5 m away."""

    def at(time: float) -> tuple[float, float]:
        angle = speed * time / radius
        return 2.5 + radius * math.sin(angle), radius * (1 - math.cos(angle))

    return at


SCENARIOS = (
    Scenario("straight", 10.0, _line((2.5, 0.0), (0.7, 0.05))),
    Scenario("turning", 12.0, _arc(4.0, 0.6)),
    Scenario(
        "pillar",
        12.0,
        _line((4.6, -1.7), (0.10, 0.45)),
        pillars=((3.3, -0.15),),
    ),
    Scenario(
        "look_alike", 10.0, _line((3.0, 0.0), (0.5, 0.0)), other=_line((5.5, -3.0), (0.45, 0.6))
    ),
    Scenario("stops", 10.0, _line((2.5, 0.2), (0.6, 0.0), until=5.0)),
    Scenario("vanishes", 8.0, _line((2.5, 0.0), (0.6, 0.05)), gone_from=4.0),
    Scenario("stall", 10.0, _line((2.5, 0.0), (0.6, 0.05)), stall=(4.0, 6.0)),
)


def paced(scenario: Scenario, pace: float) -> Scenario:
    """The same scenario with people that walk faster or slower.

    Args:
        scenario: what happens.
        pace: to the scenario's, above 1: faster.
    """

    def at(path: Path) -> Path:
        return lambda time: path(time * pace)

    other = at(scenario.other) if scenario.other is not None else None
    return replace(scenario, target=at(scenario.target), other=other)


class Actors:
    """The cards of a scenario at any time.

    Args:
        scenario: what happens.
        seed: of their pictures.
    """

    def __init__(self, scenario: Scenario, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.scenario = scenario
        folds = int(rng.integers(1 << 30))

        def stride(
            jacket: textures.Color, trousers: textures.Color, bag: textures.Color | None
        ) -> list[textures.Image]:
            phases = np.linspace(0, 2 * math.pi, PHASES, endpoint=False)
            return [
                textures.person(np.random.default_rng(folds), jacket, trousers, bag, float(phase))
                for phase in phases
            ]

        self._target = stride((48, 56, 186), (112, 72, 52), (66, 132, 58))
        self._other = stride((58, 66, 168), (64, 62, 66), None)
        self._pillar = textures.pillar(rng)
        hedge = textures.hedge(rng)
        self._still = [
            Card(hedge, np.array([x, y, 0.0]), 6.0, 1.2, yaw=yaw)
            for x, y, yaw in (
                (16.0, -8.0, math.pi), (18.0, 9.0, math.pi - 0.5), (4.0, 12.0, -math.pi / 2),
                (-8.0, 3.0, 0.0), (3.0, -11.0, math.pi / 2),
            )
        ]  # fmt: skip
        self._still += [
            Card(self._pillar, np.array([x, y, 0.0]), PILLAR, 3.2, name=f"pillar {index}")
            for index, (x, y) in enumerate(scenario.pillars)
        ]

    def target(self, time: float) -> Vector:
        """Where the target stands, metres."""
        return np.array([*self.scenario.target(time), 0.0])

    def cards(self, time: float) -> list[Card]:
        """Everything that stands around at a time."""
        cards = list(self._still)
        if time < self.scenario.gone_from:
            cards.append(self._walker("target", self._target, self.scenario.target, time))
        if self.scenario.other is not None:
            cards.append(self._walker("other", self._other, self.scenario.other, time))
        return cards

    @staticmethod
    def _walker(name: str, stride: list[textures.Image], path: Path, time: float) -> Card:
        begin, here = np.array(path(0.0)), np.array(path(time))
        steps = float(np.linalg.norm(here - begin)) / STRIDE  # as long as no person turns back
        picture = stride[int(steps / 2 * PHASES) % PHASES]
        return Card(picture, np.array([*here, 0.0]), WIDTH, HEIGHT, name)
