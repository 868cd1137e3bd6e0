"""Chemically amplified resists: exposure, bake and development, from data-sheet numbers."""

import math
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Self

import torch
from pydantic import Discriminator, Field, Tag, model_validator
from torch import Tensor

from litho_dl.core.settings import Positive, Settings, Slope
from litho_dl.optics.print_rule import MaskField
from litho_dl.process.bake import Kinetics, bake
from litho_dl.process.resist import Resist, ResistShape, Tone, shape_of

Diffusion = Annotated[float, Field(ge=0, le=1000)]
MOST_INTENSITY = 1e3
FLOOD_STEPS = 32


class Development(Settings):
    """Mack's development rate, which a front follows into the resist: only profiles need it.

    With the soluble share s, of deprotected sites (or in negative-tone development of protected ones),

        r(s) = r_max (a + 1) s^n / (a + s^n) + r_min,        a = (n + 1) / (n - 1) (1 - m_th)^n.

    Attributes:
        r_max_nm_s: Rate where all is soluble, less r_min.
        r_min_nm_s: Rate where nothing is.
        order: n, the selectivity; > 1.
        inhibitor_threshold: m_th, the insoluble share at the bend of the curve.
        seconds: Time of development.

    Source: C. A. Mack, Fundamental Principles of Optical Lithography (2007), sec. 7.2; J. Electrochem. Soc. 134, 148
    (1987).
    """

    r_max_nm_s: Positive
    r_min_nm_s: Positive
    order: Annotated[float, Field(gt=1, le=100)]
    inhibitor_threshold: Annotated[float, Field(lt=1, ge=-100)]
    seconds: Positive

    def rate_nm_s(self, soluble: Tensor) -> Tensor:
        """The rate in nm / s where a share in [0, 1] is soluble; of the same shape."""
        n, power = self.order, soluble.clamp(min=0) ** self.order
        a = (n + 1) / (n - 1) * (1 - self.inhibitor_threshold) ** n
        return self.r_max_nm_s * (a + 1) * power / (a + power) + self.r_min_nm_s


class ChemicalResist(Settings):
    """Chemically amplified resist: light releases acid, and in the bake acid deprotects; see `process.bake`.

    It prints where the deprotected share reaches `deprotection`. Images in the loop are equivalent intensities, which
    have the usual units and steepness; see `latent`.

    Attributes:
        dose_mj_cm2: Dose in mJ / cm^2 that an intensity of 1 stands for, at dose 1.
        dill_a_per_um: Dill's A in 1 / um, the absorption that exposure bleaches; only profiles bleach.
        dill_b_per_um: Dill's B in 1 / um, the absorption that stays. Images absorb by the film's k, which must be that
            of A + B; None: whatever the film has.
        dill_c_cm2_mj: Dill's C in cm^2 / mJ, the rate of exposure.
        quencher: Base, as a share of the acid that full exposure releases.
        bake_s: Time of the post-exposure bake.
        acid_diffusion_nm: Diffusion length of the acid over the bake, sqrt(2 D T).
        quencher_diffusion_nm: Diffusion length of the quencher.
        neutralisation_per_s: k_q, rate of acid and quencher, of a concentration of 1.
        deprotection_per_s: k_a, rate of deprotection by all acid.
        order: n, order of the acid in the deprotection.
        deprotection: Share of deprotected sites at which the resist changes.
        steepness: As of `Resist`, per unit of equivalent intensity.
        tone: As of `Resist`; `negative` is negative-tone development, which removes what light did not reach.
        development: Rate of development; None: no profiles.
    """

    model: Literal["chemical"]
    dose_mj_cm2: Positive
    dill_a_per_um: Annotated[float, Field(ge=0, le=1000)] = 0.0
    dill_b_per_um: Annotated[float, Field(ge=0, le=1000)] | None = None
    dill_c_cm2_mj: Positive
    quencher: Annotated[float, Field(ge=0, le=1)] = 0.0
    bake_s: Positive
    acid_diffusion_nm: Diffusion = 0.0
    quencher_diffusion_nm: Diffusion = 0.0
    neutralisation_per_s: Positive = 1.0
    deprotection_per_s: Positive
    order: Annotated[float, Field(ge=1, le=10)] = 1.0
    deprotection: Annotated[float, Field(gt=0, lt=1)] = 0.5
    steepness: Slope = 50.0
    tone: Tone = "positive"
    development: Development | None = None

    @model_validator(mode="after")
    def _prints(self) -> Self:
        most = 1 - math.exp(-self.deprotection_per_s * float(self.flood(torch.ones((), dtype=torch.float64))))
        if most <= self.deprotection * (1 + 1e-9):
            raise ValueError(
                f"deprotection must be below {most:.3g}, which a bake of fully exposed resist reaches, got "
                f"{self.deprotection:g}; less quencher, a longer bake or a higher deprotection_per_s reach more"
            )
        if _dose_to_print(self) is None:
            raise ValueError(f"dose_mj_cm2 and dill_c_cm2_mj: no intensity up to {MOST_INTENSITY:g} prints; raise them")
        return self

    @property
    def kinetics(self) -> Kinetics:
        """What its bake does."""
        return Kinetics(
            self.bake_s,
            self.acid_diffusion_nm,
            self.quencher_diffusion_nm,
            self.quencher,
            self.neutralisation_per_s,
            self.order,
        )

    @property
    def threshold(self) -> float:
        """The intensity that prints where light falls evenly: that of latent images, as the bake leaves it alone."""
        return flood_point(self).threshold

    @property
    def diffusion_nm(self) -> float:
        """0: intensities reach the resist without a blur of their own."""
        return 0.0

    @property
    def lumped(self) -> Resist:
        """The threshold resist that it tends to: weak exposure, little quencher, n = 1.

        Acid released at any time of the bake has diffused over half of it on average: sigma = acid_diffusion / sqrt 2.
        """
        sigma = self.acid_diffusion_nm / math.sqrt(2)
        return Resist(threshold=self.threshold, steepness=self.steepness, diffusion_nm=sigma, tone=self.tone)

    def shape_of(self, field: MaskField, *, drawn: bool = True) -> ResistShape:
        """As `Resist.shape_of`."""
        return shape_of(self.tone, field, drawn=drawn)

    def acid(self, intensity: Tensor) -> Tensor:
        """The share of acid released, h = 1 - exp(-C E), at an intensity that includes the dose."""
        return -torch.expm1(intensity * (-self.dill_c_cm2_mj * self.dose_mj_cm2))

    def flood(self, acid: Tensor) -> Tensor:
        """The amplification in s where acid is spread evenly, so that diffusion changes nothing."""
        return bake(acid, self.kinetics, None, FLOOD_STEPS).amplification

    def latent(self, amplification: Tensor) -> Tensor:
        """The amplification as an equivalent intensity: I_th + (a - a_th) / a'(I_th), with a(I) that of even light.

        A linear map, so that it is as smooth as the amplification; near its threshold it is the intensity of even light
        that would print alike, to first order.

        Args:
            amplification: Integral of h^n over the bake in s, any shape.
        """
        at = flood_point(self)
        return (amplification - at.amplification) / at.slope + at.threshold

    def deprotected(self, amplification: Tensor) -> Tensor:
        """The share of deprotected sites, 1 - exp(-k_a a), of the same shape."""
        return -torch.expm1(-self.deprotection_per_s * amplification)


class FloodPoint(NamedTuple):
    """Where evenly lit resist prints: the intensity, the amplification there in s, and its slope by intensity."""

    threshold: float
    amplification: float
    slope: float


def _dose_to_print(resist: ChemicalResist) -> float | None:
    """The lowest intensity that prints where light falls evenly; None: there is none."""
    from scipy.optimize import brentq  # imported here: it loads slowly, and few resists are chemical

    wanted = -math.log1p(-resist.deprotection) / resist.deprotection_per_s

    def excess(logarithm: float) -> float:
        intensity = torch.tensor(math.exp(logarithm), dtype=torch.float64)
        return float(resist.flood(resist.acid(intensity))) - wanted

    ends = math.log(1 / MOST_INTENSITY**2), math.log(MOST_INTENSITY)
    if excess(ends[0]) >= 0 or excess(ends[1]) <= 0:
        return None
    return math.exp(brentq(excess, *ends, xtol=1e-14, rtol=1e-14))


@lru_cache(maxsize=64)
def flood_point(resist: ChemicalResist) -> FloodPoint:
    """Where evenly lit resist prints."""
    threshold = _dose_to_print(resist)
    assert threshold is not None  # checked with the settings
    with torch.inference_mode(False), torch.enable_grad():
        intensity = torch.tensor(threshold, dtype=torch.float64, requires_grad=True)
        amplification = resist.flood(resist.acid(intensity))
        (slope,) = torch.autograd.grad(amplification, intensity)
    return FloodPoint(threshold, float(amplification.detach()), float(slope))


def _model(table: Any) -> str:
    """Which resist a table or an object is."""
    name = table.get("model") if isinstance(table, dict) else getattr(table, "model", None)
    return "<chemical>" if name == "chemical" else "<threshold>"


AnyResist = Annotated[
    Annotated[Resist, Tag("<threshold>")] | Annotated[ChemicalResist, Tag("<chemical>")], Discriminator(_model)
]
