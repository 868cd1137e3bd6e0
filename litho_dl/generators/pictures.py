"""Pictures of a generator's training: learning curves of its stages, and masks with their prints."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from litho_dl.generators.unrolled import SimulatedTurns
from litho_dl.models.unrolled import Unrolled
from litho_dl.training.loop import TrainingResult
from litho_dl.training.progress import curves_of
from litho_dl.viz.figure import save_figure
from litho_dl.viz.gallery import GalleryClip, gallery_figure
from litho_dl.viz.images import ClipImages
from litho_dl.viz.learning import Curves, learning_curves

if TYPE_CHECKING:
    from litho_dl.generators.items import PairSet
    from litho_dl.generators.optics_set import OpticsSet
    from litho_dl.generators.recipe import GeneratorRecipe
    from litho_dl.generators.run import GeneratorRun
    from litho_dl.simulation.simulator import Simulator

PICTURED = 6
PANELS = {
    "loss": "loss",
    "areas (nm²)": "_nm2",
    "discriminator": "accuracy",
    "error of aerial images": "aerial_mse",
    "print": "print_iou",
}


def draw_run(folder: Path, run: "GeneratorRun", pairs: "PairSet | OpticsSet") -> None:
    """Draws FOLDER/curves.png and FOLDER/masks.png.

    Args:
        folder: The folder.
        run: The finished training.
        pairs: Its data set.

    Raises:
        OutputError: A picture cannot be written.
    """
    from litho_dl.generators.optics_set import OpticsSet

    network = run.card.recipe.network
    save_figure(learning_curves(panels(run.stages), columns=3, title=network), folder / "curves.png")
    if run.card.recipe.is_surrogate:
        assert not isinstance(pairs, OpticsSet)
        title, clips = f"{network}, test masks: true print, mask, the surrogate's print", print_gallery(run, pairs)
    else:
        title, clips = f"{network}, test clips: target, mask, prints", mask_gallery(run, pairs)
    save_figure(gallery_figure(clips, title=title), folder / "masks.png")


def panels(stages: Mapping[str, TrainingResult]) -> dict[str, tuple[Curves, Curves]]:
    """Training and validation curves of each stage, grouped by kind of metric."""
    grouped: dict[str, tuple[Curves, Curves]] = {}
    for stage, result in stages.items():
        curves = curves_of(result)
        for panel, part in PANELS.items():
            training, validation = ({name: values for name, values in kind.items() if part in name} for kind in curves)
            if training or validation:
                grouped[f"{stage}: {panel}"] = (training, validation)
    return grouped


def shown_rows(pairs: "PairSet") -> list[int]:
    """Rows of some test pairs, evenly spread."""
    count = min(PICTURED, len(pairs.test))
    return [index * len(pairs.test) // count for index in range(count)]


def shown_optics(drawn: "OpticsSet") -> list[int]:
    """Rows of test clips, one of each of some optics, of different kinds."""
    numbers = drawn.test.tensors[1]
    rows = [(numbers == number).nonzero()[:, 0].tolist() for number in numbers.unique().tolist()[:PICTURED]]
    return [own[index % len(own)] for index, own in enumerate(rows)]


@torch.no_grad()
def print_gallery(run: "GeneratorRun", pairs: "PairSet") -> list[GalleryClip]:
    """Some test masks with their prints by the simulator and by the surrogate.

    Args:
        run: The finished training of a surrogate.
        pairs: Its data set.

    Returns:
        The pictures' contents.
    """
    from litho_dl.simulation.simulator import Simulator

    pixel_nm, device, rows = run.card.recipe.pixel_nm, next(run.network.parameters()).device, shown_rows(pairs)
    masks = torch.from_numpy(pairs.test.masks[rows]) / 255
    predicted = run.network.eval()(masks[:, None].to(device)).cpu()[:, 1] > 0
    true = Simulator(pairs.process)(masks, pixel_nm).binary_print()
    clips = []
    for row, mask, printed, wanted in zip(rows, masks, predicted, true, strict=True):
        field = pairs.process.mask.field
        images = ClipImages(pixel_nm, mask.numpy(), printed.numpy(), target=wanted.numpy(), mask_field=field)
        wrong_nm2 = float((printed != wanted).sum()) * pixel_nm**2
        clips.append(GalleryClip(f"test mask {row}", images, score={"wrong (nm²)": wrong_nm2}))
    return clips


@torch.no_grad()
def mask_gallery(run: "GeneratorRun", pairs: "PairSet | OpticsSet") -> list[GalleryClip]:
    """Some test clips with the network's masks and their prints.

    Args:
        run: The finished training of a mask generator.
        pairs: Its data set, or the random optics that it was trained on.

    Returns:
        The pictures' contents.
    """
    from litho_dl.generators.optics_set import OpticsSet
    from litho_dl.simulation.simulator import Simulator

    recipe, network = run.card.recipe, run.network.eval()
    device = next(network.parameters()).device
    if not isinstance(pairs, OpticsSet):
        rows, simulator = shown_rows(pairs), Simulator(pairs.process).to(device)
        shown = zip(rows, torch.from_numpy(pairs.test.targets[rows]) / 255, strict=True)
        return [_mask_picture(f"test pair {row}", network, target, simulator, recipe) for row, target in shown]
    targets, numbers = (tensor[shown_optics(pairs)] for tensor in pairs.test.tensors)
    clips = []
    for target, number in zip(targets[:, 0] / 255, numbers.tolist(), strict=True):
        simulator = Simulator(pairs.processes[number]).to(device)
        assert isinstance(network, Unrolled)
        looking = SimulatedTurns(network, simulator, recipe.pixel_nm * simulator.scale)
        title = f"optics {number}: {simulator.process.optics_summary}"
        clips.append(_mask_picture(title, looking, target, simulator, recipe))
    return clips


def _mask_picture(
    title: str, network: nn.Module, target: Tensor, simulator: "Simulator", recipe: "GeneratorRecipe"
) -> GalleryClip:
    """A target (h, w) with the network's mask and its prints."""
    from litho_dl.generators.mask import mask_logits
    from litho_dl.metrics.image import l2_nm2, pvb_nm2

    pixel_nm, scale = recipe.pixel_nm, simulator.scale if recipe.sees_optics else 1.0
    mask = mask_logits(network, target[None, None].to(simulator.device), recipe.ratio) > 0
    exposure = simulator(mask.float(), recipe.mask_pixel_nm * scale, out_pixel_nm=pixel_nm * scale)
    prints = {corner: exposure.binary_print(corner)[0].cpu().numpy() for corner in ("nominal", "outer", "inner")}
    drawn, step, field = target.numpy(), recipe.ratio, simulator.process.mask.field
    score = {
        "L2": l2_nm2(prints["nominal"], drawn >= 0.5, pixel_nm * scale),
        "PVB": pvb_nm2(prints["outer"], prints["inner"], pixel_nm * scale),
    }
    coarse = mask[0].float().cpu().reshape(len(drawn), step, -1, step).mean((1, 3)).numpy()
    images = ClipImages(pixel_nm=pixel_nm * scale, mask=coarse, target=drawn, mask_field=field, **prints)
    return GalleryClip(title, images, score=score)
