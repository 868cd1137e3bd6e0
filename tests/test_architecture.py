"""The shape of the package: imports go downward and in no circle, modules say what they are, importing it is light."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import draw_architecture
import pytest
from scenes.places import REPOSITORY

import litho_dl

ROOT = Path(litho_dl.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
LAYERS = {
    0: ["core"],
    1: ["layout", "nn", "optics", "training", "viz"],
    2: ["metrics", "models", "process", "report"],
    3: ["mnist", "simulation"],
    4: ["ilt", "scoring"],
    5: ["runs"],
    6: ["calibration", "pairs", "tuning"],
    7: ["generators"],
    8: ["comparison", "fullchip"],
    9: ["cli"],
}
LEVEL = {folder: level for level, folders in LAYERS.items() for folder in folders}
DATA_ONLY = {"recipes"}
OUTSIDE = [path for part in ("scripts", "docs", "examples") for path in sorted((REPOSITORY / part).rglob("*.py"))]
DESCRIBES_COMMANDS = REPOSITORY / "docs" / "pages.py"
LAYER_TAG = re.compile(r"\b(layers?|levels?)\s+\d", re.I)
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


def folder_of(module: str) -> str:
    """`litho_dl.optics.socs` -> `optics`; the package itself -> empty."""
    return module.removeprefix("litho_dl").strip(".").split(".")[0]


def for_type_checkers(node: ast.AST) -> bool:
    """True of `if TYPE_CHECKING:`, whose body is never run."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def statements(node: ast.AST, *, run: bool) -> Iterator[ast.AST]:
    """All nodes below, in functions too; with `run` without what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if run and for_type_checkers(child):
            assert isinstance(child, ast.If)
            for other in child.orelse:
                yield from (other, *statements(other, run=run))
            continue
        yield child
        yield from statements(child, run=run)


def imported(path: Path, *, run: bool = False) -> set[str]:
    """Modules of the package that a file imports anywhere, in functions too; `run`: apart from those for type checkers.

    `from litho_dl.layout import files` is an import of `litho_dl.layout.files`, if there is such a module.
    """
    found = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")), run=run):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom(level=0):
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {name if name in MODULES else str(node.module) for name in names}
            case ast.ImportFrom():
                raise AssertionError(f"{path}: relative import in line {node.lineno}; import from litho_dl.")
    return {module for module in found if module.split(".")[0] == "litho_dl"}


def test_every_folder_has_a_level_and_no_module_lies_beside_them():
    assert {folder_of(module) for module in MODULES} - {""} - DATA_ONLY == set(LEVEL)
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]


def test_a_folder_stands_right_above_what_it_imports():
    """As in the drawing of the documentation."""
    assert draw_architecture.levels_of(draw_architecture.read_folders(ROOT)) == LEVEL


@pytest.mark.parametrize("module", [module for module in MODULES if folder_of(module)])
def test_imports_go_downward(module):
    """What type checkers import counts too: what a module talks about it depends on."""
    own = folder_of(module)
    folders = {folder_of(name) for name in imported(MODULES[module])} - {own, ""}
    if own in DATA_ONLY:
        assert not folders
        return
    upward = {folder for folder in folders if LEVEL.get(folder, 99) >= LEVEL[own]}
    assert not upward, f"{module} (level {LEVEL[own]}) imports {', '.join(sorted(upward))}"


def test_modules_import_in_no_circle():
    """Not within a folder either; a package stands for what its `__init__` imports."""
    graph = {module: imported(path, run=True) - {module} for module, path in MODULES.items() if module != "litho_dl"}
    assert sum(map(len, graph.values())) > 500, "the imports are found"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" <- ".join(error.args[1])) from None


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_scripts_and_documentation_need_no_command(path):
    """They call what the commands call; only the page that describes the commands imports them."""
    if path != DESCRIBES_COMMANDS:
        assert not {name for name in imported(path) if folder_of(name) == "cli"}


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_documented_and_short(module):
    text = MODULES[module].read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, f"{module} has no docstring"
    assert not LAYER_TAG.search(docstring), f"{module}: levels stand in this test, not in docstrings"
    assert len(text.splitlines()) <= 400, f"{module} is longer than 400 lines"


def test_importing_the_package_is_light():
    program = f"import sys, litho_dl; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.strip() == "[]"
