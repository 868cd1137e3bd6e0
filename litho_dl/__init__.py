"""Exact, fast, differentiable lithography simulation and mask optimization."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litho_dl.process.files import load_process
    from litho_dl.simulation.simulator import Exposure, Simulator

__version__ = "0.1.0"
__all__ = ["Exposure", "Simulator", "__version__", "load_process"]

# Loaded when asked for: importing the package, as every command does, does not wait for torch.
_HOMES = {"Exposure": "simulator", "Simulator": "simulator", "load_process": "process.files"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
