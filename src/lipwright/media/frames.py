"""A video file as a stream of frames: in order, or in any order with constant memory."""

from collections.abc import Iterator
from pathlib import Path

from lipwright.media.picture import Frame, look_of
from lipwright.media.planes import to_travel_format
from lipwright.media.probe import opened, probe_video, video_stream

__all__ = ["Frame", "read_frames"]


def read_frames(path: Path | str, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
    """Frames start to stop - 1."""
    path = Path(path)
    info = probe_video(path)
    look = look_of(info)
    with opened(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        index = 0
        last = None
        for picture in container.decode(stream):
            pts = picture.pts if picture.pts is not None else (0 if last is None else last + info.frame_ticks)
            last = pts
            if stop is not None and index >= stop:
                return
            if index >= start:
                yield Frame(
                    to_travel_format(picture),
                    look,
                    index=index,
                    pts=pts,
                    duration=picture.duration or info.frame_ticks,
                    time_base=info.time_base,
                )
            index += 1
