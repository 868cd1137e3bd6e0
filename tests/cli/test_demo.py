"""litho-dl demo."""

from scenes.command_line import files_below, litho
from scenes.doc_pages import small_settings

from litho_dl.cli import demo


def test_demo(here, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "OPTICS", "small.safetensors")
    monkeypatch.setattr(demo, "METHOD", "few.toml")
    monkeypatch.setattr(demo, "CLIPS", ("cross", "lines"))
    with small_settings():  # of the pairs
        result = litho("demo", "--layouts", here, "--out", tmp_path)
    assert result.code == 0, result.err
    table = (tmp_path / "scores.md").read_text()
    assert result.out.startswith(table.splitlines()[2])
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    assert rows == ["clip", "---", "cross", "lines", "mean"]
    assert {"gallery.png", "scores.json", "convergence.png", "cross.png", "lines.mask.oas"} <= files_below(tmp_path)
