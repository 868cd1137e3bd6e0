"""Where the seconds of commands go."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import (
    BLUE,
    GREEN,
    GREY,
    LABEL_SIZE,
    ORANGE,
    TICK_SIZE,
    as_it_is,
    new_figure,
    style_chart,
)

LIGHT = "#DDDDDD"
COLOURS = (GREY, BLUE, GREEN, ORANGE, LIGHT)
WIDTH_IN, BAR_IN, AROUND_IN = 7.2, 0.3, 0.55  # of a panel
ROOM = 1.16  # of the longest bar, for the sums beside the bars

Runs = Mapping[str, Mapping[str, float]]  # seconds by phase, in order, by the run's name


def phases_figure(commands: Mapping[str, Runs], *, title: str = "") -> Figure:
    """Draws a stacked bar for each run of each command, the runs of a command at one scale.

    Args:
        commands: Seconds by the command, the run, such as before and after a change, and the phase.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw, or there are more phases than colours.
    """
    phases = list(dict.fromkeys(phase for runs in commands.values() for run in runs.values() for phase in run))
    if not 0 < len(phases) <= len(COLOURS):
        raise LithoError(f"Expected 1 to {len(COLOURS)} phases of runs, got {len(phases)}.")
    colours = dict(zip(phases, COLOURS, strict=False))
    heights = [BAR_IN * len(runs) + AROUND_IN for runs in commands.values()]
    figure = new_figure(WIDTH_IN, sum(heights) + 0.7, title)
    panels = figure.subplots(len(commands), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, (command, runs) in zip(panels, commands.items(), strict=True):
        _bars(axes, runs, colours)
        style_chart(axes, "", "seconds" if axes is panels[-1] else "")
        axes.set_title(as_it_is(command), loc="left", fontsize=LABEL_SIZE)
        axes.grid(False, axis="y")
    entries = [Patch(facecolor=colour, label=phase) for phase, colour in colours.items()]
    figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), fontsize=TICK_SIZE, frameon=False)
    return figure


def _bars(axes: Axes, runs: Runs, colours: Mapping[str, str]) -> None:
    """Draws the runs of one command, the first on top, each with its sum."""
    for place, run in enumerate(runs.values()):
        end = 0.0
        for phase, seconds in run.items():
            axes.barh(place, seconds, left=end, color=colours[phase], height=0.7)
            end += seconds
        axes.text(end, place, f" {end:.2f} s", va="center", fontsize=TICK_SIZE)
    axes.set_yticks(range(len(runs)), [as_it_is(name) for name in runs])
    axes.set_xlim(0, ROOM * max(sum(run.values()) for run in runs.values()))
    axes.invert_yaxis()
