"""Which parts of a backbone learn, and when.

`gradual` is of SiamDW's release: the last units learn first, earlier ones join as training goes
on. The paper starts from weights for ImageNet, whose first layers are good as they are; the stem
never learns. `stem` is for networks that have tracked before: the stem is held, and so are the
statistics of all batch norms, which small batches would only disturb. `first` holds the first
stage as well, which has the largest maps: a step then costs a third less.
"""

from torch import nn

from siamdw_ros.siamdw.backbones import Backbone

# The share of the epochs after which each unit learns, from the last one to the first.
STARTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7)


def hold_stem(backbone: Backbone, *, first_stage: bool = False) -> None:
    """Hold the first convolution and all statistics; without its gradients steps are cheaper.

    Args:
        backbone: in training mode; it is changed.
        first_stage: hold the units of the first stage too.
    """
    if first_stage:
        backbone.layer1.requires_grad_(False)
    for name, module in backbone.named_modules():
        if name in ("conv0", "conv1", "bn0", "bn1"):
            module.requires_grad_(False)
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def unfreeze_gradually(backbone: Backbone, epoch: int, epochs: int) -> int:
    """Let the units learn whose time has come, and hold all else in `backbone`.

    What is held has no gradients, and its batch norms keep their statistics.

    Args:
        backbone: in training mode; it is changed.
        epoch: from 0.
        epochs: in all.

    Returns:
        How many units learn.

    Raises:
        ValueError: the backbone has more units than there are starts.
    """
    units = residual_units(backbone)
    if len(units) > len(STARTS):
        raise ValueError(
            f"freezing: gradual is defined for up to {len(STARTS)} units, "
            f"this network has {len(units)}: give freezing=none"
        )
    backbone.requires_grad_(False).eval()
    progress = (epoch + 1) / epochs
    learning = [unit for unit, start in zip(units, STARTS, strict=False) if progress >= start]
    for unit in learning:
        unit.requires_grad_(True).train()
    return len(learning)


def residual_units(backbone: Backbone) -> list[nn.Module]:
    """The units of both stages, from the last to the first."""
    units = [*backbone.layer1, *backbone.layer2]
    return [unit for unit in reversed(units) if not isinstance(unit, nn.MaxPool2d)]
