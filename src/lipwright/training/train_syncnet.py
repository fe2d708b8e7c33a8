"""Training a SyncNet: do these 16 frames and this stretch of sound belong together?"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from lipwright.dataset.manifest import Dataset
from lipwright.device import DeviceChoice
from lipwright.errors import OptionError
from lipwright.latents.codec import OpenCodec
from lipwright.models.stable_syncnet import (
    RELEASED,
    StableSyncNet,
    SyncNetConfig,
    agreement_loss,
    cosine_similarity,
    stack_frames,
)
from lipwright.training import settings
from lipwright.training.clip_shelf import MEMORY_MB, ClipShelf, long_enough, to_pixels
from lipwright.training.draws import ITEMS, ClipOrder, item_generator, item_rng, other_start
from lipwright.training.fit import Items, fit, make_accelerator
from lipwright.training.fit_config import FitConfig
from lipwright.training.losses import seen_rows
from lipwright.weights.find import find_bundle
from lipwright.weights.judges import LATENT, PIXEL, load_syncnet, save_judge
from lipwright.weights.load import load_codec

FRAMES = 16
SHORTEST = 32  # frames of a clip, as released
LN_2 = math.log(2)
AT_LN_2 = 0.02  # how near to ln 2 a loss is taken to stand there
PATIENCE = 20  # points of the curve
HELD_SEED = 1  # of the fixed held-out items
BORDER = 0.5  # cosine from which on the accuracy test says "together"
TEMPERATURE = 0.1  # of the cosines that are ranked


@dataclass(frozen=True)
class SyncNetRun:
    """One run. The defaults are the released ones; `fit.batch` there is 256 over all processes.

    model: pixel, pixel_attn, latent (released shapes), or own, whose `towers` are given in the released form.
    side: px of the crops; of pixels it sees half the rows, from a share `top` of the height on (released: the
    lower half; the mouth must lie in it). base: bundle whose autoencoder makes the latents; for latent
    SyncNets only.
    least_shift: frames that a wrong start is away at least (released: 1; wrong ones next door are hard to
    tell, so small networks learn sooner with more). rank_weight: of a second loss, that the right sound of
    the frames comes before the wrong one; it has a slope where the released loss rests at ln 2 (released: 0).
    items: see ClipOrder. held_items: of the accuracy test.
    """

    model: str = "pixel_attn"
    towers: Mapping[str, Any] = field(default_factory=dict)
    side: int = 256
    top: float = 0.5
    base: str = ""
    least_shift: int = 1
    rank_weight: float = 0.0
    items: str = "epochs"
    held_share: float = 0.05
    held_items: int = 2048
    memory_mb: int = MEMORY_MB
    gradient_checkpointing: bool = False
    fit: FitConfig = field(default_factory=lambda: FitConfig(check_every=2500))

    def __post_init__(self) -> None:
        if self.model not in (*RELEASED, "own"):
            raise OptionError(f"model is {self.model!r}, but must be one of {', '.join(RELEASED)} or own.")
        if (self.model == "own") != bool(self.towers):
            raise OptionError(
                f"model is {self.model!r} and towers are {'given' if self.towers else 'not given'}: towers "
                "belong to "
                "model own, and only to it."
            )
        if self.latent != bool(self.base):
            raise OptionError(
                f"model is {self.model!r} and base is {self.base!r}: a SyncNet of latents needs the bundle "
                "whose "
                "autoencoder makes them, one of pixels takes none."
            )
        if self.items not in ITEMS:
            raise OptionError(f"items is {self.items!r}, but must be one of {', '.join(ITEMS)}.")
        if not 0 <= self.top <= 0.5:
            raise OptionError(
                f"top is {self.top:g}, but must be from 0 to 0.5: half the picture lies below it."
            )
        if self.rank_weight < 0:
            raise OptionError(f"rank_weight is {self.rank_weight:g}, but must be 0 or more.")
        if not 1 <= self.least_shift <= SHORTEST - FRAMES:
            raise OptionError(f"least_shift is {self.least_shift}, but must be 1 to {SHORTEST - FRAMES}.")

    @property
    def config(self) -> SyncNetConfig:
        """The network's shape."""
        if self.model != "own":
            return RELEASED[self.model]
        try:
            return SyncNetConfig.from_json(self.towers)
        except (KeyError, TypeError) as error:
            raise OptionError(
                f"towers describe no SyncNet ({error!r}); write them in the released form."
            ) from error

    @property
    def latent(self) -> bool:
        """Whether it looks at latents: 16 frames of four channels."""
        if self.model == "own":
            inner = self.towers.get("visual_encoder", {})
            return isinstance(inner, Mapping) and inner.get("in_channels") == 4 * FRAMES
        return self.model == "latent"


@dataclass(frozen=True)
class SyncItems:
    """Items of a run by number; picklable, for workers. Keys: frames, mel, together (1 or 0), item, and
    mel_shown, the sound that belongs to the frames.
    """

    shelf: ClipShelf
    order: ClipOrder
    seed: int
    least_shift: int
    top: float | None

    def __call__(self, number: int) -> Items:
        rng = item_rng(self.seed, number, "sync")
        clip = self.order.clip(number)
        starts = self.shelf.rows[clip].frames - FRAMES + 1
        start = int(rng.integers(starts))
        together = bool(rng.random() < 0.5)
        shown = start if together else other_start(rng, starts, start, self.least_shift)
        pixels = to_pixels(self.shelf.frames(clip, shown, FRAMES))
        if self.top is not None:
            pixels = stack_frames(pixels[None, :, :, seen_rows(self.shelf.side, self.top)])[0]
        return {
            "frames": pixels,
            "mel": torch.from_numpy(self.shelf.mel(clip, start).copy())[None],
            "mel_shown": torch.from_numpy(self.shelf.mel(clip, shown).copy())[None],
            "together": torch.tensor(float(together)),
            "item": torch.tensor(number),
        }


class SyncNetTask:
    """See `Task`."""

    name = "syncnet"

    def __init__(self, run: SyncNetRun, data: Dataset, codec: OpenCodec | None) -> None:
        torch.manual_seed(run.fit.seed)
        self.run, self.codec = run, codec
        self.network: nn.Module = StableSyncNet(run.config)
        for tower in (self.network.audio_encoder, self.network.visual_encoder):
            tower.gradient_checkpointing = run.gradient_checkpointing
        train, held = data.split(run.held_share)
        train, self.short = long_enough(train, SHORTEST, "training")
        held, _ = long_enough(held, SHORTEST, "the accuracy test") if held else (train, 0)
        self.held_out = held is not train
        self._item = self._items(data, train, run.fit.seed, run.items)
        self._held = self._items(data, held, HELD_SEED, "epochs")

    def _items(self, data: Dataset, rows: Sequence[Any], seed: int, items: str) -> SyncItems:
        shelf = ClipShelf(data.folder, rows, self.run.side, memory_mb=self.run.memory_mb)
        order = ClipOrder(len(rows), seed, items)
        top = self.run.top if self.codec is None else None
        return SyncItems(shelf, order, seed, self.run.least_shift, top)

    @property
    def item(self) -> Callable[[int], Items]:
        return self._item

    def trained(self) -> Mapping[str, nn.Parameter]:
        return dict(self.network.named_parameters())

    def seen(self, batch: Items, seed: int) -> Tensor:
        """What the network looks at: stacked lower halves, or latents sampled from their posterior."""
        if self.codec is None:
            return batch["frames"]
        frames = batch["frames"]
        side = frames.shape[-1] // self.codec.factor
        draws = [
            torch.randn(FRAMES, 4, side, side, generator=item_generator(seed, int(number), "posterior"))
            for number in batch["item"]
        ]
        noise = torch.cat(draws).to(frames)
        latents = self.codec.encode(rearrange(frames, "b f c h w -> (b f) c h w"), noise)
        return stack_frames(rearrange(latents, "(b f) c y x -> b f c y x", b=len(frames)))

    def losses(self, network: nn.Module, batch: Items) -> dict[str, Tensor]:
        frames = self.seen(batch, self.run.fit.seed)
        picture, sound = network(frames, batch["mel"])
        entropy = agreement_loss(picture, sound, batch["together"]).mean()
        right = (cosine_similarity(picture, sound) > BORDER) == (batch["together"] > 0.5)
        found = {"loss": entropy, "accuracy": right.float().mean()}
        apart = batch["together"] < 0.5
        if self.run.rank_weight > 0:
            _, own = network(frames, batch["mel_shown"])
            scores = torch.stack([cosine_similarity(picture, s).float() for s in (own, sound)], dim=1)
            truth = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
            order = nn.functional.cross_entropy(scores / TEMPERATURE, truth, reduction="none")
            rank = (order * apart).sum() / apart.sum().clamp(min=1)
            found |= {"loss": entropy + self.run.rank_weight * rank, "entropy": entropy, "rank": rank}
        return found

    def check(self) -> dict[str, float]:
        """The accuracy test on held-out clips: cosine above 0.5 for together; and how well cosines rank."""
        device = next(self.network.parameters()).device
        cosines, truths = [], []
        size = 16
        count = max(size, min(self.run.held_items, len(self._held.shelf) * 256))
        for first in range(0, count - size + 1, size):
            items = [self._held(number) for number in range(first, first + size)]
            batch = {key: torch.stack([item[key] for item in items]).to(device) for key in items[0]}
            cosines.append(
                cosine_similarity(*self.network(self.seen(batch, HELD_SEED), batch["mel"])).float().cpu()
            )
            truths.append(batch["together"].cpu() > 0.5)
        return accuracy_figures(torch.cat(cosines), torch.cat(truths))

    def show(self, folder: Path, step: int) -> None:
        """Nothing to see: a SyncNet draws nothing."""

    def identity(self) -> dict[str, Any]:
        kept = {
            "model": self.run.model,
            "side": self.run.side,
            "least_shift": self.run.least_shift,
            "rank_weight": self.run.rank_weight,
            "top": self.run.top,
        }
        return {
            **kept,
            "items": self.run.items,
            "network": self.run.config.to_json(),
            "clips": len(self._item.shelf),
        }

    def alarms(self, curve: Sequence[Mapping[str, float]]) -> list[str]:
        """SyncNet's own trouble: a loss that stands at ln 2, and clips learnt by heart."""
        found = []
        recent = [point.get("entropy", point["loss"]) for point in curve if "loss" in point][-PATIENCE:]
        if len(recent) == PATIENCE and all(abs(loss - LN_2) < AT_LN_2 for loss in recent):
            found.append(
                f"The loss stands at ln 2 ({LN_2:.3f}): the network says one half to everything. Check "
                "that sound and "
                "picture of the clips are offset-corrected and cut alike, take a larger batch (released: "
                "256), "
                "raise least_shift or fit.rate; with little data it may never leave, so give more clips."
            )
        held = [(p["held_loss"], p["loss"]) for p in curve if "held_loss" in p and "loss" in p]
        if (
            len(held) > 3
            and held[-1][0] > 1.2 * min(value for value, _ in held)
            and held[-1][1] < 0.5 * held[-1][0]
        ):
            found.append(
                "The held-out loss rises while the other falls: the clips are being learnt by heart; give "
                "more clips "
                "or stop earlier."
            )
        return found


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


def train_syncnet(
    run: SyncNetRun,
    data: Dataset,
    work: Path,
    *,
    device: str | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, float]:
    """Train (or go on) in `work` and write the network to `work`/syncnet; the last point of the curve.

    Raises InputError's kinds for data, settings and files, LipwrightError when the loss is no number.
    """
    accelerator = make_accelerator(run.fit, device)
    codec = None
    if run.latent:
        codec = load_codec(find_bundle(run.base), DeviceChoice(accelerator.device, torch.float32))
    task = SyncNetTask(run, data, codec)
    if task.short:
        say(f"syncnet: {task.short} clips are shorter than {SHORTEST} frames and are left out")
    curve = fit(task, run.fit, work, accelerator, say)
    if accelerator.is_main_process:
        sight = {"space": LATENT if run.latent else PIXEL, "side": run.side, "frames": FRAMES, "top": run.top}
        sight["template"] = dict(data.template)
        record = {
            "config": settings.to_json(run),
            "clips": {"train": len(task.item.shelf), "shorter": task.short, "held_out": task.held_out},  # type: ignore[attr-defined]
            "steps": int(curve[-1]["step"]),
            "last": curve[-1],
        }
        about = {"sight": sight, "training": record}
        save_judge(work / "syncnet", "syncnet", task.network, run.config.to_json(), about)
    accelerator.wait_for_everyone()
    return curve[-1]


def measure_syncnet(place: Path, data: Dataset, items: int, base: str = "") -> dict[str, float]:
    """The accuracy test of a finished SyncNet on all clips of a dataset."""
    judge = load_syncnet(place)
    latent = judge.sight.space == LATENT
    if latent and not base:
        raise OptionError(f"{place} looks at latents; name the bundle whose autoencoder makes them.")
    codec = (
        load_codec(find_bundle(base), DeviceChoice(torch.device("cpu"), torch.float32)) if latent else None
    )
    rows, _ = long_enough(data.clips, SHORTEST, "the accuracy test")
    shelf = ClipShelf(data.folder, rows, judge.sight.side)
    made = SyncItems(
        shelf, ClipOrder(len(rows), HELD_SEED), HELD_SEED, 1, None if latent else judge.sight.top
    )
    cosines, truths = [], []
    with torch.no_grad():
        for number in range(items):
            item = {key: value[None] for key, value in made(number).items()}
            frames = item["frames"]
            if codec is not None:
                frames = rearrange(codec.encode(frames[0], None), "f c y x -> 1 (f c) y x")
            cosines.append(cosine_similarity(*judge.network(frames, item["mel"])))
            truths.append(item["together"] > 0.5)
    return accuracy_figures(torch.cat(cosines), torch.cat(truths))
