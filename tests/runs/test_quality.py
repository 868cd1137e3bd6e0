"""Presets against recorded scores: whatever makes masks worse, or the optimisation take another course, is seen here.

`make record` writes the record anew after a change that is meant.
"""

import json

import pytest
import record_quality

import litho_dl as ld

TOLERANCE = 0.03  # kernels that are rounded otherwise, as on another machine, move L2 + PVB by up to 1 %
MORE = {"epe_violations": 2, "epe_violations_3nm": 10, "stray_prints": 0}  # than recorded


def record() -> dict[str, dict[str, float]]:
    return json.loads(record_quality.RECORD.read_text(encoding="utf-8"))


def deviations(found: dict[str, float], recorded: dict[str, float]) -> dict[str, float]:
    """What is out of tolerance: found over recorded values."""
    ratios = {name: found[name] / value for name, value in recorded.items() if name not in MORE}
    return {name: ratio for name, ratio in ratios.items() if abs(ratio - 1) > TOLERANCE}


def test_every_preset_is_recorded():
    from litho_dl.core.settings import packaged_names

    assert {*record(), "smo"} == set(packaged_names("ilt"))  # smo optimises a source, not masks for a given one


QUICK = ("fast", "opc")  # the others take minutes between them


@pytest.mark.parametrize(
    "preset",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in record_quality.PRESETS],
)
def test_a_preset_keeps_its_recorded_scores(preset):
    found, recorded = record_quality.measured(preset), record()[preset]
    assert found.keys() == recorded.keys(), "record anew: make record"
    assert deviations(found, recorded) == {}
    for name, more in MORE.items():
        assert found[name] <= recorded[name] + more


def test_opc_keeps_mask_rules():
    """Those that it keeps without any of its own: fragments, assist rectangles, and both together."""
    simulator = record_quality.simulator()
    clips = [
        ld.load_clip(record_quality.ROOT / "layouts" / f"{name}.glp", simulator) for name in ("metal_11", "via_04")
    ]
    for card in ld.evaluate(simulator, ld.solve(simulator, clips, "opc"), clips):
        assert sum(card.mrc_violations.values()) == 0, card.clip


def test_a_doubled_learning_rate_is_seen():
    fast = ld.load_method("fast")
    doubled = tuple(
        level.model_copy(update={"learning_rate": tuple(2 * rate for rate in level.learning_rate)})
        for level in fast.levels
    )
    found = record_quality.measured(fast.model_copy(update={"levels": doubled}))
    assert deviations(found, record()["fast"])
