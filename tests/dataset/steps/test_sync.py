"""Shifts of the sound are found to the frame; silence and other people's words are told."""

from pathlib import Path

import numpy as np
import pytest
import torch

import talkers
from lipwright.dataset.config import EARS, Faces, Sync
from lipwright.dataset.steps.follow import Followed, follow
from lipwright.dataset.steps.sync import (
    EarsJudge,
    Judge,
    SyncNetJudge,
    check_sound,
    check_sync,
    correlations,
    judge_of,
)
from lipwright.dataset.verdicts import OFFSET, SILENT, UNSURE, Refused
from lipwright.errors import OptionError
from lipwright.faces.track import FaceTrack
from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig, TowerConfig
from lipwright.speech.mel import syncnet_mel, syncnet_window
from lipwright.weights.judges import SyncJudge, SyncSight
from lipwright.weights.load_faces import load_faces


@pytest.fixture(scope="module")
def track() -> FaceTrack:
    found: Followed = follow(talkers.talker()[0], load_faces(), Faces())
    assert found.track is not None and not found.others.any()
    return found.track


@pytest.fixture(scope="module")
def judge() -> Judge:
    return judge_of(Sync())


@pytest.mark.parametrize("late", [-5, -1, 0, 3, 5])
def test_the_shift_is_found_to_the_frame(late: int, track: FaceTrack, judge: Judge) -> None:
    pictures, samples = talkers.talker()
    away = np.zeros(abs(late) * talkers.PER_FRAME, np.float32)
    moved = np.concatenate([samples[len(away) :], away]) if late < 0 else talkers.late(samples, late)
    figures = check_sync(judge, judge.hear(moved), track, 0, pictures, Sync())
    assert figures["offset"] == late and figures["confidence"] >= judge.least_confidence


def test_too_far_apart_is_beyond_repair(track: FaceTrack, judge: Judge) -> None:
    pictures, samples = talkers.talker()
    heard = judge.hear(talkers.late(samples, 9))
    with pytest.raises(Refused, match=rf"{OFFSET}: \+9 frames, most 6"):
        check_sync(judge, heard, track, 0, pictures, Sync())


def test_noise_belongs_to_no_lips(track: FaceTrack, judge: Judge) -> None:
    pictures, samples = talkers.talker()
    noise = np.random.default_rng(1).normal(0, 0.1, len(samples)).astype(np.float32)
    with pytest.raises(Refused, match=UNSURE):
        check_sync(judge, judge.hear(noise), track, 0, pictures, Sync())


def test_silence_is_told_before_anything_is_heard() -> None:
    samples = talkers.talker()[1]
    assert check_sound(samples, 0, talkers.FRAMES, Sync()) > 1.5
    with pytest.raises(Refused, match=f"{SILENT}: the loud parts are at -99 dB"):
        check_sound(samples * 0, 0, talkers.FRAMES, Sync())
    click = np.zeros_like(samples)
    click[20_000:24_000] = 0.5
    with pytest.raises(Refused, match=f"{SILENT}: 0.3 s of sound, least 1"):
        check_sound(click, 0, talkers.FRAMES, Sync())


def test_correlations_are_pearson_s() -> None:
    rng = np.random.default_rng(2)
    said = rng.normal(size=110)
    seen = said[7 : 7 + 100] * 3 + 1
    seen[40] = np.nan
    curve = correlations(seen, said, 5)
    assert int(np.argmax(curve)) == 7 and 0.9 < curve.max() <= 1.0 + 1e-9


def test_the_judge_is_named_or_refused(tmp_path: Path) -> None:
    assert isinstance(judge_of(Sync(judge=EARS)), EarsJudge)
    with pytest.raises(OptionError, match="must be 'ears' or a SyncNet's file or folder"):
        judge_of(Sync(judge=str(tmp_path / "absent.pt")))


def test_a_syncnet_is_asked_for_every_window_at_every_shift(track: FaceTrack) -> None:
    """Against the network called for one pair after another."""
    torch.manual_seed(3)
    sound = TowerConfig(1, (32, 64), ((2, 1), (40, 52)), (0, 0))
    picture = TowerConfig(48, (32, 64), ((1, 2), (16, 16)), (0, 0))
    network = StableSyncNet(SyncNetConfig(sound, picture)).eval().requires_grad_(False)
    pictures, samples = talkers.talker()
    crops = [np.ascontiguousarray(p[:32, :32]) for p in pictures[:24]]
    judge = SyncNetJudge(SyncJudge(network, SyncSight(side=32)))
    confidence, shift = judge.agreement(judge.hear(samples), track, 10, crops, 3)
    mel = syncnet_mel(samples)
    curve = []
    for away in range(-3, 4):
        cosines = []
        for first in range(0, 24 - 16 + 1, 2):
            half = np.stack(crops[first : first + 16])[:, 16:].transpose(0, 3, 1, 2).reshape(1, 48, 16, 32)
            window = syncnet_window(mel, (10 + first + away) / 25)
            assert window is not None
            seen, heard = network(
                torch.from_numpy(half).float() / 127.5 - 1, torch.from_numpy(window.copy())[None, None]
            )
            cosines.append(float((seen * heard).sum()))
        curve.append(np.mean(cosines))
    assert shift == int(np.argmax(curve)) - 3
    assert confidence == pytest.approx(max(curve) - np.median(curve), abs=1e-5)
    assert judge.agreement(judge.hear(samples), track, 0, crops[:12], 3) == (0.0, 0)
