"""Faults around the follower, and how long it takes until the robot stands."""

from collections.abc import Callable
from dataclasses import dataclass

from field import Field, halts
from ledger import Trial

from siamdw_ros.following.control import Motion

LIMIT = 0.5  # seconds
FOLLOWER = "follower: "  # what its faults' names begin with


@dataclass(frozen=True)
class Fault:
    """A fault, and what the follower does then.

    Attributes:
        name: of its row in the table.
        put_in: begins it.
        reason: that the follower states.
        turns: it may still turn.
    """

    name: str
    put_in: Callable[[Field], object]
    reason: str
    turns: bool = False


def measure(field: Field, trial: Trial, fault: Fault) -> float:
    """Put a fault in while the robot drives; the time until it stands, seconds."""
    begin = field.now()
    fault.put_in(field)
    standing = field.time_to(halts if fault.turns else Motion.stands)
    field.wait(lambda: fault.reason in field.state.message, f"the reason '{fault.reason}'")
    field.run(0.3)
    assert field.halted() if fault.turns else field.stands()
    trial.standing = standing
    trial.counts = {"worst pause between commands, ms": round(1e3 * field.longest_pause(begin))}
    return standing
