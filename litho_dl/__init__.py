"""Exact, fast, differentiable lithography simulation and mask optimization."""

from litho_dl.process.files import load_process
from litho_dl.simulator import Exposure, Simulator

__version__ = "0.1.0"
__all__ = ["Exposure", "Simulator", "__version__", "load_process"]
