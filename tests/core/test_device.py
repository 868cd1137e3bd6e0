"""Names of devices."""

import pytest
import torch

from litho_dl.core.device import resolve_device
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
