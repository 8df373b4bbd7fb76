"""Every file that the README and docs/ name is there, so that whoever looks for one finds it."""

import re
from pathlib import Path

import pytest
from notebook_terms import ENTRY, GLOSSARY, glossary

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
NAMED = re.compile(r"`((?:\w+/)+\w+\.py)`")  # models/cvae.py, below course_lib or the top


def missing(text, folder):
    """Links from a page in `folder`, and files named in it, that lead nowhere."""
    links = [link for link in LINK.findall(text) if not (folder / link).exists()]
    places = (ROOT, ROOT / "course_lib")
    files = [f for f in NAMED.findall(text) if not any((place / f).is_file() for place in places)]
    return links + files


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page):
    assert missing(page.read_text(encoding="utf-8"), page.parent) == []


def test_a_link_or_a_file_that_leads_nowhere_is_noticed():
    text = (
        "see [a](docs/no.md), [b](README.md), `models/no.py`, `models/vae.py`, [c](https://x.org)"
    )
    assert missing(text, ROOT) == ["docs/no.md", "models/no.py"]


def test_the_picture_of_the_packages_names_files_that_are_there_and_every_family():
    svg = (ROOT / "docs" / "tree.svg").read_text(encoding="utf-8")
    rows = re.findall(r'class="hint"[^>]*>([^<]*·[^<]*)<', svg)
    names = {name.strip() for row in rows for name in row.split("·")}
    files = {path.stem for path in (ROOT / "course_lib").rglob("*.py")}
    families = {path.stem for path in (ROOT / "course_lib" / "models").glob("[a-z]*.py")}
    assert names - files == {"faces"} and families <= names


def entry_faults(text):
    """What is wrong with a glossary: a line a fault."""
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", text)]
    opened = [p for p in paragraphs if p.startswith("**")]
    yield from (f"no entry: {p[:40]}" for p in opened if not ENTRY.fullmatch(p))
    terms = [re.sub("[^a-z ]", "", term.lower()) for term in glossary(text)]
    yield from (f"not in order: {b}" for a, b in zip(terms, terms[1:], strict=False) if a >= b)
    forms = [form.lower() for entry in glossary(text).values() for form in entry["forms"]]
    yield from (f"twice: {form}" for form in sorted(set(forms)) if forms.count(form) > 1)
    for term, entry in glossary(text).items():
        n = len(re.findall(r"[.!?](?=\s|$)", entry["text"]))
        if n not in (1, 2):
            yield f"{term} has {n} sentences, not one or two"
        if not set(entry["where"]) <= {f"{i:02}" for i in range(1, 10)}:
            yield f"{term} is said to be in {', '.join(entry['where'])}"


def test_the_glossary_is_in_order_and_says_each_term_once_in_a_sentence_or_two():
    text = GLOSSARY.read_text(encoding="utf-8")
    assert list(entry_faults(text)) == []
    assert len(glossary(text)) == text.count("\n**") > 60


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("**nat**: A unit. *In 01.*", "**nat** A unit. *In 01.*", "no entry: **nat**"),
        ("**nat**", "**zeta**", "not in order: rate"),
        ("*bit*", "*rate*", "twice: rate"),
        ("A unit.", "A unit", "nat has 0 sentences"),
        ("A unit.", "A unit. It is one. It is natural.", "nat has 3 sentences"),
        ("*In 01.*", "*In 01, 10.*", "nat is said to be in 01, 10"),
    ],
)
def test_a_fault_of_the_glossary_is_noticed(old, new, message):
    text = "# Glossary\n\n**nat**: A unit. *In 01.*\n\n"
    text += "**rate** (also *bit*), $r$: Nats.\nMany. *In 02.*\n"
    assert list(entry_faults(text)) == []
    assert old in text
    assert any(fault.startswith(message) for fault in entry_faults(text.replace(old, new)))
