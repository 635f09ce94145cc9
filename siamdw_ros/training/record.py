"""The record of a run: its configuration, stored beside what comes of it."""

from importlib.metadata import PackageNotFoundError, version

import yaml

from siamdw_ros.training.config import Config, ConfigError

# What may differ when a run goes on: it changes the speed, not the result.
MAY_CHANGE = {"folder", "workers", "log_every", "checkpoint_every"}


def store_config(config: Config) -> None:
    """Write a configuration into the run's folder, or check that it is the one that is there.

    Raises:
        ConfigError: the folder holds a run of another configuration.
    """
    file = config.folder / "config.yaml"
    wanted = config.model_dump(mode="json")
    if file.exists():
        stored = yaml.safe_load(file.read_text())
        differing = sorted(
            key
            for key in (stored.keys() | wanted.keys()) - MAY_CHANGE
            if stored.get(key) != wanted.get(key)
        )
        if differing:
            raise ConfigError(
                f"{config.folder} holds a run with other values of {', '.join(differing)}: "
                "choose another folder=, or delete that one"
            )
        return
    config.folder.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(f"# {_versions()}\n{yaml.safe_dump(wanted, sort_keys=False)}")
    partial.replace(file)


def _versions() -> str:
    """Versions and settings that a run was made with."""
    versions = []
    for package in ("siamdw_ros", "torch", "lightning", "numpy", "opencv-python-headless"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(versions)
