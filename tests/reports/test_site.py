"""The published copy: what lies in it, where its links lead; a build that fails harms nothing."""

import re

import published
import pytest

ADDRESS = '[project]\nname = "x"\n[project.urls]\nRepository = "https://github.com/a/b"\n'
PAGE = '<p>See <a href="metrics.html">metrics</a>, <a href="01_a.html">01</a>.</p>'


@pytest.fixture
def course(tmp_path):
    """A repository with two reports, two documents and a picture."""
    files = {"pyproject.toml": ADDRESS, "docs/deep/one.png": "", "reports/quick/live/a.js": "1"}
    for profile in ("quick", "full"):
        pages = ("index", "01_a", "metrics")  # metrics: as index.py draws it
        files |= {f"reports/{profile}/{name}.html": PAGE for name in pages}
        files |= {f"reports/{profile}/results.json": "{}", f"reports/{profile}/notebooks/a": ""}
    files["docs/speed.md"] = (
        "# Speed\n\n[a](other.md#b), [c](../course_lib/x.py), ![d](deep/one.png), [e](metrics.md)"
    )
    files |= {"docs/other.md": "# Other\n\nWords.", "docs/metrics.md": "# Metrics\n\nWords."}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_both_reports_and_the_documents_lie_there_and_lead_to_each_other(course):
    assert published.main(course) == 0
    site = course / "site"
    assert (site / ".nojekyll").exists() and (site / "live" / "a.js").exists()
    assert not list(site.rglob("notebooks")) and not (course / "site.part").exists()
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#]+)', page.read_text()):
            if not link.startswith("https://github.com/a/b/blob/main/course_lib/x.py"):
                assert (page.parent / link).exists(), (page, link)
    text = (site / "docs" / "speed.html").read_text()
    assert 'href="other.html#b"' in text and "<title>Speed" in text
    assert 'href="../metrics.html"' in text and not (site / "docs" / "metrics.html").exists()


def test_without_an_address_no_link_leads_to_a_repository(course):
    (course / "pyproject.toml").write_text(ADDRESS.replace("/a/b", "/OWNER/NAME"))
    (course / "docs" / "other.md").write_text(
        "# O\n\n[p](../reports/full/index.html), [c](../x.py)"
    )
    assert published.main(course) == 0
    text = (course / "site" / "docs" / "other.html").read_text()
    assert 'href="../full/index.html"' in text and "OWNER" not in text and ", c" in text


def test_what_cannot_be_published_is_one_line_and_the_last_site_stays(course, capsys, monkeypatch):
    assert published.main(course) == 0
    (course / "reports" / "full" / "index.html").unlink()
    assert published.main(course) == 1
    assert "has no index.html; make it first" in capsys.readouterr().err
    (course / "reports" / "full" / "index.html").write_text(PAGE)
    monkeypatch.setattr(published, "LIMIT", 10)
    assert published.main(course) == 1
    assert re.search(r"has 0\.0 MB, more than 0$", capsys.readouterr().err.strip())
    assert (course / "site" / "full" / "index.html").exists()
