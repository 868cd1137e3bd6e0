"""Exact, fast, differentiable lithography simulation and mask optimization.

Example:
    >>> import litho_dl as ld
    >>> simulator = ld.Simulator("duv193-immersion-annular")
    >>> clip = ld.load_clip("layouts/metal_01.glp", simulator)
    >>> solution = ld.solve(simulator, clip, "fast")
    >>> print(ld.evaluate(simulator, solution, clip))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litho_dl.core.errors import LithoError as LithoError
    from litho_dl.generators.model import Generator as Generator
    from litho_dl.generators.model import load_generator as load_generator
    from litho_dl.generators.predict import Prediction as Prediction
    from litho_dl.generators.predict import predict as predict
    from litho_dl.generators.predict import refine as refine
    from litho_dl.generators.ranking import best_generator as best_generator
    from litho_dl.ilt.method import Method as Method
    from litho_dl.ilt.method import load_method as load_method
    from litho_dl.layout.clips import Clip as Clip
    from litho_dl.layout.clips import load_clip as load_clip
    from litho_dl.layout.clips import load_mask as load_mask
    from litho_dl.layout.files import read_layout as read_layout
    from litho_dl.layout.files import write_layout as write_layout
    from litho_dl.layout.layout import Layout as Layout
    from litho_dl.layout.polygon import Polygon as Polygon
    from litho_dl.layout.rules import MaskRules as MaskRules
    from litho_dl.pairs.dataset import PairDataset as PairDataset
    from litho_dl.process.files import load_process as load_process
    from litho_dl.process.model import ProcessModel as ProcessModel
    from litho_dl.runs.mask_rules import check_mask_rules as check_mask_rules
    from litho_dl.runs.optimize import ClipSolution as ClipSolution
    from litho_dl.runs.optimize import evaluate as evaluate
    from litho_dl.runs.optimize import plot_mask as plot_mask
    from litho_dl.runs.optimize import solve as solve
    from litho_dl.runs.process_window import process_window as process_window
    from litho_dl.scoring.scorecard import Scorecard as Scorecard
    from litho_dl.simulation.exposure import Exposure as Exposure
    from litho_dl.simulation.simulator import Simulator as Simulator
    from litho_dl.simulation.source_simulator import SourceSimulator as SourceSimulator

__version__ = "0.1.0"

# Each name's module, imported when the name is first used: importing the package waits neither for torch nor klayout.
_MODULES = {
    "Clip": "layout.clips",
    "ClipSolution": "runs.optimize",
    "Exposure": "simulation.exposure",
    "Generator": "generators.model",
    "Layout": "layout.layout",
    "LithoError": "core.errors",
    "MaskRules": "layout.rules",
    "Method": "ilt.method",
    "PairDataset": "pairs.dataset",
    "Polygon": "layout.polygon",
    "Prediction": "generators.predict",
    "ProcessModel": "process.model",
    "Scorecard": "scoring.scorecard",
    "Simulator": "simulation.simulator",
    "SourceSimulator": "simulation.source_simulator",
    "best_generator": "generators.ranking",
    "check_mask_rules": "runs.mask_rules",
    "evaluate": "runs.optimize",
    "load_clip": "layout.clips",
    "load_generator": "generators.model",
    "load_mask": "layout.clips",
    "load_method": "ilt.method",
    "load_process": "process.files",
    "plot_mask": "runs.optimize",
    "predict": "generators.predict",
    "process_window": "runs.process_window",
    "read_layout": "layout.files",
    "refine": "generators.predict",
    "solve": "runs.optimize",
    "write_layout": "layout.files",
}
__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
