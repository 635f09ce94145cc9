from pathlib import Path

import pytest
import torch

from siamdw_ros.siamdw.bundled import bundled_checkpoint
from siamdw_ros.siamdw.checkpoints import load_network
from siamdw_ros.siamdw.networks import BoxNetwork, create_network
from siamdw_ros.tools.train_boxes import main
from siamdw_ros.training.box_loop import BoxTrainer, BoxTraining, initial_network, make_optimizer
from siamdw_ros.training.run_config import read_config

CONFIG = Path(__file__).parents[2] / "config" / "training" / "siambox_res22.yaml"


pytestmark = pytest.mark.usefixtures("root_logger")


def training(folder: Path, pack: Path, **values: object) -> BoxTraining:
    return BoxTraining(folder, (pack,), batch=8, search=191, warmup=1, log_steps=1, **values)  # type: ignore[arg-type]


def test_a_run_goes_on_where_it_was_ended(tmp_path: Path, pack: Path) -> None:
    config = training(tmp_path, pack, minutes=0.02)
    first = BoxTrainer(config)
    weights = first.run()
    assert first.step >= 1
    again = BoxTrainer(config)
    assert again.step == first.step
    assert again.seconds == first.seconds
    for one, other in zip(again.network.parameters(), first.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert again.run() == weights, "nothing is left to do"
    assert again.step == first.step
    assert isinstance(load_network("siambox_res22", weights), BoxNetwork)


def test_a_batch_is_learnt(tmp_path: Path, pack: Path) -> None:
    trainer = BoxTrainer(training(tmp_path, pack, backbone_rate=0.0))
    from siamdw_ros.training.box_pack import load_packs
    from siamdw_ros.training.box_pairs import PairMaker

    banks = load_packs([pack])
    bank = banks.scenes["tracks"]
    generator = torch.Generator().manual_seed(0)
    pairs = PairMaker(
        [bank, bank], banks.scenes["stills"], banks.scenes["photographs"], banks.cutouts,
        (1, 0, 0, 0, 1), 191, generator,
    ).draw(4)  # fmt: skip
    losses = [float(trainer.train_step(pairs).total) for _ in range(5)]
    assert losses[-1] < 0.8 * losses[0]


def test_the_backbone_of_a_siamfc_network_is_taken() -> None:
    path = Path(bundled_checkpoint("siamfc_res22"))
    network = initial_network(path)
    expected = load_network("siamfc_res22", path).backbone.state_dict()
    for name, value in network.backbone.state_dict().items():
        assert torch.equal(value, expected[name])


def test_a_rate_of_zero_keeps_the_backbone(tmp_path: Path) -> None:
    network = create_network("siambox_res22")
    assert isinstance(network, BoxNetwork)
    make_optimizer(network, BoxTraining(tmp_path, (), backbone_rate=0.0))
    assert not any(p.requires_grad for p in network.backbone.parameters())
    assert all(p.requires_grad for p in network.head.parameters())


def test_the_shipped_configuration_is_read() -> None:
    config = read_config(BoxTraining, CONFIG, ["minutes=3", "packs=[a.zip, b.zip]", "init=null"])
    assert config.minutes == 3.0
    assert config.packs == (Path("a.zip"), Path("b.zip"))
    assert config.init is None
    assert len(config.shares) == 5


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("minute=3", "unknown key 'minute'"),
        ("batch=many", "batch: 'many' is not a"),
        ("packs", "is not key=value"),
        ("packs=pack.zip", "packs: 'pack.zip' is not a list: write packs=[pack.zip]"),
        ("packs=[", "packs=[: not YAML"),
        ("shares=[1, 2, 3]", "shares: expected 5 numbers, found 3"),
        ("device=foo", "'foo' is not one of auto, cpu, cuda"),
        ("device=cuda:99", "'cuda:99' is not there"),
        ("packs=[missing.zip]", "missing.zip"),
    ],
)
def test_what_is_wrong_is_reported_in_a_line(
    override: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(CONFIG), f"folder={tmp_path}", "init=null", override]
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_a_file_that_is_no_yaml_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("packs: [")
    assert main([str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"train_boxes: {file}: not YAML: ")
