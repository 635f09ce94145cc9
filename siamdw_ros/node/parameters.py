"""The node's parameters: type, default, range and what each does, in one table."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidTopicNameException
from rclpy.node import Node
from rclpy.validate_topic_name import validate_topic_name

from siamdw_ros.node.decoding import TRANSPORTS
from siamdw_ros.siamdw.presence import PresenceThresholds


class Read(Enum):
    """When a parameter is read, and so when it may be changed."""

    START = "when the node starts"
    CONFIGURE = "when the node is configured"
    ALWAYS = "at any time"


@dataclass(frozen=True)
class Parameter:
    """One parameter; `limits` are the smallest and the largest value."""

    name: str
    default: Any
    description: str
    limits: tuple[Any, Any] | None = None
    read: Read = Read.ALWAYS

    @property
    def field(self) -> str:
        """Its name in :class:`Settings`."""
        return self.name.replace(".", "_")

    def descriptor(self) -> ParameterDescriptor:
        """What ROS is told about it."""
        descriptor = ParameterDescriptor(
            description=self.description,
            additional_constraints=f"read {self.read.value}",
            read_only=self.read is Read.START,
        )
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
        "autostart",
        True,
        "configure and activate by itself; false: a lifecycle manager does it",
        read=Read.START,
    ),
    Parameter(
        "model",
        "siamfc_res22",
        "network: siamfc_res22, siamfc_incep22, siamrpn_res22, ...",
        read=Read.CONFIGURE,
    ),
    Parameter(
        "checkpoint",
        "",
        "file with the network's weights; empty: the bundled ones",
        read=Read.START,  # no peer on the network may choose a file to open
    ),
    Parameter(
        "device",
        "auto",
        "auto (a GPU where there is one), cpu, cuda or cuda:N",
        read=Read.CONFIGURE,
    ),
    Parameter(
        "precision",
        "auto",
        "full, half (float16 on a GPU, bfloat16 on a CPU), or auto: half where it is faster",
        read=Read.CONFIGURE,
    ),
    Parameter(
        "backend",
        "auto",
        "torch, openvino (CPU), cuda_graph (GPU, unproven), or auto: one of the first two",
        read=Read.CONFIGURE,
    ),
    Parameter(
        "preset",
        "",
        "tuned hyper-parameters, as res22_otb2015; empty: the defaults",
        read=Read.CONFIGURE,
    ),
    Parameter(
        "threads",
        0,
        "CPU threads of inference; 0: one less than there are cores, at most 4",
        (0, 256),
        Read.CONFIGURE,
    ),
    Parameter(
        "load_timeout",
        120.0,
        "seconds that loading the network may take",
        (1.0, 3600.0),
        Read.CONFIGURE,
    ),
    Parameter(
        "image_topics",
        [""],
        "topics of several cameras; empty: the one topic image",
        read=Read.CONFIGURE,
    ),
    Parameter(
        "image_transport",
        "raw",
        "raw, or compressed: JPEG or PNG from the topics with /compressed at their end",
        read=Read.CONFIGURE,
    ),
    Parameter(
        "camera_timeout",
        2.0,
        "seconds without an image from which on diagnostics call a camera stalled",
        (0.1, 3600.0),
    ),
    Parameter(
        "history_seconds",
        2.0,
        "how long images are held, to start on the one that the operator saw",
        (0.0, 60.0),
    ),
    Parameter(
        "history_megabytes", 128.0, "most memory for these images, of each camera", (0.0, 1e5)
    ),
    Parameter(
        "catch_up_seconds",
        0.5,
        "most time to search held images after a start in the past; some are left out evenly",
        (0.0, 10.0),
    ),
    Parameter("max_targets", 16, "targets followed at a time; more are refused", (1, 256)),
    Parameter("class_id", "target", "class in the hypotheses of detections"),
    Parameter("tracked_score", 0.5, "score from which on a target counts as seen", (0.0, 1.0)),
    Parameter("lost_score", 0.15, "score below which a target may be lost", (0.0, 1.0)),
    Parameter("lost_patience", 5, "images in a row below lost_score until it is", (1, 1000)),
    Parameter(
        "recovered_score", 0.8, "score that speaks for a lost target, if seen again", (0.0, 1.0)
    ),
    Parameter(
        "recovered_confirmations", 2, "such images in a row until it counts as seen", (1, 1000)
    ),
    Parameter(
        "give_up_seconds",
        0.0,
        "after so long a lost target is no longer searched, but forgotten; 0: never",
        (0.0, 1e6),
    ),
    Parameter(
        "rearm_class",
        "",
        "class of detections on ~/detector that may take lost targets back; *: any; empty: off",
        read=Read.CONFIGURE,
    ),
    Parameter(
        "smoothing",
        0.0,
        "seconds in which an image's weight in the published box fades to 1/e; 0: no smoothing",
        (0.0, 2.0),
    ),
    Parameter(
        "prediction_horizon",
        0.0,
        "seconds ahead for which boxes are published on ~/predictions; 0: none; needs smoothing",
        (0.0, 1.0),
    ),
    Parameter(
        "debug_image_rate", 10.0, "most debug images a second, while somebody looks", (0.1, 1e3)
    ),
    Parameter(
        "tracker.scale_step",
        -1.0,
        "SiamFC: factor from one searched scale to the next; -1: the preset's",
        (-1.0, 2.0),
    ),
    Parameter(
        "tracker.scale_penalty",
        -1.0,
        "SiamFC: factor on the response at another scale; -1: the preset's",
        (-1.0, 1.0),
    ),
    Parameter(
        "tracker.scale_rate",
        -1.0,
        "SiamFC: share of the new scale in the target's; -1: the preset's",
        (-1.0, 1.0),
    ),
    Parameter(
        "tracker.memory",
        -1.0,
        "SiamFC: share of a template that is learnt on the way; 0: none; -1: the preset's",
        (-1.0, 1.0),
    ),
    Parameter(
        "tracker.memory_rate",
        -1.0,
        "SiamFC: share of the new appearance in that template; -1: the preset's",
        (-1.0, 1.0),
    ),
    Parameter(
        "tracker.penalty_k",
        -1.0,
        "SiamRPN: penalty on changes of size and shape; -1: the preset's",
        (-1.0, 2.0),
    ),
    Parameter(
        "tracker.rate",
        -1.0,
        "SiamRPN: share of the new size in the target's; -1: the preset's",
        (-1.0, 1.0),
    ),
    Parameter(
        "tracker.window_influence",
        -1.0,
        "share of the cosine window in the response; -1: the preset's",
        (-1.0, 1.0),
    ),
    Parameter(
        "request_timeout", 5.0, "seconds until a service call that waits is refused", (0.1, 60.0)
    ),
    Parameter(
        "max_request_rate",
        100.0,
        "service calls a second; more are refused; 0: any number",
        (0.0, 1e5),
    ),
)


MAX_CAMERAS = 16
MAX_NAME_LENGTH = 64  # characters of a class or a target


@dataclass(frozen=True)
class Settings:
    """The parameters' values, see :data:`PARAMETERS`."""

    autostart: bool
    model: str
    checkpoint: str
    device: str
    precision: str
    backend: str
    preset: str
    threads: int
    load_timeout: float
    image_topics: Sequence[str]
    image_transport: str
    camera_timeout: float
    history_seconds: float
    history_megabytes: float
    catch_up_seconds: float
    max_targets: int
    class_id: str
    tracked_score: float
    lost_score: float
    lost_patience: int
    recovered_score: float
    recovered_confirmations: int
    give_up_seconds: float
    rearm_class: str
    smoothing: float
    prediction_horizon: float
    debug_image_rate: float
    tracker_scale_step: float
    tracker_scale_penalty: float
    tracker_scale_rate: float
    tracker_memory: float
    tracker_memory_rate: float
    tracker_penalty_k: float
    tracker_rate: float
    tracker_window_influence: float
    request_timeout: float
    max_request_rate: float

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
        return PresenceThresholds(
            self.tracked_score,
            self.lost_score,
            self.lost_patience,
            self.recovered_score,
            self.recovered_confirmations,
        )

    def hyper(self) -> dict[str, Any]:
        """The hyper-parameters that replace the preset's, by their names in the tracker."""
        prefix = "tracker_"
        values = dataclasses.asdict(self)
        return {
            name.removeprefix(prefix): value
            for name, value in values.items()
            if name.startswith(prefix) and value != -1
        }

    def topics(self) -> list[str]:
        """Of the images, as they were given."""
        return [topic for topic in self.image_topics if topic] or ["image"]

    def check(self) -> None:
        """See whether the values fit together, as far as that can be told without the network.

        Raises:
            ValueError: they do not.
        """
        self.half()
        self.thresholds()
        if self.prediction_horizon and not self.smoothing:
            raise ValueError("prediction_horizon needs smoothing: jitter would be predicted too")
        if self.image_transport not in TRANSPORTS:
            raise ValueError(
                f"image_transport '{self.image_transport}' is none of {', '.join(TRANSPORTS)}"
            )
        if len(self.class_id) > MAX_NAME_LENGTH:
            raise ValueError(
                f"class_id has {len(self.class_id)} characters: at most {MAX_NAME_LENGTH}"
            )
        self._check_topics()

    def _check_topics(self) -> None:
        if len(set(self.topics())) < len(self.topics()):
            raise ValueError("image_topics names a topic twice")
        if len(self.topics()) > MAX_CAMERAS:
            raise ValueError(
                f"image_topics has {len(self.topics())} topics: at most {MAX_CAMERAS}"
            )
        for topic in self.topics():
            try:
                validate_topic_name(topic)
            except InvalidTopicNameException as error:
                raise ValueError(f"image_topics: '{topic}' cannot name a topic") from error


class NodeParameters:
    """Declares all parameters at a node and keeps their values.

    Args:
        node: whose parameters they are.
        check: raises ValueError for values that do not fit the node's state; called with the
            settings as they would become and the parameters that would change.
        changed: called after a change.
    """

    def __init__(
        self,
        node: Node,
        check: Callable[[Settings, Sequence[Parameter]], None],
        changed: Callable[[Settings], None],
    ) -> None:
        for parameter in PARAMETERS:
            node.declare_parameter(parameter.name, parameter.default, parameter.descriptor())
        self.settings = Settings(**{p.field: node.get_parameter(p.name).value for p in PARAMETERS})
        self._check, self._changed = check, changed
        self._known = {parameter.name: parameter for parameter in PARAMETERS}
        node.add_on_set_parameters_callback(self._on_set)

    def _on_set(self, changes: Sequence[Any]) -> SetParametersResult:
        """Take all changes, or none of them."""
        ours = [(self._known[c.name], c.value) for c in changes if c.name in self._known]
        if not ours:
            return SetParametersResult(successful=True)
        try:
            values = {parameter.field: value for parameter, value in ours}
            settings = dataclasses.replace(self.settings, **values)
            settings.check()
            self._check(settings, [parameter for parameter, _ in ours])
        except Exception as error:  # whatever it is, it becomes the answer
            return SetParametersResult(successful=False, reason=str(error))
        self.settings = settings
        self._changed(settings)
        return SetParametersResult(successful=True)
