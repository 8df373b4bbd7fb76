"""What all notebooks left -> index.html: a card a question, with claim, number and verdict."""

import store
from markup import check_page
from pages import render

from course_lib.training.devices import in_words

SOURCES = {
    "S0": "a poster on a lightweight hierarchical VAE (NVAE)",
    "S1": "homework 4 of a vision course: VAE, GAN, ACGAN, InfoGAN",
    "S2": "homework 8 of a machine-learning course: autoencoder",
    "S3": "the multi-level-vae repository",
    "S4": "slides on a conditional VAE for MNIST",
    "NVAE": "the paper by Vahdat and Kautz, 2020 (appendix)",
}
VERDICTS = {
    "reproduced": "we measured what the source claims",
    "beaten": "measured in the same way, ours is better",
    "refuted": "what we measured contradicts the claim",
    "not comparable": "the source measured something else, or on other data",
    "open": "our runs do not decide it",
    "no claim": "the source says nothing that could be measured",
}
# The explorer that the front page begins with: the first of these that moves.
HEROES = {
    "q3-5-own": (
        "What does a 4 cost that is called a 9?",
        "Predict first: which label but its own suits a 4 best? Then let the costs be shown: a bar "
        "says how many nats (units of surprise) its label costs more than the cheapest one, which "
        "is what the net takes the digit for. The digit is also drawn again under each label. Take "
        "another example, or clear it and draw your own.",
    ),
    "q2-7-way": (
        "From one face to another",
        "Choose two faces, and walk: is there always one person on the way?",
    ),
}


def index(report, links, figure_sizes):
    """index.html of a merged report (the content of results.json)."""
    given = {answer["verdict"] for answer in report["answers"].values()}
    sections = [section(name, report) for name in sorted(report["notebooks"])]
    html = render(
        "index",
        report=report,
        sections=sections,
        sizes=figure_sizes,
        failed=[s for s in sections if s["error"]],
        hero=hero(report["notebooks"], figure_sizes),
        live=any(about.get("live") for about in report["notebooks"].values()),
        links=links,
        used=used(report["results"]),
        sources=SOURCES,
        verdicts={verdict: text for verdict, text in VERDICTS.items() if verdict in given},
    )
    html = in_words(html)
    check_page(html, "index", {f"figures/{file}" for file in figure_sizes})
    return html


def hero(notebooks, sizes):
    """What the front page says of the explorer that it begins with; None where none moves."""
    for explorer, (title, task) in HEROES.items():
        for name, about in notebooks.items():
            moving = about.get("live", {}).get(explorer)
            figure = next((file for file in sizes if file.startswith(f"{explorer}.")), None)
            if moving and figure:
                page = f"{name}.html#explorer-{explorer}"
                shown = {"figure": f"figures/{figure}", "size": sizes[figure]}
                return moving | {"title": title, "task": task, "page": page} | shown
    return None


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
    # Runs of several devices stand in one result, which names them all.
    kept["device"] = sorted({one for names in kept["device"] for one in names.split(", ")})
    return kept
