"""What commands load: waiting for a library that does no work is the longest part of a short command."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
from litho_dl.cli.main import main
told = sys.argv.pop()
main()
json.dump(sorted(sys.modules), open(told, "w"))
"""
UNUSED = ("matplotlib", "skimage", "h5py", "jinja2", "optuna", "distributed", "onnx")
OPTICS = ("--optics", "small.safetensors")
COMMANDS = {
    "simulate": (["cross.glp", *OPTICS, "--out", "OUT"], ("scipy", "rich", "torch._dynamo", "sympy", "litho_dl.ilt")),
    "evaluate": (
        ["--target", "cross.glp", "--mask", "mask.png", *OPTICS, "--protocol", "default"],
        ("scipy.optimize", "rich", "torch._dynamo", "sympy"),
    ),
    "optimize": (
        ["cross.glp", *OPTICS, "--method", "few.toml", "--out", "OUT"],
        ("scipy.optimize", "torch._dynamo", "sympy"),
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_loads_only_what_it_uses(here: Path, tmp_path: Path, command: str) -> None:
    """Pictures are drawn too, but by another process."""
    options, more = COMMANDS[command]
    arguments = [str(tmp_path) if part == "OUT" else part for part in options]
    loaded = _loaded([command, *arguments], tmp_path / "modules.json")
    assert not [name for name in (*UNUSED, *more) if name in loaded]
    assert command == "evaluate" or list(tmp_path.glob("cross*.png"))


def _loaded(arguments: Sequence[str], told: Path) -> list[str]:
    """The modules that a command line has loaded when it ends."""
    run = [sys.executable, "-c", PROGRAM, *arguments, told]
    subprocess.run(run, check=True, capture_output=True, timeout=120)
    modules: list[str] = json.loads(told.read_text())
    return modules
