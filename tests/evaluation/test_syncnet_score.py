"""What a SyncNet says: the shift at which it agrees best, by the conventions of SyncNet."""

from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from lipwright.errors import OptionError
from lipwright.evaluation.syncnet_score import REACH, agreement, classic_score, stable_score
from lipwright.evaluation.watch import Watched
from lipwright.faces.align import TINY_TEMPLATE
from lipwright.faces.mesh import columns
from lipwright.faces.track import FaceTrack
from lipwright.media.probe import probe_video
from lipwright.media.write import save_clip
from lipwright.models.stable_syncnet import StableSyncNet, SyncNetConfig, TowerConfig
from lipwright.models.syncnet_v2 import SyncNetV2
from lipwright.weights.judges import LATENT, SyncJudge, SyncSight

COUNT = 60
SMALL = SyncNetConfig(
    TowerConfig(1, (32,) * 6, ((2, 1), 2, 2, 2, 2, (2, 3)), (0,) * 6),
    TowerConfig(48, (32,) * 5, ((1, 2), 2, 2, 2, 2), (0,) * 5),
)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A clip of noise in which a face is said to be."""
    rng = np.random.default_rng(2)
    frames = [rng.integers(0, 255, (96, 96, 3), np.uint8) for _ in range(COUNT)]
    path = tmp_path_factory.mktemp("noise") / "clip.mp4"
    save_clip(path, frames, 25, tiny.voice(COUNT / 25), tiny.SAMPLE_RATE)
    face = rng.uniform(20, 70, (1, len(_columns()), 2)).astype(np.float32)
    face[0, columns(33, 263)] = [(30, 40), (66, 40)]
    mesh = np.repeat(face, COUNT, axis=0)
    return Watched(probe_video(path), np.arange(COUNT) / 25, FaceTrack(np.ones(COUNT, bool), mesh, ()))


def _columns() -> tuple[int, ...]:
    from lipwright.faces.mesh import KEPT

    return KEPT


def voice() -> np.ndarray:
    return np.asarray(tiny.voice(COUNT / 25) * 32767, np.int16)


@pytest.mark.parametrize("cosine", [True, False])
@pytest.mark.parametrize("late", [-5, 0, 3])
def test_the_best_shift_is_where_the_sound_lies(late: int, cosine: bool) -> None:
    rows = torch.nn.functional.normalize(torch.randn(80, 8, generator=torch.manual_seed(1)), dim=1)
    starts = list(range(5, 65))
    picture = rows[[start for start in starts]]
    sound = rows[[start - late for start in starts]]  # the sound that goes with a picture comes `late` later
    curve = agreement(picture, sound, starts, cosine=cosine)
    assert curve.shape == (2 * REACH + 1,)
    assert int(curve.argmax()) - REACH == late


def test_pairs_that_are_not_there_count_as_released() -> None:
    picture, sound = torch.ones(3, 4), torch.ones(3, 4)
    plain = agreement(picture, sound, [0, 1, 2], cosine=False)
    assert plain[REACH] == pytest.approx(0, abs=1e-4)
    assert plain[REACH + 1] == pytest.approx(-2 / 3, abs=1e-4)  # one of three is compared with zeros: 2
    assert np.isnan(agreement(picture, sound, [0, 1, 2], cosine=True)[0])


def test_a_stable_syncnet_looks_and_listens(seen: Watched) -> None:
    with tiny.seeded(5):
        network = StableSyncNet(SMALL).eval()
    sight = SyncSight(side=32, template=TINY_TEMPLATE.to_dict())
    score = stable_score("clip", seen, voice(), SyncJudge(network, sight))
    assert score.measure == "stable-syncnet" and score.reason == ""
    assert score.confidence is not None and score.confidence >= 0
    assert score.offset_frames is not None and abs(score.offset_frames) <= REACH
    again = stable_score("clip", seen, voice(), SyncJudge(network, sight))
    assert again == score


def test_a_syncnet_of_latents_is_refused(seen: Watched) -> None:
    with tiny.seeded(5):
        network = StableSyncNet(SMALL)
    with pytest.raises(OptionError, match="looks at latents"):
        stable_score("clip", seen, voice(), SyncJudge(network, SyncSight(space=LATENT)))


@pytest.mark.slow
def test_the_classic_syncnet_looks_and_listens(seen: Watched) -> None:
    with tiny.seeded(5):
        network = SyncNetV2().eval()
    score = classic_score("clip", seen, voice(), network)
    assert score.measure == "syncnet-v2" and score.confidence is not None
    assert score.best is not None and score.usual is not None
    assert score.confidence == pytest.approx(score.usual - score.best, abs=2e-4)


def test_too_few_windows_have_a_reason(seen: Watched, tmp_path: Path) -> None:
    with tiny.seeded(5):
        judge = SyncJudge(StableSyncNet(SMALL).eval(), SyncSight(side=32))
    short = stable_score("clip", seen, voice()[:16_000], judge)
    assert short.confidence is None and "30 are needed" in short.reason
