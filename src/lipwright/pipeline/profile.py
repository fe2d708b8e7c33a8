"""What differs between the two profiles of a job; everything else on the path is one and the same."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol, runtime_checkable

from lipwright.errors import OptionError
from lipwright.faces import insightface
from lipwright.faces.align import Box
from lipwright.faces.track import FaceTrack
from lipwright.media.picture import Frame
from lipwright.media.probe import VideoInfo
from lipwright.media.timeline import Timeline
from lipwright.options import SyncOptions
from lipwright.personal.library import Library
from lipwright.pipeline.faithful import Faithful
from lipwright.pipeline.items import Place
from lipwright.pipeline.natural import Natural
from lipwright.pipeline.personal import Personal
from lipwright.pipeline.windows import Window
from lipwright.speech.features import Blocks
from lipwright.weights.bundle import Bundle


@runtime_checkable
class Profile(Protocol):
    """How one job brings lengths together, cuts faces out, groups frames and puts mouths back.

    Made for one job; it is asked in the order of the methods.
    """

    sampled: bool
    """Whether latents are samples of the autoencoder's posterior, not its means."""
    carry_detail: bool
    """Whether the source's crops are decoded too, so that their fine detail can be carried over."""

    def lasts(self, samples: int) -> Fraction:
        """Seconds that pictures for so many samples of sound can last at most."""
        ...

    def timeline(self, pts: Sequence[int], info: VideoInfo, last_duration: int, samples: int) -> Timeline:
        """Which source frame is shown when; pts and last_duration as in `match_lengths`."""
        ...

    def written(self, info: VideoInfo) -> VideoInfo:
        """What the output is like: its rate and time base."""
        ...

    def windows(self, track: FaceTrack) -> list[Window]:
        """Which output frames the network sees together. Raises NoFaceError where faces are a must."""
        ...

    def blocks(self, natural: Blocks) -> Blocks:
        """How sound is cut for an encoder whose natural way is given."""
        ...

    def place(self, index: int, frame: Frame) -> Place | None:
        """Where the face of an output frame is, with its crop; None where there is none."""
        ...

    def paste(self, frame: Frame, place: Place) -> tuple[Frame, Box | None]:
        """The frame with its new mouth, and the box that holds every changed px."""
        ...


def profile_of(options: SyncOptions, bundle: Bundle, library: Library | None = None) -> Profile:
    """The profile of one job; with a person's library theirs. Raises OptionError for options that the model
    cannot serve.
    """
    if library is not None:
        if options.profile == "faithful":
            raise OptionError(
                f"profile is 'faithful', but the model {bundle.name} re-uses a person's own frames; use "
                "--profile natural, or a released LatentSync model."
            )
        return Personal(bundle, options, library)
    if options.faces == "insightface" and bundle.template.anchors != insightface.ANCHORS:
        raise OptionError(
            f"faces is 'insightface', but the model {bundle.name} is aligned by {bundle.template.anchors}; "
            "use --faces mediapipe, or a released LatentSync model."
        )
    return Faithful(bundle) if options.profile == "faithful" else Natural(bundle, options)
