"""Mask stacks and their rigorous diffraction, against thin films, thin masks and themselves."""

import sys

import numpy as np
import pytest
import tmm
from pydantic import ValidationError

from litho_dl.core.errors import LithoError, RecipeError
from litho_dl.core.settings import packaged_names
from litho_dl.optics.rigorous import contact_orders, line_orders, snapped
from litho_dl.optics.stack import MaskStack, StackLayer, load_stack

pytest.importorskip("meent")
MOSI, EUV = load_stack("mosi"), load_stack("euv-tabn")


def opaque(thickness_nm: float, n: float = 0.84, k: float = 1.65) -> MaskStack:
    layer = StackLayer(name="absorber", thickness_nm=thickness_nm, n=n, k=k)
    return MaskStack(description="one film", wavelength_nm=193, substrate_index=1.5632, layers=(layer,))


@pytest.mark.parametrize("name", ["chrome", "mosi"])
def test_light_behind_an_unbroken_absorber_is_that_of_films(name: str) -> None:
    stack = load_stack(name)
    indices = [stack.substrate_index, *(complex(layer.n, layer.k) for layer in stack.layers), 1.0]
    thicknesses = [np.inf, *(layer.thickness_nm for layer in stack.layers), np.inf]
    through = tmm.coh_tmm("s", indices, thicknesses, 0, stack.wavelength_nm)["t"]
    into = 2 * stack.substrate_index / (stack.substrate_index + 1)
    clear = into * np.exp(2j * np.pi * stack.thickness_nm / stack.wavelength_nm)
    assert stack.background == pytest.approx(through / clear)
    closed = line_orders(stack, 120, 0.0, harmonics=2)
    np.testing.assert_allclose(closed[:, 2], stack.background, rtol=1e-6)
    np.testing.assert_allclose(np.delete(closed, 2, axis=1), 0, atol=1e-9)
    opened = line_orders(stack, 120, 120.0, harmonics=2)
    np.testing.assert_allclose(opened[:, 2], 1, rtol=1e-9)


def test_packaged_stacks_are_tested() -> None:
    assert packaged_names("stacks") == ["chrome", "euv-tabn", "mosi"]


def test_the_mirror_of_a_reflective_mask_is_that_of_films() -> None:
    assert EUV.mirror is not None
    films = (*EUV.mirror.films, *EUV.layers)[::-1]
    indices = [1.0, *(complex(film.n, film.k) for film in films), EUV.substrate_index]
    thicknesses = [film.thickness_nm for film in films]
    angle, bare = np.radians(6.0), len(EUV.layers)
    height = np.exp(4j * np.pi / 13.5 * 60.0 * np.cos(angle))
    ratios = []
    for state in "sp":
        opened = tmm.coh_tmm(state, [1.0, *indices[1 + bare :]], [np.inf, *thicknesses[bare:], np.inf], angle, 13.5)[
            "r"
        ]
        covered = tmm.coh_tmm(state, indices, [np.inf, *thicknesses, np.inf], angle, 13.5)["r"]
        ratios.append(covered / (opened * height))
    assert EUV.background == pytest.approx(np.mean(ratios), abs=1e-9)
    assert abs(EUV.background) ** 2 == pytest.approx(0.0255, abs=1e-4)
    assert abs(EUV.reflected(covered=False) ** 2) == pytest.approx([0.740, 0.732], abs=1e-3)
    for across in (False, True):
        closed, opened = (line_orders(EUV, 44, width, across=across, harmonics=2) for width in (0.0, 44.0))
        np.testing.assert_allclose(closed[:, 2], ratios[:: 1 if across else -1], atol=1e-6)
        np.testing.assert_allclose(opened[:, 2], 1, atol=1e-6)
        np.testing.assert_allclose(np.delete(opened, 2, axis=1), 0, atol=1e-9)


def test_lines_across_the_chief_ray_are_lopsided() -> None:
    """A shadow on one side moves them; lines along it are symmetric; and EUV hardly tells TE from TM."""
    width = snapped(22, 44, 4)
    along, across = (line_orders(EUV, 44, width, across=which, harmonics=20) for which in (False, True))
    np.testing.assert_allclose(along, along[:, ::-1], atol=1e-4)
    assert np.abs(across - across[:, ::-1]).max() > 0.2
    phase = (
        np.angle(across[:, 21] / across[:, 19]) / 2
    )  # orders +1 and -1 of a line that is displaced by s: -2 pi s / p
    np.testing.assert_allclose(-phase / (2 * np.pi) * 44, 3.2, atol=0.3)
    for orders in (along, across):
        np.testing.assert_allclose(orders[0], orders[1], atol=0.03)
        assert abs(orders[0, 20]) > 0.35


def tilted(chief_ray_deg: float, **changes: object) -> MaskStack:
    assert EUV.mirror is not None
    return EUV.model_copy(update={"mirror": EUV.mirror.model_copy(update={"chief_ray_deg": chief_ray_deg}), **changes})


@pytest.mark.parametrize("chief_ray_deg", [0.0, 0.01])
def test_light_along_the_normal_sees_x_and_y_alike(chief_ray_deg: float) -> None:
    level = tilted(chief_ray_deg)
    width = snapped(22, 44, 4)
    along, across = (line_orders(level, 44, width, across=which, harmonics=15) for which in (False, True))
    np.testing.assert_allclose(along, across, atol=2e-3)


@pytest.mark.slow
def test_reflected_orders_need_few_harmonics() -> None:
    width = snapped(22, 60, 4)
    few = line_orders(EUV, 60, width, across=True)
    more = line_orders(EUV, 60, width, across=True, harmonics=round(0.75 * few.shape[1]))
    places = np.arange(-6, 7)
    np.testing.assert_allclose(few[:, places + few.shape[1] // 2], more[:, places + more.shape[1] // 2], atol=5e-4)


def test_films_of_a_reflective_absorber_stand_in_order_and_its_walls_lean() -> None:
    """Light meets the outer film first; leaning walls are the films of a staircase, cut by hand."""
    two = (StackLayer(name="inner", thickness_nm=30, n=0.95, k=0.03), StackLayer(name="outer", thickness_nm=20, n=1.0))
    stack = tilted(6.0, layers=two)
    closed = line_orders(stack, 44, 0.0, across=True, harmonics=2)[0, 2]
    covered, bare = stack.reflected(covered=True), stack.reflected(covered=False)
    assert closed == pytest.approx(covered[0] / bare[0], abs=1e-6)
    upright, leaning, other = (
        line_orders(own, 44, snapped(22, 44, 4), across=True, harmonics=15)
        for own in (EUV, tilted(6.0, sidewall_deg=84.0), tilted(6.0, sidewall_deg=96.0))
    )
    assert np.abs(leaning - upright).max() > 0.01
    assert np.abs(leaning - other).max() > 0.01
    assert abs(leaning[0, 15]) > abs(other[0, 15])  # the wide end is outside, where less shadow falls


def test_contacts_of_reflective_masks_are_refused() -> None:
    with pytest.raises(LithoError, match="transmits"):
        contact_orders(EUV, 44, 22, harmonics=2)


@pytest.mark.parametrize(
    ("mirror", "reflected"),
    [({"pairs": 1}, r"got [0-9.]+%"), ({"pair": (StackLayer(name="Si", thickness_nm=5, n=1.0),)}, "got")],
)
def test_mirrors_that_do_not_reflect_are_refused(mirror: dict[str, object], reflected: str) -> None:
    table = EUV.model_dump()
    table["mirror"] |= mirror
    with pytest.raises(ValidationError, match=rf"at least 30% of the light, {reflected}"):
        MaskStack.model_validate(table)


def test_phase_shifting_absorbers_turn_the_phase_by_180_degrees() -> None:
    assert abs(np.degrees(np.angle(-MOSI.background))) < 1
    assert abs(MOSI.background) ** 2 == pytest.approx(0.0512, abs=1e-4)


def test_the_orders_of_a_vanishing_thickness_are_those_of_a_thin_mask() -> None:
    """A metal so dense that its skin is thin: the thinner its film, the closer."""
    errors = []
    for thickness in (2.0, 0.5):
        stack, n = opaque(thickness, n=1.5, k=8.0), np.arange(-60, 61)
        width = snapped(300, 800, 4)
        orders = line_orders(stack, 800, width, harmonics=60)
        thin = (1 - stack.background) * width / 800 * np.sinc(n * width / 800) + stack.background * (n == 0)
        errors.append(np.abs(orders - thin)[:, 55:66].max())
    assert errors[1] < min(0.02, errors[0])


def test_diffracted_light_converges_and_is_symmetric() -> None:
    width = snapped(80, 160, 4)
    few, many = (line_orders(MOSI, 160, width, harmonics=count) for count in (25, 60))
    np.testing.assert_allclose(few, few[:, ::-1], atol=1e-10)
    np.testing.assert_allclose(few[:, 20:31], many[:, 55:66], atol=2e-3)
    te, tm = few[:, 25]
    assert abs(te - tm) > 0.05  # what a thin mask does not tell apart


def test_contacts_see_x_and_y_alike() -> None:
    width = snapped(80, 140, 4)
    jones = contact_orders(MOSI, 140, width, harmonics=4)
    np.testing.assert_allclose(jones[0, 0], jones[1, 1].T, atol=4e-3)  # truncation treats the axes apart
    np.testing.assert_allclose(jones[0, 1], jones[1, 0], atol=6e-3)
    np.testing.assert_allclose(jones[0, 0], jones[0, 0][::-1, ::-1], atol=1e-9)
    np.testing.assert_allclose(jones[0, 1, 5, 5], -jones[0, 1, 5, 3], atol=1e-9)
    closed = contact_orders(MOSI, 140, 0.0, harmonics=2)
    np.testing.assert_allclose(closed[:, :, 2, 2], MOSI.background * np.eye(2), atol=1e-9)


def test_slanted_walls_are_as_wide_at_half_height() -> None:
    slanted = MOSI.model_copy(update={"sidewall_deg": 86.0})
    width = snapped(80, 160, 4)
    upright, leaning = (line_orders(stack, 160, width, harmonics=30) for stack in (MOSI, slanted))
    difference = np.abs(leaning - upright)[:, 25:36].max()
    assert 1e-4 < difference < 0.05
    # one film, seen from the open side: the same wall leaning the other way differs by as much, to first order
    other = line_orders(MOSI.model_copy(update={"sidewall_deg": 94.0}), 160, width, harmonics=30)
    np.testing.assert_allclose((other + leaning) / 2, upright, atol=0.2 * difference + 1e-3)


@pytest.mark.parametrize("pitch", [100.0, 143.1, 160.0, 326.3])
def test_openings_are_solved_as_they_are_said_to_be(pitch: float) -> None:
    for width in np.linspace(0, pitch, 37):
        own = snapped(width, pitch, 4)
        assert abs(own - width) <= 0.125 + 1e-9
        cells = own / pitch * 2 * np.ceil(pitch * 4)
        assert cells == pytest.approx(2 * round(cells / 2))


def test_stacks_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        opaque(0.0)
    with pytest.raises(ValidationError, match="passes less light"):
        opaque(50.0, n=1.0, k=0.0)
    with pytest.raises(RecipeError, match="mask stack"):
        load_stack("silver")


def test_a_missing_solver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "meent", None)
    with pytest.raises(LithoError, match="extra mask3d"):
        line_orders(MOSI, 120, 60.0)
