"""The tail of truncated kernels: exact means, planted transfer functions, other fields, and gradients."""

from dataclasses import replace

import pytest
import torch

from litho_dl.core.dft import full_spectrum
from litho_dl.core.errors import KernelError
from litho_dl.core.grid import Grid
from litho_dl.optics.columns import Columns
from litho_dl.optics.extend import extended
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.mask import MaskType
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import focus_columns, leading_kernels
from litho_dl.optics.source import Annular, Dipole, Source, sample_source
from litho_dl.optics.tail import fit_linear, shortened, with_linear, with_mean
from litho_dl.optics.tcc import hopkins_tcc
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import Corner, ProcessModel
from litho_dl.process.resist import Resist
from litho_dl.simulation.simulator import Simulator

WET = Pupil(wavelength_nm=193.0, na=1.35, immersion_index=1.44, zernike_waves={7: 0.03})
FIELD = (360.0, 480.0)
GRID = Grid.of_field(FIELD, 12.0)
MASKS = {
    "binary": MaskType(),
    "attenuated": MaskType(type="attenuated"),
    "clear field": MaskType(type="attenuated", field="clear"),
    "alternating": MaskType(type="alternating"),
}


def ring() -> Source:
    return sample_source(Annular(sigma_inner=0.5, sigma_outer=0.9), 15)


def columns() -> Columns:
    return focus_columns(ring(), WET, FIELD, defocus_nm=30.0)


def with_tail(count: int, linear: torch.Tensor | None = None) -> SocsKernels:
    kernels = leading_kernels(columns(), count)
    found = with_mean(SocsKernels(kernels.spectra, kernels.weights, FIELD), hopkins_tcc(columns()).diagonal)
    assert found.tail is not None
    return found if linear is None else replace(found, tail=found.tail._replace(linear=linear))


def simulator(kernels: SocsKernels, mask: MaskType = MASKS["binary"]) -> Simulator:
    process = ProcessModel({"focus": kernels}, mask, Resist(threshold=0.3), {"nominal": Corner(1.0, "focus")})
    return Simulator(process, dtype=torch.float64)


def random_masks(count: int = 2, *, grey: bool = False) -> torch.Tensor:
    values = torch.rand(count, *GRID.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return values if grey else (values > 0.6).double()


@pytest.mark.parametrize("count", [1, 4, 20])
@pytest.mark.parametrize("mask", ["binary", "attenuated", "clear field"])
def test_means_are_exact_for_every_mask(count, mask):
    """Grey ones and a clear one too: the mean needs |S|^2 alone."""
    opened = 0.0 if mask == "clear field" else 1.0
    masks = torch.cat((random_masks(), random_masks(grey=True), torch.full((1, *GRID.shape), opened).double()))
    exact = simulator(leading_kernels(columns()), MASKS[mask])
    found = simulator(with_tail(count), MASKS[mask])
    means = [one(masks, 12.0).aerial("nominal").mean((1, 2)) for one in (exact, found)]
    torch.testing.assert_close(means[1], means[0], rtol=1e-12, atol=0)
    assert float(means[1][-1]) == pytest.approx(1, abs=1e-12)
    assert with_tail(count).open_frame == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("tailed", [False, True])
def test_fewer_kernels_keep_the_mean_of_every_image(tailed):
    """The strongest ones, in their order, of kernels with a tail or without."""
    kernels = leading_kernels(columns(), 6)
    if tailed:
        kernels = with_tail(6, 0.01 * torch.ones_like(with_tail(6).tail.linear))
    weights = kernels.weights.clone()
    weights[1] /= 1e3
    kernels = replace(kernels, weights=weights)
    few = shortened(kernels, 3)
    assert torch.equal(few.spectra, kernels.spectra[[0, 2, 3]])
    means = [
        simulator(one).expose(random_masks(grey=True), 12.0).aerial("nominal").mean((1, 2)) for one in (kernels, few)
    ]
    torch.testing.assert_close(means[1], means[0], rtol=1e-12, atol=0)
    assert shortened(kernels, 6) is kernels


def test_all_kernels_leave_no_tail():
    kernels = with_tail(10_000)
    assert kernels.tail is not None
    assert kernels.tail.root.abs().max() < 1e-7


def planted(harmonic: int) -> torch.Tensor:
    """A smooth transfer function, and its variation around the rings."""
    rows, columns = 4 * with_tail(1).half[0] + 1, 2 * with_tail(1).half[1] + 1
    y = (torch.arange(rows, dtype=torch.float64) - rows // 2) / FIELD[0]
    x = torch.arange(columns, dtype=torch.float64) / FIELD[1]
    radius, angle = torch.hypot(y[:, None], x[None]), torch.atan2(y[:, None], x[None])
    phase = 1j if harmonic % 2 else 1.0
    rings = (radius * min(FIELD)).round() / min(FIELD)
    linear = torch.exp(-((rings * 80) ** 2)) * (1 + 0.5 * phase * torch.cos(harmonic * angle))
    linear = linear.to(torch.complex128)
    linear[rows // 2, 0] = 0
    return linear


@pytest.mark.parametrize(("harmonic", "off"), [(0, 1e-9), (1, 0.1), (2, 0.06), (4, 0.06)])
def test_a_planted_transfer_function_is_found(harmonic, off):
    """Constant on rings to rounding, harmonics but for the ridge."""
    linear, maker = planted(harmonic), simulator(with_tail(1))
    intensity = maker.spectrum(random_masks(8), 12.0).intensity
    assert intensity is not None
    found = fit_linear(linear * intensity, intensity, FIELD)
    assert (found - linear).abs().max() <= off * linear.abs().max()


@pytest.mark.parametrize("mask", list(MASKS))
def test_the_tail_adds_its_image_of_the_transmitted_intensity(mask):
    """Its linear part filters |t|^2, whatever the mask technology; gradients are exact."""
    linear, kind = planted(2), MASKS[mask]
    values = random_masks(1, grey=True) * (2 if kind.lowest < 0 else 1) + kind.lowest
    with_linear, without = (simulator(with_tail(3, part), kind) for part in (linear, 0 * linear))
    added = with_linear(values, 12.0).spectra["focus"] - without(values, 12.0).spectra["focus"]
    assert with_linear.process.kernels["focus"].tail is not None
    dark = torch.zeros(0, *with_tail(1).spectra.shape[1:], dtype=torch.complex128)
    tail = with_linear.process.kernels["focus"].tail._replace(root=torch.zeros_like(dark[:0].sum(0)))
    incoherent = simulator(SocsKernels(dark, torch.zeros(0, dtype=torch.float64), FIELD, tail=tail))
    intensity = values.abs() if mask == "alternating" else kind.transmitted(values)
    expected = incoherent.expose(intensity, 12.0).spectra["focus"]
    torch.testing.assert_close(added, expected, rtol=0, atol=1e-14)
    small = values.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda m: with_linear.expose(m, 12.0).intensity["focus"], (small,), fast_mode=True, atol=1e-8
    )


def test_amplitude_follows_from_intensity_on_areas_of_two_values():
    areas = torch.tensor([0.0, 1.0], dtype=torch.float64)
    for mask in MASKS.values():
        line = mask.amplitude_of_intensity
        if line is None:
            assert mask.type == "alternating"
            continue
        torch.testing.assert_close(line[0] * mask.transmitted(areas) + line[1], mask.amplitude(areas))
        torch.testing.assert_close(mask.transmitted(areas), mask.amplitude(areas).square())


SQUARE = (480.0, 480.0)


def carried(count: int, wide: tuple[float, float]) -> tuple[SocsKernels, SocsKernels]:
    """Kernels with a tail whose linear part ends at the reach, and the same on a larger field."""
    found = focus_columns(ring(), WET, SQUARE, defocus_nm=30.0)
    kernels = leading_kernels(found, count)
    kernels = with_mean(SocsKernels(kernels.spectra, kernels.weights, SQUARE), hopkins_tcc(found).diagonal)
    assert kernels.tail is not None
    rows, columns = kernels.tail.linear.shape
    y = torch.arange(rows, dtype=torch.float64) - rows // 2
    radius = torch.hypot(y[:, None], torch.arange(columns).double())
    kernels = with_linear(kernels, (0.02 * radius * torch.exp(-radius / 8)).to(torch.complex128))
    return kernels, extended(kernels, wide)


def test_a_carried_tail_is_the_same_in_space():
    """A small opening images to the same on both fields where the reach does not end, and a clear mask everywhere."""
    kernels, wide = carried(4, (960.0, 1440.0))
    opening = torch.zeros(1, 40, 40, dtype=torch.float64)
    opening[0, 18:22, 17:23] = 1
    around = torch.zeros(1, 80, 120, dtype=torch.float64)
    around[0, 20:60, 40:80] = opening
    own = simulator(kernels).expose(opening, 12.0).intensity["focus"]
    found = simulator(wide).expose(around, 12.0).intensity["focus"][:, 20:60, 40:80]
    assert (found - own)[:, 12:28, 12:28].abs().max() < 0.02 * own.max()
    assert float(wide.open_frame) == pytest.approx(float(kernels.open_frame), abs=1e-12)


def test_the_linear_part_ends_at_the_reach():
    """In space, at half of the field; nearer to the centre it is what was fitted."""
    kernels, _ = carried(4, (960.0, 960.0))
    plain = kernels.tail.linear.clone()
    rows, columns = plain.shape
    y = torch.arange(rows, dtype=torch.float64) - rows // 2
    radius = torch.hypot(y[:, None], torch.arange(columns).double())
    fitted = (0.02 * radius * torch.exp(-radius / 8)).to(torch.complex128)
    x = torch.arange(-24, 24, dtype=torch.float64) * 10
    distance = torch.hypot(x[:, None], x)
    frequency = torch.arange(-(rows // 2), rows // 2 + 1, dtype=torch.float64) / SQUARE[0]
    waves = torch.exp(2j * torch.pi * x[:, None] * frequency)
    own, before = ((waves @ full_spectrum(part) @ waves.T).real for part in (plain, fitted))
    beyond = [float(part[distance >= 240].square().mean()) for part in (own, before)]
    assert beyond[0] < 0.4 * beyond[1]
    near = distance < 150
    torch.testing.assert_close(own[near], before[near], rtol=0, atol=0.01 * float(before.abs().max()))


def test_what_was_carried_is_carried_on_unchanged(tmp_path):
    """By way of a kernel file too, and without claiming an accuracy that was not measured."""
    kernels, once = carried(4, (960.0, 960.0))
    kernels = replace(kernels, edge_error_nm=0.2)
    direct, twice = extended(kernels, (1440.0, 1440.0)), extended(once, (1440.0, 1440.0))
    assert direct.edge_error_nm is once.edge_error_nm is None
    assert direct.reach_nm == once.reach_nm == twice.reach_nm == kernels.reach_nm == 240
    mask = (torch.rand(1, 120, 120, generator=torch.Generator().manual_seed(9)) > 0.5).double()
    images = [simulator(own).expose(mask, 12.0).intensity["focus"] for own in (direct, twice)]
    torch.testing.assert_close(images[1], images[0], rtol=0, atol=3e-4)
    process = ProcessModel({"focus": once}, MASKS["binary"], Resist(threshold=0.3), {"nominal": Corner(1.0, "focus")})
    save_kernels(tmp_path / "k.safetensors", process)
    assert load_kernels(tmp_path / "k.safetensors").kernels["focus"].reach_nm == 240


def test_scaled_kernels_scale_their_tail():
    kernels, _ = carried(4, (960.0, 960.0))
    mask = (torch.rand(1, 40, 40, generator=torch.Generator().manual_seed(9)) > 0.5).double()
    one, half = (simulator(own).expose(mask, 12.0).intensity["focus"] for own in (kernels, kernels.scaled(0.5)))
    torch.testing.assert_close(half, one / 2)
    assert kernels.scaled(0.5).open_frame == pytest.approx(kernels.open_frame / 2)


def test_masks_beyond_the_reach_change_nothing():
    """Twice the reach: the kernel of the dropped light, and the disc that it is spread over."""
    _, wide = carried(4, (2400.0, 2400.0))
    one = (torch.rand(1, 200, 200, generator=torch.Generator().manual_seed(3), dtype=torch.float64) > 0.5).double()
    other = one.clone()
    other[:, :, 160:] = 1  # from 1920 nm on; the field is periodic
    images = [simulator(wide).expose(mask, 12.0).intensity["focus"][0, :, 42:118] for mask in (one, other)]
    assert (images[1] - images[0]).abs().max() < 1e-4
    assert (images[1] - images[0]).abs().max() > 0, "the fade is not perfect"


def test_a_dipole_takes_light_of_its_own_direction():
    """Not radial: along its axis the diagonal reaches further."""
    source = sample_source(Dipole(sigma_inner=0.6, sigma_outer=0.9, opening_deg=30, axis="x"), 31)
    values = hopkins_tcc(focus_columns(source, WET, (400.0, 400.0))).diagonal
    middle = values.shape[0] // 2
    assert (values[middle] > 0.1).sum() > (values[:, middle] > 0.1).sum()
    assert float(values[middle, middle]) == pytest.approx(1)


def test_tails_of_another_shape_are_refused():
    kernels = with_tail(2)
    assert kernels.tail is not None
    tail = kernels.tail
    for wrong in ({"linear": tail.linear[1:]}, {"root": tail.root[1:]}, {"disc": tail.disc[1:]}, {"root": tail.disc}):
        with pytest.raises(KernelError, match="Expected a tail of complex parts"):
            SocsKernels(kernels.spectra, kernels.weights, FIELD, tail=tail._replace(**wrong))
    for name, values in tail._asdict().items():
        with pytest.raises(KernelError, match="finite tail"):
            SocsKernels(kernels.spectra, kernels.weights, FIELD, tail=tail._replace(**{name: values * float("nan")}))
