"""What every explorer costs a page: python tests/pages_table.py (make pages), after make report.

Opens the quick report's pages from the disk in each browser that is here, and writes the table of
docs/pages.md: bytes, start, key to picture, and the largest difference from PyTorch. A second table
says how long a key takes in JupyterLab, where a kernel makes the picture.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import lab
from live_pages import BROWSERS, Chromium, difference, explorers, key_to_picture, start
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "reports"))

from firefox import Firefox  # noqa: E402
from store import read_part  # noqa: E402
from tables import table  # noqa: E402

from course_lib.atomic import write_text  # noqa: E402

OUT, PAGE = ROOT / "reports" / "quick", ROOT / "docs" / "pages.md"
MARKS = "<!-- {}:begin -->", "<!-- {}:end -->"


def main():
    rows = {}
    with sync_playwright() as playwright:
        for browser, path in BROWSERS.items():
            if path is None:
                print(f"no {browser} here", file=sys.stderr)
                continue
            with tempfile.TemporaryDirectory() as folder:
                tab = opened(browser, path, playwright, Path(folder))
                for page in sorted(OUT.glob("[0-9][0-9]_*.html")):
                    measure(tab, browser, page, rows)
                tab.close()
            write_table("explorers", rows.values())
        if BROWSERS["chromium"]:
            write_table("lab", in_lab(playwright))


def opened(browser, path, playwright, folder):
    if browser == "firefox":
        return Firefox(path, folder)
    started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
    return Chromium(started)


def measure(tab, browser, page, rows):
    """Add to rows: {explorer: {what: value}} of one page in one browser."""
    part = read_part(OUT, page.stem)
    moving = (part or {"about": {}})["about"].get("live") or {}
    if not moving:
        return
    tab.goto(page.as_uri())
    began = {name: start(tab, name) for name in moving}
    for name, about in explorers(tab).items():
        live = about["live"]
        row = rows.setdefault(name, {"": f"{page.stem[:2]} {name}", "bytes": f"{live['bytes']:,}"})
        row["stored"] = {8: "8 bits", 16: "float16"}.get(live.get("bits"), "frames")
        row[f"{browser}: start, ms"] = f"{began[name]:.0f}"
        if any(one["kind"] != "area" for one in about["ranges"].values()):
            row[f"{browser}: key, ms"] = f"{key_to_picture(tab, name, browser):.0f}"
        if about["view"] != "map":
            row[f"{browser}: differs"] = str(difference(tab, name, about, OUT / "live"))
        print(row, flush=True)


def in_lab(playwright):
    """A row for each explorer that is opened in JupyterLab."""
    path = BROWSERS["chromium"]
    browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
    for notebook, explorer in lab.EXPLORERS:
        with tempfile.TemporaryDirectory() as folder:
            with lab.opened(browser, notebook, explorer, Path(folder)) as page:
                took, _ = lab.keys(page)
        row = {"notebook": notebook[:2], "explorer": explorer}
        row[f"key to picture (median of {len(took)}), ms"] = f"{statistics.median(took):.0f}"
        print(row, flush=True)
        yield row
    browser.close()


def write_table(name, rows):
    """Put the rows, {column: text}, between the page's two marks of this name."""
    rows = list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [[row.get(key, "-") for key in columns] for row in rows]
    begin, end = (mark.format(name) for mark in MARKS)
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    write_text(PAGE, f"{before}{begin}\n{table(columns, lines)}{end}{rest.split(end)[1]}")


if __name__ == "__main__":
    main()
