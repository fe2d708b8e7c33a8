"""Which part of the recipe does what: the same stage 2 with parts left out, several seeds, equal time.

Everything lies in one folder and is made once: clips, judges, the common start, runs, results. A stopped run
goes on there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from lipwright.dataset.manifest import Dataset, read_dataset
from lipwright.errors import OptionError
from lipwright.evaluation.frechet import frechet
from lipwright.evaluation.mouth import Mouths, correlation, flicker, read_mouths
from lipwright.models.videomae import VideoMAE
from lipwright.training.clip_shelf import to_pixels
from lipwright.training.config import write_json
from lipwright.training.presenter_clips import PresenterClips, make_presenters
from lipwright.training.show import Pictures, drawn
from lipwright.training.stage_two import LossWeights
from lipwright.training.sync_figures import LAGS, lag_curve_of, pictures_for
from lipwright.training.train_glance import GlanceRun, train_glance
from lipwright.training.train_syncnet import SyncNetRun, train_syncnet
from lipwright.training.train_unet import UNetTask, train_unet
from lipwright.training.train_video_mae import VideoMAERun, train_video_mae
from lipwright.training.unet_config import UNetRun
from lipwright.training.unet_parts import load_base
from lipwright.weights.find import find_bundle
from lipwright.weights.judges import SyncJudge, load_syncnet, load_videomae
from lipwright.weights.load_faces import load_faces

Say = Callable[[str], None]
WINDOW = 16
SHOW_STEPS = 3
BORDER_SHARE = 0.25  # of a crop's side, put around it: the mesh wants to see a whole head
COLUMNS = (
    "steps",
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
    """Sizes of one ablation. seconds: of processor time in training that each run gets; judges, start and
    measuring are not counted.

    unet: what stage 2 of all runs has in common. start: a stage 1 that they begin from; None for the weights
    of their base. pixel, latent,
    video_mae, glance: the judges, and what they look through. clips_at, judge_clips_at, evaluation_at:
    folders of prepared clips; rendered where empty. windows: of 16 frames that are drawn of each evaluation
    clip.
    """

    unet: UNetRun
    pixel: SyncNetRun
    latent: SyncNetRun
    video_mae: VideoMAERun
    glance: GlanceRun
    start: UNetRun | None = None
    seeds: tuple[int, ...] = (1, 2, 3)
    seconds: float = 1200.0
    clips: int = 120
    judge_clips: int = 120
    evaluation_clips: int = 12
    windows: int = 2
    clips_at: str = ""
    judge_clips_at: str = ""
    evaluation_at: str = ""
    variants: tuple[Variant, ...] = field(default=VARIANTS)

    def __post_init__(self) -> None:
        if self.seconds <= 0 or not self.seeds or not self.variants:
            raise OptionError("An ablation needs seconds above 0, a seed and a variant; give them.")
        if self.windows < 1:
            raise OptionError(f"windows is {self.windows}, but must be 1 or more.")


@dataclass(frozen=True)
class _Judges:
    """Folders of those that train, and the independent ones that measure."""

    pixel: Path
    latent: Path
    videomae: Path
    glance: Path
    other_syncnet: SyncJudge
    other_videomae: VideoMAE
    truths: dict[int, Mouths] = field(default_factory=dict)  # of evaluation clips, read once


def ablate(config: Ablation, work: Path, say: Say = print) -> Path:
    """Make everything that is not there yet; the table `work`/ablation.md."""
    data = _clips(config, work, say)
    judges = _judges(config, work, data, say)
    kept = str(work / "kept")
    base = config.unet.base
    if config.start is not None:
        base = str(work / "start" / "bundle")
        if not (work / "start" / "bundle" / "model.json").exists():
            begun = replace(config.start, kept_at=kept)
            train_unet(begun, data["clips"], work / "start", device="cpu", say=say)
    _measured(work / "start", base, config, data["evaluation-clips"], judges, kept)
    for seed in config.seeds:  # seed by seed: a table of one seed is there early
        for variant in config.variants:
            place = work / "runs" / f"{_slug(variant.name)}-{seed}"
            if not (place / "result.json").exists():
                say(f"ablation: {variant.name}, seed {seed}")
                run = replace(_run(config, variant, seed, judges), base=base, kept_at=kept)
                bundle = train_unet(run, data["clips"], place, device="cpu", say=say)
                _measured(place, str(bundle), config, data["evaluation-clips"], judges, kept)
            _write_table(config, work)
    return work / "ablation.md"


def _measured(
    place: Path, bundle: str, config: Ablation, data: Dataset, judges: _Judges, kept_at: str
) -> None:
    if not (place / "result.json").exists():
        place.mkdir(parents=True, exist_ok=True)
        steps = float(find_bundle(bundle).info["training"].get("steps", 0))
        write_json(place / "result.json", {"steps": steps, **measure(bundle, config, data, judges, kept_at)})


def _run(config: Ablation, variant: Variant, seed: int, judges: _Judges) -> UNetRun:
    weights = config.unet.losses
    losses = LossWeights(
        weights.reconstruction,
        weights.sync if variant.sync != "none" else 0.0,
        weights.perceptual,
        weights.trepa if variant.trepa else 0.0,
    )
    syncnet = {"none": "", "pixel": str(judges.pixel), "latent": str(judges.latent)}[variant.sync]
    shape = {key: value for key, value in config.unet.unet.items() if variant.temporal or not _temporal(key)}
    parts = (
        config.unet.parts if variant.temporal else tuple(p for p in config.unet.parts if "motion" not in p)
    )
    fit = replace(config.unet.fit, seed=seed, seconds=config.seconds, clock="cpu", steps=10**7)
    return replace(
        config.unet,
        stage=2,
        losses=losses,
        syncnet=syncnet,
        videomae=str(judges.videomae) if variant.trepa else "",
        glance="" if weights.perceptual > 0 else str(judges.glance),
        unet={**shape, "use_motion_module": variant.temporal},
        parts=parts,
        fit=replace(fit, warm_steps=0, schedule="constant"),
    )


def _temporal(setting: str) -> bool:
    return setting.startswith(("motion_", "temporal_", "num_attention", "num_transformer")) or setting in (
        "use_motion_module",
        "zero_initialize",
    )


def _clips(config: Ablation, work: Path, say: Say) -> dict[str, Dataset]:
    side = load_base(config.unet, torch.device("cpu"), None).side
    sets = (
        ("clips", config.clips_at, config.clips, 1, False),
        ("judge-clips", config.judge_clips_at, config.judge_clips, 2, False),  # other people, other judges
        ("evaluation-clips", config.evaluation_at, config.evaluation_clips, 1, True),
    )
    data = {}
    for name, given, count, seed, evaluation in sets:
        folder = Path(given) if given else work / name
        if not given:
            wanted = PresenterClips(clips=count, seed=seed, side=side)
            make_presenters(folder, wanted, say=say, evaluation=evaluation)
        data[name] = read_dataset(folder)
    return data


def _judges(config: Ablation, work: Path, data: Mapping[str, Dataset], say: Say) -> _Judges:
    kept = str(work / "kept")
    wanted: Mapping[str, tuple[Any, Any, str, str]] = {
        "pixel": (train_syncnet, config.pixel, "syncnet", "clips"),
        "latent": (train_syncnet, replace(config.latent, kept_at=kept), "syncnet", "clips"),
        "videomae": (train_video_mae, config.video_mae, "videomae", "clips"),
        "glance": (train_glance, replace(config.glance, kept_at=kept), "glance", "clips"),
        "other-syncnet": (train_syncnet, _reseeded(config.pixel), "syncnet", "judge-clips"),
        "other-videomae": (train_video_mae, _reseeded(config.video_mae), "videomae", "judge-clips"),
    }
    places = {}
    for name, (train, run, kind, clips) in wanted.items():
        places[name] = work / "judges" / name / kind
        if not (places[name] / "judge.json").exists():
            train(run, data[clips], work / "judges" / name, device="cpu", say=say)
    return _Judges(
        places["pixel"],
        places["latent"],
        places["videomae"],
        places["glance"],
        load_syncnet(places["other-syncnet"]),
        load_videomae(places["other-videomae"]),
    )


def _reseeded(run: Any) -> Any:
    return replace(run, fit=replace(run.fit, seed=run.fit.seed + 1))


@dataclass(frozen=True)
class Drawn:
    """One evaluation clip spoken over by the next one's sound. Frames are (n, s, s, 3) RGB.

    made; own: the clip's true frames. sounds: mel windows of that sound, from every frame on, (n - 15, 80,
    52).
    """

    made: Pictures
    own: Pictures
    sounds: Tensor


def measure(
    bundle: str, config: Ablation, data: Dataset, judges: _Judges, kept_at: str = ""
) -> dict[str, float | None]:
    """The columns for one trained bundle, but steps; None for what could not be measured.

    Openings are read by the mesh: `aperture_correlation` is that of the drawn mouths with the mouths that
    spoke the sound, `flicker_ratio` that of the drawn mouth region over the same person's true one.
    """
    clips = draw_all(bundle, data, config.windows, kept_at)
    confidence, lag = sync_confidence(judges.other_syncnet, clips)
    reader = load_faces()
    cv2.setNumThreads(1)
    for number, clip in enumerate(clips):
        if number not in judges.truths:
            judges.truths[number] = _mouths(clip.own, reader)
    correlations, flickers = [], []
    for number, clip in enumerate(clips):
        made, own = _mouths(clip.made, reader), judges.truths[number]
        said = judges.truths[(number + 1) % len(clips)]
        whole = bool(np.isfinite(made.aperture).all())
        correlations.append(
            correlation(made.aperture, said.aperture[: len(clip.made)]) if whole else float("nan")
        )
        flickers.append(flicker(made.grey, own.box) / flicker(own.grey, own.box))
    made_vectors, true_vectors = (
        _vectors(judges.other_videomae, [to_pixels(frames) for frames in part])
        for part in ([clip.made for clip in clips], [clip.own for clip in clips])
    )
    return {
        "aperture_correlation": _mean(correlations),
        "sync_confidence": confidence,
        "sync_lag": float(lag),
        "flicker_ratio": _mean(flickers),
        "fvd": frechet(made_vectors, true_vectors),
    }


def _mean(values: list[float]) -> float | None:
    """None when one is missing: failures are not averaged away."""
    return float(np.mean(values)) if np.isfinite(values).all() else None


def _mouths(frames: Pictures, reader: Any) -> Mouths:
    edge = round(2 * frames.shape[1] * BORDER_SHARE)
    padded = []
    for frame in frames:
        large = cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        large = cv2.copyMakeBorder(large, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
        padded.append(np.asarray(large, np.uint8))
    return read_mouths(padded, reader)


@torch.no_grad()
def draw_all(bundle: str, data: Dataset, windows: int, kept_at: str = "") -> list[Drawn]:
    """Every evaluation clip spoken over by the next one's sound, `windows` windows from the start."""
    run = UNetRun(base=bundle, held_share=0.0, show_steps=SHOW_STEPS, show_guidance=1.0, kept_at=kept_at)
    task = UNetTask(run, data, load_base(run, torch.device("cpu"), data), torch.device("cpu"))
    task.network.eval()
    shelf, found = task.held.shelf, []
    for clip in range(len(shelf)):
        said = (clip + 1) % len(shelf)
        made = drawn(task, clip, said, windows)
        count = len(made)
        mels = [torch.from_numpy(np.array(shelf.mel(said, start))) for start in range(count - WINDOW + 1)]
        own = np.asarray(shelf.frames(clip, 0, count), np.uint8)
        found.append(Drawn(made, own, torch.stack(mels)))
    return found


def sync_confidence(judge: SyncJudge, clips: list[Drawn]) -> tuple[float, int]:
    """(how far the best agreement stands above the median of all lags, that lag in frames).

    Positive lags: the picture is late. The agreement of a lag is the mean over clips.
    """
    curves = np.asarray(
        [
            lag_curve_of(judge.network, pictures_for(judge, to_pixels(clip.made), None), clip.sounds)
            for clip in clips
        ]
    )
    lags = np.flatnonzero(np.isfinite(curves).any(axis=0))  # short clips have no far ones
    mean = np.nanmean(curves[:, lags], axis=0)
    best = int(np.argmax(mean))
    return float(mean[best] - np.median(mean)), int(lags[best]) - LAGS


@torch.no_grad()
def _vectors(network: VideoMAE, clips: list[Tensor]) -> NDArray[np.float64]:
    side, rows = network.config.img_size, []
    for frames in clips:
        small = torch.nn.functional.interpolate(frames, (side, side), mode="area") / 2 + 0.5
        for start in range(0, len(small) - WINDOW + 1, WINDOW // 4):
            rows.append(network(rearrange(small[start : start + WINDOW], "f c h w -> 1 c f h w"))[0])
    return torch.stack(rows).double().numpy()


def _write_table(config: Ablation, work: Path) -> None:
    lines = [
        f"Equal training time: {config.seconds:.0f} s of one core each; mean and, in brackets, smallest to "
        "largest over the seeds.",
        "",
        "| variant | seeds | " + " | ".join(COLUMNS) + " |",
        "| --- |" + " ---: |" * (len(COLUMNS) + 1),
    ]
    rows = [("the common start", [work / "start" / "result.json"])]
    for variant in config.variants:
        files = [work / "runs" / f"{_slug(variant.name)}-{seed}" / "result.json" for seed in config.seeds]
        rows.append((variant.name, files))
    for name, files in rows:
        results = [json.loads(file.read_text()) for file in files if file.exists()]
        if results:
            cells = [spread([result[column] for result in results]) for column in COLUMNS]
            lines.append(f"| {name} | {len(results)} | " + " | ".join(cells) + " |")
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
