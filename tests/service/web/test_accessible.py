"""Everyone can use the page: axe-core in every state, keyboard alone, small screens, no motion."""

from playwright.sync_api import Browser

from service.server import Server
from service.web.browser import NARROW, VIDEO, VOICE, WIDE, Tab, new_tab


def check(tab: Tab, state: str) -> None:
    """No violation and no sideways scrolling in this state: wide and narrow, light and dark."""
    found = []
    for name, size in (("wide", WIDE), ("narrow", NARROW)):
        tab.page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=scheme)
            found += [f"{state}, {name}, {scheme}: {each}" for each in tab.violations()]
        overflow = tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        found += [f"{state}, {name}: {overflow} px too wide"] if overflow > 0 else []
    assert found == []


def test_no_state_of_the_page_has_violations(browser: Browser, site: Server, key: str) -> None:
    # With reduced motion nothing is in transition while colours are looked at.
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    tab = new_tab(context, site.url, key)
    tab.open()
    check(tab, "first page")
    tab.page.get_by_label("API key").fill("wsk_wrong")
    tab.page.get_by_role("button", name="Connect").click()
    tab.page.get_by_text("does not know this key").wait_for()
    check(tab, "wrong key")
    tab.connect()
    check(tab, "empty")
    tab.run()
    tab.page.get_by_text("Add a video of someone talking first.").wait_for()
    tab.option("Seed", "404")
    tab.page.locator(".more-options summary").click()
    check(tab, "options and a missing file")
    tab.choose()
    tab.run()
    tab.page.get_by_role("heading", name="That did not work").wait_for()
    check(tab, "failed")
    tab.option("Seed", "1")
    tab.option("Steps", "200")
    tab.run()
    tab.wait_rendering()
    check(tab, "running")
    tab.wait_done()
    tab.page.get_by_role("button", name="Report").click()
    tab.page.get_by_text("Report as JSON").wait_for()
    check(tab, "done")
    tab.open("#history")
    tab.page.locator(".list tbody tr").nth(1).wait_for()
    check(tab, "history")
    tab.page.get_by_role("button", name="Delete").first.click()
    check(tab, "question")
    tab.page.keyboard.press("Escape")
    tab.page.locator(".cell-id a").first.click()
    tab.page.locator("#prediction .stage-done").wait_for()
    check(tab, "one prediction")
    tab.open("#account")
    tab.page.get_by_role("heading", name="Cost per day").wait_for()
    check(tab, "account")
    assert tab.problems == []
    context.close()


def test_a_run_needs_no_mouse(tab: Tab) -> None:
    keyboard = tab.page.keyboard
    # Dialogs are intercepted from the first listener on, but that takes the browser a moment.
    tab.page.on("filechooser", lambda _: None)
    tab.open()
    keyboard.type(tab.key)  # the field has the focus from the start
    keyboard.press("Enter")
    tab.page.locator("#options").wait_for()
    for card, path in (("video", VIDEO), ("audio", VOICE)):
        walk_to(tab, f"#card-{card} .drop-ways button")
        with tab.page.expect_file_chooser() as choosing:
            keyboard.press("Enter")
        choosing.value.set_files(path)
        tab.page.locator(f"#card-{card} .file-name").wait_for()
    walk_to(tab, "#run")
    keyboard.press("Enter")
    tab.wait_done()
    walk_to(tab, ".compare-handle")
    keyboard.press("ArrowRight")
    handle = tab.page.get_by_role("slider", name="Line between before and after")
    assert handle.get_attribute("aria-valuetext") == "52 percent before, 48 percent after"
    walk_to(tab, "[role=tab][aria-selected=true]")
    keyboard.press("ArrowRight")
    assert tab.page.get_by_role("tab", name="Python").get_attribute("aria-selected") == "true"


def walk_to(tab: Tab, selector: str) -> None:
    """Press Tab until the focus is on the first of these; it must be visible there."""
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        if tab.page.evaluate("(it) => document.activeElement.matches(it)", selector):
            outlined = tab.page.evaluate(
                "() => [document.activeElement, ...document.activeElement.querySelectorAll('span')]"
                ".some((node) => getComputedStyle(node).outlineStyle !== 'none')"
            )
            assert outlined, f"{selector} has the focus, but nothing shows it"
            return
    raise AssertionError(f"{selector} is not reached with the Tab key")


def test_nothing_moves_for_those_who_asked_for_that(browser: Browser, site: Server, key: str) -> None:
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    tab = new_tab(context, site.url, key)
    tab.connect()
    assert tab.page.evaluate("document.getAnimations().length") == 0
    context.close()
