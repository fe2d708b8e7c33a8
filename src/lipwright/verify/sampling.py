"""Recorded runs of the path: `sampler` (crops to new crops) and `pipeline` (frames to frames).

Both go through the product's engine, repainter and profile; only what was recorded instead of measured is put
in: three points in place of a face reader, audio tokens in place of ears.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from lipwright.device import DeviceChoice
from lipwright.diffusion.noise import posterior_noise
from lipwright.faces.align import LATENTSYNC
from lipwright.faces.mask import RELEASED
from lipwright.latents.codec import PosteriorCodec
from lipwright.latents.conditioning import latent_mask
from lipwright.media.still import still
from lipwright.media.timeline import RELEASED_RATE, released_order, released_timeline
from lipwright.models.unet import UNet3D
from lipwright.models.vae import build_vae
from lipwright.pipeline.engine import Engine, Sampling
from lipwright.pipeline.faithful import Faithful
from lipwright.pipeline.items import Item, Place
from lipwright.pipeline.relay import StageClock
from lipwright.pipeline.repaint import Repainter
from lipwright.pipeline.windows import Window, plan
from lipwright.progress import Progress
from lipwright.speech.features import Blocks, Listening
from lipwright.verify.check import Check
from lipwright.verify.networks import ready, recorded_unet
from lipwright.verify.pictures import MATRIX
from lipwright.verify.record import Record
from lipwright.weights.bundle import Bundle
from lipwright.weights.deterministic import fill

LATENTS = 1e-3  # of their standard deviation
FACES = 1.1 / 127.5  # a grey level of the crop, and a little that follows from it
WINDOW = 16
TOKENS = 10  # of a frame in the small recorded networks


class RecordedEars:
    """Gives recorded audio tokens (n, tokens, width) for the frames at 25 per second."""

    def __init__(self, chunks: NDArray[np.float32]) -> None:
        self.blocks = Blocks()
        self._chunks = torch.from_numpy(np.array(chunks))

    def encode(self, mel: Float[Tensor, "1 80 m"]) -> Float[Tensor, "1 r layers c"]:
        raise NotImplementedError("recorded tokens need no encoder")

    def tokens(self, sound: Listening, times_s: Sequence[float]) -> Float[Tensor, "f n d"]:
        return self._chunks[[round(time * RELEASED_RATE) for time in times_s]]


class RecordingEngine(Engine):
    """The product's engine, remembering the inner results of each window."""

    def __init__(self, bundle: Bundle, choice: DeviceChoice, **parts: Any) -> None:
        super().__init__(bundle, choice, **parts)
        self.windows: list[dict[str, Tensor]] = []

    def encode(
        self, crops: NDArray[np.float32], draws: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "f 4 y x"], Float[Tensor, "f 4 y x"]]:
        again = None if draws is None else draws.clone_state()
        hidden, shown = super().encode(crops, draws)
        self.windows.append({"masked_latents": hidden, "ref_latents": shown})
        if again is not None:
            for name in ("eps_masked", "eps_ref"):
                self.windows[-1][name] = posterior_noise(again, len(crops), *hidden.shape[2:])
        return hidden, shown

    def denoise(
        self,
        hidden: Float[Tensor, "f 4 y x"],
        shown: Float[Tensor, "f 4 y x"],
        told: Float[Tensor, "1 f n d"],
        noise: Float[Tensor, "1 4 1 y x"],
        sampling: Sampling,
        progress: Progress,
    ) -> Float[Tensor, "f 4 y x"]:
        steps: list[Tensor] = []
        window = self.windows[-1]
        window["init_noise"] = noise[0, :, 0]
        found = self.walk(
            hidden, shown, told, noise, sampling, lambda _step, latents: steps.append(latents[0].cpu())
        )
        window["latents"] = torch.stack(steps)
        return found


class Run:
    """A recorded run: its networks in the engine, and how it walks."""

    def __init__(self, check: Check, chunks: NDArray[np.float32]) -> None:
        record = check.record
        vae = build_vae(record.setting("vae_config"))
        fill(vae)
        unet: UNet3D = recorded_unet(check)
        ears = RecordedEars(chunks)
        self.bundle = bundle_of(record)
        self.engine = RecordingEngine(
            self.bundle, check.choice, codec=PosteriorCodec(ready(vae, check)), ears=ears, unet=unet
        )
        cache = record.settings.get("deepcache")
        self.sampling = Sampling(
            steps=int(record.setting("steps")),
            guidance=float(record.setting("guidance_scale")),
            solver=str(record.settings.get("solver", "ddim")),
            seed=int(record.setting("seed")),
            reuse=int(cache["cache_interval"]) if cache else None,
        )

    def repaint(self, items: Sequence[Item], windows: Sequence[Window]) -> list[Item]:
        """All items with their new faces, through the product's repainter."""
        silence = np.zeros(RELEASED_RATE, np.float32)
        repainter = Repainter(
            self.engine,
            windows,
            self.engine.listen(silence),
            released_timeline(np.arange(len(items), dtype=np.int32), len(items)),
            self.sampling,
            Progress(),
            StageClock(),
            sampled=Faithful.sampled,
            carry_detail=Faithful.carry_detail,
        )
        return list(repainter(items))


def bundle_of(record: Record) -> Bundle:
    """A released model's description at the set's resolution."""
    resolution = int(record.setting("resolution"))
    return Bundle(
        Path(record.name),
        {
            "name": record.name,
            "resolution": resolution,
            "window": WINDOW,
            "overlap": 0,
            "template": LATENTSYNC(resolution).to_dict(),
            "mask": RELEASED.to_dict(),
            "schedule": {},
            "defaults": {},
        },
    )


def sampler(check: Check) -> None:
    """Aligned crops through encoding, all steps of all windows, decoding and the fixed mask."""
    record = check.record
    frames = _frames(record)
    faces = record["faces"][:frames]
    run = Run(check, record["audio_chunks"][:frames])
    anywhere, nothing = np.zeros((0, 2), np.float32), np.eye(2, 3, dtype=np.float32)
    blank = still(np.zeros((8, 8, 3), np.uint8))
    items = [
        Item(index, blank, Place(nothing, (0, 0, 8, 8), anywhere, face.astype(np.float32)))
        for index, face in enumerate(faces)
    ]
    places = [item.place for item in run.repaint(items, list(plan([(0, frames)], WINDOW, 0)))]
    _compare_windows(check, run)
    keep = torch.from_numpy(run.bundle.mask.keep_mask(run.bundle.resolution))
    for name, value in (("mask", keep), ("mask_latent", latent_mask(keep))):
        if name in record:
            check.array(name, value, 1e-6)
    if "timesteps" in record:
        solver = run.engine.schedule.solver(run.sampling.solver, run.sampling.steps)
        check.array("timesteps", solver.timesteps, 0)
    if "kept_frames" not in record:
        return
    kept = [places[int(index)] for index in record["kept_frames"]]
    faithful = Faithful(run.bundle)
    shown: dict[str, list[NDArray[np.float32]]] = {"decoded": [], "pasted": []}
    for place in kept:
        assert place is not None and place.generated is not None
        shown["decoded"].append(place.generated / 127.5 - 1)
        shown["pasted"].append(faithful.combined(place))
    for name, pictures in shown.items():
        if name in record:
            check.relative(name, np.stack(pictures).transpose(0, 3, 1, 2), LATENTS)


def _frames(record: Record) -> int:
    """How many frames a sampler run has: the sum over its recorded windows."""
    windows = [name for name in record if re.fullmatch(r"latents_w\d+", name)]
    return sum(record[name].shape[2] for name in windows) if windows else len(record["faces"])


def _compare_windows(check: Check, run: Run) -> None:
    """Draws, conditions and latents after the recorded steps of every window."""
    record = check.record
    if "init_noise" in record:
        check.array("init_noise", run.engine.windows[0]["init_noise"], 0)
    for index, window in enumerate(run.engine.windows):
        for name in ("eps_masked", "eps_ref"):
            if f"{name}_w{index}" in record:
                check.array(f"{name}_w{index}", window[name], 0)
        for name in ("masked_latents", "ref_latents"):
            if f"{name}_w{index}" in record:
                found = rearrange(window[name], "f c y x -> c f y x")
                check.relative(f"{name}_w{index}", found, LATENTS)
        name = f"latents_w{index}"
        if name not in record:
            continue
        wanted = _steps(record, len(record[name]), len(window["latents"]))
        for row, step in enumerate(wanted):
            recorded = record[name][row]
            tolerance = LATENTS * float(np.std(recorded, dtype=np.float64))
            check.value(name, window["latents"][step], recorded, tolerance)


def _steps(record: Record, rows: int, steps: int) -> list[int]:
    """Step numbers of the recorded rows: all, those listed, or the last ones."""
    saved = record.settings.get("saved_steps", "all")
    if isinstance(saved, list) and len(saved) == rows:
        return [int(step) for step in saved]
    return list(range(steps - rows, steps))


def _audio(record: Record, count: int) -> NDArray[np.float32]:
    """Audio tokens of `count` frames: stored, or drawn in the shape that the note names."""
    if "audio_chunks" in record:
        return record["audio_chunks"]
    said = re.search(r"shape \[(\d+), (\d+), (\d+)\]", record.note)
    shape = (count, TOKENS, int(record.setting("unet_config")["cross_attention_dim"]))
    return record.stored_or_drawn("audio", [int(side) for side in said.groups()] if said else shape)


def pipeline(check: Check) -> None:
    """Frames and points to finished frames: align, loop, two windows, sample, paste."""
    record = check.record
    count = int(record.settings.get("n_chunks", len(record["output"])))
    run = Run(check, _audio(record, count))
    faithful = Faithful(run.bundle)
    frames = [still(picture, index) for index, picture in enumerate(record["frames"])]
    windows = faithful.windows_of(record["points"], count)
    check.array("matrices", faithful.matrices, MATRIX)
    order = released_order(len(frames), count).tolist()
    items = [
        Item(index, frames[source], faithful.place(index, frames[source]))
        for index, source in enumerate(order)
    ]
    finished = run.repaint(items, windows)
    _compare_windows(check, run)
    for name, item in (("faces_first", finished[0]), ("faces_last", finished[-1])):
        if name in record and item.place is not None:
            check.grey(name, faithful.combined(item.place).transpose(2, 0, 1), FACES)
    output = [faithful.paste(item.frame, item.place)[0].rgb() for item in finished if item.place is not None]
    check.grey("output", np.stack(output))
