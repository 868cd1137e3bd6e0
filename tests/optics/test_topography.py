"""Boundary layers: kernels against Abbe's sum, and both against fields written out in numpy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from litho_dl.core.errors import KernelError
from litho_dl.optics.abbe import abbe_intensity_spectrum
from litho_dl.optics.mask import MaskType
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import passed_half
from litho_dl.optics.source import Source, sample_source
from litho_dl.optics.topography import EdgeLayers, Layer, Topography
from litho_dl.process.identity import kernels_digest
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import Recipe
from litho_dl.simulation.passband import socs_passband
from litho_dl.simulation.simulator import Simulator

FIELD_NM, PIXEL_NM = 768.0, 8.0
LAYERS = Topography(
    x=EdgeLayers(
        parallel=Layer(zeroth_nm=(-6, 3), first_nm2=(20, -10), second_nm3=(50, 30)),
        perpendicular=Layer(zeroth_nm=(2, 5), first_nm2=(-8, 4)),
        odd=Layer(zeroth_nm=(1, -2), first_nm2=(6, 3), second_nm3=(-30, 25)),
    ),
    y=EdgeLayers(
        parallel=Layer(zeroth_nm=(-4, 2)),
        perpendicular=Layer(zeroth_nm=(3, 1), first_nm2=(5, 9), second_nm3=(-40, 20)),
        odd=Layer(zeroth_nm=(0.5, 1), first_nm2=(-4, 7), second_nm3=(20, -45)),
    ),
)
MASKS = [
    MaskType(topography=LAYERS, bias_nm=(2.0, 1.0)),
    MaskType(type="attenuated", topography=LAYERS),
    MaskType(type="attenuated", field="clear", topography=LAYERS, bias_nm=-1.0),
]


def recipe(imaging: str, mask: MaskType, polarization: str = "unpolarized", **kernels: object) -> Recipe:
    table = {
        "description": "boundary layers",
        "pupil": {"wavelength_nm": 193, "na": 1.35, "immersion_index": 1.44, "imaging": imaging},
        "source": {"shape": "annular", "sigma_inner": 0.6, "sigma_outer": 0.9, "polarization": polarization},
        "mask": mask.model_dump(),
        "resist": {"threshold": 0.25},
        "corners": {
            "nominal": {"dose": 1, "defocus_nm": 0},
            "outer": {"dose": 1.04, "defocus_nm": 0},
            "inner": {"dose": 0.96, "defocus_nm": 30},
        },
        "kernels": {"field_nm": FIELD_NM, "source_samples": 25, **kernels},
    }
    return Recipe.model_validate(table)


def shapes(count: int = 1) -> Tensor:
    blocks = torch.rand(count, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) > 0.5
    return blocks.double().repeat_interleave(8, -1).repeat_interleave(8, -2)


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: f"{mask.type}-{mask.field}")
@pytest.mark.parametrize(
    ("imaging", "polarization", "tolerance"),
    [("scalar", "unpolarized", 1e-12), ("vector", "te", 1e-3), ("vector", "unpolarized", 3e-3)],
)
def test_kernels_image_boundary_layers_as_abbes_sum(
    imaging: str, polarization: str, tolerance: float, mask: MaskType
) -> None:
    """In vector imaging, what only the edges send through columns that areas do not use is left out."""
    own = recipe(imaging, mask, polarization)
    process = build_process(own)
    simulator = Simulator(process, dtype=torch.float64, passband=socs_passband(process, 1e-13))
    spectrum = simulator.spectrum(shapes(), PIXEL_NM)
    source = sample_source(own.source, 25)
    for name, defocus_nm in (("focus", 0.0), ("defocus+30nm", 30.0)):
        exact, thin = (
            abbe_intensity_spectrum(part, source, own.pupil, simulator.field_nm, defocus_nm=defocus_nm, mask=kind)
            for part, kind in ((spectrum.amplitude, mask), (spectrum.amplitude[:, 0], MaskType()))
        )
        error = (simulator.intensity_spectrum(spectrum, name) - exact).abs().max() / exact.abs().max()
        assert error < tolerance
        assert (thin - exact).abs().max() / exact.abs().max() > 0.02  # the layers matter


@pytest.mark.parametrize("imaging", ["scalar", "vector"])
def test_fields_in_quadrature_that_are_left_out_are_small(imaging: str) -> None:
    process = build_process(recipe(imaging, MASKS[1]))
    few = Simulator(process, dtype=torch.float64)
    all_of_them = Simulator(process, dtype=torch.float64, passband=socs_passband(process, 1e-13))
    assert len(few.kernels("focus")) < 0.75 * len(all_of_them.kernels("focus"))
    images = [simulator.expose(shapes(), PIXEL_NM).aerial() for simulator in (few, all_of_them)]
    assert (images[0] - images[1]).abs().max() < 1.5e-3


def test_abbes_sum_is_that_of_fields_written_out() -> None:
    """One oblique source point, its two states, every edge channel through its own Jones matrix."""
    point = Source(np.array([[0.5, 0.3]]), np.ones(1), np.eye(2)[None] / 2**0.5)
    pupil = Pupil(wavelength_nm=193, na=1.35, immersion_index=1.44, imaging="vector", obliquity=False)
    rng = np.random.default_rng(0)
    half_y, half_x = passed_half(pupil, point.sigma_max, (FIELD_NM, FIELD_NM))
    spectrum = rng.normal(size=(4, 2 * half_y + 1, 2 * half_x + 1)) + 0j
    mask = MaskType(topography=LAYERS)
    f_y, f_x = (np.arange(-h, h + 1) / FIELD_NM for h in (half_y, half_x))
    rho_x, rho_y = np.meshgrid(f_x * 193 / 1.35 + 0.5, f_y * 193 / 1.35 + 0.3)
    rho = np.hypot(rho_x, rho_y)
    phi, sine = np.arctan2(rho_y, rho_x), np.minimum(1.35 * rho / 1.44, 1)
    cosine = np.sqrt(1 - sine**2)
    x, y = LAYERS.edges
    par_x, perp_x, par_y, perp_y = (layer.moments for edge in (x, y) for layer in (edge.parallel, edge.perpendicular))
    crossed = [(a - b + c - d) / 2 for a, b, c, d in zip(perp_x, par_x, perp_y, par_y, strict=True)]
    w_x, w_y = 2 * np.pi * f_x, 2 * np.pi * f_y[:, None]
    square = w_x**2 + w_y**2
    odd_x, odd_y = x.odd.moments, y.odd.moments
    odd = 1 - 1j * (w_x * (odd_x[0] - square / 2 * odd_x[2]) + w_y * (odd_y[0] - square / 2 * odd_y[2]))
    up_x, up_y, up_xy = -1j * w_x * odd_x[1], -1j * w_y * odd_y[1], -1j * (w_x * odd_y[1] + w_y * odd_x[1])

    def line(moments: tuple[complex, ...] | list[complex]) -> np.ndarray:
        return moments[0] - square * moments[2] / 2

    nothing = np.zeros_like(square)
    jones = [
        [
            [odd - w_x**2 * perp_x[1] - w_y**2 * par_y[1], -w_x * w_y * crossed[1]],
            [-w_x * w_y * crossed[1], odd - w_y**2 * perp_y[1] - w_x**2 * par_x[1]],
        ],
        [[line(perp_x) + up_x, nothing], [nothing, line(par_x) + up_x]],
        [[line(par_y) + up_y, nothing], [nothing, line(perp_y) + up_y]],
        [[up_xy, line(crossed)], [line(crossed), up_xy]],
    ]
    grid = np.arange(4 * half_y + 1) / (4 * half_y + 1)
    waves = [np.exp(2j * np.pi * np.outer(grid, np.arange(-h, h + 1))) for h in (half_y, half_x)]
    image, clear = 0, 0
    for state in np.eye(2) / 2**0.5:
        e = [
            sum(spectrum[c] * (jones[c][row][0] * state[0] + jones[c][row][1] * state[1]) for c in range(4))
            for row in (0, 1)
        ]
        s, p = -np.sin(phi) * e[0] + np.cos(phi) * e[1], np.cos(phi) * e[0] + np.sin(phi) * e[1]
        field = (np.cos(phi) * p * cosine - np.sin(phi) * s, np.sin(phi) * p * cosine + np.cos(phi) * s, -sine * p)
        for part in field:
            image = image + np.abs(waves[0] @ (part * (rho <= 1)) @ waves[1].T) ** 2
        clear += (state**2).sum()
    found = abbe_intensity_spectrum(torch.from_numpy(spectrum), point, pupil, (FIELD_NM, FIELD_NM), mask=mask)
    n = len(grid)
    expected = np.fft.fft2(image / clear) / n**2
    torch.testing.assert_close(found[2 * half_y, :].numpy(), expected[0, : 2 * half_x + 1], rtol=1e-9, atol=1e-9)


def test_a_mask_without_thickness_is_the_thin_mask() -> None:
    nothing = MaskType(topography=Topography(x=EdgeLayers()))
    thick, thin = (
        Simulator(build_process(recipe("vector", kind, count=12)), dtype=torch.float64)
        for kind in (nothing, MaskType())
    )
    masks = shapes(2)
    torch.testing.assert_close(
        thick.expose(masks, PIXEL_NM).aerial(), thin.expose(masks, PIXEL_NM).aerial(), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("imaging", ["scalar", "vector"])
def test_the_moments_of_a_shift_are_a_bias(imaging: str) -> None:
    """An edge shifted by b deviates by the contrast over b: moments contrast (b, b^2 / 2, b^3 / 3)."""
    kind, b = MaskType(type="attenuated"), 3.0
    moments = {"zeroth_nm": b, "first_nm2": b**2 / 2, "second_nm3": b**3 / 3}
    layer = Layer.model_validate({key: (kind.contrast * value, 0) for key, value in moments.items()})
    shifted = Topography(x=EdgeLayers(parallel=layer, perpendicular=layer))
    images = [
        Simulator(build_process(recipe(imaging, kind.model_copy(update=update), count=12)), dtype=torch.float64)
        .expose(shapes(), PIXEL_NM)
        .aerial()
        for update in ({"topography": shifted}, {"bias_nm": b}, {})
    ]
    assert (images[0] - images[1]).abs().max() < 0.003 * (images[1] - images[2]).abs().max()


@pytest.mark.parametrize("imaging", ["scalar", "vector"])
def test_odd_moments_move_edges_that_face_up_the_axis_alone(imaging: str) -> None:
    """Edges facing up x move out by b: half of a bias, and half of it with the sign of the direction."""
    kind, b, fine = MaskType(type="attenuated"), 4.0, 4
    halves = {"zeroth_nm": b / 2, "first_nm2": b**2 / 4, "second_nm3": b**3 / 6}
    half = Layer.model_validate({key: (kind.contrast * value, 0) for key, value in halves.items()})
    layers = Topography(x=EdgeLayers(parallel=half, perpendicular=half, odd=half), y=EdgeLayers())
    mask = shapes()[:, :1].repeat_interleave(fine, -1).expand(-1, round(FIELD_NM / PIXEL_NM) * fine, -1)
    moved = torch.maximum(mask, mask.roll(round(b * fine / PIXEL_NM), -1))
    thick, thin = (
        Simulator(build_process(recipe(imaging, one, count=12)), dtype=torch.float64)
        for one in (kind.model_copy(update={"topography": layers}), kind)
    )
    image, expected, before = (
        simulator.expose(values, PIXEL_NM / fine).aerial()
        for simulator, values in ((thick, mask), (thin, moved), (thin, mask))
    )
    assert (image - expected).abs().max() < 0.003 * (expected - before).abs().max()


@pytest.mark.parametrize("imaging", ["scalar", "vector"])
def test_gradients_flow_through_edges(imaging: str) -> None:
    simulator = Simulator(build_process(recipe(imaging, MASKS[0], count=3)), dtype=torch.float64)
    mask = torch.rand(16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: simulator.expose(m, FIELD_NM / 16).aerial("inner"), mask)


def test_turned_by_90_degrees_everything_turns() -> None:
    """x and y of layers, biases and images; TE light of an annular source has no direction of its own."""
    x, y = LAYERS.edges
    down = Layer.model_validate({key: (-re, -im) for key, (re, im) in y.odd.model_dump().items()})
    turned = Topography(x=y.model_copy(update={"odd": down}), y=x)
    one, other = (
        Simulator(build_process(recipe("vector", kind, "te")), dtype=torch.float64)
        for kind in (MaskType(topography=LAYERS, bias_nm=(2.0, 1.0)), MaskType(topography=turned, bias_nm=(1.0, 2.0)))
    )
    masks = shapes()
    image = one.expose(masks, PIXEL_NM).aerial()
    again = other.expose(masks.rot90(-1, (-2, -1)), PIXEL_NM).aerial()
    torch.testing.assert_close(again, image.rot90(-1, (-2, -1)), rtol=0, atol=1e-9)


def test_kernels_of_thin_masks_refuse_boundary_layers() -> None:
    thin = build_process(recipe("vector", MaskType(), count=3))
    with pytest.raises(KernelError, match="built for a mask with boundary layers"):
        Simulator(ProcessModel(thin.kernels, MASKS[0], thin.resist, thin.corners, thin.recipe))


@pytest.mark.parametrize("update", [{"bias_nm": 1.0}, {"topography": {"x": {}}}])
def test_alternating_masks_have_no_edges_to_displace(update: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="alternating"):
        MaskType.model_validate({"type": "alternating", **update})


def test_settings_of_thin_masks_are_as_they_were() -> None:
    assert "topography" not in MaskType().model_dump()
    assert "bias_nm" not in MaskType().model_dump()
    assert MaskType.model_validate(MASKS[0].model_dump()) == MASKS[0]


# Whatever the pixel, the field, and the number of kernels


@pytest.mark.parametrize("mask", [MaskType(bias_nm=4.0), MASKS[1]], ids=["bias", "layers"])
def test_pixels_stand_for_the_same_mask_whatever_their_size(mask: MaskType) -> None:
    simulator = Simulator(build_process(recipe("scalar", mask, count=8)), dtype=torch.float64)
    coarse = torch.rand(24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    images = []
    for finer in (1, 2, 4, 16):
        values = coarse.repeat_interleave(finer, 0).repeat_interleave(finer, 1)
        images.append(simulator.expose(values, FIELD_NM / 24 / finer, out_pixel_nm=16.0).aerial())
    for image in images[1:]:
        torch.testing.assert_close(image, images[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("field", ["dark", "clear"])
def test_layers_lie_where_a_bias_moves_edges_to(field: str) -> None:
    def image(width: float, bias: float) -> Tensor:
        mask = MaskType.model_validate({"type": "attenuated", "field": field, "bias_nm": bias, "topography": LAYERS})
        line = torch.zeros(96, 96, dtype=torch.float64)
        line[:, 48 - round(width / 16) : 48 + round(width / 16)] = 1
        return (
            Simulator(build_process(recipe("vector", mask, count=12)), dtype=torch.float64).expose(line, 8.0).aerial()
        )

    torch.testing.assert_close(image(96, 8.0), image(112, 0.0), rtol=0, atol=2e-3)
    assert (image(96, 0.0) - image(112, 0.0)).abs().max() > 0.05


@pytest.mark.parametrize(
    ("imaging", "mask", "tolerance"),
    [
        ("scalar", MASKS[1], 0.006),
        ("vector", MASKS[1], 0.012),
        ("scalar", MaskType(type="attenuated", bias_nm=6.0), 0.006),
        ("scalar", MaskType(type="attenuated", field="clear", bias_nm=6.0), 0.006),
    ],
)
def test_tails_see_edges_as_kernels_do(imaging: str, mask: MaskType, tolerance: float) -> None:
    own = recipe(imaging, mask)
    own = own.model_copy(
        update={"kernels": own.kernels.model_copy(update={"edge_error_nm": 0.5, "source_samples": None})}
    )
    process = build_process(own)
    assert (process.kernels["focus"].edge_error_nm is None) == (mask.topography is not None)
    simulator = Simulator(process, dtype=torch.float64)
    few = simulator.shortened(12)
    source = sample_source(own.source, own.source_samples())
    spectrum = simulator.spectrum(shapes(), PIXEL_NM)
    exact = abbe_intensity_spectrum(spectrum.amplitude, source, own.pupil, simulator.field_nm, mask=mask)
    for made, allowed in ((simulator, tolerance), (few, 4 * tolerance)):
        error = made.intensity_spectrum(made.spectrum(shapes(), PIXEL_NM), "focus") - exact
        assert error.abs().max() < allowed


def test_kernels_carried_to_a_larger_field_keep_their_layers() -> None:
    """What stands in the middle of a larger field prints as on its own one, within what a thin mask's print differs."""
    bar = torch.zeros(96, 96, dtype=torch.float64)
    bar[36:60, 42:54] = 1
    around = torch.nn.functional.pad(bar, (48, 48, 48, 48))
    differences = []
    for mask in (MaskType(), MASKS[1].model_copy(update={"type": "binary"})):
        process = build_process(recipe("vector", mask, count=30))
        own, large = (
            Simulator(made, dtype=torch.float64).expose(drawn, PIXEL_NM).aerial()
            for made, drawn in ((process, bar), (process.on_field((2 * FIELD_NM, 2 * FIELD_NM)), around))
        )
        differences.append(float((large[48:144, 48:144][24:72, 24:72] - own[24:72, 24:72]).abs().max()))
    assert differences[1] < 2 * differences[0] + 1e-3


def test_files_and_digests_hold_what_layers_need(tmp_path: Path) -> None:
    process = build_process(recipe("vector", MASKS[1], count=6))
    save_kernels(tmp_path / "k.safetensors", process)
    loaded = load_kernels(tmp_path / "k.safetensors")
    images = [Simulator(own, dtype=torch.float64).expose(shapes(), PIXEL_NM).aerial() for own in (process, loaded)]
    torch.testing.assert_close(images[0], images[1], rtol=0, atol=0)
    kernels = {name: replace(own, polarized=own.polarized.flip(1)) for name, own in process.kernels.items()}
    other = replace(process, kernels=kernels)
    assert kernels_digest(other) != kernels_digest(process)
    with pytest.raises(KernelError, match="polarized parts"):
        replace(process.kernels["focus"], polarized=process.kernels["focus"].polarized.real)


def test_systems_of_areas_are_all_kept() -> None:
    """Layers without strength leave the energy of a clear mask, and every image, as they were."""
    nothing = MaskType(topography=Topography(x=EdgeLayers()))
    thick, thin = (
        Simulator(build_process(recipe("scalar", kind, energy=0.9999)), dtype=torch.float64)
        for kind in (nothing, MaskType())
    )
    images = [simulator.expose(shapes(), PIXEL_NM).aerial("inner") for simulator in (thick, thin)]
    torch.testing.assert_close(images[0], images[1], rtol=0, atol=1e-10)
    assert len(thick.kernels("focus")) == len(thin.kernels("focus"))


def test_biases_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="a quarter of lambda"):
        recipe("scalar", MaskType(bias_nm=(1.0, -60.0)))
    assert MaskType(bias_nm=(0.0, 0.0)).model_dump() == MaskType().model_dump()


def test_a_lens_that_blocks_its_source_is_refused() -> None:
    own = recipe("scalar", MaskType(), count=6)
    blocked = own.model_copy(update={"pupil": own.pupil.model_copy(update={"obscuration": 0.95})})
    with pytest.raises(KernelError, match="a clear mask would be dark"):
        build_process(blocked)
