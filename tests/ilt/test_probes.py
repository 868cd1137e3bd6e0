"""EPE probes: pixels and points inside and outside of drawn edges and those of pixels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.ilt import FIELD, targets
from scenes.shapes import box
from torch import Tensor

from litho_dl.ilt.probes import epe_probes, probe_pairs
from litho_dl.ilt.start import coarsened
from litho_dl.metrics.drawn_sites import field_edges
from litho_dl.metrics.epe import OPENILT, find_sites, violations


@pytest.mark.parametrize("pixel_nm", [1.0, 5.0])
def test_epe_probes_are_those_of_the_rule(pixel_nm):
    """A 200 x 75 nm box: two sites on each long edge at 1 nm, one on each short; a probe 15 nm in, one 15 nm out."""
    x0, x1, y0, y1 = (round(edge / pixel_nm) for edge in (150, 350, 200, 275))
    n = round(FIELD[0] // pixel_nm)
    target = torch.zeros(2, n, n)
    target[0, y0:y1, x0:x1] = 1
    counts = epe_probes(target, pixel_nm)
    assert counts.shape == target.shape
    assert counts[1].sum() == 0
    reach, spacing = round(15 / pixel_nm), round(40 / pixel_nm)
    rows, columns = np.nonzero(counts[0].numpy())
    probes = set(zip(rows.tolist(), columns.tolist(), strict=True))
    middle = y0 + (y1 - y0 - 1) // 2
    expected = {(middle, x0 + reach), (middle, x0 - reach), (middle, x1 - 1 - reach), (middle, x1 - 1 + reach)}
    along = {x0 + k * spacing for k in (1, 2)} | {x1 - 1 - k * spacing for k in (1, 2)}
    for row in (y0 + reach, y0 - reach, y1 - 1 - reach, y1 - 1 + reach):
        expected |= {(row, column) for column in along}
    assert probes == expected
    assert counts.sum() == len(expected)
    if pixel_nm == 1:
        assert counts.sum() == 2 * len(find_sites(target[0].numpy() > 0.5, OPENILT))


class TestProbePairs:
    """Points 3.5 nm inside and 2.5 nm outside of edges: three pixels of 1 nm from the middle of the inner pixel."""

    @staticmethod
    def boxed(*boxes: tuple[int, int, int, int]) -> Tensor:
        target = torch.zeros(1, 512, 512, dtype=torch.float64)
        for x0, y0, x1, y1 in boxes:
            target[0, y0:y1, x0:x1] = 1
        return target

    @staticmethod
    def points(part: Tensor) -> set[tuple[float, float]]:
        return {(x, y) for x, y in part.tolist()}

    INNER = frozenset({(103.5, 229.5), (156.5, 229.5), (129.5, 203.5), (129.5, 256.5)})
    OUTER = frozenset({(97.5, 229.5), (162.5, 229.5), (129.5, 197.5), (129.5, 262.5)})

    @pytest.mark.parametrize("drawn", [False, True])
    def test_beside_a_box(self, drawn):
        edges = [field_edges((box(100, 200, 160, 260),))] if drawn else None
        pairs = probe_pairs(self.boxed((100, 200, 160, 260)), 1.0, edges)
        assert pairs.counted.tolist() == [[1, 1, 1, 1]]
        assert self.points(pairs.inner_nm[0]) == self.INNER
        assert self.points(pairs.outer_nm[0]) == self.OUTER

    @pytest.mark.parametrize("drawn", [False, True])
    def test_lengths_grow_with_the_scale(self, drawn):
        """A box twice as large, on pixels of 2 nm."""
        edges = [field_edges((box(200, 400, 320, 520),))] if drawn else None
        pairs = probe_pairs(self.boxed((100, 200, 160, 260)), 2.0, edges, 2.0)
        assert self.points(pairs.inner_nm[0]) == {(2 * x, 2 * y) for x, y in self.INNER}
        assert self.points(pairs.outer_nm[0]) == {(2 * x, 2 * y) for x, y in self.OUTER}

    def test_drawn_edges_do_not_depend_on_the_pixel(self):
        edges = [field_edges((box(100, 200, 160, 260),))]
        coarse = probe_pairs(torch.zeros(1, 64, 64, dtype=torch.float64), 8.0, edges)
        assert self.points(coarse.inner_nm[0]) == self.INNER
        assert self.points(coarse.outer_nm[0]) == self.OUTER

    def test_edges_of_coarse_pixels_have_the_same_distances(self):
        pairs = probe_pairs(coarsened(self.boxed((96, 200, 160, 264)), 1.0, 4.0), 4.0)
        assert {x for x, _ in self.points(pairs.inner_nm[0])} >= {99.5, 156.5}
        assert {x for x, _ in self.points(pairs.outer_nm[0])} >= {93.5, 162.5}

    def test_clips_of_fewer_sites_are_padded(self):
        """Drawn edges in the first clip, pixels' in the second, nothing in the third."""
        target = torch.cat([self.boxed((100, 200, 160, 260)),
                            self.boxed((100, 200, 160, 260), (300, 200, 360, 260)), self.boxed()])  # fmt: skip
        pairs = probe_pairs(target, 1.0, [field_edges((box(100, 200, 160, 260),)), None, None])
        assert pairs.inner_nm.shape == pairs.outer_nm.shape == (3, 8, 2)
        assert pairs.counted.sum(1).tolist() == [4, 8, 0]
        assert self.points(pairs.inner_nm[0, pairs.counted[0] > 0]) == self.INNER
        assert self.points(pairs.inner_nm[1]) == self.INNER | {(x + 200, y) for x, y in self.INNER}
        one = pairs.of(slice(1, 2))
        assert torch.equal(one.inner_nm, pairs.inner_nm[1:2])
        assert one.counted.tolist() == [[1] * 8]

    def test_they_print_where_the_rule_s_own_probes_do(self):
        """On binary images at 1 nm: the number of sites with a wrong probe is the rule's."""
        rule = replace(OPENILT, probe_px=3)
        for n, target in enumerate(targets(1.0)):
            sites, pairs = find_sites(target.numpy() >= 0.5, OPENILT), probe_pairs(targets(1.0)[[n]], 1.0)
            image = target.roll((2, 5), (0, 1)) >= 0.5
            x, y = (part.long() for part in pairs.inner_nm[0].T)
            inside = image[y, x]
            x, y = (part.long() for part in pairs.outer_nm[0].T)
            assert (
                int((~inside).sum() + image[y, x].sum())
                == violations(image.numpy().astype(float), sites, rule, 0.5).sum()
            )
            assert 0 < (~inside).sum() < len(sites)
