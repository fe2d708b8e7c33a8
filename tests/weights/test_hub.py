"""Fetching from a hub: a server on this machine plays it, with real HTTP and real files."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from fake_hub import FakeHub, serving
from lipwright.errors import Cancelled, InputError, OutputError
from lipwright.progress import Progress, ProgressEvent
from lipwright.weights.catalog import HubFile
from lipwright.weights.hub import LEDGER, cached_file, fetch_file, told

CONTENT = bytes(range(256)) * 20_000  # 5 MB
SUM = hashlib.sha256(CONTENT).hexdigest()
FILE = HubFile("maker/model", "nets/net.pt", "unet")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with one file, the client pointed at it, and empty caches."""
    with serving(FakeHub({(FILE.repo, FILE.path): CONTENT})) as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500_000)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("LIPWRIGHT_CACHE", str(tmp_path / "cache"))
        yield running
        huggingface_hub.close_session()


def refusal(file: HubFile = FILE) -> str:
    """The sentence for a file that cannot be had."""
    with pytest.raises(InputError) as caught:
        fetch_file(file)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def whole_files(folder: Path) -> list[Path]:
    """Files in the hub's cache that pass for complete."""
    return [path for path in folder.rglob("*") if "snapshots" in path.parts and path.is_file()]


def test_a_file_is_fetched_once_and_its_sum_noted(hub: FakeHub, tmp_path: Path) -> None:
    assert cached_file(FILE) is None
    path = fetch_file(FILE)
    assert path.read_bytes() == CONTENT
    assert cached_file(FILE) == path
    noted = json.loads((tmp_path / "cache" / LEDGER).read_text())
    assert noted == {"maker/model/nets/net.pt@main": SUM}
    fetch_file(FILE)
    assert len([path for method, path, _ in hub.asked if method == "GET" and "/resolve/" in path]) == 1


def test_progress_counts_megabytes(hub: FakeHub) -> None:
    events: list[ProgressEvent] = []
    fetch_file(FILE, Progress(events.append))
    assert {event.stage for event in events} == {"fetch net.pt (MB)"}
    assert (events[-1].done, events[-1].total) == (5, 5)


def test_cancelling_stops_and_the_rest_is_fetched_later(hub: FakeHub, tmp_path: Path) -> None:
    progress = Progress()
    progress.cancel.set()
    with pytest.raises(Cancelled):
        fetch_file(FILE, progress)
    assert whole_files(tmp_path / "hub") == []
    assert fetch_file(FILE).read_bytes() == CONTENT


@pytest.mark.slow
def test_a_dropped_connection_is_taken_up_where_it_broke(hub: FakeHub) -> None:
    hub.cut_after = 2_000_000
    assert fetch_file(FILE).read_bytes() == CONTENT
    assert [first for method, _, first in hub.asked if method == "GET"] == [0, 2_000_000]


def test_bytes_that_changed_on_the_way_are_removed(hub: FakeHub, tmp_path: Path) -> None:
    hub.wrong_bytes = True
    assert "wrong checksum" in refusal()
    assert whole_files(tmp_path / "hub") == []
    hub.wrong_bytes = False
    assert fetch_file(FILE).read_bytes() == CONTENT


def test_a_file_replaced_at_its_source_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    fetch_file(FILE)
    hub.files[FILE.repo, FILE.path] = CONTENT[::-1]
    assert "at first use" in refusal()
    (tmp_path / "cache" / LEDGER).unlink()
    assert fetch_file(FILE).read_bytes() == CONTENT[::-1]


def test_the_catalogue_s_sum_counts(hub: FakeHub) -> None:
    assert "catalogue" in refusal(HubFile(FILE.repo, FILE.path, "unet", len(CONTENT), "0" * 64))
    assert fetch_file(HubFile(FILE.repo, FILE.path, "unet", len(CONTENT), SUM)).exists()


def test_missing_and_gated_repositories_are_told(hub: FakeHub) -> None:
    assert "no repository maker/other" in refusal(HubFile("maker/other", "a.pt", "unet"))
    assert "no file b.pt" in refusal(HubFile(FILE.repo, "b.pt", "unet"))
    hub.gated.add(FILE.repo)
    assert "gated" in refusal()


def test_without_network_the_command_to_run_elsewhere_is_named(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    sentence = refusal()
    assert "`lipwright weights pull`" in sentence
    assert "copy the folder" in sentence


def test_what_is_cached_needs_no_network(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fetch_file(FILE)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch_file(FILE) == path


def test_a_spoiled_list_of_sums_is_told(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / LEDGER).write_text("{")
    assert LEDGER in refusal()


@pytest.mark.slow
def test_a_hub_that_always_drops_the_connection_is_told(hub: FakeHub, tmp_path: Path) -> None:
    hub.cut_after, hub.cuts = 0, 100
    assert "run the same command again to go on where it stopped" in refusal()
    assert whole_files(tmp_path / "hub") == []


def test_a_full_disk_is_told() -> None:
    with pytest.raises(OutputError, match="No space left"), told(FILE):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
