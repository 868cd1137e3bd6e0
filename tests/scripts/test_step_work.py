"""The counts behind scripts/gpu.py, against torch's own counter and by hand, and the script without a GPU."""

import csv
import math

import gpu
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scenes.coarse_optics import coarse_recipe
from step_work import (
    Product,
    StepShape,
    Work,
    elementwise_work,
    fft_work,
    matrix_work,
    point_multiply_adds,
    products,
    step_shape,
)
from torch.utils.flop_counter import FlopCounterMode

from litho_dl.comparison.suite import Suite
from litho_dl.core import dft
from litho_dl.core.grid import Grid
from litho_dl.ilt.method import Method, load_method
from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Start
from litho_dl.ilt.problem import LevelProblem
from litho_dl.layout.clips import Clip, place
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.process.kernel_file import save_kernels
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator

FIELD = (512.0, 512.0)


@pytest.fixture(scope="module")
def process() -> ProcessModel:
    return build_process(coarse_recipe("duv193-dry-annular"), field_nm=FIELD, count=8)


def boxes(name: str, *corners: tuple[float, float, float, float]) -> Clip:
    """Rectangles x0, y0, x1, y1 in nm, centred on the field."""
    polygons = (Polygon(np.array([(a, b), (c, b), (c, d), (a, d)], dtype=float)) for a, b, c, d in corners)
    return place(Layout(name, tuple(polygons)), Grid.of_field(FIELD, 1.0), name)


CLIPS = [
    boxes("cross", (0, 100, 320, 220), (100, 0, 220, 320)),
    boxes("lines", (0, 0, 120, 360), (220, 0, 340, 360)),
]


def shortened(name: str, steps: int) -> Method:
    method = load_method(name)
    return method.model_copy(update={"levels": tuple(lv.model_copy(update={"steps": steps}) for lv in method.levels)})


@pytest.mark.parametrize(("batch", "halved_from"), [(1, dft.HALVED_FROM), (3, dft.HALVED_FROM), (1, 0)])
def test_matrix_products_are_those_that_torch_counts(process, batch, halved_from, monkeypatch):
    monkeypatch.setattr(dft, "HALVED_FROM", halved_from)
    method, simulator = load_method("fast"), Simulator(process)
    level = method.levels[-1]
    target = CLIPS[0].coverage(level.pixel_nm).expand(batch, -1, -1).contiguous()
    form = PARAMETERIZATIONS[method.parameterization]()
    parameters = form.start(Start(target, level.pixel_nm, target, level.pixel_nm)).requires_grad_()
    stage = LevelProblem(simulator, method, level, form, target)
    clips = slice(0, batch)
    points = 2 * stage.pairs(clips).counted.shape[1]
    shape = step_shape(
        simulator, level, stage.views(clips), batch, parameters[0].numel(), len(method.objective), points
    )
    assert points > 0
    # Torch counts a complex multiply-add as two FLOPs.
    expected = 2 * (sum(product.multiply_adds for product in products(shape)) + point_multiply_adds(shape))
    with FlopCounterMode(display=False) as counter:
        objective = stage.objective(parameters)
    assert counter.get_total_flops() == expected
    with FlopCounterMode(display=False) as counter:
        objective.sum().backward()
    assert counter.get_total_flops() == expected


def test_products_by_hand():
    flops = 2 * 3 * 5 * 7 * 2
    assert Product(3, 5, 7, 2, shared_is_left=False).work == Work(flops, 4 * (7 * 2 + 3 * (5 * 7 + 5 * 2)))
    assert Product(3, 5, 7, 2, shared_is_left=True).work == Work(flops, 4 * (5 * 7 + 3 * (7 * 2 + 5 * 2)))


def test_a_step_by_hand():
    """One clip of 4 x 4 pixels, h = 0, one kernel, every transform of the least length, 4 x 4 points; one term."""
    shape = StepShape(
        batch=1, pixels=(4, 4), images=((4, 4),), whole=True, parameters=4, half=(0, 0), kernels=(1,), terms=1
    )
    assert matrix_work(shape).flops == 2 * (2 * 4 * 4 * 2 + 8 * 4 + 8 * 4 + 2 * 4 * 2 * 4)
    assert fft_work(shape) == Work(2 * 1.5 * 5 * 16 * 4, 2 * 1.5 * 16 * 16)
    kernels = Work(14 + 7 * 16, 16 * 3 + (24 + 8) * 16)
    images = Work(16 * (8 + 3 * 11 + 8), 16 * 4 * (5 + 3 * 5 + 6))
    parameters = Work(16 * 16 + 12 * 4, 8 * (16 + 4) + 28 * 4)
    assert elementwise_work(shape) == kernels + images + parameters


def test_transforms_by_hand():
    shape = StepShape(
        batch=2, pixels=(8, 8), images=((8, 8),), whole=True, parameters=1, half=(2, 4), kernels=(3, 5), terms=1
    )
    n = 12 * 20  # the lengths that transform fast from 9 and 17
    assert shape.transform == n
    assert fft_work(shape).flops == pytest.approx(2 * 2 * (3 + 5 + 0.5 * 2) * 5 * n * math.log2(n))


@pytest.mark.filterwarnings("ignore:Dynamo")  # it goes round the choice of transform lengths
@pytest.mark.parametrize(
    "wrap", [lambda imaging, mask: imaging, lambda imaging, mask: torch.compile(imaging, backend="eager")]
)
def test_wrapped_imaging_is_the_simulators_own(process, wrap):
    plain, wrapped = Simulator(process), gpu.WrappedSimulator(process, wrap)
    results = []
    for simulator in (plain, wrapped):
        mask = torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
        images = simulator(mask, 8.0).intensity
        sum(image.square().sum() for image in images.values()).backward()
        results.append((*images.values(), mask.grad))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_clips_are_repeated_in_turn():
    targets = torch.arange(3.0)[:, None, None].expand(3, 2, 2)
    assert gpu.replicated(targets, 5)[:, 0, 0].tolist() == [0, 1, 2, 0, 1]
    assert gpu.replicated(targets, 2)[:, 0, 0].tolist() == [0, 1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_the_script_says_so_in_one_line(tmp_path):
    result = CliRunner().invoke(gpu.main, ["--out", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output == "Error: Expected a CUDA device, found none; run this on a machine with one.\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("card", [pytest.param("NVIDIA H200", marks=pytest.mark.slow), "another"])
def test_the_report_of_a_stand_in_device(process, tmp_path, monkeypatch, card):
    """Everything but the device: the CPU stands in for it, and cannot make CUDA graphs."""
    for name, value in (("empty_cache", None), ("reset_peak_memory_stats", None), ("max_memory_allocated", 2**20)):
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: card)
    monkeypatch.setattr(gpu, "DEVICE", "cpu")
    monkeypatch.setattr(gpu, "TIMED_STEPS", 2)
    monkeypatch.setattr(gpu, "load_method", lambda name: shortened(name, 3))
    suite = Suite("layouts", "small", Simulator(process), list(CLIPS), PROTOCOLS["default"])
    rows = gpu.run(suite, ["fast"], [1, 2, 3], 1, ["eager", "CUDA graph"])
    chip = {"tiles": 4, "tile_s": 0.5, "mm2": 4e-6, "hours_per_mm2": 138.9}
    gpu.write_results(tmp_path, suite, rows, chip, "command", 1, card)
    with open(tmp_path / "gpu.csv") as file:
        table = list(csv.DictReader(file))
    assert [(row["mode"], row["batch"]) for row in table] == [
        *[("eager", batch) for batch in "213"],
        *[("CUDA graph", batch) for batch in "123"],
    ]
    for row in (row for row in table if row["mode"] == "eager"):
        assert (row["pixels_differing_between_runs"], row["note"]) == ("0", "")
        assert float(row["seconds_per_clip"]) > 0
        assert ("flop_share" in row) == (card == "NVIDIA H200")
    assert all(row["note"] for row in table if row["mode"] == "CUDA graph")
    assert table[0]["within_tolerance"] == "True"
    assert float(table[0]["l2_nm2 (largest)"]) == 0
    text = (tmp_path / "gpu.md").read_text()
    assert "contest's data were not there" in text
    assert ("of peak bandwidth" in text) == (card == "NVIDIA H200")
    widths = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert set(widths) <= {8, 7, 10, 12}


@pytest.mark.slow
def test_a_chip_is_measured_and_told(process, tmp_path):
    """On the CPU, which takes the same way as a GPU does."""
    save_kernels(tmp_path / "small.safetensors", process)
    row = gpu.chip_row(tmp_path, tmp_path / "small.safetensors", "cpu")
    assert row["tiles"] >= 1
    assert row["hours_per_mm2"] == pytest.approx(row["tiles"] * row["tile_s"] / 3600 / row["mm2"])
    assert f"**{row['hours_per_mm2']:.1f} GPU-hours a mm²**" in "\n".join(gpu.chip_lines(row))
