"""Bad input on the command line: one clear sentence, exit code 2, nothing half done, nothing left in temp."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import tiny
from desk import Desk
from lipwright.media.frames import read_frames
from lipwright.media.probe import probe_audio
from lipwright.media.write import save_clip
from lipwright.weights.find import known_models


def test_a_missing_file(desk: Desk, clip: Path, voice: Path) -> None:
    missing = desk.inputs / "missing.mp4"
    desk.refused(str(missing), "does not exist", run=lambda: desk.sync(missing, voice))
    desk.refused(str(missing), "does not exist", run=lambda: desk.sync(clip, missing))


@pytest.mark.parametrize(
    "content", [b"no film\n" * 99, b"", bytes(range(256)) * 50], ids=["text", "empty", "noise"]
)
def test_what_is_no_video(content: bytes, desk: Desk, voice: Path, clip: Path) -> None:
    path = desk.inputs / "film.mp4"
    path.write_bytes(content)
    desk.refused(str(path), run=lambda: desk.sync(path, voice))
    desk.refused(str(path), run=lambda: desk.sync(clip, path))


def test_a_folder_is_no_video(desk: Desk, voice: Path) -> None:
    desk.refused("is a folder", run=lambda: desk.sync(desk.inputs, voice))


def test_no_video_stream(desk: Desk, voice: Path) -> None:
    desk.refused(str(voice), "no video stream", run=lambda: desk.sync(voice, voice))


def test_no_audio_stream(desk: Desk, clip: Path) -> None:
    silent = desk.inputs / "silent.mp4"
    save_clip(silent, tiny.backdrop(5), 25, None, 16000)
    desk.refused(str(silent), "no audio stream", run=lambda: desk.sync(clip, silent))


@pytest.mark.parametrize(("ms", "words"), [(0, "no sound"), (1, "1 ms"), (39, "39 ms")])
def test_hardly_any_sound(ms: int, words: str, desk: Desk, clip: Path) -> None:
    short = tiny.save_voice(desk.inputs / "short.wav", tiny.voice(ms / 1000))
    desk.refused(str(short), words, run=lambda: desk.sync(clip, short))


def test_hardly_any_sound_in_compressed_form(desk: Desk, clip: Path) -> None:
    path = desk.inputs / "short.flac"
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("flac", rate=48_000, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 480), np.int16), format="s16", layout="stereo")
        frame.sample_rate = 48_000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    desk.refused(str(path), "10 ms", run=lambda: desk.sync(clip, path))


def long_clip(path: Path, frames: int = 50) -> Path:
    save_clip(path, tiny.presenter(frames), 25, None, 16000)
    return path


@pytest.mark.parametrize(("suffix", "share"), [(".mp4", 0.6), (".mkv", 0.6), (".mp4", 0.9)])
def test_a_truncated_video(suffix: str, share: float, desk: Desk) -> None:
    """Its end is named; with --force what was good is rendered, and the report says where it broke."""
    whole = long_clip(desk.inputs / f"whole{suffix}")
    cut = desk.inputs / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    sound = tiny.save_voice(desk.inputs / "voice.wav", tiny.voice(2.0))
    sentence = desk.refused(str(cut), "--force", run=lambda: desk.sync(cut, sound))
    found = re.search(r"(\d+\.\d\d) s", sentence)
    assert found is not None
    at_s = float(found[1])
    assert 0.3 < at_s < 2
    code, _, told = desk.sync(cut, sound, "--force")
    assert code == 0
    report = json.loads((desk.outputs / "report.json").read_text())
    assert any(f"{at_s:.2f} s" in warning and str(cut) in warning for warning in report["warnings"])
    assert any(f"{at_s:.2f} s" in line for line in told)
    good = round(at_s * 25)
    assert report["source_frames_used"] == report["face"]["frames"] == good
    assert report["frames"] == len(list(read_frames(desk.out))) == 50
    assert {path.name for path in desk.outputs.iterdir()} == {"out.mp4", "report.json"}


def test_a_corrupt_video(desk: Desk) -> None:
    """Bytes overwritten in the middle."""
    path = long_clip(desk.inputs / "film.mp4")
    data = bytearray(path.read_bytes())
    middle = len(data) * 6 // 10
    data[middle : middle + 4000] = b"\x00" * 4000
    path.write_bytes(data)
    sound = tiny.save_voice(desk.inputs / "voice.wav", tiny.voice(2.0))
    sentence = desk.refused(str(path), "damaged", "--force", run=lambda: desk.sync(path, sound))
    assert re.search(r"beyond \d\.\d\d s", sentence)
    code, _, _ = desk.sync(path, sound, "--force")
    assert code == 0
    report = json.loads((desk.outputs / "report.json").read_text())
    assert 5 <= report["source_frames_used"] < 50
    assert any("damaged" in warning and " s" in warning for warning in report["warnings"])


def test_damage_beyond_the_end_of_the_sound_does_no_harm(desk: Desk) -> None:
    whole = long_clip(desk.inputs / "whole.mp4")
    cut = desk.inputs / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.95)])
    sound = tiny.save_voice(desk.inputs / "voice.wav", tiny.voice(0.3))
    assert desk.sync(cut, sound)[0] == 0


def test_a_truncated_sound(desk: Desk, clip: Path) -> None:
    whole = tiny.save_voice(desk.inputs / "whole.wav", tiny.voice(2.0))
    cut = desk.inputs / "cut.wav"
    cut.write_bytes(whole.read_bytes()[: 44 + 2 * 16_000])
    sentence = desk.refused(str(cut), run=lambda: desk.sync(clip, cut))
    assert re.search(r"1\.0\d s", sentence)
    code, _, told = desk.sync(clip, cut, "--force")
    assert code == 0, told
    report = json.loads((desk.outputs / "report.json").read_text())
    assert report["frames"] == 25
    assert any(str(cut) in warning and " s" in warning for warning in report["warnings"])
    assert abs(probe_audio(desk.out).duration_s - 1.0) < 0.06


def test_a_corrupt_sound(desk: Desk, clip: Path) -> None:
    film = desk.inputs / "film.mp4"
    save_clip(film, tiny.backdrop(50), 25, tiny.voice(2.0), 16000)
    data = bytearray(film.read_bytes())
    rng = np.random.default_rng(0)
    for at in range(len(data) // 2, len(data) * 3 // 4, 50):
        data[at : at + 20] = rng.bytes(20)
    film.write_bytes(data)
    code, _, told = desk.sync(clip, film)
    if code != 0:  # a decoder may also carry on over the damage
        assert code == 2 and str(film) in told[-1] and re.search(r"\d s", told[-1])
        assert list(desk.outputs.iterdir()) == []


def test_no_face_in_the_whole_video(desk: Desk, voice: Path) -> None:
    path = desk.inputs / "landscape.mp4"
    save_clip(path, tiny.backdrop(20), 25, None, 16000)
    desk.refused(str(path), "no face", run=lambda: desk.sync(path, voice))


def test_the_output_exists(desk: Desk, clip: Path, voice: Path) -> None:
    desk.out.write_bytes(b"precious")
    desk.refused(str(desk.out), "exists", "--force", run=lambda: desk.sync(clip, voice))
    assert desk.sync(clip, voice, "--force")[0] == 0
    assert len(list(read_frames(desk.out))) == 15


@pytest.mark.parametrize("which", ["video", "voice"])
def test_an_input_is_never_replaced(which: str, desk: Desk, clip: Path, voice: Path) -> None:
    video = desk.inputs / "clip.mp4"
    shutil.copy(clip, video)
    (desk.outputs / "link.mp4").symlink_to(video)
    other = desk.outputs / "link.mp4" if which == "video" else video
    arguments = ("sync", video if which == "video" else clip, voice if which == "video" else video)
    flags = ("-o", other, "--force", "--model", desk.model)
    desk.refused(str(other), "input", run=lambda: desk.run(*arguments, *flags))


def test_the_output_folder_is_missing(desk: Desk, clip: Path, voice: Path) -> None:
    out = desk.outputs / "none" / "out.mp4"
    arguments = ("sync", clip, voice, "-o", out, "--model", desk.model)
    desk.refused(str(out), "folder", "create it", run=lambda: desk.run(*arguments))


@pytest.mark.parametrize(
    ("name", "flags", "words"),
    [
        ("out.mp4", ("--codec", "mpeg9"), ("mpeg9", "h264", "ffv1")),
        ("out.webm", ("--codec", "h264"), ("webm", "h264")),
        ("out.xyz", (), ("suffix", ".mp4")),
        ("out", (), ("suffix", ".mp4")),
    ],
)
def test_unknown_codecs_and_containers(
    name: str, flags: tuple[str, ...], words: tuple[str, ...], desk: Desk, clip: Path, voice: Path
) -> None:
    arguments = ("sync", clip, voice, "-o", desk.outputs / name, "--model", desk.model, *flags)
    desk.refused(*words, run=lambda: desk.run(*arguments))


def test_an_unknown_model(desk: Desk, clip: Path, voice: Path) -> None:
    known = known_models()
    assert known
    desk.refused("gigantic", *known, run=lambda: desk.sync(clip, voice, "--model", "gigantic"))


def broken(kind: str, folder: Path) -> None:
    """Break the bundle in `folder` in one way."""
    description = folder / "model.json"
    if kind == "no description":
        description.unlink()
    elif kind == "no JSON":
        description.write_text("{not json")
    elif kind == "half a description":
        data = json.loads(description.read_text())
        del data["schedule"], data["defaults"]
        description.write_text(json.dumps(data))
    elif kind == "missing weights":
        (folder / "unet.safetensors").unlink()
    elif kind == "changed weights":
        weights = bytearray((folder / "unet.safetensors").read_bytes())
        weights[-1] ^= 1
        (folder / "unet.safetensors").write_bytes(weights)
    elif kind == "truncated weights":
        weights = bytearray((folder / "speech.safetensors").read_bytes())
        (folder / "speech.safetensors").write_bytes(weights[:1000])


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("no description", "model.json"),
        ("no JSON", "model.json"),
        ("half a description", "schedule"),
        ("missing weights", "unet.safetensors"),
        ("changed weights", "checksum"),
        ("truncated weights", "checksum"),
    ],
)
def test_an_unreadable_bundle(kind: str, word: str, desk: Desk, clip: Path, voice: Path) -> None:
    folder = desk.inputs / "model"
    shutil.copytree(desk.model, folder)
    broken(kind, folder)
    desk.refused(str(folder), word, run=lambda: desk.sync(clip, voice, "--model", folder))


def test_no_such_device(desk: Desk, clip: Path, voice: Path) -> None:
    arguments = ("sync", clip, voice, "-o", desk.out, "--model", desk.model, "--device", "abacus")
    desk.refused("abacus", run=lambda: desk.run(*arguments))
