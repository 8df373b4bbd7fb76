"""An explorer in a real JupyterLab: its first slider moved by keyboard, key to picture timed.

JupyterLab has a port, a token, settings, a workspace and a cache of its own, in a folder that the
caller throws away. The notebook there is a copy: the explorer's cell and those that it needs, which
"Run All Cells" runs. Nothing is trained, the runs are opened from weights/.
"""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from notebook_cells import needed

from course_lib.paths import cache_root

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.path.abspath(cache_root())) / "data"  # faces are rendered once for all
# The first slider of each is moved; a notebook is added by its entry.
EXPLORERS = [
    ("02_vae", "q2-7-along"),
    ("04_multilevel_vae", "q4-3-swap"),
    ("08_hierarchical_vae", "q8-3-cooled"),
]
GOAL = 300  # milliseconds from a key to the changed picture, the median of TIMES
TIMES = 15
PATIENCE = 300_000  # milliseconds: a cell takes long where other work keeps the processor busy

OWN = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
    "COURSE_CACHE": "cache",
}
NEWS = "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
READY = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
RUN = "jupyterapp.commands.execute('notebook:run-all-cells')"
ERRORS = """jupyterapp.shell.currentWidget.content.model.toJSON().cells
    .flatMap((cell) => cell.outputs ?? []).filter((one) => one.output_type === 'error')
    .map((one) => one.traceback.join('\\n'))"""
# From the key to the frame after the new picture; where an error took its place, its text.
WATCH = """(cell) => {
    window.moved = new Promise((done, fail) => {
        let pressed;
        const press = (event) => { pressed = event.timeStamp; };
        const drawn = () => requestAnimationFrame(() => done(performance.now() - pressed));
        document.addEventListener('keydown', press, { once: true, capture: true });
        cell.querySelector('.explorer-picture img').addEventListener('load', drawn, { once: true });
        const stands = () => cell.querySelector('.jp-OutputArea').innerText;
        setTimeout(() => fail(new Error(`no new picture: ${stands()}`)), 60000);
    });
}"""
PIXELS = """(cell) => {
    const image = cell.querySelector('.explorer-picture img');
    const canvas = Object.assign(document.createElement('canvas'),
        { width: image.naturalWidth, height: image.naturalHeight });
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL();
}"""


@contextlib.contextmanager
def opened(browser, notebook, explorer, folder):
    """The copy in JupyterLab in a browser, every cell run: its page."""
    nb = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4)
    nb.cells = needed(nb, f'"{explorer}"')
    for cell in nb.cells:
        cell.update(outputs=[], execution_count=None)
    nbformat.write(nb, folder / "copy.ipynb")
    DATA.mkdir(parents=True, exist_ok=True)
    (folder / OWN["COURSE_CACHE"]).mkdir()
    (folder / OWN["COURSE_CACHE"] / "data").symlink_to(DATA)
    with running(folder) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 1200})
        page.set_default_timeout(PATIENCE)
        page.goto(address.format("lab/tree/copy.ipynb"))
        page.wait_for_function(READY)
        page.evaluate(RUN)
        yield page
        page.close()


@contextlib.contextmanager
def running(folder):
    """JupyterLab on this folder: the form of its addresses."""
    (folder / NEWS).parent.mkdir(parents=True)
    (folder / NEWS).write_text('{"fetchNews": "false", "checkForUpdates": false}')
    port, token = free_port(), secrets.token_hex()
    own = [f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}", f"--port={port}"]
    options = [*own, "--ServerApp.port_retries=0", "--no-browser", "--expose-app-in-browser"]
    command = [sys.executable, "-m", "jupyterlab", *options, "--allow-root"]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(command, env=environment(folder), stdout=log, stderr=log)
        try:
            wait(process, port, folder / "log")
            yield f"http://127.0.0.1:{port}/{{}}?token={token}"
        finally:
            process.terminate()  # it ends its kernels first
            process.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def environment(folder):
    """This process's, but what is kept lies in the folder."""
    kept = {k: v for k, v in os.environ.items() if k != "COURSE_RESULTS"}  # it asks for an export
    kept |= {"PYTHONPATH": str(ROOT), "MATPLOTLIBRC": str(ROOT / "notebooks" / "matplotlibrc")}
    return kept | {name: str(folder / place) for name, place in OWN.items()}


def wait(process, port, log):
    """Until it listens."""
    end = time.monotonic() + PATIENCE / 1000
    while not listens(port):
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def errors(page):
    """The traceback of every cell that failed."""
    return page.evaluate(ERRORS)


def keys(page, times=TIMES):
    """(milliseconds from each key to the changed picture, the pictures, the first one included)."""
    cell = page.locator(".jp-CodeCell").last
    slider = cell.get_by_role("slider").first
    slider.focus()
    took, pictures = [], [cell.evaluate(PIXELS)]
    for _ in range(times):
        cell.evaluate(WATCH)
        page.keyboard.press(onward(slider))
        took.append(page.evaluate("moved"))
        pictures.append(cell.evaluate(PIXELS))
    return took, pictures


def onward(slider):
    """The arrow that moves it: up, at its end down."""
    now, most = (float(slider.get_attribute(f"aria-value{which}")) for which in ("now", "max"))
    return "ArrowRight" if now < most else "ArrowLeft"
