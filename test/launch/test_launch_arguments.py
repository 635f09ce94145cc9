"""The launch file's arguments: descriptions, refusals, and the arguments of the node's process."""

import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("launch", reason="needs ROS 2's launch")
pytest.importorskip("launch_ros", reason="needs ROS 2's launch_ros")

from launch import Action, LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.utilities import perform_substitutions
from launch_ros.utilities import evaluate_parameters, normalize_parameters

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "tracker.launch.py"
FASTDDS = (
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "FASTDDS_DEFAULT_PROFILES_FILE",
    "FASTDDS_BUILTIN_TRANSPORTS",
)

pytestmark = pytest.mark.launch


@pytest.fixture
def names(monkeypatch):
    for name in FASTDDS:
        monkeypatch.delenv(name, raising=False)
    return runpy.run_path(str(LAUNCH_FILE))


@pytest.fixture
def describe(names):
    """What the launch file does with arguments: the context after it, and the node."""

    def describe(**arguments):
        context = LaunchContext()
        context.launch_configurations.update(arguments)
        entities = names["generate_launch_description"]().entities
        declared = [one for one in entities if isinstance(one, DeclareLaunchArgument)]
        function = entities[len(declared)]  # the tracker's; others may follow
        for argument in declared:
            argument.execute(context)
        return context, *function.execute(context)

    return describe


def environment(context, node):
    """The variables that the node's process gets and others do not."""
    return {
        perform_substitutions(context, name): perform_substitutions(context, value)
        for name, value in node.additional_env or ()
    }


def test_every_description_can_be_read_alone(names):
    for argument in names["ARGUMENTS"]:
        assert len(argument.description.split()) >= 5, argument.name
        empty = perform_substitutions(LaunchContext(), argument.default_value) == ""
        says_so = names["FROM_FILE"] in argument.description
        assert says_so == (empty and argument.name != "namespace"), argument.name


@pytest.mark.parametrize("name", ["autostart", "respawn", "use_sim_time", "fastdds_profile"])
def test_booleans_refuse_other_words_by_their_name(describe, name):
    with pytest.raises(RuntimeError, match=rf"{name}.*maybe"):
        describe(**{name: "maybe"})


def test_unknown_argument_is_refused_with_the_known_ones(describe, monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["ros2", "launch", "siamdw_ros", "tracker.launch.py", "image_topics:=/a"]
    )
    with pytest.raises(ValueError, match=r"unknown launch argument: image_topics; .*image_topic,"):
        describe()


def test_arguments_of_a_launch_file_that_includes_this_one_are_its_own(describe, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "robot", "robot.launch.py", "arm:=left"])
    describe()


def test_missing_params_file_is_refused(describe):
    with pytest.raises(ValueError, match=r"params_file: there is no file /nope\.yaml"):
        describe(params_file="/nope.yaml")


def test_profile_is_set_for_the_node_alone(describe):
    context, node = describe()
    (profile,) = environment(context, node).values()
    assert Path(profile).name == "fastdds.xml"
    assert Path(profile).is_file()
    assert not set(FASTDDS) & set(context.environment)


@pytest.mark.parametrize("variable", FASTDDS)
def test_profile_of_the_user_stays(describe, monkeypatch, variable):
    monkeypatch.setenv(variable, "of the user")
    context, node = describe()
    assert environment(context, node) == {}
    assert context.environment[variable] == "of the user"


def test_profile_can_be_left_out(describe):
    assert environment(*describe(fastdds_profile="false")) == {}


@pytest.mark.parametrize(
    "name", ["tracker.launch.py", "follow.launch.py", "follow_nav2.launch.py"]
)
def test_simulated_time_reaches_all_nodes(name, monkeypatch):
    found = {}

    class Described(Action):
        """Stands for a node, and takes down its parameters."""

        def __init__(self, *, executable, parameters, **_):
            super().__init__()
            self.executable = executable
            self.parameters = normalize_parameters(parameters)

        def execute(self, context):
            values = [p for p in evaluate_parameters(context, self.parameters) if type(p) is dict]
            found[self.executable] = {k: v for value in values for k, v in value.items()}

    def execute(entities):
        for entity in entities or ():
            execute(entity.visit(context))

    monkeypatch.setattr("launch_ros.actions.Node", Described)
    context = LaunchContext()
    context.launch_configurations.update(use_sim_time="true", panel="true", mavlink="true")
    execute(
        runpy.run_path(str(LAUNCH_FILE.with_name(name)))["generate_launch_description"]().entities
    )
    assert {"tracker_node", "panel", "mavlink_camera"} <= set(found)
    for node, parameters in found.items():
        assert parameters.get("use_sim_time") is True, node
