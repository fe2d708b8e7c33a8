"""The weight rule gives the published check values."""

import numpy as np
import torch

from lipwright.weights.deterministic import fill, stream, weight


def test_check_values() -> None:
    expected = [-1.2586312, -0.32747197, -0.9415881, 0.99060106, -0.27109125]
    assert np.allclose(stream("conv_in.weight", (3, 5))[0], expected, atol=1e-7)


def test_biases_scales_and_matrices_differ() -> None:
    assert np.allclose(weight("a.bias", (4,)), 0.02 * stream("a.bias", (4,)))
    assert np.allclose(weight("a.q_bias", (4,)), 0.02 * stream("a.q_bias", (4,)))
    assert np.allclose(weight("a.weight", (4,)), 1 + 0.1 * stream("a.weight", (4,)))
    assert np.allclose(weight("a.weight", (2, 3, 3)), stream("a.weight", (2, 3, 3)) / 3)


def test_fill_uses_the_names_in_the_file() -> None:
    layer = torch.nn.Linear(3, 2)
    fill(layer, prefix="encoder.")
    assert np.array_equal(layer.weight.detach().numpy(), weight("encoder.weight", (2, 3)))
