"""The random clips that networks are compared on: fixed, of every family, for any optics whose field holds them."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import suites

from litho_dl.core.errors import LayoutError
from litho_dl.layout.clips import place
from litho_dl.layout.design_rules import check_design, load_rules
from litho_dl.layout.generate.families import generate
from litho_dl.layout.pattern import pattern_hash
from litho_dl.scoring.protocol import PROTOCOLS

ABSENT = Path("absent")
FAMILIES = {
    "metal": ["metal_m1-45", "cell_m1-45", "structures_m1-45"] * 4,
    "via": ["via_via-45", "via_contact-45"] * 6,
}


@pytest.fixture
def loaded(monkeypatch):
    """The names of the optics that suites load, all with a field of 2048 nm."""
    names = []

    def simulator(optics):
        names.append(optics)
        return SimpleNamespace(field_nm=(2048.0, 2048.0), scale=3.0 if optics == "coarse" else 1.0)

    monkeypatch.setattr(suites, "Simulator", simulator)
    return names


@pytest.mark.parametrize("name", FAMILIES)
class TestRandomClips:
    def test_twelve_different_clips_of_the_families_in_turn(self, loaded, name):
        suite = suites.load_suite(name, ABSENT)
        assert [clip.name for clip in suite.clips] == [
            f"{family}_{number:02d}" for number, family in enumerate(FAMILIES[name], 1)
        ]
        assert len({pattern_hash(clip.placed) for clip in suite.clips}) == 12
        simulator = suite.simulator
        for index, clip in enumerate(suite.clips):
            family, rules = clip.name.split("_")[:2]
            layout = generate(family, load_rules(rules), 20130000 + index, 1280.0)
            assert sum(check_design(layout, load_rules(rules), 1280.0).values()) == 0
            assert pattern_hash(layout) == pattern_hash(clip.placed)
            assert clip.placed.bbox_nm == place(layout, simulator, clip.name).placed.bbox_nm

    def test_optics_of_the_user_or_contest_like_ones(self, loaded, name):
        assert (suites.load_suite(name, ABSENT).optics, loaded) == ("iccad13-like", ["iccad13-like"])
        suite = suites.load_suite(name, ABSENT, "kernels/")
        assert (suite.name, suite.optics, loaded[1:], suite.rasters) == (name, "kernels/", ["kernels/"], ("exact",))
        assert suite.protocol == PROTOCOLS["default"]
        assert suites.load_suite(name, ABSENT, "coarse").protocol == PROTOCOLS["default"].scaled(3.0)

    def test_a_field_that_is_too_small_is_refused(self, monkeypatch, name):
        monkeypatch.setattr(suites, "Simulator", lambda optics: SimpleNamespace(field_nm=(512.0, 512.0), scale=1.0))
        with pytest.raises(LayoutError, match="512"):
            suites.load_suite(name, ABSENT, "small")


def test_our_own_layouts_have_optics_of_their_own(loaded):
    suite = suites.load_suite("layouts", ABSENT)
    assert (len(suite.clips), loaded) == (26, ["duv193-immersion-annular"])


def test_the_command_knows_every_suite():
    assert suites.SUITES == ("iccad13", "layouts", "metal", "via")
