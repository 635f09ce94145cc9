"""Writes tiny data sets, each in the true layout of its original."""

import json
from pathlib import Path

import cv2
import numpy as np
from drawn_images import encoded, textured


def write_pictures(folder: Path, names: list[str]) -> None:
    """Write small images; the first pixel identifies each."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        (folder / name).write_bytes(encoded(numbered(index), Path(name).suffix))


def numbered(index: int) -> np.ndarray:
    """Make an image whose brightness is its index."""
    return np.full((60, 80, 3), min(10 + 20 * index, 255), np.uint8)


def write_lines(file: Path, lines: list[str]) -> None:
    """Write a text file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def write_got10k(root: Path) -> Path:
    """Five frames: the second absent, the third wholly covered, the fourth without a height."""
    name = "GOT-10k_Train_000001"
    write_lines(root / "list.txt", [name])
    write_pictures(root / name, [f"{i:08d}.jpg" for i in range(1, 6)])
    boxes = ["10.0000,20.0000,30.0000,20.0000"] * 3 + ["5,5,10,0", "11.5,21.0,30.0,20.0"]
    write_lines(root / name / "groundtruth.txt", boxes)
    write_lines(root / name / "absence.label", list("01000"))
    write_lines(root / name / "cover.label", list("88088"))
    write_lines(root / name / "cut_by_image.label", list("00000"))
    return root


def write_lasot(root: Path) -> Path:
    """Four frames: the second occluded, the third out of view."""
    folder = root / "airplane" / "airplane-1"
    write_pictures(folder / "img", [f"{i:08d}.jpg" for i in range(1, 5)])
    write_lines(folder / "groundtruth.txt", [f"{10 + i},20,30,20" for i in range(4)])
    write_lines(folder / "full_occlusion.txt", ["0,1,0,0"])
    write_lines(folder / "out_of_view.txt", ["0,0,1,0"])
    write_lines(folder / "nlp.txt", ["white airplane"])
    return root


def write_trackingnet(root: Path) -> Path:
    """Three frames, numbered from 0; the last box has no width."""
    name = "-3TIfnTSM6c_0"
    write_pictures(root / "TRAIN_0" / "frames" / name, [f"{i}.jpg" for i in range(3)])
    lines = ["10.0,20.0,30.0,20.0", "11.0,20.0,30.0,20.0", "11.0,20.0,0.0,20.0"]
    write_lines(root / "TRAIN_0" / "anno" / f"{name}.txt", lines)
    return root


def write_otb(root: Path) -> Path:
    """Two sequences: one with tabs, one with two targets; boxes are 1-based."""
    write_pictures(root / "Car4" / "img", [f"{i:04d}.jpg" for i in range(1, 4)])
    write_lines(root / "Car4" / "groundtruth_rect.txt", ["11\t21\t30\t20"] * 3)
    write_pictures(root / "Jogging" / "img", [f"{i:04d}.jpg" for i in range(1, 3)])
    for target in (1, 2):
        file = root / "Jogging" / f"groundtruth_rect.{target}.txt"
        write_lines(file, [f"{10 * target},20,30,20"] * 2)
    return root


def write_uav(root: Path) -> Path:
    """One sequence of three frames, the target out of view in the second."""
    write_pictures(root / "data_seq" / "UAV123" / "bike1", [f"{i:06d}.jpg" for i in (1, 2, 3)])
    lines = ["11,21,30,20", "NaN,NaN,NaN,NaN", "13,21,30,20"]
    write_lines(root / "anno" / "UAV123" / "bike1.txt", lines)
    write_lines(root / "anno" / "UAV123" / "att" / "bike1.txt", ["0,1,0"])
    return root


def write_imagenet_vid(root: Path) -> Path:
    """One snippet of three frames: track 0 in all of them, track 1 from the second on."""
    inner = Path("VID/train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00000000")
    write_pictures(root / "Data" / inner, [f"{i:06d}.JPEG" for i in range(3)])
    for frame in range(3):
        objects = "".join(
            f"<object><trackid>{track}</trackid><name>n02691156</name><bndbox>"
            f"<xmax>{40 + frame}</xmax><xmin>{10 + frame}</xmin><ymax>40</ymax><ymin>20</ymin>"
            "</bndbox><occluded>0</occluded><generated>0</generated></object>"
            for track in range(1 if frame == 0 else 2)
        )
        file = root / "Annotations" / inner / f"{frame:06d}.xml"
        write_lines(file, [f"<annotation><folder>x</folder>{objects}</annotation>"])
    return root


def write_coco(root: Path) -> Path:
    """Two images with two objects in the first, a crowd and a sliver in the second."""
    write_pictures(root / "train2017", ["000000000009.jpg", "000000000025.jpg"])
    annotations = [
        {"image_id": 9, "bbox": [1.5, 2.5, 30.0, 20.0], "iscrowd": 0, "id": 1, "category_id": 18},
        {"image_id": 9, "bbox": [40.0, 10.0, 20.0, 20.0], "iscrowd": 0, "id": 2, "category_id": 1},
        {"image_id": 25, "bbox": [0, 0, 80, 60], "iscrowd": 1, "id": 3, "category_id": 1},
        {"image_id": 25, "bbox": [5.0, 5.0, 0.5, 20.0], "iscrowd": 0, "id": 4, "category_id": 1},
    ]
    images = [{"id": i, "file_name": f"{i:012d}.jpg", "width": 80, "height": 60} for i in (9, 25)]
    content = {"info": {}, "images": images, "annotations": annotations, "categories": []}
    file = root / "annotations" / "instances_train2017.json"
    write_lines(file, [json.dumps(content)])
    return root


def write_davis(root: Path) -> Path:
    """Two frames with two coloured objects, the second of them only in the first frame."""
    write_pictures(root / "JPEGImages" / "480p" / "bear", ["00000.jpg", "00001.jpg"])
    annotations = root / "Annotations" / "480p" / "bear"
    annotations.mkdir(parents=True)
    for frame in range(2):
        mask = np.zeros((60, 80, 3), np.uint8)
        mask[20:40, 10 + frame : 40 + frame] = (0, 0, 128)  # the palette's first colour
        if frame == 0:
            mask[5:15, 50:70] = (0, 128, 0)
            mask[0:3, 0:3] = (192, 224, 224)  # not annotated
        cv2.imwrite(str(annotations / f"{frame:05d}.png"), mask)
    return root


def write_videos(root: Path, frames: int = 25) -> Path:
    """A video of which every frame is numbered, its target absent from frame 3 on until 5."""
    root.mkdir(parents=True, exist_ok=True)
    video = cv2.VideoWriter(str(root / "a.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (80, 60))
    for index in range(frames):
        video.write(np.full((60, 80, 3), 10 + 9 * index, np.uint8))
    video.release()
    rows = [f"{i},{10 + i},20,30,20" if i not in (3, 4) else f"{i},,,," for i in range(frames)]
    write_lines(root / "a.csv", ["# by eye", "frame,x,y,w,h", *rows])
    return root


def write_cropped(root: Path) -> Path:
    """Crops of two frames of one track, as par_crop.py makes them."""
    write_pictures(root / "video", [])
    for frame in (0, 7):
        file = root / "video" / f"{frame:06d}.00.x.jpg"
        file.write_bytes(encoded(textured(frame, 511, 511), ".jpg"))
    boxes = {"000000": [100, 50, 140, 90], "000007": [102, 50, 142, 90]}
    write_lines(root / "train.json", [json.dumps({"video": {"00": boxes}})])
    return root
