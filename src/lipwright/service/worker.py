"""The render worker: a process that holds the networks and renders one job after the other.

The only module of the service that loads torch. It is started by pool.py, never forked, with one end of a
channel; when the other end closes (its controller died) the process ends at once, so that nothing orphaned
holds the device. An error that is nobody's input ends the process too, after saying so: a CUDA context or an
allocator that broke once is not trusted with the next job.
"""

import importlib
import json
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import structlog

from lipwright.adapt.options import LONGEST_S, AdaptOptions
from lipwright.errors import (
    Cancelled,
    InputError,
    LipwrightError,
    MediaError,
    NoFaceError,
    OptionError,
    OutputError,
    WeightsError,
)
from lipwright.media.probe import probe_video
from lipwright.options import SyncOptions
from lipwright.progress import Progress, ProgressEvent
from lipwright.service import channel, logs
from lipwright.service.channel import Channel, ChannelClosed, Rendered, RenderJob
from lipwright.service.errors import CODE_EXECUTION, CODE_FETCH, CODE_INTERNAL, CODE_INVALID
from lipwright.service.safety import SafetyChecker, no_check, open_checker

if TYPE_CHECKING:
    from lipwright.pipeline.engine import Engine

DEVICE_VARIABLE = "LIPWRIGHT_WORKER_DEVICE"
"""Where the networks live, such as cuda:0; not set: the best device."""
KEPT_VARIABLE = "LIPWRIGHT_WORKER_ENGINES"
"""How many models stay loaded."""
NSFW_VARIABLE = "LIPWRIGHT_WORKER_NSFW"
"""The arguments of safety.open_checker as JSON; not set: no check."""

PROGRESS_S = 0.25
"""Least time between two messages about progress; the last of a stage is always sent."""

INTERNAL_SENTENCE = "The render failed for a reason on the server's side; it was not charged."

Renderer = Callable[[RenderJob, Progress], Rendered]


def main() -> None:
    """Serve jobs until the channel closes. Arguments: the channel's descriptor, module:function to render."""
    logs.configure(os.environ.get(logs.LEVEL_VARIABLE, "info"), process="worker")
    controller = Channel.of(int(sys.argv[1]))
    renderer = find_renderer(sys.argv[2])
    warm = getattr(sys.modules[renderer.__module__], "warm_up", None)
    if warm is not None:
        warm()
    jobs = _Jobs(controller)
    try:
        controller.send(channel.READY)
        while True:
            _serve(jobs.next(), jobs, renderer)
    except ChannelClosed:
        os._exit(0)


def find_renderer(name: str) -> Renderer:
    """The function that `module:function` names."""
    module, _, function = name.partition(":")
    return cast("Renderer", getattr(importlib.import_module(module), function))


def warm_up() -> None:
    """Load torch before the first job comes."""
    importlib.import_module("lipwright.pipeline.engine")


def render(job: RenderJob, progress: Progress) -> Rendered:
    """Do a job with Lipwright's own pipeline."""
    if job.adapt:
        return adapt(job, progress)
    engine = engines.get(job.bundle, job.person)
    done = engine.sync(job.video, job.audio, job.out, SyncOptions(**job.options), progress)
    # Clients read this file: it names their inputs, not the server's folders.
    shown = replace(done, video=Path(done.video).name, audio=Path(done.audio).name, output="video.mp4")
    Path(job.report).write_text(shown.to_json() + "\n")
    return Rendered(output_s=done.duration_s, nsfw=safety_checker()(Path(job.out)))


def adapt(job: RenderJob, progress: Progress) -> Rendered:
    """Learn the person in a clip. The safety check looks at the clip: a bundle is no picture."""
    from lipwright.adapt.learn import adapt_person

    options = AdaptOptions(**job.options)
    seconds = min(probe_video(job.video).duration_s, LONGEST_S)
    engine = engines.get(job.bundle)
    try:
        done = adapt_person(engine, job.video, job.out, options, progress)
    except LipwrightError:
        # What is kept for a worker that died is of no use after an end that was told, and of a face.
        forget_unfinished(Path(job.video), options.face)
        raise
    shown = replace(done, video=Path(done.video).name, bundle=job.id)
    Path(job.report).write_text(shown.to_json() + "\n")
    return Rendered(output_s=seconds, nsfw=safety_checker()(Path(job.video)))


def forget_unfinished(video: Path, face: int | None) -> None:
    """Remove what an adapt job kept to be resumed with."""
    from lipwright.adapt.resume import Work

    Work.of(probe_video(video), face).done()


@cache
def safety_checker() -> SafetyChecker:
    """The safety check that the settings name, loaded once. Raises WeightsError."""
    wanted = json.loads(os.environ.get(NSFW_VARIABLE, "{}"))
    if not wanted:
        return no_check
    return open_checker(**wanted, device=os.environ.get(DEVICE_VARIABLE))


class Engines:
    """Models in memory, the least recently used one dropped first; and people, who stand on them."""

    def __init__(self, kept: int, device: str | None, load: Callable[..., "Engine"] | None = None) -> None:
        self._kept = kept
        self._device = device
        self._load = load
        self._loaded: OrderedDict[str, Engine] = OrderedDict()
        self._people: OrderedDict[str, Engine] = OrderedDict()

    def get(self, bundle: str, person: str | None = None) -> "Engine":
        """The model, loaded if it is not. person: the folder of a personal bundle, whose id `bundle` is.

        Raises WeightsError, also when a file of a personal bundle is not as it was made; OptionError.
        """
        if person is not None:
            return self._person(bundle, Path(person))
        if bundle in self._loaded:
            self._loaded.move_to_end(bundle)
            return self._loaded[bundle]
        while len(self._loaded) >= self._kept:  # before loading, so that both need never fit at once
            self._loaded.popitem(last=False)
            self._people.clear()  # they hold the networks of the model that goes
        self._loaded[bundle] = self._loader()(bundle, device=self._device)
        return self._loaded[bundle]

    def _person(self, id: str, folder: Path) -> "Engine":
        from lipwright.weights.find import find_bundle
        from lipwright.weights.personal import load_library, load_voice, read_description

        about = read_description(folder)
        base = self.get(str(about["base"]))
        if id not in self._people:
            find_bundle(folder)  # compares the checksums
            while len(self._people) >= self._kept:
                self._people.popitem(last=False)
            self._people[id] = base.adapted(load_library(folder), load_voice(folder), str(about["name"]))
        self._people.move_to_end(id)
        return self._people[id]

    def _loader(self) -> Callable[..., "Engine"]:
        if self._load is not None:
            return self._load
        from lipwright.pipeline.engine import Engine

        return Engine.load


engines = Engines(int(os.environ.get(KEPT_VARIABLE, "1")), os.environ.get(DEVICE_VARIABLE))


class _Jobs:
    """What the controller asks for, read by a thread of its own, so that a cancel arrives during a render."""

    def __init__(self, controller: Channel) -> None:
        self.controller = controller
        self.cancel = threading.Event()
        self._given: RenderJob | None = None
        self._latest = ""
        self._wanted = threading.Condition()
        threading.Thread(target=self._listen, daemon=True, name="channel").start()

    def next(self) -> RenderJob:
        """Wait for the next job."""
        with self._wanted:
            self._wanted.wait_for(lambda: self._given is not None)
            job, self._given = self._given, None
        assert job is not None
        self.controller.send(channel.BEGUN, id=job.id)
        return job

    def _listen(self) -> None:
        while True:
            try:
                message = self.controller.receive()
            except ChannelClosed:
                os._exit(0)  # the controller is dead: at once, whatever the main thread does
            assert message is not None
            if message["kind"] == channel.CANCEL:
                if message["id"] == self._latest:  # else it crossed the end of its job
                    self.cancel.set()
                continue
            with self._wanted:
                self._given = RenderJob(**message["job"])
                self._latest = self._given.id
                self.cancel.clear()
                self._wanted.notify()


def _serve(job: RenderJob, jobs: _Jobs, renderer: Renderer) -> None:
    """Render one job and say how it ended."""
    began = time.perf_counter()
    tell = jobs.controller.send
    with structlog.contextvars.bound_contextvars(prediction_id=job.id):
        try:
            done = renderer(job, Progress(_Teller(jobs.controller), jobs.cancel))
        except Cancelled:
            tell(channel.CANCELLED)
        except LipwrightError as error:
            code, sentence = describe(error, job)
            logs.log().info("render refused", code=code, error=sentence)
            tell(channel.REFUSED, code=code, error=sentence)
        except ChannelClosed:
            raise
        except Exception:  # noqa: BLE001 - the worker's edge: told, logged, and the process ends
            logs.log().exception("render broke")
            tell(channel.BROKE, error=INTERNAL_SENTENCE)
            os._exit(1)
        else:
            took_ms = round((time.perf_counter() - began) * 1000)
            tell(channel.DONE, result=json.loads(replace(done, inference_ms=took_ms).to_json()))


def describe(error: LipwrightError, job: RenderJob) -> tuple[int, str]:
    """Task code and sentence of an error of the pipeline, without the server's paths."""
    sentence = str(error)
    for path, name in ((job.video, "the video"), (job.audio, "the audio"), (job.out, "the output")):
        if path:
            sentence = sentence.replace(path, name)
    if job.adapt:
        sentence = sentence.replace("--face", "the input `face`")
    sentence = sentence[:1].upper() + sentence[1:]
    match error:
        case NoFaceError():
            return CODE_EXECUTION, sentence
        case MediaError():
            return CODE_FETCH, sentence
        case OptionError():
            return CODE_INVALID, sentence
        case OutputError() | WeightsError():
            logs.log().error("render failed on our side", error=str(error))
            return CODE_INTERNAL, INTERNAL_SENTENCE
        case InputError():
            return CODE_EXECUTION, sentence
    return CODE_INTERNAL, INTERNAL_SENTENCE


class _Teller:
    """A listener that passes progress on to the controller, a few times a second."""

    def __init__(self, controller: Channel) -> None:
        self._controller = controller
        self._told_at = 0.0
        self._stage: str | None = None

    def __call__(self, event: ProgressEvent) -> None:
        now = time.monotonic()
        last = event.total is not None and event.done >= event.total
        if event.stage == self._stage and not last and now - self._told_at < PROGRESS_S:
            return
        self._told_at, self._stage = now, event.stage
        values: dict[str, Any] = {"stage": event.stage, "done": event.done, "total": event.total}
        self._controller.send(channel.PROGRESS, **values)


def check_models() -> None:
    """Exit with a sentence unless every bundle named on the command line can be read."""
    from lipwright.weights.find import find_bundle

    for name in sys.argv[1:]:
        try:
            find_bundle(name)
        except LipwrightError as error:
            sys.exit(str(error))
