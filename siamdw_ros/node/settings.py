"""The values of the parameters, and how they change while the node runs."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidTopicNameException
from rclpy.node import Node
from rclpy.validate_topic_name import validate_topic_name

from siamdw_ros.node.decoding import TRANSPORTS
from siamdw_ros.node.parameters import PARAMETERS, Parameter
from siamdw_ros.siamdw.presence import PresenceThresholds

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
