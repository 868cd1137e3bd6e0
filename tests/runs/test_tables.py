"""Scores as text."""

from litho_dl.runs.tables import score_table


def test_mask_rule_violations_are_printed_as_one_count():
    score = {"l2_nm2": 1500.0, "pvb_nm2": 2.0, "epe_violations": 3, "epe_violations_3nm": 5, "stray_prints": 7}
    score |= {"shots": 4, "vertices": 16}
    rules = {"width": 90, "space": 61, "area": 27}
    heading, row = score_table([{"clip": "cross", **score, "mrc_violations": rules}]).splitlines()
    assert heading.split()[-8:] == ["EPE", "EPE", "3", "nm", "stray", "mrc", "vertices", "shots"]
    assert row.split() == ["cross", "1,500", "2", "3", "5", "7", "178", "16", "4"]
    assert "mrc" not in score_table([{"clip": "cross", **score, "mrc_violations": None}])
