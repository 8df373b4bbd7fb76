"""The views' own JavaScript in a real browser: keys, drags, what is sent, and what is said.

Each view is rendered on a bare page with a model as anywidget gives it; no kernel, no JupyterLab.
"""

import json

import pytest
import torch
from conftest import CHROMIUM

from course_lib.course import views

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

MODEL = """
globalThis.leaked = [];  // keys that came up to the page, where JupyterLab listens
document.addEventListener("keydown", (event) => leaked.push(event.key));
const watched = {};
globalThis.model = {
  state: Object.fromEntries(Object.entries(given).map(([name, value]) =>
    [name, value?.bytes ? new DataView(new Uint8Array(value.bytes).buffer) : value])),
  sent: 0,
  get(name) { return this.state[name]; },
  set(name, value) {
    this.state[name] = value;
    (watched[`change:${name}`] ?? []).forEach((f) => f());
  },
  save_changes() { this.sent += 1; },
  on(event, f) { (watched[event] ??= []).push(f); },
  off(event, f) { watched[event] = watched[event].filter(g => g !== f); },
};
view.render({ model, el: document.querySelector("#view") });
"""


@pytest.fixture
def shown(browser):
    """shown(widget, width): its page, rendered."""
    pages = []

    def open_page(widget, width=1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.set_content('<!doctype html><html lang="en"><body><div id="view"></div></body></html>')
        page.add_style_tag(content=widget._css)
        given = f"const given = {json.dumps(state(widget))};"
        script = widget._esm.replace("export default", "globalThis.view =")
        page.add_script_tag(content=script + given + MODEL, type="module")
        page.wait_for_function("document.querySelector('#view').childElementCount > 0")
        assert faults == []
        return page

    yield open_page
    for page in pages:
        page.close()


def state(widget):
    """The widget's traits as they reach a browser."""
    result = {key: getattr(widget, key) for key in widget.keys if not key.startswith("_")}
    result = {
        key: value
        for key, value in result.items()
        if isinstance(value, str | int | list | dict | bytes)
    }
    return {k: {"bytes": list(v)} if isinstance(v, bytes) else v for k, v in result.items()}


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def value(page, name):
    return page.evaluate(f"model.get('{name}')")


# ---- the list -----------------------------------------------------------------------------------


def test_a_list_takes_the_arrows_and_keeps_them(shown):
    choice = views.Choice([f"option {i}" for i in range(40)], 2, description="attribute")
    page = shown(choice)
    page.get_by_label("attribute").focus()
    press(page, "ArrowDown", "ArrowDown", "ArrowUp")
    assert value(page, "index") == 3 and page.evaluate("model.sent") == 3
    assert page.evaluate("leaked") == []


def test_a_list_follows_the_kernel(shown):
    page = shown(views.Choice(["a", "b", "c"], description="kind"))
    page.evaluate("model.set('index', 2)")
    assert page.get_by_label("kind").input_value() == "c"


# ---- the plane ----------------------------------------------------------------------------------


def plane():
    limits = [[-3.0, 3.0], [-4.0, 4.0]]
    return views.Plane(["z1", "z2"], limits, [0.0, 0.0], torch.zeros(3, 2), torch.tensor([1, 1, 2]))


def test_arrow_keys_move_the_point_by_a_slider_step_and_stop_at_the_edge(shown):
    page = shown(plane())
    page.get_by_role("application").focus()
    press(page, "ArrowRight", "ArrowUp", "ArrowUp")
    assert value(page, "at") == pytest.approx([0.15, 0.4])
    press(page, "ArrowLeft", *["Shift+ArrowDown"] * 9)
    assert value(page, "at") == pytest.approx([0.0, -4.0])
    assert page.evaluate("leaked") == []
    page.get_by_text("z1 = 0.00, z2 = -4.00").wait_for()  # said when the reader has stopped


def test_a_click_and_a_drag_move_the_point_there(shown):
    page = shown(plane())
    frame = page.locator("rect.frame").bounding_box()

    def spot(across, up):
        return frame["x"] + across * frame["width"], frame["y"] + (1 - up) * frame["height"]

    page.mouse.move(*spot(0.5, 0.75))
    page.mouse.down()
    assert value(page, "at") == pytest.approx([0.0, 2.0], abs=0.05)
    page.mouse.move(*spot(0.75, 0.25))
    assert value(page, "at") == pytest.approx([1.5, -2.0], abs=0.05)
    page.mouse.move(*spot(1.5, 0.25))
    assert value(page, "at")[0] == 3.0
    page.mouse.up()
    page.mouse.move(*spot(0.5, 0.5))
    assert value(page, "at")[0] == 3.0


def test_a_point_that_the_kernel_moved_is_drawn_there(shown):
    page = shown(plane())
    page.evaluate("model.set('at', [3.0, 4.0])")
    point, frame = (page.locator(s).bounding_box() for s in (".point circle", "rect.frame"))
    assert point["x"] + point["width"] / 2 == pytest.approx(frame["x"] + frame["width"], abs=2)
    assert point["y"] + point["height"] / 2 == pytest.approx(frame["y"], abs=2)


def test_the_colours_of_the_dots_are_named(shown):
    page = shown(plane())
    assert page.locator(".legend span").all_inner_texts() == ["1", "2"]
    assert page.locator("path.dots").count() == 2


# ---- the area -----------------------------------------------------------------------------------


def drawn(page):
    """The rows of a mask of 4 x 6 pixels."""
    text = page.evaluate("[...new Uint8Array(model.get('mask').buffer)].join('')")
    return [text[i : i + 6] for i in range(0, 24, 6)]


def area():
    about = {"kind": "area", "height": 4, "width": 6, "start": [0, 4, 0, 3], "examples": []}
    return views.Area(about, "A digit.")


def spot(page, row, column):
    box = page.locator("canvas").first.bounding_box()
    return box["x"] + column / 6 * box["width"], box["y"] + row / 4 * box["height"]


def test_a_rectangle_is_dragged_from_corner_to_corner(shown):
    page = shown(area())
    assert drawn(page) == ["111000"] * 4
    page.mouse.move(*spot(page, 2.5, 5.5))
    page.mouse.down()
    page.mouse.move(*spot(page, 1.5, 3.5))
    page.mouse.up()
    assert drawn(page) == ["000000", "000111", "000111", "000000"]


def test_a_brush_adds_to_what_is_drawn_and_buttons_clear_and_fill(shown):
    page = shown(area())
    page.get_by_label("brush").check()
    page.mouse.move(*spot(page, 1.5, 4.5))
    page.mouse.down()
    page.mouse.up()
    assert drawn(page) == ["111000", "111010", "111000", "111000"]
    page.get_by_role("button", name="Mark all").click()
    assert drawn(page) == ["111111"] * 4
    page.get_by_role("button", name="Clear").click()
    assert drawn(page) == ["000000"] * 4


def test_the_edges_move_by_keyboard_and_take_each_other_along(shown):
    page = shown(area())
    page.get_by_label("bottom edge").focus()
    press(page, "ArrowLeft", "ArrowLeft")
    assert drawn(page) == ["111000", "111000", "000000", "000000"]
    page.get_by_label("left edge").focus()
    press(page, *["ArrowRight"] * 4)
    assert drawn(page) == ["000000"] * 4 and page.get_by_label("right edge").input_value() == "4"
    press(page, "ArrowLeft")
    assert drawn(page) == ["000100", "000100", "000000", "000000"]
    assert page.evaluate("leaked") == []
    page.get_by_role("img", name="A digit. 2 of 24 pixels are marked").wait_for()


# ---- the bars -----------------------------------------------------------------------------------


def bars(**how):
    return views.Bars(names=["one", "two"], title="nats", values=[4.0, -2.0], **how)


def test_bars_are_a_table_of_names_and_numbers_and_follow(shown):
    page = shown(bars())
    rows = page.locator("tr")
    assert [row.inner_text().split() for row in rows.all()] == [["one", "4.00"], ["two", "-2.00"]]
    one, two = (page.locator(".place span").nth(i).bounding_box() for i in (0, 1))
    assert one["width"] == pytest.approx(2 * two["width"], rel=0.02)
    assert two["x"] + two["width"] == pytest.approx(one["x"], abs=1)  # to both sides of zero
    page.evaluate("model.set('values', [1, 2])")
    assert rows.nth(1).inner_text().split() == ["two", "2.00"]


def test_without_numbers_a_line_stands_in_the_place_of_the_bars(shown):
    page = shown(bars())
    page.evaluate("model.set('values', [])")
    assert page.locator("#view").inner_text().startswith("Nothing is drawn")
    page.evaluate("model.set('values', [1, 2])")
    assert page.locator("table").is_visible() and not page.get_by_text("Nothing is").is_visible()


def test_a_drawing_has_a_button_for_each_example_that_shows_it_and_nothing_wipes_it_out(shown):
    rows = [["000000", "011000", "011000", "000000"], ["111111", *["000000"] * 3]]
    about = {"kind": "area", "height": 4, "width": 6, "start": rows[0], "examples": rows}
    page = shown(views.Area(about, "A digit."))
    assert drawn(page) == rows[0] and page.locator("input").count() == 0  # no rectangle
    second = page.get_by_role("button", name="Example 2")
    pixels = "one => [...one.getContext('2d').getImageData(0, 0, 6, 2).data]"
    levels = second.locator("canvas").evaluate(pixels)[::4]
    assert levels == [255] * 6 + [0] * 6
    second.click()
    assert drawn(page) == rows[1]
    page.mouse.move(*spot(page, 3.5, 5.5))
    page.mouse.down()
    page.mouse.up()
    assert drawn(page) == [rows[1][0], *["000000"] * 2, "000001"]


@pytest.mark.parametrize("make", [plane, area, bars])
def test_a_view_fits_a_phone(make, shown):
    page = shown(make(), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
