"""Every knob of a job: name, type, default, range and meaning, stated once.

The command line, the library and the service read this table; nobody else holds a default. `None` means
"not given": the model bundle (or the machine) decides.
"""

import math
from dataclasses import dataclass, field
from typing import Any, cast, get_args, get_type_hints

from lipwright.errors import OptionError

CODECS = ("h264", "hevc", "ffv1", "vp9", "h264_nvenc", "hevc_nvenc", "auto")
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
LONGER = ("bounce", "loop", "cut_off")
SHORTER = ("cut_off",)
GAPS = ("pass", "error")
PROFILES = ("natural", "faithful")
FACES = ("mediapipe", "insightface")
SOLVERS = ("ddim", "dpmpp-2m", "unipc", "euler", "lcm")
LCM_STEPS = 50
REUSE = ("off", "deepcache")
DTYPES = ("fp32", "bf16", "fp16")

DEFAULT_MODEL = "tiny"
"""The bundle that ships inside the package."""

Default = int | float | str | bool | None


@dataclass(frozen=True)
class Knob:
    """One row of the table."""

    name: str
    type: type[int] | type[float] | type[str] | type[bool]
    default: Default
    low: float | None
    """Smallest value allowed, or None for no limit."""
    high: float | None
    """Largest value allowed, or None for no limit."""
    choices: tuple[str, ...]
    """The only values allowed; empty when any value is."""
    meaning: str
    """One sentence, also the help text of the command line."""

    @property
    def optional(self) -> bool:
        """Whether None ("not given") is a value."""
        return self.default is None

    def check(self, value: object) -> None:
        """Raise OptionError, naming the value and the range, unless `value` is allowed."""
        if value is None and self.optional:
            return
        if self.type is bool:
            if not isinstance(value, bool):
                raise OptionError(f"{self.name} is {value!r}, but must be true or false.")
        elif self.type is str:
            self._check_text(value)
        else:
            self._check_number(value)

    def _check_text(self, value: object) -> None:
        if self.choices and value not in self.choices:
            raise OptionError(f"{self.name} is {value!r}, but must be one of {', '.join(self.choices)}.")
        if not isinstance(value, str) or not value:
            raise OptionError(f"{self.name} is {value!r}, but must be a word.")

    def _check_number(self, value: object) -> None:
        kinds = (int, float) if self.type is float else (int,)
        if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
            kind = "a number" if self.type is float else "a whole number"
            wanted = f"{kind} {self.range_text()}".rstrip()
            raise OptionError(f"{self.name} is {value!r}, but must be {wanted}.")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise OptionError(f"{self.name} is {value!r}, but must be {self.range_text()}.")

    def range_text(self) -> str:
        """The range in words, such as "from 0 to 51"; empty when there is none."""
        if self.low is not None and self.high is not None:
            return f"from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{self.low:g} or more"
        return "" if self.high is None else f"{self.high:g} or less"


def _knob(
    default: Any,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "choices": choices, "meaning": meaning})


@dataclass(frozen=True)
class SyncOptions:
    """The options of one job. Values are checked by `validate`, not at construction."""

    steps: int | None = _knob(
        None, "Denoising steps; more is slower. Default: the model's own.", low=1, high=1000
    )
    guidance: float | None = _knob(
        None, "How strongly the voice guides the mouth; 1 is off. Default: the model's own.", low=1, high=20
    )
    solver: str | None = _knob(
        None,
        "How noise is taken away. Default: the model's own; lcm is for models distilled so.",
        choices=SOLVERS,
    )
    reuse: str = _knob(
        "off",
        "deepcache: most steps keep the deep features of an earlier one, a tenth of the work.",
        choices=REUSE,
    )
    # 3 is what the released command lines use.
    reuse_interval: int = _knob(
        3, "With reuse: every that many steps one is computed in full.", low=2, high=100
    )
    # 1247 is the seed of the released LatentSync command line.
    seed: int = _knob(1247, "Seed of the noise; the same seed gives the same video.", low=0, high=2**63 - 1)
    codec: str = _knob(
        "h264", "Video encoder; ffv1 is lossless, auto takes NVENC where it opens.", choices=CODECS
    )
    # 18 is the usual "visually lossless" point of x264 and what the released code writes with.
    crf: int = _knob(18, "Encoder quality; 0 is best, 51 is smallest.", low=0, high=51)
    # Measured: veryfast encodes 1080p 2.7 times as fast as medium at the same crf.
    preset: str = _knob("veryfast", "Encoder effort; slower makes smaller files.", choices=PRESETS)
    profile: str = _knob(
        "natural",
        "faithful repeats the released LatentSync procedure (25 frames per second), to compare with it.",
        choices=PROFILES,
    )
    faces: str = _knob(
        "mediapipe",
        "insightface: the released code's face points, for the profile faithful; an extra whose weights are "
        "for non-commercial use only.",
        choices=FACES,
    )
    longer: str = _knob("bounce", "When the voice is longer than the video.", choices=LONGER)
    shorter: str = _knob("cut_off", "When the voice is shorter than the video.", choices=SHORTER)
    face: int | None = _knob(
        None, "Which of several people, counted from the left. Default: the largest face.", low=1, high=16
    )
    gap: str = _knob("pass", "Frames without a face: pass them through, or stop with an error.", choices=GAPS)
    provenance: bool = _knob(
        True, "Sign content credentials (C2PA) into the video that say that it was edited, and how."
    )
    device: str | None = _knob(None, "cpu, cuda, cuda:N or mps. Default: the best one found.")
    dtype: str | None = _knob(
        None, "Number format of the networks. Default: the device's own.", choices=DTYPES
    )
    force: bool = _knob(False, "Replace an existing output, and render what is readable of a damaged file.")

    def validate(self) -> None:
        """Raise OptionError at the first value outside its range; the sentence names value and range."""
        for knob in KNOBS:
            knob.check(getattr(self, knob.name))
        if self.solver == "lcm" and self.steps is not None and self.steps > LCM_STEPS:
            raise OptionError(f"steps is {self.steps}, but solver 'lcm' takes at most {LCM_STEPS}.")
        if self.profile == "faithful" and self.longer != "bounce":
            raise OptionError(
                f"profile is 'faithful', which bounces, but longer is {self.longer!r}; drop one."
            )
        if self.faces == "insightface" and self.profile != "faithful":
            raise OptionError(
                f"faces is 'insightface', which gives too few points for profile {self.profile!r}; use "
                "--profile faithful with it."
            )
        if self.faces == "insightface" and self.face is not None:
            raise OptionError(
                f"face is {self.face}, but faces is 'insightface', which follows the largest; drop one."
            )


def _table() -> tuple[Knob, ...]:
    rows = []
    for name, hint in get_type_hints(SyncOptions).items():
        kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
        row = SyncOptions.__dataclass_fields__[name]
        rows.append(Knob(name=name, type=kinds[0], default=cast("Default", row.default), **row.metadata))
    return tuple(rows)


KNOBS: tuple[Knob, ...] = _table()
"""The table, in the order in which help texts show it."""
