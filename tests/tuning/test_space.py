"""What a study may change: paths into settings, ranges, choices, and what is said of wrong ones."""

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from scenes.ilt import SIMPLE

from litho_dl.core.errors import RecipeError
from litho_dl.ilt.method import Method
from litho_dl.tuning.space import Choices, Range, Space, checked_space, value_at, with_values


def space(**dimensions: dict) -> Space:
    """One path or more, as a TOML file gives them; __ stands for a dot."""
    return TypeAdapter(Space).validate_python({path.replace("__", "."): table for path, table in dimensions.items()})


def refusal(path: str, **table: object) -> str:
    with pytest.raises(RecipeError) as caught:
        checked_space(space(**{path: table}), SIMPLE, "own.toml")
    message = str(caught.value)
    assert message.startswith(f"own.toml: space: {path}")
    assert "\n" not in message
    return message


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("levels[0].steps", 4),
            ("levels[1].learning_rate[0]", 0.05),
            ("levels[1].learning_rate[1]", 0.02),
            ("objective.pvb", 1.0),
            ("momentum", 0.9),
            ("levels[1].repaired", False),
            ("optimizer", "adam"),
        ],
    )
    def test_lead_to_values_and_change_nothing_else(self, path, value):
        assert value_at(SIMPLE, path, "here") == value
        assert type(value_at(SIMPLE, path, "here")) is type(value)
        other = {4: 7, False: False, "adam": "sgd"}.get(value, 0.5)
        after = with_values(SIMPLE, {path: other}, "here")
        assert isinstance(after, Method)
        assert value_at(after, path, "here") == other
        assert with_values(after, {path: value}, "here") == SIMPLE
        assert with_values(SIMPLE, {path: value}, "here") == SIMPLE

    def test_several_at_once(self):
        after = with_values(
            SIMPLE, {"levels[0].steps": 9, "levels[1].mask_sharpness[1]": 20.0, "objective.l2": 3.0}, "here"
        )
        assert after.levels[0].steps == 9
        assert after.levels[1].mask_sharpness == (8.0, 20.0)
        assert after.objective == {"l2": 3.0, "pvb": 1.0}
        assert after.levels[1].steps == SIMPLE.levels[1].steps

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("levels[0].step", "no 'step' there; did you mean steps?"),
            ("objective.epe", "no 'epe' there; known: l2, pvb."),
            ("levels[2].steps", "no 2 there; got"),
            ("levels.steps", "no 'steps' there; got"),
            ("momentum[0]", "no 0 there; got 0.9"),
            ("objective[0]", "no 0 there; known: l2, pvb"),
            ("levels[0].learning_rate", "expected one value, got [0.1, 0.1]; name one of its entries"),
            ("levels[0].patience", "expected one value, got None; name one of its entries, or set it first"),
            ("levels[-1].steps", "expected a path such as levels[0].steps"),
            ("levels[0]steps", "expected a path such as levels[0].steps"),
            (".steps", "expected a path such as levels[0].steps"),
        ],
    )
    def test_that_lead_nowhere(self, path, message):
        assert message in refusal(path, low=1, high=2)

    def test_any_settings_will_do(self):
        class Inner(BaseModel):
            rate: float

        class Outer(BaseModel):
            parts: tuple[Inner, ...]

        after = with_values(Outer(parts=(Inner(rate=1), Inner(rate=2))), {"parts[1].rate": 3.0}, "here")
        assert [part.rate for part in after.parts] == [1, 3]


class TestDimensions:
    def test_take_the_type_of_what_they_replace(self):
        found = checked_space(
            space(
                **{
                    "levels[0].steps": {"low": 2, "high": 8, "step": 2},
                    "objective__pvb": {"low": 0, "high": 2, "step": 1},
                    "levels[0].pixel_nm": {"choices": [16, 32]},
                    "optimizer": {"choices": ["adam", "sgd"]},
                }
            ),
            SIMPLE,
            "here",
        )
        steps, weight, pixel, optimizer = found.values()
        assert [type(number) for number in (steps.low, steps.high, steps.step)] == [int] * 3
        assert [type(number) for number in (weight.low, weight.high, weight.step)] == [float] * 3
        assert pixel.choices == (16.0, 32.0)
        assert {type(choice) for choice in pixel.choices} == {float}
        assert optimizer.choices == ("adam", "sgd")

    @pytest.mark.parametrize(
        ("path", "table", "message"),
        [
            ("levels[0].steps", {"low": 0, "high": 8}, "= 0: levels.0.steps: .*greater than or equal to 1, got 0"),
            ("momentum", {"low": 0.5, "high": 1.0}, "= 1.0: momentum: .*less than 1"),
            ("optimizer", {"choices": ["adam", "adams"]}, "= 'adams': optimizer: "),
            ("levels[1].pixel_nm", {"choices": [8, 3]}, "= 3.0: levels: each pixel_nm must be a whole number"),
            ("levels[0].steps", {"low": 5, "high": 8}, "values that include the start's 4; widen them"),
            ("levels[0].steps", {"low": 1, "high": 3}, "values that include the start's 4; widen them"),
            ("levels[0].steps", {"low": 1, "high": 7, "step": 2}, "values that include the start's 4; widen them"),
            ("levels[0].steps", {"choices": [3, 5]}, "values that include the start's 4; widen them"),
            ("levels[0].steps", {"low": 1, "high": 8.5}, "expected whole numbers low, high and step"),
            ("optimizer", {"low": 1, "high": 2}, "expected choices for 'adam', got a range"),
            ("levels[0].repaired", {"low": 0, "high": 1}, "expected choices for False, got a range"),
        ],
    )
    def test_that_the_settings_refuse(self, path, table, message):
        with pytest.raises(RecipeError, match=message):
            checked_space(space(**{path: table}), SIMPLE, "own.toml")
        refusal(path, **table)

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"low": 2, "high": 2}, "low must be below high, got 2 and 2"),
            ({"low": 0, "high": 2, "log": True}, "log needs a low above 0 and no step"),
            ({"low": 1, "high": 2, "log": True, "step": 1}, "log needs a low above 0 and no step"),
            ({"low": 1, "high": 4, "step": 2}, "high must be low and a whole number of steps, got 1 \\+ n x 2"),
            ({"low": 1, "high": 4, "step": 0}, "greater than 0"),
            ({"low": 1, "hihg": 4}, "hihg"),
            ({"low": 1, "high": float("nan")}, "finite"),
            ({"choices": [1]}, "at least 2 items"),
            ({"choices": [1, 2], "log": True}, "log"),
        ],
    )
    def test_that_make_no_sense(self, table, message):
        with pytest.raises(ValidationError, match=message) as caught:
            space(x=table)
        assert len({error["loc"][1] for error in caught.value.errors()}) == 1  # ranges or choices, not both

    def test_a_grid_of_decimal_steps_holds_its_points(self):
        tenths = Range(low=0.1, high=1.3, step=0.1)
        assert all(round(0.1 * index, 1) in tenths for index in range(1, 14))
        assert 0.25 not in tenths
        assert 1.4 not in tenths

    def test_numbers_are_drawn_to_four_digits_within_the_range(self):
        rates = Range(low=0.0123412, high=0.98766)
        assert rates.rounded(0.123456) == 0.1235
        assert rates.rounded(0.0123413) == 0.0123412
        assert rates.rounded(0.987659) == 0.98766
        assert Range(low=1, high=200000).rounded(123456) == 123456
        assert Choices(choices=(0.123456, 1.0)).rounded(0.123456) == 0.123456
