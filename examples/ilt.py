# %% [markdown]
# # An ILT run, step by step
#
# A mask is a function of free parameters, and the loop changes them along the gradient of the error of the prints.
# First the loop in ten lines, then the package's own. Run it in the repository's root.

# %%
from pathlib import Path

import torch

import litho_dl as ld

OUT = Path("runs/examples")
OUT.mkdir(parents=True, exist_ok=True)

simulator = ld.Simulator("duv193-immersion-annular")
clip = ld.load_clip("layouts/metal_04.glp", simulator)

# %% [markdown]
# ## The loop by hand
#
# One sigmoid a pixel, Adam, and the squared error of a soft print. Everything is differentiable, so this is plain
# PyTorch.

# %%
target = clip.coverage(8)
parameters = (target - 0.5).requires_grad_()
optimizer = torch.optim.Adam([parameters], lr=0.06)
for step in range(8):
    optimizer.zero_grad()
    exposure = simulator(torch.sigmoid(8 * parameters))
    error = (exposure.print("nominal") - target).square().sum() * 8**2
    error.backward()
    optimizer.step()
    print(f"step {step}: {float(error.detach()):,.0f} nm²")

# %% [markdown]
# ## The same by a method
#
# A method is a parameterization, an objective and an optimizer, at one or more pixel sizes. `fast` goes from 8 nm to
# 4 nm pixels, adds the process-variation band and EPE probes to the objective, and sharpens the sigmoids on the way.
# `history` holds each term at each step. `checks` is the objective of the binary masks, by which the best are chosen.

# %%
solution = ld.solve(simulator, clip, "fast")
print(solution)

solution.plot_convergence().savefig(OUT / "convergence.png")

# %% [markdown]
# ## Its score

# %%
print(ld.evaluate(simulator, solution, clip))
solution.plot().savefig(OUT / "mask.png")
