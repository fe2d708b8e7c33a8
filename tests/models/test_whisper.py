"""The speech encoder at toy size: shapes, context, training."""

import pytest
import torch

from lipwright.models.whisper import AudioEncoder, WhisperConfig, encoder_weights, position_table

TOY = WhisperConfig(n_audio_ctx=30, n_audio_state=16, n_audio_head=2, n_audio_layer=2)


def test_every_layer_of_every_row_comes_back() -> None:
    encoder = AudioEncoder(TOY)
    assert encoder(torch.zeros(3, 80, 60)).shape == (3, 30, 3, 16)
    assert encoder(torch.zeros(3, 80, 17)).shape == (3, 9, 3, 16)


def test_all_parameters_can_be_trained() -> None:
    encoder = AudioEncoder(TOY)
    encoder(torch.randn(1, 80, 20))[:, :, -1].square().mean().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_a_block_longer_than_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match="exceeds the context of 30 rows"):
        AudioEncoder(TOY)(torch.zeros(1, 80, 62))


def test_only_the_encoder_is_taken_from_a_whole_model() -> None:
    encoder = AudioEncoder(TOY)
    whole = {f"encoder.{key}": tensor for key, tensor in encoder.state_dict().items()}
    whole |= {"encoder.ln_post.weight": torch.ones(16), "decoder.ln.weight": torch.ones(16)}
    encoder.load_state_dict(encoder_weights(whole), strict=True)


def test_positions_are_sines_then_cosines() -> None:
    table = position_table(4, 8)
    assert torch.equal(table[0], torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1]))
    assert torch.allclose(table[3, 0], torch.sin(torch.tensor(3.0)))
    assert torch.allclose(table[3, 3], torch.sin(torch.tensor(3e-4)))


def test_the_configuration_survives_its_json_form() -> None:
    assert WhisperConfig.from_json({**TOY.to_json(), "n_vocab": 51865}) == TOY
