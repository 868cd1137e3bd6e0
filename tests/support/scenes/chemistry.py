"""A chemical resist and small optics with it."""

from litho_dl.process.chemistry import ChemicalResist
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import KernelSettings, Recipe, load_recipe

FIELD_NM = (320.0, 400.0)


def resist(**changes) -> ChemicalResist:
    """A resist whose every process matters."""
    table = {
        "model": "chemical",
        "dose_mj_cm2": 30.0,
        "dill_c_cm2_mj": 0.04,
        "quencher": 0.12,
        "bake_s": 60.0,
        "acid_diffusion_nm": 14.0,
        "quencher_diffusion_nm": 6.0,
        "neutralisation_per_s": 1.0,
        "deprotection_per_s": 0.1,
    }
    return ChemicalResist.model_validate(table | changes)


def linear_resist(**changes) -> ChemicalResist:
    """Weak exposure, no quencher: it tends to a threshold with diffusion."""
    return resist(
        **{"dose_mj_cm2": 1.0, "dill_c_cm2_mj": 1e-3, "quencher": 0.0, "deprotection_per_s": 50.0, "deprotection": 0.5}
        | changes
    )


def recipe(**changes) -> Recipe:
    """Optics of a few kernels."""
    plain = load_recipe("duv193-immersion-annular")
    kernels = KernelSettings(field_nm=400.0, source_samples=11, count=8)
    return plain.model_copy(update={"kernels": kernels, "resist": resist(), **changes})


def process(**changes) -> ProcessModel:
    return build_process(recipe(**changes), field_nm=FIELD_NM)
