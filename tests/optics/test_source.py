"""Illumination shapes against plane geometry."""

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from litho_dl.core.errors import LithoError, RecipeError
from litho_dl.optics.source import (
    Annular,
    Conventional,
    CQuad,
    Dipole,
    Freeform,
    Multipole,
    Pole,
    Quasar,
    Source,
    SourceShape,
    sample_source,
)

RING = {"sigma_inner": 0.5, "sigma_outer": 0.9}
RING_AREA = np.pi * (0.9**2 - 0.5**2)
SECTORS = [
    (Dipole(**RING, opening_deg=50, axis="x"), [0, 180], 50),
    (Dipole(**RING, opening_deg=120, axis="y"), [90, 270], 120),
    (Quasar(**RING, opening_deg=30), [45, 135, 225, 315], 30),
    (CQuad(**RING, opening_deg=40), [0, 90, 180, 270], 40),
]
AREAS = [
    (Conventional(sigma=0.7), np.pi * 0.49),
    (Annular(**RING), RING_AREA),
    (Multipole(poles=[Pole(x=0.5, y=0, radius=0.2), Pole(x=-0.3, y=0.6, radius=0.1, weight=3)]), np.pi * 0.07),
    *((shape, RING_AREA * len(angles) * opening / 360) for shape, angles, opening in SECTORS),
]


def raw_area(shape: SourceShape, samples: int = 1200) -> float:
    """Integral of the raw brightness over [-1, 1]^2."""
    axis = (np.arange(samples) + 0.5) / samples * 2 - 1
    return 4 * float(shape.brightness(*np.meshgrid(axis, axis)).mean())


def centroid(source: Source, mask: np.ndarray) -> np.ndarray:
    return (source.points[mask] * source.weights[mask, None]).sum(0) / source.weights[mask].sum()


@pytest.mark.parametrize(("shape", "area"), AREAS, ids=lambda value: getattr(value, "shape", None))
def test_area(shape, area):
    assert raw_area(shape) == pytest.approx(area, rel=1e-3)


@pytest.mark.parametrize(("shape", "area"), AREAS, ids=lambda value: getattr(value, "shape", None))
@pytest.mark.parametrize("samples", [40, 41])
def test_sampled_weights_are_the_coverage_of_their_cells(shape, area, samples):
    """weights / largest weight * (brightest cell) sums to the area; weights sum to 1; points lie in the unit disc."""
    source = sample_source(shape, samples)
    assert source.weights.sum() == pytest.approx(1, abs=1e-13)
    assert np.hypot(*source.points.T).max() == source.sigma_max <= 1
    brightest = 3 if shape.shape == "multipole" else 1  # the weight of the one pole, 1 elsewhere
    assert brightest * (2 / samples) ** 2 / source.weights.max() == pytest.approx(area, rel=0.01)
    cells = (source.points + 1) / 2 * samples - 0.5
    np.testing.assert_allclose(cells, cells.round(), atol=1e-10)


@pytest.mark.parametrize(
    ("shape", "square"), [(Conventional(sigma=0.7), 0.49 / 2), (Annular(**RING), (0.25 + 0.81) / 2)]
)
def test_mean_square_radius(shape, square):
    source = sample_source(shape, 101)
    assert source.weights @ np.square(source.points).sum(1) == pytest.approx(square, rel=2e-3)
    np.testing.assert_allclose(source.weights @ source.points, 0, atol=1e-14)


@pytest.mark.parametrize(("shape", "angles", "opening"), SECTORS, ids=lambda value: getattr(value, "shape", None))
def test_poles_sit_at_their_angles_with_the_full_opening(shape, angles, opening):
    """Centroid of a ring's sector: 2/3 (b^3 - a^3) / (b^2 - a^2) * sin(w/2) / (w/2), at the pole's angle."""
    source = sample_source(shape, 101)
    half = np.radians(opening) / 2
    radius = 2 / 3 * (0.9**3 - 0.5**3) / (0.9**2 - 0.5**2) * np.sin(half) / half
    measured = np.degrees(np.arctan2(source.points[:, 1], source.points[:, 0]))
    for angle in angles:
        near = np.abs((measured - angle + 180) % 360 - 180) < 180 / len(angles)
        assert source.weights[near].sum() == pytest.approx(1 / len(angles), abs=1e-13)
        expected = radius * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        np.testing.assert_allclose(centroid(source, near), expected, atol=2e-3)


def test_multipole_places_and_weights():
    poles = [Pole(x=0.5, y=0.1, radius=0.2), Pole(x=-0.3, y=-0.6, radius=0.1, weight=3)]
    source = sample_source(Multipole(poles=poles), 101)
    right = source.points[:, 0] > 0
    assert source.weights[right].sum() == pytest.approx(0.04 / (0.04 + 3 * 0.01), rel=3e-3)
    np.testing.assert_allclose(centroid(source, right), [0.5, 0.1], atol=1e-3)
    np.testing.assert_allclose(centroid(source, ~right), [-0.3, -0.6], atol=1e-3)


def test_overlapping_poles_add():
    twice = Multipole(poles=[Pole(x=0, y=0, radius=0.5), Pole(x=0, y=0, radius=0.5, weight=0.5)])
    assert raw_area(twice) == pytest.approx(1.5 * np.pi * 0.25, rel=1e-3)


def test_blur_adds_its_variance_on_both_axes():
    sharp, soft = (sample_source(Conventional(sigma=0.3, blur_sigma=blur), 101) for blur in (0, 0.1))
    for axis in (0, 1):
        variance = [source.weights @ source.points[:, axis] ** 2 for source in (sharp, soft)]
        assert variance[1] - variance[0] == pytest.approx(0.01, rel=5e-3)
    assert soft.sigma_max > 0.6


def test_sigma_max_is_the_outermost_point():
    source = sample_source(Annular(sigma_inner=0.6, sigma_outer=0.9), 41)
    assert 0.9 - 2 / 41 < source.sigma_max <= 0.9 + 2 / 41
    assert Source(np.array([[0.3, -0.4], [0.1, 0.0]]), np.array([0.5, 0.5])).sigma_max == pytest.approx(0.5)


@pytest.mark.parametrize("samples", [6, 7, 40])
def test_a_full_source_keeps_its_points_in_the_unit_disc(samples):
    """A cell on the rim may be lit and still have its centre outside: no such point would pass the lens."""
    assert sample_source(Conventional(sigma=1.0), samples).sigma_max <= 1


def write_map(path, image):
    match path.suffix:
        case ".npy":
            np.save(path, image)
        case ".csv":
            np.savetxt(path, image, delimiter=",")
        case ".png":
            Image.fromarray(image.astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".png"])
def test_freeform_first_row_is_the_lowest_sigma_y(tmp_path, suffix):
    """A 4 x 5 map: row 0 is y in [-1, -0.5], column 3 is x in [0.2, 0.6]."""
    image = np.zeros((4, 5))
    image[0, 3], image[2, 1] = 50, 200
    source = sample_source(Freeform(file=write_map(tmp_path / f"map{suffix}", image)), 40)
    low = source.points[:, 1] < 0
    inside = source.points[low]
    assert (inside[:, 0] > 0.2).all()
    assert (inside[:, 0] < 0.6).all()
    assert (inside[:, 1] < -0.5).all()
    np.testing.assert_allclose(centroid(source, ~low), [-0.4, 0.25], atol=1e-12)
    assert source.weights[~low].max() / source.weights[low].max() == pytest.approx(4)


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.full((4, 4), -1.0), np.array([[1.0, np.nan]])])
def test_unusable_maps_are_refused(tmp_path, bad):
    with pytest.raises(RecipeError, match=r"map\.npy: expected a source map of finite values >= 0, not all zero"):
        sample_source(Freeform(file=write_map(tmp_path / "map.npy", bad)), 11)


def test_a_missing_map_is_named(tmp_path):
    with pytest.raises(LithoError, match=r"map\.png: no such file"):
        sample_source(Freeform(file=tmp_path / "map.png"), 11)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Annular(sigma_inner=0.7, sigma_outer=0.7), "sigma_inner must be below sigma_outer, got 0.7 and 0.7"),
        (lambda: Quasar(sigma_inner=0.8, sigma_outer=0.7, opening_deg=30), "sigma_inner must be below sigma_outer"),
        (lambda: Conventional(sigma=1.1), "less than or equal to 1"),
        (lambda: Conventional(sigma=float("inf")), "finite number"),
        (lambda: Quasar(**RING, opening_deg=91), "less than or equal to 90"),
        (lambda: Dipole(**RING, opening_deg=30, axis="z"), "'x' or 'y'"),
        (lambda: Multipole(poles=[]), "at least 1 item"),
    ],
)
def test_impossible_shapes_are_refused(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


def test_a_source_that_lights_no_cell_is_refused():
    with pytest.raises(RecipeError, match="lights no cell of 5 x 5; raise `samples`"):
        sample_source(Multipole(poles=[Pole(x=1, y=1, radius=0.1)]), 5)


# Polarisation


def coherency(source: Source) -> np.ndarray:
    """<E E^H> of each point, from its states."""
    return np.einsum("spi,spj->sij", source.states, source.states)


def test_sources_are_unpolarised_unless_told():
    for source in (sample_source(Annular(**RING), 15), Source(np.zeros((1, 2)), np.ones(1))):
        np.testing.assert_allclose(coherency(source), np.eye(2) / 2 * np.ones((len(source.weights), 1, 1)), atol=1e-15)


@pytest.mark.parametrize("kind", ["x", "y", "te", "tm"])
def test_polarised_sources_have_one_state_of_power_one(kind):
    source = sample_source(Annular(**RING, polarization=kind), 15)
    assert source.states.shape == (len(source.weights), 1, 2)
    x, y = source.points.T / np.hypot(*source.points.T)
    expected = {"x": (1 + 0 * x, 0 * x), "y": (0 * x, 1 + 0 * x), "te": (-y, x), "tm": (x, y)}[kind]
    np.testing.assert_allclose(np.abs((source.states[:, 0] * np.stack(expected, 1)).sum(1)), 1, atol=1e-13)
    np.testing.assert_allclose((source.states**2).sum((1, 2)), 1, atol=1e-14)


@pytest.mark.parametrize("kind", ["te", "tm"])
def test_on_the_axis_te_and_tm_are_unpolarised(kind):
    source = sample_source(Conventional(sigma=0.3, polarization=kind), 15)
    centre = np.hypot(*source.points.T) < 1e-9
    assert centre.sum() == 1
    np.testing.assert_allclose(coherency(source)[centre][0], np.eye(2) / 2, atol=1e-15)
    assert (source.states[~centre, 1] == 0).all()


def test_poles_have_polarisations_of_their_own():
    poles = [Pole(x=0.6, y=0, radius=0.2, polarization="y"), Pole(x=0, y=0.6, radius=0.2)]
    source = sample_source(Multipole(poles=poles, polarization="x"), 31)
    upper = source.points[:, 1] > source.points[:, 0]
    np.testing.assert_allclose(coherency(source)[upper][:, 0, 0], 1, atol=1e-14)
    np.testing.assert_allclose(coherency(source)[~upper][:, 1, 1], 1, atol=1e-14)
    assert Multipole(poles=poles, polarization="x").polarizations == {"x", "y"}


def test_poles_that_share_a_cell_mix_by_brightness():
    """Three times the light along y and a tenth unpolarised: coherency diag(1.05, 3.05) / 4.1."""
    kinds = (("x", 1.0), ("y", 3.0), ("unpolarized", 0.1))
    poles = [Pole(x=0.2, y=0.1, radius=0.3, weight=w, polarization=kind) for kind, w in kinds]
    source = sample_source(Multipole(poles=poles), 11)
    np.testing.assert_allclose(
        coherency(source), np.diag([1.05, 3.05]) / 4.1 * np.ones((len(source.weights), 1, 1)), atol=1e-14
    )
    alone = sample_source(Multipole(poles=[Pole(x=0.2, y=0.1, radius=0.3)]), 11)
    np.testing.assert_allclose(source.weights, alone.weights, atol=1e-14)


def test_a_blurred_polarised_source_keeps_its_polarisations():
    poles = [Pole(x=0.5, y=0, radius=0.2, polarization="y"), Pole(x=-0.5, y=0, radius=0.2, polarization="x")]
    source = sample_source(Multipole(poles=poles, blur_sigma=0.1), 31)
    mixed = coherency(source)[np.abs(source.points[:, 0]) < 1e-9]
    np.testing.assert_allclose(mixed, np.eye(2) / 2 * np.ones((len(mixed), 1, 1)), atol=1e-6)
    assert len(mixed)
