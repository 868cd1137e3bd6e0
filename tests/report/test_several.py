"""Several runs as one page."""

import json
import shutil

import pytest
from scenes.command_line import litho, refused
from scenes.report import write_run

from litho_dl.core.errors import ReportError
from litho_dl.report.page import write_report
from litho_dl.report.several import read_runs


@pytest.fixture
def two(tmp_path):
    """A run, and another whose clips have half the L2; it lacks the second clip."""
    folders = write_run(tmp_path / "runs" / "fast"), write_run(tmp_path / "runs" / "slow")
    path = folders[1] / "scores.json"
    run = json.loads(path.read_text())
    run["clips"] = [run["clips"][0] | {"l2_nm2": 15_000.0}]
    path.write_text(json.dumps(run | {"method": "other"}))
    return folders


def test_a_comparison_leads_to_folders_in_its_own_alone(two, tmp_path):
    own = write_run(tmp_path / "own")
    (own / "comparison.json").write_text(json.dumps({"runs": "../runs/fast"}))
    with pytest.raises(ReportError, match="the name of a run that can be part of a file name"):
        read_runs([own])


class TestSeveral:
    def test_means_are_over_the_clips_that_both_have(self, two):
        table = read_runs(two).comparison
        rows = [
            {key: record[key] for key in ("run", "clips", "l2_nm2", "pvb_nm2", "sum_nm2")} for record in table.records
        ]
        assert rows == [
            {"run": "fast", "clips": 1, "l2_nm2": 30_000.0, "pvb_nm2": 40_000.0, "sum_nm2": 70_000.0},
            {"run": "slow", "clips": 1, "l2_nm2": 15_000.0, "pvb_nm2": 40_000.0, "sum_nm2": 55_000.0},
        ]
        marks = {column.key: [row[index].mark for row in table.rows] for index, column in enumerate(table.columns)}
        assert (marks["l2_nm2"], marks["pvb_nm2"]) == (["worst", "best"], ["", ""])

    def test_clips_stand_side_by_side_in_one_frame(self, two):
        html = write_report(two, two[0] / "both.html").read_text(encoding="utf-8")
        first, second = html.index("<h3>plain, fast</h3>"), html.index("<h3>plain, slow</h3>")
        assert "<h3>" not in html[first + 5 : second].replace("</h3>", "")
        assert html.count("<h1>fast, slow</h1>") == 1
        run = read_runs(two)
        assert run.facts["optics"] == "made-up"
        assert "method" not in run.facts
        assert [site["clip"] for site in run.sites if site["clip"].endswith("fast")]

    def test_where_and_what(self, two, tmp_path):
        assert "give it (--out FILE.html)" in refused(litho("report", *two))
        said = refused(litho("report", tmp_path / "runs"))
        assert "holds the runs fast, slow; report them together: litho-dl report " in said
        same = shutil.copytree(two[0], tmp_path / "fast")
        assert "different names" in refused(litho("report", two[0], same, "--out", tmp_path / "x.html"))
        (two[1] / "scores.json").write_text("{}")
        assert "expected scores of clips" in refused(litho("report", *two, "--out", tmp_path / "x.html"))
        assert not (tmp_path / "x.html").exists()
