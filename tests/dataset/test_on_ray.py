"""The same clips by Ray Data on a cluster of this one machine; skipped where Ray is not installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import talkers
from lipwright import settings
from lipwright.dataset.config import Prepare
from lipwright.dataset.on_ray import LOCAL, runner_on
from lipwright.dataset.prepare import prepare
from lipwright.errors import OptionError

CONFIG = settings.load(Prepare, None, talkers.QUICK)
HAS_RAY = importlib.util.find_spec("ray") is not None


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed here")
def test_without_ray_it_says_what_to_install() -> None:
    with pytest.raises(OptionError, match=r"pip install 'lipwright\[ray\]'"):
        runner_on(LOCAL)


@pytest.mark.skipif(
    not HAS_RAY, reason="needs Ray, the extra `ray`, which is not in the dev group: it is large"
)
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ray_makes_the_same_manifest(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    talkers.save(raw / "good.mp4", *talkers.talker())
    (raw / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(5000))
    here = prepare(raw, tmp_path / "here", CONFIG, say=lambda line: None)
    there = prepare(raw, tmp_path / "there", CONFIG, say=lambda line: None, runner=runner_on(LOCAL, 2))
    assert there.prepared == 2
    assert there.manifest.read_bytes() == here.manifest.read_bytes()
