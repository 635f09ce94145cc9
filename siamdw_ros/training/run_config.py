"""Configurations of the commands that train one network: a YAML file, read into a dataclass."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from siamdw_ros.evaluation.yaml_text import parse_yaml, read_yaml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ConfigT = TypeVar("ConfigT", bound="DataclassInstance")


def read_config(kind: type[ConfigT], file: Path, overrides: list[str]) -> ConfigT:
    """Read a YAML file and replace what `key=value` overrides name.

    Args:
        kind: a dataclass; its fields without a default have to be given.
        file: lines of `key: value`.
        overrides: values are YAML.

    Raises:
        OSError: the file cannot be read.
        ValueError: a key is unknown or missing, or a value is not of its type.
    """
    content = read_yaml(file)
    if not isinstance(content, dict):
        raise ValueError(f"{file}: expected lines of 'key: value'")
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ValueError(f"'{override}' is not key=value")
        content[key] = parse_yaml(text, override)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(content.keys() - fields.keys()):
        raise ValueError(f"unknown key '{unknown[0]}': choose of {', '.join(fields)}")
    needed = {name for name, field in fields.items() if _has_no_default(field)}
    if missing := sorted(needed - content.keys()):
        raise ValueError(f"'{missing[0]}' is missing: give {missing[0]}=VALUE")
    return kind(**{key: _converted(fields[key], value) for key, value in content.items()})


def _has_no_default(field: "dataclasses.Field[Any]") -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _converted(field: "dataclasses.Field[Any]", value: Any) -> Any:
    """Convert a value of YAML to the type of a field."""
    kind = field.type if isinstance(field.type, str) else str(field.type)
    if "tuple" in kind:
        _check_list(field, value)
    try:
        if "tuple" in kind:
            return tuple((Path if "Path" in kind else float)(part) for part in value)
        if "Path" in kind:
            return None if value is None else Path(value)
        plain: Any = type(field.default)
        if plain is float or isinstance(value, plain):
            return plain(value)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{field.name}: {value!r} is not a {kind}")


def _check_list(field: "dataclasses.Field[Any]", value: Any) -> None:
    """Check that a value is a list, and that numbers are as many as the default has."""
    if not isinstance(value, list):
        raise ValueError(f"{field.name}: {value!r} is not a list: write {field.name}=[{value}]")
    default: Any = field.default
    if "float" in str(field.type) and len(value) != len(default):
        raise ValueError(f"{field.name}: expected {len(default)} numbers, found {len(value)}")
