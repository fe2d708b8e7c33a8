"""The released preparation as it is built, with our own steps in the place of what we lack: seven passes.

Each pass reads the files that the one before wrote and writes its own: LatentSync's `preprocess` folder, in
its order (docs/dataset.md). Stand-ins: our face reader for InsightFace and for the detector inside its sync
pass, the ears for SyncNet v2, our sharpness for HyperIQA. Passes that only copy there only copy here.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from lipwright.dataset.config import Prepare
from lipwright.dataset.manifest import RATE, SOUND_HZ
from lipwright.dataset.steps import cut, follow, quality, shots, timing
from lipwright.dataset.steps.sync import check_sync
from lipwright.dataset.verdicts import Refused
from lipwright.dataset.work import _tools
from lipwright.errors import MediaError
from lipwright.media.frames import read_frames
from lipwright.media.probe import probe_video
from lipwright.media.samples import read_samples
from lipwright.media.write import save_clip

Pass = Callable[[Path, Path, Prepare], None]


def _open(source: Path, out: Path, config: Prepare) -> None:
    probe_video(source)
    shutil.copyfile(source, out)


def _resample(source: Path, out: Path, config: Prepare) -> None:
    """25 a second stays as it is, as there; only the sound is written anew."""
    info = probe_video(source)
    if info.rate == RATE:
        read_samples(source, SOUND_HZ)
        shutil.copyfile(source, out)
        return
    pictures = [frame.rgb() for frame in timing.frames_at_rate(info)]
    save_clip(out, pictures, RATE, read_samples(source, SOUND_HZ), SOUND_HZ, force=True)


def _split(source: Path, out: Path, config: Prepare) -> None:
    """Decode, find shots, decode again and encode them."""
    finder = shots.ShotFinder(config.shots)
    for frame in read_frames(source):
        finder.step(frame.rgb())
    finder.cuts()
    pictures = (frame.rgb() for frame in read_frames(source))
    save_clip(out, pictures, RATE, read_samples(source, SOUND_HZ), SOUND_HZ, crf=22, force=True)


def _segment(source: Path, out: Path, config: Prepare) -> None:
    shutil.copyfile(source, out)


def _align(source: Path, out: Path, config: Prepare) -> None:
    tools = _tools(config.sync)
    found = follow.follow((frame.rgb() for frame in read_frames(source)), tools.reader, config.faces)
    frames = len(found.others)
    follow.check(found, 0, frames, config.side, config.faces)
    assert found.track is not None
    crops = [cut.aligned(f, found.track, f.index, config.template) for f in read_frames(source)]
    save_clip(out, crops, RATE, read_samples(source, SOUND_HZ), SOUND_HZ, crf=13, force=True)


def _sync(source: Path, out: Path, config: Prepare) -> None:
    """Finds faces once more, in the crops, cuts them out and encodes them for its network."""
    tools = _tools(config.sync)
    crops = [frame.rgb() for frame in read_frames(source)]
    found = follow.follow(crops, tools.reader, config.faces)
    if found.track is None or not found.track.present.all():
        raise Refused("no face", "in a crop")
    samples = read_samples(source, SOUND_HZ)
    save_clip(out, crops, RATE, samples, SOUND_HZ, force=True)
    crops = [frame.rgb() for frame in read_frames(out)]
    check_sync(tools.judge, tools.judge.hear(samples), found.track, 0, crops, config.sync)
    shutil.copyfile(source, out)


def _quality(source: Path, out: Path, config: Prepare) -> None:
    quality.judge([frame.rgb() for frame in read_frames(source)], config.quality)
    shutil.copyfile(source, out)


PASSES: tuple[Pass, ...] = (_open, _resample, _split, _segment, _align, _sync, _quality)


def run(raw: Path, work: Path, config: Prepare) -> int:
    """All passes, one after another over all files; how many are left."""
    here = raw
    for number, one in enumerate(PASSES, 1):
        there = work / f"pass-{number}"
        there.mkdir(parents=True)
        for file in sorted(here.iterdir()):
            target = there / f"{file.stem}.mp4"
            try:
                one(file, target, config)
            except (MediaError, Refused):
                target.unlink(missing_ok=True)
        here = there
    return len(list(here.iterdir()))
