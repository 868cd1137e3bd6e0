"""Mirror symmetries of the optics, and what they save."""

import numpy as np
import pytest
import torch
from scenes.vector_optics import STACK, WET

from litho_dl.optics.mirrors import (
    folded,
    folded_places,
    mirrored_axes,
    parities,
    unfolded,
    without_images,
)
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import focus_columns
from litho_dl.optics.source import Annular, Dipole, Multipole, Pole, Source, sample_source
from litho_dl.optics.tcc import hopkins_tcc, point_sum

RING = {"sigma_inner": 0.5, "sigma_outer": 0.85}
FIELD = (286.0, 352.0)
CASES = {
    "ring": (Annular(**RING), WET, (0, 1)),
    "TE ring": (Annular(**RING, polarization="te"), WET, (0, 1)),
    "dipole along x": (Dipole(**RING, opening_deg=40, axis="y", polarization="x"), WET, (0, 1)),
    "a pole on x": (Multipole(poles=[Pole(x=0.5, y=0, radius=0.3)], polarization="tm"), WET, (0,)),
    "a pole on y": (Multipole(poles=[Pole(x=0, y=-0.5, radius=0.3)]), WET, (1,)),
    "a pole on neither": (Multipole(poles=[Pole(x=0.3, y=-0.5, radius=0.3)]), WET, ()),
    "x poles of unlike light": (
        Multipole(
            poles=[Pole(x=0.5, y=0, radius=0.3, polarization="x"), Pole(x=-0.5, y=0, radius=0.3, polarization="y")]
        ),
        WET,
        (0,),
    ),
    "coma along x": (Annular(**RING), WET.model_copy(update={"zernike_waves": {8: 0.05}}), (0,)),
    "astigmatism across": (Annular(**RING), WET.model_copy(update={"zernike_waves": {5: 0.05}}), ()),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("film", [None, STACK.model_copy(update={"image": 40.0})], ids=["water", "film"])
def test_the_gram_matrix_of_the_points_that_are_left_gives_the_whole(case, film):
    shape, pupil, expected = CASES[case]
    columns = focus_columns(sample_source(shape, 9), pupil, FIELD, film=film, defocus_nm=20.0)
    axes = mirrored_axes(columns)
    assert axes == expected
    fewer = without_images(columns, axes)
    whole = point_sum(columns)
    tcc = hopkins_tcc(columns)
    assert tcc.axes == axes
    found = tcc.values
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-13)
    assert len(fewer.source.weights) <= len(columns.source.weights) * (0.75 ** len(axes))
    # Parts of unlike parity do not mix, and the places that are left are those of the folded frequencies that pass.
    for odd_y, odd_x in parities(axes):
        part = whole
        for dim, odd in enumerate((odd_y, odd_x)):
            part = folded(part, dim, odd)
        for dim, odd in enumerate((odd_y, odd_x), start=2):
            if odd is not None:
                assert folded(part, dim, not odd).abs().max() < 1e-13
        places = folded_places(columns.passed.view(whole.shape[:2]), odd_y, odd_x)
        assert places.shape == part.shape[:2]


def test_a_jones_pupil_is_taken_to_have_no_mirrors(tmp_path):
    np.save(tmp_path / "one.npy", np.eye(2)[:, :, None, None] * np.ones((3, 3)))
    pupil = Pupil(**{**WET.model_dump(), "jones": tmp_path / "one.npy"})
    assert mirrored_axes(focus_columns(sample_source(Annular(**RING), 9), pupil, FIELD)) == ()


def test_slightly_unlike_points_have_no_mirror():
    points = np.array([(0.5, 0.0), (-0.5, 0.0)])
    for weights, moved in (([0.5, 0.5], 0.0), ([0.5001, 0.4999], 0.0), ([0.5, 0.5], 1e-6)):
        source = Source(points + np.array([(moved, 0.0), (0.0, 0.0)]), np.array(weights))
        axes = mirrored_axes(focus_columns(source, WET, FIELD))
        assert (1 in axes) == (weights[0] == 0.5 and moved == 0)


@pytest.mark.parametrize("odd", [False, True, None])
def test_unfolding_undoes_folding(odd):
    part = torch.randn(3, {None: 9, False: 5, True: 4}[odd], 2, dtype=torch.float64)
    again = unfolded(part, 1, odd)
    assert again.shape == (3, 9, 2)
    torch.testing.assert_close(folded(again, 1, odd), part)
    torch.testing.assert_close(again.square().sum(), part.square().sum())
    if odd is not None:
        assert folded(again, 1, not odd).abs().max() < 1e-15
