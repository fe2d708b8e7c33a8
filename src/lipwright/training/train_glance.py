"""Training a glance: the small decoder through which the judges of stage 2 may look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lipwright.dataset.manifest import Dataset
from lipwright.device import DeviceChoice
from lipwright.errors import OptionError
from lipwright.latents.codec import PlainCodec
from lipwright.models.glance import Glance, GlanceConfig
from lipwright.training import settings
from lipwright.training.clip_shelf import MEMORY_MB, ClipShelf, long_enough, to_pixels
from lipwright.training.coded_clips import CodedClips, kept_place
from lipwright.training.draws import ClipOrder, item_rng
from lipwright.training.fit import Items, fit, make_accelerator
from lipwright.training.fit_config import FitConfig
from lipwright.weights.find import find_bundle
from lipwright.weights.judges import save_judge
from lipwright.weights.load import load_codec

HELD_SEED = 1
HELD_ITEMS = 8


@dataclass(frozen=True)
class GlanceRun:
    """One run. base: bundle whose latents are decoded; its autoencoder must have no random part. side: px of
    the clips; None for the base's. frames: of one item. kept_at: folder in which latents are kept for later
    runs.
    """

    base: str = "tiny"
    side: int | None = None
    frames: int = 4
    width: int = 64
    factor: int = 4
    blocks: int = 2
    held_share: float = 0.15
    memory_mb: int = MEMORY_MB
    kept_at: str = ""
    fit: FitConfig = field(default_factory=lambda: FitConfig(steps=400, batch=8, rate=2e-3))

    def __post_init__(self) -> None:
        if self.factor not in (1, 2, 4, 8):
            raise OptionError(f"factor is {self.factor}, but must be 1, 2, 4 or 8 px for each latent.")

    @property
    def config(self) -> GlanceConfig:
        """The network's shape."""
        return GlanceConfig(width=self.width, factor=self.factor, blocks=self.blocks)


@dataclass(frozen=True)
class GlanceItems:
    """Items by number; picklable. Keys: pixels (f, 3, h, w) -1..1 at the glance's size, clip, start."""

    shelf: ClipShelf
    order: ClipOrder
    seed: int
    frames: int
    side: int

    def __call__(self, number: int) -> Items:
        clip = self.order.clip(number)
        rng = item_rng(self.seed, number, "glance")
        start = int(rng.integers(self.shelf.rows[clip].frames - self.frames + 1))
        pixels = to_pixels(self.shelf.frames(clip, start, self.frames))
        small = functional.interpolate(pixels, (self.side, self.side), mode="area")
        return {"pixels": small, "clip": torch.tensor(clip), "start": torch.tensor(start)}


class GlanceTask:
    """See `Task`."""

    name = "glance"

    def __init__(self, run: GlanceRun, data: Dataset, device: torch.device) -> None:
        torch.manual_seed(run.fit.seed)
        self.run = run
        self.network: nn.Module = Glance(run.config)
        bundle = find_bundle(run.base)
        codec = load_codec(bundle, DeviceChoice(device, torch.float32))
        if not isinstance(codec, PlainCodec):
            raise OptionError(f"{bundle.name} draws its latents at random; a glance is for embedded models.")
        train, held = data.split(run.held_share)
        train, self.short = long_enough(train, run.frames, "training")
        held = long_enough(held, run.frames, "held-out figures")[0] if held else train
        self._coded: list[CodedClips] = []
        side = bundle.resolution if run.side is None else run.side
        place = kept_place(run.kept_at, bundle, side, data.folder) if run.kept_at else None
        made = []
        for rows, seed in ((train, run.fit.seed), (held, HELD_SEED)):
            shelf = ClipShelf(data.folder, rows, side, memory_mb=run.memory_mb)
            drawn = side // codec.factor * run.factor
            made.append(GlanceItems(shelf, ClipOrder(len(rows), seed), seed, run.frames, drawn))
            self._coded.append(CodedClips(shelf, codec, device, kept_at=place))
        self._item, self.held = made

    @property
    def item(self) -> Callable[[int], Items]:
        return self._item

    def trained(self) -> Mapping[str, nn.Parameter]:
        return dict(self.network.named_parameters())

    def losses(self, network: nn.Module, batch: Items) -> dict[str, Tensor]:
        return {"loss": self._distance(network, batch, self._coded[0])}

    def _distance(self, network: nn.Module, batch: Items, coded: CodedClips) -> Tensor:
        places = zip(batch["clip"].tolist(), batch["start"].tolist(), strict=True)
        latents = torch.cat([coded.whole(clip, start, self.run.frames) for clip, start in places])
        return functional.l1_loss(network(latents), batch["pixels"].flatten(0, 1))

    def check(self) -> dict[str, float]:
        """The same distance on held-out clips."""
        device = next(self.network.parameters()).device
        made = [self.held(number) for number in range(HELD_ITEMS)]
        batch = {key: torch.stack([item[key] for item in made]).to(device) for key in made[0]}
        return {"held_loss": float(self._distance(self.network, batch, self._coded[1]))}

    def show(self, folder: Path, step: int) -> None:
        """Nothing to see."""

    def identity(self) -> dict[str, Any]:
        kept = {key: value for key, value in settings.to_json(self.run).items() if key not in _LEFT}
        return {**kept, "clips": len(self._item.shelf)}

    def alarms(self, curve: Sequence[Mapping[str, float]]) -> list[str]:
        return []


_LEFT = ("fit", "held_share", "memory_mb", "kept_at")


def train_glance(
    run: GlanceRun,
    data: Dataset,
    work: Path,
    *,
    device: str | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, float]:
    """Train (or go on) in `work` and write the network to `work`/glance; the last point of the curve."""
    accelerator = make_accelerator(run.fit, device)
    task = GlanceTask(run, data, accelerator.device)
    curve = fit(task, run.fit, work, accelerator, say)
    if accelerator.is_main_process:
        record = {"config": settings.to_json(run), "steps": int(curve[-1]["step"]), "last": curve[-1]}
        about = {"autoencoder": find_bundle(run.base).mark("autoencoder"), "training": record}
        save_judge(work / "glance", "glance", task.network, run.config.to_json(), about)
    accelerator.wait_for_everyone()
    return curve[-1]
