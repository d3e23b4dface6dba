"""Pictures of a run: reconstructions, imagined rollouts above the truth, loss curves."""

from io import BytesIO
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.figure import Figure

from jepa_world_model.data.windows import WindowSampler
from jepa_world_model.states import States
from jepa_world_model.training.run_folder import RunFolder

if TYPE_CHECKING:
    from jepa_world_model.training.trainer import Trainer

WINDOWS = 4
SEEN = 4
IMAGINED = 8
COLUMNS = 4
TRAIN_COLOUR, VALIDATION_COLOUR = "#4c78a8", "#e45756"


def draw_pictures(trainer: "Trainer", run: RunFolder) -> list[Path]:
    """Write reconstructions.png, imagination.png and losses.png. Returns where they are."""
    states = held_out_states(trainer)
    figures = {
        "reconstructions": reconstructions(states),
        "imagination": imagination(states),
        "losses": loss_curves(run.read_metrics()),
    }
    for name, figure in figures.items():
        content = BytesIO()
        figure.savefig(content, format="png", dpi=110)
        run.write(run.pictures / f"{name}.png", content.getvalue())
    return [run.pictures / f"{name}.png" for name in figures]


def held_out_states(trainer: "Trainer") -> States:
    """The states of a few held-out windows, with rollouts from frame SEEN - 1 to the end of the window."""
    source, held_out = trainer.source, trainer.held_out
    length = min(SEEN + IMAGINED, max(int(source.lengths[i]) for i in held_out))
    batch = next(WindowSampler(source, held_out, WINDOWS, length, seed=0).sequential(WINDOWS))
    trainer.model.eval()
    return trainer.whole.states(trainer.model, batch, horizon=max(1, length - SEEN))


@torch.no_grad()
def reconstructions(states: States) -> Figure:
    """Frames of held-out trajectories above what the decoder makes of their embeddings."""
    shown = slice(0, None, 3)
    frames, decoded = states.x[:, shown].flatten(0, 1), states.decode(states.z[:, shown]).flatten(0, 1)
    return _filmstrips([("frame", frames[:10]), ("decoded", decoded[:10])], "Reconstruction of held-out frames")


@torch.no_grad()
def imagination(states: States) -> Figure:
    """What the model imagines, from one embedding and the actions alone, above what happened."""
    start = states.x.shape[1] - 1 - states.horizon
    imagined = torch.stack([z[:, start] for z in states.imagined_z], dim=1)
    frames, truth = states.decode(imagined), states.x[:, start + 1 :]
    strips = [strip for n in range(len(truth)) for strip in (("imagined", frames[n]), ("truth", truth[n]))]
    return _filmstrips(strips, f"Imagined rollout above the truth, k = 1 ... {states.horizon} steps ahead")


def loss_curves(rows: list[dict[str, Any]]) -> Figure:
    """One small plot for each enabled loss: training, and held-out trajectories."""
    train = [row for row in rows if row["split"] == "train"]
    validation = [row for row in rows if row["split"] == "validation"]
    names = list(validation[0]["losses"])
    height = ceil(len(names) / COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 2.1 * height + 0.5), layout="constrained")
    for axes, name in zip(
        figure.subplots(height, COLUMNS, squeeze=False).flat, [*names, *[None] * COLUMNS], strict=False
    ):
        if name is None:
            axes.set_axis_off()
            continue
        own = [row for row in train if name in row["losses"]]
        steps = [row["step"] for row in own]
        axes.plot(steps, [row["losses"][name] for row in own], color=TRAIN_COLOUR, linewidth=0.7, label="training")
        steps = [row["step"] for row in validation]
        axes.plot(
            steps,
            [row["losses"][name] for row in validation],
            "o-",
            color=VALIDATION_COLOUR,
            markersize=3,
            label="held out",
        )
        axes.set_yscale("log")
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.25)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=8)
    return figure


def _filmstrips(strips: list[tuple[str, torch.Tensor]], title: str) -> Figure:
    """Rows of frames [N, C, H, W] with a label each."""
    columns = max(len(frames) for _, frames in strips)
    figure = Figure(figsize=(columns + 1.0, len(strips) + 0.4), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for axes, (label, frames) in zip(figure.subplots(len(strips), 1, squeeze=False).flat, strips, strict=True):
        axes.imshow(_strip(frames), interpolation="nearest", cmap="gray", vmin=0, vmax=1)
        axes.set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def _strip(frames: torch.Tensor) -> np.ndarray:
    """Frames [N, C, H, W] side by side, with a white line between. [H, W', C]"""
    images = frames.float().clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
    return np.concatenate([np.pad(image, ((0, 0), (0, 2), (0, 0)), constant_values=1.0) for image in images], axis=1)
