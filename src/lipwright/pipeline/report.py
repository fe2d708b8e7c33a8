"""What a job says about itself when it is done."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class EditedRange:
    """Output frames start to stop - 1 show a repainted mouth; no pixel outside `box` was touched.

    box: (left, top, right, bottom) in px of the upright picture, right and bottom exclusive.
    """

    start: int
    stop: int
    box: tuple[int, int, int, int]


@dataclass
class Report:
    """Everything worth knowing about one run; `to_json` is what `--report` writes."""

    video: str
    audio: str
    output: str
    model: str
    options: dict[str, Any]
    seed: int
    frames: int = 0
    width: int = 0
    height: int = 0
    rate: float = 0.0
    duration_s: float = 0.0
    length_mode: str = "none"
    source_frames_used: int = 0
    face: dict[str, Any] = field(default_factory=dict)
    edited: list[EditedRange] = field(default_factory=list)
    untouched_frames: int = 0
    codec: str = ""
    device: str = ""
    dtype: str = ""
    provenance: str = "none"
    method: str = ""
    """What made the new mouths."""
    steps: int = 0
    guidance: float = 1.0
    timings_s: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Readable JSON, keys in the order above."""
        return json.dumps(asdict(self), indent=1)
