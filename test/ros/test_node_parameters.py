"""Parameters given at the start and while the node runs: converted, kept, refused."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from siamdw_ros.following.settings import FollowSettings, PoseSettings
from siamdw_ros.mavlink.settings import MavlinkSettings
from siamdw_ros.node.settings import KNOWN, Settings
from siamdw_ros.ros.node_parameters import NodeParameters, ParameterError, converted
from siamdw_ros.ros.parameters import ParameterSet, parameters_of
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK
from siamdw_ros.siamdw.hyperparameters import OURS, hyperparameters

Make = Callable[..., tuple[Node, NodeParameters]]
HYPER = {name.removeprefix("tracker."): one for name, one in KNOWN.items() if "tracker." in name}


@pytest.fixture
def make() -> Iterator[Make]:
    """Create nodes with parameters from the command line."""
    made: list[tuple[Node, rclpy.Context]] = []

    def start(
        *values: str,
        kind: type[ParameterSet] = Settings,
        check: Callable[..., None] = lambda *_: None,
    ) -> Any:
        context = rclpy.Context()
        arguments = [part for value in values for part in ("-p", value)]
        rclpy.init(args=["--ros-args", *arguments], context=context)
        node = Node("parameters", context=context)
        made.append((node, context))
        return node, NodeParameters(node, kind, check)

    yield start
    for node, context in made:
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def test_without_values_the_defaults_apply(make: Make) -> None:
    assert make()[1].settings == Settings()


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ("smoothing:=0", "smoothing", 0.0),
        ("history_seconds:=2", "history_seconds", 2.0),
        ("class_id:=0", "class_id", "0"),
        ("redetection_class:=1.5", "redetection_class", "1.5"),
        ("image_topics:=/front", "image_topics", ["/front"]),
        ("image_topics:=[]", "image_topics", [""]),
        ("tracker.scale_step:=1", "tracker_scale_step", 1.0),
        ('tracker.scale_step:=""', "tracker_scale_step", None),
    ],
)
def test_numbers_are_converted_where_that_is_meant_without_doubt(
    make: Make, given: str, field: str, value: Any
) -> None:
    _, parameters = make(given)
    assert getattr(parameters.settings, field) == value
    assert type(getattr(parameters.settings, field)) is type(value)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("max_targets:=many", "max_targets needs an integer, not 'many'"),
        ("max_targets:=1.5", "max_targets needs an integer, not 1.5"),
        ("threads:=-5", "threads"),
        ("autostart:=1", "autostart needs true or false, not 1"),
        ("tracked_score:=[0.5]", "tracked_score needs a number"),
        ("image_topics:=[1, 2]", "image_topics needs a list of strings"),
        ("tracker.rate:=fast", "tracker.rate needs a number"),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_line(
    make: Make, given: str, reason: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        make(given)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_while_running_an_integer_is_a_number_too(make: Make) -> None:
    node, parameters = make()
    (result,) = node.set_parameters([Parameter("give_up_seconds", value=5)])
    if not hasattr(node, "add_pre_set_parameters_callback"):
        assert "type" in result.reason  # Humble
        return
    assert result.successful, result.reason
    assert parameters.settings.give_up_seconds == 5.0
    assert node.get_parameter("give_up_seconds").value == 5.0
    (result,) = node.set_parameters([Parameter("class_id", value=0)])
    assert parameters.settings.class_id == "0"
    (result,) = node.set_parameters([Parameter("class_id", value=[1, 2])])
    assert not result.successful


def test_values_that_do_not_change_are_accepted_in_any_state(make: Make) -> None:
    def refuse(_settings: Settings, changes: list[Any]) -> None:
        raise ValueError(f"{changes[0].name} cannot be changed now")

    node, _ = make(check=refuse)
    present = [p for n, p in node.get_parameters_by_prefix("").items() if n in KNOWN]
    writable = [p for p in present if not node.describe_parameter(p.name).read_only]
    assert len(writable) > 30
    assert node.set_parameters([Parameter("tracker.rate", Parameter.Type.NOT_SET)])[0].successful
    assert node.get_parameter("tracker.rate").value == ""  # and not undeclared, as ROS would
    assert node.set_parameters_atomically(writable).successful
    changed = [*writable, Parameter("model", value="siamrpn_res22")]
    assert "model cannot be changed now" in node.set_parameters_atomically(changed).reason


def test_an_unknown_name_is_reported_with_the_one_that_was_meant(
    make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    make("image_topic:=/front", "use_sim_time:=false")
    printed = capfd.readouterr().err
    assert "there is no parameter 'image_topic': did you mean image_topics?" in printed
    assert "use_sim_time" not in printed


def test_safety_limits_are_kept_while_the_node_runs(make: Make) -> None:
    node, parameters = make("max_speed:=1", kind=FollowSettings)
    assert parameters.settings.max_speed == 1.0
    for speed, accepted in ((0.3, True), (0.9, True), (1.1, False)):
        (result,) = node.set_parameters([Parameter("max_speed", value=speed)])
        assert result.successful == accepted, result.reason
    assert "1.1 is above 1, its value at the start" in result.reason
    assert parameters.settings.max_speed == 0.9


def test_a_name_that_the_follower_does_not_have_is_reported(
    make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    make("max_sped:=1.0", kind=FollowSettings)
    assert "did you mean max_speed?" in capfd.readouterr().err


@pytest.mark.parametrize("kind", [Settings, FollowSettings, PoseSettings, MavlinkSettings])
def test_no_description_leans_on_another_one(kind: type[ParameterSet]) -> None:
    for parameter in parameters_of(kind):
        assert len(parameter.description) > 20
        assert "..." not in parameter.description
        assert parameter.description.split()[0] not in ("such", "these", "them", "until", "of")


def test_empty_means_the_value_of_the_preset() -> None:
    assert Settings().hyper() == {}
    assert Settings(tracker_rate=0.0).hyper() == {"rate": 0.0}
    assert converted(KNOWN["tracker.rate"], "") is None


@pytest.mark.parametrize("name", HYPER)
def test_a_hyper_parameter_names_the_networks_that_have_it(name: str) -> None:
    having = sorted(f"{method}_*" for method, hyper in OURS.items() if hasattr(hyper, name))
    expected = "all networks" if len(having) == len(OURS) else ", ".join(having)
    assert HYPER[name].description.partition(":")[0] == expected


def test_the_default_network_can_be_tuned_by_parameters() -> None:
    fields = dataclasses.fields(hyperparameters(DEFAULT_NETWORK))
    assert {field.name for field in fields} - HYPER.keys() == {"instance_size"}
    # Sizes are integers in the tracker and doubles in ROS.
    wide = Settings(tracker_wide_instance_size=383.0)
    assert hyperparameters(DEFAULT_NETWORK, **wide.hyper()).wide_instance_size == 383
