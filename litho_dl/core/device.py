"""Devices and their names."""

import re

import torch

from litho_dl.core.arguments import require_texts
from litho_dl.core.errors import LithoError


def resolve_device(name: str) -> torch.device:
    """The device of a name: `auto` (CUDA if there is one), `cpu`, `cuda` or `cuda:N`.

    Raises:
        LithoError: The name is another, or this machine has no such device.
    """
    require_texts(device=name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    match = re.fullmatch(r"cpu|cuda(?::(0|[1-9][0-9]*))?", name)
    if not match:
        raise LithoError(f"Expected a device auto, cpu, cuda or cuda:N, got {name!r}.")
    if name != "cpu" and int(match[1] or 0) >= torch.cuda.device_count():
        raise LithoError(
            f"Expected a CUDA device for {name!r}, found {torch.cuda.device_count()}; use the device cpu or auto."
        )
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """The name of a device in reports: that of the GPU, or the CPU with the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16.

    Processors without them convert every value: a training step of the small U-Net then takes ten times as long as in
    float32 (AMD EPYC with AVX2).

    Args:
        device: The device.

    Returns:
        False for x86 and ARM processors without; True for all others, and for GPUs.
    """
    if device.type != "cpu":
        return True
    query = getattr(torch.cpu, "get_capabilities", None)  # which earlier releases of torch lack
    found = {} if query is None else query()
    known = [found[name] for name in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16") if name in found]
    return any(known) or not known
