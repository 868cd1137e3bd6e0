"""Edge noise by photons: what shot noise makes of edges, widths and areas, to first order in the image.

Photons arrive independently of each other, n per nm^2 where the intensity is 1, and each leaves a Gaussian of standard
deviation b, the resist's blur. The blurred intensity I then fluctuates as the count of photons in an area of 4 pi b^2
does (Campbell's theorem), and what it does at two points is alike within the blur:

    sigma_I^2 = I / (4 pi b^2 n),        corr(r) = exp(-r^2 / (4 b^2)).

An edge stands where I is the threshold, so a change of I moves it by -dI / |grad I|:

    sigma_x = sigma_I / |grad I| = (sigma_I / I) / ILS.

Source: N. Campbell, Proc. Camb. Phil. Soc. 15, 117 (1909); G. M. Gallatin, Proc. SPIE 5754, 38 (2005): resist blur and
line edge roughness; C. A. Mack, Proc. SPIE 10583, 1058315 (2018): shot noise in lithography.
"""

import math
from dataclasses import dataclass

import numpy as np

from litho_dl.core.errors import LithoError

PHOTONS = 1e-17 / (
    6.62607015e-34 * 299_792_458 / 1e-9
)  # per nm^2, of 1 mJ / cm^2 = 1e-17 J / nm^2 and 1 nm of wavelength


def photons_per_nm2(dose_mj_cm2: float, wavelength_nm: float) -> float:
    """Photons per nm^2 of a dose: E lambda / (h c).

    Args:
        dose_mj_cm2: Dose in mJ / cm^2.
        wavelength_nm: Vacuum wavelength.
    """
    return PHOTONS * dose_mj_cm2 * wavelength_nm


@dataclass(frozen=True)
class ShotNoise:
    """The noise of an intensity that photons make up.

    Attributes:
        per_nm2: Photons that act, such as those absorbed, per nm^2 where the intensity is 1; > 0.
        blur_nm: Standard deviation of the Gaussian that each leaves; > 0.

    Raises:
        LithoError: One is not positive.
    """

    per_nm2: float
    blur_nm: float

    def __post_init__(self) -> None:
        if not (0 < self.per_nm2 < math.inf and 0 < self.blur_nm < math.inf):
            raise LithoError(
                f"Expected photons and a blur, as without blur noise has no bounds, got {self.per_nm2:g} per nm² and "
                f"{self.blur_nm:g} nm; give a resist with diffusion."
            )

    @property
    def area_nm2(self) -> float:
        """The area whose photons a point counts: 4 pi b^2."""
        return 4 * math.pi * self.blur_nm**2

    def intensity_sigma(self, intensity: np.ndarray) -> np.ndarray:
        """Standard deviation of a blurred intensity, of its shape."""
        return np.sqrt(np.maximum(intensity, 0) / (self.area_nm2 * self.per_nm2))

    def correlation(self, distance_nm: np.ndarray) -> np.ndarray:
        """Correlation of the noise at two points, by their distance."""
        return np.exp(-((distance_nm / (2 * self.blur_nm)) ** 2))

    def edge_sigma_nm(self, intensity: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Standard deviation of edges (n,) in nm along their normals.

        Args:
            intensity: Blurred intensity at the edges, the threshold.
            slopes: |grad I| there in 1 / nm.
        """
        return self.intensity_sigma(intensity) / slopes

    def width_sigma_nm(self, edges_nm: np.ndarray, width_nm: float) -> float:
        """Standard deviation of a width, between two edges that move with (2,) `edges_nm`, `width_nm` apart.

        Light that is common to both widens, or narrows, the width at both.
        """
        first, second = edges_nm
        return float(np.sqrt(first**2 + second**2 + 2 * first * second * self.correlation(np.array(width_nm))))

    def area_sigma_nm2(self, points_nm: np.ndarray, lengths_nm: np.ndarray, edges_nm: np.ndarray) -> float:
        """Standard deviation of an area, which grows by the integral of its edge's movement.

        Args:
            points_nm: (n, 2) points of the closed edge, at steps well below the blur.
            lengths_nm: (n,) length of edge that each stands for.
            edges_nm: (n,) standard deviation of the edge there.
        """
        apart = np.hypot(*(points_nm[:, None] - points_nm[None]).transpose(2, 0, 1))
        moves = lengths_nm * edges_nm
        return float(np.sqrt(moves @ self.correlation(apart) @ moves))


def diameter_sigma_nm(area_sigma_nm2: float, area_nm2: float) -> float:
    """Standard deviation of the diameter of the circle of an area: d sqrt(4 A / pi) = dA / sqrt(pi A)."""
    return area_sigma_nm2 / math.sqrt(math.pi * area_nm2)


def failure_probability(margin: float, sigma: float) -> float:
    """The probability that a Gaussian of standard deviation `sigma` exceeds a margin: erfc(z / sqrt 2) / 2."""
    return math.erfc(margin / sigma / math.sqrt(2)) / 2
