"""Executed notebooks and kept results -> pages that work offline, without a kernel.

Formulas become MathML when the page is built, which browsers draw themselves; figures are files
beside the page; an explorer is its first picture, until scripts beside the page make it move.
"""

import base64
import functools
import re
from pathlib import Path

import jinja2
import live
import nbformat
import pictures
import store
import wording
from markup import PageError, check_page, inline_markdown, markdown, to_html
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from course_lib.course import claims
from course_lib.training.devices import in_words

TEMPLATES = Path(__file__).parent / "templates"
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
SENTENCE = re.compile(r"(?<=[.?!])\s+")
SOLUTION = re.compile(r"^ *### (BEGIN|END) SOLUTION *$\n?", re.MULTILINE)  # nbgrader's, not ours
# make address has not been given one yet: the link would lead nowhere; and the page is this one.
NO_COLAB = re.compile(r"\[Open in Colab\]\(\S*/OWNER/NAME/\S*\)( · )?")
THIS_PAGE = re.compile(r"(?: · )?\[Read the page\]\([^)]*\)")
ANSWER = re.compile(r'<div class="answer" data-question="([\d.]+)">.*?</div>', re.DOTALL)
QUESTION = re.compile(r"^##\s+Question\s+(\d+\.\d+)\s*·\s*(.+?)\s*$", re.MULTILINE)


def outline(nb, name):
    """(title, [{"question", "title"}, ...]) as the notebook's headings give them."""
    texts = [cell.source for cell in nb.cells if cell.cell_type == "markdown"]
    pairs = QUESTION.findall("\n".join(texts))
    return store.title(texts, name), [{"question": number, "title": rest} for number, rest in pairs]


def page(nb, name, links, moving=None):
    """The page of one executed notebook and its figures: (html, {file name: bytes}).

    `links` are the course's notebooks in order, {name: title}: each has a page, if only one that
    says why there is no report of it. `moving`: {explorer: {"script", "seen"}}. Raises
    PageError.
    """
    nb = nbformat.from_dict(nb)
    figures = take_figures(nb, name)
    drop_unshowable(nb, moving or {})
    for cell in nb.cells:
        for unwanted in (SOLUTION, THIS_PAGE, NO_COLAB):
            cell.source = unwanted.sub("", cell.source)
    body = in_words(exporter().from_notebook_node(nb)[0])
    body = body.replace("<th></th>", "<td></td>")  # pandas' corner of a table heads nothing
    title, questions = outline(nb, name)
    content = {"title": title, "body": body, "questions": questions, "live": bool(moving)}
    content["budget"] = nb.metadata.get("budget")
    html = render("page", **content, **around(name, links))
    check_page(html, name, {f"figures/{file}" for file in figures})
    return html, figures


def with_answers(html, answers):
    """A page with its answers as they are now, {question: joined answer}; the rest as it was."""

    def now(match):
        answer = answers.get(match[1])
        return to_html(claims.in_words(answer)).strip() if answer else match[0]

    return ANSWER.sub(now, html)


def missing_page(name, links, error, command):
    """The page of a notebook without a report: why, and what makes one."""
    return render("missing", title=links[name], error=error, command=command, **around(name, links))


def around(name, links):
    """What the two navigations of a page show."""
    names = [None, *links, None]
    i = names.index(name)
    return {"name": name, "links": links, "before": names[i - 1], "after": names[i + 1]}


def render(template, **content):
    return environment().get_template(f"{template}.html.j2").render(**content)


def take_figures(nb, name):
    """Move every displayed picture out of `nb`: returns {file name: bytes}, leaves a reference."""
    figures = {}
    for cell, output, kind, file in list(pictures.pictures(nb, name)):
        about = output.metadata.get(kind, {})
        content = pictures.stored(base64.b64decode(output.data[kind]))
        if not str(about.get("alt", "")).strip():
            raise PageError(f"cell {cell.id}: a picture has no alt text; show it by a record")
        if figures.get(file, content) != content:
            raise PageError(f"cell {cell.id}: a second, different picture named {file}")
        figures[file] = content
        # A picture shown twice, as text and as figure, is one figure: keep only the image,
        # and of an explorer that it is one.
        data = {k: v for k, v in output.data.items() if k == WIDGET}
        data["text/html"] = picture(file, content, about)
        output.data = nbformat.from_dict(data)
    return figures


def picture(file, content, about):
    size = pictures.size(content)
    box = f' width="{size[0]}" height="{size[1]}"' if size else ""
    alt = jinja2.filters.escape(about["alt"].strip())
    image = f'<img class="figure" src="figures/{file}" alt="{alt}"{box}>'
    return f'<a class="whole" href="figures/{file}" title="In full size">{image}</a>'


def drop_unshowable(nb, moving):
    """Scripts go, and progress bars drawn as widgets; of an explorer its place and poster stay."""
    state = nb.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    predict = ""  # of the text above
    for cell in nb.cells:
        shown, noted = [], False
        if cell.cell_type == "markdown":
            predict = predicted(cell.source)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if WIDGET in data:
                is_one = not is_progress(data[WIDGET].get("model_id"), state)
                if is_one and ("text/html" in data or not noted):
                    shown.append(explorer(output, cell.id, moving, predict))
                    predict, noted = "", True  # once
            elif "application/javascript" not in data:
                shown.append(output)
        if "outputs" in cell:
            cell.outputs = shown


def predicted(text):
    """The questions of a **Try**: a reader answers them, and then moves something."""
    sentences = SENTENCE.split(text.partition("**Try.**")[2].strip())
    return " ".join(one for one in sentences if one.endswith("?"))


def explorer(output, cell_id, moving, predict):
    """The place of an explorer in the page, as an output of its cell."""
    name = output.metadata.get(WIDGET, {}).get("explorer", "")
    poster, live = output.data.get("text/html", ""), moving.get(name)
    html = render("explorer", label=name or cell_id, poster=poster, live=live, predict=predict)
    return nbformat.v4.new_output("display_data", {"text/html": html})


def is_progress(model_id, state):
    model = state.get(model_id, {})
    if model.get("model_name") in ("FloatProgressModel", "IntProgressModel"):
        return True
    children = model.get("state", {}).get("children", [])
    return any(is_progress(child.removeprefix("IPY_MODEL_"), state) for child in children)


def last_change():
    """When the templates or this code last changed, as the date of a file."""
    sources = [*Path(__file__).parent.glob("*.py"), *TEMPLATES.iterdir(), live.VIEWS / "views.css"]
    return max(path.stat().st_mtime for path in sources)


@functools.cache  # compiling the templates is most of the cost of a page
def exporter():
    made = HTMLExporter(template_file=str(TEMPLATES / "cells.html.j2"))
    made.register_filter("markdown2html", markdown)
    made.register_filter("summary", wording.summary)
    made.register_filter("printed", wording.printed)
    return made


@functools.cache
def environment():
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["inline"] = inline_markdown
    sayings = (wording.number, wording.ordered, wording.day, wording.duration, wording.short)
    for made_by in (*sayings, wording.gigabytes, wording.budget):
        made.filters[made_by.__name__] = made_by
    made.globals["code_css"] = code_css()
    made.globals["views_css"] = live.style()
    return made


def code_css():
    light = HtmlFormatter(style="xcode").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
