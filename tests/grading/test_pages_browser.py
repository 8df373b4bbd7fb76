"""What a student wrote is shown and does nothing, in a real browser."""

import pytest
from conftest import CHROMIUM
from made_records import record
from test_class import EVIL

from grading import publish, records

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture
def out(tmp_path):
    cell = {"question": "2.1", "part": "task", "source": EVIL, "outputs": EVIL}
    evil = record(EVIL, 0.0, text=EVIL, reason=EVIL, shown=[cell])
    publish.everything(tmp_path, [evil, record("ada", text="It grew."), record("bob", 0.5)])
    return tmp_path


def test_no_script_runs_nothing_is_fetched_and_the_text_is_there(out, browser):
    for path in (out / "class.html", records.folder(out, EVIL) / "feedback.html"):
        page, asked = browser.new_page(), []
        page.on("request", lambda r, asked=asked: asked.append(r.url))
        page.on("dialog", lambda dialog: pytest.fail("a script of a student ran"))
        page.goto(path.as_uri())
        assert page.title() != "owned" and page.locator("script, img[src='x']").count() == 0
        assert "<script>document.title='owned'</script>" in page.locator("body").inner_text()
        assert {url for url in asked if not url.startswith("data:")} == {path.as_uri()}
        page.close()


def test_the_class_page_leads_to_each_student_and_fits_a_narrow_window(out, browser):
    page = browser.new_page(viewport={"width": 420, "height": 800})
    page.goto((out / "class.html").as_uri())
    assert page.locator("a").count() == 3
    assert page.evaluate("document.images.length") == 2
    page.locator("a", has_text="ada").click()
    assert page.title() == "Feedback for ada" and "14 of 16 points" in page.content()
    page.close()
