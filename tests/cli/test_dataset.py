"""litho-dl dataset: what it prints and writes, and how it refuses."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scenes.command_line import litho, refused, succeeded
from scenes.pairs import digests, write_recipe

from litho_dl.core.io import read_image
from litho_dl.pairs.manifest import read_manifest, shard_path
from litho_dl.pairs.shard import read_shard


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return write_recipe(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "out"
    result = litho("dataset", "build", recipe, "--out", folder, "--workers", 1)
    assert result.code == 0, result.err
    lines = [line.strip() for line in result.out.splitlines()]
    assert lines[0] == f"{folder}: a dozen pairs"
    assert lines[1] == "pairs      11 of 11 clips; rejected: none; complete"
    assert result.err.splitlines()[0] == "Making pairs ..."
    return folder


def test_a_finished_build_changes_nothing(recipe, whole):
    before = digests(whole)
    assert litho("dataset", "build", recipe, "--out", whole, "--workers", 1).code == 0
    assert digests(whole) == before


def test_build_options(recipe, tmp_path):
    options = ("--workers", 1, "--seed", 8, "--scale", 0.25)
    found = succeeded("dataset", "build", recipe, "--out", tmp_path / "out", *options)
    assert (found["clips"], found["pairs"], found["shards"], found["shards_missing"]) == (3, 3, 2, 0)
    assert found["recipe"]["seed"] == 8
    assert found["recipe"]["description"] == "a dozen pairs (scaled by 0.25)"
    assert sum(found["splits"].values()) == 3


def test_info(whole, tmp_path):
    found = succeeded("dataset", "info", whole, "--out", tmp_path)
    shards = [read_shard(shard_path(whole, index)) for index in range(6)]
    for name, mean in found["mean_score"].items():
        assert mean == pytest.approx(np.concatenate([shard.score[name] for shard in shards]).mean())
    assert found["symmetries"] == read_manifest(whole).settings["symmetries"]
    assert found["figures"] == [str(tmp_path / name) for name in ("pairs.png", "scores.png")]
    for path in found["figures"]:
        assert Path(path).read_bytes().startswith(b"\x89PNG")
    shown = litho("dataset", "info", whole, "--out", tmp_path / "again").out.splitlines()
    assert shown[-2:] == [f"Wrote {tmp_path / 'again' / name}" for name in ("pairs.png", "scores.png")]


def test_verify(whole, tmp_path):
    result = litho("dataset", "verify", whole)
    assert (result.code, result.out) == (0, f"{whole}: 11 pairs in 6 shards are as they were written.\n")
    folder = shutil.copytree(whole, tmp_path / "copy")
    path = shard_path(folder, 2)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    path.with_name("shard-00007.h5").touch()
    result = litho("dataset", "verify", folder)
    assert result.code == 1
    assert len(result.out.splitlines()) == 2
    assert f"{path}: " in result.out
    assert result.err == f"Checking shards ...\nError: {folder}: 2 faults; see above.\n"


def test_an_unfinished_data_set(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "copy")
    table = json.loads((folder / "dataset.json").read_text())
    for index in (0, 3):
        shard_path(folder, index).unlink()
        del table["shards"][str(index)]
    (folder / "dataset.json").write_text(json.dumps(table))
    assert litho("dataset", "verify", folder).out.endswith("as they were written; 2 shards are still to be made.\n")
    assert "7 of 11 clips; rejected: none; 2 shards missing" in litho("dataset", "info", folder).out
    assert "Wrote 7 pairs" in litho("dataset", "export", folder, "--out", tmp_path / "e", "--format", "npz").out


@pytest.mark.parametrize("kind", ["png", "npz"])
def test_export(whole, tmp_path, kind):
    result = litho("dataset", "export", whole, "--out", tmp_path, "--format", kind)
    assert (result.code, result.out) == (0, f"Wrote 11 pairs to {tmp_path}\n")
    rows = {row["name"]: row for row in csv.DictReader((tmp_path / "pairs.csv").open())}
    assert len(rows) == 11
    for index in range(6):
        shard = read_shard(shard_path(whole, index))
        for place, name in enumerate(shard.name):
            split = rows[name]["split"]
            assert float(rows[name]["l2_nm2"]) == shard.score["l2_nm2"][place]
            if kind == "png":
                images = {image: read_image(tmp_path / split / image / f"{name}.png") for image in shard.images}
                aerial = np.rint(shard.images["aerial"][place].astype(float).clip(0, 1) * 255)
                assert np.array_equal(images.pop("aerial"), aerial)
            else:
                arrays = np.load(tmp_path / split / f"{index:05d}.npz")
                row = arrays["name"].tolist().index(name)
                images = {image: arrays[image][row] for image in shard.images}
            for image, found in images.items():
                assert np.array_equal(found, shard.images[image][place])


def test_workers_of_a_remote_scheduler_are_its_own(recipe, tmp_path):
    result = litho("dataset", "build", recipe, "--out", tmp_path, "--scheduler", "tcp://nowhere:1", "--workers", 2)
    assert result.code == 2
    assert "--workers is for local workers" in result.err


def test_exports_do_not_mix(whole, tmp_path):
    (tmp_path / "pairs.csv").touch()
    assert "expected an empty folder" in refused(
        litho("dataset", "export", whole, "--out", tmp_path, "--format", "png")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "metal2k", "--out", "OUT"), "did you mean metal-2k?"),
        (("build", "RECIPE", "--out", "OUT", "--scale", "0"), "a positive scale up to 1.25e+07, got 0"),
        (("build", "RECIPE", "--out", "OUT", "--scale", "inf"), "a positive scale up to 1.25e+07, got inf"),
        (("build", "RECIPE", "--out", "OUT", "--device", "cuda:99"), "Expected a CUDA device"),
        (("build", "RECIPE", "--out", "WHOLE", "--seed", "9"), "got one made with other settings"),
        (("info", "OUT"), "expected a data set (dataset.json in it), got none"),
        (("verify", "OUT"), "expected a data set (dataset.json in it), got none"),
        (("export", "OUT", "--out", "OUT", "--format", "png"), "expected a data set (dataset.json in it), got none"),
    ],
)
def test_bad_input(recipe, whole, tmp_path, arguments, message):
    places = {"RECIPE": recipe, "OUT": tmp_path / "out", "WHOLE": whole}
    arguments = [places.get(argument, argument) for argument in arguments]
    workers = ("--workers", 1) if arguments[0] == "build" else ()
    result = litho("dataset", *arguments, *workers)
    assert message in refused(result)
