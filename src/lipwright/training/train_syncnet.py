"""Training a SyncNet: do these 16 frames and this stretch of sound belong together?"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from einops import rearrange
from torch import Tensor, nn

from lipwright.dataset.manifest import Dataset
from lipwright.device import DeviceChoice
from lipwright.errors import OptionError
from lipwright.latents.codec import OpenCodec, PlainCodec
from lipwright.models.stable_syncnet import (
    RELEASED,
    StableSyncNet,
    SyncNetConfig,
    agreement_loss,
    cosine_similarity,
    stack_frames,
)
from lipwright.training import settings
from lipwright.training.clip_shelf import MEMORY_MB, ClipShelf, long_enough
from lipwright.training.coded_clips import CodedClips, kept_place
from lipwright.training.draws import ITEMS, ClipOrder, item_generator
from lipwright.training.fit import Items, fit, make_accelerator
from lipwright.training.fit_config import FitConfig
from lipwright.training.losses import contrast_loss
from lipwright.training.sync_figures import BORDER, HELD_SEED, OFFSET_CLIPS, held_figures, offset_figures
from lipwright.training.sync_items import FRAMES, SHORTEST, SyncGroups, SyncItems
from lipwright.weights.find import find_bundle
from lipwright.weights.judges import LATENT, PIXEL, SyncJudge, SyncSight, save_judge
from lipwright.weights.load import load_codec

LN_2 = math.log(2)
AT_LN_2 = 0.02  # how near to ln 2 a loss is taken to stand there
MOST_WINDOWS = 8
PATIENCE = 20  # points of the curve


@dataclass(frozen=True)
class SyncNetRun:
    """One run. The defaults are the released ones; `fit.batch` there is 256 over all processes.

    model: pixel, pixel_attn, latent (released shapes), or own, whose `towers` are given in the released form.
    side: px of the crops; of pixels it sees half the rows, from a share `top` of the height on (released: the
    lower half; the mouth must lie in it). base: bundle whose autoencoder makes the latents; for latent
    SyncNets only.
    least_shift: frames that a wrong start is away at least (released: 1; wrong ones next door are hard to
    tell, so small networks learn sooner with more). windows: stretches of one clip in an item, each wrong for
    the others (released: 1, with right and wrong sound by chance). contrast_weight: of a second loss, that
    frames find their sound among those of the whole batch; it has a slope where the released loss rests at
    ln 2, and wants windows (released: 0). entropy_weight: of the released loss. flips: half of the items are
    mirrored (released: none). items: see ClipOrder. held_items: of the accuracy test.
    kept_at: folder in which latents are kept for later runs; empty for memory only.
    """

    model: str = "pixel_attn"
    towers: Mapping[str, Any] = field(default_factory=dict)
    side: int = 256
    top: float = 0.5
    base: str = ""
    least_shift: int = 1
    entropy_weight: float = 1.0
    contrast_weight: float = 0.0
    windows: int = 1
    flips: bool = False
    items: str = "epochs"
    held_share: float = 0.05
    held_items: int = 2048
    memory_mb: int = MEMORY_MB
    kept_at: str = ""
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
        if not 1 <= self.least_shift <= SHORTEST - FRAMES:
            raise OptionError(f"least_shift is {self.least_shift}, but must be 1 to {SHORTEST - FRAMES}.")
        self._check_groups()

    def _check_groups(self) -> None:
        if min(self.contrast_weight, self.entropy_weight) < 0:
            raise OptionError(
                f"contrast_weight is {self.contrast_weight:g} and entropy_weight {self.entropy_weight:g}; "
                "neither may be below 0."
            )
        if not 1 <= self.windows <= MOST_WINDOWS:
            raise OptionError(f"windows is {self.windows}, but must be from 1 to {MOST_WINDOWS}.")
        if (self.contrast_weight > 0 or self.flips) and self.windows == 1:
            raise OptionError(
                f"contrast_weight is {self.contrast_weight:g}, flips {self.flips} and windows 1: both belong "
                "to items of several windows; give 2 or more."
            )
        if self.flips and self.latent:
            raise OptionError("flips is on for a SyncNet of latents: only pictures can be mirrored.")

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


class SyncNetTask:
    """See `Task`."""

    name = "syncnet"

    def __init__(
        self,
        run: SyncNetRun,
        data: Dataset,
        codec: OpenCodec | None,
        device: torch.device | None = None,
    ) -> None:
        torch.manual_seed(run.fit.seed)
        self.run, self.codec = run, codec
        self.network: nn.Module = StableSyncNet(run.config)
        for tower in (self.network.audio_encoder, self.network.visual_encoder):
            tower.gradient_checkpointing = run.gradient_checkpointing
        train, held = data.split(run.held_share)
        train, self.short = long_enough(train, SHORTEST, "training")
        held, _ = long_enough(held, SHORTEST, "the accuracy test") if held else (train, 0)
        self.held_out = held is not train
        top = run.top if codec is None else None
        shelf = ClipShelf(data.folder, train, run.side, memory_mb=run.memory_mb)
        sees = not isinstance(codec, PlainCodec)
        order, seed, least = ClipOrder(len(train), run.fit.seed, run.items), run.fit.seed, run.least_shift
        self._item: SyncItems | SyncGroups = SyncItems(shelf, order, seed, least, top, sees)
        if run.windows > 1:
            self._item = SyncGroups(shelf, order, seed, least, top, sees, run.windows, run.flips)
        held_shelf = ClipShelf(data.folder, held, run.side, memory_mb=run.memory_mb)
        self._held = SyncItems(held_shelf, ClipOrder(len(held), HELD_SEED), HELD_SEED, least, top, sees)
        self._coded: dict[int, CodedClips] = {}
        if isinstance(codec, PlainCodec):  # nothing random: encoded once
            place = None
            if run.kept_at:
                place = kept_place(run.kept_at, find_bundle(run.base), run.side, data.folder)
            on = torch.device("cpu") if device is None else device
            for clips in (shelf, held_shelf):
                self._coded[id(clips)] = CodedClips(clips, codec, on, kept_at=place)

    @property
    def item(self) -> Callable[[int], Items]:
        return self._item

    def trained(self) -> Mapping[str, nn.Parameter]:
        return dict(self.network.named_parameters())

    def seen(self, batch: Items, items: SyncItems | SyncGroups) -> Tensor:
        """What the network looks at: stacked lower halves, or latents sampled from their posterior."""
        if self.codec is None:
            return batch["frames"]
        if self._coded:
            coded = self._coded[id(items.shelf)]
            places = zip(batch["clip"].tolist(), batch["shown"].tolist(), strict=True)
            return stack_frames(torch.stack([coded.whole(clip, shown, FRAMES) for clip, shown in places]))
        frames = batch["frames"]
        side = frames.shape[-1] // self.codec.factor
        draws = [
            torch.randn(FRAMES, 4, side, side, generator=item_generator(items.seed, int(number), "posterior"))
            for number in batch["item"]
        ]
        noise = torch.cat(draws).to(frames)
        latents = self.codec.encode(rearrange(frames, "b f c h w -> (b f) c h w"), noise)
        return stack_frames(rearrange(latents, "(b f) c y x -> b f c y x", b=len(frames)))

    def losses(self, network: nn.Module, batch: Items) -> dict[str, Tensor]:
        run = self.run
        if run.windows == 1:
            picture, sound = network(self.seen(batch, self._item), batch["mel"])
            pairs, together = (picture, sound), batch["together"]
        else:
            batch = {key: value.flatten(0, 1) for key, value in batch.items()}
            picture, own = network(self.seen(batch, self._item), batch["mel"])
            wrong = rearrange(own, "(b k) e -> b k e", k=run.windows).roll(1, dims=1).flatten(0, 1)
            pairs = torch.cat([picture, picture]), torch.cat([own, wrong])
            together = torch.cat([torch.ones_like(own[:, 0]), torch.zeros_like(own[:, 0])])
        entropy = agreement_loss(*pairs, together).mean()
        right = (cosine_similarity(*pairs) > BORDER) == (together > 0.5)
        found = {"entropy": entropy, "accuracy": right.float().mean()}
        loss = run.entropy_weight * entropy
        if run.contrast_weight:
            found["contrast"] = contrast_loss(picture, own)
            loss = loss + run.contrast_weight * found["contrast"]
        return {"loss": loss, **found}

    def check(self) -> dict[str, float]:
        """The accuracy test on held-out clips: cosine above 0.5 for together; and how well cosines rank."""
        count = min(self.run.held_items, len(self._held.shelf) * 256)
        return held_figures(self.network, self._held, lambda batch: self.seen(batch, self._held), count)

    def offsets(self, judge: SyncJudge) -> dict[str, float]:
        """Whether held-out clips are found to be in sync; see `offset_figures`."""
        clips = range(min(len(self._held.shelf), OFFSET_CLIPS))
        return offset_figures(judge, self._held.shelf, clips, self.codec)

    def show(self, folder: Path, step: int) -> None:
        """Nothing to see: a SyncNet draws nothing."""

    def identity(self) -> dict[str, Any]:
        kept = {
            "model": self.run.model,
            "side": self.run.side,
            "least_shift": self.run.least_shift,
            "entropy_weight": self.run.entropy_weight,
            "contrast_weight": self.run.contrast_weight,
            "windows": self.run.windows,
            "flips": self.run.flips,
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
    task = SyncNetTask(run, data, codec, accelerator.device)
    if task.short:
        say(f"syncnet: {task.short} clips are shorter than {SHORTEST} frames and are left out")
    curve = fit(task, run.fit, work, accelerator, say)
    if accelerator.is_main_process:
        sight = SyncSight(
            LATENT if run.latent else PIXEL, run.side, FRAMES, run.top, template=dict(data.template)
        )
        judge = SyncJudge(cast(StableSyncNet, task.network.eval()), sight)
        record = {
            "config": settings.to_json(run),
            "clips": {"train": len(task.item.shelf), "shorter": task.short, "held_out": task.held_out},  # type: ignore[attr-defined]
            "steps": int(curve[-1]["step"]),
            "last": curve[-1],
            "offsets": task.offsets(judge),
        }
        about = {"sight": asdict(sight), "training": record}
        save_judge(work / "syncnet", "syncnet", task.network, run.config.to_json(), about)
    accelerator.wait_for_everyone()
    return curve[-1]
