"""A validation clip while training: what the network draws for a person it does not train on."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from lipwright.dataset.manifest import RATE, SOUND_HZ
from lipwright.diffusion.denoiser import Denoiser
from lipwright.diffusion.noise import clip_generator, over_frames, shared_noise
from lipwright.diffusion.samplers import sample
from lipwright.evaluation.sheet import contact_sheet, spread_over, write_picture
from lipwright.media.write import save_clip
from lipwright.training.clip_shelf import to_pixels

if TYPE_CHECKING:
    from lipwright.training.train_unet import UNetTask

Pictures = NDArray[np.uint8]
SHEET_PICTURES = 8


def drawn(task: "UNetTask", clip: int, sound_of: int, windows: int) -> Pictures:
    """The held-out `clip` from its first frame, spoken over by the sound of `sound_of`, as lipwright runs:
    the clip's own frames for reference, one noise for all. (n, side, side, 3).
    """
    run, base, shelf = task.run, task.base, task.held.shelf
    device = next(task.network.parameters()).device
    keep = base.keep_mask.to(device)
    side = base.side // base.codec.factor
    noise = shared_noise(clip_generator(HELD_NOISE), side, side)
    count = min(windows * run.frames, shelf.rows[clip].frames, shelf.rows[sound_of].frames)
    made = []
    for start in range(0, max(count - run.frames, 0) + 1, run.frames):
        pixels = to_pixels(shelf.shown_frames(clip, start, run.frames)).to(device)
        shown = task.condition(task.held, clip, start, pixels)
        told = task.tokens(task.held, sound_of, start, len(pixels))[None]
        denoiser = Denoiser(task.network, shown, told, guidance=run.show_guidance)  # type: ignore[arg-type]
        solver = base.schedule.solver("ddim", run.show_steps)
        latents = sample(denoiser, over_frames(noise, len(pixels)).to(device), solver)
        found = base.codec.decode(rearrange(latents, "1 c f y x -> f c y x").to(pixels))
        made.append(found * (1 - keep) + pixels * keep)
    return _bytes(torch.cat(made))


HELD_NOISE = 3


def show_clip(task: "UNetTask", path: Path) -> None:
    """Write `path` (truth | own sound | another sound, side by side, with the own sound) and a sheet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shelf = task.held.shelf
    own = drawn(task, 0, 0, task.run.show_windows)
    other = drawn(task, 0, 1 % len(shelf), task.run.show_windows)
    count = min(len(own), len(other))
    truth = np.asarray(shelf.frames(0, 0, count), np.uint8)
    rows = {"truth": truth, "own sound": own[:count], "other sound": other[:count]}
    side_by_side = np.concatenate(list(rows.values()), axis=2)
    samples = shelf.samples(0)[: count * SOUND_HZ // RATE]
    save_clip(path, list(side_by_side), RATE, samples, SOUND_HZ, force=True)
    picked = spread_over(count, SHEET_PICTURES)
    sheet = contact_sheet([(name, [pictures[at] for at in picked]) for name, pictures in rows.items()], 128)
    write_picture(sheet, path.with_suffix(".png"))


def _bytes(pixels: Tensor) -> Pictures:
    pictures = pixels.float().add(1.0).mul(127.5).add(0.5).clamp(0, 255).permute(0, 2, 3, 1)
    return np.ascontiguousarray(pictures.to(torch.uint8).cpu().numpy())
