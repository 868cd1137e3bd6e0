"""Published results on the ten ICCAD 2013 clips: mean L2 and PVB (nm^2), EPE violations, shots, seconds per clip.

Publications use two rasters of the targets (`inclusive` has one more row and column) and different kernels; each row
states its own.
"""

from typing import NamedTuple


class Published(NamedTuple):
    """One method; None where the publication gives no value."""

    method: str
    l2_nm2: float
    pvb_nm2: float
    epe: float | None
    shots: float | None
    seconds: str
    conditions: str


class PublishedNetwork(NamedTuple):
    """One mask network: (L2, PVB, EPE) of its masks as they are, and after refinement by ILT."""

    model: str
    raw: tuple[float, float, float]
    tuned: tuple[float, float, float]
    conditions: str


CONTEST_CLIPS = {f"M1_test{number}" for number in range(1, 11)}
PUBLISHED = (
    Published("MOSAIC", 44_013, 50_900, None, 1300, "789", "exact, contest kernels"),
    Published("GAN-OPC", 40_095, 50_568, None, None, "385", "exact, contest kernels"),
    Published("PGAN-OPC", 39_949, 49_957, None, 707, "371", "exact, contest kernels"),
    Published("Neural-ILT", 37_515, 50_964, None, 332, "12", "exact, contest kernels"),
    Published("DevelSet", 38_403, 48_673, None, 700, "1.3", "exact, contest kernels"),
    Published("A2-ILT", 36_867, 50_873, 7.9, 220, "4.5 (A6000)", "exact, contest kernels"),
    Published("SimpleILT (OpenILT)", 33_850, 44_713, 5.2, 712, "2.26 (RTX 3090)", "inclusive, contest kernels"),
    Published("CurvMulti (OpenILT)", 26_941, 43_417, 2.0, None, "-", "inclusive, contest kernels"),
    Published("MultiILT (DAC 2023)", 27_174, 39_873, 2.5, None, "3.45 (A6000)", "raster not stated"),
    Published("curvyILT (ISPD 2025)", 25_991, 38_612, 1.8, None, "1.6-2.1 (A6000)", "exact, own kernels (easier)"),
    Published("curvyILT, rescored", 27_449, 40_918, 1.9, None, "-", "exact, contest kernels"),
    Published("Gauss-Newton, no PVB term", 20_661, 44_591, 0.9, None, "760 (4-core CPU)", "inclusive, contest kernels"),
)

# As LithoBench trained them, on some 16,000 metal clips.
NETWORKS = (
    PublishedNetwork(
        "GAN-OPC", (43_414, 41_290, 8.7), (27_091, 43_168, 2.0), "36.6 M, 256 px, 32 epochs; raster not stated"
    ),
    PublishedNetwork(
        "Neural-ILT", (36_670, 42_666, 7.3), (27_407, 42_764, 2.6), "7.8 M, 512 px, 8 epochs; raster not stated"
    ),
    PublishedNetwork(
        "DAMO", (32_579, 41_173, 5.4), (27_300, 43_227, 1.8), "97.6 M, 1024 px, 4 epochs; raster not stated"
    ),
    PublishedNetwork(
        "CFNO", (47_814, 46_131, 12.5), (27_608, 42_888, 2.7), "1.9 M, 1024 px, 8 epochs; raster not stated"
    ),
)
