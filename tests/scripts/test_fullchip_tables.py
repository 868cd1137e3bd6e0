"""Tables of what scripts/fullchip.py measured."""

from typing import Any

from fullchip_tables import markdown

SCORE = {
    "area_nm2": 1e9,
    "l2_nm2": 1.0,
    "pvb_nm2": 2.0,
    "epe_violations": 0,
    "epe_sites": 3,
    "epe_mean_abs_nm": 1.0,
    "epe_3sigma_nm": 3.0,
    "epe_lost": 0,
    "seam_epe_nm": 1.0,
    "interior_epe_nm": 1.0,
}
CHIP: dict[str, Any] = {
    "rows": 10,
    "columns": 5,
    "core_nm": 4608.0,
    "halo_nm": 1024.0,
    "workers": 2,
    "seconds": {"plan": 1.0, "solve": 200.0, "stitch": 3.0, "score": 30.0},
    "tile_seconds": [8.0] * 50,
    "score_seconds": [2.0] * 50,
    "together_mb": 2500.0,
    "main_mb": 700.0,
    "worker_mb": 1000.0,
    "score": SCORE,
    "seams": [],
}


def test_a_cluster_from_a_block():
    """50 tiles of 10 s for 0.001 mm2, 4 s of which the main process takes alone: 5e5 and 4e3 s for 1 mm2."""
    text = markdown({"chip": CHIP}, "command")
    assert "360 tiles an hour a core, and 138.9 hours of a core" in text
    assert "planning and stitching, takes 4.0 s for 1000 µm²" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| 64 |")]
    assert row == "| 64 | 23,040 | 11.1 | 7.31 | 2.17 |"
