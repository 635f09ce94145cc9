"""Loading the network, well and badly."""

import dataclasses
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from networks import DEFAULT_FIRST
from rclpy.logging import get_logger
from rclpy.utilities import get_default_context

from siamdw_ros.evaluation.node_client import LOAD_SECONDS
from siamdw_ros.node.engine import Engine, Loader
from siamdw_ros.node.settings import Settings
from siamdw_ros.node.throttled_log import ThrottledLog

SETTINGS = Settings(device="cpu", backend="torch")  # which compiles nothing


def log() -> ThrottledLog:
    node = SimpleNamespace(get_logger=lambda: get_logger("engine"), context=get_default_context())
    return ThrottledLog(node)


def load(**values: Any) -> Engine | str:
    loaded = threading.Event()
    loader = Loader(dataclasses.replace(SETTINGS, **values), lambda _: loaded.set(), log())
    loader.start()
    assert loaded.wait(LOAD_SECONDS)
    made: Engine | str = loader.outcome.future.result()
    return made


def test_what_was_loaded_states_where_it_runs() -> None:
    engine = load()
    assert isinstance(engine, Engine)
    assert engine.device == "cpu"


@pytest.mark.parametrize("model", DEFAULT_FIRST)
def test_what_is_compiled_at_first_use_is_compiled_while_loading(model: str) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    engine = load(model=model, backend="openvino")
    assert isinstance(engine, Engine)
    features = engine.tracker.runtime.search_features
    sides = {shape[0] for shape in features.compiled_shapes}
    assert sides == set(engine.tracker.window_sides())
    assert sides >= {255}
    changed = dataclasses.replace(SETTINGS, model=model, tracker_wide_instance_size=351.0)
    engine.apply(changed)
    assert {shape[0] for shape in features.compiled_shapes} == sides | {351}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"checkpoint": "/nowhere/weights.pt"}, "no such checkpoint file"),
        ({"checkpoint": __file__}, "damaged or no checkpoint"),
        ({"checkpoint": str(Path(__file__).parent)}, "checkpoint"),
        ({"model": "siamfc_res22w"}, "no checkpoint is bundled for siamfc_res22w"),
        ({"model": "yolo"}, "unknown network 'yolo'"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"precision": "double"}, "precision 'double'"),
        ({"preset": "nothing"}, "unknown preset 'nothing'"),
        ({"lost_score": 0.9}, "lost <= tracked"),
        ({"tracker_scale_rate": 0.1}, "no hyper-parameter scale_rate (only siamfc_* have it)"),
        ({"tracker_rate": 1.5}, "rate must lie in"),
        ({"tracker_wide_instance_size": 383.5}, "must be a whole number, not 383.5"),
    ],
)
def test_what_cannot_be_loaded_is_reported_with_the_reason(
    values: dict[str, Any], reason: str
) -> None:
    failure = load(**values)
    assert isinstance(failure, str)
    assert reason in failure


def test_an_unknown_precision_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(ValueError, match="precision 'double' is none of auto, full, half, int8"):
        Settings(precision="double").check()


def slow_loader(settled: threading.Event, log: ThrottledLog, **values: Any) -> Loader:
    """A loader that works for longer than it may."""
    settings = dataclasses.replace(SETTINGS, load_timeout=0.0, **values)
    loader = Loader(settings, lambda _: settled.set(), log)
    loader.start()
    loader.check_deadline()
    return loader


def test_with_autostart_loading_goes_on_for_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warnings: list[str] = []
    reports = log()
    monkeypatch.setattr(reports, "warning", lambda _, text: warnings.append(text))
    settled = threading.Event()
    loader = slow_loader(settled, reports)
    assert warnings == ["the network is still being loaded after 0 s"]
    loader.join()
    assert settled.is_set()
    assert isinstance(loader.outcome.future.result(), Engine)


def test_loading_that_a_lifecycle_manager_waits_for_too_long_is_given_up() -> None:
    settled = threading.Event()
    loader = slow_loader(settled, log(), autostart=False)
    assert settled.wait(10)
    assert loader.outcome.future.result() == "not loaded within 0 s"
    loader.join()  # and what it made after all is released
    assert isinstance(loader.outcome.future.result(), str)
