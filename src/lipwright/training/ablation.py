"""Which part of the recipe does what: the same stage 2 with parts left out, several seeds, equal time.

Everything lies in one folder and is made once: clips, judges, runs, results. A stopped run goes on there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from lipwright.dataset.manifest import Dataset, read_dataset
from lipwright.errors import OptionError
from lipwright.evaluation.frechet import frechet
from lipwright.evaluation.presenter import evaluate_presenter
from lipwright.models.stable_syncnet import cosine_similarity, stack_frames
from lipwright.models.videomae import VideoMAE
from lipwright.pipeline.engine import Engine
from lipwright.presenter.texts import EVALUATION_SEED
from lipwright.training.clip_shelf import to_pixels
from lipwright.training.config import write_json
from lipwright.training.losses import seen_rows
from lipwright.training.presenter_clips import PresenterClips, make_presenters
from lipwright.training.show import drawn
from lipwright.training.stage_two import LossWeights
from lipwright.training.train_syncnet import SyncNetRun, train_syncnet
from lipwright.training.train_unet import UNetTask, train_unet
from lipwright.training.train_video_mae import VideoMAERun, train_video_mae
from lipwright.training.unet_config import UNetRun
from lipwright.training.unet_parts import load_base
from lipwright.weights.judges import SyncJudge, load_syncnet, load_videomae

Say = Callable[[str], None]
LAGS = 8  # frames to each side in which the confidence looks for the best agreement
WINDOW = 16
COLUMNS = (
    "aperture_correlation",
    "sync_confidence",
    "sync_lag",
    "flicker_ratio",
    "fvd",
)


@dataclass(frozen=True)
class Variant:
    """One row of the table. sync: "none", "latent" or "pixel"."""

    name: str
    sync: str
    trepa: bool
    temporal: bool


VARIANTS = (
    Variant("no sync loss", "none", trepa=False, temporal=True),
    Variant("latent SyncNet", "latent", trepa=False, temporal=True),
    Variant("pixel SyncNet", "pixel", trepa=False, temporal=True),
    Variant("pixel SyncNet, TREPA", "pixel", trepa=True, temporal=True),
    Variant("pixel SyncNet, no temporal layers", "pixel", trepa=False, temporal=False),
    Variant("pixel SyncNet, TREPA, no temporal layers", "pixel", trepa=True, temporal=False),
)


@dataclass(frozen=True)
class Ablation:
    """Sizes of one ablation. seconds: of training that each run gets, judges not counted.

    unet, pixel, latent, video_mae: what the runs and judges have in common. clips_at, judge_clips_at,
    evaluation_at: folders of prepared clips; rendered where empty. aperture_clips: of `evaluate presenter`
    for each run; 0 leaves its columns out.
    """

    unet: UNetRun
    pixel: SyncNetRun
    latent: SyncNetRun
    video_mae: VideoMAERun
    seeds: tuple[int, ...] = (1, 2, 3)
    seconds: float = 1200.0
    clips: int = 120
    evaluation_clips: int = 12
    aperture_clips: int = 6
    clips_at: str = ""
    judge_clips_at: str = ""
    evaluation_at: str = ""
    variants: tuple[Variant, ...] = field(default=VARIANTS)

    def __post_init__(self) -> None:
        if self.seconds <= 0 or not self.seeds or not self.variants:
            raise OptionError("An ablation needs seconds above 0, a seed and a variant; give them.")


@dataclass(frozen=True)
class _Ground:
    """Clips and judges that all runs share."""

    train: Dataset
    evaluation: Dataset
    pixel: Path
    latent: Path
    videomae: Path
    other_syncnet: SyncJudge
    other_videomae: VideoMAE


def ablate(config: Ablation, work: Path, say: Say = print) -> Path:
    """Make everything that is not there yet; the table `work`/ablation.md."""
    ground = _prepare(config, work, say)
    for seed in config.seeds:  # seed by seed: a table of one seed is there early
        for variant in config.variants:
            place = work / "runs" / f"{_slug(variant.name)}-{seed}"
            if not (place / "result.json").exists():
                say(f"ablation: {variant.name}, seed {seed}")
                bundle = train_unet(
                    _run(config, variant, seed, ground), ground.train, place, device="cpu", say=say
                )
                write_json(place / "result.json", measure(bundle, config, ground))
            _write_table(config, work)
    return work / "ablation.md"


def _run(config: Ablation, variant: Variant, seed: int, ground: _Ground) -> UNetRun:
    weights = config.unet.losses
    losses = LossWeights(
        weights.reconstruction,
        weights.sync if variant.sync != "none" else 0.0,
        weights.perceptual,
        weights.trepa if variant.trepa else 0.0,
    )
    syncnet = {"none": "", "pixel": str(ground.pixel), "latent": str(ground.latent)}[variant.sync]
    shape = {key: value for key, value in config.unet.unet.items() if variant.temporal or not _temporal(key)}
    parts = (
        config.unet.parts if variant.temporal else tuple(p for p in config.unet.parts if "motion" not in p)
    )
    return replace(
        config.unet,
        stage=2,
        losses=losses,
        syncnet=syncnet,
        videomae=str(ground.videomae) if variant.trepa else "",
        unet={**shape, "use_motion_module": variant.temporal},
        parts=parts,
        fit=replace(
            config.unet.fit, seed=seed, seconds=config.seconds, steps=10**7, warm_steps=0, schedule="constant"
        ),
    )


def _temporal(setting: str) -> bool:
    return setting.startswith(("motion_", "temporal_", "num_")) or setting in (
        "use_motion_module",
        "zero_initialize",
    )


def _prepare(config: Ablation, work: Path, say: Say) -> _Ground:
    side = load_base(config.unet, torch.device("cpu"), None).side
    sets = (
        ("clips", config.clips_at, config.clips, 1, False),
        ("judge-clips", config.judge_clips_at, config.clips, 2, False),  # other people, for other judges
        ("evaluation-clips", config.evaluation_at, config.evaluation_clips, 1, True),
    )
    data = {}
    for name, given, count, seed, evaluation in sets:
        folder = Path(given) if given else work / name
        if not given:
            wanted = PresenterClips(clips=count, seed=seed, side=side)
            make_presenters(folder, wanted, say=say, evaluation=evaluation)
        data[name] = read_dataset(folder)
    judges: Mapping[str, tuple[Any, Any, str, Dataset]] = {
        "pixel": (train_syncnet, config.pixel, "syncnet", data["clips"]),
        "latent": (train_syncnet, config.latent, "syncnet", data["clips"]),
        "videomae": (train_video_mae, config.video_mae, "videomae", data["clips"]),
        "other-syncnet": (train_syncnet, _reseeded(config.pixel), "syncnet", data["judge-clips"]),
        "other-videomae": (train_video_mae, _reseeded(config.video_mae), "videomae", data["judge-clips"]),
    }
    places = {}
    for name, (train, run, kind, clips) in judges.items():
        places[name] = work / "judges" / name / kind
        if not (places[name] / "judge.json").exists():
            train(run, clips, work / "judges" / name, device="cpu", say=say)
    return _Ground(
        data["clips"],
        data["evaluation-clips"],
        places["pixel"],
        places["latent"],
        places["videomae"],
        load_syncnet(places["other-syncnet"]),
        load_videomae(places["other-videomae"]),
    )


def _reseeded(run: Any) -> Any:
    return replace(run, fit=replace(run.fit, seed=run.fit.seed + 1))


def measure(bundle: Path, config: Ablation, ground: _Ground) -> dict[str, float | None]:
    """The columns for one trained bundle; None for what was left out or could not be measured."""
    made, true, sounds = draw_all(bundle, ground.evaluation)
    confidence, lag = sync_confidence(ground.other_syncnet, made, sounds)
    found: dict[str, float | None] = {
        "sync_confidence": confidence,
        "sync_lag": float(lag),
        "fvd": frechet(_vectors(ground.other_videomae, made), _vectors(ground.other_videomae, true)),
        "aperture_correlation": None,
        "flicker_ratio": None,
    }
    if config.aperture_clips:
        engine = Engine.load(bundle, device="cpu")
        figures = evaluate_presenter(engine, config.aperture_clips, EVALUATION_SEED)
        for key in ("aperture_correlation", "flicker_ratio"):
            value = figures[key]
            found[key] = value if isinstance(value, float) else None
    return found


@torch.no_grad()
def draw_all(bundle: Path, data: Dataset) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Every evaluation clip spoken over by the next one's sound: (made, true) frames (n, 3, s, s) and the mel
    windows (n - 15, 80, 52) of the sound, from every frame on. "True" are the frames of the next clip.
    """
    run = UNetRun(base=str(bundle), held_share=0.0, show_steps=8)
    task = UNetTask(run, data, load_base(run, torch.device("cpu"), data), torch.device("cpu"))
    task.network.eval()
    shelf, made, true, sounds = task.held.shelf, [], [], []
    for clip in range(len(shelf)):
        said = (clip + 1) % len(shelf)
        windows = min(shelf.rows[clip].frames, shelf.rows[said].frames) // WINDOW
        made.append(to_pixels(drawn(task, clip, said, windows)))
        count = len(made[-1])
        true.append(to_pixels(shelf.frames(said, 0, count)))
        mels = [torch.from_numpy(shelf.mel(said, start).copy()) for start in range(count - WINDOW + 1)]
        sounds.append(torch.stack(mels))
    return made, true, sounds


@torch.no_grad()
def sync_confidence(judge: SyncJudge, made: list[Tensor], sounds: list[Tensor]) -> tuple[float, int]:
    """(how far the best agreement stands above the median of all lags, that lag in frames).

    Positive lags: the picture is late. Cosines are means over all windows of all clips.
    """
    curves = []
    for frames, mel in zip(made, sounds, strict=True):
        side = judge.sight.side
        small = torch.nn.functional.interpolate(frames, (side, side), mode="area")[
            :, :, seen_rows(side, judge.sight.top)
        ]
        seen = torch.stack([stack_frames(small[None, at : at + WINDOW])[0] for at in range(len(mel))])
        picture, _ = judge.network(seen, mel[:, None])
        _, sound = judge.network(seen, mel[:, None])
        curve = []
        for lag in range(-LAGS, LAGS + 1):
            at = np.arange(len(mel))
            at = at[(at - lag >= 0) & (at - lag < len(mel))]
            curve.append(float(cosine_similarity(picture[at], sound[at - lag]).mean()) if len(at) else np.nan)
        curves.append(curve)
    mean = np.nanmean(np.asarray(curves), axis=0)
    best = int(np.nanargmax(mean))
    return float(mean[best] - np.nanmedian(mean)), best - LAGS


@torch.no_grad()
def _vectors(network: VideoMAE, clips: list[Tensor]) -> NDArray[np.float64]:
    side, rows = network.config.img_size, []
    for frames in clips:
        small = torch.nn.functional.interpolate(frames, (side, side), mode="area") / 2 + 0.5
        for start in range(0, len(small) - WINDOW + 1, WINDOW // 2):
            rows.append(network(rearrange(small[start : start + WINDOW], "f c h w -> 1 c f h w"))[0])
    return torch.stack(rows).double().numpy()


def _write_table(config: Ablation, work: Path) -> None:
    lines = [
        f"Equal training time: {config.seconds:.0f} s each; mean and, in brackets, smallest to largest "
        "over the seeds.",
        "",
        "| variant | seeds | " + " | ".join(COLUMNS) + " |",
        "| --- |" + " ---: |" * (len(COLUMNS) + 1),
    ]
    for variant in config.variants:
        files = [work / "runs" / f"{_slug(variant.name)}-{seed}" / "result.json" for seed in config.seeds]
        results = [json.loads(file.read_text()) for file in files if file.exists()]
        if results:
            cells = [spread([result[column] for result in results]) for column in COLUMNS]
            lines.append(f"| {variant.name} | {len(results)} | " + " | ".join(cells) + " |")
    part = work / "ablation.md.part"
    part.write_text("\n".join(lines) + "\n")
    part.replace(work / "ablation.md")


def spread(values: list[float | None]) -> str:
    """Mean (smallest to largest); how many are missing is told, never averaged away."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    text = f"{np.mean(known):.3f} ({min(known):.3f} to {max(known):.3f})"
    missing = len(values) - len(known)
    return text if not missing else f"{text}, {missing} missing"


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).replace("--", "-").strip("-")
