"""One step of stage 2: what moves, and what the distances add up to. (Numbers: tests/verify, train_step.)"""

from dataclasses import replace

import torch

from lipwright.diffusion.schedule import Schedule
from lipwright.models.perceptual import OwnFeatures
from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig, TowerConfig
from lipwright.models.unet import UNet3D, UNetConfig
from lipwright.models.videomae import VideoMAE, VideoMAEConfig
from lipwright.training import stage_two
from lipwright.weights.deterministic import fill


def network() -> UNet3D:
    unet = UNet3D(
        UNetConfig(
            block_out_channels=(32, 32),
            down_block_types=("CrossAttnDownBlock3D",) * 2,
            up_block_types=("CrossAttnUpBlock3D",) * 2,
            layers_per_block=1,
            attention_head_dim=2,
            cross_attention_dim=16,
            norm_num_groups=8,
        )
    )
    fill(unet)
    return unet


def test_only_the_named_parts_are_trained() -> None:
    unet = network()
    chosen = dict(stage_two.trained(unet))
    assert chosen
    for name, parameter in unet.named_parameters():
        wanted = "motion_modules." in name or "attentions." in name
        assert parameter.requires_grad == wanted == (name in chosen)
    assert len(dict(stage_two.trained(unet, ("attn2.",)))) < len(chosen)


def test_gradients_are_clipped_together_and_the_optimiser_moves_by_its_rate() -> None:
    unet = network()
    parameters = [parameter for _, parameter in stage_two.trained(unet)]
    before = [parameter.detach().clone() for parameter in parameters]
    x = torch.randn(1, 13, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    loss = 1e3 * unet(x, torch.tensor([5]), torch.ones(1, 2, 4, 16)).square().mean()
    loss.backward()
    norm = stage_two.clip_gradients(parameters)
    assert float(norm) > 1
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total = torch.stack([gradient.norm() for gradient in gradients]).norm()
    assert abs(float(total) - 1) < 1e-4
    stage_two.optimiser(parameters).step()
    moved = max(float((now - old).detach().abs().max()) for now, old in zip(parameters, before, strict=True))
    assert 0.5e-5 < moved < 1.2e-5


def toy_batch(latents: int = 4) -> stage_two.Batch:
    def draw(*shape: int, seed: int) -> torch.Tensor:
        return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))

    shape = (2, 4, 16, latents, latents)  # the last norm of a SyncNet 32 wide needs two items
    return stage_two.Batch(
        pixels=draw(2, 16, 3, 8 * latents, 8 * latents, seed=1),
        clean=draw(*shape, seed=2),
        masked=draw(*shape, seed=3),
        reference=draw(*shape, seed=4),
        latent_mask=torch.ones(latents, latents),
        audio=draw(2, 16, 10, 16, seed=5),
        mel=draw(2, 1, 80, 52, seed=6),
        noise=draw(*shape, seed=7),
        t=torch.tensor([400, 50]),
    )


def bigger(latents: torch.Tensor) -> torch.Tensor:
    """A decoder without weights: eight times as large, three of the four channels."""
    return torch.nn.functional.interpolate(latents[:, :3], scale_factor=8, mode="nearest")


def judges() -> stage_two.Judges:
    sound = TowerConfig(1, (32,) * 6, ((2, 1), 2, 2, 2, 2, (2, 3)), (0,) * 6)
    syncnet = StableSyncNet(SyncNetConfig(sound, TowerConfig(48, (32,) * 5, ((1, 2), 2, 2, 2, 2), (0,) * 5)))
    videomae = VideoMAE(VideoMAEConfig(img_size=28, embed_dim=24, depth=1, num_heads=2, num_classes=3))
    perceptual = OwnFeatures(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3)), ("0",))
    for judge in (syncnet, videomae, perceptual.network):
        fill(judge)
        judge.requires_grad_(False)
    return stage_two.Judges(bigger, syncnet, videomae, perceptual, sync_side=32)


def test_the_total_is_the_weighted_sum_of_what_counts() -> None:
    unet, weights = network(), stage_two.LossWeights(trepa=7.0)
    found = stage_two.step_losses(unet, judges(), Schedule(), toy_batch(), weights)
    assert found.sync is not None and found.perceptual is not None and found.trepa is not None
    total = found.reconstruction + 0.05 * found.sync + 0.1 * found.perceptual + 7 * found.trepa
    torch.testing.assert_close(found.total, total)
    assert set(found.parts()) == {"loss", "reconstruction", "sync", "perceptual", "trepa"}
    assert all(torch.isfinite(part) for part in found.parts().values())


def test_what_does_not_count_is_not_computed() -> None:
    unet = network()
    plain = stage_two.step_losses(unet, stage_two.Judges(), Schedule(), toy_batch(), stage_two.LossWeights())
    assert plain.pixels is None and set(plain.parts()) == {"loss", "reconstruction"}
    weights = stage_two.LossWeights(trepa=0.0, perceptual=0.0)
    efficient = stage_two.step_losses(unet, judges(), Schedule(), toy_batch(), weights)
    assert set(efficient.parts()) == {"loss", "reconstruction", "sync"}


def test_a_syncnet_of_latents_needs_no_decoder() -> None:
    sound = TowerConfig(1, (32,) * 6, ((2, 1), 2, 2, 2, 2, (2, 3)), (0,) * 6)
    latent = StableSyncNet(SyncNetConfig(sound, TowerConfig(64, (32, 32), (2, 2), (0, 0))))
    fill(latent)
    latent.requires_grad_(False)
    unet = network()
    only = stage_two.Judges(syncnet=latent, sync_side=None)
    found = stage_two.step_losses(unet, only, Schedule(), toy_batch(), stage_two.LossWeights())
    assert found.pixels is None and found.sync is not None
    found.sync.backward()  # type: ignore[no-untyped-call]
    assert unet.conv_out.weight.grad is not None


def test_velocity_is_predicted_when_the_schedule_says_so() -> None:
    unet, batch = network(), toy_batch()
    schedule = Schedule(prediction_type="v_prediction")
    found = stage_two.step_losses(unet, stage_two.Judges(), schedule, batch, stage_two.LossWeights())
    wanted = (found.prediction - schedule.target(batch.clean, batch.noise, batch.t)).square().mean()
    torch.testing.assert_close(found.total, wanted)


def test_a_weight_decides_where_the_reconstruction_counts() -> None:
    unet, batch = network(), toy_batch()
    weight = torch.zeros(4, 4)
    weight[2:] = 2.0
    found = stage_two.step_losses(
        unet, stage_two.Judges(), Schedule(), replace(batch, weight=weight), stage_two.LossWeights()
    )
    error = (found.prediction - batch.noise).square()[..., 2:, :].mean()
    torch.testing.assert_close(found.total, error)
