"""A page with explorers in a browser, Chromium or Firefox, and what its explorers show."""

import base64
import io
import json
import shutil

import numpy as np
from conftest import CHROMIUM
from PIL import Image

FIREFOX = next((path for path in map(shutil.which, ("firefox", "firefox-esr")) if path), None)
BROWSERS = {"chromium": CHROMIUM, "firefox": FIREFOX}
KEYS = {
    "chromium": {"up": "ArrowUp", "down": "ArrowDown", "space": "Space"},
    "firefox": {"up": "\ue013", "down": "\ue015", "space": " "},
}
# The first control; of choices beside each other the one that is taken, since keys start there.
FIRST = ".controls select, .controls input:not([type=radio]), .controls input:checked"
# Which key changes it: a slider goes up where it can, a list and choices down.
WHICH = """(() => {{
    const one = {0}.querySelector('FIRST');
    if (one.type === 'checkbox') return 'space';
    if (one.type === 'range') return +one.value < +one.max ? 'up' : 'down';
    return one.tagName === 'SELECT' && one.selectedIndex === one.length - 1 ? 'up' : 'down';
}})()""".replace("FIRST", FIRST)

BOX = "document.querySelector('[data-explorer^=\"{0}-\"]')"
# Comes near, and is drawn: milliseconds, or what went wrong.
START = """new Promise((done) => {{
    const box = {0}, begin = performance.now();
    box.scrollIntoView();
    const look = () => box.dataset.drawn ? done(performance.now() - begin)
        : performance.now() - begin > 120000 ? done(box.innerText) : setTimeout(look, 5);
    look();
}})"""
PIXELS = """[...{0}.querySelectorAll('.pictures canvas')].map((canvas) => {{
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let text = '';
    data.forEach((value) => {{ text += String.fromCharCode(value); }});
    return [canvas.height, canvas.width, btoa(text)];
}})"""


class Chromium:
    """One page of it, with what Firefox offers, too."""

    def __init__(self, browser, **how):
        self.page = browser.new_page(**how)
        self.page.set_default_timeout(120_000)
        self.goto = lambda url: self.page.goto(url)
        self.evaluate = self.page.evaluate
        self.press = self.page.keyboard.press
        self.close = self.page.close


def start(tab, name):
    """Bring an explorer near; the milliseconds until its first picture."""
    took = tab.evaluate(START.format(BOX.format(name)))
    assert isinstance(took, int | float), took
    return took


def at(tab, name, values):
    """The pictures (N, H, W, 3) of an explorer that is set to these values."""
    given = json.dumps(list(values))
    tab.evaluate(f"explorers.shown['{name}'].set({given}).then(() => 1)")
    return pictures(tab, name)


def pictures(tab, name):
    made = tab.evaluate(PIXELS.format(BOX.format(name)))
    shown = [np.frombuffer(base64.b64decode(t), np.uint8).reshape(h, w, 4) for h, w, t in made]
    return np.stack(shown)[..., :3].astype(int)


def expected(folder, live, shape):
    """What the function returned at the stored settings: (settings, N, H, W, 3)."""
    sheet = np.asarray(Image.open(io.BytesIO((folder / live["expected"]).read_bytes())), dtype=int)
    n, height, width = shape[:3]
    rows = sheet.reshape(len(live["settings"]), height, n, width, 3)
    return rows.transpose(0, 2, 1, 3, 4)


def difference(tab, name, about, folder):
    """The largest difference between page and function, in levels of 255, at all settings."""
    made = [at(tab, name, setting.values()) for setting in about["live"]["settings"]]
    wanted = expected(folder, about["live"], made[0].shape)
    return int(np.abs(np.stack(made) - wanted).max())


def explorers(tab):
    """{name: what the page knows of it} of those that have started."""
    return json.loads(
        tab.evaluate(
            "JSON.stringify(Object.fromEntries(Object.entries(explorers.shown).map("
            "([name, one]) => [name, one.about])))"
        )
    )


KEY = """new Promise((done, fail) => {{
    setTimeout(() => fail(new Error('no picture after a key')), 60000);
    const box = {0};
    box.querySelector('FIRST').focus();
    const before = box.dataset.drawn;
    let pressed;
    const press = () => {{ pressed = performance.now(); }};
    box.addEventListener('input', press, {{ once: true, capture: true }});
    const look = () => box.dataset.drawn !== before
        ? requestAnimationFrame(() => done(performance.now() - pressed)) : setTimeout(look, 0);
    look();
}})""".replace("FIRST", FIRST)


def key_to_picture(tab, name, browser, n=15):
    """Milliseconds from a key on the first control to the next painted frame: the median of n."""
    took = []
    for _ in range(n):
        tab.evaluate(f"window.keyed = {KEY.format(BOX.format(name))}, 1")
        tab.press(KEYS[browser][tab.evaluate(WHICH.format(BOX.format(name)))])
        took.append(tab.evaluate("window.keyed"))
    return float(np.median(took))
