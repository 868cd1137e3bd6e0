"""Mask parameterizations: from free parameters to masks."""

from litho_dl.ilt.parameterization.base import EdgeParameterization, Parameterization, Start
from litho_dl.ilt.parameterization.curvilinear import Curvilinear
from litho_dl.ilt.parameterization.levelset import LevelSet
from litho_dl.ilt.parameterization.manhattan import Manhattan
from litho_dl.ilt.parameterization.multilevel import MultiLevel
from litho_dl.ilt.parameterization.pixel import PixelSigmoid

__all__ = ["PARAMETERIZATIONS", "EdgeParameterization", "Parameterization", "Start"]

PARAMETERIZATIONS: dict[str, type[Parameterization]] = {
    "pixel": PixelSigmoid,
    "multilevel": MultiLevel,
    "levelset": LevelSet,
    "curvilinear": Curvilinear,
    "manhattan": Manhattan,
}
