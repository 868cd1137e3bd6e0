"""Several processes on one batch: torchrun starts them, each takes its share, gradients are averaged.

The loop averages gradients itself, in one flat tensor after each backward pass. Torch's `DistributedDataParallel` would
overlap that with the backward pass, but wants every forward pass to go through its wrapper and every parameter to get a
gradient, which networks that take turns in one loss do not give it.

Shares are equal, so the average over the processes is the gradient of the whole batch. Batch normalisation is the
exception: on CUDA it is made to span the processes; on the CPU, where torch cannot do that, each process normalises by
its own share, and validation goes by the running means of process 0.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

from litho_dl.core.device import resolve_device


@contextmanager
def joined(device: str) -> Iterator[torch.device]:
    """Joins the other processes if torchrun started this one; yields the device to work on.

    Args:
        device: As `--device`; each of several processes takes a GPU of its own for `auto` and `cuda`.

    Raises:
        LithoError: There is no such device, or there are fewer GPUs than processes.
    """
    if "LOCAL_RANK" not in os.environ:
        yield resolve_device(device)
        return
    own = resolve_device(device)
    if own.type == "cuda" and own.index is None:
        own = resolve_device(f"cuda:{os.environ['LOCAL_RANK']}")
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield own
        dist.barrier()  # who leaves early cuts connections that others still use
    finally:
        dist.destroy_process_group()


def world() -> int:
    """Processes in all."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """This process among them; files are written by process 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def share(order: Sequence[Tensor]) -> list[Tensor]:
    """This process's part of each batch of indices, without empty ones."""
    parts = (indices[rank() :: world()] for indices in order)
    return [part for part in parts if len(part)]


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> None:
    """Averages tensors over the processes, in place; the same ones in each."""
    if world() == 1 or not tensors:
        return
    reals = [torch.view_as_real(tensor) if tensor.is_complex() else tensor for tensor in tensors]
    flat = torch.cat([real.flatten() for real in reals])
    dist.all_reduce(flat)
    flat /= world()
    for real, part in zip(reals, flat.split([real.numel() for real in reals]), strict=True):
        real.copy_(part.view(real.shape))


def total(values: Tensor) -> Tensor:
    """The sum over the processes."""
    if world() > 1:
        dist.all_reduce(values)
    return values


def spread(tensors: Iterable[Tensor]) -> None:
    """Gives every process the values of process 0."""
    if world() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def unify(networks: nn.ModuleDict, device: torch.device) -> None:
    """Gives every process the same weights, and on CUDA batch normalisation over all of them."""
    if world() > 1 and device.type == "cuda":
        for name, network in networks.items():
            networks[name] = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    spread(networks.state_dict().values())
