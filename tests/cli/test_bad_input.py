"""Bad input to any command is one line, and leaves nothing behind."""

import re
import shlex
from unittest import mock

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes.command_line import METHOD, files_below, litho, refused

SIMULATE = "simulate {} --optics small.safetensors --out OUT"
EVALUATE = "evaluate --target {} --mask {} --optics small.safetensors --protocol default"
OPTIMIZE = "optimize {} --optics small.safetensors --method few.toml --out OUT"
BAD = {
    # layouts
    SIMULATE.format("none.glp"): "none.glp: no such file",
    SIMULATE.format("none.gds"): "none.gds: no such file",
    SIMULATE.format("empty.glp"): "empty.glp: .*empty file",
    SIMULATE.format("empty.gds"): "empty.gds: .*empty file",
    SIMULATE.format("empty.oas"): "empty.oas: .*empty file",
    SIMULATE.format("noshapes.glp"): "without RECT or PGON",
    SIMULATE.format("cut.glp"): "truncated",
    SIMULATE.format("open.glp"): "open.glp:7: .*horizontal and vertical",
    SIMULATE.format("crossing.glp"): "crossing.glp:7: .*cross itself",
    SIMULATE.format("large.glp"): "database unit",
    SIMULATE.format("two.glp"): "choose one of M1, M2",
    SIMULATE.format("cross.txt"): "ending in .glp, ",
    SIMULATE.format("copy"): "ending in .glp, ",
    SIMULATE.format("cross.glp --layer M7"): "'M7'; choose one of M1",
    SIMULATE.format("cross.glp --cell X"): "'X'; choose one of TOP",
    SIMULATE.format("square.gds --layer 9/0"): "choose a layer among 1/0",
    SIMULATE.format("square.gds --layer metal"): "a layer with shapes, got metal",
    SIMULATE.format("cross.glp --window 5000,5000,5100,5100"): "inside the window",
    SIMULATE.format("cross.glp --window 0,0,0,0"): "x0 < x1",
    SIMULATE.format("cross.glp --window nan,0,1,1"): "x0 < x1",
    # mask images
    SIMULATE.format("none.png"): "none.png: no such file",
    SIMULATE.format("empty.png"): "empty.png: cannot be read",
    SIMULATE.format("empty.npy"): "empty.npy: cannot be read",
    SIMULATE.format("empty.csv"): "empty.csv: cannot be read",
    SIMULATE.format("nan.npy"): "nan.npy: .*NaN",
    SIMULATE.format("bright.npy"): r"bright.npy: .*\[0, 1\]",
    SIMULATE.format("oblong.npy"): "oblong.npy: .*512 x 1024",
    # pixels, fields, devices, folders
    SIMULATE.format("cross.glp --pixel 7"): "divides the field",
    SIMULATE.format("cross.glp --pixel 0"): "positive pixel",
    SIMULATE.format("cross.glp --pixel nan"): "positive pixel",
    SIMULATE.format("cross.glp --field 1024"): "field of 512 x 512 nm",
    SIMULATE.format("cross.glp --device tpu"): "auto, cpu, cuda",
    SIMULATE.format("cross.glp --device cuda:99"): "CUDA device",
    SIMULATE.format("cross.glp").replace("OUT", "mask.png/below"): "Cannot write to mask.png/below",
    OPTIMIZE.format("cross.glp").replace("OUT", "mask.png/below"): "Cannot write to mask.png/below",
    "demo --out mask.png/below": "Cannot write to mask.png/below",
    # starts
    OPTIMIZE.format("cross.glp --starts 0"): "0 starts: starts: .*greater than or equal to 1",
    OPTIMIZE.format("cross.glp --starts 2").replace("few.toml", "opc"): "manhattan starts from the drawn edges",
    # optics
    SIMULATE.format("cross.glp").replace("small.safetensors", "none.safetensors"): "none.safetensors: no such file",
    SIMULATE.format("cross.glp").replace("small", "damaged"): "damaged.safetensors: .*damaged",
    SIMULATE.format("cross.glp").replace("small", "empty"): "empty.safetensors: .*damaged",
    SIMULATE.format("cross.glp").replace("small", "one-corner"): "one of the corners best, got 'nominal'",
    SIMULATE.format("cross.glp").replace("small.safetensors", "copy"): "a contest kernel folder holds",
    SIMULATE.format("cross.glp").replace("small.safetensors", "duv193"): "No optics recipe or file named 'duv193'",
    SIMULATE.format("cross.glp").replace("small.safetensors", "misspelt.toml"): "sigma_iner: unknown key",
    SIMULATE.format("cross.glp").replace("small.safetensors", "broken.toml"): "not valid TOML",
    SIMULATE.format("cross.glp").replace("small.safetensors", "empty.toml"): "empty.toml: .*required",
    SIMULATE.format("cross.glp").replace("small.safetensors", "none.toml"): "none.toml: no such file",
    SIMULATE.format("cross.glp").replace(
        "small.safetensors", "escaping.toml"
    ): r"corners\.\.\./x.*a name that can be part of a file name",
    # evaluate
    EVALUATE.format("cross.glp", "none.png"): "none.png: no such file",
    EVALUATE.format("cross.glp", "nan.npy"): "nan.npy: .*NaN",
    EVALUATE.format("cross.glp", "oblong.npy"): "oblong.npy: .*square pixels",
    EVALUATE.format("cross.glp", "odd.npy"): r"odd.npy: .*field of 512 x 512 nm on pixels of whole nm.*5.12 nm",
    EVALUATE.format("cross.glp", "away.gds"): "away.gds: .*target layout's coordinates",
    EVALUATE.format("cross.glp", "square.gds --mask-layer 3/0"): "choose a layer among 1/0",
    EVALUATE.format("tiny.glp", "mask.png"): "database unit",
    EVALUATE.format("noshapes.glp", "mask.png"): "without RECT or PGON",
    EVALUATE.format("cross.glp", "mask.png").replace("default", "iccad13"): "use the protocol default",
    EVALUATE.format("cross.glp", "mask.png --figure OUT/picture.xyz"): "picture that ends in .png",
    EVALUATE.format("cross.glp", "mask.png --figure cross.glp/picture.png"): "Cannot write cross.glp/picture.png",
    # optimize
    OPTIMIZE.format("cross.glp none.glp"): "none.glp: no such file",
    OPTIMIZE.format("cross.glp copy/cross.glp"): "cross more than once",
    OPTIMIZE.format("tiny.glp"): "database unit",
    OPTIMIZE.format("cross.glp").replace(
        "few.toml", "mosaick"
    ): r"No ILT method or file named 'mosaick'; did you mean mosaic\?",
    OPTIMIZE.format("cross.glp").replace("few", "none"): "none.toml: no such file",
    OPTIMIZE.format("cross.glp").replace("few", "misspelt-method"): "optimiser: unknown key",
    OPTIMIZE.format("cross.glp").replace("few", "unknown-term"): r"unknown terms pbv; did you mean pvb\? known: l2",
    OPTIMIZE.format("cross.glp").replace("few", "unknown-optimizer"): r"optimizer: .*'adams'; did you mean adam\?",
    OPTIMIZE.format("cross.glp").replace("few", "number-as-text"): "levels.0.steps: .*valid integer, got '4'",
    OPTIMIZE.format("cross.glp").replace("small.safetensors", "alternating.toml"): "Alternating masks",
    # kernels, recipes, demo
    "kernels build none --out OUT/k.safetensors": "No optics recipe or file named 'none'",
    "kernels build small.toml --out OUT/k.bin": "ends in .safetensors",
    "kernels build small.toml --out OUT/k.safetensors --field -1": "positive",
    "kernels build small.toml --out OUT/k.safetensors --field nan": "positive",
    "kernels build small.toml --out mask.png/k.safetensors": "Cannot write to mask.png",
    "kernels import copy --out OUT/k.safetensors": "a contest kernel folder holds",
    "kernels import none --out OUT/k.safetensors": "a contest kernel folder holds",
    "kernels show none.safetensors": "none.safetensors: no such file",
    "kernels show small.safetensors --field 1024": "field of 512 x 512 nm",
    "recipes none": "No recipe, method or rules named 'none'; known: ",
    "recipes qualty": r"named 'qualty'; did you mean quality\? known: ",
    "demo --layouts copy --out OUT": "expected the repository's layouts",
}


@pytest.mark.parametrize("line", BAD, ids=lambda line: line.replace("small.safetensors", "..."))
def test_bad_input_is_one_line_and_leaves_nothing(here, tmp_path, line):
    before = files_below(here)
    out = tmp_path / "out"
    result = litho(*(part.replace("OUT", str(out)) for part in shlex.split(line)))
    assert re.search(BAD[line], refused(result)), result.err
    assert files_below(out) == set()
    assert files_below(here) == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (OPTIMIZE.format("cross.glp --init mask.png"), "--init continues from one mask a clip; leave out --starts."),
        ("infer cross.glp --model unet --optics small.safetensors --out OUT", "--starts goes with --refine."),
        ("fullchip cross.glp --model unet --optics small.safetensors --out a.oas", "goes with --method or --refine."),
    ],
)
def test_starts_that_nothing_begins_with(here, line, message):
    before = files_below(here)
    result = litho(*shlex.split(line), "--starts", 2)
    assert (result.code, files_below(here)) == (2, before)
    assert message in result.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu(here, tmp_path):
    line = ("simulate", "cross.glp", "--optics", "small.safetensors", "--out", tmp_path, "--device", "cuda")
    assert "use the device cpu or auto" in refused(litho(*line))


FIRST = {
    SIMULATE.format("none.png"): "none.png",
    SIMULATE.format("cross.glp --pixel 7"): "divides the field",
    EVALUATE.format("cross.glp", "none.png"): "none.png",
    EVALUATE.format("cross.glp", "away.gds"): "away.gds",
    EVALUATE.format("cross.glp", "mask.png").replace("default", "iccad13"): "use the protocol default",
    OPTIMIZE.format("none.glp"): "none.glp",
    OPTIMIZE.format("cross.glp --window 0,0,1,1"): "all shapes lie in 1000,2000,1320,2320 nm.",
    OPTIMIZE.format("cross.glp --init none.png"): "none.png",
    OPTIMIZE.format("cross.glp --field 500"): "for method few.toml, got 500 x 500 nm; choose a field of 496",
    SIMULATE.format("cross.glp --field 500.5"): "choose a field of 500 or 501 nm",
    EVALUATE.format("cross.glp", "mask.png --field 500.5"): "choose a field of 500 or 501 nm",
    "process-window --target cross.glp --optics small.toml --field 500.5 --out OUT": "choose a field of 500 or 501 nm",
    "smo cross.glp --method source.toml --optics small.toml --field 500 --out OUT": "choose a field of 496 or 504 nm",
    "process-window --target cross.glp --mask none.png --optics small.toml --out OUT": "none.png",
    "process-window --target cross.glp --gauge 0,0,9,0 --optics small.toml --out OUT": "cutline inside the field",
    "smo cross.glp none.glp --method source.toml --optics small.toml --out OUT": "none.glp",
    EVALUATE.format("cross.glp", "mask.png --figure picture.xyz"): "ends in .png",
    "kernels build small.toml --out mask.png/k.safetensors": "Cannot write to mask.png",
    "dataset build pairs.toml --out OUT --workers 1": "none.gds",
}


@pytest.mark.parametrize("line", FIRST, ids=lambda line: line.replace("small.safetensors", "..."))
def test_files_are_checked_before_kernels_are_built_or_folders_made(here, tmp_path, line):
    (here / "source.toml").write_text(METHOD.replace("[[levels]]", "source_learning_rate = 0.2\n[[levels]]"))
    windows = 'clips = [{ layout = "none.gds", window_nm = 400.0, stride_nm = 400.0 }]'
    (here / "pairs.toml").write_text(f'optics = "small.toml"\nmethod = "few.toml"\npixel_nm = 8.0\n{windows}')
    out = tmp_path / "out"
    with mock.patch("litho_dl.process.model.build_socs") as building:
        error = refused(litho(*line.replace("small.safetensors", "small.toml").replace("OUT", str(out)).split()))
    assert FIRST[line] in error
    assert line.startswith("dataset") or not out.exists()
    building.assert_not_called()


DAMAGED = ("cross.glp", "square.gds", "square.oas", "mask.png", "eye.npy", "eye.csv", "small.toml", "small.safetensors")


@st.composite
def damage(draw: st.DrawFn) -> tuple[str, list[tuple[float, int, bytes]]]:
    """A file, and where (a share of its length) how many bytes are replaced by others."""
    edit = st.tuples(st.floats(0, 1), st.integers(0, 30), st.binary(max_size=6))
    return draw(st.sampled_from(DAMAGED)), draw(st.lists(edit, min_size=1, max_size=3))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage())
def test_damaged_files_never_end_in_a_traceback(inputs, tmp_path, damaged):
    name, edits = damaged
    data = (inputs / name).read_bytes()
    for place, length, new in edits:
        start = round(place * len(data))
        data = data[:start] + new + data[start + length :]
    path = tmp_path / name
    path.write_bytes(data)
    layout, optics = (inputs / "cross.glp", path) if name.startswith("small") else (path, inputs / "small.safetensors")
    with mock.patch("litho_dl.viz.figure.save_figure"):
        result = litho("simulate", layout, "--optics", optics, "--field", 512, "--pixel", 8, "--out", tmp_path / "out")
    if result.code:
        refused(result)
    else:
        said = [line for line in result.err.splitlines() if ": the field is periodic" not in line]
        assert said in ([], ["Building kernels ..."])
