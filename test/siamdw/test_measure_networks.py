"""The command that measures what networks cost."""

from siamdw_ros.tools import measure_networks


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


def test_row_counts_parameters_and_multiplications(capsys):
    measure_networks.main(["--models", "siamfc_res16", "--repeats", "1", "--threads", "1"])
    header, _, row = capsys.readouterr().out.splitlines()
    assert header.count("|") == row.count("|")
    name, count, template, image, milliseconds = row.strip("| ").split(" | ")
    assert (name, count) == ("siamfc_res16", "1,304,128")
    assert template == f"{multiplications(127, 1) / 1e9:.2f}"
    correlation = 3 * 17**2 * 7**2 * 512
    assert image == f"{(multiplications(255, 3) + correlation) / 1e9:.2f}"
    assert int(milliseconds) > 0
