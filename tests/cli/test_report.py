"""litho-dl report, and --report of other commands."""

import json
import re

import numpy as np
import pytest
from scenes.command_line import litho, succeeded
from scenes.report import write_run

from litho_dl.cli.main import COMMANDS, cli
from litho_dl.layout.files import read_layout
from litho_dl.layout.mask_file import read_mask
from litho_dl.layout.raster import rasterize
from litho_dl.layout.stack import read_stack
from litho_dl.report.page import write_report


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run")


@pytest.fixture
def html(folder) -> str:
    return write_report(folder).read_text(encoding="utf-8")


MRC = "lines.glp --width 200 --strict"


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
        assert (mask == rasterize(read_mask(result["mask_oas"]), grid)).all()
        errors = [np.inf if s["epe_nm"] is None else abs(s["epe_nm"]) for s in result["worst_sites"]]
        assert errors == sorted(errors, reverse=True)
        assert bool(errors) == (result["epe_violations"] > 0)
        html = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert "<h3>cross</h3>" in html
        assert "litho-dl optimize" in html

    def test_many_commands_in_one_folder(self, here, tmp_path):
        optics = ("--optics", "small.safetensors")
        succeeded("simulate", "lines.glp", *optics, "--out", tmp_path)
        assert litho("mrc", *MRC.split(), "--out", tmp_path, "--report").code == 1
        assert (tmp_path / "report.html").exists()
        found = json.loads((tmp_path / "lines.mrc.json").read_text())
        assert (found["command"], found["total"] > 0) == (f"litho-dl mrc {MRC} --out {tmp_path.name} --report", True)
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
