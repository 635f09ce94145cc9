"""YAML that users write, in files and on the command line; what is wrong becomes one line."""

from pathlib import Path
from typing import Any

import yaml


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not YAML.
    """
    try:
        text = path.read_text()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not YAML: {error}") from error
    return parse_yaml(text, path)


def parse_yaml(text: str, source: object) -> Any:
    """Return the value of a YAML text.

    Args:
        text: one value or a whole file.
        source: what the text is, as the error names it.

    Raises:
        ValueError: it is not YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{source}: not YAML: {' '.join(str(error).split())}") from error
