import json
from pathlib import Path

import numpy as np
import pytest

from lipwright.faces.mask import RELEASED, TINY_MASK, RowMask

RECORDED = Path(__file__).parent.parent / "data" / "released_mask.npz"


@pytest.mark.parametrize("resolution", [64, 128, 256, 512])
def test_released_mask_equals_the_recorded_one(resolution: int) -> None:
    recorded = np.load(RECORDED)
    assert np.array_equal(RELEASED.keep_bytes(resolution), recorded[f"mask{resolution}"])
    latent = np.rint(RELEASED.latent_mask(resolution) * 255)
    assert np.array_equal(latent, recorded[f"latent{resolution}"])


def test_one_means_keep() -> None:
    keep = RELEASED.keep_mask(256)
    assert keep.dtype == np.float32
    assert keep[0].min() == 1
    assert keep[200, 128] == 0
    assert np.mean(keep == 0) == pytest.approx(0.407, abs=1e-3)


def test_tiny_mask_lies_on_the_latent_grid_and_reaches_the_bottom() -> None:
    keep, latent = TINY_MASK.keep_mask(128), TINY_MASK.latent_mask(128)
    assert np.array_equal(np.kron(latent, np.ones((8, 8), np.float32)), keep)
    assert keep[-1].max() == 0


def test_a_mask_goes_through_json() -> None:
    for mask in (RELEASED, TINY_MASK):
        assert RowMask.from_dict(json.loads(json.dumps(mask.to_dict()))) == mask


def test_a_mask_outside_its_size_is_refused() -> None:
    with pytest.raises(ValueError, match="outside its size"):
        RowMask(64, ((10, 64, ((0, 5),)),))
