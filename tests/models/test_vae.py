"""Loading the autoencoder is strict."""

import pytest

from lipwright.errors import WeightsError
from lipwright.models.vae import build_vae, load_vae

TOY = {
    "block_out_channels": [8, 8],
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "norm_num_groups": 4,
    "_class_name": "AutoencoderKL",
}


def test_a_missing_tensor_is_named() -> None:
    state = build_vae(TOY).state_dict()
    del state["quant_conv.weight"]
    with pytest.raises(WeightsError, match=r"quant_conv\.weight"):
        load_vae(TOY, state)
