"""A real browser for tests: headless Chromium, tabs that note every problem, and an accessibility check."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

DEMO = Path(__file__).resolve().parents[3] / "src" / "lipwright" / "assets" / "demo"
VIDEO = DEMO / "presenter.mp4"
VOICE = DEMO / "voice.wav"

WIDE = ViewportSize(width=1280, height=800)
NARROW = ViewportSize(width=390, height=844)
LONGEST_MS = 60_000
TURN_MS = 50
ARGUMENTS = (
    "--no-sandbox",  # Chromium has none for root, as which a build machine runs it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window; the test is skipped where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is absent (apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """A tab on the playground, and what went wrong in it."""

    page: Page
    url: str
    key: str
    problems: list[str] = field(default_factory=list)
    """Errors of scripts and of the console, and requests to anyone but the server."""

    def open(self, where: str = "") -> None:
        """Load the page, at a place such as "#history"."""
        self.page.goto(f"{self.url}/{where}")

    def connect(self, *, remember: bool = False) -> None:
        """Load the page and enter the key."""
        self.open()
        self.page.get_by_label("API key").fill(self.key)
        if remember:
            self.page.get_by_label("Remember on this device").check()
        self.page.get_by_role("button", name="Connect").click()
        self.page.locator("#options").wait_for()

    def choose(self, video: Path = VIDEO, voice: Path = VOICE) -> None:
        """Pick both files."""
        self.page.set_input_files("#pick-video", video)
        self.page.set_input_files("#pick-audio", voice)

    def option(self, name: str, value: str) -> None:
        """Fill in one of the number options."""
        options = self.page.locator("#options")
        if options.get_attribute("open") is None:
            options.locator("summary").first.click()
        self.page.get_by_label(name, exact=True).fill(value)

    def run(self) -> None:
        """Press the button."""
        self.page.get_by_role("button", name="Lip-sync").click()

    def wait_rendering(self) -> None:
        """The job is being rendered, and its progress is shown."""
        step = "document.querySelector('.steps .is-now')?.dataset.step === 'work'"
        self.until(f"{step} && document.querySelector('progress').value > 0.1")

    def wait_done(self) -> Locator:
        """The result, once it is there and can be played."""
        done = self.page.locator("#stage .stage-done")
        done.wait_for(timeout=LONGEST_MS)
        self.until("document.querySelector('#stage .compare-after').readyState >= 2")
        return done

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression holds.

        Asked from outside, again and again: the page's policy forbids the eval of Playwright's own waiting.
        """
        for _ in range(LONGEST_MS // TURN_MS):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(TURN_MS)
        raise AssertionError(f"waited {LONGEST_MS} ms for: {expression}")

    def said(self) -> str:
        """What screen readers were told last."""
        return self.page.locator("#announcer").inner_text()

    def violations(self) -> list[str]:
        """What axe-core finds wrong, one line for each rule; the check runs outside the page's own policy."""
        session = self.page.context.new_cdp_session(self.page)
        script = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        session.send("Runtime.evaluate", {"expression": f"{script};0"})
        run = "axe.run().then(found => JSON.stringify(found.violations))"
        answer: dict[str, Any] = session.send(
            "Runtime.evaluate", {"expression": run, "awaitPromise": True, "returnByValue": True}
        )
        session.detach()
        found = json.loads(answer["result"]["value"])
        return [f"{each['id']}: {[node['html'][:200] for node in each['nodes']]}" for each in found]

    def watch(self) -> None:
        """Begin to note problems."""
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.page.on("console", self._console)
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # A refused call is told as a failed resource; the page turns it into a sentence, which tests look at.
        if message.type == "error" and "the server responded with a status of 4" not in message.text:
            self.problems.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", f"blob:{self.url}/")):
            self.problems.append(f"request: {request.url}")


def new_tab(context: BrowserContext, url: str, key: str) -> Tab:
    """A tab of this context, watched."""
    context.set_default_timeout(LONGEST_MS)
    tab = Tab(context.new_page(), url, key)
    tab.watch()
    return tab
