"""Limits of assist features hold in the loop, in checks and in what is written; bars are where optimisations start."""

import numpy as np
import pytest
import torch
from scenes.ilt import CLIPS, SIMPLE, changed, small_simulator, targets, with_levels
from scipy import ndimage
from torch import Tensor

from litho_dl.core.errors import RecipeError
from litho_dl.core.grid import Grid
from litho_dl.core.settings import validated
from litho_dl.ilt.assists import Assists, Bars
from litho_dl.ilt.bars import assist_bars
from litho_dl.ilt.method import Method, Rules, load_method
from litho_dl.ilt.parameterization import PARAMETERIZATIONS
from litho_dl.ilt.problem import LevelProblem
from litho_dl.ilt.solve import solve_targets
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import MaskRules

PIXEL_NM = 8.0
LEVEL = changed(SIMPLE.levels[1], learning_rate=1e-6, steps=1)  # masks stay nearly as they begin
BARS = Bars(width_nm=24.0, distance_nm=40.0, shortest_nm=80.0, spacing_nm=24.0)
RULES = Rules(min_width_nm=20, min_space_nm=20, min_area_nm2=1000)


def noise() -> Tensor:
    """Blocks of 48 nm all over the field, half of them open, (2, 64, 64)."""
    blocks = torch.rand(2, 11, 11, generator=torch.Generator().manual_seed(3)) < 0.5
    return blocks.repeat_interleave(6, 1).repeat_interleave(6, 2)[:, :64, :64].double()


def distances_nm(mask: Tensor, pixel_nm: float) -> list[float]:
    """Farthest distance, in x or y, of the middles of each mask's open pixels from its target."""
    drawn = (targets(pixel_nm) > 0).numpy()
    apart = [pixel_nm * ndimage.distance_transform_cdt(~one, "chessboard") for one in drawn]
    return [float(far[one].max()) for far, one in zip(apart, mask.numpy(), strict=True)]


@pytest.mark.parametrize("name", ["pixel", "multilevel", "levelset", "curvilinear"])
@pytest.mark.parametrize(
    ("assists", "limit_nm"), [(Assists(allowed=False), 44.0), (Assists(reach_nm=72.0), 72.0), (None, None)]
)
def test_masks_end_where_features_may_not_be(name, assists, limit_nm):
    method = with_levels(LEVEL, parameterization=name, assists=assists)
    found = solve_targets(small_simulator(), targets(PIXEL_NM), PIXEL_NM, method, init=noise())
    for farthest in distances_nm(found.mask, found.pixel_nm):
        if limit_nm is None:
            assert farthest > 72
        else:
            assert limit_nm - 16 < farthest <= limit_nm + PIXEL_NM / 2


@pytest.mark.parametrize("clean", [False, True])
def test_masks_on_finer_pixels_end_there_too(clean):
    own = {"parameterization": "multilevel", "mask_pixel_nm": 2.0, "clean": clean, "rules": RULES}
    method = with_levels(LEVEL, assists=Assists(reach_nm=72.0), **own)
    found = solve_targets(small_simulator(), targets(PIXEL_NM), PIXEL_NM, method, init=noise())
    assert found.pixel_nm == 2.0
    slack_nm = 12.0 if clean else 0.0  # of the disc that widens what was cut
    assert all(40 < farthest <= 72 + PIXEL_NM + slack_nm for farthest in distances_nm(found.mask, 2.0))


def test_the_loop_and_the_checks_see_the_same_area():
    method = with_levels(LEVEL, assists=Assists(allowed=False))
    form = PARAMETERIZATIONS["pixel"]()
    problem, free = (
        LevelProblem(small_simulator(), made, LEVEL, form, targets(PIXEL_NM)) for made in (method, with_levels(LEVEL))
    )
    wide = torch.nn.functional.max_pool2d(targets(PIXEL_NM), 2 * round(44 / 8) + 1, 1, round(44 / 8))
    area = (wide > 0).double()  # the clips end far from the border
    parameters = noise() - 0.5
    for made in (problem, free):
        made.begin_step(0.5)
    torch.testing.assert_close(problem._mask(parameters, slice(None)), area * free._mask(parameters, slice(None)))
    torch.testing.assert_close(problem.binary_objective(noise()), free.binary_objective(area * noise()))
    assert torch.equal(problem.where_allowed(noise() > 0), (area * noise()) > 0)
    assert ((problem.function(parameters) > 0) == ((area * noise()) > 0)).all()
    assert not torch.equal(free.binary_objective(noise()), problem.binary_objective(noise()))


def test_wide_assist_features_are_shrunk_by_the_clean_up():
    """The blocks of 48 nm, away from shapes; none is wider than 30 nm by a disc on the written pixels."""
    method = with_levels(LEVEL, parameterization="multilevel", mask_pixel_nm=1.0)
    for widest_nm in (None, 30.0):
        own = method.model_copy(update={"clean": True, "rules": RULES, "assists": Assists(widest_nm=widest_nm)})
        found = solve_targets(small_simulator(), targets(PIXEL_NM), PIXEL_NM, own, init=noise())
        widths = []
        for mask, drawn in zip(found.mask.numpy(), targets(1.0).numpy() > 0.5, strict=True):
            labels, count = ndimage.label(mask)
            away = np.setdiff1d(np.arange(1, count + 1), labels[drawn])
            inner = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
            widths += [2 * inner[labels == label].max() - 1 for label in away]
        assert len(widths) > 3
        assert (max(widths) <= 31.5) == (widest_nm is not None)


@pytest.mark.parametrize("given", [True, False])
def test_optimisations_start_with_bars(given):
    """From drawn polygons, or from those of the pixels."""
    polygons = [clip.placed.polygons for clip in CLIPS] if given else None
    method = with_levels(changed(LEVEL, pixel_nm=2.0), assists=Assists(bars=BARS))
    found = solve_targets(small_simulator(), targets(2.0), 2.0, method, polygons=polygons)
    for mask, clip, drawn in zip(found.mask, CLIPS, targets(2.0), strict=True):
        bars = assist_bars(clip.placed.polygons, BARS, (512.0, 512.0))
        assert len(bars) >= 4
        image = torch.from_numpy(rasterize(Layout("bars", tuple(bars)), Grid.of_field((512.0, 512.0), 2.0)))
        assert torch.equal(mask, (drawn >= 0.5) | (image >= 0.5))
    continued = solve_targets(small_simulator(), targets(2.0), 2.0, method, init=targets(2.0))
    assert torch.equal(continued.mask, targets(2.0) >= 0.5)


def test_opc_keeps_bars_as_they_are():
    opc = load_method("opc")
    method = opc.model_copy(update={"levels": opc.levels[1:], "assists": Assists(bars=BARS)})
    found = solve_targets(
        small_simulator(), targets(1.0), 1.0, method, polygons=[clip.placed.polygons for clip in CLIPS]
    )
    for mask, clip, drawn in zip(found.mask.numpy(), CLIPS, targets(1.0).numpy() > 0.5, strict=True):
        labels, count = ndimage.label(mask)
        away = np.isin(labels, np.setdiff1d(np.arange(1, count + 1), labels[drawn]))
        bars = Layout("bars", tuple(assist_bars(clip.placed.polygons, BARS, (512.0, 512.0))))
        np.testing.assert_array_equal(away, rasterize(bars, Grid.of_field((512.0, 512.0), 1.0)) >= 0.5)


@pytest.mark.parametrize(
    ("assists", "message"),
    [
        ({"reach_nm": 30.0}, "reach_nm must not be below clearance_nm of 44"),
        ({"allowed": False, "bars": {"width_nm": 30, "distance_nm": 60}}, "need allowed = true"),
        ({"widest_nm": 25.0, "bars": {"width_nm": 30, "distance_nm": 60}}, "widest_nm must not be below the 30 nm"),
        ({"reach_nm": 80.0, "bars": {"width_nm": 30, "distance_nm": 60}}, "reach_nm must not be below the 90 nm"),
        ({"bars": {"width_nm": 30, "distance_nm": 60, "rows": 3}}, "rows"),
        ({"bars": {"width_nm": 30}}, "distance_nm"),
        ({"widest_nm": 40.0}, "add clean = true"),
        ({"largest_nm2": 40.0}, "largest_nm2: unknown key"),
    ],
)
def test_what_does_not_fit_is_said(assists, message):
    with pytest.raises(RecipeError, match=message):
        validated(Method, SIMPLE.model_dump() | {"assists": assists}, "own.toml")


def test_the_least_width_of_rules_is_no_more_than_the_largest():
    table = SIMPLE.model_dump() | {"clean": True, "rules": RULES.model_dump(), "assists": {"widest_nm": 19.0}}
    with pytest.raises(RecipeError, match="widest_nm must not be below min_width_nm of 20"):
        validated(Method, table, "own.toml")


def test_rules_raise_what_is_less():
    own = SIMPLE.model_copy(update={"assists": Assists(bars=BARS)})
    kept = own.keeping(MaskRules(50.0, 60.0, 5000.0)).kept_assists
    assert kept.bars == BARS.keeping(MaskRules(50.0, 60.0, 5000.0)) != BARS
    assert (kept.clearance_nm, kept.narrowest_nm, kept.smallest_nm2) == (60.0, 50.0, 5000.0)
    assert own.kept_assists == own.assists
