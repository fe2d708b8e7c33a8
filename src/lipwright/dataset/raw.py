"""One raw video through all steps: decoded twice, each clip encoded once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipwright.dataset.config import Prepare
from lipwright.dataset.manifest import DROPPED, RATE, SOUND_HZ, ClipRow
from lipwright.dataset.steps import cut, follow, quality, shots, sync, timing
from lipwright.dataset.steps.prints import Prints, take
from lipwright.dataset.verdicts import DAMAGED, SHORT, UNREADABLE, Refused
from lipwright.errors import MediaError
from lipwright.faces.detect import FaceReader, Image
from lipwright.media.probe import VideoInfo, probe_video


@dataclass(frozen=True)
class Tools:
    """What is loaded once per process."""

    reader: FaceReader
    judge: sync.Judge


@dataclass(frozen=True)
class Clip:
    """One clip's row, and of a kept one what its duplicates are known by."""

    row: ClipRow
    prints: Prints | None = None


@dataclass
class _Span:
    """A clip on its way: frames start to stop - 1 of the raw video at 25 a second."""

    name: str
    start: int
    stop: int
    steps: dict[str, Any]


def prepare_raw(
    raw: Path, source: str, name: str, config: Prepare, tools: Tools, save: Path
) -> Iterator[Clip]:
    """Every clip of a raw video, the kept ones written to `save` as NAME.mp4 and NAME.wav.

    source: what rows call it. name: of its clips, which get a number. Raises OutputError.
    """
    steps: dict[str, Any] = {}
    try:
        info = _probed(raw, steps)
        samples = timing.sound_of(info)
        found, finder = _looked(info, config, tools)
    except Refused as verdict:
        yield Clip(ClipRow(name, source=source, verdict=DROPPED, reason=str(verdict), steps=steps))
        return
    steps["timing"] = {"frames": finder.frames, "sound_s": round(len(samples) / SOUND_HZ, 2)}
    cuts = sorted({*finder.cuts(), *(found.jumps() if config.shots.jumps else ())})
    spans = [
        _Span(f"{name}-{number:03d}", start, stop, {**steps, "segment": {"frames": [start, stop]}})
        for number, (start, stop) in enumerate(shots.segments(cuts, finder.frames, config.segments))
    ]
    good: list[_Span] = []
    for span in spans:
        try:
            _before_cutting(span, found, samples, config)
            good.append(span)
        except Refused as verdict:
            yield Clip(_dropped(span, source, verdict))
    if good:
        yield from _cut(info, source, good, found, samples, config, tools, save)


def _probed(raw: Path, steps: dict[str, Any]) -> VideoInfo:
    try:
        info = probe_video(raw)
    except MediaError as error:
        raise timing.refused(raw, error, UNREADABLE) from error
    steps["probe"] = {
        "size": [info.width, info.height],
        "rate": round(float(info.rate), 3),
        "codec": info.codec,
    }
    return info


def _looked(info: VideoInfo, config: Prepare, tools: Tools) -> tuple[follow.Followed, shots.ShotFinder]:
    """The first decoding: shots and faces."""
    finder = shots.ShotFinder(config.shots)

    def pictures() -> Iterator[Image]:
        for frame in timing.frames_at_rate(info):
            rgb = frame.rgb()
            finder.step(rgb)
            yield rgb

    try:
        found = follow.follow(pictures(), tools.reader, config.faces)
    except MediaError as error:
        raise timing.refused(info.path, error, DAMAGED) from error
    return found, finder


def _before_cutting(span: _Span, found: follow.Followed, samples: cut.Samples, config: Prepare) -> None:
    """The checks that need no crop."""
    if not shots.long_enough(span.start, span.stop, config.segments):
        seconds = (span.stop - span.start) / RATE
        raise Refused(SHORT, f"{seconds:.2f} s, least {config.segments.least_s:g}")
    span.steps["faces"] = follow.check(found, span.start, span.stop, config.side, config.faces)
    speech_s = sync.check_sound(samples, span.start, span.stop, config.sync)
    span.steps["sound"] = {"speech_s": round(speech_s, 2)}


def _cut(
    info: VideoInfo,
    source: str,
    spans: list[_Span],
    found: follow.Followed,
    samples: cut.Samples,
    config: Prepare,
    tools: Tools,
    save: Path,
) -> Iterator[Clip]:
    """The second decoding: crops, quality (no lips are read from a blur), sync, files."""
    assert found.track is not None
    heard = tools.judge.hear(samples)
    frames = timing.frames_at_rate(info, spans[-1].stop)
    all_crops = cut.crops(frames, found.track, [(span.start, span.stop) for span in spans], config.template)
    for number, pictures in all_crops:
        span = spans[number]
        try:
            span.steps["quality"] = quality.judge(pictures, config.quality)
            figures = sync.check_sync(tools.judge, heard, found.track, span.start, pictures, config.sync)
            span.steps["sync"] = figures
            pictures = _shifted(span, pictures, len(samples), figures["offset"], config)
        except Refused as verdict:
            yield Clip(_dropped(span, source, verdict))
            continue
        offset = figures["offset"] if config.sync.correct else 0
        said = cut.sound_between(samples, span.start + offset, span.stop + offset)
        cut.save_pictures(save / f"{span.name}.mp4", pictures, config.crf)
        cut.save_sound(save / f"{span.name}.wav", said)
        span.steps["cut"] = {"crop": config.crop, "side": config.side, "crf": config.crf}
        yield Clip(_row(span, source, len(pictures)), take(said, pictures))


def _shifted(
    span: _Span, pictures: list[cut.Crop], sound_samples: int, offset: int, config: Prepare
) -> list[cut.Crop]:
    """The crops for which there is sound once it is where it belongs; the span is made to fit."""
    offset = offset if config.sync.correct else 0
    start = max(span.start, -offset)
    stop = min(span.stop, -(-sound_samples // cut.PER_FRAME) - offset)
    if stop - start < round(config.segments.least_s * RATE) - 2 * config.sync.most_offset:
        raise Refused(SHORT, f"the sound covers {max(0, stop - start) / RATE:.2f} s of it")
    kept = pictures[start - span.start : stop - span.start]
    span.start, span.stop = start, stop
    span.steps["segment"] = {"frames": [start, stop]}
    return kept


def _row(span: _Span, source: str, frames: int) -> ClipRow:
    return ClipRow(
        span.name,
        f"clips/{span.name}.mp4",
        f"clips/{span.name}.wav",
        frames,
        source=source,
        start_s=span.start / RATE,
        stop_s=span.stop / RATE,
        steps=span.steps,
    )


def _dropped(span: _Span, source: str, verdict: Refused) -> ClipRow:
    return ClipRow(
        span.name,
        source=source,
        verdict=DROPPED,
        reason=str(verdict),
        start_s=span.start / RATE,
        stop_s=span.stop / RATE,
        steps=span.steps,
    )
