"""Full-size stand-ins for LatentSync's official files, with weights drawn by the rule `detw-v1`.

    python tools/fake_checkpoints.py FOLDER [--dtype fp16] [--old-names] [--no-temporal]

They say nothing, but loading, converting, memory and time are those of the real ones: about 5 GB in fp32,
2.5 GB in fp16, and a few minutes to draw. Then, for example:

    lipwright weights convert FOLDER --as latentsync-1.6 -o BUNDLE
    lipwright sync clip.mp4 voice.wav -o out.mp4 --model BUNDLE --steps 1
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from lipwright.models.temporal import position_table as frame_table
from lipwright.models.whisper import WhisperConfig, position_table
from lipwright.weights.convert import TABLE
from lipwright.weights.deterministic import KEPT, weight
from lipwright.weights.manifest import Shapes, encoder_shapes, unet_shapes, vae_shapes

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# OpenAI's `tiny`.
DIMS = {
    "n_mels": 80,
    "n_audio_ctx": 1500,
    "n_audio_state": 384,
    "n_audio_head": 6,
    "n_audio_layer": 4,
    "n_vocab": 51865,
    "n_text_ctx": 448,
    "n_text_state": 384,
    "n_text_head": 6,
    "n_text_layer": 4,
}
# stabilityai/sd-vae-ft-mse.
VAE = {
    "_class_name": "AutoencoderKL",
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "act_fn": "silu",
    "latent_channels": 4,
    "norm_num_groups": 32,
    "sample_size": 256,
}


def old_name(key: str) -> str:
    """What version 1.0 called a tensor."""
    if ".transformer_blocks." not in key or ".motion_modules." in key:
        return key
    return key.replace(".norm2.", ".audio_cross_attn.norm.").replace(".attn2.", ".audio_cross_attn.attn.")


def drawn(shapes: Shapes, dtype: torch.dtype) -> dict[str, Tensor]:
    """Every tensor that the rule draws."""
    return {
        key: torch.from_numpy(weight(key, shape)).to(dtype)
        for key, shape in shapes.items()
        if not key.endswith(KEPT)
    }


def write_unet(folder: Path, dtype: torch.dtype, *, temporal: bool, old_names: bool) -> None:
    """The noise prediction network of 1.5 and 1.6 (temporal), or of 1.0."""
    shapes = unet_shapes({"use_motion_module": temporal})
    if old_names:
        shapes = {old_name(key): shape for key, shape in shapes.items()}
    tables = {key: frame_table(*shape[1:]).to(dtype) for key, shape in shapes.items() if key.endswith(TABLE)}
    state = {**drawn(shapes, dtype), **tables}
    torch.save({"global_step": 0, "state_dict": state}, folder / "latentsync_unet.pt")


def write_whisper(folder: Path) -> None:
    """Whisper tiny's encoder in half precision."""
    width = DIMS["n_audio_state"]
    shapes = {f"encoder.{key}": shape for key, shape in encoder_shapes(WhisperConfig.from_json(DIMS)).items()}
    shapes |= {"encoder.ln_post.weight": (width,), "encoder.ln_post.bias": (width,)}
    state = drawn(shapes, torch.float16)
    state["encoder.positional_embedding"] = position_table(DIMS["n_audio_ctx"], width)
    (folder / "whisper").mkdir(exist_ok=True)
    torch.save({"dims": DIMS, "model_state_dict": state}, folder / "whisper" / "tiny.pt")


def write_vae(folder: Path) -> None:
    """The autoencoder as diffusers stores it."""
    home = folder / "sd-vae-ft-mse"
    home.mkdir(exist_ok=True)
    save_file(drawn(vae_shapes(VAE), torch.float32), home / "diffusion_pytorch_model.safetensors")
    (home / "config.json").write_text(json.dumps(VAE, indent=1))


def main() -> None:
    """Read the command line, write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    parser.add_argument("--old-names", action="store_true", help="the names of 1.0")
    parser.add_argument("--no-temporal", action="store_true", help="without temporal layers, as 1.0")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    write_whisper(given.folder)
    write_vae(given.folder)
    write_unet(given.folder, DTYPES[given.dtype], temporal=not given.no_temporal, old_names=given.old_names)
    print(given.folder)


if __name__ == "__main__":
    main()
