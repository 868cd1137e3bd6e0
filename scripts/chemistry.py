"""Checks of the resist chemistry: results/chemistry.md and results/chemistry.png.

python scripts/chemistry.py --out results

Each check has an independent truth: scipy's ODE solver, the heat kernel, finer grids and more steps, and the threshold
resist that weak chemistry tends to. Times are those of one CPU thread, the least of several, of the process's own
clock, with the same kernels for both resists.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.integrate import solve_ivp

from litho_dl.core.dft import synthesis, synthesise
from litho_dl.core.io import write_text
from litho_dl.core.memory import keep_memory
from litho_dl.ilt.method import load_method
from litho_dl.layout.clips import Clip, load_clip
from litho_dl.optics.imaging import low_frequencies
from litho_dl.process.bake import Kinetics, Lattice, bake
from litho_dl.process.bake_grid import EDGE_NM, bake_grid
from litho_dl.process.chemistry import ChemicalResist
from litho_dl.process.files import read_optics
from litho_dl.process.recipe import load_recipe
from litho_dl.runs.optimize import evaluate, solve
from litho_dl.runs.profile import profile_summary, study_profile
from litho_dl.simulation.latent import samples_of
from litho_dl.simulation.simulator import Simulator
from litho_dl.viz.figure import save_figure
from litho_dl.viz.profile import ProfileImages, profile_figure

RECIPES = ("arf-positive-chemical", "arf-negative-development-chemical", "krf-positive-chemical")
MEASURED = "arf-positive-chemical"
LAYOUT = "layouts/metal_01.glp"
PIXEL_NM = 4.0
FINE, MANY = 3.0, 48  # samples over the fewest, and steps, of the bake that stands for the exact one
LEAST_SLOPE = 1.0 / 60.0  # of the threshold per nm: NILS of 1 for 60 nm
ROUNDS = 12


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def smooth_acid(*shape: int) -> torch.Tensor:
    """A periodic pattern in [0.02, 0.5]."""
    y, x = (torch.arange(n, dtype=torch.float64) * 2 * math.pi / n for n in shape)
    waves = torch.cos(2 * x)[None] + 0.6 * torch.sin(3 * y)[:, None] + 0.4 * torch.cos(y)[:, None] * torch.sin(x)
    return 0.26 + 0.12 * waves


def ode_error(kinetics: Kinetics) -> float:
    """Largest difference of h, q and the amplification from scipy's ODE solver, without diffusion."""
    worst, starts = 0.0, (0.0, 0.05, 0.0999999, 0.1, 0.1000001, 0.3, 0.95)
    acid = torch.tensor(starts, dtype=torch.float64)
    found = bake(acid, kinetics, None, 3)

    def rates(_: float, state: np.ndarray) -> list[float]:
        reaction = kinetics.neutralisation_per_s * state[0] * state[1]
        return [-reaction, -reaction, max(state[0], 0.0) ** kinetics.order]

    for place, start in enumerate(starts):
        end = solve_ivp(
            rates, (0, kinetics.seconds), [start, kinetics.quencher, 0.0], method="DOP853", rtol=1e-12, atol=1e-14
        ).y[:, -1]
        worst = max(worst, *(abs(float(part[place]) - value) for part, value in zip(found, end, strict=True)))
    return worst


def heat_error() -> float:
    """Largest difference from the heat kernel, without reaction."""
    acid = smooth_acid(96, 80)
    found = bake(acid, Kinetics(60.0, 17.0, 0.0, 0.0, 1.0, 1.0), Lattice((480.0, 400.0), acid), 5).acid.numpy()
    f_y, f_x = np.fft.fftfreq(96, 5.0), np.fft.fftfreq(80, 5.0)
    transfer = np.exp(-2 * (np.pi * 17.0) ** 2 * (f_y[:, None] ** 2 + f_x**2))
    return float(np.abs(found - np.fft.ifft2(np.fft.fft2(acid) * transfer).real).max())


def orders(kinetics: Kinetics) -> list[tuple[int, float]]:
    """Steps, and the largest error of the amplification."""
    acid = smooth_acid(48, 40)
    lattice = Lattice((480.0, 400.0), acid)
    exact = bake(acid, kinetics, lattice, 1024).amplification
    return [
        (steps, float((bake(acid, kinetics, lattice, steps).amplification - exact).abs().max()))
        for steps in (2, 4, 8, 16, 32, 64)
    ]


def mass_error(kinetics: Kinetics) -> float:
    """Relative change of the mean of h - q in a bake."""
    acid = smooth_acid(48, 40)
    found = bake(acid, kinetics, Lattice((480.0, 400.0), acid), 6)
    before = float((acid - kinetics.quencher).mean())
    return abs(float((found.acid - found.quencher).mean()) - before) / abs(before)


def limit_error(simulator: Simulator, mask: torch.Tensor, strength: float) -> float:
    """Largest difference from the threshold resist with diffusion, over the brightest intensity."""
    resist = ChemicalResist.model_validate(
        {
            "model": "chemical",
            "dose_mj_cm2": 1.0,
            "dill_c_cm2_mj": 0.1 * strength,
            "bake_s": 60.0,
            "acid_diffusion_nm": 12.0 * math.sqrt(strength),
            "deprotection_per_s": 0.4 / strength,
        }
    )
    chemical, plain = (
        Simulator(replace(simulator.process, resist=each, recipe=None), dtype=torch.float64)(mask, PIXEL_NM).aerial()
        for each in (resist, resist.lumped)
    )
    return float((chemical - plain).abs().max() / plain.max())


@torch.no_grad()
def edge_moves(simulator: Simulator, mask: torch.Tensor, pixel_nm: float) -> dict[str, float]:
    """How far edges of a mask's latent image lie from those of a finer bake, in nm."""
    latent, own = simulator.latent, simulator.process.resist
    assert latent is not None
    assert isinstance(own, ChemicalResist)
    corner = simulator.process.corners["nominal"]
    intensity = simulator.intensity_spectrum(simulator.spectrum(mask, pixel_nm), corner.kernels)
    shape = tuple(2 * math.ceil(FINE * half + 1) for half in simulator.passband.intensity_half)
    acid = own.acid(corner.dose * samples_of(intensity, shape))
    baked = bake(acid, own.kinetics, Lattice(simulator.field_nm, acid), MANY, whole=False)
    found = simulator.expose(mask, pixel_nm).aerial()
    half = shape[0] // 2 - 1, shape[1] // 2 - 1
    back = synthesis(simulator.grid(pixel_nm), half, dtype=simulator.dtype, device=simulator.device)
    exact = synthesise(low_frequencies(own.latent(baked.amplification), half), back)
    slope = torch.hypot(*((exact.roll(-1, axis) - exact.roll(1, axis)) / (2 * pixel_nm) for axis in (-1, -2)))
    edges = (exact - own.threshold).abs() < slope * pixel_nm / 2
    edges &= slope >= LEAST_SLOPE / simulator.scale * own.threshold
    moved = ((found - exact).abs() / slope)[edges]
    return {"edges": int(edges.sum()), "p99_nm": float(moved.quantile(0.99)), "max_nm": float(moved.max())}


def least_ms(function: Callable[[], None]) -> float:
    """The least time of several calls, in ms of this process's clock."""
    function()
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return 1e3 * min(times)


def step_ms(simulator: Simulator, mask: torch.Tensor, pixel_nm: float) -> float:
    """One exposure forward and backward, all corners."""
    values = mask.clone().requires_grad_()

    def step() -> None:
        exposure = simulator.expose(values, pixel_nm)
        torch.autograd.grad(sum(exposure.print(name).sum() for name in exposure.corners), values)

    return least_ms(step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    keep_memory()
    simulator = Simulator(MEASURED)
    resist = simulator.process.resist
    assert isinstance(resist, ChemicalResist)
    double = simulator.in_double()
    clip = load_clip(LAYOUT, simulator)
    mask = clip.coverage(PIXEL_NM)
    plain = Simulator(replace(simulator.process, resist=resist.lumped))
    parts = [
        "Written by `python scripts/chemistry.py --out results`, on one CPU thread. The equations are in "
        "`docs/physics.md`.",
        "## Against independent truths",
        table(
            ["check", "largest error"],
            [
                ["no diffusion, n = 1: scipy's DOP853", f"{ode_error(resist.kinetics._replace(order=1.0)):.1e}"],
                ["no diffusion, n = 2", f"{ode_error(resist.kinetics._replace(order=2.0)):.1e}"],
                ["no reaction: the heat kernel", f"{heat_error():.1e}"],
                ["mean of acid less quencher in a bake (relative)", f"{mass_error(resist.kinetics):.1e}"],
            ],
        ),
        "## Steps",
        f"Error of the amplification of a smooth pattern against 1024 steps, with the kinetics of `{MEASURED}`.",
        order_table(resist),
        "## Threshold with diffusion as the limit",
        "Exposure, bake and diffusion are weakened together; the difference of the images is over the brightest.",
        table(
            ["C E at intensity 1", "diffusion (nm)", "difference"],
            [
                [f"{0.1 * s:g}", f"{12 * math.sqrt(s):.3g}", f"{limit_error(double, mask.double(), s):.1e}"]
                for s in (1.0, 0.25, 0.0625)
            ],
        ),
        "## Samples and steps in the loop",
        f"Edges of `{LAYOUT}` at nominal conditions, against {FINE:g} times the fewest samples and {MANY} steps. "
        "`loop` is a simulator with 24 kernels, as levels of methods ask for.",
        grid_table(simulator, double, mask),
        "## Cost",
        f"Times in ms of a step forward and backward, all corners, on pixels of {PIXEL_NM:g} nm, and seconds of "
        "`fast`, beside the threshold resist with the same kernels.",
        cost_table(simulator, plain, mask, clip),
        "## Profiles",
        "Lines and openings of equal width; `litho-dl profile RECIPE`.",
        profile_table(out),
        "![Acid before the bake, and profiles without and with diffusion](chemistry.png)",
    ]
    write_text(out / "chemistry.md", "\n\n".join(["# Resist chemistry", *parts]) + "\n")


def order_table(resist: ChemicalResist) -> str:
    """Errors by steps, with the order between neighbours."""
    rows, before = [], math.nan
    for steps, error in orders(resist.kinetics):
        rows.append([str(steps), f"{error:.1e}", "" if math.isnan(before) else f"{math.log2(before / error):.2f}"])
        before = error
    return table(["steps", "error (s)", "order"], rows)


def grid_table(simulator: Simulator, double: Simulator, mask: torch.Tensor) -> str:
    """Grids of the measured recipe, in full and with few kernels, and how far edges move."""
    rows = []
    for name, own in (("full", double), ("loop", double.shortened(24))):
        latent = own.latent
        assert latent is not None
        moved = edge_moves(own, mask.double(), PIXEL_NM)
        size = f"{latent.grid.samples:g}"
        rows.append(
            [
                *(name, size, str(latent.grid.steps), f"{latent.grid.edge_nm:.3f}", f"{moved['p99_nm']:.3f}"),
                *(f"{moved['max_nm']:.3f}", f"{moved['edges']:,}"),
            ]
        )
    heads = ["simulator", "samples", "steps", "p99 of the choice (nm)", "p99 (nm)", "largest (nm)", "edge pixels"]
    return table(heads, rows)


def cost_table(simulator: Simulator, plain: Simulator, mask: torch.Tensor, clip: Clip) -> str:
    """Times of both resists, and their ratio."""
    rows = []
    for count in (None, 24, 12):
        pair = [each if count is None else each.shortened(count) for each in (plain, simulator)]
        first, second = (step_ms(each, mask, PIXEL_NM) for each in pair)
        name = "all kernels" if count is None else f"{count} kernels"
        rows.append([f"step, {name} (ms)", f"{first:.1f}", f"{second:.1f}", f"{second / first:.2f}"])
    method, seconds, scores = load_method("fast"), [], []
    for each in (plain, simulator):
        started = time.process_time()
        solution = solve(each, clip, method)
        seconds.append(time.process_time() - started)
        drawn = evaluate(each, clip.coverage(1.0), clip)
        found = evaluate(each, solution, clip)
        scores.append((drawn.l2_nm2, found.l2_nm2, drawn.epe_violations, found.epe_violations))
    rows.append(["`fast` (s)", f"{seconds[0]:.1f}", f"{seconds[1]:.1f}", f"{seconds[1] / seconds[0]:.2f}"])
    rows.append(["L2 as drawn, after `fast` (nm²)", *(f"{a:,.0f}, {b:,.0f}" for a, b, _, _ in scores), ""])
    rows.append(["EPE violations as drawn, after `fast`", *(f"{a}, {b}" for _, _, a, b in scores), ""])
    return table(["", "threshold", "chemical", "ratio"], rows)


def profile_table(out: Path) -> str:
    """Profiles of the shipped recipes; draws that of the positive KrF resist, whose film is the thickest."""
    rows = []
    for name in RECIPES:
        recipe = load_recipe(name)
        study = study_profile(recipe)
        found = profile_summary(study)
        assert isinstance(recipe.resist, ChemicalResist)
        grid = bake_grid(recipe.resist, read_optics(name).finest_period_nm() / 2, EDGE_NM * recipe.scale)
        rows.append(
            [
                *(f"`{name}`", f"{recipe.resist.threshold:.3f}", f"{grid.samples:g}, {grid.steps}"),
                *(f"{found['pitch_nm']:g}", f"{found['bottom_width_nm']:.1f}", f"{found['sidewall_deg']:.1f}"),
                *(f"{found['top_loss_nm']:.1f}", f"{found['waviness_nm']:.2f}"),
                f"{found['waviness_without_diffusion_nm'] or math.nan:.2f}",
            ]
        )
    shown, still = study.profile, study.still
    panels = [
        ProfileImages("Acid before the bake", "share released", shown.acid[:, 0], None),
        ProfileImages("Bake without diffusion", "share deprotected", still.deprotected[:, 0], still.times_s[:, 0]),
        ProfileImages("Bake", "share deprotected", shown.deprotected[:, 0], shown.times_s[:, 0]),
    ]
    size_nm = (study.pitch_nm, shown.thickness_nm)
    save_figure(profile_figure(panels, size_nm, shown.seconds, title=RECIPES[-1]), out / "chemistry.png")
    heads = ["recipe", "threshold", "samples, steps", "pitch (nm)", "width at the bottom (nm)", "sidewall (°)"]
    heads += ["top loss (nm)", "waves (nm)", "waves without diffusion (nm)"]
    return table(heads, rows)


if __name__ == "__main__":
    main()
