"""Explorers in a page from a disk, in the browsers that are here: exact, and for everybody."""

import re

import pytest
import small_explorers
from axe_playwright_python.sync_playwright import Axe
from conftest import CHROMIUM
from firefox import Firefox
from live_pages import BROWSERS, Chromium, difference, explorers, key_to_picture, start

from course_lib.course.live import ALLOWED

KINDS = ("net", "ticks", "plane", "area", "own", "map", "frames")
NAMES = [f"q1-1-{kind}" for kind in KINDS]
pytestmark = pytest.mark.browser
with_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield small_explorers.build(tmp_path_factory.mktemp("site"), patch)


@pytest.fixture(scope="module")
def address(site):
    return (site / f"{small_explorers.NAME}.html").as_uri()


@pytest.fixture(scope="module", params=BROWSERS)
def tab(request, address, tmp_path_factory):
    """The page in one of the browsers, all of its explorers started."""
    if BROWSERS[request.param] is None:
        pytest.skip(f"no {request.param} on this machine")
    if request.param == "firefox":
        opened = Firefox(BROWSERS["firefox"], tmp_path_factory.mktemp("profile"))
    else:
        opened = Chromium(request.getfixturevalue("browser"))
    opened.name = request.param
    opened.goto(address)
    for name in NAMES:
        start(opened, name)
    yield opened
    opened.close()


def test_every_explorer_shows_what_its_function_returns(tab, site):
    started = explorers(tab)
    assert sorted(started) == sorted(NAMES)  # those that end first come first
    for name, about in started.items():
        if about["view"] != "map":
            live = about["live"]
            allowed = ALLOWED[live.get("bits", live["how"])]
            assert difference(tab, name, about, site / "live") <= allowed, name


def test_a_map_is_coloured_anew(tab):
    read = "document.querySelector('.map canvas').toDataURL()"
    before = tab.evaluate(read)
    tab.evaluate("explorers.shown['q1-1-map'].set([1]).then(() => 1)")
    assert tab.evaluate(read) != before


def test_a_key_changes_the_picture_soon_and_it_is_said(tab):
    assert key_to_picture(tab, "q1-1-net", tab.name, 5) < 100 * 10  # a busy machine
    said = "setTimeout(() => done(document.querySelector('.said').textContent), 900)"
    text = tab.evaluate(f"new Promise((done) => {said})")
    assert "of 255 levels on average" in text


def test_back_to_the_start(tab):
    at = "explorers.shown['q1-1-net'].values()"
    tab.evaluate("explorers.shown['q1-1-net'].set([5, 2, -2]).then(() => 1)")
    tab.evaluate("document.querySelector('.under button').click(), 1")
    assert tab.evaluate(at) == [2, 1, 0]


@with_chromium
def test_the_costs_of_a_drawing_wait_for_the_prediction_and_are_said(browser, address):
    tab = Chromium(browser)
    tab.goto(f"{address}#explorer-q1-1-own")
    start(tab, "q1-1-own")
    box = tab.page.locator("#explorer-q1-1-own")
    said, costs = box.locator(".said"), box.locator(".explorer-bars table")
    tab.page.wait_for_timeout(600)  # longer than until it would be said
    assert not costs.is_visible() and said.inner_text() == ""
    box.get_by_role("button", name="Show the costs").press("Enter")
    said.get_by_text("cheapest: 1; next: 2, 2.0 nats more: e^2.0, about 7.4 times less").wait_for()
    assert costs.is_visible()
    for example, times in ((2, "300,000"), (3, "70 million"), (4, "10^37")):
        box.get_by_role("button", name=f"Example {example}").click()
        said.get_by_text(f"about {times} times less likely").wait_for()
    box.get_by_role("button", name="Clear").click()
    box.get_by_text("Nothing is drawn").wait_for()
    said.get_by_text("cheapest").wait_for(state="detached")
    assert not costs.is_visible()
    box.get_by_role("button", name="Hide the costs").click()
    assert not box.get_by_text("Nothing is drawn").is_visible()
    tab.close()


@with_chromium
def test_in_the_dark_bars_can_be_told_from_what_lies_behind_them(browser, address):
    for scheme in ("light", "dark"):
        tab = Chromium(browser, color_scheme=scheme)
        tab.goto(address)
        start(tab, "q1-1-area")
        style = "getComputedStyle(document.querySelector('{}')).backgroundColor"
        paths = [f"#explorer-q1-1-area .place {one}" for one in ("span:not(.below)", ".below")]
        *bars, behind = (luminance(tab.evaluate(style.format(p))) for p in (*paths, ".explorer"))
        for bar in bars:
            dark, light = sorted((bar, behind))
            assert (light + 0.05) / (dark + 0.05) > 3, scheme
        tab.close()


def luminance(colour):
    """Relative luminance, as the rules of accessibility count it, of "rgb(1, 2, 3)"."""
    levels = [int(level) / 255 for level in re.findall(r"\d+", colour)[:3]]
    parts = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@with_chromium
def test_nothing_is_asked_of_another_place_and_nothing_fails(browser, address, site):
    page = Chromium(browser)
    asked, failed = [], []
    page.page.on("request", lambda request: asked.append(request.url))
    page.page.on("console", lambda message: failed.append(message.text))
    page.page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(address)
    for name in NAMES:
        start(page, name)
    page.close()
    assert [url for url in asked if not url.startswith((site.as_uri(), "data:", "blob:"))] == []
    assert failed == []


@with_chromium
def test_without_javascript_poster_and_sentence_stay(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator(".explorer .poster img").count() == len(NAMES)
    assert page.locator(".explorer").first.inner_text().count("JavaScript is switched on") == 1
    asked = page.locator(".explorer .predict").all_inner_texts()  # of the first after each text
    assert [text.partition("first. ")[2] for text in asked] == [
        "Which of the two moves?",
        "Which is cheapest?",
    ]
    context.close()


@with_chromium
def test_a_file_that_is_missing_is_said_and_the_poster_stays(browser, address, site):
    page = Chromium(browser)
    page.page.route("**/*.onnx.js", lambda route: route.abort())
    page.goto(address)
    note = page.page.locator(".explorer .widget-note").first
    note.get_by_text("This explorer could not start here").wait_for()
    assert page.page.locator(".explorer .poster").first.is_visible()
    page.close()


@with_chromium
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_fits_and_breaks_no_rule_of_accessibility(browser, address, width, scheme):
    tab = Chromium(browser, viewport={"width": width, "height": 844}, color_scheme=scheme)
    tab.goto(address)
    for name in NAMES:
        start(tab, name)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(tab.page)
    assert found.violations_count == 0, found.generate_report()
    tab.close()
