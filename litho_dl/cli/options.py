"""Options that several commands share, the option --report, and the progress of building kernels."""

import functools
import math
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.shell_completion import CompletionItem

from litho_dl.cli.no_cache import no_cache_option
from litho_dl.core.progress import progress_bar

if TYPE_CHECKING:
    from litho_dl.core.settings import Kind
    from litho_dl.ilt.method import Method
    from litho_dl.layout.rules import MaskRules
    from litho_dl.process.files import Optics
    from litho_dl.process.model import ProcessModel

Command = Callable[..., Any]
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


class BoxParamType(click.ParamType):
    """Four numbers `X0,Y0,X1,Y1` in nm: a window, or the ends of a cutline."""

    name = "X0,Y0,X1,Y1"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float, float]:
        try:
            x0, y0, x1, y1 = (float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"expected four numbers X0,Y0,X1,Y1 in nm, got {value!r}", param, ctx)
        return x0, y0, x1, y1


class LayerParamType(click.ParamType):
    """A layer to write, `LAYER/DATATYPE` or `LAYER`."""

    name = "LAYER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        from litho_dl.layout.gds import LARGEST_LAYER

        match = re.fullmatch(r"(\d{1,5})(?:/(\d{1,5}))?", str(value).strip(), flags=re.ASCII)
        layer = (0, 0) if match is None else (int(match[1]), int(match[2] or 0))
        if match is None or max(layer) > LARGEST_LAYER:
            self.fail(f"expected LAYER/DATATYPE or LAYER, each up to {LARGEST_LAYER}, got {value!r}", param, ctx)
        return layer


class SweepParamType(click.ParamType):
    """Rising numbers, given as `FROM,TO,STEP`."""

    name = "FROM,TO,STEP"
    most = 201

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            start, stop, step = (float(part) for part in value.split(","))
            intervals = (stop - start) / step
            if not (step > 0 and 0 <= intervals < self.most):
                raise ValueError
        except (ValueError, ZeroDivisionError):
            self.fail(f"expected FROM,TO,STEP, rising, at most {self.most} values, got {value!r}", param, ctx)
        return tuple(round(start + step * index, 9) for index in range(math.floor(intervals + 1e-9) + 1))


def complete_names(*kinds: "Kind | Literal['models']") -> Complete:
    """Shell completion by the names of packaged recipes or models, or by files."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from litho_dl.core.settings import packaged_names
        from litho_dl.generators.weights import packaged_models

        names = [name for kind in kinds for name in (packaged_models() if kind == "models" else packaged_names(kind))]
        found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return [CompletionItem(incomplete, type="file"), *found]  # in bash, names replace the files if they come last

    return complete


def stacked(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several decorators as one; the first is the first on the help page."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


optics_option = stacked(
    click.option(
        "--optics",
        required=True,
        metavar="RECIPE_OR_KERNELS",
        shell_complete=complete_names("optics"),
        help="A recipe's name (see litho-dl recipes), a recipe file (.toml), an exported kernel file (.safetensors), "
        "or a folder of contest kernels.",
    ),
    click.option("--field", "field_nm", type=float, metavar="NM", help="Side of the field.  [default: the recipe's]"),
    no_cache_option,
)
missing_option = click.option(
    "--allow-missing", is_flag=True, help="Read on where the layout refers to cells that are not in its file."
)
layer_options = stacked(
    click.option(
        "--layer",
        metavar="LAYER[,LAYER...]",
        help="Layers, of which the union is taken: LAYER/DATATYPE (GDSII, OASIS) or names (GLP, OASIS), as in "
        "11/0,11/5. Default: the only one with shapes.",
    ),
    click.option("--cell", help="Cell. Default: the only top cell with shapes."),
    missing_option,
)
layout_options = stacked(
    layer_options,
    click.option("--window", "window_nm", type=BoxParamType(), help="Read only this window of the layout, in nm."),
)
mask_file_options = stacked(
    click.option(
        "--mask-layer",
        metavar="LAYER[,LAYER...]",
        help="Layers of a mask polygon file, main and assist features. Default: the only one, or 1/0 and 1/1 together.",
    ),
    click.option("--mask-cell", help="Cell of a mask polygon file. Default: the only top cell."),
)
read_mask_options = stacked(
    click.option(
        "--layer",
        "--mask-layer",
        metavar="LAYER[,LAYER...]",
        help="Layers of polygons. Default: the only one, or 1/0 and 1/1 of a mask file.",
    ),
    click.option("--cell", "--mask-cell", help="Cell. Default: the only top cell with shapes."),
    missing_option,
    click.option("--window", "window_nm", type=BoxParamType(), help="Read only this window of the layout, in nm."),
)


def mask_form_options(*, suffix: bool) -> Callable[[Command], Command]:
    """A decorator that adds the options of written masks, and passes them on as the `MaskForm` `form`.

    `suffix`: whether to add `--format`, for commands that name the files themselves.
    """
    options = [
        click.option("--out-layer", type=LayerParamType(), default="1/0", show_default=True, help="Layer of the mask."),
        click.option(
            "--assist-layer",
            type=LayerParamType(),
            help="Layer of the mask's assist features, which overlap no drawn feature. Default: the next datatype of "
            "--out-layer, 1/1; the same layer writes all on one.",
        ),
        click.option("--with-target", type=LayerParamType(), help="Also write the drawn layout, on this layer."),
    ]
    if suffix:
        formats = click.Choice(["oas", "gds"])
        options.append(
            click.option("--format", "suffix", type=formats, default="oas", show_default=True, help="Format.")
        )

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def formed(*args: Any, out_layer: Any, assist_layer: Any, with_target: Any, **rest: Any) -> None:
            from litho_dl.layout.mask_file import MaskForm

            form = MaskForm(rest.pop("suffix", "oas"), out_layer, assist_layer, with_target)
            command(*args, form=form, **rest)

        return stacked(*options)(formed)

    return decorate


def model_option(*, required: bool) -> Callable[[Command], Command]:
    """A decorator that adds `--model`; where it is not required, the command takes the best network by itself."""
    told = "The name of a packaged network (see litho-dl recipes), or a model.safetensors of litho-dl train."
    return click.option(
        "--model",
        required=required,
        metavar="NAME_OR_FILE",
        shell_complete=complete_names("models"),
        help=told if required else f"{told} Default: the packaged network for the optics with the best test scores.",
    )


device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
starts_option = click.option(
    "--starts",
    type=int,
    metavar="N",
    help="Start from N masks a clip, in place of the method's number; the worse ones are dropped between levels.",
)
out_option = click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write to."
)
training_options = stacked(
    click.option("--epochs", type=click.IntRange(1), help="Epochs of each training stage, in place of the recipe's."),
    click.option("--seed", type=click.IntRange(0), help="Seed, in place of the recipe's."),
    click.option("--tensorboard", is_flag=True, help="Write TensorBoard's events too."),
)
worker_options = stacked(
    click.option(
        "--workers", type=click.IntRange(1), help="Local processes, one thread each. Default: one a core or GPU."
    ),
    click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler, or local for a Dask cluster here."),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")


def report_on(folder_of: Callable[[dict[str, Any]], Path | None]) -> Callable[[Command], Command]:
    """A decorator that adds `--report`, which writes report.html into a folder after the command.

    `folder_of` takes the folder from the command's options.
    """

    def decorate(command: Command) -> Command:
        @click.option("--report", is_flag=True, help="Also write report.html there; see litho-dl report.")
        @functools.wraps(command)
        def reporting(*args: Any, report: bool, **options: Any) -> None:
            folder = folder_of(options)
            if report and folder is None:
                raise click.UsageError("--report needs --out, the folder of the report.")
            failed_check = None
            try:
                command(*args, **options)
            except SystemExit as stop:  # mrc --strict found violations, which are a result to report
                failed_check = stop
            if report and folder is not None:
                from litho_dl.report.page import write_report

                click.echo(f"Wrote {write_report(folder)}", err=True)
            if failed_check is not None:
                raise failed_check

        return reporting

    return decorate


@dataclass(frozen=True)
class GivenRules:
    """The limits of mask rules on the command line, by the names of `MaskRules`."""

    limits: dict[str, float]

    def at(self, scale: float) -> "MaskRules | None":
        """The rules, those not given by default for a process of a scale; None if none is given."""
        from litho_dl.scoring.protocol import RULES

        return replace(RULES.scaled(scale), **self.limits) if self.limits else None


def rules_options(command: Command) -> Command:
    """Adds `--width`, `--space`, `--area` and `--radius`; the command gets `rules`, a `GivenRules`."""

    @click.option(
        "--width",
        type=float,
        metavar="NM",
        help="Mask rule, at wafer scale: least width; 0: off.  [default: 20 times the optics' scale]",
    )
    @click.option(
        "--space",
        type=float,
        metavar="NM",
        help="Mask rule, at wafer scale: least space; 0: off.  [default: 20 times the optics' scale]",
    )
    @click.option(
        "--area",
        type=float,
        metavar="NM2",
        help="Mask rule, at wafer scale: least area; 0: off.  [default: 1000 times the optics' scale squared]",
    )
    @click.option(
        "--radius",
        type=float,
        metavar="NM",
        help="Mask rule, at wafer scale: least radius of curvature.  [default: off]",
    )
    @functools.wraps(command)
    def with_rules(
        *args: Any, width: float | None, space: float | None, area: float | None, radius: float | None, **options: Any
    ) -> None:
        given = {"min_width_nm": width, "min_space_nm": space, "min_area_nm2": area, "min_radius_nm": radius}
        limits = {name: value for name, value in given.items() if value is not None}
        command(*args, rules=GivenRules(limits), **options)

    return with_rules


def method_with(method: "Method", name: str, given: GivenRules, scale: float) -> "Method":
    """A method, for a process of a scale, with the mask rules of the command line; tells what it cannot keep.

    Raises:
        RecipeError: A limit that the method keeps is 0.
    """
    rules = given.at(scale)
    if rules is None:
        return method
    if not method.keeps_rules:
        click.echo(f"{name}: keeps no mask rules; violations of {rules} are counted only.", err=True)
    elif rules.min_radius_nm > 0 and not method.clean:
        click.echo(f"{name}: keeps no radius; tighter bends are counted only.", err=True)
    kept = method.keeping(rules.scaled(1 / scale))
    if method.rules is not None and kept is not method:
        own = asdict(method.rules.mask_rules().scaled(scale))
        lowered = [f"{key} {own[key]:g} to {limit:g}" for key, limit in asdict(rules).items() if limit < own[key]]
        if lowered:
            click.echo(f"{name}: its own rules are lowered: {', '.join(lowered)}.", err=True)
    return kept


report_option = report_on(lambda options: options["out"])


def is_remote(workers: int | None, scheduler: str | None) -> bool:
    """Whether the workers are those of a Dask scheduler elsewhere, whose number is fixed.

    Args:
        workers: Value of --workers.
        scheduler: Value of --scheduler.

    Returns:
        True for the address of a scheduler, False for none or `local`.

    Raises:
        click.UsageError: --workers is given with the address of a scheduler.
    """
    remote = scheduler not in (None, "local")
    if remote and workers is not None:
        raise click.UsageError("--workers is for local workers; a scheduler has its own.")
    return remote


def command_line() -> str:
    """The running command line, for the files that it writes; absolute paths, which are private, without folders."""
    return shlex.join([click.get_current_context().find_root().command_path, *map(_without_folders, sys.argv[1:])])


def _without_folders(argument: str) -> str:
    """An argument, `NAME=VALUE` or not, with the file's name in place of an absolute path."""
    name, equals, value = argument.rpartition("=")
    return f"{name}{equals}{Path(value).name}" if Path(value).is_absolute() else argument


def own(folder: Path) -> None:
    """Makes the folder of a run, which nothing else may write to until the command ends.

    Args:
        folder: The folder.

    Raises:
        OutputError: Another run owns the folder, or it cannot be written.
    """
    from litho_dl.core.lock import owned

    click.get_current_context().with_resource(owned(folder))


def built(optics: "Optics") -> "ProcessModel":
    """The process model of optics; a recipe's kernels are built now, with a progress bar."""
    if optics.built:
        return optics.process()
    with progress_bar("Building kernels"):
        return optics.process()
