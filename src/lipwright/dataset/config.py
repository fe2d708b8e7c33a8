"""Every knob of `lipwright dataset prepare`. Defaults follow the released pipeline; what is ours says so."""

from dataclasses import dataclass, field

from lipwright.errors import OptionError
from lipwright.faces.align import LATENTSYNC, TINY_TEMPLATE, Template

RELEASED, TINY = "released", "tiny"
CROPS = {RELEASED: LATENTSYNC, TINY: TINY_TEMPLATE.at}
EARS = "ears"
"""The judge of sync that ships: what is heard against how far the lips are apart."""


@dataclass(frozen=True)
class Shots:
    """threshold: of PySceneDetect's adaptive detector (released: 2). least_content, least_frames: its own
    defaults. jumps (ours): heads that jump before an unchanged backdrop begin a shot, too.
    """

    threshold: float = 2.0
    least_content: float = 15.0
    least_frames: int = 15
    jumps: bool = True

    def __post_init__(self) -> None:
        _above("shots.threshold", self.threshold, 0)
        _above("shots.least_content", self.least_content, 0)
        _least("shots.least_frames", self.least_frames, 1)


@dataclass(frozen=True)
class Segments:
    """seconds: a shot is cut into clips of so much, what is left joins the last (released: 5 to 10 s).

    least_s (ours): shorter shots are dropped; too little is said in them to hear a shift.
    """

    seconds: float = 5.0
    least_s: float = 3.0

    def __post_init__(self) -> None:
        _above("segments.seconds", self.seconds, 0)
        _least("segments.least_s", self.least_s, 0.2)
        if self.least_s > self.seconds:
            raise OptionError(
                f"segments.least_s is {self.least_s:g}, but no clip longer than segments.seconds, which is "
                f"{self.seconds:g}, is ever cut off; make it smaller."
            )


@dataclass(frozen=True)
class Faces:
    """one_only: drop clips with a second face (released: off by default), if it has more than other_share of
    the main one's height in more than other_frames of the frames.

    least_height: of the face, forehead to chin, in shares of the crop's side (the released check, off by
    default, is 1). most_missing: frames in which the face may be missing (released: 0); up to 3 in a row
    between two sightings are filled and do not count. search_every: frames between looks for newcomers.
    """

    one_only: bool = True
    other_share: float = 0.4
    other_frames: float = 0.1
    least_height: float = 0.35
    most_missing: int = 0
    search_every: int = 10

    def __post_init__(self) -> None:
        _between("faces.other_share", self.other_share, 0, 1)
        _between("faces.other_frames", self.other_frames, 0, 1)
        _least("faces.least_height", self.least_height, 0)
        _least("faces.most_missing", self.most_missing, 0)
        _least("faces.search_every", self.search_every, 1)


@dataclass(frozen=True)
class Sync:
    """judge: `ears`, or the file or folder of a SyncNet. reach: frames of shift tried to each side
    (released: 15). most_offset: frames; more is beyond repair (released: 6).

    least_confidence: None is the judge's own (steps/sync.py). correct: cut the sound where it belongs.
    least_speech_s (ours): of sound within 30 dB of the loud parts. silent_db (ours): full scale is 0; a clip
    whose loud parts lie below is silent.
    """

    judge: str = EARS
    least_confidence: float | None = None
    most_offset: int = 6
    reach: int = 15
    correct: bool = True
    least_speech_s: float = 1.0
    silent_db: float = -50.0

    def __post_init__(self) -> None:
        _least("sync.reach", self.reach, 1)
        _least("sync.most_offset", self.most_offset, 0)
        _least("sync.least_speech_s", self.least_speech_s, 0)
        if self.most_offset > self.reach:
            raise OptionError(
                f"sync.most_offset is {self.most_offset}, but shifts beyond sync.reach, which is "
                f"{self.reach}, are not even tried; make it smaller, or the reach larger."
            )


@dataclass(frozen=True)
class Quality:
    """least_sharpness: 0 to 100, of the first, middle and last crop (steps/quality.py); 0 judges nothing.

    The released pipeline asks HyperIQA for 40 there; that network is not to be had here, so the measure and
    its limit are ours.
    """

    least_sharpness: float = 40.0

    def __post_init__(self) -> None:
        _between("quality.least_sharpness", self.least_sharpness, 0, 100)


@dataclass(frozen=True)
class Duplicates:
    """All ours: the released pipeline looks for none. drop: keep the first of each set of near-duplicates.

    sound_errors: share of the sound's bits that may differ; picture_bits: of the 64 of a crop's hash.
    """

    drop: bool = True
    sound_errors: float = 0.3
    picture_bits: float = 14.0

    def __post_init__(self) -> None:
        _between("duplicates.sound_errors", self.sound_errors, 0, 0.45)
        _between("duplicates.picture_bits", self.picture_bits, 0, 64)


@dataclass(frozen=True)
class Prepare:
    """side: of the crops, px. crop: `released` or `tiny`, where the face lies in them. crf: of the encode."""

    side: int = 256
    crop: str = RELEASED
    crf: int = 12
    shots: Shots = field(default_factory=Shots)
    segments: Segments = field(default_factory=Segments)
    faces: Faces = field(default_factory=Faces)
    sync: Sync = field(default_factory=Sync)
    quality: Quality = field(default_factory=Quality)
    duplicates: Duplicates = field(default_factory=Duplicates)

    def __post_init__(self) -> None:
        if self.side < 32 or self.side % 8:
            raise OptionError(f"side is {self.side}, but must be a multiple of 8, 32 or more.")
        if self.crop not in CROPS:
            raise OptionError(f"crop is {self.crop!r}, but must be one of {', '.join(CROPS)}.")
        _between("crf", self.crf, 0, 51)

    @property
    def template(self) -> Template:
        """Where the face lies in a crop."""
        return CROPS[self.crop](self.side)


def _least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise OptionError(f"{name} is {value:g}, but must be {least:g} or more.")


def _above(name: str, value: float, limit: float) -> None:
    if not value > limit:
        raise OptionError(f"{name} is {value:g}, but must be above {limit:g}.")


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise OptionError(f"{name} is {value:g}, but must be from {low:g} to {high:g}.")
