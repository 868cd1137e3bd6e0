"""litho-dl recipes."""

import pytest
from scenes.command_line import RECIPE, litho, succeeded

from litho_dl.cli.recipes import MODELS
from litho_dl.core.settings import packaged_names, packaged_text


class TestRecipes:
    def test_list(self):
        table = succeeded("recipes")
        kinds = ["dataset", "generators", "ilt", "mnist", "models", "optics", "rules", "stacks", "studies"]
        assert sorted(table) == kinds
        assert sorted(table["ilt"]) == packaged_names("ilt")
        assert sorted(table["optics"]) == packaged_names("optics")
        assert sorted(table["rules"]) == packaged_names("rules")
        shown = litho("recipes").out
        assert all(name in shown and text in shown for names in table.values() for name, text in names.items())

    def test_trained_networks(self, tmp_path, monkeypatch):
        monkeypatch.setattr("litho_dl.generators.weights.FOLDER", tmp_path)
        assert succeeded("recipes")["models"] == {}
        assert MODELS not in litho("recipes").out
        for name in ("net-for-a", "net-for-b-for-c", "other-for-a"):
            (tmp_path / f"{name}.safetensors").touch()
        assert succeeded("recipes")["models"] == {"net": "for a and b-for-c", "other": "for a"}
        shown = litho("recipes").out.splitlines()
        assert shown[-3:] == [MODELS, "  net                        for a and b-for-c", f"  {'other':<26} for a"]

    @pytest.mark.parametrize(("kind", "name"), [("optics", RECIPE), ("ilt", "mosaic"), ("rules", "m1-45")])
    def test_one(self, kind, name):
        assert litho("recipes", name).out == packaged_text(kind, name)
        assert succeeded("recipes", name)["description"] in packaged_text(kind, name)
