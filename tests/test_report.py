"""litho-dl report: what a folder holds, how it is shown, and what is refused."""

import json
import re

import numpy as np
import pytest
from scenes.command_line import litho, refused, succeeded
from PIL import Image
from scenes.report import HOSTILE, square, write_run

from litho_dl.cli.main import COMMANDS, cli
from litho_dl.layout.files import read_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.layout.stack import read_stack, write_stack
from litho_dl.report import page
from litho_dl.report.chart import HEIGHT, LEFT, RIGHT, WIDTH, axis, curves, front
from litho_dl.report.drawing import draw, path_data
from litho_dl.report.names import better, titled
from litho_dl.report.page import write_report
from litho_dl.report.run import read_run
from litho_dl.report.table import make_table, shown


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
        text = (folder / "scores.json").read_text().replace("iccad13/1", "default/2")
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


class TestRun:
    def test_any_json(self, tmp_path):
        found = {
            **{"a": 1, "b": {"c": [1, 2], "long": list(range(50))}, "nothing": None, "figure": "x.png"},
            **{"stages": {"one": {"n": 1, "s": {"t": 2}}, "two": {"n": 3, "s": {"t": 4}}}, "rows": [{"k": "v"}]},
        }
        (tmp_path / "any.json").write_text(json.dumps(found))
        run = read_run(tmp_path)
        assert run.facts == {"a": 1, "b.c": "1, 2", "b.long": "50 values"}
        assert run.tables["any: stages"].records == (
            {"name": "one", "n": 1, "s.t": 2},
            {"name": "two", "n": 3, "s.t": 4},
        )
        assert run.tables["any: rows"].records == ({"k": "v"},)

    def test_scores_are_of_clips(self, tmp_path):
        front = [{"trial": n, "l2_nm2": 1.0, "pvb_nm2": n} for n in (1, 2)]
        (tmp_path / "a.json").write_text(json.dumps({"version": "old", "l2_nm2": 7.5, "front": front}))
        run = read_run(tmp_path)
        assert (run.scores, list(run.tables)) == (None, ["a: front"])
        assert page.tiles(run) == [("L2 (nm²)", "7.5")]
        clips = [{"clip": "x", "l2_nm2": 1.0, "pvb_nm2": 2.0, "protocol": "p/1"}]
        (tmp_path / "b.json").write_text(json.dumps({"version": "new", "clips": clips}))
        (tmp_path / "c.json").write_text(json.dumps({"version": "other"}))
        run = read_run(tmp_path)
        assert run.scores.records == ({"clip": "x", "l2_nm2": 1.0, "pvb_nm2": 2.0, "sum_nm2": 3.0},)
        assert (run.facts["version"], run.facts["protocol"], run.files["c.json"]) == (
            "new",
            "p/1",
            {"version": "other"},
        )

    def test_scores_have_sums_right_after_the_headline_figures(self, tmp_path):
        rules = {"width": 90, "space": 61, "area": 27}
        clip = {"clip": "x", "shots": 5, "l2_nm2": 1.0, "pvb_nm2": 2.0, "epe_violations": 3, "mrc_violations": rules}
        (tmp_path / "scores.json").write_text(json.dumps({"clips": [clip]}))
        run = read_run(tmp_path)
        assert [column.title for column in run.scores.columns[4:7]] == ["EPE violations", "MRC violations", "Shots"]
        assert [cell.text for cell in run.scores.rows[0][4:7]] == ["3", "178", "5"]
        assert ("MRC violations", "178") in page.tiles(run)

    def test_csv_values(self, tmp_path):
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "t.csv").write_text("n,x,word\n1,2.5,a\n-3,nan,\n")
        records = read_run(tmp_path).tables["sub/t.csv"].records
        assert records == ({"n": 1, "x": 2.5, "word": "a"}, {"n": -3, "x": None, "word": ""})

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("scores.json", "{", "scores.json: expected JSON"),
            ("scores.json", "[" * 100_000, "scores.json: expected JSON"),
            ("scores.json", b"\xff\xfe", "scores.json: expected JSON"),
            ("t.csv", "a,b\n1,2,3\n", "t.csv: expected as many fields"),
            ("t.csv", "a,b\n1\n", "t.csv: expected as many fields"),
            ("t.csv", 'a,b\n"1,2\n', "t.csv: expected a table"),
            ("t.csv", b"a\n\xff\n", "t.csv: expected a table"),
            ("p.png", "no picture", "p.png: expected a PNG"),
            ("c.layers.oas", "no layout", "c.layers.oas: Expected a GDSII or OASIS"),
            ("other.txt", "", "expected results of a command"),
        ],
    )
    def test_damage_is_one_line(self, tmp_path, name, content, message):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        assert message in refused(litho("report", tmp_path))
        assert not (tmp_path / "report.html").exists()

    def test_no_folder(self, tmp_path):
        assert "no such folder" in refused(litho("report", tmp_path / "none"))


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


class TestTable:
    RECORDS = (
        {"clip": "a", "l2_nm2": 3.0, "nils": 1.0, "shots": 1},
        {"clip": "b", "l2_nm2": 1.0, "nils": 2.0, "shots": 1},
        {"clip": "c", "l2_nm2": 2.0, "nils": None, "shots": 5},
    )

    def test_best_and_worst_by_what_the_column_says(self):
        table = make_table("t", self.RECORDS, scores=True)
        marks = [[cell.mark for cell in row] for row in table.rows]
        assert marks == [["", "worst", "worst", ""], ["", "best", "best", ""], ["", "", "", "worst"]]
        assert [cell.text for cell in table.means[0]] == ["mean", "2", "1.5", "2.333"]

    def test_means_of_each_source(self):
        records = [
            {**record, "source": source} for source in ("x", "y") for record in self.RECORDS[: 1 + (source == "x")]
        ]
        table = make_table("t", records, scores=True)
        assert [[row[-1].text, row[1].text] for row in table.means] == [["x", "2"], ["y", "3"]]

    @pytest.mark.parametrize(
        ("value", "text"),
        [(1234567, "1,234,567"), (1234.6, "1,235"), (0.123456, "0.1235"), (-2.0, "−2"), (None, "–"), (True, "yes")],
    )
    def test_values_as_text(self, value, text):
        assert shown(value) == text

    @pytest.mark.parametrize(
        ("key", "title", "sign"),
        [
            ("l2_nm2", "L2 (nm²)", -1),
            ("edges.ils_per_um", "Edges, ILS (1/µm)", 1),
            ("mrc_violations.width", "MRC violations, width", -1),
            ("solve_seconds_per_clip", "Solve (s per clip)", -1),
            ("validation_accuracy", "Validation accuracy", 1),
            ("target_cd_nm", "Target CD (nm)", 0),
            ("seconds", "Time (s)", -1),
            ("seconds_per_clip", "Time (s per clip)", -1),
        ],
    )
    def test_names(self, key, title, sign):
        assert (titled(key), better(key)) == (title, sign)


class TestDrawing:
    def test_path_data(self):
        hole = Polygon(square(0, 0, 3).hull, (np.array([(1, 1), (1, 2), (2, 1.5)]),))
        assert path_data(Layout("p", (hole,)), (-1.0, 0.0)) == "M10 0h30v30h-30zM20 10v10l10 -5z"

    def test_the_frame_is_about_target_and_prints(self, folder):
        found = draw("plain", folder / "plain.layers.oas", [{"x_nm": 100.0, "y_nm": 40.0}], {})
        # Target and band reach from (0, 0) to (102, 100); the mask's island at 300 nm is drawn, but outside.
        assert found.side_nm == pytest.approx(1.4 * 102)
        assert found.corner_nm == pytest.approx((51 - 0.7 * 102, 50 - 0.7 * 102))
        ((x, y),) = found.sites
        assert (x / 10 + found.corner_nm[0], y / 10 + found.corner_nm[1]) == pytest.approx((100, 40))
        assert found.paths["mask"].count("M") == 2

    def test_nothing_to_draw(self, tmp_path):
        write_stack(tmp_path / "x.layers.oas", {"mask": Layout("m", (square(0, 0, 9),))}, cell="x")
        assert draw("x", tmp_path / "x.layers.oas", [], {}) is None


class TestChart:
    @pytest.mark.parametrize(("log", "middle"), [(False, 55.0), (True, 10.0 ** (2 - 0.5 * np.log10(10)))])
    def test_axis(self, log, middle):
        found = axis([10.0, 100.0], 0, 90, log=log)
        assert [found.at(value) for value in (10.0, middle, 100.0)] == pytest.approx([0, 45, 90], abs=0.01)
        labels = [label for _, label in found.ticks()]
        assert labels == (["10", "20", "50", "100"] if log else ["20", "40", "60", "80", "100"])

    def test_one_value_has_an_axis(self):
        assert axis([0.0, 0.0], 0, 10).at(0.0) == 5

    def test_epochs_make_a_chart_a_figure(self):
        rows = [
            {"epoch": n, "train_loss": 2.0 / n, "validation_loss": 3.0, "train_accuracy": 0.5, "seconds": 1}
            for n in (1, 2)
        ]
        loss, accuracy = curves(make_table("t", rows))
        assert [line.name for line in loss.lines] == ["train", "validation"]
        assert [line.name for line in accuracy.lines] == ["train"]
        assert [label for _, label in loss.x_ticks] == ["1", "2"]
        assert loss.lines[0].path.startswith(f"M{LEFT} ")
        assert f"L{WIDTH - RIGHT} " in loss.lines[0].path

    def test_terms_that_were_not_evaluated_leave_a_gap_at_the_start(self, folder):
        (found,) = curves(read_run(folder).tables["convergence.csv"])
        objective, l2 = (line.path.count("L") + 1 for line in found.lines)
        assert (objective, l2) == (40, 38)

    def test_a_linear_axis_keeps_zero_and_a_logarithmic_one_cannot(self):
        def points(values) -> int:
            (found,) = curves(make_table("t", [{"step": n, "x": value} for n, value in enumerate(values)]))
            return found.lines[0].path.count("L") + 1

        assert (points([0, 1, 2]), points([0, 1, 20])) == (3, 2)

    def test_front_of_trials(self):
        trials = [{"trial": n, "l2_nm2": x, "pvb_nm2": y} for n, (x, y) in enumerate([(1, 9), (5, 5), (6, 6), (9, 1)])]
        found = front(make_table("trials.csv", trials), "")
        assert found.lines[0].path.count("L") == 2  # three of four are not beaten
        left, *_, right = sorted(found.dots, key=lambda dot: dot.x)
        assert left.text == "0: L2 1, PVB 9 nm²"
        assert 0 < left.y < right.y < HEIGHT
        assert not any(dot.published for dot in found.dots)

    @pytest.mark.parametrize(("stem", "compare"), [("M1_test", True), ("mine", False)])
    def test_published_means_are_of_the_contest_s_clips(self, stem, compare):
        clips = [{"clip": f"{stem}{n}", "l2_nm2": 30_000, "pvb_nm2": 40_000} for n in range(1, 11)]
        note = front(make_table("scores.json", clips), "iccad13/1").note
        assert note.startswith("This run: the mean of 10 clip(s).")
        assert ("cannot be compared" not in note) == compare


class TestCommands:
    OPTIONS = ("--optics", "small.safetensors", "--method", "few.toml")

    def test_layers_hold_what_was_scored(self, here, tmp_path):
        (result,) = succeeded("optimize", "cross.glp", *self.OPTIONS, "--out", tmp_path, "--report")
        stack = read_stack(tmp_path / "cross.layers.oas")
        from litho_dl.core.grid import Grid

        grid = Grid.of_field((2400.0, 2400.0), 1.0)
        target, mask, nominal, band = (rasterize(stack[name], grid) for name in ("target", "mask", "nominal", "band"))
        assert abs(target - nominal).sum() == result["l2_nm2"]
        assert band.sum() == result["pvb_nm2"]
        assert (target == rasterize(read_layout("cross.glp"), grid)).all()
        assert (mask == rasterize(read_layout(result["mask_oas"]), grid)).all()
        errors = [np.inf if s["epe_nm"] is None else abs(s["epe_nm"]) for s in result["worst_sites"]]
        assert errors == sorted(errors, reverse=True)
        assert bool(errors) == (result["epe_violations"] > 0)
        html = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert "<h3>cross</h3>" in html
        assert "litho-dl optimize" in html

    def test_many_commands_in_one_folder(self, here, tmp_path):
        optics = ("--optics", "small.safetensors")
        succeeded("simulate", "lines.glp", *optics, "--out", tmp_path)
        strict = ("--width", 200, "--strict", "--out", tmp_path, "--report")
        assert litho("mrc", "lines.glp", *strict).code == 1
        assert (tmp_path / "report.html").exists()
        found = json.loads((tmp_path / "lines.mrc.json").read_text())
        assert (found["command"], found["total"] > 0) == ("litho-dl mrc", True)
        result = litho("report", tmp_path, "--out", tmp_path / "elsewhere" / "it.html")
        assert result.out.strip() == str(tmp_path / "elsewhere" / "it.html")
        html = (tmp_path / "elsewhere" / "it.html").read_text(encoding="utf-8")
        assert all(f'alt="{name}"' in html for name in ("lines.simulate.png", "lines.mrc.png", "lines.nominal.png"))
        assert "Places (lines.mrc.json)" in html
        assert re.findall(r'class="file">([\w.]+\.json)', html) == ["lines.mrc.json", "lines.simulate.json"]

    def test_a_report_needs_a_folder(self, here):
        result = litho("mrc", "lines.glp", "--report")
        assert (result.code, "--report needs --out" in result.err) == (2, True)

    def test_every_command_that_writes_a_folder_has_it(self):
        for name in COMMANDS:
            command = cli.get_command(None, name)
            options = {option for param in command.params for option in param.opts}
            if name not in ("completion", "evaluate", "export", "kernels", "recipes", "report", "clips", "dataset"):
                assert "--report" in options, name


def test_places_and_steps_that_are_no_numbers_are_left_out(tmp_path):
    site = {"x_nm": 1.0, "y_nm": 2.0, "epe_nm": None}
    clip = {"clip": "a", "l2_nm2": 1.0, "pvb_nm2": 2.0, "worst_sites": [{}, site, {"x_nm": "left", "y_nm": 2.0}]}
    (tmp_path / "scores.json").write_text(json.dumps({"clips": [clip]}))
    (tmp_path / "metrics.csv").write_text("epoch,train_loss\n1,0.5\n,0.4\n2,0.3\n")
    assert read_run(tmp_path).sites == ({"clip": "a", **site},)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert page.count('data-x="') == 1
