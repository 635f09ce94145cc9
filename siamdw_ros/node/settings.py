"""The parameters of the tracker node, see ros/parameters.py for how they are declared."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.exceptions import InvalidTopicNameException
from rclpy.validate_topic_name import validate_topic_name

from siamdw_ros.node.decoding import TRANSPORTS
from siamdw_ros.ros.parameters import ParameterSet, Read, parameter, parameters_of
from siamdw_ros.siamdw.bundled import BUNDLED, DEFAULT_NETWORK
from siamdw_ros.siamdw.precisions import PRECISIONS
from siamdw_ros.siamdw.presence import PresenceThresholds
from siamdw_ros.siamdw.ranges import RANGES

MAX_CAMERAS = 16
MAX_NAME_LENGTH = 64  # characters of a class or a target


def _hyper(name: str, networks: str, description: str) -> Any:
    """Declare a hyper-parameter of the tracker, without a value by default.

    Args:
        name: Name in the tracker.
        networks: Beginnings of the names of the networks that have it. It is refused with others.
        description: What it does.
    """
    text = f"{networks}: {description}; empty: the value of the preset"
    return parameter(None, text, RANGES[name], prefix="tracker")


@dataclass(frozen=True)
class Settings(ParameterSet):
    """The values of all parameters."""

    autostart: bool = parameter(
        True,
        "the node configures and activates itself; false: a lifecycle manager does it",
        read=Read.START,
    )
    model: str = parameter(
        DEFAULT_NETWORK,
        f"name of the network; {' and '.join(BUNDLED)} have bundled weights, the others "
        "need `checkpoint`; an unknown name is refused with the list of all",
        read=Read.CONFIGURE,
    )
    checkpoint: str = parameter(
        "",
        "file with the weights of the network `model`; empty: the bundled weights",
        read=Read.START,  # no peer on the network may choose a file to open
    )
    device: str = parameter(
        "auto",
        "device of the network: auto (a GPU if there is one), cpu, cuda or cuda:N",
        read=Read.CONFIGURE,
    )
    precision: str = parameter(
        "auto",
        "precision of the network: full, half (float16 on a GPU, bfloat16 on a CPU), int8 (CPU "
        "with openvino and quantised weights), or auto: the fastest that keeps the boxes",
        read=Read.CONFIGURE,
    )
    backend: str = parameter(
        "auto",
        "library that runs the network: torch, openvino (CPU only), cuda_graph (GPU only, "
        "unproven), or auto: openvino or torch",
        read=Read.CONFIGURE,
    )
    preset: str = parameter(
        "",
        "name of a set of tuned hyper-parameters, for example res22_otb2015; empty: the defaults",
        read=Read.CONFIGURE,
    )
    threads: int = parameter(
        0,
        "number of CPU threads for the network; 0: one less than there are cores, at most 4",
        (0, 256),
        Read.CONFIGURE,
    )
    load_timeout: float = parameter(
        120.0,
        "seconds that loading the network may take before configuring fails, for the sake of a "
        "lifecycle manager; with `autostart` loading goes on, and a warning is logged each time",
        (1.0, 3600.0),
        Read.CONFIGURE,
    )
    image_topics: Sequence[str] = parameter(
        [""],
        "image topics of several cameras; empty: one camera on the topic `image`",
        read=Read.CONFIGURE,
    )
    image_transport: str = parameter(
        "raw",
        "how the images arrive: raw, or compressed (JPEG or PNG from the image topics with "
        "/compressed appended)",
        read=Read.CONFIGURE,
    )
    camera_timeout: float = parameter(
        2.0,
        "seconds without an image after which a camera counts as stalled: diagnostics report it, "
        "and starting on its newest image is refused",
        (0.1, 3600.0),
    )
    history_seconds: float = parameter(
        2.0,
        "seconds for which received images are held, so that a target can be started on the image "
        "that the operator saw",
        (0.0, 60.0),
    )
    history_megabytes: float = parameter(
        128.0,
        "largest memory for held images (see history_seconds), in MiB per camera",
        (0.0, 1e5),
    )
    catch_up_seconds: float = parameter(
        0.5,
        "seconds that a start on an older image may spend on the newer held images; frames are "
        "skipped evenly if necessary",
        (0.0, 10.0),
    )
    max_targets: int = parameter(
        16, "largest number of targets tracked at the same time; more are refused", (1, 256)
    )
    class_id: str = parameter("target", "class_id in the hypotheses of published detections")
    tracked_score: float = parameter(
        0.5,
        "presence score from which on a target is TRACKED; with a lower one it is UNCERTAIN, and "
        "published too, until it is LOST",
        (0.0, 1.0),
    )
    lost_score: float = parameter(
        0.15,
        "presence score below which a target is lost after lost_patience such images",
        (0.0, 1.0),
    )
    lost_patience: int = parameter(
        5,
        "number of consecutive images with a score below lost_score after which a target is LOST",
        (1, 1000),
    )
    recovered_score: float = parameter(
        0.8, "presence score that an image needs to re-acquire a LOST target", (0.0, 1.0)
    )
    recovered_confirmations: int = parameter(
        2,
        "number of consecutive images with recovered_score that re-acquire a LOST target",
        (1, 1000),
    )
    give_up_seconds: float = parameter(
        0.0,
        "seconds after which a LOST target is no longer searched but removed; 0: never",
        (0.0, 1e6),
    )
    redetection_class: str = parameter(
        "",
        "class of the detector boxes on ~/detector that are searched for LOST targets; *: any "
        "class; empty: the topic is not subscribed to",
        read=Read.CONFIGURE,
    )
    smoothing: float = parameter(
        0.0,
        "time constant of the filter of published boxes, in seconds; 0: no smoothing",
        (0.0, 2.0),
    )
    prediction_horizon: float = parameter(
        0.0,
        "how far boxes are predicted on ~/predictions, in seconds; needs smoothing; 0: none",
        (0.0, 1.0),
    )
    debug_image_rate: float = parameter(
        10.0, "largest rate of debug images, in images per second", (0.1, 1e3)
    )
    tracker_window_influence: float | None = _hyper(
        "window_influence", "all networks", "share of the cosine window in the response"
    )
    tracker_rate: float | None = _hyper(
        "rate", "siambox_*, siamrpn_*", "share of the newly found size in the target's size"
    )
    tracker_penalty_k: float | None = _hyper(
        "penalty_k", "siambox_*, siamrpn_*", "strength of the penalty on changes of size and shape"
    )
    tracker_max_growth: float | None = _hyper(
        "max_growth",
        "siambox_*",
        "largest factor by which a side changes from one image to the next",
    )
    tracker_quality_weight: float | None = _hyper(
        "quality_weight",
        "siambox_*",
        "exponent of the box's estimated overlap in the choice of the box",
    )
    tracker_scale_step: float | None = _hyper(
        "scale_step", "siamfc_*", "factor from one searched scale to the next"
    )
    tracker_scale_penalty: float | None = _hyper(
        "scale_penalty", "siamfc_*", "factor on the response at another scale"
    )
    tracker_scale_rate: float | None = _hyper(
        "scale_rate", "siamfc_*", "share of the newly found scale in the target's scale"
    )
    tracker_memory: float | None = _hyper(
        "memory", "siambox_*, siamfc_*", "share of the recent appearance in the template; 0: none"
    )
    tracker_memory_rate: float | None = _hyper(
        "memory_rate",
        "siambox_*, siamfc_*",
        "share of each image in the recent appearance (see tracker.memory)",
    )
    tracker_wide_instance_size: float | None = _hyper(
        "wide_instance_size",
        "siambox_*, siamfc_*",
        "side of the wide search window in network pixels, for example 383, for lost targets "
        "(siamfc_*: unclear ones too); 0: only the usual window of 255 at the last position",
    )
    tracker_presence_midpoint: float | None = _hyper(
        "presence_midpoint",
        "siambox_*, siamfc_*",
        "logit whose presence score is 0.5; belongs to the weights in `checkpoint`",
    )
    tracker_presence_slope: float | None = _hyper(
        "presence_slope",
        "siambox_*, siamfc_*",
        "slope of the presence score over the logit; belongs to the weights in `checkpoint`",
    )
    request_timeout: float = parameter(
        5.0, "seconds after which a service call that still waits is refused", (0.1, 60.0)
    )
    max_request_rate: float = parameter(
        100.0,
        "largest number of start and stop requests per second; more are refused; 0: any number",
        (0.0, 1e5),
    )

    def thresholds(self) -> PresenceThresholds:
        """Return the presence thresholds.

        Raises:
            ValueError: `lost_score` is larger than `tracked_score`.
        """
        return PresenceThresholds(
            self.tracked_score,
            self.lost_score,
            self.lost_patience,
            self.recovered_score,
            self.recovered_confirmations,
        )

    def hyper(self) -> dict[str, Any]:
        """Return the hyper-parameters that replace the preset's, by their name in the tracker."""
        prefix = "tracker_"
        values = dataclasses.asdict(self)
        hyper = {
            name.removeprefix(prefix): value
            for name, value in values.items()
            if name.startswith(prefix) and value is not None
        }
        side = hyper.get("wide_instance_size")
        if side is not None and side.is_integer():  # pixels; ROS has it as a double
            hyper["wide_instance_size"] = int(side)
        return hyper

    def topics(self) -> list[str]:
        """Return the topics of the images, as they were given."""
        return [topic for topic in self.image_topics if topic] or ["image"]

    def check(self) -> None:
        """Check whether the values fit together, as far as that is known without the network.

        Raises:
            ValueError: They do not fit together.
        """
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision '{self.precision}' is none of {', '.join(PRECISIONS)}")
        self.thresholds()
        if self.prediction_horizon and not self.smoothing:
            raise ValueError(
                "prediction_horizon needs smoothing, which is 0: jitter would be predicted too"
            )
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
        if len(self.topics()) > MAX_CAMERAS:
            raise ValueError(
                f"image_topics has {len(self.topics())} topics: at most {MAX_CAMERAS}"
            )
        for topic in self.topics():
            try:
                validate_topic_name(topic)
            except InvalidTopicNameException as error:
                raise ValueError(f"image_topics: '{topic}' cannot name a topic") from error


PARAMETERS = parameters_of(Settings)
KNOWN = {one.name: one for one in PARAMETERS}
