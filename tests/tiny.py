"""Everything that tests of the path need, at toy size: a model bundle with random weights, a clip, a voice.

The bundle has the parts of `tiny` (training/train_tiny.py), smaller still. It teaches nothing, but everything
about it is real: files, checksums, networks, template, mask.
"""

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lipwright.diffusion.schedule import Schedule
from lipwright.faces.align import TINY_TEMPLATE
from lipwright.faces.mask import TINY_MASK
from lipwright.models.articulation import ArticulationConfig, ArticulationEncoder
from lipwright.models.pixel_autoencoder import PixelAutoencoder, PixelAutoencoderConfig
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.presenter.clip import render_clip
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import VISEMES
from lipwright.presenter.voice import Speech, draw_speech
from lipwright.speech.per_frame import AFTER, BEFORE
from lipwright.weights.bundle import write_description
from lipwright.weights.load import save_weights

WINDOW_S = 1.0
CONTEXT_S = 0.2
SAMPLE_RATE = 16_000
SIZE_PX = 192
RATE = 25

Picture = NDArray[np.uint8]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Initial weights from `seed`; the global generator is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def networks(
    resolution: int = 64, seed: int = 0, block_px: int = 2
) -> tuple[PixelAutoencoder, ArticulationEncoder, UNet3D]:
    """Autoencoder, ears and U-Net with random weights that let every input through to the output."""
    ears_config = ArticulationConfig(
        width=16, heads=2, layers=1, context=int(WINDOW_S * 50), measures=PARAMETERS, visemes=len(VISEMES)
    )
    unet_config = UNetConfig(
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock3D",) * 2,
        up_block_types=("CrossAttnUpBlock3D",) * 2,
        layers_per_block=1,
        attention_head_dim=2,
        cross_attention_dim=ears_config.token_width + BEFORE + 1 + AFTER,
        norm_num_groups=4,
        norm_across_frames=False,
        sample_size=resolution // (4 * block_px),
        use_motion_module=False,
    )
    with seeded(seed):
        pictures = PixelAutoencoder(PixelAutoencoderConfig(channels=(8, 8, 16), block_px=block_px))
        ears = ArticulationEncoder(ears_config)
        unet = UNet3D(unet_config)
        with torch.no_grad():
            for parameter in (*pictures.parameters(), *unet.parameters()):
                if parameter.ndim > 1:  # some layers start at zero, so that training starts gently
                    parameter.add_(torch.randn_like(parameter) * 0.1)
    return pictures, ears, unet


def build(
    folder: Path,
    *,
    name: str = "toy",
    resolution: int = 64,
    window: int = 8,
    overlap: int = 0,
    carry_detail: bool = True,
    seed: int = 0,
    block_px: int = 2,
) -> Path:
    """Write a bundle into `folder`; takes about 0.1 s."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures, ears, unet = networks(resolution, seed, block_px)
    parts: dict[str, dict[str, Any]] = {
        "autoencoder": {"kind": "pixel", "config": pictures.config.to_json(), "scaling": 1.0, "shift": 0.0},
        "speech": {
            "kind": "articulation",
            "config": ears.config.to_json(),
            "window_s": WINDOW_S,
            "context_s": CONTEXT_S,
        },
        "unet": {"kind": "latentsync", "config": unet.config.to_json()},
    }
    for part, network in (("autoencoder", pictures), ("speech", ears), ("unet", unet)):
        parts[part]["file"] = f"{part}.safetensors"
        save_weights(network, folder / f"{part}.safetensors")
    write_description(
        folder,
        {
            "name": name,
            "licence": "Apache-2.0",
            "rendered_faces_only": True,
            "resolution": resolution,
            "window": window,
            "overlap": overlap,
            "template": replace(TINY_TEMPLATE, resolution=resolution).to_dict(),
            "mask": TINY_MASK.to_dict(),
            "carry_detail": carry_detail,
            "schedule": Schedule(prediction_type="v_prediction", spacing="trailing").to_json(),
            "defaults": {"steps": 2, "guidance": 1.5, "solver": "ddim"},
            "parts": parts,
        },
    )
    return folder


@cache
def speech(seed: int = 11) -> Speech:
    """A few seconds of synthetic speech."""
    return draw_speech(seed, 3.0)


def voice(seconds: float, seed: int = 11) -> NDArray[np.float32]:
    """Speech of that length, mono at 16 kHz."""
    samples = speech(seed).samples
    return np.resize(samples, round(seconds * SAMPLE_RATE))


@cache
def _presenter(identity: int, count: int, size: int) -> tuple[Picture, ...]:
    said = speech()
    cut = Speech(np.resize(said.samples, count * SAMPLE_RATE // RATE), said.phonemes)
    return tuple(picture for picture, _ in render_clip(identity, identity, cut, size=size, rate=RATE))


def presenter(count: int, identity: int = 7, size: int = SIZE_PX) -> list[Picture]:
    """Frames of a talking person, (size, size, 3) RGB."""
    return list(_presenter(identity, count, size))


def backdrop(count: int, size: int = SIZE_PX) -> list[Picture]:
    """Frames without a face: a slow gradient."""
    y, x = np.mgrid[0:size, 0:size]
    base = np.stack([x, y, (x + y) // 2], axis=-1) * 160 // size
    return [(base + 40 + index % 20).astype(np.uint8) for index in range(count)]


def save_voice(path: Path, samples: NDArray[np.float32], rate: int = SAMPLE_RATE, channels: int = 1) -> Path:
    """Write samples (n,), taken as being at `rate`, as 16-bit WAV with equal channels."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        whole = np.repeat((np.clip(samples, -1, 1) * 32767).astype("<i2")[:, None], channels, axis=1)
        file.writeframes(whole.tobytes())
    return path
