"""Charts of a page."""

from itertools import combinations

import numpy as np
import pytest
from scenes.report import write_run

from litho_dl.report.chart import HEIGHT, LEFT, RIGHT, WIDTH, Dot, _label_box, _overlap, axis, curves, front, labelled
from litho_dl.report.run import read_run
from litho_dl.report.table import make_table


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run")


class TestChart:
    @pytest.mark.parametrize(("log", "middle"), [(False, 55.0), (True, 10.0 ** (2 - 0.5 * np.log10(10)))])
    def test_axis(self, log, middle):
        found = axis([10.0, 100.0], 0, 90, log=log)
        assert [found.at(value) for value in (10.0, middle, 100.0)] == pytest.approx([0, 45, 90], abs=0.01)
        labels = [label for _, label in found.ticks()]
        assert labels == (["10", "20", "50", "100"] if log else ["20", "40", "60", "80", "100"])

    def test_one_value_has_an_axis(self):
        assert axis([0.0, 0.0], 0, 10).at(0.0) == 5

    def test_epochs_make_a_chart_a_figure(self):
        rows = [
            {"epoch": n, "train_loss": 2.0 / n, "validation_loss": 3.0, "train_accuracy": 0.5, "seconds": 1}
            for n in (1, 2)
        ]
        loss, accuracy = curves(make_table("t", rows))
        assert [line.name for line in loss.lines] == ["train", "validation"]
        assert [line.name for line in accuracy.lines] == ["train"]
        assert [label for _, label in loss.x_ticks] == ["1", "2"]
        assert loss.lines[0].path.startswith(f"M{LEFT} ")
        assert f"L{WIDTH - RIGHT} " in loss.lines[0].path

    def test_terms_that_were_not_evaluated_leave_a_gap_at_the_start(self, folder):
        (found,) = curves(read_run(folder).tables["convergence.csv"])
        objective, l2 = (line.path.count("L") + 1 for line in found.lines)
        assert (objective, l2) == (40, 38)

    def test_a_linear_axis_keeps_zero_and_a_logarithmic_one_cannot(self):
        def points(values) -> int:
            (found,) = curves(make_table("t", [{"step": n, "x": value} for n, value in enumerate(values)]))
            return found.lines[0].path.count("L") + 1

        assert (points([0, 1, 2]), points([0, 1, 20])) == (3, 2)

    def test_front_of_trials(self):
        trials = [{"trial": n, "l2_nm2": x, "pvb_nm2": y} for n, (x, y) in enumerate([(1, 9), (5, 5), (6, 6), (9, 1)])]
        found = front(make_table("trials.csv", trials), "")
        assert found.lines[0].path.count("L") == 2  # three of four are not beaten
        left, *_, right = sorted(found.dots, key=lambda dot: dot.x)
        assert left.text == "0: L2 1, PVB 9 nm²"
        assert 0 < left.y < right.y < HEIGHT
        assert not any(dot.published for dot in found.dots)

    @pytest.mark.parametrize(("stem", "compare"), [("M1_test", True), ("mine", False)])
    def test_published_means_are_of_the_contest_s_clips(self, stem, compare):
        clips = [{"clip": f"{stem}{n}", "l2_nm2": 30_000, "pvb_nm2": 40_000} for n in range(1, 11)]
        note = front(make_table("scores.json", clips), "iccad13/2").note
        assert note.startswith("This run: the mean of 10 clip(s).")
        assert ("cannot be compared" not in note) == compare


def test_labels_of_near_points_keep_apart():
    dots = labelled([Dot(x, 100.0, "a method", "", False) for x in (300.0, 320.0, 310.0)])
    boxes = [_label_box(dot, dot.place) for dot in dots]
    assert len({dot.place for dot in dots}) == 3
    assert all(_overlap(one, other) == 0 for one, other in combinations(boxes, 2))
    (edge,) = labelled([Dot(WIDTH - RIGHT - 5.0, 100.0, "a method", "", False)])
    assert edge.place[2] == "end"
