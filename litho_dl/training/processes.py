"""Data-parallel training: torchrun starts the processes, each computes a part of every batch, gradients are averaged.

The loop averages gradients itself, in one flat tensor after each backward pass. Torch's `DistributedDataParallel` would
overlap this with the backward pass, but requires that every forward pass goes through its wrapper and every parameter
gets a gradient; a loss with several networks of which only one is updated does neither.

The parts of a batch are equal, so the mean over the processes is the gradient of the whole batch. Batch normalisation
is the exception: on CUDA it is synchronised over the processes; on the CPU, where torch cannot do that, each process
normalises by its own part of the batch, and validation uses the running means of process 0.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from litho_dl.core.device import resolve_device
from litho_dl.core.lock import owned


@contextmanager
def process_group(device: str) -> Iterator[torch.device]:
    """Initialises the process group if torchrun started this process; yields the device to compute on.

    Args:
        device: As `--device`; with `auto` and `cuda` each of several processes uses its own GPU.

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
    _import_what_keeps_the_group()
    dist.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield own
        dist.barrier()  # a process that leaves early would close connections that others still use
    finally:
        dist.destroy_process_group()


def _import_what_keeps_the_group() -> None:
    """Imports the module of torch that would keep the group for good if it were first imported while there is one.

    Its functions have the group of that moment as a default argument, and torch's optimisers import it. A group that is
    kept keeps gloo's threads beyond `destroy_process_group`; one that lets go of its last tensor while the interpreter
    ends wants the lock that nobody gives it any more, and the process aborts.
    """
    import torch.distributed.nn.functional  # noqa: F401


def world_size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0; process 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def owned_by_first(folder: Path) -> AbstractContextManager[Path]:
    """The folder of a run, owned by process 0, which writes the files; see `core.lock.owned`."""
    return owned(folder) if rank() == 0 else nullcontext(folder)


def local_batches(order: Sequence[Tensor]) -> list[Tensor]:
    """This process's part of each batch of indices; empty parts are left out."""
    parts = (indices[rank() :: world_size()] for indices in order)
    return [part for part in parts if len(part)]


@torch.no_grad()
def all_reduce_mean(tensors: Sequence[Tensor]) -> None:
    """Averages tensors over the processes, in place; every process passes the same ones."""
    if world_size() == 1 or not tensors:
        return
    reals = [torch.view_as_real(tensor) if tensor.is_complex() else tensor for tensor in tensors]
    flat = torch.cat([real.flatten() for real in reals])
    dist.all_reduce(flat)
    flat /= world_size()
    for real, part in zip(reals, flat.split([real.numel() for real in reals]), strict=True):
        real.copy_(part.view(real.shape))


def all_reduce_sum(values: Tensor) -> Tensor:
    """Sums a tensor over the processes, in place, and returns it."""
    if world_size() > 1:
        dist.all_reduce(values)
    return values


def broadcast(tensors: Iterable[Tensor]) -> None:
    """Copies tensors from process 0 to all processes, in place."""
    if world_size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def synchronise(networks: nn.ModuleDict, device: torch.device) -> None:
    """Gives all processes the weights of process 0 and, on CUDA, synchronised batch normalisation.

    Args:
        networks: Networks by name, changed in place.
        device: Their device.
    """
    if world_size() > 1 and device.type == "cuda":
        for name, network in networks.items():
            networks[name] = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    broadcast(networks.state_dict().values())
