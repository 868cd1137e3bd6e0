"""The plan of a full-chip run: `plan.json` and the files beside it, which every worker reads."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from litho_dl import __version__
from litho_dl.core.device import resolve_device
from litho_dl.core.errors import DatasetError, LayoutError
from litho_dl.core.io import file_digest, plain_file, write_text
from litho_dl.core.memory import release_memory
from litho_dl.core.settings import ProperFraction
from litho_dl.core.stored import Count, Digest, Stored, checked, parse_json
from litho_dl.core.workers import require_shared
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.tiling import LARGEST_TILE_NM, Tile, Tiling
from litho_dl.generators.model import Generator, load_generator
from litho_dl.ilt.method import Method
from litho_dl.layout.rules import MaskRules
from litho_dl.process.kernel_file import load_kernels
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator

FORMAT = "litho_dl.fullchip/5"
PLAN, TARGET, OPTICS, MODEL = "plan.json", "target.oas", "optics.safetensors", "model.safetensors"
TILES = "tiles"
Phase = Literal["solve", "score"]
Limit = Annotated[float, Field(ge=0)]
Coordinate = Annotated[float, Field(ge=-1e10, le=1e10)]  # nm; the formats reach 2.1e9 database units


@dataclass(frozen=True)
class Plan:
    """The settings of a run; together with the files that they name, they decide every byte of the mask.

    Attributes:
        tiling: The tiling.
        tolerance: Tolerance that the halo was computed for; see `halo.halo_nm`.
        method: ILT method; None if a network's masks are used without refinement.
        network: True if a network, stored as `MODEL`, generates the masks.
        turns: Number of turns of a network for any optics; None for other networks.
        steps: Number of the method's steps after a network.
        passes: Number of passes; see `passes.pass_steps`.
        batch: Number of tiles that are solved as one batch.
        device: Type of the device that solves the tiles.
        files: SHA-256 of the files that tiles are made from, by name.
        rules: Mask rules whose violations are counted.
        labels: Names of layout, layer, optics, method and model, for reports.
    """

    tiling: Tiling
    tolerance: float
    method: Method | None
    network: bool
    turns: int | None
    steps: int | None
    passes: int
    batch: int
    device: str
    files: dict[str, str]
    rules: MaskRules
    labels: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as JSON values."""
        method = None if self.method is None else self.method.model_dump(mode="json")
        names = ("tolerance", "network", "turns", "steps", "passes", "batch", "device", "files", "labels")
        table = {name: getattr(self, name) for name in names}
        return {
            "tiling": asdict(self.tiling),
            "rules": asdict(self.rules),
            "method": method,
            "version": __version__,
            **table,
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all settings but the labels, hexadecimal."""
        decisive = {name: value for name, value in self.settings.items() if name != "labels"}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


class _StoredTiling(Stored):
    """The stored form of a `Tiling`."""

    wanted_nm: tuple[Coordinate, Coordinate, Coordinate, Coordinate]
    area_nm: tuple[Coordinate, Coordinate, Coordinate, Coordinate]
    core_nm: Annotated[float, Field(gt=0, le=LARGEST_TILE_NM)]
    halo_nm: Annotated[float, Field(ge=0, le=LARGEST_TILE_NM)]


class _StoredRules(Stored):
    """The stored form of `MaskRules`."""

    min_width_nm: Limit
    min_space_nm: Limit
    min_area_nm2: Limit
    min_radius_nm: Limit


class _Stored(Stored):
    """The content of `plan.json`: that of a `Plan`, and its digest."""

    digest: Digest
    tiling: _StoredTiling
    tolerance: ProperFraction
    method: Method | None
    network: bool
    turns: Annotated[Count, Field(ge=1)] | None
    steps: Annotated[Count, Field(ge=1)] | None
    passes: Annotated[Count, Field(ge=1)]
    batch: Annotated[Count, Field(ge=1)]
    device: str
    files: dict[Literal["target.oas", "optics.safetensors", "model.safetensors"], Digest]
    labels: dict[str, JsonValue]
    rules: _StoredRules


@dataclass(frozen=True)
class TileTask:
    """Tiles to solve as one batch, or to score.

    Attributes:
        phase: Whether they are solved or scored.
        folder: The run's folder.
        digest: Digest of the run's plan.
        tiles: The tiles.
        number: Number of the pass in which they are solved, or after which they are scored.
        device: Device to compute on, as `--device`.
    """

    phase: Phase
    folder: str
    digest: str
    tiles: tuple[Tile, ...]
    number: int
    device: str


@dataclass(frozen=True)
class TileReport:
    """A finished task, and the seconds that it took."""

    task: TileTask
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
        content = plain_file(path, DatasetError).read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{folder}: expected a full-chip run ({PLAN} in it), got none.") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
    table = parse_json(content, str(path), DatasetError)
    found = (table.get("format"), table.get("version")) if isinstance(table, dict) else None
    if found is not None and found != (FORMAT, __version__):
        raise DatasetError(
            f"{folder}: the folder is of another version; expected {FORMAT} of litho_dl {__version__}; choose another "
            f"folder."
        )
    stored = checked(_Stored, table, str(path), DatasetError)
    tiling = table["tiling"]  # as it was written: 5 and 5.0 differ in the digest
    try:
        cut = Tiling(tuple(tiling["wanted_nm"]), tuple(tiling["area_nm"]), tiling["core_nm"], tiling["halo_nm"])
    except LayoutError as error:
        raise DatasetError(f"{path}: the file is damaged ({error}); restore it, or choose another folder.") from error
    names = ("tolerance", "network", "turns", "steps", "passes", "batch", "device", "files", "labels")
    rules = MaskRules(**table["rules"])
    plan = Plan(tiling=cut, method=stored.method, rules=rules, **{name: table[name] for name in names})
    if plan.digest != stored.digest:
        raise DatasetError(f"{path}: the plan was changed by hand; restore it, or choose another folder.")
    return plan


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
    generator = load_generator(shared / MODEL, simulator, force=True, turns=plan.turns) if plan.network else None
    chip = Chip.read(shared / TARGET)
    release_memory()  # that the kernels of a tile's field were computed in
    return WorkerContext(plan, chip, process, simulator, generator)


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
