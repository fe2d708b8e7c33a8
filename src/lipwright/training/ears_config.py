"""Every number of a run of `lipwright train ears`. Time is in steps, never in minutes."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

SHARES: dict[str, float] = {"rule": 0.35, "kokoro": 0.35, "hibari": 0.15, "piper": 0.15}
"""Share of the windows drawn from each engine. rule: espeak-ng and flite, as `tiny` hears them."""


@dataclass(frozen=True)
class EarsConfig:
    """Material, network and training of the ears; see docs/ears.md for what was tried."""

    seed: int = 1
    utterances: dict[str, int] = field(
        default_factory=lambda: {"rule": 1500, "kokoro": 600, "hibari": 300, "piper": 300}
    )
    utterance_s: float = 7.0
    width: int = 192
    hidden: int = 256
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4, 8, 16)
    window_s: float = 6.0
    tempo: tuple[float, float] = (0.8, 1.35)
    rounds: tuple[tuple[int, float], ...] = ((2600, 2e-3), (1200, 1.5e-3), (1400, 1.2e-3))
    """Steps and highest rate, one cosine each; every round starts from the last one's averaged weights."""
    batch: int = 20
    measures_weight: float = 20.0
    velocity_weight: float = 10.0
    roughness_weight: float = 4.0  # on the second difference: tracks that tremble more than speech does
    likeness_weight: float = 0.3  # 1 - correlation of each window's jaw
    held_every: int = 20  # one utterance in so many is never trained on

    def to_json(self) -> dict[str, Any]:
        """Plain values for the record in the bundle."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data


TOY = EarsConfig(
    utterances={"rule": 6}, utterance_s=2.0, width=16, hidden=16, dilations=(1, 2), window_s=2.0,
    rounds=((3, 1e-3), (2, 1e-3)), batch=2, held_every=3,
)  # fmt: skip
"""Seconds, teaches nothing; for tests."""
