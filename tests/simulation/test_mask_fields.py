"""A clear-field mask is the dark-field mask of the complement: images agree, and prints are each other's complement."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.coarse_optics import coarse_recipe
from scenes.mask_fields import (
    FIELD,
    KINDS,
    complement,
    exchanged,
    process_of,
    random_layout,
    recipe_of,
    same_conditions,
)
from scenes.shapes import box

from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.gauge import Gauge
from litho_dl.process.model import build_process
from litho_dl.simulation.border import border_shift_nm
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.focus_exposure import expose_through_focus
from litho_dl.simulation.other_field import other_field_hint, other_field_nm2
from litho_dl.simulation.simulator import Simulator
from litho_dl.simulation.source_simulator import SourceSimulator
from litho_dl.simulation.symmetry import imaging_symmetries

kinds = pytest.mark.parametrize("kind", KINDS)
seeds = pytest.mark.parametrize("seed", range(3))
BARS = Layout("bars", tuple(box(x, 60, x + 100, 452) for x in (6, 206, 406)))


def both(kind: str, layout: Layout, pixel_nm: float = 4.0) -> tuple[Exposure, Exposure]:
    """A layout on a clear field, and its complement on a dark one."""
    grid = Grid.of_field(FIELD, pixel_nm)
    drawn = torch.from_numpy(np.stack([rasterize(shapes, grid) for shapes in (layout, complement(layout))]))
    clear, dark = (Simulator(process_of(kind, field), dtype=torch.float64) for field in ("clear", "dark"))
    assert same_conditions(clear.process.corners, dark.process.corners)
    return clear(drawn[0], pixel_nm), dark(drawn[1], pixel_nm)


@kinds
@seeds
class TestComplements:
    def test_images_and_prints(self, kind, seed):
        clear, dark = both(kind, random_layout(seed))
        for corner in clear.corners:
            other = exchanged(corner)
            torch.testing.assert_close(clear.aerial(corner), dark.aerial(other), rtol=0, atol=1e-12)
            torch.testing.assert_close(clear.print(corner), 1 - dark.print(other), rtol=0, atol=1e-10)
            assert torch.equal(clear.binary_print(corner), ~dark.binary_print(other))
        assert 0.02 < clear.binary_print().double().mean() < 0.98

    def test_outer_prints_more(self, kind, seed):
        clear, _ = both(kind, random_layout(seed))
        areas = [int(clear.binary_print(corner).sum()) for corner in ("inner", "nominal", "outer")]
        assert areas == sorted(areas)
        assert areas[0] < areas[2]

    def test_contours(self, kind, seed):
        clear, dark = both(kind, random_layout(seed))
        for corner in clear.corners:
            own, rest = clear.contours(corner)[0].area_nm2, dark.contours(exchanged(corner))[0].area_nm2
            assert own + rest == pytest.approx(FIELD[0] * FIELD[1], abs=0.5)
            assert own == pytest.approx(float(clear.binary_print(corner).sum()) * 16, rel=0.03)

    def test_the_picture(self, kind, seed):
        clear, _ = both(kind, random_layout(seed), 2.0)
        drawn = [axes for axes in clear.plot().axes if axes.get_title() == "Print"]
        assert len(drawn) == 1

    def test_the_border(self, kind, seed):
        layout = random_layout(seed)
        assert border_shift_nm(process_of(kind, "clear"), layout) >= 0


@kinds
def test_cuts_and_contours_across_lines_and_spaces(kind):
    """A line of a clear field, and the opening beside it, which is what prints of the complement."""
    clear, dark = both(kind, BARS)
    line, opening = ((156.0, 256.0), (356.0, 256.0)), ((256.0, 256.0), (456.0, 256.0))
    for corner in clear.corners:
        bars = sorted(clear.contours(corner)[0].polygons, key=lambda polygon: polygon.hull[:, 0].min())
        middles = [polygon.hull[np.abs(polygon.hull[:, 1] - 256) < 60, 0] for polygon in bars]
        assert len(middles) == 3
        assert float(clear.cd(*line, corner)) == pytest.approx(np.ptp(middles[1]), abs=0.5)
        gap = middles[2].min() - middles[1].max()
        assert float(dark.cd(*opening, exchanged(corner))) == pytest.approx(gap, abs=0.5)
    narrow, nominal, wide = (float(clear.cd(*line, corner)) for corner in ("inner", "nominal", "outer"))
    assert 60 < narrow < nominal < wide < 110


def test_gates_print_as_a_converged_calculation_says():
    """Lines of 45 nm at pitch 130, 6 % attenuated: 38 nm at threshold 0.25, narrower at a higher dose."""
    recipe = coarse_recipe("gate-45nm")
    process = build_process(recipe, field_nm=(520.0, 520.0), count=400)
    simulator = Simulator(process, dtype=torch.float64)
    lines = ((torch.arange(520) % 130) < 45).double().expand(520, -1)
    exposure = simulator(lines, 1.0)
    widths = [float(exposure.cd((230.0, 260.0), (335.0, 260.0), corner)) for corner in ("inner", "nominal", "outer")]
    assert widths[1] == pytest.approx(38.0, abs=1.0)
    assert widths == sorted(widths)


@kinds
def test_the_print_is_where_the_image_is_dark(kind):
    """1 / (1 + exp(k (d I - t))), and d I < t: exactly the threshold does not print, as it prints in a dark field."""
    clear, _ = both(kind, random_layout(1))
    resist = clear.resist
    for corner, (dose, kernels) in clear.corners.items():
        image = dose * clear.intensity[kernels].numpy()
        expected = 1 / (1 + np.exp(resist.steepness * (image - resist.threshold)))
        np.testing.assert_allclose(clear.print(corner).numpy(), expected, atol=1e-12)
    level = torch.tensor([[0.2499, 0.25, 0.2501]])
    tie = replace(clear, intensity=dict.fromkeys(clear.intensity, level))
    assert tie.binary_print().tolist() == [[True, False, False]]


@kinds
def test_gradients_are_exact(kind):
    process = process_of(kind, "clear")
    resist = process.resist.model_copy(update={"steepness": 5.0})
    simulator = Simulator(replace(process, resist=resist), dtype=torch.float64)
    mask = torch.rand(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    for function in (
        lambda m: simulator.expose(m, 128.0, out_pixel_nm=64.0).aerial("outer"),
        lambda m: simulator(m, 128.0, out_pixel_nm=64.0).print("inner"),
    ):
        assert torch.autograd.gradcheck(function, (mask,), atol=1e-7, rtol=1e-6)


@kinds
def test_an_empty_clear_field_images_to_one(kind):
    """Also beside nothing, on the larger field that the tiles of a chip have."""
    for process in (process_of(kind, "clear"), process_of(kind, "clear").on_field((1024.0, 1024.0))):
        simulator = Simulator(process, dtype=torch.float64)
        exposure = simulator(torch.zeros(64, 64), out_pixel_nm=16.0)
        for name in process.kernels:
            assert float((exposure.intensity[name] - 1).abs().max()) < 1e-9
        assert not exposure.binary_print("outer").any()


@kinds
def test_a_trainable_source_images_the_complement(kind):
    layout, grid = random_layout(4), Grid.of_field(FIELD, 8.0)
    images = []
    for field, shapes in (("clear", layout), ("dark", complement(layout))):
        simulator = SourceSimulator(process_of(kind, field), samples=9, dtype=torch.float64)
        exposure = simulator(torch.from_numpy(rasterize(shapes, grid)), 8.0)
        images.append((exposure.aerial(), exposure.binary_print()))
        exposure.print().sum().backward()
        images[-1] += (simulator.source_logits.grad.clone(),)
    torch.testing.assert_close(images[0][0], images[1][0], rtol=0, atol=1e-12)
    assert torch.equal(images[0][1], ~images[1][1])
    torch.testing.assert_close(images[0][2], -images[1][2], rtol=1e-8, atol=1e-10)


@kinds
def test_symmetries_are_those_of_the_optics(kind):
    assert imaging_symmetries(process_of(kind, "clear")) == imaging_symmetries(process_of(kind, "dark"))


@kinds
def test_windows_of_a_line_are_those_of_the_space_beside_the_complement(kind):
    """CDs, doses and MEEF; a higher dose makes lines of a clear field narrower."""
    foci, doses, found = np.array([-40.0, 0.0, 40.0]), np.array([0.9, 1.0, 1.1]), {}
    for field, mask, gauge_kind in (("clear", BARS, "line"), ("dark", complement(BARS), "space")):
        gauge = Gauge("g1", gauge_kind, (206.0, 256.0), (306.0, 256.0), (100.0, 100.0))
        process = process_of(kind, field)
        found[field] = expose_through_focus(mask, [gauge], process, foci_nm=foci, doses=doses).gauges[0]
    clear, dark = found["clear"], found["dark"]
    np.testing.assert_allclose(clear.cd_nm, dark.cd_nm, atol=1e-6)
    np.testing.assert_allclose((clear.window.low, clear.window.high), (dark.window.low, dark.window.high), atol=1e-8)
    assert clear.meef == pytest.approx(dark.meef, rel=0.05)  # the complement is biased at the border of the field too
    assert clear.nils == pytest.approx(dark.nils, rel=1e-9)
    assert np.isfinite(clear.cd_nm[1]).all()
    assert (np.diff(clear.cd_nm[1]) < 0).all()
    assert clear.window.low[1] < clear.window.high[1]
    assert clear.meef > 0
    assert (clear.resist, dark.resist) == ("line", "line")  # positive resist stays on the same places


@pytest.mark.parametrize(
    ("field", "tone", "drawn", "between"),
    [
        ("dark", "positive", "trench", "line"),
        ("dark", "negative", "line", "trench"),
        ("clear", "positive", "line", "trench"),
        ("clear", "negative", "trench", "line"),
    ],
)
def test_the_tone_names_what_prints(field, tone, drawn, between):
    resist = recipe_of("binary", field, tone=tone).resist
    assert resist.shape_of(field) == drawn
    assert resist.shape_of(field, drawn=False) == between


def test_nothing_prints_but_would_in_the_other_field():
    """A bar too narrow to open, which absorbs enough light to print on a clear field."""
    grid = Grid.of_field(FIELD, 2.0)
    mask = torch.from_numpy(rasterize(Layout("bar", (box(230, 100, 290, 400),)), grid))
    dark, clear = (Simulator(process_of("attenuated", field)) for field in ("dark", "clear"))
    assert not dark(mask, 2.0).binary_print().any()
    area = other_field_nm2(dark, mask, 2.0, 4.0)
    assert area == float(clear(mask, 2.0, out_pixel_nm=4.0).binary_print().sum()) * 16 > 0
    assert 'set field = "clear"' in other_field_hint("dark", area)
    assert other_field_hint("dark", other_field_nm2(dark, torch.zeros_like(mask), 2.0, 4.0)) == ""
