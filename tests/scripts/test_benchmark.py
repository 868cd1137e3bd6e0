"""The baseline that our speed is measured against computes the same images and gradients."""

from dataclasses import replace

import torch
from full_grid import full_grid_images

from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.simulation.simulator import Simulator


def test_full_grid_socs_equals_the_simulator():
    process = build_process(load_recipe("iccad13-like"), field_nm=(512.0, 512.0), count=6)
    process = replace(process, kernels={n: replace(k, mask_pixel_nm=4.0) for n, k in process.kernels.items()})
    mask = torch.rand(1, 128, 128, generator=torch.Generator().manual_seed(0)).requires_grad_()
    ours, theirs = Simulator(process).expose(mask, 4.0).intensity, full_grid_images(mask, process.kernels)
    for name, image in ours.items():
        torch.testing.assert_close(theirs[name], image, rtol=0, atol=2e-6)
    weights = torch.rand(1, 128, 128, generator=torch.Generator().manual_seed(1))
    gradients = [
        torch.autograd.grad(sum((image * weights).sum() for image in images.values()), mask)[0]
        for images in (ours, theirs)
    ]
    assert gradients[0].abs().max() > 1e-3
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=1e-5 * float(gradients[0].abs().max()))
