"""Settings of the parameterization `manhattan`: fragments, their moves, and assist features."""

from typing import Annotated

from pydantic import Field

from litho_dl.core.settings import Positive, Settings
from litho_dl.ilt.fragments import FragmentRules

KEPT_NM = 24.0
LARGEST_MOVE_NM = 40.0


class Fragmentation(Settings):
    """How `manhattan` cuts edges into fragments, how far these move, and what becomes of assist features.

    Attributes:
        corner_nm: Length in nm of the fragments beside corners.
        length_nm: Largest length in nm of the fragments between them.
        line_end_nm: Largest length in nm of an edge between two convex corners that is a line end: one fragment.
        largest_move_nm: Largest move in nm of a fragment from its drawn place, inwards or outwards.
        kept_nm: Width and space in nm that moves preserve at least; mask rules of the method raise it.
        assist_features: Whether features of the level before that lie away from the target become fixed rectangles;
            without them that level is only of use for the time it takes, so leave it out.
        assist_width_nm: Least width in nm of these rectangles; the rules' width raises it.
        assist_area_nm2: Least area in nm² of a feature that becomes rectangles; the rules' area raises it.
        assist_clearance_nm: Distance in nm from the target within which features are no assist features.
    """

    corner_nm: Positive = 40.0
    length_nm: Positive = 120.0
    line_end_nm: Annotated[float, Field(ge=0)] = 100.0
    largest_move_nm: Positive = LARGEST_MOVE_NM
    kept_nm: Positive = KEPT_NM
    assist_features: bool = True
    assist_width_nm: Positive = 24.0
    assist_area_nm2: Annotated[float, Field(ge=0)] = 2400.0
    assist_clearance_nm: Positive = 44.0

    @property
    def rules(self) -> FragmentRules:
        """How edges are cut."""
        return FragmentRules(self.corner_nm, self.length_nm, self.line_end_nm)

    def keeping(self, width_nm: float, space_nm: float, area_nm2: float) -> "Fragmentation":
        """The settings with limits of mask rules, where these are stricter."""
        return self.model_copy(
            update={
                "kept_nm": max(self.kept_nm, width_nm, space_nm),
                "assist_width_nm": max(self.assist_width_nm, width_nm),
                "assist_area_nm2": max(self.assist_area_nm2, area_nm2),
                "assist_clearance_nm": max(self.assist_clearance_nm, space_nm),
            }
        )
