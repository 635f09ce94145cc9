"""Training of the network that finds boxes at points, on images that are drawn here."""

import math
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from siamdw_ros.siamdw.extent import bundled_extents
from siamdw_ros.siamdw.extent_network import (
    NO_WINDOW,
    ExtentHead,
    load_extent_network,
    overlap_of_distances,
)
from siamdw_ros.tools.train_extents import main
from siamdw_ros.training import extent_loop, extent_objects, extent_windows
from siamdw_ros.training.extent_objects import Sample
from siamdw_ros.training.extent_tuning import WEIGHTS, ExtentTuner, ExtentTuning, ObjectStore
from siamdw_ros.training.extent_windows import Windows
from siamdw_ros.training.extents import FEATURE_KEYS, ExtentTraining
from siamdw_ros.training.record import store_config
from siamdw_ros.training.run_config import read_config

CONFIG = Path(__file__).parents[2] / "config/training/extent_res22.yaml"


pytestmark = pytest.mark.usefixtures("root_logger")


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """A zip of discs on plain ground, and a boxes.csv."""
    path = tmp_path / "discs.zip"
    rows = ["file,x,y,w,h"]
    with zipfile.ZipFile(path, "w") as archive:
        for i, radius in enumerate((10, 20, 30)):
            image = np.full((160, 200, 3), 90, np.uint8)
            cv2.circle(image, (100, 80), radius, (20, 30, 220), -1)
            archive.writestr(f"{i}.png", cv2.imencode(".png", image)[1].tobytes())
            rows.append(f"{i}.png,{100 - radius},{80 - radius},{2 * radius},{2 * radius}")
        archive.writestr("boxes.csv", "\n".join(rows))
    return path


def test_distances_are_those_from_the_windows_middle_to_the_object(stills: Path) -> None:
    draw = extent_objects.still_objects([stills])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        windows, labels = extent_windows.cut_windows(draw(rng), rng)
        assert len(windows) == len(labels) > 0
        for window, (_, octaves, left, top, right, bottom) in zip(windows, labels, strict=True):
            assert left + right == pytest.approx(0.5 / 2**octaves, rel=0.1)
            if not -0.8 < octaves < 1 or window.std() < 10:
                continue
            far = np.abs(window.astype(float) - window[2, 2]).max(2)
            ys, xs = np.nonzero(far > 0.5 * far.max())
            across = np.clip([63.5 - left * 127, 63.5 + right * 127], 0, 127)
            down = np.clip([63.5 - top * 127, 63.5 + bottom * 127], 0, 127)
            assert [xs.min(), xs.max() + 1] == pytest.approx(across, abs=9)
            assert [ys.min(), ys.max() + 1] == pytest.approx(down, abs=9)


def test_a_tap_on_a_smaller_object_is_not_one_on_the_larger() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    sample = Sample(image, (20, 20, 160, 160), others=((40, 40, 120, 120),))
    windows, _ = extent_windows.cut_windows(sample, np.random.default_rng(0))
    assert windows == []
    alone = sample._replace(others=((0, 0, 10, 10),))
    windows, _ = extent_windows.cut_windows(alone, np.random.default_rng(0))
    assert windows


def test_no_large_window_is_cut_from_a_frame_that_ends_around_its_target() -> None:
    image = np.random.default_rng(0).integers(0, 255, (150, 150, 3), np.uint8)
    whole = Sample(image, (60, 60, 30, 30))
    most = []
    for sample in (whole, whole._replace(cut=True)):
        labels = []
        for seed in range(20):
            labels += extent_windows.cut_windows(sample, np.random.default_rng(seed))[1]
        most.append(max(octaves for _, octaves, *_ in labels))
    assert most[0] > 2.5
    assert most[1] < 1.5


def test_a_pasted_object_covers_the_box_that_is_returned() -> None:
    image = np.zeros((100, 160, 3), np.uint8)
    cutout = np.zeros((60, 60, 4), np.uint8)
    cutout[20:40, 10:50] = 255
    rng = np.random.default_rng(0)
    x, y, w, h = extent_objects.paste(image, cutout, (80, 50), math.sqrt(40 * 20), rng)
    assert (x, y, w, h) == (60, 40, 40, 20)
    ys, xs = np.nonzero(image[..., 0] > 100)
    assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (60, 40, 100, 60)
    x, y, w, h = extent_objects.paste(image, cutout, (0, 50), math.sqrt(40 * 20), rng)
    assert (x, w) == (0, 20)


def windows_of_taps(taps: int) -> Windows:
    """Three windows a tap an octave apart; the middle one fits, and its features show it."""
    octaves = torch.tensor([-1.0, 0.0, 1.0]).repeat(taps)
    wide = (torch.rand(taps) < 0.5).repeat_interleave(3)
    features = torch.randn(3 * taps, 8, 5, 5) + 3 * wide[:, None, None, None]
    features[:, :4] += 4 * (octaves == 0)[:, None, None, None]
    shape = torch.where(wide[:, None], torch.tensor([0.4, 0.1, 0.4, 0.1]), 0.2)
    return Windows(features, torch.arange(taps).repeat_interleave(3), octaves, shape)


def test_a_head_learns_boxes_and_which_window_fits() -> None:
    torch.manual_seed(0)
    windows = windows_of_taps(64)
    # Windows that do not fit show a box of another size, which nothing in them gives away.
    unclear = windows.octaves != 0
    windows.distances[unclear] *= torch.exp(torch.randn(int(unclear.sum()), 1))
    how = extent_loop.HeadTraining(epochs=60, taps=16)
    head = extent_loop.train_head(windows, torch.zeros(8), how)
    with torch.no_grad():
        scores, found = head(windows.features, *extent_loop.neighbours(windows).unbind(1))
    assert (scores.view(-1, 3).argmax(1) == 1).float().mean() > 0.95
    overlaps = overlap_of_distances(found, windows.distances)
    assert overlaps[~unclear].mean() > 0.8


def test_neighbours_are_an_octave_away_around_the_same_tap() -> None:
    octaves = torch.tensor([-0.9, 0.1, 1.1, 3.1, 0.3])
    taps = torch.tensor([0, 0, 0, 0, 1])
    windows = Windows(torch.zeros(5, 1, 5, 5), taps, octaves, torch.ones(5, 4))
    found = extent_loop.neighbours(windows).tolist()
    none = NO_WINDOW
    assert found == [[none, 1], [0, 2], [1, none], [none, none], [none, none]]


def test_overlap_of_boxes_around_one_point() -> None:
    truth = torch.tensor([[1.0, 1, 1, 1]])
    assert overlap_of_distances(truth, truth).item() == 1
    assert overlap_of_distances(truth, 2 * truth).item() == pytest.approx(0.25)


def test_the_window_with_the_best_box_has_to_win() -> None:
    counts, overlaps = torch.tensor([3, 2]), torch.tensor([0.1, 0.9, 0.2, 0.8, 0.0])
    right = extent_loop.choice_loss(torch.tensor([0.0, 9, 0, 9, 0]), overlaps, counts)
    wrong = extent_loop.choice_loss(torch.tensor([9.0, 0, 0, 0, 9]), overlaps, counts)
    assert right < 0.05
    assert wrong > 5


def test_the_neck_takes_the_projection_in() -> None:
    torch.manual_seed(1)
    features = torch.randn(40, 32, 5, 5) * torch.rand(32, 1, 1) + torch.rand(32, 1, 1)
    projection, offset = extent_loop.principal_components(features, 6)
    head = ExtentHead(channels=6).eval()
    projected = torch.einsum("nchw,kc->nkhw", features, projection) - offset[:, None, None]
    assert projected.mean((0, 2, 3)).abs().max() < 1e-4
    none = torch.full((40,), NO_WINDOW)
    expected = head(projected, none, none)
    found = extent_loop.with_projection(head, projection, offset)(features, none, none)
    for one, other in zip(expected, found, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


@pytest.mark.slow
def test_the_command_goes_on_where_it_was_ended_and_writes_a_network(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    command = [str(CONFIG), f"stills=[{stills}]", f"folder={folder}", "objects=4", "per_file=2"]
    command += ["epochs=1", "taps=2", "components=4", "minutes=0"]
    assert main(command) == 0
    first, second = sorted((folder / "features").glob("*.pt"))
    kept, lost = first.read_bytes(), second.read_bytes()
    second.unlink()
    before = first.stat().st_mtime_ns
    assert main(command) == 0
    assert first.stat().st_mtime_ns == before
    assert first.read_bytes() == kept
    assert second.read_bytes() == lost
    assert len(load_extent_network(folder / "extent_res22.pt").heads) == 2
    assert "extent_res22.pt" in capsys.readouterr().out


@pytest.mark.slow
def test_the_second_part_goes_on_and_keeps_the_first_units(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    command = [str(CONFIG), f"stills=[{stills}]", f"folder={folder}", "minutes=0.05", "batch=2"]
    command += [f"network={bundled_extents()}", "tail=1", "warmup=1", "log_steps=1", "average=1"]
    assert main(command) == 0
    before, after = (
        load_extent_network(f).state_dict() for f in (bundled_extents(), folder / WEIGHTS)
    )
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"backbone", "heads"}
    assert all(name.startswith(("backbone.layer2.4", "heads.")) for name in changed)
    state = torch.load(folder / "last.pt", weights_only=True)
    assert state["step"] >= 1
    assert main(command) == 0, "nothing is left to do"
    again = torch.load(folder / "last.pt", weights_only=True)
    assert again["step"] == state["step"]
    assert "extent_res22.pt" in capsys.readouterr().out


def test_a_batch_of_the_second_part_is_learnt(stills: Path, tmp_path: Path) -> None:
    network = load_extent_network(bundled_extents())
    config = ExtentTuning(tmp_path, minutes=60.0, batch=3, warmup=1, uses=3, tail=2)
    tuner = ExtentTuner(network, extent_objects.still_objects([stills]), config)
    torch.manual_seed(0)
    with tuner.batches() as draw:
        batch = draw()
    assert len(batch.counts) <= 3 * extent_windows.TAPS
    losses = [float(tuner.train_step(batch).total) for _ in range(15)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_kept_objects_are_used_again(stills: Path) -> None:
    drawn = []
    still = extent_objects.still_objects([stills])

    def draw(rng: np.random.Generator) -> Sample:
        drawn.append(1)
        return still(rng)

    def features(windows: np.ndarray) -> tuple[torch.Tensor]:
        return (torch.zeros(len(windows), 4, 5, 5),)

    store = ObjectStore(draw, features, slots=6, seed=0)
    store.batch(4, fresh=1)
    first = len(drawn)
    store.batch(4, fresh=1)
    assert len(drawn) < first + 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stills=[none.zip]", "none.zip"),
        ("network=none.pt", "none.pt"),
        ("stills=[]", "nothing to learn from"),
        ("stills=boxes.zip", "write stills=[boxes.zip]"),
        ("shares=[1, 2, 3]", "shares: expected 5 numbers, found 3"),
        ("still=[a.zip]", "unknown key 'still'"),
        ("objects=many", "objects: 'many' is not a"),
    ],
)
def test_what_is_wrong_is_reported_in_a_line(
    override: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(CONFIG), f"folder={tmp_path}", override]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_features_of_other_objects_are_not_learnt_from(
    stills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = ExtentTraining(tmp_path, stills=(stills,)).values()
    stored = {key: values[key] for key in FEATURE_KEYS}
    store_config(tmp_path / "features", {**stored, "seed": 7, "init": "a.pt"}, frozenset())
    assert main([str(CONFIG), f"folder={tmp_path}", f"stills=[{stills}]"]) == 2
    assert "other values of init, seed: choose another folder" in capsys.readouterr().err


def test_the_shipped_configuration_is_read() -> None:
    config = read_config(ExtentTraining, CONFIG, ["tracks=[a.zip, b.zip]"])
    assert config.tracks == (Path("a.zip"), Path("b.zip"))
    assert len(config.shares) == 5
