"""The published copy: python reports/published.py (make site) writes site/, for any static host.

The quick report lies at its top and the full one in full/, each with the documents that its pages
link to; the other pages of docs/ are drawn here, from the same Markdown. It is made beside the old
site and then takes its place, so that a killed build leaves the last one whole.
"""

import re
import shutil
import sys
from pathlib import Path

import address
from markup import DOCUMENTS, PageError, to_html
from pages import render

from course_lib.atomic import write_text

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("*.html", "results.json", "figures/*", "live/*.js")
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
LIMIT = 25_000_000  # bytes of what a reader sees of a report


def main(root=ROOT):
    new, site = root / "site.part", root / "site"
    shutil.rmtree(new, ignore_errors=True)  # of a killed build
    try:
        for profile, place in (("quick", new), ("full", new / "full")):
            size = copied(root / "reports" / profile, place)
            print(f"{profile} report: {size / 1e6:.1f} MB")
        for path in sorted((root / "docs").glob("*.md")):
            if path.stem not in DOCUMENTS:
                html = document(path, address.repository(root))
                write_text(new / "docs" / f"{path.stem}.html", html)
        for path in (p for p in (root / "docs").rglob("*") if p.suffix in (".png", ".svg")):
            if path.parent.name not in DOCUMENTS:  # those that metrics.html shows lie beside it
                take(path, new / path.relative_to(root))
    except (PageError, ValueError, OSError) as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    (new / ".nojekyll").touch()  # GitHub's pages would else leave out what begins with _
    shutil.rmtree(site, ignore_errors=True)
    new.rename(site)
    return 0


def copied(report, place):
    """Take over what a reader sees of a report; returns its bytes."""
    files = [path for pattern in SHOWN for path in sorted(report.glob(pattern))]
    size = sum(path.stat().st_size for path in files)
    if not (report / "index.html").exists():
        raise ValueError(f"{report} has no index.html; make it first")
    if size > LIMIT:
        raise ValueError(f"{report} has {size / 1e6:.1f} MB, more than {LIMIT / 1e6:.0f}")
    for path in files:
        target = place / path.relative_to(report)
        if path.suffix == ".html":
            text = path.read_text(encoding="utf-8")
            write_text(target, text.replace('"../full/', '"full/').replace('"../quick/', '"../'))
        else:
            take(path, target)
    return size


def document(path, repository):
    """A page of docs/: links to other pages stay here or lead to those beside the report; those to
    code lead to the repository, if it has an address."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\]\((\w[\w-]*)\.md(#[\w-]+)?\)", r"](\1.html\2)", text)
    text = text.replace("../reports/full/index.html", "../full/index.html")
    to_code = r"\1" if repository.endswith("/OWNER/NAME") else rf"[\1]({repository}/blob/main/\2)"
    text = re.sub(r"\[([^\]]*)\]\(\.\./(?!full/)((?:\w|\.\w)[^)]*)\)", to_code, text)
    text = re.sub(rf"\]\(({'|'.join(DOCUMENTS)})\.html", r"](../\1.html", text)
    return render("document", title=TITLE.search(text)[1], body=to_html(text))


def take(path, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


if __name__ == "__main__":
    sys.exit(main())
