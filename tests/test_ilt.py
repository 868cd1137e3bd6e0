"""Inverse lithography: one contract for every preset and parameterization, the objective's terms, and bad input."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from litho_dl.clips import Clip, place
from litho_dl.core.errors import GridMismatchError, LithoError, MaskError, RecipeError
from litho_dl.core.settings import shipped_names, shipped_text
from litho_dl.evaluate import PROTOCOLS, evaluate
from litho_dl.ilt.method import Level, Method, load_method
from litho_dl.ilt.objective import PROBE_NM2, TERMS, Scene, background, epe_probes, evaluate_terms
from litho_dl.ilt.parameterization import PARAMETERIZATIONS
from litho_dl.ilt.solve import NormalisedSgd, coarsened, geometric, solve
from litho_dl.layout import Layout, Polygon
from litho_dl.metrics.epe import OPENILT, find_sites
from litho_dl.optics.mask import MaskType
from litho_dl.optimize import scored, solve_clips
from litho_dl.process.model import Corner, build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.resist import Resist
from litho_dl.simulator import Exposure, Simulator

FIELD = (512.0, 512.0)
DEFAULT = PROTOCOLS["default"]
RECIPE = load_recipe("duv193-dry-annular")


def maps(target: Tensor, pixel_nm: float) -> tuple[Tensor, Tensor]:
    """Probes and background of a target."""
    return epe_probes(target, pixel_nm), background(target, pixel_nm)


def clip(name: str, *corners: tuple[float, float, float, float]) -> Clip:
    """Rectangles x0, y0, x1, y1 in nm, centred on the field."""
    boxes = (np.array([(a, b), (c, b), (c, d), (a, d)], dtype=float) for a, b, c, d in corners)
    return place(Layout(name, tuple(Polygon(box) for box in boxes)), FIELD, name)


CLIPS = (
    clip("cross", (0, 100, 320, 220), (100, 0, 220, 320)),
    clip("lines", (0, 0, 120, 360), (220, 0, 340, 360)),
)


def targets(pixel_nm: float, clips: tuple[Clip, ...] = CLIPS) -> Tensor:
    return torch.stack([clip.coverage(pixel_nm) for clip in clips]).double()


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(build_process(RECIPE, field_nm=FIELD, count=8), dtype=torch.float64)


def shortened(method: Method, steps: int, **changes) -> Method:
    """The method with few steps a level and a check before each."""
    levels = tuple(level.model_copy(update={"steps": steps}) for level in method.levels)
    return method.model_copy(update={"levels": levels, "check_every": 1, **changes})


def steady(level: Level, **changes) -> Level:
    """The level with its first rates and slopes throughout."""
    ramps = ("learning_rate", "mask_sharpness", "resist_steepness")
    return level.model_copy(update={**{name: (getattr(level, name)[0],) * 2 for name in ramps}, **changes})


def printed_objective(simulator: Simulator, mask: Tensor, method: Method, pixel_nm: float) -> Tensor:
    """The objective of binary masks with binary prints, (B,)."""
    target = targets(pixel_nm)
    exposure = simulator(mask.double(), pixel_nm)
    scene = Scene(target, exposure, mask.double(), *maps(target, pixel_nm), pixel_nm, pixel_nm, binary=True)
    return evaluate_terms(scene, method.objective)[0]


SIMPLE = Method(
    description="for tests",
    parameterization="pixel",
    optimizer="adam",
    objective={"l2": 1.0, "pvb": 1.0},
    levels=(
        Level(pixel_nm=16, steps=4, learning_rate=(0.1, 0.1), mask_sharpness=(8, 8), resist_steepness=(50, 50)),
        Level(pixel_nm=8, steps=3, learning_rate=(0.05, 0.02), mask_sharpness=(8, 16), resist_steepness=(50, 80)),
    ),
)


@pytest.mark.parametrize("parameterization", PARAMETERIZATIONS)
@pytest.mark.parametrize("preset", shipped_names("ilt"))
class TestEveryMethod:
    """What each preset promises with each parameterization, on two clips and few steps."""

    @pytest.fixture
    def method(self, preset: str, parameterization: str) -> Method:
        return load_method(preset).model_copy(update={"parameterization": parameterization})

    def test_the_objective_falls(self, simulator, method):
        level = steady(method.levels[0], steps=12)
        finest = method.model_copy(update={"levels": (level,)})
        history = solve(simulator, targets(level.pixel_nm), level.pixel_nm, finest).history["objective"]
        assert (history[-3:].mean(0) < 0.9 * history[0]).all()

    def test_the_solution_is_whole_and_repeatable(self, simulator, method):
        short = shortened(method, 3)
        last_nm, seen = method.levels[-1].pixel_nm, []
        solution, again = (
            solve(simulator, targets(last_nm), last_nm, short, lambda *step: seen.append(step)) for _ in range(2)
        )
        steps, side = 3 * len(method.levels), round(FIELD[0] / last_nm)
        assert solution.mask.dtype == torch.bool
        assert solution.mask.shape == (2, side, side)
        assert (solution.status, solution.pixel_nm) == ("finished", last_nm)
        assert solution.level_starts == tuple(range(0, steps, 3))
        assert solution.check_steps == tuple(n for start in solution.level_starts for n in range(start, start + 4))
        best = printed_objective(simulator, solution.mask, method, last_nm)
        torch.testing.assert_close(best, solution.checks[-4:].amin(0))
        assert set(solution.history) == {"objective", *method.objective}
        assert {tuple(values.shape) for values in solution.history.values()} == {(steps, 2)}
        total = sum(weight * solution.history[name] for name, weight in method.objective.items())
        torch.testing.assert_close(solution.history["objective"], total)
        assert [step[:2] for step in seen[:steps]] == [(n + 1, steps) for n in range(steps)]
        assert seen[0][2] == pytest.approx(float(solution.history["objective"][0].mean()))
        assert not solution.parameters.requires_grad
        assert torch.equal(solution.mask, again.mask)
        assert all(torch.equal(solution.history[name], again.history[name]) for name in again.history)

    def test_the_best_mask_is_kept(self, simulator, method):
        """Never worse than the start, with steps so long that the last mask is."""
        level = method.levels[-1].model_copy(update={"steps": 8})
        for rate in (level.learning_rate, (0.3, 0.3), (5.0, 5.0)):
            one = method.model_copy(
                update={"levels": (level.model_copy(update={"learning_rate": rate}),), "check_every": 1}
            )
            target = targets(level.pixel_nm)
            solution = solve(simulator, target, level.pixel_nm, one)
            form = PARAMETERIZATIONS[method.parameterization]
            start, end = (form.mask(p, 8.0) >= 0.5 for p in (form.start(target), solution.parameters))
            best, before, last = (
                printed_objective(simulator, mask, one, level.pixel_nm) for mask in (solution.mask, start, end)
            )
            assert (best <= before).all()
            assert (best <= last).all()
            torch.testing.assert_close(best, solution.checks.amin(0))
        assert (last > before).any()

    def test_a_batch_gives_what_its_clips_give_alone(self, simulator, method):
        short, last_nm = shortened(method, 3), method.levels[-1].pixel_nm
        together = solve(simulator, targets(last_nm), last_nm, short)
        for index in range(2):
            alone = solve(simulator, targets(last_nm)[index : index + 1], last_nm, short)
            assert torch.equal(alone.mask[0], together.mask[index])
            torch.testing.assert_close(
                alone.history["objective"][:, 0], together.history["objective"][:, index], rtol=1e-6, atol=1e-6
            )

    def test_every_parameter_has_a_gradient(self, simulator, method):
        level, form = method.levels[0], PARAMETERIZATIONS[method.parameterization]
        target = targets(level.pixel_nm)
        parameters = form.start(target).requires_grad_()
        mask = form.mask(parameters, level.mask_sharpness[0])
        exposure = simulator(mask, level.pixel_nm)
        scene = Scene(target, exposure, mask, *maps(target, level.pixel_nm), *[level.pixel_nm] * 2, binary=False)
        evaluate_terms(scene, method.objective)[0].sum().backward()
        assert torch.isfinite(parameters.grad).all()
        assert (parameters.grad != 0).all()


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_masks_start_as_the_target_and_sharpen_to_binary(name):
    form, target = PARAMETERIZATIONS[name], targets(8.0)
    parameters = form.start(target)
    assert torch.equal(form.mask(parameters, 8.0) >= 0.5, target >= 0.5) == (name == "pixel")
    assert ((form.mask(parameters, 8.0) >= 0.5).double() - target).abs().mean() < 0.02
    soft, sharp = form.mask(parameters, 4.0), form.mask(parameters, 400.0)
    assert 0 < soft.min() < soft.max() < 1
    assert (sharp - (soft >= 0.5).double()).abs().mean() < 0.01


@pytest.mark.parametrize("ratio", [2, 4])
def test_refined_pixels_are_the_same_mask(ratio):
    form = PARAMETERIZATIONS["pixel"]
    parameters = torch.randn(2, 8, 12, dtype=torch.float64)
    fine = form.mask(form.refine(parameters, ratio), 8.0)
    coarse = form.mask(parameters, 8.0)
    assert torch.equal(fine, coarse.repeat_interleave(ratio, 1).repeat_interleave(ratio, 2))


def test_refined_control_points_are_the_same_function():
    """Bilinear interpolation keeps planes: away from the border, the refined mask is the plane's on finer pixels."""
    form = PARAMETERIZATIONS["multilevel"]

    def plane(cells: int) -> Tensor:
        centres = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
        return (2 * centres[:, None] - 3 * centres + 0.4)[None]

    fine = form.mask(form.refine(plane(16), 2), 8.0)
    inside = (slice(None), slice(8, -8), slice(8, -8))
    torch.testing.assert_close(fine[inside], torch.sigmoid(8.0 * plane(64))[inside], rtol=1e-12, atol=0)


def test_the_control_grid_is_periodic():
    """A clip rolled across the border gives the same mask, rolled."""
    form = PARAMETERIZATIONS["multilevel"]
    parameters = torch.randn(1, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    rolled = form.mask(parameters.roll((5, 3), (1, 2)), 8.0)
    torch.testing.assert_close(rolled, form.mask(parameters, 8.0).roll((10, 6), (1, 2)), rtol=1e-12, atol=0)


def test_odd_pixels_have_no_control_grid():
    with pytest.raises(GridMismatchError, match="whole blocks of 2 pixels"):
        PARAMETERIZATIONS["multilevel"].start(torch.zeros(1, 6, 7))


def test_a_level_goes_on_from_the_one_before(simulator):
    """With steps that move nothing, a finer level prints the coarser one's mask."""
    first, second = SIMPLE.levels
    still = second.model_copy(update={"learning_rate": (1e-12, 1e-12)})
    coarse = solve(simulator, targets(8.0), 8.0, SIMPLE.model_copy(update={"levels": (first,), "check_every": 100}))
    both = solve(simulator, targets(8.0), 8.0, SIMPLE.model_copy(update={"levels": (first, still)}))
    end = (coarse.parameters >= 0).repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(both.mask, end)
    assert both.level_starts == (0, 4)
    torch.testing.assert_close(both.history["objective"][:4], coarse.history["objective"])


def test_the_schedule_reaches_mask_and_resist(simulator):
    """First and last step's objective, computed by hand from the level's ends; parameters hardly move."""
    level = SIMPLE.levels[1].model_copy(update={"learning_rate": (1e-9, 1e-9)})
    target = targets(8.0)
    history = solve(simulator, target, 8.0, SIMPLE.model_copy(update={"levels": (level,)})).history["l2"]
    for step, sharpness, steepness in ((0, 8.0, 50.0), (1, 128**0.5, 4000**0.5), (2, 16.0, 80.0)):
        intensity = simulator(torch.sigmoid(sharpness * (target - 0.5)), 8.0).aerial()
        soft = torch.sigmoid(steepness * (intensity - RECIPE.resist.threshold))
        expected = (soft - target).square().sum((1, 2)) * 64
        torch.testing.assert_close(history[step], expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_loop_is_its_optimizer(simulator, optimizer):
    """Three steps by hand: fresh gradients, the level's rates, the method's momentum; one clip moves no other."""
    level, target = SIMPLE.levels[1], targets(8.0)
    method = SIMPLE.model_copy(update={"levels": (level,), "optimizer": optimizer, "momentum": 0.7})
    theta = target - 0.5
    mean, square = torch.zeros_like(theta), torch.zeros_like(theta)
    for step in range(3):
        theta.requires_grad_()
        mask = torch.sigmoid(geometric(level.mask_sharpness, step / 2) * theta)
        resist = RECIPE.resist.model_copy(update={"steepness": geometric(level.resist_steepness, step / 2)})
        exposure = replace(simulator(mask, 8.0), resist=resist)
        made = Scene(target, exposure, mask, *maps(target, 8.0), 8.0, 8.0, binary=False)
        (gradient,) = torch.autograd.grad(evaluate_terms(made, method.objective)[0].sum(), theta)
        if optimizer == "adam":
            mean, square = 0.7 * mean + 0.3 * gradient, 0.999 * square + 0.001 * gradient**2
            move = mean / (1 - 0.7 ** (step + 1)) / ((square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8)
        else:
            mean = move = 0.7 * mean + gradient / gradient.abs().amax((1, 2), keepdim=True)
        theta = theta.detach() - geometric(level.learning_rate, step / 2) * move
    solution = solve(simulator, target, 8.0, method)
    torch.testing.assert_close(solution.parameters, theta, rtol=1e-7, atol=1e-9)


def test_geometric_schedule():
    assert [geometric((8.0, 32.0), t) for t in (0.0, 0.5, 1.0)] == pytest.approx([8, 16, 32])
    assert geometric((0.1, 0.001), 0.5) == pytest.approx(0.01)


def test_coarsened_coverage_keeps_the_area():
    fine = torch.rand(2, 12, 12)
    coarse = coarsened(fine, 4.0, 12.0)
    assert coarse.shape == (2, 4, 4)
    torch.testing.assert_close(coarse[0, 1, 2], fine[0, 3:6, 6:9].mean())
    assert coarsened(fine, 4.0, 4.0) is fine
    for wrong in (2.0, 6.0):
        with pytest.raises(MaskError, match="multiple"):
            coarsened(fine, 4.0, wrong)


class TestNormalisedSgd:
    """The learning rate is the largest move of a clip's first step, whatever its gradient's scale."""

    def test_each_clip_moves_by_the_rate(self):
        gradient = torch.tensor([[[3.0, -6.0]], [[1e-6, 5e-7]], [[0.0, 0.0]]])
        parameters = torch.zeros(3, 1, 2, requires_grad=True)
        optimizer = NormalisedSgd([parameters], lr=0.1, momentum=0.5)
        first, second = [], []
        for moved in (first, second):
            parameters.grad = gradient.clone()
            optimizer.step()
            moved.append(parameters.detach().clone())
        expected = torch.tensor([[[-0.05, 0.1]], [[-0.1, -0.05]], [[0.0, 0.0]]])
        torch.testing.assert_close(first[0], expected)
        torch.testing.assert_close(second[0], 2.5 * expected)  # once more, and half of the first again


@pytest.mark.parametrize("stop_at", [1, 4, 6])
def test_ctrl_c_keeps_the_best_masks_so_far(simulator, stop_at):
    def on_step(done: int, total: int, value: float) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    solution = solve(simulator, targets(8.0), 8.0, SIMPLE, on_step)
    assert solution.status == "interrupted"
    assert {len(values) for values in solution.history.values()} == {stop_at}
    assert solution.pixel_nm == (8.0 if stop_at > 4 else 16.0)
    assert solution.mask.shape[-1] * solution.pixel_nm == FIELD[0]
    assert solution.mask.any((-2, -1)).all()
    scores = list(scored(CLIPS, solution, simulator.process, DEFAULT))
    assert [entry.clip.name for entry in scores] == ["cross", "lines"]


def test_ctrl_c_between_levels_loses_nothing(simulator, monkeypatch):
    """The last mask of one level stands until the next has scored its own."""
    calls = 0

    def probes(*arguments: object) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return epe_probes(*arguments)

    monkeypatch.setattr("litho_dl.ilt.solve.epe_probes", probes)
    solution = solve(simulator, targets(8.0), 8.0, SIMPLE)
    assert (solution.status, solution.pixel_nm) == ("interrupted", 16.0)


def test_ctrl_c_before_the_first_step_is_an_interrupt(simulator, monkeypatch):
    outcomes = [evaluate_terms, KeyboardInterrupt]  # scoring the start, then the first step

    def interrupted(*arguments: object) -> object:
        outcome = outcomes.pop(0)
        if outcome is KeyboardInterrupt:
            raise outcome
        return outcome(*arguments)

    monkeypatch.setattr("litho_dl.ilt.solve.evaluate_terms", interrupted)
    with pytest.raises(KeyboardInterrupt):
        solve(simulator, targets(8.0), 8.0, SIMPLE)
    assert not outcomes


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda t: t.fill_(torch.nan), MaskError, "NaN"),
        (lambda t: t * 2, MaskError, r"\[0, 1\]"),
        (lambda t: t - 0.5, MaskError, r"\[0, 1\]"),
        (lambda t: t * torch.tensor([1.0, 0.0])[:, None, None], MaskError, r"index \[1\]"),
        (lambda t: t[0], MaskError, r"\(B, H, W\)"),
        (lambda t: t[:, :32, :32], GridMismatchError, "512 x 512"),
        (lambda t: t[:, :32], GridMismatchError, "512 x 512"),
    ],
)
def test_bad_targets(simulator, spoil, error, message):
    with pytest.raises(error, match=message):
        solve(simulator, spoil(targets(8.0)), 8.0, SIMPLE)


def test_what_does_not_fit_the_field_or_the_mask_technology(simulator):
    with pytest.raises(GridMismatchError, match="divides"):
        solve(simulator, targets(8.0), 7.0, SIMPLE)
    odd = SIMPLE.model_copy(update={"levels": (SIMPLE.levels[0].model_copy(update={"pixel_nm": 24.0}),)})
    with pytest.raises(LithoError, match="field of 512"):
        solve(simulator, targets(8.0), 8.0, odd)
    with pytest.raises(MaskError, match="at least one clip"):
        solve_clips([], simulator.process, SIMPLE, torch.device("cpu"))
    alternating = replace(simulator.process, mask=MaskType(type="alternating"))
    with pytest.raises(MaskError, match="three values"):
        solve(Simulator(alternating), targets(8.0), 8.0, SIMPLE)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("l2 = 1.0", "l3 = 1.0", r"objective.*l3.*known: l2"),
        ("l2 = 1.0", "l2 = nan", "objective"),
        ('"sgd"', '"newton"', "optimizer.*newton"),
        ('"pixel"', '"voxel"', "parameterization.*voxel"),
        ("momentum", "momentun", "momentun: unknown key"),
        ("momentum = 0.9", "momentum = 1.0", "momentum"),
        ("steps = 200", "steps = 0", "steps"),
        ("steps = 200", "step = 200", "levels.0.step: unknown key"),
        ("pixel_nm = 8.0", "pixel_nm = -8.0", "pixel_nm"),
        ("pixel_nm = 8.0", "pixel_nm = inf", "pixel_nm"),
        ("mask_sharpness = [8.0, 8.0]", "mask_sharpness = [8.0]", "mask_sharpness"),
        ("objective = { l2 = 1.0, pvb = 1.0 }", "objective = { }", "objective"),
        ("[[levels]]", "[levels]", "levels"),
        ("optimizer", "# optimizer", "optimizer: Field required"),
        ("[[levels]]", "[[levels", "not valid TOML"),
    ],
)
def test_misspelt_methods(tmp_path, old, new, message):
    text = shipped_text("ilt", "mosaic")
    assert old in text
    path = tmp_path / "own.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(RecipeError, match=rf"own\.toml: .*{message}"):
        load_method(path)


def test_unknown_methods(tmp_path):
    with pytest.raises(RecipeError, match="did you mean mosaic"):
        load_method("mosaik")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_method(tmp_path / "none.toml")


def scene(
    nominal: Tensor, target: Tensor, *, inner: Tensor | None = None, mask: Tensor | None = None, binary: bool = True
) -> Scene:
    """One clip at 2 nm whose focus intensity is `nominal` and whose defocus one is `inner`; threshold 0.5."""
    intensity = {"focus": nominal[None], "defocus": (nominal if inner is None else inner)[None]}
    corners = {"nominal": Corner(1.0, "focus"), "outer": Corner(1.5, "focus"), "inner": Corner(1.0, "defocus")}
    exposure = Exposure(intensity, corners, Resist(threshold=0.5, steepness=10.0))
    drawn = (target if mask is None else mask)[None]
    none = torch.zeros_like(target)[None]
    return Scene(target[None], exposure, drawn, none, none, 2.0, 5.0, binary)


class TestTerms:
    """Values in nm^2 on scenes drawn by hand."""

    image = torch.zeros(12, 12, dtype=torch.float64)
    image[2:8, 3:8] = 1
    faint = image.clone()
    faint[8, 3:8] = 0.4  # prints at the outer corner's dose alone
    shrunk = image.clone()
    shrunk[2, 3:8] = 0.4

    def test_areas(self):
        target = self.image.clone()
        target[0, 0] = 1
        made = scene(self.faint, target, inner=self.shrunk)
        assert TERMS["l2"](made).tolist() == [4]
        assert TERMS["pvb"](made).tolist() == [(5 + 5) * 4]
        assert TERMS["corner_l2"](made).tolist() == [(5 + 1) * 4 + (5 + 1) * 4]

    def test_soft_prints(self):
        made = scene(torch.full((4, 4), 0.4), torch.zeros(4, 4), inner=torch.full((4, 4), 0.2), binary=False)
        nominal, outer, inner = torch.sigmoid(torch.tensor([-1.0, 1.0, -3.0])).tolist()
        assert TERMS["l2"](made).item() == pytest.approx(64 * nominal**2, rel=1e-5)
        assert TERMS["pvb"](made).item() == pytest.approx(64 * (outer - inner) ** 2, rel=1e-5)
        assert TERMS["corner_l2"](made).item() == pytest.approx(64 * (outer**2 + inner**2), rel=1e-5)

    def test_partly_covered_target(self):
        assert TERMS["l2"](scene(self.image, 0.5 * self.image)).item() == pytest.approx(30 * 0.25 * 4)

    def test_epe_probes_alone(self):
        probes = torch.zeros(1, 12, 12, dtype=torch.float64)
        probes[0, 0, 0], probes[0, 5, 5], probes[0, 1, 5] = 1, 2, 1
        made = replace(scene(self.image, self.image), probes=probes)
        assert TERMS["epe"](made).tolist() == [0]
        made = replace(scene(torch.zeros_like(self.image), self.image), probes=probes)
        assert TERMS["epe"](made).tolist() == [2 * PROBE_NM2]
        assert PROBE_NM2 == 40 * 15

    def test_stray_light(self):
        """Outer dose 1.5, threshold 0.5: an intensity of 0.4 is 1.2 times the threshold, 0.3 over the limit."""
        light = torch.tensor([[0.4, 0.4], [0.29, 0.1]])
        made = replace(scene(light, torch.zeros(2, 2)), background=torch.tensor([[[1.0, 0.0], [1.0, 1.0]]]))
        assert TERMS["stray"](made).item() == pytest.approx(0.3**2 * 4)

    def test_background_keeps_clear_of_targets_across_the_border(self):
        target = torch.zeros(1, 40, 40)
        target[0, 0, 20] = 1
        clear = background(target, 8.0)[0] == 0
        assert clear.nonzero().amin(0).tolist() == [0, 15]
        assert clear.sum() == 11 * 11
        assert clear[-5:, 15:26].all()

    def test_mask_shape(self):
        """Perimeter; and for the Laplacian 1 + 1 beside each edge, 4 at a convex corner's pixel, 20 for a speck."""
        made = scene(self.image, self.image, mask=self.image)
        assert TERMS["total_variation"](made).tolist() == [2 * (5 + 6) * 25]
        assert TERMS["curvature"](made).tolist() == [(2 * (5 + 6) + 2 * (3 + 4) + 4 * 4) * 25]
        speck = torch.zeros_like(self.image)
        speck[5, 5] = 1
        made = scene(self.image, self.image, mask=speck)
        assert TERMS["total_variation"](made).tolist() == [4 * 25]
        assert TERMS["curvature"](made).tolist() == [20 * 25]

    def test_weights(self):
        made = scene(self.faint, torch.zeros_like(self.image), inner=self.shrunk)
        total, values = evaluate_terms(made, {"l2": 2.0, "pvb": 0.5})
        assert list(values) == ["l2", "pvb"]
        assert total.tolist() == [2 * 30 * 4 + 0.5 * 10 * 4]

    @pytest.mark.parametrize("name", TERMS)
    def test_gradients(self, name):
        """Through mask, optics and resist, against differences."""
        process = build_process(RECIPE, field_nm=FIELD, count=8)
        simulator, pixel_nm = Simulator(process, dtype=torch.float64), 64.0
        target = targets(pixel_nm)
        probes = epe_probes(targets(16.0), 16.0).reshape(2, 8, 4, 8, 4).sum((2, 4))
        clear = torch.ones_like(target)
        assert (probes.sum((1, 2)) > 0).all()

        def term(mask: Tensor) -> Tensor:
            made = Scene(target, simulator(mask, pixel_nm), mask, probes, clear, pixel_nm, pixel_nm, False)
            return TERMS[name](made) / 4096

        mask = torch.rand(2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        torch.autograd.gradcheck(term, mask.requires_grad_(), rtol=1e-5, atol=1e-8)


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


def test_masks_print_better_than_the_layout_as_drawn(simulator):
    """Forty steps of steepest descent, scored at 1 nm."""
    method = shortened(load_method("mosaic"), 40)
    solution = solve_clips(CLIPS, simulator.process, method, torch.device("cpu"))
    for entry in scored(CLIPS, solution, simulator.process, DEFAULT):
        drawn = evaluate(entry.clip.coverage(8.0), 8.0, entry.clip.placed, simulator, DEFAULT).scorecard
        found = entry.evaluation.scorecard
        assert entry.evaluation.aerial.dtype == np.float64
        assert found.l2_nm2 + found.pvb_nm2 < 0.85 * (drawn.l2_nm2 + drawn.pvb_nm2)
