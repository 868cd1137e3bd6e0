"""Exported generators compute what the network does, for any number of clips, and carry their card."""

import json

import pytest
import torch
from scenes.command_line import files_below, litho, refused
from scenes.generators import recipe
from torch import nn

from litho_dl.core.errors import CheckpointError, GridMismatchError, LithoError
from litho_dl.generators import export as exporting
from litho_dl.generators.export import CARD, export_generator
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.model import Card, Generator, OpticsCard, make_generator, save_generator
from litho_dl.models.registry import GENERATORS
from litho_dl.process.files import load_process
from litho_dl.process.identity import process_digest

FIELD = (1024.0, 2048.0)
SMALL = [name for name in GENERATORS if name.endswith("_small")]
QUICK = {".pt2": ("fcn_mask_small", "gan_opc_small"), ".onnx": ("cfno_small", "gan_opc_small")}


def generator(name: str) -> Generator:
    torch.manual_seed(0)
    network = make_generator(name)
    network(torch.rand(2, 1, 64, 64))
    card = Card(recipe=recipe({"bce": 1.0}, network=name), optics={"name": "n", "digest": "d"}, data={}, scores={})
    return Generator(network.eval(), card, name)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        pytest.param(name, suffix, marks=[] if name in quick else pytest.mark.slow)
        for suffix, quick in QUICK.items()
        for name in SMALL
    ],
)
def test_exported_networks_compute_the_same(tmp_path, name, suffix):
    made, path = generator(name), tmp_path / f"m{suffix}"
    targets = torch.rand(5, 1, 64, 128)
    with torch.no_grad():
        expected = mask_logits(made.network, targets, 2)
    if suffix == ".onnx":
        pytest.importorskip("onnxscript")
        onnxruntime = pytest.importorskip("onnxruntime")
        assert export_generator(made, FIELD, path) < 1e-4
        session = onnxruntime.InferenceSession(path)
        found = torch.from_numpy(session.run(["logits"], {"target": targets.numpy()})[0])
        card = session.get_modelmeta().custom_metadata_map[CARD]
    else:
        assert export_generator(made, FIELD, path) < 1e-4
        extra = {CARD: ""}
        found, card = torch.export.load(path, extra_files=extra).module()(targets), extra[CARD]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert Card.model_validate(json.loads(card)) == made.card
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name}


def test_what_computes_something_else_is_not_kept(tmp_path, monkeypatch):
    by_torch = exporting._write_torch
    monkeypatch.setattr(exporting, "_write_torch", lambda *arguments: by_torch(*arguments) + 1e-2)
    with pytest.raises(CheckpointError, match="nothing was written"):
        export_generator(generator("fcn_mask_small"), FIELD, tmp_path / "m.pt2")
    assert not files_below(tmp_path)


def test_bad_input(tmp_path):
    made = generator("fcn_mask_small")
    with pytest.raises(LithoError, match=r"ending in \.pt2 or \.onnx"):
        export_generator(made, FIELD, tmp_path / "m.pt")
    with pytest.raises(GridMismatchError, match="pad to 80 x 64"):
        export_generator(made, (1040.0, 1024.0), tmp_path / "m.pt2")


def test_command(here, tmp_path):
    made = generator("fcn_mask_small")
    process = load_process("small.safetensors")
    card = made.card.model_copy(update={"optics": OpticsCard(name="small", digest=process_digest(process))})
    save_generator(tmp_path / "m.safetensors", nn.Sequential(*made.network), card)
    options = ("--model", tmp_path / "m.safetensors", "--optics", "small.safetensors")
    result = litho("export", *options, "--out", tmp_path / "m.pt2")
    assert result.code == 0, result.err
    assert "fcn_mask_small, 16 nm targets to 8 nm masks on 512 x 512 nm" in result.out
    assert torch.export.load(tmp_path / "m.pt2").module()(torch.rand(1, 1, 32, 32)).shape == (1, 64, 64)
    (tmp_path / "other.toml").write_text((here / "small.toml").read_text().replace("na = 0.85", "na = 0.8"))
    others = (*options[:3], tmp_path / "other.toml", "--out", tmp_path / "forced.pt2")
    assert "take the nearest, for small, with --force" in refused(litho("export", *others))
    assert not (tmp_path / "forced.pt2").exists()
    assert litho("export", *others, "--force").code == 0
    assert "ending in .pt2 or .onnx" in refused(litho("export", *options, "--out", tmp_path / "m.bin"))
