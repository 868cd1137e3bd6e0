# %% [markdown]
# # From source to print
#
# What a scanner does to a clip, step by step: the source lights the lens, the lens passes the mask's low frequencies,
# and the resist prints where the intensity reaches its threshold. Run it in the repository's root.

# %%
from pathlib import Path

import torch

import litho_dl as ld

OUT = Path("runs/examples")
OUT.mkdir(parents=True, exist_ok=True)

simulator = ld.Simulator("duv193-immersion-annular")
process = simulator.process
print(process.recipe.pupil)
print(process.recipe.source)

# %% [markdown]
# ## Source and kernels
#
# The transmission cross coefficients (TCC) of this source and pupil have hundreds of eigenvectors; the first few hold
# most of the energy. Each is a coherent system, a kernel.

# %%
kernels = process.kernels["focus"]
print(f"{len(kernels.weights)} kernels leave out {kernels.discarded_energy:.1%} of the energy")
simulator.plot().savefig(OUT / "optics.png", dpi=60)

# %% [markdown]
# ## A layout as its own mask
#
# A raster holds the exact area share of each pixel, so 4 nm pixels lose nothing of the shapes' areas. The image is
# computed on 2 nm pixels: pixels of mask and image are free, as long as they divide the field.

# %%
clip = ld.load_clip("layouts/metal_05.glp", simulator)
exposure = simulator(clip.coverage(4), out_pixel_nm=2)
print(exposure)
exposure.plot().savefig(OUT / "drawn.png")

# %% [markdown]
# ## Two properties to rely on
#
# A clear mask images to 1, and a mask on coarse pixels is simulated exactly: repeating its pixels changes nothing.

# %%
exact = ld.Simulator(process, dtype=torch.float64)
clear = exact(torch.ones(256, 256)).aerial("nominal")
print(f"a clear mask images to 1 within {float((clear - 1).abs().max()):.0e}")

coarse = torch.rand(256, 256, dtype=torch.float64)
fine = coarse.repeat_interleave(2, -1).repeat_interleave(2, -2)
one, other = (exact(mask, out_pixel_nm=8).aerial("nominal") for mask in (coarse, fine))
print(f"8 nm pixels against the same mask on 4 nm pixels: {float((one - other).abs().max()):.0e}")
