"""Settings classes as ROS parameters, and callbacks out of which no exception comes."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node

from siamdw_ros.following.settings import Option

Values = TypeVar("Values")
WARN_SECONDS = 5.0  # between two warnings of one kind


class NodeSettings(Generic[Values]):
    """Declares the fields of a settings class as parameters of a node and keeps their values.

    Args:
        node: whose parameters they are.
        kind: the settings class; its `check` raises ValueError for values that do not fit.
        refuse: returns why a change is not possible while the node runs, empty if it is; called
            with the settings of the start and those to come.
        changed: called with the new settings.

    Raises:
        ValueError: values that were given at the start do not fit together.
    """

    def __init__(
        self,
        node: Node,
        kind: type[Values],
        refuse: Callable[[Values, Values], str],
        changed: Callable[[Values], None],
    ) -> None:
        fields = dataclasses.fields(kind)  # type: ignore[arg-type]
        for field in fields:
            node.declare_parameter(field.name, field.default, _descriptor(field))
        values = {field.name: node.get_parameter(field.name).value for field in fields}
        self.first: Values = kind(**values)
        self.values: Values = self.first
        self._names = set(values)
        self._refuse = refuse
        self._changed = changed
        self.first.check()  # type: ignore[attr-defined]
        node.add_on_set_parameters_callback(self._on_set)

    def _on_set(self, changes: Sequence[Any]) -> SetParametersResult:
        """Accept all changes, or none of them."""
        ours = {change.name: change.value for change in changes if change.name in self._names}
        if not ours:
            return SetParametersResult(successful=True)
        try:
            values: Any = dataclasses.replace(self.values, **ours)  # type: ignore[type-var]
            values.check()
            reason = self._refuse(self.first, values)
            if reason:
                return SetParametersResult(successful=False, reason=reason)
            self.values = values
            self._changed(values)
        except Exception as error:  # whatever it is, it becomes the answer
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def _descriptor(field: "dataclasses.Field[Any]") -> ParameterDescriptor:
    """Return the parameter descriptor of a field."""
    option: Option = field.metadata["option"]
    descriptor = ParameterDescriptor(description=option.description, read_only=option.fixed)
    if option.envelope:
        descriptor.additional_constraints = "can only be tightened while the node runs"
    if option.limits is not None:
        low, high = option.limits
        if isinstance(field.default, int):
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
        else:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    return descriptor


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a node's callback: an exception is logged, not raised out of the executor.

    A message that cannot be used is one that never came: what depends on it goes stale, and the
    follower stops.
    """

    @functools.wraps(method)
    def call(self: Node, *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except Exception as error:
            self.get_logger().error(
                f"{method.__name__}: {error!r}", throttle_duration_sec=WARN_SECONDS
            )
            response: Any = arguments[-1] if arguments else None
            if not hasattr(response, "success"):  # no service's response
                return None
            response.success = False
            response.message = str(error)
            return response

    return call
