"""Images and texts, read and written."""

import builtins
import csv
import io
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from litho_dl.core.errors import LithoError, OutputError
from litho_dl.core.hdf5 import open_hdf5
from litho_dl.core.io import (
    atomic_path,
    file_digest,
    read_image,
    require_writable_folder,
    write_csv,
    write_png,
    write_text,
)
from litho_dl.core.settings import read_toml
from litho_dl.mnist.files import read_idx
from litho_dl.process.kernel_file import load_kernels
from litho_dl.training.checkpoint import load_checkpoint, read_weights

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7)).astype(np.uint8)


def write_image(path, image):
    match path.suffix:
        case ".npy":
            np.save(path, image)
        case ".csv":
            np.savetxt(path, image, delimiter=",")
        case ".png":
            Image.fromarray(image).save(path)
    return path


@pytest.mark.parametrize("name", ["a.npy", "a.csv", "a.png", "A.NPY"])
def test_images_keep_values_and_row_order(tmp_path, name):
    path = write_image(tmp_path / name.lower(), PIXELS).rename(tmp_path / name)
    np.testing.assert_array_equal(read_image(path), PIXELS)


def test_sixteen_bit_pngs_keep_their_depth(tmp_path):
    image = PIXELS.astype(np.uint16) * 257
    np.testing.assert_array_equal(read_image(write_image(tmp_path / "a.png", image)), image)


def test_written_pngs_hold_the_lowest_y_first(tmp_path):
    write_png(tmp_path / "deep" / "a.png", PIXELS)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "deep" / "a.png")), PIXELS)
    np.testing.assert_array_equal(read_image(tmp_path / "deep" / "a.png"), PIXELS)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", np.zeros((2, 3, 4)), r"2-D array of numbers, got float64 of shape \(2, 3, 4\)"),
        ("a.npy", np.zeros((0, 3)), "2-D array of numbers"),
        ("a.npy", np.zeros((2, 2), complex), "got complex128"),
        ("a.npy", np.array([["a"]]), "2-D array of numbers"),
        ("a.npy", np.array([[{}]]), "cannot be read as an image"),
        ("a.csv", "1,2\n3,x\n", "cannot be read as an image"),
        ("a.csv", "1,2\n3\n", "cannot be read as an image"),
        ("a.csv", "", "cannot be read as an image"),
        ("a.png", "not a picture", "cannot be read as an image"),
        ("a.tif", "", r"expected one of \.png, \.npy, \.csv, got \.tif"),
        ("a", "", "got no suffix"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(LithoError, match=message) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(LithoError, match=r"a\.png: no such file"):
        read_image(tmp_path / "a.png")


def refusal(path) -> str | None:
    """What is said of an image that cannot be read; None if it can."""
    try:
        assert read_image(path).ndim == 2
    except LithoError as error:
        return str(error)
    return None


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".png"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_images_are_read_or_refused_in_one_line(tmp_path_factory, suffix, data):
    path = write_image(tmp_path_factory.mktemp("images") / f"a{suffix}", PIXELS)
    content = path.read_bytes()
    start = data.draw(st.integers(0, len(content)))
    path.write_bytes(
        content[:start] + data.draw(st.binary(max_size=4)) + content[start + data.draw(st.integers(0, 40)) :]
    )
    message = refusal(path)
    assert message is None or (message.startswith(f"{path}: ") and "\n" not in message)


def names(folder) -> list[str]:
    return sorted(os.listdir(folder))


def test_text_replaces_the_old_file(tmp_path):
    """Whoever has the old file open goes on reading the old file: it is replaced, never rewritten."""
    write_text(tmp_path / "new" / "a.txt", "old")
    with open(tmp_path / "new" / "a.txt", encoding="utf-8") as reader:
        write_text(tmp_path / "new" / "a.txt", "σ\n")
        assert reader.read() == "old"
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "σ\n"
    assert names(tmp_path / "new") == ["a.txt"]


def test_text_has_unix_line_ends_where_the_system_has_others(tmp_path, monkeypatch):
    def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None):
        system_ends = "\r\n" if "w" in mode and "b" not in mode and newline is None else newline
        return unpatched(file, mode, buffering, encoding, errors, system_ends)

    unpatched = io.open
    with monkeypatch.context() as patched:
        patched.setattr(builtins, "open", opened)
        patched.setattr(io, "open", opened)
        (tmp_path / "system.txt").write_text("a\nb\n")
        write_text(tmp_path / "ours.txt", "a\nb\n")
    assert (tmp_path / "system.txt").read_bytes() == b"a\r\nb\r\n"
    assert (tmp_path / "ours.txt").read_bytes() == b"a\nb\n"


def test_a_file_is_synced_through_a_writable_descriptor_before_it_appears(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    synced = []

    def sync(descriptor: int) -> None:
        writable = fcntl.fcntl(descriptor, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR)
        state = os.fstat(descriptor)
        synced.append((bool(writable), state.st_ino, state.st_size, names(tmp_path).count("a.txt")))

    monkeypatch.setattr(os, "fsync", sync)
    write_text(tmp_path / "a.txt", "whole")
    assert synced == [(True, (tmp_path / "a.txt").stat().st_ino, len("whole"), 0)]


def test_tables_have_the_columns_of_all_rows_and_empty_gaps(tmp_path):
    write_csv(tmp_path / "a.csv", [{"b": 1, "a": "x,y"}, {"c": 2.5, "b": 3}])
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["b", "a", "c"], ["1", "x,y", ""], ["3", "", "2.5"]]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, error):
    write_text(tmp_path / "a.txt", "old")

    def break_off() -> None:
        with atomic_path(tmp_path / "a.txt") as temporary:
            assert (temporary.parent, temporary.suffix) == (tmp_path, ".txt")
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        break_off()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_places_that_cannot_be_written_are_plain_errors(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for target in (tmp_path / "folder", tmp_path / "file" / "a.txt"):
        with pytest.raises(OutputError, match="Cannot write"):
            write_text(target, "x")
    with pytest.raises(OutputError, match=r"Cannot write to .*file.*choose a writable folder"):
        require_writable_folder(tmp_path / "file")
    assert names(tmp_path) == ["file", "folder"]


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    assert require_writable_folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert names(tmp_path / "a" / "b") == []


@pytest.mark.parametrize("links", [1, 2])
@pytest.mark.parametrize("old", ["old", None], ids=["file", "dangling"])
def test_a_link_stays_a_link_to_what_is_written(tmp_path, links, old):
    place = tmp_path / "elsewhere" / "a.txt"
    place.parent.mkdir()
    if old is not None:
        place.write_text(old)
    chain = [place, *(tmp_path / f"link-{number}.txt" for number in range(links))]
    for target, link in pairwise(chain):
        link.symlink_to(os.path.relpath(target, link.parent))
    write_text(chain[-1], "new")
    assert all(link.is_symlink() for link in chain[1:])
    assert place.read_text() == "new"
    assert names(place.parent) == ["a.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")
def test_a_pipe_is_written_to_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    code = "import sys; print(open(sys.argv[1]).read(), end='')"
    reader = subprocess.Popen([sys.executable, "-c", code, tmp_path / "pipe.csv"], stdout=subprocess.PIPE, text=True)
    write_csv(tmp_path / "pipe.csv", [{"a": 1}])
    assert reader.communicate(timeout=60)[0].split() == ["a", "1"]
    assert (tmp_path / "pipe.csv").is_fifo()
    assert names(tmp_path) == ["pipe.csv"]


def test_a_device_is_written_to_and_stays():
    before = os.lstat(os.devnull)
    write_text(os.devnull, "gone")
    assert os.lstat(os.devnull).st_ino == before.st_ino


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="no /dev/stdout")
@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/fd/1"])
def test_an_open_file_is_written_to(tmp_path, place):
    code = f"from litho_dl.core.io import write_text; write_text({place!r}, 'written')"
    with open(tmp_path / "out", "wb") as out:
        inode = os.fstat(out.fileno()).st_ino
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert ((tmp_path / "out").read_text(), (tmp_path / "out").stat().st_ino) == ("written", inode)
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout == b"written"


@pytest.mark.parametrize("name", ["a" * 251 + ".txt", "\u00e4" * 125 + ".txt"])
def test_the_longest_names_can_be_written(tmp_path, name):
    write_text(tmp_path / name, "x")
    assert names(tmp_path) == [name]


def test_cells_that_a_spreadsheet_would_compute_are_quoted(tmp_path):
    texts = ["=1+1", "+a", "-cmd", "@sum(a)", "\t=1", "\r=1", "a=1", "'=1"]
    write_csv(tmp_path / "a.csv", [{"=name": text, "value": -1.5, "text": "-1.5"} for text in texts])
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["'=name", "value", "text"]
    assert [row[0] for row in rows] == [f"'{text}" for text in texts[:6]] + texts[6:]
    assert all(row[1:] == ["-1.5", "-1.5"] for row in rows)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize(
    ("suffix", "read"),
    [
        (".png", read_image),
        (".npy", read_image),
        (".csv", read_image),
        (".bin", file_digest),
        (".toml", lambda path: read_toml("optics", path)),
        (".h5", lambda path: open_hdf5(path, "litho_dl.pairs/1").__enter__()),
        (".safetensors", load_kernels),
        (".safetensors", read_weights),
        (".pt", lambda path: load_checkpoint(path, {})),
        (".gz", read_idx),
    ],
)
def test_pipes_and_devices_are_refused_and_never_waited_for(tmp_path, suffix, read):
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(LithoError, match="expected a file, got a pipe, a socket or a device; save it as a file"):
            read(tmp_path / f"{name}{suffix}")
