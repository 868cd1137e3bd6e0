"""Prints evaluated near their edges only, against the whole image."""

import numpy as np
import pytest
import torch
from scipy.ndimage import label

from litho_dl.core.dft import analyse, analysis
from litho_dl.core.grid import Grid
from litho_dl.optics.print_rule import PrintRule
from litho_dl.process.model import Corner
from litho_dl.simulation import prints
from litho_dl.simulation.prints import binary_prints, corner_prints, whole_image

F64 = {"dtype": torch.float64, "device": torch.device("cpu")}
DOSES = (1.0, 1.05, 0.9)
GRIDS = [(Grid((256, 256), 2.0), (5, 4)), (Grid((300, 180), 1.0), (6, 3)), (Grid((64, 512), 1.0), (0, 9))]


def random_spectrum(grid: Grid, half: tuple[int, int], seed: int) -> torch.Tensor:
    image = torch.from_numpy(np.random.default_rng(seed).normal(size=grid.shape))
    return analyse(image, analysis(grid, half, reference_nm=1.0, **F64))


@pytest.fixture
def evaluated(monkeypatch) -> list[int]:
    """The number of pixels that are evaluated one by one, of each call."""
    counts = []

    def counted(spectrum, transform, blocks, size):
        counts.append(len(blocks) * size**2)
        return original(spectrum, transform, blocks, size)

    original = prints.synthesise_blocks
    monkeypatch.setattr(prints, "synthesise_blocks", counted)
    return counts


@pytest.mark.parametrize("field", ["dark", "clear"])
@pytest.mark.parametrize(("grid", "half"), GRIDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_prints_are_those_of_the_whole_image(grid, half, field, seed, evaluated):
    spectrum = random_spectrum(grid, half, seed)
    image = whole_image(spectrum, grid)
    for share in (0.001, 0.02, 0.3, 0.5, 0.9, 0.999, 1.5, -0.5):
        rule = PrintRule(float(image.min() + share * (image.max() - image.min())), field)
        for dose, found in zip(DOSES, binary_prints(spectrum, grid, rule, DOSES), strict=True):
            assert found.dtype == torch.bool
            assert torch.equal(found, rule.printed(image, dose)), (share, dose)
    assert evaluated


@pytest.mark.parametrize("field", ["dark", "clear"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("offset", [0.5, 1.5])
def test_peaks_between_the_samples_are_found(field, sign, offset, evaluated):
    """The steepest image that the band allows, with its extremes on pixels that no sample is near."""
    grid, half = Grid((512, 512), 1.0), (8, 8)
    y, x = np.mgrid[:512, :512] + 0.5
    waves = np.cos(2 * np.pi * 8 * (y - 2 - offset) / 512) + np.cos(2 * np.pi * 8 * (x - 2 - offset) / 512)
    spectrum = analyse(torch.from_numpy(3 + sign * waves), analysis(grid, half, reference_nm=1.0, **F64))
    image = whole_image(spectrum, grid)
    for level in (3 + sign * 1.9999, 3 - sign * 1.9999):
        rule = PrintRule(level, field)
        (found,) = binary_prints(spectrum, grid, rule, [1.0])
        assert torch.equal(found, rule.printed(image))
        assert label(min(found, ~found, key=torch.count_nonzero).numpy())[1] >= 64
    assert 0 < max(evaluated) < 0.7 * image.numel()


def test_only_edges_are_evaluated(evaluated):
    grid = Grid((1024, 1024), 1.0)
    y, x = np.mgrid[:1024, :1024] + 0.5
    spot = np.exp(-((y - 300) ** 2 + (x - 700) ** 2) / (2 * 60**2))
    spectrum = analyse(torch.from_numpy(spot), analysis(grid, (8, 8), reference_nm=1.0, **F64))
    (found,) = binary_prints(spectrum, grid, PrintRule(0.5), [1.0])
    assert found.sum() == pytest.approx(2 * np.pi * 60**2 * np.log(2), rel=0.01)
    assert sum(evaluated) < 0.1 * grid.shape[0] * grid.shape[1]
    evaluated.clear()
    for level in (2.0, -1.0):
        (found,) = binary_prints(spectrum, grid, PrintRule(level), [1.0])
        assert found.all() == found.any() == (level < 0)
    assert sum(evaluated) == 0


@pytest.mark.parametrize("pixels", [20, 60])
def test_coarse_pixels_are_all_evaluated(pixels, evaluated):
    """Also fewer pixels than the frequencies need."""
    grid, half = Grid((pixels, pixels), 5.0), (15, 15)
    spectrum = random_spectrum(Grid((100, 100), pixels * 5.0 / 100), half, 0)
    image = whole_image(spectrum, grid)
    (found,) = binary_prints(spectrum, grid, PrintRule(float(image.median())), [1.0])
    assert torch.equal(found, image >= image.median())
    assert not evaluated


@pytest.mark.parametrize("field", ["dark", "clear"])
def test_every_corner_takes_its_own_dose_and_focus(field):
    grid, half = GRIDS[0]
    spectra = {name: random_spectrum(grid, half, seed) for seed, name in enumerate(("focus", "blurred"))}
    corners = {
        "nominal": Corner(1.0, "focus"),
        "inner": Corner(0.9, "blurred"),
        "outer": Corner(1.1, "focus"),
        "more": Corner(1.2, "blurred"),
    }
    rule = PrintRule(0.01, field)
    found = corner_prints(spectra, corners, grid, rule)
    assert list(found) == list(corners)
    for name, (dose, kernels) in corners.items():
        expected = rule.printed(dose * whole_image(spectra[kernels], grid)).numpy()
        assert 0 < expected.sum() < expected.size
        np.testing.assert_array_equal(found[name], expected)
