"""The first part of a job: its inputs, fetched and checked, and the price that follows from their length."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from lipwright.service import faults, money, predictions
from lipwright.service.check import Checked, Kind, check, limits_of
from lipwright.service.db import transaction
from lipwright.service.money import PriceRule
from lipwright.service.predictions import Prediction
from lipwright.service.settings import Settings

KINDS: tuple[Kind, ...] = ("video", "audio")
MARK = "inputs.json"
LOOK_S = 0.25
"""How often fetching looks whether the job was cancelled."""

Cancelled = Callable[[], bool]
Bring = Callable[[Prediction, Kind, Path, Cancelled], None]
"""Puts an input of a prediction at a path. Raises TaskError with the sentence for the client, Cancelled."""


@dataclass(frozen=True)
class Prepared:
    """The inputs of a job, fetched and checked, in its folder."""

    video: Path
    audio: Path
    expected_s: float
    """Seconds that the output will have, as far as the inputs tell."""


class Preparer:
    """Prepares jobs; the same job again costs nothing while its folder is there."""

    def __init__(self, engine: sa.Engine, settings: Settings, bring: Bring) -> None:
        self._engine = engine
        self._settings = settings
        self._bring = bring
        self._rule = PriceRule.of(settings)

    def __call__(self, prediction: Prediction, folder: Path) -> Prepared:
        """Fetch, check, and reserve the price.

        Raises TaskError for inputs that cannot be used, CreditError when the balance does not cover them,
        Cancelled.
        """
        places = {kind: folder / kind for kind in KINDS}
        mark = folder / MARK
        if not mark.is_file():
            cancelled = _Cancelled(self._engine, prediction.id)
            checked: dict[Kind, Checked] = {}
            for kind, place in places.items():
                if not place.exists():  # it appears whole or not at all, so a kill left it whole
                    self._bring(prediction, kind, place, cancelled)
                faults.reached(faults.FETCH)
                limits = limits_of(self._settings, kind)
                checked[kind] = check(
                    place, kind, limits, timeout_s=self._settings.probe_timeout_s, cancelled=cancelled
                )
            expected_s = expected_seconds(checked["video"], checked["audio"], prediction.options)
            with transaction(self._engine) as conn:
                money.adjust(conn, prediction.id, self._rule.price(expected_s))
            part = mark.with_suffix(".part")
            part.write_text(json.dumps({"expected_s": expected_s}))
            os.replace(part, mark)
        return Prepared(places["video"], places["audio"], float(json.loads(mark.read_text())["expected_s"]))


def expected_seconds(video: Checked, audio: Checked, options: dict[str, object]) -> float:
    """Length of the output: that of the voice, unless a shorter video is not to be prolonged."""
    if options.get("longer") == "cut_off":
        return min(video.seconds, audio.seconds)
    return audio.seconds


class _Cancelled:
    """Whether a prediction is over, looked up now and then."""

    def __init__(self, engine: sa.Engine, prediction_id: str) -> None:
        self._engine = engine
        self._id = prediction_id
        self._looked = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return False
        self._looked = now
        with self._engine.connect() as conn:
            return predictions.cancel_requested(conn, self._id)
