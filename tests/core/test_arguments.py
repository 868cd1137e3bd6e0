"""Types of arguments."""

from pathlib import Path

import numpy as np
import pytest

from litho_dl.core import arguments
from litho_dl.core.errors import LithoError


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ("paths", ["a", Path("a")], [None, 5, b"a", ["a"]]),
        ("texts", ["a", None], [5, True, ["a"], np.zeros(3)]),
        ("numbers", [1, 2.5, np.float32(3), None], ["1", True, [1], np.zeros(3)]),
        ("whole", [1, 20, np.int64(3)], [0, -1, 2.5, "1", None, True, np.zeros(3)]),
        ("functions", [len, None], [5, "len"]),
        ("boxes", [(0, 0, 1, 1), np.zeros(4), None], ["0,0,1,1", 5, (0, 0, 1, "1"), np.zeros((4, 2))]),
        ("sequences", [[], (1,), np.zeros(2)], ["ab", 5, None]),
    ],
)
def test_the_argument_is_named(check, right, wrong):
    require = getattr(arguments, f"require_{check}")
    for value in right:
        require(mine=value)
    for value in wrong:
        with pytest.raises(LithoError, match=f"Expected mine as .*, got {type(value).__name__}"):
            require(mine=value)
