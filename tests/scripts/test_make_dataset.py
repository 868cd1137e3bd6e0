"""The reference data set script: its card says what the data set holds."""

import csv
import re

import make_dataset
import pytest
from click.testing import CliRunner
from scenes.pairs import write_recipe

from litho_dl.pairs.build import read_timing
from litho_dl.pairs.manifest import read_manifest


def test_the_card(tmp_path):
    recipe = write_recipe(tmp_path, ("[splits]", "[quality]\nl2_share = 0.9\n[splits]"))
    places = ["--folder", str(tmp_path / "pairs"), "--out", str(tmp_path / "results"), "--workers", "1"]
    result = CliRunner().invoke(make_dataset.main, ["--recipe", str(recipe), *places], catch_exceptions=False)
    assert result.exit_code == 0
    text = (tmp_path / "results" / "pairs.md").read_text()
    manifest = read_manifest(tmp_path / "pairs")
    assert f"**Pairs:** {manifest.pairs} of 11 clips" in text
    assert "limits: l2_share at most 0.9" in text
    rows = list(csv.DictReader((tmp_path / "results" / "pairs.csv").open()))
    assert len(rows) == manifest.pairs
    mean = sum(float(row["l2_nm2"]) for row in rows) / len(rows)
    assert f"| l2_nm2 | {mean:,.1f} |" in text
    shares = [float(share) for share in re.findall(r"([\d.]+)%", text)]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    timing = read_timing(tmp_path / "pairs")
    assert sorted(timing) == list(range(6))
    assert sum(row["clips"] for row in timing.values()) == 11
    for name in ("pairs.png", "pairs.scores.png"):
        assert (tmp_path / "results" / name).read_bytes().startswith(b"\x89PNG")
