"""Parts of a user's own, from a Python file to a run: objective terms that a method names."""

import pytest
from scenes.command_line import METHOD, litho, refused, succeeded

from litho_dl.core.errors import RecipeError
from litho_dl.core.plugin import load_plugin
from litho_dl.ilt.objective import TERMS

PLUGIN = """
from litho_dl.core.errors import RecipeError
from litho_dl.core.plugin import register
from litho_dl.ilt.objective import TERMS, l2

@register(TERMS, "twice_l2")
def twice_l2(scene):
    return 2 * l2(scene)
"""


@pytest.fixture(autouse=True)
def _terms_as_before():
    before = dict(TERMS)
    yield
    TERMS.clear()
    TERMS.update(before)


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    return path


def test_loading_twice_is_refused(plugin):
    load_plugin(plugin)
    with pytest.raises(RecipeError, match="twice_l2"):
        load_plugin(plugin)


def test_a_method_can_name_the_term(plugin, here, tmp_path):
    """Twice l2 at half the weight is l2: the same masks, step by step."""
    (tmp_path / "l2.toml").write_text(METHOD.replace("l2 = 1.0, pvb = 1.0", "l2 = 1.0"))
    (tmp_path / "own.toml").write_text(METHOD.replace("l2 = 1.0, pvb = 1.0", "twice_l2 = 0.5"))
    common = ("cross.glp", "--optics", "small.safetensors", "--no-figures")
    assert "unknown terms twice_l2" in refused(
        litho("optimize", *common, "--method", tmp_path / "own.toml", "--out", tmp_path / "no")
    )
    succeeded("optimize", *common, "--method", tmp_path / "l2.toml", "--out", tmp_path / "l2")
    own = ("optimize", *common, "--method", tmp_path / "own.toml", "--out", tmp_path / "own")
    succeeded("--plugin", plugin, *own)
    assert (tmp_path / "own" / "cross.mask.png").read_bytes() == (tmp_path / "l2" / "cross.mask.png").read_bytes()


@pytest.mark.parametrize("name", ["absent.py", "cross.glp"])
def test_only_python_files(here, name):
    assert "expected a Python file" in refused(litho("--plugin", name, "recipes"))
