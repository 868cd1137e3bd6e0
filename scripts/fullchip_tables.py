"""What scripts/fullchip.py measured, as results/fullchip.md."""

import os
import platform
from typing import Any

import numpy as np
import torch

WHOLE_NM = 8192.0  # side of the window that is solved in tiles and in one piece
TILE_NM = 2048.0  # of its tiles
INTERIOR_NM = 512.0  # left out along its border
NEAR_NM = 0.1  # what tiles may change
SCALING_NM = 3072.0
CORES = (2, 16, 64, 256, 1024)


def markdown(found: dict[str, Any], command: str) -> str:
    """What was measured, as far as it was."""
    lines = [
        "# Whole layouts",
        "",
        f"`{command}` made this on {os.cpu_count()} CPU cores ({platform.machine()}), torch {torch.__version__}, the "
        f"machine as it was: compare seconds with one another only.",
    ]
    for name in SECTIONS:
        if name in found:
            lines += ["", *SECTIONS[name](found[name])]
    return "\n".join(lines) + "\n"


def _chip_section(part: dict[str, Any]) -> list[str]:
    score, seconds = part["score"], part["seconds"]
    work = part["tile_seconds"]
    lines = [
        "## A placed and routed block",
        "",
        f"{score['area_nm2'] / 1e6:,.0f} µm², {part['rows']} x {part['columns']} tiles of {part['core_nm']:g} nm with "
        f"halos of {part['halo_nm']:g} nm: the mask after {_minutes(seconds, 'plan', 'solve', 'stitch')} minutes "
        f"({np.median(work):.1f} s a tile, stitching {seconds['stitch']:.0f} s), in which most cores are scored too; "
        f"the score at 1 nm {_minutes(seconds, 'score')} minutes later, by {part['workers']} workers. Peak memory: "
        f"{part['together_mb']:,.0f} MB in all processes together, {part['main_mb']:,.0f} MB in the main process, "
        f"{part['worker_mb']:,.0f} MB in the largest worker.",
        "",
        "| L2 (nm²) | PV band (nm²) | EPE violations | sites | mean abs EPE (nm) | 3 sigma (nm) | not printed |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        f"| {score['l2_nm2']:,.0f} | {score['pvb_nm2']:,.0f} | {score['epe_violations']} | {score['epe_sites']:,} | "
        f"{score['epe_mean_abs_nm']:.2f} | {score['epe_3sigma_nm']:.2f} | {score['epe_lost']} |",
        "",
        f"Within 64 nm of a seam the mean absolute EPE is {score['seam_epe_nm']:.3f} nm, farther than 256 nm "
        f"{score['interior_epe_nm']:.3f} nm: {score['seam_epe_nm'] - score['interior_epe_nm']:+.3f} nm.",
        "",
        "| distance to the nearest seam (nm) | sites | mean abs EPE (nm) | mean EPE (nm) | violations |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in part["seams"]:
        if row["mean_abs_nm"] is not None:
            upto = f"to {row['to_nm']:g}" if row["to_nm"] else "on"
            lines.append(
                f"| from {row['from_nm']:g} {upto} | {row['sites']:,} | {row['mean_abs_nm']:.3f} | "
                f"{row['mean_nm']:+.3f} | {row['violations']} |"
            )
    lines += ["", "![Edge placement over the block, and against the seams](fullchip.png)", ""]
    return lines + _cluster_section(part)


def _cluster_section(part: dict[str, Any]) -> list[str]:
    """What the block's figures say of more cores."""
    tiles, seconds = len(part["tile_seconds"]), part["seconds"]
    solve_s, score_s = (sum(part[name]) / tiles for name in ("tile_seconds", "score_seconds"))
    area_mm2 = part["score"]["area_nm2"] * 1e-12
    work_s = (solve_s + score_s) * tiles / area_mm2  # of one core
    alone_s = (seconds["plan"] + seconds["stitch"]) / area_mm2  # of the main process
    lines = [
        "## A cluster",
        "",
        f"A tile of {part['core_nm']:g} nm takes {solve_s:.1f} s of a core to solve and {score_s:.1f} s to score: "
        f"{3600 / (solve_s + score_s):,.0f} tiles an hour a core, and {work_s / 3600:,.1f} hours of a core for a "
        f"square millimetre as dense as this block. What the main process does alone, planning and stitching, takes "
        f"{alone_s * 1e-3:.1f} s for 1000 µm². The area that N cores finish in a day, if windows are stitched side by "
        f"side, and if one command does all:",
        "",
        "| cores | tiles an hour | mm² a day | mm² a day by one command | hours for 1 mm² |",
        "|---:|---:|---:|---:|---:|",
    ]
    for cores in CORES:
        many_s, one_s = work_s / cores, work_s / cores + alone_s
        lines.append(
            f"| {cores} | {3600 * cores / (solve_s + score_s):,.0f} | {86400 / many_s:,.3g} | {86400 / one_s:,.3g} | "
            f"{many_s / 3600:,.3g} |"
        )
    return lines


def _minutes(seconds: dict[str, float], *phases: str) -> str:
    return f"{sum(seconds[phase] for phase in phases) / 60:.1f}"


def _tiled_section(part: dict[str, Any]) -> list[str]:
    return [
        "## Tiles against one piece",
        "",
        f"A window of {WHOLE_NM:g} nm solved in tiles and as one: distance of the nominal contours, at "
        f"{part['rows'][0]['points']:,} points farther than {INTERIOR_NM:g} nm from the window's border.",
        "",
        f"| cores (nm) | tolerance | halos (nm) | mean (nm) | median | 90 % | 99 % | largest | within {NEAR_NM:g} nm |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {row['core_nm']:g} | {row['tolerance']:g} | {row['halo_nm']:g} | {row['mean']:.3f} | "
            f"{row['p50']:.3f} | {row['p90']:.3f} | {row['p99']:.3f} | {row['max']:.2f} | {row['near']:.2%} |"
            for row in part["rows"]
        ),
    ]


def _passes_section(part: dict[str, Any]) -> list[str]:
    first = part["rows"][0]["work"]
    return [
        "## Passes",
        "",
        f"The same window in tiles of {TILE_NM:g} nm, whose seams are close together; time of solving. Mean absolute "
        "EPE in all, within 64 nm of a seam, and farther than 256 nm; mean distance from the one piece's contours.",
        "",
        "| passes | time | L2 (nm²) | PV band (nm²) | violations | EPE (nm) | at seams | inside | from one piece |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {row['passes']} | {row['work'] / first:.2f} | {row['l2_nm2']:,.0f} | {row['pvb_nm2']:,.0f} | "
            f"{row['epe_violations']} | {row['epe_mean_abs_nm']:.3f} | {row['seam_epe_nm']:.3f} | "
            f"{row['interior_epe_nm']:.3f} | {row['from_piece_nm']:.3f} |"
            for row in part["rows"]
        ),
    ]


def _network_section(part: dict[str, Any]) -> list[str]:
    first = part["rows"][0]["work"]
    lines = [
        "## A network, and some steps",
        "",
        f"A window of {WHOLE_NM / 2:g} nm by {part['optics']} in tiles of {TILE_NM:g} nm: by `{part['method']}` alone, "
        f"by the network {part['network']}, and by the network and some steps of `{part['method']}`; time of solving.",
        "",
        "| masks | time | L2 (nm²) | PV band (nm²) | violations | EPE (nm) | at seams | inside |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in part["rows"]:
        name = f"`--model {part['network']}`" if row["network"] else f"`--method {part['method']}`"
        name += f" `--refine {row['steps']}`" if row["steps"] else ""
        lines.append(
            f"| {name} | {row['work'] / first:.2f} | {row['l2_nm2']:,.0f} | {row['pvb_nm2']:,.0f} | "
            f"{row['epe_violations']} | {row['epe_mean_abs_nm']:.3f} | {row['seam_epe_nm']:.3f} | "
            f"{row['interior_epe_nm']:.3f} |"
        )
    return lines


def _resume_section(part: dict[str, Any]) -> list[str]:
    verdict = "the same bytes" if part["same"] else "OTHER bytes"
    return [
        "## Killed and continued",
        "",
        f"The command killed (SIGKILL, all its processes) after {part['killed_at']} of {part['tiles']} tiles and run "
        f"again writes {verdict} as a run in one go.",
    ]


def _scaling_section(part: dict[str, Any]) -> list[str]:
    lines = [
        "## Time against area",
        "",
        f"One process, tiles of {SCALING_NM:g} nm.",
        "",
        "| tiles | solving (s) | s a tile | in all (s) |",
        "|---:|---:|---:|---:|",
    ]
    for row in part["rows"]:
        lines.append(f"| {row['tiles']} | {row['solve']:.1f} | {row['solve'] / row['tiles']:.2f} | {row['all']:.1f} |")
    return lines


def _dask_section(part: dict[str, Any]) -> list[str]:
    local, remote = (np.array(part["seconds"][name]) for name in ("local", "dask"))
    more = remote / local - 1
    same = "the same bytes" if part["same"] else "OTHER bytes"
    return [
        "## Dask",
        "",
        f"{part['tiles']} tiles by {part['workers']} local processes and by {part['workers']} workers of a Dask "
        f"cluster on the same machine, processes' starts included, {len(more)} times in turn: {np.median(local):.1f} s "
        f"and {np.median(remote):.1f} s in the median; Dask takes {np.median(more):+.1%} ({more.min():+.1%} to "
        f"{more.max():+.1%}), and writes {same}.",
    ]


SECTIONS = {
    "chip": _chip_section,
    "tiled": _tiled_section,
    "passes": _passes_section,
    "network": _network_section,
    "resume": _resume_section,
    "scaling": _scaling_section,
    "dask": _dask_section,
}
