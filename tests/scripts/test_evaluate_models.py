"""The script that measures networks: its rows are what predict, refine and solve give, and its tables their means."""

import csv
from itertools import count
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

import draw_models
import evaluate as script
import evaluate_models
import measure_models
import pytest
import report_models
import torch
from click.testing import CliRunner
from matplotlib.figure import Figure
from scenes.generators import recipe
from scenes.ilt import CLIPS, SIMPLE, small_simulator

from litho_dl.comparison.suite import Suite
from litho_dl.core.errors import CheckpointError, LithoError
from litho_dl.core.io import write_csv
from litho_dl.generators.model import (
    Card,
    OpticsCard,
    StageCard,
    TrainingCard,
    load_generator,
    make_generator,
    save_generator,
)
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


SOURCES = [{"family": "metal", "rules": "m1-45", "count": count, "extent_nm": 1280.0} for count in (30, 12)]
STAGES = recipe({"bce": 1.0}).stages + recipe({"litho_l2": 1.0}, clips=SOURCES).stages


def card(sets: str, pairs: int, epochs: dict[str, int], start: Card | None = None, command: str = "train") -> Card:
    """A network trained on sets of one letter, by stages `pairs` and `drawn` (42 clips an epoch) of 90 s an epoch."""
    stages = tuple(
        stage.model_copy(update={"name": name}) for stage, name in zip(STAGES, ("pairs", "drawn"), strict=True)
    )
    run = {
        name: StageCard(epochs=count, best_epoch=1, validation={}, seconds=90.0 * count)
        for name, count in epochs.items()
    }
    return Card(
        recipe=recipe({"bce": 1.0}).model_copy(update={"stages": stages}),
        optics=OpticsCard.of("small", PROCESS),
        data={"sets": [{"description": f"set {name}", "digest": name} for name in sets], "pairs": {"training": pairs}},
        scores={},
        training=TrainingCard(command=command, device="here", stages=run, kept=next(iter(run)), start=start),
    )


def ship(path: Path, optics: str = "small", digest: str | None = None, own: Card | None = None) -> Path:
    """A network of random weights, for the suite's optics or others."""
    torch.manual_seed(len(path.name))
    network = make_generator("fcn_mask_small")
    torch.nn.init.constant_(network[1].head.scores[0].conv.bias, -0.2)
    own = card("a", 7, {"pairs": 2, "drawn": 1}) if own is None else own
    named = OpticsCard.of(optics, PROCESS)
    if digest is not None:
        named = named.model_copy(update={"digest": digest})
    save_generator(path, network, own.model_copy(update={"optics": named}))
    return path


@pytest.fixture
def bench() -> measure_models.Bench:
    return measure_models.Bench(SUITE, SIMPLE, (1, 2), "2026-01-01 00:00, here")


def scores(mask: torch.Tensor, pixel_nm: float) -> list[tuple[float, ...]]:
    """L2, PVB, EPE violations beyond 15 and 3 nm, and shots."""
    simulator = Simulator(PROCESS, dtype=torch.float64)
    cards = [
        evaluate_mask(own, pixel_nm, clip.placed, simulator, PROTOCOLS["default"]).scorecard
        for own, clip in zip(mask, CLIPS, strict=True)
    ]
    return [(c.l2_nm2, c.pvb_nm2, c.epe_violations, c.epe_violations_3nm, c.shots) for c in cards]


def found(rows: list[dict], kind: str, steps: int, start: str) -> list[tuple[float, ...]]:
    chosen = [row for row in rows if (row["kind"], row["steps"], row["start"]) == (kind, steps, start)]
    assert [row["clip"] for row in chosen] == [clip.name for clip in CLIPS]
    names = ("l2_nm2", "pvb_nm2", "epe_violations", "epe_violations_3nm", "shots")
    return [tuple(row[name] for name in names) for row in chosen]


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
        rows = measure_models.measure_model(bench, "net", generator, budget_s=1e-6)
        prediction = predict(generator, CLIPS, CPU)
        assert found(rows, "raw", 0, "net") == scores(prediction.mask, 8.0)
        simulator = Simulator(PROCESS)
        for kind, steps in (("refined", 1), ("refined", 2), ("equal time", 1)):  # one step, where not even that fits
            masks = refine(simulator, prediction, CLIPS, SIMPLE, steps).mask
            assert found(rows, kind, steps, "net") == scores(masks, 8.0)
        raw, *refined = [row["seconds"] for row in rows if row["clip"] == "cross"]
        assert 0 < raw < min(refined)
        assert {name: list(drawn) for name, drawn in bench.evaluations.items()} == {"cross": ["net"], "lines": ["net"]}

    @pytest.mark.parametrize(("batch", "expected"), [(1, 500.0), (5, 100.0)])
    def test_milliseconds_are_the_median_after_a_first_pass(self, monkeypatch, batch, expected):
        seconds, asked = iter([9.0, *[0.1] * 5, 0.5, *[0.7] * 5]), []

        def predict(generator, clips, device):
            asked.append([clip.name for clip in clips])
            return SimpleNamespace(seconds=next(seconds))

        monkeypatch.setattr(measure_models, "predict", predict)
        assert measure_models.milliseconds(None, SUITE, batch) == pytest.approx(expected)
        assert asked == [["cross", "lines", "cross", "lines", "cross"][:batch]] * 12  # again, where there are too few


class TestDescribed:
    """What the table of networks says of one that three trainings led to."""

    @pytest.fixture
    def row(self, bench, tmp_path, monkeypatch):
        speeds = {1: 3.0004, 10: 2.0}
        monkeypatch.setattr(measure_models, "milliseconds", lambda generator, suite, batch: speeds[batch])
        first = card("a", 40, {"pairs": 2, "drawn": 3}, command="train one")
        second = card("ab", 100, {"pairs": 1}, first, command="train two")
        last = card("c", 900, {"drawn": 2}, second, command="train three")

        def described(known, own=last):
            self.path = ship(tmp_path / "net.safetensors", own=own)
            return measure_models.described(bench, "net", load_generator(self.path, PROCESS), known)

        return described

    def test_all_trainings_count(self, row):
        made = row({})
        assert made["data"] == "set a; set b; set c"
        assert made["command"] == "train one; then train two; then train three"
        assert (made["epochs"], made["device"]) == ("2 pairs + 3 drawn + 1 pairs + 2 drawn", "here")
        assert made["training_minutes"] == 12.0  # 8 epochs of 90 s
        assert made["drawn_clips"] == 42 * (3 + 2)
        assert made["pairs"] == 100  # set a is within a and b, and the last training saw no pair

    def test_pairs_of_sets_apart_add_up(self, row):
        again = card("a", 30, {"pairs": 1}, card("b", 5, {"pairs": 1}, card("a", 40, {"pairs": 1})))
        assert row({}, again)["pairs"] == 45
        assert row({}, card("a", 40, {"drawn": 1}))["pairs"] == 0

    def test_cost(self, row):
        made = row({})
        assert (made["ms_batch_1"], made["ms_batch_10"]) == (3.0, 2.0)
        assert made["megabytes"] == pytest.approx(self.path.stat().st_size / 1e6, abs=1e-3)
        assert made["parameters"] == sum(weight.numel() for weight in make_generator("fcn_mask_small").parameters())

    def test_clips_that_several_sets_hold_are_known_once(self, row):
        known = {"a": {"cross"}, "b": {"cross", "lines"}, "c": set(), "other": {"more"}}
        assert row(known)["known_clips"] == 2
        assert row({name: known[name] for name in "ab"})["known_clips"] == ""  # nobody looked into c


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
    seen = {clip.name for clip in clips if clip.split != "test"}
    assert measure_models.known_clips(suite, [pair_set]) == {manifest.digest: seen}
    assert capsys.readouterr().out.count(": the same as ") == len(seen)


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


def raw_violations(rows: list[dict[str, str]]) -> list[float]:
    """Mean EPE violations beyond 3 nm of each network's masks."""
    raw = [row for row in rows if row["kind"] == "raw" and row["start"] != "drawn"]
    starts = dict.fromkeys(row["start"] for row in raw)
    return [fmean(float(row["epe_violations_3nm"]) for row in raw if row["start"] == start) for start in starts]


class TestCommand:
    def test_other_networks_keep_their_rows(self, run, tmp_path, monkeypatch):
        one, two = ship(tmp_path / "one.safetensors"), ship(tmp_path / "two.safetensors")
        output, rows, text = run(f"{one},{two}")
        assert "one              raw L2" in output
        assert all(f"EPE 3 nm {three:5.1f}  " in output for three in raw_violations(rows))
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
        assert [line.split(" | ")[0] for line in text.splitlines() if "†" in line and "|" in line] == ["| one †"] * 4
        networks = list(csv.DictReader((tmp_path / "generators.networks.csv").open()))
        assert [(row["model"], row["run"]) for row in networks] == [("one", "run 1"), ("two", "run 2")]
        assert (networks[0]["network"], networks[1]["pairs"], networks[1]["known_clips"]) == ("fcn_mask_small", "7", "")
        again = evaluate_models.measure_model

        def stopped(bench, label, *arguments):
            if label == "two":
                raise KeyboardInterrupt
            return again(bench, label, *arguments)

        monkeypatch.setattr(evaluate_models, "measure_model", stopped)
        _, rows, _ = run(f"{one},{two}")
        assert {row["start"]: row["run"][-1] for row in rows} == dict(zip(starts, "33332", strict=True))

    def test_networks_of_the_literature_come_first(self, run, tmp_path):
        files = [ship(tmp_path / f"{name}.safetensors") for name in ("unet", "own", "damo")]
        _, rows, text = run(",".join(map(str, files)))
        assert list(dict.fromkeys(row["start"] for row in rows)) == ["drawn", "fast", "scratch", "damo", "unet", "own"]
        networks = list(csv.DictReader((tmp_path / "generators.networks.csv").open()))
        assert [row["model"] for row in networks] == ["damo", "unet", "own"]
        _, rows, text = run(str(ship(tmp_path / "gan_opc.safetensors")))
        order = ["gan_opc", "damo", "unet", "own"]
        assert list(dict.fromkeys(row["start"] for row in rows)) == ["drawn", "fast", "scratch", *order]
        lines = [line.split(" | ")[0].strip("| †") for line in text.split("### Refined")[0].splitlines()]
        assert [line for line in lines if line in order] == order

    def test_rows_of_an_earlier_version_are_left_out(self, run, tmp_path):
        run(str(ship(tmp_path / "one.safetensors")))
        for name, column in (("generators.csv", "epe_violations_3nm"), ("generators.networks.csv", "drawn_clips")):
            table = list(csv.DictReader((tmp_path / name).open()))
            write_csv(tmp_path / name, [{key: row[key] for key in row if key != column} for row in table])
        _, rows, text = run(str(ship(tmp_path / "two.safetensors")))
        assert list(dict.fromkeys(row["start"] for row in rows)) == ["drawn", "fast", "scratch", "two"]
        assert "one" not in {line.split(" | ")[0].strip("| †") for line in text.splitlines()}

    def test_methods_have_options_of_their_own(self):
        wrong = ["--models", "a", "--methods", "fast"], ["--models", "a", "--refine", "5,0"]
        for options in (["--optics", "small"], *wrong):
            assert CliRunner().invoke(script.main, ["--suite", "layouts", *options]).exit_code == 2


def row(start: str, kind: str, steps: int, l2: float, pvb: float, seconds: float, clip: str = "a") -> dict:
    figures = {"l2_nm2": l2, "pvb_nm2": pvb, "epe_violations": 2, "epe_violations_3nm": steps + 5}
    figures |= {"shots": 3, "mrc_violations": 4, "seconds": seconds}
    place = {"suite": "iccad13", "optics": "iccad13", "run": "r"}
    return {**place, "start": start, "kind": kind, "steps": steps, "clip": clip, **figures}


NETWORK = {
    **{"suite": "iccad13", "optics": "iccad13", "run": "r", "model": "net", "network": "unet_small"},
    **{"parameters": 1_559_044.0, "megabytes": 3.137, "ms_batch_1": 20.06, "ms_batch_10": 17.0},
    **{"training_minutes": 41.7, "pairs": 1593.0, "drawn_clips": 10_000.0, "known_clips": "0"},
    **{"epochs": "2 drawn", "data": "metal", "command": "litho-dl train", "device": "CPU"},
}


class TestReport:
    rows = (
        row("fast", "whole", 120, 100.0, 100.0, 1.0),
        row("fast", "whole", 120, 300.0, 300.0, 3.0, "b"),
        row("net", "raw", 0, 400.0, 200.0, 0.01),
        row("net", "equal time", 90, 190.0, 200.0, 1.9),
    )

    def test_raw_networks_come_first_with_their_cost(self):
        text = report_models.markdown(list(self.rows), [NETWORK], "fast", "command")
        raw, refined = text.split("### Refined")
        titles = ["network", "L2", "PVB", "EPE", "EPE 3 nm", "MRC", "shots", "ms at 1", "ms at 10"]
        assert f"| {' | '.join(titles)} | parameters | minutes |  |" in raw
        assert "| net | 400 | 200 | 2.0 | 5.0 | 4.0 | 3 | 20.1 | 17.0 | 1,559,044 | 42 |  |" in raw
        assert "| DAMO, published | 32,579 | 41,173 | 5.4 | - | - | - | - | - | - | - | 97.6 M" in raw
        assert "\n| fast |" not in raw
        assert "ms at 1" not in refined.split("### How")[0]

    def test_differences_are_to_the_whole_method(self):
        text = report_models.markdown(list(self.rows), [NETWORK], "fast", "command").split("### Refined")[1]
        titles = "| start | steps | L2 | PVB | L2 + PVB | to fast | EPE | EPE 3 nm | MRC | shots | s a clip |  |"
        assert titles in text
        assert "| fast | 120 | 200 | 200 | 400 | +0.0% | 2.0 | 125.0 | 4.0 | 3 | 2.000 | the whole method |" in text
        assert "| net | 0 | 400 | 200 | 600 | +50.0% | 2.0 | 5.0 | 4.0 | 3 | 0.010 | not refined |" in text
        assert "| net | 90 | 1.900 of 2.000 | -5.0% | +0.0% | -2.5% | +0.0 | -30.0 |" in text
        assert "| DAMO, published | - | 27,300 | 43,227 | 70,527 | +17531.8% | 1.8 | - | - | - | - | 97.6 M" in text

    def test_how_networks_were_trained(self):
        text = report_models.markdown(list(self.rows), [NETWORK], "fast", "command").split("### How")[1]
        titles = "| name | network | parameters | MB | ms at 1 | ms at 10 | minutes | pairs | drawn clips | known |"
        assert f"{titles} epochs | data | command | on |" in text
        line = "| net | unet_small | 1,559,044 | 3.1 | 20.1 | 17.0 | 42 | 1,593 | 10,000 | 0 |"
        assert f"{line} 2 drawn | metal | `litho-dl train` | CPU |" in text

    def test_published_rows_are_for_the_contests_kernels(self):
        own = [{**row, "optics": "iccad13-like"} for row in self.rows]
        assert "published" not in report_models.markdown(own, [], "fast", "command")

    def test_order_of_networks(self):
        names = ["unet", "zeta", "cfno", "alpha", "damo", "gan_opc", "neural_ilt"]
        expected = ["gan_opc", "neural_ilt", "damo", "cfno", "unet", "alpha", "zeta"]
        assert sorted(names, key=report_models.rank) == expected


class TestPictures:
    def test_curves_rise_in_steps(self):
        found = draw_models.curve(list(reversed(TestReport.rows)), "net")
        assert found.seconds == [0.01, 1.9]
        assert found.scores == {"L2 + PVB (nm²)": [600, 390], "EPE violations at 3 nm": [5, 95]}

    def test_the_front_is_from_scratch_and_from_each_network(self, tmp_path, monkeypatch):
        drawn = {}

        def figure(starts, whole, *, title):
            drawn.update(starts=starts, whole=whole, title=title)
            return Figure()

        monkeypatch.setattr(draw_models, "refinement_figure", figure)
        more = [row("drawn", "raw", 0, 900.0, 9.0, 0.0), row("scratch", "refined", 5, 800.0, 8.0, 0.5)]
        more += [{**each, "start": "unet"} for each in TestReport.rows if each["start"] == "net"]
        draw_models.draw_front(tmp_path / "front.png", [*more, *TestReport.rows], "fast")
        assert list(drawn["starts"]) == ["scratch", "U-Net", "net"]
        assert (drawn["starts"]["scratch"].seconds, list(drawn["whole"])) == ([0.0, 0.5], ["fast"])
        assert drawn["title"] == "iccad13, refined from each start"

    def test_masks_stand_beside_the_methods(self, bench, tmp_path, monkeypatch):
        evaluation = SimpleNamespace(scorecard=SimpleNamespace(l2_nm2=1.0, pvb_nm2=2.0), violations_nm=None)
        starts = ("unet", "own", "fast", "cfno", "gan_opc", "damo", "neural_ilt")
        for number in range(10):
            bench.evaluations[f"clip{number}"] = {start: (start, evaluation) for start in starts}
        drawn = {}
        monkeypatch.setattr(draw_models, "clip_images", lambda evaluation, mask: mask)
        monkeypatch.setattr(draw_models, "comparison_figure", lambda clips, title: drawn.update(clips) or Figure())
        draw_models.draw_masks(tmp_path / "masks.png", bench, "fast")
        assert list(drawn) == ["Target: clip0", "Target: clip3", "Target: clip6"]
        literature = ["GAN-OPC", "Neural-ILT", "DAMO", "CFNO", "U-Net"]
        assert all(list(clip) == ["ILT reference (fast)", *literature, "own"] for clip in drawn.values())
        shown = drawn["Target: clip0"]["GAN-OPC"]
        assert (shown.images, shown.score) == ("gan_opc", {"L2": 1.0, "PVB": 2.0})
