"""The script that measures what a user waits for."""

import csv
import subprocess
import sys
from pathlib import Path

import latency
import pytest
from click.testing import CliRunner

ROWS = {
    "seconds": 4.0,
    "cpu": 5.0,
    "mb": 700.0,
    "start": 1.0,
    "solve or expose": 0.5,
    "score": 0.25,
    "files": 2.0,
    "rest": 0.25,
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "layouts").mkdir(parents=True)
    for number in (1, 2):
        (folder / "layouts" / f"clip{number}.glp").touch()
    return folder


def test_a_command_is_measured_with_what_it_tells(tmp_path: Path) -> None:
    """A stand-in for the package in a checkout, which uses 64 MiB and tells two of four phases."""
    (tmp_path / "litho_dl" / "cli").mkdir(parents=True)
    (tmp_path / "litho_dl" / "__init__.py").touch()
    program = 'import time; block = b"x" * (64 << 20); time.sleep(0.4); print({told!r})'
    told = '{"start_seconds": 0.1, "scoring_seconds": 0.2}'
    (tmp_path / "litho_dl" / "cli" / "main.py").write_text(program.format(told=told))
    row = latency.run(["evaluate"], tmp_path, tmp_path)
    assert (row["start"], row["solve or expose"], row["score"], row["files"]) == (0.1, 0, 0.2, 0)
    assert row["seconds"] == pytest.approx(0.3 + row["rest"])
    assert 0.4 <= row["seconds"] < 20
    assert row["mb"] > 64 or sys.platform != "linux"


def test_table_and_picture_compare_with_an_earlier_measurement(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter((8.0, 4.0))
    monkeypatch.setattr(latency, "run", lambda *_: ROWS)

    def measured(name: str, *_: object) -> dict[str, object]:
        return {"command": name, **ROWS, "seconds": next(seconds)}

    monkeypatch.setattr(latency, "measured", measured)
    for out, more in (("earlier", []), ("now", ["--before", str(tmp_path / "earlier" / "latency.csv")])):
        arguments = ["--data", str(data), "--only", "simulate", "--out", str(tmp_path / out), *more]
        assert CliRunner().invoke(latency.main, arguments, catch_exceptions=False).exit_code == 0
        assert (tmp_path / out / "latency.png").stat().st_size > 0
    (row,) = csv.DictReader((tmp_path / "now" / "latency.csv").open())
    assert (row["command"], row["seconds"]) == ("simulate, one clip", "4.0")
    table = (tmp_path / "now" / "latency.md").read_text()
    assert "| simulate, one clip | 4.00 | 5.00 | 700 | 1.00 | 0.50 | 0.25 | 2.00 | 0.25 | 8.00 | 700 |" in table


def test_data_that_are_missing_are_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(latency.main, ["--data", str(tmp_path), "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "no contest data" in result.output


def test_every_command_is_one_of_the_program(data: Path, tmp_path: Path) -> None:
    for arguments in latency.commands(data, tmp_path).values():
        run = [sys.executable, "-m", "litho_dl.cli.main", arguments[0], "--help"]
        shown = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60).stdout
        assert all(part in shown for part in arguments if part.startswith("--"))
