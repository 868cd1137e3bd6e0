"""The noise of a mask's edges against images whose photons are drawn one by one, with the same blur."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scenes.focus_optics import small_recipe
from scenes.shapes import box, disc
from scenes.slanted import turned
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.stats import norm

import litho_dl as ld
from litho_dl.core.errors import LithoError
from litho_dl.layout.clips import place
from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.layout import Layout
from litho_dl.optics.mask import MaskType
from litho_dl.process.model import build_process
from litho_dl.process.recipe import Recipe, load_recipe
from litho_dl.runs.edge_noise import EdgeNoise, absorbed_share, dose_of, edge_noise
from litho_dl.simulation.edge_noise import contacts
from litho_dl.simulation.simulator import Simulator

DRAWS = 1000


def dry(field: str = "dark") -> Recipe:
    recipe = small_recipe(mask=MaskType(field=field))
    return recipe.model_copy(update={"resist": recipe.resist.model_copy(update={"diffusion_nm": 8.0})})


def euv() -> Recipe:
    recipe = load_recipe("euv13-quasar")
    settings = recipe.kernels.model_copy(update={"source_samples": 21, "edge_error_nm": None, "count": 40})
    return recipe.model_copy(update={"kernels": settings})


# recipe, side of the field, dose, absorbed share
CASES = {
    "dark": (dry, 512.0, 5.0, 0.2),
    "clear": (lambda: dry("clear"), 512.0, 5.0, 0.2),
    "euv": (euv, 128.0, 60.0, 0.3),
}


@cache
def measured(case: str) -> tuple[EdgeNoise, Simulator, Simulator, Layout]:
    """The estimate, its simulator and one without blur, and the layout: a line and a contact."""
    make, side, dose, absorbed = CASES[case]
    recipe = make()
    process = build_process(recipe, field_nm=(side, side))
    sharp = replace(process, resist=recipe.resist.model_copy(update={"diffusion_nm": 0.0}))
    unit = side / 512
    layout = Layout(
        "both", tuple(box(*(unit * v for v in corners)) for corners in ((0, 0, 120, 400), (260, 130, 400, 270)))
    )
    simulator = Simulator(process, dtype=torch.float64)
    clip = place(layout, simulator, "both")
    cut = tuple(unit * v for v in (-40, 200, 180, 200))
    found = edge_noise(simulator, clip.placed, clip, dose_mj_cm2=dose, absorbed=absorbed, cutlines_nm=[cut])
    return found, simulator, Simulator(sharp, dtype=torch.float64), clip.placed


@cache
def drawn_photons(case: str) -> tuple[list[np.ndarray], float]:
    """Blurred images of photons at random, and their pixel."""
    found, simulator, sharp, _ = measured(case)
    pixel_nm = 2.0 * simulator.scale
    image = sharp(found.clip.coverage(pixel_nm)[None], pixel_nm).aerial()[0].numpy().clip(min=0)
    rng, count = np.random.default_rng(7), found.noise.per_nm2 * pixel_nm**2
    blur = found.noise.blur_nm / pixel_nm
    draws = (gaussian_filter(rng.poisson(image * count) / count, blur, mode="wrap", truncate=6) for _ in range(DRAWS))
    return list(draws), pixel_nm


@pytest.mark.parametrize("case", CASES)
class TestPhotons:
    def test_edges_and_width_of_a_line(self, case):
        found, simulator, _, _ = measured(case)
        (result,) = found.gauges
        images, pixel_nm = drawn_photons(case)
        sign, level = (1 if case != "clear" else -1), simulator.process.resist.threshold
        gauge = result.gauge
        x = gauge.positions_nm(0.25 * simulator.scale)
        middle = np.flatnonzero(x == 0)[0]
        rows, columns = gauge.points_nm(x).T[::-1] / pixel_nm - 0.5
        first, edges = int(rows[0]) - 8, []
        for image in images:
            strip = image[first : first + 17]
            outside = sign * (map_coordinates(strip, (rows - first, columns), order=3) - level) < 0
            edges.append((x[middle - outside[middle::-1].argmax()], x[middle + outside[middle:].argmax()]))
        low, high = np.transpose(edges)
        assert np.array([high.std(), low.std()]) == pytest.approx(result.edge_sigma_nm, rel=0.1)
        assert (high - low).std() == pytest.approx(result.cd_sigma_nm, rel=0.1)
        assert np.mean(high - low) == pytest.approx(result.cd_nm, abs=0.02 * result.cd_nm)

    def test_diameter_of_a_contact(self, case):
        found, simulator, _, _ = measured(case)
        (contact,) = found.contacts
        images, pixel_nm = drawn_photons(case)
        sign, level = (1 if case != "clear" else -1), simulator.process.resist.threshold
        x0, y0, x1, y1 = contact.box_nm
        areas = []
        for image in images:
            polygons = contour_polygons(sign * image, pixel_nm, sign * level)
            own = [p for p in polygons if x0 < p.hull[:, 0].mean() < x1 and y0 < p.hull[:, 1].mean() < y1]
            areas.append(sum(Layout("print", (p,)).area_nm2 for p in own))
        diameters = np.sqrt(4 * np.array(areas) / np.pi)
        assert diameters.std() == pytest.approx(contact.diameter_sigma_nm, rel=0.1)
        assert diameters.mean() == pytest.approx(contact.diameter_nm, rel=0.02)

    def test_what_the_middle_of_a_contact_does(self, case):
        found, simulator, _, _ = measured(case)
        (contact,) = found.contacts
        x0, y0, x1, y1 = contact.box_nm
        images, pixel_nm = drawn_photons(case)
        row, column = int((y0 + y1) / 2 / pixel_nm), int((x0 + x1) / 2 / pixel_nm)
        values = np.array([image[row, column] for image in images])
        margin = abs(values.mean() - simulator.process.resist.threshold)
        assert margin / values.std() == pytest.approx(contact.margin_sigmas, rel=0.15)
        assert contact.failure == pytest.approx(norm.sf(contact.margin_sigmas), rel=1e-9)

    def test_the_contour_has_the_noise_of_the_gauge(self, case):
        found, _, _, _ = measured(case)
        (result,) = found.gauges
        gauge, half = result.gauge, result.cd_nm / 2
        right = np.add(gauge.start_nm, gauge.end_nm) / 2 + (half, 0)
        nearest = np.hypot(*(found.edges_nm - right).T).argmin()
        assert found.edge_sigma_nm[nearest] == pytest.approx(result.edge_sigma_nm[0], rel=0.02)


class TestScaling:
    def test_noise_falls_with_the_root_of_dose_and_absorption(self):
        found, simulator, _, placed = measured("dark")
        bright = edge_noise(simulator, placed, found.clip, dose_mj_cm2=20.0, absorbed=0.8)
        assert bright.noise.per_nm2 == pytest.approx(16 * found.noise.per_nm2)
        assert bright.contacts[0].diameter_sigma_nm == pytest.approx(found.contacts[0].diameter_sigma_nm / 4)

    def test_a_lost_contact_fails_more_often_than_not(self):
        _, simulator, _, _ = measured("dark")
        clip = place(Layout("small", (box(0, 0, 60, 60),)), simulator, "small")
        (contact,) = edge_noise(simulator, clip.placed, clip, dose_mj_cm2=5.0, absorbed=0.2).contacts
        assert (contact.diameter_nm, contact.diameter_sigma_nm) == (None, None)
        assert contact.failure > 0.5

    def test_a_gauge_without_a_print_has_no_values(self):
        _, simulator, _, _ = measured("dark")
        clip = place(Layout("thin", (box(0, 0, 30, 300),)), simulator, "thin")
        (gauge,) = edge_noise(simulator, clip.placed, clip, dose_mj_cm2=5.0, absorbed=0.2).gauges
        assert (gauge.cd_nm, gauge.edge_sigma_nm) == (None, None)


def test_contacts_are_compact_at_any_angle():
    shapes = (box(0, 0, 60, 100), disc(80), *turned([box(0, 0, 70, 70)], 30, 1e-3))
    assert contacts((*shapes, box(0, 0, 60, 130))) == shapes
    corner = ld.Polygon(np.array([(0, 0), (100, 0), (100, 30), (30, 30), (30, 100), (0, 100)]))
    assert contacts((corner,)) == ()


class TestWhereNumbersComeFrom:
    def test_a_chemical_resist_and_its_film_tell_theirs(self):
        recipe = load_recipe("arf-positive-chemical")
        settings = recipe.kernels.model_copy(update={"source_samples": 5, "edge_error_nm": None, "count": 4})
        process = build_process(recipe.model_copy(update={"kernels": settings}), field_nm=(256.0, 256.0))
        assert dose_of(process) == 30.0
        assert dose_of(process, 12.0) == 12.0
        assert absorbed_share(process) == pytest.approx(4 * np.pi * 0.03 * 90 / 193)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"absorbed": 0.2}, "Expected a dose"),
            ({"dose_mj_cm2": 5.0}, "share of photons"),
            ({"dose_mj_cm2": 0.0, "absorbed": 0.2}, "positive dose"),
            ({"dose_mj_cm2": 5.0, "absorbed": 1.5}, "share of photons in"),
            ({"dose_mj_cm2": 5.0, "absorbed": 0.2, "corner": "best"}, "one of the corners"),
        ],
    )
    def test_nothing_is_assumed(self, given, message):
        found, simulator, _, placed = measured("dark")
        with pytest.raises(LithoError, match=message):
            edge_noise(simulator, placed, found.clip, **given)

    def test_a_blur_is_needed(self):
        found, _, sharp, placed = measured("dark")
        with pytest.raises(LithoError, match="a resist with diffusion"):
            edge_noise(sharp, placed, found.clip, dose_mj_cm2=5.0, absorbed=0.2)
