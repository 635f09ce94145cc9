"""Checks whether a command of the documentation exists and accepts what it is given."""

import argparse
import importlib
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import product
import yaml
from pages import ROOT

TRANSITIONS = {"configure", "activate", "deactivate", "cleanup", "shutdown"}
# Commands of the shell that only set the stage.
SHELL = {"export", "cd"}
VARIABLES = {"ARGS", "PYTHON", "BUILD_ARGS", "WORKERS"}  # of the Makefile


class ParsedError(Exception):
    """The arguments of a command were accepted."""


def check(words: list[str]) -> bool:
    """Check a command.

    Returns:
        Whether it is one that can be checked here.

    Raises:
        AssertionError: it does not exist, or refuses what it is given.
    """
    for prefix, run in CHECKS.items():
        if words[: len(prefix)] == list(prefix):
            run(words[len(prefix) :])
            return True
    return words[0] in SHELL


def _module(words: list[str]) -> None:
    """Check `python -m siamdw_ros.MODULE ARGUMENTS`."""
    name, *arguments = words
    if not name.startswith("siamdw_ros."):
        assert name in ("pip", "pytest", "colcon"), f"no module of ours: {name}"
        return
    short = name.removeprefix("siamdw_ros.")
    if short in product.NODES:
        _ros_arguments(product.NODES[short], arguments)
    else:
        _accepted(short, arguments)


def _accepted(module: str, arguments: list[str]) -> None:
    """Let the command itself parse its arguments, and stop it there."""
    loaded = importlib.import_module(f"siamdw_ros.{module}")
    parse = argparse.ArgumentParser.parse_args
    parse_intermixed = argparse.ArgumentParser.parse_intermixed_args

    def parse_only(parser, args=None, namespace=None):
        parse(parser, args, namespace)
        raise ParsedError

    def parse_mixed(parser, args=None, namespace=None):
        parse_intermixed(parser, args, namespace)
        raise ParsedError

    with (
        mock.patch.object(argparse.ArgumentParser, "parse_args", parse_only),
        mock.patch.object(argparse.ArgumentParser, "parse_intermixed_args", parse_mixed),
        mock.patch.object(sys, "argv", [module, *arguments]),
    ):
        try:
            loaded.main()
        except ParsedError:
            pass
        except SystemExit as end:
            if end.code:
                raise AssertionError(f"{module} refuses {shlex.join(arguments)}") from end
        else:
            raise AssertionError(f"{module} has not parsed its arguments")
    _passed_to_node(arguments)


def _passed_to_node(arguments: list[str]) -> None:
    if "--ros-args" in arguments:
        _ros_arguments("siamdw_tracker", arguments[arguments.index("--ros-args") :])


def _ros_arguments(node: str, arguments: list[str]) -> None:
    """Check `--ros-args -p NAME:=VALUE -r FROM:=TO`."""
    if not arguments or arguments == ["--help"]:
        return
    assert arguments[0] == "--ros-args", f"{node} takes no {arguments[0]}"
    for option, value in zip(arguments[1::2], arguments[2::2], strict=True):
        name, _, given = value.partition(":=")
        if option == "-p":
            product.check_parameter(node, name, given)
        elif option == "-r":
            assert name in {*product.tracker_topics(), "__node", "__ns"}, f"no topic {name}"
        else:
            assert option == "--params-file", f"{option} is no ROS argument that is used here"


def _run(words: list[str]) -> None:
    """Check `ros2 run siamdw_ros NAME ARGUMENTS`."""
    name, *arguments = words
    installed = product.installed_commands()
    assert name in installed, f"no command {name}, only {', '.join(installed)}"
    _module([f"siamdw_ros.{installed[name]}", *arguments])


def _launch(words: list[str]) -> None:
    """Check `ros2 launch siamdw_ros FILE NAME:=VALUE`."""
    name, *arguments = words
    assert (ROOT / "launch" / name).is_file(), f"no launch file {name}"
    known = product.launch_arguments(name)
    for argument in arguments:
        if argument not in ("--show-args", "-s"):
            given = argument.partition(":=")[0]
            assert given in known, f"{name} has no argument {given}, only {', '.join(known)}"


def _topic(words: list[str]) -> None:
    """Check `ros2 topic VERB TOPIC ...`."""
    verb, *rest = words
    if verb == "list":
        return
    rest = [word for word in rest if not re.match(r"-|\d", word)]
    assert rest[0] in product.topics(), f"no topic {rest[0]}"
    if verb == "pub":
        _fill(_interface(rest[1])(), yaml.safe_load(rest[2]))
    else:
        assert verb in ("echo", "hz", "bw", "delay", "info"), f"no verb {verb} of ros2 topic"


def _service(words: list[str]) -> None:
    """Check `ros2 service call SERVICE TYPE VALUES`."""
    verb, name, kind, *values = words
    assert verb == "call"
    assert name in product.services(), f"no service {name}"
    if values:
        _fill(_interface(kind).Request(), yaml.safe_load(values[0]))


def _interface(name: str) -> type:
    """Return the class of an interface, such as std_msgs/msg/Bool."""
    package, kind, short = name.split("/")
    return getattr(importlib.import_module(f"{package}.{kind}"), short)


def _fill(message: object, values: dict[str, object]) -> None:
    """Set the fields of a message, which refuses wrong names and types."""
    for name, value in values.items():
        assert name in message.get_fields_and_field_types(), f"{type(message)} has no {name}"
        if isinstance(value, dict):
            _fill(getattr(message, name), value)
        else:
            setattr(message, name, value)


def _parameter(words: list[str]) -> None:
    """Check `ros2 param set NODE NAME VALUE`."""
    verb, node, *rest = words
    name = node.removeprefix("/")
    assert name in product.NODES.values(), f"no node {node}"
    if verb == "set":
        product.check_parameter(name, *rest)
    elif rest and rest[0].islower():
        assert rest[0] in product.parameters(name), f"{node} has no parameter {rest[0]}"


def _lifecycle(words: list[str]) -> None:
    """Check `ros2 lifecycle set NODE TRANSITION`."""
    verb, node, *rest = words
    assert node == "/siamdw_tracker"
    assert verb in ("get", "set", "list")
    assert set(rest) <= TRANSITIONS


def _make(words: list[str]) -> None:
    """Check `make TARGET VARIABLE=VALUE`, and what the target runs with ARGS."""
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    assert set(variables) <= VARIABLES, f"make has no {set(variables)}"
    targets = product.make_targets()
    for target in [word for word in words if "=" not in word]:
        assert target in targets, f"make has no target {target}"
        for line in targets[target]:
            if "$(ARGS)" not in line:
                continue
            run = shlex.split(line.replace("$(ARGS)", variables.get("ARGS", "")))
            if run[3].startswith("siamdw_ros."):
                _module(run[3:])
            else:
                _pytest(run[4:])


def _pytest(arguments: list[str]) -> None:
    """Check options of our own and the paths of tests."""
    options = (ROOT / "test" / "conftest.py").read_text()
    for argument in arguments:
        if argument.startswith("--fault"):
            assert f'"{argument}"' in options, f"pytest has no {argument}"
        if argument.startswith("test/"):
            assert (ROOT / argument).exists(), f"no {argument}"


def _torchrun(words: list[str]) -> None:
    """Check what is behind torchrun's own options."""
    _module(words[words.index("-m") + 1 :])


def _source(words: list[str]) -> None:
    assert words[0] == "install/setup.bash" or (ROOT / words[0]).is_file(), f"no {words[0]}"


def _script(words: list[str]) -> None:
    assert Path(ROOT, words[0]).is_file(), f"no {words[0]}"


CHECKS: dict[tuple[str, ...], Callable[[list[str]], None]] = {
    ("python", "-m"): _module,
    ("ros2", "run", "siamdw_ros"): _run,
    ("ros2", "launch", "siamdw_ros"): _launch,
    ("ros2", "topic"): _topic,
    ("ros2", "service"): _service,
    ("ros2", "param"): _parameter,
    ("ros2", "lifecycle"): _lifecycle,
    ("make",): _make,
    ("torchrun",): _torchrun,
    ("source",): _source,
    ("python",): _script,
}
