"""What a full-chip run is made of: `plan.json` and the files beside it, from which every worker reads."""

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
from litho_dl.core.io import file_digest, write_text
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
    """A run's settings; together with the files named in them they decide every byte of the mask.

    Attributes:
        tiling: Where the tiles lie.
        tolerance: What the halo was computed for.
        method: ILT method; None if a network's masks stay as they are.
        network: True if masks come from the one in `MODEL`.
        steps: Of the method, after a network.
        passes: Over the tiles; see `passes.waves`.
        batch: Tiles that are solved together.
        device: Kind of device that solves the tiles.
        files: SHA-256 of the files that tiles are made from, by name.
        labels: For people: names of layout, layer, optics, method and model.
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
        """As JSON holds it."""
        method = None if self.method is None else self.method.model_dump(mode="json")
        names = ("tolerance", "network", "steps", "passes", "batch", "device", "files", "labels")
        table = {name: getattr(self, name) for name in names}
        return {"tiling": asdict(self.tiling), "method": method, "version": __version__, **table}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what decides the bytes."""
        decisive = {name: value for name, value in self.settings.items() if name != "labels"}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class TileTask:
    """Tiles of a run that are solved together in pass `number`, or scored after it; `device` as `--device`."""

    folder: str
    digest: str
    tiles: tuple[Tile, ...]
    number: int
    device: str


@dataclass(frozen=True)
class TileReport:
    """Finished tiles, and what they took."""

    tiles: tuple[Tile, ...]
    seconds: float


def write_plan(folder: Path, plan: Plan) -> None:
    """Writes a plan atomically."""
    table = {"format": FORMAT, "digest": plan.digest, **plan.settings}
    write_text(folder / PLAN, json.dumps(table, indent=1, sort_keys=True) + "\n")


def read_plan(folder: Path) -> Plan:
    """Reads a run's plan.

    Raises:
        DatasetError: It is missing, damaged, or of another version of the package.
    """
    path = folder / PLAN
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["format"] != FORMAT or table["version"] != __version__:
            raise DatasetError(f"{path}: expected a plan of {FORMAT} and litho_dl {__version__}; choose another --out.")
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
            raise DatasetError(f"{path}: the plan was changed by hand; restore it, or choose another --out.")
        return plan
    except FileNotFoundError:
        raise DatasetError(f"{folder}: expected a full-chip run ({PLAN} in it), got none.") from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DatasetError(
            f"{path}: the plan is damaged ({error}); remove the folder, or choose another --out."
        ) from error


@dataclass(frozen=True, eq=False)
class Setting:
    """What a worker keeps between tiles."""

    plan: Plan
    chip: Chip
    process: ProcessModel
    simulator: Simulator
    generator: Generator | None


@lru_cache(maxsize=1)
def setting(folder: str, digest: str, device: str) -> Setting:
    """Read once a process.

    Raises:
        DatasetError: The folder is not there, holds another run, or one of its files was changed.
    """
    place = require_shared(Path(folder), PLAN)
    plan = read_plan(place)
    if plan.digest != digest:
        raise DatasetError(f"{folder}: {platform.node()} sees another run by this path.")
    for name, sha256 in plan.files.items():
        if file_digest(place / name) != sha256:
            raise DatasetError(f"{place / name}: its bytes are not those that were written; remove the folder.")
    process = load_kernels(place / OPTICS)
    simulator = Simulator(process.on_field(plan.tiling.field_nm)).to(resolve_device(device))
    generator = load_generator(place / MODEL, process, force=True) if plan.network else None
    return Setting(plan, Chip.read(place / TARGET), process, simulator, generator)


def tile_path(folder: Path, kind: str, tile: Tile) -> Path:
    """Where a tile's mask or score lies."""
    return folder / TILES / f"{kind}_{tile.row:04d}_{tile.column:04d}.h5"
