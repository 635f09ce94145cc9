"""The parameters at a node: declared in ROS, converted, checked and kept as Settings."""

import dataclasses
import difflib
from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from siamdw_ros.node.abridge import abridge
from siamdw_ros.node.parameters import PARAMETERS, Parameter, Settings
from siamdw_ros.node.rclpy_internals import parameter_overrides

KNOWN = {parameter.name: parameter for parameter in PARAMETERS}
OF_ROS = ("use_sim_time", "start_type_description_service", "qos_overrides.")


class ParameterError(ValueError):
    """A parameter was given a value that it cannot have; the message says what it needs."""


class NodeParameters:
    """Declares all parameters at a node and keeps their values.

    Args:
        node: Node of the parameters.
        check: Raises ValueError for values that do not fit the node's state. Called with the
            settings as they would become, and the parameters whose values would change.
        changed: Called after a change.

    Attributes:
        settings: The present values. Replaced as a whole at each change, so that any thread may
            read it.

    Raises:
        ParameterError: A value given at the start is of a wrong type or out of range.
    """

    def __init__(
        self,
        node: Node,
        check: Callable[[Settings, Sequence[Parameter]], None],
        changed: Callable[[Settings], None],
    ) -> None:
        _convert_overrides(node)
        for parameter in PARAMETERS:
            try:
                default = "" if parameter.default is None else parameter.default
                node.declare_parameter(parameter.name, default, descriptor(parameter))
            except Exception as error:  # rclpy has a class of its own for each reason
                raise ParameterError(f"parameter {parameter.name}: {error}") from error
        self.settings = Settings(
            **{p.field: converted(p, node.get_parameter(p.name).value) for p in PARAMETERS}
        )
        self._check = check
        self._changed = changed
        if hasattr(node, "add_pre_set_parameters_callback"):  # since Iron
            node.add_pre_set_parameters_callback(_convert_changes)
        node.add_on_set_parameters_callback(self._on_set)

    def _on_set(self, changes: Sequence[Any]) -> SetParametersResult:
        """Accept all changes, or none of them."""
        ours = [(KNOWN[change.name], change.value) for change in changes if change.name in KNOWN]
        try:
            values = {p.field: converted(p, value) for p, value in ours}
            changed = [p for p, _ in ours if values[p.field] != getattr(self.settings, p.field)]
            if not changed:  # a dump of all parameters can be loaded again in any state
                return SetParametersResult(successful=True)
            settings = dataclasses.replace(self.settings, **values)
            settings.check()
            self._check(settings, changed)
        except Exception as error:  # whatever it is, it becomes the answer
            return SetParametersResult(successful=False, reason=str(error))
        self.settings = settings
        self._changed(settings)
        return SetParametersResult(successful=True)


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """Return the description of a parameter for ROS."""
    made = ParameterDescriptor(
        description=parameter.description,
        additional_constraints=f"read {parameter.read.value}",
        read_only=parameter.read.name == "START",
        dynamic_typing=parameter.default is None,  # a number or an empty string
    )
    if parameter.limits is not None:
        low, high = parameter.limits
        if isinstance(parameter.default, int):
            made.integer_range = [IntegerRange(from_value=low, to_value=high)]
        else:
            made.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    return made


def converted(parameter: Parameter, value: Any) -> Any:
    """Convert a value to a parameter's type, where that is meant without doubt.

    YAML and the command line make an integer of `2` and of the class name `0`. ROS refuses both
    for a double and a string.

    Args:
        parameter: The parameter.
        value: Value of any type that ROS has.

    Returns:
        A value of the parameter's type.

    Raises:
        ParameterError: The value is not of that type.
    """
    default = parameter.default
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if default is None and value in (None, ""):
        return None
    if isinstance(default, float | None) and number:
        return float(value)
    if isinstance(default, str) and number:
        return str(value)
    if isinstance(default, list):
        value = [value] if isinstance(value, str) else list(value or [])
        if all(isinstance(one, str) for one in value):
            return value or default
    elif type(value) is type(default):
        return value
    names = {bool: "true or false", int: "an integer", str: "a string", list: "a list of strings"}
    wanted = names.get(type(default), "a number" + " or an empty string" * (default is None))
    raise ParameterError(f"parameter {parameter.name} needs {wanted}, not {value!r}")


def _convert_changes(changes: Sequence[RosParameter]) -> list[RosParameter]:
    """Convert what a client sets. What cannot be converted is left for ROS to refuse."""
    return [_converted_or_same(change) for change in changes]


def _converted_or_same(change: RosParameter) -> RosParameter:
    if change.name not in KNOWN:
        return change
    try:
        return _ros_parameter(KNOWN[change.name], change.value)
    except (ParameterError, TypeError):
        return change


def _ros_parameter(parameter: Parameter, value: Any) -> RosParameter:
    value = converted(parameter, value)
    if value is None:  # a parameter without a value would be undeclared
        value = ""
    kind = RosParameter.Type.STRING_ARRAY if isinstance(parameter.default, list) else None
    return RosParameter(parameter.name, kind, value)


def _convert_overrides(node: Node) -> None:
    """Convert the values given at the start, and warn of names that the node does not have.

    Raises:
        ParameterError: A value is of a wrong type.
    """
    overrides = parameter_overrides(node)
    for name, override in overrides.items():
        if name in KNOWN:
            overrides[name] = _ros_parameter(KNOWN[name], override.value)
        elif not name.startswith(OF_ROS):
            similar = difflib.get_close_matches(name, KNOWN, n=1)
            hint = f": did you mean {similar[0]}?" if similar else ""
            node.get_logger().warning(f"there is no parameter '{abridge(name)}'{hint}")
