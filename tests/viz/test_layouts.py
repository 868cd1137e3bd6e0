"""The figure of clip groups: what is drawn where, and what its histograms hold."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import PathPatch, StepPatch
from scenes.shapes import box

from litho_dl.core.errors import LithoError
from litho_dl.layout.polygon import Polygon
from litho_dl.viz.figure import save_figure
from litho_dl.viz.layouts import ClipGroup, clips_figure

RING = Polygon(box(0, 0, 300, 300).hull, (box(100, 100, 200, 200).hull[::-1],))
WIDTHS = (np.array([70.0, 100.0, 900.0]), np.array([90.0, 8.0, 2.0]))


def group(name: str, count: int) -> ClipGroup:
    clips = {f"{name}{n}": RING.loops for n in range(count)}
    return ClipGroup(name, clips, 400.0, {"local width (nm)": WIDTHS, "density (%)": ([20.0, 30.0], [1.0, 3.0])})


def test_each_clip_is_one_outline_with_its_holes_beside_its_histograms(tmp_path: Path) -> None:
    figure = clips_figure([group("a", 5), group("b", 2)], across=3)
    panels = [axes for axes in figure.axes if any(isinstance(patch, PathPatch) for patch in axes.patches)]
    outlines = [
        patch for axes in panels for patch in axes.patches if type(patch) is PathPatch and len(patch.get_path())
    ]
    assert len(outlines) == 7
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[::-1]
    covered, hole = (panels[0].transData.transform((at, at)).astype(int) for at in (50, 150))
    assert pixels[covered[1], covered[0], 0] == 0
    assert pixels[hole[1], hole[0], 0] == 255
    charts = [axes for axes in figure.axes if axes.get_ylabel() == "share (%)"]
    assert [axes.get_xlabel() for axes in charts] == 2 * ["local width (nm)", "density (%)"]
    save_figure(figure, tmp_path / "clips.png", dpi=40)
    assert (tmp_path / "clips.png").stat().st_size > 0


def test_histograms_hold_all_the_weight_and_share_their_bins() -> None:
    figure = clips_figure([group("a", 1), group("b", 1)])
    steps = [patch for axes in figure.axes for patch in axes.patches if isinstance(patch, StepPatch)]
    shares = [patch.get_data().values for patch in steps]
    assert [share.sum() for share in shares] == pytest.approx([100] * 4)
    assert shares[0].max() == pytest.approx(90)
    assert shares[0][-1] == pytest.approx(10), "what is wider than most lies in the last bin"
    np.testing.assert_array_equal(steps[0].get_data().edges, steps[2].get_data().edges)


def test_nothing_to_draw_is_told() -> None:
    with pytest.raises(LithoError, match="at least one clip"):
        clips_figure([])
    with pytest.raises(LithoError, match="at least one clip"):
        clips_figure([group("a", 1), group("none", 0)])
