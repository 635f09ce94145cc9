"""Each command of the documentation is accepted, or its block states that it was not run."""

import shlex
from importlib.util import find_spec

import pages
import pytest
import yaml
from checks import check

pytest.importorskip("rclpy")
pytest.importorskip("siamdw_msgs")

from siamdw_ros.tools import play_clip

SHELL_BLOCKS = pages.blocks("bash", "console")
COMMAND_SPANS = [
    (str(page.relative_to(pages.ROOT)), span)
    for page in pages.PAGES
    for span in pages.spans(page)
    if span.startswith(("python -m siamdw_ros", "ros2 ", "make ", "python test/"))
]


def named_only(words):
    """Return whether a sentence only names a command: it has no arguments, or a placeholder."""
    short = words[:2] == ["python", "-m"] and len(words) == 3
    if short and not words[2].isupper() and not words[2].endswith(".MODULE"):
        assert find_spec(words[2]), f"no module {words[2]}"
    placeholder = any(word in ("X", "NAME", "MODULE") for word in words[:4])
    return (
        short
        or placeholder
        or (words[0] == "ros2" and len(words) <= (4 if words[1] == "run" else 3))
    )


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=str)
def test_each_command_is_accepted_or_its_block_states_that_it_was_not_run(block):
    for words in pages.commands(block.text):
        checked = check(words)
        assert checked or block.marked, (
            f"{block}: nothing here can check '{words[0]}': put a line "
            "<!-- not run here: REASON --> before the block"
        )


@pytest.mark.parametrize(("page", "span"), COMMAND_SPANS)
def test_commands_within_sentences_are_accepted(page, span):
    for words in pages.commands(span):
        if named_only(words):
            continue
        check(words)


def test_wrong_commands_are_found():
    for wrong in (
        "python -m siamdw_ros.tools.evaluate clips --trackers kcf",
        "python -m siamdw_ros.tools.no_such_tool",
        "ros2 run siamdw_ros trackernode",
        "ros2 run siamdw_ros tracker_node --ros-args -p smoothness:=1",
        "ros2 run siamdw_ros tracker_node --ros-args -p lost_score:=1.5",
        "ros2 launch siamdw_ros tracker.launch.py topic:=/image",
        "ros2 topic echo /siamdw_tracker/detect",
        "ros2 service call /siamdw_tracker/start siamdw_msgs/srv/StartTracking",
        "ros2 service call /siamdw_tracker/start_tracking siamdw_msgs/srv/StartTracking '{a: 1}'",
        "ros2 param set /siamdw_tracker lost_patience many",
        "make demonstration",
    ):
        (words,) = pages.commands(wrong)
        with pytest.raises((AssertionError, ImportError, ValueError)):
            check(words)


@pytest.mark.parametrize("block", pages.blocks("python"), ids=str)
def test_python_blocks_compile(block):
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", pages.blocks("yaml"), ids=str)
def test_yaml_blocks_can_be_read(block):
    assert yaml.safe_load(block.text)


def test_the_library_example_of_the_first_page_runs(monkeypatch, capsys):
    monkeypatch.chdir(pages.ROOT)
    (example,) = [
        block
        for block in pages.blocks("python")
        if block.page == "docs/get_started.md" and "create_tracker" in block.text
    ]
    exec(compile(example.text, str(example), "exec"), {})
    assert capsys.readouterr().out.count("TRACKED") == 10


def test_the_video_of_the_first_page_reaches_the_node_that_it_launches():
    """Its launch line names a topic; its play_clip line names none."""
    commands = [
        words
        for block in SHELL_BLOCKS
        if block.page == "README.md"
        for words in pages.commands(block.text)
    ]
    launched = [word for words in commands if words[:2] == ["ros2", "launch"] for word in words]
    (topic,) = {word.partition(":=")[2] for word in launched if word.startswith("image_topic:=")}
    prose = pages.spans(pages.ROOT / "README.md")
    (player,) = [span for span in prose if span.startswith("ros2 run siamdw_ros play_clip")]
    options = play_clip.parse_arguments(shlex.split(player)[4:])
    assert options.loop
    assert topic == f"/{options.topic}" == "/camera/image_raw"
