"""Teaching a face in a browser: consent, progress, and the bundle as the model of the next run."""

from service.web.browser import VIDEO, Tab


def open_step(tab: Tab) -> None:
    """Unfold the card."""
    tab.page.locator("#teach summary").click()


def press(tab: Tab) -> None:
    """Press its button."""
    tab.page.locator("#teach").get_by_role("button", name="Teach this face").click()


def test_a_face_is_taught_used_and_deleted(tab: Tab) -> None:
    tab.connect()
    open_step(tab)
    press(tab)
    tab.page.get_by_text("Add a video of the person talking first.").wait_for()
    tab.choose()
    press(tab)
    tab.page.get_by_text("Say first that the person agreed.").wait_for()
    tab.page.get_by_label("Name", exact=True).fill("Ann")
    tab.page.get_by_label("The person in this video agreed to it").check()
    tab.page.locator("#teach").get_by_text("About $").wait_for()
    press(tab)
    tab.page.get_by_role("heading", name="Ann was learned").wait_for()
    assert tab.said().startswith("The face was learned.")
    chosen = tab.page.get_by_label("Model", exact=True)
    tab.until("document.querySelector('#options select').selectedOptions[0].text === 'Ann'")
    bundle = chosen.input_value()
    assert tab.violations() == []

    tab.run()
    tab.wait_done()
    assert f'"model": "{bundle}"' in tab.page.get_by_role("tabpanel").inner_text()

    tab.page.locator("#teach").get_by_role("button", name="Delete Ann").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    tab.until("document.querySelector('#teach .teach-known').hidden")
    assert chosen.input_value() == "tiny"

    tab.open(f"#prediction/{bundle}")
    tab.page.locator("#prediction").get_by_role("heading", name="Ann was learned").wait_for()
    assert "lipwright/adapt" in tab.page.locator("#prediction").get_by_role("tabpanel").inner_text()


def test_a_clip_that_teaches_nothing_is_told(tab: Tab) -> None:
    tab.connect()
    tab.page.set_input_files("#pick-video", VIDEO)
    open_step(tab)
    tab.page.get_by_label("Name", exact=True).fill("blurred")
    tab.page.get_by_label("The person in this video agreed to it").check()
    press(tab)
    tab.page.get_by_text("The video is too blurred; use a sharper clip").first.wait_for()
    tab.page.get_by_role("button", name="Try again").wait_for()
