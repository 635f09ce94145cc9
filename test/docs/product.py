"""Reads from the code which commands, arguments, parameters, topics and services there are."""

import ast
import dataclasses
import re
from xml.etree import ElementTree

import yaml
from pages import ROOT

PACKAGE = ROOT / "siamdw_ros"
NODES = {  # module -> name of the node in the graph
    "node": "siamdw_tracker",
    "node.__main__": "siamdw_tracker",
    "node.process.respawning": "siamdw_tracker",
    "following.target_pose": "target_pose",
    "following.follower": "follower",
    "panel": "panel",
    "panel.__main__": "panel",
    "mavlink.__main__": "mavlink_camera",
}
# What the robot of the examples has.
CAMERAS = {"/camera/image_raw", "/front/image_raw", "/rear/image_raw", "TOPIC"}
OF_ROS = re.compile(
    r"(describe|get|list|set)_parameter.*|(change|get)_.*(state|transition|type).*"
)


def installed_commands() -> dict[str, str]:
    """Return the names of the commands and their modules, from setup.py."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "COMMANDS":
            return ast.literal_eval(node.value)
    raise AssertionError("setup.py has no COMMANDS")


def launch_arguments(name: str) -> set[str]:
    """Return the arguments of a launch file, and of those that it includes."""
    tree = ast.parse((ROOT / "launch" / name).read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DeclareLaunchArgument":
            found.add(node.args[0].value)
    if name == "follow_nav2.launch.py":
        found |= launch_arguments("follow.launch.py")
    return found


def parameters(node: str) -> dict[str, object]:
    """Return the parameters of a node and their defaults."""
    if node == "siamdw_tracker":
        from siamdw_ros.node.settings import PARAMETERS

        return {p.name: p.default for p in PARAMETERS}
    from siamdw_ros.following.settings import FollowSettings, PoseSettings
    from siamdw_ros.mavlink.settings import MavlinkSettings
    from siamdw_ros.panel.settings import PanelSettings

    kinds = {
        "target_pose": PoseSettings,
        "mavlink_camera": MavlinkSettings,
        "panel": PanelSettings,
    }
    kind = kinds.get(node, FollowSettings)
    return dataclasses.asdict(kind())


def check_parameter(node: str, name: str, value: str) -> None:
    """Check that a node has a parameter and would accept a value, as YAML."""
    if name == "use_sim_time" or name.startswith("qos_overrides./"):
        return
    known = parameters(node)
    assert name in known, f"{node} has no parameter {name}"
    loaded = yaml.safe_load(value)
    if node == "siamdw_tracker":
        from siamdw_ros.node.settings import KNOWN
        from siamdw_ros.ros.node_parameters import converted

        parameter = KNOWN[name]
        loaded = converted(parameter, loaded)
        if parameter.limits is not None and loaded is not None:
            low, high = parameter.limits
            assert low <= loaded <= high, f"{name} is {loaded}, of {low} to {high}"
    else:
        assert isinstance(loaded, type(known[name])), f"{name} is a {type(known[name])}"


def _policy() -> ElementTree.Element:
    """Return the tracker's part of the policy, which a test compares with the running node."""
    policy = ElementTree.parse(ROOT / "config" / "security" / "policy.xml").getroot()
    found = policy.find("./enclaves/enclave[@path='/siamdw_tracker']")
    assert found is not None
    return found


def tracker_topics() -> set[str]:
    """Return the topics of the tracker node as its policy has them."""
    ours = {element.text or "" for element in _policy().iter("topic")}
    return ours - {"/clock", "/parameter_events", "/rosout", "~/transition_event"}


def tracker_services() -> set[str]:
    """Return the tracker's own services as its policy has them."""
    ours = {element.text or "" for element in _policy().iter("service")}
    return {name for name in ours if not OF_ROS.fullmatch(name.removeprefix("~/"))}


def _created(module: str, node: str, method: str) -> set[str]:
    text = (PACKAGE / module).read_text()
    found = re.findall(rf'create_{method}\(\s*\w+,\s*"([^"]+)"', text)
    found += re.findall(rf'create_{method}\(\s*"([^"]+)"', text)
    return {re.sub("^~", f"/{node}", name) for name in found}


def topics() -> set[str]:
    """Return the full names of all topics of the nodes of the package, and of the cameras."""
    found = {re.sub("^~", "/siamdw_tracker", name) for name in tracker_topics()} | CAMERAS
    for node in ("target_pose", "follower"):
        for method in ("publisher", "subscription"):
            found |= _created(f"following/{node}_node.py", node, method)
    return found


def services() -> set[str]:
    """Return the full names of all services of the nodes of the package."""
    found = {re.sub("^~", "/siamdw_tracker", name) for name in tracker_services()}
    found |= _created("following/follower_node.py", "follower", "service")
    return found | _created("tools/clip_player.py", "clip_player", "service")


def make_targets() -> dict[str, list[str]]:
    """Return the targets of the Makefile and the commands of each."""
    found: dict[str, list[str]] = {}
    target = ""
    for line in (ROOT / "Makefile").read_text().split("\n"):
        begun = re.match(r"([a-z-]+):", line)
        if begun:
            target = begun.group(1)
            found[target] = []
        elif line.startswith("\t") and target:
            found[target].append(line.strip().lstrip("@"))
    return found
