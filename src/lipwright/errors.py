"""The tree of errors.

Every message is one sentence without a line break that says what happened, with which input, and what to do.

```text
LipwrightError             exit code 1
  InputError               exit code 2   something the user gave cannot be used
    MediaError                           a file cannot be read or decoded (`at_s`: where it broke)
    NoFaceError                          no face in the whole video
    MaterialError                        a clip from which a person cannot be learned
    OptionError                          an option outside its range, or two options in conflict
    OutputError                          output exists, folder missing, disk full
    WeightsError                         unknown model, bad checksum, unreadable bundle, failed download
  Cancelled                exit code 130
```
"""


class LipwrightError(Exception):
    """Base of all errors that Lipwright raises on purpose. The text is one sentence for the user."""

    exit_code: int = 1
    """What the command line exits with."""


class InputError(LipwrightError):
    """Something the user gave cannot be used: a file, an option, a model name, a place for the output."""

    exit_code = 2


class MediaError(InputError):
    """A file is missing, is not media, lacks the stream that is needed, or breaks while it is decoded."""

    def __init__(self, message: str, *, at_s: float | None = None) -> None:
        super().__init__(message)
        self.at_s = at_s
        """Seconds from the start at which decoding broke; None when the file as a whole is refused."""


class NoFaceError(InputError):
    """No face was found in the whole video."""


class MaterialError(InputError):
    """A clip shows a person, but too short, small, blurred or too much from the side to learn from."""


class OptionError(InputError):
    """An option is unknown, outside its range, or in conflict with another one."""


class OutputError(InputError):
    """The output cannot be written: it exists, its folder is missing, or the disk is full."""


class WeightsError(InputError):
    """A model is unknown, its checksum is wrong, its bundle cannot be read, or its download failed."""


class Cancelled(LipwrightError):
    """The job was stopped from outside (Ctrl-C, or `cancel` of its Progress); nothing was left behind."""

    exit_code = 130

    def __init__(self, message: str = "Cancelled; nothing was written.") -> None:
        super().__init__(message)
