"""Mask parameterizations: from free parameters to masks."""

from litho_dl.ilt.assists import Assists
from litho_dl.ilt.fragmentation import Fragmentation
from litho_dl.ilt.parameterization.base import EdgeParameterization, Parameterization, Start
from litho_dl.ilt.parameterization.curvilinear import Curvilinear
from litho_dl.ilt.parameterization.levelset import LevelSet
from litho_dl.ilt.parameterization.manhattan import Manhattan
from litho_dl.ilt.parameterization.multilevel import MultiLevel
from litho_dl.ilt.parameterization.pixel import PixelSigmoid

__all__ = ["PARAMETERIZATIONS", "EdgeParameterization", "Parameterization", "Start", "make_parameterization"]

PARAMETERIZATIONS: dict[str, type[Parameterization]] = {
    "pixel": PixelSigmoid,
    "multilevel": MultiLevel,
    "levelset": LevelSet,
    "curvilinear": Curvilinear,
    "manhattan": Manhattan,
}


def make_parameterization(name: str, fragments: Fragmentation, assists: Assists) -> Parameterization:
    """A parameterization of `PARAMETERIZATIONS`; `manhattan` with the settings of a method."""
    return Manhattan(fragments, assists) if name == "manhattan" else PARAMETERIZATIONS[name]()
