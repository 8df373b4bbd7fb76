"""What the notebooks left -> index.html and results.json: python reports/index.py quick

Both are made anew from reports/<profile>/results/, so nothing is lost with them. A page that is
older than its template is drawn again from the executed notebook, where that is still here. What
reports/claims.toml says is joined here, so that an edited verdict needs no run.
"""

import sys
from pathlib import Path

import documents
import execute
import live
import overview
import pages
import pictures
import store
from markup import DOCUMENTS, PageError

from course_lib.atomic import Busy, Unreadable, locked, write_bytes, write_json, write_text
from course_lib.course import claims

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {"quick": "make report", "full": "make full"}


def main(argv=None, root=ROOT):
    (profile,) = argv or sys.argv[1:]
    try:
        notebooks = publish(root, profile)["notebooks"]
    except (Unreadable, Busy, PageError, claims.ClaimError, OSError) as error:
        print(f"{profile} report: {error}", file=sys.stderr)
        return 1
    failed = [name for name, about in notebooks.items() if about["error"]]
    which = f" ({', '.join(failed)})" if failed else ""
    print(f"reports/{profile}/index.html: {len(notebooks)} notebooks, {len(failed)} failed{which}")
    return 0


def publishing(root, profile):
    """Only one process at a time writes pages and index; the others wait for its second or two."""
    return locked(root / "reports" / ".tmp" / f"{profile}.lock", wait=60)


def publish(root, profile):
    """Bring everything that is not a notebook's own up to date; returns results.json's content."""
    out, links = root / "reports" / profile, store.notebooks(root)
    with publishing(root, profile):
        parts = {name: store.read_part(out, name) for name in links}
        # A page that was kept may be of an earlier notebook: it is named as it names itself.
        links |= {name: part["about"]["title"] for name, part in parts.items() if part}
        errors = {name: failure(root, profile, name) for name in links}
        for name, part in parts.items():
            draw(out, name, links, part, errors[name], f"{COMMANDS[profile]} ONLY={name[:2]}")
        report = merge(profile, parts, errors, claims.load(root / "reports" / "claims.toml"))
        refresh(out, report["answers"])
        write_json(out / "results.json", report)
        sizes = {path.name: pictures.size(path.read_bytes()) for path in figures(out)}
        write_scripts(out, parts)
        shown = documents.drawn(links)
        for file, content in shown.items():
            write_bytes(out / file, content)
        write_text(out / "index.html", overview.index(report, links, sizes))
        remove_unused(out, parts, shown)
    return report


def failure(root, profile, name):
    """Why the notebook's last try failed, or None."""
    path = store.failed_path(root, profile, name, ".txt")
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def draw(out, name, links, part, error, command):
    """The notebook's page, where run.py has not drawn it as it is to be now."""
    page, executed = out / f"{name}.html", out / "notebooks" / f"{name}.ipynb"
    if part is None:
        write_text(page, pages.missing_page(name, links, error, command))
    elif "live" not in part["about"]:
        return  # made by an earlier version, whose figures have other names
    elif executed.exists() and (not page.exists() or page.stat().st_mtime < pages.last_change()):
        nb = pictures.restored(execute.read(executed), out / "figures")
        write_text(page, pages.page(nb, name, links, part["about"].get("live"))[0])


def refresh(out, answers):
    """Put today's claim, verdict and finding into the pages, which may be of earlier."""
    for name in sorted({answer["notebook"] for answer in answers.values()}):
        page = out / f"{name}.html"
        before = page.read_text(encoding="utf-8") if page.exists() else ""
        after = pages.with_answers(before, answers)
        if after != before:
            write_text(page, after)


def merge(profile, parts, errors, tables):
    """The content of results.json; a notebook that was never run and never failed is not in it."""
    good = [part for part in parts.values() if part]
    by_question = lambda item: (store.question_key(item["question"]), item.get("name", ""))
    notebooks = {}
    for name, part in parts.items():
        if part or errors[name]:
            about = part["about"] if part else {"title": name, "questions": [], "figures": []}
            notebooks[name] = about | {"page": f"{name}.html" if part else None}
            notebooks[name]["error"] = errors[name]
    return {
        "profile": profile,
        "built": max((part["about"]["built"] for part in good), default=None),
        "notebooks": notebooks,
        "results": sorted((r for part in good for r in part["results"]), key=by_question),
        "answers": answers_of(good, profile, tables),
    }


def answers_of(parts, profile, tables):
    """{question: answer} in order, each with what claims.toml says of it and its heading."""
    answers = {}
    for part in parts:
        titles = {q["question"]: q["title"] for q in part["about"]["questions"]}
        for kept in part["answers"]:
            answer, number = claims.joined(kept, profile, tables), kept["question"]
            answer["title"] = answer["title"] or titles.get(number, "")
            answers[number] = {k: v for k, v in answer.items() if k not in ("kind", "protocol")}
    return {number: answers[number] for number in sorted(answers, key=store.question_key)}


def figures(folder):
    return sorted(
        p for p in (folder / "figures").glob("*") if p.suffix in (".png", ".jpg", ".webp")
    )


def write_scripts(out, parts):
    """What all explorers need, where there is one; not written where it lies already."""
    if any(part and part["about"].get("live") for part in parts.values()):
        for file, content in live.scripts().items():
            path = out / "live" / file
            if not path.exists() or path.read_bytes() != content:
                write_bytes(path, content)


def remove_unused(out, parts, shown):
    """Delete what a removed notebook or an earlier run left; shown: files of the documents."""
    used = {file for part in parts.values() if part for file in part["about"]["figures"]}
    used |= {Path(file).name for file in shown}
    stale = [path for path in figures(out) if path.name not in used]
    moving = {
        file for part in parts.values() if part for file in part["about"].get("live_files", ())
    }
    moving |= set(live.SCRIPTS) if moving else set()
    stale += [path for path in out.glob("live/*") if path.name not in moving]
    stale += [path for path in out.glob("*.html") if path.stem not in {"index", *parts, *DOCUMENTS}]
    for pattern in ("results/*.json", "notebooks/[0-9][0-9]_*"):
        stale += [path for path in out.glob(pattern) if path.stem not in parts]
    for path in stale:
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
