"""The report runner: only what really finished is published, and nothing finished is lost."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import small_course

ROOT = Path(__file__).resolve().parents[2]

import build
import markup
import store

KILL = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
SLIDER = "import ipywidgets\nipywidgets.interactive(lambda z: {}, z=ipywidgets.FloatSlider())"


def build_quick(root, only=(), again=False):
    return build.build(root, "quick", 1.0, only, again)


def report(root, profile="quick"):
    return json.loads((root / "reports" / profile / "results.json").read_text())


@pytest.fixture(scope="module", autouse=True)
def nothing_prepared(tmp_path_factory):
    """Whatever is prepared on this machine, the course that is built once sees none of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A course of two notebooks, built once; tests that change it take a copy."""
    root = tmp_path_factory.mktemp("good")
    noise = "import os, sys\nprint('   ')\nprint(sys.prefix, os.getcwd(), object())"
    small_course.write(root, "01_a", small_course.cells("01_a", "1.1", "1.2", noise=noise))
    more = {
        "explorer": SLIDER.format("None"),
        "bar": "from tqdm.auto import tqdm\nlist(tqdm('ab'))",
    }
    small_course.write(root, "02_b", small_course.cells("02_b", "2.1", **more))
    assert build_quick(root) == {}
    small_course.ran(root)
    return root


@pytest.fixture
def course(good, tmp_path):
    """A copy of the built course, to be changed."""
    return Path(shutil.copytree(good, tmp_path / "course"))


def test_report_holds_pages_figures_notebooks_and_results(good):
    out = good / "reports" / "quick"
    for file in ("index.html", "01_a.html", "02_b.html", "notebooks/01_a.ipynb"):
        assert (out / file).stat().st_size > 0, file
    assert sorted(path.name for path in (out / "figures").iterdir()) == [
        "q1-1-fig.png",
        "q1-2-fig.png",
        "q2-1-fig.png",
    ]
    found = report(good)
    assert [result["name"] for result in found["results"]] == ["q1-1-fig", "q1-2-fig", "q2-1-fig"]
    assert [answer["question"] for answer in found["answers"]] == ["1.1", "1.2", "2.1"]
    assert (found["profile"], found["budget"]) == ("quick", 1.0)
    assert set(found["notebooks"]) == {"01_a", "02_b"}
    assert not list((good / "reports" / ".tmp").glob("*/"))
    assert not (good / "reports" / "failed").exists()


def test_index_shows_a_card_a_question_with_claim_beside_our_number(good):
    html = (good / "reports" / "quick" / "index.html").read_text()
    for number in ("1-1", "1-2", "2-1"):
        assert f'id="card-{number}"' in html
        assert f"#q{number}" in html
    assert html.count("<dd>MSE 0.0123</dd>") == html.count("<dd>0.0131</dd>") == 3
    assert html.count(">beaten</span>") == 3
    assert "squared error per value, pixels in [0,1]" in html
    assert "failed" not in html.split("<main", 1)[1]


def test_page_has_anchors_formulas_figures_by_file_and_no_blank_widget(good):
    html = (good / "reports" / "quick" / "02_b.html").read_text()
    assert '<html lang="en">' in html and "<title>02_b on trial" in html
    assert '<h2 id="q2-1">' in html
    assert html.count("<math") >= 3 and "$$" not in html
    assert "<strong>Answer 2.1.</strong> It is <math>" in html
    image = re.search(r"<img[^>]*>", html)[0]
    assert 'src="figures/q2-1-fig.png"' in image
    assert 'alt="A field of colour (60, 90, 160)"' in image
    assert "data:image" not in html
    assert html.count('class="widget-note"') == 1  # the explorer's, none for the progress bar
    assert "jupyter-widgets" not in html and "<script" not in html
    assert 'href="01_a.html"' in html and 'href="index.html"' in html


def test_nothing_of_this_machine_or_minute_is_kept(good):
    out = good / "reports" / "quick"
    texts = [*out.glob("*.html"), *out.glob("*.json"), *(out / "notebooks").glob("*.ipynb")]
    assert len(texts) == 6
    for path in texts:
        text = path.read_text()
        assert str(good) not in text and sys.prefix not in text, path.name
        assert "papermill" not in text and build.run_notebooks.END_ID not in text, path.name
    nb = nbformat.read(out / "notebooks" / "01_a.ipynb", as_version=4)
    streams = [o.text for c in nb.cells for o in c.get("outputs", []) if o.output_type == "stream"]
    assert len(streams) == 1 and streams[0].endswith(
        "<object object>\n"
    )  # the blank line of `setup` is gone
    assert [cell.id for cell in nb.cells[:3]] == ["title", "parameters", "injected-parameters"]


def test_pages_fetch_nothing_from_outside(good):
    for path in (good / "reports" / "quick").glob("*.html"):
        found = markup.Inventory()
        found.feed(path.read_text())
        assert found.faults == [], path.name
        assert not markup.EXTERNAL_CSS.search(path.read_text()), path.name


BAD = {
    "01_raises": ({"q1_1_x": "1 / 0"}, "cell q1-1-x: ZeroDivisionError: division by zero"),
    "02_exits": ({"q2_1_x": "import sys\nsys.exit(0)", "q2_2": "1"}, "cell q2-1-x: SystemExit: 0"),
    "03_killed": ({"q3_1_x": KILL, "q3_2": "1"}, "cell q3-1-x: Kernel died"),
    "04_killed_last": ({"q4_1_x": KILL}, "cell q4-1-x: Kernel died"),
    "05_no_alt": (
        {
            "q5_1_x": "from by_hand import *\ndisplay({'image/png': base64.b64encode(png((1, 2, 3)))"
            ".decode()}, raw=True)"
        },
        "cell q5-1-x: a picture has no alt text",
    ),
    "06_explorer": ({"q6_1_x": SLIDER.format("1 / 0")}, "an explorer raised ZeroDivisionError"),
    "07_result": (
        {"q7_1_x": "import by_hand\n(by_hand.RESULTS / 'q7-1-y.json').write_text('{}')"},
        "result q7-1-y.json: 'kind' is missing",
    ),
    "08_parameter": ({"parameters": "profile: str = 'quick'  # no budget"}, "does not set budget"),
    "09_kernel": ({}, "kernel 'klingon' is not installed"),
    "10_untagged": ({}, "no cell is tagged `parameters`"),
}


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """Every way to fail beside one good notebook: (root, errors)."""
    root = tmp_path_factory.mktemp("bad")
    for name, (more, _) in BAD.items():
        sources = small_course.cells(name, **more)
        if name == "10_untagged":
            sources["settings"] = sources.pop("parameters")
        small_course.write(root, name, sources, "klingon" if name == "09_kernel" else "python3")
    (root / "notebooks" / "11_broken.ipynb").write_text("{")
    small_course.write(root, "12_good", small_course.cells("12_good", "12.1"))
    return root, build_quick(root)


@pytest.mark.parametrize("name", BAD)
def test_failure_is_noticed_and_said_in_one_line(bad, name):
    root, errors = bad
    assert BAD[name][1] in errors[name]
    assert "\n" not in errors[name]
    ran_at_all = not name.startswith(("08", "09", "10"))
    assert (root / "reports" / "failed" / f"{name}.ipynb").exists() == ran_at_all
    assert not (root / "reports" / "quick" / f"{name}.html").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda nb: None, None),
        (lambda nb: nb.cells[-1].outputs.clear(), "did not live to the end"),
        (lambda nb: nb.cells[0].metadata.papermill.update(duration=None), "cell a: did not run"),
        (lambda nb: nb.cells[0].update(execution_count=None), "cell a: did not run"),
        (lambda nb: nb.metadata.papermill.update(end_time=None), "no end time"),
    ],
)
def test_every_mark_of_a_finished_run_is_asked_for(spoil, said):
    nb = build.run_notebooks.with_end(nbformat.v4.new_notebook(), "word")
    nb.cells.insert(0, nbformat.v4.new_code_cell("1"))
    nb.cells[0]["id"] = "a"
    for cell in nb.cells:
        cell.execution_count = 1
        cell.metadata["papermill"] = {"duration": 0.1, "exception": False}
    nb.cells[-1].outputs = [nbformat.v4.new_output("stream", text="word\n")]
    nb.metadata["papermill"] = {"end_time": "2026-01-01"}
    spoil(nb)
    fault = build.run_notebooks.first_fault(nb, "word")
    assert fault is None if said is None else said in fault


def test_notebook_without_language_is_refused_before_a_kernel_starts(tmp_path):
    small_course.write(tmp_path, "01_a", small_course.cells("01_a"))
    nb = build.run_notebooks.read(tmp_path / "notebooks" / "01_a.ipynb")
    del nb.metadata.kernelspec["language"]
    with pytest.raises(build.NotebookError, match="names no language"):
        build.run_notebooks.check_runnable(nb, tmp_path / "x.ipynb", {})


def test_fault_of_our_own_does_not_stop_the_others(course, monkeypatch):
    def fail(name, folder):
        raise RuntimeError(f"first\nlast of {name}")

    monkeypatch.setattr(build.publish, "check_run", fail)
    assert build_quick(course, again=True) == {
        "01_a": "RuntimeError: last of 01_a",
        "02_b": "RuntimeError: last of 02_b",
    }


def test_the_others_go_on_after_failures(bad):
    root, errors = bad
    assert set(errors) == {*BAD, "11_broken"}
    assert "not a notebook that can be read" in errors["11_broken"]
    assert [result["name"] for result in report(root)["results"]] == ["q12-1-fig"]
    html = (root / "reports" / "quick" / "index.html").read_text()
    assert "11 of 12 notebooks failed" in html
    assert "cell q1-1-x: ZeroDivisionError" in html


def test_rerun_repeats_only_what_failed_or_changed(course, capsys):
    small_course.write(course, "03_c", small_course.cells("03_c", bad="1 / 0"))
    assert build.main(["--root", str(course)]) == 1
    shown = capsys.readouterr()
    assert "03_c · bad" in shown.err  # the bar names notebook and cell
    assert shown.out.count("03_c") == 1
    assert small_course.ran(course) == ["03_c"]
    small_course.write(course, "03_c", small_course.cells("03_c", "3.1"))
    assert build_quick(course) == {} and small_course.ran(course) == ["03_c"]
    assert not (course / "reports" / "failed" / "03_c.ipynb").exists()
    assert build_quick(course) == {} and small_course.ran(course) == []
    assert build_quick(course, only=["02"], again=True) == {}
    assert small_course.ran(course) == ["02_b"]


def test_library_change_repeats_and_a_lost_run_is_made_again(course):
    (course / "course_lib").mkdir()
    (course / "course_lib" / "new.py").write_text("x = 1\n")
    assert build_quick(course, only=["01_a"]) == {} and small_course.ran(course) == ["01_a"]
    shutil.rmtree(next((course / "reports/quick/notebooks/.runs").glob("01_a-*")))
    assert build_quick(course, only=["01"]) == {} and small_course.ran(course) == ["01_a"]


def test_a_data_set_prepared_since_repeats_the_notebooks(course, tmp_path, monkeypatch):
    """A notebook takes MNIST where it finds it, so it has to look again when MNIST has come."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    assert build_quick(course) == {} and small_course.ran(course) == []
    about = tmp_path / "cache" / "data" / "mnist" / "about.json"
    about.parent.mkdir(parents=True)
    (about.parent / "train_x.npy").touch()  # half prepared: nothing has come yet
    assert build_quick(course) == {} and small_course.ran(course) == []
    about.write_text('{"names": []}')
    assert build_quick(course, only=["01"]) == {} and small_course.ran(course) == ["01_a"]
    assert build_quick(course, only=["01"]) == {} and small_course.ran(course) == []


def test_the_fingerprint_knows_which_data_are_prepared(tmp_path):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", id="a")])
    paths = [tmp_path / name / "about.json" for name in ("mnist", "celeba")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("{}")
    of = lambda *prepared: store.fingerprint(nb, tmp_path, {}, prepared)
    first, other, both = of(paths[0]), of(paths[1]), of(*paths)
    assert len({of(), first, other, both}) == 4, "the set's name counts, not its text alone"
    assert both == of(*reversed(paths)) and of() == store.fingerprint(nb, tmp_path, {})
    paths[0].write_text('{"sha256": 1}')
    assert of(paths[0]) != first


def test_last_good_report_stays_when_a_notebook_breaks(course):
    out = course / "reports" / "quick"
    page, before = (out / "01_a.html").read_bytes(), report(course)
    sources = small_course.cells("01_a", "1.1", "1.2", bad="1 / 0")
    sources["q1-1-fig"] = sources["q1-1-fig"].replace("0.0123", "9.9")
    small_course.write(course, "01_a", sources)
    assert build_quick(course) == {"01_a": "cell bad: ZeroDivisionError: division by zero"}
    after = report(course)
    assert (out / "01_a.html").read_bytes() == page
    assert after["results"] == before["results"] and after["answers"] == before["answers"]
    assert "last good report" in (out / "index.html").read_text()
    reached = nbformat.read(course / "reports" / "failed" / "01_a.ipynb", as_version=4)
    assert any(o.output_type == "error" for c in reached.cells for o in c.get("outputs", []))
    assert build_quick(course, only=["02"]) == {}  # 01 was not tried: its failure still stands
    assert "last good report" in (out / "index.html").read_text()


def test_published_results_serve_where_the_runs_are_not_kept(course):
    shutil.rmtree(course / "reports" / "quick" / "notebooks")  # as in a fresh clone of reports/full
    before = report(course)
    assert build_quick(course, only=["02"]) == {}
    assert report(course)["results"] == before["results"]
    assert 'id="card-1-2"' in (course / "reports" / "quick" / "index.html").read_text()


def test_a_page_whose_run_is_not_kept_learns_of_new_pages(course):
    out = course / "reports" / "quick"
    before = (out / "01_a.html").read_text()
    assert build_quick(course, only=["02"]) == {} and (out / "01_a.html").read_text() == before
    shutil.rmtree(out / "notebooks")
    assert build_quick(course, only=["02"]) == {}  # the same links: the same page
    assert (out / "01_a.html").read_text() == before
    new = (course / "notebooks" / "02_b.ipynb").read_text()
    new = new.replace("q2-1", "q3-1").replace("2.1", "3.1")
    (course / "notebooks" / "03_c.ipynb").write_text(new)
    assert build_quick(course, only=["03"]) == {}
    after = (out / "01_a.html").read_text()
    assert after.count('href="03_c.html"') == 1 and after.count('rel="next"') == 1
    assert (out / "02_b.html").read_text().count('href="03_c.html"') == 2  # and as the next one
    body = lambda html: html[html.index("<main") : html.index('<nav class="turn"')]
    assert body(after) == body(before)


def test_a_removed_notebook_leaves_the_report(course):
    (course / "notebooks" / "01_a.ipynb").unlink()
    assert build_quick(course) == {}
    out = course / "reports" / "quick"
    assert sorted(path.name for path in (out / "figures").iterdir()) == ["q2-1-fig.png"]
    assert not (out / "01_a.html").exists() and set(report(course)["notebooks"]) == {"02_b"}


def test_build_killed_in_the_middle_loses_nothing_finished(course):
    wait = "import pathlib, time\npathlib.Path('here').touch()\ntime.sleep(60)"
    (course / "notebooks" / "01_a.ipynb").write_text(
        (course / "notebooks" / "01_a.ipynb").read_text().replace("   ", "    ")
    )
    small_course.write(course, "02_b", small_course.cells("02_b", "2.1", wait=wait))
    command = [sys.executable, ROOT / "reports" / "build.py", "--root", course, "--again"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(course / "notebooks" / "here")
    with pytest.raises(build.UsageError, match="another build"):
        build_quick(course)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert small_course.ran(course) == ["01_a", "02_b"]
    assert [result["name"] for result in report(course)["results"]][-1] == "q2-1-fig"
    assert (course / "reports" / "quick" / "02_b.html").read_text().endswith("</html>")
    small_course.write(course, "02_b", small_course.cells("02_b", "2.1"))
    assert build_quick(course) == {} and small_course.ran(course) == ["02_b"]
    assert not list((course / "reports" / ".tmp").glob("*/"))


def wait_for(path, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not come"
        time.sleep(0.05)


def test_a_write_that_is_cut_short_leaves_the_old_file(tmp_path, monkeypatch):
    store.write_atomic(tmp_path / "a.html", "old")

    def cut(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", cut)
    with pytest.raises(OSError, match="disk full"):
        store.write_atomic(tmp_path / "a.html", "new")
    assert (tmp_path / "a.html").read_text() == "old"


def test_full_profile_and_budget_reach_the_notebook(tmp_path):
    small_course.write(tmp_path, "01_a", small_course.cells("01_a", "1.1"))
    assert build.main(["--root", str(tmp_path), "--profile", "full", "--budget", "0.05"]) == 0
    found = report(tmp_path, "full")
    assert found["results"][0]["protocol"]["budget"] == 0.05
    assert found["notebooks"]["01_a"]["profile"] == "full"
    assert not (tmp_path / "reports" / "quick").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "07"], "--only 07: no such notebook; there are 01_a, 02_b"),
        (["--budget", "0"], "'0' is not a share of epochs"),
        (["--budget", "nan"], "'nan' is not a share of epochs"),
        (["--budget", "2"], "'2' is not a share of epochs"),
        (["--profile", "slow"], "invalid choice: 'slow'"),
    ],
)
def test_mistakes_on_the_command_line_get_one_line(good, capsys, words, said):
    try:
        code = build.main(["--root", str(good), *words])
    except SystemExit as stop:
        code = stop.code
    shown = capsys.readouterr().err
    assert code == 2 and said in shown and shown.count("\n") == 1
