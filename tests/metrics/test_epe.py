"""Sites and edge placement errors of images drawn by hand."""

import numpy as np
import pytest
from scenes.pixel_images import by_normal, drawn

from litho_dl.metrics.edge import edge_placement, edge_profile
from litho_dl.metrics.epe import NEURALILT, OPENILT, find_sites, print_violations, site_offsets, violations

LEFT, RIGHT, DOWN, UP = (0, -1), (0, 1), (-1, 0), (1, 0)


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
    inside, outside = (np.floor(sites.probes(step)).astype(int) for step in (0, 1))
    assert image[inside[:, 0], inside[:, 1]].all()
    assert not image[outside[:, 0], outside[:, 1]].any()


@pytest.mark.parametrize("k", [-20, -16, -15, -3, 0, 1, 14, 15, 16, 20])
def test_a_shift_by_k_pixels_is_k_nm_of_epe(k):
    """Probes sit 15 pixels from the inner pixel, so a print may grow by 14 and shrink by 15."""
    target = drawn((100, 150, 200, 210))
    printed = np.roll(target, k, axis=1)
    sites = find_sites(target, OPENILT)
    epe = by_normal(sites, edge_placement(printed.astype(float), sites, 0.5, pixel_nm=2.0))
    assert epe == {RIGHT: [2 * k], LEFT: [-2 * k], UP: [0, 0], DOWN: [0, 0]}
    counts = by_normal(sites, violations(printed, sites, OPENILT, 0.5))
    assert counts == {RIGHT: [k >= 15 or k < -15], LEFT: [k <= -15 or k > 15], UP: [0, 0], DOWN: [0, 0]}
    np.testing.assert_array_equal(print_violations(printed, sites, OPENILT), violations(printed, sites, OPENILT, 0.5))
    published = print_violations(printed, sites, NEURALILT)
    np.testing.assert_array_equal(published, violations(printed, sites, NEURALILT, 0.5))
    assert violations(printed, sites, NEURALILT, 0.5).sum() == (abs(k) >= 16) + (abs(k) >= 17)


def test_a_site_counts_per_probe_or_once():
    target = drawn((100, 100, 180, 180))
    sites = find_sites(target, OPENILT)
    assert violations(~target, sites, OPENILT, 0.5).tolist() == [2] * 4
    assert violations(~target, sites, NEURALILT, 0.5).tolist() == [1] * 4
    assert violations(np.zeros_like(target), sites, OPENILT, 0.5).tolist() == [1] * 4
    assert violations(np.ones_like(target), sites, OPENILT, 0.5).tolist() == [1] * 4


def test_the_field_repeats_beyond_its_border():
    """A box in the corner has all four edges, and their outer probes lie on the far side; a line across has two."""
    corner = drawn((0, 0, 80, 80))
    sites = find_sites(corner, OPENILT)
    assert len(sites) == 4
    spilt = drawn((380, 20, 400, 60))  # missing at all four, extra beyond the left edge
    assert by_normal(sites, violations(spilt, sites, OPENILT, 0.5)) == {LEFT: [2], RIGHT: [1], DOWN: [1], UP: [1]}
    flipped = find_sites(corner[::-1, ::-1], OPENILT)
    counts = by_normal(flipped, violations(spilt[::-1, ::-1], flipped, OPENILT, 0.5))
    assert counts == {LEFT: [1], RIGHT: [2], DOWN: [1], UP: [1]}
    for thin in (drawn((0, 0, 80, 10)), drawn((320, 390, 400, 400))):
        edges = find_sites(thin, OPENILT)  # a probe 15 pixels behind a long edge lies beyond the border or the box
        assert by_normal(edges, violations(thin, edges, OPENILT, 0.5)) == {LEFT: [0], RIGHT: [0], DOWN: [1], UP: [1]}
    moved = np.roll(corner, (-3, -2), axis=(0, 1)).astype(float)
    epe = by_normal(sites, edge_placement(moved, sites, 0.5, 1.0))
    assert epe == {LEFT: [2], RIGHT: [-2], DOWN: [3], UP: [-3]}

    line = drawn((100, 0, 150, 400))
    sites = find_sites(line, OPENILT)
    assert set(by_normal(sites, sites.pixels)) == {LEFT, RIGHT}
    assert violations(line, sites, OPENILT, 0.5).sum() == 0
    assert len(find_sites(np.ones_like(line), OPENILT)) == 0


def test_an_empty_target_has_no_sites():
    empty = drawn()
    sites = find_sites(empty, OPENILT)
    profile = edge_profile(np.ones(empty.shape), sites, np.zeros(0), 0.5, 1.0)
    assert len(sites) == len(violations(empty, sites, OPENILT, 0.5)) == 0
    assert profile.epe_nm.shape == profile.ils_per_um.shape == profile.nils.shape == (0,)


def test_runs_of_neighbouring_rows_are_edges_of_their_own():
    """One ends at the right border, and one begins at the left border a row above."""
    right, left = (300, 100, 400, 101), (0, 101, 81, 102)
    found = find_sites(drawn(right, left), OPENILT)
    alone = [find_sites(drawn(each), OPENILT) for each in (right, left)]
    assert by_normal(found, found.pixels)[UP] == [pixels for one in alone for pixels in by_normal(one, one.pixels)[UP]]


def test_the_threshold_itself_prints():
    """At the inner probe nothing is missing; at the outer one there is extra."""
    sites = find_sites(drawn((100, 100, 180, 180)), OPENILT)
    for rule in (OPENILT, NEURALILT):
        assert violations(np.full((400, 400), 0.25), sites, rule, 0.25).tolist() == [1] * 4
