"""Metrics on images drawn by hand: areas, edge placement, image slope, shots and mask rules."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from litho_dl.layout.rules import MaskRules
from litho_dl.metrics.edge import REACH_PX, edge_profile
from litho_dl.metrics.epe import NEURALILT, OPENILT, EpeSites, find_sites, site_offsets, violations
from litho_dl.metrics.image import l2_nm2, pvb_nm2
from litho_dl.metrics.mrc import block_size, mask_violations
from litho_dl.metrics.shots import shot_count

LEFT, RIGHT, DOWN, UP = (0, -1), (0, 1), (-1, 0), (1, 0)


def drawn(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (400, 400)) -> np.ndarray:
    """Boxes x0, y0, x1, y1 in pixels."""
    image = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in boxes:
        image[y0:y1, x0:x1] = True
    return image


def by_normal(sites: EpeSites, values: np.ndarray) -> dict[tuple[int, int], list[float]]:
    """The values of the sites of each edge direction."""
    normals = [tuple(normal) for normal in sites.normals.tolist()]
    return {n: [v for m, v in zip(normals, values.tolist(), strict=True) if m == n] for n in set(normals)}


def test_areas_count_differing_pixels_in_nm2():
    target, printed = drawn((10, 10, 20, 14)), drawn((9, 10, 18, 14))  # one column more, two less
    assert l2_nm2(printed, target, 1.0) == 12
    assert l2_nm2(printed, target, 2.5) == 75
    outer, inner = drawn((0, 0, 6, 5)), drawn((1, 1, 5, 4), (390, 390, 391, 392))
    assert pvb_nm2(outer, inner, 2.0) == 4 * (30 - 12 + 2)
    assert l2_nm2(target, target, 1.0) == pvb_nm2(outer, outer, 1.0) == 0


@pytest.mark.parametrize(
    ("length", "openilt", "neuralilt"),
    [
        (1, [0], [0]),
        (60, [29], [29]),
        (80, [39], [39]),
        (81, [40], [40]),
        (82, [40, 41], [40, 41]),
        (100, [40, 59], [40, 59]),
        (120, [40, 79], [40, 79]),
        (121, [40, 80], [40, 80]),
        (122, [40, 81], [40, 80, 81]),
        (132, [40, 91], [40, 80, 91]),
        (161, [40, 80, 120], [40, 80, 120]),
        (320, [40, 80, 120, 199, 239, 279], [40, 80, 120, 160, 200, 240, 279]),
    ],
)
def test_sites_along_an_edge(length, openilt, neuralilt):
    assert site_offsets(length - 1, OPENILT) == openilt
    assert site_offsets(length - 1, NEURALILT) == neuralilt
    image = drawn((40, 100, 40 + length, 150))
    for rule, offsets in ((OPENILT, openilt), (NEURALILT, neuralilt)):
        sites = find_sites(image, rule)
        assert sorted(sites.pixels[(sites.normals == UP).all(1), 1] - 40) == offsets


def test_sites_of_a_rectangle():
    sites = find_sites(drawn((20, 30, 120, 90)), OPENILT)
    found = {(tuple(p), tuple(n)) for p, n in zip(sites.pixels.tolist(), sites.normals.tolist(), strict=True)}
    assert found == {
        ((59, 20), LEFT),
        ((59, 119), RIGHT),
        ((30, 60), DOWN),
        ((30, 79), DOWN),
        ((89, 60), UP),
        ((89, 79), UP),
    }
    assert len(sites) == 6
    positions = {tuple(xy) for xy in sites.positions_nm(2.0).tolist()}
    assert positions == {(40, 119), (240, 119), (121, 60), (159, 60), (121, 180), (159, 180)}


def test_sites_of_an_l_shape():
    image = drawn((50, 50, 250, 130), (50, 50, 130, 250))
    sites = find_sites(image, OPENILT)
    columns, rows = by_normal(sites, sites.pixels[:, 1]), by_normal(sites, sites.pixels[:, 0])
    assert rows[LEFT] == columns[DOWN] == [90, 130, 169, 209]
    assert list(zip(rows[RIGHT], columns[RIGHT], strict=True)) == [(170, 129), (209, 129), (89, 249)]
    assert list(zip(columns[UP], rows[UP], strict=True)) == [(170, 129), (209, 129), (89, 249)]
    # The outline, its inside on the right, runs down the inner vertical edge into the inner corner's pixel.
    published = find_sites(image, NEURALILT)
    assert by_normal(published, published.pixels[:, 0])[RIGHT] == [169, 209, 89]
    assert by_normal(published, published.pixels[:, 1])[UP] == [170, 209, 89]
    inside, outside = sites.probes(0), sites.probes(1)
    assert image[inside[:, 0], inside[:, 1]].all()
    assert not image[outside[:, 0], outside[:, 1]].any()


@pytest.mark.parametrize("k", [-20, -16, -15, -3, 0, 1, 14, 15, 16, 20])
def test_a_shift_by_k_pixels_is_k_nm_of_epe(k):
    """Probes sit 15 pixels from the inner pixel, so a print may grow by 14 and shrink by 15."""
    target = drawn((100, 150, 200, 210))
    printed = np.roll(target, k, axis=1)
    sites = find_sites(target, OPENILT)
    epe = by_normal(sites, edge_profile(printed.astype(float), target, sites, 0.5, pixel_nm=2.0).epe_nm)
    assert epe == {RIGHT: [2 * k], LEFT: [-2 * k], UP: [0, 0], DOWN: [0, 0]}
    counts = by_normal(sites, violations(printed, sites, OPENILT))
    assert counts == {RIGHT: [k >= 15 or k < -15], LEFT: [k <= -15 or k > 15], UP: [0, 0], DOWN: [0, 0]}
    assert violations(printed, sites, NEURALILT).sum() == (abs(k) >= 16) + (abs(k) >= 17)


def test_a_site_counts_per_probe_or_once():
    target = drawn((100, 100, 180, 180))
    sites = find_sites(target, OPENILT)
    assert violations(~target, sites, OPENILT).tolist() == [2] * 4
    assert violations(~target, sites, NEURALILT).tolist() == [1] * 4
    assert violations(np.zeros_like(target), sites, OPENILT).tolist() == [1] * 4
    assert violations(np.ones_like(target), sites, OPENILT).tolist() == [1] * 4


def test_the_field_repeats_beyond_its_border():
    """A box in the corner has all four edges, and their outer probes lie on the far side; a line across has two."""
    corner = drawn((0, 0, 80, 80))
    sites = find_sites(corner, OPENILT)
    assert len(sites) == 4
    spilt = drawn((380, 20, 400, 60))  # missing at all four, extra beyond the left edge
    assert by_normal(sites, violations(spilt, sites, OPENILT)) == {LEFT: [2], RIGHT: [1], DOWN: [1], UP: [1]}
    flipped = find_sites(corner[::-1, ::-1], OPENILT)
    counts = by_normal(flipped, violations(spilt[::-1, ::-1], flipped, OPENILT))
    assert counts == {LEFT: [1], RIGHT: [2], DOWN: [1], UP: [1]}
    for thin in (drawn((0, 0, 80, 10)), drawn((320, 390, 400, 400))):
        edges = find_sites(thin, OPENILT)  # a probe 15 pixels behind a long edge lies beyond the border or the box
        assert by_normal(edges, violations(thin, edges, OPENILT)) == {LEFT: [0], RIGHT: [0], DOWN: [1], UP: [1]}
    moved = np.roll(corner, (-3, -2), axis=(0, 1)).astype(float)
    epe = by_normal(sites, edge_profile(moved, corner, sites, 0.5, 1.0).epe_nm)
    assert epe == {LEFT: [2], RIGHT: [-2], DOWN: [3], UP: [-3]}

    line = drawn((100, 0, 150, 400))
    sites = find_sites(line, OPENILT)
    assert set(by_normal(sites, sites.pixels)) == {LEFT, RIGHT}
    assert violations(line, sites, OPENILT).sum() == 0
    assert len(find_sites(np.ones_like(line), OPENILT)) == 0


@pytest.mark.parametrize("pixel_nm", [1.0, 2.0])
@pytest.mark.parametrize("shift_nm", [-1.7, -0.3, 0.0, 0.3, 0.5, 2.2])
def test_a_smooth_edge_is_found_to_a_fraction_of_a_pixel(shift_nm, pixel_nm):
    x = (np.arange(400) + 0.5) * pixel_nm
    low, high = 100 * pixel_nm - shift_nm, 240 * pixel_nm + shift_nm
    aerial = np.tile(0.5 * (erf((x - low) / 30) - erf((x - high) / 30)), (400, 1))
    target = drawn((100, 0, 240, 400))
    for image, axes in ((aerial, target), (aerial.T, target.T)):
        sites = find_sites(axes, OPENILT)
        np.testing.assert_allclose(edge_profile(image, axes, sites, 0.5, pixel_nm).epe_nm, shift_nm, atol=2e-3)


def test_the_crossing_nearest_to_the_edge_counts_and_one_out_of_reach_is_lost():
    target = drawn((100, 150, 200, 210))
    sites = find_sites(target, OPENILT)

    def right(image: np.ndarray) -> float:
        return by_normal(sites, edge_profile(image.astype(float), target, sites, 0.5, 1.0).epe_nm)[RIGHT][0]

    assert right(drawn((100, 150, 190, 210), (210, 150, 240, 210))) == -10
    assert right(drawn((100, 150, 160, 210), (210, 150, 215, 210))) == 15
    assert right(drawn((100, 150, 200 + REACH_PX - 1, 210))) == REACH_PX - 1
    assert np.isnan(right(drawn((100, 150, 200 + REACH_PX, 210))))
    assert np.isnan(right(np.zeros_like(target)))
    assert np.isnan(right(np.ones_like(target)))


@pytest.mark.parametrize("pixel_nm", [1.0, 2.0])
@pytest.mark.parametrize("width_px", [30, 140])
def test_the_slope_of_an_exponential_edge(width_px, pixel_nm):
    """I = exp(-a (|x - centre| - w / 2)) has d ln I / dx = a at its edges, however wide the line."""
    per_nm, low = 0.012, 100
    x = (np.arange(400) + 0.5 - low - width_px / 2) * pixel_nm
    aerial = np.tile(np.exp(-per_nm * (np.abs(x) - width_px * pixel_nm / 2)), (400, 1))
    target = drawn((low, 0, low + width_px, 400))
    profile = edge_profile(aerial, target, find_sites(target, OPENILT), 1.0, pixel_nm)
    np.testing.assert_allclose(profile.ils_per_um, 1000 * per_nm, rtol=1e-9)
    np.testing.assert_allclose(profile.nils, per_nm * width_px * pixel_nm, rtol=1e-9)
    np.testing.assert_allclose(profile.epe_nm, 0, atol=0.01)


def test_the_slope_of_two_beam_interference():
    """I = (1 + cos(2 pi x / p)) / 2 with lines of p / 2: ILS = 2 pi / p and NILS = pi."""
    pitch = 100
    aerial = np.tile(0.5 + 0.5 * np.cos(2 * np.pi * (np.arange(400) + 0.5) / pitch), (400, 1))
    target = aerial > 0.5
    profile = edge_profile(aerial, target, find_sites(target, OPENILT), 0.5, pixel_nm=1.0)
    np.testing.assert_allclose(profile.ils_per_um, 1000 * 2 * np.pi / pitch, rtol=1e-3)
    # Half the line at x = 0 lies beyond the border; the field repeats.
    np.testing.assert_allclose(profile.nils, np.pi, rtol=1e-3)
    np.testing.assert_allclose(profile.epe_nm, 0, atol=1e-9)


def test_an_empty_target_has_no_sites():
    empty = drawn()
    sites = find_sites(empty, OPENILT)
    profile = edge_profile(np.ones(empty.shape), empty, sites, 0.5, 1.0)
    assert len(sites) == len(violations(empty, sites, OPENILT)) == 0
    assert profile.epe_nm.shape == profile.ils_per_um.shape == profile.nils.shape == (0,)


@pytest.mark.parametrize(
    ("boxes", "shots"),
    [
        ([], 0),
        ([(10, 10, 50, 90)], 1),
        ([(10, 10, 50, 90), (60, 10, 70, 90)], 2),
        ([(10, 10, 50, 30), (10, 10, 30, 90)], 2),  # L
        ([(10, 10, 90, 30), (40, 10, 60, 90)], 2),  # T
        ([(10, 40, 90, 60), (40, 10, 60, 90)], 3),  # cross
        ([(10, 10, 90, 20), (10, 80, 90, 90), (10, 10, 20, 90), (80, 10, 90, 90)], 4),  # frame
        ([(10 * n, 10 * n, 10 * n + 10, 90) for n in range(7)], 7),  # stairs
        ([(10, 10, 20, 20), (20, 20, 30, 30)], 2),  # corner to corner
    ],
)
def test_shots(boxes, shots):
    image = drawn(*boxes, shape=(100, 100))
    assert shot_count(image, 1.0) == shot_count(image, 8.0) == shots
    assert shot_count(np.where(image, 0.6, 0.5), 1.0) == shots


@pytest.mark.parametrize(
    ("boxes", "broken"),
    [
        ([(100, 100, 200, 120)], {"width": 0, "space": 0, "area": 0}),
        ([(100, 100, 200, 118)], {"width": 1, "space": 0, "area": 0}),
        ([(100, 100, 118, 118)], {"width": 1, "space": 0, "area": 1}),
        ([(100, 100, 150, 200), (168, 100, 220, 200)], {"width": 0, "space": 1, "area": 0}),
        ([(100, 100, 150, 200), (170, 100, 220, 200)], {"width": 0, "space": 0, "area": 0}),
        ([(100, 100, 124, 140), (200, 100, 225, 140)], {"width": 0, "space": 0, "area": 1}),
    ],
)
def test_mask_rules(boxes, broken):
    assert mask_violations(drawn(*boxes), 1.0, MaskRules(20.0, 20.0, 980.0)).counts == {**broken, "radius": 0}


def test_block_size():
    blocks = np.random.default_rng(0).random((12, 12)) > 0.5
    assert block_size(blocks) == 1
    assert block_size(np.kron(blocks, np.ones((6, 6), bool))) == 6
    assert block_size(drawn((8, 12, 40, 24))) == 4
    assert block_size(drawn((8, 12, 40, 23))) == 1
    assert block_size(drawn()) == block_size(~drawn()) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_mask_of_blocks_breaks_the_same_rules_on_any_pixel(seed):
    """Curved shapes of 4 nm blocks; without flattening the staircases, the fine drawing would mark their corners."""
    coarse = gaussian_filter(np.random.default_rng(seed).normal(size=(100, 100)), 4) > 0.02
    fine = np.kron(coarse, np.ones((4, 4), dtype=bool))
    rules = MaskRules(24.0, 24.0, 1500.0)
    own, at_1_nm = mask_violations(coarse, 4.0, rules), mask_violations(fine, 1.0, rules)
    assert own.total > 0
    for name in ("width", "space", "area"):
        np.testing.assert_array_equal(getattr(own, name), getattr(at_1_nm, name))
