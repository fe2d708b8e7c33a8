"""Training the U-Net, stage 1 or 2, from scratch, from a bundle, or by LoRA; the result is a bundle."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from lipwright.dataset.manifest import RATE, SOUND_HZ, ClipRow, Dataset
from lipwright.errors import OutputError
from lipwright.latents.codec import PlainCodec
from lipwright.latents.conditioning import assemble, condition, latent_mask, masked
from lipwright.media.samples import read_samples
from lipwright.models.unet import UNet3D
from lipwright.speech.features import Listening
from lipwright.training import settings
from lipwright.training.clip_shelf import ClipShelf, long_enough
from lipwright.training.coded_clips import CodedClips, Kept, kept_place
from lipwright.training.draws import ClipOrder
from lipwright.training.fit import Items, fit, make_accelerator
from lipwright.training.lora import merged
from lipwright.training.show import show_clip
from lipwright.training.stage_two import Batch, step_losses
from lipwright.training.unet_config import UNetRun
from lipwright.training.unet_items import UNetItems, shortest_clip
from lipwright.training.unet_parts import Base, build_unet, choose_trained, load_base, load_judges
from lipwright.weights.bundle import Bundle, write_description
from lipwright.weights.load import save_weights

CLIPS_HEARD = 512  # clips whose feature rows are kept
HELD_SEED = 1  # of the fixed held-out items
_FREE = (  # settings that may change when a run goes on
    "fit",
    "held_share",
    "held_items",
    "show_windows",
    "show_steps",
    "show_guidance",
    "memory_mb",
    "kept_at",
)


class UNetTask:
    """See `Task`."""

    name = "unet"

    def __init__(self, run: UNetRun, data: Dataset, base: Base, device: torch.device) -> None:
        self.run, self.data, self.base = run, data, base
        self.network: nn.Module = build_unet(run, base)
        self._trained = choose_trained(run, self.network)
        self.judges, self.judge_record = load_judges(run, base, device)
        train, held = data.split(run.held_share)
        train, self.short = long_enough(train, shortest_clip(run.frames), "training")
        held, _ = long_enough(held, shortest_clip(run.frames), "held-out figures") if held else (train, 0)
        self.held_out = held is not train
        self._item = self._items(train, run.fit.seed, run.items, run.audio_dropout)
        self.held = self._items(held, HELD_SEED, "epochs", 0.0)
        self._keep = base.keep_mask.to(device)
        place = kept_place(run.kept_at, base.bundle, base.side, data.folder) if run.kept_at else None
        self._heard = Kept(CLIPS_HEARD, None if place is None else place / "heard")
        self._coded: dict[int, CodedClips] = {}
        if isinstance(base.codec, PlainCodec):  # nothing random: encoded once
            for items in (self._item, self.held):
                self._coded[id(items)] = CodedClips(items.shelf, base.codec, device, self._keep, place)
        self._small = latent_mask(self._keep, base.codec.factor)
        self._weight: Tensor | None = None
        if run.outside_weight != 1.0:
            weight = torch.where(self._small > 0.5, run.outside_weight, 1.0)
            self._weight = weight / weight.mean()

    def _items(self, rows: Sequence[ClipRow], seed: int, items: str, dropout: float) -> UNetItems:
        run = self.run
        shelf = ClipShelf(self.data.folder, rows, self.base.side, memory_mb=run.memory_mb)
        listens = self.judges.syncnet is not None
        order = ClipOrder(len(rows), seed, items)
        encodes = not isinstance(self.base.codec, PlainCodec)
        looks = (self.judges.perceptual is not None and not run.look_frames) or (
            self.judges.videomae is not None and not run.glance
        )
        factor = self.base.codec.factor
        steps = run.sampler_steps
        met = self.base.schedule.sampler_times(steps).tolist() if steps else ()
        drawn = (shelf, order, seed, run.frames, run.noise, run.mixing, dropout)
        looked = run.look_frames if self.judges.perceptual is not None else 0
        return UNetItems(*drawn, listens, encodes, looks, factor, looked, tuple(met), run.sampler_share)

    @property
    def item(self) -> Callable[[int], Items]:
        return self._item

    def trained(self) -> Mapping[str, nn.Parameter]:
        return self._trained

    def batch(self, made: Items, items: UNetItems, tokens_of: Tensor | None = None) -> Batch:
        """Latents and tokens of items. tokens_of: other clips (b,) whose sound is heard instead."""
        clean, hidden, reference = self._latents(made, items)
        pixels = made.get("pixels")
        if self.run.glance and self.judges.videomae is not None:
            pixels = self._glanced(clean)
        clips = made["clip"] if tokens_of is None else tokens_of
        tokens = torch.stack(
            [
                self.tokens(items, int(clip), int(start), clean.shape[2])
                for clip, start in zip(clips, made["start"], strict=True)
            ]
        )
        return Batch(
            pixels=pixels,
            clean=clean,
            masked=hidden,
            reference=reference,
            latent_mask=self._small,
            audio=tokens * made["heard"][:, None, None, None].to(tokens),
            mel=made.get("mel"),
            noise=made["noise"],
            t=made["t"],
            weight=self._weight,
            looked=made.get("looked"),
            look_at=made.get("look"),
        )

    def _latents(self, made: Items, items: UNetItems) -> tuple[Tensor, Tensor, Tensor]:
        """Target, masked target and reference, (b, 4, f, y, x) each."""
        if self._coded:
            count = self.run.frames
            coded = self._coded[id(items)]
            clips, starts, others = (made[key].tolist() for key in ("clip", "start", "other"))
            found = (
                [coded.whole(clip, at, count) for clip, at in zip(clips, starts, strict=True)],
                [coded.masked(clip, at, count) for clip, at in zip(clips, starts, strict=True)],
                [coded.shown(clip, at, count) for clip, at in zip(clips, others, strict=True)],
            )
            first, second, third = (rearrange(torch.stack(part), "b f c y x -> b c f y x") for part in found)
            return first, second, third
        pixels, encoded = made["pixels"], []
        for number, frames in enumerate((pixels, made["shown"], made["reference"])):
            flat = rearrange(frames, "b f c h w -> (b f) c h w")
            if number == 1:
                flat = masked(flat, self._keep)
            noise = rearrange(made["spread"][:, number], "b f c y x -> (b f) c y x")
            latents = self.base.codec.encode(flat, noise).float()
            encoded.append(rearrange(latents, "(b f) c y x -> b c f y x", b=len(pixels)))
        return encoded[0], encoded[1], encoded[2]

    def condition(self, items: UNetItems, clip: int, start: int, pixels: Tensor) -> Tensor:
        """The nine channels of a clip's frames from `start` on, with themselves for reference, as lipwright
        runs; pixels: those frames as they are shown (n, 3, s, s).
        """
        if not self._coded:
            return condition(self.base.codec, pixels, self._keep)
        coded, count = self._coded[id(items)], len(pixels)
        hidden, whole = coded.masked(clip, start, count), coded.shown(clip, start, count)
        return assemble(self._small, hidden, whole)

    @torch.no_grad()
    def _glanced(self, clean: Tensor) -> Tensor:
        """The true frames as the judges see the made ones: through the same small decoder."""
        assert self.judges.decode is not None, "a glance is a judge's"
        frames = self.judges.decode(rearrange(clean, "b c f y x -> (b f) c y x"))
        return rearrange(frames, "(b f) c h w -> b f c h w", b=len(clean))

    def tokens(self, items: UNetItems, clip: int, start: int, count: int) -> Tensor:
        """What the network is told about frames `start` .. of a clip: (count, n, d)."""
        row = items.shelf.rows[clip]
        rows = self._heard.get(row.name, lambda: self._listen(row)).to(self._keep.device)
        times = [(start + frame) / RATE for frame in range(count)]
        return self.base.ears.tokens(_Heard(rows), times)

    def _listen(self, row: ClipRow) -> Tensor:
        device = self._keep.device
        sound = Listening(
            self.base.ears.encode,
            read_samples(self.data.folder / row.sound, SOUND_HZ),
            self.base.ears.blocks,
            device=device,
        )
        return sound.rows(0, sound.count)

    def losses(self, network: nn.Module, batch: Items) -> dict[str, Tensor]:
        with torch.no_grad():
            ready = self.batch(batch, self._item)
        return step_losses(network, self.judges, self.base.schedule, ready, self.run.weights).parts()

    def check(self) -> dict[str, float]:
        """Reconstruction on fixed held-out items, with their sound and with another clip's: the sound is used
        when the second is larger.
        """
        run = self.run
        totals = {"held_loss": 0.0, "held_loss_wrong_sound": 0.0}
        for number in range(run.held_items):
            made = {key: value[None].to(self._keep.device) for key, value in self.held(number).items()}
            made["t"] = torch.full_like(made["t"], round((number + 0.5) / run.held_items * 999))
            wrong = (made["clip"] + 1) % len(self.held.shelf)
            for key, clips in (("held_loss", None), ("held_loss_wrong_sound", wrong)):
                batch = self.batch(made, self.held, clips)
                found = step_losses(self.network, type(self.judges)(), self.base.schedule, batch, run.weights)
                totals[key] += float(found.reconstruction) / run.held_items
        return totals

    def show(self, folder: Path, step: int) -> None:
        """A held-out clip: the truth, with its own sound, with another clip's."""
        assert isinstance(self.network, UNet3D)
        show_clip(self, folder / "shown" / f"step-{step:07d}.mp4")

    def identity(self) -> dict[str, Any]:
        run = settings.to_json(self.run)
        kept = {key: value for key, value in run.items() if key not in _FREE}
        return {**kept, "base_files": dict(self.base.bundle.info["files"]), "clips": len(self._item.shelf)}

    def alarms(self, curve: Sequence[Mapping[str, float]]) -> list[str]:
        """The U-Net's own trouble: sound without effect, and clips learnt by heart."""
        found = []
        checks = [point for point in curve if "held_loss_wrong_sound" in point]
        if len(checks) > 3 and len(self.held.shelf) > 1:
            last = checks[-1]
            if last["held_loss_wrong_sound"] <= last["held_loss"] * 1.0005:
                found.append(
                    "Another clip's sound predicts as well as the own one: the mouth does not follow the "
                    "sound yet. Early on "
                    "that is normal; later check that the mask hides the whole jaw, and that the sound is "
                    "in sync."
                )
            if last["held_loss"] > 1.15 * min(point["held_loss"] for point in checks):
                found.append(
                    "The held-out loss rises: the clips are being learnt by heart; give more, or stop."
                )
        return found


class _Heard:
    """Feature rows that are all there (see `Rows`)."""

    def __init__(self, rows: Tensor) -> None:
        self._rows = rows

    @property
    def count(self) -> int:
        return len(self._rows)

    def rows(self, first: int, stop: int) -> Tensor:
        return self._rows[first:stop]


def train_unet(
    run: UNetRun, data: Dataset, work: Path, *, device: str | None = None, say: Callable[[str], None] = print
) -> Path:
    """Train (or go on) in `work`; writes and returns the bundle `work`/bundle.

    Raises InputError's kinds for data, settings and files, LipwrightError when the loss is no number.
    """
    accelerator = make_accelerator(run.fit, device)
    base = load_base(run, accelerator.device, data)
    task = UNetTask(run, data, base, accelerator.device)
    if task.short:
        say(f"unet: {task.short} clips are shorter than {shortest_clip(run.frames)} frames and are left out")
    for name, judge in task.judge_record.items():
        say(f"unet: {name}: {judge}")
    curve = fit(task, run.fit, work, accelerator, say)
    out = work / "bundle"
    if accelerator.is_main_process:
        write_bundle(out, task, curve)
    accelerator.wait_for_everyone()
    return out


def write_bundle(out: Path, task: UNetTask, curve: Sequence[Mapping[str, float]]) -> Bundle:
    """The base with the trained U-Net in it. Raises OutputError when it cannot be written."""
    run, base = task.run, task.base.bundle
    network = merged(task.network)
    assert isinstance(network, UNet3D)
    temporal = network.config.use_motion_module
    record = {
        "command": f"lipwright train unet --stage {run.stage}",
        "from": {
            "name": base.name,
            "files": dict(base.info["files"]),
            "training": base.info.get("training", {}),
        },
        "config": settings.to_json(run),
        "judges": task.judge_record,
        "clips": {"train": len(task._item.shelf), "shorter": task.short, "held_out": task.held_out},
        "steps": int(curve[-1]["step"]),
        "last": dict(curve[-1]),
    }
    info = {key: value for key, value in base.info.items() if key not in ("format", "files", "training")}
    parts = {name: dict(part) for name, part in base.info["parts"].items()}
    parts["unet"] = {"kind": "latentsync", "file": "unet.safetensors", "config": network.config.to_json()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in ("autoencoder", "speech"):
            shutil.copyfile(base.file(name), out / str(parts[name]["file"]))
        save_weights(network, out / "unet.safetensors")
        return write_description(
            out,
            {
                **info,
                "name": run.name if run.name else f"{base.name}-trained",
                "about": f"{base.info.get('about', base.name)} U-Net trained further, stage {run.stage}.",
                "resolution": task.base.side,
                "template": base.template.at(task.base.side).to_dict(),
                "window": run.frames,
                "overlap": (max(base.overlap, run.frames // 4) if temporal else base.overlap),
                "steady": 0.0 if temporal else base.steady,
                "schedule": task.base.schedule.to_json(),
                "parts": parts,
                "training": record,
            },
        )
    except OSError as error:
        raise OutputError(
            f"The bundle {out} cannot be written ({error.strerror or error}); make room."
        ) from error
