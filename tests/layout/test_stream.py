"""Opening files: pipes and devices, zipped files that grow without end."""

import gzip
import os
import time
from unittest import mock

import pytest

from litho_dl.core.errors import LayoutError
from litho_dl.layout import stream
from litho_dl.layout.files import read_layout
from litho_dl.layout.stream import GDS_MAGIC, MOST_UNPACKED_BYTES


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("suffix", [".gds", ".oas.gz", ".glp"])
def test_pipes_and_devices_are_no_layouts(tmp_path, suffix):
    path = tmp_path / f"pipe{suffix}"
    os.mkfifo(path)
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(LayoutError, match="expected a file, got a pipe, a socket or a device"):
            read_layout(tmp_path / f"{name}{suffix}")


def test_what_is_zipped_is_checked_before_it_is_unpacked(tmp_path):
    path = tmp_path / "a.gds.gz"
    path.write_bytes(gzip.compress(bytes(50_000_000)))
    started = time.monotonic()
    with mock.patch.object(stream, "MOST_UNPACKED_BYTES", 1), pytest.raises(LayoutError, match=r"starts with b'\\x00"):
        read_layout(path)
    assert time.monotonic() - started < 1
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(LayoutError, match="got an empty file"):
        read_layout(path)


def test_what_grows_beyond_the_limit_is_not_unpacked(tmp_path):
    assert MOST_UNPACKED_BYTES == 2**30
    path = tmp_path / "a.oas.gz"
    path.write_bytes(gzip.compress(GDS_MAGIC + bytes(30_000_000)))
    with (
        mock.patch.object(stream, "MOST_UNPACKED_BYTES", 2**21),
        pytest.raises(LayoutError, match="at most 2,097,152 bytes when unzipped, got more; check the file"),
    ):
        read_layout(path)
