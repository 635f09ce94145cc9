"""Whole runs: they learn, they leave weights behind, they go on where they were ended."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from runs import losses, make_config, train, write_config
from torch import Tensor

from siamdw_ros.node.process.with_parent import module_command
from siamdw_ros.siamdw import create_tracker
from siamdw_ros.training.objectives import MatchingObjective
from siamdw_ros.training.record import ConfigError

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's, of torch's


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train(make_config(folder))
    return folder / "run"


def test_a_run_leaves_weights_that_a_tracker_takes(whole: Path) -> None:
    for name in ("network.pt", "weights/epoch_001.pt", "weights/epoch_002.pt"):
        assert create_tracker("siamfc_res16", whole / name).multi_tracker is not None


def test_a_run_leaves_a_table_of_losses_and_its_picture(whole: Path) -> None:
    assert [step for step, _ in losses(whole)] == [1, 2, 3, 4, 5, 6]
    header, *rows = (whole / "losses.csv").read_text().splitlines()
    assert header == "step,epoch,rate,loss,hit,place,template,skipped"
    assert rows[3].startswith("4,1,")
    pytest.importorskip("matplotlib")
    assert (whole / "losses.png").stat().st_size > 10_000


def test_a_finished_run_is_left_as_it_is(whole: Path, tmp_path: Path) -> None:
    config = make_config(tmp_path)
    shutil.copytree(whole, config.folder)
    (config.folder / "config.yaml").unlink()  # it names the other folder's images
    before = (config.folder / "network.pt").read_bytes()
    train(config)
    assert (config.folder / "network.pt").read_bytes() == before
    assert losses(config.folder) == losses(whole)


@pytest.mark.slow
def test_runs_of_one_seed_agree_however_many_workers_they_have(
    whole: Path, tmp_path: Path
) -> None:
    config = make_config(tmp_path, workers=2)
    train(config)
    assert losses(config.folder) == losses(whole)


def test_another_seed_gives_another_run(whole: Path, tmp_path: Path) -> None:
    config = make_config(tmp_path, seed=1, epochs=1, pairs_per_epoch=2)
    train(config)
    assert losses(config.folder)[0] != losses(whole)[0]


def alone() -> dict[str, str]:
    """The environment of a process that uses this checkout, and one thread as we do."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def start(config: Path) -> subprocess.Popen[bytes]:
    """Train in a process of its own."""
    return subprocess.Popen(
        module_command("siamdw_ros.tools.train", [str(config)]),
        env=alone(),
        stderr=subprocess.DEVNULL,
    )


def kill_after(process: subprocess.Popen[bytes], run: Path, steps: int) -> None:
    """Wait until a run has saved so many steps, and kill it."""
    while process.poll() is None and not (
        (run / "network.pt").exists() and len(losses(run)) >= steps
    ):
        time.sleep(0.005)
    assert process.poll() is None, "the run ended by itself"
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_to_the_same_losses(whole: Path, tmp_path: Path) -> None:
    config = make_config(tmp_path)
    kill_after(start(tmp_path / "run.yaml"), config.folder, steps=2)
    assert 2 <= len(losses(config.folder)) < 6  # in the middle of it
    train(config)
    for (step, loss), (same_step, same_loss) in zip(
        losses(config.folder), losses(whole), strict=True
    ):
        assert step == same_step
        assert loss == pytest.approx(same_loss, rel=1e-3)


def test_a_folder_with_another_run_is_refused(whole: Path, tmp_path: Path) -> None:
    config = make_config(tmp_path, seed=3)
    shutil.copytree(whole, config.folder)
    with pytest.raises(ConfigError, match=r"other values of .*seed"):
        train(config)


def test_a_checkpoint_of_other_steps_is_refused(whole: Path, tmp_path: Path) -> None:
    config = make_config(tmp_path, batch=1)
    shutil.copytree(whole, config.folder)
    (config.folder / "config.yaml").unlink()
    with pytest.raises(ConfigError, match="had 2 pairs per step, now it would have 1"):
        train(config)


@pytest.mark.slow
def test_a_step_without_finite_gradients_changes_nothing_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(tmp_path, epochs=1, pairs_per_epoch=4)
    true_loss, calls = MatchingObjective.loss, []

    def spoilt(self: MatchingObjective, *given: object) -> tuple[Tensor, dict[str, Tensor]]:
        loss, terms = true_loss(self, *given)
        calls.append(loss)
        return (loss * float("nan") if len(calls) == 1 else loss), terms

    monkeypatch.setattr(MatchingObjective, "loss", spoilt)
    network = torch.load(train(config), weights_only=True)["state_dict"]
    assert all(value.isfinite().all() for value in network.values())
    rows = (config.folder / "losses.csv").read_text().splitlines()
    assert [row.rpartition(",")[2] for row in rows] == ["skipped", "1", "1"]


@pytest.mark.slow
def test_several_processes_train_one_network(tmp_path: Path) -> None:
    """Two CPU processes under torchrun, with layers that join on the way."""
    first = make_config(tmp_path / "first", epochs=1, pairs_per_epoch=2)
    init = train(first)
    file = write_config(
        tmp_path / "both",
        init=str(init),
        freezing="gradual",
        epochs=10,
        pairs_per_epoch=4,
        checkpoint_every=100,
    )
    script = Path(__file__).parent / "train_and_keep_rank.py"
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        + [str(script), str(file)],
        env=alone(),
        check=True,
    )
    run = tmp_path / "both" / "run"
    assert len(losses(run)) == 10
    mine, other = (torch.load(run / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    begun = torch.load(init, weights_only=True)["state_dict"]
    for name in ("layer2.3.conv1", "layer1.0.conv1"):  # from the start, and joined later
        key = f"backbone.{name}.weight"
        assert torch.equal(mine[key], other[key])
        assert not torch.allclose(mine[key], begun[key].float(), atol=1e-3)
    assert torch.equal(mine["backbone.conv1.weight"], begun["backbone.conv1.weight"].float())
