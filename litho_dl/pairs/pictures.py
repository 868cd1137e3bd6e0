"""Pictures of a data set: pairs with their prints, and histograms of scores."""

from pathlib import Path

import torch

from litho_dl.pairs.manifest import OPTICS, Manifest
from litho_dl.pairs.summary import read_scores, sample_pairs
from litho_dl.process.kernel_file import load_kernels
from litho_dl.simulation.simulator import Simulator
from litho_dl.viz.figure import save_figure
from litho_dl.viz.gallery import GalleryClip, gallery_figure
from litho_dl.viz.images import ClipImages
from litho_dl.viz.scores import score_histograms


def draw_pairs(path: Path, folder: Path, manifest: Manifest, count: int = 10) -> None:
    """Draws target, mask and print of some pairs, evenly spread; prints are simulated from the stored masks.

    Args:
        path: The picture.
        folder: The data set.
        manifest: Its manifest.
        count: Number of pairs.

    Raises:
        DatasetError: There is no pair, or a file is damaged.
        OutputError: The picture cannot be written.
    """
    simulator = Simulator(load_kernels(folder / OPTICS))
    pixel_nm = float(manifest.settings["recipe"]["pixel_nm"])
    drawn = []
    for pair in sample_pairs(folder, manifest, count):
        target, mask = pair.target / 255, pair.mask / 255
        with torch.no_grad():
            exposure = simulator(torch.from_numpy(mask).to(simulator.dtype), pixel_nm, out_pixel_nm=pixel_nm)
        prints = {corner: exposure.binary_print(corner).numpy() for corner in ("nominal", "outer", "inner")}
        field = simulator.process.mask.field
        images = ClipImages(pixel_nm=pixel_nm, mask=mask, target=target, mask_field=field, **prints)
        shown = {"L2": pair.score["l2_nm2"], "PVB": pair.score["pvb_nm2"], "EPE": pair.score["epe_violations"]}
        drawn.append(GalleryClip(pair.name, images, score=shown))
    save_figure(gallery_figure(drawn, title=manifest.settings["recipe"]["description"]), path)


def draw_scores(path: Path, folder: Path, manifest: Manifest) -> None:
    """Draws histograms of the scores of all pairs.

    Args:
        path: The picture.
        folder: The data set.
        manifest: Its manifest.

    Raises:
        DatasetError: There is no finished shard, or one is missing or damaged.
        OutputError: The picture cannot be written.
    """
    score = read_scores(folder, manifest).score
    values = {
        "L2 / target area": score["l2_nm2"] / score["target_nm2"],
        "PV band / target area": score["pvb_nm2"] / score["target_nm2"],
        "EPE violations": score["epe_violations"],
        "shots": score["shots"],
    }
    save_figure(score_histograms(values, title=manifest.settings["recipe"]["description"]), path)
