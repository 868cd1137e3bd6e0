# %% [markdown]
# # An ILT run, step by step
#
# A mask is a function of free parameters; the loop changes them along the gradient of how wrong the prints are. First
# the loop in ten lines, then the package's own, whose methods are settings of parameterization, objective and
# optimizer.

# %%
from pathlib import Path

import torch

from litho_dl import Simulator, load_process
from litho_dl.ilt.method import load_method
from litho_dl.ilt.solve import solve_targets
from litho_dl.layout.clips import load_clip
from litho_dl.runs.pictures import clip_images, draw_clip, draw_convergence
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS

OUT = Path("runs/notebooks")
process = load_process("duv193-immersion-annular")
simulator = Simulator(process)
clip = load_clip("layouts/metal_04.glp", process)

# %% [markdown]
# ## The loop by hand
#
# One sigmoid a pixel, Adam, and the squared error of a soft print. Everything is differentiable, so this is plain
# PyTorch.

# %%
target = clip.coverage(8)[None]
parameters = (target - 0.5).requires_grad_()
optimizer = torch.optim.Adam([parameters], lr=0.06)
for step in range(8):
    optimizer.zero_grad()
    exposure = simulator(torch.sigmoid(8 * parameters), pixel_nm=8, out_pixel_nm=8)
    error = (exposure.print("nominal") - target).square().sum() * 8**2
    error.backward()
    optimizer.step()
    print(f"step {step}: {float(error.detach()):,.0f} nm²")

# %% [markdown]
# ## The same by a method
#
# `fast` goes from 8 nm to 4 nm pixels, weighs the process-variation band and EPE probes too, and sharpens the
# sigmoids on the way. `history` holds each term at each step, `checks` the objective of the binary masks, which
# decides.

# %%
method = load_method("fast")
solution = solve_targets(simulator, clip.coverage(method.target_nm)[None], method.target_nm, method)
print(solution.status, f"{solution.seconds:.1f} s", tuple(solution.mask.shape), solution.pixel_nm)
draw_convergence(OUT / "convergence.png", solution, "fast on metal_04")

# %% [markdown]
# ## Its score

# %%
judge = Simulator(process, dtype=torch.float64)
evaluation = evaluate_mask(solution.mask[0], solution.pixel_nm, clip.placed, judge, PROTOCOLS["default"])
score = evaluation.scorecard
print(
    f"L2 {score.l2_nm2:,.0f} nm², PV band {score.pvb_nm2:,.0f} nm², EPE {score.epe_violations}, shots {score.shots:,}"
)
images = clip_images(evaluation, solution.mask[0])
draw_clip(OUT / "mask.png", images, evaluation, process.resist.threshold, "metal_04, fast")
