"""Steps are done once, again when something changed, and broken environments heal."""

import shutil

import pytest

from ros_env import builder, shell, wheels
from ros_env.builder import Step, bring_up, perform
from ros_env.host import SetupError
from ros_env.layout import Layout
from ros_env.stamps import Stamps


class Workshop:
    """Three steps that write down that they were done: `venv`, `wheels`, `messages`."""

    def __init__(self, folder):
        self.layout = Layout(folder / "venv", "jazzy", wheels=True)
        self.stamps = Stamps(self.layout.state / "stamps")
        self.done = []
        self.inputs = {"venv": "a", "wheels": "b", "messages": "c"}
        self.failure = None

    def steps(self):
        return [Step(name, name, [text], self._action(name)) for name, text in self.inputs.items()]

    def _action(self, name):
        def act():
            self.done.append(name)
            if name == "venv":
                shutil.rmtree(self.layout.venv, ignore_errors=True)
                self.layout.venv.mkdir(parents=True)
            if self.failure and self.failure[0] == name:
                raise self.failure[1]

        return act

    def run(self):
        self.done.clear()
        perform(self.steps(), self.stamps)
        return self.done


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path)


@pytest.fixture
def working(monkeypatch):
    monkeypatch.setattr(wheels, "works", lambda *_: True)


def test_second_run_does_nothing(workshop):
    assert workshop.run() == ["venv", "wheels", "messages"]
    assert workshop.run() == []


def test_changed_input_repeats_its_step_and_those_after_it(workshop):
    workshop.run()
    workshop.inputs["wheels"] = "newer"
    assert workshop.run() == ["wheels", "messages"]


def test_deleted_stamp_repeats_its_step_only(workshop):
    workshop.run()
    (workshop.stamps.folder / "wheels").unlink()
    assert workshop.run() == ["wheels"]


@pytest.mark.usefixtures("working")
def test_failed_step_is_repeated_without_starting_over(workshop):
    workshop.failure = ("wheels", SetupError("no network"))
    with pytest.raises(SetupError):
        workshop.run()
    workshop.failure = None
    workshop.done.clear()
    bring_up(workshop.layout, workshop.steps())
    assert workshop.done == ["wheels", "messages"]


@pytest.mark.usefixtures("working")
def test_killed_run_starts_over(workshop, capsys):
    workshop.failure = ("wheels", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        workshop.run()
    workshop.failure = None
    workshop.done.clear()
    bring_up(workshop.layout, workshop.steps())
    assert workshop.done == ["venv", "wheels", "messages"]
    assert "starting over" in capsys.readouterr().out


def test_broken_environment_starts_over_although_it_is_stamped(workshop, monkeypatch):
    workshop.run()
    workshop.done.clear()
    monkeypatch.setattr(wheels, "works", lambda *_: bool(workshop.done))
    bring_up(workshop.layout, workshop.steps())
    assert workshop.done == ["venv", "wheels", "messages"]


@pytest.mark.usefixtures("working")
def test_activation_scripts_are_written_for_each_shell(workshop):
    bring_up(workshop.layout, workshop.steps())
    for path in workshop.layout.scripts:
        assert path.read_text() == shell.script(workshop.layout)


def test_environment_that_cannot_import_ros_does_not_count_as_working(tmp_path):
    assert not wheels.works(Layout(tmp_path, "jazzy", wheels=True), {})


def test_plan_depends_on_every_requirement_file(tmp_path):
    steps = builder.plan(Layout(tmp_path, "kilted", wheels=True))
    named = {getattr(item, "name", None) for step in steps for item in step.inputs}
    kinds = ("kilted", "build", "run", "test", "train", "evaluate", "export")
    assert {f"requirements-{kind}.txt" for kind in kinds} <= named


def test_plan_beside_a_sourced_ros_takes_neither_wheels_nor_messages(tmp_path):
    steps = builder.plan(Layout(tmp_path, "humble", wheels=False))
    assert [step.name for step in steps] == ["venv", "packages"]
