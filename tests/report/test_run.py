"""A run's folder, read."""

import json

import pytest
from scenes.command_line import litho, refused

from litho_dl.report import page
from litho_dl.report.page import write_report
from litho_dl.report.run import read_run


class TestRun:
    def test_any_json(self, tmp_path):
        found = {
            **{"a": 1, "b": {"c": [1, 2], "long": list(range(50))}, "nothing": None, "figure": "x.png"},
            **{"stages": {"one": {"n": 1, "s": {"t": 2}}, "two": {"n": 3, "s": {"t": 4}}}, "rows": [{"k": "v"}]},
        }
        (tmp_path / "any.json").write_text(json.dumps(found))
        run = read_run(tmp_path)
        assert run.facts == {"a": 1, "b.c": "1, 2", "b.long": "50 values"}
        assert run.tables["any: stages"].records == (
            {"name": "one", "n": 1, "s.t": 2},
            {"name": "two", "n": 3, "s.t": 4},
        )
        assert run.tables["any: rows"].records == ({"k": "v"},)

    def test_scores_are_of_clips(self, tmp_path):
        front = [{"trial": n, "l2_nm2": 1.0, "pvb_nm2": n} for n in (1, 2)]
        (tmp_path / "a.json").write_text(json.dumps({"version": "old", "l2_nm2": 7.5, "front": front}))
        run = read_run(tmp_path)
        assert (run.scores, list(run.tables)) == (None, ["a: front"])
        assert page.tiles(run) == [("L2 (nm²)", "7.5")]
        clips = [{"clip": "x", "l2_nm2": 1.0, "pvb_nm2": 2.0, "protocol": "p/1"}]
        (tmp_path / "b.json").write_text(json.dumps({"version": "new", "clips": clips}))
        (tmp_path / "c.json").write_text(json.dumps({"version": "other"}))
        run = read_run(tmp_path)
        assert run.scores.records == ({"clip": "x", "l2_nm2": 1.0, "pvb_nm2": 2.0, "sum_nm2": 3.0},)
        assert (run.facts["version"], run.facts["protocol"], run.files["c.json"]) == (
            "new",
            "p/1",
            {"version": "other"},
        )

    def test_scores_have_sums_right_after_the_headline_figures(self, tmp_path):
        rules = {"width": 90, "space": 61, "area": 27}
        clip = {"clip": "x", "shots": 5, "l2_nm2": 1.0, "pvb_nm2": 2.0, "epe_violations": 3, "mrc_violations": rules}
        (tmp_path / "scores.json").write_text(json.dumps({"clips": [clip]}))
        run = read_run(tmp_path)
        assert [column.title for column in run.scores.columns[4:7]] == ["EPE violations", "MRC violations", "Shots"]
        assert [cell.text for cell in run.scores.rows[0][4:7]] == ["3", "178", "5"]
        assert ("MRC violations", "178") in page.tiles(run)

    def test_csv_values(self, tmp_path):
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "t.csv").write_text("n,x,word\n1,2.5,a\n-3,nan,\n")
        records = read_run(tmp_path).tables["sub/t.csv"].records
        assert records == ({"n": 1, "x": 2.5, "word": "a"}, {"n": -3, "x": None, "word": ""})

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("scores.json", "{", "scores.json: the file is damaged, not JSON"),
            ("scores.json", "[" * 100_000, "scores.json: the file is damaged, not JSON"),
            ("scores.json", b"\xff\xfe", "scores.json: the file is damaged, not JSON"),
            (
                "scores.json",
                '{"clips": [{"clip": "a", "l2_nm2": 1' + "0" * 400 + "}]}",
                "scores.json: the file is damaged",
            ),
            (
                "scores.json",
                '{"clips": [{"clip": "a", "l2_nm2": 1, "worst_sites": 10}]}',
                "scores.json, clip 0: the file is damaged (worst_sites: ",
            ),
            ("scores.json", '{"x": 1' + "0" * 5000 + "}", "scores.json: the file is damaged"),
            ("t.csv", "a,b\n1,2,3\n", "t.csv: expected as many fields"),
            ("t.csv", "a,b\n1\n", "t.csv: expected as many fields"),
            ("t.csv", 'a,b\n"1,2\n', "t.csv: expected a table"),
            ("t.csv", b"a\n\xff\n", "t.csv: expected a table"),
            ("p.png", "no picture", "p.png: expected a PNG"),
            ("c.layers.oas", "no layout", "c.layers.oas: Expected a GDSII or OASIS"),
            ("other.txt", "", "expected results of a command"),
        ],
    )
    def test_damage_is_one_line(self, tmp_path, name, content, message):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        assert message in refused(litho("report", tmp_path))
        assert not (tmp_path / "report.html").exists()

    def test_no_folder(self, tmp_path):
        assert "no such folder" in refused(litho("report", tmp_path / "none"))


def test_places_and_steps_that_are_no_numbers_are_left_out(tmp_path):
    site = {"x_nm": 1.0, "y_nm": 2.0, "epe_nm": None}
    clip = {"clip": "a", "l2_nm2": 1.0, "pvb_nm2": 2.0, "worst_sites": [{}, site, {"x_nm": "left", "y_nm": 2.0}]}
    (tmp_path / "scores.json").write_text(json.dumps({"clips": [clip]}))
    (tmp_path / "metrics.csv").write_text("epoch,train_loss\n1,0.5\n,0.4\n2,0.3\n")
    assert read_run(tmp_path).sites == ({"clip": "a", **site},)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert page.count('data-x="') == 1
