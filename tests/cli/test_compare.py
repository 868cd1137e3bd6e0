"""litho-dl compare."""

import csv
import json
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from scenes.command_line import GLP, METHOD, files_below, litho, refused, succeeded

from litho_dl.core.io import read_image
from litho_dl.report.published import CONTEST_CLIPS, PUBLISHED

OPTIONS = ("--optics", "small.safetensors")


@pytest.fixture
def given(here, tmp_path) -> Path:
    """Masks of another program: an image of the field under the clip's name, and polygons in the layout's place."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    np.save(folder / "cross.npy", read_image(here / "mask.png") / 255)
    shutil.copy("lines.glp", folder / "lines.mask.glp")
    return folder


class TestCompare:
    def test_rows_are_those_of_the_single_commands(self, given, tmp_path):
        out = tmp_path / "out"
        layouts = ("cross.glp", "lines.glp")
        result = succeeded(
            "compare", *layouts, "--methods", "few.toml", "--masks", f"mine={given}", *OPTIONS, "--out", out
        )
        alone = succeeded(
            "optimize", *layouts, *OPTIONS, "--method", "few.toml", "--no-figures", "--out", tmp_path / "alone"
        )
        scores = {(row["run"], row["clip"]): row for row in result["clips"]}
        for own in alone:
            row = scores["few", own["clip"]]
            assert (row["l2_nm2"], row["pvb_nm2"], row["shots"]) == (own["l2_nm2"], own["pvb_nm2"], own["shots"])
            assert row["epe_3sigma_nm"] == own["edges"]["epe_3sigma_nm"]
            assert row["mrc_violations"] == sum(own["mrc_violations"].values())
        for clip, mask in (("cross", "cross.npy"), ("lines", "lines.mask.glp")):
            arguments = ("--target", f"{clip}.glp", "--mask", given / mask, *OPTIONS, "--protocol", "default")
            assert scores["mine", clip]["l2_nm2"] == succeeded("evaluate", *arguments)["l2_nm2"]
            assert scores["mine", clip]["seconds"] is None
        means = {row["run"]: row for row in result["means"]}
        assert means["few"]["pvb_nm2"] == pytest.approx(sum(own["pvb_nm2"] for own in alone) / 2)
        assert (out / "few" / "cross.mask.png").read_bytes() == (tmp_path / "alone" / "cross.mask.png").read_bytes()

    def test_files(self, given, tmp_path):
        out = tmp_path / "out"
        result = litho(
            "compare",
            "cross.glp",
            "--methods",
            "few.toml",
            "--masks",
            f"mine={given}",
            *OPTIONS,
            "--out",
            out,
            "--report",
        )
        assert result.code == 0, result.err
        assert {name for name in files_below(out) if "/" not in name} == {
            *("comparison.csv", "comparison.json", "comparison.md", "comparison.png", "report.html")
        }
        assert {"few/cross.mask.oas", "few/scores.json", "mine/scores.json"} <= files_below(out)
        assert "mine/cross.mask.png" not in files_below(out)
        assert [line.split()[0] for line in result.out.splitlines()[:3]] == ["mean", "few", "mine"]
        assert result.out.endswith(f"\nWrote {out / 'comparison.csv'}, .json, .md and .png\n")
        with open(out / "comparison.csv", newline="") as file:
            assert [row["run"] for row in csv.DictReader(file)] == ["few", "mine"]
        html = (out / "report.html").read_text(encoding="utf-8")
        assert html.count("<h3>cross, ") == 2
        assert '<h2 id="comparison">Comparison</h2>' in html
        assert "20 nm, area 1,000 nm²" in html

    def test_rules_are_counted_and_said(self, given, tmp_path):
        def violations(*rules: object) -> int:
            arguments = (
                "compare",
                "lines.glp",
                "--masks",
                f"mine={given}",
                *OPTIONS,
                "--no-figures",
                "--out",
                tmp_path / "out",
            )
            return succeeded(*arguments, *rules)["means"][0]["mrc_violations"]

        assert violations() == 0
        assert violations("--space", 120) > 0  # the lines are 100 nm apart
        assert violations("--area", 120 * 360 + 1) == 2
        said = json.loads((tmp_path / "out" / "comparison.json").read_text())["mask_rules"]
        assert said == "width 20 nm, space 20 nm, area 43,201 nm²"


class TestAgain:
    ARGUMENTS = ("compare", "cross.glp", *OPTIONS, "--no-figures")

    def test_finished_masks_are_not_made_again(self, here, tmp_path):
        arguments = (*self.ARGUMENTS, "--methods", "few.toml", "--out", tmp_path)
        first = succeeded(*arguments)
        with mock.patch("litho_dl.comparison.suite.solve") as solving:
            again = succeeded(*arguments)
        solving.assert_not_called()
        assert again == first

    @pytest.mark.parametrize("change", ["method", "clip", "mask", "record", "optics"])
    def test_others_are(self, here, tmp_path, change):
        method = tmp_path / "own.toml"
        method.write_text(METHOD)
        out = tmp_path / "out"
        shutil.copy("cross.glp", tmp_path / "cross.glp")
        arguments = ["compare", tmp_path / "cross.glp", "--optics", "small.safetensors", "--no-figures"]
        arguments += ["--methods", method, "--out", out]
        succeeded(*arguments)
        match change:
            case "method":
                method.write_text(METHOD.replace("steps = 4", "steps = 5"))
            case "clip":
                shutil.copy("lines.glp", tmp_path / "cross.glp")
            case "mask":
                (out / "own" / "cross.mask.png").write_text("damaged")
            case "record":
                (out / "own" / "finished.json").write_text("[" * 50_000)
            case "optics":
                arguments[3] = "small.toml"
        with mock.patch("litho_dl.comparison.suite.solve", side_effect=KeyboardInterrupt) as solving:
            assert litho(*arguments).code == 130
        solving.assert_called_once()

    def test_ctrl_c_keeps_what_is_finished(self, here, tmp_path):
        from litho_dl.comparison import suite

        real = suite.solve

        def second_is_stopped(simulator, clips, method, advance):
            if method.levels[0].steps == 5:
                raise KeyboardInterrupt
            return real(simulator, clips, method, advance)

        (tmp_path / "slow.toml").write_text(METHOD.replace("steps = 4", "steps = 5"))
        arguments = (*self.ARGUMENTS, "--methods", f"few.toml,{tmp_path / 'slow.toml'}", "--out", tmp_path / "out")
        with mock.patch("litho_dl.comparison.suite.solve", side_effect=second_is_stopped):
            result = litho(*arguments)
        assert (result.code, "keeps the masks of what is finished" in result.err) == (130, True)
        with mock.patch("litho_dl.comparison.suite.solve", side_effect=real) as solving:
            assert [row["run"] for row in succeeded(*arguments)["means"]] == ["few", "slow"]
        solving.assert_called_once()


class TestFaults:
    def test_one_mask_that_is_missing(self, given, tmp_path):
        (given / "cross.npy").unlink()
        out = tmp_path / "out"
        arguments = ("--methods", "few.toml", "--masks", f"mine={given}", *OPTIONS, "--out", out)
        result = litho("compare", "cross.glp", "lines.glp", *arguments)
        assert result.code == 1
        assert "Warning: mine: no mask of cross; " in result.err
        assert "Means over the 1 of 2 clips that all of them have." in result.out
        run = json.loads((out / "comparison.json").read_text())
        assert [(row["run"], row["clip"]) for row in run["clips"]] == [
            ("few", "cross"),
            ("few", "lines"),
            ("mine", "lines"),
        ]
        (few, mine) = run["means"]
        assert few["l2_nm2"] == run["clips"][1]["l2_nm2"]
        assert (few["clips"], mine["clips"]) == (1, 1)
        assert [(fault["run"], fault["clip"]) for fault in run["faults"]] == [("mine", "cross")]

    def test_one_that_fails_leaves_the_others_their_rows(self, given, tmp_path):
        blank = tmp_path / "blank"
        blank.mkdir()
        out = tmp_path / "out"
        masks = ("--masks", f"none={blank}", "--masks", f"mine={given}")
        result = litho("compare", "cross.glp", *masks, *OPTIONS, "--out", out)
        assert result.code == 1
        assert "Warning: none: no mask; " in result.err
        assert [line.split()[0] for line in result.out.splitlines()[:2]] == ["mean", "mine"]

    @pytest.mark.parametrize(
        ("turned", "said"),
        [
            (lambda mask: mask, None),
            (lambda mask: mask[::-1], "100% upside down"),
            (lambda mask: mask[:, ::-1], None),
            (lambda mask: mask.T, "100% with x and y exchanged"),
        ],
    )
    def test_an_image_with_other_axes_is_refused(self, given, tmp_path, turned, said):
        """The drawn shape as its own mask: a T of 360 x 350 nm, which is its own mirror image in x alone."""
        tee = "RECT N M1 0 0 360 90\nRECT N M1 135 90 90 260"
        (tmp_path / "tee.glp").write_text(GLP.format(units=1000, shapes=tee))
        mask = np.zeros((512, 512))
        mask[81 : 81 + 90, 76 : 76 + 360] = mask[171 : 171 + 260, 76 + 135 : 76 + 225] = 1
        np.save(given / "tee.npy", turned(mask))
        arguments = ("--masks", f"mine={given}", *OPTIONS, "--no-figures", "--out", tmp_path / "out")
        result = litho("compare", tmp_path / "tee.glp", *arguments)
        assert result.code == (said is not None)
        assert said is None or said in result.err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((), "got nothing; give --methods, --models or --masks"),
            (("--methods", "few.toml,few.toml"), "different names, got few"),
            (("--methods", "few.toml", "--masks", "few=copy"), "different names, got few"),
            (("--masks", "../x=copy"), "they name folders"),
            (("--masks", "x=no-such"), "no-such: no such folder"),
            (("--methods", "fine.toml"), "multiple of 1 nm, got 0.5 nm"),
            (("--methods", "fats"), "did you mean fast?"),
            (("--models", "fcn_mask"), "can be trained"),
            (("--models", "unet"), "expected the optics that it was trained for"),
        ],
    )
    def test_what_cannot_work_is_refused_before_kernels_are_built(self, here, tmp_path, arguments, message):
        with mock.patch("litho_dl.process.files.cached_process") as building:
            options = ("--optics", "small.toml", "--out", tmp_path / "out")
            assert message in refused(litho("compare", "cross.glp", *arguments, *options))
        building.assert_not_called()
        assert not (tmp_path / "out").exists()

    def test_masks_need_a_name(self, here, tmp_path):
        result = litho("compare", "cross.glp", "--masks", "copy", *OPTIONS, "--out", tmp_path)
        assert (result.code, "expected NAME=DIR" in result.err) == (2, True)

    def test_two_masks_of_one_clip(self, given, tmp_path):
        shutil.copy("mask.png", given / "cross.png")
        result = litho("compare", "cross.glp", "--masks", f"mine={given}", *OPTIONS, "--out", tmp_path / "out")
        assert result.code == 1
        assert "got cross.npy, cross.png; keep one" in result.err


def test_published_rows_stand_beside_the_contests_clips_only():
    from litho_dl.comparison.results import TITLES, table_cells
    from litho_dl.comparison.suite import Suite
    from litho_dl.scoring.protocol import PROTOCOLS

    def table(names: set[str], recipe: object, protocol: str) -> list[list[str]]:
        clips = []
        for name in sorted(names):
            clip = mock.Mock()
            clip.name = name
            clips.append(clip)
        simulator = mock.Mock()
        simulator.process.recipe = recipe
        return table_cells(Suite("contest", "kernels", simulator, clips, PROTOCOLS[protocol]), [])

    rows = table(CONTEST_CLIPS, None, "iccad13")
    assert rows[0] == ["mean of", *TITLES]
    assert [row[0] for row in rows[1:]] == [row.method for row in PUBLISHED]
    assert rows[4][1:4] == ["37,515", "50,964", "88,479"]
    for other in (
        table(CONTEST_CLIPS - {"M1_test3"}, None, "iccad13"),
        table(CONTEST_CLIPS, "a recipe", "iccad13"),
        table(CONTEST_CLIPS, None, "default"),
    ):
        assert len(other) == 1
