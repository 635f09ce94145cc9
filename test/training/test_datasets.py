"""Each layout gives the right images, boxes and counts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trees
from drawn_images import write_sequence

from siamdw_ros.evaluation.frames import decode
from siamdw_ros.training.datasets import Dataset, Source, read_dataset
from siamdw_ros.training.datasets.tracks import Track


def read(layout: str, path: Path, **options: object) -> Dataset:
    """Read a tree."""
    return read_dataset(Source(layout, path, **options))


def shown(track: Track) -> list[int]:
    """Which images a track has, by their brightness."""
    images = [decode(track.frames[index]) for index in range(len(track.frames))]
    return [round((int(image.mean()) - 10) / 20) for image in images]


def test_got10k_leaves_out_absent_covered_and_degenerate_frames(tmp_path: Path) -> None:
    dataset = read("got10k", trees.write_got10k(tmp_path))
    ((track,),) = dataset.videos
    assert track.boxes.tolist() == [[10, 20, 30, 20], [11.5, 21, 30, 20]]
    assert track.numbers.tolist() == [0, 4]
    assert shown(track) == [0, 4]
    tally = dataset.tally
    assert (tally.frames, tally.absent, tally.degenerate) == (2, 2, 1)


def test_lasot_leaves_out_occluded_and_out_of_view_frames(tmp_path: Path) -> None:
    ((track,),) = read("lasot", trees.write_lasot(tmp_path)).videos
    assert track.boxes.tolist() == [[10, 20, 30, 20], [13, 20, 30, 20]]
    assert shown(track) == [0, 3]


def test_lasot_may_have_its_sequences_side_by_side(tmp_path: Path) -> None:
    ((track,),) = read("lasot", trees.write_lasot(tmp_path) / "airplane").videos
    assert track.name == "airplane-1"


@pytest.mark.parametrize("inner", ["", "TRAIN_0"])
def test_trackingnet_numbers_its_frames_from_zero(tmp_path: Path, inner: str) -> None:
    dataset = read("trackingnet", trees.write_trackingnet(tmp_path) / inner)
    ((track,),) = dataset.videos
    assert shown(track) == [0, 1]
    assert dataset.tally.degenerate == 1


def test_otb_counts_pixels_from_one_and_may_have_two_targets(tmp_path: Path) -> None:
    car, jogging = read("otb", trees.write_otb(tmp_path)).videos
    assert car[0].boxes[0].tolist() == [10, 20, 30, 20]
    assert [track.boxes[0, 0] for track in jogging] == [9, 19]
    assert shown(car[0]) == [0, 1, 2]


def test_otb_annotates_david_from_its_three_hundredth_picture_on(tmp_path: Path) -> None:
    trees.write_pictures(tmp_path / "David" / "img", [f"{i:04d}.jpg" for i in range(1, 303)])
    trees.write_lines(tmp_path / "David" / "groundtruth_rect.txt", ["11,21,30,20"] * 3)
    ((track,),) = read("otb", tmp_path).videos
    assert track.frames.names == ["0300.jpg", "0301.jpg", "0302.jpg"]


def test_otb_has_empty_files_beside_the_true_ones(tmp_path: Path) -> None:
    trees.write_otb(tmp_path)
    (tmp_path / "Jogging" / "groundtruth_rect.1.txt").write_text("")
    jogging = read("otb", tmp_path).videos[1]
    assert len(jogging) == 1


def test_uav_names_parts_of_a_video_whose_start_is_not_known(tmp_path: Path) -> None:
    folder = trees.write_uav(tmp_path) / "anno" / "UAV123"
    for part in ("bike1_1", "bike1_7"):
        (folder / f"{part}.txt").write_text("11,21,30,20\n")
    (folder / "bike1.txt").unlink()
    dataset = read("uav", tmp_path)
    assert [track.name for (track,) in dataset.videos] == ["bike1_1"]
    assert dataset.tally.unreadable == ["bike1_7"]


def test_uav_leaves_out_frames_without_numbers(tmp_path: Path) -> None:
    dataset = read("uav", trees.write_uav(tmp_path))
    ((track,),) = dataset.videos
    assert track.boxes.tolist() == [[10, 20, 30, 20], [12, 20, 30, 20]]
    assert shown(track) == [0, 2]
    assert dataset.tally.absent == 1


def test_imagenet_vid_follows_each_track_id(tmp_path: Path) -> None:
    ((first, second),) = read("imagenet_vid", trees.write_imagenet_vid(tmp_path)).videos
    assert first.boxes.tolist() == [[10 + i, 20, 30, 20] for i in range(3)]
    assert second.numbers.tolist() == [1, 2]
    assert shown(second) == [1, 2]


def test_coco_leaves_out_crowds_and_slivers(tmp_path: Path) -> None:
    dataset = read("coco", trees.write_coco(tmp_path))
    assert len(dataset.videos) == 1
    first, second = dataset.videos[0]
    assert first.boxes.tolist() == [[1.5, 2.5, 30, 20]]
    assert second.boxes.tolist() == [[40, 10, 20, 20]]
    assert shown(second) == [0]
    assert (dataset.tally.frames, dataset.tally.degenerate) == (2, 2)


def test_davis_boxes_span_the_masks(tmp_path: Path) -> None:
    dataset = read("davis", trees.write_davis(tmp_path))
    ((left, right),) = dataset.videos
    by_frames = sorted((left, right), key=lambda track: -len(track.numbers))
    assert by_frames[0].boxes.tolist() == [[10, 20, 30, 20], [11, 20, 30, 20]]
    assert by_frames[1].boxes.tolist() == [[50, 5, 20, 10]]
    assert dataset.tally.absent == 1


def test_videos_give_the_very_frame_that_is_asked_for(tmp_path: Path) -> None:
    ((track,),) = read("videos", trees.write_videos(tmp_path)).videos
    assert track.numbers.tolist() == [0, 1, 2, *range(5, 25)]
    order = np.random.default_rng(0).permutation(len(track.numbers))
    found = [decode(track.frames[int(i)]).mean() for i in order]
    np.testing.assert_allclose(found, 10 + 9 * track.numbers[order], atol=4)


def test_videos_may_have_several_targets(tmp_path: Path) -> None:
    trees.write_videos(tmp_path)
    rows = [f"{i},{name},10,20,30,20" for i in range(3) for name in ("cat", "dog")]
    trees.write_lines(tmp_path / "a.csv", ["frame,target,x,y,w,h", *rows])
    ((cat, dog),) = read("videos", tmp_path).videos
    assert (cat.name, dog.name, len(cat.numbers)) == ("a/cat", "a/dog", 3)


def test_frame_tables_are_folders_or_zips_with_a_groundtruth(tmp_path: Path) -> None:
    write_sequence(tmp_path / "walk.zip", ["000000.jpg,10,20,30,40", "000002.jpg,11,20,30,40"])
    ((track,),) = read("frame_tables", tmp_path).videos
    assert track.boxes.tolist() == [[10, 20, 30, 40], [11, 20, 30, 40]]


def test_crops_have_the_target_in_their_middle(tmp_path: Path) -> None:
    ((track,),) = read("cropped", trees.write_cropped(tmp_path)).videos
    # 40 x 40 px with its context of 80 x 80 is shown as 127 x 127, so 63.5 px wide.
    assert track.boxes[0].tolist() == pytest.approx([255.5 - 31.75, 255.5 - 31.75, 63.5, 63.5])
    assert track.numbers.tolist() == [0, 7]


WRITERS: dict[str, Callable[[Path], Path]] = {
    "got10k": trees.write_got10k,
    "lasot": trees.write_lasot,
    "trackingnet": trees.write_trackingnet,
    "otb": trees.write_otb,
    "uav": trees.write_uav,
    "imagenet_vid": trees.write_imagenet_vid,
    "coco": trees.write_coco,
    "davis": trees.write_davis,
    "videos": trees.write_videos,
    "cropped": trees.write_cropped,
}


@pytest.mark.parametrize("layout", WRITERS)
def test_a_folder_with_something_else_in_it_is_one_clear_error(
    tmp_path: Path, layout: str
) -> None:
    (tmp_path / "holiday.txt").write_text("nothing of the kind")
    with pytest.raises((FileNotFoundError, ValueError), match=str(tmp_path)):
        read(layout, tmp_path)


def test_names_choose_among_the_sequences(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("Car4\n")
    ((track,),) = read("otb", trees.write_otb(tmp_path / "otb"), names=names).videos
    assert track.name == "Car4"


def test_a_name_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("Car5\n")
    with pytest.raises(ValueError, match="Car5"):
        read("otb", trees.write_otb(tmp_path / "otb"), names=tmp_path / "names.txt")


def test_sequences_without_their_images_are_left_out_and_named(tmp_path: Path) -> None:
    trees.write_otb(tmp_path)
    (tmp_path / "Car4" / "img" / "0003.jpg").unlink()
    for image in (tmp_path / "Jogging" / "img").iterdir():
        image.unlink()
    (tmp_path / "Jogging" / "img").rmdir()
    dataset = read("otb", tmp_path)
    assert [track.name for (track,) in dataset.videos] == ["Car4"]
    assert "2 sequences without images (Jogging.1, Jogging.2)" in str(dataset)


def test_boxes_that_are_no_numbers_name_their_file(tmp_path: Path) -> None:
    trees.write_otb(tmp_path)
    (tmp_path / "Car4" / "groundtruth_rect.txt").write_text("one,two,three,four\n")
    with pytest.raises(ValueError, match=r"Car4/groundtruth_rect\.txt"):
        read("otb", tmp_path)
