"""Layouts: polygons in nm, their files (GLP, GDSII, OASIS), rasters, contours, fracture, mask and design rules.

klayout does the polygon arithmetic and loads on first use; importing this package does not load it.
"""

from litho_dl.layout.contour import contour_polygons, pixel_polygons
from litho_dl.layout.design_rules import DesignRules, check_design, load_rules
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.fracture import fracture
from litho_dl.layout.gds import read_gds, write_gds
from litho_dl.layout.glp import read_glp, write_glp
from litho_dl.layout.layout import Layout, Polygon
from litho_dl.layout.medial import Places
from litho_dl.layout.pattern import pattern_hash
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import MaskRules, RuleViolations, check_rules
from litho_dl.layout.shots import fracture_curved, write_shots
from litho_dl.layout.simplify import simplify
from litho_dl.layout.windows import CutWindow, cut_windows

__all__ = [
    "CutWindow",
    "DesignRules",
    "Layout",
    "MaskRules",
    "Places",
    "Polygon",
    "RuleViolations",
    "check_design",
    "check_rules",
    "contour_polygons",
    "cut_windows",
    "fracture",
    "fracture_curved",
    "load_rules",
    "pattern_hash",
    "pixel_polygons",
    "rasterize",
    "read_gds",
    "read_glp",
    "read_layout",
    "simplify",
    "write_gds",
    "write_glp",
    "write_layout",
    "write_shots",
]
