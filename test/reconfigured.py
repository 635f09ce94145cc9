"""A running node that tests give other parameters: starting another one takes seconds."""

from typing import Any

from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter

from siamdw_ros.evaluation.node_client import Client
from siamdw_ros.node.settings import PARAMETERS
from siamdw_ros.ros.parameters import Read

AT_CONFIGURE = {one.name for one in PARAMETERS if one.read is Read.CONFIGURE}


class Configuration:
    """The parameters of a running node, which is active.

    Args:
        client: Of the node.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._before: dict[str, Any] = {}  # values that the node was started with, of the changed

    def use(self, *, active: bool = True, **parameters: Any) -> None:
        """Give the node these parameters, and those that it was started with for the rest.

        It is configured anew, unless all that changes can be changed while it is active.

        Args:
            active: Make it active with them; otherwise it stays unconfigured.
            parameters: Of the node.
        """
        wanted = {**self._before, **parameters}
        if not active or AT_CONFIGURE & wanted.keys():
            self._client.bring_to("unconfigured")
        if new := parameters.keys() - self._before.keys():
            self._before |= self._client.parameters(*new)
        if wanted:
            self._set_together(wanted)
        self._before = {name: self._before[name] for name in parameters}
        if active:
            self._client.bring_to("active")

    def _set_together(self, values: dict[str, Any]) -> None:
        """Set parameters at once: some values only fit together."""
        parameters = [Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
        request = SetParametersAtomically.Request(parameters=parameters)
        service = "set_parameters_atomically"
        answer = self._client.ask(SetParametersAtomically, service, request)
        assert answer.result.successful, answer.result.reason
