"""One small valid file of each kind that the package reads, with its reader."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import torch

from litho_dl.core.io import write_csv, write_png
from litho_dl.core.settings import packaged_text
from litho_dl.fullchip.mask import read_mask, write_mask
from litho_dl.fullchip.plan import Plan, read_plan, write_plan
from litho_dl.fullchip.score import TileScore, _write, read_score
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.generators.model import load_generator
from litho_dl.generators.recipe import load_generator_recipe
from litho_dl.ilt.method import load_method
from litho_dl.layout.bezier import BezierOutline, straight_loop
from litho_dl.layout.clips import load_mask_values
from litho_dl.layout.curve_file import CurvedMask, write_curves
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.stack import read_stack
from litho_dl.mnist.files import read_idx
from litho_dl.mnist.recipe import load_mnist_recipe
from litho_dl.pairs.dataset import PairDataset
from litho_dl.pairs.export import export_npz
from litho_dl.pairs.manifest import Manifest, ShardEntry, read_manifest, shard_path, write_manifest
from litho_dl.pairs.plan import PlannedClip, read_clips, read_columns, write_clips
from litho_dl.pairs.recipe import load_dataset_recipe
from litho_dl.pairs.shard import PairBlock, read_shard, write_shard
from litho_dl.pairs.summary import set_text
from litho_dl.pairs.verify import verify
from litho_dl.process.files import import_contest
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.recipe import load_recipe
from litho_dl.report.page import render
from litho_dl.report.run import read_run
from litho_dl.scoring.protocol import RULES
from litho_dl.training.checkpoint import load_checkpoint, save_checkpoint
from litho_dl.tuning.files import study_folder
from litho_dl.tuning.search import Search
from litho_dl.tuning.space import Choices, Range
from litho_dl.tuning.study import load_study
from litho_dl.tuning.trial import Score
from scenes.command_line import CROSS, GLP, METHOD
from scenes.damage import Kind
from scenes.generators import write_model
from scenes.idx_files import idx_bytes
from scenes.ilt import small_simulator
from scenes.report import write_run
from scenes.shapes import box

DIGEST = "0123456789abcdef" * 4
TILE, SIDE, PIXEL_NM = Tile(0, 0), 64, 8.0
SPACE = {
    "steps": Range(low=2, high=40),
    "rate": Range(low=0.01, high=1.0, log=True),
    "kind": Choices(choices=("a", "b")),
}
START = {"steps": 20, "rate": 0.1, "kind": "a"}
RECIPES = {
    "optics": ("duv193-immersion-annular", load_recipe),
    "ilt": ("fast", load_method),
    "rules": ("m1-45", load_rules),
    "dataset": ("demo", load_dataset_recipe),
    "generators": ("unet_small", load_generator_recipe),
    "mnist": ("lenet", load_mnist_recipe),
}


def plan() -> Plan:
    tiling = Tiling((0, 0, 1024, 512), (0, 0, 1024, 512), 512.0, 256.0)
    labels = {"layout": "chip.gds", "window": [0, 1.5]}
    files = {"target.oas": DIGEST, "optics.safetensors": DIGEST}
    return Plan(tiling, 1e-4, load_method("fast"), False, None, None, 1, 1, "cpu", files, RULES, labels)


def make_kinds(folder: Path) -> dict[str, Kind]:
    """Writes the files, each in a folder of its own, and returns what reads them."""
    kinds: dict[str, Kind] = {}
    for make in (_layouts, _images, _kernels, _recipes, _networks, _pairs, _chips, _study, _report):
        for kind in make(folder):
            kinds[kind.name] = kind
    return kinds


def _place(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _layouts(folder: Path) -> list[Kind]:
    shapes = Layout("TOP", (box(0, 0, 200, 300), box(400, 0, 700, 90)))
    for suffix in ("gds", "oas"):
        write_layout(_place(folder, f"{suffix}/a.{suffix}"), shapes)
        _place(folder, f"{suffix}.gz/a.{suffix}.gz").write_bytes(
            gzip.compress((folder / f"{suffix}/a.{suffix}").read_bytes())
        )
    _place(folder, "glp/a.glp").write_text(GLP.format(units=1000, shapes=CROSS + "\nPGON N M1 0 0 0 9 9 9 9 0"))
    write_layout(_place(folder, "stack/a.oas"), shapes)
    loop = np.array([(0, 0), (200, 0), (200, 300), (0, 300.0)])
    write_curves(_place(folder, "curves/a.curves.json"), CurvedMask("a", (BezierOutline(straight_loop(loop)),)))
    names = ["curves/a.curves.json", "gds/a.gds", "oas/a.oas", "gds.gz/a.gds.gz", "oas.gz/a.oas.gz", "glp/a.glp"]
    return [*(Kind(name, read_layout) for name in names), Kind("stack/a.oas", read_stack)]


def _images(folder: Path) -> list[Kind]:
    image = (np.arange(256).reshape(16, 16) * 255 // 255).astype(np.uint8)
    write_png(_place(folder, "png/a.png"), image)
    np.save(_place(folder, "npy/a.npy"), image / 255)
    np.savetxt(_place(folder, "csv/a.csv"), image / 255, delimiter=",", fmt="%.3g")
    _place(folder, "idx/a.idx").write_bytes(idx_bytes(image.reshape(1, 16, 16)))
    _place(folder, "idx.gz/a.gz").write_bytes(gzip.compress(idx_bytes(image.reshape(1, 16, 16))))
    readers = [Kind(name, load_mask_values) for name in ("png/a.png", "npy/a.npy", "csv/a.csv")]
    return [*readers, Kind("idx/a.idx", read_idx), Kind("idx.gz/a.gz", read_idx)]


def _kernels(folder: Path) -> list[Kind]:
    save_kernels(_place(folder, "kernels/a.safetensors"), small_simulator().process)
    for name in ("focus", "defocus"):
        for kind, values in (("kernels", torch.ones(5, 5, 3, dtype=torch.complex64)), ("scales", torch.ones(3))):
            torch.save(values, _place(folder, f"contest/{kind}/{name}.pt"))
            torch.save(values, _place(folder, f"contest-2/{kind}/{name}.pt"))
    own = folder / "contest-3"
    (folder / "contest").rename(own)

    def contest(path: Path) -> object:
        """The damaged file in place of one of a whole folder's."""
        other = "kernels" if path.parent.name == "work" and path.name.startswith("kernels") else "scales"
        place = path.parent / "whole"
        for kind in ("kernels", "scales"):
            for name in ("focus", "defocus"):
                _place(place, f"{kind}/{name}.pt").write_bytes((own / kind / f"{name}.pt").read_bytes())
        (place / other / "focus.pt").write_bytes(path.read_bytes())
        return import_contest(place)

    for kind in ("kernels", "scales"):
        _place(folder, f"pt-{kind}/{kind}.pt").write_bytes((own / kind / "focus.pt").read_bytes())
    return [
        Kind("kernels/a.safetensors", load_kernels),
        Kind("pt-kernels/kernels.pt", contest),
        Kind("pt-scales/scales.pt", contest),
    ]


def _recipes(folder: Path) -> list[Kind]:
    kinds = []
    for kind, (name, read) in RECIPES.items():
        _place(folder, f"toml-{kind}/a.toml").write_text(packaged_text(kind, name))
        kinds.append(Kind(f"toml-{kind}/a.toml", read))
    study = 'method = "few.toml"\noptics = "small.toml"\nlayouts = ["cross.glp"]\nvalidation = ["lines.glp"]\n'
    ranges = '[space]\n"levels[0].steps" = { low = 1, high = 60 }\n'
    _place(folder, "toml-study/a.toml").write_text(study + ranges)
    _place(folder, "toml-study/few.toml").write_text(METHOD)
    _place(folder, "toml-study/small.toml").write_text(packaged_text("optics", "duv193-dry-annular"))
    _place(folder, "toml-study/cross.glp").write_text(GLP.format(units=1000, shapes=CROSS))
    lines = "RECT N M1 0 0 120 360\nRECT N M1 220 0 120 360"
    _place(folder, "toml-study/lines.glp").write_text(GLP.format(units=1000, shapes=lines))
    return [*kinds, Kind("toml-study/a.toml", load_study)]


def _networks(folder: Path) -> list[Kind]:
    process = small_simulator().process
    write_model(_place(folder, "model/a").parent, process)
    save_checkpoint(_place(folder, "checkpoint/last.pt"), {"seed": 1}, {"networks": {"a": torch.ones(4)}})
    return [
        Kind("model/drawn.safetensors", lambda path: load_generator(path, process, force=True)),
        Kind("checkpoint/last.pt", lambda path: load_checkpoint(path, {"seed": 1})),
    ]


def _pairs(folder: Path) -> list[Kind]:
    whole = folder / "set"
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, (3, SIDE, SIDE), dtype=np.uint8) * np.uint8(255)
    score = {name: np.arange(1.0, 4.0) for name in ("l2_nm2", "pvb_nm2", "target_nm2")}
    names, split = ["a-0", "a-1", "b-0"], np.array([0, 1, 2], np.uint8)
    images = {"target": target, "mask": 255 - target, "aerial": (target / 255).astype(np.float16)}
    patterns = [f"{row:064x}" for row in range(3)]
    recipe = load_dataset_recipe("demo").model_copy(update={"shard_clips": 3, "pixel_nm": PIXEL_NM})
    plain = recipe.model_dump(mode="json")
    settings = {
        **{"digest": DIGEST, "recipe": plain, "field_nm": [SIDE * PIXEL_NM] * 2, "symmetries": ["identity", "flip_x"]},
        "resolved": {**plain, "method": load_method("fast").model_dump(mode="json")},
    }
    layouts = [Layout(name, (box(0, 0, 90, 90 + row), box(200, 0, 300, 90))) for row, name in enumerate(names)]
    clips = [PlannedClip(names[row], row, patterns[row], "train", layouts[row]) for row in range(3)]
    (whole / "shards").mkdir(parents=True)
    write_clips(whole / "clips.h5", clips, DIGEST)
    save_kernels(whole / "optics.safetensors", small_simulator().process)
    block = PairBlock(images, names, np.arange(3, dtype=np.uint64), patterns, split, score)
    sha256 = write_shard(shard_path(whole, 0), block, {**settings, "shard": 0, "clips": 3, "rejected": {}})
    files = dict.fromkeys(("clips.h5", "optics.safetensors"), DIGEST)
    write_manifest(whole, Manifest(settings, 3, files, {0: ShardEntry(sha256, 3, 3, {})}))
    _place(folder, "shard/shard-00000.h5").write_bytes(shard_path(whole, 0).read_bytes())
    _place(folder, "clips/clips.h5").write_bytes((whole / "clips.h5").read_bytes())

    def shard(path: Path) -> None:
        read_shard(path)
        pairs = PairDataset(path.parent, None, augment=True)
        _ = [pairs[index] for index in range(len(pairs))]

    def exported(path: Path) -> None:
        """The damaged shard in its set, as a command exports it."""
        place = path.parent / "set"
        (place / "shards").mkdir(parents=True)
        shard_path(place, 0).write_bytes(path.read_bytes())
        (place / "dataset.json").write_bytes((whole / "dataset.json").read_bytes())
        verify(place)
        export_npz(place, path.parent / "out")

    _place(folder, "exported/shard-00000.h5").write_bytes(shard_path(whole, 0).read_bytes())

    def manifest(path: Path) -> None:
        found = read_manifest(path.parent)
        _ = found.missing, found.pairs, found.rejected
        set_text(path.parent, found)

    def planned(path: Path) -> None:
        read_columns(path, DIGEST)
        read_clips(path, DIGEST, 1, 3)

    return [
        Kind("shard/shard-00000.h5", shard),
        Kind("exported/shard-00000.h5", exported),
        Kind("clips/clips.h5", planned),
        Kind("set/dataset.json", manifest),
    ]


def _chips(folder: Path) -> list[Kind]:
    made = plan()
    rng = np.random.default_rng(1)
    for kind in ("tile", "tile-score"):
        _place(folder, f"{kind}/tiles/a").parent.mkdir(exist_ok=True)
    core = torch.from_numpy(rng.random((64, 64)) < 0.5)
    write_mask(folder / "tile", TILE, 1, core, 8.0, made.digest)
    sites = rng.random((5, 2)) * 500
    places = {rule: rng.random((2, 4)) for rule in ("width", "space", "area")}
    _write(
        folder / "tile-score",
        TILE,
        TileScore(1.0, 2.0, 3.0, sites, sites[:, 0], np.zeros(5, int), np.zeros(5, int), sites[:1], places),
        made.digest,
    )
    write_plan(_place(folder, "plan/plan.json").parent, made)
    for kind, name in (("tile", "mask_0000_0000.h5"), ("tile-score", "score_0000_0000.h5")):
        _place(folder, f"{kind}-file/{name}").write_bytes((folder / kind / "tiles" / name).read_bytes())

    def in_run(path: Path) -> Path:
        place = path.parent / "run" / "tiles" / path.name
        place.parent.mkdir(parents=True)
        place.write_bytes(path.read_bytes())
        return path.parent / "run"

    return [
        Kind("plan/plan.json", lambda path: read_plan(path.parent)),
        Kind("tile-file/mask_0000_0000.h5", lambda path: read_mask(in_run(path), TILE, 1, made)),
        Kind("tile-score-file/score_0000_0000.h5", lambda path: read_score(in_run(path), TILE, made.digest)),
    ]


def _study(folder: Path) -> list[Kind]:
    def search(place: Path) -> Search:
        return Search(place, SPACE, START, digest=DIGEST, seed=1)

    _place(folder, "journal/a").parent.mkdir(exist_ok=True)
    search(folder / "journal").run(lambda values: Score(1.0 / values["steps"], 2.0, 0.0, 0.1), 4)

    def resumed(path: Path) -> None:
        with study_folder(path.parent):
            found = search(path.parent)
            _ = found.trials(), found.front()
            found.run(lambda values: Score(1.0, 2.0, 0.0, 0.1), len(found.trials()) + 1)

    return [Kind("journal/journal.log", resumed)]


def _report(folder: Path) -> list[Kind]:
    write_run(folder / "report")
    (folder / "report-csv").mkdir()
    write_csv(folder / "report-csv" / "zones.csv", [{"zone": n, "gap_nm": n % 7, "note": "=1"} for n in range(9)])
    with open(folder / "report-csv" / "zones.csv", newline="", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 10
    assert json.loads((folder / "report" / "scores.json").read_text())
    reader = lambda path: render(read_run(path.parent))  # noqa: E731
    return [Kind("report/scores.json", reader), Kind("report-csv/zones.csv", reader)]
