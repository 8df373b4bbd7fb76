"""The report by make: only what really finished is published, and nothing finished is lost."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import markup
import nbformat
import pytest
import small_course
from execute import END_ID
from small_course import make, page, results, to_run

SLIDER = "import ipywidgets\nipywidgets.interactive(lambda z: {}, z=ipywidgets.FloatSlider())"


@pytest.fixture(scope="module", autouse=True)
def nothing_prepared(tmp_path_factory):
    """Whatever is prepared on this machine, the course that is built once sees none of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A course of two notebooks, built once; tests that change it take a copy."""
    root = small_course.place(tmp_path_factory.mktemp("good") / "course")
    noise = "import os, sys\nprint('   ')\nprint(sys.prefix, os.getcwd(), object())\n"
    noise += "held = b'x' * 300_000_000"
    small_course.write(root, "01_a", small_course.cells("01_a", "1.1", "1.2", noise=noise))
    more = {
        "explorer": SLIDER.format("None"),
        "bar": "from tqdm.auto import tqdm\nlist(tqdm('ab'))",
    }
    small_course.write(root, "02_b", small_course.cells("02_b", "2.1", **more))
    done = make(root, "report")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "reports/quick/index.html: 2 notebooks, 0 failed\n"
    assert sorted(small_course.ran(root)) == ["01_a", "02_b"]
    return root


@pytest.fixture
def course(good, tmp_path):
    """A copy of the built course, to be changed."""
    return Path(shutil.copytree(good, tmp_path / "course", symlinks=True))


def test_report_holds_pages_figures_notebooks_and_results(good):
    out = good / "reports" / "quick"
    for file in ("index.html", "01_a.html", "02_b.html", "notebooks/01_a.ipynb"):
        assert (out / file).stat().st_size > 0, file
    assert sorted(path.name for path in (out / "figures").glob("q*")) == [
        "q1-1-fig.webp",
        "q1-2-fig.webp",
        "q2-1-fig.webp",
    ]
    outcome = results(good)
    assert [result["name"] for result in outcome["results"]] == ["q1-1-fig", "q1-2-fig", "q2-1-fig"]
    assert list(outcome["answers"]) == ["1.1", "1.2", "2.1"]
    assert set(outcome["notebooks"]) == {"01_a", "02_b"}
    assert outcome["profile"] == "quick"
    assert {about["budget"] for about in outcome["notebooks"].values()} == {1.0}
    assert not list((good / "reports" / ".tmp").glob("*/*/"))
    assert not (good / "reports" / "failed").exists()


def test_index_shows_a_card_a_question_with_claim_beside_our_number(good):
    html = page(good, "index.html")
    for number in ("1-1", "1-2", "2-1"):
        assert f'id="card-{number}"' in html
        assert f"#q{number}" in html
    assert html.count("<dd>MSE 0.0123</dd>") == html.count("<dd>0.0131</dd>") == 3
    assert html.partition('id="reading"')[0].count(">beaten</span>") == 3
    assert "squared error per value, pixels in [0,1]" in html
    assert "failed" not in html.split("<main", 1)[1]


def test_each_notebook_says_how_much_memory_it_held(good):
    held = {name: about["memory"] for name, about in results(good)["notebooks"].items()}
    assert held["02_b"] < 3e8 < held["01_a"] < held["02_b"] + 4e8
    assert f"{held['01_a'] / 1e9:.1f} GB of memory" in page(good, "index.html")


def test_page_has_anchors_formulas_figures_by_file_and_no_blank_widget(good):
    html = page(good, "02_b.html")
    assert '<html lang="en">' in html and "<title>02_b on trial" in html
    assert '<h2 id="q2-1">' in html
    assert html.count("<math") >= 3 and "$$" not in html
    assert "<strong>Answer 2.1.</strong> It is <math>" in html
    image = re.search(r"<img[^>]*>", html)[0]
    assert 'src="figures/q2-1-fig.webp"' in image
    assert 'alt="A field of colour (60, 90, 160)"' in image
    assert "data:image" not in html
    assert html.count('class="widget-note"') == 1  # the explorer's, none for the progress bar
    assert "starting point" not in html  # there is no picture beside it
    assert "jupyter-widgets" not in html and "<script src" not in html
    assert 'href="01_a.html"' in html and 'href="index.html"' in html


def test_pages_lead_to_each_other_whichever_was_made_first(good):
    first, second = page(good, "01_a.html"), page(good, "02_b.html")
    assert first.count('href="02_b.html"') == 2 and first.count('<a rel="next"') == 1
    assert "Next: 02_b on trial" in first and "Before: 01_a on trial" in second
    assert '<a rel="prev"' not in first and '<a rel="next"' not in second


def test_nothing_of_this_machine_or_minute_is_kept(good):
    out = good / "reports" / "quick"
    texts = [*out.glob("*.html"), *out.rglob("*.json"), *(out / "notebooks").glob("*.ipynb")]
    assert len(texts) == 8 + len(markup.DOCUMENTS)
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert str(good) not in text and sys.prefix not in text, path.name
        assert "papermill" not in text and END_ID not in text, path.name
    kept = (out / "notebooks" / "01_a.ipynb").read_text(encoding="utf-8")
    assert "\n" not in kept.strip()  # no bytes for lines
    nb = nbformat.reads(kept, as_version=4)
    streams = [o.text for c in nb.cells for o in c.get("outputs", []) if o.output_type == "stream"]
    assert len(streams) == 1 and streams[0].endswith(
        "<object object>\n"
    )  # the blank line of `setup` is gone
    assert [cell.id for cell in nb.cells[:3]] == ["title", "parameters", "injected-parameters"]


def test_pages_fetch_nothing_from_outside(good):
    for path in (good / "reports" / "quick").glob("*.html"):
        outcome = markup.Inventory()
        outcome.feed(path.read_text(encoding="utf-8"))
        assert outcome.faults == [], path.name
        assert not markup.EXTERNAL_CSS.search(path.read_text(encoding="utf-8")), path.name


def test_rerun_repeats_only_what_failed_or_changed(course):
    small_course.write(course, "03_c", small_course.cells("03_c", bad="1 / 0"))
    done = make(course, "report")
    assert done.returncode == 2 and "1 failed (03_c)" in done.stdout
    assert "03_c · bad" in done.stderr  # the bar names notebook and cell
    assert done.stderr.count("FAILED 03_c: cell bad: ZeroDivisionError: division by zero\n") == 1
    assert small_course.ran(course) == ["03_c"]
    assert (course / "reports" / "failed" / "quick" / "03_c.ipynb").exists()
    small_course.write(course, "03_c", small_course.cells("03_c", "3.1"))
    assert make(course, "report").returncode == 0 and small_course.ran(course) == ["03_c"]
    assert not list((course / "reports" / "failed").rglob("*.*"))
    assert to_run(course) == []


MEET = """import pathlib, time
pathlib.Path("here-{0}").touch()
end = time.monotonic() + 60
while not pathlib.Path("here-{1}").exists():
    assert time.monotonic() < end
    time.sleep(0.05)"""


THREADS = "import os\nassert int(os.environ['OMP_NUM_THREADS']) == max(1, os.cpu_count() // 2)"


@pytest.mark.parametrize("two", [pytest.param("--jobs=2", marks=pytest.mark.slow), "JOBS=2"])
def test_the_others_go_on_after_a_failure_also_two_at_a_time(two, course):
    """And what they share out among them are the cores."""
    cells = {"meet": MEET.format(0, 3), "bad": "1 / 0"}
    small_course.write(course, "00_bad", small_course.cells("00_bad", **cells))
    cells = {"meet": MEET.format(3, 0), "threads": THREADS}
    small_course.write(course, "03_c", small_course.cells("03_c", "3.1", **cells))
    done = make(course, "report", two, "ONLY=00 03_c", OMP_NUM_THREADS="")
    assert done.returncode == 2
    assert "FAILED 00_bad: cell bad" in done.stderr and "FAILED 03_c" not in done.stderr
    assert sorted(small_course.ran(course)) == ["00_bad", "03_c"]
    outcome = results(course)
    assert [r["name"] for r in outcome["results"]] == [
        "q1-1-fig",
        "q1-2-fig",
        "q2-1-fig",
        "q3-1-fig",
    ]
    assert "1 of 4 notebooks failed" in page(course, "index.html")
    assert "There is no report of this notebook yet" in page(course, "00_bad.html")
    assert "cell bad: ZeroDivisionError" in page(course, "00_bad.html")


def test_build_killed_in_the_middle_loses_nothing_finished(course):
    wait = "import pathlib, time\npathlib.Path('here').touch()\ntime.sleep(60)"
    (course / "notebooks" / "01_a.ipynb").write_text(
        (course / "notebooks" / "01_a.ipynb").read_text().replace("   ", "    ")
    )
    small_course.write(course, "02_b", small_course.cells("02_b", "2.1", wait=wait))
    with subprocess.Popen(
        ["make", "READY=", "report", "JOBS=1"],
        cwd=course,
        env=small_course.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as build:
        small_course.wait_for(course / "notebooks" / "here")
        done = make(course, "report", "ONLY=02")  # while the other one is at it
        os.killpg(build.pid, signal.SIGKILL)
    assert done.returncode == 2 and "FAILED 02_b: another build is running it" in done.stderr
    assert small_course.ran(course) == ["01_a", "02_b"]
    assert [result["name"] for result in results(course)["results"]][-1] == "q2-1-fig"
    assert page(course, "02_b.html").endswith("</html>")
    small_course.write(course, "02_b", small_course.cells("02_b", "2.1"))
    assert make(course, "report").returncode == 0 and small_course.ran(course) == ["02_b"]
    assert not list((course / "reports" / ".tmp").glob("*/*/"))


def test_full_profile_and_budget_reach_the_notebook(tmp_path):
    root = small_course.place(tmp_path / "course")
    small_course.write(root, "01_a", small_course.cells("01_a", "1.1"))
    assert make(root, "full", "BUDGET=0.05").returncode == 0
    outcome = results(root, "full")
    assert outcome["results"][0]["protocol"]["budget"] == 0.05
    assert outcome["notebooks"]["01_a"]["profile"] == "full"
    assert not (root / "reports" / "quick").exists()
    assert to_run(root, "full", "--budget", "0.05") == []
    assert to_run(root, "full") == ["01_a"]


@pytest.mark.parametrize(("user", "allowed"), [("0", True), ("1000", False)])
def test_jupyterlab_starts_for_root_too(good, tmp_path, user, allowed):
    fake = tmp_path / "id"
    fake.write_text(f"#!/bin/sh\necho {user}\n")
    fake.chmod(0o755)
    recipe = make(good, "--dry-run", "lab", PATH=f"{tmp_path}:{os.environ['PATH']}").stdout
    assert "jupyterlab --notebook-dir=notebooks" in recipe and ("--allow-root" in recipe) == allowed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ONLY=07"], "ONLY=07: no such notebook; there are 01_a, 02_b"),
        (["BUDGET=0"], "'0' is not a share of epochs"),
        (["BUDGET=nan"], "'nan' is not a share of epochs"),
        (["BUDGET=inf"], "'inf' is not a share of epochs"),
        (["BUDGET=2"], "'2' is not a share of epochs"),
        (["BUDGET=a half"], "'a half' is not a share of epochs"),
        (["MINUTES=abc"], "'abc' is not a number of minutes above 0"),
        (["MINUTES=0"], "'0' is not a number of minutes above 0"),
        (["MINUTES=9", "BUDGET=1"], "BUDGET and MINUTES are two ways to say how long to train"),
    ],
)
def test_mistakes_on_the_command_line_get_one_line(good, words, message):
    done = make(good, "report", *words)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode == 2 and len(lines) == 1 and message in lines[0]
    assert done.stdout == ""
