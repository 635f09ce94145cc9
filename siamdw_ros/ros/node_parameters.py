"""The parameters of a node: declared in ROS, converted, checked and kept as settings."""

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from siamdw_ros.ros.abridge import abridge
from siamdw_ros.ros.parameters import (
    Parameter,
    ParameterSet,
    Read,
    loosened,
    parameters_of,
)
from siamdw_ros.ros.rclpy_internals import parameter_overrides

Values = TypeVar("Values", bound=ParameterSet)
Known = Mapping[str, Parameter]  # by name
OF_ROS = ("use_sim_time", "start_type_description_service", "qos_overrides.")


class ParameterError(ValueError):
    """A parameter was given a value that it cannot have; the message names the expected one."""


class NodeParameters(Generic[Values]):
    """Declares all parameters of a node and keeps their values.

    Args:
        node: Node of the parameters.
        kind: The settings class that declares them.
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
        kind: type[Values],
        check: Callable[[Values, Sequence[Parameter]], None] = lambda *_: None,
        changed: Callable[[Values], None] = lambda _: None,
    ) -> None:
        self._known = {parameter.name: parameter for parameter in parameters_of(kind)}
        _convert_overrides(node, self._known)
        values = {}
        for name, parameter in self._known.items():
            try:
                default = "" if parameter.default is None else parameter.default
                declared = node.declare_parameter(name, default, descriptor(parameter))
            except (ParameterException, TypeError, ValueError) as error:
                raise ParameterError(f"parameter {name}: {error}") from error
            values[parameter.field] = converted(parameter, declared.value)
        self.settings = kind(**values)
        self._first = self.settings
        self._check = check
        self._changed = changed
        if hasattr(node, "add_pre_set_parameters_callback"):  # since Iron
            node.add_pre_set_parameters_callback(partial(_convert_changes, self._known))
        node.add_on_set_parameters_callback(self._on_set)

    def check(self) -> None:
        """Check whether the values given at the start fit together.

        Raises:
            ParameterError: They do not.
        """
        try:
            self.settings.check()
        except ValueError as error:
            raise ParameterError(str(error)) from error

    def _on_set(self, changes: Sequence[Any]) -> SetParametersResult:
        """Accept all changes, or none of them."""
        ours = [(self._known[c.name], c.value) for c in changes if c.name in self._known]
        try:
            values = {p.field: converted(p, value) for p, value in ours}
            changed = [p for p, _ in ours if values[p.field] != getattr(self.settings, p.field)]
            if not changed:  # a dump of all parameters can be loaded again in any state
                return SetParametersResult(successful=True)
            settings = dataclasses.replace(self.settings, **values)
            settings.check()
            if reason := loosened(self._first, settings):
                raise ValueError(reason)
            self._check(settings, changed)
        except Exception as error:  # whatever it is, it becomes the answer
            return SetParametersResult(successful=False, reason=str(error))
        self.settings = settings
        self._changed(settings)
        return SetParametersResult(successful=True)


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """Return the description of a parameter for ROS."""
    tightened = "; can only be tightened while the node runs" if parameter.envelope else ""
    made = ParameterDescriptor(
        description=parameter.description,
        additional_constraints=f"read {parameter.read.value}{tightened}",
        read_only=parameter.read is Read.START,
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
    """Convert a number to the double or the string that a parameter needs.

    YAML and the command line read `2` and a class named `0` as integers. ROS would refuse the
    first for a double and the second for a string.

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


def similar_name(name: str, known: Iterable[str]) -> str:
    """Return which parameter an unknown name may mean, to append to a message; may be empty."""
    similar = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {similar[0]}?" if similar else ""


def _convert_changes(known: Known, changes: Sequence[RosParameter]) -> list[RosParameter]:
    """Convert what a client sets. What cannot be converted is left for ROS to refuse."""
    return [_converted_or_same(known, change) for change in changes]


def _converted_or_same(known: Known, change: RosParameter) -> RosParameter:
    if change.name not in known:
        return change
    try:
        return _ros_parameter(known[change.name], change.value)
    except (ParameterError, TypeError):
        return change


def _ros_parameter(parameter: Parameter, value: Any) -> RosParameter:
    value = converted(parameter, value)
    if value is None:  # a parameter without a value would be undeclared
        value = ""
    kind = RosParameter.Type.STRING_ARRAY if isinstance(parameter.default, list) else None
    return RosParameter(parameter.name, kind, value)


def _convert_overrides(node: Node, known: Known) -> None:
    """Convert the values given at the start, and warn of names that the node does not have.

    Raises:
        ParameterError: A value is of a wrong type or out of range.
    """
    overrides = parameter_overrides(node)
    for name, override in overrides.items():
        if name in known:
            overrides[name] = _ros_parameter(known[name], override.value)
            check_range(known[name], overrides[name].value)
        elif not name.startswith(OF_ROS):
            hint = similar_name(name, known)
            node.get_logger().warning(f"there is no parameter '{abridge(name)}'{hint}")


def check_range(parameter: Parameter, value: Any) -> None:
    """Check a value as rclpy does, whose message does not name the range in one sentence.

    Raises:
        ParameterError: It is out of range.
    """
    if parameter.limits is None or not isinstance(value, int | float):
        return
    low, high = parameter.limits
    if not low <= value <= high:
        raise ParameterError(
            f"parameter {parameter.name} is {value:.12g}, expected {low:.12g} to {high:.12g}"
        )
