"""Methods with corners of their own: the term through focus and dose, in the loop."""

from unittest import mock

import pytest
import torch
from scenes.ilt import SIMPLE, small_simulator, targets

from litho_dl.core.errors import KernelError, RecipeError
from litho_dl.ilt.method import Method, WindowCorner
from litho_dl.ilt.solve import solve_targets
from litho_dl.process import model
from litho_dl.process.model import Corner, ProcessModel
from litho_dl.simulation.simulator import Simulator
from litho_dl.simulation.source_simulator import SourceSimulator


def through(*corners: tuple[float, float, float], **terms: float) -> Method:
    """The simple method with corners (dose, defocus in nm, weight), and terms beside theirs."""
    own = tuple(WindowCorner(dose=dose, defocus_nm=z, weight=weight) for dose, z, weight in corners)
    return SIMPLE.model_copy(update={"objective": {"through_window": 1.0, **terms}, "corners": own})


def own_simulator(**corners: tuple[float, float]) -> Simulator:
    """A simulator with other corners, at foci that it has kernels of or can build."""
    process = small_simulator().process.with_corners(corners)
    return Simulator(process, dtype=torch.float64)


def test_one_nominal_corner_is_the_wrong_area_of_the_nominal_print():
    method = through((1.0, 0.0, 1.0), l2_area=1.0)
    solution = solve_targets(small_simulator(), targets(8.0), 8.0, method)
    torch.testing.assert_close(solution.history["through_window"], solution.history["l2_area"])
    plain = SIMPLE.model_copy(update={"objective": {"l2_area": 2.0}})
    assert torch.equal(solution.mask, solve_targets(small_simulator(), targets(8.0), 8.0, plain).mask)


def test_corners_are_the_prints_of_a_process_that_has_them():
    """Each corner as the nominal one of another process: areas of the soft and the binary prints add up by weight."""
    corners = ((0.9, 70.0, 0.5), (1.05, -40.0, 2.0), (1.1, 70.0, 1.0))
    solution = solve_targets(small_simulator(), targets(8.0), 8.0, through(*corners))
    first, checked = 0.0, 0.0
    plain = SIMPLE.model_copy(update={"objective": {"l2_area": 1.0}})
    for dose, z, weight in corners:
        other = own_simulator(nominal=(dose, z))
        alone = solve_targets(other, targets(8.0), 8.0, plain)
        first, checked = first + weight * alone.history["l2_area"][0], checked + weight * alone.checks[0]
    torch.testing.assert_close(solution.history["through_window"][0], first)
    torch.testing.assert_close(solution.checks[0], checked)


def test_corners_of_the_process_keep_their_term():
    corners = through((1.1, 70.0, 1.0), corner_l2=1.0)
    plain = SIMPLE.model_copy(update={"objective": {"corner_l2": 1.0}})
    histories = [solve_targets(small_simulator(), targets(8.0), 8.0, m).history for m in (corners, plain)]
    torch.testing.assert_close(*[history["corner_l2"][0] for history in histories])


def test_few_kernels_and_a_tail_at_every_focus():
    few = tuple(level.model_copy(update={"kernels": 3}) for level in SIMPLE.levels)
    method = through((1.0, 0.0, 1.0), (1.0, 70.0, 1.0), l2_area=1.0).model_copy(update={"levels": few})
    same = through((1.0, 0.0, 2.0), l2_area=1.0).model_copy(update={"levels": few})
    histories = [solve_targets(small_simulator(), targets(8.0), 8.0, m).history for m in (method, same)]
    assert (histories[0]["through_window"][0] > histories[0]["l2_area"][0]).all()
    torch.testing.assert_close(histories[1]["through_window"][0], 2 * histories[1]["l2_area"][0])
    torch.testing.assert_close(histories[0]["l2_area"][0], histories[1]["l2_area"][0])


def test_lengths_are_multiplied_by_the_scale():
    simulator = small_simulator()
    scaled = simulator.process.recipe.model_copy(update={"scale": 2.0})
    process = ProcessModel(
        simulator.process.kernels, scaled.mask, scaled.resist, simulator.process.corners, recipe=scaled
    )
    made = through((1.1, 35.0, 1.0)).on_process(Simulator(process, dtype=torch.float64))
    assert made.process.corners["window-1"] == Corner(1.1, "defocus+70nm")


def test_kernels_are_built_once_for_all_solves():
    simulator, method = own_simulator(), through((1.1, 55.0, 1.0), (0.9, 55.0, 1.0))
    with mock.patch.object(model, "focus_kernels", wraps=model.focus_kernels) as built:
        solve_targets(simulator, targets(8.0), 8.0, method)
        solve_targets(simulator, targets(8.0), 8.0, method)
    assert built.call_count == 1
    assert set(simulator.process.kernels) == set(small_simulator().process.kernels)
    single = simulator.float()
    assert method.on_process(single).dtype == torch.float32


def test_a_simulator_is_left_alone_by_methods_without_corners():
    assert SIMPLE.on_process(small_simulator()) is small_simulator()


def test_refuses_foci_that_cannot_be_built():
    own = small_simulator().process
    imported = ProcessModel(own.kernels, own.mask, own.resist, own.corners)
    with pytest.raises(KernelError, match=r"got a focus of 70 nm; kernels for other foci are built from a recipe"):
        solve_targets(Simulator(imported), targets(8.0), 8.0, through((1.1, 70.0, 1.0)))
    source = SourceSimulator(own, samples=9, dtype=torch.float64)
    with pytest.raises(RecipeError, match=r"without \[\[corners\]\] for source-mask optimisation"):
        solve_targets(source, targets(8.0), 8.0, through((1.1, 0.0, 1.0)))
