"""Optics told apart by what they do."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.ilt import RECIPE, small_simulator
from scenes.vector_optics import STACK

from litho_dl.optics.kernels import Tail
from litho_dl.optics.source import Multipole
from litho_dl.process.files import Optics
from litho_dl.process.identity import finest_period_nm, process_digest, recipe_digest
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe

VECTOR = RECIPE.model_copy(update={"pupil": RECIPE.pupil.model_copy(update={"imaging": "vector"})})


class TestOptics:
    @pytest.mark.parametrize("field_nm", [512.0, 700.0])
    def test_the_finest_period_is_that_of_the_optics(self, field_nm):
        """NA (1 + sigma) / lambda, to one step of frequency."""
        process = build_process(RECIPE, field_nm=(field_nm, 2 * field_nm), count=3)
        cutoff = RECIPE.pupil.na * (1 + RECIPE.source.sigma_outer) / RECIPE.pupil.wavelength_nm
        assert 1 / finest_period_nm(process) == pytest.approx(cutoff, abs=1 / field_nm)

    def test_the_field_and_other_numbers_do_not_count(self):
        digest = process_digest(build_process(RECIPE, field_nm=(512.0, 512.0), count=6))
        assert process_digest(build_process(RECIPE, field_nm=(400.0, 512.0), count=5)) == digest
        steeper = RECIPE.resist.model_copy(update={"steepness": 7.0})
        assert process_digest(build_process(RECIPE.model_copy(update={"resist": steeper}), count=3)) == digest

    @pytest.mark.parametrize(
        ("name", "start"),
        [
            ("duv193-dry-annular", "3126b3903fb98888"),
            ("duv193-immersion-annular", "36747f918aca2033"),
            ("duv193-immersion-quasar", "175ac3ef83b9517a"),
            ("iccad13-like", "7b00ea65ac1b6d79"),
        ],
    )
    def test_recipes_that_ship_keep_their_digests(self, name, start):
        """Settings that came later do not count at their defaults: networks and kernel files stay valid."""
        assert recipe_digest(load_recipe(name)).startswith(start)

    def test_tails_tell_imported_kernels_apart(self):
        counted = build_process(RECIPE, field_nm=(400.0, 400.0), count=4)
        focus = counted.kernels["focus"]
        linear = torch.zeros(4 * focus.half[0] + 1, 2 * focus.half[1] + 1, dtype=torch.complex128)
        root, disc = torch.zeros_like(focus.spectra[0]), linear.real
        parts = [(linear, root, disc), (linear + 1, root, disc), (linear, root + 1, disc), (linear, root, disc + 1)]
        tails = [None, *(Tail(*part) for part in parts)]
        found = {
            process_digest(
                replace(counted, kernels=dict.fromkeys(counted.kernels, replace(focus, tail=tail)), recipe=None)
            )
            for tail in tails
        }
        assert len(found) == len(tails)

    def test_a_pole_of_the_source_s_polarisation_is_a_plain_pole(self):
        def digest(pole: str | None, source: str) -> str:
            poles = [{"x": 0.5, "y": 0.0, "radius": 0.2, "polarization": pole}]
            table = {"shape": "multipole", "poles": poles, "polarization": source}
            return recipe_digest(VECTOR.model_copy(update={"source": Multipole.model_validate(table)}))

        assert digest(None, "te") == digest("te", "te") != digest("unpolarized", "te")
        assert digest(None, "unpolarized") == digest("unpolarized", "unpolarized") != digest("te", "unpolarized")

    @pytest.mark.parametrize(
        ("part", "changes"),
        [
            ("pupil", {"imaging": "scalar"}),
            ("pupil", {"flare": 0.02}),
            ("pupil", {"focus_blur_nm": 20.0}),
            ("source", {"polarization": "te"}),
        ],
    )
    def test_polarisation_blur_and_flare_do_count(self, part, changes):
        other = VECTOR.model_copy(update={part: getattr(VECTOR, part).model_copy(update=changes)})
        assert recipe_digest(other) != recipe_digest(VECTOR) == recipe_digest(VECTOR.model_copy())
        assert recipe_digest(VECTOR.model_copy(update={"film": STACK})) != recipe_digest(VECTOR)

    @pytest.mark.parametrize("part", ["dose", "defocus", "threshold", "diffusion", "aperture", "source", "mask"])
    def test_physics_does(self, part):
        table = RECIPE.model_dump()
        match part:
            case "dose" | "defocus":
                name = {"dose": "dose", "defocus": "defocus_nm"}[part]
                table["corners"]["inner"][name] += 0.01
            case "threshold":
                table["resist"]["threshold"] *= 1.01
            case "diffusion":
                table["resist"]["diffusion_nm"] += 1
            case "mask":
                table["mask"]["type"] = "attenuated"
            case "aperture":
                table["pupil"]["na"] *= 0.99
            case "source":
                table["source"]["sigma_outer"] *= 0.99
        changed = build_process(type(RECIPE).model_validate(table), field_nm=(300.0, 300.0), count=3)
        assert process_digest(changed) != process_digest(build_process(RECIPE, field_nm=(300.0, 300.0), count=3))

    def test_a_freeform_source_is_told_by_what_its_file_held(self, tmp_path):
        """The same map from another file is the same source; another map in the same file is not."""
        dark, bright = np.pad(np.ones((3, 3)), 1), np.pad(np.ones((1, 3)), ((2, 2), (1, 1)))

        def digest(file: str, image: np.ndarray) -> str:
            np.save(tmp_path / file, image)
            table = RECIPE.model_dump() | {"source": {"shape": "freeform", "file": tmp_path / file}}
            process = build_process(type(RECIPE).model_validate(table), field_nm=(300.0, 300.0), count=3)
            (tmp_path / file).unlink()
            return process_digest(process)

        assert digest("a.npy", dark) == digest("b.npy", dark) != digest("a.npy", bright)

    def test_imported_kernels_are_told_by_their_numbers(self, tmp_path):
        imported = replace(small_simulator().process, recipe=None)
        digest = process_digest(imported)
        assert digest == process_digest(replace(imported)) != process_digest(small_simulator().process)
        save_kernels(tmp_path / "k.safetensors", imported)
        assert process_digest(load_kernels(tmp_path / "k.safetensors")) == digest
        name, kernels = next(iter(imported.kernels.items()))
        spectra = kernels.spectra.clone()
        spectra[-1, 0, 0] += 1e-3
        for other in (replace(kernels, spectra=spectra), kernels.scaled(1.01)):
            assert process_digest(replace(imported, kernels={**imported.kernels, name: other})) != digest
        for changes in ({"mask_pixel_nm": 1.0}, {"field_nm": (1024.0, 1024.0)}):
            others = {name: replace(kernels, **changes) for name, kernels in imported.kernels.items()}
            assert process_digest(replace(imported, kernels=others)) != digest

    @pytest.mark.parametrize("field_nm", [512.0, 700.0])
    def test_a_recipe_s_are_known_without_kernels(self, field_nm, monkeypatch):
        process = build_process(RECIPE, field_nm=(field_nm, field_nm), count=3)
        monkeypatch.setattr("litho_dl.process.files.cached_process", lambda *a, **k: pytest.fail("built"))
        optics = Optics((field_nm, field_nm), RECIPE)
        assert optics.digest() == process_digest(process)
        assert optics.finest_period_nm() == pytest.approx(finest_period_nm(process))
