"""Markdown with formulas -> HTML with MathML, and the check that a page stands on its own."""

import re
from html.parser import HTMLParser

import jinja2
import markupsafe
from math_core import LatexError, LatexToMathML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

ANSI = re.compile(r"\x1b\[[0-9;]*m")
EXTERNAL = re.compile(r"^\s*(https?:|//)", re.IGNORECASE)
EXTERNAL_CSS = re.compile(r"(@import|url\(\s*['\"]?\s*(https?:|//))", re.IGNORECASE)
# What nbconvert writes where it finds no alt text: to a reader as good as none.
NO_ALT = ("", "No description has been provided for this image")
# The pages of docs/ that lie in a report's folder, too: those that notebooks and index link to.
DOCUMENTS = ("glossary", "metrics", "gan_trials")
# Tags whose address the browser fetches by itself; a plain link to a paper is not among them.
FETCHED = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}


class PageError(Exception):
    """A page that cannot be built as it should be: one line that says where and why."""


class Renderer(IPythonRenderer):
    """nbconvert's renderer, with formulas as MathML, stable anchors, and links between pages."""

    def block_math(self, body):
        return mathml(body, True)

    def inline_math(self, body):
        return mathml(body, False)

    def latex_environment(self, name, body):
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", True)

    def heading(self, text, level, **attrs):
        if level != 2:
            return f"<h{level}>{text}</h{level}>\n"
        anchor = heading_id(text)
        link = f'<a class="anchor" href="#{anchor}" aria-label="Link to this section">#</a>'
        return f'<h2 id="{anchor}">{text} {link}</h2>\n'

    def link(self, text, url, title=None):
        # Notebooks link to each other and to documents; so do their pages, in one folder.
        url = re.sub(r"^(\d\d_\w+)\.ipynb(?=$|#)", r"\1.html", url)
        return super().link(text, re.sub(r"^\.\./docs/(\w+)\.md(?=$|#)", beside, url), title)


def beside(match):
    """Where a document lies that a notebook links to: beside its page."""
    if match[1] not in DOCUMENTS:
        raise PageError(f"docs/{match[1]}.md is no page of a report: {', '.join(DOCUMENTS)} are")
    return f"{match[1]}.html"


def mathml(latex, display):
    try:
        return LatexToMathML().convert_with_local_state(latex.strip(), displaystyle=display)
    except LatexError as error:
        why = next(line for line in ANSI.sub("", str(error)).splitlines() if line.strip())
        raise PageError(
            f"formula {latex.strip()!r}: {why.removeprefix('Error:').strip()}"
        ) from None


def heading_id(text):
    """`Question 2.3 · ...` is anchored as q2-3 for ever; other headings by their words."""
    plain = re.sub(r"<[^>]+>", "", text)
    question = re.match(r"Question (\d+)\.(\d+)", plain)
    if question:
        return f"q{question[1]}-{question[2]}"
    return "h-" + re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


@jinja2.pass_context
def markdown(context, source):
    """The nbconvert filter: a cell's or an output's markdown to HTML, attachments put in."""
    attachments = context.get("cell", {}).get("attachments", {})
    try:
        return to_html(source, attachments)
    except PageError as error:
        raise PageError(f"cell {context.get('cell', {}).get('id')}: {error}") from None


def to_html(source, attachments=None):
    return MarkdownWithMath(renderer=Renderer(escape=False, attachments=attachments)).render(source)


def inline_markdown(source):
    """One line of markdown (a title, a claim, a caption) without its paragraph."""
    html = to_html(str(source)).strip()
    return markupsafe.Markup(re.sub(r"^<p>(.*)</p>$", r"\1", html, flags=re.DOTALL))


class Inventory(HTMLParser):
    """What a page holds that could be missing, doubled or fetched from elsewhere."""

    def __init__(self):
        super().__init__()
        self.ids, self.inner, self.images, self.faults = [], [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a" and (attrs.get("href") or "").startswith("#"):
            self.inner.append(attrs["href"][1:])
        address = attrs.get(FETCHED.get(tag, ""), "") or ""
        if EXTERNAL.match(address) or EXTERNAL_CSS.search(attrs.get("style") or ""):
            self.faults.append(f"fetches {address or attrs['style']} from outside")
        if tag == "img":
            self.images.append(address)
            if (attrs.get("alt") or "").strip() in NO_ALT:
                self.faults.append(f"the picture {address[:60]} has no alt text")

    handle_startendtag = handle_starttag


def check_page(html, name, figures):
    """Raise PageError unless all that `html` shows is in it or among `figures` beside it."""
    result = Inventory()
    result.feed(html)
    faults = result.faults
    pictures = [address for address in result.images if not address.startswith("data:")]
    faults += [f"no picture {address}" for address in pictures if address not in figures]
    faults += [f"no place #{i} for a link" for i in result.inner if i and i not in result.ids]
    twice = sorted({i for i in result.ids if result.ids.count(i) > 1})
    faults += [f"two places named #{i}" for i in twice]
    styles = re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    faults += ["a style sheet fetches from outside" for css in styles if EXTERNAL_CSS.search(css)]
    if faults:
        raise PageError(f"page {name}: {faults[0]}")
