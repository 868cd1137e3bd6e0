"""Files of measurements: what is read, and what is refused with its line."""

import math

import numpy as np
import pytest
from scenes.calibration import CUTS, FIELD_NM, gauge_rows, rectangle, small_measurements, write_rows, write_scenes

from litho_dl.calibration.measurement import COLUMNS, read_measurements
from litho_dl.calibration.scene import Scenes
from litho_dl.core.errors import LithoError
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon


def read(folder):
    return read_measurements(folder / "gauges.csv", Scenes(FIELD_NM, 1.0))


class TestGauges:
    def test_one_a_row_on_the_drawn_edges(self, tmp_path):
        found = small_measurements(tmp_path)
        assert len(found) == 6 * len(CUTS)
        by_name = {own.name: own for own in found}
        assert by_name["dense_line"].gauge.target_nm == pytest.approx(60)
        assert by_name["dense_line"].pitch_nm == pytest.approx(120)
        assert by_name["row_space"].gauge.target_nm == pytest.approx(100)
        assert by_name["trench_space"].pitch_nm == pytest.approx(300)
        assert by_name["slanted_line"].gauge.target_nm == pytest.approx(80, abs=0.1)
        assert by_name["slanted_line"].pitch_nm is None
        assert {own.pattern for own in found} == {"dense", "semi", "row", "iso", "trench", "slanted"}

    def test_scenes_are_shared(self, tmp_path):
        found = small_measurements(tmp_path)
        assert len({id(own.scene) for own in found}) == 6

    def test_a_layout_larger_than_the_field_is_cut_around_the_gauge(self, tmp_path):
        lines = tuple(rectangle(x, 0, x + 60, 5000) for x in range(0, 5000, 160))
        write_layout(tmp_path / "large.gds", Layout("large", lines))
        row = gauge_rows()[0] | {"layout": "large.gds", "x0": 3180, "y0": 2000, "x1": 3280, "y1": 2000}
        write_rows(tmp_path / "gauges.csv", [row])
        (own,) = read(tmp_path)
        assert own.gauge.target_nm == pytest.approx(60)
        np.testing.assert_allclose(own.gauge.start_nm, (200 - 230 + 240, 240))
        assert own.scene.coverage.mean() == pytest.approx(60 / 160, abs=0.01)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"cd_nm": "sixty"}, "cd_nm: expected a length > 0 in nm, got 'sixty'"),
            ({"cd_nm": "-1"}, "cd_nm: expected"),
            ({"cd_nm": "nan"}, "cd_nm: expected"),
            ({"sigma_nm": "0"}, "sigma_nm: expected"),
            ({"dose": "0"}, "dose: expected a factor"),
            ({"dose": ""}, "dose: expected a value, got an empty cell"),
            ({"defocus_nm": "1e9"}, "defocus_nm: expected"),
            ({"x0": "left"}, "x0: expected a length"),
            ({"kind": "hole"}, "kind: expected line, space or contour, got 'hole'"),
            ({"kind": "space"}, "kind: expected line, which is what the cutline crosses, got space"),
            ({"layout": "none.gds"}, "none.gds"),
            ({"name": ""}, "name: expected a value"),
            ({"x1": "9000"}, "expected a cutline on the field"),
            ({"x1": "160"}, "expected a cutline over exactly one line"),
        ],
    )
    def test_wrong_fields_are_named_with_file_and_line(self, tmp_path, changes, message):
        write_scenes(tmp_path)
        rows = gauge_rows()
        rows[3] = rows[3] | changes
        write_rows(tmp_path / "gauges.csv", rows)
        with pytest.raises(LithoError) as raised:
            read(tmp_path)
        assert str(raised.value).startswith(f"{tmp_path / 'gauges.csv'}, line 5: ")
        assert message in str(raised.value)

    def test_wrong_headers(self, tmp_path):
        write_rows(tmp_path / "gauges.csv", [], [*COLUMNS[:-1], "focus"])
        with pytest.raises(LithoError, match=r"line 1: .*missing: defocus_nm; unknown: focus"):
            read(tmp_path)

    def test_wrong_files(self, tmp_path):
        with pytest.raises(LithoError, match="no such file"):
            read(tmp_path)
        (tmp_path / "gauges.csv").write_text("")
        with pytest.raises(LithoError, match="line 1"):
            read(tmp_path)
        write_rows(tmp_path / "gauges.csv", [])
        with pytest.raises(LithoError, match="at least one"):
            read(tmp_path)
        (tmp_path / "gauges.csv").write_bytes(",".join(COLUMNS).encode() + b"\n\xff\xfe,1\n")
        with pytest.raises(LithoError, match="UTF-8"):
            read(tmp_path)
        (tmp_path / "gauges.csv").write_text(",".join(COLUMNS) + "\na,b\n")
        with pytest.raises(LithoError, match="line 2: expected 11 cells, got 2"):
            read(tmp_path)


class TestContours:
    @pytest.fixture
    def circle(self, tmp_path):
        write_scenes(tmp_path)
        angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
        points = 240 + 50 * np.stack((np.cos(angles), np.sin(angles)), axis=1)
        write_layout(tmp_path / "seen.gds", Layout("seen", (Polygon(points),)), dbu_nm=0.01)
        empty = dict.fromkeys(("x0", "y0", "x1", "y1", "cd_nm"), "")
        return {**gauge_rows()[0], "layout": "trench.gds", "kind": "contour", "contour": "seen.gds"} | empty

    def test_points_along_them_with_normals_outwards(self, tmp_path, circle):
        write_rows(tmp_path / "gauges.csv", [circle], [*COLUMNS, "contour"])
        found = read(tmp_path)
        assert len(found) == round(2 * math.pi * 50 / 10)
        points, normals = (np.array([getattr(own.contour, name) for own in found]) for name in ("point_nm", "normal"))
        np.testing.assert_allclose(np.linalg.norm(points - 240, axis=1), 50, atol=0.02)
        np.testing.assert_allclose((points - 240) / 50, normals, atol=0.04)

    def test_a_box_chooses_a_part(self, tmp_path, circle):
        write_rows(
            tmp_path / "gauges.csv", [circle | {"x0": 240, "y0": 0, "x1": 480, "y1": 480}], [*COLUMNS, "contour"]
        )
        found = read(tmp_path)
        assert 14 <= len(found) <= 17
        assert all(own.contour.point_nm[0] > 240 for own in found)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"cd_nm": "50"}, "cd_nm: expected an empty cell"),
            ({"contour": ""}, "contour: expected a value"),
            ({"contour": "none.gds"}, "none.gds"),
            ({"x0": 0, "y0": 0, "x1": 9, "y1": 9}, "expected a contour in the box"),
        ],
    )
    def test_wrong_rows(self, tmp_path, circle, changes, message):
        write_rows(tmp_path / "gauges.csv", [circle | changes], [*COLUMNS, "contour"])
        with pytest.raises(LithoError, match=message) as raised:
            read(tmp_path)
        assert ", line 2: " in str(raised.value)
