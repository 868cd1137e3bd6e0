# %% [markdown]
# # The first mask
#
# A clip of a layout becomes a mask: optimised, scored and drawn. Run it in the repository's root:
# `python examples/first_mask.py`. The pictures go to `runs/examples`.

# %%
from pathlib import Path

import litho_dl as ld

OUT = Path("runs/examples")
OUT.mkdir(parents=True, exist_ok=True)

simulator = ld.Simulator("duv193-immersion-annular")
print(simulator)

# %% [markdown]
# ## Optimise and score
#
# The clip is centred on the simulator's field. The method `fast` takes a second or two.

# %%
clip = ld.load_clip("layouts/metal_01.glp", simulator)
solution = ld.solve(simulator, clip, "fast")
score = ld.evaluate(simulator, solution, clip)
print(clip)
print(solution)
print(score)

# %% [markdown]
# ## Target, mask, aerial image and print

# %%
solution.plot().savefig(OUT / "mask.png")

# %% [markdown]
# ## What the mask prints
#
# The pixel follows from the mask's shape. Contours are polygons in nm, and a CD is measured along a cut from
# (x, y) to (x, y) on the field. `solution.save(FOLDER)` writes the mask as an image and as polygons that lie on top of
# the layout.

# %%
exposure = simulator(solution.mask)
print(exposure)
(printed,) = exposure.contours("outer")
print(len(printed.polygons), "printed shapes at the outer corner")
line_nm = exposure.cd((1024, 1024), (1160, 1024))
print(f"CD of the line right of the centre: {float(line_nm[0]):.1f} nm")
exposure.plot().savefig(OUT / "exposure.png")
