"""How good a SyncNet is: the accuracy test, how it ranks, and whether it finds the offset of whole clips."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from lipwright.dataset.manifest import Dataset
from lipwright.device import DeviceChoice
from lipwright.errors import OptionError
from lipwright.latents.codec import OpenCodec
from lipwright.models.stable_syncnet import StableSyncNet, cosine_similarity, stack_frames
from lipwright.training.clip_shelf import ClipShelf, long_enough, to_pixels
from lipwright.training.draws import ClipOrder
from lipwright.training.fit import Items
from lipwright.training.losses import seen_rows
from lipwright.training.sync_items import FRAMES, SHORTEST, SyncItems
from lipwright.weights.find import find_bundle
from lipwright.weights.judges import LATENT, SyncJudge, load_syncnet
from lipwright.weights.load import load_codec

BORDER = 0.5  # cosine from which on the accuracy test says "together"
LAGS = 8  # frames to each side in which an offset is looked for
AT_ONCE = 16
HELD_SEED = 1
OFFSET_CLIPS = 24


def accuracy_figures(cosines: Tensor, together: Tensor) -> dict[str, float]:
    """Accuracy at the border 0.5, the loss, mean cosines, and the share of pairs (one together, one not) that
    are ranked right, which needs no border.
    """
    yes, no = cosines[together], cosines[~together]
    pairs = (yes[:, None] > no[None, :]).float() + 0.5 * (yes[:, None] == no[None, :]).float()
    entropy = nn.functional.binary_cross_entropy(cosines.clamp(0, 1), together.float())
    return {
        "held_loss": float(entropy),
        "held_accuracy": float(((cosines > BORDER) == together).float().mean()),
        "held_ranked": float(pairs.mean()) if pairs.numel() else float("nan"),
        "held_together": float(yes.mean()),
        "held_apart": float(no.mean()),
    }


@torch.no_grad()
def held_figures(
    network: nn.Module, items: SyncItems, seen: Callable[[Items], Tensor], count: int
) -> dict[str, float]:
    """The accuracy test on the first `count` items (in whole blocks of 16, at least one), and held_pairs: the
    share of items with a wrong sound above which the right one is ranked.
    """
    device = next(network.parameters()).device
    cosines, truths, own = [], [], []
    for first in range(0, max(AT_ONCE, count) - AT_ONCE + 1, AT_ONCE):
        made = [items(number) for number in range(first, first + AT_ONCE)]
        batch = {key: torch.stack([item[key] for item in made]).to(device) for key in made[0]}
        picture, heard = network(seen(batch), torch.cat([batch["mel"], batch["mel_shown"]]))
        cosines.append(cosine_similarity(picture, heard[:AT_ONCE]).float().cpu())
        own.append(cosine_similarity(picture, heard[AT_ONCE:]).float().cpu())
        truths.append(batch["together"].cpu() > 0.5)
    found, together = torch.cat(cosines), torch.cat(truths)
    apart = ~together
    pairs = float((torch.cat(own)[apart] > found[apart]).float().mean())
    return accuracy_figures(found, together) | {"held_pairs": pairs}


def pictures_for(judge: SyncJudge, frames: Float[Tensor, "n 3 h w"], codec: OpenCodec | None) -> Tensor:
    """What a judge is shown of frames (-1..1): its rows of them at its size, or latents; (n, c, y, x)."""
    sight, side = judge.sight, judge.sight.side
    if frames.shape[-1] != side:
        frames = nn.functional.interpolate(frames, (side, side), mode="area")
    if sight.space == LATENT:
        assert codec is not None, "a SyncNet of latents comes with an autoencoder"
        return codec.encode(frames, None)
    return frames[:, :, seen_rows(side, sight.top)]


@torch.no_grad()
def lag_curve_of(
    network: StableSyncNet, seen: Float[Tensor, "n c y x"], sounds: Float[Tensor, "m 80 52"]
) -> NDArray[np.float64]:
    """Mean cosine of all windows of one clip with the sound LAGS frames later .. LAGS earlier; NaN for none.

    seen: what the network looks at, frame by frame. sounds: of the windows from frame 0, 1, .. on. A peak at
    index LAGS + k means that the picture is k frames late.
    """
    count = min(len(sounds), len(seen) - FRAMES + 1)
    pictures, heard = [], []
    for first in range(0, count, AT_ONCE):
        windows = [seen[at : at + FRAMES] for at in range(first, min(first + AT_ONCE, count))]
        picture, sound = network(
            stack_frames(torch.stack(windows)), sounds[first : first + len(windows), None]
        )
        pictures.append(picture)
        heard.append(sound)
    cosines = (torch.cat(pictures) @ torch.cat(heard).T).double().numpy()
    curve = [np.diagonal(cosines, -lag) for lag in range(-LAGS, LAGS + 1)]
    return np.asarray([row.mean() if len(row) else np.nan for row in curve])


def offset_figures(
    judge: SyncJudge, shelf: ClipShelf, clips: Sequence[int], codec: OpenCodec | None
) -> dict[str, float]:
    """held_offset: share of clips, as they are in sync, whose best lag is 0. held_confidence: by how much the
    best mean cosine stands above the median of all lags.
    """
    curves = []
    for clip in clips:
        count = shelf.rows[clip].frames
        seen = pictures_for(judge, to_pixels(shelf.frames(clip, 0, count)), codec)
        mels = [torch.from_numpy(np.array(shelf.mel(clip, at))) for at in range(count - FRAMES + 1)]
        curves.append(lag_curve_of(judge.network, seen, torch.stack(mels)))
    best = np.asarray([int(np.nanargmax(curve)) - LAGS for curve in curves])
    heights = [float(np.nanmax(curve) - np.nanmedian(curve)) for curve in curves]
    return {"held_offset": float(np.mean(best == 0)), "held_confidence": float(np.mean(heights))}


def measure_syncnet(
    place: Path, data: Dataset, items: int, base: str = "", least_shift: int = 1
) -> dict[str, float]:
    """All figures of a finished SyncNet on all clips of a dataset, none of which it should have seen.

    base: the bundle whose autoencoder makes the latents; for a SyncNet of latents. Raises OptionError when
    that one is missing.
    """
    judge = load_syncnet(place)
    latent = judge.sight.space == LATENT
    if latent and not base:
        raise OptionError(f"{place} looks at latents; name the bundle whose autoencoder makes them.")
    choice = DeviceChoice(torch.device("cpu"), torch.float32)
    codec = load_codec(find_bundle(base), choice) if latent else None
    rows, _ = long_enough(data.clips, SHORTEST, "the accuracy test")
    shelf = ClipShelf(data.folder, rows, judge.sight.side)
    order = ClipOrder(len(rows), HELD_SEED)
    made = SyncItems(shelf, order, HELD_SEED, least_shift, None if latent else judge.sight.top)

    def seen(batch: Items) -> Tensor:
        frames = batch["frames"]
        if codec is None:
            return frames
        flat = codec.encode(rearrange(frames, "b f c h w -> (b f) c h w"), None)
        return stack_frames(rearrange(flat, "(b f) c y x -> b f c y x", b=len(frames)))

    found = held_figures(judge.network, made, seen, items)
    return found | offset_figures(judge, shelf, range(min(len(shelf), OFFSET_CLIPS)), codec)
