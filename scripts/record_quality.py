"""Scores of the ILT presets on three clips of our own, to tests/quality.json; the tests hold the presets to them.

`python scripts/record_quality.py`, or `make record`, after a change that is meant to change masks.
"""

import json
from functools import cache
from pathlib import Path
from statistics import fmean

import click
import torch

import litho_dl as ld

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "tests" / "quality.json"
OPTICS, FIELD_NM = "duv193-immersion-annular", 1280.0
CLIPS = ("metal_05", "metal_11", "via_04")
STEPS = (5, 10, 20)  # early ones: they depend smoothly on the settings, where finished masks hide a wrong step size
PRESETS = ("curvilinear", "fast", "levelset", "mosaic", "multilevel", "opc", "placement", "quality", "window")


@cache
def simulator() -> ld.Simulator:
    """The optics, on a field that just holds the clips."""
    return ld.Simulator(OPTICS, field_nm=FIELD_NM)


def measured(method: str | ld.Method) -> dict[str, float]:
    """A method on the three clips, means per clip.

    Args:
        method: Its name, or the method itself.

    Returns:
        `l2_pvb_nm2` and `pvb_nm2` of the finished masks, all their `epe_violations`, `epe_violations_3nm`
        and `stray_prints`, and the optimisation's objective in nm^2 after some early steps, as `objective_5` and so on.
    """
    clips = [ld.load_clip(ROOT / "layouts" / f"{name}.glp", simulator()) for name in CLIPS]
    solution = ld.solve(simulator(), clips, method).require_finished()
    cards = ld.evaluate(simulator(), solution, clips)
    objective = solution.history["objective"].mean(1).tolist()
    return {
        "l2_pvb_nm2": round(fmean(card.l2_nm2 + card.pvb_nm2 for card in cards), 1),
        "pvb_nm2": round(fmean(card.pvb_nm2 for card in cards), 1),
        "epe_violations": sum(card.epe_violations for card in cards),
        "epe_violations_3nm": sum(card.epe_violations_3nm for card in cards),
        "stray_prints": sum(card.stray_prints for card in cards),
        **{f"objective_{step}": round(objective[step], 1) for step in STEPS if step < len(objective)},
    }


@click.command(help=__doc__)
def main() -> None:
    """Measures all presets on one thread, as the tests do."""
    torch.set_num_threads(1)
    record = {preset: measured(preset) for preset in PRESETS}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for preset, scores in record.items():
        click.echo(f"{preset:<12}" + "".join(f"{name} {value:>10,.1f}   " for name, value in scores.items()))


if __name__ == "__main__":
    main()
