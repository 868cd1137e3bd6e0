"""Annular light has no preferred axis: a layout turned by any angle scores as the straight one."""

from functools import cache

import numpy as np
import pytest
import torch
from scenes.chip import random_boxes
from scenes.slanted import circle, turned

from litho_dl.core.grid import Grid
from litho_dl.layout.files import read_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.runs.masks import drawn_masks
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.simulation.simulator import Simulator

FIELD = (1280.0, 1280.0)
QUANTUM_NM = 0.1  # by which rounding to pixels moves the edges of straight prints, which all round alike
PHASES_NM = ((0.0, 0.0), (0.3, 0.6), (0.5, 0.2), (0.8, 0.9))  # of a layout on the pixels; their mean rounds nothing


@cache
def annular() -> Simulator:
    recipe = load_recipe("duv193-immersion-annular")
    return Simulator(build_process(recipe, field_nm=FIELD, count=120), dtype=torch.float64)


def score(polygons: tuple[Polygon, ...], name: str, phase_nm: tuple[float, float] = (0.0, 0.0)) -> Scorecard:
    """The score of a layout drawn as its own mask, in the middle of the field, as far from its images as can be."""
    centred = Layout(name, polygons).centred(FIELD)
    layout = Layout(name, tuple(polygon.mapped(lambda points: points + phase_nm) for polygon in centred.polygons))
    masks = drawn_masks([layout], Grid.of_field(FIELD, 1.0))
    return evaluate_mask(masks.mask[0], 1.0, layout, annular(), PROTOCOLS["default"], drawn=layout).scorecard


def perimeter_nm(polygons: tuple[Polygon, ...]) -> float:
    loops = [loop for polygon in polygons for loop in polygon.loops]
    return float(sum(np.hypot(*(loop - np.roll(loop, 1, axis=0)).T).sum() for loop in loops))


def layout(seed: int) -> tuple[Polygon, ...]:
    """Boxes within 560 nm, of a random size and on a random grid, at a random place."""
    rng = np.random.default_rng(seed)
    boxes = random_boxes(seed, (-280.0, -280.0, 280.0, 280.0), 7, grid_nm=int(rng.integers(1, 5)))
    merged = Layout("boxes", boxes).merged()
    return merged.biased(20.0).polygons  # no slivers


@pytest.mark.parametrize("seed", range(3))
def test_a_turned_layout_scores_as_the_straight_one(seed):
    rng = np.random.default_rng(100 + seed)
    straight = layout(seed)
    for angle_deg in (rng.uniform(5, 40), 45.0)[: 1 + (seed == 0)]:
        grid_nm = float(rng.choice([0.1, 0.01]))
        expected, found = score(straight, "straight"), score(turned(straight, angle_deg, grid_nm), "turned")
        rounding_nm2 = QUANTUM_NM * perimeter_nm(straight)
        assert found.l2_nm2 == pytest.approx(expected.l2_nm2, rel=0.02, abs=rounding_nm2)
        assert found.pvb_nm2 == pytest.approx(expected.pvb_nm2, rel=0.02, abs=rounding_nm2)
        for count in ("epe_sites", "epe_violations", "epe_violations_neuralilt"):
            one, other = getattr(expected, count), getattr(found, count)
            assert abs(one - other) <= max(2, 0.02 * one), count
        assert expected.edges is not None
        assert found.edges is not None
        assert found.edges.epe_lost == pytest.approx(expected.edges.epe_lost, abs=2)
        assert found.edges.epe_mean_nm == pytest.approx(expected.edges.epe_mean_nm, abs=0.2)
        assert found.edges.ils_per_um == pytest.approx(expected.edges.ils_per_um, rel=0.02)
        assert found.edges.nils == pytest.approx(expected.edges.nils, rel=0.02)


@pytest.mark.parametrize("angle_deg", [17.0, 45.0])
def test_areas_are_alike_to_two_percent_once_no_phase_of_the_pixels_is_preferred(angle_deg):
    """Edges of a straight layout, and those at 45 degrees, round to whole pixels all alike at any one phase."""
    straight = layout(1)
    expected, found = (
        np.mean([(card.l2_nm2, card.pvb_nm2) for card in (score(drawn, "", phase) for phase in PHASES_NM)], axis=0)
        for drawn in (straight, turned(straight, angle_deg, 0.1))
    )
    assert found == pytest.approx(expected, rel=0.02)


def test_a_turned_and_magnified_cell_scores_as_the_straight_layout(tmp_path):
    """Drawn at another size, and placed by an instance that turns and scales it, as libraries are."""
    import klayout.db as db

    rng = np.random.default_rng(7)
    straight = layout(4)
    for number in range(2):
        angle_deg, scale = float(rng.uniform(5, 85)), float(rng.choice([0.25, 0.5, 1.25, 2.0]))
        drawing = db.Layout()
        drawing.dbu = 1e-4
        cell, top, layer = drawing.create_cell("CELL"), drawing.create_cell("TOP"), drawing.layer(11, 0)
        for polygon in straight:
            points = [db.DPoint(*(point / scale / 1000)) for point in polygon.hull]
            shape = db.DPolygon(points)
            for hole in polygon.holes:
                shape.insert_hole([db.DPoint(*(point / scale / 1000)) for point in hole])
            cell.shapes(layer).insert(shape)
        top.insert(db.DCellInstArray(cell.cell_index(), db.DCplxTrans(scale, angle_deg, False, 0, 0)))
        path = tmp_path / f"{number}.gds"
        drawing.write(str(path))
        found, expected = score(read_layout(path).polygons, "read"), score(straight, "straight")
        rounding_nm2 = QUANTUM_NM * perimeter_nm(straight)
        assert found.l2_nm2 == pytest.approx(expected.l2_nm2, rel=0.02, abs=rounding_nm2)
        assert abs(found.epe_sites - expected.epe_sites) <= 2
        assert abs(found.epe_violations - expected.epe_violations) <= 2
        assert found.edges is not None
        assert expected.edges is not None
        assert found.edges.epe_mean_nm == pytest.approx(expected.edges.epe_mean_nm, abs=0.2)
        assert found.edges.ils_per_um == pytest.approx(expected.edges.ils_per_um, rel=0.02)


def test_a_disc_has_one_edge_error_all_around():
    """Its image has the symmetry of its light, so all its sites are alike."""
    card = score((Polygon(circle((0, 0), 120, 200, 1e-3)),), "disc")
    assert card.epe_sites == 19  # 754 nm by 40
    assert card.edges is not None
    assert card.edges.epe_3sigma_nm < 0.1
    assert card.edges.nils == pytest.approx(card.edges.ils_per_um * 0.240, rel=2e-3)
