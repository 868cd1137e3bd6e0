"""Pictures of optics: source, pupil and kernels."""

import numpy as np
import pytest
from scenes.pictures import disc_pupil, synthetic_kernels

from litho_dl.viz.optics import kernel_in_space, optics_figure, phase_in_waves


def test_optics_with_source_and_pupil() -> None:
    points = np.array([(0.7, 0.0), (-0.7, 0.0), (0.0, 0.7), (0.0, -0.7)])
    figure = optics_figure(
        synthetic_kernels(9),
        np.linspace(1, 0.1, 9),
        (1024, 1024),
        source_points=points,
        pupil=disc_pupil(0.3),
        defocus_nm=50,
        discarded_energy=0.02,
    )
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["Source (4 points)", "Pupil amplitude", "Pupil phase (waves)"]
    assert "9 kernels: 98.00 % of the TCC's energy" in titles
    assert sum(title.startswith("$|h_") for title in titles) == 9


def test_source_points_are_squares_where_they_lie_in_their_brightness() -> None:
    points = np.array([(0.7, 0.1), (-0.5, 0.1), (0.1, 0.6)])
    figure = optics_figure(
        synthetic_kernels(2), np.ones(2), (1024, 1024), source_points=points, source_weights=[0.2, 0.1, 0.4]
    )
    (squares,) = figure.axes[0].collections
    side = np.hypot(0.6, 0.5)  # the distance of the closest two
    for path, point in zip(squares.get_paths(), points, strict=True):
        x, y = path.vertices.T
        assert (x.min(), x.max(), y.min(), y.max()) == pytest.approx(
            (point[0] - side / 2, point[0] + side / 2, point[1] - side / 2, point[1] + side / 2)
        )
    np.testing.assert_allclose(squares.get_array(), [0.5, 0.25, 1.0])


def test_the_pupil_is_drawn_row_by_row_from_below() -> None:
    """Half as bright to the right, and a phase of a quarter wave at the top."""
    n = 65
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    inside = x**2 + y**2 <= 1
    pupil = np.where(inside, np.where(x > 0.2, 0.5, 1) * np.exp(0.5j * np.pi * y), 0)
    figure = optics_figure(synthetic_kernels(2), np.ones(2), (1024, 1024), pupil=pupil)
    amplitude, phase = (axes.images[0] for axes in figure.axes[:2])
    for image in (amplitude, phase):
        assert (image.origin, list(image.get_extent())) == ("lower", [-1, 1, -1, 1])
    np.testing.assert_allclose(np.ma.filled(amplitude.get_array(), np.nan)[inside], np.where(x > 0.2, 0.5, 1)[inside])
    np.testing.assert_allclose(np.ma.filled(phase.get_array(), np.nan)[inside], y[inside] / 4, atol=1e-9)


def test_kernels_are_drawn_where_they_lie_with_their_energies() -> None:
    """Kernels moved to points of their own: bright there, and nowhere else in their panel."""
    field_nm, places = (1200.0, 800.0), [(40.0, -70.0), (-60.0, 20.0)]
    f_y, f_x = np.arange(-30, 31)[:, None] / field_nm[0], np.arange(-20, 21) / field_nm[1]
    spectra = np.array([np.exp(-2j * np.pi * (x * f_x + y * f_y)) for x, y in places])
    figure = optics_figure(spectra, [3.0, 1.0], field_nm)
    panels = [axes for axes in figure.axes if axes.get_title().startswith("$|h_")]
    assert [title.split()[-2] for title in (axes.get_title() for axes in panels)] == ["75", "25"]
    for axes, (x, y) in zip(panels, places, strict=True):
        image, (x0, x1, y0, y1) = np.asarray(axes.images[0].get_array()), axes.images[0].get_extent()
        assert (axes.images[0].origin, axes.get_ylim()) == ("lower", (y0, y1))
        row, column = np.unravel_index(image.argmax(), image.shape)
        step = (x1 - x0) / len(image)
        assert x0 + (column + 0.5) * step == pytest.approx(x, abs=step)
        assert y0 + (row + 0.5) * step == pytest.approx(y, abs=step)
        assert image.max() == 1
    energies = next(axes for axes in figure.axes if "kernels: " in axes.get_title())
    assert [bar.get_height() for bar in energies.patches] == pytest.approx([75, 25])


def test_imported_kernels_have_neither_source_nor_pupil() -> None:
    figure = optics_figure(synthetic_kernels(24, (8, 4)), np.ones(24), (1024, 512), count=12)
    titles = [axes.get_title() for axes in figure.axes]
    assert sum(title.startswith("$|h_") for title in titles) == 12
    assert "24 kernels: 100.00 % of the kept energy" in titles
    assert not any("Source" in title or "Pupil" in title for title in titles)


def test_kernels_in_space_follow_their_spectrum() -> None:
    """One frequency along y is a wave along y with the field's period; DC alone is flat."""
    spectrum = np.zeros((5, 7), dtype=complex)
    spectrum[3, 3] = 1
    wave = kernel_in_space(spectrum, (400.0, 800.0), 400.0)
    y = np.linspace(-200, 200, len(wave))
    np.testing.assert_allclose(wave, np.exp(2j * np.pi * y / 400)[:, None] * np.ones(len(wave)), atol=1e-12)


def test_large_defocus_is_unwrapped() -> None:
    """1.5 waves at the rim stay a parabola instead of rings."""
    n = 257
    phase = phase_in_waves(disc_pupil(1.5, n))
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    inside = x**2 + y**2 <= 1
    np.testing.assert_allclose(phase[inside], 1.5 * (x**2 + y**2)[inside], atol=1e-9)
    assert np.isnan(phase[~inside]).all()
