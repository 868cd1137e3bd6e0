"""Settings of the parameterization `manhattan`: fragments and their moves."""

from typing import Annotated

from pydantic import Field

from litho_dl.core.settings import Positive, Settings
from litho_dl.ilt.fragments import FragmentRules
from litho_dl.layout.rules import MaskRules

KEPT_NM = 24.0
LARGEST_MOVE_NM = 40.0


class Fragmentation(Settings):
    """How `manhattan` cuts edges into fragments, and how far these move.

    Attributes:
        corner_nm: Length in nm of the fragments beside corners.
        length_nm: Largest length in nm of the fragments between them.
        line_end_nm: Largest length in nm of an edge between two convex corners that is a line end: one fragment.
        largest_move_nm: Largest move in nm of a fragment from its drawn place, inwards or outwards.
        kept_nm: Width and space in nm that moves preserve at least, for which shorter fragments are lengthened; mask
            rules of the method raise it.
    """

    corner_nm: Positive = 40.0
    length_nm: Positive = 80.0
    line_end_nm: Annotated[float, Field(ge=0)] = 100.0
    largest_move_nm: Positive = LARGEST_MOVE_NM
    kept_nm: Positive = KEPT_NM

    @property
    def rules(self) -> FragmentRules:
        """How edges are cut: no part of one is shorter than what moves preserve."""
        return FragmentRules(max(self.corner_nm, self.kept_nm), max(self.length_nm, 2 * self.kept_nm), self.line_end_nm)

    def keeping(self, rules: MaskRules) -> "Fragmentation":
        """The settings with limits of mask rules, where these are stricter."""
        return self.model_copy(update={"kept_nm": max(self.kept_nm, rules.min_width_nm, rules.min_space_nm)})
