"""The plan of a full-chip run: `plan.json` and the files beside it, which every worker reads."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from litho_dl import __version__
from litho_dl.core.device import resolve_device
from litho_dl.core.errors import DatasetError
from litho_dl.core.io import file_digest, plain_file, write_text
from litho_dl.core.settings import validated
from litho_dl.core.workers import require_shared
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.generators.model import Generator, load_generator
from litho_dl.ilt.method import Method
from litho_dl.process.files import load_kernels
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator

FORMAT = "litho_dl.fullchip/3"
PLAN, TARGET, OPTICS, MODEL = "plan.json", "target.oas", "optics.safetensors", "model.safetensors"
TILES = "tiles"


@dataclass(frozen=True)
class Plan:
    """The settings of a run; together with the files that they name, they decide every byte of the mask.

    Attributes:
        tiling: The tiling.
        tolerance: Tolerance that the halo was computed for; see `halo.halo_nm`.
        method: ILT method; None if a network's masks are used without refinement.
        network: True if a network, stored as `MODEL`, generates the masks.
        steps: Number of the method's steps after a network.
        passes: Number of passes; see `passes.pass_steps`.
        batch: Number of tiles that are solved as one batch.
        device: Type of the device that solves the tiles.
        files: SHA-256 of the files that tiles are made from, by name.
        labels: Names of layout, layer, optics, method and model, for reports.
    """

    tiling: Tiling
    tolerance: float
    method: Method | None
    network: bool
    steps: int | None
    passes: int
    batch: int
    device: str
    files: dict[str, str]
    labels: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as JSON values."""
        method = None if self.method is None else self.method.model_dump(mode="json")
        names = ("tolerance", "network", "steps", "passes", "batch", "device", "files", "labels")
        table = {name: getattr(self, name) for name in names}
        return {"tiling": asdict(self.tiling), "method": method, "version": __version__, **table}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all settings but the labels, hexadecimal."""
        decisive = {name: value for name, value in self.settings.items() if name != "labels"}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class TileTask:
    """Tiles to solve as one batch, or to score.

    Attributes:
        folder: The run's folder.
        digest: Digest of the run's plan.
        tiles: The tiles.
        number: Number of the pass in which they are solved, or after which they are scored.
        device: Device to compute on, as `--device`.
    """

    folder: str
    digest: str
    tiles: tuple[Tile, ...]
    number: int
    device: str


@dataclass(frozen=True)
class TileReport:
    """Finished tiles, and the seconds that they took together."""

    tiles: tuple[Tile, ...]
    seconds: float


def write_plan(folder: Path, plan: Plan) -> None:
    """Writes a plan atomically.

    Args:
        folder: The run's folder.
        plan: The plan.

    Raises:
        OutputError: The file cannot be written.
    """
    table = {"format": FORMAT, "digest": plan.digest, **plan.settings}
    write_text(folder / PLAN, json.dumps(table, indent=1, sort_keys=True) + "\n")


def read_plan(folder: Path) -> Plan:
    """Reads a run's plan.

    Raises:
        DatasetError: It is missing, damaged, or of another version of the package.
    """
    path = folder / PLAN
    try:
        table = json.loads(plain_file(path, DatasetError).read_text(encoding="utf-8"))
        if table["format"] != FORMAT or table["version"] != __version__:
            raise DatasetError(
                f"{path}: expected a plan of {FORMAT} and litho_dl {__version__}; choose another folder."
            )
        tiling = table["tiling"]
        plan = Plan(
            Tiling(tuple(tiling["wanted_nm"]), tuple(tiling["area_nm"]), tiling["core_nm"], tiling["halo_nm"]),
            table["tolerance"],
            None if table["method"] is None else validated(Method, table["method"], str(path)),
            table["network"],
            table["steps"],
            table["passes"],
            table["batch"],
            table["device"],
            table["files"],
            table["labels"],
        )
        if plan.digest != table["digest"]:
            raise DatasetError(f"{path}: the plan was changed by hand; restore it, or choose another folder.")
        return plan
    except FileNotFoundError:
        raise DatasetError(f"{folder}: expected a full-chip run ({PLAN} in it), got none.") from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DatasetError(
            f"{path}: the plan is damaged ({error}); remove the folder, or choose another folder."
        ) from error


@dataclass(frozen=True, eq=False)
class WorkerContext:
    """What a worker keeps in memory for all tiles of a run.

    Attributes:
        plan: The plan.
        chip: The layer.
        process: The process with kernels for its own field.
        simulator: Simulator of a tile's field.
        generator: Network that generates the masks, or None.
    """

    plan: Plan
    chip: Chip
    process: ProcessModel
    simulator: Simulator
    generator: Generator | None


@lru_cache(maxsize=1)
def worker_context(folder: str, digest: str, device: str) -> WorkerContext:
    """Reads the context of a run once per process.

    Args:
        folder: The run's folder.
        digest: Digest of the run's plan.
        device: Device to compute on, as `--device`.

    Returns:
        The context.

    Raises:
        DatasetError: The folder does not exist, holds another run, or one of its files was changed.
    """
    shared = require_shared(Path(folder), PLAN)
    plan = read_plan(shared)
    if plan.digest != digest:
        raise DatasetError(f"{folder}: {platform.node()} has another run under this path.")
    for name, sha256 in plan.files.items():
        if file_digest(shared / name) != sha256:
            raise DatasetError(f"{shared / name}: its bytes are not those that were written; remove the folder.")
    process = load_kernels(shared / OPTICS)
    simulator = Simulator(process.on_field(plan.tiling.field_nm)).to(resolve_device(device))
    generator = load_generator(shared / MODEL, process, force=True) if plan.network else None
    return WorkerContext(plan, Chip.read(shared / TARGET), process, simulator, generator)


def tile_path(folder: Path, kind: str, tile: Tile) -> Path:
    """The path of a tile's file.

    Args:
        folder: The run's folder.
        kind: First part of the name, such as `mask` or `score`.
        tile: The tile.

    Returns:
        The path.
    """
    return folder / TILES / f"{kind}_{tile.row:04d}_{tile.column:04d}.h5"
