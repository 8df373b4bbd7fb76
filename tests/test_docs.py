"""Every file that the README and docs/ name is there, so that whoever looks for one finds it."""

import re
from pathlib import Path

import pytest

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
