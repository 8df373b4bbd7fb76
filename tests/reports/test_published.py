"""What notebooks left -> the report: the last good one stays whole, whatever becomes of a run."""

import json
import re
import shutil
from pathlib import Path

import index
import inputs
import nbformat
import pytest
import run
import small_course
from small_course import page, results

from course_lib.atomic import Unreadable


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A course of two notebooks, both run."""
    root = tmp_path_factory.mktemp("built")
    small_course.write(root, "01_a", small_course.cells("01_a", "1.1", "1.2"))
    small_course.write(root, "02_b", small_course.cells("02_b", "2.1"))
    assert inputs.main(["quick"], root) == 0
    assert [run.run(root, "quick", name) for name in ("01_a", "02_b")] == [None, None]
    return root


@pytest.fixture
def course(built, tmp_path):
    """A copy of it, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "course"))


def test_last_good_report_stays_when_a_notebook_breaks(course):
    old, before = page(course, "01_a.html"), results(course)
    sources = small_course.cells("01_a", "1.1", "1.2", bad="1 / 0")
    sources["q1-1-fig"] = sources["q1-1-fig"].replace("0.0123", "9.9")
    small_course.write(course, "01_a", sources)
    assert run_again(course) == "cell bad: ZeroDivisionError: division by zero"
    after = results(course)
    assert page(course, "01_a.html") == old
    assert after["results"] == before["results"] and after["answers"] == before["answers"]
    assert "last good report" in page(course, "index.html")
    reached = nbformat.read(course / "reports" / "failed" / "quick" / "01_a.ipynb", as_version=4)
    assert any(o.output_type == "error" for c in reached.cells for o in c.get("outputs", []))
    assert run.run(course, "quick", "02_b") is None  # 01 was not tried: its failure still stands
    assert "last good report" in page(course, "index.html")


def test_published_results_serve_where_the_runs_are_not_kept(course):
    before, old = results(course), page(course, "01_a.html")
    shutil.rmtree(course / "reports" / "quick" / "notebooks")  # as in a fresh clone of reports/full
    (course / "reports" / "quick" / "results.json").unlink()
    assert inputs.main(["quick", "--only", "02"], course) == 0
    assert run.run(course, "quick", "02_b") is None
    after = results(course)
    assert after["results"] == before["results"] and after["answers"] == before["answers"]
    assert after["notebooks"]["01_a"] == before["notebooks"]["01_a"]
    assert page(course, "01_a.html") == old
    assert 'id="card-1-2"' in page(course, "index.html")


def test_a_removed_notebook_leaves_the_report(course):
    (course / "notebooks" / "01_a.ipynb").unlink()
    index.publish(course, "quick")
    out = course / "reports" / "quick"
    assert sorted(path.name for path in (out / "figures").glob("q*")) == ["q2-1-fig.webp"]
    assert set(results(course)["notebooks"]) == {"02_b"}
    assert not [path for path in out.rglob("01_a*")]


def test_what_pages_link_to_lies_beside_them_and_what_no_one_links_to_goes(course):
    out = course / "reports" / "quick"
    for left in ("old.html", "figures/metrics-old.webp"):
        (out / left).touch()
    index.publish(course, "quick")
    assert not (out / "old.html").exists() and not (out / "figures/metrics-old.webp").exists()
    for path in out.glob("*.html"):
        links = re.findall(r'(?:href|src)="(?!https:|#)([^"#]+)', path.read_text(encoding="utf-8"))
        away = [link for link in links if not (path.parent / link).exists()]
        assert away == ["../full/index.html"] * (path.name == "index.html"), path.name
    assert 'href="glossary.html"' in page(course, "index.html")
    assert 'src="figures/metrics-order.webp"' in page(course, "metrics.html")


CLAIMS = """
["1.1"]
source = "S1"
claim = "It is 0.02."
["1.1".quick]
short = "MSE {mse:.3f}"
verdict = "VERDICT"
reason = "Ours is lower."
bounds = {mse = [0.0, 0.01]}
["1.2".quick]
verdict = "refuted"
reason = "It was measured again."
"""


@pytest.fixture
def claimed(course):
    """The course with an answer of named numbers to 1.1; 1.2 and 2.1 are of the first version."""
    (course / "reports" / "claims.toml").write_text(CLAIMS.replace("VERDICT", "beaten"))
    sources = small_course.cells("01_a", "1.1", "1.2")
    sources["q1-1-answer"] = "named('1.1', 'The MSE is {mse:.4f}, not $\\\\mu$.', mse=0.0061, n=3)"
    small_course.write(course, "01_a", sources)
    assert run_again(course) is None
    return course


def test_answers_are_kept_by_question_with_their_named_numbers(claimed):
    answers = results(claimed)["answers"]
    assert list(answers) == ["1.1", "1.2", "2.1"]
    assert answers["1.1"] == {
        "question": "1.1",
        "answer": "The MSE is 0.0061, not $\\mu$.",
        "numbers": {"mse": 0.0061, "n": 3},
        "notes": [],
        "notebook": "01_a",
        "source": "S1",
        "claim": "It is 0.02.",
        "figure": "",
        "title": "What is $z_1$?",
        "front": False,
        "verdict": "beaten",
        "reason": "Ours is lower.",
        "ours": "MSE 0.006",
    }
    assert answers["1.2"]["numbers"] == {} and answers["1.2"]["ours"] == "MSE 0.0123"
    assert answers["1.2"]["verdict"] == "refuted"  # claims.toml counts before its own word
    assert answers["2.1"]["verdict"] == "beaten" and answers["2.1"]["reason"] == ""


def test_an_edited_claim_reaches_index_and_page_without_a_run(claimed):
    (claimed / "notebooks" / "ran.log").unlink()
    text = CLAIMS.replace("VERDICT", "not comparable").replace("Ours is lower.", "Other pictures.")
    (claimed / "reports" / "claims.toml").write_text(text.replace("0.01]", "0.005]"))
    index.publish(claimed, "quick")
    assert small_course.ran(claimed) == []
    note = "mse is 0.0061, and the answer rests on 0 to 0.005"
    for name in ("index.html", "01_a.html"):
        html = page(claimed, name)
        assert "not comparable" in html and "Other pictures." in html and note in html
        assert "Ours is lower." not in html
    assert results(claimed)["answers"]["1.1"]["notes"] == [note]
    before = page(claimed, "01_a.html")
    assert "<strong>Answer 1.1.</strong> The MSE is 0.0061, not <math>" in before
    index.publish(claimed, "quick")
    assert page(claimed, "01_a.html") == before


def test_a_card_shows_claim_short_text_verdict_reason_and_what_differs(claimed):
    text = CLAIMS.replace("VERDICT", "beaten").replace("0.01]", "0.005]")
    (claimed / "reports" / "claims.toml").write_text(text)
    index.publish(claimed, "quick")
    card = page(claimed, "index.html").split('id="card-1-1"')[1].split("</article>")[0]
    source = 'Claim (<a href="#source-S1">S1</a>)'
    for part in ("<dd>MSE 0.006</dd>", "<dd>It is 0.02.</dd>", source, ">beaten</span>"):
        assert part in card
    assert "Ours is lower." in card and "This run differs:</strong> mse is 0.0061" in card


def test_a_card_whose_source_claims_nothing_says_so(claimed):
    text = CLAIMS.replace("VERDICT", "no claim").replace("Ours is lower.", "")
    (claimed / "reports" / "claims.toml").write_text(text)
    index.publish(claimed, "quick")
    html = page(claimed, "index.html")
    card = html.split('id="card-1-1"')[1].split("</article>")[0]
    assert ">no claim</span>" in card and "<dt>Source (" in card
    legend = html.split('class="legend"')[1].split("</section>")[0]
    assert re.findall(r'class="verdict ([\w-]+)"', legend) == ["beaten", "refuted", "no-claim"]


def test_a_damaged_claims_file_is_said_in_one_line_and_changes_nothing(claimed, capsys):
    before = everything(claimed)
    (claimed / "reports" / "claims.toml").write_text(CLAIMS)  # VERDICT is none
    assert index.main(["quick"], claimed) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and '["1.1"].quick: the verdict must be one of' in message
    after = everything(claimed)
    after.pop(claimed / "reports" / "claims.toml")
    assert after == {path: content for path, content in before.items() if path in after}


def run_again(root):
    assert inputs.main(["quick"], root) == 0
    return run.run(root, "quick", "01_a")


def test_a_figure_that_a_run_no_longer_makes_goes(course):
    small_course.write(course, "01_a", small_course.cells("01_a", "1.2"))
    assert run_again(course) is None
    folder = course / "reports" / "quick" / "figures"
    assert sorted(path.name for path in folder.glob("q*")) == ["q1-2-fig.webp", "q2-1-fig.webp"]


@pytest.fixture
def full_disk(monkeypatch):
    """full_disk(folder, n): the n-th file written there is cut short by a full disk."""
    write, writes = Path.write_bytes, []

    def start(folder, n):
        def cut(path, content):
            if not path.is_relative_to(folder) or writes.append(path) or len(writes) != n:
                return write(path, content)
            write(path, content[: len(content) // 2])
            raise OSError(28, "No space left on device", str(path))

        monkeypatch.setattr(Path, "write_bytes", cut)

    return start


@pytest.mark.parametrize("n", [1, 2, 3])
def test_files_are_written_together_or_not_at_all(tmp_path, full_disk, n):
    paths = [tmp_path / f"{i}" for i in range(3)]
    run.write_together({path: b"old" for path in paths})
    assert all(path.read_bytes() == b"old" for path in paths)
    full_disk(tmp_path, n)
    with pytest.raises(OSError, match="No space left"):
        run.write_together({path: b"new" for path in paths})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(
        "012", b"old"
    )


def test_the_executed_notebook_by_which_make_goes_is_put_in_its_place_last(tmp_path, monkeypatch):
    places, replace = [], run.os.replace
    monkeypatch.setattr("os.replace", lambda *both: places.append(both[1].name) or replace(*both))
    run.write_together({tmp_path / name: b"" for name in ("a.png", "a.html", "a.ipynb")})
    assert places == ["a.png", "a.html", "a.ipynb"]


def test_a_full_disk_changes_nothing_of_the_last_good_report(course, full_disk):
    report = course / "reports" / "quick"
    kept = lambda: {p: p.read_bytes() for p in report.glob("*/*") if p.suffix != ".inputs"}
    before, page = kept(), (report / "01_a.html").read_bytes()
    small_course.write(course, "01_a", small_course.cells("01_a", "1.1", more="'more'"))
    assert inputs.main(["quick"], course) == 0
    full_disk(report, 3)
    assert "No space left on device" in run.run(course, "quick", "01_a")
    assert kept() == before and (report / "01_a.html").read_bytes() == page
    assert "No space left on device" in (report / "index.html").read_text(encoding="utf-8")


FULL = Path(__file__).resolve().parents[2] / "reports" / "full"


@pytest.fixture
def full(tmp_path):
    """The committed report, with notebooks of its names that all fail."""
    shutil.copytree(FULL, tmp_path / "reports" / "full")
    shutil.copy(FULL.parent / "claims.toml", tmp_path / "reports")
    for path in FULL.glob("results/*.json"):
        title = json.loads(path.read_text(encoding="utf-8"))["about"]["title"]
        sources = small_course.cells(path.stem, bad="1 / 0") | {"title": f"# {title}"}
        small_course.write(tmp_path, path.stem, sources)
    return tmp_path


def everything(root):
    paths = [path for path in (root / "reports").rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in paths if path.suffix != ".lock"}


def test_the_committed_full_report_is_what_its_parts_make(full):
    before = everything(full)
    index.publish(full, "full")
    assert everything(full) == before


def test_a_damaged_results_json_is_made_anew_with_nothing_lost(full):
    """As a merge conflict leaves it: everything in it is made from the notebooks' own files."""
    path = full / "reports" / "full" / "results.json"
    whole = path.read_text(encoding="utf-8")
    path.write_text("<<<<<<< HEAD\n" + whole, encoding="utf-8")
    assert inputs.main(["full", "--only", "01"], full) == 0
    assert "ZeroDivisionError" in run.run(full, "full", "01_autoencoder")
    report, before = json.loads(path.read_text(encoding="utf-8")), json.loads(whole)
    assert report["results"] == before["results"] and report["answers"] == before["answers"]
    assert len(report["results"]) > 100 and len(report["answers"]) > 40


@pytest.mark.parametrize("text", [b"<<<<<<< HEAD\n{}", b"", b"[]", b'{"about": {}}', b"\xff{"])
def test_a_damaged_part_is_refused_by_name_and_nothing_is_changed(full, text, capsys):
    part = full / "reports" / "full" / "results" / "05_gan.json"
    part.write_bytes(text)
    before = everything(full)
    assert inputs.main(["full", "--only", "01"], full) == 2
    assert index.main(["full"], full) == 1
    for line in capsys.readouterr().err.splitlines():
        assert str(part) in line and "nothing was changed" in line and "run 05 again" in line
    with pytest.raises(Unreadable):
        index.publish(full, "full")
    assert everything(full) == before


def test_a_folder_that_cannot_be_written_is_said_in_one_line(course, capsys):
    (course / "reports" / "full").write_text("a file where a folder should be")
    assert inputs.main(["full"], course) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and str(course / "reports" / "full") in message
