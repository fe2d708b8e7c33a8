"""The Frechet distance, on clouds whose distance is known."""

import numpy as np
import pytest

from lipwright.evaluation.frechet import frechet


def test_it_is_nothing_for_equal_clouds_and_grows_with_their_distance() -> None:
    cloud = np.random.default_rng(0).standard_normal((400, 4))
    assert frechet(cloud, cloud) == pytest.approx(0, abs=1e-3)
    assert frechet(cloud + 3, cloud) == pytest.approx(36, rel=0.01)
    assert frechet(cloud * 2, cloud) == pytest.approx(float(np.var(cloud, axis=0, ddof=1).sum()), rel=0.05)
