"""Studies, loaded and told apart."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from scenes.command_line import METHOD, STUDY
from scenes.places import LAYOUTS

from litho_dl.core.errors import LithoError, RecipeError
from litho_dl.core.settings import packaged_names, toml_text
from litho_dl.ilt.method import load_method
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.process.kernel_file import load_kernels
from litho_dl.tuning.study import Study, load_study

RATE = '"levels[0].learning_rate[1]" = { low = 0.05, high = 0.2, log = true }'


@pytest.fixture
def folder(inputs, tmp_path) -> Path:
    """What a study names, beside it."""
    for name in ("cross.glp", "lines.glp", "square.gds", "few.toml", "small.safetensors", "cross.txt"):
        (tmp_path / name).write_bytes((inputs / name).read_bytes())
    return tmp_path


def loaded(folder: Path, *changes: tuple[str, str]) -> Study:
    text = STUDY + RATE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "own.toml").write_text(text)
    return load_study(folder / "own.toml")


class TestLoading:
    @pytest.mark.parametrize("name", packaged_names("studies"))
    def test_shipped_studies_are_of_the_repositorys_layouts(self, name):
        study = load_study(name, LAYOUTS)
        assert study.recipe.description
        assert study.start == load_method(study.recipe.method)
        assert study.method(study.start_values) == study.start
        names = [clip.name for clip in (*study.clips, *study.validation)]
        assert len(names) == len(set(names)) == len(study.clips) + len(study.validation)
        assert len(study.clips) == len(study.validation)  # so that seconds a clip of both may be compared

    def test_files_are_found_beside_the_study(self, folder, monkeypatch):
        (folder / "elsewhere").mkdir()
        monkeypatch.chdir(folder / "elsewhere")
        study = loaded(folder)
        assert study.name == "own"
        assert study.start == load_method(folder / "few.toml")
        assert [clip.name for clip in (*study.clips, *study.validation)] == ["cross", "lines"]
        assert study.start_values == {"levels[0].steps": 4, "levels[0].learning_rate[1]": 0.1}
        assert study.method({"levels[0].steps": 2}).levels[0].steps == 2

    def test_folders_and_another_place_for_layouts(self, folder):
        (folder / "clips" / "more").mkdir(parents=True)
        for name in ("square.gds", "cross.glp", "cross.txt"):
            (folder / name).rename(folder / "clips" / "more" / name)
        (folder / "lines.glp").rename(folder / "clips" / "lines.glp")
        with pytest.raises(LithoError, match=r"more: no such file or folder; give the folder"):
            loaded(folder, ('"cross.glp"', '"more"'))
        study = load_study(folder / "own.toml", folder / "clips")
        assert [clip.name for clip in study.clips] == ["cross", "square"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (('"few.toml"', '"fats"'), "No ILT method or file named 'fats'; did you mean fast"),
            (('"few.toml"', '"none.toml"'), "none.toml: no such file"),
            (('"small.safetensors"', '"duv"'), "No optics recipe or file named 'duv'"),
            (('"cross.glp"', '"none.glp"'), "none.glp"),
            (('"cross.glp"', '"few.toml"'), "few.toml: expected a layout file, or a folder of layout files"),
            (('["cross.glp"]', "[]"), "own.toml: layouts: .*at least 1 item"),
            (('["lines.glp"]', "[]"), "own.toml: validation: .*at least 1 item"),
            (("[space]", "[spaces]"), "own.toml: spaces: unknown key; did you mean space?"),
            (
                ("high = 6", "hihg = 6"),
                r"own.toml: space.levels\[0\].steps.range.hihg: unknown key; did you mean high\?",
            ),
            (("[0].steps", "[1].steps"), r"own.toml: space: levels\[1\].steps: no 1 there"),
            (("low = 1,", "low = 0,"), r"own.toml: space: levels\[0\].steps = 0: .*greater than or equal to 1"),
            (
                ("lines", "cross"),
                "expected other patterns in validation than in layouts, got cross, which is there too",
            ),
        ],
    )
    def test_what_is_said_of_wrong_ones(self, folder, change, message):
        with pytest.raises(LithoError, match=message) as caught:
            loaded(folder, change)
        assert "\n" not in str(caught.value)

    def test_a_pattern_turned_and_moved_is_no_other(self, folder):
        lines = read_layout(folder / "lines.glp")
        turned = tuple(Polygon(polygon.hull[:, ::-1] + (70.0, 900.0)) for polygon in lines.polygons)
        write_layout(folder / "turned.glp", Layout("turned", turned))
        with pytest.raises(RecipeError, match="got lines, which is turned again; take it out of one of them"):
            loaded(folder, ("cross.glp", "turned.glp"))


def test_the_digest_tells_what_decides_the_trials(folder):
    process = load_kernels(folder / "small.safetensors")
    digest = loaded(folder).digest(process)
    assert len(digest) == 64
    for change in (
        ('method = "few.toml"', 'description = "x"\nrounds = 9\nmethod = "few.toml"'),
        ("lines.glp", "square.gds"),
        ("low = 1,", "low = 1, log = false,"),
    ):
        assert loaded(folder, change).digest(process) == digest, change
    others = {
        loaded(folder, change).digest(process)
        for change in (
            ('method = "few.toml"', 'seed = 1\nmethod = "few.toml"'),
            ("cross.glp", "square.gds"),
            ("high = 6", "high = 7"),
            ("log = true", "log = false"),
            ("rate[1]", "rate[0]"),
        )
    }
    corners = {**process.corners, "inner": process.corners["outer"]}
    others.add(loaded(folder).digest(replace(process, corners=corners)))
    (folder / "few.toml").write_text(METHOD.replace("steps = 4", "steps = 5"))
    others.add(loaded(folder).digest(process))
    (folder / "few.toml").write_text(METHOD.replace("a few steps", "some steps"))
    assert loaded(folder).digest(process) == digest
    (folder / "cross.glp").write_text((folder / "cross.glp").read_text().replace("320 120", "320 130"))
    others.add(loaded(folder).digest(process))
    assert len(others - {digest}) == 8


def test_methods_as_text_are_methods(tmp_path):
    """Lists of tables become [[sections]], which read back as they were."""
    for name in packaged_names("ilt"):
        method = load_method(name)
        text = toml_text(method.model_dump(mode="json", exclude_defaults=True))
        assert text.count("[[levels]]") == len(method.levels)
        (tmp_path / "own.toml").write_text(text, encoding="utf-8")
        assert load_method(tmp_path / "own.toml") == method
    table = {"a": [], "b": [{"x": 1, "absent": None}, {"y": {"z": [1.5]}}], "c": [1, 2], "d": {"e": [{"f": "g"}]}}
    expected = {**table, "b": [{"x": 1}, {"y": {"z": [1.5]}}]}
    assert tomllib.loads(toml_text(table)) == expected
