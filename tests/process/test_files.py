"""Process models on disk: our own files and the contest's folder."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from litho_dl.core.errors import GridMismatchError, KernelError, LithoError, OutputError
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.mask import MaskType
from litho_dl.process.files import import_contest, load_process
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import Corner, ProcessModel, build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.process.resist import Resist
from litho_dl.simulation.simulator import Simulator

RECIPE = "duv193-immersion-quasar"  # attenuated mask, diffusion, two foci
PAIR = ("focus", "defocus")


@pytest.fixture(scope="module")
def process() -> ProcessModel:
    return build_process(load_recipe(RECIPE), field_nm=(160.0, 240.0), count=3)


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.resolve_conj().numpy().tobytes()


def assert_same_process(found: ProcessModel, expected: ProcessModel) -> None:
    assert list(found.kernels) == list(expected.kernels)
    for name, kernels in expected.kernels.items():
        assert found.kernels[name].spectra.dtype == kernels.spectra.dtype
        assert bits(found.kernels[name].spectra) == bits(kernels.spectra)
        assert bits(found.kernels[name].weights) == bits(kernels.weights)
        assert found.kernels[name].discarded_energy == kernels.discarded_energy
    for attribute in ("mask", "resist", "corners", "recipe", "field_nm", "mask_pixel_nm"):
        assert getattr(found, attribute) == getattr(expected, attribute)


def refusal(path: Path) -> str | None:
    """What is said of a file or folder that cannot be read; None if it can."""
    try:
        assert isinstance(load_process(path), ProcessModel)
    except LithoError as error:
        return str(error)
    return None


# Our own files


def test_a_built_process_comes_back_bit_by_bit(process, tmp_path):
    save_kernels(tmp_path / "new" / "a.safetensors", process)
    found = load_process(tmp_path / "new" / "a.safetensors")
    assert_same_process(found, process)
    assert found.recipe is not None
    assert found.recipe.source.shape == "quasar"
    assert os.listdir(tmp_path / "new") == ["a.safetensors"]


def test_an_imported_process_comes_back_without_recipe(tmp_path):
    rng = np.random.default_rng(0)
    spectra = torch.from_numpy(rng.normal(size=(2, 3, 5)) + 1j * rng.normal(size=(2, 3, 5))).to(torch.complex64)
    kernels = SocsKernels(spectra.conj(), torch.tensor([0.7, 0.1]), (90.0, 150.0), mask_pixel_nm=1.0)
    resist = Resist(threshold=0.225, steepness=31.0, diffusion_nm=4.5)
    corners = {"nominal": Corner(1.0, "focus"), "odd": Corner(1 / 3, "focus")}
    model = ProcessModel({"focus": kernels}, MaskType(type="alternating"), resist, corners)
    save_kernels(tmp_path / "a.safetensors", model)
    assert_same_process(load_kernels(tmp_path / "a.safetensors"), model)


def test_one_kernel_set_may_have_two_names(process, tmp_path):
    focus = process.kernels["focus"]
    model = ProcessModel({"a": focus, "b": focus}, process.mask, process.resist, {"nominal": Corner(1.0, "b")})
    save_kernels(tmp_path / "a.safetensors", model)
    assert_same_process(load_kernels(tmp_path / "a.safetensors"), model)


def test_a_full_disk_is_a_plain_error_and_keeps_the_old_file(process, tmp_path, monkeypatch):
    save_kernels(tmp_path / "a.safetensors", process)
    old = (tmp_path / "a.safetensors").read_bytes()

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"Cannot write .*a\.safetensors: No space left on device"):
        save_kernels(tmp_path / "a.safetensors", process)
    assert (tmp_path / "a.safetensors").read_bytes() == old
    assert os.listdir(tmp_path) == ["a.safetensors"]


def test_kernels_of_another_field_name_their_own(process, tmp_path):
    save_kernels(tmp_path / "a.safetensors", process)
    with pytest.raises(GridMismatchError, match="made for a field of 160 x 240 nm, got an image of 2048 x 2048 nm"):
        load_process(tmp_path / "a.safetensors", field_nm=2048.0)
    with pytest.raises(GridMismatchError, match="made for a field of 160 x 240 nm, 40 x 60 pixels of 4 nm"):
        Simulator(process)(torch.zeros(512, 512), 4.0)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "expected a kernel file of format litho_dl.kernels/1, got no settings"),
        ({"other/1": "{}"}, "got other/1"),
        ({"litho_dl.kernels/1": "{"}, "damaged"),
        ({"litho_dl.kernels/1": "[]"}, "damaged"),
        ({"litho_dl.kernels/1": "{}"}, "damaged .*field_nm"),
    ],
)
def test_other_safetensors_are_refused(tmp_path, metadata, message):
    save_file({"a": torch.zeros(3)}, tmp_path / "a.safetensors", metadata=metadata)
    with pytest.raises(KernelError, match=message):
        load_process(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'\\"dose\\": 1.04', b'\\"dose\\": -1.0'),
        (b'\\"dose\\": 1.04', b'\\"dose\\": NaN '),
        (b'\\"field_nm\\": [160.0', b'\\"field_nm\\": [1e999'),
        (b'\\"threshold\\": 0.25', b'\\"threshold\\": -.25'),
        (b'\\"threshold\\": 0.25', b'\\"threshold\\": -0.2'),
        (b'\\"threshold\\"', b'\\"threshald\\"'),
        (b'\\"attenuated\\"', b'\\"attenuatid\\"'),
        (b'\\"immersion_index\\": 1.44', b'\\"immersion_index\\": 1.04'),
        (b'\\"mask_pixel_nm\\": 0.0', b'\\"mask_pixel_nm\\": NaN'),
        (b'\\"discarded_energy\\": {\\"focus', b'\\"discarded_energy\\": {\\"facus'),
        (b"focus.spectra", b"facus.spectra"),
        (b'"F64"', b'"I64"'),
    ],
)
def test_wrong_settings_inside_a_file_are_refused(process, tmp_path, old, new):
    path = tmp_path / "a.safetensors"
    save_kernels(path, process)
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    with pytest.raises(KernelError, match=f"^{path}: "):
        load_process(path)


@pytest.fixture(scope="module")
def saved(process, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("kernels") / "a.safetensors"
    save_kernels(path, process)
    return path


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(saved, data):
    """Bytes flipped, cut out, inserted or cut off, most of them in the header where they matter."""
    content = saved.read_bytes()
    start = data.draw(st.one_of(st.integers(0, 40), st.integers(0, 4500), st.integers(0, len(content))))
    removed = data.draw(st.sampled_from([0, 1, 1, 1, 8, 1000, len(content)]))
    inserted = data.draw(
        st.one_of(st.binary(max_size=8), st.sampled_from([b"9", b"-", b"e9", b"null", b'"', b"{", b"NaN"]))
    )
    path = saved.with_name("damaged.safetensors")
    path.write_bytes(content[:start] + inserted + content[start + removed :])
    message = refusal(path)
    assert message is None or (message.startswith(f"{path}: ") and "\n" not in message)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(KernelError, match=r"a\.safetensors: no such file"):
        load_process(tmp_path / "a.safetensors")


# The contest's folder


def contest_spectra(n: int = 5, count: int = 2, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, n, count)) + 1j * rng.normal(size=(n, n, count))).to(torch.complex64)


@pytest.fixture
def contest(tmp_path) -> Path:
    """A small folder of the contest's form."""
    for seed, name in enumerate(PAIR):
        for part, tensor in (("kernels", contest_spectra(seed=seed)), ("scales", torch.tensor([0.6, 0.2]))):
            (tmp_path / part).mkdir(exist_ok=True)
            torch.save(tensor, tmp_path / part / f"{name}.pt")
    return tmp_path


def test_contest_kernels_keep_their_order_scale_and_process(contest):
    found = load_process(contest)
    for seed, name in enumerate(PAIR):
        kernels = found.kernels[name]
        np.testing.assert_array_equal(kernels.spectra.numpy(), np.moveaxis(contest_spectra(seed=seed).numpy(), 2, 0))
        assert kernels.weights.tolist() == pytest.approx([0.6, 0.2])
        assert kernels.discarded_energy is None
    assert found.field_nm == (2048.0, 2048.0)
    assert (found.mask_pixel_nm, found.resist.threshold, found.resist.diffusion_nm) == (1.0, 0.225, 0.0)
    assert found.mask == MaskType()
    assert {name: corner.kernels for name, corner in found.corners.items()} == {
        "nominal": "focus",
        "outer": "focus",
        "inner": "defocus",
    }
    assert [corner.dose for corner in found.corners.values()] == pytest.approx([1, 1.0404, 0.9604], rel=1e-14)
    with pytest.raises(GridMismatchError, match="made for a field of 2048 x 2048 nm, got an image of 1024 x 1024"):
        load_process(contest, field_nm=1024.0)


@pytest.mark.parametrize(
    ("part", "content", "message"),
    [
        ("kernels/focus.pt", None, r"focus\.pt: no such file; a contest kernel folder holds kernels/ and scales/"),
        ("scales/defocus.pt", None, r"defocus\.pt: no such file"),
        (
            "kernels/focus.pt",
            torch.zeros(5, 5, dtype=torch.complex64),
            r"\(n, n, count\), got torch.complex64 of shape \(5, 5\)",
        ),
        ("kernels/focus.pt", torch.zeros(5, 7, 2, dtype=torch.complex64), r"got torch.complex64 of shape \(5, 7, 2\)"),
        ("kernels/focus.pt", torch.zeros(4, 4, 2, dtype=torch.complex64), "focus: Expected complex kernels"),
        ("kernels/focus.pt", torch.zeros(5, 5, 2), "focus: Expected complex kernels .* got torch.float32"),
        ("kernels/defocus.pt", contest_spectra(n=7), "one size and mask pixel"),
        ("scales/focus.pt", torch.ones(3), r"focus: Expected 2 real weights, got torch.float32 of shape \(3,\)"),
        ("scales/focus.pt", torch.tensor([0.6, -0.2]), "focus: Expected kernel weights >= 0"),
        ("scales/focus.pt", [0.6, 0.2], "expected a tensor, got list"),
        ("scales/focus.pt", {"weights": torch.ones(2)}, "expected a tensor, got dict"),
        ("kernels/focus.pt", Path("a"), "cannot be read as a tensor; the file is damaged"),  # a pickled object
        ("kernels/focus.pt", b"", "cannot be read as a tensor"),
        ("kernels/focus.pt", b"PK\x03\x04 not a zip", "cannot be read as a tensor"),
    ],
    ids=str,
)
def test_other_contest_folders_are_refused(contest, part, content, message):
    match content:
        case None:
            (contest / part).unlink()
        case bytes():
            (contest / part).write_bytes(content)
        case _:
            torch.save(content, contest / part)
    with pytest.raises(KernelError, match=message) as caught:
        import_contest(contest)
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_contest_tensor_is_read_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("contest")
    for name in PAIR:
        for part, tensor in (("kernels", contest_spectra()), ("scales", torch.tensor([0.6, 0.2]))):
            (folder / part).mkdir(exist_ok=True)
            torch.save(tensor, folder / part / f"{name}.pt")
    path = folder / data.draw(st.sampled_from(["kernels", "scales"])) / "focus.pt"
    content = path.read_bytes()
    start = data.draw(st.integers(0, len(content)))
    path.write_bytes(
        content[:start] + data.draw(st.binary(max_size=4)) + content[start + data.draw(st.integers(0, 9)) :]
    )
    message = refusal(folder)
    assert message is None or (str(folder) in message and "\n" not in message)


@pytest.mark.data
def test_the_contest_kernels(data_dir):
    """Open frame and shape as published with the contest; a clear mask images to the open frame."""
    process = import_contest(data_dir / "iccad13")
    assert process.field_nm == (2048.0, 2048.0)
    clear = Simulator(process).expose(torch.ones(64, 64), 32.0).intensity
    for name, open_frame in (("focus", 0.9515), ("defocus", 0.9417)):
        kernels = process.kernels[name]
        assert tuple(kernels.spectra.shape) == (24, 35, 35)
        assert kernels.half == (17, 17)
        assert kernels.open_frame == pytest.approx(open_frame, abs=5e-5)
        np.testing.assert_allclose(clear[name].numpy(), open_frame, atol=6e-5)
