"""The critic learns apart from its pupil, and each is pulled its own way by one sum."""

import torch

from lipwright.models.critic import PatchCritic, adversarial_losses, trained_together


def test_one_sum_moves_each_by_its_own_loss() -> None:
    torch.manual_seed(0)
    critic, pupil = PatchCritic(8), torch.nn.Conv2d(3, 3, 1)
    given, true = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    weights = trained_together(pupil, critic)

    def gradients(own: float, wish: float) -> list[torch.Tensor]:
        losses = adversarial_losses(critic, pupil(given), true)
        total = own * losses[0] + wish * losses[1]
        found = torch.autograd.grad(total, weights, allow_unused=True)
        return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]

    both, critics, pupils = gradients(1, 1), gradients(1, 0), gradients(0, 1)
    mine = len(list(pupil.parameters()))
    assert all(
        float(g.abs().sum()) == 0 for g in critics[:mine]
    )  # the pupil is not moved by the critic's loss
    assert all(float(g.abs().sum()) == 0 for g in pupils[mine:])
    for whole, one, other in zip(both, critics, pupils, strict=True):
        torch.testing.assert_close(whole, one + other)


def test_it_learns_to_tell_sharp_from_blurred() -> None:
    torch.manual_seed(1)
    critic = PatchCritic(8)
    optimiser = torch.optim.Adam(critic.parameters(), 3e-3)
    for _ in range(60):
        true = torch.rand(8, 3, 16, 16) * 2 - 1
        made = torch.nn.functional.avg_pool2d(true, 3, 1, 1)
        own, _ = adversarial_losses(critic, made, true)
        optimiser.zero_grad()
        own.backward()
        optimiser.step()
    true = torch.rand(8, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        apart = critic(true).mean() - critic(torch.nn.functional.avg_pool2d(true, 3, 1, 1)).mean()
    assert float(apart) > 0.5


def test_frozen_values_are_left_out() -> None:
    layer = torch.nn.Conv2d(3, 3, 1)
    layer.weight.requires_grad_(False)
    assert [value is layer.bias for value in trained_together(layer)] == [True]
