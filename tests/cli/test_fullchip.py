"""litho-dl fullchip: what it writes, says and refuses."""

import csv
import json
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from scenes.chip import WIRES, wires
from scenes.command_line import files_below, litho, refused, succeeded
from scenes.generators import write_model, write_seeing_model

from litho_dl.core.grid import Grid
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.generators.model import load_generator
from litho_dl.generators.predict import predict
from litho_dl.layout.clips import Clip
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.mask_file import read_mask
from litho_dl.layout.raster import rasterize
from litho_dl.layout.stack import read_stack
from litho_dl.process.files import load_process

OPTICS = ("--optics", "small.safetensors", "--device", "cpu", "--workers", 1)
METHOD = (*OPTICS, "--method", "few.toml", "--tile", 512)
PLAIN = ("--no-figures",)
RUN = {"plan.json", "target.oas", "optics.safetensors", "scores.json", "seams.csv", "hotspots.csv", "hotspots.oas"}
TILES = {
    f"tiles/{kind}_{row:04d}_{column:04d}.h5" for kind in ("mask", "score") for row in range(3) for column in range(3)
}
SPOTS = {f"spot_{number:02d}{end}" for number in (1, 2) for end in (".png", ".layers.oas")}


@pytest.fixture
def layout(here, tmp_path) -> Path:
    """The wires as a file; the working folder holds optics and method."""
    write_layout(tmp_path / "wires.gds", Layout("wires", WIRES))
    return tmp_path / "wires.gds"


@pytest.fixture
def model(here, tmp_path) -> Path:
    (tmp_path / "model").mkdir()
    return write_model(tmp_path / "model", load_process("small.safetensors"))


def written(folder: Path) -> set[str]:
    return {name for name in files_below(folder) if not name.endswith(".lock")}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class TestFiles:
    def test_everything(self, layout, tmp_path, monkeypatch):
        monkeypatch.setattr("litho_dl.fullchip.pictures.PICTURED", 2)
        out = tmp_path / "out" / "mask.oas"
        found = succeeded("fullchip", layout, *METHOD, "--out", out, "--report")
        expected = RUN | TILES | SPOTS | {"timing.csv", "chip.png", "report.html"}
        assert written(tmp_path / "out") == {"mask.oas", *(f"mask.fullchip/{name}" for name in expected)}
        folder = tmp_path / "out" / "mask.fullchip"
        scores = json.loads((folder / "scores.json").read_text())
        assert scores.pop("command").startswith("litho-dl fullchip ")
        assert scores.pop("version")[0] == "0"
        assert scores == found
        assert (found["mask"], found["layout"], found["method"]) == (str(out), "wires.gds", "few.toml")
        assert found["tiles"] == {"solved": 9, "found": 0, "repeated": 0, "empty": 0}
        assert found["seconds"].keys() == {"plan", "solve", "stitch", "score"}
        assert found["window_nm"] == [-256, -256, 1156, 1156]
        assert (found["tile_nm"], found["halo_nm"], found["tile_rows"], found["tile_columns"]) == (512, 256, 3, 3)
        assert [(row["row"], row["column"]) for row in rows(folder / "timing.csv")] == [
            (str(row), str(column)) for row in range(3) for column in range(3)
        ]

    def test_several_starts(self, layout, tmp_path):
        options = (*OPTICS, "--tile", 1536, *PLAIN, "--method", "few.toml")
        several, one = (
            succeeded("fullchip", layout, *options, *starts, "--out", tmp_path / f"{len(starts)}.oas")
            for starts in (("--starts", 5), ())
        )
        plan = json.loads((tmp_path / "2.fullchip" / "plan.json").read_text())
        assert plan["method"]["starts"] == 5
        assert several["l2_nm2"] != one["l2_nm2"]

    def test_the_mask_lies_on_the_layout(self, layout, tmp_path):
        found = succeeded("fullchip", layout, *METHOD, *PLAIN, "--out", tmp_path / "mask.gds")
        assert written(tmp_path) == {
            "wires.gds",
            "mask.gds",
            *(f"mask.fullchip/{name}" for name in RUN | TILES | {"timing.csv"}),
        }
        mask = read_layout(tmp_path / "mask.gds")
        overlap = Layout("both", (*mask.polygons, *WIRES)).area_nm2
        assert overlap < 1.2 * mask.area_nm2
        assert found["target_nm2"] == Layout("target", WIRES).area_nm2

    def test_tables_agree_with_the_score(self, layout, tmp_path):
        found = succeeded("fullchip", layout, *METHOD, *PLAIN, "--out", tmp_path / "mask.oas")
        folder = tmp_path / "mask.fullchip"
        seams, spots = rows(folder / "seams.csv"), rows(folder / "hotspots.csv")
        assert sum(int(row["sites"]) for row in seams) == found["epe_sites"]
        assert sum(int(row["violations"]) for row in seams) == found["epe_violations"]
        assert sum(int(row["lost"]) for row in seams) == found["epe_lost"]
        worst = [abs(float(row["epe_nm"])) for row in spots if row["epe_nm"]]
        assert worst == sorted(worst, reverse=True)
        assert worst[0] == pytest.approx(found["epe_max_nm"], abs=1e-3)
        boxes = [Layout("box", (box,)).bbox_nm for box in read_layout(folder / "hotspots.oas").polygons]
        assert {(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes} == {(40, 40)}
        middles = {((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in boxes}
        assert middles == {(float(row["x_nm"]), float(row["y_nm"])) for row in spots}

    def test_pictures_of_places_show_what_was_scored(self, layout, tmp_path):
        """One tile, and a window smaller than the picture."""
        method = (*OPTICS, "--method", "few.toml", "--tile", 1024, "--window", "200,200,540,580")
        found = succeeded("fullchip", layout, *method, "--out", tmp_path / "mask.oas")
        stack = read_stack(tmp_path / "mask.fullchip" / "spot_01.layers.oas")
        grid = Grid.of_field((380.0, 340.0), 1.0)
        target, mask, nominal, band = (rasterize(part.translated(-200, -200), grid) > 0.5 for part in stack.values())
        assert (target ^ nominal).sum() == found["l2_nm2"]
        assert band.sum() == found["pvb_nm2"]
        written = read_mask(tmp_path / "mask.oas").translated(-200, -200)
        np.testing.assert_array_equal(mask, rasterize(written, grid) > 0.5)

    def test_it_goes_on_from_its_tiles(self, layout, tmp_path):
        arguments = ("fullchip", layout, *METHOD, *PLAIN, "--out", tmp_path / "mask.oas")
        first = succeeded(*arguments)
        again = succeeded(*arguments)
        assert again["tiles"] == {"solved": 0, "found": 9, "repeated": 0, "empty": 0}
        figures = ("l2_nm2", "pvb_nm2", "epe_mean_nm", "mrc_violations")
        assert [again[name] for name in figures] == [first[name] for name in figures]

    def test_ctrl_c(self, layout, tmp_path):
        arguments = ("fullchip", layout, *METHOD, *PLAIN, "--out", tmp_path / "mask.oas")
        with mock.patch("litho_dl.fullchip.tasks.make_masks", side_effect=KeyboardInterrupt):
            result = litho(*arguments)
        folder = tmp_path / "mask.fullchip"
        said = f"{folder} keeps the finished tiles; the same command continues from there.\n\nInterrupted.\n"
        assert result.code == 130
        assert result.err.endswith(said)
        assert succeeded(*arguments)["tiles"]["solved"] == 9

    def test_passes(self, layout, tmp_path):
        found = succeeded(
            "fullchip", layout, *METHOD, *PLAIN, "--passes", 2, "--batch", 2, "--out", tmp_path / "mask.oas"
        )
        assert (found["passes"], found["tiles"]["solved"]) == (2, 18)
        second = {name.replace("mask", "mask2") for name in TILES if "mask" in name}
        expected = RUN | TILES | second | {"timing.csv"}
        assert written(tmp_path / "mask.fullchip") == expected
        plan = json.loads((tmp_path / "mask.fullchip" / "plan.json").read_text())
        assert (plan["passes"], plan["batch"]) == (2, 2)
        assert len(rows(tmp_path / "mask.fullchip" / "timing.csv")) == 9

    def test_text(self, layout, tmp_path):
        result = litho("fullchip", layout, *METHOD, *PLAIN, "--out", tmp_path / "mask.oas")
        assert result.code == 0
        found = json.loads((tmp_path / "mask.fullchip" / "scores.json").read_text())
        first, tiles, areas, epe, stray, seams, mrc, seconds = result.out.splitlines()
        assert first.endswith("mask.oas: 2.0 um2 in 3 x 3 tiles of 512 nm, halo 256 nm")
        assert tiles == "tiles: 9 solved, 0 found, 0 repeated, 0 empty"
        assert areas == (
            f"L2 {found['l2_nm2']:,.0f} nm2, PVB {found['pvb_nm2']:,.0f} nm2, target {found['target_nm2']:,.0f} nm2"
        )
        assert epe.startswith(
            f"EPE: {found['epe_violations']} violations (3 nm: {found['epe_violations_3nm']}) at "
            f"{found['epe_sites']} sites, mean |EPE| "
        )
        assert found["epe_violations"] <= found["epe_violations_3nm"] <= 2 * found["epe_sites"]
        assert stray == f"stray prints: {found['stray_prints']}"
        assert seams.endswith("within 64 nm of a seam, - farther than 256 nm")
        assert mrc.startswith(
            f"mask rules (width 20 nm, space 20 nm, area 1,000 nm²): width {found['mrc_violations']['width']}, space "
        )
        assert seconds.startswith("seconds: plan ")

    def test_edges_at_an_angle_have_sites(self, here, tmp_path):
        """Four edges of 424 nm with nine sites each, five from either end but for the middle."""
        diamond = np.array([(300, 0), (600, 300), (300, 600), (0, 300)], dtype=float)
        write_layout(tmp_path / "diamond.gds", Layout("diamond", (type(WIRES[0])(diamond),)))
        found = succeeded("fullchip", tmp_path / "diamond.gds", *METHOD, "--out", tmp_path / "mask.oas")
        assert found["epe_sites"] == 4 * 10
        assert found["epe_max_nm"] > 1
        assert (tmp_path / "mask.fullchip" / "chip.png").exists()


class TestNetworks:
    def test_masks_are_those_that_it_draws_in_the_tiles_windows(self, layout, model, tmp_path):
        options = (*OPTICS, *PLAIN, "--tile", 1024, "--model", model, "--out", tmp_path / "mask.oas")
        found = succeeded("fullchip", layout, *options)
        assert (found["model"], found["refine"], found["tiles"]["solved"]) == (str(model), None, 4)
        assert "method" not in found
        tiling = Tiling(*[(-256.0, -256.0, 1156.0, 1156.0)] * 2, 1024.0, 256.0)
        window = tiling.window(Tile(0, 0))
        clip = Clip("tile", wires().clipped(window), (0.0, 0.0), tiling.field_nm)
        process = load_process("small.safetensors")
        drawn = predict(load_generator(model, process), [clip], torch.device("cpu"))
        core = drawn.mask[0, 32:-32, 32:-32].numpy()
        assert 0 < core.mean() < 1
        expected = Layout("core", pixel_polygons(core, 8.0)).translated(-256, -256)
        mask = read_mask(tmp_path / "mask.oas").clipped(tiling.core(Tile(0, 0)))
        assert mask.area_nm2 == expected.area_nm2
        assert Layout("both", (*mask.polygons, *expected.polygons)).area_nm2 == expected.area_nm2

    def test_a_network_for_any_optics_takes_the_turns_asked_for(self, layout, tmp_path):
        """Which are part of the plan: a run of others is not continued."""
        model = write_seeing_model(tmp_path)
        options = (*OPTICS, *PLAIN, "--tile", 1024, "--model", model, "--out")
        for turns in (1, 2):
            assert litho("fullchip", layout, *options, tmp_path / f"{turns}.oas", "--turns", turns).code == 0
            plan = json.loads((tmp_path / f"{turns}.fullchip" / "plan.json").read_text())
            assert plan["turns"] == turns
        assert (tmp_path / "1.oas").read_bytes() != (tmp_path / "2.oas").read_bytes()
        message = refused(litho("fullchip", layout, *options, tmp_path / "1.oas"))
        assert "turns" in message
        alone = litho("fullchip", layout, *OPTICS, "--method", "fast", "--turns", 1, "--out", tmp_path / "a.oas")
        assert "--turns goes with --model" in alone.err

    def test_refined(self, layout, model, tmp_path):
        options = (*OPTICS, *PLAIN, "--tile", 1024, "--model", model)
        raw = succeeded("fullchip", layout, *options, "--out", tmp_path / "raw.oas")
        more = ("--refine", 6, "--method", "few.toml", "--out", tmp_path / "refined.oas")
        refined = succeeded("fullchip", layout, *options, *more)
        assert (refined["method"], refined["refine"]) == ("few.toml", 6)
        assert refined["l2_nm2"] + refined["pvb_nm2"] < raw["l2_nm2"] + raw["pvb_nm2"]
        shutil.move(tmp_path / "raw.fullchip" / "model.safetensors", tmp_path / "kept")
        assert (tmp_path / "kept").read_bytes() == model.read_bytes()

    def test_refined_in_passes_cut_short_and_continued(self, layout, model, tmp_path):
        """As for methods: the same bytes, and scores at seams and inside."""
        options = (
            *OPTICS,
            *PLAIN,
            "--tile",
            512,
            "--model",
            model,
            "--refine",
            6,
            "--method",
            "few.toml",
            "--passes",
            2,
        )
        whole = succeeded("fullchip", layout, *options, "--out", tmp_path / "whole.oas")
        assert (whole["passes"], whole["refine"], whole["tiles"]["solved"]) == (2, 6, 18)
        assert whole["seam_epe_nm"] is not None
        assert whole["epe_sites"] > 0
        with mock.patch("litho_dl.fullchip.tasks.make_scores", side_effect=KeyboardInterrupt):
            assert litho("fullchip", layout, *options, "--out", tmp_path / "cut.oas").code == 130
        again = succeeded("fullchip", layout, *options, "--out", tmp_path / "cut.oas")
        assert 0 < again["tiles"]["found"] < 18
        assert (tmp_path / "cut.oas").read_bytes() == (tmp_path / "whole.oas").read_bytes()
        figures = ("l2_nm2", "pvb_nm2", "epe_mean_abs_nm", "seam_epe_nm", "interior_epe_nm", "mrc_violations")
        assert [again[name] for name in figures] == [whole[name] for name in figures]

    def test_later_passes_need_a_method(self, layout, model, tmp_path):
        options = (*OPTICS, "--model", model, "--passes", 2, "--out", tmp_path / "out" / "mask.oas")
        assert "Expected an ILT method for the passes after the first" in refused(litho("fullchip", layout, *options))
        assert not (tmp_path / "out").exists()

    def test_other_optics_need_force(self, here, layout, model, tmp_path):
        (tmp_path / "other.toml").write_text((here / "small.toml").read_text().replace("na = 0.85", "na = 0.8"))
        options = (*OPTICS[2:], *PLAIN, "--optics", tmp_path / "other.toml", "--tile", 1024, "--model", model)
        options += ("--tolerance", 0.001)
        out = tmp_path / "out" / "mask.oas"
        assert "it was trained for, small, got others" in refused(litho("fullchip", layout, *options, "--out", out))
        assert not out.parent.exists()
        assert litho("fullchip", layout, *options, "--out", out, "--force").code == 0


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"--out": "OUT/mask.png"}, "expected --out to end in .oas or .gds, got .png"),
            ({"--out": "OUT/mask"}, "got no suffix"),
            ({"--layer": "7/0"}, "choose a layer among 1/0"),
            ({"--cell": "none"}, "none"),
            ({"--window": "5000,0,6000,900"}, "Expected shapes in the window 5000,0,6000,900 nm or near it, got none"),
            ({"--window": "9,0,9,9"}, "x0 < x1 and y0 < y1, got 9,0,9,9"),
            ({"--tile": 600}, "multiple of 512 nm, up to 16384 nm, got 600 nm"),
            ({"--tile": "nan"}, "multiple of 512 nm"),
            ({"--tolerance": 0}, "a tolerance between 0 and 1 of a clear mask's intensity, got 0"),
            ({"--tolerance": 1}, "a tolerance between 0 and 1"),
            ({"--tolerance": 1e-9}, "kernels that fall to 1e-09 of a clear mask's intensity"),
            ({"--optics": "none.toml"}, "none.toml: no such file"),
            ({"--method": "misspelt-method.toml"}, "optimiser: unknown key"),
            ({"--device": "tpu"}, "auto, cpu, cuda"),
        ],
    )
    def test_one_line_and_nothing_written(self, layout, tmp_path, changes, message):
        options = dict(zip(METHOD[::2], METHOD[1::2], strict=True)) | {"--out": "OUT/mask.oas"} | changes
        arguments = [str(part).replace("OUT", str(tmp_path / "out")) for pair in options.items() for part in pair]
        assert message in refused(litho("fullchip", layout, *arguments))
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ((), "Give --method, or --model, or --model with --refine STEPS"),
            (("--method", "few.toml", "--refine", 3), "Give --method, or --model"),
            (("--model", "x.safetensors", "--method", "few.toml"), "--model with --method needs --refine STEPS"),
            (("--method", "few.toml", "--scheduler", "tcp://x:1"), "--workers is for local workers"),
            (("--method", "few.toml", "--workers", 0), "0 is not in the range"),
            (("--method", "few.toml", "--window", "1,2,3"), "expected four numbers X0,Y0,X1,Y1"),
        ],
    )
    def test_usage(self, layout, tmp_path, options, message):
        result = litho("fullchip", layout, *OPTICS, "--out", tmp_path / "out" / "mask.oas", *options)
        assert (result.code, result.out) == (2, "")
        assert message in result.err
        assert not (tmp_path / "out").exists()

    def test_another_run_in_the_folder(self, layout, tmp_path):
        arguments = ("fullchip", layout, *OPTICS, *PLAIN, "--method", "few.toml", "--out", tmp_path / "mask.oas")
        assert litho(*arguments, "--tile", 1024).code == 0
        error = refused(litho(*arguments, "--tile", 512))
        assert "mask.fullchip: expected an empty folder or a run of these settings, got one of others (tiling)" in error
