"""litho-dl rectangles."""

import json

import numpy as np
import pytest
from scenes.command_line import litho, refused, succeeded

from litho_dl.layout.files import read_layout

OPTIONS = ("rectangles", "--target", "cross.glp", "--mask", "mask.png", "--optics", "small.safetensors")


def test_counts_files_and_the_front(here, tmp_path):
    result = succeeded(*OPTIONS, "--most", 12, "--most", 3, "--out", tmp_path)
    assert [entry["most"] for entry in result["masks"]] == [3, 12]
    for entry in result["masks"]:
        assert entry["rectangles"] <= entry["most"]
        boxes = np.loadtxt(tmp_path / f"cross.{entry['most']}.shots.csv", delimiter=",", skiprows=1, ndmin=2)
        assert len(boxes) == entry["rectangles"]
        oas = read_layout(tmp_path / f"cross.{entry['most']}.shots.oas")
        assert oas.area_nm2 == pytest.approx((boxes[:, 2] * boxes[:, 3]).sum())  # none overlaps
        scored = succeeded(
            *("evaluate", "--target", "cross.glp", "--mask", entry["files"][0]),
            *("--optics", "small.safetensors", "--protocol", "default"),
        )
        assert scored["l2_nm2"] + scored["pvb_nm2"] == pytest.approx(entry["l2_pvb_nm2"])
    few, many = (entry["l2_pvb_nm2"] for entry in result["masks"])
    assert many <= few
    assert json.loads((tmp_path / "cross.rectangles.json").read_text())["masks"] == result["masks"]
    assert (tmp_path / "cross.front.png").is_file()


def test_a_table_and_no_picture(here, tmp_path):
    out = litho(*OPTIONS, "--most", 6, "--out", tmp_path).out.splitlines()
    assert out[0].split()[:3] == ["at", "most", "rectangles"]
    assert out[1].split()[0] == "6"
    assert out[2].startswith("  the mask")
    assert not list(tmp_path.glob("*.png"))


def test_too_few_rectangles(here, tmp_path):
    mask = ("--target", "lines.glp", "--mask", "lines.glp")
    error = refused(litho("rectangles", *mask, *OPTIONS[5:], "--most", 1, "--out", tmp_path))
    assert "at least" in error
    assert "least possible" in error
