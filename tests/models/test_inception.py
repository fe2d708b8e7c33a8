"""The Inception of FID: its size is the published one, and its two departures from the usual network."""

import torch

import tiny
from lipwright.models.inception import Inception, Mixed


def test_it_has_the_parts_of_the_public_network() -> None:
    with tiny.seeded(1):
        network = Inception().eval()
    # 23,834,568 of Inception v3 without its side exit, whose classifier has 1000 rows and not 1008
    assert sum(value.numel() for value in network.parameters()) == 23_834_568 + 8 * 2049
    names = set(network.state_dict())
    for key in (
        "Conv2d_1a_3x3.conv.weight",
        "Mixed_5b.branch3x3dbl_3.bn.running_var",
        "Mixed_6a.branch3x3.conv.weight",
        "Mixed_6e.branch7x7dbl_5.conv.weight",
        "Mixed_7a.branch7x7x3_4.conv.weight",
        "Mixed_7c.branch3x3dbl_3b.bn.weight",
        "fc.bias",
    ):
        assert key in names
    with torch.no_grad():
        found = network(torch.rand(2, 3, 40, 60) * 2 - 1)
    assert found.shape == (2, 2048) and bool(torch.isfinite(found).all())


def pooled(*, highest: bool) -> torch.Tensor:
    block = Mixed(1, ((("branch_pool", 1, 1, 1),),), highest=highest).eval()
    torch.nn.init.ones_(block.get_parameter("branch_pool.conv.weight"))
    picture = torch.arange(9, dtype=torch.float32).reshape(1, 1, 3, 3)
    with torch.no_grad():
        return torch.as_tensor(block(picture))[0, 0]


def test_means_at_the_border_count_real_pixels_alone() -> None:
    assert abs(pooled(highest=False)[0, 0].item() - 2.0) < 2e-3  # of 0, 1, 3, 4; zeros counted: 0.9


def test_the_last_block_takes_the_highest() -> None:
    assert abs(pooled(highest=True)[0, 0].item() - 4.0) < 4e-3
