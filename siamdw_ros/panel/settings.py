"""The panel's parameters, and the token that guards it on a network."""

import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

TOKEN_VARIABLE = "SIAMDW_PANEL_TOKEN"
MIN_TOKEN = 8  # characters

PARAMETERS: tuple[tuple[str, Any, str], ...] = (
    ("tracker", "siamdw_tracker", "name of the tracker node, relative to the panel's namespace"),
    ("enable_topic", "follower/enable", "of the follower; empty: the panel enables nothing"),
    ("host", "127.0.0.1", "address to listen on; any but a loopback address needs a token"),
    ("port", 8090, "TCP port; 0: a free one"),
    ("allowed_hosts", [""], "further names under which browsers may open the panel"),
    ("read_only", False, "show everything, start and stop nothing"),
    ("max_clients", 4, "browsers that may watch at a time"),
    ("max_side", 1280, "pixels; larger images are reduced before they are sent"),
    ("jpeg_quality", 75, "1 to 100, for cameras that do not send JPEG themselves"),
)


@dataclass(frozen=True)
class Settings:
    """Values of the parameters.

    Attributes:
        token: What a browser must know; empty where none is needed.
    """

    tracker: str
    enable_topic: str
    host: str
    port: int
    allowed_hosts: Sequence[str]
    read_only: bool
    max_clients: int
    max_side: int
    jpeg_quality: int
    token: str = ""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("port", 0, 65535),
            ("max_clients", 1, 64),
            ("max_side", 64, 16384),
            ("jpeg_quality", 1, 100),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"parameter {name} is {value}, expected {low} to {high}")
        if self.token and len(self.token) < MIN_TOKEN:
            raise ValueError(
                f"{TOKEN_VARIABLE} has {len(self.token)} characters: give it at least {MIN_TOKEN}"
            )


def declare(node: Node) -> Settings:
    """Declare the parameters on a node and read them, and the token from the environment.

    The token is not a parameter: every peer in the ROS graph can read parameters. Where one is
    needed and none is given, it is made up.

    Raises:
        ValueError: A value is out of its range.
    """
    values = {}
    for name, default, description in PARAMETERS:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        values[name] = node.declare_parameter(name, default, descriptor).value
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token and not is_loopback(values["host"]):
        token = secrets.token_urlsafe(12)
    return Settings(**values, token=token)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on this address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name: it may be any address
        return False
