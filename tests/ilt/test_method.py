"""Method files: what is misspelt or inconsistent is said with the file's name and the key."""

import math
from pathlib import Path

import pytest

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import packaged_names, packaged_text
from litho_dl.ilt.assists import Assists
from litho_dl.ilt.fragmentation import Fragmentation
from litho_dl.ilt.method import Method, Rules, load_method
from litho_dl.layout.rules import MaskRules

RULES = "\n[rules]\nmin_width_nm = 20.0\nmin_space_nm = 20.0\nmin_area_nm2 = 1000.0\n"


def own_method(folder: Path, preset: str, *replacements: tuple[str, str], tail: str = "") -> Path:
    """A preset with parts of its text replaced."""
    text = packaged_text("ilt", preset)
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path = folder / "own.toml"
    path.write_text(text + tail)
    return path


@pytest.mark.parametrize("name", packaged_names("ilt"))
def test_every_preset_loads(name):
    method = load_method(name)
    assert method.description
    finest_nm = min(min(level.pixel_nm, level.image_nm) for level in method.levels)
    moves_edges = "manhattan" in [level.parameterization or method.parameterization for level in method.levels]
    assert method.target_nm == (1.0 if moves_edges else finest_nm)
    written_nm = {"opc": 1.0, "fast": 2.0, "quality": 1.0, "curvilinear": 1.0, "placement": 1.0}
    assert method.mask_nm == written_nm.get(name, method.levels[-1].pixel_nm)
    assert Method.model_validate(method.model_dump()) == method


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("l2 = 1.0", "l3 = 1.0", r"objective.*l3.*known: l2"),
        ("pvb = 1.0", "pbv = 1.0", r"objective: unknown terms pbv; did you mean pvb\? known: l2"),
        ("l2 = 1.0", "l2 = nan", "objective"),
        ("l2 = 1.0", 'l2 = "1.0"', "objective.l2: Input should be a valid number, got '1.0'"),
        ('"sgd"', '"newton"', "optimizer.*newton"),
        ('"sgd"', '"sdg"', r"optimizer: .*, got 'sdg'; did you mean sgd\?"),
        ('"pixel"', '"voxel"', "parameterization.*voxel"),
        ('"pixel"', '"pixels"', r"parameterization: .*, got 'pixels'; did you mean pixel\?"),
        ("momentum", "momentun", "momentun: unknown key"),
        ("momentum = 0.9", "momentum = 1.0", "momentum"),
        ("momentum = 0.9", "check_every = 0", "check_every"),
        ("momentum = 0.9", "damping = 0.1", "damping needs the optimizer adam"),
        ("momentum = 0.9", "mask_pixel_nm = 0.0", "mask_pixel_nm"),
        ("momentum = 0.9", "source_learning_rate = -0.1", "source_learning_rate"),
        ("momentum = 0.9", "bias_nm = inf", "bias_nm"),
        ("momentum = 0.9", "bias_nm = 1e5", "bias_nm: Input should be less than"),
        ("momentum = 0.9", "bias_nm = -1e5", "bias_nm: Input should be greater than"),
        ("steps = 200", "steps = 0", "steps"),
        ("steps = 200", 'steps = "200"', "levels.0.steps: Input should be a valid integer, got '200'"),
        ("steps = 200", "steps = 999999999", "steps"),
        ("l2 = 1.0", "l2 = 1e12", "objective.l2: Input should be less than"),
        ("l2 = 1.0", "l2 = -1.0", "objective.l2: Input should be greater than"),
        ("l2 = 1.0, pvb = 1.0", "l2 = 0.0, pvb = 0.0", "expected a weight above 0"),
        ("learning_rate = [0.1, 0.1]", "learning_rate = [1e9, 0.1]", "learning_rate.0: Input should be less than"),
        ("mask_sharpness = [8.0, 8.0]", "mask_sharpness = [8.0, 1e9]", "mask_sharpness.1: Input should be less than"),
        ("steps = 200", "step = 200", "levels.0.step: unknown key"),
        ("steps = 200", "steps = 200\npatience = 0", "patience"),
        ("steps = 200", 'steps = 200\noptimizer = "newton"', "levels.0.optimizer.*newton"),
        ("steps = 200", 'steps = 200\nparameterization = "voxel"', "levels.0.parameterization.*voxel"),
        ("steps = 200", "steps = 200\nobjective = { l3 = 1.0 }", r"levels.0.objective.*l3.*known: l2"),
        ("steps = 200", "steps = 200\nobjective = { }", "levels.0.objective"),
        ("pixel_nm = 8.0", "pixel_nm = -8.0", "pixel_nm"),
        ("pixel_nm = 8.0", "pixel_nm = inf", "pixel_nm"),
        ("mask_sharpness = [8.0, 8.0]", "mask_sharpness = [8.0]", "mask_sharpness"),
        ("learning_rate = [0.1, 0.1]", "learning_rate = [0.1, 0.0]", "learning_rate"),
        ("objective = { l2 = 1.0, pvb = 1.0 }", "objective = { }", "objective"),
        ("[[levels]]", "[levels]", "levels"),
        ("l2 = 1.0", "through_window = 1.0", r"through_window and tables \[\[corners\]\] go together"),
        ("[[levels]]", "[[corners]]\ndose = 1.0\ndefocus_nm = 0.0\n[[levels]]", r"through_window and .* go together"),
        ("[[levels]]", "[[corners]]\ndose = 0.0\ndefocus_nm = 0.0\n[[levels]]", "corners.0.dose: .* greater than 0"),
        ("[[levels]]", "[[corners]]\ndose = 1.0\n[[levels]]", "corners.0.defocus_nm: Field required"),
        ("momentum = 0.9", "corners = []", "corners"),
        ("optimizer", "# optimizer", "optimizer: Field required"),
        ("[[levels]]", "[[levels", "not valid TOML"),
    ],
)
def test_misspelt_methods(tmp_path, old, new, message):
    with pytest.raises(RecipeError, match=rf"own\.toml: .*{message}"):
        load_method(own_method(tmp_path, "mosaic", (old, new)))


def test_unknown_methods(tmp_path):
    with pytest.raises(RecipeError, match="did you mean mosaic"):
        load_method("mosaik")
    with pytest.raises(RecipeError, match="no such file"):
        load_method(tmp_path / "none.toml")


@pytest.mark.parametrize("finer", ["16.0", "3.0", "5.0"])
def test_levels_go_from_coarse_to_fine_by_whole_numbers(tmp_path, finer):
    with pytest.raises(RecipeError, match="whole number of times the next, got 8 before"):
        load_method(own_method(tmp_path, "multilevel", ("pixel_nm = 4.0", f"pixel_nm = {finer}")))
    assert load_method(own_method(tmp_path, "multilevel", ("pixel_nm = 4.0", "pixel_nm = 8.0"))).target_nm == 8


def test_prints_can_be_on_a_pixel_of_their_own(tmp_path):
    method = load_method(own_method(tmp_path, "multilevel", ("pixel_nm = 4.0", "pixel_nm = 4.0\nimage_pixel_nm = 2.0")))
    assert [(level.pixel_nm, level.image_nm) for level in method.levels] == [(8, 8), (4, 2)]
    assert method.target_nm == 2


class TestWritten:
    """Masks on smaller pixels than the last level's."""

    @pytest.mark.parametrize("pixel_nm", [4.0, 2.0, 1.0, 0.8])
    def test_functions_are_drawn_on_any_part_of_a_pixel(self, tmp_path, pixel_nm):
        method = load_method(
            own_method(tmp_path, "multilevel", ("description", f"mask_pixel_nm = {pixel_nm}\ndescription"))
        )
        assert method.can_write_finer
        assert method.mask_nm == method.on_last_level.mask_nm == method.on_second_half.mask_nm == pixel_nm

    @pytest.mark.parametrize("pixel_nm", [4.0, 2.0, 1.0])
    def test_pixels_of_prints_may_be_finer(self, tmp_path, pixel_nm):
        written = ("mask_pixel_nm = 1.0", f"mask_pixel_nm = {pixel_nm}")
        method = load_method(own_method(tmp_path, "quality", written))
        assert method.clean
        assert (method.mask_nm, method.target_nm) == (pixel_nm, 2.0)

    @pytest.mark.parametrize(
        ("preset", "pixel_nm"),
        [
            ("multilevel", 8.0),
            ("multilevel", 3.0),
            ("levelset", 8 / 3),
            ("mosaic", 1.0),
            ("opc", 0.5),
        ],
    )
    def test_others_are_not(self, tmp_path, preset, pixel_nm):
        with pytest.raises(
            RecipeError,
            match=r"mask_pixel_nm must divide the last level's pixel_nm .* finest pixel .* one of multilevel",
        ):
            load_method(own_method(tmp_path, preset, ("description", f"mask_pixel_nm = {pixel_nm}\ndescription")))
        assert load_method(preset).can_write_finer == (preset in ("multilevel", "levelset"))

    def test_a_multiple_or_a_part_of_the_finest_pixel(self, tmp_path):
        """4/3 nm divide the levels' 4 nm, but 2 nm are no multiple of them."""
        with pytest.raises(RecipeError, match="a part or a multiple of the finest pixel of 2, and"):
            load_method(own_method(tmp_path, "quality", ("mask_pixel_nm = 1.0", f"mask_pixel_nm = {4 / 3}")))


class TestRules:
    """Terms and clean-ups that need mask rules."""

    @pytest.mark.parametrize("term", ["width", "space", "area"])
    def test_rule_terms_ask_for_rules(self, tmp_path, term):
        wanted = ("l2 = 1.0,", f"l2 = 1.0, {term} = 1.0,")
        with pytest.raises(RecipeError, match=rf"{term} needs mask rules"):
            load_method(own_method(tmp_path, "mosaic", wanted))
        assert load_method(own_method(tmp_path, "mosaic", wanted, tail=RULES)).rules is not None

    def test_a_level_s_terms_ask_for_rules_too(self, tmp_path):
        wanted = ("steps = 200", "steps = 200\nobjective = { l2 = 1.0, space = 1.0 }")
        with pytest.raises(RecipeError, match="space needs mask rules"):
            load_method(own_method(tmp_path, "mosaic", wanted))

    def test_the_clean_up_asks_for_rules(self, tmp_path):
        with pytest.raises(RecipeError, match="clean needs mask rules"):
            load_method(own_method(tmp_path, "mosaic", ("momentum = 0.9", "clean = true")))

    def test_what_is_repaired_came_before_and_is_cleaned_up(self, tmp_path):
        repaired = ("steps = 200", "steps = 200\nrepaired = true")
        with pytest.raises(RecipeError, match="repaired needs a level before it"):
            load_method(own_method(tmp_path, "mosaic", repaired, ("momentum = 0.9", "clean = true"), tail=RULES))
        with pytest.raises(RecipeError, match="a method with clean = true"):
            load_method(own_method(tmp_path, "quality", ("clean = true", "clean = false")))
        with pytest.raises(RecipeError, match="curves_nm draws curves through cleaned outlines"):
            load_method(own_method(tmp_path, "curvilinear", ("clean = true", "clean = false")))

    @pytest.mark.parametrize("limit", ["min_width_nm", "min_space_nm", "min_area_nm2"])
    def test_rules_are_positive_and_all_given(self, tmp_path, limit):
        zero = RULES.replace(f"{limit} = ", f"{limit} = -")
        with pytest.raises(RecipeError, match=rf"rules\.{limit}"):
            load_method(own_method(tmp_path, "mosaic", tail=zero))
        with pytest.raises(RecipeError, match=rf"rules\.{limit}: Field required"):
            load_method(own_method(tmp_path, "mosaic", tail=RULES.replace(limit, f"# {limit}")))

    def test_they_are_the_layout_engine_s(self):
        rules = Rules(min_width_nm=1, min_space_nm=2, min_area_nm2=3).mask_rules()
        assert rules == MaskRules(min_width_nm=1, min_space_nm=2, min_area_nm2=3)
        rules = Rules(min_width_nm=1, min_space_nm=2, min_area_nm2=3, min_radius_nm=4).mask_rules()
        assert rules == MaskRules(min_width_nm=1, min_space_nm=2, min_area_nm2=3, min_radius_nm=4)

    def test_a_radius_is_not_negative(self, tmp_path):
        wrong = ("min_radius_nm = 10.0", "min_radius_nm = -10.0")
        with pytest.raises(RecipeError, match=r"rules\.min_radius_nm: Input should be greater than or equal to 0"):
            load_method(own_method(tmp_path, "curvilinear", wrong))


class TestEdges:
    """Feedback moves Manhattan edges alone; gradients move them by Adam."""

    def test_feedback_needs_edges(self, tmp_path):
        with pytest.raises(RecipeError, match="feedback needs the parameterization manhattan"):
            load_method(own_method(tmp_path, "mosaic", ('"sgd"', '"feedback"')))

    def test_edges_need_feedback_or_adam(self, tmp_path):
        with pytest.raises(RecipeError, match="manhattan needs the optimizer feedback or adam, got sgd"):
            load_method(own_method(tmp_path, "mosaic", ("steps = 200", 'steps = 200\nparameterization = "manhattan"')))

    def test_edges_are_not_cleaned_up(self, tmp_path):
        unclean = ('optimizer = "adam"', 'optimizer = "adam"\nclean = true')
        with pytest.raises(RecipeError, match="clean repairs pixel masks"):
            load_method(own_method(tmp_path, "opc", unclean, tail=RULES))


def test_only_gradient_steps_move_a_source(tmp_path):
    for kind, fine in (("adam", True), ("lbfgs", False)):
        path = own_method(
            tmp_path, "multilevel", ('optimizer = "adam"', f'optimizer = "{kind}"\nsource_learning_rate = 0.1')
        )
        if fine:
            assert load_method(path).source_learning_rate == 0.1
        else:
            with pytest.raises(RecipeError, match="source_learning_rate needs the optimizer sgd or adam, got lbfgs"):
                load_method(path)


def two_levels(*steps: int) -> Method:
    fast = load_method("fast")
    levels = (level.model_copy(update={"steps": n}) for level, n in zip(fast.levels, steps, strict=False))
    return fast.model_copy(update={"levels": tuple(levels)})


class TestShortened:
    METHOD = two_levels(36, 44)

    @pytest.mark.parametrize(
        ("steps", "begin", "counts"),
        [
            (80, 0.0, [36, 44]),
            (100, 0.0, [45, 55]),
            (9, 0.0, [4, 5]),
            (62, 0.5, [18, 44]),
            (12, 0.5, [3, 9]),
            (20, 1.0, [20]),
            (1, 0.0, [1]),
            (2, 0.0, [2]),
            (3, 0.0, [1, 2]),
        ],
    )
    def test_levels_share_the_steps(self, steps, begin, counts):
        assert [level.steps for level in self.METHOD.in_steps(steps, begin).levels] == counts

    def test_ranges_go_on_from_where_the_first_level_is(self):
        """At half of its steps it would be there; the other levels stay."""
        half = self.METHOD.in_steps(62, 0.5)
        for name in ("learning_rate", "mask_sharpness", "resist_steepness"):
            first, last = getattr(self.METHOD.levels[0], name)
            assert getattr(half.levels[0], name) == pytest.approx((math.sqrt(first * last), last))
        assert half.levels[1] == self.METHOD.levels[1]
        assert self.METHOD.in_steps(80) == self.METHOD

    def test_levels_are_left_out(self):
        assert self.METHOD.in_steps(44, 1.0).levels == self.METHOD.levels[1:]
        fast = load_method("fast")
        second, third = fast.in_steps(29, 1.5).levels
        assert second == fast.model_copy(update={"levels": fast.levels[1:2]}).in_steps(15, 0.5).levels[0]
        assert third == fast.levels[2]

    def test_levels_without_steps_are_left_out(self):
        last = self.METHOD.in_steps(1)
        assert [level.pixel_nm for level in last.levels] == [self.METHOD.levels[1].pixel_nm]


class TestRulesOfTheCommandLine:
    RULES = MaskRules(36.0, 44.0, 3000.0, 9.0)

    def test_a_method_that_keeps_rules_keeps_these(self):
        kept = load_method("curvilinear").keeping(self.RULES)
        assert kept.rules.mask_rules() == self.RULES
        assert kept.levels == load_method("curvilinear").levels
        assert load_method("multilevel").keeping(self.RULES) == load_method("multilevel")

    def test_manhattan_keeps_the_stricter_of_two_limits(self):
        opc = load_method("opc")
        assert opc.kept_fragments == Fragmentation()
        kept = opc.keeping(self.RULES).kept_fragments
        assert kept.kept_nm == 44.0
        assists = opc.keeping(self.RULES).kept_assists
        assert (assists.narrowest_nm, assists.smallest_nm2, assists.clearance_nm) == (36.0, 3000.0, 44.0)
        assert opc.keeping(MaskRules(1.0, 1.0, 1.0)).kept_fragments == Fragmentation()
        assert opc.keeping(MaskRules(1.0, 1.0, 1.0)).kept_assists == opc.kept_assists == Assists()

    def test_a_limit_of_zero_cannot_be_kept(self):
        with pytest.raises(
            RecipeError, match=r"limits above 0 of the mask rules that the method keeps, got space 20 nm"
        ):
            load_method("curvilinear").keeping(MaskRules(0.0, 20.0, 1000.0))

    def test_what_is_not_set_is_not_in_the_table(self):
        """So that digests of data sets and chips stay what they were."""
        assert not {"fragments", "assists"} & load_method("opc").model_dump(mode="json").keys()
        own = load_method("opc").model_copy(update={"fragments": Fragmentation(corner_nm=30.0)})
        assert own.model_dump(mode="json")["fragments"]["corner_nm"] == 30.0


@pytest.mark.parametrize(
    ("preset", "step_nm"),
    [("mosaic", 8.0), ("fast", 16.0), ("multilevel", 16.0), ("curvilinear", 16.0)],
)
def test_fields_are_whole_steps_of_the_levels_blocks(preset, step_nm):
    """The coarsest pixel times the pixels of a control point: 2 for multilevel, 4 for curvilinear."""
    assert load_method(preset).field_step_nm == step_nm
