"""Files of MNIST: read, checked, downloaded."""

import gzip
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes.idx_files import idx_bytes, write_set

from litho_dl.core.errors import DatasetError, OutputError
from litho_dl.mnist import files as mnist
from litho_dl.mnist.files import FILES, load_mnist, read_idx

IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = FILES
VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("values", [VALUES, VALUES.ravel(), VALUES[:0]])
def test_reads_what_was_written(tmp_path, pack, values):
    """Big-endian sizes: a single byte order passes for no size above 255."""
    values = np.resize(values, (300, *values.shape[1:])) if values.size else values
    path = tmp_path / "values.idx"
    path.write_bytes(pack(idx_bytes(values)))
    read = read_idx(path)
    assert read.dtype == torch.uint8
    np.testing.assert_array_equal(read, values)


GOOD = idx_bytes(VALUES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"expected an IDX file \(00 00 TYPE AXES\), got nothing"),
        (b"\x89PNG\r\n", r"expected an IDX file \(00 00 TYPE AXES\), got 89 50 4e 47"),
        (b"\0\1" + GOOD[2:], "expected an IDX file"),
        (GOOD[:3] + b"\0", "expected an IDX file"),
        (GOOD[:2] + b"\x0d" + GOOD[3:], r"expected unsigned bytes \(type 08\), got type 0d"),
        (GOOD[:3] + b"\x09" + bytes(36), "expected at most 8 axes, got 9; the file is damaged"),
        (GOOD[:13], "expected the sizes of 3 axes, got 13 bytes; the file is cut short"),
        (GOOD[:-1], "expected 2 x 3 x 4 values, got 23; the file is damaged: fetch it again"),
        (GOOD + b"\0", "expected 2 x 3 x 4 values, got 25"),
        (gzip.compress(GOOD, mtime=0)[:-9], "damaged gzip file .*; fetch it again"),
        (gzip.compress(GOOD, mtime=0)[:9], "damaged gzip file"),
        (b"\x1f\x8b\x08" + bytes(30), "damaged gzip file"),
        (gzip.compress(GOOD, mtime=0)[:-8] + bytes(8), "damaged gzip file"),
    ],
)
def test_foreign_and_damaged_files_are_refused(tmp_path, content, message):
    path = tmp_path / "values.idx"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=rf"values\.idx: {message}"):
        read_idx(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"values\.idx: cannot be read \(No such file"):
        read_idx(tmp_path / "values.idx")


@pytest.mark.parametrize(
    "spelled",
    [lambda name: f"{name}.gz", lambda name: name, lambda name: name.replace("-idx", ".idx")],
    ids=["gzip", "plain", "dotted"],
)
def test_every_spelling_is_found(tmp_path, spelled):
    arrays = write_set(tmp_path)
    for name, values in arrays.items():
        (tmp_path / f"{name}.gz").rename(tmp_path / spelled(name))
        if not spelled(name).endswith(".gz"):
            (tmp_path / spelled(name)).write_bytes(idx_bytes(values))
    loaded = load_mnist(tmp_path)
    read = (loaded.train_images, loaded.train_labels, loaded.test_images, loaded.test_labels)
    for values, (name, written) in zip(read, arrays.items(), strict=True):
        np.testing.assert_array_equal(values, written, err_msg=name)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (IMAGES, np.zeros((5, 32, 32)), r"expected images of 28 x 28 pixels, got values of \(5, 32, 32\)"),
        (IMAGES, np.zeros(5), r"expected images of 28 x 28 pixels, got values of \(5,\)"),
        (TEST_LABELS, np.zeros(5), r"expected 3 labels, got values of \(5,\)"),
        (TEST_LABELS, np.zeros((3, 1)), r"expected 3 labels, got values of \(3, 1\)"),
        (LABELS, np.array([0, 1, 2, 10, 3]), "expected digits 0 to 9, got 10"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, name, values, message):
    write_set(tmp_path)
    (tmp_path / f"{name}.gz").write_bytes(idx_bytes(values))
    with pytest.raises(DatasetError, match=rf"{name}\.gz: {message}"):
        load_mnist(tmp_path)


def test_an_empty_set_is_refused(tmp_path):
    write_set(tmp_path, test=0)
    with pytest.raises(DatasetError, match=rf"{TEST_LABELS}\.gz: expected digits 0 to 9, got none"):
        load_mnist(tmp_path)


def test_missing_files_are_listed_with_where_to_get_them(tmp_path):
    write_set(tmp_path)
    (tmp_path / f"{LABELS}.gz").unlink()
    expected = (
        rf"expected MNIST, got no {LABELS}; pass --download \(download=True\) to fetch it, or "
        rf"put {LABELS}\.gz into .* by hand, from https://"
    )
    with pytest.raises(DatasetError, match=expected):
        load_mnist(tmp_path)


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Path:
    """A folder of four files that pass for MNIST."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    arrays = write_set(folder)
    digests = {name: hashlib.sha256(idx_bytes(values)).hexdigest() for name, values in arrays.items()}
    monkeypatch.setattr(mnist, "FILES", digests)
    return folder


def url(folder: Path) -> str:
    return f"{folder.as_uri()}/"


def test_downloads_what_is_missing_and_keeps_it(mirror, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    own = gzip.compress(idx_bytes(np.full((5, 28, 28), 7)))
    (data / f"{IMAGES}.gz").write_bytes(own)
    loaded = load_mnist(data, download=True, mirrors=[url(mirror)])
    assert (loaded.train_images == 7).all()
    assert sorted(path.name for path in data.iterdir()) == sorted(f"{name}.gz" for name in FILES)
    assert (data / f"{IMAGES}.gz").read_bytes() == own
    assert (data / f"{LABELS}.gz").read_bytes() == (mirror / f"{LABELS}.gz").read_bytes()
    shutil.rmtree(mirror)
    load_mnist(data, download=True, mirrors=[url(mirror)])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda packed: gzip.compress(idx_bytes(np.zeros((5, 28, 28)))), "wrong content, SHA-256 [0-9a-f]{64}"),
        (lambda packed: packed[:-20], "Compressed file ended"),
        (lambda packed: b"<html>", "Not a gzipped file"),
        (lambda packed: None, "No such file"),
    ],
    ids=["other", "short", "page", "absent"],
)
def test_a_bad_mirror_is_passed_over_and_named_when_it_is_the_last(mirror, tmp_path, damage, message):
    bad = shutil.copytree(mirror, tmp_path / "bad")
    file = bad / f"{IMAGES}.gz"
    content = damage(file.read_bytes())
    file.unlink() if content is None else file.write_bytes(content)
    said = rf"{IMAGES} cannot be downloaded \({url(bad)}{IMAGES}\.gz: .*{message}.*\); put {IMAGES}\.gz, .* by hand"
    with pytest.raises(DatasetError, match=said):
        load_mnist(tmp_path / "data", download=True, mirrors=[url(bad)])
    assert not (tmp_path / "data").exists()
    assert len(load_mnist(tmp_path / "data", download=True, mirrors=[url(bad), url(mirror)]).train_images) == 5


def test_a_folder_that_cannot_be_written_is_named(mirror, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"Cannot write .*file"):
        load_mnist(tmp_path / "file", download=True, mirrors=[url(mirror)])


@pytest.mark.data
def test_the_real_set(data_dir):
    """Sizes, first labels and pixel statistics as published everywhere, and the checksums of the plain content."""
    loaded = load_mnist(data_dir / "mnist")
    assert loaded.train_images.shape == (60000, 28, 28)
    assert loaded.test_images.shape == (10000, 28, 28)
    assert loaded.train_labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert loaded.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert loaded.train_labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    grey = loaded.train_images.double() / 255
    assert (grey.mean().item(), grey.std().item()) == pytest.approx((0.1307, 0.3081), abs=5e-5)
    arrays = (loaded.train_images, loaded.train_labels, loaded.test_images, loaded.test_labels)
    for values, digest in zip(arrays, FILES.values(), strict=True):
        assert hashlib.sha256(idx_bytes(values.numpy())).hexdigest() == digest
