"""Figures of synthetic clips and optics: right panels, right way up, lengths in nm, written to disk."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.legend import Legend
from matplotlib.text import Text
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar
from scipy.ndimage import gaussian_filter

from litho_dl.core.errors import GridMismatchError, LithoError, OutputError
from litho_dl.core.pareto import pareto_front
from litho_dl.viz.clip import caption, clip_figure
from litho_dl.viz.figure import image_panel, new_figure, round_length, save_figure
from litho_dl.viz.gallery import GalleryClip, gallery_figure
from litho_dl.viz.history import history_figure
from litho_dl.viz.images import ClipImages
from litho_dl.viz.optics import kernel_in_space, optics_figure, phase_in_waves
from litho_dl.viz.speed import speed_figure
from litho_dl.viz.tradeoff import tradeoff_figure

PIXEL_NM = 8.0
THRESHOLD = 0.3


def make_clip(**changes: object) -> ClipImages:
    """A 1024 nm field with a wide bar low and a short bar high: no symmetry in either axis."""
    target = np.zeros((128, 128))
    target[40:50, 30:100] = 1
    target[70:80, 30:50] = 1
    aerial = gaussian_filter(target, 4)
    images = {
        "pixel_nm": PIXEL_NM,
        "mask": target,
        "target": target,
        "aerial": aerial,
        "nominal": aerial > THRESHOLD,
        "outer": 1.1 * aerial > THRESHOLD,
        "inner": 0.9 * aerial > THRESHOLD,
    }
    return ClipImages(**(images | changes))  # type: ignore[arg-type]


def image_axes(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.images]


def scale_bars(axes: Axes) -> list[str]:
    return [artist.txt_label.get_text() for artist in axes.artists if isinstance(artist, AnchoredSizeBar)]


def violation_rings(figure: Figure) -> list[np.ndarray]:
    lines = [line for axes in figure.axes for line in axes.lines if line.get_label() == "EPE violation"]
    return [np.asarray(line.get_xydata()) for line in lines]


def test_a_clip_has_four_panels_in_nm_with_origin_at_the_bottom() -> None:
    figure = clip_figure(make_clip(), threshold=THRESHOLD, margin_nm=80)
    panels = image_axes(figure)
    assert [axes.get_title() for axes in panels] == ["Target", "Mask (black: open)", "Aerial image", "Print"]
    for axes in panels:
        assert axes.images[0].origin == "lower"
        # Target and prints cover x 224-816, y 304-640 nm; the margin is 80 nm.
        assert axes.images[0].get_extent() == pytest.approx([160, 880, 240, 720], abs=24)
        assert scale_bars(axes) == ["100 nm"]


def test_without_target_and_aerial_the_panels_are_left_out() -> None:
    figure = clip_figure(make_clip(target=None), threshold=THRESHOLD)
    assert [axes.get_title() for axes in image_axes(figure)] == ["Mask (black: open)", "Aerial image", "Print"]
    figure = clip_figure(make_clip(target=None, aerial=None, outer=None, inner=None))
    assert [axes.get_title() for axes in image_axes(figure)] == ["Mask (black: open)", "Print"]


def test_the_rendered_picture_is_the_right_way_up(tmp_path: Path) -> None:
    """The wide bar lies low in y, so the lower half of the PNG holds more ink."""
    figure = new_figure(3, 3)
    clip = make_clip()
    image_panel(figure.subplots(), clip.mask, clip.extent)
    save_figure(figure, tmp_path / "mask.png", dpi=100)
    ink = 1 - imread(tmp_path / "mask.png")[..., :3].mean(axis=2)
    ink = ink[20:-60]  # without border and what is below
    rows = np.flatnonzero((ink > 0.9).sum(axis=1) > 20)
    widths = (ink > 0.9).sum(axis=1)
    assert widths[rows[-1]] > 2 * widths[rows[0]]


def test_violations_are_ringed_only_where_there_are_some() -> None:
    assert violation_rings(clip_figure(make_clip())) == []
    assert violation_rings(clip_figure(make_clip(), epe_sites_nm=np.empty((0, 2)))) == []
    (rings,) = violation_rings(clip_figure(make_clip(), epe_sites_nm=[(240, 360), (800, 360)]))
    np.testing.assert_allclose(rings, [(240, 360), (800, 360)])


def test_the_band_lies_over_the_print_and_its_edges_are_lines() -> None:
    """Straight edges are drawn half-way between the pixel centres on their two sides; nothing lies on the band."""
    nominal, outer, inner = (np.zeros((64, 64)) for _ in range(3))
    nominal[20:40, 16:48], outer[19:41, 15:49], inner[21:39, 17:47] = 1, 1, 1
    images = ClipImages(PIXEL_NM, mask=nominal, nominal=nominal, target=nominal, outer=outer, inner=inner)
    figure = clip_figure(images, margin_nm=1000)
    axes = image_axes(figure)[-1]
    lines = [contour.get_paths()[0].vertices.T for contour in axes.collections]
    spans = [(x.min(), x.max(), y.min(), y.max()) for x, y in lines]
    assert spans == [pytest.approx((120, 392, 152, 328)), pytest.approx((136, 376, 168, 312))]
    *_, printed, band = (image.get_array()[..., 3] for image in axes.images)
    np.testing.assert_array_equal(band, 255 * (outer != inner))
    np.testing.assert_array_equal(printed > 0, nominal > 0)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["target", "nominal print", "PV band"]


def test_openings_are_said_to_be_black() -> None:
    assert image_axes(clip_figure(make_clip()))[1].get_title() == "Mask (black: open)"
    shifted = make_clip(mask=make_clip().mask - 2.0 * (make_clip().nominal == 0))
    assert image_axes(clip_figure(shifted))[1].get_title() == "Mask (black: open, white: open, 180°)"


def test_scale_bars_leave_the_image_free() -> None:
    """They lie under the panel, and so do colour bar and legend, apart from them."""
    figure = clip_figure(make_clip(), threshold=THRESHOLD)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    panels = [axes for axes in image_axes(figure) if scale_bars(axes)]
    for axes in panels:
        (bar,) = (artist.get_window_extent(renderer) for artist in axes.artists if isinstance(artist, AnchoredSizeBar))
        assert bar.y1 <= axes.get_window_extent().y0
        for other in [*(child.get_tightbbox(renderer) for child in axes.child_axes), axes.get_legend()]:
            box = other.get_window_extent(renderer) if isinstance(other, Legend) else other
            assert box is None or not bar.overlaps(box)
    assert len(panels) == 4


def test_an_empty_clip_is_drawn_whole() -> None:
    empty = np.zeros((32, 32))
    figure = clip_figure(ClipImages(PIXEL_NM, mask=empty, nominal=empty, aerial=empty, outer=empty, inner=empty))
    assert image_axes(figure)[0].images[0].get_extent() == pytest.approx([0, 256, 0, 256])


def test_cropping_keeps_places() -> None:
    clip = make_clip().crop((244, 404, -50, 100))
    assert clip.extent == (240, 408, 0, 104)
    assert clip.shape == (13, 21)
    assert clip.crop((300, 340, 50, 60)).extent == (296, 344, 48, 64)


def test_images_of_different_grids_are_refused() -> None:
    with pytest.raises(GridMismatchError, match="one shape"):
        make_clip(nominal=np.zeros((64, 64)))


@pytest.mark.parametrize(("span", "length"), [(2048, 500), (800, 200), (400, 100), (399, 50), (79, 10), (1, 0.2)])
def test_scale_bars_have_round_lengths(span: float, length: float) -> None:
    assert round_length(span) == pytest.approx(length)


def test_captions() -> None:
    assert caption({"L2": 38495.0, "EPE": 3, "s": 1.23456}, " | ") == "L2 38,495 | EPE 3 | s 1.235"


def synthetic_kernels(count: int, half: tuple[int, int] = (8, 8)) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (count, 2 * half[0] + 1, 2 * half[1] + 1)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def disc_pupil(defocus_waves: float, n: int = 65) -> np.ndarray:
    """|P| = 1 with a phase of `defocus_waves` rho^2."""
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    return np.where(x**2 + y**2 <= 1, np.exp(2j * np.pi * defocus_waves * (x**2 + y**2)), 0)


def test_optics_with_source_and_pupil() -> None:
    points = np.array([(0.7, 0.0), (-0.7, 0.0), (0.0, 0.7), (0.0, -0.7)])
    figure = optics_figure(
        synthetic_kernels(9),
        np.linspace(1, 0.1, 9),
        (1024, 1024),
        source_points=points,
        pupil=disc_pupil(0.3),
        defocus_nm=50,
        discarded_energy=0.02,
    )
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["Source (4 points)", "Pupil amplitude", "Pupil phase (waves)"]
    assert "9 kernels: 98.00 % of the TCC's energy" in titles
    assert sum(title.startswith("$|h_") for title in titles) == 9


def test_imported_kernels_have_neither_source_nor_pupil() -> None:
    figure = optics_figure(synthetic_kernels(24, (8, 4)), np.ones(24), (1024, 512), count=12)
    titles = [axes.get_title() for axes in figure.axes]
    assert sum(title.startswith("$|h_") for title in titles) == 12
    assert "24 kernels: 100.00 % of the kept energy" in titles
    assert not any("Source" in title or "Pupil" in title for title in titles)


def test_kernels_in_space_follow_their_spectrum() -> None:
    """One frequency along y is a wave along y with the field's period; DC alone is flat."""
    spectrum = np.zeros((5, 7), dtype=complex)
    spectrum[3, 3] = 1
    wave = kernel_in_space(spectrum, (400.0, 800.0), 400.0)
    y = np.linspace(-200, 200, len(wave))
    np.testing.assert_allclose(wave, np.exp(2j * np.pi * y / 400)[:, None] * np.ones(len(wave)), atol=1e-12)


def test_large_defocus_is_unwrapped() -> None:
    """1.5 waves at the rim stay a parabola instead of rings."""
    n = 257
    phase = phase_in_waves(disc_pupil(1.5, n))
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    inside = x**2 + y**2 <= 1
    np.testing.assert_allclose(phase[inside], 1.5 * (x**2 + y**2)[inside], atol=1e-9)
    assert np.isnan(phase[~inside]).all()


def test_history_marks_levels() -> None:
    terms = {"L2": np.geomspace(1e5, 1e4, 30), "tv": np.r_[np.full(10, np.nan), np.ones(20)], "total": np.full(30, 2e5)}
    (axes,) = history_figure(terms, level_starts=(0, 10, 20)).axes
    assert [text.get_text().strip() for text in axes.texts] == ["level 1", "level 2", "level 3"]
    assert axes.get_yscale() == "log"
    (axes,) = history_figure({"EPE": [5, 2, 0]}).axes
    assert axes.get_yscale() == "symlog"
    assert not axes.texts


def test_history_shows_no_rounding_errors() -> None:
    """What is a millionth of the largest value lies at zero, and the axis is not stretched to it."""
    (axes,) = history_figure({"total": [1e5, 1e4], "width": [50.0, 1e-13], "tv": [np.nan, 0.2]}).axes
    assert axes.get_yscale() == "symlog"
    zero, tiny, least, largest = (axes.transData.transform((0, y))[1] for y in (0, 1e-13, 0.2, 1e5))
    assert tiny == pytest.approx(zero)
    assert least - zero > 0.05 * (largest - zero)


def test_gallery_has_three_columns_a_clip_at_one_scale() -> None:
    small = np.zeros((128, 128))
    small[60:64, 60:64] = 1
    clips = [
        GalleryClip("wide", make_clip(), {"L2": 10, "PVB": 20}),
        GalleryClip("small", make_clip(target=small, mask=small), epe_sites_nm=[(500, 500)]),
        GalleryClip("third", make_clip()),
    ]
    figure = gallery_figure(clips, across=2, margin_nm=60)
    panels = image_axes(figure)
    assert len(panels) == 9
    sides = {round(x1 - x0) for x0, x1, _, _ in (axes.images[0].get_extent() for axes in panels)}
    assert max(sides) - min(sides) <= 2 * PIXEL_NM
    names = [text.get_text() for text in figure.legends[0].texts]
    assert names == ["mask opening", "target", "nominal print", "PV band", "EPE violation"]
    with pytest.raises(LithoError, match="at least one clip"):
        gallery_figure([])


def test_pareto_front_keeps_what_no_other_point_beats() -> None:
    points = np.array([(3, 3), (1, 5), (2, 4), (2, 6), (5, 1), (4, 3.5), (1, 7), (2, 4)])
    np.testing.assert_array_equal(pareto_front(points), [(1, 5), (2, 4), (3, 3), (5, 1)])
    assert pareto_front(np.empty((0, 2))).shape == (0, 2)


def test_tradeoff_names_do_not_overlap() -> None:
    ours = {"a": (26618.0, 37084.0), "b": (22586.0, 37934.0)}
    published = {f"method {i}": (40000.0 + 300 * i, 50000.0 + 200 * i) for i in range(4)}
    figure = tradeoff_figure(ours, published)
    axes = figure.axes[0]
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [Text.get_window_extent(text, renderer) for text in axes.texts]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    with pytest.raises(LithoError, match="at least one"):
        tradeoff_figure({})


def test_speed_is_log_log() -> None:
    sizes = [256, 512, 1024]
    (axes,) = speed_figure({"engine": (sizes, [1e-3, 3e-3, 9e-3]), "full": (sizes, [1e-2, 5e-2, 0.2])}).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [line.get_label() for line in axes.lines] == ["engine", "full", "slope 2"]


def test_every_figure_is_written(tmp_path: Path) -> None:
    figures = {
        "clip": clip_figure(make_clip(), threshold=THRESHOLD, epe_sites_nm=[(240, 360)], score={"L2": 1}, title="clip"),
        "optics": optics_figure(synthetic_kernels(3), np.ones(3), (512, 512), pupil=disc_pupil(0.1)),
        "history": history_figure({"L2": [3, 2, 1]}),
        "gallery": gallery_figure([GalleryClip("one", make_clip())]),
        "speed": speed_figure({"engine": ([256, 512], [1e-3, 3e-3])}),
        "tradeoff": tradeoff_figure({"a": (1.0, 2.0)}),
    }
    for name, figure in figures.items():
        save_figure(figure, tmp_path / f"{name}.png", dpi=60)
        picture = imread(tmp_path / f"{name}.png")
        assert min(picture.shape[:2]) > 100
        assert picture[..., :3].std() > 0.01
    assert len(list(tmp_path.iterdir())) == len(figures)  # no temporary files left


def test_an_unwritable_place_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(OutputError, match="Cannot write"):
        save_figure(new_figure(1, 1), tmp_path / "taken.png")


def test_figures_touch_no_global_state() -> None:
    """Neither the package nor its figures load pyplot; the package alone loads no matplotlib."""
    program = (
        "import sys, litho_dl\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import litho_dl.viz.clip, litho_dl.viz.optics, litho_dl.viz.gallery, litho_dl.viz.tradeoff\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
