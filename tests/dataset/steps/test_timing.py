"""Other rates at 25 a second, and sound where the picture begins."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from lipwright.dataset.steps.timing import frames_at_rate, sound_of
from lipwright.dataset.verdicts import NO_SOUND, Refused
from lipwright.media.probe import probe_video, sound_start_s
from lipwright.media.write import save_clip


def levels(count: int) -> list[NDArray[np.uint8]]:
    """Frames that can be told apart by their brightness."""
    return [np.full((32, 32, 3), 20 + 5 * k, np.uint8) for k in range(count)]


def shown(file: Path) -> list[int]:
    return [round((float(f.rgb().mean()) - 20) / 5) for f in frames_at_rate(probe_video(file))]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(50), Fraction(30000, 1001), Fraction(12)])
def test_moments_show_the_frame_of_their_time(tmp_path: Path, rate: Fraction) -> None:
    file = tmp_path / "a.mkv"
    save_clip(file, levels(40), rate, None, 16_000, codec="ffv1")
    slots = [int(np.floor(float(k / rate) * 25 + 0.5)) for k in range(40)]
    found = shown(file)
    expected = [max(k for k in range(40) if slots[k] <= moment) for moment in range(len(found))]
    assert found == expected
    assert abs(len(found) - float(40 / rate) * 25) <= 0.5 + 1e-6


def test_variable_rates_keep_their_times(tmp_path: Path) -> None:
    file = tmp_path / "a.mkv"
    times = [0, 40, 200, 240, 400]
    save_clip(file, levels(5), 25, None, 16_000, codec="ffv1", pts=times, time_base=Fraction(1, 1000))
    assert shown(file)[:10] == [0, 1, 1, 1, 1, 2, 3, 3, 3, 3]


def test_a_sound_that_starts_late_is_preceded_by_silence(tmp_path: Path) -> None:
    plain, late = tmp_path / "a.mkv", tmp_path / "b.mkv"
    tone = np.sin(np.arange(16_000) * 0.3).astype(np.float32)
    save_clip(plain, levels(25), 25, tone, 16_000, codec="ffv1")
    _delayed(plain, late, Fraction(1, 5))
    assert sound_start_s(late) == pytest.approx(0.2, abs=0.002)
    samples = sound_of(probe_video(late))
    assert not samples[:3100].any() and np.abs(samples[3300:3600]).max() > 0.5


def test_no_sound_is_a_verdict(tmp_path: Path) -> None:
    save_clip(tmp_path / "a.mp4", levels(3), 25, None, 16_000)
    with pytest.raises(Refused, match=f"{NO_SOUND}: the file has no audio stream"):
        sound_of(probe_video(tmp_path / "a.mp4"))


def _delayed(source: Path, out: Path, by_s: Fraction) -> None:
    """The same packets, those of the sound later."""
    with av.open(str(source)) as given, av.open(str(out), "w") as made:
        streams = {s.index: made.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            index = packet.stream.index
            if given.streams[index].type == "audio":
                assert packet.pts is not None
                packet.pts += round(by_s / packet.time_base)
                packet.dts = packet.pts
            packet.stream = streams[index]
            made.mux(packet)
