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
    window_frames: int = 8
    render_px: int = 256
    jitter: float = 0.03  # spread of the crop's size and place, as a fraction of the crop


@dataclass(frozen=True)
class SpeechConfig:
    """Sound to articulation: a Whisper-shaped encoder with a head for visemes and measures."""

    width: int = 192
    heads: int = 6
    layers: int = 4
    window_s: float = 3.0
    context_s: float = 0.5
    steps: int = 2400
    batch: int = 32
    rate: float = 1.5e-3
    measures_weight: float = 20.0
    velocity_weight: float = 10.0


@dataclass(frozen=True)
class AutoencoderConfig:
    """Crops to latents: patches first, then the decoder alone on frozen latents."""

    channels: tuple[int, int, int] = (48, 80, 128)
    patch_px: int = 64
    mouth_share: float = 0.65  # of the patches, drawn around the mouth
    steps: int = 4000
    batch: int = 24
    rate: float = 1.5e-3
    latent_noise: float = 0.1
    latent_power: float = 1e-4
    gradient_weight: float = 0.5
    decoder_steps: int = 3000
    decoder_rate: float = 8e-4


@dataclass(frozen=True)
class UNetTrainConfig:
    """Tokens and latents to the mouth: v-prediction on independent frames, then short windows."""

    channels: tuple[int, ...] = (64, 96, 160)
    layers_per_block: int = 1
    heads: int = 2
    groups: int = 16
    steps: int = 5000
    batch: int = 32
    rate: float = 1e-3
    ema: float = 0.998
    audio_dropout: float = 0.1
    other_reference: float = 0.3  # share of items whose reference is another frame, not the paired source
    outside_weight: float = 0.25
    mouth_weight: float = 5.0


@dataclass(frozen=True)
class TinyConfig:
    """One run of `lipwright train tiny`. Seeds at and above 1,000,000 belong to evaluation."""

    seed: int = 1
    resolution: int = 128
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
    speech=SpeechConfig(width=32, heads=2, layers=2, steps=4, batch=2),
    autoencoder=AutoencoderConfig(channels=(8, 8, 16), steps=4, batch=2, decoder_steps=2),
    unet=UNetTrainConfig(channels=(16, 32), heads=2, groups=8, steps=4, batch=2),
)
"""All parts at toy size: the whole run takes seconds and teaches nothing; for tests."""


def write_json(path: Path, data: object) -> None:
    """Write JSON beside the target and rename it into place."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(json.dumps(data, indent=1))
    part.replace(path)
