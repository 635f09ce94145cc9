"""Declarations of parameters. Each is declared once, as a field of a settings class.

From these fields follow the declaration in ROS with type, range and description
(node_parameters.py), config/tracker.yaml and the tables in the documentation
(tools/parameter_table.py).
"""

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Read(Enum):
    """When a parameter is read, and so when it may be changed."""

    START = "when the node starts"
    CONFIGURE = "when the node is configured"
    ALWAYS = "at any time"


@dataclass(frozen=True)
class Parameter:
    """Declaration of one parameter.

    Attributes:
        name: Name in ROS.
        default: Default value. None marks an optional number: in ROS a number or '', in the
            settings a float or None.
        description: What it does, understandable without its neighbours.
        limits: Smallest and largest value.
        read: When it is read.
        envelope: 1 if a smaller value is safer, -1 if a larger one is, else 0. While the node
            runs, such a value can be made safer than at the start, but not less safe.
    """

    name: str
    default: Any
    description: str
    limits: tuple[Any, Any] | None = None
    read: Read = Read.ALWAYS
    envelope: int = 0

    @property
    def field(self) -> str:
        """Name of the field in the settings class."""
        return self.name.replace(".", "_")


@dataclass(frozen=True)
class ParameterSet:
    """Base of the settings classes: frozen dataclasses whose fields :func:`parameter` makes."""

    def check(self) -> None:
        """Check whether the values fit together.

        Raises:
            ValueError: They do not fit together.
        """


def parameter(
    default: Any,
    description: str,
    limits: tuple[Any, Any] | None = None,
    read: Read = Read.ALWAYS,
    *,
    prefix: str = "",
    envelope: int = 0,
) -> Any:
    """Declare a field of a settings class as a parameter.

    See :class:`Parameter` for the arguments. `prefix` is the first part of the name in ROS, for
    example `tracker`.
    """
    metadata = {"prefix": prefix, "declared": (description, limits, read, envelope)}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def parameters_of(kind: type[ParameterSet]) -> tuple[Parameter, ...]:
    """Return the parameters that a settings class declares, in the order of its fields."""
    defaults = kind()
    return tuple(
        Parameter(_name(field), getattr(defaults, field.name), *field.metadata["declared"])
        for field in dataclasses.fields(kind)
    )


def _name(field: "dataclasses.Field[Any]") -> str:
    prefix = field.metadata["prefix"]
    return f"{prefix}.{field.name.removeprefix(f'{prefix}_')}" if prefix else field.name


def loosened(first: ParameterSet, changed: ParameterSet) -> str:
    """Return which safety limit of `changed` is less safe than at the start; empty if none is."""
    for parameter in parameters_of(type(first)):
        before = getattr(first, parameter.field)
        after = getattr(changed, parameter.field)
        if parameter.envelope and parameter.envelope * (after - before) > 0:
            word = "above" if parameter.envelope > 0 else "below"
            return (
                f"{parameter.name} {after:g} is {word} {before:g}, its value at the start: safety "
                "limits can only be tightened while the node runs"
            )
    return ""
