"""The script that measures networks: its rows are what predict, refine and solve give, and its tables their means."""

import csv
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import evaluate as script
import evaluate_models
import measure_models
import pytest
import report_models
import torch
from click.testing import CliRunner
from scenes.generators import recipe
from scenes.ilt import CLIPS, SIMPLE, small_simulator

from litho_dl.comparison.suite import Suite
from litho_dl.core.errors import CheckpointError, LithoError
from litho_dl.generators.model import Card, OpticsCard, load_generator, make_generator, save_generator
from litho_dl.generators.predict import predict, refine
from litho_dl.ilt.solve import solve_targets
from litho_dl.pairs.manifest import CLIPS as CLIPS_FILE
from litho_dl.pairs.manifest import read_manifest
from litho_dl.pairs.plan import read_clips
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator

CPU = torch.device("cpu")
PROCESS = small_simulator().process
SUITE = Suite("layouts", "small", Simulator(PROCESS), list(CLIPS), PROTOCOLS["default"])


def ship(path: Path, optics: str = "small", digest: str | None = None) -> Path:
    """A network of random weights, for the suite's optics or others."""
    torch.manual_seed(len(path.name))
    network = make_generator("fcn_mask_small")
    torch.nn.init.constant_(network[1].head.scores[0].conv.bias, -0.2)
    own = OpticsCard.of(optics, PROCESS)
    data = {"description": "pairs", "digest": "abc", "pairs": {"training": 7}}
    card = Card(
        recipe=recipe({"bce": 1.0}),
        optics=own if digest is None else own.model_copy(update={"digest": digest}),
        data=data,
        scores={},
    )
    save_generator(path, network, card)
    return path


@pytest.fixture
def bench() -> measure_models.Bench:
    return measure_models.Bench(SUITE, SIMPLE, (1, 2), "2026-01-01 00:00, here")


def scores(mask: torch.Tensor, pixel_nm: float) -> list[tuple[float, float]]:
    simulator = Simulator(PROCESS, dtype=torch.float64)
    cards = [
        evaluate_mask(own, pixel_nm, clip.placed, simulator, PROTOCOLS["default"]).scorecard
        for own, clip in zip(mask, CLIPS, strict=True)
    ]
    return [(card.l2_nm2, card.pvb_nm2) for card in cards]


def found(rows: list[dict], kind: str, steps: int, start: str) -> list[tuple[float, float]]:
    chosen = [row for row in rows if (row["kind"], row["steps"], row["start"]) == (kind, steps, start)]
    assert [row["clip"] for row in chosen] == [clip.name for clip in CLIPS]
    return [(row["l2_nm2"], row["pvb_nm2"]) for row in chosen]


class TestMeasured:
    def test_the_baseline(self, bench):
        rows = measure_models.measure_baseline(bench, "simple")
        assert {(row["start"], row["kind"], row["steps"]) for row in rows} == {
            *(("drawn", "raw", 0), ("simple", "whole", 7), ("scratch", "refined", 1), ("scratch", "refined", 2))
        }
        targets = torch.stack([clip.coverage(8.0) for clip in CLIPS])
        assert found(rows, "raw", 0, "drawn") == scores(targets >= 0.5, 8.0)
        simulator = Simulator(PROCESS)
        assert found(rows, "whole", 7, "simple") == scores(solve_targets(simulator, targets, 8.0, SIMPLE).mask, 8.0)
        fewer = SIMPLE.in_steps(2)
        assert found(rows, "refined", 2, "scratch") == scores(solve_targets(simulator, targets, 8.0, fewer).mask, 8.0)

    def test_a_network(self, bench, tmp_path):
        generator = load_generator(ship(tmp_path / "net.safetensors"), PROCESS)
        rows, network_s = measure_models.measure_model(bench, "net", generator, budget_s=1e-6)
        prediction = predict(generator, CLIPS, CPU)
        assert found(rows, "raw", 0, "net") == scores(prediction.mask, 8.0)
        simulator = Simulator(PROCESS)
        for kind, steps in (("refined", 1), ("refined", 2), ("equal time", 1)):  # one step, where not even that fits
            masks = refine(simulator, prediction, CLIPS, SIMPLE, steps).mask
            assert found(rows, kind, steps, "net") == scores(masks, 8.0)
        raw, *refined = [row["seconds"] for row in rows if row["clip"] == "cross"]
        assert raw == pytest.approx(network_s / 2, abs=1e-6)
        assert all(seconds > raw for seconds in refined)
        assert {name: list(drawn) for name, drawn in bench.evaluations.items()} == {"cross": ["net"], "lines": ["net"]}


@pytest.mark.parametrize(
    ("budget_s", "guess", "expected"), [(1.0, 14.9, 8), (1.0, 8.0, 8), (1.0, 3.2, 8), (0.05, 4, 1), (-1, -3, 1)]
)
def test_as_many_steps_as_fit(budget_s, guess, expected):
    steps, solution = measure_models.within(lambda steps: SimpleNamespace(seconds=steps / 8), budget_s, guess)
    assert (steps, solution.seconds) == (expected, expected / 8)


class TestChosen:
    def test_all_that_ship_for_the_optics(self, tmp_path, monkeypatch):
        monkeypatch.setattr("litho_dl.generators.weights.FOLDER", tmp_path)
        for name, digest in (("a-for-small", None), ("a-for-other", "other"), ("b-for-other", "other")):
            ship(tmp_path / f"{name}.safetensors", digest=digest)
        (model,) = measure_models.chosen_models("all", SUITE).items()
        assert (model[0], Path(model[1].origin).name) == ("a", "a-for-small.safetensors")
        with pytest.raises(CheckpointError, match="trained for"):
            measure_models.chosen_models("a,b", SUITE)
        (tmp_path / "a-for-small.safetensors").unlink()
        with pytest.raises(LithoError, match="got none"):
            measure_models.chosen_models("all", SUITE)

    def test_files_are_called_as_they_or_their_folders_are(self, tmp_path):
        one, two = ship(tmp_path / "own.safetensors"), ship(tmp_path / "model.safetensors")
        assert list(measure_models.chosen_models(f"{one},{two}", SUITE)) == ["own", tmp_path.name]
        with pytest.raises(LithoError, match="different names, got own, own"):
            measure_models.chosen_models(f"{one},{one}", SUITE)


def test_known_clips(pair_set, capsys):
    """Clips of the data set itself: those of training and validation are known."""
    manifest = read_manifest(pair_set)
    clips = read_clips(pair_set / CLIPS_FILE, manifest.digest, 0, manifest.clips)
    suite = SimpleNamespace(clips=[SimpleNamespace(name=clip.name, placed=clip.layout) for clip in clips])
    seen = sum(clip.split != "test" for clip in clips)
    assert measure_models.known_clips(suite, [pair_set]) == {manifest.digest: seen}
    assert capsys.readouterr().out.count(": the same as ") == seen


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command on the small suite; returns its output and the rows and text that it leaves."""
    monkeypatch.setattr(script, "load_suite", lambda name, data, optics: SUITE)
    monkeypatch.setattr(evaluate_models, "load_method", lambda name: SIMPLE)
    runs = count(1)
    monkeypatch.setattr(measure_models, "run_of", lambda device: f"run {next(runs)}")

    def run(models: str, *more: str) -> tuple[str, list[dict[str, str]], str]:
        arguments = ["--suite", "layouts", "--models", models, "--refine", "1", "--out", str(tmp_path), *more]
        result = CliRunner().invoke(script.main, [*arguments, "--device", "cpu"])
        assert not isinstance(result.exception, Exception), result.exception
        rows = list(csv.DictReader((tmp_path / "generators.csv").open()))
        return result.output, rows, (tmp_path / "generators.md").read_text()

    return run


class TestCommand:
    def test_other_networks_keep_their_rows(self, run, tmp_path, monkeypatch):
        one, two = ship(tmp_path / "one.safetensors"), ship(tmp_path / "two.safetensors")
        output, rows, text = run(f"{one},{two}")
        assert "one              raw L2" in output
        starts = ["drawn", "fast", "scratch", "one", "two"]
        assert list(dict.fromkeys(row["start"] for row in rows)) == starts
        assert {row["run"] for row in rows} == {"run 1"}
        assert "†" not in text
        assert {path.name for path in tmp_path.glob("*.png")} == {
            *("generators.layouts-small.png", "generators.layouts-small.masks.png")
        }
        _, rows, text = run(str(two))
        assert list(dict.fromkeys(row["start"] for row in rows)) == ["drawn", "fast", "scratch", "one", "two"]
        assert {row["start"] for row in rows if row["run"] == "run 1"} == {"one"}
        assert [line.split(" | ")[0] for line in text.splitlines() if "†" in line and "|" in line] == ["| one †"] * 3
        networks = list(csv.DictReader((tmp_path / "generators.networks.csv").open()))
        assert [(row["model"], row["run"]) for row in networks] == [("one", "run 1"), ("two", "run 2")]
        assert (networks[0]["network"], networks[0]["pairs"], networks[0]["known_clips"]) == ("fcn_mask_small", "7", "")
        again = evaluate_models.measure_model

        def stopped(bench, label, *arguments):
            if label == "two":
                raise KeyboardInterrupt
            return again(bench, label, *arguments)

        monkeypatch.setattr(evaluate_models, "measure_model", stopped)
        _, rows, _ = run(f"{one},{two}")
        assert {row["start"]: row["run"][-1] for row in rows} == dict(zip(starts, "33332", strict=True))

    def test_methods_have_options_of_their_own(self):
        wrong = ["--models", "a", "--methods", "fast"], ["--models", "a", "--refine", "5,0"]
        for options in (["--optics", "small"], *wrong):
            assert CliRunner().invoke(script.main, ["--suite", "layouts", *options]).exit_code == 2


def row(start: str, kind: str, steps: int, l2: float, pvb: float, seconds: float, clip: str = "a") -> dict:
    figures = {"l2_nm2": l2, "pvb_nm2": pvb, "epe_violations": 2, "shots": 3, "mrc_violations": 4, "seconds": seconds}
    place = {"suite": "iccad13", "optics": "iccad13", "run": "r"}
    return {**place, "start": start, "kind": kind, "steps": steps, "clip": clip, **figures}


class TestReport:
    rows = (
        row("fast", "whole", 120, 100.0, 100.0, 1.0),
        row("fast", "whole", 120, 300.0, 300.0, 3.0, "b"),
        row("net", "raw", 0, 400.0, 200.0, 0.01),
        row("net", "equal time", 90, 190.0, 200.0, 1.9),
    )

    def test_differences_are_to_the_whole_method(self):
        text = report_models.markdown(list(self.rows), [], "fast", "command")
        assert "| fast | 120 | 200 | 200 | 400 | +0.0% | 2.0 | 3 | 4.0 | 2.000 | the whole method |" in text
        assert "| net | 0 | 400 | 200 | 600 | +50.0% | 2.0 | 3 | 4.0 | 0.010 | not refined |" in text
        assert "| net | 90 | 1.900 of 2.000 | -5.0% | +0.0% | -2.5% | +0.0 |" in text
        assert "| DAMO, published raw | - | 32,579 | 41,173 | 73,752 | +18338.0% | 5.4 |" in text

    def test_published_rows_are_for_the_contests_kernels(self):
        own = [{**row, "optics": "iccad13-like"} for row in self.rows]
        assert "published" not in report_models.markdown(own, [], "fast", "command")

    def test_curves_rise_in_steps(self):
        found = report_models.curve(list(self.rows), "net")
        assert (found.steps, found.seconds, found.quality) == ([0, 90], [0.01, 1.9], [600, 390])
