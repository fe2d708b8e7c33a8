"""A presenter's clip learned by the real worker behind a real server, and the bundle speaking."""

import urllib.request
from pathlib import Path

import pytest

from lipwright.media.probe import probe_video
from lipwright.service import bundles
from person import Learned
from service.clients.live import ADAPT, running
from service.test_adapting import SYNC, User, stored

SECONDS = 300


@pytest.mark.slow
def test_a_presenter_is_learned_and_speaks(tmp_path: Path, talk: Learned) -> None:
    """The report says what was learned; a bundle that was tampered with is refused by the worker."""
    with running(tmp_path, renderer="lipwright.service.worker:render") as live:
        ann = User(live, "ann", talk.clip)
        made = ann.ended(ann.data("POST", ADAPT, {"video": ann.clip, "name": "Ann"}), SECONDS)
        assert made["status"] == "completed", made["error"]
        (bundle,) = made["outputs"]
        assert stored(live, bundle) == ["model.json", "mouths.mkv", "person.safetensors"]
        report = ann.data("GET", f"predictions/{bundle}/report")
        assert (report["name"], report["video"], report["bundle"]) == ("Ann", "video", bundle)
        assert report["material"]["usable_s"] > 3 and "own frames" in report["method"]
        assert str(live.server.data) not in str(report)

        spoken = ann.ended(ann.data("POST", SYNC, ann.speak(model=bundle)), SECONDS)
        assert spoken["status"] == "completed", spoken["error"]
        assert ann.data("GET", f"predictions/{spoken['id']}/report")["model"] == "Ann"
        with urllib.request.urlopen(spoken["outputs"][0], timeout=60) as answer:
            (tmp_path / "spoken.mp4").write_bytes(answer.read())
        seen, given = probe_video(tmp_path / "spoken.mp4"), probe_video(talk.clip)
        assert (seen.width, seen.height) == (given.width, given.height)

        picture = live.server.data / "files" / bundles.BUNDLES / bundle / "mouths.mkv"
        picture.write_bytes(picture.read_bytes()[:-1] + b"x")
        live.server.kill("worker")  # which has the person in memory
        broken = ann.ended(ann.data("POST", SYNC, ann.speak(model=bundle)), SECONDS)
        assert (broken["status"], broken["code"]) == ("failed", 5000)
        assert "wrong checksum" in live.server.log.read_text()

        still = ann.ended(ann.data("POST", ADAPT, {"video": User(live, "bob").clip, "name": "x"}), SECONDS)
        assert (still["status"], still["code"]) == ("failed", 1403)
        assert "no face" in still["error"].lower() or "cannot teach" in still["error"], still["error"]
        assert not list((live.server.data / "work").iterdir())
