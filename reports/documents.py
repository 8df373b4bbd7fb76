"""The pages of docs/ that notebooks and index link to, drawn beside them: a report's folder must be
complete when it is read alone, and a browser shows Markdown as it is written.
"""

import re
from pathlib import Path

import pages
import pictures
from markup import DOCUMENTS, PageError, check_page, to_html

DOCS = Path(__file__).resolve().parents[1] / "docs"
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+\.png)\)")
LINK = re.compile(r"\]\((?!https?:|#|figures/)([^)\s]+)\)")


def drawn(links):
    """{file in a report's folder: bytes} of the documents and of their pictures."""
    files = {}
    for name in DOCUMENTS:
        text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        html, shown = document(name, text, links)
        files |= {f"{name}.html": html.encode()} | shown
    return files


def document(name, text, links):
    """(html, {file: bytes} of its pictures) of a document; links: as of pages.page."""
    shown = {}

    def picture(match):
        file, content = stored(match[2])
        shown[f"figures/{file}"] = content
        return pages.picture(file, content, {"alt": match[1]})

    def link(match):
        place, _, anchor = match[1].partition("#")
        if place.removesuffix(".md") not in DOCUMENTS:
            raise PageError(f"docs/{name}.md: {place} does not lie in a report's folder")
        return f"]({place.removesuffix('.md')}.html{'#' * bool(anchor)}{anchor})"

    body = to_html(LINK.sub(link, PICTURE.sub(picture, text)))
    around = {"name": name, "links": links, "title": TITLE.search(text)[1]}
    html = pages.render("beside", body=body, **around)
    check_page(html, name, set(shown))
    return html, shown


def stored(path):
    """(name, bytes) of a document's picture: metrics/order.png -> metrics-order.webp."""
    content = pictures.stored((DOCS / path).read_bytes())
    return pictures.file_name(path.replace("/", "-")), content
