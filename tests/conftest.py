"""What every test runs under: one thread, and nothing left over from another test."""

import os

# Before anything loads: figures in tests must not depend on the number of cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections import Counter
from pathlib import Path

import cv2
import pytest
import torch

import person
import tiny
from lipwright.media.write import save_clip
from lipwright.pipeline.engine import Engine
from lipwright.weights.load_faces import load_faces


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """One thread for every library that has its own pool."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@pytest.fixture(autouse=True, scope="session")
def own_credentials(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The certificate that tests make stays out of the user's folder, in processes that they start too."""
    os.environ["LIPWRIGHT_CREDENTIALS"] = str(tmp_path_factory.mktemp("credentials"))


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model bundle at toy size (see tiny.py)."""
    return tiny.build(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture(scope="session")
def engine(tiny_bundle: Path) -> Engine:
    """The toy model, loaded."""
    return Engine.load(tiny_bundle, device="cpu")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of a presenter with sound, 192x192 at 25 per second."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    save_clip(path, tiny.presenter(25), tiny.RATE, tiny.voice(1.0, seed=12), tiny.SAMPLE_RATE)
    return path


@pytest.fixture(scope="session")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.6 s of speech: shorter than `clip`."""
    return tiny.save_voice(tmp_path_factory.mktemp("voice") / "voice.wav", tiny.voice(0.6))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not run here, and why: one line for each reason, at the end of the output."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.getreports("skipped"))
    for reason, count in sorted(reasons.items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"Not run here: {tests}. {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> person.Learned:
    """Four seconds of a presenter with sound, and what is learned from them (see person.py)."""
    return person.learned(person.save_talk(tmp_path_factory.mktemp("talk") / "talk.mp4"), load_faces())


@pytest.fixture(scope="session")
def listener() -> Engine:
    """The bundled model: the base of personal bundles."""
    return Engine.load("tiny", device="cpu")
