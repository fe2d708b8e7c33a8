"""Memory counted without any: the released configurations come out near the figures their authors name."""

from dataclasses import replace

import pytest
import torch

from lipwright.errors import OptionError
from lipwright.training import settings
from lipwright.training.estimate import Estimate, _kept, estimate, table
from lipwright.training.unet_config import UNetRun


@pytest.fixture(scope="module")
def stage1() -> Estimate:
    return estimate(settings.load(UNetRun, "stage1"), "stage1")


def test_what_autograd_keeps_is_counted_once() -> None:
    layer = torch.nn.Linear(8, 8, bias=False).to("meta")
    with _kept(layer) as keeper:
        x = torch.zeros(4, 8, requires_grad=True)
        y = layer(x).relu()
        (y * y).sum()
    # x for the weight's slope, y once (for relu and for the product); the weight itself is known.
    assert keeper.total == 2 * 4 * 8 * 4


def test_attention_is_counted_without_its_matrix() -> None:
    with _kept() as keeper:
        q, k, v = (torch.zeros(1, 2, 1000, 8, requires_grad=True) for _ in range(3))
        torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert keeper.total == 4 * 2 * 1000 * 8 * 4 + 2 * 1000 * 4


def test_stage_one_of_the_released_size(stage1: Estimate) -> None:
    assert stage1.values_trained == 849_962_244
    assert stage1.weights == 4 * 849_962_244 and stage1.optimiser == 8 * 849_962_244
    assert stage1.judge_activations == 0
    assert 18e9 < stage1.total < stage1.wrapped < 24e9, "its authors name 23 GB"
    assert stage1.sharded(8) < stage1.total / 2


def test_lora_needs_next_to_no_moments(stage1: Estimate) -> None:
    small = estimate(replace(settings.load(UNetRun, "stage1"), lora_rank=8, parts=("attn2",)))
    assert small.values_trained < 10e6 and small.total < stage1.total - 9e9


def test_the_table_has_a_row_each(stage1: Estimate) -> None:
    lines = table([stage1, stage1]).splitlines()
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1
    assert "850.0 M" in lines[2]


def test_tiny_needs_none() -> None:
    with pytest.raises(OptionError, match="estimates are for the released size"):
        estimate(UNetRun())
