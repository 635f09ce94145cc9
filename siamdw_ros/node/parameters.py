"""The node's parameters: type, default, range and what each does, in one table."""

from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from siamdw_ros.siamdw import PresenceThresholds


@dataclass(frozen=True)
class Parameter:
    """One parameter; `limits` are the smallest and the largest value."""

    name: str
    default: Any
    description: str
    limits: tuple[Any, Any] | None = None

    def descriptor(self) -> ParameterDescriptor:
        """What ROS is told about it. All are read once, when the node starts."""
        descriptor = ParameterDescriptor(description=self.description, read_only=True)
        if self.limits is not None:
            low, high = self.limits
            if isinstance(self.default, int):
                descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
            else:
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=low, to_value=high)
                ]
        return descriptor


PARAMETERS = (
    Parameter(
        "model", "siamfc_res22", "network: siamfc_res22, siamfc_incep22, siamrpn_res22, ..."
    ),
    Parameter("checkpoint", "", "file with the network's weights; empty: the bundled ones"),
    Parameter("device", "auto", "auto (a GPU where there is one), cpu, cuda or cuda:N"),
    Parameter(
        "precision",
        "auto",
        "full, half (float16 on a GPU, bfloat16 on a CPU), or auto: half where it is faster",
    ),
    Parameter("preset", "", "tuned hyper-parameters, as res22_otb2015; empty: the defaults"),
    Parameter("threads", 0, "CPU threads of inference; 0: as many as torch chooses", (0, 256)),
    Parameter("max_targets", 16, "targets followed at a time; more are refused", (1, 256)),
    Parameter("class_id", "target", "class in the hypotheses of detections"),
    Parameter("tracked_score", 0.8, "score from which on a target counts as seen", (0.0, 1.0)),
    Parameter("lost_score", 0.5, "score below which a target may be lost", (0.0, 1.0)),
    Parameter("lost_patience", 5, "images in a row below lost_score until it is", (1, 1000)),
    Parameter(
        "request_timeout", 5.0, "seconds until a service call that waits is refused", (0.1, 60.0)
    ),
)


@dataclass(frozen=True)
class Settings:
    """The parameters' values, see :data:`PARAMETERS`."""

    model: str
    checkpoint: str
    device: str
    precision: str
    preset: str
    threads: int
    max_targets: int
    class_id: str
    tracked_score: float
    lost_score: float
    lost_patience: int
    request_timeout: float

    def half(self) -> bool | None:
        """Whether to compute in half precision; None leaves it to the tracker.

        Raises:
            ValueError: precision is none of auto, full and half.
        """
        choices = {"auto": None, "full": False, "half": True}
        if self.precision not in choices:
            raise ValueError(f"precision '{self.precision}' is none of {', '.join(choices)}")
        return choices[self.precision]

    def thresholds(self) -> PresenceThresholds:
        """The presence thresholds.

        Raises:
            ValueError: lost_score is larger than tracked_score.
        """
        return PresenceThresholds(self.tracked_score, self.lost_score, self.lost_patience)


def declare(node: Node) -> Settings:
    """Declare all parameters at a node and read them."""
    for parameter in PARAMETERS:
        node.declare_parameter(parameter.name, parameter.default, parameter.descriptor())
    return Settings(**{p.name: node.get_parameter(p.name).value for p in PARAMETERS})
