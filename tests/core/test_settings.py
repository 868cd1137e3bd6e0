"""Settings as TOML text."""

import tomllib

from litho_dl.core.settings import toml_text


def test_toml_leaves_out_none_at_any_depth():
    table = {"a": None, "b": 0, "part": {"c": None, "d": ""}, "rows": [{"e": 1, "f": None}, {"g": ({"h": None},)}]}
    assert tomllib.loads(toml_text(table)) == {"b": 0, "part": {"d": ""}, "rows": [{"e": 1}, {"g": [{}]}]}
