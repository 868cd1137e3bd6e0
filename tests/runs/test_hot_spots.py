"""Hot spots and edge noise from Python: what objects say, and limits by resolution."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.focus_optics import FIELD, small_recipe
from scenes.shapes import box

from litho_dl.core.errors import LithoError
from litho_dl.layout.clips import place
from litho_dl.layout.layout import Layout
from litho_dl.metrics.hot_spots import PrintLimits
from litho_dl.metrics.stray import stray_prints
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.runs.hot_spots import hot_spots, limits_of
from litho_dl.simulation.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(build_process(small_recipe(), field_nm=FIELD))


@pytest.mark.parametrize(("name", "expected"), [("euv13-quasar", 0.25 * 13.5 / 0.33), ("uv405-spot", 275.0)])
def test_limits_are_the_resolution(name, expected):
    process = build_process(load_recipe("uv405-spot"), field_nm=(2048.0, 2048.0))
    process = replace(process, recipe=load_recipe(name))
    limits = limits_of(process, space_nm=7.0)
    assert (limits.width_nm, limits.space_nm) == (pytest.approx(expected), 7.0)


def test_widths_are_those_of_cuts(simulator):
    """A line with a neck, at every corner of a matrix: the pinch is where it is narrowest, as a cut measures it."""
    line = Layout("neck", (box(0, 0, 160, 160), box(30, 150, 130, 210), box(0, 200, 160, 360)))
    clip = place(line, simulator, "neck")
    found = hot_spots(simulator, clip.placed, clip, limits=PrintLimits(150, 20), foci_nm=(0, 60), doses=(0.9, 1.0))
    assert found.counts == {"pinch": 1}
    assert set(found.conditions.values()) == {(f, d) for f in (0.0, 60.0) for d in (0.9, 1.0)}
    _, middle = np.add((0, 180), clip.shift_nm)
    for spot in found.spots:
        focus_nm, dose = found.conditions[spot.corner]
        only = Simulator(simulator.process.at_focus(focus_nm), dtype=torch.float64)
        exposure = only(dose**0.5 * clip.coverage(1.0))  # intensities grow with the square of the amplitude
        assert spot.width_nm == pytest.approx(float(exposure.cd((100, middle), (400, middle))), abs=0.3)
        assert spot.box_nm[1] - 1 < middle < spot.box_nm[3] + 1


def test_stray_prints_are_those_of_scorecards(simulator):
    drawn = Layout("pair", (box(60, 60, 180, 440), box(330, 60, 450, 440)))
    mask = Layout("mask", (*drawn.polygons, box(225, 100, 300, 180), box(225, 320, 300, 400)))
    clip = place(drawn, simulator, "pair")
    found = hot_spots(simulator, mask.translated(*clip.shift_nm), clip, doses=(1.0, 1.2))
    exposure = simulator(torch.from_numpy(np.asarray(place(mask, simulator, "m").coverage(1.0))))
    for corner, (_, dose) in found.conditions.items():
        strays = stray_prints(exposure.rule.printed(exposure.aerial().numpy(), dose), clip.coverage(1.0).numpy() > 0.5)
        assert sum(spot.kind == "stray" for spot in found.spots if spot.corner == corner) == len(strays)


def test_objects_say_what_they_are(simulator):
    clip = place(Layout("dot", (box(0, 0, 30, 30),)), simulator, "dot")
    found = hot_spots(simulator, clip.placed, clip)
    assert repr(found) == "HotSpots(missing 1; 3 corners)"
    assert found.plot().axes
    with pytest.raises(LithoError, match="doses from"):
        hot_spots(simulator, clip.placed, clip, doses=(0.0,))
