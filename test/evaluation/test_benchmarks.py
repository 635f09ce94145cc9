"""Each benchmark's folder is read as it is unpacked."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from scripted import write_boxes, write_pictures

from siamdw_ros.evaluation.benchmarks import box_of_polygon, find_sequences

ROW = [1.0, 2.0, 30.0, 40.0]
CLIPS = Path(__file__).parents[1] / "data" / "clips"


def test_the_shipped_clips() -> None:
    box, cup, juice = find_sequences(CLIPS)
    assert (box.name, cup.name, juice.name) == ("box", "cup", "juice")
    assert (len(box), len(cup), len(juice)) == (455, 217, 151)
    assert cup.start == (306, 124, 108, 260)
    assert sum(1 for _ in juice.images()) == 151


@pytest.mark.parametrize("delimiter", [",", "\t", " "])
def test_otb(tmp_path: Path, delimiter: str) -> None:
    write_pictures(tmp_path / "Basketball" / "img", 3)
    write_boxes(tmp_path / "Basketball" / "groundtruth_rect.txt", [ROW] * 3, delimiter)
    write_pictures(tmp_path / "Jogging" / "img", 2)
    for i in (1, 2):
        write_boxes(tmp_path / "Jogging" / f"groundtruth_rect.{i}.txt", [ROW] * 2, delimiter)
    (tmp_path / "anno" / "att").mkdir(parents=True)
    (tmp_path / "anno" / "att" / "basketball.txt").write_text("1,1,0,1,1,0,0,0,0,1,0\n")
    ball, *jogging = find_sequences(tmp_path)
    assert [s.name for s in (ball, *jogging)] == ["Basketball", "Jogging.1", "Jogging.2"]
    assert list(ball.attributes) == ["IV", "OPR", "OCC", "DEF", "BC"]
    assert ball.start == (0, 1, 30, 40)  # OTB counts pixels from 1
    images = list(ball.images())
    assert len(images) == 3
    assert images[0].shape == (80, 100, 3)
    assert [s.name for s in find_sequences(tmp_path / "Basketball")] == ["Basketball"]


def test_otb_leaves_out_a_part_of_some_videos(tmp_path: Path) -> None:
    write_pictures(tmp_path / "Diving" / "img", 231)
    write_boxes(tmp_path / "Diving" / "groundtruth_rect.txt", [ROW] * 215)
    (diving,) = find_sequences(tmp_path)
    assert len(diving) == 215
    assert sum(1 for _ in diving.images()) == 215


def test_got10k(tmp_path: Path) -> None:
    for name, rows in (("GOT-10k_Val_000001", 3), ("GOT-10k_Test_000001", 1)):
        write_pictures(tmp_path / name, 3, digits=8)
        write_boxes(tmp_path / name / "groundtruth.txt", [ROW] * rows)
    (tmp_path / "GOT-10k_Val_000001" / "cover.label").write_text("8\n0\n5\n")
    (tmp_path / "list.txt").write_text("GOT-10k_Val_000001\nGOT-10k_Test_000001\n")
    val, test = find_sequences(tmp_path)
    assert val.form == test.form == "got10k"
    assert val.visible.tolist() == [True, False, True]
    assert not val.hidden
    assert test.hidden
    assert len(test) == 3


def test_vot(tmp_path: Path) -> None:
    write_pictures(tmp_path / "ants1" / "color", 3, digits=8)
    corners = [10.0, 10, 30, 10, 30, 40, 10, 40]
    write_boxes(tmp_path / "ants1" / "groundtruth.txt", [corners] * 3)
    (tmp_path / "ants1" / "occlusion.tag").write_text("0\n1\n")
    write_pictures(tmp_path / "ball", 2, digits=8)
    write_boxes(tmp_path / "ball" / "groundtruth.txt", [ROW, [0, 0, 0, 0]])
    (tmp_path / "list.txt").write_text("ants1\nball\n")
    ants, ball = find_sequences(tmp_path)
    assert ants.polygons is not None
    assert ants.polygons.shape == (3, 4, 2)
    assert ants.start == (9.5, 9.5, 21, 31)
    assert ants.attributes["occlusion"].tolist() == [False, True, False]
    assert ball.visible.tolist() == [True, False]


def test_masks_of_newer_vot_are_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path / "agility" / "color", 1)
    (tmp_path / "agility" / "groundtruth.txt").write_text("m0,0,3,4,1,2,3\n")
    with pytest.raises(ValueError, match="masks"):
        find_sequences(tmp_path)


def test_lasot(tmp_path: Path) -> None:
    folder = tmp_path / "airplane" / "airplane-1"
    write_pictures(folder / "img", 3, digits=8)
    write_boxes(folder / "groundtruth.txt", [ROW] * 3)
    (folder / "full_occlusion.txt").write_text("0,1,0\n")
    (folder / "out_of_view.txt").write_text("0,0,1\n")
    for path in (tmp_path, folder.parent, folder):
        (airplane,) = find_sequences(path)
        assert airplane.name == "airplane-1"
        assert airplane.visible.tolist() == [True, False, False]


def test_uav123(tmp_path: Path) -> None:
    write_pictures(tmp_path / "data_seq" / "UAV123" / "truck4", 580, digits=6)
    annotations = tmp_path / "anno" / "UAV123"
    write_boxes(annotations / "truck4_1.txt", [ROW] * 577)
    write_boxes(annotations / "truck4_2.txt", [ROW, [np.nan] * 4, ROW])
    (annotations / "att").mkdir()
    (annotations / "att" / "truck4_2.txt").write_text("1,0,0,0,0,0,0,0,0,0,1,0")
    first, second = find_sequences(tmp_path)
    assert (len(first), len(second)) == (577, 3)
    assert second.visible.tolist() == [True, False, True]
    assert second.start == (0, 1, 30, 40)  # UAV123, too
    assert next(second.images())[0, 0, 0] == 577 % 256
    assert list(second.attributes) == ["SV", "CM"]


def test_a_zip_with_a_table(tmp_path: Path) -> None:
    write_pictures(tmp_path, 2)
    with zipfile.ZipFile(tmp_path / "boat.zip", "w") as archive:
        archive.write(tmp_path / "0001.jpg", "a.jpg")
        archive.write(tmp_path / "0002.jpg", "b.jpg")
        archive.writestr("groundtruth.csv", "file,x,y,w,h\na.jpg,1,2,3,4\nb.jpg,nan,nan,nan,nan\n")
    (boat,) = find_sequences(tmp_path / "boat.zip")
    assert boat.name == "boat"
    assert boat.visible.tolist() == [True, False]
    assert sum(1 for _ in boat.images()) == 2


def test_what_is_no_sequence_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4"):
        find_sequences(tmp_path / "gone.mp4")
    with pytest.raises(ValueError, match="Known are"):
        find_sequences(tmp_path)


def test_counts_that_differ_are_an_error(tmp_path: Path) -> None:
    write_pictures(tmp_path / "Boy" / "img", 3)
    write_boxes(tmp_path / "Boy" / "groundtruth_rect.txt", [ROW] * 2)
    with pytest.raises(ValueError, match="2 boxes for 3 images"):
        find_sequences(tmp_path)


def test_box_of_a_rotated_region_has_its_centre_and_area() -> None:
    diamond = np.array([[[20.0, 10], [30, 20], [20, 30], [10, 20]]])
    ((x, y, w, h),) = box_of_polygon(diamond)
    assert (x + w / 2, y + h / 2) == pytest.approx((20, 20))
    assert (w - 1) * (h - 1) == pytest.approx(200)


def test_a_folder_with_a_table_beside_it(tmp_path: Path) -> None:
    write_pictures(tmp_path / "walk", 2)
    (tmp_path / "walk.csv").write_text("frame,x,y,w,h\n0,1,2,30,40\n1,nan,nan,nan,nan\n")
    for path in (tmp_path, tmp_path / "walk"):
        (walk,) = find_sequences(path)
        assert walk.name == "walk"
        assert walk.visible.tolist() == [True, False]
