"""A built report in a real browser, from disk: nothing missing, fetched or cut off."""

import io

import inputs
import pytest
import run
import small_course
from axe_playwright_python.sync_playwright import Axe
from conftest import CHROMIUM
from PIL import Image

PAGES = ("index.html", "01_a.html")
# Everything that makes a page too wide for a phone when it is not held in its own box.
WIDE = {
    "long_code": "x = [" + ", ".join(f"'word number {i}'" for i in range(12)) + "]",
    "q1_1_task": "def f(x):\n    return x",
    "long_line": "print('word ' * 80)",
    "one_word": "print('w' * 400)",
    "wide_table": "import pandas as pd\npd.DataFrame([range(12)]).add_prefix('a long column ')",
    "slider": "import ipywidgets\nipywidgets.interactive(lambda z: z, z=ipywidgets.FloatSlider())",
    "protocol": "from IPython.display import HTML\n"
    "head = '<details class=\"protocol\"><summary>How'\n"
    "HTML(head + '</summary><table><tr><th>sha256</th><td>' + 'ab' * 60 + '</td></tr></table>')",
    "answer": f"named('1.1', 'It is {'long' * 60} and {{mse}}.', mse=0.5)",
    "formula": "# Long\n\n$$"
    + " + ".join(f"\\frac{{x_{{{i}}}^2}}{{\\sigma}}" for i in range(30))
    + "$$",
}

# What reaches over the right edge and cannot be scrolled there.
CUT = """[...document.querySelectorAll('main *')].filter(element => {
    if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let box = element; box; box = box.parentElement)
        if (['auto', 'scroll'].includes(getComputedStyle(box).overflowX)
            && box.getBoundingClientRect().right <= innerWidth + 1) return false;
    return true;
}).map(element => element.outerHTML.slice(0, 80))"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    sources = small_course.cells("01_a", "1.1", "1.2", "1.3", **WIDE)
    small_course.write(root, "01_a", sources)
    assert inputs.main(["quick"], root) == 0 and run.run(root, "quick", "01_a") is None
    return root / "reports" / "quick"


def open_page(browser, path, width):
    """(page, addresses asked for, addresses that failed and errors in the console)."""
    page = browser.new_page(viewport={"width": width, "height": 844})
    asked, failed = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("console", lambda message: failed.append(message.text) if is_error(message) else None)
    page.goto(path.as_uri())
    for image in page.locator("img").all():
        image.scroll_into_view_if_needed()  # those further down are loaded when they come near
    page.wait_for_function("[...document.images].every(image => image.complete)")
    return page, asked, failed


def is_error(message):
    return message.type == "error"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_offline(report, browser, name, width):
    page, asked, failed = open_page(browser, report / name, width)
    assert failed == []
    outside = [url for url in asked if not url.startswith((report.as_uri(), "data:"))]
    assert outside == []
    widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) == 3 and all(width > 0 for width in widths)
    drawn = page.evaluate(
        "[...document.querySelectorAll('math')].map(math => math.getBoundingClientRect().width)"
    )
    assert len(drawn) >= 3 and all(width > 1 for width in drawn)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_code_is_folded_and_wrapped_and_a_task_stands_open(report, browser, width):
    page, _, _ = open_page(browser, report / "01_a.html", width)
    assert page.locator("#q1-1-task .highlight").is_visible()
    folded = page.locator("#long-code details.input")
    assert not folded.locator(".highlight").is_visible()
    folded.locator("summary").click()
    assert folded.locator(".highlight").is_visible()
    sizes = "element => [element.scrollWidth, element.clientWidth]"
    scroll, client = folded.locator("pre").evaluate(sizes)
    assert scroll <= client
    page.close()


def test_a_wide_table_shows_that_it_scrolls_and_keeps_its_first_column(report, browser):
    page, _, _ = open_page(browser, report / "01_a.html", 390)
    box = page.locator("#wide-table .html")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    shadows = "getComputedStyle(document.querySelector('{}')).backgroundAttachment"
    for place in ("#wide-table .html", "math[display=block]"):
        assert page.evaluate(shadows.format(place)) == "local, local, scroll, scroll"
    first, second = (box.locator("tbody tr > *").nth(i) for i in (0, 1))
    before = [cell.bounding_box()["x"] for cell in (first, second)]
    box.evaluate("box => box.scrollLeft = 50")
    after = [cell.bounding_box()["x"] for cell in (first, second)]
    assert [b - a for a, b in zip(after, before, strict=True)] == [0, 50]
    page.close()


def test_a_figure_leads_to_itself_in_full_size(report, browser):
    page, _, _ = open_page(browser, report / "01_a.html", 390)
    page.locator("#q1-2-fig img").click()
    assert page.url == (report / "figures" / "q1-2-fig.webp").as_uri()
    page.close()


def test_on_a_phone_a_wide_figure_keeps_its_size_and_scrolls(report, browser):
    for width, scrolls in ((390, True), (1280, False)):
        page, _, _ = open_page(browser, report / "01_a.html", width)
        link = page.locator("#q1-2-fig .whole")
        assert link.locator("img").evaluate("image => image.naturalWidth") == 640
        assert link.evaluate("link => link.scrollWidth > link.clientWidth + 100") == scrolls
        assert page.evaluate("document.body.scrollWidth <= innerWidth")
        page.close()


def test_a_shadow_lies_on_a_figure_where_there_is_more(report, browser):
    page, _, _ = open_page(browser, report / "01_a.html", 390)
    link = page.locator("#q1-2-fig .whole")
    box = link.bounding_box()
    seen = []
    for part in (0, 0.5, 1):
        link.evaluate(f"one => one.scrollLeft = {part} * (one.scrollWidth - one.clientWidth)")
        page.wait_for_timeout(100)
        picture = Image.open(io.BytesIO(link.screenshot()))
        row = [picture.getpixel((int(x), picture.height // 2)) for x in (1, 150, box["width"] - 2)]
        seen.append([pixel != row[1] for pixel in row])  # the figure is of one colour
    assert seen == [[False, False, True], [True, False, True], [True, False, False]]
    page.close()


@pytest.mark.parametrize(("width", "rows"), [(1280, 1), (390, 3)])
def test_before_all_and_next_stand_side_by_side_where_there_is_room(report, browser, width, rows):
    page, _, _ = open_page(browser, report / "01_a.html", width)
    links = "<a rel=prev>{0}</a><a>All questions</a><a rel=next>{0} and longer than that</a>"
    links = links.format("Before: a page with a long, long name")
    page.evaluate(f"document.querySelector('.turn').innerHTML = '{links}'")
    boxes = [link.bounding_box() for link in page.locator(".turn a").all()]
    assert len({box["y"] for box in boxes}) == rows
    if rows == 1:
        assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
    page.close()


def test_the_text_of_a_claim_has_the_cards_width_whatever_its_label(report, browser):
    page, _, _ = open_page(browser, report / "index.html", 1280)
    page.evaluate("document.querySelector('.claim dt').textContent = 'Claim (of a long source)'")
    claim = page.locator(".claim").first
    assert claim.locator("dd").first.bounding_box()["x"] == claim.bounding_box()["x"]
    page.close()


def test_what_is_cut_off_would_be_noticed(report, browser):
    page, _, _ = open_page(browser, report / "01_a.html", 390)
    page.evaluate("document.querySelector('main > *').style.cssText = 'width: 900px'")
    assert page.evaluate(CUT) != []
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("name", [*PAGES, "glossary.html", "metrics.html"])
def test_no_rule_of_accessibility_is_broken(report, browser, name, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.goto((report / name).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.close()


def test_the_contents_stay_in_view_and_code_has_a_switch(report, browser):
    page, _, _ = open_page(browser, report / "01_a.html", 1280)
    page.locator("#q1-3").scroll_into_view_if_needed()
    assert page.locator(".contents").bounding_box()["y"] >= 0
    page.wait_for_function("document.querySelector('.contents [aria-current]')")
    page.get_by_role("button", name="Show all code").click()
    assert page.locator("#long-code .highlight").is_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(".contents ol").wait_for(state="hidden")  # folded where there is no room
    assert page.locator(".contents summary").is_visible()
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_dark_scheme_changes_paper_and_ink(report, browser, name):
    colours = []
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto((report / name).as_uri())
        style = "getComputedStyle(document.body)"
        colours.append(page.evaluate(f"[{style}.backgroundColor, {style}.color]"))
        page.close()
    assert colours[0][0] != colours[1][0] and colours[0][1] != colours[1][1]


def test_a_card_leads_to_its_question(report, browser):
    page, _, _ = open_page(browser, report / "index.html", 1280)
    page.locator("#card-1-2 h3 a").click()
    assert page.url == (report / "01_a.html").as_uri() + "#q1-2"
    page.wait_for_timeout(800)  # the page scrolls there smoothly
    assert abs(page.locator("#q1-2").bounding_box()["y"]) < 844
    assert page.locator("h2#q1-2").inner_text().startswith("Question 1.2")
    page.close()
