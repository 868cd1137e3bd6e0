"""Pictures of a generator's training: learning curves of its stages, and masks with their prints."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from litho_dl.training.loop import TrainingResult
from litho_dl.training.progress import curves_of
from litho_dl.viz.figure import save_figure
from litho_dl.viz.gallery import GalleryClip, gallery_figure
from litho_dl.viz.images import ClipImages
from litho_dl.viz.learning import Curves, learning_curves

if TYPE_CHECKING:
    from litho_dl.generators.items import PairSet
    from litho_dl.generators.run import GeneratorRun

PICTURED = 6
PANELS = {
    "loss": "loss",
    "areas (nm²)": "_nm2",
    "discriminator": "accuracy",
    "error of aerial images": "aerial_mse",
    "print": "print_iou",
}


def draw_run(folder: Path, run: "GeneratorRun", pairs: "PairSet") -> None:
    """Draws FOLDER/curves.png and FOLDER/masks.png.

    Args:
        folder: The folder.
        run: The finished training.
        pairs: Its data set.

    Raises:
        OutputError: A picture cannot be written.
    """
    network = run.card.recipe.network
    save_figure(learning_curves(panels(run.stages), columns=3, title=network), folder / "curves.png")
    if run.card.recipe.is_surrogate:
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
def mask_gallery(run: "GeneratorRun", pairs: "PairSet") -> list[GalleryClip]:
    """Some test clips with the network's masks and their prints.

    Args:
        run: The finished training of a mask generator.
        pairs: Its data set.

    Returns:
        The pictures' contents.
    """
    from litho_dl.generators.mask import mask_logits
    from litho_dl.metrics.image import l2_nm2, pvb_nm2
    from litho_dl.simulation.simulator import Simulator

    recipe, device, rows = run.card.recipe, next(run.network.parameters()).device, shown_rows(pairs)
    targets = torch.from_numpy(pairs.test.targets[rows]) / 255
    masks = mask_logits(run.network.eval(), targets[:, None].to(device), recipe.ratio).cpu() > 0
    exposure = Simulator(pairs.process)(masks.float(), recipe.mask_pixel_nm, out_pixel_nm=recipe.pixel_nm)
    prints = {corner: exposure.binary_print(corner).numpy() for corner in ("nominal", "outer", "inner")}
    clips = []
    for index, target in enumerate(targets.numpy()):
        own = {corner: images[index] for corner, images in prints.items()}
        score = {
            "L2": l2_nm2(own["nominal"], target >= 0.5, recipe.pixel_nm),
            "PVB": pvb_nm2(own["outer"], own["inner"], recipe.pixel_nm),
        }
        step = recipe.ratio
        mask = masks[index].float().reshape(len(target), step, -1, step).mean((1, 3)).numpy()
        field = pairs.process.mask.field
        images = ClipImages(pixel_nm=recipe.pixel_nm, mask=mask, target=target, mask_field=field, **own)
        clips.append(GalleryClip(f"test pair {rows[index]}", images, score=score))
    return clips
