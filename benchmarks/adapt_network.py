"""How far the network path of `tiny` gets on one real person: its ceiling, before and after a short training.

    python benchmarks/adapt_network.py CLIP.mp4 --seconds 60

Crops of the clip's last quarter go through the autoencoder and back into the frame, with nothing repainted:
whatever a U-Net did after it, no mouth could be sharper or nearer to the truth. The autoencoder is fine-tuned
on patches of the first three quarters for so many seconds of one thread.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lipwright.evaluation.mouth import read_mouths, sharpness
from lipwright.faces.align import anchors, crop, fit, uncrop
from lipwright.faces.track import follow_face
from lipwright.latents.codec import PlainCodec
from lipwright.media.frames import read_frames
from lipwright.media.probe import probe_video
from lipwright.models.pixel_autoencoder import PixelAutoencoder
from lipwright.pipeline.engine import Engine
from lipwright.training.train_autoencoder import picture_loss, to_range

Pictures = list[NDArray[np.uint8]]
PATCH, BATCH, RATE, EDGES, NOISE = 64, 16, 5e-4, 0.5, 0.1
HELD_OUT = 0.25


def heads(clip: Path, engine: Engine) -> tuple[Pictures, NDArray[np.float32]]:
    """Frames cut down to the head, and the (n, 2, 3) matrices to the network's crop."""
    info, reader = probe_video(clip), engine.faces()
    first = next(iter(read_frames(clip, info=info))).rgb()
    points = reader.read(first, [])[0].points
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.6 * (high - low).max()
    left, top = (max(0, int(v)) for v in low - margin)
    right, bottom = (int(v) for v in high + margin)
    frames = [
        np.ascontiguousarray(frame.rgb()[top:bottom, left:right]) for frame in read_frames(clip, info=info)
    ]
    template = engine.bundle.template
    steady = follow_face(frames, reader).smoothed()
    return frames, np.stack([fit(three, template) for three in anchors(steady, template)])


def crops_of(frames: Pictures, matrices: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """(n, side, side, 3)."""
    found = []
    for frame, matrix in zip(frames, matrices, strict=True):
        box = (0, 0, frame.shape[1], frame.shape[0])
        found.append(
            np.clip(np.rint(crop(frame.astype(np.float32), box, matrix, side)), 0, 255).astype(np.uint8)
        )
    return np.stack(found)


def train(network: PixelAutoencoder, crops: NDArray[np.uint8], seconds: float) -> int:
    """Fine-tune in place on patches, for so many seconds of this process; returns the steps taken."""
    draws = torch.Generator().manual_seed(1)
    pixels = to_range(crops)
    optimiser = torch.optim.AdamW(network.parameters(), RATE)
    began, steps = time.process_time(), 0
    while (spent := time.process_time() - began) < seconds:
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - spent / seconds)
        places = torch.randint(0, pixels.shape[-1] - PATCH + 1, (BATCH, 2), generator=draws).tolist()
        which = torch.randint(0, len(pixels), (BATCH,), generator=draws).tolist()
        batch = torch.stack(
            [pixels[k, :, y : y + PATCH, x : x + PATCH] for k, (y, x) in zip(which, places, strict=True)]
        )
        latents = network.encode(batch)
        latents = latents + NOISE * torch.randn(latents.shape, generator=draws) * latents.detach().std()
        loss = picture_loss(network.decode(latents), batch, EDGES)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        steps += 1
    return steps


def figures(
    network: PixelAutoencoder, engine: Engine, frames: Pictures, matrices: NDArray[np.float32]
) -> tuple[float, float]:
    """PSNR of the mouth box in dB, and its sharpness over the source's."""
    side = engine.bundle.resolution
    crops = crops_of(frames, matrices, side)
    with torch.no_grad():
        again = network.decode(network.encode(to_range(crops)))
    pictures = again.float().add(1).mul(127.5).clamp(0, 255).permute(0, 2, 3, 1).numpy()
    truth = read_mouths(frames, engine.faces())
    errors, greys = [], []
    for frame, matrix, picture, box in zip(frames, matrices, pictures, truth.box, strict=True):
        whole = uncrop(np.ascontiguousarray(picture), matrix, (0, 0, frame.shape[1], frame.shape[0]))
        left, top, right, bottom = (int(v) for v in box)
        part = whole[top:bottom, left:right] - frame[top:bottom, left:right]
        errors.append(float((part**2).mean()))
        greys.append(cv2.cvtColor(np.clip(whole, 0, 255), cv2.COLOR_RGB2GRAY))
    found = sharpness(np.stack(greys), truth.box) / sharpness(truth.grey, truth.box)
    return float(10 * np.log10(255**2 / np.mean(errors))), found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    engine = Engine.load("tiny", device="cpu", dtype="fp32")
    codec = engine.codec
    if not isinstance(codec, PlainCodec) or not isinstance(codec.network, PixelAutoencoder):
        raise TypeError("tiny has another autoencoder")
    frames, matrices = heads(given.clip, engine)
    start = int(len(frames) * (1 - HELD_OUT))
    held = slice(start, None, 2)
    print(
        "as it is: {:.2f} dB, sharpness {:.2f}".format(
            *figures(codec.network, engine, frames[held], matrices[held])
        )
    )
    crops = crops_of(frames[:start], matrices[:start], engine.bundle.resolution)
    network = codec.network.train().requires_grad_(True)
    steps = train(network, crops, given.seconds)
    network = network.eval().requires_grad_(False)
    after = figures(network, engine, frames[held], matrices[held])
    print(f"after {given.seconds:g} CPU-s ({steps} steps): {after[0]:.2f} dB, sharpness {after[1]:.2f}")


if __name__ == "__main__":
    main()
