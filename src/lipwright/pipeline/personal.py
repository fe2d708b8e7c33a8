"""A job with a personal bundle: the natural profile's times, and mouths from the person's own frames.

No network draws here. What is to be shown is planned for the whole job before the first frame is rendered,
about a kilobyte per frame; then frames stream as in every other job.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from lipwright.faces.align import Box
from lipwright.faces.track import FaceTrack
from lipwright.media.picture import Frame
from lipwright.options import SyncOptions
from lipwright.personal.choose import choose
from lipwright.personal.identity import (
    Likeness,
    colour_distance,
    colours,
    shape_distance,
    usual_colours,
)
from lipwright.personal.library import Library
from lipwright.personal.measures import SMILE
from lipwright.personal.plan import Plan, plan_mouths
from lipwright.personal.render import area, render
from lipwright.personal.seen import Seen, look_at
from lipwright.personal.wish import Heard, wishes
from lipwright.pipeline.items import Item, Place
from lipwright.pipeline.natural import Natural
from lipwright.pipeline.paste import tight
from lipwright.pipeline.relay import StageClock
from lipwright.pipeline.windows import Window, output_runs
from lipwright.progress import Progress
from lipwright.weights.bundle import Bundle

LOOKED_AT = 12  # frames that tell whether it is the person of the library


class Personal(Natural):
    """See `Profile`. Frames without a face pass through."""

    def __init__(self, bundle: Bundle, options: SyncOptions, library: Library) -> None:
        super().__init__(bundle, options)
        self._library = library
        self._seen: Seen | None = None
        self._colours: list[NDArray[np.float32]] = []

    def windows(self, track: FaceTrack) -> list[Window]:
        self._track = track
        self._seen = look_at(self._library.head, track)
        runs = output_runs(self._timeline.sources, track.runs())
        return [Window(start, stop) for start, stop in runs]

    def plan(self, heard: Heard, windows: list[Window], rate: float) -> Plan:
        """All mouths of the job, from what is heard at its frames."""
        now = self._looked().at(self._timeline.sources)
        wished = wishes(self._library, heard, now.measures[:, SMILE], rate)
        runs = [(window.start, window.stop) for window in windows]
        chosen = choose(self._library, wished, now.poses, runs)
        return plan_mouths(self._library, chosen, wished, now.poses, now, runs)

    def place(self, index: int, frame: Frame) -> Place | None:
        source = int(self._timeline.sources[index])
        if not self._track.present[source]:
            return None
        seen = self._looked()
        matrix, points = seen.to_head[source], seen.moving[source]
        box = area(points, matrix, self._library.head.height, frame.width, frame.height)
        picture = frame.rgb_box(box)
        if len(self._colours) < LOOKED_AT:
            inside = matrix.copy()
            inside[:, 2] += inside[:, :2] @ np.array(box[:2], np.float32)
            middle = points[:20].mean(axis=0)
            self._colours.append(colours(picture, inside, self._library.head, middle))
        return Place(matrix, box, points, picture)

    def likeness(self) -> Likeness | None:
        """How far the person in the video is from the library's; None when no face was placed yet."""
        if not self._colours:
            return None
        found = np.asarray(np.median(self._colours, axis=0), np.float32)
        shape = shape_distance(self._library.head, self._looked().still)
        return Likeness(shape, colour_distance(found, usual_colours(self._library)))

    def paste(self, frame: Frame, place: Place) -> tuple[Frame, Box | None]:
        if place.generated is None or place.alpha is None:
            raise ValueError("this frame was not repainted")
        touched = tight(place.alpha, place.box)
        if touched is None:
            return frame, None
        rows, columns = (slice(touched[i] - place.box[i], touched[i + 2] - place.box[i]) for i in (1, 0))
        return frame.patched(touched, place.generated[rows, columns], place.alpha[rows, columns]), touched

    def paint(
        self, items: Iterable[Item], plan: Plan, progress: Progress, clock: StageClock
    ) -> Iterator[Item]:
        """All items again, those with a place carrying their new mouth."""
        seen = self._looked()
        for item in items:
            progress.check()
            mouth = plan.mouth(item.index)
            if item.place is not None and mouth is None:
                item.place = None
            if item.place is not None and mouth is not None:
                source = int(self._timeline.sources[item.index])
                place = item.place
                with clock("mouths"):
                    place.generated, place.alpha = render(
                        self._library,
                        mouth,
                        place.crop,
                        place.box,
                        place.points,
                        seen.still[source],
                        place.matrix,
                    )
            yield item

    def _looked(self) -> Seen:
        if self._seen is None:
            raise ValueError("windows come first")
        return self._seen
