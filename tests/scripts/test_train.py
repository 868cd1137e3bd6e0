"""scripts/train.py: its table has what the runs came to, and keeps the rows of others."""

import csv
import json

import train as script
from click.testing import CliRunner
from scenes.generators import write_recipe

from litho_dl.training.checkpoint import read_weights


def test_the_table(pair_set, tmp_path):
    out = tmp_path / "results"
    out.mkdir()
    kept = "recipe,device,optics,parameters,epochs,seconds,description,aerial_mse,print_iou\n"
    (out / "training.csv").write_text(kept + "doinn_small,cpu,o,7,3,9.5,d,0.002,0.75\nstranger,cpu,o,7,3,9.5,d,,\n")
    options = ("--data", pair_set, "--recipes", write_recipe(tmp_path), "--folder", tmp_path / "runs", "--out", out)
    result = CliRunner().invoke(script.main, [*map(str, options), "--device", "cpu"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    _, metadata = read_weights(tmp_path / "runs/tiny/model.safetensors")
    scores = metadata["card"]["scores"]
    text = (out / "training.md").read_text()
    assert f"| tiny | {scores['l2_nm2']:,.0f} | {scores['pvb_nm2']:,.0f} | {scores['pixel']:.2%} |  |  |" in text
    assert "| doinn_small | 2.00e-03 | 0.7500 | 7 | 3 | 10 | d |" in text
    assert "](training.tiny.png)" in text
    assert (out / "training.tiny.png").exists()
    assert (tmp_path / "runs/tiny/masks.png").exists()
    rows = list(csv.DictReader((out / "training.csv").open()))
    assert [row["recipe"] for row in rows] == ["doinn_small", "tiny"]
    assert json.loads(rows[1]["epochs"]) == 3
