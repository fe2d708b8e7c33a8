"""What a run that was stopped had finished, kept for the next one: the followed face.

Following takes most of the time, and a long clip takes minutes. The work lies in the cache, under a key made
of the file and the options that matter, is written whole or not at all, and goes when it was used.
"""

import hashlib
import os
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from lipwright.adapt.read import Footage
from lipwright.faces.track import FaceTrack
from lipwright.media.probe import VideoInfo
from lipwright.weights.fetch import cache_folder

VERSION = 2
KEPT_S = 7 * 24 * 3600.0  # older work is thrown away


class Work:
    """The place of one clip's finished work."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def of(cls, info: VideoInfo, face: int | None) -> "Work":
        """The place for this file as it is now, and this choice of a face."""
        state = info.path.stat()
        key = f"{VERSION}|{info.path.resolve()}|{state.st_size}|{state.st_mtime_ns}|{face}"
        return cls(cache_folder() / "adapt" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz")

    def load(self, info: VideoInfo) -> Footage | None:
        """The followed clip, if a run before this one got that far."""
        try:
            with open(self._file, "rb") as stream, np.load(stream) as kept:
                counts = kept["counts"].tolist()
                track = FaceTrack(
                    kept["present"],
                    kept["points"],
                    tuple(kept["cuts"].tolist()),
                    counts[0],
                    counts[1],
                    counts[2],
                )
                return Footage(info, track, kept["pts"], kept["ticks"])
        except (OSError, KeyError, ValueError, zipfile.BadZipFile):
            return None

    def save(self, footage: Footage) -> None:
        """Keep a followed clip. A full or read-only cache is no reason to stop: then nothing is kept."""
        track = footage.track
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._forget_old()
            handle, name = tempfile.mkstemp(dir=self._file.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as stream:
                    np.savez(
                        stream,
                        present=track.present,
                        points=track.points,
                        cuts=np.asarray(track.cuts, np.int64),
                        counts=np.array([track.people, track.bridged, track.prominent]),
                        pts=footage.pts,
                        ticks=footage.ticks,
                    )
                os.replace(name, self._file)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError:
            return

    def done(self) -> None:
        """Nothing is left to be resumed."""
        self._file.unlink(missing_ok=True)

    def _forget_old(self) -> None:
        for file in self._file.parent.glob("*.npz"):
            if time.time() - file.stat().st_mtime > KEPT_S:
                file.unlink(missing_ok=True)
