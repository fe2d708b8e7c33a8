"""What a user of `lipwright adapt` can choose: the one place of its defaults and ranges."""

from dataclasses import dataclass

from lipwright.errors import OptionError

LONGEST_S = 600.0  # of material; more would add nothing to a library of fixed size
MINUTES = 5.0
LONGEST_NAME = 64


@dataclass(frozen=True)
class AdaptOptions:
    """What a user can choose. face: see `follow_face`. minutes: how long to read material at most."""

    name: str | None = None
    face: int | None = None
    minutes: float = MINUTES
    force: bool = False

    def validate(self) -> None:
        """Raise OptionError at the first value that cannot be used."""
        if not 0 < self.minutes <= 60:
            raise OptionError(f"minutes is {self.minutes}, but must be more than 0 and at most 60.")
        if self.face is not None and self.face < 1:
            raise OptionError(f"face is {self.face}, but people are counted from 1, from the left.")
        if self.name is not None and not (0 < len(self.name) <= LONGEST_NAME and self.name.isprintable()):
            raise OptionError(f"name is {self.name!r}, but must be a short word.")
