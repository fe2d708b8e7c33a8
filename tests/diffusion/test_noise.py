"""A seed means the same everywhere, and windows do not depend on their order."""

import torch

from lipwright.diffusion import noise


def test_a_seed_repeats_and_another_differs() -> None:
    first = noise.shared_noise(noise.clip_generator(1), 8, 8)
    assert torch.equal(first, noise.shared_noise(noise.clip_generator(1), 8, 8))
    assert not torch.allclose(first, noise.shared_noise(noise.clip_generator(2), 8, 8))


def test_all_frames_share_their_noise() -> None:
    frames = noise.over_frames(noise.shared_noise(noise.clip_generator(1), 8, 6), 5)
    assert frames.shape == (1, 4, 5, 8, 6)
    assert torch.equal(frames[:, :, 0], frames[:, :, 4])


def test_each_window_has_its_own_stream() -> None:
    def draw(seed: int, window: int) -> torch.Tensor:
        return noise.posterior_noise(noise.window_generator(seed, window), 2, 8, 8)

    assert torch.equal(draw(7, 3), draw(7, 3))
    draws = torch.stack([draw(seed, window).flatten() for seed in (0, 1, 2**63 - 1) for window in range(4)])
    shared = torch.corrcoef(draws) - torch.eye(len(draws))
    assert float(shared.abs().max()) < 0.2
