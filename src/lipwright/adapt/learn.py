"""`lipwright adapt`: one person's clip in, their library or their bundle out."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lipwright.adapt.check import SHORTEST_S, Finding, Material, check_length, check_size, examine
from lipwright.adapt.options import LONGEST_S, AdaptOptions
from lipwright.adapt.read import Footage, cut_out, follow
from lipwright.adapt.resume import Work
from lipwright.adapt.synchrony import Synchrony, synchrony
from lipwright.errors import MaterialError, MediaError, NoFaceError, OptionError, OutputError
from lipwright.media.output import write_errors
from lipwright.media.probe import VideoInfo, probe_video
from lipwright.personal.gather import candidates, cuts_of, gather
from lipwright.personal.head import learn_head
from lipwright.personal.library import Library
from lipwright.personal.measures import OPENING, learn_shape
from lipwright.personal.seen import look_at
from lipwright.pipeline.followed import Followed
from lipwright.pipeline.hear import Hearing
from lipwright.pipeline.sync import read_voice
from lipwright.progress import Progress
from lipwright.speech.personal import Personal
from lipwright.weights.bundle import EMBEDDED, MODEL_FILE
from lipwright.weights.personal import is_personal, write_personal

if TYPE_CHECKING:
    from lipwright.pipeline.engine import Engine

METHOD = (
    "The picture re-uses and warps this person's own frames, chosen by the sound; no network draws it, so it "
    "is not LatentSync's diffusion. The official LatentSync weights remain the way to the best sync."
)
CONSENT = "Adapt only to people who agreed to it, and tell viewers that a video was edited."


@dataclass(frozen=True)
class Learned:
    """A person. voice: how they open for each kind of sound; None when their clip does not teach it.
    followed: the face in their clip, so that a job on the same video need not follow it again.
    """

    library: Library
    voice: Personal | None
    material: Material
    followed: Followed


@dataclass
class AdaptReport:
    """What was learned from what; `to_json` is what `--report` writes."""

    video: str
    bundle: str
    name: str
    base: str
    method: str = METHOD
    consent: str = CONSENT
    material: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    resumed: bool = False
    timings_s: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Readable JSON, keys in the order above."""
        return json.dumps(asdict(self), indent=1, allow_nan=False)


def adapt_person(
    engine: "Engine",
    video: Path | str,
    out: Path | str,
    options: AdaptOptions | None = None,
    progress: Progress | None = None,
) -> AdaptReport:
    """Learn the person in `video` and write their bundle, the folder `out`. It appears whole or not at all.

    engine: a model that ships with lipwright; its ears will be the bundle's. Raises MediaError, NoFaceError
    and MaterialError for what cannot be learned from, OutputError and OptionError, and Cancelled.
    """
    out = Path(out)
    options = AdaptOptions() if options is None else options
    options.validate()
    check_place(out, Path(video), force=options.force)
    learned, report = learn_person(engine, Path(video), options, progress)
    report.bundle = str(out)
    with _appearing(out, force=options.force) as folder, write_errors(out):
        write_personal(folder, learned.library, _description(report), learned.voice)
    return report


def learn_person(
    engine: "Engine", video: Path, options: AdaptOptions, progress: Progress | None = None
) -> tuple["Learned", AdaptReport]:
    """As `adapt_person`, but keeps what was learned in memory."""
    began = time.perf_counter()
    watch = Progress() if progress is None else progress
    if engine.bundle.name not in EMBEDDED or engine.library is not None:
        raise OptionError(
            f"the model {engine.bundle.name} cannot be the base of a person's bundle; use "
            f"{', '.join(EMBEDDED)}."
        )
    info = probe_video(video)
    name = video.stem if options.name is None else options.name
    report = AdaptReport(str(video), "", name, engine.bundle.name)
    footage, whole = _followed(engine, info, options, watch, report)
    report.timings_s["follow"] = round(time.perf_counter() - began, 3)
    if footage.track.prominent > 1 and options.face is None:
        raise MaterialError(
            f"{video} shows {footage.track.prominent} people; say with --face which one to learn, counted "
            "from the left."
        )
    learned = learn(footage, _hearing(engine, info, report), watch, whole=whole)
    material = learned.material
    report.findings = material.findings
    report.material = material.to_json()
    del report.material["findings"]
    report.wall_s = round(time.perf_counter() - began, 3)
    report.timings_s["learn"] = round(report.wall_s - report.timings_s["follow"], 3)
    Work.of(info, options.face).done()
    return learned, report


def learn(footage: Footage, hearing: Hearing | None, progress: Progress, *, whole: bool = False) -> Learned:
    """What a followed clip teaches. hearing: of its sound, if it has one. whole: it was read to its end."""
    present, rate = footage.track.present, float(footage.info.rate)
    check_length(float(present.sum()) / rate)
    head = learn_head(footage.track.smoothed()[present])
    check_size(head.height)
    seen = look_at(head, footage.track)
    shape = learn_shape(seen.moving[present], seen.measures[present], seen.poses[present])
    frames = candidates(head, seen, footage.track.cuts)
    check_length(len(frames) / rate)
    voice, heard, together = None, np.zeros((0, 3), np.float32), None
    if hearing is not None:
        voice, heard, together = _spoken(hearing, footage.times_s, seen.measures[:, OPENING], rate)
    cuts = cuts_of(shape, seen, frames)
    library = gather(head, shape, seen, cuts, cut_out(footage.info, cuts, progress), heard)
    material = examine(library, seen, rate, together)
    return Learned(library, voice, material, footage.followed(whole=whole))


def _spoken(
    hearing: Hearing, times_s: NDArray[np.float64], openings: NDArray[np.float32], rate: float
) -> tuple[Personal | None, NDArray[np.float32], Synchrony]:
    """How the person opens for each sound, what is heard and seen of them while they speak (see `Library`),
    and whether that may be believed.
    """
    together = synchrony(openings, hearing.at(times_s.tolist()), rate)
    if together.in_sync is False:
        return None, np.zeros((0, 3), np.float32), together
    shifted = (times_s + together.shift / rate).tolist()
    voice = hearing.voice_of(shifted, openings) if together.in_sync else None
    return voice, hearing.at(shifted, voice).ranges(openings), together


def _followed(
    engine: "Engine", info: VideoInfo, options: AdaptOptions, progress: Progress, report: AdaptReport
) -> tuple[Footage, bool]:
    """Pass 1, or what an earlier run kept of it, and whether it is the whole clip."""
    stop = int(LONGEST_S * float(info.rate))
    work = Work.of(info, options.face)
    if (kept := work.load(info)) is not None:
        report.resumed = True
        return kept, len(kept.track) < stop
    until = time.monotonic() + 60 * options.minutes
    in_time = True

    def go_on() -> bool:
        nonlocal in_time
        in_time = time.monotonic() < until
        return in_time

    try:
        footage = follow(info, engine.faces(progress), progress, stop, go_on, options.face)
    except NoFaceError as error:
        if not in_time:
            raise _too_slow(info, options, 0.0) from error
        raise NoFaceError(f"{info.path} cannot teach a person. {error}") from error
    read_s = len(footage.track) / float(info.rate)
    if not in_time and read_s < SHORTEST_S:
        raise _too_slow(info, options, read_s)
    if not in_time:
        report.warnings.append(
            f"After {options.minutes:g} minutes {read_s:.0f} s of the clip were read; the rest was left out "
            "(see --minutes)."
        )
    elif len(footage.track) >= stop:
        report.warnings.append(f"Only the first {read_s:.0f} s of the clip were used.")
    if in_time:
        work.save(footage)
    return footage, in_time and len(footage.track) < stop


def _too_slow(info: VideoInfo, options: AdaptOptions, read_s: float) -> MaterialError:
    return MaterialError(
        f"In {options.minutes:g} minutes only {read_s:.1f} s of {info.path} with a face could be read, and "
        f"{SHORTEST_S:.0f} s are needed; give --minutes more."
    )


def _hearing(engine: "Engine", info: VideoInfo, report: AdaptReport) -> Hearing | None:
    """The clip's sound, listened to; None without sound."""
    if not info.has_audio:
        return None
    try:
        samples = read_voice(info.path, salvage=True, warn=report.warnings.append)
    except MediaError:
        return None
    return engine.hearing(samples)


def _description(report: AdaptReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "base": report.base,
        "about": "One person's own mouths, learned with `lipwright adapt`.",
        "method": report.method,
        "consent": report.consent,
        "licence": "the rights of the person shown, and of the clip's owner",
        "material": report.material,
        "findings": [asdict(finding) for finding in report.findings],
    }


def check_place(out: Path, video: Path, *, force: bool) -> None:
    """Raise OutputError when a bundle cannot be written to `out`."""
    if out.resolve() == video.resolve():
        raise OutputError(f"The bundle {out} would take the place of the clip; give it another name.")
    if not out.resolve().parent.is_dir():
        raise OutputError(f"The folder of the bundle is missing: {out.parent}; create it first.")
    if not out.exists():
        return
    if not force:
        raise OutputError(f"The bundle exists: {out}; give --force to replace it, or another name.")
    if not is_personal(out):
        raise OutputError(f"{out} is no personal bundle, so it is not replaced; give another name.")


@contextmanager
def _appearing(out: Path, *, force: bool) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block ends well, and goes when it does not."""
    with write_errors(out):
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.resolve().parent))
    try:
        yield folder
        with write_errors(out):
            if not (folder / MODEL_FILE).is_file():
                raise ValueError("nothing was written")
            folder.chmod(0o755)
            if out.exists():
                check_place(out, folder, force=force)
                old = folder.with_suffix(".old")
                out.rename(old)
                folder.rename(out)
                shutil.rmtree(old)
            else:
                folder.rename(out)
    finally:
        if folder.exists():
            shutil.rmtree(folder)
