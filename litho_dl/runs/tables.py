"""The scores of a run as text."""

from collections.abc import Sequence
from typing import Any

from litho_dl.scoring.scorecard import Scorecard

SHOT_TOLERANCE_NM = 2.0
HEADLINE = {"l2_nm2": "L2 (nm²)", "pvb_nm2": "PVB (nm²)", "epe_violations": "EPE violations", "shots": "shots"}
SCORES = {
    "l2_nm2": "L2 (nm²)",
    "pvb_nm2": "PVB (nm²)",
    "epe_violations": "EPE",
    "epe_violations_3nm": "EPE 3 nm",
    "stray_prints": "stray",
}
Results = Sequence[dict[str, Any]]


def score_table(results: Results) -> str:
    """The scores as text: one line a clip, and their mean.

    The column `mrc` counts the violations of all mask rules, `written` the rectangles of --shots.
    """
    results = [{**result, "mrc": sum((result["mrc_violations"] or {}).values())} for result in results]
    keys = {**SCORES, "mrc": "mrc", "vertices": "vertices", "shots": "shots"}
    if results[0]["mrc_violations"] is None:  # the protocol has no mask rules
        del keys["mrc"]
    if "fracture_shots" in results[0]:
        keys["fracture_shots"] = "written"
    width = max(len("mean"), *(len(result["clip"]) for result in results))
    lines = [f"{'clip':<{width}}" + "".join(f"{title:>12}" for title in keys.values())]
    for result in results:
        note = "  diverged" if result.get("diverged") else ""
        lines.append(f"{result['clip']:<{width}}" + "".join(f"{result[key]:>12,.0f}" for key in keys) + note)
    if len(results) > 1:
        means = (sum(result[key] for result in results) / len(results) for key in keys)
        lines.append(f"{'mean':<{width}}" + "".join(f"{mean:>12,.1f}" for mean in means))
    return "\n".join(lines)


def before_and_after(drawn: Results, optimized: Results) -> str:
    """The scores of clips as drawn and with their masks, as a Markdown table: one row a clip, and their mean.

    Args:
        drawn: Scores of the clips as drawn, as plain values.
        optimized: Scores of their masks, in the same order, with the clips' names.

    Returns:
        The table.
    """
    keys = {**SCORES, "vertices": "vertices", "shots": "shots"}
    rows = [[o["clip"], *(d[k] for k in keys), *(o[k] for k in keys)] for d, o in zip(drawn, optimized, strict=True)]
    means = [sum(column) / len(rows) for column in zip(*(row[1:] for row in rows), strict=True)]
    titles = ["clip", *(f"{title}, drawn" for title in keys.values()), *(f"{title}, mask" for title in keys.values())]
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)]]
    lines += [[row[0], *(f"{value:,.0f}" for value in row[1:])] for row in [*rows, ["mean", *means]]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def headline_scores(score: Scorecard) -> dict[str, float]:
    """The four scores of published tables, by title."""
    return {title: getattr(score, name) for name, title in HEADLINE.items()}


def curve_cost(results: Results) -> str:
    """The mean change of the scores by drawing the masks as curves, as one line of text."""
    changes = (
        f"{title} {sum(result[key] - result['before_curves'][title] for result in results) / len(results):+,.1f}"
        for key, title in HEADLINE.items()
    )
    segments = sum(result["segments"] for result in results) / len(results)
    within = sorted({result["curve_tolerance_nm"] for result in results})
    kinds = f"{within[0]:g}" if len(within) == 1 else f"{within[0]:g} to {within[-1]:g}"
    return (
        f"Curves of {segments:,.1f} segments within {kinds} nm against the pixel masks they were drawn from, mean: "
        f"{', '.join(changes)}"
    )


def shot_kinds(curves_nm: float) -> str:
    """An explanation of the two counts of rectangles of curves drawn within a tolerance in nm."""
    return (
        f"shots: rectangles of the curves drawn on 1 nm pixels, as scored; written: rectangles of --shots, with edges "
        f"within {shot_tolerance_nm(curves_nm):g} nm of the curves"
    )


def shot_tolerance_nm(curves_nm: float) -> float:
    """Edge tolerance in nm of the rectangles of curves that were drawn within a tolerance in nm."""
    return max(curves_nm, SHOT_TOLERANCE_NM)
