"""The shape of the package: imports go downward, every module says what it is, and importing it is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import litho_dl

ROOT = Path(litho_dl.__file__).parent
MODULES = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}
LAYERS = {
    0: ["core"],
    1: ["optics", "resist", "layout", "nn", "data", "viz"],
    2: ["process", "metrics", "models", "report"],
    3: ["simulator"],
    4: ["ilt", "clips", "evaluate", "source_simulator", "symmetry", "training"],
    5: ["optimize", "focus_exposure", "generators", "mnist"],
    6: ["dataset", "tuning", "fullchip"],
    7: ["cli"],
}
LEVEL = {part: level for level, parts in LAYERS.items() for part in parts}
DATA_ONLY = {"recipes"}
HEAVY = (
    "klayout",
    "h5py",
    "matplotlib",
    "click",
    "dask",
    "distributed",
    "rich",
    "skimage",
    "tensorboard",
    "optuna",
    "jinja2",
)


def part_of(module: str) -> str:
    """`litho_dl.optics.socs` -> `optics`; the package itself -> empty."""
    return module.removeprefix("litho_dl").strip(".").split(".")[0].removesuffix("__init__")


def imported_parts(path: Path) -> set[str]:
    """The parts of the package that a module imports anywhere, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                targets = [alias.name for alias in node.names]
            case ast.ImportFrom(level=0, module="litho_dl"):
                targets = [f"litho_dl.{alias.name}" for alias in node.names]
            case ast.ImportFrom(level=0):
                targets = [node.module or ""]
            case ast.ImportFrom():
                raise AssertionError(f"{path}: relative import in line {node.lineno}; import from litho_dl.")
            case _:
                continue
        found |= {part_of(target) for target in targets if target.split(".")[0] == "litho_dl"}
    return found


def test_every_part_has_a_layer():
    assert {part_of(module) for module in MODULES} - {""} - DATA_ONLY <= set(LEVEL)


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module)])
def test_imports_go_downward(module):
    own = part_of(module)
    imported = imported_parts(MODULES[module]) - {own, "__version__"}
    if own in DATA_ONLY:
        assert not imported
        return
    upward = {part for part in imported if LEVEL.get(part, 99) >= LEVEL[own]}
    assert not upward, f"{module} (layer {LEVEL[own]}) imports {', '.join(sorted(upward))}"


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_documented_and_short(module):
    text = MODULES[module].read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{module} has no docstring"
    assert len(text.splitlines()) <= 400, f"{module} is longer than 400 lines"


def test_importing_the_package_is_light():
    program = f"import sys, litho_dl; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.strip() == "[]"
