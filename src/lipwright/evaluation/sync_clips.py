"""Sync of many clips by one measure; a clip that cannot be measured is counted and says why."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import InputError
from lipwright.evaluation.sync_score import OPENING, SyncScore, failed, opening_score
from lipwright.evaluation.syncnet_score import CLASSIC, STABLE, classic_score, stable_score
from lipwright.evaluation.watch import Watched, read_voice, watch
from lipwright.faces.detect import FaceReader
from lipwright.progress import Progress
from lipwright.weights.judges import is_syncnet_v2, load_syncnet, load_syncnet_v2
from lipwright.weights.load_ears import load_ears

Judge = Callable[[str, Watched, NDArray[np.int16]], SyncScore]
STAGE = "evaluate sync"


def sync_judge(syncnet: Path | None) -> tuple[str, Judge]:
    """(name, measure): our own, or that of a SyncNet: a folder of ours, a released file, or syncnet_v2.model.

    Raises WeightsError for what is none of them.
    """
    if syncnet is None:
        return OPENING, partial(opening_score, ears=load_ears())
    if is_syncnet_v2(syncnet):
        return CLASSIC, partial(classic_score, network=load_syncnet_v2(syncnet))
    return STABLE, partial(stable_score, judge=load_syncnet(syncnet))


def sync_scores(
    clips: Sequence[Path],
    reader: FaceReader,
    name: str,
    judge: Judge,
    progress: Progress | None = None,
) -> list[SyncScore]:
    """One score for each clip. A clip that is broken or shows or says nothing has none, and says why.

    Raises what its reading raises where it is the only one.
    """
    work = Progress() if progress is None else progress
    work.start(STAGE, len(clips))
    found = []
    for clip in clips:
        try:
            voice = read_voice(clip)
            found.append(judge(str(clip), watch(clip, reader, Progress(cancel=work.cancel)), voice))
        except InputError as error:
            if len(clips) == 1:
                raise
            found.append(failed(clip, name, error))
        work.advance(STAGE)
    return found
