"""Runs the panel: the node, the hub and the web server."""

import asyncio
import contextlib
import signal
import sys

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from siamdw_ros.panel.settings import PanelSettings, is_loopback, read_token
from siamdw_ros.ros.dds_ports import ports_of_its_own
from siamdw_ros.ros.node_parameters import NodeParameters


def main(args: list[str] | None = None) -> int:
    """Run the panel until it is interrupted."""
    # The event loop handles the signals, and ends rclpy when it has ended.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        return asyncio.run(_run())
    finally:
        rclpy.try_shutdown()


async def _run() -> int:
    try:
        from siamdw_ros.panel.hub import Hub
        from siamdw_ros.panel.ros_link import RosLink
        from siamdw_ros.panel.server import Server
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        print("panel: aiohttp is not installed: sudo apt install python3-aiohttp", file=sys.stderr)
        return 1
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    with ports_of_its_own():
        node = Node("siamdw_panel")
    try:
        settings = NodeParameters(node, PanelSettings).settings
        token = read_token(settings.host)
    except ValueError as error:
        print(f"panel: {error}", file=sys.stderr)
        return 1
    link = RosLink(node, settings.tracker, settings.enable_topic, loop)
    hub = Hub(link, settings)
    server = Server(hub, token)
    try:
        port = await server.start()
        link.run(hub)
        print(_invitation(settings.host, port, token), flush=True)
        await ended.wait()
    except OSError as error:
        print(f"panel: cannot listen on {settings.host}:{settings.port}: {error}", file=sys.stderr)
        return 1
    finally:
        with contextlib.suppress(Exception):
            await server.close()
        link.close()
        hub.close()
    return 0


def _invitation(host: str, port: int, token: str) -> str:
    """The panel's address. Not for the log, which goes over the network with the token in it."""
    name = f"[{host}]" if ":" in host else host
    lines = [f"panel: open http://{name}:{port}/ in a browser"]
    if token:
        lines.append(f"panel: token {token}")
    if not is_loopback(host):
        lines.append("panel: what it sends is not encrypted: use it on networks you trust")
    return "\n".join(lines)
