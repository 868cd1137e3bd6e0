"""Full-chip jobs: what to solve with which settings, and the plan that they give in a folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.core.io import atomic_path, file_digest, require_writable_folder
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.plan import MODEL, OPTICS, PLAN, TARGET, TILES, Plan, read_plan, write_plan
from litho_dl.fullchip.tiling import Tiling
from litho_dl.generators.model import Generator
from litho_dl.ilt.method import Method
from litho_dl.layout.layout import Box
from litho_dl.layout.rules import MaskRules
from litho_dl.process.identity import process_digest
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import ProcessModel
from litho_dl.scoring.protocol import RULES

MASK_NM = 1.0  # pixel of masks that can be written on finer pixels: one pixel of 4 nm moves an edge by 0.3 nm
DAMPING = 1 / 64  # `Method.damping`: without it, specks far from all edges depend on shapes beyond the halo


@dataclass(frozen=True, eq=False, repr=False)
class Job:
    """A layer to find the mask of, with all settings.

    Attributes:
        chip: The layer.
        process: The process, with kernels for its own field.
        method: ILT method; None: use a network's masks without refinement.
        generator: Network that generates the masks that the method refines; None: use the method alone.
        steps: Number of the method's steps after a network.
        passes: Number of passes over the tiles; see `passes`.
        batch: Number of tiles that are solved as one batch.
        window_nm: Part of the chip to write and score, solved beside the shapes around it; None: the whole chip.
        core_nm: Side of the tiles' cores; None: the best one.
        tolerance: Largest r.m.s. change of the image in a tile's core by masks beyond the halo, over a clear mask's
            intensity; see `halo.halo_nm`.
        labels: Names of layout, layer, optics and so on, for reports.
        rules: Mask rules whose violations are counted.
    """

    chip: Chip
    process: ProcessModel
    method: Method | None
    generator: Generator | None
    steps: int | None
    passes: int
    batch: int
    window_nm: Box | None
    core_nm: float | None
    tolerance: float
    labels: dict[str, Any]
    rules: MaskRules = RULES

    def __post_init__(self) -> None:
        if min(self.passes, self.batch) < 1:
            raise LithoError(f"Expected at least one pass over one tile, got {self.passes} over {self.batch}.")
        if self.passes > 1 and (self.method is None or "manhattan" in self.method.on_second_half.parameterizations):
            raise LithoError(
                "Expected an ILT method for the passes after the first, got a network alone or Manhattan masks; add "
                "--refine STEPS to a network, choose another method, or make one pass."
            )

    def __repr__(self) -> str:
        network = None if self.generator is None else self.generator.card.recipe.network
        solver = " refined by ".join(str(part) for part in (network, self.method) if part is not None)
        return f"Job({self.chip}: {solver}; passes: {self.passes}, batch: {self.batch})"

    @property
    def tile_method(self) -> Method | None:
        """The method with default damping and mask pixel for tiles, where it does not set its own."""
        if self.method is None:
            return None
        settings: dict[str, float] = {}
        if self.method.damping is None and self.method.uses_adam:
            settings["damping"] = DAMPING
        if self.method.mask_pixel_nm is None and self.method.can_write_finer:
            finest_nm = self.method.target_nm  # at a scale of 1, as `MASK_NM` is
            settings["mask_pixel_nm"] = finest_nm / max(1, round(finest_nm / MASK_NM))
        return self.method.model_copy(update=settings)


def start_or_resume(job: Job, tiling: Tiling, folder: Path, device: str) -> Plan:
    """Writes target, optics, network and plan to a new folder, or checks those of a run to resume.

    Args:
        job: The job.
        tiling: Its tiling.
        folder: The run's folder, which exists.
        device: Type of the device that solves the tiles.

    Returns:
        The plan.

    Raises:
        DatasetError: The folder holds another run.
        OutputError: The folder cannot be written.
    """
    fresh = not (folder / PLAN).exists()
    if fresh and any((folder / TILES).iterdir()):
        raise DatasetError(f"{folder}: expected an empty folder, got tiles without {PLAN}; choose another folder.")
    names = [TARGET, OPTICS] + [MODEL] * (job.generator is not None)
    inputs = folder if fresh else require_writable_folder(folder / "check")
    job.chip.write(inputs / TARGET)
    if not fresh and _same_optics(folder / OPTICS, job.process):
        shutil.copyfile(folder / OPTICS, inputs / OPTICS)
    else:
        save_kernels(inputs / OPTICS, job.process)
    if job.generator is not None:
        with atomic_path(inputs / MODEL) as temporary:
            shutil.copyfile(job.generator.origin, temporary)
    files = {name: file_digest(inputs / name) for name in names}
    plan = Plan(
        tiling=tiling,
        tolerance=job.tolerance,
        method=job.tile_method,
        network=job.generator is not None,
        turns=None if job.generator is None else job.generator.turns,
        steps=job.steps,
        passes=job.passes,
        batch=job.batch,
        device=device,
        files=files,
        rules=job.rules,
        labels=job.labels,
    )
    if fresh:
        write_plan(folder, plan)
        return plan
    shutil.rmtree(inputs)
    stored = read_plan(folder)
    if stored.digest != plan.digest:
        raise DatasetError(
            f"{folder}: expected an empty folder or a run of these settings, got one of others "
            f"({', '.join(_differing(stored, plan))}); choose another folder, or remove the folder."
        )
    return plan


def _differing(one: Plan, other: Plan) -> list[str]:
    """Names of the settings and files in which two plans differ."""
    files = [name for name in {**one.files, **other.files} if one.files.get(name) != other.files.get(name)]
    names = [name for name, value in one.settings.items() if value != other.settings[name]]
    return sorted({*files, *names} - {"files", "labels"})


def _same_optics(path: Path, process: ProcessModel) -> bool:
    """True if a file holds a process's kernels, up to the last bits, which depend on the machine."""
    try:
        stored = load_kernels(path)
    except LithoError:  # a worker reports the error
        return False
    sizes = [[(name, k.field_nm, k.spectra.shape) for name, k in own.kernels.items()] for own in (stored, process)]
    return sizes[0] == sizes[1] and process_digest(stored) == process_digest(process)
