"""A run's folder as one page."""

import json
import re

import pytest
from PIL import Image
from scenes.report import HOSTILE, square, write_run

from litho_dl.layout.layout import Layout
from litho_dl.layout.stack import write_stack
from litho_dl.report import page
from litho_dl.report.page import write_report
from litho_dl.report.run import read_run


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run")


@pytest.fixture
def html(folder) -> str:
    return write_report(folder).read_text(encoding="utf-8")


class TestPage:
    def test_needs_nothing_from_outside(self, html):
        assert not re.search(r"https?://|\bsrc=\"(?!data:)|\bhref=\"(?!data:|#)|@import|url\(", html)

    def test_names_are_text(self, html):
        assert HOSTILE not in html
        assert "<img src=x" not in html
        assert html.count("&lt;img src=x onerror=alert(1)&gt;&amp;amp; {{ 7 * 7 }}") >= 3  # clip, score, site

    def test_files_of_the_run_are_not_named(self, html):
        assert "secret" not in html

    def test_means_and_settings(self, html):
        assert re.search(r"<dt>L2 \(nm²\)</dt><dd>19,500</dd>", html)
        assert re.search(r"<dt>L2 \+ PVB \(nm²\)</dt><dd>64,500</dd>", html)
        assert re.search(r"<dt>Optics</dt><dd>made-up</dd>", html)
        assert re.search(r"<dt>Solve \(s\)</dt><dd>1</dd>", html)
        assert re.search(r"<dt>Solve \(s per clip\)</dt><dd>0.5</dd>", html)

    def test_published_results_only_under_their_protocol(self, folder, html):
        assert "curvyILT" in html
        assert "cannot be compared" in html  # two clips are not the contest's ten
        text = (folder / "scores.json").read_text().replace("iccad13/2", "default/4")
        (folder / "scores.json").write_text(text)
        assert "curvyILT" not in write_report(folder).read_text(encoding="utf-8")

    def test_a_second_report_is_the_same(self, folder, html):
        assert write_report(folder).read_text(encoding="utf-8") == html

    def test_the_first_pictures_are_embedded(self, folder, html, monkeypatch):
        assert re.findall(r'class="file">([\w.]+\.png)', html) == ["gallery.png", "raster.png"]  # convergence is drawn
        assert re.search(r'alt="raster.png"[^>]* class="array"', html)
        assert not re.search(r'alt="gallery.png"[^>]* class="array"', html)
        for index in range(4):
            Image.new("RGB", (8, 8)).save(folder / f"more{index}.png")
        monkeypatch.setattr(page, "MOST_PICTURES", 3)
        html = write_report(folder).read_text(encoding="utf-8")
        assert html.count("<img src=") == 3
        assert "The first 3 pictures; 3 more" in html
        monkeypatch.setattr(page, "MOST_PICTURE_BYTES", 0)
        assert "<img src=" not in page.render(read_run(folder))

    def test_the_first_clips_are_drawn(self, folder, monkeypatch):
        monkeypatch.setattr(page, "MOST_CLIPS", 1)
        html = write_report(folder).read_text(encoding="utf-8")
        assert html.count('<svg class="clip"') == 1
        assert 'data-name="plain"' in html
        assert "The first 1 clips; 1 more" in html

    def test_long_tables_are_cut(self, html):
        assert "The first 200 of 250 rows" in html


class TestChip:
    """A folder without scores of clips, but of a whole layout and its worst places."""

    @pytest.fixture
    def html(self, tmp_path) -> str:
        folder = write_run(tmp_path / "mask.fullchip")
        (folder / "convergence.csv").unlink()
        for old in (*folder.glob("*.layers.oas"), *folder.glob("*.png")):
            old.unlink()
        names = ("chip", "spot_01", "spot_02")
        for name in names:
            Image.new("RGB", (64, 32)).save(folder / f"{name}.png")
        for name in names[1:]:
            stack = {"target": Layout("t", (square(0, 0, 100),)), "mask": Layout("m", (square(-20, -20, 140),))}
            write_stack(folder / f"{name}.layers.oas", stack, cell="TOP")
        result = {
            **{"command": "litho-dl fullchip", "version": "0", "mask": "/home/me/mask.oas", "layout": "cells.gds"},
            **{"layer": "11/0", "optics": "made-up", "method": "fast", "refine": None, "l2_nm2": 1.0, "pvb_nm2": 2.0},
            **{"window_nm": [0.0, 0, 900.0, 900], "tolerance": 0.001, "halo_nm": 768.0, "tile_nm": 1024.0},
            **{"seconds": {"solve": 3.25}, "epe_violations": 0, "mrc_violations": {"width": 2, "space": 1}},
        }
        (folder / "scores.json").write_text(json.dumps(result))
        (folder / "plan.json").write_text(json.dumps({"digest": "0badcafe", "network": False, "levels": [{"n": 1}]}))
        rows = [f"{x},40.0,{epe},0,{x}" for x, epe in ((100.0, 9.5), (0.0, -8.5), (50.0, 7.5))]
        (folder / "hotspots.csv").write_text("\n".join(["x_nm,y_nm,epe_nm,violations,seam_distance_nm", *rows, ""]))
        return write_report(folder).read_text(encoding="utf-8")

    def test_head(self, html):
        assert "<h1>cells.gds, fast</h1>" in html
        assert re.findall(r"<dt>(.+?)</dt><dd>(.+?)</dd>", html)[:5] == [
            *(("L2 (nm²)", "1"), ("PVB (nm²)", "2"), ("L2 + PVB (nm²)", "3")),
            *(("EPE violations", "0"), ("MRC violations", "3")),
        ]

    def test_settings_are_in_the_order_of_the_work(self, html):
        _, settings = html.split('<dl class="settings">')
        shown = re.findall(r"<dt>(.+?)</dt><dd>(.+?)</dd>", settings)
        assert [key for key, _ in shown[:8]] == [
            *("Layout", "Layer", "Window (nm)", "Optics", "Method", "Tile (nm)", "Halo (nm)", "Tolerance"),
        ]
        assert [key for key, _ in shown[-2:]] == ["Command", "Version"]
        assert dict(shown)["Mask"] == "mask.oas"
        assert "<dt>Solve (s)</dt><dd>3.25</dd>" in html

    def test_what_only_the_run_needs_is_left_out(self, html):
        assert not re.search("digest|0badcafe|plan.json|Network|home/me", html)

    def test_the_map_comes_first_and_each_place_once(self, html):
        assert re.findall(r'<img src="[^"]*" alt="([^"]*)"', html) == ["chip.png"]
        assert re.findall(r"<h2[^>]*>([^<]+)</h2>", html)[:3] == ["Overview", "Worst places", "Worst sites"]
        assert re.findall(r"<h3>([^<]+)</h3>", html) == ["spot_01", "spot_02"]
        assert "<dt>EPE (nm)</dt><dd>−8.5</dd>" in html
        assert re.findall(r'data-clip="([^"]*)" data-x="([^"]*)"', html) == [
            *(("spot_01", "100.0"), ("spot_02", "0.0"), ("", "50.0")),
        ]
