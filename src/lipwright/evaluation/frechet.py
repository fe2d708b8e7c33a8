"""How far apart two clouds of feature vectors are, each taken as normal: the distance in FID and FVD."""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

RIDGE = 1e-6  # on both spreads, which few vectors leave singular


def frechet(made: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Frechet distance of two sets of vectors (n, d) and (m, d), n and m at least 2; 0 for equal ones.

    With fewer vectors than dimensions it is biased upwards, and only comparable at equal numbers.
    """
    means = [rows.mean(axis=0) for rows in (made, true)]
    ridge = RIDGE * np.eye(made.shape[1])
    spreads = [np.cov(rows, rowvar=False) + ridge for rows in (made, true)]
    # the trace of the root of a product of two spreads, through symmetric matrices: much faster, and real
    values, vectors = linalg.eigh(spreads[0])
    half = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = linalg.eigvalsh(half @ spreads[1] @ half)
    distance = np.square(means[0] - means[1]).sum() + np.trace(spreads[0] + spreads[1])
    return float(max(distance - 2 * np.sqrt(np.maximum(shared, 0)).sum(), 0.0))
