"""Labels of both synthesisers become viseme classes with the right times."""

import numpy as np
import pytest

from lipwright.presenter.phonemes import (
    PAUSE,
    VISEMES,
    Phoneme,
    from_flite,
    is_consonant,
    segments,
    viseme_track,
)


def test_there_are_fifteen_classes_and_silence_is_the_first() -> None:
    assert len(VISEMES) == 15
    assert VISEMES[0] == "sil"


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("p", ["PP"]),
        ("tʃ", ["CH"]),
        ("ts", ["DD", "SS"]),
        ("aɪ", ["AA", "I"]),
        ("əl", ["E", "NN"]),
        ("ˈuː", ["U"]),
        (PAUSE, ["sil"]),
        ("??", ["E"]),
    ],
)
def test_labels_split_into_visemes(label: str, names: list[str]) -> None:
    found = segments([(label, 1.0, 1.2)])
    assert [VISEMES[part.viseme] for part in found] == names
    assert found[0].start_s == 1.0
    assert found[-1].end_s == pytest.approx(1.2)


def test_flite_names_become_ipa_of_the_same_look() -> None:
    classes = {
        name: segments([(from_flite(name), 0, 1)])[0].viseme for name in ("b", "jh", "dh", "y", "r", "pau")
    }
    assert [VISEMES[index] for index in classes.values()] == ["PP", "CH", "TH", "I", "RR", "sil"]


def test_only_consonants_are_consonants() -> None:
    assert is_consonant("m") and is_consonant("dʒ")
    assert not is_consonant("oʊ") and not is_consonant(PAUSE) and not is_consonant("")


def test_the_track_holds_the_class_at_each_time_and_silence_elsewhere() -> None:
    spoken = [Phoneme("m", 0.1, 0.2), Phoneme("ɑ", 0.2, 0.4)]
    track = viseme_track(spoken, np.array([0.0, 0.1, 0.19, 0.2, 0.39, 0.4, 9.0]))
    assert [VISEMES[index] for index in track] == ["sil", "PP", "PP", "AA", "AA", "sil", "sil"]
    assert viseme_track([], np.array([0.0, 1.0])).tolist() == [0, 0]
