"""Raw videos over several processes. A video that takes its process down twice is dropped, not the run."""

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

from lipwright.dataset.config import Prepare, Sync
from lipwright.dataset.manifest import DROPPED, ClipRow
from lipwright.dataset.parts import publish, workplace, write_part
from lipwright.dataset.raw import Clip, Tools, prepare_raw
from lipwright.dataset.shards import content, name_of
from lipwright.dataset.steps.sync import judge_of
from lipwright.dataset.steps.timing import refused
from lipwright.dataset.verdicts import CRASHED, DAMAGED, UNREADABLE
from lipwright.errors import MediaError
from lipwright.weights.load_faces import load_faces

AHEAD = 2  # videos per process that wait in line


@dataclass(frozen=True)
class Job:
    """From where to where, and how; the same for all videos of a run."""

    raw: Path
    out: Path
    config: Prepare


Prepared = Callable[[Job, str], None]


@functools.cache
def _tools(config: Sync) -> Tools:
    """What a process loads at its first video. One thread each: the processes are what runs side by side."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    return Tools(load_faces(), judge_of(config))


def prepare_one(job: Job, source: str) -> None:
    """Prepare one raw video: its clips appear, then its part. Raises OutputError."""
    name, file = name_of(source), job.raw / source
    try:
        before = content(file)
    except OSError as error:
        reason = f"{UNREADABLE}: {file.name} may not be read ({error.strerror})"
        write_part(job.out, name, "", [Clip(ClipRow(name, source=source, verdict=DROPPED, reason=reason))])
        return
    with workplace(job.out, name) as place:
        try:
            clips = list(prepare_raw(file, source, name, job.config, _tools(job.config.sync), place))
        except MediaError as error:  # what was read once cannot be read again
            reason = str(refused(file, error, DAMAGED))
            clips = [Clip(ClipRow(name, source=source, verdict=DROPPED, reason=reason))]
        publish(job.out, place, clips)
    write_part(job.out, name, before, clips)


def run(job: Job, sources: Sequence[str], processes: int, work: Prepared = prepare_one) -> Iterator[str]:
    """Prepare all of them; each is named when it is done. Raises OutputError."""
    if processes == 1:
        for source in sources:
            work(job, source)
            yield source
        return
    left = list(sources)
    while left:
        done: set[str] = set()
        suspects: list[str] = []
        for source in _pool(job, left, processes, work, suspects):
            done.add(source)
            yield source
        for source in suspects:
            again: list[str] = []
            for _ in _pool(job, [source], 1, work, again):
                pass
            if again:
                _give_up(job, source)
            done.add(source)
            yield source
        left = [source for source in left if source not in done]


def _pool(
    job: Job, sources: Iterable[str], processes: int, work: Prepared, suspects: list[str]
) -> Iterator[str]:
    """Until all are done, or a process ends: then `suspects` are those that were being prepared."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin) as pool:
        waiting: dict[Future[None], str] = {}
        line = iter(sources)
        try:
            while True:
                for source in line:
                    waiting[pool.submit(work, job, source)] = source
                    if len(waiting) >= AHEAD * processes:
                        break
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    source = waiting[future]
                    future.result()
                    del waiting[future]
                    yield source
        except BrokenProcessPool:
            suspects += waiting.values()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _give_up(job: Job, source: str) -> None:
    """Drop a video that no process survives."""
    name = name_of(source)
    reason = f"{CRASHED}: the process that prepared it ended, twice"
    clip = Clip(ClipRow(name, source=source, verdict=DROPPED, reason=reason))
    write_part(job.out, name, content(job.raw / source), [clip])


def _begin() -> None:
    """In a new process: Ctrl-C is the parent's business, and without a parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
