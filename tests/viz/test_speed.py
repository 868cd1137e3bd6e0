"""Pictures of speed."""

from litho_dl.viz.speed import speed_figure


def test_speed_is_log_log() -> None:
    sizes = [256, 512, 1024]
    (axes,) = speed_figure({"engine": (sizes, [1e-3, 3e-3, 9e-3]), "full": (sizes, [1e-2, 5e-2, 0.2])}).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [line.get_label() for line in axes.lines] == ["engine", "full", "slope 2"]
