"""Names never become paths: each command writes inside its folder, or refuses the name before it computes anything."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from scenes.command_line import files_below, litho, refused
from scenes.shapes import box

from litho_dl.core.errors import DatasetError, KernelError, LithoError
from litho_dl.layout.clips import Clip
from litho_dl.layout.layout import Layout
from litho_dl.layout.rules import MaskRules, check_rules
from litho_dl.pairs.manifest import read_manifest, write_manifest
from litho_dl.pairs.plan import PlannedClip, read_clips, write_clips
from litho_dl.pairs.shard import PairBlock, read_settings, read_shard, write_shard
from litho_dl.pairs.verify import repeated
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.runs.collection import Collection
from litho_dl.runs.mask_rules import write_check
from litho_dl.runs.optics import draw_kernels

ESCAPING = ("../x", "/tmp/x", "a/b", "a\\b", "..", ".hidden", "a\0", "x" * 201)
names = pytest.mark.parametrize("name", ESCAPING, ids=lambda name: ascii(name)[:12])
LONG, NOT_UTF8 = "x" * 240, os.fsdecode(b"caf\xe9")
OPTIONS = ("--optics", "small.toml", "--out", "OUT")
COMMANDS = {
    "simulate": ("simulate", "FILE", *OPTIONS),
    "optimize": ("optimize", "FILE", *OPTIONS, "--method", "few.toml"),
    "infer": ("infer", "FILE", *OPTIONS, "--model", "none.safetensors"),
    "smo": ("smo", "FILE", *OPTIONS, "--method", "smo"),
    "mrc": ("mrc", "FILE", "--out", "OUT"),
    "cut": ("clips", "cut", "FILE", "--window-size", "400", "--stride", "400", "--out", "OUT"),
    "process-window": ("process-window", "--target", "FILE", *OPTIONS),
}


@pytest.mark.parametrize("name", [LONG, NOT_UTF8, ".hidden"], ids=["long", "not UTF-8", "hidden"])
@pytest.mark.parametrize("command", COMMANDS)
def test_files_of_such_names_are_refused_before_the_work(here, tmp_path, command, name):
    if name == NOT_UTF8 and os.name == "nt":
        pytest.skip("file names are Unicode on Windows")
    path, out = tmp_path / f"{name}.glp", tmp_path / "out"
    shutil.copyfile(here / "cross.glp", path)
    places = {"FILE": str(path), "OUT": str(out)}
    with mock.patch("litho_dl.process.model.build_socs") as building:
        error = refused(litho(*(places.get(part, part) for part in COMMANDS[command])))
    assert "rename it" in error
    building.assert_not_called()
    assert not out.exists()


@names
def test_clips_pairs_and_collections(tmp_path, name):
    layout = Layout("a", (box(0, 0, 100, 100),))
    with pytest.raises(LithoError, match="the name of a clip"):
        Clip(name, layout, (0.0, 0.0), (512.0, 512.0))
    with pytest.raises(DatasetError, match="the name of a pair"):
        PlannedClip(name, 0, "0" * 64, "train", layout)
    with pytest.raises(LithoError, match="the name of a clip"):
        Collection(tmp_path / "out", "glp", None, 100.0).add(layout, name, "0" * 64, {})
    assert files_below(tmp_path) == set()


@names
def test_kernel_sets_and_corners_of_a_file(here, tmp_path, name):
    good = load_kernels("small.safetensors")
    kernels = dict(good.kernels)
    corners = {corner: place._replace(kernels=name) for corner, place in good.corners.items()}
    for changes in ({"kernels": {name: kernels["focus"]}, "corners": corners}, {"corners": {name: corners["nominal"]}}):
        with pytest.raises(KernelError, match="Expected the name of a "):
            replace(good, **{"kernels": {**kernels, name: kernels["focus"]}, **changes})
    if name == ESCAPING[0]:
        save_kernels(tmp_path / "a.safetensors", replace(good, recipe=None))
        content = (tmp_path / "a.safetensors").read_bytes()
        stranger = content.replace(b"focus", b"../xy")
        assert stranger != content
        (tmp_path / "a.safetensors").write_bytes(stranger)
        out = tmp_path / "deep" / "out"
        assert "the name of a kernel set" in refused(litho("kernels", "show", tmp_path / "a.safetensors", "--out", out))
        assert files_below(tmp_path) == {"a.safetensors"}


@names
def test_what_is_drawn_under_a_name(here, tmp_path, name):
    with pytest.raises(LithoError, match="the name of the optics"):
        draw_kernels(load_kernels("small.safetensors"), tmp_path, name)
    mask = Layout(name, (box(0, 0, 100, 100),))
    rules = MaskRules(20.0, 20.0, 100.0)
    with pytest.raises(LithoError, match="the name of a mask"):
        write_check(tmp_path, mask, rules, check_rules(mask.polygons, rules), {}, "oas")
    assert files_below(tmp_path) == set()


@names
@pytest.mark.parametrize("kind", ["png", "npz"])
def test_pairs_of_a_strangers_data_set(copied_set, tmp_path, name, kind):
    if "\0" in name:
        pytest.skip("HDF5 ends a text there")
    shard = copied_set / "shards" / "shard-00003.h5"
    block = read_shard(shard)
    sha256 = write_shard(shard, replace(block, name=[name, *block.name[1:]]), read_settings(shard))
    manifest = read_manifest(copied_set)
    write_manifest(copied_set, manifest.with_shard(3, replace(manifest.shards[3], sha256=sha256)))
    before = files_below(tmp_path)
    out = tmp_path / "deep" / "out"
    assert "the name of a pair" in refused(litho("dataset", "export", copied_set, "--out", out, "--format", kind))
    written = files_below(tmp_path) - before
    assert all(place.startswith("deep/out/") for place in written)
    assert litho("dataset", "verify", copied_set).code == 1


@names
def test_clips_of_a_strangers_data_set(tmp_path, name):
    if "\0" in name:
        pytest.skip("HDF5 ends a text there")
    clip = PlannedClip("a", 0, "0" * 64, "train", Layout("a", (box(0, 0, 100, 100),)))
    object.__setattr__(clip, "name", name)
    write_clips(tmp_path / "c.h5", [clip], "d")
    with pytest.raises(DatasetError, match="the name of a pair"):
        read_clips(tmp_path / "c.h5", "d", 0, 1)


def test_a_name_that_occurs_twice_would_hide_a_pair(tmp_path):
    """As two files of one name."""
    images = {name: np.full((2, 4, 4), 255, np.uint8) for name in ("target", "mask")}
    block = PairBlock(images, ["a", "a"], np.zeros(2), ["0" * 64] * 2, np.zeros(2))
    write_shard(tmp_path / "a.h5", block, {"recipe": {}})
    assert repeated(read_shard(tmp_path / "a.h5"), set()) == ["a"]
    assert repeated(read_shard(tmp_path / "a.h5"), {"a"}) == ["a", "a"]


def test_names_of_files_can_be_as_long_as_allowed(here, tmp_path):
    path = Path(shutil.copyfile("cross.glp", tmp_path / f"{'x' * 200}.glp"))
    options = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--out", tmp_path / "out")
    assert litho("optimize", path, *options).code == 0
    assert {len(name) for name in files_below(tmp_path / "out") if name.startswith("x")} == {209}


def test_names_are_shown_as_they_are(here, tmp_path):
    """Not as formulas of pictures, spreadsheets or pages."""
    shown = ["a$_$b", "$\\foo$".replace("\\", "_"), "50$", "<b>&amp; {{ 7 }}", "=1+1"]
    paths = [shutil.copyfile("cross.glp", tmp_path / f"{name}.glp") for name in shown]
    options = ("--optics", "small.safetensors", "--method", "few.toml", "--report", "--out", tmp_path / "out")
    result = litho("optimize", *paths, *options)
    assert result.code == 0, result.err
    assert {f"{name}.png" for name in shown} <= files_below(tmp_path / "out")
    assert "<b>&amp;" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="file names are Unicode on Windows")
def test_a_picture_of_a_mask_whose_name_is_not_utf8(here, tmp_path):
    mask = shutil.copyfile("mask.png", tmp_path / f"{NOT_UTF8}.png")
    options = ("--optics", "small.safetensors", "--protocol", "default", "--figure", tmp_path / "x.png")
    assert litho("evaluate", "--target", "cross.glp", "--mask", mask, *options).code == 0
    missing = refused(litho("evaluate", "--target", f"{NOT_UTF8}.glp", "--mask", mask, *options))
    assert missing == "Error: caf\\udce9.glp: no such file."
