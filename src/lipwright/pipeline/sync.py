"""The path: a video and a voice in, the video with that voice's mouth out.

Pass 1 follows the face and keeps a kilobyte per frame. Pass 2 streams through three workers joined by bounded
queues: decode and align | network | blend and encode. Memory does not grow with the length of the video.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import MediaError, NoFaceError, OutputError
from lipwright.faces.insightface import follow_points
from lipwright.faces.track import FaceTrack, follow_face
from lipwright.media.decode import Warn
from lipwright.media.frames import Frame, read_frames, read_order
from lipwright.media.output import check_output
from lipwright.media.probe import PRESENTER_COMMENT, VideoInfo, probe_audio, probe_video
from lipwright.media.samples import read_samples
from lipwright.media.timeline import Timeline
from lipwright.media.write import Writer, open_writer
from lipwright.options import SyncOptions
from lipwright.pipeline.followed import Followed
from lipwright.pipeline.items import Item
from lipwright.pipeline.paste import EditedRanges
from lipwright.pipeline.personal import Personal
from lipwright.pipeline.profile import Profile, profile_of
from lipwright.pipeline.provenance import sealing
from lipwright.pipeline.relay import Crew, Relay, StageClock
from lipwright.pipeline.repaint import Repainter
from lipwright.pipeline.report import Report
from lipwright.pipeline.windows import Window
from lipwright.progress import Progress
from lipwright.speech.mel import FULL_SCALE

if TYPE_CHECKING:
    from lipwright.pipeline.engine import Engine

RATE = 16_000  # Hz, what the speech encoders hear
SHORTEST_S = 0.04  # one frame at 25 per second
LOOK_AHEAD = 4  # frames past the end of the sound that still steady the last ones
QUEUED_CROPS = 12
QUEUED_FRAMES = 6
STAGE = "lip-sync"
DIFFUSION = "drawn by networks: latent diffusion as LatentSync does it"
OWN_FRAMES = "the person's own frames, chosen by the sound and warped; no network draws the picture"


def sync(
    engine: "Engine",
    video: Path,
    audio: Path,
    out: Path,
    options: SyncOptions,
    progress: Progress,
    followed: Followed | None = None,
) -> Report:
    """See Engine.sync."""
    began = time.perf_counter()
    options.validate()
    check_output(out, force=options.force)
    _check_names(out, video, audio)
    info = probe_video(video)
    probe_audio(audio)
    report = _begin(engine, info, audio, out, options)
    seal = sealing(report, video, audio, out, options)
    profile = profile_of(options, engine.bundle, engine.library)
    job = _Job(engine, info, options, profile, progress, report)
    samples = read_voice(audio, salvage=options.force, warn=job.warn)
    track, pts, last_ticks = job.follow(profile.lasts(len(samples)), followed)
    timeline = profile.timeline(pts, info, last_ticks, len(samples))
    windows = profile.windows(track)
    written = profile.written(info)
    report.rate = round(float(written.rate), 4)
    with open_writer(
        out,
        written,
        options.codec,
        crf=options.crf,
        preset=options.preset,
        audio=audio,
        duration=timeline.duration,
        force=options.force,
        seal=seal,
    ) as writer:
        report.warnings.extend(writer.notes)
        job.render(windows, timeline, samples, writer)
    report.timings_s = {stage: round(seconds, 3) for stage, seconds in job.clock.seconds.items()}
    report.wall_s = round(time.perf_counter() - began, 3)
    return report


def _check_names(out: Path, *inputs: Path) -> None:
    """Raise OutputError when the output would take the place of an input, even with `force`."""
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise OutputError(f"The output {out} is an input of this job; give it another name.")


def read_voice(audio: Path, *, salvage: bool, warn: Warn) -> NDArray[np.int16]:
    """The sound that drives the mouth, mono at 16 kHz in 16 bits; `salvage`: as far as a damaged file goes.

    Raises MediaError when there is none or hardly any.
    """
    samples = read_samples(audio, RATE, salvage=salvage, warn=warn)
    if len(samples) < SHORTEST_S * RATE:
        raise MediaError(
            f"{audio} holds only {len(samples) / RATE * 1000:.0f} ms of sound; give at least "
            f"{SHORTEST_S * 1000:.0f} ms of speech."
        )
    whole = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    return np.asarray(whole, np.int16)


def _begin(engine: "Engine", info: VideoInfo, audio: Path, out: Path, options: SyncOptions) -> Report:
    sampling = engine.sampling(options)
    report = Report(
        video=str(info.path),
        audio=str(audio),
        output=str(out),
        model=engine.bundle.name,
        options=asdict(options),
        seed=options.seed,
        width=info.width,
        height=info.height,
        rate=round(float(info.rate), 4),
        codec=options.codec,
        device=str(engine.choice.device),
        dtype=str(engine.choice.dtype).removeprefix("torch."),
        steps=sampling.steps,
        guidance=sampling.guidance,
        method=DIFFUSION if engine.library is None else OWN_FRAMES,
    )
    if engine.bundle.rendered_faces_only and info.comment != PRESENTER_COMMENT:
        report.warnings.append(
            f"The model {engine.bundle.name} was trained on rendered presenters only; a real face will look "
            "wrong with it: use an official LatentSync bundle for real people."
        )
    return report


class _Job:
    """One run: its inputs and the clock of its stages."""

    def __init__(
        self,
        engine: "Engine",
        info: VideoInfo,
        options: SyncOptions,
        profile: Profile,
        progress: Progress,
        report: Report,
    ) -> None:
        self.engine = engine
        self.profile = profile
        self.info = info
        self.options = options
        self.progress = progress
        self.report = report
        self.clock = StageClock()

    def follow(self, sound_s: Fraction, followed: Followed | None = None) -> tuple[FaceTrack, list[int], int]:
        """Pass 1: the face, the frames' times, and the last one's duration in ticks.

        Reads no further than the sound lasts, and nothing where `followed` knows the face already. A file
        that breaks half way is an error, unless `force` asks for what was good before it; the report then
        says where it broke.
        """
        ends_s = float(sound_s) + LOOK_AHEAD / float(self.info.rate)
        known = None
        if followed is not None and self.options.faces != "insightface":
            known = followed.until(ends_s, self.info.time_base)
        if known is None:
            track, pts, last_ticks = self._follow(ends_s)
        else:
            track, pts, last_ticks = known.track, known.pts.tolist(), int(known.ticks[-1])
        if self.options.gap == "error" and not track.present.all():
            first = int(np.flatnonzero(~track.present)[0])
            at_s = float((pts[first] - pts[0]) * self.info.time_base)
            raise NoFaceError(
                f"{self.info.path} shows no face at {at_s:.2f} s (frame {first}); use --gap pass to leave "
                "such frames as they are."
            )
        self.report.face = track.report()
        return track, pts, last_ticks

    def _follow(self, ends_s: float) -> tuple[FaceTrack, list[int], int]:
        find = self._finder()
        pts: list[int] = []
        last_ticks = self.info.frame_ticks

        def pictures() -> Iterator[NDArray[np.uint8]]:
            nonlocal last_ticks
            frames = read_frames(self.info.path, info=self.info, salvage=self.options.force, warn=self.warn)
            while (frame := self._timed("decode to track", frames)) is not None:
                if pts and (frame.pts - pts[0]) * self.info.time_base > ends_s:
                    return
                pts.append(frame.pts)
                last_ticks = frame.duration
                yield frame.rgb()

        total = self.info.frames_hint
        if total is not None:
            total = min(total, int(ends_s * float(self.info.rate)) + 1)
        with self.clock("track"):
            try:
                track = find(pictures(), progress=self.progress, total=total)
            except NoFaceError as error:
                raise NoFaceError(
                    f"{self.info.path} shows no face in any of its {len(pts)} frames; use a video in which a "
                    "face looks towards the camera."
                ) from error
        decode = self.clock.seconds.get("decode to track", 0.0)
        self.clock.seconds["track"] -= decode
        return track, pts, last_ticks

    def _finder(self) -> Callable[..., FaceTrack]:
        """`follow_face` or its like with the face reader of the options, loaded."""
        if self.options.faces == "insightface":
            return partial(follow_points, reader=self.engine.points())
        return partial(follow_face, reader=self.engine.faces(self.progress), face=self.options.face)

    def warn(self, sentence: str) -> None:
        """Note what was wrong with an input, once."""
        if sentence not in self.report.warnings:
            self.report.warnings.append(sentence)

    def _timed(self, stage: str, frames: Iterator[Frame]) -> Frame | None:
        with self.clock(stage):
            return next(frames, None)

    def render(
        self, windows: list[Window], timeline: Timeline, samples: NDArray[np.int16], writer: Writer
    ) -> None:
        """Pass 2, in three workers."""
        self.report.frames = len(timeline)
        self.report.duration_s = round(float(timeline.duration), 4)
        self.report.length_mode = timeline.mode
        self.report.source_frames_used = int(timeline.sources.max()) + 1
        painter = self._painter(windows, timeline, samples)
        crew = Crew()
        crops: Relay[Item] = Relay(crew, QUEUED_CROPS)
        mouths: Relay[Item] = Relay(crew, QUEUED_FRAMES)
        edited = EditedRanges()
        self.progress.start(STAGE, len(timeline))
        crew.start("align", lambda: self._align(timeline, crops))
        crew.start("write", lambda: self._write(mouths, timeline, writer, edited))
        try:
            for item in painter(crops):
                mouths.put(item)
            mouths.close()
        except BaseException as error:  # noqa: BLE001 - carried to `join`, where it is raised
            crew.fail(error)
        crew.join()
        self.report.edited, self.report.untouched_frames = edited.ranges, edited.untouched
        if isinstance(self.profile, Personal):
            self._note_likeness(self.profile)

    def _note_likeness(self, profile: Personal) -> None:
        """Say in the report how far the face is from the bundle's, and warn when it is someone else's."""
        found = profile.likeness()
        if found is None:
            return
        self.report.face["identity_distance"] = round(found.distance, 2)
        if found.stranger:
            self.warn(
                f"The model {self.engine.bundle.name} seems to know someone else: identity distance "
                f"{found.distance:.2f}, at most 1 for the same person (shape {found.shape:.2f} % of the eye "
                f"distance, colour {found.colour:.0f}); adapt to this person, or expect a strange mouth."
            )

    def _painter(
        self, windows: list[Window], timeline: Timeline, samples: NDArray[np.int16]
    ) -> Callable[[Iterable[Item]], Iterator[Item]]:
        """What gives items their new mouths: the person's own frames, or the networks."""
        if isinstance(self.profile, Personal):
            with self.clock("listen"):
                times = [timeline.time_s(index) for index in range(len(timeline))]
                heard = self.engine.hearing(samples).at(times, self.engine.voice)
            with self.clock("choose"):
                plan = self.profile.plan(heard, windows, float(self.info.rate))
            return partial(self.profile.paint, plan=plan, progress=self.progress, clock=self.clock)
        return Repainter(
            self.engine,
            windows,
            self.engine.listen(samples, self.profile.blocks(self.engine.blocks)),
            timeline,
            self.engine.sampling(self.options),
            self.progress,
            self.clock,
            sampled=self.profile.sampled,
            carry_detail=self.profile.carry_detail,
        )

    def _align(self, timeline: Timeline, crops: Relay[Item]) -> None:
        frames = read_order(self.info.path, timeline.sources, info=self.info)
        for index in range(len(timeline)):
            frame = self._timed("decode", frames)
            if frame is None:
                raise MediaError(
                    f"{self.info.path} gave fewer frames the second time it was read; is it being written?"
                )
            with self.clock("align"):
                place = self.profile.place(index, frame)
            crops.put(Item(index, frame, place))
        crops.close()

    def _write(self, mouths: Relay[Item], timeline: Timeline, writer: Writer, edited: EditedRanges) -> None:
        for item in mouths:
            frame, box = item.frame, None
            if item.place is not None:
                with self.clock("blend"):
                    frame, box = self.profile.paste(frame, item.place)
            with self.clock("encode"):
                writer.write(frame, int(timeline.pts[item.index]))
            edited.add(item.index, box)
            self.progress.advance(STAGE)
