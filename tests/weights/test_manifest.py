"""What a file must hold: the manifests our architecture gives are those of the released files."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lipwright.errors import WeightsError
from lipwright.models.unet import current_name
from lipwright.models.whisper import WhisperConfig
from lipwright.weights.catalog import OFFICIAL
from lipwright.weights.manifest import (
    check_fit,
    compare,
    encoder_shapes,
    looks_like,
    unet_shapes,
    vae_shapes,
)

RECORDED = Path(__file__).parent.parent / "data" / "golden" / "checkpoints.json.gz"


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    """Released file -> names and shapes of its tensors."""
    contents: dict[str, Any] = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return contents


def shapes_of(entry: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Recorded shapes as tuples."""
    return {key: tuple(shape) for key, shape in entry["shapes"].items()}


@pytest.mark.parametrize(
    ("model", "file"),
    [
        ("latentsync-1.0", "unet_v1.0"),
        ("latentsync-1.0", "unet_stage1_nomotion"),
        ("latentsync-1.5", "unet_stage2_256_v1.5"),
        ("latentsync-1.6", "unet_stage2_256_v1.5"),  # equal tensors
    ],
)
def test_the_catalogue_describes_the_released_networks(
    model: str, file: str, recorded: dict[str, Any]
) -> None:
    found = {current_name(key): shape for key, shape in shapes_of(recorded[file]).items()}
    assert not compare(unet_shapes(OFFICIAL[model].unet), found)


def test_autoencoder_and_encoder_are_the_released_ones(recorded: dict[str, Any]) -> None:
    assert not compare(vae_shapes(recorded["sd_vae_ft_mse"]["config"]), shapes_of(recorded["sd_vae_ft_mse"]))
    whisper = {
        key.removeprefix("encoder."): shape
        for key, shape in shapes_of(recorded["whisper_tiny"]).items()
        if key.startswith("encoder.") and "ln_post" not in key
    }
    assert not compare(encoder_shapes(WhisperConfig()), whisper)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("unet_v1.0", "LatentSync 1.0"),
        ("unet_stage1_nomotion", "without temporal layers"),
        ("unet_stage2_256_v1.5", "1.5 or 1.6"),
        ("unet_stage2_efficient_decoderonly", "decoder only"),
        ("stable_syncnet_16_pixel_attn", "a SyncNet"),
        ("syncnet_16_latent", "a SyncNet"),
        ("whisper_tiny", "Whisper"),
        ("sd_vae_ft_mse", "autoencoder"),
    ],
)
def test_each_released_file_is_recognised(file: str, words: str, recorded: dict[str, Any]) -> None:
    assert words in looks_like(recorded[file]["shapes"])


def test_what_is_wrong_is_listed() -> None:
    wrong = compare({"a": (1,), "b": (2, 3), "c": (4,)}, {"b": (3, 2), "c": (4,), "d": (5,)})
    assert (wrong.missing, wrong.unknown) == (("a",), ("d",))
    assert str(wrong) == "1 missing (a), 1 unknown (d), 1 of another shape (b is (3, 2), not (2, 3))"
    with pytest.raises(WeightsError, match=r"no file that LatentSync comes with") as caught:
        check_fit(Path("x.pt"), "a U-Net", {f"k{i}": (1,) for i in range(9)}, {})
    assert "k0; k1; k2 and 6 more" in str(caught.value)
