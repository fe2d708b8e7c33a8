"""From two files to a finished video, in a browser: what a newcomer does first."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lipwright.media.probe import probe_video
from service.web.browser import VIDEO, VOICE, Tab

CLIENTS = Path(__file__).resolve().parents[1] / "npm" / "node_modules"


def test_a_video_and_a_voice_become_a_result_that_can_be_saved(tab: Tab, tmp_path: Path) -> None:
    tab.connect()
    tab.choose()
    tab.page.get_by_text("About $0.27 for 8.9 s").wait_for()
    tab.run()
    done = tab.wait_done()
    assert tab.said().startswith("Done.")
    with tab.page.expect_download() as saving:
        done.get_by_role("link", name="Download").click()
    saved = tmp_path / saving.value.suggested_filename
    saving.value.save_as(saved)
    assert saved.suffix == ".mp4"
    assert probe_video(saved).width == 32
    tab.page.get_by_role("link", name="Balance $9.85").wait_for()


def test_files_may_be_dropped(tab: Tab) -> None:
    tab.connect()
    for card, path in (("#card-video", VIDEO), ("#card-audio", VOICE)):
        drop(tab, card, path)
        tab.page.locator(f"{card} .file-name", has_text=path.name).wait_for()
    tab.run()
    tab.wait_done()


def test_a_file_of_another_kind_is_refused_in_words(tab: Tab) -> None:
    tab.connect()
    drop(tab, "#card-video", VOICE)
    tab.page.get_by_text("voice.wav is no video file.").wait_for()


def test_the_samples_are_one_press_away(tab: Tab) -> None:
    tab.connect()
    tab.page.get_by_role("button", name="Try it with the sample presenter").click()
    tab.page.locator("#card-audio .file-name", has_text="voice.wav").wait_for()
    tab.run()
    tab.wait_done()


def test_camera_and_microphone_are_recorded(tab: Tab) -> None:
    tab.connect()
    for card in ("#card-video", "#card-audio"):
        place = tab.page.locator(card)
        place.get_by_role("button", name="Record").click()
        place.get_by_role("button", name="Start recording").click()
        place.get_by_text("0:01").wait_for()
        place.get_by_role("button", name="Stop").click()
        place.locator(".file-name", has_text="recorded-").wait_for()
    tab.run()
    tab.wait_done()


def test_progress_is_told_and_seen(tab: Tab) -> None:
    tab.connect()
    tab.choose()
    tab.option("Steps", "60")
    tab.run()
    tab.wait_rendering()
    assert "percent" in tab.said()
    assert "% · lipwright" in tab.page.title()
    assert tab.page.locator(".steps [aria-current=step]").inner_text() == "Render"
    assert "Paint" in tab.page.locator(".stage-running h2").inner_text()
    tab.wait_done()


def test_a_run_is_cancelled(tab: Tab) -> None:
    tab.connect()
    tab.choose()
    tab.option("Steps", "600")
    tab.run()
    tab.wait_rendering()
    tab.page.get_by_role("button", name="Cancel").click()
    tab.page.get_by_role("heading", name="Cancelled").wait_for()
    tab.page.get_by_text("Nothing was charged.").wait_for()
    tab.page.get_by_role("link", name="Balance $10.00").wait_for()


def test_a_failure_is_a_sentence_and_can_be_tried_again(tab: Tab) -> None:
    tab.connect()
    tab.choose()
    tab.option("Seed", "404")
    tab.run()
    tab.page.get_by_text("shows no face in any of its 25 frames; use another video.").first.wait_for()
    assert tab.said().startswith("That did not work.")
    tab.option("Seed", "5")
    tab.page.get_by_role("button", name="Try again").click()
    tab.wait_done()


def test_a_running_job_is_found_again_after_a_reload(tab: Tab) -> None:
    tab.connect()
    tab.choose()
    tab.option("Steps", "60")
    tab.run()
    tab.wait_rendering()
    tab.page.reload()
    tab.wait_done()


def test_the_line_between_before_and_after_moves_by_keyboard_and_by_pointer(tab: Tab) -> None:
    tab.connect()
    tab.choose()
    tab.run()
    tab.wait_done()
    handle = tab.page.get_by_role("slider", name="Line between before and after")
    handle.focus()
    for key, value in (
        ("ArrowLeft", "48"),
        ("ArrowRight", "50"),
        ("PageUp", "60"),
        ("Home", "0"),
        ("End", "100"),
    ):
        tab.page.keyboard.press(key)
        assert handle.get_attribute("aria-valuenow") == value
    box = tab.page.locator(".compare-frame").bounding_box()
    assert box is not None
    tab.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    tab.page.mouse.up()
    assert handle.get_attribute("aria-valuenow") == "25"


def test_before_and_after_stand_at_the_same_time(tab: Tab) -> None:
    tab.connect()
    tab.choose()
    tab.run()
    tab.wait_done()
    tab.page.get_by_role("slider", name="Position").fill("0.6")
    tab.until(
        "Math.abs(document.querySelector('.compare-before').currentTime - 0.6) < 0.05"
        " && Math.abs(document.querySelector('.compare-after').currentTime - 0.6) < 0.05"
    )
    tab.page.get_by_role("button", name="Play").click()
    tab.until("document.querySelector('.compare-after').ended")
    tab.until(
        "Math.abs(document.querySelector('.compare-before').currentTime"
        " - document.querySelector('.compare-after').currentTime) < 0.05"
        " && document.querySelector('.compare-before').paused"
    )


def test_the_shown_code_does_what_was_run(tab: Tab, tmp_path: Path) -> None:
    tab.connect()
    tab.choose()
    tab.option("Seed", "7")
    tab.run()
    tab.wait_done()
    environment = {**os.environ, "LIPWRIGHT_KEY": tab.key}
    codes = {}
    for name in ("curl", "Python", "JavaScript"):
        tab.page.get_by_role("tab", name=name).click()
        codes[name] = tab.page.get_by_role("tabpanel").inner_text()
    assert all('"seed": 7' in code for code in codes.values())
    said = execute(["sh", "-c", codes["curl"]], environment, tmp_path)
    assert '"seed":7' in said.replace(" ", "")
    assert execute([sys.executable, "-c", codes["Python"]], environment, tmp_path).strip().endswith(SIGNED)
    node = shutil.which("node")
    if node is None or not CLIENTS.is_dir():
        pytest.skip("The npm client is absent (make setup installs it where there is npm).")
    (tmp_path / "node_modules").symlink_to(CLIENTS)
    (tmp_path / "run.mjs").write_text(codes["JavaScript"])
    assert "/files/outputs/" in execute([node, "run.mjs"], environment, tmp_path)


SIGNED = tuple("0123456789abcdef")
"""How a signed URL ends."""


def execute(command: list[str], environment: dict[str, str], folder: Path) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def drop(tab: Tab, card: str, path: Path) -> None:
    """Drop one of the samples on a card, as a file manager does."""
    transfer = tab.page.evaluate_handle(
        """async (name) => {
            const blob = await (await fetch(`samples/${name}`)).blob();
            const transfer = new DataTransfer();
            transfer.items.add(new File([blob], name, {type: blob.type}));
            return transfer;
        }""",
        path.name,
    )
    for event in ("dragenter", "dragover", "drop"):
        tab.page.dispatch_event(card, event, {"dataTransfer": transfer})
