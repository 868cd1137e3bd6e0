"""Names of devices."""

import pytest
import torch

from litho_dl.core.device import has_bfloat16, resolve_device
from litho_dl.core.errors import LithoError


def test_device_names():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    "name", ["", "gpu", "cpu:", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:01", "cuda:\u0663", "CUDA"]
)
def test_other_device_names_are_refused(name):
    with pytest.raises(LithoError, match="auto, cpu, cuda or cuda:N"):
        resolve_device(name)


def test_a_device_that_is_not_there_is_refused():
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(LithoError, match=f"Expected a CUDA device for '{missing}', found .*use the device cpu"):
        resolve_device(missing)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"avx512_bf16": False, "amx_bf16": False}, False),
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"architecture": "riscv64"}, True),
    ],
)
def test_instructions_for_bfloat16(monkeypatch, found, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert has_bfloat16(torch.device("cpu")) is expected
    assert has_bfloat16(torch.device("cuda:0"))
