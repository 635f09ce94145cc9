"""Networks by name: a backbone shared by template and search window, and a head."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from torch import Tensor, nn

from siamdw_ros.siamdw.backbones import Backbone, Inception22, ResNet, ResNet43, ResNeXt22
from siamdw_ros.siamdw.box_head import BoxHead, BoxTemplate
from siamdw_ros.siamdw.heads import SiamFCHead, SiamRPNHead

Ranges = Mapping[str, tuple[float, float]]  # name of a convolution -> its least and largest input
HeadT = TypeVar("HeadT", bound=SiamFCHead | SiamRPNHead | BoxHead)


class SiameseNetwork(nn.Module, Generic[HeadT]):
    """A backbone and a head. It holds no target, so any number of targets can share it.

    Args:
        name: its key in :data:`NETWORKS`.
        backbone: turns image crops, B x 3 x H x W float BGR 0..255, into features.
        head: compares the features of template and search region.

    Attributes:
        activation_ranges: of the inputs of the convolutions, for int8; None: not measured.
    """

    def __init__(self, name: str, backbone: Backbone, head: HeadT) -> None:
        super().__init__()
        self.name = name
        self.backbone = backbone
        self.head = head
        self.activation_ranges: Ranges | None = None

    def features(self, crops: Tensor) -> Tensor:
        """B x 3 x H x W crops -> B x C x h x w features."""
        features: Tensor = self.backbone(crops)
        return features

    def search(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Compute what needs no template from search windows, B x 3 x H x W crops."""
        return (self.features(crops),)


class SiamFCNetwork(SiameseNetwork[SiamFCHead]):
    """SiamFC+: the response is high where the search window looks like the template."""

    def forward(self, templates: Tensor, searches: Tensor) -> Tensor:
        """Compare crops: T x 3 x 127 x 127 and T*S x 3 x 255 x 255 -> T*S x 1 x 17 x 17 logits."""
        response: Tensor = self.head(self.features(templates), self.features(searches))
        return response


class SiamRPNNetwork(SiameseNetwork[SiamRPNHead]):
    """SiamRPN+: every anchor gets a probability and a correction of its box."""

    def search(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what the head's two kinds of kernels slide over, from B x 3 x H x W crops."""
        return self.head.prepare(self.features(crops).to(self.head.search_cls.weight.dtype))

    def forward(self, templates: Tensor, searches: Tensor) -> tuple[Tensor, Tensor]:
        """Compare crops: T x 3 x 127 x 127 and T x 3 x 255 x 255.

        Returns:
            Class logits T x classes x 17 x 17 and offsets T x 20 x 17 x 17.
        """
        kernels = self.head.kernels(self.features(templates))
        logits, offsets = self.head(kernels, self.features(searches))
        return logits, offsets


class BoxNetwork(SiameseNetwork[BoxHead]):
    """Anchor-free: every cell predicts whether the target is there, and where its sides are."""

    def template(self, crops: Tensor, extents: Tensor) -> BoxTemplate:
        """Prepare templates: T x 3 x 127 x 127 crops, and T x 2 extents of the marked boxes."""
        return self.head.template(self.features(crops), extents)

    def search(self, crops: Tensor) -> tuple[Tensor, ...]:
        """B x 3 x H x W crops -> what the head compares with templates."""
        return self.head.search(self.features(crops).to(self.head.precision))


Network = SiamFCNetwork | SiamRPNNetwork | BoxNetwork

BACKBONES: dict[str, Callable[[], Backbone]] = {
    "res22": ResNet,
    "res22w": lambda: ResNet(wide=True),
    "incep22": Inception22,
    "next22": ResNeXt22,
    "res16": lambda: ResNet((1, 4)),
    "res19": lambda: ResNet((2, 4)),
    "res43": ResNet43,
}

NETWORKS = (
    *(f"siamfc_{name}" for name in BACKBONES),
    "siamrpn_res22",
    "siamrpn_res22_thicker",
    "siambox_res22",
)


def create_network(name: str, *, learned_scale: bool = False, old_stem: bool = False) -> Network:
    """Build a network with random weights.

    Args:
        name: one of :data:`NETWORKS`.
        learned_scale: see :class:`~siamdw_ros.siamdw.heads.SiamFCHead`.
        old_stem: see :class:`~siamdw_ros.siamdw.backbones.Inception22`.

    Raises:
        ValueError: there is no such network, or `old_stem` is given for a network without one.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network '{name}': choose one of {', '.join(NETWORKS)}")
    if old_stem and name != "siamfc_incep22":
        raise ValueError(f"only siamfc_incep22 has an old stem, not {name}")
    method, _, rest = name.partition("_")
    backbone_name, _, variant = rest.partition("_")
    backbone = Inception22(old_stem=True) if old_stem else BACKBONES[backbone_name]()
    if method == "siambox":
        return BoxNetwork(name, backbone, BoxHead(backbone.channels))
    if method == "siamfc":
        return SiamFCNetwork(name, backbone, SiamFCHead(learned_scale=learned_scale))
    return SiamRPNNetwork(
        name, backbone, SiamRPNHead(backbone.channels, thicker=variant == "thicker")
    )
