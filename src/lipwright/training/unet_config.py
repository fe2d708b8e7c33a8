"""What a run of the U-Net is made of, and which settings contradict each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lipwright.diffusion.schedule import PREDICTIONS
from lipwright.errors import OptionError
from lipwright.training.clip_shelf import MEMORY_MB
from lipwright.training.draws import ITEMS
from lipwright.training.fit_config import FitConfig
from lipwright.training.stage_two import TRAINED, LossWeights

NOISES = ("mixed", "shared", "independent")
PERCEPTUALS = ("auto", "lpips", "own")
JUDGED_FRAMES = 16  # what SyncNet and VideoMAE look at together
BASE, SCRATCH = "base", "scratch"
PART_NAMES: Mapping[str, str] = {"motion": "motion_modules.", "attentions": "attentions.", "attn2": "attn2."}
"""Short names of parts; any other name means itself."""


@dataclass(frozen=True)
class UNetRun:
    """One run; the defaults are the released stage 1, except where a switch says otherwise.

    base: bundle that gives autoencoder, ears, mask, crop and, with `start` "base", the U-Net's weights.
    start: "base", "scratch", or a checkpoint file. side: px of the crops; None for the base's. unet: what
    differs from the base's U-Net configuration. parts: names (or pieces of names) of what is trained; empty
    for everything in stage 1 and for the released parts in stage 2. prediction: "epsilon" or "v_prediction";
    empty for the base's. noise: "mixed" shares a part of it among the frames (released; `mixing` is its
    alpha), "shared" all of it, "independent" none. name: of the bundle that is written; empty for the base's
    with "-trained". syncnet, videomae: folders or files of the judges.
    perceptual: "lpips" from public files, "own" through the base's autoencoder, "auto" what is there;
    it looks below a share `look_top` of the picture (released: the lower half), at `look_frames` neighbouring
    frames of each item, drawn; 0 for all (released). glance: folder of a small decoder through which SyncNet
    and VideoMAE look instead of the base's own; empty for that one (released). kept_at: folder in which
    latents and heard features are kept for later runs; empty for memory only.

    Better than released, each off by default: audio_dropout (share of items that hear nothing, so that the
    branch of guidance without sound is trained), items "epochs" instead of "random" (every clip is seen),
    fit.ema, outside_weight (how much the kept part of the picture counts, released: 1), sampler_share (of the
    items, noised as a sampler of `sampler_steps` steps meets them, for models that are run with few).
    """

    stage: int = 1
    base: str = "tiny"
    name: str = ""
    start: str = BASE
    side: int | None = None
    frames: int = 16
    unet: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    lora_rank: int = 0
    prediction: str = ""
    noise: str = "mixed"
    mixing: float = 1.0
    losses: LossWeights = field(default_factory=LossWeights)
    syncnet: str = ""
    videomae: str = ""
    perceptual: str = "auto"
    look_top: float = 0.5
    look_frames: int = 0
    glance: str = ""
    audio_dropout: float = 0.0
    items: str = "epochs"
    outside_weight: float = 1.0
    sampler_steps: int = 0
    sampler_share: float = 0.0
    gradient_checkpointing: bool = True
    held_share: float = 0.05
    held_items: int = 16
    show_windows: int = 2
    show_steps: int = 20
    show_guidance: float = 1.5
    memory_mb: int = MEMORY_MB
    kept_at: str = ""
    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_judges()
        if self.lora_rank and self.start == SCRATCH:
            raise OptionError(
                f"lora_rank is {self.lora_rank} and start is 'scratch': LoRA changes trained weights a "
                "little; start from a bundle."
            )
        if self.noise != "mixed" and self.mixing != 1.0:
            raise OptionError(
                f"mixing is {self.mixing:g} and noise is {self.noise!r}: the share that frames have in "
                "common belongs to noise 'mixed'."
            )
        if not 0 <= self.look_top < 1:
            raise OptionError(f"look_top is {self.look_top:g}, but must be from 0 to below 1.")
        if not 0 <= self.look_frames <= self.frames:
            raise OptionError(f"look_frames is {self.look_frames}, but must be from 0 to {self.frames}.")
        if not 0 <= self.sampler_share <= 1 or not 0 <= self.sampler_steps <= 1000:
            raise OptionError(
                f"sampler_share is {self.sampler_share:g} and sampler_steps {self.sampler_steps}, but the "
                "share must be from 0 to 1 and the steps from 0 to 1000."
            )
        if self.sampler_share > 0 and not self.sampler_steps:
            raise OptionError(
                f"sampler_share is {self.sampler_share:g} and sampler_steps 0: say how many steps it has."
            )
        if not 0 <= self.audio_dropout < 1:
            raise OptionError(f"audio_dropout is {self.audio_dropout:g}, but must be from 0 to below 1.")

    def _check_choices(self) -> None:
        choices: dict[str, tuple[object, tuple[object, ...]]] = {
            "stage": (self.stage, (1, 2)),
            "noise": (self.noise, NOISES),
            "perceptual": (self.perceptual, PERCEPTUALS),
            "items": (self.items, ITEMS),
            "prediction": (self.prediction, ("", *PREDICTIONS)),
        }
        for name, (value, known) in choices.items():
            if value not in known:
                raise OptionError(f"{name} is {value!r}, but must be one of {', '.join(map(repr, known))}.")
        lengths = {"frames": self.frames, "held_items": self.held_items, "show_windows": self.show_windows}
        for name, number in lengths.items():
            if number < 1:
                raise OptionError(f"{name} is {number}, but must be 1 or more.")
        if self.lora_rank < 0:
            raise OptionError(f"lora_rank is {self.lora_rank}, but must be 0 or more.")

    def _check_judges(self) -> None:
        if self.stage == 1 and (self.syncnet or self.videomae):
            raise OptionError(
                "stage is 1 and a judge is named (syncnet or videomae): stage 1 is noise prediction alone; "
                "leave it out or say stage 2."
            )
        if self.stage == 2 and self.glance and self.losses.perceptual > 0 and not self.look_frames:
            raise OptionError(
                f"glance is {self.glance!r} and losses.perceptual is {self.losses.perceptual:g}: the "
                "perceptual judge wants whole pictures; set look_frames to a few (2), losses.perceptual to "
                "0, or leave glance out."
            )
        wanted = (("sync", self.syncnet, "syncnet"), ("trepa", self.videomae, "videomae"))
        for loss, judge, name in wanted:
            weight = float(getattr(self.losses, loss))
            if self.stage == 2 and weight > 0 and not judge:
                raise OptionError(
                    f"losses.{loss} is {weight:g}, but no {name} is named; name one, or set losses.{loss} "
                    "to 0."
                )
        if self.stage == 2 and (self.syncnet or self.videomae) and self.frames != JUDGED_FRAMES:
            raise OptionError(
                f"frames is {self.frames}, but SyncNet and VideoMAE look at {JUDGED_FRAMES}; use that, or "
                "no judge."
            )

    @property
    def weights(self) -> LossWeights:
        """How much each distance counts in this stage."""
        return self.losses if self.stage == 2 else LossWeights(self.losses.reconstruction, 0.0, 0.0, 0.0)

    @property
    def trained_parts(self) -> tuple[str, ...]:
        """Pieces of the names of what is trained; empty for everything."""
        if self.parts:
            return tuple(PART_NAMES.get(part, part) for part in self.parts)
        return TRAINED if self.stage == 2 else ()
