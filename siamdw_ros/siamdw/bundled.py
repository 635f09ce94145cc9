"""The networks whose weights come with the package.

Without torch, so that a node can declare its parameters before torch is loaded.
"""

from importlib import resources

DEFAULT_NETWORK = "siambox_res22"  # default of the tracker, the node and every command
BUNDLED = {name: f"{name}.pt" for name in (DEFAULT_NETWORK, "siamfc_res22")}


def bundled_checkpoint(name: str) -> str:
    """Return the path of the checkpoint that comes with the package.

    Raises:
        ValueError: no checkpoint comes for this network.
    """
    if name not in BUNDLED:
        raise ValueError(
            f"no checkpoint is bundled for {name}: give a file "
            f"(bundled: {', '.join(BUNDLED)}; docs/tutorials/own_checkpoint.md has the authors')"
        )
    return str(resources.files("siamdw_ros") / "weights" / BUNDLED[name])
