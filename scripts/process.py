"""What each part of the process costs: vector imaging in films, thick masks, resist chemistry; results/process.*.

    python scripts/process.py --out results

Each variant runs in a process of its own, on one thread: a step forward and backward through all corners, the method
`fast` on a layout that ships, and the most memory that it held. Times are processor times.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch

import litho_dl as ld
from litho_dl.calibration.mask3d import diffract, fit_layers, fitted_mask
from litho_dl.calibration.mask3d_files import PITCHES, WIDTH
from litho_dl.comparison.results import as_markdown
from litho_dl.core.io import write_csv, write_text
from litho_dl.optics.mask import MaskType
from litho_dl.optics.stack import load_stack
from litho_dl.process.cache import cached_process
from litho_dl.process.recipe import Recipe, load_recipe

PLAIN, VECTOR, CHEMICAL = "duv193-immersion-annular", "duv193-immersion-annular-te", "arf-positive-chemical"
VARIANTS = {
    "plain": "scalar, thin mask, threshold",
    "scalar + thick mask": "boundary layers of the chrome stack",
    "plain + bias": "`bias_nm = 2`",
    "vector + film": "TE-polarised, 90 nm of resist in a film stack",
    "vector + film + thick mask": "",
    "vector + film + chemistry": "`arf-positive-chemical`",
    "all": "vector, film, thick mask, chemistry",
}
LAYOUT = Path(__file__).parent.parent / "layouts" / "metal_01.glp"
PIXEL_NM, STEPS = 8.0, 25


def main() -> None:
    """Measures every variant, or one of them for the process above it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(json.dumps(measured(arguments.variant)))
        return
    rows = []
    for name in VARIANTS:
        recipe = variant(name)
        cached_process(recipe, (recipe.kernels.field_nm,) * 2)  # so that nothing below builds kernels
        command = [sys.executable, __file__, "--variant", name]
        rows.append({"variant": name, **json.loads(subprocess.run(command, check=True, capture_output=True).stdout)})
        print(rows[-1], flush=True)
    write(arguments.out, rows)


def variant(name: str) -> Recipe:
    """The recipe of a variant."""
    scalar, vector, chemical = (load_recipe(own) for own in (PLAIN, VECTOR, CHEMICAL))
    match name:
        case "plain + bias":
            return scalar.model_copy(update={"mask": MaskType(bias_nm=2.0)})
        case "scalar + thick mask":
            return scalar.model_copy(update={"mask": thick(vector)})
        case "vector + film":
            return vector
        case "vector + film + thick mask":
            return vector.model_copy(update={"mask": thick(vector)})
        case "vector + film + chemistry":
            return chemical
        case "all":
            return chemical.model_copy(update={"mask": thick(vector)})
    return scalar


def thick(recipe: Recipe) -> MaskType:
    """The chrome mask, with boundary layers that suit a recipe's optics."""
    stack, width = load_stack("chrome"), WIDTH * recipe.pupil.wavelength_nm / recipe.pupil.na
    mask = fitted_mask(recipe, stack)
    lines = diffract(stack, [pitch * width for pitch in PITCHES], [width], "dark", recipe.pupil.reductions[0])
    return mask.model_copy(update={"topography": fit_layers(recipe, mask, lines)})


def measured(name: str) -> dict[str, Any]:
    """Kernels, step, `fast` and memory of one variant."""
    torch.set_num_threads(1)
    recipe = variant(name)
    simulator = ld.Simulator(cached_process(recipe, (recipe.kernels.field_nm,) * 2))
    side = round(recipe.kernels.field_nm / PIXEL_NM)
    mask = torch.rand(1, side, side, generator=torch.Generator().manual_seed(0))
    times = []
    for _ in range(STEPS):
        values = mask.clone().requires_grad_()
        start = time.process_time()
        exposure = simulator.expose(values, PIXEL_NM)
        torch.stack([exposure.print(corner).square().mean() for corner in simulator.process.corners]).sum().backward()
        times.append(time.process_time() - start)
    clip = ld.load_clip(LAYOUT, simulator)
    start = time.process_time()
    solution = ld.solve(simulator, [clip], "fast")
    seconds = time.process_time() - start
    (card,) = ld.evaluate(simulator, solution, [clip])
    return {
        "kernels": " / ".join(str(len(simulator.kernels(focus))) for focus in simulator.process.kernels),
        "step_ms": 1000 * statistics.median(times[2:]),
        "fast_s": seconds,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "l2_nm2": card.l2_nm2,
        "pvb_nm2": card.pvb_nm2,
    }


def write(out: Path, rows: list[dict[str, Any]]) -> None:
    """Writes process.csv and process.md."""
    write_csv(out / "process.csv", rows)
    plain = rows[0]
    table = [
        [
            row["variant"],
            row["kernels"],
            *(
                f"{row[key]:,.{digits}f} ({row[key] / plain[key]:.2f})"
                for key, digits in (("step_ms", 1), ("fast_s", 1), ("memory_mb", 0))
            ),
            f"{row['l2_nm2']:,.0f} / {row['pvb_nm2']:,.0f}",
        ]
        for row in rows
    ]
    header = ["process", "kernels a focus", "step (ms)", "`fast` (s)", "memory (MB)", "L2 / PVB (nm2)"]
    by_name = {row["variant"]: row for row in rows}

    def ratio(one: str, other: str, key: str = "step_ms") -> str:
        return f"{by_name[one][key] / by_name[other][key]:.2f}"

    layers, scalar = ratio("vector + film + thick mask", "vector + film"), ratio("scalar + thick mask", "plain")
    bias, acid = ratio("plain + bias", "plain"), ratio("vector + film + chemistry", "vector + film")
    acid_fast = ratio("vector + film + chemistry", "vector + film", "fast_s")
    text = f"""# From optics to a process

`python scripts/process.py`

A step (forward and backward, three corners, {PIXEL_NM:g} nm, one clip), `fast` on `layouts/metal_01.glp` and the most
memory of a process, on one thread; in brackets, over the plain process. All optics ask for edges within 0.2 to 0.25 nm.

{as_markdown([header, *table])}

- Thick masks: a step takes {layers} of the thin mask's time with vector imaging and films, {scalar} in scalar imaging;
  a bias alone {bias}.
- Chemistry: {acid} of the threshold's time a step, and {acid_fast} with `fast`.
- All together: {ratio("all", "plain")} of the plain process's time a step, {ratio("all", "plain", "fast_s")} with
  `fast`, and {ratio("all", "plain", "memory_mb")} of its memory.

The checks of each part: [thick masks](mask3d.md), [resist chemistry](chemistry.md), [calibration](calibration.md).
"""
    write_text(out / "process.md", text)


if __name__ == "__main__":
    main()
