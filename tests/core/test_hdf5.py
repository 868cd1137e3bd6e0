"""HDF5 files of strangers: only what lies in them, of the expected kind and shape, is read."""

import struct
import zlib

import h5py
import numpy as np
import pytest

from litho_dl.core.errors import DatasetError
from litho_dl.core.hdf5 import hdf5_bytes, inflated, open_hdf5

KIND = "litho_dl.test/1"
VALUES = np.arange(40 * 3, dtype=np.float64).reshape(40, 3)
PACKED = {"compression": "gzip", "chunks": (7, 2)}


def read(path, name="a", kinds="f", shape=(None, 3)) -> np.ndarray:
    with open_hdf5(path, KIND) as file:
        return file.array(name, kinds, shape).read()


def written(path, make) -> str:
    """What is said of a file that a function fills."""
    with h5py.File(path, "w") as file:
        file.attrs["format"] = KIND
        make(file)
    with pytest.raises(DatasetError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: expected ")
    return str(caught.value)


@pytest.fixture
def secret(tmp_path):
    """An array of another file, which must never be read."""
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=VALUES, **PACKED)
    return path


class TestInside:
    @pytest.mark.parametrize(
        "stored", [VALUES, VALUES[:0], VALUES > 50, VALUES.astype(">i4")], ids=lambda v: str(v.dtype)
    )
    def test_what_is_written_is_read(self, tmp_path, stored):
        (tmp_path / "a.h5").write_bytes(hdf5_bytes(KIND, {}, {"a": stored}))
        np.testing.assert_array_equal(read(tmp_path / "a.h5", kinds="fib"), stored)

    @pytest.mark.parametrize("rows", [(0, 40), (3, 3), (6, 22), (39, 99), (50, 60)])
    def test_rows_across_chunks(self, tmp_path, rows):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["format"] = KIND
            file.create_dataset("group/a", data=VALUES, **PACKED)
        with open_hdf5(tmp_path / "a.h5", KIND) as file:
            assert (file.names(), file.names("group"), file.names("none")) == (["group"], ["a"], [])
            np.testing.assert_array_equal(file.array("group/a", "f", (40, 3)).read(*rows), VALUES[slice(*rows)])

    def test_names_are_of_a_group_alone(self, tmp_path):
        """An array in its place could be of another file, or have no end."""
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["format"] = KIND
            file.create_dataset("group", shape=(10**9,), dtype="u1", chunks=(10**6,))
        with (
            pytest.raises(DatasetError, match="expected a group for group"),
            open_hdf5(tmp_path / "a.h5", KIND) as file,
        ):
            file.names("group")

    def test_texts(self, tmp_path):
        names = [f"clip-{number}-ü" for number in range(100)]
        (tmp_path / "a.h5").write_bytes(hdf5_bytes(KIND, {"digest": "d"}, {"name": names, "none": []}))
        with open_hdf5(tmp_path / "a.h5", KIND) as file:
            assert (file.texts("name", 100), file.texts("none")) == (names, [])
            assert file.attribute("digest") == "d"
            with pytest.raises(DatasetError, match="expected 99 texts for name, got 100"):
                file.texts("name", 99)
            with pytest.raises(DatasetError, match="expected the text settings, got None"):
                file.json()


class TestOutside:
    @pytest.mark.parametrize("name", ["a", "b/a"])
    def test_links_are_not_followed(self, tmp_path, secret, name):
        links = {
            "external": h5py.ExternalLink(str(secret), "a"),
            "soft": h5py.SoftLink("/other"),
            "missing": None,
        }
        for kind, link in links.items():

            def make(file, link=link):
                file.create_dataset("other", data=VALUES, **PACKED)
                if link is not None:
                    file[name] = link

            path = tmp_path / f"{kind}.h5"
            with h5py.File(path, "w") as file:
                file.attrs["format"] = KIND
                make(file)
            with pytest.raises(DatasetError, match=f"expected an array in this file for {name}, got "):
                read(path, name)

    def test_a_linked_group_is_not_followed(self, tmp_path, secret):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["format"] = KIND
            file["score"] = h5py.ExternalLink(str(secret), "/")
        with open_hdf5(tmp_path / "a.h5", KIND) as file, pytest.raises(DatasetError, match="in this file for score"):
            file.names("score")

    def test_virtual_arrays_and_external_storage(self, tmp_path, secret):
        def virtual(file):
            layout = h5py.VirtualLayout(VALUES.shape, "f8")
            layout[:] = h5py.VirtualSource(str(secret), "a", VALUES.shape)
            file.create_virtual_dataset("a", layout)

        def external(file):
            file.create_dataset("a", VALUES.shape, "f8", external=[(str(secret), 0, VALUES.nbytes)])

        for make in (virtual, external):
            assert "an array packed by gzip in this file" in written(tmp_path / f"{make.__name__}.h5", make)


class TestSizes:
    def test_kinds_and_shapes(self, tmp_path):
        cases = {
            "numbers of kind f for a, got int64": lambda file: file.create_dataset(
                "a", data=VALUES.astype(int), **PACKED
            ),
            "numbers of kind f for a, got [('f0'": lambda file: file.create_dataset(
                "a", data=np.zeros((40, 3), "f8,f8"), **PACKED
            ),
            "the shape (n, 3) for a, got (3, 40)": lambda file: file.create_dataset(
                "a", data=VALUES.T, compression="gzip"
            ),
            "the shape (n, 3) for a, got (40, 3, 1)": lambda file: file.create_dataset(
                "a", data=VALUES[..., None], compression="gzip"
            ),
            "an array packed by gzip": lambda file: file.create_dataset("a", data=VALUES),
            "an array for a, got Group": lambda file: file.create_group("a"),
            "an array packed by gzip in this": lambda file: file.create_dataset("a", data=VALUES, compression="lzf"),
        }
        for number, (message, make) in enumerate(cases.items()):
            assert message in written(tmp_path / f"{number}.h5", make)

    @pytest.mark.parametrize("rows", [10**6, 10**12, 2**62])
    def test_sizes_that_no_file_holds(self, tmp_path, rows):
        """Chunks that were never written read as zeros, in any number."""

        def make(file):
            file.create_dataset("a", (rows, 3), "f8", chunks=(1000, 3), compression="gzip")

        assert "for a, got " in written(tmp_path / "a.h5", make)

    def test_a_chunk_that_cannot_hold_its_numbers(self, tmp_path):
        """Though the file, most of which is another chunk, could."""

        def make(file):
            data = file.create_dataset("a", (2000, 3), "f8", chunks=(1000, 3), compression="gzip")
            data.id.write_direct_chunk((0, 0), bytes(5000))
            data.id.write_direct_chunk((1000, 0), bytes(20))

        assert "a size that fits for a, got (2000, 3)" in written(tmp_path / "a.h5", make)

    def test_chunks_that_share_their_bytes(self, tmp_path):
        """A bomb of few bytes that are named often: here a small chunk is made to be the large one."""
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file.attrs["format"] = KIND
            data = file.create_dataset("a", (2000, 3), "f8", chunks=(1000, 3), compression="gzip")
            for row, size in ((0, 50_000), (1000, 333)):
                data.id.write_direct_chunk((row, 0), bytes(size))
            large, small = (data.id.get_chunk_info(number) for number in range(2))
        content = path.read_bytes()
        for old, new in (
            (struct.pack("<Q", small.byte_offset), struct.pack("<Q", large.byte_offset)),
            (struct.pack("<II", small.size, 0), struct.pack("<II", large.size, 0)),
        ):
            assert content.count(old) == 1
            content = content.replace(old, new)
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=r"a size that fits for a, got \(2000, 3\)"):
            read(path)

    def test_a_chunk_that_grows(self, tmp_path):
        """A bomb: few bytes that unpack to many more than the chunk has."""
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["format"] = KIND
            data = file.create_dataset("a", (40, 3), "f8", chunks=(40, 3), compression="gzip")
            data.id.write_direct_chunk((0, 0), zlib.compress(bytes(10**7)))
        with pytest.raises(DatasetError, match="a packed part has another size than 960 bytes"):
            read(tmp_path / "a.h5")

    @pytest.mark.parametrize("size", [0, 959, 961, 10**7])
    def test_only_the_chunk_itself_unpacks(self, size):
        with pytest.raises(ValueError, match="another size than 960"):
            inflated(zlib.compress(bytes(size)), 960)
        assert inflated(zlib.compress(bytes(960)), 960) == bytes(960)

    @pytest.mark.parametrize(
        "damage", [lambda packed: packed[:-3], lambda packed: packed[:-1] + b"\0", lambda _: b"junk"]
    )
    def test_a_damaged_chunk(self, damage):
        with pytest.raises(ValueError, match="a packed part"):
            inflated(damage(zlib.compress(bytes(range(96)) * 10)), 960)

    def test_a_format_that_is_no_text(self, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["format"] = np.zeros(3)
        with pytest.raises(DatasetError, match="expected a file of format"):
            read(tmp_path / "a.h5")

    def test_truth_values_are_any_byte_but_zero(self, tmp_path):
        content = hdf5_bytes(KIND, {}, {"a": np.array([True, False, True])})
        (tmp_path / "a.h5").write_bytes(content)
        with h5py.File(tmp_path / "a.h5", "r+") as file:
            file["a"].id.write_direct_chunk((0,), zlib.compress(bytes([0, 7, 1])))
        assert read(tmp_path / "a.h5", kinds="b", shape=(3,)).tolist() == [False, True, True]
