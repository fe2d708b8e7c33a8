"""Synthetic speech for training: seeds below evaluation's, rows that fit together."""

from pathlib import Path

import numpy as np
import pytest

from lipwright.errors import OptionError
from lipwright.presenter.parameters import PARAMETERS
from lipwright.presenter.phonemes import VISEMES
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.training.config import TOY
from lipwright.training.speech_material import _one, make_speech, utterance_seed


def test_no_training_seed_reaches_evaluation_s() -> None:
    seeds = [utterance_seed(run, index) for run in (0, 1, 9, 999_999) for index in range(3000)]
    assert min(seeds) >= 0 and max(seeds) < EVALUATION_SEED
    assert len({utterance_seed(1, index) for index in range(3000)}) == 3000


@pytest.mark.parametrize("seed", [-1, EVALUATION_SEED, EVALUATION_SEED + 5])
def test_a_run_with_a_seed_of_evaluation_is_refused(seed: int, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="evaluation"):
        make_speech(tmp_path / "speech", TOY.material, seed, 1, lambda line: None)
    assert list(tmp_path.iterdir()) == []


def test_the_rows_of_an_utterance_fit() -> None:
    mel, measures, visemes = _one((utterance_seed(1, 0), 1.0))
    rows = len(measures)
    assert (
        mel.shape == (2 * rows, 80) and measures.shape == (rows, len(PARAMETERS)) and visemes.shape == (rows,)
    )
    assert np.isfinite(mel).all() and visemes.max() < len(VISEMES)
    assert measures.min() >= -1 and measures.max() <= 1 and measures[:, 0].max() > 0.2
