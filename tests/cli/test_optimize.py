"""litho-dl optimize."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from unittest import mock

import klayout.db
import numpy as np
import pytest
from scenes.command_line import METHOD, files_below, litho, refused, succeeded
from scenes.killed import started
from scenes.shapes import box

from litho_dl.core.io import read_image
from litho_dl.layout.bezier import segment_count
from litho_dl.layout.curve_file import read_curves
from litho_dl.layout.gds import write_gds
from litho_dl.layout.layout import Layout
from litho_dl.layout.mask_file import read_mask
from litho_dl.runs.optimize import score_masks

OPTIONS = ("--optics", "small.safetensors", "--method", "few.toml")


class TestOptimize:
    def test_two_layouts(self, here, tmp_path):
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--out", tmp_path)
        results = succeeded("optimize", "cross.glp", "square.gds", *options)
        names = [result["clip"] for result in results]
        assert names == ["cross", "square"]
        assert files_below(tmp_path) == {
            *(f"{name}{suffix}" for name in names for suffix in (".png", ".mask.png", ".mask.oas", ".layers.oas")),
            "scores.json",
            "convergence.png",
            "convergence.csv",
        }
        run = json.loads((tmp_path / "scores.json").read_text())
        assert run["clips"] == results
        assert (run["status"], run["optics"], run["method"]) == ("finished", "small.safetensors", "few.toml")
        assert run["layouts"] == ["cross.glp", "square.gds"]
        assert (run["layer"], run["cell"], run["window_nm"]) == (None, None, None)
        assert run["solve_seconds"] == pytest.approx(2 * run["clips"][0]["solve_seconds_per_clip"])
        for result, target in zip(results, ("cross.glp", "square.gds"), strict=True):
            assert all(Path(result[key]).is_file() for key in ("mask_png", "mask_oas", "figure"))
            for mask in (result["mask_png"], result["mask_oas"]):
                arguments = ("--mask", mask, "--optics", "small.safetensors", "--protocol", "default")
                score = succeeded("evaluate", "--target", target, *arguments)
                assert score["l2_nm2"] == result["l2_nm2"]
                assert score["pvb_nm2"] == result["pvb_nm2"]
        x0, y0, x1, y1 = read_mask(results[0]["mask_oas"]).bbox_nm
        assert 900 < x0 < 1320 > x1 - 100
        assert 1900 < y0 < 2320 > y1 - 100

    def test_seconds_of_the_parts_make_up_the_command(self, here, tmp_path):
        begun = time.monotonic()
        run = started("optimize", "cross.glp", *OPTIONS, "--out", tmp_path)
        _, errors = run.communicate(timeout=120)
        whole = time.monotonic() - begun
        assert run.returncode == 0, errors
        told = json.loads((tmp_path / "scores.json").read_text())
        parts = [told[f"{part}_seconds"] for part in ("start", "solve", "scoring", "file")]
        assert all(part > 0 for part in parts)
        assert 0.5 * whole < sum(parts) < whole
        assert (tmp_path / "cross.png").is_file()

    def test_a_picture_that_cannot_be_written_is_told_after_the_scores(self, here, tmp_path):
        (tmp_path / "cross.png").mkdir()
        run = started("optimize", "cross.glp", *OPTIONS, "--out", tmp_path)
        printed, errors = run.communicate(timeout=120)
        assert run.returncode == 1
        assert errors.splitlines()[-1].startswith(f"Error: Cannot write {tmp_path / 'cross.png'}: ")
        assert "Traceback" not in errors
        assert "cross" in printed
        assert json.loads((tmp_path / "scores.json").read_text())["clips"][0]["clip"] == "cross"

    @pytest.mark.parametrize(("window", "told"), [("-500,-500,900,900", False), ("0,0,150,200", True)])
    def test_a_window_that_cuts_says_so(self, here, tmp_path, window, told):
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--out", tmp_path, "--no-figures")
        result = litho("optimize", "square.gds", "--layer", "1/0", "--window", window, *options)
        assert result.code == 0
        assert ("square: 1 of 1 shapes end at the window's edge" in result.err) == told

    def test_what_was_read_is_recorded_and_shown(self, here, tmp_path):
        where = ("--layer", "1/0", "--cell", "square", "--window", "0,0,150,200")
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--out", tmp_path, "--report")
        succeeded("optimize", here / "square.gds", *where, *options)
        run = json.loads((tmp_path / "scores.json").read_text())
        assert run["layouts"] == ["square.gds"]
        assert (run["layer"], run["cell"], run["window_nm"]) == ("1/0", "square", [0, 0, 150, 200])
        html = (tmp_path / "report.html").read_text(encoding="utf-8")
        _, settings = html.split('<dl class="settings">')
        assert re.findall(r"<dt>(.+?)</dt><dd>(.+?)</dd>", settings)[:6] == [
            *(("Layouts", "square.gds"), ("Layer", "1/0"), ("Cell", "square"), ("Window (nm)", "0, 0, 150, 200")),
            *(("Optics", "small.safetensors"), ("Method", "few.toml")),
        ]
        assert str(here) not in html

    def test_text_and_names(self, here, tmp_path):
        """Names with blanks and letters of any language; no pictures."""
        name = "métal 1"
        (tmp_path / f"{name}.glp").write_text((here / "lines.glp").read_text())
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--out", tmp_path / "out")
        result = litho("optimize", tmp_path / f"{name}.glp", "cross.glp", *options)
        assert result.code == 0
        assert [line.split()[0] for line in result.out.splitlines()] == ["clip", "métal", "cross", "mean", "Wrote"]
        assert result.out.endswith(f"\nWrote {tmp_path / 'out' / 'scores.json'} and 2 masks\n")
        assert files_below(tmp_path / "out") == {
            *(f"{n}{suffix}" for n in (name, "cross") for suffix in (".mask.png", ".mask.oas")),
            "scores.json",
        }

    @pytest.mark.parametrize("method", ["fine.toml", "drawn.toml"])
    def test_a_mask_that_could_not_be_saved_is_refused_before_the_work(self, here, tmp_path, method):
        with mock.patch("litho_dl.runs.optimize.solve") as solving:
            options = ("--optics", "small.safetensors", "--method", method, "--out", tmp_path)
            assert "multiple of 1 nm, got 0.5 nm" in refused(litho("optimize", "cross.glp", *options))
        solving.assert_not_called()

    @pytest.mark.parametrize("suffix", ["oas", "gds"])
    def test_masks_open_as_their_layout_does(self, here, tmp_path, suffix):
        """Cell, unit and place are the source's; main and assist features and the target have layers of their own."""
        drawn = Layout("CELL_7", (box(1000, 2000, 1120, 2320),))
        write_gds(tmp_path / "line.gds", drawn, dbu_nm=0.5)
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--out", tmp_path)
        layers = ("--format", suffix, "--out-layer", "5", "--assist-layer", "6/2", "--with-target", "7/1")
        (result,) = succeeded("optimize", tmp_path / "line.gds", *options, *layers)
        opened = klayout.db.Layout()
        opened.read(result[f"mask_{suffix}"])
        assert Path(result[f"mask_{suffix}"]) == tmp_path / f"line.mask.{suffix}"
        assert (opened.top_cell().name, opened.dbu) == ("CELL_7", 0.0005)
        top, indexes = opened.top_cell(), opened.layer_indexes()
        regions = {opened.get_info(index).to_s(): klayout.db.Region(top.shapes(index)) for index in indexes}
        assert str(regions["7/1"]) == "(2000,4000;2000,4640;2240,4640;2240,4000)"
        assert regions["5/0"].overlapping(regions["7/1"]).count() == regions["5/0"].count() > 0
        area = regions["5/0"].area()
        if "6/2" in regions:
            assert regions["6/2"].overlapping(regions["7/1"]).count() == 0
            area += regions["6/2"].area()
        assert area * 0.25 == (read_image(result["mask_png"]) == 255).sum()

    def test_a_run_that_diverges_says_so_everywhere(self, here, tmp_path):
        wild = METHOD.replace("[0.1, 0.1]", "[1e6, 1e6]").replace("steps = 4", "steps = 20")
        (tmp_path / "wild.toml").write_text(wild, encoding="utf-8")
        options = (
            "--optics",
            "small.safetensors",
            "--method",
            tmp_path / "wild.toml",
            "--no-figures",
            "--out",
            tmp_path,
        )
        result = litho("optimize", "cross.glp", *options)
        assert result.code == 0
        assert "Warning: diverged: cross: no step improved on the start mask" in result.err
        assert result.out.splitlines()[1].endswith("diverged")
        run = json.loads((tmp_path / "scores.json").read_text())
        assert (run["status"], run["clips"][0]["diverged"]) == ("diverged", True)

    def test_ctrl_c_writes_the_best_masks_and_says_so(self, here, tmp_path, monkeypatch):
        def interrupted(done: int, total: int, value: float) -> None:
            raise KeyboardInterrupt

        bar = mock.MagicMock()
        bar.return_value.__enter__.return_value = interrupted
        bar.return_value.__exit__.return_value = False
        monkeypatch.setattr("litho_dl.cli.optimize.progress_bar", bar)
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--out", tmp_path)
        result = litho("optimize", "cross.glp", *options)
        assert (result.code, result.err.splitlines()[-1]) == (130, "Interrupted.")
        assert "Interrupted: scoring and writing the best masks so far" in result.err
        assert json.loads((tmp_path / "scores.json").read_text())["status"] == "interrupted"
        assert "cross.mask.png" in files_below(tmp_path)

    def test_ctrl_c_while_scoring_writes_the_other_masks_too(self, here, tmp_path, monkeypatch):
        def interrupted(*arguments: object, **named: object) -> Iterator[object]:
            yield from islice(score_masks(*arguments, **named), 1)
            raise KeyboardInterrupt

        monkeypatch.setattr("litho_dl.runs.optimize.score_masks", interrupted)
        shutil.copy("cross.glp", "second.glp")
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--out", tmp_path)
        result = litho("optimize", "cross.glp", "second.glp", *options)
        assert result.code == 130
        assert f"All 2 masks are in {tmp_path}; 1 were scored, the others are along pixels." in result.err
        assert {"cross.mask.oas", "second.mask.oas"} <= set(files_below(tmp_path))


class TestStartMasks:
    OPTIONS = ("--optics", "small.safetensors", "--method", "still.toml", "--no-figures")

    @pytest.fixture
    def still(self, here) -> Path:
        """A method whose steps move nothing."""
        (here / "still.toml").write_text(METHOD.replace("[0.1, 0.1]", "[1e-12, 1e-12]"))
        return here

    def test_a_folder_of_an_earlier_run(self, still, tmp_path):
        first, again = tmp_path / "first", tmp_path / "again"
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--out", first)
        before = succeeded("optimize", "cross.glp", "lines.glp", *options)
        after = succeeded("optimize", "cross.glp", "lines.glp", *self.OPTIONS, "--init", first, "--out", again)
        assert [row["l2_nm2"] for row in after] == [row["l2_nm2"] for row in before]
        assert (again / "cross.mask.png").read_bytes() == (first / "cross.mask.png").read_bytes()
        drawn = succeeded("optimize", "cross.glp", *self.OPTIONS, "--out", tmp_path / "drawn")
        assert drawn[0]["l2_nm2"] != before[0]["l2_nm2"]

    @pytest.mark.parametrize("name", ["mask.png", "coarse.npy"])
    def test_an_image_on_any_pixel(self, still, tmp_path, name):
        mask = read_image(still / "mask.png") / 255
        np.save(still / "coarse.npy", mask.reshape(32, 16, 32, 16).mean((1, 3)) >= 0.5)
        succeeded("optimize", "cross.glp", *self.OPTIONS, "--init", name, "--out", tmp_path)
        written = read_image(tmp_path / "cross.mask.png") / 255
        assert np.abs(written - mask).mean() < 0.03

    @pytest.mark.parametrize(
        ("given_masks", "message"),
        [
            (["none.png"], "none.png"),
            (["mask.png", "mask.png"], r"one start mask \(--init\) for each of 1 layouts"),
            (["copy"], "cross.mask.oas, .gds or .png"),
            (["nan.npy"], "finite"),
            (["oblong.npy"], "square pixels|512"),
            (["odd.npy"], "odd.npy: .*pixels of whole nm"),
        ],
    )
    def test_bad_ones(self, still, tmp_path, given_masks, message):
        given = [part for mask in given_masks for part in ("--init", mask)]
        error = refused(litho("optimize", "cross.glp", *self.OPTIONS, *given, "--out", tmp_path / "out"))
        assert re.search(message, error)
        assert not files_below(tmp_path)

    def test_a_mask_that_prints_nothing_is_told(self, still, tmp_path):
        np.save(still / "closed.npy", np.zeros((64, 64)))
        masks = ("--init", "closed.npy", "--init", "mask.png")
        result = litho("optimize", "cross.glp", "lines.glp", *self.OPTIONS, *masks, "--out", tmp_path)
        assert result.code == 0
        warnings = [line for line in result.err.splitlines() if "prints nothing" in line]
        assert [line[:25] for line in warnings] == ["Warning: cross: its mask "]


class TestStarts:
    def test_are_those_of_the_method(self, here, tmp_path):
        (tmp_path / "starts.toml").write_text("starts = 3\n" + METHOD)
        options = ("--optics", "small.safetensors", "--no-figures")
        found = [
            succeeded("optimize", "cross.glp", "lines.glp", *options, *method, "--out", tmp_path / f"{number}")
            for number, method in enumerate(
                [
                    ("--method", tmp_path / "starts.toml"),
                    ("--method", "few.toml", "--starts", 3),
                    ("--method", "few.toml"),
                ]
            )
        ]
        scores = [[(row["l2_nm2"], row["pvb_nm2"]) for row in rows] for rows in found]
        assert scores[0] == scores[1] != scores[2]


class TestCurvesAndShots:
    OPTIONS = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--shots")

    def test_curves_are_what_is_scored_and_written(self, here, tmp_path):
        options = (*self.OPTIONS, "--curves", "0.5", "--out", tmp_path)
        (result,) = succeeded("optimize", "cross.glp", *options)
        (shape, *_) = read_mask(result["mask_oas"]).polygons
        steps = np.abs(np.diff(shape.hull, axis=0))
        assert (steps.min(1) > 0.05).any()  # slanted edges
        arguments = ("--mask", result["mask_oas"], "--optics", "small.safetensors", "--protocol", "default")
        score = succeeded("evaluate", "--target", "cross.glp", *arguments)
        assert score["l2_nm2"] == result["l2_nm2"]
        assert result["before_curves"]["L2 (nm²)"] != result["l2_nm2"]

    def test_a_method_has_curves_of_its_own(self, here, tmp_path):
        """Through the repaired polygons, with the method's radius: no pixel of 8 nm could tell it."""
        limits = "[rules]\nmin_width_nm = 20.0\nmin_space_nm = 20.0\nmin_area_nm2 = 1000.0\nmin_radius_nm = 20.0"
        keys = f"clean = true\ncurves_nm = 1.0\n{limits}\n[[levels]]"
        (tmp_path / "curved.toml").write_text(METHOD.replace("[[levels]]", keys, 1))
        options = ("--optics", "small.safetensors", "--method", tmp_path / "curved.toml", "--no-figures")
        (result,) = succeeded("optimize", "cross.glp", *options, "--out", tmp_path)
        assert result["curve_tolerance_nm"] <= 1.0
        checked = json.loads(litho("mrc", result["mask_curves"], "--radius", "20", "--json").out)
        assert checked["violations"] == {"width": 0, "space": 0, "area": 0, "radius": 0}
        (finer,) = succeeded("optimize", "cross.glp", *options, "--curves", "0.2", "--out", tmp_path / "finer")
        assert finer["curve_tolerance_nm"] <= 0.2 < result["curve_tolerance_nm"]

    def test_control_points_are_the_same_mask(self, here, tmp_path):
        options = (*self.OPTIONS, "--curves", "0.5", "--out", tmp_path)
        (result,) = succeeded("optimize", "cross.glp", *options)
        assert result["mask_curves"] == str(tmp_path / "cross.mask.curves.json")
        outlines = read_curves(result["mask_curves"]).outlines
        assert segment_count(outlines) == result["segments"] > 4
        assert result["curve_tolerance_nm"] in (0.5, 0.25, 0.125, 0.0625)
        before = result["before_curves"]
        cost = before["L2 (nm²)"] + before["PVB (nm²)"]
        assert result["curve_change"] == pytest.approx((result["l2_nm2"] + result["pvb_nm2"]) / cost - 1, abs=1e-6)
        curves, drawn = read_mask(result["mask_curves"]), read_mask(result["mask_oas"])
        assert curves.area_nm2 == pytest.approx(drawn.area_nm2, rel=2e-3)
        np.testing.assert_allclose(curves.bbox_nm, drawn.bbox_nm, atol=0.3)
        arguments = ("--optics", "small.safetensors", "--protocol", "default")
        score = succeeded("evaluate", "--target", "cross.glp", "--mask", result["mask_curves"], *arguments)
        assert score["l2_nm2"] == pytest.approx(result["l2_nm2"], rel=0.02)
        checked = json.loads(litho("mrc", result["mask_curves"], "--json").out)
        assert checked["violations"] == result["mrc_violations"]

    def test_both_counts_of_a_curves_rectangles_are_named(self, here, tmp_path):
        options = ("optimize", "cross.glp", "lines.glp", *self.OPTIONS, "--curves", "0.5", "--out", tmp_path)
        table, cost, kinds, wrote = litho(*options).out.rsplit("\n", 4)[:4]
        assert wrote == f"Wrote {tmp_path / 'scores.json'}, 2 masks and shots"
        rows = json.loads((tmp_path / "scores.json").read_text())["clips"]
        assert all(row["shots"] > row["fracture_shots"] for row in rows)
        header, cross, *_ = (line.split() for line in table.splitlines())
        assert header[-2:] == ["shots", "written"]
        assert cross[-2:] == [str(rows[0]["shots"]), str(rows[0]["fracture_shots"])]
        change = sum(row["shots"] - row["before_curves"]["shots"] for row in rows) / 2
        assert cost.startswith("Curves of ")
        assert cost.endswith(f"shots {change:+,.1f}")
        assert "shots: rectangles of the curves drawn on 1 nm pixels" in kinds
        assert "written: rectangles of --shots, with edges within 2 nm" in kinds

    def test_shots_cover_the_mask_in_the_layouts_place(self, here, tmp_path):
        (result,) = succeeded("optimize", "cross.glp", *self.OPTIONS, "--out", tmp_path)
        table = np.loadtxt(tmp_path / "cross.shots.csv", delimiter=",", skiprows=1)
        assert len(table) == result["fracture_shots"] == result["shots"]
        opened = (read_image(tmp_path / "cross.mask.png") == 255).sum()
        assert (table[:, 2] * table[:, 3]).sum() == opened
        x0, y0, x1, y1 = read_mask(result["mask_oas"]).bbox_nm
        np.testing.assert_allclose(table[:, :2].min(0), (x0, y0))
        np.testing.assert_allclose((table[:, :2] + table[:, 2:]).max(0), (x1, y1))

    def test_tolerance(self, here, tmp_path):
        error = refused(litho("optimize", "cross.glp", *self.OPTIONS, "--curves", "-1", "--out", tmp_path / "out"))
        assert "--curves above 0 and at most 10 nm" in error
