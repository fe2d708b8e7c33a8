"""What `lipwright adapt` reaches on real clips: the table of docs/adapt.md.

    python benchmarks/adapt.py CLIP.mp4 ... --voice OTHER.wav ... [--out FILE.json] [--sheets FOLDER]

The first three quarters of each clip are the person's library, the last quarter is rendered and measured:
driven by its own true measures, by its own sound, and by each voice with a stretch of silence put in.
Openings are read by the face mesh from the rendered frames.

    python benchmarks/adapt.py --presenters 1000000 1000001

Where truth is known: rendered people who say A, driven with B by `tiny` and by their own frames, file to
file, against the rendering that says B.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lipwright.adapt.learn import learn, learn_person
from lipwright.adapt.options import AdaptOptions
from lipwright.adapt.read import Footage, follow
from lipwright.evaluation.mouth import Mouths, correlation, flicker, lag_curve, read_mouths, sharpness
from lipwright.evaluation.presenter import RATE, _fitted, _save_voice, _Scene, _scene
from lipwright.evaluation.sheet import write_picture
from lipwright.faces.track import follow_face
from lipwright.media.frames import read_frames
from lipwright.media.probe import probe_video
from lipwright.media.samples import read_samples
from lipwright.media.write import save_clip
from lipwright.options import SyncOptions
from lipwright.personal.choose import choose
from lipwright.personal.head import apply, inverse
from lipwright.personal.library import Library
from lipwright.personal.measures import OPENING, SMILE
from lipwright.personal.plan import plan_mouths
from lipwright.personal.render import area, render
from lipwright.personal.seen import Seen, look_at
from lipwright.personal.wish import FREE, PRESSED, SPOKEN_DB, Heard, wishes
from lipwright.pipeline.engine import Engine
from lipwright.presenter.articulation import articulate
from lipwright.presenter.motion import draw_motion
from lipwright.presenter.voice import draw_speech
from lipwright.progress import Progress
from lipwright.speech.personal import Personal

Floats = NDArray[np.float32]
Pictures = list[NDArray[np.uint8]]
RATE_HZ = 16_000
HELD_OUT = 0.25
SILENCE_SHARE = 0.3  # of the held-out part
LAGS = 6
TALK = 1_600_000  # added to a presenter's seed for the words and movements of their material
AS_OPEN = 7  # true frames that a mouth's sharpness is compared with


@dataclass
class Case:
    """One clip: the library of its first part, and its last part cut down to the head.

    frames: n pictures (h, w, 3) uint8. seen: what the track says about them, in their px. heard: their sound.
    """

    library: Library
    voice: Personal | None
    frames: Pictures
    seen: Seen
    heard: Heard
    rate: float


def painted(
    library: Library, frames: Pictures, seen: Seen, wished: Floats
) -> tuple[Pictures, NDArray[np.int32]]:
    """Frames with the mouths that are wished for, (n, 3), and the library entries they show."""
    runs = [(0, len(frames))]
    chosen = choose(library, wished, seen.poses, runs)
    plan = plan_mouths(library, chosen, wished, seen.poses, seen, runs)
    found = []
    for index, frame in enumerate(frames):
        mouth, matrix, points = plan.mouth(index), seen.to_head[index], seen.moving[index]
        if mouth is None:
            raise ValueError("the face was lost in the held-out part")
        box = area(points, matrix, library.head.height, frame.shape[1], frame.shape[0])
        place = (slice(box[1], box[3]), slice(box[0], box[2]))
        source = frame[place].astype(np.float32)
        new, alpha = render(library, mouth, source, box, points, seen.still[index], matrix)
        whole = frame.copy()
        whole[place] = np.clip(np.rint(source + (new - source) * alpha[..., None]), 0, 255)
        found.append(whole)
    return found, chosen


def case_of(engine: Engine, clip: Path) -> Case:
    """Learn from the first part of a clip."""
    info, reader = probe_video(clip), engine.faces()
    footage = follow(info, reader, Progress(), 10**6, lambda: True)
    start = int(len(footage.track) * (1 - HELD_OUT))
    hearing = engine.hearing(sound_of(clip))
    learned = learn(first(footage, start), hearing, Progress())
    library, voice, material = learned.library, learned.voice, learned.material
    late_s = 0.0 if material.synchrony is None else material.synchrony.shift / float(info.rate)
    heard = hearing.at((footage.times_s[start:] + late_s).tolist(), voice)
    for finding in material.findings:
        print(clip.stem, finding)
    points = footage.track.points[footage.track.present].reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.35 * (high - low).max()
    left, top = (max(0, int(v) // 2 * 2) for v in low - margin)
    right, bottom = (int(v) // 2 * 2 for v in high + margin)
    frames = [
        np.ascontiguousarray(frame.rgb()[top:bottom, left:right])
        for frame in read_frames(clip, start, info=info)
    ]
    seen = look_at(library.head, follow_face(frames, reader))
    return Case(library, voice, frames, seen, heard, float(info.rate))


def first(footage: Footage, count: int) -> Footage:
    """The first `count` frames of a followed clip."""
    return replace(
        footage, track=footage.track.first(count), pts=footage.pts[:count], ticks=footage.ticks[:count]
    )


def sound_of(path: Path) -> NDArray[np.int16]:
    """Mono, 16 kHz."""
    return np.rint(read_samples(path, RATE_HZ) * 32767).astype(np.int16)


def measured(
    case: Case, stem: str, engine: Engine, voices: list[Path], sheets: Path | None
) -> dict[str, Any]:
    """All figures of one clip."""
    reader, count = engine.faces(), len(case.frames)
    truth = read_mouths(case.frames, reader)
    own, smile = case.seen.measures, case.seen.measures[:, SMILE]
    found: dict[str, Any] = {"frames": count, "library": len(case.library)}

    def drive(name: str, wished: Floats, heard: Heard | None = None) -> tuple[Pictures, Mouths]:
        began = time.process_time()
        frames, chosen = painted(case.library, case.frames, case.seen, wished)
        spent = (time.process_time() - began) / count
        mouths = read_mouths(frames, reader)
        if sheets is not None:
            write_picture(strip(frames, truth.box, 60), sheets / f"{stem}-{name}.png")
        found[name] = {
            "cpu_s_per_frame": rounded(spent),
            "jumps": int((np.abs(np.diff(chosen)) > 1).sum()),
            "sharpness_of_shown": rounded(
                sharpness(mouths.grey, truth.box) / shown_sharpness(case, chosen, truth.box)
            ),
            "sharpness": rounded(sharpness(mouths.grey, truth.box) / sharpness(truth.grey, truth.box)),
            "sharpness_as_open": rounded(sharpness_as_open(mouths, truth)),
            "flicker": rounded(flicker(mouths.grey, truth.box) / flicker(truth.grey, truth.box)),
        }
        if heard is not None:
            found[name]["closures"] = closures(mouths.aperture, heard)
        return frames, mouths

    def against_truth(frames: Pictures, mouths: Mouths) -> dict[str, float]:
        opening = correlation(mouths.aperture, truth.aperture)
        return {"opening": rounded(opening), "psnr_db": rounded(psnr(frames, case.frames, truth.box))}

    frames, mouths = drive("measured", own)
    found["measured"] |= against_truth(frames, mouths)
    frames, mouths = drive("own sound", wishes(case.library, case.heard, smile, case.rate), case.heard)
    found["own sound"] |= against_truth(frames, mouths)
    found["own sound"]["closures of the true mouth"] = closures(truth.aperture, case.heard)
    times = np.arange(count) / case.rate
    for voice in voices:
        samples, quiet = with_silence(sound_of(voice), count / case.rate)
        heard = engine.hearing(samples).at(times.tolist(), case.voice)
        wished = wishes(case.library, heard, smile, case.rate)
        frames, mouths = drive(voice.stem, wished, heard)
        curve = lag_curve(mouths.aperture, wished[:, OPENING], LAGS)
        silent = (times > quiet[0] + 0.2) & (times < quiet[1] - 0.2)
        found[voice.stem] |= {
            "follows": rounded(curve[LAGS]),
            "lag": int(np.nanargmax(curve)) - LAGS,
            "source": rounded(correlation(mouths.aperture, truth.aperture)),
            "chance": rounded(correlation(wished[:, OPENING], truth.aperture)),
            "silent_opening": rounded(np.nanmedian(mouths.aperture[silent])),
            "spoken_opening": rounded(float(np.nanpercentile(mouths.aperture, 90))),
        }
    # the mouth that another voice put on is taken off again by the true measures: no pixel of the true lips
    # is left to be copied
    seen = look_at(case.library.head, follow_face(frames, reader))
    twice, _ = painted(case.library, frames, seen, own)
    found["measured, over another mouth"] = against_truth(twice, read_mouths(twice, reader))
    return found


def shown_sharpness(case: Case, chosen: NDArray[np.int32], box: Floats) -> float:
    """Sharpness of the library's pictures that are shown, in boxes of the same size: like for like."""
    width, height = np.nanmedian(box[:, 2:] - box[:, :2], axis=0)
    greys, boxes = [], []
    for entry in chosen:
        crop = case.library.crops[entry]
        lips = apply(inverse(case.library.to_head[entry]), case.library.points[entry, :20])
        x, y = (lips[0] + lips[10]) / 2
        greys.append(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32))
        boxes.append((x - width / 2, y - height * 0.36, x + width / 2, y + height * 0.64))
    return sharpness(np.stack(greys), np.asarray(boxes, np.float32))


def sharpness_as_open(mouths: Mouths, truth: Mouths) -> float:
    """Sharpness over that of those true frames whose mouths are about as open: teeth have edges, closed lips
    have none, so a voice that opens less makes a mouth less sharp than a laugh without anything being lost.
    """
    both = np.zeros((len(mouths.aperture), 2))
    for index, opening in enumerate(mouths.aperture):
        alike = np.argsort(np.abs(truth.aperture - opening))[:AS_OPEN]
        true = np.mean([sharpness(truth.grey[k : k + 1], truth.box[k : k + 1]) for k in alike])
        shown = sharpness(mouths.grey[index : index + 1], truth.box[index : index + 1])
        both[index] = shown, true
    shown_sum, true_sum = np.nansum(both, axis=0)
    return float(shown_sum / true_sum)


def closures(aperture: Floats, heard: Heard) -> dict[str, float]:
    """Openings where lips are heard to press on each other (p, b, m: the peaks of press in speech), the
    smallest within a frame, against the median of all other spoken frames.
    """
    press, said = heard.press, heard.level_db > SPOKEN_DB
    padded = np.pad(press, 1, constant_values=-1)
    peak = said & (press >= PRESSED) & (press >= padded[:-2]) & (press > padded[2:])
    near = np.convolve(press >= FREE, np.ones(3), "same") > 0
    found = [float(np.nanmin(aperture[max(0, k - 1) : k + 2])) for k in np.flatnonzero(peak)]
    rest = aperture[said & ~near]
    middle = float(np.median(found)) if found else float("nan")
    return {"count": len(found), "opening": rounded(middle), "rest": rounded(float(np.nanmedian(rest)))}


def with_silence(samples: NDArray[np.int16], seconds: float) -> tuple[NDArray[np.int16], tuple[float, float]]:
    """So many seconds of a voice with nothing said in the middle, and where that is."""
    lasts = SILENCE_SHARE * seconds
    begins = seconds / 2 - lasts / 2
    cut = round(begins * RATE_HZ)
    nothing = np.zeros(round(lasts * RATE_HZ), np.int16)
    joined = np.concatenate([samples[:cut], nothing, samples[cut:]])[: round(seconds * RATE_HZ)]
    return np.resize(joined, round(seconds * RATE_HZ)), (begins, begins + lasts)


def psnr(frames: list[NDArray[np.uint8]], truth: list[NDArray[np.uint8]], box: Floats) -> float:
    """Over all px of the mouth boxes, dB."""
    errors = []
    for one, other, area_ in zip(frames, truth, box, strict=True):
        if np.isfinite(area_).all():
            left, top, right, bottom = (max(0, int(v)) for v in area_)
            difference = one[top:bottom, left:right].astype(np.float32) - other[top:bottom, left:right]
            errors.append(float((difference**2).mean()))
    return float(10 * np.log10(255**2 / max(float(np.mean(errors)), 1e-9)))


def strip(
    frames: list[NDArray[np.uint8]], box: Floats, count: int, columns: int = 10, tile: int = 150
) -> NDArray[np.uint8]:
    """`count` consecutive mouths from the middle of the frames, enlarged."""
    begin = max(0, len(frames) // 2 - count // 2)
    tiles = []
    for frame, area_ in list(zip(frames, box, strict=True))[begin : begin + count]:
        left, top, right, bottom = area_
        x, y, half = (left + right) / 2, (top + bottom) / 2, (right - left) * 0.6
        part = frame[max(0, int(y - half)) : int(y + half), max(0, int(x - half)) : int(x + half)]
        tiles.append(cv2.resize(part, (tile, tile), interpolation=cv2.INTER_CUBIC))
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles) - len(tiles) % columns, columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def presented(engine: Engine, seed: int, seconds: float) -> dict[str, Any]:
    """`tiny` and the person's own frames on one presenter, of whom `seconds` of talk are the material."""
    scene = _scene(seed)
    found: dict[str, Any] = {"material_s": seconds}
    with tempfile.TemporaryDirectory() as folder:
        source, voice, out, talk = (
            Path(folder) / name for name in ("source.mp4", "voice.wav", "out.mkv", "talk.mp4")
        )
        save_clip(source, scene.frames(scene.own), RATE, _fitted(scene.own, scene.said), RATE_HZ)
        _save_voice(voice, scene.said)
        save_talk(talk, scene, seed, seconds)
        learned, _ = learn_person(engine, talk, AdaptOptions())
        adapted = engine.adapted(learned.library, learned.voice, "presenter")
        true, opening = scene.frames(scene.said), scene.opening(scene.said)
        boxes = read_mouths(true, engine.faces()).box
        for name, one in (("tiny", engine), ("own frames", adapted)):
            one.sync(source, voice, out, SyncOptions(force=True, provenance=False))
            frames = [frame.rgb() for frame in read_frames(out)]
            count = min(len(frames), len(true))
            mouths = read_mouths(frames[:count], engine.faces())
            found[name] = {
                "opening": rounded(correlation(mouths.aperture, opening[:count])),
                "psnr_db": rounded(psnr(frames[:count], true[:count], boxes[:count])),
            }
    return found


def save_talk(out: Path, scene: _Scene, seed: int, seconds: float) -> None:
    """A presenter's own talk, other words and other movements than any that are driven or measured."""
    speech = draw_speech(seed + TALK, seconds)
    times = np.arange(round(speech.duration_s * RATE)) / RATE
    mouths = articulate(speech.phonemes, speech.samples, times)
    poses = draw_motion(seed + TALK, times)
    frames = (scene.portrait.render(pose, mouth) for pose, mouth in zip(poses, mouths, strict=True))
    save_clip(out, frames, RATE, speech.samples, RATE_HZ)


def rounded(value: float | np.floating[Any]) -> float:
    """Three digits."""
    return round(float(value), 3)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--presenters", nargs="*", type=int, default=[])
    parser.add_argument("--seconds", type=float, default=20.0, help="of a presenter's material")
    parser.add_argument("--voice", nargs="*", type=Path, default=[])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sheets", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    engine = Engine.load(given.model, device="cpu")
    if given.sheets is not None:
        given.sheets.mkdir(parents=True, exist_ok=True)
    table = {}
    for clip in given.clips:
        case = case_of(engine, clip)
        table[clip.stem] = measured(case, clip.stem, engine, given.voice, given.sheets)
    for seed in given.presenters:
        table[f"presenter {seed}"] = presented(engine, seed, given.seconds)
        print(seed, table[f"presenter {seed}"], flush=True)
    text = json.dumps(table, indent=1)
    if given.out is not None:
        given.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
