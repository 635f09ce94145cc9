"""The configuration of a run: one YAML file, checked whole before anything starts."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from siamdw_ros.evaluation.yaml_text import parse_yaml, read_yaml
from siamdw_ros.siamdw.networks import NETWORKS
from siamdw_ros.training.datasets import Source
from siamdw_ros.training.losses import LossWeights
from siamdw_ros.training.published import EXEMPLAR, Augmentation
from siamdw_ros.training.record import ConfigError
from siamdw_ros.training.scenes import Shares

TRAINED = tuple(name for name in NETWORKS if not name.startswith("siambox"))
# What may differ when a run goes on: it changes the speed, not the result.
MAY_CHANGE = frozenset({"folder", "workers", "log_every", "checkpoint_every"})


def _expand(paths: Any) -> Any:
    """Replace patterns in a list of paths by what they match."""
    if not isinstance(paths, list):
        return paths
    return [found for path in paths for found in _matches(Path(str(path)))]


def _matches(path: Path) -> list[Path]:
    if "*" not in str(path):
        return [path]
    found = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    if not found:
        raise ValueError(f"no file matches {path}")
    return found


Paths = Annotated[list[Path], BeforeValidator(_expand)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OptimizerConfig(_Section):
    """How the network learns.

    kind: sgd with momentum, decaying all parameters, as published; or adamw, decaying
    convolutions only. schedule: `log` lowers the rate from `rate` to `rate_end` in even steps of
    its logarithm, one an epoch (as published); `cosine` raises it to `rate` over the share
    `warmup` of all steps and lowers it to nothing along half a cosine. clip: the norm that
    gradients are cut to.
    """

    kind: Literal["sgd", "adamw"]
    schedule: Literal["log", "cosine"]
    rate: PositiveFloat
    rate_end: PositiveFloat = 1e-5
    warmup: float = Field(0.04, ge=0, lt=1)
    momentum: float = Field(0.9, ge=0, lt=1)
    decay: NonNegativeFloat = 1e-4
    clip: PositiveFloat = 10.0


class Config(_Section):
    """Everything that decides what a run does; docs/training.md explains each key."""

    folder: Path
    model: str
    recipe: Literal["siamfc", "siamrpn", "matching"]
    init: Path | None = None
    learned_scale: bool = False
    freezing: Literal["none", "stem", "first", "gradual"] = "none"

    epochs: PositiveInt
    pairs_per_epoch: PositiveInt
    batch: PositiveInt
    optimizer: OptimizerConfig
    loss: LossWeights = LossWeights()
    seed: NonNegativeInt = 0

    search_side: int = Field(255, ge=EXEMPLAR + 16)
    datasets: list[Source] = []
    augmentation: Augmentation = Augmentation()
    photographs: Paths = []
    cutouts: Paths = []
    sequences: Paths = []
    videos: Paths = []
    meshes: Paths = []
    shares: Shares = Shares()

    device: Literal["auto", "cpu", "gpu"] = "auto"
    devices: PositiveInt | Literal["auto"] = "auto"
    nodes: PositiveInt = 1
    precision: Literal["auto", "half", "full"] = "auto"
    compile: bool = False
    workers: NonNegativeInt = 2
    checkpoint_every: PositiveInt = 500
    log_every: PositiveInt = 20


def load_config(file: Path, overrides: list[str]) -> Config:
    """Read a YAML file, put `key=value` overrides in, and check the whole.

    Args:
        file: of the configuration.
        overrides: like `optimizer.rate=0.1` or `datasets.0.path=/data/got10k/train`; values are
            YAML.

    Raises:
        ConfigError: something is wrong with it.
    """
    try:
        content = read_yaml(file)
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: no such configuration file") from error
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: expected lines of 'key: value'")
    for override in overrides:
        _override(content, override)
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{file}: {_explain(error)}") from error
    _check(config, file)
    return config


def _override(content: dict[str, Any], override: str) -> None:
    """Set one value, given as key.key=value; a number is a place in a list."""
    keys, separator, text = override.partition("=")
    *path, last = keys.split(".")
    if not separator:
        raise ConfigError(f"'{override}' is not key=value")
    try:
        value = parse_yaml(text, override)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    place: Any = content
    try:
        for key in path:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        place[int(last) if isinstance(place, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise ConfigError(f"'{override}': there is no such place") from error


def _explain(error: ValidationError) -> str:
    """Return the first error as one line, with what to do."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        near = difflib.get_close_matches(str(first["loc"][-1]), _all_keys(), 1)
        return f"unknown key '{place}'" + (f": did you mean '{near[0]}'?" if near else "")
    if first["type"].startswith("missing"):
        return f"'{place}' is missing: add it to the file, or give {place}=VALUE"
    if first["type"] == "value_error":
        return f"{place}: {first['ctx']['error']}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {first['msg'].lower()}, found {first['input']!r}{more}"


def _all_keys() -> list[str]:
    parts = (OptimizerConfig.model_fields, Config.model_fields)
    records = (Source, Augmentation, Shares, LossWeights)
    return [*(key for fields in parts for key in fields)] + [
        key for record in records for key in record.__dataclass_fields__
    ]


def _check(config: Config, file: Path) -> None:
    """See to it that what is asked for fits together and that files are there.

    Raises:
        ConfigError: it does not.
    """
    problems = (
        (
            config.model in NETWORKS and config.model not in TRAINED,
            f"model: {config.model} is trained by train_boxes, not by train",
        ),
        (config.model not in TRAINED, f"model: choose one of {', '.join(TRAINED)}"),
        (
            config.model.startswith("siamrpn") != (config.recipe == "siamrpn"),
            f"recipe: {config.recipe} does not train {config.model}",
        ),
        (
            config.recipe == "matching" and not (config.photographs and config.learned_scale),
            "recipe: matching needs 'photographs' and 'learned_scale: true'",
        ),
        (
            config.recipe != "matching" and not config.datasets,
            f"recipe: {config.recipe} needs 'datasets'",
        ),
        (
            config.recipe != "matching"
            and any((config.photographs, config.cutouts, config.sequences, config.videos)),
            f"recipe: {config.recipe} learns from 'datasets' only, not photographs and the like",
        ),
        (
            config.freezing != "none" and config.init is None,
            "freezing keeps the stem as it is, so it needs 'init'; or give freezing=none",
        ),
    )
    for wrong, message in problems:
        if wrong:
            raise ConfigError(f"{file}: {message}")
    for key, path in _paths(config):
        if not path.exists():
            raise ConfigError(
                f"{file}: {key}: {path} does not exist: give {key}=PATH of your copy "
                "(nothing is downloaded)"
            )


def _paths(config: Config) -> list[tuple[str, Path]]:
    """Every path that has to exist, with its key."""
    paths = [("init", config.init)]
    for index, source in enumerate(config.datasets):
        paths += [
            (f"datasets.{index}.path", source.path),
            (f"datasets.{index}.names", source.names),
        ]
    for key in ("photographs", "cutouts", "sequences", "videos", "meshes"):
        paths += [(f"{key}.{index}", path) for index, path in enumerate(getattr(config, key))]
    return [(key, path) for key, path in paths if path is not None]
