"""The table of options: complete, consistent, and refusing what is outside its ranges."""

import dataclasses
from typing import Any

import pytest

from lipwright.device import choose_device
from lipwright.diffusion import schedule
from lipwright.errors import OptionError
from lipwright.media import codecs, timeline
from lipwright.options import CODECS, DTYPES, KNOBS, LCM_STEPS, LONGER, SHORTER, SOLVERS, SyncOptions


def test_the_table_and_the_options_are_the_same() -> None:
    defaults = SyncOptions()
    assert [knob.name for knob in KNOBS] == [row.name for row in dataclasses.fields(SyncOptions)]
    for knob in KNOBS:
        assert knob.default == getattr(defaults, knob.name)
        assert knob.meaning.endswith(".")
        assert "\n" not in knob.meaning


def test_the_defaults_are_valid() -> None:
    SyncOptions().validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 1),
        ("guidance", 1),
        ("guidance", 1.5),
        ("seed", 0),
        ("crf", 0),
        ("crf", 51),
        ("codec", "ffv1"),
        ("device", "cuda:1"),
        ("dtype", None),
        ("force", True),
    ],
)
def test_values_within_the_range_pass(name: str, value: Any) -> None:
    dataclasses.replace(SyncOptions(), **{name: value}).validate()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("steps", 0, "from 1 to 1000"),
        ("steps", 2.5, "a whole number"),
        ("steps", True, "a whole number"),
        ("guidance", 0.5, "from 1 to 20"),
        ("guidance", float("nan"), "a number"),
        ("guidance", "2", "a number"),
        ("seed", -1, "from 0"),
        ("seed", None, "a whole number"),
        ("crf", 52, "from 0 to 51"),
        ("codec", "divx", "h264, hevc, ffv1"),
        ("longer", "stretch", "bounce"),
        ("solver", "heun", "ddim, dpmpp-2m, unipc, euler, lcm"),
        ("reuse", "always", "off, deepcache"),
        ("faces", "dlib", "mediapipe, insightface"),
        ("reuse_interval", 1, "from 2 to 100"),
        ("dtype", "fp64", "fp32, bf16, fp16"),
        ("device", "", "a word"),
        ("force", 1, "true or false"),
    ],
)
def test_values_outside_are_refused_in_one_sentence(name: str, value: Any, said: str) -> None:
    with pytest.raises(OptionError) as refusal:
        dataclasses.replace(SyncOptions(), **{name: value}).validate()
    sentence = str(refusal.value)
    assert sentence.startswith(f"{name} is {value!r}")
    assert said in sentence
    assert "\n" not in sentence


def test_the_choices_are_those_that_the_code_knows() -> None:
    assert set(CODECS) == {*codecs.CODECS, codecs.AUTO}
    assert set(LONGER) == set(timeline.LONGER)
    assert (SOLVERS, LCM_STEPS) == (schedule.SOLVERS, schedule.LCM_STEPS)
    assert set(SHORTER) == set(timeline.SHORTER)
    assert len({choose_device("cpu", dtype).dtype for dtype in DTYPES}) == len(DTYPES)


def test_more_steps_than_the_consistency_solver_has_are_refused() -> None:
    SyncOptions(solver="lcm", steps=50).validate()
    with pytest.raises(OptionError, match="steps is 51, but solver 'lcm' takes at most 50"):
        SyncOptions(solver="lcm", steps=51).validate()
