"""The first part of a job: its inputs, fetched and checked, and the price that follows from their length."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from lipwright.service import bundles, faults, money, predictions
from lipwright.service.check import Checked, Kind, check, limits_of
from lipwright.service.db import transaction
from lipwright.service.money import PriceRule
from lipwright.service.predictions import Prediction
from lipwright.service.settings import Settings

KINDS: dict[str, tuple[Kind, ...]] = {predictions.SYNC: ("video", "audio"), predictions.ADAPT: ("video",)}
"""Inputs of each kind of job."""
MARK = "inputs.json"
PERSON = "person"
LOOK_S = 0.25
"""How often fetching looks whether the job was cancelled."""

Cancelled = Callable[[], bool]
Bring = Callable[[Prediction, Kind, Path, Cancelled], None]
"""Puts an input of a prediction at a path. Raises TaskError with the sentence for the client, Cancelled."""
BringPerson = Callable[[Prediction, Path], None]
"""Copies the personal bundle of a prediction to a folder. Raises InvalidParameterError, StorageError."""


@dataclass(frozen=True)
class Prepared:
    """The inputs of a job, fetched and checked, in its folder."""

    video: Path
    audio: Path | None
    """None of an adapt job."""
    expected_s: float
    """Seconds that are charged: of the output, as far as the inputs tell, or of an adapt job's clip."""
    person: Path | None = None
    """The folder of a personal bundle, when the job asks for one."""


class Preparer:
    """Prepares jobs; the same job again costs nothing while its folder is there."""

    def __init__(
        self, engine: sa.Engine, settings: Settings, bring: Bring, bring_person: BringPerson
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._bring = bring
        self._bring_person = bring_person

    def __call__(self, prediction: Prediction, folder: Path) -> Prepared:
        """Fetch, check, and reserve the price.

        Raises TaskError for inputs that cannot be used, InvalidParameterError for a personal bundle that is
        gone, CreditError when the balance does not cover the price, Cancelled.
        """
        places = {kind: folder / kind for kind in KINDS[prediction.kind]}
        person = folder / PERSON if self._wants_person(prediction) else None
        mark = folder / MARK
        if not mark.is_file():
            if person is not None:
                self._bring_person(prediction, person)
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
            expected_s = expected_seconds(checked["video"], checked.get("audio"), prediction.options)
            rule = PriceRule.of(self._settings, adapt=prediction.kind == predictions.ADAPT)
            with transaction(self._engine) as conn:
                money.adjust(conn, prediction.id, rule.price(expected_s))
            part = mark.with_suffix(".part")
            part.write_text(json.dumps({"expected_s": expected_s}))
            os.replace(part, mark)
        expected_s = float(json.loads(mark.read_text())["expected_s"])
        return Prepared(places["video"], places.get("audio"), expected_s, person)

    def _wants_person(self, prediction: Prediction) -> bool:
        return prediction.bundle not in self._settings.models and bundles.is_id(prediction.bundle)


def expected_seconds(video: Checked, audio: Checked | None, options: dict[str, object]) -> float:
    """Length of the output: that of the voice, unless a shorter video is not to be prolonged. Without a voice
    that of the video.
    """
    if audio is None:
        return video.seconds
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
