"""What is installed: the files of the tree, a light import, exit codes, completion."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from scenes.places import REPOSITORY

import litho_dl

BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_{}(sys.argv[1]))"
LOADED = """
import sys
import {}
before = set(sys.modules)
import litho_dl
{}
print(*{{name.split(".")[0] for name in set(sys.modules) - before}})
"""
COST = """
from time import process_time as now
started = now()
import torch
loaded = now()
import litho_dl
litho_dl.Simulator, litho_dl.load_process
print(now() - loaded, loaded - started)
"""
WATCHED = """
import atexit, sys
slow = ("torch", "scipy", "h5py", "litho_dl.cli.smo")
atexit.register(lambda: print(*(name for name in slow if name in sys.modules), file=sys.stderr))
from litho_dl.cli.main import main
main()
"""
BESIDE_TORCH = {
    "annotated_types",
    "litho_dl",
    "numpy",
    "pydantic",
    "pydantic_core",
    "safetensors",
    "torch",
    "typing_extensions",
    "typing_inspection",
}


def run_python(program: str, *arguments: object, folder: Path | None = None, **environment: str) -> str:
    """What a program prints in a new process."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def package_files(folder: Path) -> set[str]:
    """Files of the package below a folder, but for what Python compiles."""
    found = (path.relative_to(folder) for path in (folder / "litho_dl").rglob("*") if path.is_file())
    return {str(path) for path in found if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """The sdist and the wheel, built in a copy of the tree, for a build leaves files beside the sources."""
    pytest.importorskip("setuptools", minversion="77")
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree)
    shutil.copytree(REPOSITORY / "litho_dl", tree / "litho_dl", ignore=shutil.ignore_patterns("__pycache__"))
    sdist, wheel = (out / run_python(BUILD.format(kind), out, folder=tree).split()[-1] for kind in ("sdist", "wheel"))
    return sdist, wheel


class TestDistributions:
    def test_wheel_holds_the_tree(self, built):
        with zipfile.ZipFile(built[1]) as wheel:
            names = set(wheel.namelist())
        assert {name for name in names if name.startswith("litho_dl/")} == package_files(REPOSITORY)
        assert {name.split("/")[0] for name in names} == {"litho_dl", f"litho_dl-{litho_dl.__version__}.dist-info"}

    def test_sdist_holds_the_tree(self, built):
        with tarfile.open(built[0]) as sdist:
            names = {name.partition("/")[2] for name in sdist.getnames()}
        assert package_files(REPOSITORY) | {"pyproject.toml", "README.md", "LICENSE"} <= names

    def test_wheel_works_outside_the_checkout(self, built, tmp_path):
        with zipfile.ZipFile(built[1]) as wheel:
            wheel.extractall(tmp_path / "site")
        program = "import litho_dl, sys; print(litho_dl.__file__); from litho_dl.cli.main import main; main()"
        (tmp_path / "empty").mkdir()
        where = {"folder": tmp_path / "empty", "PYTHONPATH": str(tmp_path / "site")}
        shown = run_python(program, "recipes", **where)
        assert shown.startswith(str(tmp_path / "site"))
        assert all(name in shown for name in ("duv193-immersion-annular", "fast", "m1-45", "unet", "fast-front"))


class TestImport:
    def loaded(self, before: str, after: str) -> set[str]:
        """The top-level modules, but for Python's own, that the package adds to those of another."""
        return set(run_python(LOADED.format(before, after)).split()) - set(sys.stdlib_module_names)

    def test_package_alone_loads_nothing_else(self):
        assert self.loaded("typing", "") == {"litho_dl"}

    def test_simulator_loads_little_beside_torch(self):
        loaded = self.loaded("torch", "litho_dl.Simulator, litho_dl.load_process")
        assert {name for name in loaded if not name.startswith("_")} <= BESIDE_TORCH

    def test_simulator_costs_little_beside_torch(self):
        """Once is enough; a busy machine may need another try."""
        costs = (tuple(map(float, run_python(COST).split())) for _ in range(3))
        assert any(ours / torch < 0.3 for ours, torch in costs)


class TestCompletion:
    def complete(self, line: str) -> tuple[list[str], str]:
        """What bash is told to offer for the last word, and which of the modules that load slowly were loaded."""
        asked = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_LITHO_DL_COMPLETE": "bash_complete"}
        command = [sys.executable, "-c", WATCHED]
        done = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, timeout=60)
        return done.stdout.split(), done.stderr.strip()

    @pytest.mark.parametrize(
        ("line", "offered"),
        [
            ("litho-dl s", {"plain,simulate", "plain,smo"}),
            ("litho-dl --plug", {"plain,--plugin"}),
            ("litho-dl optimize --method fa", {"file,fa", "plain,fast"}),
            ("litho-dl simulate --optics duv193-d", {"file,duv193-d", "plain,duv193-dry-annular"}),
            ("litho-dl infer --model un", {"file,un", "plain,unet"}),
            ("litho-dl dataset build metal", {"file,metal", "plain,metal-2k", "plain,metal-4k"}),
            ("litho-dl evaluate --protocol i", {"plain,iccad13"}),
            ("litho-dl completion z", {"plain,zsh"}),
        ],
    )
    def test_offers_names_without_torch(self, line, offered):
        found, heavy = self.complete(line)
        assert set(found) == offered
        assert heavy == "", "loaded to complete a name"
