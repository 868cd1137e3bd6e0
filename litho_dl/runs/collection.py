"""Collections of clips: one file a clip in a folder, or one library, with a table and a picture."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litho_dl.core.errors import LithoError

if TYPE_CHECKING:
    from litho_dl.layout.layout import Layout
    from litho_dl.layout.statistics import LayoutStatistics
    from litho_dl.viz.layouts import ClipGroup, Weighted

LIBRARY_SUFFIXES = (".gds", ".oas")
SHOWN = 24  # clips in the picture


class Collection:
    """Writes clips, one by one, to a folder or a library, with a table and a picture of the first ones."""

    def __init__(self, out: Path, suffix: str, figure: Path | None, extent_nm: float) -> None:
        """Prepares the folder.

        Args:
            out: A folder for one file a clip, or a library ending in .gds or .oas for one cell a clip.
            suffix: Format of the files in a folder: `glp`, `gds` or `oas`.
            figure: File of the picture; None: clips.png in the folder, or no picture for a library.
            extent_nm: Side of a clip.

        Raises:
            OutputError: The folder cannot be written.
            LithoError: The picture's suffix is unknown.
        """
        from litho_dl.core.io import require_writable_folder
        from litho_dl.viz.suffix import require_figure_suffix

        self.library = out if out.suffix.lower() in LIBRARY_SUFFIXES else None
        self.folder = require_writable_folder(out.parent if self.library else out)
        self.figure = figure or (None if self.library else out / "clips.png")
        if self.figure is not None:
            require_figure_suffix(self.figure)
        self.suffix, self.extent_nm = suffix, extent_nm
        self.rows: list[dict[str, Any]] = []
        self.layouts: list[Layout] = []
        self.statistics: list[LayoutStatistics] = []

    def add(self, layout: "Layout", name: str, pattern: str, origin: dict[str, Any]) -> None:
        """Writes a clip to the folder, or keeps it for the library, and adds its row of the table.

        Args:
            layout: The clip.
            name: Its name.
            pattern: Its pattern hash.
            origin: Further columns of its row.

        Raises:
            LithoError: The name cannot be part of a file name, or the clip cannot be written.
        """
        from litho_dl.core.naming import require_name
        from litho_dl.layout.files import write_layout
        from litho_dl.layout.gds import exact_dbu_nm
        from litho_dl.layout.layout import Layout
        from litho_dl.layout.statistics import layout_statistics

        require_name(name, "the name of a clip")
        named, numbers = Layout(name, layout.polygons), layout_statistics(layout)
        if self.library is None:
            write_layout(self.folder / f"{name}.{self.suffix}", named, dbu_nm=exact_dbu_nm([named]))
        if self.library is not None or len(self.layouts) < SHOWN:
            self.layouts.append(named)
        self.statistics.append(numbers)
        row = {
            "hash": pattern,
            "density": round(numbers.area_nm2 / self.extent_nm**2, 6),
            "polygons": numbers.polygons,
            "vertices": numbers.vertices,
            "area_nm2": numbers.area_nm2,
            "min_width_nm": numbers.widths.lengths_nm.min(initial=float("inf")),
            "min_space_nm": numbers.spaces.lengths_nm.min(initial=float("inf")),
        }
        self.rows.append({"name": name, **origin, **row})

    def finish(self, **summary: Any) -> dict[str, Any]:
        """Writes the library, the table and the picture.

        Args:
            **summary: Further entries of the result, such as the settings.

        Returns:
            The number of clips, their mean density, the files, and the further entries.

        Raises:
            LithoError: There is no clip.
            OutputError: A file cannot be written.
        """
        from litho_dl.core.io import write_csv
        from litho_dl.layout.gds import exact_dbu_nm, write_library

        if not self.rows:
            raise LithoError("Expected at least one clip, got none; lower --least-coverage or change the window.")
        table = self.library.with_suffix(".csv") if self.library else self.folder / "clips.csv"
        if self.library is not None:
            write_library(self.library, self.layouts, dbu_nm=exact_dbu_nm(self.layouts))
        write_csv(table, self.rows)
        if self.figure is not None:
            self.draw(self.figure)
        density = sum(row["density"] for row in self.rows) / len(self.rows)
        return {
            **summary,
            "clips": len(self.rows),
            "extent_nm": self.extent_nm,
            "mean_density": round(density, 6),
            "out": str(self.library or self.folder),
            "table": str(table),
            "figure": str(self.figure) if self.figure else None,
        }

    def draw(self, path: Path) -> None:
        """Draws the first clips, and the distributions over all of them."""
        from litho_dl.viz.figure import save_figure
        from litho_dl.viz.layouts import clips_figure

        shown = self.layouts[:SHOWN]
        densities = [row["density"] for row in self.rows]
        title = f"{len(shown)} of {len(self.rows):,} clips; charts: all"
        save_figure(clips_figure([clip_group(title, shown, self.statistics, densities, self.extent_nm)]), path)


def clip_group(
    name: str,
    shown: Iterable["Layout"],
    statistics: Iterable["LayoutStatistics"],
    densities: list[float],
    extent_nm: float,
) -> "ClipGroup":
    """A group of clips for `viz.layouts.clips_figure`.

    Args:
        name: Title of the group.
        shown: The clips to draw.
        statistics: Statistics of all clips of the group.
        densities: Densities of all clips, in [0, 1].
        extent_nm: Side of a clip.

    Returns:
        The outlines of the clips to draw, and the distributions over all.
    """
    from litho_dl.layout.statistics import pooled
    from litho_dl.viz.layouts import ClipGroup

    statistics = list(statistics)
    charts: dict[str, Weighted] = {
        "local width (nm)": pooled(entry.widths for entry in statistics),
        "local space (nm)": pooled(entry.spaces for entry in statistics),
        "density (%)": ([100 * density for density in densities], [1.0] * len(densities)),
    }
    loops = {layout.name: [loop for polygon in layout.polygons for loop in polygon.loops] for layout in shown}
    return ClipGroup(name, loops, extent_nm, charts)


def collection_text(result: dict[str, Any]) -> str:
    """The result of `Collection.finish` as text."""
    lines = [f"{result['clips']:,} clips of {result['extent_nm']:g} nm, mean density {result['mean_density']:.1%}"]
    if "skipped" in result:
        skipped = ", ".join(f"{count:,} {reason}" for reason, count in result["skipped"].items())
        lines.append(f"{result['windows']:,} windows; skipped: {skipped}")
    return "\n".join(lines + [f"Wrote {result[key]}" for key in ("out", "table", "figure") if result[key]])
