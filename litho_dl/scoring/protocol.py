"""The scoring protocols, versioned, all in this one file."""

from dataclasses import dataclass, replace

from litho_dl.core.errors import GridMismatchError, KernelError, MaskError
from litho_dl.core.grid import require_steps, same_length
from litho_dl.layout.rules import MaskRules
from litho_dl.optics.mask import MaskType
from litho_dl.process.model import ProcessModel
from litho_dl.process.recipe import REQUIRED_CORNERS


@dataclass(frozen=True)
class Protocol:
    """How masks are scored.

    The target is rasterised at `pixel_nm` and prints are thresholded there; the mask is binarised at 0.5; `nominal`,
    `outer` and `inner` are the process model's corners.

    Attributes:
        name: The name in reports.
        version: Increased whenever a score could change.
        pixel_nm: Pixel of target and prints.
        field_nm: Side of the square field that the protocol is defined for; None: any field.
        rules: Mask rules whose violations are counted; None: no mask rule check.
        drawn_edges: Whether edges are those of the drawn polygons, at any angle, and are measured to a fraction of a nm
            as well; otherwise they are those of the target's pixels.
    """

    name: str
    version: int
    pixel_nm: float
    field_nm: float | None
    rules: MaskRules | None
    drawn_edges: bool

    def defined_for(self, field_nm: tuple[float, float]) -> bool:
        """True if the protocol applies to a field of (height, width) nm."""
        return self.field_nm is None or all(same_length(side, self.field_nm) for side in field_nm)

    def scaled(self, scale: float) -> "Protocol":
        """The protocol for a process of a scale: pixel and rules follow, and with the pixel the limit of EPE.

        A protocol of one field stays as it is.
        """
        if self.field_nm is not None:
            return self
        rules = None if self.rules is None else self.rules.scaled(scale)
        return replace(self, pixel_nm=self.pixel_nm * scale, rules=rules)

    def counting(self, rules: MaskRules | None) -> "Protocol":
        """The protocol with other mask rules; None: itself."""
        return self if rules is None else replace(self, rules=rules)

    def require(self, field_nm: tuple[float, float], mask: MaskType) -> None:
        """Checks that the protocol can score masks of given optics.

        Args:
            field_nm: (height, width) of the field in nm.
            mask: The mask technology.

        Raises:
            MaskError: The mask technology has more than two values.
            GridMismatchError: The protocol is defined for another field, or its pixel does not divide this one.
        """
        if mask.type == "alternating":
            raise MaskError("Alternating masks have three values; the protocols score binary and attenuated masks.")
        if not self.defined_for(field_nm):
            raise GridMismatchError(
                f"Protocol {self.name} is defined for a field of {self.field_nm:g} nm, got one of {field_nm[1]:g} x "
                f"{field_nm[0]:g} nm; use the protocol default."
            )
        require_steps(field_nm, self.pixel_nm, f"protocol {self.name}")


RULES = MaskRules(20.0, 20.0, 1000.0)
PROTOCOLS = {
    # The scores of the ICCAD 2013 contest; published tables use its kernels (threshold 0.225, amplitude +-2 %).
    "iccad13": Protocol("iccad13", version=2, pixel_nm=1.0, field_nm=2048.0, rules=RULES, drawn_edges=False),
    # The same scores on any optics, at their scale, and edges measured to a fraction of a nm.
    "default": Protocol("default", version=4, pixel_nm=1.0, field_nm=None, rules=RULES, drawn_edges=True),
}


def default_protocol(process: ProcessModel) -> Protocol:
    """The protocol `iccad13` for kernels without a recipe on its field, otherwise `default` at the process's scale.

    Raises:
        KernelError: The process lacks a corner that scoring needs.
    """
    missing = [name for name in REQUIRED_CORNERS if name not in process.corners]
    if missing:
        raise KernelError(f"Expected a process with corners {', '.join(REQUIRED_CORNERS)}, got no {missing[0]}.")
    iccad13 = PROTOCOLS["iccad13"]
    contest_like = process.recipe is None and iccad13.defined_for(process.field_nm)
    return iccad13 if contest_like else PROTOCOLS["default"].scaled(process.scale)
