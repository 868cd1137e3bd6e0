"""Pictures of trade-offs."""

import pytest
from matplotlib.text import Text

from litho_dl.core.errors import LithoError
from litho_dl.viz.tradeoff import tradeoff_figure


def test_tradeoff_names_do_not_overlap() -> None:
    ours = {"a": (26618.0, 37084.0), "b": (22586.0, 37934.0)}
    published = {f"method {i}": (40000.0 + 300 * i, 50000.0 + 200 * i) for i in range(4)}
    figure = tradeoff_figure(ours, published)
    axes = figure.axes[0]
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [Text.get_window_extent(text, renderer) for text in axes.texts]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    with pytest.raises(LithoError, match="at least one"):
        tradeoff_figure({})
