"""Every number of a `tiny` training run, one dataclass per concern. Time is in steps, never in minutes."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class MaterialConfig:
    """What is synthesised and rendered before anything is trained."""

    utterances: int = 2400  # about 8 s each
    utterance_s: float = 8.0
    identities: int = 700
    early_identities: int = 160  # of their own; the autoencoder learns on these while the others are rendered
    windows_per_identity: int = 2  # runs of consecutive frames, for the temporal layers
    window_frames: int = 16
    render_px: int = 512
    jitter: float = 0.03  # spread of the crop's size and place, as a fraction of the crop


@dataclass(frozen=True)
class SpeechConfig:
    """Sound to articulation: the bundled ears trained further, or new ones of the shape given here."""

    start_from_ears: bool = True
    width: int = 192
    hidden: int = 256
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4, 8, 16)
    window_s: float = 6.0
    tempo: tuple[float, float] = (0.9, 1.12)
    rough_share: float = 0.5  # of the windows, heard as through rooms and microphones
    silent_share: float = 0.05  # in which nobody speaks, whatever hums there
    steps: int = 1200
    batch: int = 16
    rate: float = 1.2e-3
    measures_weight: float = 20.0
    velocity_weight: float = 10.0
    likeness_weight: float = 1.0  # 1 - correlation of each window's jaw


@dataclass(frozen=True)
class AutoencoderConfig:
    """Crops to latents: patches first, then the decoder alone on frozen latents."""

    channels: tuple[int, int, int] = (48, 80, 128)
    block_px: int = 4  # the decoder draws 256 px from what the encoder saw at 128
    patch_px: int = 128
    mouth_share: float = 0.65  # of the patches, drawn around the mouth
    steps: int = 4000
    batch: int = 24
    rate: float = 1.5e-3
    latent_noise: float = 0.1
    latent_power: float = 1e-4
    gradient_weight: float = 0.5
    decoder_steps: int = 3000
    decoder_batch: int = 12
    decoder_rate: float = 8e-4
    energy_weight: float = 1.5  # of the likeness of edges and grain in strength
    grid_weight: float = 3.0  # against grain that is a grid


@dataclass(frozen=True)
class UNetTrainConfig:
    """Tokens and latents to the mouth: v-prediction on independent frames, then short windows."""

    channels: tuple[int, ...] = (64, 96, 160)
    layers_per_block: int = 1
    heads: int = 2
    groups: int = 16
    every: int = 2  # of the rendered frames one in so many is encoded: neighbours teach little more
    steps: int = 5000
    batch: int = 32
    rate: float = 1e-3
    ema: float = 0.998
    sampler_steps: int = 2  # of the sampler that the bundle is meant for
    sampler_share: float = 0.5  # of the items, noised as that sampler meets them; the others anywhere
    audio_dropout: float = 0.1
    other_reference: float = 0.3  # share of items whose reference is another frame, not the paired source
    outside_weight: float = 0.25
    mouth_weight: float = 5.0


@dataclass(frozen=True)
class TinyConfig:
    """One run of `lipwright train tiny`. Seeds at and above 1,000,000 belong to evaluation."""

    seed: int = 1
    start: str = ""  # a bundle whose encoder, decoder and U-Net are trained further; empty: from nothing
    resolution: int = 256
    material: MaterialConfig = field(default_factory=MaterialConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    unet: UNetTrainConfig = field(default_factory=UNetTrainConfig)

    def to_json(self) -> dict[str, object]:
        """Plain values for the record in the bundle."""
        data: dict[str, object] = json.loads(json.dumps(asdict(self)))
        return data


TOY = TinyConfig(
    material=MaterialConfig(
        utterances=6,
        utterance_s=3.0,
        identities=3,
        early_identities=2,
        windows_per_identity=1,
        window_frames=2,
    ),
    speech=SpeechConfig(
        start_from_ears=False, width=16, hidden=16, dilations=(1, 2), window_s=2.0, steps=4, batch=2
    ),
    autoencoder=AutoencoderConfig(channels=(8, 8, 16), steps=4, batch=2, decoder_steps=3, decoder_batch=2),
    unet=UNetTrainConfig(channels=(16, 32), heads=2, groups=8, steps=4, batch=2),
)
"""All parts at toy size: the whole run takes seconds and teaches nothing; for tests."""


def write_json(path: Path, data: object) -> None:
    """Write JSON beside the target and rename it into place."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(json.dumps(data, indent=1))
    part.replace(path)
