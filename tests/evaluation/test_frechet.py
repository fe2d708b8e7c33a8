"""The Frechet distance, on clouds whose distance is known."""

import numpy as np
import pytest
from scipy import linalg

from lipwright.evaluation.frechet import frechet


def test_it_is_nothing_for_equal_clouds_and_grows_with_their_distance() -> None:
    cloud = np.random.default_rng(0).standard_normal((400, 4))
    assert frechet(cloud, cloud) == pytest.approx(0, abs=1e-3)
    assert frechet(cloud + 3, cloud) == pytest.approx(36, rel=0.01)
    assert frechet(cloud * 2, cloud) == pytest.approx(float(np.var(cloud, axis=0, ddof=1).sum()), rel=0.05)


@pytest.mark.parametrize("count", [5, 60])
def test_it_is_the_formula_with_the_root_of_the_product(count: int) -> None:
    draws = np.random.default_rng(count)
    made, true = draws.standard_normal((count, 12)) * 3, draws.standard_normal((count + 2, 12)) + 1
    spreads = [np.cov(rows, rowvar=False) + 1e-6 * np.eye(12) for rows in (made, true)]
    root = np.real(linalg.sqrtm(spreads[0] @ spreads[1]))
    means = np.square(made.mean(axis=0) - true.mean(axis=0)).sum()
    assert frechet(made, true) == pytest.approx(
        means + np.trace(spreads[0] + spreads[1] - 2 * root), rel=1e-4
    )
