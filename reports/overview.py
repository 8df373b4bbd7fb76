"""What all notebooks left -> index.html: a card a question, with claim, number and verdict."""

import store
from markup import check_page
from pages import render


def index(report, links, figure_sizes):
    """index.html of a merged report (the content of results.json)."""
    sections = [section(name, report) for name in sorted(report["notebooks"])]
    html = render(
        "index",
        report=report,
        sections=sections,
        sizes=figure_sizes,
        failed=[s for s in sections if s["error"]],
        links=links,
        used=used(report["results"]),
    )
    check_page(html, "index", {f"figures/{file}" for file in figure_sizes})
    return html


def section(name, report):
    """What the index says of one notebook: its state, and a card a question."""
    about = report["notebooks"][name]
    answers = {q: a for q, a in report["answers"].items() if a["notebook"] == name}
    results = [r for r in report["results"] if r["notebook"] == name]
    titles = {q["question"]: q["title"] for q in about["questions"]}
    numbers = sorted({*titles, *answers, *(r["question"] for r in results)}, key=store.question_key)
    cards = [card(n, titles, answers.get(n), results) for n in numbers]
    return {"name": name, "cards": cards, **about}


def card(number, titles, answer, results):
    results = [r for r in results if r["question"] == number]
    by_name = {r["name"]: r for r in results}
    shown = by_name.get((answer or {}).get("figure"))
    if not (shown and shown.get("figure")):
        shown = next((r for r in results if r.get("figure")), None)
    title = titles.get(number) or (answer or results[0])["title"] or f"Question {number}"
    anchor = "q" + number.replace(".", "-") if number in titles else ""
    return {
        "number": number,
        "title": title,
        "anchor": anchor,
        "answer": answer,
        "shown": shown,
        "results": results,
    }


def used(results):
    """What this report was made from, as the results' own protocols say: {"data": [...], ...}."""
    kept = {}
    for key in ("data", "device"):
        values = {str(r["protocol"][key]) for r in results if r["protocol"].get(key)}
        kept[key] = sorted(values)
    return kept
