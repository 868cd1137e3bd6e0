"""Devices by name."""

import torch

from litho_dl.core.errors import LithoError


def resolve_device(name: str) -> torch.device:
    """`auto` (CUDA if there is one), `cpu`, `cuda` or `cuda:N`.

    Raises:
        LithoError: The name is another, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and (kind == "cpu" or not index.isdecimal())):
        raise LithoError(f"Expected a device auto, cpu, cuda or cuda:N, got {name!r}.")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise LithoError(
            f"Expected a CUDA device for {name!r}, found {torch.cuda.device_count()}; use --device cpu or auto."
        )
    return torch.device(name)
