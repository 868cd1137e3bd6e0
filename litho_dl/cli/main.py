"""The entry point of the command line: commands are imported when run, and errors are printed as one line."""

import importlib
import os
import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from litho_dl import __version__
from litho_dl.core.errors import LithoError, out_of_memory
from litho_dl.core.memory import collect_seldom, keep_memory

COMMANDS = {
    "calibrate": "Fit a recipe to measured CDs and contours.",
    "clips": "Generate random layout clips that keep design rules, or cut clips from a layout.",
    "compare": "Compare methods, networks and masks of other programs on given layouts.",
    "completion": "Print the script that completes commands and names in a shell.",
    "dataset": "Make, check and export data sets of (target, mask) pairs.",
    "demo": "Optimise layouts that ship with the repository; masks, pictures and a score table.",
    "edge-noise": "Estimate edge roughness and CD uniformity from photon noise.",
    "evaluate": "Score a mask against its target.",
    "export": "Write a trained network as ONNX or torch.export, and check it.",
    "film": "Show what the films on the wafer do: reflectivity, swing curve, antireflective layer, bulk image.",
    "fullchip": "Find the mask of a whole layout, tile by tile.",
    "hotspots": "Find where a mask pinches, bridges, misses shapes or prints strays, at any corner.",
    "infer": "Predict the masks of given layouts by a trained network.",
    "kernels": "Build, import and show optical kernels.",
    "mnist": "Train and score a benchmark on MNIST, to check networks and training loop.",
    "mrc": "Check a mask's least width, space, area and curvature radius.",
    "optimize": "Find the masks that print given layouts.",
    "process-window": "Sweep dose and focus: CDs, process windows, MEEF.",
    "profile": "Show the resist's profile after exposure, bake and development: sidewall, top loss.",
    "recipes": "List and print the optics recipes, ILT methods and design rules.",
    "rectangles": "Replace any mask by at most so many rectangles, and show what that costs.",
    "report": "Show the results of a command in one HTML file.",
    "simulate": "Expose a layout as drawn: aerial image, prints, picture.",
    "smo": "Optimise the illumination together with the masks of given layouts.",
    "train": "Train a mask generator, or a surrogate of the simulator.",
    "tune": "Search for the settings of an ILT method that give the best masks in the least time.",
}
INTERRUPTED = 130
OUT_OF_MEMORY = "Out of memory; pass fewer layouts at once, or choose a larger pixel or a smaller field."


class LazyGroup(click.Group):
    """A group that lists its commands by name, and imports a command only to run it or to show its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = cmd_name.replace("-", "_")
        return getattr(importlib.import_module(f"litho_dl.cli.{module}"), module)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands and options, without importing the commands."""
        commands = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggests the most similar command for a misspelt one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from litho_dl.core.settings import suggestion

            message = f"No such command {args[0]!r}; {suggestion(args[0], COMMANDS)}"
            raise click.UsageError(message, ctx) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE.py",
    type=click.Path(path_type=Path),
    help="Run a Python file first, which registers objective terms or networks of your own.",
)
def cli(plugins: tuple[Path, ...]) -> None:
    """Lithography simulation and mask optimization."""
    from litho_dl.core.plugin import load_plugin

    for plugin in plugins:
        load_plugin(plugin)


def main() -> None:
    """Runs the command line.

    OpenMP's threads sleep while they wait, unless the environment says otherwise: on a machine with shared cores,
    spinning threads cost a factor of ten. This must be set before torch is loaded.

    Exit codes: 0 success, 1 bad input, 2 wrong usage, 130 interrupted.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_memory()
    collect_seldom()
    try:
        cli.main(prog_name="litho-dl", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except LithoError as error:
        _fail(str(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename or 'file system'}: {error.strerror or error}")
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        _fail(OUT_OF_MEMORY)


def _fail(message: str) -> None:
    """Prints a message on one line; what is not printable, which may come from a stranger's file, as its code."""
    line = "".join(part if part.isprintable() else ascii(part)[1:-1] for part in " ".join(message.split()))
    click.echo(f"Error: {line}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
