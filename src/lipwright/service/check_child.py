"""The child of check.py: reads a request on standard input, looks at one file, answers with one JSON.

It limits itself before anything that decodes is imported.
"""

import json
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from lipwright.errors import MediaError

_OPEN_FILES = 64
_THREAD_STACK = 1 << 20


def main() -> None:
    """Answer the request on standard input."""
    asked = json.loads(sys.stdin.buffer.read())
    confine(asked["memory_bytes"], asked["cpu_s"])
    import_module("lipwright.media.survey")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    path, kind = Path(asked["path"]), asked["kind"]
    try:
        answer: dict[str, Any] = {"media": look(path, kind, asked["limits"])}
    except MediaError as error:
        answer = {"error": _named(str(error), path, kind)}
    except MemoryError:
        answer = {
            "error": f"The {kind} needs more memory to read than is allowed; convert it to a common format."
        }
    sys.stdout.write(json.dumps(answer))


def confine(memory_bytes: int, cpu_s: int) -> None:
    """Limit this process for the rest of its life: memory, CPU time, files; nothing is written, no dumps."""
    resource.setrlimit(resource.RLIMIT_STACK, (_THREAD_STACK, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Ends this process when its parent was killed and does not; the default action of the signal is death.
    signal.alarm(2 * cpu_s + 5)


def look(path: Path, kind: str, limits: dict[str, Any]) -> dict[str, Any]:
    """The fields of check.Checked. MediaError when the file is not what it should be."""
    return _video(path, limits) if kind == "video" else _audio(path, limits)


def _video(path: Path, limits: dict[str, Any]) -> dict[str, Any]:
    from lipwright.media.probe import probe_video
    from lipwright.media.survey import stated_size, survey_video

    _check_size(*stated_size(path), limits)  # before anything is decoded
    info = probe_video(path)
    _check_size(info.width, info.height, limits)
    _check_seconds(info.duration_s, limits)
    walked = survey_video(path, limits["seconds"])
    seconds = walked.seconds if walked.seconds > 0 else walked.packets / float(info.rate)
    _check_seconds(seconds, limits)
    if not walked.whole:
        raise MediaError("{it} is truncated or damaged; send the whole file.")
    fps = walked.rate if walked.rate > 0 else float(info.rate)
    if fps > limits["fps"] * 1.001:
        raise MediaError(
            f"{{it}} has {fps:.4g} frames per second, but at most {limits['fps']:g} are accepted; convert it."
        )
    return {
        "kind": "video",
        "seconds": seconds,
        "codec": info.codec,
        "width": info.width,
        "height": info.height,
        "fps": fps,
        "frames": walked.packets,
        "has_audio": info.has_audio,
    }


def _audio(path: Path, limits: dict[str, Any]) -> dict[str, Any]:
    from lipwright.media.probe import probe_audio
    from lipwright.media.survey import check_first_sound, survey_sound

    info = probe_audio(path)
    _check_seconds(info.duration_s, limits)
    walked = survey_sound(path, limits["seconds"])
    seconds = walked.seconds if walked.seconds > 0 else info.duration_s
    _check_seconds(seconds, limits)
    if not walked.whole:
        raise MediaError("{it} is truncated or damaged; send the whole file.")
    check_first_sound(path)
    return {
        "kind": "audio",
        "seconds": seconds,
        "codec": info.codec,
        "sample_rate": info.rate,
        "channels": info.channels,
    }


def _check_size(width: int, height: int, limits: dict[str, Any]) -> None:
    if max(width, height) > limits["side"] or width * height > limits["pixels"]:
        raise MediaError(
            f"{{it}} has frames of {width}x{height} pixels, but at most {limits['side']} on a side and "
            f"{limits['pixels']:,} in all are accepted; scale it down."
        )


def _check_seconds(seconds: float, limits: dict[str, Any]) -> None:
    if seconds > limits["seconds"]:
        raise MediaError(f"{{it}} is longer than the {limits['seconds']:g} s accepted; cut it into parts.")


def _named(sentence: str, path: Path, kind: str) -> str:
    """The sentence about "the video" or "the audio" in the place of a path, which is nobody's business."""
    named = sentence.replace(str(path), "{it}").replace("{it}", f"the {kind}")
    return named[:1].upper() + named[1:]


if __name__ == "__main__":
    main()
