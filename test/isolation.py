"""Checks that a test leaves the process as it found it: environment variables and rclpy."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# pytest changes the first one itself, with each test.
# torch sets the second one by itself when its compiler is imported.
# The third one is OpenCV's log level, which readers of videos set once.
# OpenCV's wheels set the fourth one when the module is imported for the first time.
# Lightning sets the last one when it is imported for the first time.
IGNORED = frozenset(
    {
        "PYTEST_CURRENT_TEST",
        "TORCHINDUCTOR_CACHE_DIR",
        "OPENCV_FFMPEG_LOGLEVEL",
        "LD_LIBRARY_PATH",
        "PYTORCH_NVML_BASED_CUDA_CHECK",
    }
)


class LeftChangedError(AssertionError):
    """A test changed what all tests of the process share."""


def default_context() -> str:
    """Describe the rclpy context that every node has by default."""
    if "rclpy" not in sys.modules:
        return "not initialized"
    import rclpy

    if not rclpy.ok():
        return "not initialized"
    return f"initialized, domain {rclpy.get_default_context().get_domain_id()}"


@contextmanager
def restored_environment() -> Iterator[None]:
    """Give the environment variables the values back that they have now."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def left_unchanged(what: str) -> Iterator[None]:
    """Check that what runs within changes neither the environment nor the default context.

    The environment is restored, so that one test that changes it fails alone.

    Args:
        what: names what runs, for the error.

    Raises:
        LeftChangedError: naming what is different afterwards.
    """
    environment = _environment()
    context = default_context()
    with restored_environment():
        yield
        after = _environment()
    changed = sorted(
        name
        for name in environment.keys() | after.keys()
        if environment.get(name) != after.get(name)
    )
    if changed:
        raise LeftChangedError(
            f"{what} left environment variables changed: {', '.join(changed)}: use monkeypatch"
        )
    if default_context() != context:
        raise LeftChangedError(
            f"{what} left rclpy's default context {default_context()}; it was {context}: "
            "use a Context of the test's own"
        )


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in IGNORED}
