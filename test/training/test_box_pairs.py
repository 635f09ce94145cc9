from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from siamdw_ros.training import box_bank
from siamdw_ros.training.box_bank import Scene, cutout_bank, scene_bank, view_of
from siamdw_ros.training.box_effects import coarsen, photometric
from siamdw_ros.training.box_pack import PackWriter, load_packs
from siamdw_ros.training.box_pairs import (
    Jitter,
    PairBatch,
    PairMaker,
    context_sides,
    sample_scenes,
    windows,
)

STILL = Jitter(absent=0.0)
COLORS = [(40, 40, 220), (40, 220, 40), (220, 40, 40), (220, 220, 40), (220, 40, 220)]


def painted(box: tuple[int, int, int, int], color: tuple[int, int, int]) -> Scene:
    """A dark image in which the target is one bright rectangle."""
    image = np.full((200, 240, 3), 30, np.uint8)
    x, y, w, h = box
    image[y : y + h, x : x + w] = color
    return Scene(image, np.array(box, np.float32))


def tracks() -> list[list[Scene]]:
    return [
        [painted((60 + 10 * i, 70, 30 + 5 * i, 60), color) for i in range(4)] for color in COLORS
    ]


def disc(color: tuple[int, int, int]) -> np.ndarray:
    image = np.zeros((100, 60, 4), np.uint8)
    cv2.ellipse(image, (30, 50), (29, 49), 0, 0, 360, (*color, 255), -1)
    return image


def maker(
    shares: tuple[float, ...],
    jitter: Jitter = STILL,
    seed: int = 0,
    classes: tuple[str, ...] = ("disc",) * len(COLORS),
) -> PairMaker:
    plain = Scene(np.full((200, 200, 3), 30, np.uint8), np.array([0, 0, 200, 200], np.float32))
    stills = [[scene] for track in tracks() for scene in track]
    bank = scene_bank(tracks())
    cutouts = cutout_bank([(name, disc(c)) for name, c in zip(classes, COLORS, strict=False)])
    generator = torch.Generator().manual_seed(seed)
    return PairMaker(
        [bank, bank], scene_bank(stills), scene_bank([[plain]] * 3), cutouts, shares, 255,
        generator, jitter,
    )  # fmt: skip


def bright_box(image: torch.Tensor) -> torch.Tensor:
    """Left, top, right, bottom of what is coloured."""
    spread = image.amax(0) - image.amin(0)
    mask = torch.nn.functional.avg_pool2d(spread[None], 5, 1, 2)[0] > 40
    rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
    return torch.tensor(
        [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], dtype=torch.float32
    )


@pytest.fixture(autouse=True)
def without_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes are measured on the colours, which the effects of cameras would hide."""
    monkeypatch.setattr("siamdw_ros.training.box_pairs.photometric", lambda *crops: crops[:2])
    monkeypatch.setattr("siamdw_ros.training.box_pairs.coarsen", lambda *_: None)


def test_a_fifth_of_the_pairs_loses_resolution() -> None:
    random = torch.Generator().manual_seed(1)
    noise = torch.rand(200, 3, 48, 48, generator=random) * 255
    templates = noise.clone()
    searches = noise.repeat(1, 1, 2, 2)
    coarsen(templates, searches, random)
    changed = (templates != noise).flatten(1).any(dim=1)
    assert 20 <= int(changed.sum()) <= 60
    assert torch.equal((searches != noise.repeat(1, 1, 2, 2)).flatten(1).any(dim=1), changed)
    for crops in (templates, searches):
        detail = crops.diff(dim=-1).abs().mean((1, 2, 3))
        assert detail[changed].max() < 0.8 * detail[~changed].min()
        torch.testing.assert_close(crops.mean((1, 2, 3)), noise.mean((1, 2, 3)), atol=2, rtol=0)


def test_a_pair_mostly_shares_its_light() -> None:
    random = torch.Generator().manual_seed(2)
    crops = torch.full((400, 3, 16, 16), 120.0)
    templates, searches = (part.mean((1, 2, 3)) for part in photometric(crops, crops, random))
    assert templates.std() > 20
    assert torch.corrcoef(torch.stack([templates, searches]))[0, 1] > 0.6


def check_boxes(pairs: PairBatch, tolerance: float) -> None:
    for search, box in zip(pairs.searches, pairs.boxes, strict=True):
        expected = box.clamp(0, 255)
        if (expected[2:] - expected[:2]).amin() > 12:
            assert (bright_box(search) - expected).abs().max() < tolerance


@pytest.mark.parametrize("shares", [(1, 0, 0, 0, 0), (0, 0, 1, 0, 0)], ids=["tracks", "stills"])
def test_boxes_of_real_scenes_fit_what_is_seen(
    shares: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair_maker = maker(shares)
    monkeypatch.setattr(pair_maker, "_normal", lambda *shape: torch.zeros(shape))  # no rotation
    monkeypatch.setattr(pair_maker, "_uniform", lambda *shape: torch.full(shape, 0.6))
    check_boxes(pair_maker.draw(8), 4.0)


def test_boxes_of_warped_objects_fit_what_is_seen() -> None:
    pair_maker = maker((0, 0, 0, 0, 1))
    chosen = torch.arange(5)
    warped, boxes = pair_maker._warped(chosen, torch.full((5,), 0.3))
    for image, (x, y, w, h) in zip(warped, boxes.tolist(), strict=True):
        seen = image[3] > 127
        rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
        assert (int(columns.min()), int(rows.min())) == (x, y)
        assert (int(columns.max()) + 1, int(rows.max()) + 1) == (x + w, y + h)


@pytest.mark.parametrize(("drawn", "held"), [(0.3, True), (0.45, False)])
def test_what_holds_an_object_is_beside_its_box_in_the_template(
    drawn: float, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair_maker = maker((0, 0, 0, 0, 1))
    monkeypatch.setattr(pair_maker, "_normal", lambda *shape: torch.zeros(shape))  # no warping
    monkeypatch.setattr(pair_maker, "_uniform", lambda *shape: torch.full(shape, drawn))
    # Each object once: none holds itself.
    monkeypatch.setattr(pair_maker, "_integers", lambda end, count: torch.arange(count) % end)
    pairs = pair_maker.draw(5)
    for template, extent in zip(pairs.templates, pairs.extents, strict=True):
        left, top, right, bottom = bright_box(template).tolist()
        marked = extent.tolist()
        larger = right - left > marked[0] + 8 or bottom - top > marked[1] + 8
        assert larger == held


def test_an_object_is_moved_by_shares_of_the_size_of_another() -> None:
    window = torch.eye(2, 3)[None]
    sizes, angle, distance = torch.tensor([[40.0, 20.0]]), torch.tensor([0.0]), torch.tensor([0.5])
    right = PairMaker._beside(window, sizes, angle, distance)
    below = PairMaker._beside(window, sizes, angle + torch.pi / 2, distance)
    # A window maps pixels of the crop to those of the object: it moves the other way.
    torch.testing.assert_close(right[0, :, 2], torch.tensor([-20.0, 0.0]))
    torch.testing.assert_close(below[0, :, 2], torch.tensor([0.0, -10.0]))


@pytest.mark.parametrize("kind", range(5))
def test_every_kind_of_pair_is_whole(kind: int) -> None:
    shares = tuple(float(index == kind) for index in range(5))
    pairs = maker(shares, Jitter()).draw(24)
    assert pairs.templates.shape == (24, 3, 127, 127)
    assert pairs.searches.shape == (24, 3, 255, 255)
    assert all(torch.isfinite(value).all() for value in vars(pairs).values())
    sides = context_sides(pairs.extents)
    assert ((sides > 90) & (sides < 170)).all(), "the marked box fills about half of the template"
    middle = (pairs.boxes[:, :2] + pairs.boxes[:, 2:]) / 2
    assert ((middle > 60) & (middle < 195)).all()
    assert not pairs.present.all() or kind in (2, 3)


def test_shares_decide_what_is_drawn() -> None:
    pair_maker = maker((2, 1, 1, 0, 0))
    counts = []
    pair_maker._kinds = [lambda n, k=k: counts.append((k, n)) or k(n) for k in pair_maker._kinds]
    assert len(pair_maker.draw(16).present) == 16
    assert [number for _, number in counts] == [8, 4, 4]


def test_the_same_seed_draws_the_same_pairs() -> None:
    first, second = (maker((1, 1, 1, 1, 1), Jitter(), seed=5).draw(12) for _ in range(2))
    for one, other in zip(vars(first).values(), vars(second).values(), strict=True):
        assert torch.equal(one, other)


def test_a_window_shows_the_mean_colour_beyond_the_scene() -> None:
    bank = scene_bank([[painted((10, 10, 30, 30), COLORS[0])]])
    window = windows(
        torch.tensor([[0.0, 100.0]]), torch.ones(1, 2), torch.ones(1), torch.zeros(1), 64
    )
    crop = sample_scenes(bank, torch.tensor([0]), window, 64)[0]
    torch.testing.assert_close(crop[:, 32, 0], bank.fills[0])
    torch.testing.assert_close(crop[:, 32, 40], torch.full((3,), 30.0))


def test_a_view_shows_the_target_small_enough_and_with_its_surroundings() -> None:
    image = np.zeros((600, 800, 3), np.uint8)
    scene = view_of(image, np.array([300, 200, 176, 100], np.float32))
    assert scene is not None
    assert max(scene.image.shape[:2]) <= box_bank.SCENE
    np.testing.assert_allclose(scene.box[2] / scene.box[3], 1.76, rtol=0.01)
    assert scene.box[2] <= box_bank.MAX_TARGET
    assert view_of(image, np.array([300, 200, 2, 100], np.float32)) is None
    assert view_of(image, np.array([np.nan, 200, 20, 100], np.float32)) is None


def test_a_pack_gives_back_what_was_put_into_it(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    plain = Scene(np.full((90, 120, 3), 77, np.uint8), np.array([0, 0, 120, 90], np.float32))
    with PackWriter(path, quality=95) as pack:
        assert pack.scenes("tracks", tracks()) == 20
        pack.scenes("stills", [[scene] for scene in tracks()[0]])
        pack.scenes("photographs", [[plain]])
        assert pack.cutouts([("disc", disc(COLORS[0])), ("ring", disc(COLORS[1]))]) == 2
    banks = load_packs([path])
    bank = banks.scenes["tracks"]
    assert len(bank) == 20
    assert bank.tracks.tolist() == [number for number in range(5) for _ in range(4)]
    torch.testing.assert_close(bank.boxes[1], torch.tensor([70.0, 70, 35, 60]))
    assert (bank.pixels[0, 100, 70].float() - torch.tensor(COLORS[0])).abs().max() < 12
    assert banks.cutouts.classes.tolist() == [0, 1]
    assert (banks.cutouts.pixels[0, ..., 3] > 0).float().mean() > 0.1


def test_a_file_that_is_no_pack_is_named(tmp_path: Path) -> None:
    path = tmp_path / "not.zip"
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"not\.zip: not a pack"):
        load_packs([path])
    with PackWriter(path, quality=80) as pack:
        pack.scenes("tracks", tracks())
    with pytest.raises(ValueError, match="hold no stills, photographs, cutouts"):
        load_packs([path])


def test_absent_targets_are_of_another_track() -> None:
    pairs = maker((1, 0, 0, 0, 0), replace(STILL, absent=1.0)).draw(16)
    for template, search, present in zip(
        pairs.templates, pairs.searches, pairs.present, strict=True
    ):
        if not present:
            assert (template[:, 63, 63] - search.amax((1, 2))).abs().max() > 50
    assert (~pairs.present).sum() > 4


@pytest.mark.parametrize(
    ("classes", "batch"),
    [(("disc",) * 5, 24), (("a", "b", "c", "d", "e"), 24), (("disc",), 4), (("disc",) * 5, 1)],
    ids=["one class", "classes of their own", "one object", "batches of one"],
)
def test_an_object_is_not_shown_where_it_is_absent(classes: tuple[str, ...], batch: int) -> None:
    pair_maker = maker((0, 0, 0, 0, 1), replace(STILL, absent=1.0), classes=classes)
    for _ in range(24 // batch):
        pairs = pair_maker.draw(batch)
        assert not pairs.present.any()
        color = pairs.templates[:, :, 63, 63]
        distance = (pairs.searches - color[:, :, None, None]).abs().amax(1)
        assert (distance > 20).all()


def test_a_look_alike_is_another_object_of_the_class() -> None:
    pair_maker = maker((0, 0, 0, 0, 1), classes=("a", "b", "a", "c", "a"))
    chosen = torch.arange(5).repeat(40)
    look_alikes = pair_maker._look_alikes(chosen)
    found = [set(look_alikes[chosen == one].tolist()) for one in range(5)]
    assert found == [{2, 4}, {1}, {0, 4}, {3}, {0, 2}], "itself, if there is no other"
