"""Whole denoising runs against the released inference loop: from aligned crops to decoded crops."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from einops import rearrange
from torch import Tensor

from lipwright.diffusion import noise
from lipwright.diffusion.denoiser import Denoiser
from lipwright.diffusion.samplers import sample
from lipwright.diffusion.schedule import Schedule
from lipwright.latents.codec import PosteriorCodec
from lipwright.latents.conditioning import condition, latent_mask
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.models.vae import build_vae
from lipwright.weights.deterministic import fill

WINDOW = 16
INPUTS = "sampler_20f_5s_g1.5_two_windows"
Networks = tuple[UNet3D, PosteriorCodec]


@pytest.fixture(scope="module")
def networks(golden: Callable[[str], Any]) -> Networks:
    settings, _ = golden(INPUTS)
    unet = UNet3D(UNetConfig.from_json(settings["unet_config"])).eval()
    vae = build_vae(settings["vae_config"]).eval()
    fill(unet)
    fill(vae)
    return unet, PosteriorCodec(vae)


def _run(
    networks: Networks, settings: dict[str, Any], inputs: dict[str, Any], frames: int
) -> dict[str, Tensor]:
    """The released pass: shared noise, then per window the posterior draws, the walk and the decoding."""
    unet, codec = networks
    pixels = rearrange(torch.from_numpy(inputs["faces"][:frames]).float() / 127.5 - 1, "f h w c -> f c h w")
    audio, keep_mask = torch.from_numpy(inputs["audio_chunks"]), torch.from_numpy(inputs["mask"])
    size = (pixels.shape[2] // 8, pixels.shape[3] // 8)
    generator = noise.clip_generator(settings["seed"])
    shared = noise.shared_noise(generator, *size)
    found: dict[str, Tensor] = {"init_noise": shared[0, :, 0], "mask_latent": latent_mask(keep_mask)}
    decoded = []
    for index, first in enumerate(range(0, frames, WINDOW)):
        part = pixels[first : first + WINDOW]
        draws = [noise.posterior_noise(generator, len(part), *size) for _ in range(2)]
        shown = condition(codec, part, keep_mask, masked_noise=draws[0], reference_noise=draws[1])
        tokens = audio[first : first + len(part)][None]
        denoise = Denoiser(unet, shown, tokens, guidance=settings["guidance_scale"])
        solver = Schedule().solver("ddim", settings["steps"])
        latents = sample(denoise, noise.over_frames(shared, len(part)), solver)
        found |= {f"masked_latents_w{index}": shown[0, 1:5], f"ref_latents_w{index}": shown[0, 5:]}
        found |= {f"latents_w{index}": latents, "timesteps": solver.timesteps}
        decoded.append(codec.decode(rearrange(latents, "1 c f y x -> f c y x")))
    pictures = torch.cat(decoded)
    found |= {"decoded": pictures, "pasted": pictures * (1 - keep_mask) + pixels * keep_mask}
    return found


def test_two_windows_with_guidance(networks: Networks, golden: Callable[[str], Any]) -> None:
    settings, arrays = golden(INPUTS)
    found = _run(networks, settings, arrays, 20)
    for key in ("decoded", "pasted"):
        found[key] = found[key][arrays["kept_frames"]]
    for key, value in found.items():
        recorded = arrays[key].astype(np.float64)
        scale = recorded.std() if key.startswith("latents") else 1.0
        assert np.abs(value.numpy() - recorded).max() < 1e-4 * scale, key


def test_sixteen_frames_without_guidance(networks: Networks, golden: Callable[[str], Any]) -> None:
    _, inputs = golden(INPUTS)
    settings, arrays = golden("sampler_16f_5s_g1.0")
    found = _run(networks, settings, inputs, 16)
    for key, recorded in arrays.items():
        assert np.abs(found[key].numpy() - recorded).max() < 1e-4 * max(1.0, float(recorded.std())), key
