"""Names that become parts of file names."""

import pytest

from litho_dl.core.errors import DatasetError
from litho_dl.core.naming import require_name

BAD = ("", ".", "..", "../x", "/etc/x", "a/b", "a\\b", "C:x", ".hidden", "a\0b", "a\nb", "\udcff", "a\u2028b")


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_names_that_could_leave_the_folder_or_hide_are_refused(name):
    with pytest.raises(DatasetError, match=r"^Expected the name of a pair .*rename it\.$") as caught:
        require_name(name, "the name of a pair", DatasetError)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["a", "metal_01", "defocus+25nm", "a b.c-d", "\u540d\u524d", "e\u0301", "x" * 200])
def test_other_names_are_kept(name):
    assert require_name(name, "a name") == name


@pytest.mark.parametrize("name", ["x" * 201, "\u00e4" * 101])
def test_the_length_is_that_in_bytes(name):
    with pytest.raises(DatasetError, match=r"of 1 to 200 bytes in UTF-8, got 20[12] bytes"):
        require_name(name, "a name", DatasetError)


@pytest.mark.parametrize("name", [5, None, b"a"])
def test_what_is_no_text_is_no_name(name):
    with pytest.raises(
        DatasetError, match=f"^Expected the name of a pair of 1 to 200 bytes .*, got {name!r}; rename it"
    ):
        require_name(name, "the name of a pair", DatasetError)
