"""Tables of a page."""

import pytest

from litho_dl.report.names import better, titled
from litho_dl.report.table import make_table, shared_clips, shown


class TestTable:
    RECORDS = (
        {"clip": "a", "l2_nm2": 3.0, "nils": 1.0, "shots": 1},
        {"clip": "b", "l2_nm2": 1.0, "nils": 2.0, "shots": 1},
        {"clip": "c", "l2_nm2": 2.0, "nils": None, "shots": 5},
    )

    def test_best_and_worst_by_what_the_column_says(self):
        table = make_table("t", self.RECORDS, scores=True)
        marks = [[cell.mark for cell in row] for row in table.rows]
        assert marks == [["", "worst", "worst", ""], ["", "best", "best", ""], ["", "", "", "worst"]]
        assert [cell.text for cell in table.means[0]] == ["mean", "2", "1.5", "2.333"]

    def test_means_of_each_source(self):
        records = [
            {**record, "source": source} for source in ("x", "y") for record in self.RECORDS[: 1 + (source == "x")]
        ]
        table = make_table("t", records, scores=True)
        assert [[row[-1].text, row[1].text] for row in table.means] == [["x", "2"], ["y", "3"]]

    @pytest.mark.parametrize(
        ("value", "text"),
        [(1234567, "1,234,567"), (1234.6, "1,235"), (0.123456, "0.1235"), (-2.0, "−2"), (None, "–"), (True, "yes")],
    )
    def test_values_as_text(self, value, text):
        assert shown(value) == text

    @pytest.mark.parametrize(
        ("key", "title", "sign"),
        [
            ("l2_nm2", "L2 (nm²)", -1),
            ("edges.ils_per_um", "Edges, ILS (1/µm)", 1),
            ("mrc_violations.width", "MRC violations, width", -1),
            ("solve_seconds_per_clip", "Solve (s per clip)", -1),
            ("validation_accuracy", "Validation accuracy", 1),
            ("target_cd_nm", "Target CD (nm)", 0),
            ("seconds", "Time (s)", -1),
            ("seconds_per_clip", "Time (s per clip)", -1),
        ],
    )
    def test_names(self, key, title, sign):
        assert (titled(key), better(key)) == (title, sign)


def test_shared_clips_are_those_of_every_run():
    clips = {"few": "abc", "mine": "bca", "net": "cb"}
    records = [{"clip": clip, "run": run} for run, names in clips.items() for clip in names]
    assert shared_clips(records) == {"b", "c"}
    assert shared_clips([*records, {"clip": "d", "run": "opc"}]) == set()
    assert shared_clips(({"clip": record["clip"], "method": "m"} for record in records), "method") == {"a", "b", "c"}
    assert shared_clips([]) == set()
