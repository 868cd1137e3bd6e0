"""The results in a run's folder as one self-contained HTML file."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.errors import ReportError
from litho_dl.core.io import plain_file, write_text
from litho_dl.layout.layout import Layout
from litho_dl.layout.stack import read_stack
from litho_dl.report import chart
from litho_dl.report.chart import Chart, curves, front
from litho_dl.report.drawing import STEPS_PER_NM, TOLERANCE_NM, Drawing, Frame, draw, framed
from litho_dl.report.names import MASK_SCORES, MRC, better, is_time, titled
from litho_dl.report.published import PUBLISHED
from litho_dl.report.run import Run, with_sums
from litho_dl.report.several import drawing_name, read_runs
from litho_dl.report.table import Record, Table, is_number, make_table, mean, shown

REPORT = "report.html"
MOST_CLIPS, MOST_PICTURES, MOST_PICTURE_BYTES = 40, 40, 32 * 2**20
TILES = (*MASK_SCORES, "multibeam_ms")
MOST_TILES = 9
CLIP_SCORES = ("l2_nm2", "pvb_nm2", "epe_violations", "epe_violations_3nm", "stray_prints", "shots", "vertices")
SPOT_VALUES = ("x_nm", "y_nm", "epe_nm", "seam_distance_nm")
TITLE = ("layout", "model", "method")
INPUTS = ("layout", "layouts", "layer", "cell", "window_nm")
TREATMENT = (
    "optics",
    "method",
    "network",
    "model",
    "refine",
    "tile_nm",
    "tile_rows",
    "tile_columns",
    "halo_nm",
    "tolerance",
)
MADE_BY = ("command", "version")
SUBTITLE = ("layer", "cell", "window_nm", "optics", "method", "network", "model", "status", "device")
FIRST_PICTURES = ("chip", "gallery", "masks", "pairs", "front", "curves", "source", "process_window", "scores")
ARRAYS = ("L", "1", "I;16", "I")  # modes of PNG files that hold arrays, whose first row is the lowest y
LAYER_TITLES = {"target": "Target", "mask": "Mask", "nominal": "Nominal print", "band": "PV band", "sites": "EPE sites"}


@dataclass(frozen=True)
class Picture:
    """A PNG file to embed.

    Attributes:
        name: Its path in the run's folder.
        uri: The file as a data URI.
        width: Width in pixels.
        height: Height in pixels.
        flipped: Whether its first row is the lowest y.
    """

    name: str
    uri: str
    width: int
    height: int
    flipped: bool


def write_report(run_dirs: str | Path | Sequence[str | Path], out: str | Path | None = None) -> Path:
    """Writes the report of one run's folder, or of several side by side, as one HTML file, atomically.

    Args:
        run_dirs: Folder that a command wrote its results to, or several.
        out: The file; None: `report.html` in the folder, which must be only one.

    Returns:
        The file.

    Raises:
        ReportError: A folder is missing or empty, a file in it is damaged, or there are several and no file for the
            report.
        LayoutError: A clip's layer file is damaged.
        OutputError: The file cannot be written.
    """
    folders = [Path(folder) for folder in ([run_dirs] if isinstance(run_dirs, str | Path) else run_dirs)]
    if out is None and len(folders) != 1:
        raise ReportError(f"Expected the file of a report of {len(folders)} runs, got none; give it (--out FILE.html).")
    target = folders[0] / REPORT if out is None else Path(out)
    html = render(read_runs(folders))
    write_text(target, html)
    return target


def render(run: Run) -> str:
    """The HTML page of a run."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("litho_dl.report"),
        autoescape=True,  # names may come from files of others
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "titled": titled}
    drawings, clips_left = drawn_clips(run)
    embedded, pictures_left = pictures(run)
    charts = {name: found for name, table in run.tables.items() if (found := curves(table))}
    return environment.get_template("report.html").render(
        run=run,
        title=title(run),
        subtitle=subtitle(run),
        tiles=tiles(run),
        drawings=drawings,
        clips_left=clips_left,
        layers=LAYER_TITLES,
        steps_per_nm=STEPS_PER_NM,
        tolerance_nm=TOLERANCE_NM,
        front=front_of(run),
        published=PUBLISHED,
        sites=make_table("Worst sites", run.sites) if run.sites else None,
        charts=charts,
        canvas=chart,
        pictures=embedded,
        pictures_left=pictures_left,
        tables={name: table for name, table in run.tables.items() if name not in charts},
        times=times(run),
        settings={name: settings(own) for name, own in run.files.items()},
    )


def title(run: Run) -> str:
    """The layout with the network and the method of its mask; of several runs their names; else the folder's name."""
    if run.comparison is not None:
        return ", ".join(str(record["run"]) for record in run.comparison.records)
    named = [Path(str(run.facts[key])).name for key in TITLE if key in run.facts]
    return ", ".join(named) if TITLE[0] in run.facts else run.folder.resolve().name or REPORT


def settings(facts: dict[str, Any]) -> dict[str, Any]:
    """A file's settings and results except times, in order: inputs, process and method, others, command and version."""
    first = [*INPUTS, *TREATMENT]
    rest = [key for key in facts if key not in (*first, *MADE_BY) and not is_time(key)]
    return {key: facts[key] for key in (*first, *rest, *MADE_BY) if key in facts}


def subtitle(run: Run) -> list[tuple[str, str]]:
    """The most important settings."""
    return [(key, str(run.facts[key])) for key in SUBTITLE if key in run.facts]


def tiles(run: Run) -> list[tuple[str, str]]:
    """Headline scores: means over the clips, of the first source if there are several; else the run's own scores."""
    if run.comparison is not None:
        return []
    if run.scores is None:
        facts = with_sums(run.facts)
        scores = [key for key, value in facts.items() if is_number(value) and better(key) and not is_time(key)]
        keys = dict.fromkeys(key for key in (*TILES, *scores) if key in scores and not key.startswith(f"{MRC}."))
        return [(titled(key), shown(facts[key])) for key in [*keys][:MOST_TILES]]
    records = run.scores.records
    first = [record for record in records if record.get("source") == records[0].get("source")]
    means = [(key, mean(first, key)) for key in TILES]
    found = [("Clips", shown(len(first)))]
    return found + [(titled(key), shown(round(value, 1))) for key, value in means if value is not None]


def times(run: Run) -> dict[str, Any]:
    """Times of the whole run, and mean times over its clips, in seconds."""
    found = {key: value for key, value in run.facts.items() if is_time(key)}
    if run.scores is not None and run.comparison is None:
        keys = (column.key for column in run.scores.columns if column.numeric and is_time(column.key))
        found |= {f"{key.removesuffix('_per_clip')}_per_clip": mean(run.scores.records, key) for key in keys}
    return found


def front_of(run: Run) -> Chart | None:
    """The chart of L2 against PVB of the clips' scores, or of the longest other table that has both."""
    if run.comparison is not None:
        return front(run.comparison, str(run.facts.get("protocol", "")), _clip_names(run))
    tables: Sequence[Table] = [run.scores] if run.scores else sorted(run.tables.values(), key=lambda t: -len(t.records))
    charts = (front(table, str(run.facts.get("protocol", ""))) for table in tables)
    return next((found for found in charts if found), None)


def drawn_clips(run: Run) -> tuple[list[Drawing], int]:
    """Drawings of the first clips, in the order of their scores, and the number of clips left out."""
    records = {drawing_name(record): record for record in reversed(run.scores.records if run.scores else ())}
    order = sorted(run.layers, key=lambda name: (list(reversed(records)).index(name) if name in records else -1, name))
    stacks = {name: read_stack(run.layers[name]) for name in order[:MOST_CLIPS]}
    frames = _frames(run, records, stacks)
    drawings = []
    for name, stack in stacks.items():
        sites = [site for site in run.sites if site["clip"] == name]
        captions = (
            _captions(records[name], CLIP_SCORES)
            if name in records
            else _captions(sites[0] if sites else {}, SPOT_VALUES)
        )
        frame = frames.get(_clip_of(records, name))
        drawings += [draw(name, stack, frame, sites, captions)] if frame else []
    return drawings, len(order) - len(order[:MOST_CLIPS])


def _frames(run: Run, records: Mapping[str, Record], stacks: Mapping[str, Mapping[str, Layout]]) -> dict[str, Frame]:
    """What is shown of each clip at first: the same for all runs, so that they can be compared."""
    frames: dict[str, Frame] = {}
    for name, stack in stacks.items():
        own, clip = framed(stack, _reach_nm(run)), _clip_of(records, name)
        if own is not None:
            low, high = frames.get(clip, own)
            frames[clip] = np.minimum(low, own[0]), np.maximum(high, own[1])
    return frames


def _clip_of(records: Mapping[str, Record], name: str) -> str:
    """The clip of a drawing."""
    return str(records[name]["clip"]) if name in records else name


def _clip_names(run: Run) -> set[str]:
    return {str(record["clip"]) for record in run.scores.records} if run.scores else set()


def _reach_nm(run: Run) -> float:
    """The distance up to which features of masks belong to a clip's drawing."""
    reach: Any = run.facts.get("reach_nm")
    return float(reach) if is_number(reach) else 0.0


def _captions(record: Record, keys: Sequence[str]) -> dict[str, str]:
    return {titled(key): shown(record[key]) for key in keys if is_number(record.get(key))}


def pictures(run: Run) -> tuple[list[Picture], int]:
    """The pictures to embed, those of the whole run first, and the number of pictures left out.

    Pictures of what the page draws itself do not count: convergence, clips with a layer file, and the worst places.
    """
    own = {f"{name}{'.mask' if run.scores else ''}.png" for name in run.layers}
    own |= {"convergence.png"} if "convergence.csv" in run.tables else set()
    paths = [path for path in run.pictures if path.relative_to(run.folder).as_posix() not in own]
    first = {name: index for index, name in enumerate(FIRST_PICTURES)}
    paths.sort(key=lambda path: (first.get(path.stem, len(first)), path.stem in run.layers, path.as_posix()))
    found: list[Picture] = []
    room = MOST_PICTURE_BYTES
    for path in paths[:MOST_PICTURES]:
        data = _read(path)
        if len(data) <= room:
            room -= len(data)
            found.append(_picture(path, path.relative_to(run.folder).as_posix(), data))
    return found, len(paths) - len(found)


def _picture(path: Path, name: str, data: bytes) -> Picture:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            (width, height), mode = image.size, image.mode
    except Exception as error:  # Pillow raises whatever the damaged bytes lead to
        raise ReportError(f"{path}: expected a PNG picture, got a damaged file; draw it anew or remove it.") from error
    uri = "data:image/png;base64," + base64.b64encode(data).decode()
    return Picture(name, uri, width, height, mode in ARRAYS)


def _read(path: Path) -> bytes:
    try:
        return plain_file(path, ReportError).read_bytes()
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror}).") from error
