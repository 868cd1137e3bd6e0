# %% [markdown]
# # A network's mask, refined
#
# A trained network draws a mask in one pass; a few steps of optimisation mend what it got wrong. The weights that
# ship know the optics they were trained for.

# %%
from pathlib import Path

import torch

from litho_dl import Simulator, load_process
from litho_dl.generators.model import load_generator
from litho_dl.generators.predict import predict, refine
from litho_dl.ilt.method import load_method
from litho_dl.layout.clips import load_clip
from litho_dl.runs.pictures import clip_images
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.viz.comparison import comparison_figure
from litho_dl.viz.figure import save_figure
from litho_dl.viz.gallery import GalleryClip

OUT = Path("runs/notebooks")
process = load_process("iccad13-like")
clip = load_clip("layouts/metal_07.glp", process)

# %% [markdown]
# ## One pass

# %%
generator = load_generator("unet", process)
print(generator.card.optics.name, f"test L2 {generator.card.scores['l2_nm2']:,.0f} nm²")
prediction = predict(generator, [clip], torch.device("cpu"))
print(f"{prediction.seconds * 1000:.0f} ms for a mask on {prediction.pixel_nm:g} nm pixels")

# %% [markdown]
# ## A few steps of ILT
#
# They start in the middle of the method's first level, from the network's logits: its soft mask is the first one of
# the loop.

# %%
simulator = Simulator(process)
refined = refine(prediction, [clip], simulator, load_method("fast"), steps=20)
print(f"{refined.seconds:.1f} s")

# %% [markdown]
# ## Side by side

# %%
judge = Simulator(process, dtype=torch.float64)
masks = {
    "as drawn": (clip.coverage(4) >= 0.5, 4.0),
    "unet": (prediction.mask[0], prediction.pixel_nm),
    "refined": (refined.mask[0], refined.pixel_nm),
}
drawn = {}
for name, (mask, pixel_nm) in masks.items():
    evaluation = evaluate_mask(mask, pixel_nm, clip.placed, judge, PROTOCOLS["default"])
    score = {"L2": evaluation.scorecard.l2_nm2, "PVB": evaluation.scorecard.pvb_nm2}
    drawn[name] = GalleryClip(name, clip_images(evaluation, mask), score, evaluation.violations_nm)
    print(name, score)
save_figure(comparison_figure({clip.name: drawn}, title="metal_07 on iccad13-like"), OUT / "refined.png", dpi=120)
