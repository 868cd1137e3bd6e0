"""Which mirrors and turns optics image alike."""

import pytest
from scenes.coarse_optics import coarse_recipe

from litho_dl.core.dihedral import SYMMETRIES
from litho_dl.optics.source import Dipole
from litho_dl.process.files import load_process
from litho_dl.process.model import build_process
from litho_dl.simulation.symmetry import imaging_symmetries

MIRRORS = ("identity", "rotate_180", "flip_x", "flip_y")


def process(**pupil):
    recipe = coarse_recipe("duv193-dry-annular")
    return build_process(
        recipe.model_copy(update={"pupil": recipe.pupil.model_copy(update=pupil)}), field_nm=(1024.0, 1024.0), count=12
    )


def test_an_annular_source_keeps_all():
    assert set(imaging_symmetries(process())) == set(SYMMETRIES)


def test_a_dipole_keeps_the_mirrors():
    recipe = coarse_recipe("duv193-dry-annular")
    dipole = Dipole(sigma_inner=0.5, sigma_outer=0.8, opening_deg=40, axis="x")
    process = build_process(recipe.model_copy(update={"source": dipole}), field_nm=(1024.0, 1024.0), count=12)
    assert set(imaging_symmetries(process)) == set(MIRRORS)


@pytest.mark.parametrize(
    ("zernike", "kept"),
    [
        ({7: 0.03}, {"identity", "flip_x"}),  # coma along y
        ({8: 0.03}, {"identity", "flip_y"}),  # coma along x
        ({5: 0.03}, {"identity", "rotate_180", "transpose", "anti_transpose"}),  # oblique astigmatism
        ({9: 0.03, 10: 0.02}, {"identity"}),  # trefoils
        ({11: 0.03}, set(SYMMETRIES)),  # spherical
    ],
)
def test_aberrations_break_what_they_must(zernike, kept):
    assert set(imaging_symmetries(process(zernike_waves=zernike))) == kept


@pytest.mark.parametrize("field", [(512.0, 1024.0), (1000.0, 1280.0), (1024.0, 1030.0)])
def test_an_oblong_field_has_mirrors_only(field):
    oblong = build_process(coarse_recipe("duv193-dry-annular"), field_nm=field, count=12)
    assert set(imaging_symmetries(oblong)) == set(MIRRORS)


@pytest.mark.data
def test_the_contest_kernels_keep_one_mirror(data_dir):
    assert imaging_symmetries(load_process(data_dir / "iccad13")) == ("identity", "flip_x")
