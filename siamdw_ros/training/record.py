"""The record of a run: its configuration, stored beside what comes of it."""

from collections.abc import Mapping, Set
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from siamdw_ros.evaluation.yaml_text import read_yaml

RECORD = "config.yaml"


class ConfigError(ValueError):
    """A configuration cannot be used; the message states in a line what to do."""


def check_config(folder: Path, config: Mapping[str, Any], may_change: Set[str]) -> None:
    """Check that a folder holds no run of another configuration.

    Args:
        folder: of the run.
        config: the values, as YAML has them.
        may_change: keys that may differ when a run goes on, because they do not change the result.

    Raises:
        ConfigError: it does.
    """
    if not (folder / RECORD).exists():
        return
    stored = read_yaml(folder / RECORD)
    differing = sorted(
        key
        for key in (stored.keys() | config.keys()) - may_change
        if stored.get(key) != config.get(key)
    )
    if differing:
        raise ConfigError(
            f"{folder} holds a run with other values of {', '.join(differing)}: "
            "choose another folder=, or delete that one"
        )


def store_config(folder: Path, config: Mapping[str, Any], may_change: Set[str]) -> None:
    """Write a configuration into the run's folder, or check that it is the one that is there.

    Args and errors are those of :func:`check_config`.
    """
    file = folder / RECORD
    if file.exists():
        check_config(folder, config, may_change)
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(f"# {_versions()}\n{yaml.safe_dump(dict(config), sort_keys=False)}")
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
