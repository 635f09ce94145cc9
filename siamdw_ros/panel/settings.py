"""The panel's parameters, and the token that guards it on a network."""

import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from siamdw_ros.ros.parameters import ParameterSet, Read, parameter

TOKEN_VARIABLE = "SIAMDW_PANEL_TOKEN"
MIN_TOKEN = 8  # characters


@dataclass(frozen=True)
class PanelSettings(ParameterSet):
    """The values of all parameters."""

    tracker: str = parameter(
        "siamdw_tracker",
        "name of the tracker node, relative to the panel's namespace",
        read=Read.START,
    )
    enable_topic: str = parameter(
        "follower/enable",
        "of the follower; empty: the panel enables nothing",
        read=Read.START,
    )
    host: str = parameter(
        "127.0.0.1",
        "address to listen on; any but a loopback address needs a token",
        read=Read.START,
    )
    port: int = parameter(8090, "TCP port; 0: a free one", (0, 65535), read=Read.START)
    allowed_hosts: Sequence[str] = parameter(
        [""], "further names under which browsers may open the panel", read=Read.START
    )
    read_only: bool = parameter(False, "show everything, start and stop nothing", read=Read.START)
    max_clients: int = parameter(4, "browsers that may watch at a time", (1, 64), read=Read.START)
    max_side: int = parameter(
        1280,
        "pixels; larger images are reduced before they are sent",
        (64, 16384),
        read=Read.START,
    )
    jpeg_quality: int = parameter(
        75, "of the images of cameras that do not send JPEG themselves", (1, 100), read=Read.START
    )


def read_token(host: str) -> str:
    """Return what a browser must know to open the panel; empty where nothing is needed.

    It is read from the environment and not from a parameter: every peer in the ROS graph can read
    parameters. Where one is needed and none is given, it is made up.

    Args:
        host: Address that the panel listens on.

    Raises:
        ValueError: The token given is too short.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    if token and len(token) < MIN_TOKEN:
        raise ValueError(
            f"{TOKEN_VARIABLE} has {len(token)} characters: give it at least {MIN_TOKEN}"
        )
    return token if token or is_loopback(host) else secrets.token_urlsafe(12)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on this address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name: it may be any address
        return False
