"""Settings of preparation: released defaults, and contradictions refused in one sentence."""

import pytest

from lipwright import settings
from lipwright.dataset.config import Prepare
from lipwright.errors import OptionError
from lipwright.faces.align import LATENTSYNC, TINY_TEMPLATE


def test_defaults_are_the_released_ones() -> None:
    config = settings.load(Prepare, None)
    assert (config.side, config.template) == (256, LATENTSYNC(256))
    assert (config.shots.threshold, config.segments.seconds) == (2.0, 5.0)
    assert (config.sync.most_offset, config.sync.reach, config.faces.most_missing) == (6, 15, 0)
    assert settings.load(Prepare, None, ["crop=tiny", "side=128"]).template == TINY_TEMPLATE.at(128)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("colour=3", "has the unknown setting colour; known here are: crf, crop, duplicates"),
        ("faces.colour=3", r"has the unknown setting faces\.colour"),
        ("side=100", "side is 100, but must be a multiple of 8"),
        ("crop=square", "crop is 'square', but must be one of released, tiny"),
        ("crf=60", "crf is 60, but must be from 0 to 51"),
        ("segments.least_s=6", r"segments\.least_s is 6, but no clip longer than segments\.seconds"),
        ("sync.most_offset=20", r"sync\.most_offset is 20, but shifts beyond sync\.reach, which is 15"),
        ("shots.threshold=0", r"shots\.threshold is 0, but must be above 0"),
        ("faces.search_every=0", r"faces\.search_every is 0, but must be 1 or more"),
        ("quality.least_sharpness=101", r"quality\.least_sharpness is 101"),
        ("duplicates.sound_errors=0.5", r"duplicates\.sound_errors is 0\.5"),
    ],
)
def test_mistakes_are_one_sentence(change: str, says: str) -> None:
    with pytest.raises(OptionError, match=says) as caught:
        settings.load(Prepare, None, [change])
    assert "\n" not in str(caught.value)
