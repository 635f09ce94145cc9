"""A configuration is checked whole, and its faults are one line that states what to do."""

import re
from pathlib import Path

import pytest
import yaml

from siamdw_ros.training.box_loop import BoxTraining
from siamdw_ros.training.config import MAY_CHANGE, Config, OptimizerConfig, load_config
from siamdw_ros.training.datasets import Source
from siamdw_ros.training.extents import ExtentTraining
from siamdw_ros.training.losses import LossWeights
from siamdw_ros.training.published import Augmentation
from siamdw_ros.training.record import ConfigError, store_config
from siamdw_ros.training.scenes import Shares

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "config" / "training"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Write the smallest good configuration."""
    (tmp_path / "data").mkdir()
    content = {
        "folder": str(tmp_path / "run"),
        "model": "siamfc_res22",
        "recipe": "siamfc",
        "epochs": 2,
        "pairs_per_epoch": 8,
        "batch": 2,
        "optimizer": {"kind": "sgd", "schedule": "log", "rate": 0.01},
        "datasets": [{"format": "otb", "path": str(tmp_path / "data")}],
    }
    file = tmp_path / "good.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def store(config: Config) -> None:
    store_config(config.folder, config.model_dump(mode="json"), MAY_CHANGE)


OTHERS = {"siambox_res22.yaml", "extent_res22.yaml"}  # of other commands, tested with them


@pytest.mark.parametrize("name", sorted({file.name for file in CONFIGS.glob("*.yaml")} - OTHERS))
def test_every_configuration_that_comes_along_lacks_nothing_but_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load((CONFIGS / name).read_text())
    for key in ("photographs", "cutouts", "sequences"):
        for path in content.get(key, []):
            Path(path).mkdir(parents=True)
    for source in content.get("datasets", []):
        Path(source["path"]).mkdir(parents=True)
    if content.get("init"):
        Path(content["init"]).touch()
    assert load_config(CONFIGS / name, []).folder == Path(content["folder"])


def test_overrides_reach_into_sections_and_lists(good: Path) -> None:
    overrides = ["optimizer.rate=0.5", "datasets.0.max_gap=7", "augmentation.flip=0.5"]
    config = load_config(good, overrides)
    assert config.optimizer.rate == 0.5
    assert config.datasets[0].max_gap == 7
    assert config.augmentation.flip == 0.5


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("optimiser.rate=1", "unknown key 'optimiser': did you mean 'optimizer'?"),
        ("optimizer.rte=1", "unknown key 'optimizer.rte': did you mean 'rate'?"),
        ("datasets.0.max_gaps=1", "did you mean 'max_gap'?"),
        ("batch=many", "batch: input should be a valid integer"),
        ("batch=0", "batch: input should be greater than 0"),
        ("optimizer.kind=adam", "optimizer.kind: input should be 'sgd' or 'adamw'"),
        ("model=resnet", "model: choose one of siamfc_res22"),
        ("model=siambox_res22", "model: siambox_res22 is trained by train_boxes"),
        ("cutouts=[gone/*.png]", "cutouts: no file matches gone/*.png"),
        ("recipe=siamrpn", "recipe: siamrpn does not train siamfc_res22"),
        ("recipe=matching", "matching needs 'photographs' and 'learned_scale: true'"),
        ("datasets=[]", "siamfc needs 'datasets'"),
        ("photographs=[data]", "siamfc learns from 'datasets' only"),
        ("datasets.0.path=gone", "gone does not exist: give datasets.0.path=PATH of your copy"),
        ("init=gone.pth", "init: gone.pth does not exist"),
        ("freezing=gradual", "so it needs 'init'"),
        ("search_side=127", "search_side: input should be greater than or equal to 143"),
        ("seed=-1", "seed: input should be greater than or equal to 0"),
        ("datasets.5.path=x", "there is no such place"),
        ("batch", "'batch' is not key=value"),
        ("batch=[1", "batch=[1: not YAML"),
    ],
)
def test_a_fault_is_one_line_that_states_what_to_do(
    good: Path, override: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(good, [override])
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_that_is_missing_is_named(good: Path) -> None:
    content = yaml.safe_load(good.read_text())
    del content["epochs"]
    good.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match="'epochs' is missing: add it to the file, or give"):
        load_config(good, [])


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", "just words"])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"bad\.yaml: (not YAML|expected lines)"):
        load_config(file, [])


def test_patterns_stand_for_what_they_match(good: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        (tmp_path / "data" / name).touch()
    matching = ["recipe=matching", "learned_scale=true", f"photographs=[{tmp_path}/data]"]
    config = load_config(good, [*matching, f"sequences=[{tmp_path}/data/*.zip]"])
    assert [path.name for path in config.sequences] == ["a.zip", "b.zip"]


def test_the_stored_configuration_gives_the_same_run(good: Path) -> None:
    config = load_config(good, ["seed=7"])
    store(config)
    stored = load_config(config.folder / "config.yaml", [])
    assert stored == config


def test_a_folder_with_another_run_is_refused(good: Path) -> None:
    store(load_config(good, []))
    store(load_config(good, ["workers=5"]))  # what only changes the speed may differ
    with pytest.raises(ConfigError, match="other values of batch, optimizer"):
        store(load_config(good, ["batch=4", "optimizer.rate=0.1"]))


@pytest.mark.parametrize(
    "section", [Config, OptimizerConfig, Source, Augmentation, Shares, LossWeights]
)
def test_the_page_explains_every_key(section: type) -> None:
    table = (ROOT / "docs" / "training.md").read_text().split("## Keys")[1].split("\n## ")[0]
    explained = {name.rpartition(".")[2] for name in re.findall(r"`([a-z_.]+)`", table)}
    keys = getattr(section, "model_fields", None) or section.__dataclass_fields__
    assert not set(keys) - explained - {"optimizer", "loss", "augmentation", "shares"}


@pytest.mark.parametrize(
    ("part", "section"),
    [("The box network", BoxTraining), ("The box of a tapped object", ExtentTraining)],
)
def test_the_page_explains_every_key_of_the_other_commands(part: str, section: type) -> None:
    page = (ROOT / "docs" / "training.md").read_text().split(f"## {part}")[1].split("\n## ")[0]
    table = "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("|"))
    assert not set(section.__dataclass_fields__) - set(re.findall(r"`([a-z_]+)`", table))


def test_the_page_lists_every_configuration() -> None:
    page = (ROOT / "docs" / "training.md").read_text()
    listed = set(re.findall(r"^\| `([a-z0-9_]+\.yaml)` \|", page, re.MULTILINE))
    assert not {file.name for file in CONFIGS.glob("*.yaml")} - listed


def test_a_configuration_cannot_be_changed_by_accident(good: Path) -> None:
    config: Config = load_config(good, [])
    with pytest.raises(ValueError, match="frozen"):
        config.batch = 3
