"""Opening files: pipes and devices, zipped files that grow without end."""

import base64
import gzip
import os
import time
import zlib
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


ENDLESS = zlib.decompress(
    base64.b85decode(
        b"c-m79cJ=kt^>+;R4CduxWH!_@V0gjKC?n3q!6L)YEF;ds&!EJR>XUoMnybM;fb~F;;|1o9>4KX(8~>b$4qRRSKbqrK6n{_8gJqf<"
        b"tN2Z49(ZuzTK46<?Pn6=^p)Bc^=+KN_SR<c=GbZH`#!B^&e*#5Co?B=h<^Ytqu66c1~FC^#)-@+q6#cb2YI$IwsG+?2>oMZX8?mA"
        b"_6%}dT#T&jUzkrYiX3KSFk%Mjlo4m(=x1bRbOtdhm>AbyU|>{cEM{bAHf3lSVSs@F0AYQ!yZ"
    )
)


def test_an_oasis_file_that_klayout_would_read_for_ever_is_refused(tmp_path, monkeypatch):
    """The limit is of the processor's time, so that a busy machine refuses nothing that is sound."""
    monkeypatch.setattr(stream, "LEAST_SECONDS", 1)
    (tmp_path / "endless.oas").write_bytes(ENDLESS)
    with pytest.raises(LayoutError, match="cannot be read in 1 s of computing"):
        read_layout(tmp_path / "endless.oas")
