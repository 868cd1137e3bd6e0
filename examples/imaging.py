# %% [markdown]
# # From source to print
#
# What a scanner does to a clip, step by step: the source lights the lens, the lens passes the mask's low frequencies,
# and the resist prints where the intensity reaches its threshold. Run it in a checkout.

# %%
from pathlib import Path

import torch

from litho_dl import Simulator
from litho_dl.layout.clips import load_clip
from litho_dl.optics.pupil import pupil_function
from litho_dl.optics.source import sample_source
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.viz.figure import new_figure, save_figure
from litho_dl.viz.images import ClipImages
from litho_dl.viz.optics import optics_figure
from litho_dl.viz.panels import aerial_panel, mask_panel, print_panel, target_panel

OUT = Path("runs/notebooks")
recipe = load_recipe("duv193-immersion-annular")
process = build_process(recipe)

# %% [markdown]
# ## Source, pupil, kernels
#
# The TCC of this source and pupil has hundreds of eigenvectors; the first few hold most of the energy. Each is a
# coherent system.

# %%
axis = torch.linspace(-1, 1, 201, dtype=torch.float64)
rho_y, rho_x = torch.meshgrid(axis, axis, indexing="ij")
source = sample_source(recipe.source, recipe.kernels.source_samples)
kernels = process.kernels["focus"]
figure = optics_figure(
    kernels.spectra.numpy(),
    kernels.weights.numpy(),
    process.field_nm,
    source_points=source.points,
    source_weights=source.weights,
    pupil=pupil_function(recipe.pupil, rho_x, rho_y).numpy(),
    discarded_energy=kernels.discarded_energy,
    count=6,
    title="duv193-immersion-annular",
)
save_figure(figure, OUT / "optics.png", dpi=120)

# %% [markdown]
# ## A layout as its own mask
#
# A raster holds exact area coverage, so 4 nm pixels lose nothing of the shapes' areas. The aerial image is wanted on
# 2 nm pixels: input and output pixels are free, as long as they divide the field.

# %%
clip = load_clip("layouts/metal_05.glp", process)
simulator = Simulator(process)
exposure = simulator(clip.coverage(4)[None], pixel_nm=4, out_pixel_nm=2)
images = ClipImages(
    pixel_nm=2,
    target=clip.coverage(2).numpy(),
    mask=clip.coverage(2).numpy(),
    aerial=exposure.aerial("nominal")[0].numpy(),
    nominal=exposure.binary_print("nominal")[0].numpy(),
    outer=exposure.binary_print("outer")[0].numpy(),
    inner=exposure.binary_print("inner")[0].numpy(),
)
x0, x1, y0, y1 = images.bounds()
shown = images.crop((x0 - 100, x1 + 100, y0 - 100, y1 + 100))
figure = new_figure(12, 3.4)
panels = figure.subplots(1, 4)
target_panel(panels[0], shown)
mask_panel(panels[1], shown, "Mask, as drawn")
aerial_panel(panels[2], shown, process.resist.threshold)
print_panel(panels[3], shown)
save_figure(figure, OUT / "drawn.png", dpi=120)

# %% [markdown]
# ## Two properties worth having
#
# A clear mask images to 1, and a mask on coarse pixels is simulated exactly: repeating its pixels changes nothing.

# %%
exact = Simulator(process, dtype=torch.float64)
clear = exact(torch.ones(1, 256, 256, dtype=torch.float64), pixel_nm=8, out_pixel_nm=8).aerial("nominal")
print("a clear mask images to 1 within", f"{float((clear - 1).abs().max()):.0e}")

coarse = torch.rand(1, 256, 256, dtype=torch.float64)
fine = coarse.repeat_interleave(2, -1).repeat_interleave(2, -2)
images = [exact(mask, pixel_nm=pixel, out_pixel_nm=8).aerial("nominal") for mask, pixel in ((coarse, 8), (fine, 4))]
print("coarse against repeated pixels:", f"{float((images[0] - images[1]).abs().max()):.0e}")
