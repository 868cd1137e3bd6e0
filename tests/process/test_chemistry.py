"""Settings of chemical resists: their threshold, latent images, rates, and what is refused."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scenes.chemistry import linear_resist, recipe, resist

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import packaged_text
from litho_dl.process.chemistry import Development, flood_point
from litho_dl.process.identity import recipe_digest
from litho_dl.process.recipe import Recipe, load_recipe
from litho_dl.process.resist import Resist

DEVELOPMENT = Development(r_max_nm_s=100.0, r_min_nm_s=0.1, order=5.0, inhibitor_threshold=0.4, seconds=30.0)


class TestThreshold:
    @pytest.mark.parametrize("order", [1.0, 1.5, 2.0])
    def test_even_light_at_the_threshold_just_prints(self, order):
        own = resist(order=order)
        at = torch.tensor(own.threshold, dtype=torch.float64)
        amplification = own.flood(own.acid(at))
        assert float(own.deprotected(amplification)) == pytest.approx(own.deprotection, rel=1e-9)
        assert float(own.latent(amplification)) == pytest.approx(own.threshold, rel=1e-9)

    def test_latent_images_are_intensities_to_first_order(self):
        own, step = resist(), 1e-4
        at = own.threshold + step * torch.tensor([-1.0, 1.0], dtype=torch.float64)
        low, high = own.latent(own.flood(own.acid(at))).tolist()
        assert (high - low) / (2 * step) == pytest.approx(1, rel=1e-6)

    def test_without_quencher_it_has_a_closed_form(self):
        own = resist(quencher=0.0)
        acid = math.log(2) / (own.deprotection_per_s * own.bake_s)
        assert own.threshold == pytest.approx(-math.log(1 - acid) / (own.dill_c_cm2_mj * own.dose_mj_cm2), rel=1e-9)

    def test_all_quencher_is_to_be_outweighed(self):
        weak, strong = (resist(quencher=share, neutralisation_per_s=1e3) for share in (0.1, 0.2))
        acid = [1 - math.exp(-own.dill_c_cm2_mj * own.dose_mj_cm2 * own.threshold) for own in (weak, strong)]
        assert acid[1] - acid[0] == pytest.approx(0.1, abs=1e-3)

    def test_lumped(self):
        own = resist(tone="negative")
        lumped = own.lumped
        assert isinstance(lumped, Resist)
        assert lumped.threshold == own.threshold
        assert lumped.diffusion_nm == pytest.approx(own.acid_diffusion_nm / math.sqrt(2))
        assert (lumped.tone, lumped.steepness) == (own.tone, own.steepness)
        assert lumped.lumped is lumped

    def test_linear_resists_grow_with_the_dose(self):
        at = flood_point(linear_resist())
        assert at.threshold * at.slope == pytest.approx(at.amplification, rel=1e-3)


class TestDevelopment:
    def test_ends(self):
        rates = DEVELOPMENT.rate_nm_s(torch.tensor([0.0, 1.0], dtype=torch.float64))
        assert rates.tolist() == pytest.approx([0.1, 100.1])

    def test_the_bend_is_at_the_threshold(self):
        """Mack's m_th is where the curve's slope by m is steepest."""
        soluble = torch.linspace(0.01, 0.99, 981, dtype=torch.float64)
        slope = np.gradient(DEVELOPMENT.rate_nm_s(soluble).numpy(), soluble.numpy())
        assert 1 - soluble[slope.argmax()] == pytest.approx(DEVELOPMENT.inhibitor_threshold, abs=0.002)


class TestSettings:
    def test_thresholds_are_stored_as_before(self):
        assert Resist(threshold=0.25).model_dump() == {"threshold": 0.25, "steepness": 50.0, "diffusion_nm": 0.0}
        plain = recipe(resist=Resist(threshold=0.25))
        assert "model" not in plain.model_dump(mode="json")["resist"]

    def test_a_recipe_reads_back(self):
        own = recipe(resist=resist(development=DEVELOPMENT))
        assert Recipe.model_validate(own.model_dump(mode="json")) == own

    def test_digests_tell_chemistry_apart_but_not_steepness(self):
        own = recipe()
        assert recipe_digest(own) == recipe_digest(recipe(resist=resist(steepness=7.0)))
        assert recipe_digest(own) != recipe_digest(recipe(resist=resist(quencher=0.13)))
        assert recipe_digest(own) != recipe_digest(recipe(resist=own.resist.lumped))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"deprotection_per_s": 1e-4}, "deprotection must be below"),
            ({"quencher": 1.0}, "deprotection must be below"),
            ({"dill_c_cm2_mj": 1e-9}, "no intensity up to"),
            ({"order": 0.5}, "order"),
        ],
    )
    def test_resists_that_never_print_are_refused(self, changes, message):
        with pytest.raises(ValidationError, match=message):
            resist(**changes)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('model = "chemical"', 'model = "chemicl"', "resist.model: .*got 'chemicl'"),
            ("quencher = 0.1\n", "quenchr = 0.1\n", "resist.quenchr: unknown key; did you mean quencher"),
            ("quencher = 0.1\n", 'quencher = "much"\n', "resist.quencher: .*number"),
            ("dill_b_per_um = 1.95", "dill_b_per_um = 0.5", "Dill's A \\+ B = 0.5 / um"),
            ("order = 10.0\ninhibitor", "order = 1.0\ninhibitor", "resist.development.order"),
        ],
    )
    def test_mistakes_are_named(self, tmp_path, old, new, message):
        text = packaged_text("optics", "arf-positive-chemical")
        assert text.count(old) == 1
        path = tmp_path / "own.toml"
        path.write_text(text.replace(old, new))
        with pytest.raises(RecipeError, match=message):
            load_recipe(path)
