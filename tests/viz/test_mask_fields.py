"""Pictures say what a mask's shapes are."""

from scenes.pictures import image_axes, make_clip

from litho_dl.viz.clip import clip_figure
from litho_dl.viz.gallery import GalleryClip, gallery_figure


def test_absorber_is_said_to_be_black() -> None:
    figure = clip_figure(make_clip(mask_field="clear"))
    assert image_axes(figure)[1].get_title() == "Mask (black: absorber)"


def test_it_is_kept_in_the_window_and_in_the_legend() -> None:
    figure = gallery_figure([GalleryClip("gates", make_clip(mask_field="clear"))])
    assert next(text.get_text() for text in figure.legends[0].texts) == "mask absorber"
