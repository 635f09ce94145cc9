"""The SROS2 policy lists what the node has and uses: no more, no less."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from tracker_rig import TrackerRig

from siamdw_ros.node.decoding import TRANSPORTS

POLICY = Path(__file__).parents[2] / "config" / "security" / "policy.xml"
NODE = "siamdw_tracker"
NOT_ALWAYS = {
    f"{NODE}/get_type_description",  # from Jazzy on
    f"{NODE}/annotations",  # with foxglove_msgs
}
IMAGES = {f"image{transport.suffix}" for transport in TRANSPORTS.values()}
ON_REQUEST = IMAGES | {f"{topic}_mouse_left" for topic in IMAGES} | {"/clock"}


def allowed(tag: str, verb: str, node: str = NODE) -> set[str]:
    """Names, relative to the namespace, for which a profile allows a verb."""
    profile = ElementTree.parse(POLICY).find(f".//profile[@node='{node}']")
    assert profile is not None
    lists = [found for found in profile.findall(tag) if found.get(verb) == "ALLOW"]
    names = [name.text or "" for found in lists for name in found]
    return {name.replace("~", node) for name in names}


@pytest.fixture
def running(reconfigure: Callable[..., TrackerRig]) -> TrackerRig:
    """A node that uses all that it may use."""
    return reconfigure(redetection_class="cup")


def names(running: TrackerRig, what: str) -> set[str]:
    """What the graph shows of the node, relative to its namespace."""
    namespace = running.node.get_namespace()
    getter = getattr(running.node, f"get_{what}_names_and_types_by_node")
    return {name.removeprefix(f"{namespace}/") for name, _ in getter(NODE, namespace)}


def test_the_node_uses_exactly_what_its_policy_allows(running: TrackerRig) -> None:
    may = {"publisher": allowed("topics", "publish"), "service": allowed("services", "reply")}
    for what, names_allowed in may.items():
        running.wait(lambda w=what, m=names_allowed: names(running, w) >= m - NOT_ALWAYS, what)
        assert names(running, what) - NOT_ALWAYS == names_allowed - NOT_ALWAYS
    heard = allowed("topics", "subscribe")
    always = {f"{NODE}/{name}" for name in ("detector", "click", "box", "debug_image_mouse_left")}
    running.wait(lambda: {"image", *always} <= names(running, "subscriber"), "subscriptions")
    assert names(running, "subscriber") <= heard
    assert heard - ON_REQUEST == always


def test_the_operator_may_use_only_what_the_tracker_offers() -> None:
    operator = "siamdw_operator"
    offered = {f"/{name}" for name in allowed("services", "reply")}
    asked = allowed("services", "request", operator)
    assert asked <= offered
    assert not [name for name in asked if "parameters" in name or "state" in name]
    published = {f"/{name.strip('/')}" for name in allowed("topics", "publish")}
    assert allowed("topics", "subscribe", operator) <= published | {"/clock"}


def test_no_peer_may_choose_a_file_that_the_node_opens(tracker: TrackerRig) -> None:
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="/etc/passwd")
    wanted = Parameter(name="checkpoint", value=value)
    request = SetParameters.Request(parameters=[wanted])
    (result,) = tracker.call(SetParameters, "set_parameters", request).results
    assert not result.successful
    assert "read-only" in result.reason
