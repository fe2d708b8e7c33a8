"""Why a clip is not kept. A row's reason is one of these kinds, a colon, and what was found."""

UNREADABLE = "unreadable"  # no video, or it cannot be opened
DAMAGED = "damaged"  # it opens, but breaks on the way
CRASHED = "crashed"  # the process that read it ended, twice
SHORT = "short"
NO_FACE = "no face"
GAPS = "face lost"  # in some frames
SMALL = "small face"
SEVERAL = "several faces"
NO_SOUND = "no sound"
SILENT = "silent"
UNSURE = "not in sync"  # no shift at which lips and sound belong together
OFFSET = "offset too large"
BLURRED = "blurred"
DUPLICATE = "duplicate"


class Refused(Exception):
    """Raised by a step for a clip that it does not let through."""

    def __init__(self, kind: str, found: str) -> None:
        super().__init__(f"{kind}: {found}")
        self.kind = kind


def kind_of(reason: str) -> str:
    """The kind of a row's reason."""
    return reason.partition(":")[0]
