"""Pages for people: a student's feedback, and the class at a glance. Whatever a student wrote is
text: escaped by the templates, control characters made visible, and no script may run."""

import base64
import io
import re
from functools import cache

import pandas as pd
import seaborn as sns
from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib.figure import Figure

from grading import course, records

templates = Environment(
    loader=PackageLoader("grading"), autoescape=select_autoescape(default=True), trim_blocks=True
)
templates.filters["visible"] = records.visible
templates.tests["an_empty_text"] = records.is_empty
templates.filters["title"] = lambda name: titles().get(name, "")


@cache
def titles():
    """{question: its title}."""
    found = {}
    for nb in course.notebooks().values():
        for cell in nb.cells:
            for name, title in re.findall(r"^## Question (\S+) · (.+)$", cell.source, re.MULTILINE):
                found[name] = title
    return found


def feedback(record, rows, unsafe):
    """A student's page: points a question, how far off, what to look at, what the cells showed."""
    score, most, complete = records.total(rows)
    page = templates.get_template("feedback.html.j2")
    return page.render(
        record=record, rows=rows, score=score, most=most, complete=complete, unsafe=unsafe
    )


def overview(table, students, alike, unsafe):
    """The class: a histogram, a row a question, a row a student, answers that are the same.

    table: a DataFrame of student, question, kind, score, max_score, output.
    """
    page = templates.get_template("class.html.j2")
    return page.render(
        students=students,
        questions=statistics(table),
        alike=alike,
        unsafe=unsafe,
        histogram=png(histogram(students)),
        shares=png(heat_map(table)),
    )


def statistics(table):
    """A row a question and kind: how many have all, none, and what is said most often."""
    found = []
    for (question, kind), own in table.groupby(["question", "kind"], sort=False):
        marked = own.dropna(subset="score")
        share = marked.score / marked.max_score
        said = own[own.score < own.max_score].output.str.replace(r"[0-9.e+-]{3,}", "…", regex=True)
        most = said.value_counts()
        found.append(
            dict(
                question=question,
                kind=kind,
                marked=len(marked),
                mean=share.mean() if len(marked) else None,
                full=int((share == 1).sum()),
                none=int((share == 0).sum()),
                common=most.index[0] if len(most) and most.iloc[0] > 1 else "",
            )
        )
    return found


def histogram(students):
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    most = max((s["most"] for s in students), default=1)
    shares = pd.DataFrame({"points": [s["score"] for s in students]})
    sns.histplot(shares, x="points", binrange=(0, most), bins=20, ax=axes)
    axes.set(xlabel=f"points, of {most:g}", ylabel="students")
    return figure


def heat_map(table):
    """Who got what: a column a question, a row a student, the weakest at the top."""
    code = table[table.kind == "code"].assign(share=lambda t: t.score / t.max_score)
    grid = code.pivot_table(index="student", columns="question", values="share", sort=False)
    grid = grid.loc[grid.mean(axis=1).sort_values().index]
    figure = Figure(figsize=(7, min(12, 1.2 + 0.12 * len(grid))), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(grid, vmin=0, vmax=1, cmap="viridis", yticklabels=False, ax=axes)
    axes.set(xlabel="question", ylabel="a row a student")
    return figure


def png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return base64.b64encode(file.getvalue()).decode()
