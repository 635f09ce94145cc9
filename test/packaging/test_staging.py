"""The staging folder of the interfaces: built once for the same inputs, emptied for others."""

import runpy
import shutil

import pytest


@pytest.fixture
def built(source, tmp_path, monkeypatch):
    """The names in interface_build.py of a copy, whose CMake only notes that it was called."""
    copy = tmp_path / "copy"
    shutil.copytree(source / "msg", copy)
    names = runpy.run_path(str(copy / "interface_build.py"))

    def cmake(staging, prefixes):
        built = staging.prefix / "share" / "siamdw_msgs"
        (built / "environment").mkdir(parents=True)
        for name in ("package.xml", "local_setup.sh", "environment/path.sh"):
            (built / name).write_text(f"for {prefixes}")

    monkeypatch.setattr(names["Staging"], "_cmake", cmake)
    return names


@pytest.fixture
def staging(built, tmp_path):
    staging = built["Staging"](tmp_path / "staging")
    staging.bring_up_to_date(["/opt/ros/jazzy"])
    (staging.prefix / "left_over").touch()
    return staging


def test_same_inputs_are_not_built_again(staging):
    staging.bring_up_to_date(["/opt/ros/jazzy"])
    assert (staging.prefix / "left_over").exists()


def test_other_underlay_begins_with_an_empty_folder(staging):
    staging.bring_up_to_date(["/opt/ros/humble"])
    assert not (staging.prefix / "left_over").exists()


def test_changed_message_begins_with_an_empty_folder(built, staging):
    with (built["SOURCES"] / "msg" / "TargetState.msg").open("a") as message:
        message.write("float32 more\n")
    staging.bring_up_to_date(["/opt/ros/jazzy"])
    assert not (staging.prefix / "left_over").exists()


def test_interrupted_build_is_not_taken_for_a_finished_one(built, staging, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    whole = built["Staging"]._cmake
    monkeypatch.setattr(built["Staging"], "_cmake", killed)
    with pytest.raises(KeyboardInterrupt):
        staging.bring_up_to_date(["/opt/ros/humble"])
    monkeypatch.setattr(built["Staging"], "_cmake", whole)
    staging.bring_up_to_date(["/opt/ros/jazzy"])
    assert staging.files() != []
    assert not (staging.prefix / "left_over").exists()


def test_setup_scripts_of_the_staging_folder_are_left_out(built, staging):
    (staging.prefix / "left_over").unlink()
    share = built["MANIFEST"].parent
    assert staging.files() == [built["MANIFEST"], share / "package.xml"]


def test_underlay_with_other_definitions_does_not_count(built, tmp_path):
    share = tmp_path / "share" / "siamdw_msgs"
    shutil.copytree(built["SOURCES"], share)
    assert built["has_our_interfaces"](tmp_path)
    (share / "srv" / "StopTracking.srv").write_text("---\n")
    assert not built["has_our_interfaces"](tmp_path)


def test_prefix_with_interfaces_that_we_installed_is_no_underlay(built, tmp_path):
    ours, other = tmp_path / "ours", tmp_path / "other"
    (ours / built["MANIFEST"]).parent.mkdir(parents=True)
    (ours / built["MANIFEST"]).touch()
    other.mkdir()
    environ = {"AMENT_PREFIX_PATH": f"{ours}:{other}:/nowhere"}
    assert built["underlay_prefixes"](environ) == [other]


def test_python_of_cmake_finds_ros_but_no_build_front_end(built, tmp_path, monkeypatch):
    version = f"python{built['sys'].version_info.major}.{built['sys'].version_info.minor}"
    packages = tmp_path / "ros" / "lib" / version / "site-packages"
    front_end, kept = tmp_path / "overlay", tmp_path / "kept"
    for folder in (packages, front_end, kept):
        folder.mkdir(parents=True)
    (front_end / "sitecustomize.py").touch()
    monkeypatch.setenv("PYTHONPATH", f"{front_end}:{kept}")
    found = built["cmake_environment"]([tmp_path / "ros"])["PYTHONPATH"]
    assert found == f"{kept}:{packages}"


def test_options_of_the_environment_reach_cmake(built):
    options = built["cmake_options"]
    assert options({}) == ["-DCMAKE_BUILD_TYPE=Release"]
    environ = {
        "CMAKE_BUILD_TYPE": "Debug",
        "CMAKE_TOOLCHAIN_FILE": "/arm.cmake",
        "CMAKE_ARGS": "-DCMAKE_CXX_FLAGS='-O1 -g' -G Ninja",
    }
    assert options(environ) == [
        "-DCMAKE_BUILD_TYPE=Debug",
        "-DCMAKE_TOOLCHAIN_FILE=/arm.cmake",
        "-DCMAKE_CXX_FLAGS=-O1 -g",
        "-G",
        "Ninja",
    ]


def test_other_options_begin_with_an_empty_folder(staging, monkeypatch):
    monkeypatch.setenv("CMAKE_ARGS", "-DCMAKE_CXX_FLAGS=-g")
    staging.bring_up_to_date(["/opt/ros/jazzy"])
    assert not (staging.prefix / "left_over").exists()


def test_without_definitions_no_underlay_has_our_interfaces(built, tmp_path):
    for folder in ("msg", "srv"):
        shutil.rmtree(built["SOURCES"] / folder)
    assert not built["has_our_interfaces"](tmp_path)
