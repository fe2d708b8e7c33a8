"""The default profile: the source's own times, steadied faces, joined windows, soft regions."""

from collections.abc import Sequence
from fractions import Fraction

from lipwright.faces.align import Box, anchors, crop, fit, frame_box
from lipwright.faces.track import FaceTrack
from lipwright.media.picture import Frame
from lipwright.media.probe import VideoInfo
from lipwright.media.timeline import Timeline, match_lengths
from lipwright.options import SyncOptions
from lipwright.pipeline.items import Place
from lipwright.pipeline.paste import paste
from lipwright.pipeline.windows import Window, output_runs, plan
from lipwright.speech import mel
from lipwright.speech.features import Blocks
from lipwright.weights.bundle import Bundle


class Natural:
    """See `Profile`. Frames without a face pass through."""

    sampled = False

    def __init__(self, bundle: Bundle, options: SyncOptions) -> None:
        self._bundle = bundle
        self._options = options
        self.carry_detail = bool(bundle.info.get("carry_detail", False))

    def lasts(self, samples: int) -> Fraction:
        return Fraction(samples, mel.RATE)

    def timeline(self, pts: Sequence[int], info: VideoInfo, last_duration: int, samples: int) -> Timeline:
        longer, shorter = self._options.longer, self._options.shorter
        lasts = self.lasts(samples)
        self._timeline = match_lengths(pts, info.time_base, last_duration, lasts, longer, shorter)
        return self._timeline

    def written(self, info: VideoInfo) -> VideoInfo:
        return info

    def windows(self, track: FaceTrack) -> list[Window]:
        self._track = track
        runs = output_runs(self._timeline.sources, track.runs())
        return list(plan(runs, self._bundle.window, self._bundle.overlap))

    def blocks(self, natural: Blocks) -> Blocks:
        return natural

    def place(self, index: int, frame: Frame) -> Place | None:
        source = int(self._timeline.sources[index])
        if not self._track.present[source]:
            return None
        template = self._bundle.template
        points = self._track.smoothed_at(source)
        matrix = fit(anchors(points, template), template)
        box = frame_box(matrix, template.resolution, frame.width, frame.height, margin=4)
        picture = crop(frame.rgb_box(box), box, matrix, template.resolution)
        return Place(matrix, box, points, picture)

    def paste(self, frame: Frame, place: Place) -> tuple[Frame, Box | None]:
        return paste(frame, place, self._bundle.mask)
