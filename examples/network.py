# %% [markdown]
# # A network's mask, refined
#
# A trained network draws a mask in one pass, and a few steps of optimisation correct it. Networks that ship belong to
# the optics that they were trained for. Run it in the repository's root.

# %%
from pathlib import Path

from matplotlib import pyplot as plt

import litho_dl as ld

OUT = Path("runs/examples")
OUT.mkdir(parents=True, exist_ok=True)

simulator = ld.Simulator("iccad13-like")
clip = ld.load_clip("layouts/metal_07.glp", simulator)

# %% [markdown]
# ## One pass

# %%
network = ld.load_generator("unet", simulator)
print(network)
prediction = ld.predict(network, clip)
print(prediction)

# %% [markdown]
# ## A few steps of ILT
#
# They are those of the method's later levels, from the network's own soft mask.

# %%
refined = ld.refine(simulator, prediction, clip, "fast", steps=20)
print(refined)

# %% [markdown]
# ## Side by side
#
# Masks in grey, with the contour of what they print.

# %%
masks = {"as drawn": clip.coverage(4) >= 0.5, "unet": prediction.mask[0], "refined": refined.mask[0]}
x0, y0, x1, y1 = clip.placed.bbox_nm
figure, panels = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for panel, (name, mask) in zip(panels, masks.items(), strict=True):
    score = ld.evaluate(simulator, mask, clip)
    print(f"{name}: L2 {score.l2_nm2:,.0f} nm², PV band {score.pvb_nm2:,.0f} nm²")
    height, width = simulator.field_nm
    panel.imshow(mask.numpy(), origin="lower", extent=(0, width, 0, height), cmap="Greys", alpha=0.5)
    (printed,) = simulator(mask).contours("nominal")
    for polygon in printed.polygons:
        for loop in polygon.loops:
            panel.fill(loop[:, 0], loop[:, 1], fill=False, edgecolor="tab:red")
    panel.set(title=name, xlim=(x0 - 100, x1 + 100), ylim=(y0 - 100, y1 + 100), xticks=[], yticks=[])
figure.savefig(OUT / "refined.png")
