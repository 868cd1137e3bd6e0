"""Figures: scale bars, files, no global state."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from scenes.pictures import THRESHOLD, disc_pupil, make_clip, synthetic_kernels

from litho_dl.core.errors import OutputError
from litho_dl.viz.clip import clip_figure
from litho_dl.viz.figure import image_panel, new_figure, round_length, save_figure
from litho_dl.viz.gallery import GalleryClip, gallery_figure
from litho_dl.viz.history import history_figure
from litho_dl.viz.optics import optics_figure
from litho_dl.viz.speed import speed_figure
from litho_dl.viz.tradeoff import tradeoff_figure


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


@pytest.mark.parametrize(("span", "length"), [(2048, 500), (800, 200), (400, 100), (399, 50), (79, 10), (1, 0.2)])
def test_scale_bars_have_round_lengths(span: float, length: float) -> None:
    assert round_length(span) == pytest.approx(length)


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


def test_a_picture_is_cut_to_what_is_drawn(tmp_path: Path) -> None:
    """As by `Figure.savefig`, to 3 pixels; also where a text lies outside the figure's canvas."""
    for outside in (False, True):
        figure = new_figure(4, 3, "title")
        image_panel(figure.subplots(), make_clip().mask, make_clip().extent)
        if outside:
            figure.text(1.0, 0.5, "far away")
        save_figure(figure, tmp_path / "own.png", dpi=160)
        figure.savefig(tmp_path / "tight.png", dpi=160, bbox_inches="tight", pad_inches=0.08)
        own, tight = (imread(tmp_path / f"{name}.png")[..., :3] for name in ("own", "tight"))
        assert own.shape == pytest.approx(tight.shape, abs=3)
        ink = [1 - picture.mean(2) for picture in (own, tight)]
        assert ink[0].sum() == pytest.approx(ink[1].sum(), rel=0.05)
        for axis in (0, 1):
            first, last = ((side.max(1 - axis) > 0.1).nonzero()[0][[0, -1]] for side in ink)
            assert first == pytest.approx(last, abs=3)
    assert figure.dpi == 100


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
