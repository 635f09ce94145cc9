"""The command, and what its sections measure, as far as that is quick."""

import json
from pathlib import Path

import pytest
import torch

from siamdw_ros.evaluation.table import Table
from siamdw_ros.measurement import benchmark, core, gpu, machine
from siamdw_ros.measurement.plan import Plan

CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"


@pytest.fixture
def plan(tmp_path):
    return Plan(clips=[CLIP], work=tmp_path, quick=True, models=("siamfc_res22",))


def test_core_reports_time_work_and_share_of_peak(plan):
    (table,) = core.run(plan)
    full = table.rows[0]
    assert (full["network"], full["precision"]) == ("siamfc_res22", "float32")
    assert full["frames/s"] == pytest.approx(1e3 / full["ms"])
    # One search region, as docs/method.md has it for three; and the comparison of templates.
    assert 7.33 / 3 < full["GMAC"] < 7.33 / 2
    assert 0 < full["share of peak %"] < 150  # of a peak measured at another moment


def test_networks_without_weights_get_random_ones_once(plan):
    path = Path(plan.checkpoint("siamrpn_res22"))
    written = path.stat().st_mtime_ns
    assert plan.checkpoint("siamrpn_res22") == str(path)
    assert path.stat().st_mtime_ns == written
    assert not plan.trained("siamrpn_res22")
    assert plan.trained("siamfc_res22")


def test_machine_is_described():
    found = machine.describe()
    assert found["processor"]
    assert found["cores"] >= 1
    assert {"torch", "numpy", "opencv", "python"} <= set(machine.versions())
    assert machine.peak_flops("cpu", torch.float32) > 1e8


@pytest.fixture
def quick_section(monkeypatch):
    """A section that needs no time, so that the command around it can be tried."""

    def section(plan):
        return [Table("Quick", [{"network": "none", "ms": 1.5}])]

    monkeypatch.setitem(benchmark.SECTIONS, "sizes", section)


def test_command_writes_its_report(quick_section, tmp_path, capsys):
    assert benchmark.main(["--only", "sizes", "--out", str(tmp_path)]) == 0
    assert "1.5" in capsys.readouterr().out
    read = json.loads((tmp_path / "bench.json").read_text())
    assert "--only sizes" in read["command"]
    assert read["sections"]["sizes"][0]["rows"] == [{"network": "none", "ms": 1.5}]


def test_a_section_that_breaks_off_does_not_take_the_others_along(
    quick_section, tmp_path, monkeypatch
):
    def broken(plan):
        raise RuntimeError("no GPU left")

    monkeypatch.setitem(benchmark.SECTIONS, "core", broken)
    assert benchmark.main(["--only", "core", "sizes", "--out", str(tmp_path)]) == 1
    read = json.loads((tmp_path / "bench.json").read_text())
    assert read["failed"] == {"core": "RuntimeError: no GPU left"}
    assert "sizes" in read["sections"]


def test_a_missing_checkpoint_is_refused_at_once(capsys):
    with pytest.raises(SystemExit):
        benchmark.parse_arguments(["--checkpoint", "siamrpn_res22=gone.pth"])
    assert "NETWORK=FILE" in capsys.readouterr().err


def test_gpu_sections_time_the_published_tracker_and_ours(plan):
    (baseline,) = gpu.baseline(plan)
    assert baseline.rows[0]["images/s"] == pytest.approx(1e3 / baseline.rows[0]["ms"])
    (table,) = gpu.vga(plan)
    assert [row["targets"] for row in table.rows] == [1, 2]
    assert table.rows[0]["times one target"] == 1


def test_failing_gpu_tests_are_reported_and_stop_no_figure(plan, tmp_path, monkeypatch):
    (tmp_path / "test_it.py").write_text(
        "def test_on_a_gpu(): pass\ndef test_cuda_fails(): assert False\n"
    )
    monkeypatch.setattr(gpu, "TESTS", tmp_path)
    (table,) = gpu.tests(plan)
    assert table.rows[0]["tests"] == "failed"
    assert "1 failed, 1 passed" in table.rows[0]["summary"]
    assert "test_cuda_fails" in table.notes[0]
