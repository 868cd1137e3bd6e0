"""The scores of a mask, as values and as text."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class EdgeScore:
    """Edge scores of the `default` protocol, over all sites of the target.

    Attributes:
        epe_mean_nm: Mean signed edge placement error, positive where the print is larger than drawn.
        epe_3sigma_nm: Three standard deviations of the edge placement error.
        epe_max_nm: Largest absolute edge placement error.
        epe_lost: Sites with no printed edge within 60 nm; the three values above leave them out.
        ils_per_um: Mean image log-slope at the target's edges; None where it has none, as it fills the field.
        nils: Mean normalised image log-slope; None likewise.
    """

    epe_mean_nm: float | None
    epe_3sigma_nm: float | None
    epe_max_nm: float | None
    epe_lost: int
    ils_per_um: float | None
    nils: float | None


@dataclass(frozen=True, repr=False)
class Scorecard:
    """The scores of a mask.

    Attributes:
        clip: The target's name.
        protocol: Name and version, e.g. `iccad13/2`.
        raster: How the target is rasterised, `exact` or `inclusive`.
        l2_nm2: Area where the nominal print differs from the target.
        pvb_nm2: Area where the outer and inner prints differ.
        epe_violations: Violations by the `openilt` rule (15 nm, per probe).
        epe_violations_3nm: Violations at the same sites, per probe, by edges that are more than 3 nm off.
        epe_violations_neuralilt: Violations by the `neuralilt` rule (16 nm, per site).
        epe_sites: Sites of the `openilt` rule.
        stray_prints: Connected regions that print at the corner nominal, outer or inner and touch no drawn shape.
        shots: Rectangles of the mask's fracture (klayout trapezoid decomposition, at the mask's pixel).
        vertices: Vertices of the mask's polygons as they are drawn, or of the outline along its pixels.
        multibeam_ms: Time of a multi-beam mask writer for the field, the same for all masks (see
            `litho_dl.metrics.write_cost`); None for light that writes without a mask.
        edges: Sub-pixel edge scores; None under `iccad13`.
        mrc_violations: Violations of the protocol's mask rules, by rule; None if it has none.
        scoring_seconds: Wall time of the scoring.
    """

    clip: str
    protocol: str
    raster: str
    l2_nm2: float
    pvb_nm2: float
    epe_violations: int
    epe_violations_3nm: int
    epe_violations_neuralilt: int
    epe_sites: int
    stray_prints: int
    shots: int
    vertices: int
    multibeam_ms: float | None
    edges: EdgeScore | None
    mrc_violations: dict[str, int] | None
    scoring_seconds: float

    def as_dict(self) -> dict[str, object]:
        """The scores as plain values by name, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """A table with one line a score, for `print`."""
        return as_lines(self.as_dict())

    def __repr__(self) -> str:
        return (
            f"Scorecard({self.clip}, {self.protocol}: L2 {self.l2_nm2:,.0f} nm², PVB {self.pvb_nm2:,.0f} nm², "
            f"EPE {self.epe_violations} (3 nm: {self.epe_violations_3nm}) of {self.epe_sites} sites, "
            f"{self.stray_prints} stray prints, {self.shots} shots, {self.vertices} vertices)"
        )


def as_lines(card: Mapping[str, object], indent: str = "") -> str:
    """Values as aligned text, one line each; those that are None are left out.

    Args:
        card: Values by name, such as `Scorecard.as_dict()`; tables may be nested.
        indent: Blanks before each line.

    Returns:
        The text.
    """
    lines = []
    for key, value in card.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{key}", as_lines(value, indent + "  ")]
        elif value is not None:
            lines.append(f"{indent}{key:<26} {_shown(value)}")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return (", " if isinstance(value[0], str) else " x ").join(_shown(entry) for entry in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
