"""A running node that tests give other parameters: starting another one takes seconds."""

from typing import Any

from siamdw_ros.evaluation.node_client import Client
from siamdw_ros.node.parameters import PARAMETERS, Read

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
            results = self._client.set_parameters(wanted)
            assert all(result.successful for result in results), results
        self._before = {name: self._before[name] for name in parameters}
        if active:
            self._client.bring_to("active")
