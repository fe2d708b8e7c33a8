"""A small video masked autoencoder: the judge of motion for TREPA where no large one may be used.

Self-supervised: most of a clip is hidden, always the same places in all its frames, and has to be drawn from
the rest. What the encoder then says of a whole clip is compared by TREPA.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from lipwright.dataset.manifest import ClipRow, Dataset
from lipwright.errors import OptionError
from lipwright.models.videomae import Block, VideoMAE, VideoMAEConfig, position_table
from lipwright.training import settings
from lipwright.training.clip_shelf import MEMORY_MB, ClipShelf, long_enough, to_pixels
from lipwright.training.draws import ITEMS, ClipOrder, item_generator, item_rng
from lipwright.training.fit import Items, fit, make_accelerator
from lipwright.training.fit_config import FitConfig
from lipwright.training.losses import motion_features
from lipwright.weights.judges import save_judge

HELD_SEED = 1
SHIFT_PX = 2  # of the trembling clips that the encoder must tell from calm ones
PROBED = (96, 48)  # clips that the probe learns from, and is asked about


@dataclass(frozen=True)
class VideoMAERun:
    """One run; the defaults are a toy that trains in minutes on a CPU. hidden_share: of the places.

    change_gain: of first weights that look at what changes between the two frames of a patch, see
    `look_for_change`; as they are drawn, brightness and place drown it (VideoMAE: 0, as they are drawn).
    shake_px: half of the clips, or a box in them, are moved about by drawn paths of up to so many px
    (VideoMAE: 0). shake_weight: of a second task, that the vector of the whole clip tells how fast that was;
    without it a network of this size and training keeps to the mean face (VideoMAE: 0).
    """

    side: int = 64
    patch: int = 8
    width: int = 96
    depth: int = 4
    heads: int = 4
    frames: int = 16
    decoder_width: int = 48
    decoder_depth: int = 1
    hidden_share: float = 0.75
    change_gain: float = 0.0
    shake_px: float = 0.0
    shake_weight: float = 0.0
    items: str = "epochs"
    held_share: float = 0.15
    memory_mb: int = MEMORY_MB
    fit: FitConfig = field(default_factory=lambda: FitConfig(steps=400, batch=8, rate=1e-3))

    def __post_init__(self) -> None:
        if self.side % self.patch or self.frames % 2:
            raise OptionError(
                f"side is {self.side}, patch {self.patch}, frames {self.frames}: the side must be whole "
                "patches, the frames even."
            )
        if self.width % (2 * self.heads) or self.decoder_width % 8:
            raise OptionError(
                f"width is {self.width} for {self.heads} heads, decoder_width {self.decoder_width}: each "
                "head needs an even width, the decoder a multiple of 8."
            )
        if not 0.1 <= self.hidden_share <= 0.95:
            raise OptionError(f"hidden_share is {self.hidden_share:g}, but must be from 0.1 to 0.95.")
        if min(self.change_gain, self.shake_weight, self.shake_px) < 0 or (
            self.shake_weight > 0 and not self.shake_px
        ):
            raise OptionError(
                f"change_gain is {self.change_gain:g}, shake_weight {self.shake_weight:g} and shake_px "
                f"{self.shake_px:g}: none may be below 0, and a weight needs clips that shake."
            )
        if self.items not in ITEMS:
            raise OptionError(f"items is {self.items!r}, but must be one of {', '.join(ITEMS)}.")

    @property
    def config(self) -> VideoMAEConfig:
        """The encoder's shape."""
        return VideoMAEConfig(
            self.side,
            self.patch,
            self.width,
            self.depth,
            self.heads,
            "4",
            num_classes=1,
            all_frames=self.frames,
        )


class MaskedVideo(nn.Module):
    """The encoder that is kept, and a decoder that only training needs."""

    positions: Tensor

    def __init__(self, run: VideoMAERun) -> None:
        super().__init__()
        self.encoder = VideoMAE(run.config)
        if run.change_gain:
            look_for_change(self.encoder.patch_embed.proj, run.change_gain)
        wide = run.decoder_width
        small = VideoMAEConfig(run.side, run.patch, wide, run.decoder_depth, 4, "4", num_classes=1)
        self.narrow = nn.Linear(run.width, wide)
        self.hidden = nn.Parameter(torch.zeros(wide))
        self.blocks = nn.ModuleList([Block(small) for _ in range(run.decoder_depth)])
        self.norm = nn.LayerNorm(wide)
        self.draw = nn.Linear(wide, 2 * 3 * run.patch**2)
        self.speed = nn.Linear(run.width, 1)
        self.register_buffer("positions", position_table(run.config.tokens, wide), persistent=False)
        self.patch = run.patch

    def forward(self, videos: Tensor, seen: Tensor, unseen: Tensor) -> tuple[Tensor, Tensor]:
        """(mean squared error of the hidden patches, each to its own mean and deviation; how fast each clip
        is moved about (b,), read from its vector).

        videos (b, 3, f, h, w) 0..1; seen, unseen: token numbers (b, s) and (b, u).
        """
        tokens = self.encoder.through(_picked(self.encoder.embed(videos), seen))
        speed = self.speed(self.encoder.fc_norm(tokens.mean(dim=1)))[:, 0]
        encoded = self.narrow(tokens)
        places = self.positions.expand(len(videos), -1, -1)
        asked = self.hidden + _picked(places, unseen)
        both = torch.cat([encoded + _picked(places, seen), asked], dim=1)
        for block in self.blocks:
            both = block(both)
        found = self.draw(self.norm(both[:, seen.shape[1] :]))
        wanted = _picked(patches_of(videos, self.patch), unseen)
        wanted = (wanted - wanted.mean(-1, keepdim=True)) / (wanted.var(-1, keepdim=True) + 1e-6).sqrt()
        return nn.functional.mse_loss(found.float(), wanted.float()), speed.float()


@torch.no_grad()
def look_for_change(proj: nn.Conv3d, gain: float) -> None:
    """First weights that see motion: no channel sees plain brightness, and half of them see the difference of
    a patch's two frames, `gain` times as strongly as drawn.
    """
    weight = proj.weight
    weight -= weight.mean(dim=(1, 2, 3, 4), keepdim=True)
    half = len(weight) // 2
    weight[:half, :, 1] *= gain
    weight[:half, :, 0] = -weight[:half, :, 1]


def patches_of(videos: Tensor, patch: int) -> Tensor:
    """(b, 3, f, h, w) to (b, tokens, values), in the encoder's order of tokens."""
    return rearrange(videos, "b c (t k) (y p) (x q) -> b (t y x) (k p q c)", k=2, p=patch, q=patch)


def hidden_places(run: VideoMAERun, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """(seen, unseen) token numbers: the same places of the picture are hidden at all times."""
    cells = (run.side // run.patch) ** 2
    order = torch.randperm(cells, generator=draws)
    count = max(1, min(cells - 1, round(cells * run.hidden_share)))
    times = torch.arange(run.frames // 2)[:, None] * cells
    return (times + order[count:].sort().values).flatten(), (times + order[:count].sort().values).flatten()


def shaken(video: Tensor, most_px: float, rng: np.random.Generator) -> tuple[Tensor, float]:
    """A video (f, 3, h, w), or a box in it, moved about by a drawn path, from smooth to jumpy, of up to
    `most_px` px; and how fast that is (root mean square, px a frame).
    """
    count, _, height, width = video.shape
    rough, reach = rng.random(), rng.random() * most_px
    smooth = np.cumsum(rng.normal(size=(count, 2)), axis=0)
    path = rough * rng.normal(size=(count, 2)) + (1 - rough) * (smooth - smooth.mean(0)) / 4
    path *= reach / max(float(np.abs(path).max()), 1e-6)
    moves = torch.eye(2, 3).repeat(count, 1, 1)
    moves[:, :, 2] = torch.from_numpy(path * 2 / np.array([width, height])).float()
    grid = nn.functional.affine_grid(moves, list(video.shape), align_corners=False)
    moved = nn.functional.grid_sample(video, grid, padding_mode="border", align_corners=False)
    if rng.random() < 0.5:  # only in a box, as a mouth that trembles
        tall, wide = (int(side * rng.uniform(0.3, 0.7)) for side in (height, width))
        top, left = int(rng.integers(height - tall)), int(rng.integers(width - wide))
        whole, moved = moved, video.clone()
        box = (..., slice(top, top + tall), slice(left, left + wide))
        moved[box] = whole[box]
    return moved, float(np.sqrt(np.square(np.diff(path, axis=0)).sum(1).mean()))


def _picked(tokens: Tensor, numbers: Tensor) -> Tensor:
    return tokens.gather(1, repeat(numbers, "b n -> b n c", c=tokens.shape[-1]))


@dataclass(frozen=True)
class VideoItems:
    """Items by number; picklable. Keys: video (f, 3, s, s) -1..1, seen, unseen, speed."""

    shelf: ClipShelf
    order: ClipOrder
    seed: int
    run: VideoMAERun

    def __call__(self, number: int) -> Items:
        rng = item_rng(self.seed, number, "video")
        clip = self.order.clip(number)
        start = int(rng.integers(self.shelf.rows[clip].frames - self.run.frames + 1))
        video = to_pixels(self.shelf.frames(clip, start, self.run.frames))
        if rng.random() < 0.5:
            video = video.flip(-1)
        speed = 0.0
        if self.run.shake_px and rng.random() < 0.5:
            video, speed = shaken(video, self.run.shake_px, rng)
        seen, unseen = hidden_places(self.run, item_generator(self.seed, number, "mask"))
        return {"video": video, "seen": seen, "unseen": unseen, "speed": torch.tensor(speed)}


class VideoMAETask:
    """See `Task`."""

    name = "video-mae"

    def __init__(self, run: VideoMAERun, data: Dataset) -> None:
        torch.manual_seed(run.fit.seed)
        self.run = run
        self.network: nn.Module = MaskedVideo(run)
        train, held = data.split(run.held_share)
        train, self.short = long_enough(train, run.frames, "training")
        held = long_enough(held, run.frames, "held-out figures")[0] if held else train
        self.held_out = held is not train
        self._item = self._items(data, train, run.fit.seed, run.items)
        self.held = self._items(data, held, HELD_SEED, "epochs")

    def _items(self, data: Dataset, rows: Sequence[ClipRow], seed: int, items: str) -> VideoItems:
        shelf = ClipShelf(data.folder, rows, self.run.side, memory_mb=self.run.memory_mb)
        return VideoItems(shelf, ClipOrder(len(rows), seed, items), seed, self.run)

    @property
    def item(self) -> Callable[[int], Items]:
        return self._item

    @property
    def clips(self) -> int:
        """Clips that are trained on."""
        return len(self._item.shelf)

    def trained(self) -> Mapping[str, nn.Parameter]:
        """Everything that the tasks give a slope."""
        vector = ("encoder.fc_norm.", "speed.")
        idle = ("encoder.head.", *(() if self.run.shake_weight else vector))
        return {name: p for name, p in self.network.named_parameters() if not name.startswith(idle)}

    def losses(self, network: nn.Module, batch: Items) -> dict[str, Tensor]:
        videos = rearrange(batch["video"], "b f c h w -> b c f h w") / 2 + 0.5
        hidden, speed = network(videos, batch["seen"], batch["unseen"])
        if not self.run.shake_weight:
            return {"loss": hidden}
        shake = nn.functional.mse_loss(speed, batch["speed"].float())
        return {"loss": hidden + self.run.shake_weight * shake, "hidden": hidden, "shake": shake}

    def check(self) -> dict[str, float]:
        device = next(self.network.parameters()).device
        batch = _stacked([self.held(number) for number in range(16)], device)
        encoder = cast(MaskedVideo, self.network).encoder
        losses = self.losses(self.network, batch)
        found = {f"held_{key}": float(value) for key, value in losses.items()}
        return found | separation(encoder, self._item, self.held)

    def show(self, folder: Path, step: int) -> None:
        """Nothing to see."""

    def identity(self) -> dict[str, Any]:
        left = ("fit", "held_share", "memory_mb")
        kept = {key: value for key, value in settings.to_json(self.run).items() if key not in left}
        return {**kept, "clips": self.clips}

    def alarms(self, curve: Sequence[Mapping[str, float]]) -> list[str]:
        checks = [point for point in curve if "tremble_told" in point]
        if len(checks) > 2 and checks[-1]["tremble_told"] < 0.6:
            return [
                "The features hardly tell trembling clips from calm ones: train longer, or on more clips."
            ]
        return []


def _stacked(items: Sequence[Items], device: torch.device) -> Items:
    return {key: torch.stack([item[key] for item in items]).to(device) for key in items[0]}


def trembling(video: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """(calm, trembling) versions of a video (f, 3, h, w): every frame is moved sideways by the same distance,
    in the first always to one side, in the second to a drawn one. Frame by frame they are equally far off.
    """
    sides = torch.where(torch.rand(len(video), generator=draws) < 0.5, -SHIFT_PX, SHIFT_PX)
    one = SHIFT_PX if float(torch.rand(1, generator=draws)) < 0.5 else -SHIFT_PX
    calm = torch.stack([frame.roll(one, -1) for frame in video])
    return calm, torch.stack([frame.roll(int(side), -1) for frame, side in zip(video, sides, strict=True)])


def separation(encoder: VideoMAE, train: VideoItems, held: VideoItems) -> dict[str, float]:
    """How well the features tell trembling from calm.

    tremble_told: share of held-out pairs that a linear probe, fitted on training clips, puts in order (chance
    0.5). tremble_ratio: TREPA distance of the trembling version to the true clip over that of the calm one.
    """
    features, ratios = [], []
    for items, count in ((train, PROBED[0]), (held, PROBED[1])):
        rows = []
        for first in range(0, count, 16):
            videos = [items(HELD_SEED * 1_000_003 + number)["video"] for number in range(first, first + 16)]
            draws = [item_generator(HELD_SEED, number, "tremble") for number in range(first, first + 16)]
            pairs = [trembling(video, draw) for video, draw in zip(videos, draws, strict=True)]
            device = next(encoder.parameters()).device
            stacks = [torch.stack(list(part)).to(device) for part in (videos, *zip(*pairs, strict=True))]
            true, calm, shaken = (motion_features(encoder, stack).cpu() for stack in stacks)
            rows.append(torch.stack([calm, shaken]))
            if items is held:
                ratios.append(
                    (shaken - true).square().sum(1) / (calm - true).square().sum(1).clamp(min=1e-12)
                )
        features.append(torch.cat(rows, dim=1))
    known, asked = features
    x = torch.cat([known[0], known[1]])
    middle = x.mean(0)
    y = torch.cat([-torch.ones(known.shape[1]), torch.ones(known.shape[1])])
    x = x - middle
    scale = float(x.square().sum() / len(x))
    weights = torch.linalg.solve(
        x.T @ x + 1e-3 * len(x) * scale / x.shape[1] * torch.eye(x.shape[1]), x.T @ y
    )
    scores = (asked - middle) @ weights
    told = (scores[1][:, None] > scores[0][None, :]).float().mean()
    return {"tremble_told": float(told), "tremble_ratio": float(torch.cat(ratios).median())}


def train_video_mae(
    run: VideoMAERun,
    data: Dataset,
    work: Path,
    *,
    device: str | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, float]:
    """Train (or go on) in `work` and write the encoder to `work`/videomae; the last point of the curve."""
    accelerator = make_accelerator(run.fit, device)
    task = VideoMAETask(run, data)
    curve = fit(task, run.fit, work, accelerator, say)
    if accelerator.is_main_process:
        record = {
            "config": settings.to_json(run),
            "clips": {"train": task.clips, "shorter": task.short, "held_out": task.held_out},
            "steps": int(curve[-1]["step"]),
            "last": curve[-1],
        }
        encoder = cast(MaskedVideo, task.network).encoder
        save_judge(work / "videomae", "videomae", encoder, run.config.to_json(), {"training": record})
    accelerator.wait_for_everyone()
    return curve[-1]
