"""JSON that is read back: only values that later code can hold."""

import math

import pytest

from litho_dl.core.errors import DatasetError
from litho_dl.core.stored import parse_json


@pytest.mark.parametrize("number", [2**64, -(2**64)])
def test_numbers_of_up_to_64_bits(number):
    assert parse_json(f'{{"a": [{number}]}}', "a.json", DatasetError) == {"a": [number]}
    with pytest.raises(DatasetError, match=r"^a.json: .* \(a number of more than 64 bits\); restore it or remove it.$"):
        parse_json(f'{{"a": [{number}0]}}', "a.json", DatasetError)


def test_numbers_that_are_not_finite_only_where_they_may_be():
    with pytest.raises(DatasetError, match="not JSON"):
        parse_json("[NaN]", "a.json", DatasetError)
    assert math.isnan(parse_json("[NaN]", "a.json", DatasetError, finite=False)[0])
