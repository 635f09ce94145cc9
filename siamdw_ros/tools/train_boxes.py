"""Train the anchor-free box network; go on where the run was ended."""

import argparse
import dataclasses
import logging
import sys
from pathlib import Path
from typing import Any

import yaml

from siamdw_ros.training.box_loop import BoxTrainer, BoxTraining
from siamdw_ros.training.box_replay_loop import ReplayTrainer

EPILOG = """
  train_boxes config/training/siambox_res22.yaml 'packs=[pack.zip]' folder=runs/a minutes=60
docs/training.md explains the keys.
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m siamdw_ros.tools.train_boxes",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, help="YAML file")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="replaces a value of the file"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        config = read_config(options.config, options.overrides)
        trainer = ReplayTrainer(config) if config.tail else BoxTrainer(config)
        weights = trainer.run()
    except (OSError, ValueError) as error:
        print(f"train_boxes: {error}", file=sys.stderr)
        return 2
    print(f"weights for a tracker: {weights}")
    return 0


def read_config(file: Path, overrides: list[str]) -> BoxTraining:
    """Read a YAML file and replace what `key=value` overrides name.

    Raises:
        ValueError: a key is unknown or missing, or a value is not of its type.
    """
    content = yaml.safe_load(file.read_text())
    if not isinstance(content, dict):
        raise ValueError(f"{file}: expected lines of 'key: value'")
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ValueError(f"'{override}' is not key=value")
        content[key] = yaml.safe_load(text)
    fields = {field.name: field for field in dataclasses.fields(BoxTraining)}
    if unknown := sorted(content.keys() - fields.keys()):
        raise ValueError(f"unknown key '{unknown[0]}': choose of {', '.join(fields)}")
    if missing := sorted({"folder", "packs"} - content.keys()):
        raise ValueError(f"'{missing[0]}' is missing: give {missing[0]}=VALUE")
    return BoxTraining(**{key: _converted(fields[key], value) for key, value in content.items()})


def _converted(field: "dataclasses.Field[Any]", value: Any) -> Any:
    """Convert a value of YAML to the type of a field."""
    try:
        match field.type if isinstance(field.type, str) else str(field.type):
            case text if "tuple" in text and "Path" in text:
                return tuple(Path(part) for part in value)
            case text if "tuple" in text:
                return tuple(float(part) for part in value)
            case text if "Path" in text:
                return None if value is None else Path(value)
            case _:
                kind: Any = type(field.default)
                if kind is float or isinstance(value, kind):
                    return kind(value)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{field.name}: {value!r} is not a {field.type}")


if __name__ == "__main__":
    sys.exit(main())
