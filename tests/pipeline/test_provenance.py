"""An output says that it was edited, unless told not to or unable to."""

from dataclasses import replace
from pathlib import Path

import pytest

from lipwright.errors import OptionError
from lipwright.media.certificate import CHAIN_VARIABLE
from lipwright.media.credentials import read_credentials
from lipwright.options import SyncOptions
from lipwright.pipeline.engine import Engine
from lipwright.pipeline.provenance import sealing
from lipwright.pipeline.report import Report

OPTIONS = SyncOptions(steps=1)


def test_by_default_the_output_is_signed(engine: Engine, clip: Path, voice: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    report = engine.sync(clip, voice, out, OPTIONS)
    assert "made on this machine" in report.provenance
    found = read_credentials(out)
    assert found is not None and found["validation_state"] == "Valid"
    assert {i["title"] for i in found["ingredients"]} == {clip.name, voice.name}
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("name", "on", "why"), [("out.mp4", False, "switched off"), ("out.mkv", True, "cannot carry")]
)
def test_an_unsigned_output_says_why(
    engine: Engine, clip: Path, voice: Path, tmp_path: Path, name: str, on: bool, why: str
) -> None:
    report = engine.sync(clip, voice, tmp_path / name, replace(OPTIONS, provenance=on))
    assert report.provenance.startswith("none") and why in report.provenance
    assert (tmp_path / name).exists()


def test_a_finished_video_is_kept_when_signing_fails(tmp_path: Path) -> None:
    report = Report("a.mp4", "b.wav", "out.mp4", "tiny", {}, 1)
    sign = sealing(report, tmp_path / "a.mp4", tmp_path / "b.wav", tmp_path / "out.mp4", OPTIONS)
    (tmp_path / "a.mp4").write_bytes(b"no video")
    (tmp_path / "plain.mp4").write_bytes(b"no video")
    assert sign is not None and not sign(tmp_path / "plain.mp4", tmp_path / "sealed.mp4")
    assert report.provenance == "none: signing failed"
    assert "carries no content credentials" in report.warnings[0]


def test_a_wrong_certificate_stops_before_any_work(
    engine: Engine, clip: Path, voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHAIN_VARIABLE, "chain.pem")
    with pytest.raises(OptionError, match="needs the chain and its key"):
        engine.sync(clip, voice, tmp_path / "out.mp4", OPTIONS)
    assert not list(tmp_path.iterdir())
