"""Attention against its formula written out."""

import torch

from lipwright.models.attention import Attention, GatedProjection, attend


@torch.no_grad()
def test_attention_is_softmax_of_scaled_products() -> None:
    torch.manual_seed(0)
    layer, x, context = Attention(12, 3, 7), torch.randn(2, 5, 12), torch.randn(2, 4, 7)
    heads = []
    for head in range(3):
        part = slice(4 * head, 4 * head + 4)
        q, k, v = layer.to_q(x)[..., part], layer.to_k(context)[..., part], layer.to_v(context)[..., part]
        heads.append(torch.softmax(q @ k.transpose(1, 2) / 2.0, dim=-1) @ v)
    assert torch.allclose(layer(x, context), layer.to_out[0](torch.cat(heads, dim=-1)), atol=1e-6)


@torch.no_grad()
def test_the_gate_is_the_second_half() -> None:
    torch.manual_seed(0)
    layer, x = GatedProjection(6, 4), torch.randn(3, 6)
    both = layer.proj(x)
    assert torch.allclose(layer(x), both[:, :4] * torch.nn.functional.gelu(both[:, 4:]), atol=1e-6)


def test_gradients_in_bfloat16_are_those_of_float32() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 6, 4) for _ in range(3))
    rough = q.bfloat16().requires_grad_()
    exact = q.bfloat16().float().requires_grad_()
    assert attend(rough, k.bfloat16(), v.bfloat16()).dtype == torch.bfloat16
    (found,) = torch.autograd.grad(attend(rough, k.bfloat16(), v.bfloat16()).float().sum(), rough)
    (expected,) = torch.autograd.grad(attend(exact, k.bfloat16().float(), v.bfloat16().float()).sum(), exact)
    assert torch.allclose(found.float(), expected, atol=1e-2)
