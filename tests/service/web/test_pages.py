"""Key, history, account: what surrounds the bench."""

import pytest

from service.web.browser import Tab


def test_a_wrong_key_is_refused_in_words(tab: Tab) -> None:
    tab.open()
    tab.page.get_by_label("API key").fill("wsk_nobody")
    tab.page.get_by_role("button", name="Connect").click()
    tab.page.get_by_text("The server does not know this key.").wait_for()


def test_a_key_is_kept_for_the_tab_only(tab: Tab) -> None:
    tab.connect()
    tab.page.reload()
    tab.page.locator("#options").wait_for()
    stored = tab.page.evaluate("[JSON.stringify(localStorage), JSON.stringify(sessionStorage)]")
    assert tab.key not in stored[0]
    assert tab.key in stored[1]
    other = tab.page.context.new_page()
    other.goto(tab.url)
    other.get_by_label("API key").wait_for()


def test_a_key_is_remembered_when_asked_to_and_forgotten_too(tab: Tab) -> None:
    tab.connect(remember=True)
    other = tab.page.context.new_page()
    other.goto(f"{tab.url}/#account")
    other.get_by_role("button", name="Forget this key").click()
    other.get_by_label("API key").wait_for()
    assert tab.key not in other.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")


def test_what_is_missing_is_said_where_it_is_missing(tab: Tab) -> None:
    tab.connect()
    tab.run()
    tab.page.locator("#card-video").get_by_text("Add a video of someone talking first.").wait_for()
    tab.page.locator("#card-video").get_by_role("button", name="Link").click()
    field = tab.page.get_by_label("Link to the video")
    field.fill("ftp://example.com/x.mp4")
    field.press("Enter")
    tab.page.get_by_text("A link starts with https:// or http://").wait_for()
    field.fill("https://example.com/x.mp4")
    field.press("Enter")
    tab.run()
    tab.page.locator("#card-audio").get_by_text("Add the voice they should speak with.").wait_for()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("Steps", "2.5", "“2.5” is not a whole number."),
        ("Steps", "1001", "1001 is out of range: 1 to 1000."),
        ("Guidance", "much", "“much” is not a number."),
    ],
)
def test_an_option_out_of_range_stops_the_run(tab: Tab, name: str, value: str, sentence: str) -> None:
    tab.connect()
    tab.choose()
    tab.option(name, value)
    tab.run()
    tab.page.get_by_text(sentence).wait_for()
    assert tab.page.get_by_label(name, exact=True).get_attribute("aria-invalid") == "true"
    assert tab.page.locator(".stage-running").count() == 0


def test_past_runs_are_listed_opened_and_deleted(tab: Tab) -> None:
    tab.connect()
    tab.open("#history")
    tab.page.get_by_role("heading", name="Nothing here yet").wait_for()
    tab.open("#create")
    tab.choose()
    tab.option("Seed", "77")
    tab.run()
    tab.wait_done()
    tab.page.get_by_role("link", name="History").click()
    row = tab.page.locator(".list tbody tr")
    row.get_by_text("Completed").wait_for()
    row.get_by_text("$0.15").wait_for()
    row.get_by_role("link", name="open").click()
    place = tab.page.locator("#prediction")
    place.locator(".compare-handle").wait_for()
    assert "77" in place.locator(".inputs-list").inner_text()
    assert '"seed": 77' in place.get_by_role("tabpanel").inner_text()
    tab.page.get_by_role("link", name="History").first.click()
    row.get_by_role("button", name="Delete").click()
    tab.page.get_by_role("button", name="Keep it").click()
    assert row.count() == 1
    row.get_by_role("button", name="Delete").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    tab.page.get_by_role("heading", name="Nothing here yet").wait_for()


def test_the_account_shows_balance_and_use(tab: Tab) -> None:
    tab.connect()
    tab.choose()
    tab.run()
    tab.wait_done()
    tab.page.get_by_role("link", name="Account").click()
    tiles = tab.page.locator(".tiles")
    tiles.get_by_text("$9.85").wait_for()
    tiles.get_by_text("$0.15").wait_for()
    tiles.get_by_text("All completed.").wait_for()


def test_colours_can_be_chosen_and_stay(tab: Tab) -> None:
    tab.open()
    before = background(tab)
    tab.page.get_by_role("button", name="Colours: as the system").click()
    tab.page.get_by_role("button", name="Colours: light").click()
    assert background(tab) != before
    tab.page.reload()
    tab.page.get_by_role("button", name="Colours: dark").wait_for()
    assert background(tab) != before


def background(tab: Tab) -> str:
    """The colour of the page."""
    return str(tab.page.evaluate("getComputedStyle(document.body).backgroundColor"))
