"""VideoMAE v2's encoder: names and shapes of the released file, and its place in time."""

import pytest
import torch

from lipwright.errors import WeightsError
from lipwright.models.videomae import VideoMAE, VideoMAEConfig, released_state
from lipwright.weights.deterministic import fill

TOY = VideoMAEConfig(img_size=28, embed_dim=24, depth=2, num_heads=2, num_classes=3)


def test_the_giant_has_the_names_and_shapes_of_the_released_file() -> None:
    """526 tensors of 1,011,855,918 values; keys and shapes as in the manifest of the released file."""
    with torch.device("meta"):
        network = VideoMAE(VideoMAEConfig())
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    block = {
        "norm1.weight": (1408,),
        "norm1.bias": (1408,),
        "attn.q_bias": (1408,),
        "attn.v_bias": (1408,),
        "attn.qkv.weight": (4224, 1408),
        "attn.proj.weight": (1408, 1408),
        "attn.proj.bias": (1408,),
        "norm2.weight": (1408,),
        "norm2.bias": (1408,),
        "mlp.fc1.weight": (6144, 1408),
        "mlp.fc1.bias": (6144,),
        "mlp.fc2.weight": (1408, 6144),
        "mlp.fc2.bias": (1408,),
    }
    expected = {f"blocks.{row}.{key}": shape for row in range(40) for key, shape in block.items()}
    expected |= {"patch_embed.proj.weight": (1408, 3, 2, 14, 14), "patch_embed.proj.bias": (1408,)}
    expected |= {"fc_norm.weight": (1408,), "fc_norm.bias": (1408,)}
    expected |= {"head.weight": (174, 1408), "head.bias": (174,)}
    assert shapes == expected
    assert len(shapes) == 526
    assert sum(tensor.numel() for tensor in network.state_dict().values()) == 1_011_855_918


@torch.no_grad()
def test_the_order_of_frames_matters() -> None:
    network = VideoMAE(TOY).eval()
    fill(network)
    video = torch.rand(2, 3, 16, 28, 28, generator=torch.Generator().manual_seed(0))
    found = network(video)
    assert found.shape == (2, 24)
    assert not torch.allclose(found, network(video.flip(2)), atol=1e-4)


def test_settings_are_checked_and_come_back() -> None:
    assert VideoMAEConfig.from_json(TOY.to_json()) == TOY
    assert (
        VideoMAEConfig.from_json({"mlp_ratio": "48/11", "qkv_bias": True, "drop_path_rate": 0.3}).hidden
        == 6144
    )
    with pytest.raises(WeightsError, match="qkv_bias"):
        VideoMAEConfig.from_json({"qkv_bias": False})
    with pytest.raises(WeightsError, match="patches"):
        VideoMAEConfig.from_json({"patches": 3})


@pytest.mark.parametrize("name", ["model", "module", None])
def test_tensors_are_found_where_released_files_keep_them(name: str | None) -> None:
    state = {"head.bias": torch.zeros(3)}
    assert released_state(state if name is None else {name: state, "epoch": 1}) == state
