"""Head motion: smooth, natural in size, with blinks, the same at every frame rate."""

import numpy as np

from lipwright.presenter.motion import draw_motion


def test_motion_is_a_function_of_time() -> None:
    dense = draw_motion(5, np.arange(0, 4, 0.02))
    sparse = draw_motion(5, np.arange(0, 4, 0.04))
    for pose, same in zip(dense[::2], sparse, strict=True):
        assert abs(pose.yaw - same.yaw) < 1e-9 and abs(pose.gaze_x - same.gaze_x) < 1e-9


def test_motion_depends_on_the_seed() -> None:
    assert draw_motion(1, [0.5]) == draw_motion(1, [0.5]) != draw_motion(2, [0.5])


def test_heads_move_slowly_and_within_limits() -> None:
    times = np.arange(0, 20, 0.04)
    for seed in range(12):
        poses = draw_motion(seed, times)
        yaw = np.array([pose.yaw for pose in poses])
        assert 0.01 < yaw.std() < 0.25 and np.abs(yaw).max() <= 0.35
        assert np.abs(np.diff(yaw)).max() < 0.03
        assert all(abs(p.pitch) <= 0.2 and abs(p.roll) <= 0.12 and 0.92 <= p.scale <= 1.08 for p in poses)
        assert all(abs(p.dx) <= 0.08 and abs(p.dy) <= 0.08 and abs(p.brow) <= 1 for p in poses)


def test_eyes_blink_every_few_seconds_and_are_mostly_open() -> None:
    times = np.arange(0, 120, 0.02)
    shut = np.array([pose.blink_left for pose in draw_motion(3, times)])
    blinks = int(np.sum((shut[1:] > 0.5) & (shut[:-1] <= 0.5)))
    assert 15 <= blinks <= 70
    assert shut.max() > 0.95 and np.mean(shut < 0.05) > 0.85
