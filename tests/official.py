"""LatentSync's official files at toy size, with weights drawn by the rule `detw-v1`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.models.vae import build_vae
from lipwright.models.whisper import WhisperConfig, position_table
from lipwright.weights.bundle import Bundle
from lipwright.weights.catalog import OFFICIAL, OfficialModel
from lipwright.weights.deterministic import KEPT, weight
from lipwright.weights.manifest import encoder_shapes

RESOLUTION = 64
UNET: dict[str, Any] = {
    "block_out_channels": [32, 64],
    "down_block_types": ["CrossAttnDownBlock3D", "DownBlock3D"],
    "up_block_types": ["UpBlock3D", "CrossAttnUpBlock3D"],
    "layers_per_block": 1,
    "attention_head_dim": 2,
    "num_attention_heads": 2,
    "cross_attention_dim": 32,
    "norm_num_groups": 8,
    "sample_size": RESOLUTION // 8,
}
DIMS = {
    "n_mels": 80,
    "n_audio_ctx": 100,
    "n_audio_state": 32,
    "n_audio_head": 2,
    "n_audio_layer": 2,
    "n_vocab": 10,
    "n_text_ctx": 4,
    "n_text_state": 32,
    "n_text_head": 2,
    "n_text_layer": 1,
}
VAE: dict[str, Any] = {
    "_class_name": "AutoencoderKL",
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [8, 8, 8, 8],
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 4,
    "sample_size": 256,
}
TOY_16: OfficialModel = replace(OFFICIAL["latentsync-1.6"], unet=UNET, resolution=RESOLUTION, steps=2)
TOY_10: OfficialModel = replace(
    OFFICIAL["latentsync-1.0"], unet={**UNET, "use_motion_module": False}, resolution=RESOLUTION, steps=2
)


def drawn(shapes: dict[str, tuple[int, ...]], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Tensors by the rule, for names that it draws."""
    return {
        key: torch.from_numpy(weight(key, shape)).to(dtype)
        for key, shape in shapes.items()
        if not key.endswith(KEPT)
    }


def unet_state(model: OfficialModel, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """A U-Net's state dict with its tables, under present names."""
    network = UNet3D(UNetConfig.from_json(model.unet))
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    return {**{key: value.to(dtype) for key, value in network.state_dict().items()}, **drawn(shapes, dtype)}


def whisper_state(dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
    """A Whisper state dict: the encoder, its final norm, and something of the decoder."""
    width = DIMS["n_audio_state"]
    shapes = {f"encoder.{key}": shape for key, shape in encoder_shapes(WhisperConfig.from_json(DIMS)).items()}
    shapes |= {"encoder.ln_post.weight": (width,), "encoder.ln_post.bias": (width,)}
    shapes |= {"decoder.token_embedding.weight": (DIMS["n_vocab"], width)}
    table = position_table(DIMS["n_audio_ctx"], width)
    return {**drawn(shapes, dtype), "encoder.positional_embedding": table}


def write(
    folder: Path,
    model: OfficialModel = TOY_16,
    *,
    dtype: torch.dtype = torch.float32,
    unet: dict[str, Tensor] | None = None,
    **beside: Any,
) -> Path:
    """Write all parts in the official layout; `beside`: more entries of the U-Net's file."""
    (folder / "whisper").mkdir(parents=True, exist_ok=True)
    (folder / "sd-vae-ft-mse").mkdir(exist_ok=True)
    state = unet_state(model, dtype) if unet is None else unet
    torch.save({"global_step": 1, "state_dict": state, **beside}, folder / "latentsync_unet.pt")
    torch.save({"dims": DIMS, "model_state_dict": whisper_state()}, folder / "whisper" / "tiny.pt")
    shapes = {key: tuple(value.shape) for key, value in build_vae(VAE).state_dict().items()}
    save_file(drawn(shapes), folder / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors")
    (folder / "sd-vae-ft-mse" / "config.json").write_text(json.dumps(VAE))
    return folder


def write_back(bundle: Bundle, folder: Path) -> Path:
    """A bundle in the official layout again."""
    (folder / "whisper").mkdir(parents=True)
    (folder / "sd-vae-ft-mse").mkdir()
    torch.save({"state_dict": load_file(bundle.file("unet"))}, folder / "latentsync_unet.pt")
    speech = {f"encoder.{key}": value for key, value in load_file(bundle.file("speech")).items()}
    config = bundle.part("speech")["config"]
    speech["encoder.positional_embedding"] = position_table(config["n_audio_ctx"], config["n_audio_state"])
    torch.save({"dims": config, "model_state_dict": speech}, folder / "whisper" / "tiny.pt")
    weights = folder / "sd-vae-ft-mse" / "diffusion_pytorch_model.safetensors"
    save_file(load_file(bundle.file("autoencoder")), weights)
    settings = json.dumps(dict(bundle.part("autoencoder")["config"]))
    (folder / "sd-vae-ft-mse" / "config.json").write_text(settings)
    return folder
