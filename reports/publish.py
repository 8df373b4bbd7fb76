"""Kept runs -> reports/<profile>/: pages, figures, executed notebooks, results.json, index.html.

Everything here is made anew from the kept runs, file by file in one step each, so a build killed
while publishing is put right by the next one.
"""

import time

import pages
import run_notebooks
import store
from markup import PageError


def check_run(name, folder):
    """Raise ResultError or PageError if the finished run in `folder` could not be published."""
    nb = run_notebooks.read(folder / "notebook.ipynb")
    store.load_results(folder / "results", name)
    title, _ = pages.outline(nb, name)
    pages.page(nb, name, title, [(name, title)])


def publish(root, out, parameters, outcome, only=None):
    """Write the report from the kept runs; returns {name: error} of pages that cannot be built.

    `outcome` says of each notebook of this build None (good) or its error; what it does not name
    stands as the last results.json has it. `only` renders that page alone.
    """
    names = sorted(path.stem for path in (root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    before = store.read_json(out / "results.json") or {}
    parts = {name: part(out, name, before) for name in names}
    links = [(name, about["title"]) for name, (about, _, _) in parts.items() if about.get("page")]
    errors = {}
    for name, _ in links:
        if only in (None, name):
            try:
                write_page(out, name, links, parts[name][0])
            except PageError as error:
                errors[name] = str(error)
    for name, (about, _, _) in parts.items():
        set_error(about, name, {**outcome, **errors}, before)
    report = merge(parts, parameters)
    store.write_json(out / "results.json", report)
    sizes = {path.name: pages.png_size(path.read_bytes()) for path in figures(out)}
    store.write_atomic(out / "index.html", pages.index(report, sizes))
    remove_unused(out, report, before)
    return errors


def part(out, name, before):
    """(about, results, answers) of one notebook: from its kept run, else as published before."""
    state, folder = store.kept_run(out, name)
    if state is None:
        about = before.get("notebooks", {}).get(name, {"title": name, "questions": []})
        mine = [
            [item for item in before.get(kind, []) if item["notebook"] == name]
            for kind in ("results", "answers")
        ]
        return dict(about), *mine
    title, questions = pages.outline(run_notebooks.read(folder / "notebook.ipynb"), name)
    about = {key: state[key] for key in ("profile", "budget", "built", "seconds")}
    about |= {"title": title, "questions": questions, "page": f"{name}.html"}
    return about, *store.load_results(folder / "results", name)


def write_page(out, name, links, about):
    """Figures first, then the page that shows them, then the notebook it was made from."""
    _, folder = store.kept_run(out, name)
    if folder is None:  # published from another machine
        earlier = out / f"{name}.html"
        if earlier.exists():
            store.write_atomic(earlier, pages.relink(earlier.read_text(), name, links))
        return
    content = (folder / "notebook.ipynb").read_bytes()
    nb = run_notebooks.read(folder / "notebook.ipynb")
    html, shown = pages.page(nb, name, about["title"], links)
    kept = {path.name: path.read_bytes() for path in figures(folder / "results")}
    for file, picture in {**shown, **kept}.items():
        store.write_atomic(out / "figures" / file, picture)
    about["figures"] = sorted({*shown, *kept})
    store.write_atomic(out / f"{name}.html", html)
    store.write_atomic(out / "notebooks" / f"{name}.ipynb", content)


def set_error(about, name, outcome, before):
    if name not in outcome:
        outcome = {name: before.get("notebooks", {}).get(name, {}).get("error")}
    about["error"] = outcome[name]
    about.setdefault("page", None)
    if "figures" not in about:  # this page was not rendered now
        about["figures"] = before.get("notebooks", {}).get(name, {}).get("figures", [])


def merge(parts, parameters):
    """The content of results.json; a notebook that was never run and never failed is not in it."""
    results = [result for _, mine, _ in parts.values() for result in mine]
    answers = [answer for _, _, mine in parts.values() for answer in mine]
    by_question = lambda item: (store.question_key(item["question"]), item.get("name", ""))
    return {
        **parameters,
        "built": time.strftime("%Y-%m-%d"),
        "notebooks": {n: a for n, (a, _, _) in parts.items() if a["page"] or a["error"]},
        "results": sorted(results, key=by_question),
        "answers": sorted(answers, key=by_question),
    }


def figures(folder):
    return sorted((folder / "figures").glob("*.[pj][np]g"))


def remove_unused(out, report, before):
    """Delete the figures and pages that the last report had and this one has not."""
    for name, about in before.get("notebooks", {}).items():
        used = {f for about in report["notebooks"].values() for f in about["figures"]}
        for file in set(about.get("figures", [])) - used:
            (out / "figures" / file).unlink(missing_ok=True)
        if name not in report["notebooks"]:
            (out / f"{name}.html").unlink(missing_ok=True)
            (out / "notebooks" / f"{name}.ipynb").unlink(missing_ok=True)
