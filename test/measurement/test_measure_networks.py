"""The command that measures what networks cost."""

import pytest

from siamdw_ros.measurement import networks


def multiplications(side, scales):
    """Of ResNet16, by hand: the stem, and five units whose 3x3 convolutions do not pad."""

    def unit(inputs, planes, before):
        grows = before**2 * inputs * planes
        looks = (before - 2) ** 2 * 9 * planes**2
        ends = (before - 2) ** 2 * planes * 4 * planes
        joins = (before - 2) ** 2 * inputs * 4 * planes if inputs != 4 * planes else 0
        return grows + looks + ends + joins

    stem = (side - 7) // 2  # of side - 1 pixels, which are even, at stride 2
    pooled = stem // 2
    half = (pooled - 4) // 2
    return scales * (
        stem**2 * 49 * 3 * 64
        + unit(64, 64, pooled)
        + unit(256, 128, pooled - 2)
        + sum(unit(512, 128, half - 2 * i) for i in range(3))
    )


def rows(output):
    """The table's rows, split into their columns."""
    header, _, *lines = output.splitlines()
    assert all(line.count("|") == header.count("|") for line in lines)
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]


QUICK = ["--models", "siamfc_res16", "--repeats", "1", "--threads", "1"]


def test_row_counts_parameters_and_multiplications(capsys):
    networks.main(QUICK)
    ((name, count, template, image, milliseconds),) = rows(capsys.readouterr().out)
    assert (name, count) == ("siamfc_res16", "1304128")
    assert template == f"{multiplications(127, 3) / 1e9:#.3g}"
    correlation = 3 * 23**2 * 7**2 * 512  # each of 7 x 7 cells meets all of 23 x 23
    assert image == f"{(multiplications(255, 1) + correlation) / 1e9:#.3g}"
    assert float(milliseconds) > 0


def test_backends_are_measured_in_both_precisions(capsys):
    networks.main(["--table", "backends", "--windows", "1", "2", *QUICK])
    measured = [row[1:5] for row in rows(capsys.readouterr().out)]
    for windows in ("1", "2"):
        for precision in ("full", "half"):
            assert ["torch", precision, "1", windows] in measured


def test_time_of_targets_is_measured(capsys, monkeypatch):
    monkeypatch.setattr(networks, "MANY", (1, 3))
    networks.main(["--table", "targets", *QUICK])
    one, three = rows(capsys.readouterr().out)
    assert one[1] == "1"
    assert three[1] == "3"
    assert float(three[3]) == pytest.approx((float(three[2]) - float(one[2])) / 2, rel=0.02)
