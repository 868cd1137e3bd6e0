"""litho-dl edge-noise: files, table, bad input."""

import csv

import pytest
from scenes.command_line import files_below, litho, refused, succeeded
from scenes.focus_optics import small_recipe
from scenes.shapes import box

from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.process.kernel_file import save_kernels
from litho_dl.process.model import build_process


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> tuple[str, ...]:
    folder = tmp_path_factory.mktemp("noise")
    recipe = small_recipe()
    recipe = recipe.model_copy(update={"resist": recipe.resist.model_copy(update={"diffusion_nm": 8.0})})
    save_kernels(folder / "small.safetensors", build_process(recipe, field_nm=(640.0, 640.0)))
    write_layout(folder / "pair.gds", Layout("pair", (box(1000, 0, 1130, 400), box(1260, 130, 1400, 270))))
    return "--target", str(folder / "pair.gds"), "--optics", str(folder / "small.safetensors")


def test_files_and_values(scene, tmp_path):
    gauges = ("--gauge", "980,200,1150,200", "--gauge", "1065,200,1330,200")
    summary = succeeded("edge-noise", *scene, "--out", tmp_path, "--dose-mj-cm2", 20, "--absorbed", 0.1, *gauges)
    assert (summary["dose_mj_cm2"], summary["absorbed_share"], summary["blur_nm"]) == (20, 0.1, 8)
    assert summary["photons_per_nm2"] == pytest.approx(2 * 193 * 0.0503412, rel=1e-5)
    line, space = summary["gauges"]
    assert (line["kind"], line["edges_nm"], space["kind"]) == ("line", [1000, 200, 1130, 200], "space")
    assert 0 < line["ler_3sigma_nm"] < line["cd_3sigma_nm"] < 2 * line["ler_3sigma_nm"]
    (contact,) = summary["contacts"]
    assert (contact["x_nm"], contact["y_nm"]) == (1330, 200)
    assert files_below(tmp_path) == {"edge_noise.csv", "contacts.csv", "edge_noise.png", "summary.json"}
    rows = list(csv.DictReader((tmp_path / "contacts.csv").open()))
    assert float(rows[0]["diameter_3sigma_nm"]) == pytest.approx(contact["diameter_3sigma_nm"])


def test_the_table(scene, tmp_path):
    ran = litho("edge-noise", *scene, "--out", tmp_path, "--dose-mj-cm2", "20", "--absorbed", "0.1")
    assert ran.code == 0, ran.err
    assert "20 mJ/cm² behind a clear mask, 0.1 of it absorbed: 19.4 photons per nm², blur 8 nm; nominal" in ran.out
    assert "1 contacts, 1 print" in ran.out


def test_what_is_not_known_is_asked_for(scene, tmp_path):
    assert "--dose-mj-cm2" in refused(litho("edge-noise", *scene, "--out", tmp_path / "a", "--absorbed", "0.1"))
    assert "--absorbed" in refused(litho("edge-noise", *scene, "--out", tmp_path / "b", "--dose-mj-cm2", "20"))
