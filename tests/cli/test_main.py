"""The program: help, errors, what may happen to any command."""

import subprocess
import sys
from unittest import mock

import pytest
import torch
from scenes.command_line import Result, files_below, litho, refused

from litho_dl.cli.main import COMMANDS
from litho_dl.core.errors import LithoError


class TestMain:
    def test_without_arguments_and_help(self):
        shown = litho("--help")
        assert shown.code == 0
        assert all(f"{name} {text}" in " ".join(shown.out.split()) for name, text in COMMANDS.items())
        assert litho().code == 2

    def test_version(self):
        assert litho("--version").out.startswith("litho-dl ")

    @pytest.mark.parametrize(
        "command", [*COMMANDS, "kernels build", "kernels import", "kernels show"], ids=lambda c: c.replace(" ", "-")
    )
    def test_help(self, command):
        result = litho(*command.split(), "--help")
        assert result.code == 0
        assert result.out.startswith(f"Usage: litho-dl {command}")
        assert result.err == ""

    @pytest.mark.parametrize(
        "line",
        [
            "simulat a.glp",
            "simulate",
            "simulate a.glp --out o",
            "simulate a.glp --optics x --out o --windows 1,2,3,4",
            "simulate a.glp --optics x --out o --window 1,2,3",
            "simulate a.glp --optics x --out mask.png",
            "optimize --optics x --method y --out o",
            "evaluate --target a.glp --mask m.png --optics x",
            "evaluate --target a.glp --mask m.png --optics x --protocol contest",
            "kernels build small.toml --out k.safetensors --count 0",
            "kernels builds",
        ],
    )
    def test_wrong_usage(self, here, line):
        before = files_below(here)
        result = litho(*line.split())
        assert result.code == 2
        assert result.err.startswith("Usage: ")
        assert result.err.count("Error: ") == 1
        assert files_below(here) == before

    def test_the_nearest_command_is_suggested(self):
        told = litho("simulat").err
        assert "Error: No such command 'simulat'; did you mean simulate? known: calibrate, clips, " in told

    @pytest.mark.parametrize(
        ("raised", "code", "line"),
        [
            (KeyboardInterrupt(), 130, "Interrupted."),
            (MemoryError(), 1, "Error: Out of memory"),
            (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"), 1, "Error: Out of memory"),
            (RuntimeError("CUDA error: out of memory"), 1, "Error: Out of memory"),
            (LithoError("two\nlines"), 1, "Error: two lines"),
            (PermissionError(13, "Permission denied", "x.png"), 1, "Error: x.png: Permission denied"),
        ],
    )
    def test_what_can_happen_to_any_command(self, monkeypatch, raised, code, line):
        monkeypatch.setattr("litho_dl.cli.recipes.packaged_names", mock.Mock(side_effect=raised))
        result = litho("recipes")
        assert result.code == code
        assert result.err.strip().startswith(line)  # click ends the line of a typed ^C
        assert result.err.strip().count("\n") == 0

    def test_a_bug_is_not_hidden(self, monkeypatch):
        monkeypatch.setattr("litho_dl.cli.recipes.packaged_names", mock.Mock(side_effect=RuntimeError("shape")))
        with pytest.raises(RuntimeError, match="shape"):
            litho("recipes")

    def test_the_module_runs_as_a_program(self, inputs):
        command = [sys.executable, "-m", "litho_dl.cli.main", "simulate", "none.glp", "--optics", "none", "--out", "o"]
        result = subprocess.run(command, cwd=inputs, capture_output=True, text=True, check=False)
        refused(Result(result.returncode, result.stdout, result.stderr))
