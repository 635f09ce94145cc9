"""Training of a tail: what is stored, what is drawn from it, and a run of both processes."""

from pathlib import Path

import pytest
import torch

from siamdw_ros.siamdw.checkpoints import load_network
from siamdw_ros.siamdw.networks import create_network
from siamdw_ros.training.box_loop import BoxTraining
from siamdw_ros.training.box_replay import (
    SEARCH,
    STRIDE,
    Front,
    ReplayStore,
    hint_loss,
    tail_of,
)
from siamdw_ros.training.box_replay_loop import ReplayTrainer

pytest.importorskip("openvino", reason="OpenVINO is not installed")


def test_front_and_tail_are_the_backbone() -> None:
    torch.manual_seed(0)
    backbone = create_network("siambox_res22").backbone.eval()
    crops = torch.randint(0, 256, (2, 127, 127, 3), dtype=torch.uint8)
    with torch.inference_mode():
        expected = backbone(crops.permute(0, 3, 1, 2).float())
        for count in (1, 3):
            found = tail_of(backbone, count)(*Front(backbone, count)(crops))
            torch.testing.assert_close(found, expected)


def coordinates(rows: int, columns: int) -> torch.Tensor:
    """2 x rows x columns: the row and the column of each cell."""
    return torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"))


def test_a_part_of_a_search_region_keeps_its_boxes_and_hints() -> None:
    cells = 27
    search = coordinates(cells, cells)[None].half()
    # The tail takes three cells from each side: cell i of what it gives is cell i + 3 of this.
    hints = 2.0 * coordinates(11, 11)[None].half()
    box = torch.tensor([[100.0, 110.0, 140.0, 130.0]])
    nothing = torch.zeros(1, 0, 0, 0)
    store = ReplayStore(
        (search, torch.ones(1, 2), search, box, torch.ones(1, dtype=torch.bool), nothing, hints), 4
    )
    store.put(
        (search, torch.ones(1, 2), search, box, torch.ones(1, dtype=torch.bool), nothing, hints)
    )
    random = torch.Generator().manual_seed(0)
    sides = set()
    for _ in range(40):
        batch = store.draw(1, random)
        sides.add(batch.side)
        row, column = batch.corner
        if not len(batch.boxes):
            continue
        moved = torch.tensor([column, row, column, row]) * STRIDE
        torch.testing.assert_close(batch.boxes + moved, box)
        assert batch.searches[0, :, 0, 0].tolist() == [row, column]
        assert batch.side == SEARCH - STRIDE * (cells - batch.searches.shape[-1])
        of_tail = batch.searches[:, :, 3:-3, 3:-3] - 3.0  # cells of the whole region's map
        loss = hint_loss(of_tail, batch.search_hints, batch.corner, torch.ones(2))
        assert float(loss) == 0
    assert sides == {255, 239, 223, 207}


def test_the_oldest_pairs_are_replaced() -> None:
    def row(value: float) -> tuple[torch.Tensor, ...]:
        one = torch.full((1, 1, 9, 9), value)
        box = torch.full((1, 4), value)
        return one, box[:, :2], one, box, torch.zeros(1, dtype=torch.bool), one, one

    store = ReplayStore(row(0.0), slots=2)
    for value in (1.0, 2.0, 3.0):
        store.put(row(value))
    assert store.filled == 2
    drawn = store.draw(50, torch.Generator().manual_seed(0))
    assert set(drawn.extents[:, 0].tolist()) == {2.0, 3.0}


@pytest.mark.slow
def test_a_run_changes_the_tail_and_keeps_the_rest(tmp_path: Path, pack: Path) -> None:
    config = BoxTraining(
        tmp_path, (pack,), batch=4, warmup=1, log_steps=1, tail=1, slots=16, minutes=0.03
    )
    trainer = ReplayTrainer(config)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    weights = trainer.run()
    assert trainer.step >= 1
    after = load_network("siambox_res22", weights).state_dict()
    last = f"backbone.layer2.{len(trainer.network.backbone.layer2) - 1}."
    changed = {
        name
        for name, value in trainer.network.state_dict().items()
        if not torch.equal(value, before[name]) and not name.endswith("num_batches_tracked")
    }
    assert any(name.startswith(last) for name in changed)
    assert all(name.startswith((last, "head.")) for name in changed)
    assert set(after) >= changed
    assert ReplayTrainer(config).step == trainer.step, "nothing is left to do"


def test_a_tail_needs_whole_regions_on_the_cpu(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tail 1 needs device=cpu and search=255"):
        ReplayTrainer(BoxTraining(tmp_path, (), tail=1, search=191))


@pytest.mark.slow
def test_a_missing_pack_is_reported_by_the_process_that_reads_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = BoxTraining(tmp_path, (tmp_path / "missing.zip",), tail=1, slots=16)
    with pytest.raises(ChildProcessError, match="see its message above"):
        ReplayTrainer(config).run()
    printed = capfd.readouterr().err
    assert printed.startswith("train_boxes: ")
    assert "missing.zip" in printed
    assert "Traceback" not in printed
