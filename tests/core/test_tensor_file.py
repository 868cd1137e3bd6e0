"""Files of torch.save: tensors are read, code and packed records are not."""

import io
import pickle
import zipfile

import pytest
import torch

from litho_dl.core.tensor_file import load_tensors


def loaded(path) -> object:
    with open(path, "rb") as file:
        return load_tensors(file)


def test_what_was_saved_is_read(tmp_path):
    given = {"a": torch.arange(5.0), "b": [1, "x", None]}
    torch.save(given, tmp_path / "a.pt")
    found = loaded(tmp_path / "a.pt")
    assert torch.equal(found.pop("a"), given.pop("a"))
    assert found == given


def test_records_that_unpack_to_more_are_refused(tmp_path):
    torch.save(torch.zeros(10**6), tmp_path / "a.pt")
    packed = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "a.pt") as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    (tmp_path / "a.pt").write_bytes(packed.getvalue())
    assert len(packed.getvalue()) < 10**5
    with pytest.raises(ValueError, match="packed records"):
        loaded(tmp_path / "a.pt")


def test_code_is_not_run(tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    (tmp_path / "a.pt").write_bytes(pickle.dumps(Harm(), protocol=2))
    with pytest.raises(Exception, match=r"(?i)weights.only|unpickl"):
        loaded(tmp_path / "a.pt")
    assert not (tmp_path / "harm").exists()
