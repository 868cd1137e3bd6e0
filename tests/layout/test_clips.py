"""Clips and masks on the field: placement, and every kind of mask file."""

import numpy as np
import pytest
import torch
from PIL import Image
from scenes.shapes import box

from litho_dl.core.errors import GridMismatchError, LayoutError, LithoError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.core.io import read_image, write_png
from litho_dl.layout.clips import (
    Clip,
    file_stem,
    load_clip,
    load_mask,
    load_mask_image,
    load_start_mask,
    magnified,
    pixel_of,
    place,
)
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.mask_file import read_mask
from litho_dl.layout.raster import rasterize
from litho_dl.layout.saved_mask import save_mask

FIELD = Grid((256, 320), 1.0)


@pytest.fixture
def clip() -> Clip:
    """An L far from the origin, 101 x 80 nm."""
    return place(Layout("L", (box(-700, 3000, -599, 3030), box(-700, 3000, -670, 3080))), FIELD, "bend")


def test_the_bounding_box_is_centred_and_the_shift_kept(clip):
    assert clip.placed.bbox_nm == (109, 88, 210, 168)  # half a nm rounds down
    assert clip.shift_nm == (809, -2912)
    assert (clip.name, clip.placed.name, clip.field_nm) == ("bend", "bend", FIELD.field_nm)
    coverage = clip.coverage(1.0)
    assert coverage.shape == (256, 320)
    assert coverage.sum() == 101 * 30 + 30 * 50
    assert coverage[88, 209] == coverage[167, 138] == 1
    assert coverage[167, 139] == coverage[87, 109] == 0
    assert clip.coverage(4.0).sum() * 16 == pytest.approx(coverage.sum())


@pytest.mark.parametrize("suffix", [".glp", ".gds", ".oas.gz"])
def test_a_layout_file_becomes_a_clip(tmp_path, suffix):
    write_layout(tmp_path / f"two{suffix}", Layout("cell", (box(0, 0, 50, 60), box(1000, 0, 1020, 60))), layer="3")
    clip = load_clip(tmp_path / f"two{suffix}", FIELD, layer="3", cell="cell", window_nm=(-10, 10, 200, 200))
    assert clip.name == "two"
    assert clip.placed.bbox_nm == (135, 103, 185, 153)
    assert clip.shift_nm == (135, 93)
    with pytest.raises(LayoutError, match="database unit"):
        load_clip(tmp_path / f"two{suffix}", FIELD)


def test_names_of_files():
    assert [file_stem(f"a/{name}") for name in ("b.glp", "b.oas.gz", "b.mask.oas", "b")] == ["b", "b", "b.mask", "b"]


@pytest.mark.parametrize("pixel_nm", [1.0, 2.0, 8.0])
def test_saved_masks_lie_on_the_layout(clip, tmp_path, pixel_nm):
    """The PNG is the field; the polygons, moved by the clip's shift, are the same pixels."""
    grid = Grid.of_field(FIELD.field_nm, pixel_nm)
    mask = torch.from_numpy(np.random.default_rng(0).random(grid.shape) > 0.6)
    image, polygons, _, _ = save_mask(mask, pixel_nm, clip, tmp_path / "new")
    assert (image, polygons) == (tmp_path / "new" / "bend.mask.png", tmp_path / "new" / "bend.mask.oas")
    pixels = read_image(image)
    assert pixels.shape == (256, 320)
    assert set(np.unique(pixels)) == {0, 255}
    np.testing.assert_array_equal(pixels == 255, magnified(mask, pixel_nm, 1.0).numpy())
    saved = read_mask(polygons)
    np.testing.assert_array_equal(rasterize(saved.translated(*clip.shift_nm), FIELD), pixels / 255)
    for path in (image, polygons):
        values = load_mask(path, clip)
        read_nm = pixel_of(values, clip)
        assert read_nm == 1.0
        np.testing.assert_array_equal(values.numpy(), pixels / 255)


def test_a_mask_drawn_as_the_layout_opens_on_top_of_it(clip, tmp_path):
    _, polygons, _, _ = save_mask(clip.coverage(1.0) > 0.5, 1.0, clip, tmp_path)
    assert read_layout(polygons).bbox_nm == (-700, 3000, -599, 3080)
    assert read_layout(polygons).area_nm2 == 101 * 30 + 30 * 50


def test_magnified():
    mask = torch.tensor([[[True, False], [False, False]]])
    expected = torch.zeros(1, 6, 6, dtype=torch.bool)
    expected[:, :3, :3] = True
    assert torch.equal(magnified(mask, 1.5, 0.5), expected)
    assert torch.equal(magnified(mask, 0.3, 0.1), expected)
    for wrong in (2.5, 0.5):
        with pytest.raises(MaskError, match="multiple of 1 nm"):
            magnified(mask, wrong, 1.0)


def write(path, values: np.ndarray) -> None:
    if path.suffix == ".png":
        write_png(path, np.rint(values * 255).astype(np.uint8))
    elif path.suffix == ".csv":
        np.savetxt(path, values, delimiter=",")
    else:
        np.save(path, values)


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".npy", ".csv"])
@pytest.mark.parametrize("shape", [(64, 80), (256, 320), (512, 640)])
def test_mask_images_fill_the_field(clip, tmp_path, suffix, shape):
    path = tmp_path / f"mask{suffix}"
    values = np.random.default_rng(1).integers(0, 256, shape) / 255
    write(path.with_suffix(suffix.lower()), values)
    path.with_suffix(suffix.lower()).rename(path)
    found = load_mask(path, clip)
    assert pixel_of(found, clip) == 256 / shape[0]
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), values, atol=1e-7)


def test_mask_images_of_other_types(clip, tmp_path):
    np.save(tmp_path / "bool.npy", np.eye(64, 80, dtype=bool))
    np.save(tmp_path / "int.npy", np.eye(64, 80, dtype=np.int16))
    np.save(tmp_path / "phase.npy", 0 - np.eye(64, 80))
    for name in ("bool", "int"):
        np.testing.assert_array_equal(load_mask(tmp_path / f"{name}.npy", clip).numpy(), np.eye(64, 80))
    assert load_mask_image(tmp_path / "phase.npy", FIELD, lowest=-1.0).min() == -1
    with pytest.raises(MaskError, match=r"phase\.npy.*\[0, 1\].*-1 to 0"):
        load_mask_image(tmp_path / "phase.npy", FIELD)


def store(path, values: np.ndarray) -> None:
    """Writes values as they are."""
    if path.suffix == ".png":
        Image.fromarray(values).save(path)
    else:
        write(path, values)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("a.npy", lambda mask: mask),
        ("a.npy", lambda mask: mask.astype(np.uint8)),
        ("a.npy", lambda mask: mask.astype(np.float16)),
        ("a.npy", lambda mask: mask.astype(">f8")),
        ("a.csv", lambda mask: mask.astype(int)),
        ("a.png", lambda mask: mask * np.uint8(255)),
        ("a.png", lambda mask: mask * np.uint16(65535)),
    ],
)
def test_masks_of_every_number_type_are_read_alike(clip, tmp_path, name, stored):
    mask = np.zeros((256, 320), bool)
    mask[20:60, 30:50] = True
    store(tmp_path / name, stored(mask))
    np.testing.assert_array_equal(load_mask_image(tmp_path / name, clip), mask.astype(np.float32))


@pytest.mark.parametrize(
    ("name", "largest", "factor"),
    [
        ("a.png", np.uint8(1), 255),
        ("a.png", np.uint8(5), 51),
        ("a.png", np.uint16(1), 65535),
        ("a.png", np.uint16(255), 257),
    ],
)
def test_images_that_would_be_dark_are_refused(clip, tmp_path, name, largest, factor):
    mask = np.zeros((256, 320), largest.dtype)
    mask[20:60] = largest
    store(tmp_path / name, mask)
    with pytest.raises(MaskError, match=f"got 0 to {largest} only; multiply it by {factor}"):
        load_mask_image(tmp_path / name, clip)


@pytest.mark.parametrize("suffix", [".glp", ".gds", ".oas"])
def test_mask_polygons_are_in_the_layouts_coordinates(clip, tmp_path, suffix):
    path = tmp_path / f"mask{suffix}"
    write_layout(path, Layout("m", (box(-690, 3010, -650, 3020),)), layer="5")
    for layer in (None, "5"):
        values = load_mask(path, clip, layer=layer)
        assert pixel_of(values, clip) == 1.0
        assert values.sum() == values[98:108, 119:159].sum() == 400
    with pytest.raises(LayoutError, match="layer"):
        load_mask(path, clip, layer="6")


def test_masks_that_cannot_be_used(clip, tmp_path):
    np.save(tmp_path / "nan.npy", np.full((64, 80), np.nan))
    np.save(tmp_path / "big.npy", np.full((64, 80), 255))
    np.save(tmp_path / "wide.npy", np.zeros((64, 81)))
    np.save(tmp_path / "odd.npy", np.zeros((48, 60)))
    np.save(tmp_path / "cube.npy", np.zeros((2, 64, 80)))
    np.save(tmp_path / "words.npy", np.full((64, 80), "x"))
    (tmp_path / "ragged.csv").write_text("0,1\n0\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "mask.png").write_bytes(b"\x89PNG")
    (tmp_path / "mask.bmp").touch()
    write_layout(tmp_path / "away.gds", Layout("m", (box(0, 0, 10, 10),)))
    for name, error, message in (
        ("nan.npy", MaskError, "NaN"),
        ("big.npy", MaskError, "255 to 255"),
        ("wide.npy", GridMismatchError, "square pixels"),
        ("odd.npy", GridMismatchError, "48 x 60 pixels of 5.33333 nm"),
        ("cube.npy", LithoError, "2-D"),
        ("words.npy", LithoError, "numbers"),
        ("ragged.csv", LithoError, "cannot be read"),
        ("empty.csv", LithoError, "cannot be read"),
        ("mask.png", LithoError, "cannot be read"),
        ("mask.bmp", LayoutError, "ending in"),
        ("none.png", LithoError, "no such file"),
        ("none.oas", LayoutError, "no such file"),
        ("away.gds", MaskError, "target layout's coordinates"),
    ):
        with pytest.raises(error, match=message) as caught:
            load_mask(tmp_path / name, clip)
        assert name in str(caught.value)


def test_start_masks_on_pixels_that_share_no_grid(tmp_path):
    """6 nm pixels give 3 nm ones and 12 nm ones, not 4 nm ones."""
    clip = place(Layout("square", (box(0, 0, 600, 600),)), Grid((1200, 1200), 1.0), "square")
    np.save(tmp_path / "mask.npy", np.eye(200))
    for pixel_nm in (3.0, 12.0):
        found = load_start_mask(tmp_path / "mask.npy", clip, pixel_nm)
        assert found.sum() * pixel_nm**2 == pytest.approx(200 * 36)
    with pytest.raises(MaskError, match=r"mask.npy: .*divides the method's 4 nm.*got 6 nm"):
        load_start_mask(tmp_path / "mask.npy", clip, 4.0)
