"""litho-dl evaluate."""

import numpy as np
from scenes.command_line import files_below, litho, succeeded


class TestEvaluate:
    arguments = ("evaluate", "--target", "cross.glp", "--optics", "small.safetensors", "--protocol", "default")

    def test_scores(self, here, tmp_path):
        drawn = succeeded(*self.arguments, "--mask", "cross.glp", "--figure", tmp_path / "picture.png")
        assert (drawn["clip"], drawn["protocol"], drawn["shots"]) == ("cross", "default/4", 3)
        assert drawn["edges"]["epe_lost"] == 0
        assert drawn["mrc_violations"] == {"width": 0, "space": 0, "area": 0, "radius": 0}
        assert files_below(tmp_path) == {"picture.png"}
        inclusive = succeeded(*self.arguments, "--mask", "cross.glp", "--raster", "inclusive")
        assert inclusive["raster"] == "inclusive"
        assert inclusive["l2_nm2"] != drawn["l2_nm2"]
        shown = litho(*self.arguments, "--mask", "mask.png").out
        assert all(name in shown for name in ("l2_nm2", "epe_max_nm", "width"))
        assert "None" not in shown

    def test_a_radius_is_counted_and_shown(self, here):
        """The eight outer and four inner corners of the cross."""
        found = succeeded(*self.arguments, "--mask", "cross.glp", "--radius", 25)
        assert found["mask_rules"] == "width 20 nm, space 20 nm, area 1,000 nm², radius 25 nm"
        assert found["mrc_violations"] == {"width": 0, "space": 0, "area": 0, "radius": 12}
        assert found["vertices"] == 12
        shown = litho(*self.arguments, "--mask", "cross.glp", "--radius", 25).out.split()
        assert shown[shown.index("radius", shown.index("mrc_violations")) + 1] == "12"

    def test_a_picture_of_a_mask_on_any_pixel(self, here, tmp_path):
        np.save(tmp_path / "coarse.npy", np.eye(64))
        shown = litho(*self.arguments, "--mask", tmp_path / "coarse.npy", "--figure", tmp_path / "picture.pdf").out
        assert shown.splitlines()[0].split() == ["mask_pixel_nm", "8"]
        assert files_below(tmp_path) == {"coarse.npy", "picture.pdf"}

    def test_a_mask_of_another_clip_is_told(self, here, tmp_path):
        """Also one upside down or of another field: what it prints is not like its target."""
        asked = "is it the mask of this clip, on this field, its first row at the lowest y?"
        assert asked not in litho(*self.arguments, "--mask", "cross.glp").err
        np.save(tmp_path / "other.npy", np.pad(np.ones((8, 8)), ((0, 56), (0, 56))))
        assert asked in litho(*self.arguments, "--mask", tmp_path / "other.npy").err
