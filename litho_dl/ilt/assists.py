"""Settings of assist features: whether, how far from the drawn shapes and how large they may be, and bars by rules."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from litho_dl.core.settings import LEFT_OUT_IF_NONE, Length, Positive, Settings
from litho_dl.layout.rules import MaskRules

CLEARANCE_NM = 44.0
Distance = Annotated[float, Field(ge=0, le=1e6)]


class Bars(Settings):
    """Rule-based assist features: bars beside the drawn edges, at any angle; see `ilt.bars`.

    Attributes:
        width_nm: Width of a bar; the rules' width raises it.
        distance_nm: Distance of the first row from the drawn edge, and of all bars from all drawn shapes; the rules'
            space raises it.
        pullback_nm: Length by which a bar is shorter than its edge, at either end.
        shortest_nm: Least length; shorter bars are left out. The rules' width and area raise it.
        rows: Number of rows beside each edge.
        spacing_nm: Distance between rows, and at least between any two bars; the rules' space raises it.
    """

    width_nm: Length
    distance_nm: Length
    pullback_nm: Distance = 0.0
    shortest_nm: Length = 40.0
    rows: Literal[1, 2] = 1
    spacing_nm: Length = 40.0

    @property
    def reach_nm(self) -> float:
        """Distance of the last row's far side from the drawn edge."""
        return self.distance_nm + self.rows * self.width_nm + (self.rows - 1) * self.spacing_nm

    def keeping(self, rules: MaskRules) -> "Bars":
        """The bars with the limits of mask rules, where these are stricter."""
        width_nm = max(self.width_nm, rules.min_width_nm)
        return self.model_copy(
            update={
                "width_nm": width_nm,
                "distance_nm": max(self.distance_nm, rules.min_space_nm),
                "shortest_nm": max(self.shortest_nm, rules.min_width_nm, rules.min_area_nm2 / width_nm),
                "spacing_nm": max(self.spacing_nm, rules.min_space_nm),
            }
        )


class Assists(Settings):
    """Assist features: those of the mask that touch no drawn shape.

    Distances from drawn shapes are along x or y, whichever is more, and kept to a mask pixel of the level; for bars and
    for the rectangles of `manhattan`, whose clearance is in any direction, they are exact.

    Attributes:
        allowed: Whether there may be any; if not, masks have features within `clearance_nm` of drawn shapes only.
        clearance_nm: Distance from drawn shapes up to which features are not assist features, but belong to these.
        reach_nm: Farthest distance of mask features from drawn shapes; None: no limit.
        widest_nm: Diameter of the largest disc that may fit into an assist feature; None: no limit. The clean-up
            shrinks wider ones on all sides, so it needs `clean`; rectangles of `manhattan` are no broader.
        narrowest_nm: Least width of the rectangles of `manhattan`; the rules' width raises it.
        smallest_nm2: Least area of such rectangles, and of a feature that becomes some; the rules' area raises it.
        space_nm: Least space between them, and from them to drawn shapes as moved; the rules' space raises it.
        bars: Bars by rules that are added to the masks to start from; in `manhattan`, fixed features in place of those
            of the level before, which can then be left out. None: no bars.
    """

    allowed: bool = True
    clearance_nm: Positive = CLEARANCE_NM
    reach_nm: Annotated[Length | None, LEFT_OUT_IF_NONE] = None
    widest_nm: Annotated[Length | None, LEFT_OUT_IF_NONE] = None
    narrowest_nm: Positive = 24.0
    smallest_nm2: Distance = 1600.0
    space_nm: Positive = 24.0
    bars: Annotated[Bars | None, LEFT_OUT_IF_NONE] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.reach_nm is not None and self.reach_nm < self.clearance_nm:
            raise ValueError(f"reach_nm must not be below clearance_nm of {self.clearance_nm:g}")
        if self.bars is not None and not self.allowed:
            raise ValueError("bars are assist features; they need allowed = true")
        if self.bars is not None:
            limits = ("widest_nm", self.widest_nm, self.bars.width_nm), ("reach_nm", self.reach_nm, self.bars.reach_nm)
            for name, limit, own in limits:
                if limit is not None and own > limit:
                    raise ValueError(f"{name} must not be below the {own:g} nm of the bars")
        return self

    @property
    def farthest_nm(self) -> float | None:
        """Farthest distance of mask features from drawn shapes; None: no limit."""
        return self.reach_nm if self.allowed else self.clearance_nm

    def keeping(self, rules: MaskRules) -> "Assists":
        """The settings with limits of mask rules, where these are stricter."""
        return self.model_copy(
            update={
                "clearance_nm": max(self.clearance_nm, rules.min_space_nm),
                "narrowest_nm": max(self.narrowest_nm, rules.min_width_nm),
                "space_nm": max(self.space_nm, rules.min_space_nm),
                "smallest_nm2": max(self.smallest_nm2, rules.min_area_nm2),
                "bars": self.bars and self.bars.keeping(rules),
            }
        )
