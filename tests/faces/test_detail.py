import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.detail import carry_detail

SIDE = 128
BOX = (0, 0, SIDE, SIDE)
SAME = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
Picture = NDArray[np.float32]


def grain(seed: int) -> Picture:
    return np.asarray(np.random.default_rng(seed).normal(0, 6, (SIDE, SIDE, 3)), np.float32)


def soft_face(down: int = 0) -> Picture:
    """Blots, as an autoencoder draws them, and all of them `down` px lower."""
    noise = np.random.default_rng(5).normal(0, 1, (SIDE + 32, SIDE, 1)).repeat(3, axis=2)
    blots = cv2.GaussianBlur(noise, (0, 0), 6)
    blots = 120 + 40 * blots / np.abs(blots).max()
    return np.ascontiguousarray(blots[16 - down : 16 - down + SIDE], np.float32)


def alike(a: Picture, b: Picture) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_detail_returns_where_the_picture_stayed_and_nowhere_else() -> None:
    smooth = np.full((SIDE, SIDE, 3), 120, np.float32)
    generated = smooth.copy()
    generated[80:, :] = 30  # a mouth that opened
    out = carry_detail(smooth + grain(1), BOX, generated, smooth, SAME)
    assert np.allclose(out[:60], (smooth + grain(1))[:60], atol=0.5)
    assert np.allclose(out[100:], generated[100:], atol=0.5)


def test_detail_moves_with_the_skin_that_it_belongs_to() -> None:
    """A chin five px lower has its stubble five px lower, not where the source's chin was."""
    drawn, moved = soft_face(), soft_face(down=5)
    out = carry_detail(drawn + grain(2), BOX, moved, drawn, SAME)
    inner = slice(20, -20)
    found = (out - moved)[inner, inner]
    assert alike(found, np.roll(grain(2), 5, axis=0)[inner, inner]) > 0.7
    assert abs(alike(found, grain(2)[inner, inner])) < 0.2


def test_detail_comes_at_the_size_of_the_frame() -> None:
    """The frame is twice as large as the crop: its finest detail is no detail of the crop, and returns."""
    crop = soft_face()
    large = cv2.resize(crop, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    fine = np.asarray(np.random.default_rng(3).normal(0, 6, large.shape), np.float32)
    half = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]], np.float32)
    out = carry_detail(large + fine, (0, 0, 2 * SIDE, 2 * SIDE), crop, crop, half)
    assert alike((out - large)[8:-8, 8:-8], fine[8:-8, 8:-8]) > 0.95


def test_the_same_pictures_give_the_same_bytes_whatever_the_threads() -> None:
    before = cv2.getNumThreads()
    results = []
    try:
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            results.append(carry_detail(soft_face() + grain(4), BOX, soft_face(3), soft_face(), SAME))
    finally:
        cv2.setNumThreads(before)
    assert np.array_equal(results[0], results[1])
