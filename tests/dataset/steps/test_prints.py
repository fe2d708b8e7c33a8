"""Copies are alike however they were encoded; other clips, and the same face with other words, are not."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

import talkers
from lipwright.dataset.config import Duplicates
from lipwright.dataset.duplicates import find
from lipwright.dataset.steps.prints import Prints, take
from lipwright.media.frames import read_frames
from lipwright.media.samples import read_samples


def prints_of(pictures: talkers.Pictures, samples: np.ndarray) -> Prints:
    return take(np.asarray(samples, np.float32), pictures)


def copied(tmp_path: Path) -> Prints:
    """Scaled, crushed and quieter."""
    pictures, samples = talkers.talker()
    small = [np.asarray(cv2.resize(p, (128, 128), interpolation=cv2.INTER_AREA), np.uint8) for p in pictures]
    file = talkers.save(tmp_path / "copy.mp4", small, 0.6 * samples, crf=33)
    return prints_of([f.rgb() for f in read_frames(file)], read_samples(file))


def test_a_copy_is_found_and_others_are_not(tmp_path: Path) -> None:
    first = prints_of(*talkers.talker())
    other = prints_of(talkers.talker()[0], talkers.late(talkers.talker()[1][::-1].copy(), 0))
    found = find([first, other, copied(tmp_path)], Duplicates())
    assert found[0] is None and found[1] is None
    assert found[2] is not None and (found[2].first, found[2].shift) == (0, 0)
    assert found[2].sound_errors < 0.2 and found[2].picture_bits <= 8


def test_a_copy_that_begins_later_is_found() -> None:
    pictures, samples = talkers.talker()
    cut = 20
    later = prints_of(pictures[cut:], samples[cut * talkers.PER_FRAME :])
    (_, found) = find([prints_of(pictures, samples), later], Duplicates())
    assert found is not None and found.first == 0 and abs(found.shift - cut) <= 1


def test_the_same_words_over_another_picture_are_kept() -> None:
    own = prints_of(*talkers.talker())
    other = replace(own, hashes=~own.hashes)
    assert find([own, other], Duplicates()) == [None, None]


def test_prints_survive_as_text() -> None:
    own = prints_of(*talkers.talker())
    back = Prints.from_json(own.to_json())
    assert all(
        np.array_equal(getattr(back, name), getattr(own, name)) for name in ("words", "heard", "hashes")
    )


def test_silence_is_like_nothing() -> None:
    pictures, samples = talkers.talker()
    quiet = prints_of(pictures, samples * 0)
    assert not quiet.heard.any() and find([quiet, quiet], Duplicates()) == [None, None]
    assert find([], Duplicates()) == []
