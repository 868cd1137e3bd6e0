"""ILT on a CUDA device beside the CPU; every test needs the device (make test-gpu)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scenes.coarse_optics import coarse_recipe
from torch import Tensor

from litho_dl.cli.optimize import optimize
from litho_dl.core.grid import Grid
from litho_dl.core.settings import packaged_names
from litho_dl.ilt.method import Level, Method, load_method
from litho_dl.ilt.optimizer import make_optimizer
from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Start
from litho_dl.ilt.problem import LevelProblem
from litho_dl.ilt.solve import solve_targets
from litho_dl.ilt.start import coarsened
from litho_dl.layout.clips import Clip, place
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.process.kernel_file import save_kernels
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.runs.optimize import score_masks, solve
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.scoring.scorecard import Scorecard
from litho_dl.simulation.simulator import Simulator

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

FIELD = (512.0, 512.0)
PRESETS = packaged_names("ilt")
SUMS = 1e-9  # sums in another order, in float64, relative to the largest value
SINGLE = 5e-3  # in float32, where pixels that round to one value may share a gradient otherwise
CLOSE = 0.05  # of L2 + PVB, after some tens of steps in float32


@pytest.fixture(scope="module")
def process() -> ProcessModel:
    return build_process(coarse_recipe("duv193-dry-annular"), field_nm=FIELD, count=8)


def layout(name: str, *corners: tuple[float, float, float, float]) -> Layout:
    """Rectangles x0, y0, x1, y1 in nm."""
    polygons = (Polygon(np.array([(a, b), (c, b), (c, d), (a, d)], dtype=float)) for a, b, c, d in corners)
    return Layout(name, tuple(polygons))


LAYOUTS = (
    layout("cross", (0, 100, 320, 220), (100, 0, 220, 320)),
    layout("lines", (0, 0, 120, 360), (220, 0, 340, 360)),
)
CLIPS: tuple[Clip, ...] = tuple(place(drawn, Grid.of_field(FIELD, 1.0), drawn.name) for drawn in LAYOUTS)


def shortened(name: str, steps: int) -> Method:
    """The preset with a few steps a level, all of them done."""
    method = load_method(name)
    levels = tuple(level.model_copy(update={"steps": steps, "patience": None}) for level in method.levels)
    return method.model_copy(update={"levels": levels, "check_every": 5})


def begun(
    process: ProcessModel, method: Method, level: Level, device: str, dtype: torch.dtype
) -> tuple[LevelProblem, Tensor]:
    """A level at its first step: the problem, and parameters that no two pixels share (a tie has many gradients)."""
    simulator = Simulator(process, dtype=dtype).to(device)
    drawn = torch.stack([clip.coverage(method.target_nm) for clip in CLIPS]).to(device, dtype)
    mask, target = (coarsened(drawn, method.target_nm, nm) for nm in (level.pixel_nm, level.image_nm))
    form = PARAMETERIZATIONS[level.parameterization or method.parameterization]()
    parameters = form.start(Start(mask, level.pixel_nm, drawn, method.target_nm))
    noise = torch.rand(parameters.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    begin = parameters + 0.05 * noise.to(parameters)
    return LevelProblem(simulator, method, level, form, target), begin.requires_grad_()


def assert_near(there: Tensor, here: Tensor, tolerance: float) -> None:
    """Every value within the tolerance times the largest."""
    assert there.is_cuda
    torch.testing.assert_close(
        there.detach().cpu(), here.detach(), rtol=0, atol=tolerance * float(here.detach().abs().max())
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, SUMS), (torch.float32, SINGLE)], ids=["float64", "float32"]
)
@pytest.mark.parametrize("preset", PRESETS)
def test_the_first_step_is_the_cpus(process, preset, dtype, tolerance):
    """Objective, gradient and edge errors, at every level."""
    method = load_method(preset)
    for level in method.levels:
        found = []
        for device in ("cuda", "cpu"):
            problem, parameters = begun(process, method, level, device, dtype)
            value = problem.objective(parameters)
            results = [value, torch.autograd.grad(value.sum(), parameters)[0]]
            if (level.optimizer or method.optimizer) == "feedback":
                results.append(problem.edge_errors(parameters))
            found.append(results)
        assert float(found[1][1].abs().max()) > 0
        for there, here in zip(*found, strict=True):
            assert_near(there, here, tolerance)


@pytest.mark.parametrize("preset", PRESETS)
def test_masks_score_as_the_cpus(process, preset):
    method, protocol = shortened(preset, 20), PROTOCOLS["default"]
    cards: list[list[Scorecard]] = []
    for device in ("cuda", "cpu"):
        simulator = Simulator(process).to(device)
        solution = solve(simulator, CLIPS, method)
        assert (solution.status, solution.mask.device.type) == ("finished", device)
        assert all(not values.is_cuda for values in (*solution.history.values(), solution.checks))
        cards.append([scored.evaluation.scorecard for scored in score_masks(simulator, CLIPS, solution, protocol)])
    for there, here in zip(*cards, strict=True):
        difference = abs(there.l2_nm2 - here.l2_nm2) + abs(there.pvb_nm2 - here.pvb_nm2)
        assert difference <= CLOSE * (here.l2_nm2 + here.pvb_nm2)
        assert abs(there.epe_violations - here.epe_violations) <= 1


@contextmanager
def no_waiting() -> Iterator[None]:
    """Whatever makes the host wait for the device is an error."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_step_does_not_wait_for_the_device(process, preset):
    """Left out: the rule term `area`, which numbers features on the CPU."""
    method = load_method(preset)
    weights = {name: weight for name, weight in method.objective.items() if name != "area"}
    method = method.model_copy(update={"objective": weights})
    for level in method.levels:
        problem, parameters = begun(process, method, level, "cuda", torch.float32)
        optimizer = make_optimizer(level.optimizer or method.optimizer, method.momentum, parameters)
        optimizer.step(parameters, problem, level.learning_rate[0])  # makes what is made once
        with no_waiting():
            for _ in range(3):
                optimizer.step(parameters, problem, level.learning_rate[0])


def test_memory_does_not_grow_with_steps(process):
    peaks = []
    for steps in (5, 5, 50):  # the first fills libraries' workspaces
        simulator, method = Simulator(process).to("cuda"), shortened("fast", steps)
        target = torch.stack([clip.coverage(method.target_nm) for clip in CLIPS])
        torch.cuda.reset_peak_memory_stats()
        solve_targets(simulator, target, method.target_nm, method)
        peaks.append(torch.cuda.max_memory_allocated())
    assert peaks[2] <= peaks[1] + 2**20


def test_scores_of_a_mask_are_the_cpus(process):
    mask, cards = CLIPS[0].coverage(4.0) >= 0.5, []
    for device in ("cuda", "cpu"):
        simulator = Simulator(process, dtype=torch.float64).to(device)
        cards.append(evaluate_mask(mask.to(device), 4.0, CLIPS[0].placed, simulator, PROTOCOLS["default"]).scorecard)
    there, here = (card.as_dict() | {"scoring_seconds": None} for card in cards)
    assert there.pop("mrc_violations") == here.pop("mrc_violations")
    assert there.pop("edges") == pytest.approx(here.pop("edges"), rel=1e-6)
    assert there == pytest.approx(here, abs=2)  # pixels on the threshold


def test_optimize_on_the_command_line(process, tmp_path):
    save_kernels(tmp_path / "small.safetensors", process)
    for drawn in LAYOUTS:
        write_layout(tmp_path / f"{drawn.name}.gds", drawn)
    arguments = [*(str(tmp_path / f"{drawn.name}.gds") for drawn in LAYOUTS), "--method", "fast", "--json"]
    arguments += ["--optics", str(tmp_path / "small.safetensors"), "--out", str(tmp_path / "out"), "--device", "cuda"]
    result = CliRunner().invoke(optimize, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    scores = json.loads(result.stdout)
    assert [score["clip"] for score in scores] == ["cross", "lines"]
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["status"] == "finished"
    for name in ("cross", "lines"):
        assert all((tmp_path / "out" / f"{name}{end}").is_file() for end in (".mask.png", ".mask.oas", ".png"))
