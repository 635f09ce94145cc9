"""The robot's own motion over time, to transform an older observation to the present pose."""

import bisect
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from siamdw_ros.following.camera import Matrix, Vector, rotation_from_euler

HISTORY = 2.0  # age up to which poses are kept, seconds
MAX_EXTRAPOLATION = 0.25  # seconds past the newest pose; after that the robot is taken to stand


@dataclass(frozen=True)
class Pose:
    """Pose and velocity of the robot at a time.

    Attributes:
        stamp: Seconds.
        position: Position in the odometry frame, metres.
        rotation: Robot frame to odometry frame, 3 x 3.
        velocity: Linear velocity in the robot frame, m/s.
        turn: Angular velocity in the robot frame, rad/s.
    """

    stamp: float
    position: Vector
    rotation: Matrix
    velocity: Vector
    turn: Vector

    def moved(self, seconds: float) -> "Pose":
        """Return the pose some seconds later (negative: earlier), at constant velocity."""
        spin = self.turn * seconds
        # Small steps: first order in roll and pitch, exact in yaw.
        rotation = self.rotation @ rotation_from_euler(*(float(angle) for angle in spin))
        half = self.rotation @ rotation_from_euler(*(float(angle) / 2 for angle in spin))
        position = self.position + half @ self.velocity * seconds
        return Pose(self.stamp + seconds, position, rotation, self.velocity, self.turn)


STANDING = Pose(0.0, np.zeros(3), np.eye(3), np.zeros(3), np.zeros(3))


@dataclass
class OwnMotion:
    """Poses of the last seconds, by odometry or by integrated commands."""

    _poses: deque[Pose] = field(default_factory=deque)

    def add(self, pose: Pose) -> None:
        """Add a pose; one that is older than the newest starts the history anew."""
        if self._poses and pose.stamp <= self._poses[-1].stamp:
            self._poses.clear()
        self._poses.append(pose)
        while pose.stamp - self._poses[0].stamp > HISTORY:
            self._poses.popleft()

    def integrate(self, stamp: float, velocity: Vector, turn: Vector) -> None:
        """Add the pose at a stamp by dead reckoning: the last pose, moved on with its velocity.

        Args:
            stamp: Present time, seconds.
            velocity: Linear velocity that is commanded from now on, robot frame, m/s.
            turn: Angular velocity that is commanded from now on, robot frame, rad/s.
        """
        last = self.newest()
        if last is None:
            moved = STANDING
        elif stamp <= last.stamp:
            return
        else:
            moved = last.moved(min(stamp - last.stamp, MAX_EXTRAPOLATION))
        self.add(Pose(stamp, moved.position, moved.rotation, velocity, turn))

    def newest(self) -> Pose | None:
        """Return the last pose that was added."""
        return self._poses[-1] if self._poses else None

    def at(self, stamp: float) -> Pose:
        """Return the pose at a time; without any pose, the robot stands at the origin."""
        if not self._poses:
            return STANDING
        index = bisect.bisect_right(self._poses, stamp, key=lambda pose: pose.stamp)
        if index == 0:
            return self._poses[0]
        before = self._poses[index - 1]
        seconds = stamp - before.stamp
        if index == len(self._poses):
            return before.moved(min(seconds, MAX_EXTRAPOLATION))
        after = self._poses[index]
        share = seconds / (after.stamp - before.stamp)
        # The average of two close rotations, made orthonormal again.
        left, _, right = np.linalg.svd((1 - share) * before.rotation + share * after.rotation)
        return Pose(
            stamp,
            (1 - share) * before.position + share * after.position,
            left @ right,
            (1 - share) * before.velocity + share * after.velocity,
            (1 - share) * before.turn + share * after.turn,
        )
