"""Hyper-parameters: our defaults, the published ones and the presets tuned by the authors.

Sources: the defaults of `tracker/siamfc.py` and `tracker/siamrpn.py` and the tables under
`experiments/test` of researchmm/SiamDW at commit c82b059 (MIT); for ResNet22W the tables of
JudasDie/SOTS.
"""

import dataclasses
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from siamdw_ros.siamdw.networks import NETWORKS
from siamdw_ros.siamdw.ranges import LARGEST_SIDE, RANGES

EXEMPLAR = 127  # SiamRPN+ and the box tracker: side of the template in network pixels
MARGIN = 128  # SiamFC+: search region minus exemplar in pixels; the response keeps its size


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also catches nan
        raise ValueError(f"{name} must lie in [{low:g}, {high:g}], not {value}")


def _check_ranges(hyper: Any) -> None:
    """Check each field that has a range in RANGES."""
    for field in dataclasses.fields(hyper):
        if field.name in RANGES:
            _check(field.name, getattr(hyper, field.name), *RANGES[field.name])


def _check_whole(name: str, value: int, low: int, high: int) -> None:
    _check(name, value, low, high)
    if not isinstance(value, Integral):
        raise ValueError(f"{name} must be a whole number, not {value}")


def _check_instance(name: str, value: int, low: int = 191) -> None:
    _check_whole(name, value, low, LARGEST_SIDE)
    if (value - EXEMPLAR) % 16:
        raise ValueError(
            f"{name} must be {EXEMPLAR} plus a multiple of 16, so that a cell of the response "
            f"lies in the middle, not {value}"
        )


@dataclass(frozen=True)
class SiamFCHyper:
    """Hyper-parameters of SiamFC+ (paper section 5.1; SiamFC, section 2.3).

    Attributes:
        scales: number of scales that are searched; odd.
        scale_step: factor from one scale to the next.
        scale_penalty: factor on the responses of all but the middle scale.
        scale_rate: share of the new scale in the size of the target.
        window_influence: share of the cosine window in the response.
        instance_size: side of the search window in network pixels; the exemplar's is 128 less.
        upsampling: factor by which the response is upsampled.
        scale_templates: not in the paper. Compare one search window with templates of all scales,
            instead of one template with search windows of all scales: one pass through the
            backbone per image instead of three.
        memory: not in the paper. Share of the template that is learnt while tracking; 0: off.
        memory_rate: how fast it is learnt: share of the last image.
        wide_instance_size: not in the paper. Side of the wide search window in network pixels,
            searched as well when the target is not seen in the usual one; 0: off.
        presence_midpoint, presence_slope: the score is
            1 / (1 + exp(-slope * (logit - midpoint))) of the highest response. They belong to
            the weights; `python -m siamdw_ros.measurement.presence` fits them.
    """

    scales: int = 3
    scale_step: float = 1.0375
    scale_penalty: float = 0.9745
    scale_rate: float = 0.59
    window_influence: float = 0.35
    instance_size: int = 255
    upsampling: int = 16
    scale_templates: bool = False
    memory: float = 0.0
    memory_rate: float = 0.1
    wide_instance_size: int = 0
    presence_midpoint: float = 0.0
    presence_slope: float = 1.0

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check_whole("scales", self.scales, 1, 9)
        if self.scales % 2 == 0:
            raise ValueError(f"scales must be odd, not {self.scales}")
        _check_whole("instance_size", self.instance_size, 231, LARGEST_SIDE)
        _check_whole("upsampling", self.upsampling, 1, 32)
        if self.wide_instance_size:
            low = self.instance_size + 1
            _check_whole("wide_instance_size", self.wide_instance_size, low, LARGEST_SIDE)
        if self.memory and not self.scale_templates:
            raise ValueError("memory needs scale_templates")

    @property
    def exemplar_size(self) -> int:
        """Side of the template in network pixels."""
        return self.instance_size - MARGIN


@dataclass(frozen=True)
class SiamRPNHyper:
    """Hyper-parameters of SiamRPN+ (SiamRPN, section 4.2).

    Attributes:
        exemplar_size: side of the template in network pixels.
        penalty_k: strength of the penalty on changes of size and shape.
        window_influence: share of the cosine window in the score.
        rate: share of the new size in that of the target, times its score.
        instance_size: side of the search window in network pixels.
        small_instance_size: the same, for targets that are small in their image.
        small_area: share of the image below which a target is small.
    """

    exemplar_size: ClassVar[int] = EXEMPLAR

    penalty_k: float = 0.055
    window_influence: float = 0.42
    rate: float = 0.295
    instance_size: int = 255
    small_instance_size: int = 255
    small_area: float = 0.004

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check_instance("instance_size", self.instance_size)
        _check_instance("small_instance_size", self.small_instance_size)


@dataclass(frozen=True)
class SiamBoxHyper:
    """Steers the box tracker.

    Attributes:
        penalty_k: how strongly changes of size and shape are punished (SiamRPN, equation 13).
        window_influence: share of the cosine window in the score.
        rate: share of the new size in the target's, times penalty and quality.
        quality_weight: exponent of the estimated overlap in the score.
        max_growth: by which factor a side may change from one image to the next, at most.
        instance_size: side of the search window in network pixels.
        memory: share of the template that is learnt while tracking; 0: off.
        memory_rate: how fast it is learnt: share of the last image.
        wide_instance_size: side of the window in which the rest of the image is searched for a
            lost target; 0: it is searched around its last position only.
        presence_midpoint: logit at which the score is 0.5.
        presence_slope: the score is 1 / (1 + exp(-slope * (logit - midpoint))) of the class logit
            at the cell chosen; both belong to the weights.
    """

    exemplar_size: ClassVar[int] = EXEMPLAR

    penalty_k: float = 0.08
    window_influence: float = 0.25
    rate: float = 0.5
    quality_weight: float = 0.5
    max_growth: float = 1.15
    memory: float = 0.0
    memory_rate: float = 0.1
    instance_size: int = 255
    wide_instance_size: int = 319
    presence_midpoint: float = 0.0
    presence_slope: float = 1.0

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check_instance("instance_size", self.instance_size)
        if self.wide_instance_size:
            _check_instance("wide_instance_size", self.wide_instance_size, self.instance_size + 16)


Hyper = SiamFCHyper | SiamRPNHyper | SiamBoxHyper

PUBLISHED: dict[str, Hyper] = {"siamfc": SiamFCHyper(), "siamrpn": SiamRPNHyper()}
# For the bundled weights: some twenty settings were tried by hand on box.mp4, cup.mp4, eight drone
# sequences of UAV123 and DTB70 and two more videos, restarted every 45 images. The curve of the
# presence score was fitted by `python -m siamdw_ros.measurement.presence` on those videos and
# juice.mp4, for the first stage of the weights (see their model card).
OURS: dict[str, Hyper] = {
    "siamfc": SiamFCHyper(
        scale_step=1.06,
        scale_penalty=0.98,
        scale_rate=0.4,
        window_influence=0.2,
        scale_templates=True,
        memory=0.5,
        memory_rate=0.15,
        wide_instance_size=383,
        presence_midpoint=3.26,
        presence_slope=1.82,
    ),
    "siamrpn": SiamRPNHyper(),
    "siambox": SiamBoxHyper(
        penalty_k=0.04,
        rate=0.75,
        memory=0.4,
        presence_midpoint=2.53,
        presence_slope=1.03,
    ),
}


def _siamfc(
    step: float, rate: float, penalty: float, window: float, instance: int = 255
) -> SiamFCHyper:
    return SiamFCHyper(
        scale_step=step,
        scale_rate=rate,
        scale_penalty=penalty,
        window_influence=window,
        instance_size=instance,
    )


def _siamrpn(
    penalty_k: float, rate: float, window: float, instance: int = 255, small: int = 255
) -> SiamRPNHyper:
    return SiamRPNHyper(
        penalty_k=penalty_k,
        rate=rate,
        window_influence=window,
        instance_size=instance,
        small_instance_size=small,
    )


# Tuned by the authors, each for one checkpoint and one benchmark.
PRESETS: dict[str, Hyper] = {
    "res22_otb2013": _siamfc(1.0482, 0.3629, 0.9997, 0.3896),
    "res22_otb2015": _siamfc(1.1897, 0.2226, 0.9370, 0.2897),
    "res22_vot2015": _siamfc(1.1190, 0.4373, 0.9811, 0.2569),
    "res22_vot2016": _siamfc(1.1535, 0.4596, 0.9259, 0.3309),
    "res22_vot2017": _siamfc(1.1466, 0.2061, 0.9994, 0.3242),
    "incep22_otb2013": _siamfc(1.1767, 0.2702, 0.9370, 0.2376, 263),
    "incep22_otb2015": _siamfc(1.1832, 0.3035, 0.9453, 0.2496, 263),
    "incep22_vot2015": _siamfc(1.1755, 0.3407, 0.9807, 0.3254),
    "incep22_vot2016": _siamfc(1.1859, 0.5921, 0.9359, 0.2616),
    "incep22_vot2017": _siamfc(1.1679, 0.6782, 0.9285, 0.2566),
    "next22_otb2013": _siamfc(1.0921, 0.4428, 0.9617, 0.2913, 263),
    "next22_otb2015": _siamfc(1.1390, 0.1775, 0.9593, 0.2094, 263),
    "next22_vot2015": _siamfc(1.1849, 0.3373, 0.9417, 0.2518, 263),
    "next22_vot2016": _siamfc(1.1561, 0.1615, 0.9593, 0.2548, 263),
    "next22_vot2017": _siamfc(1.1531, 0.5706, 0.9489, 0.2581),
    "res22w_otb2015": _siamfc(1.089, 0.245, 0.954, 0.292),
    "res22w_tnl2k": _siamfc(1.089, 0.245, 0.954, 0.292),
    "res22w_trackingnet": _siamfc(1.089, 0.245, 0.954, 0.292),
    "res22w_got10ktest": _siamfc(1.199, 0.454, 0.963, 0.279),
    "res22w_lasot": _siamfc(1.071, 0.283, 0.986, 0.232),
    "res22w_uav123": _siamfc(1.071, 0.283, 0.986, 0.232),
    "res22w_nfs30": _siamfc(1.124, 0.341, 0.956, 0.200),
    "res22w_totb": _siamfc(1.074, 0.211, 0.956, 0.303),
    "res22w_vot2018": _siamfc(1.0085, 0.2294, 0.9686, 0.1817),
    "rpn_res22_otb2013": _siamrpn(0.256, 0.439, 0.074),
    "rpn_res22_otb2015": _siamrpn(0.841, 0.714, 0.390),
    "rpn_res22_vot2015": _siamrpn(0.895, 0.654, 0.370),
    "rpn_res22_vot2016": _siamrpn(0.711, 0.701, 0.355),
    "rpn_res22_vot2017": _siamrpn(0.038, 0.388, 0.347, 271, 287),
}


def hyperparameters(network: str, preset: str | None = None, **overrides: Any) -> Hyper:
    """Return the hyper-parameters for a network.

    Args:
        network: a name of :data:`~siamdw_ros.siamdw.networks.NETWORKS`.
        preset: a name of :data:`PRESETS`, `published` for the authors' defaults, None for ours.
        overrides: single values to use instead, by field name.

    Raises:
        ValueError: there is no such network, the preset is unknown or made for the other method,
            a field is unknown, or a value is out of its range.
    """
    if network not in NETWORKS:
        raise ValueError(f"unknown network '{network}': choose one of {', '.join(NETWORKS)}")
    method = network.partition("_")[0]
    if preset is None:
        hyper = OURS[method]
    elif preset == "published":
        if method not in PUBLISHED:
            raise ValueError(
                f"{network} is not published: leave out preset and parity, "
                "or choose a published network, for example siamfc_res22"
            )
        hyper = PUBLISHED[method]
    elif preset in PRESETS:
        hyper = PRESETS[preset]
    else:
        raise ValueError(
            f"unknown preset '{preset}': choose one of published, {', '.join(PRESETS)}"
        )
    if type(hyper) is not type(OURS[method]):
        raise ValueError(f"preset '{preset}' is not made for {network}: it is of another method")
    known = {field.name for field in dataclasses.fields(hyper)}
    if unknown := sorted(set(overrides) - known):
        raise ValueError(
            f"{network} has no hyper-parameter {', '.join(map(_with_its_networks, unknown))}: "
            f"it has {', '.join(sorted(known))}"
        )
    return dataclasses.replace(hyper, **overrides)


def _with_its_networks(name: str) -> str:
    """Return the name of a hyper-parameter and which networks have it, if any."""
    networks = [f"{method}_*" for method, hyper in OURS.items() if hasattr(hyper, name)]
    return f"{name} (only {' and '.join(networks)} have it)" if networks else name
