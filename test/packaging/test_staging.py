"""The staging folder of setup.py: built once for the same inputs, emptied for others."""

import runpy
import shutil

import pytest
import setuptools


@pytest.fixture
def setup(source, tmp_path, monkeypatch):
    """The names in setup.py of a copy, whose CMake only notes that it was called."""
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    copy = tmp_path / "copy"
    for name in ("msg", "launch", "config", "test/data"):
        shutil.copytree(source / name, copy / name)
    shutil.copy(source / "setup.py", copy)
    monkeypatch.chdir(copy)
    names = runpy.run_path(str(copy / "setup.py"))

    def cmake(staging, prefixes):
        built = staging.prefix / "share" / "siamdw_msgs"
        (built / "environment").mkdir(parents=True)
        for name in ("package.xml", "local_setup.sh", "environment/path.sh"):
            (built / name).write_text(f"for {prefixes}")

    monkeypatch.setattr(names["Staging"], "_cmake", cmake)
    return names


@pytest.fixture
def staging(setup, tmp_path):
    staging = setup["Staging"](tmp_path / "staging")
    staging.bring_up_to_date(["/opt/ros/jazzy"])
    (staging.prefix / "left_over").touch()
    return staging


def test_same_inputs_are_not_built_again(staging):
    staging.bring_up_to_date(["/opt/ros/jazzy"])
    assert (staging.prefix / "left_over").exists()


def test_other_underlay_begins_with_an_empty_folder(staging):
    staging.bring_up_to_date(["/opt/ros/humble"])
    assert not (staging.prefix / "left_over").exists()


def test_changed_message_begins_with_an_empty_folder(setup, staging):
    with (setup["SOURCES"] / "msg" / "TargetState.msg").open("a") as message:
        message.write("float32 more\n")
    staging.bring_up_to_date(["/opt/ros/jazzy"])
    assert not (staging.prefix / "left_over").exists()


def test_interrupted_build_is_not_taken_for_a_finished_one(setup, staging, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    whole = setup["Staging"]._cmake
    monkeypatch.setattr(setup["Staging"], "_cmake", killed)
    with pytest.raises(KeyboardInterrupt):
        staging.bring_up_to_date(["/opt/ros/humble"])
    monkeypatch.setattr(setup["Staging"], "_cmake", whole)
    staging.bring_up_to_date(["/opt/ros/jazzy"])
    assert staging.files() != []
    assert not (staging.prefix / "left_over").exists()


def test_setup_scripts_of_the_staging_folder_are_left_out(setup, staging):
    (staging.prefix / "left_over").unlink()
    share = setup["MANIFEST"].parent
    assert staging.files() == [setup["MANIFEST"], share / "package.xml"]


def test_underlay_with_other_definitions_does_not_count(setup, tmp_path):
    share = tmp_path / "share" / "siamdw_msgs"
    shutil.copytree(setup["SOURCES"], share)
    assert setup["has_our_interfaces"](tmp_path)
    (share / "srv" / "StopTracking.srv").write_text("---\n")
    assert not setup["has_our_interfaces"](tmp_path)


def test_prefix_with_interfaces_that_we_installed_is_no_underlay(setup, tmp_path):
    ours, other = tmp_path / "ours", tmp_path / "other"
    (ours / setup["MANIFEST"]).parent.mkdir(parents=True)
    (ours / setup["MANIFEST"]).touch()
    other.mkdir()
    environ = {"AMENT_PREFIX_PATH": f"{ours}:{other}:/nowhere"}
    assert setup["underlay_prefixes"](environ) == [other]


def test_python_of_cmake_sees_ros_but_no_build_front_end(setup, tmp_path, monkeypatch):
    version = f"python{setup['sys'].version_info.major}.{setup['sys'].version_info.minor}"
    packages = tmp_path / "ros" / "lib" / version / "site-packages"
    front_end, kept = tmp_path / "overlay", tmp_path / "kept"
    for folder in (packages, front_end, kept):
        folder.mkdir(parents=True)
    (front_end / "sitecustomize.py").touch()
    monkeypatch.setenv("PYTHONPATH", f"{front_end}:{kept}")
    found = setup["cmake_environment"]([tmp_path / "ros"])["PYTHONPATH"]
    assert found == f"{kept}:{packages}"
