"""What no other point beats."""

import numpy as np

from litho_dl.core.pareto import pareto_front


def test_pareto_front_keeps_what_no_other_point_beats() -> None:
    points = np.array([(3, 3), (1, 5), (2, 4), (2, 6), (5, 1), (4, 3.5), (1, 7), (2, 4)])
    np.testing.assert_array_equal(pareto_front(points), [(1, 5), (2, 4), (3, 3), (5, 1)])
    assert pareto_front(np.empty((0, 2))).shape == (0, 2)
