"""One notebook: every way to fail is noticed, said in one line, and changes nothing."""

import json
import shutil
from pathlib import Path

import execute
import index
import inputs
import nbformat
import pytest
import run
import small_course
import store

from course_lib.atomic import Unreadable

KILL = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
SLIDER = "import ipywidgets\nipywidgets.interactive(lambda z: {}, z=ipywidgets.FloatSlider())"
BAD = {
    "01_raises": ({"q1_1_x": "1 / 0"}, "cell q1-1-x: ZeroDivisionError: division by zero"),
    "02_exits": ({"q2_1_x": "import sys\nsys.exit(0)", "q2_2": "1"}, "cell q2-1-x: SystemExit: 0"),
    "03_killed": ({"q3_1_x": KILL, "q3_2": "1"}, "cell q3-1-x: Kernel died"),
    "04_killed_last": ({"q4_1_x": KILL}, "cell q4-1-x: Kernel died"),
    "05_no_alt": (
        {
            "q5_1_x": "from by_hand import *\npicture = base64.b64encode(png((1, 2, 3))).decode()\n"
            "display({'image/png': picture}, raw=True)"
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
    "11_broken": ({}, "not a notebook that can be read"),
    "13_twice": ({}, "two cells have the id 'title'"),
    "14_no_id": ({}, "cell 2 has no id; open and save the notebook in JupyterLab"),
}
NEVER_RAN = ("08", "09", "10", "11", "13", "14")


def spoil(path, change):
    nb = json.loads(path.read_text())
    change(nb["cells"][1])
    path.write_text(json.dumps(nb))


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """Every way to fail beside one good notebook: (root, {name: fault})."""
    root = tmp_path_factory.mktemp("bad")
    for name, (more, _) in BAD.items():
        sources = small_course.cells(name, **more)
        if name == "10_untagged":
            sources["settings"] = sources.pop("parameters")
        small_course.write(root, name, sources, "klingon" if name == "09_kernel" else "python3")
    (root / "notebooks" / "11_broken.ipynb").write_text("{")
    spoil(root / "notebooks" / "13_twice.ipynb", lambda cell: cell.update(id="title"))
    spoil(root / "notebooks" / "14_no_id.ipynb", lambda cell: cell.pop("id"))
    small_course.write(root, "12_good", small_course.cells("12_good", "12.1"))
    assert inputs.main(["quick"], root) == 0
    names = [path.stem for path in sorted((root / "notebooks").glob("*.ipynb"))]
    return root, {name: run.run(root, "quick", name) for name in names}


@pytest.mark.parametrize("name", BAD)
def test_failure_is_noticed_and_said_in_one_line(bad, name):
    root, faults = bad
    assert BAD[name][1] in faults[name]
    assert "\n" not in faults[name]
    ran_at_all = not name.startswith(NEVER_RAN)
    assert (root / "reports" / "failed" / "quick" / f"{name}.ipynb").exists() == ran_at_all
    html = (root / "reports" / "quick" / f"{name}.html").read_text(encoding="utf-8")
    assert "There is no report of this notebook yet" in html
    assert f"make report ONLY={name[:2]}" in html


def test_the_index_says_what_failed_and_shows_what_did_not(bad):
    root, faults = bad
    assert faults["12_good"] is None
    report = results(root)
    assert [result["name"] for result in report["results"]] == ["q12-1-fig"]
    assert {n for n, about in report["notebooks"].items() if about["error"]} == set(BAD)
    html = (root / "reports" / "quick" / "index.html").read_text(encoding="utf-8")
    assert "13 of 14 notebooks failed" in html
    assert "cell q1-1-x: ZeroDivisionError" in html


@pytest.fixture
def one(tmp_path):
    """A course of one notebook that was never run."""
    small_course.write(tmp_path, "01_a", small_course.cells("01_a", "1.1"))
    assert inputs.main(["quick"], tmp_path) == 0
    return tmp_path


def rerun(root, *words):
    assert inputs.main(["quick", *words], root) == 0
    return run.run(root, "quick", "01_a")


@pytest.mark.parametrize("minor", [0, 4])
def test_old_notebooks_without_ids_run_and_are_up_to_date_after(one, minor):
    path = one / "notebooks" / "01_a.ipynb"
    nb = json.loads(path.read_text())
    nb["nbformat_minor"] = minor
    for cell in nb["cells"]:
        del cell["id"]
    path.write_text(json.dumps(nb))
    assert rerun(one) is None
    html = (one / "reports" / "quick" / "01_a.html").read_text(encoding="utf-8")
    assert 'id="cell-1"' in html and '<h2 id="q1-1">' in html
    before = (one / "reports" / "quick" / "notebooks" / "01_a.inputs").stat().st_mtime_ns
    assert inputs.main(["quick"], one) == 0
    assert (one / "reports" / "quick" / "notebooks" / "01_a.inputs").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda nb: None, None),
        (lambda nb: nb.cells[-1].outputs.clear(), "did not live to the end"),
        (lambda nb: nb.cells.pop(), "did not live to the end"),
        (lambda nb: nb.cells[0].update(execution_count=None), "cell a: did not run"),
    ],
)
def test_every_mark_of_a_finished_run_is_asked_for(spoil, said):
    nb = nbformat.v4.new_notebook()
    nb.cells = [nbformat.v4.new_code_cell(id=i) for i in ("a", execute.END_ID)]
    for cell in nb.cells:
        cell.source, cell.execution_count = "1", 1
    nb.cells[-1].outputs = [nbformat.v4.new_output("stream", text="word\n")]
    spoil(nb)
    fault = execute.first_fault(nb, "word")
    assert fault is None if said is None else said in fault


def test_outputs_and_counts_kept_in_a_notebook_are_no_sign_of_a_run(one):
    """Notebooks are kept executed: what stands in them must not pass for what ran."""
    nb = execute.read(one / "notebooks" / "01_a.ipynb")
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.execution_count = 1
            cell.outputs = [nbformat.v4.new_output("stream", text="of another day")]
    nb.metadata["widgets"] = {"of": "another day"}
    made = execute.prepared(nb, {"profile": "quick", "budget": 0.5}, "word")
    assert "of another day" not in nbformat.writes(made) and "widgets" not in made.metadata
    assert "did not run" in execute.first_fault(made, "word")
    assert "budget = 0.5" in made.cells[2].source


def test_notebook_without_language_is_refused_before_a_kernel_starts(one):
    nb = execute.read(one / "notebooks" / "01_a.ipynb")
    del nb.metadata.kernelspec["language"]
    with pytest.raises(execute.NotebookError, match="names no language"):
        execute.check_runnable(nb, {})


def test_a_fault_of_our_own_is_said_in_the_index_too(one, monkeypatch):
    def fail(folder, name):
        raise RuntimeError(f"first\nlast of {name}")

    monkeypatch.setattr(store, "load_results", fail)
    assert run.run(one, "quick", "01_a") == "RuntimeError: last of 01_a"
    html = (one / "reports" / "quick" / "index.html").read_text(encoding="utf-8")
    assert "RuntimeError: last of 01_a" in html


def test_a_figure_that_a_run_no_longer_makes_goes(one):
    assert run.run(one, "quick", "01_a") is None
    sources = small_course.cells("01_a", "1.2")
    small_course.write(one, "01_a", sources)
    assert rerun(one) is None
    folder = one / "reports" / "quick" / "figures"
    assert [path.name for path in folder.iterdir()] == ["q1-2-fig.png"]


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


def test_a_full_disk_changes_nothing_of_the_last_good_report(one, full_disk):
    assert run.run(one, "quick", "01_a") is None
    report = one / "reports" / "quick"
    kept = lambda: {p: p.read_bytes() for p in report.glob("*/*") if p.suffix != ".inputs"}
    before, page = kept(), (report / "01_a.html").read_bytes()
    small_course.write(one, "01_a", small_course.cells("01_a", "1.1", more="'more'"))
    assert inputs.main(["quick"], one) == 0
    full_disk(report, 3)
    assert "No space left on device" in run.run(one, "quick", "01_a")
    assert kept() == before and (report / "01_a.html").read_bytes() == page
    assert "No space left on device" in (report / "index.html").read_text(encoding="utf-8")


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
def two(built, tmp_path):
    """A copy of it, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "course"))


def results(root):
    return json.loads((root / "reports" / "quick" / "results.json").read_text(encoding="utf-8"))


def page(root, name):
    return (root / "reports" / "quick" / name).read_text(encoding="utf-8")


def test_last_good_report_stays_when_a_notebook_breaks(two):
    old, before = page(two, "01_a.html"), results(two)
    sources = small_course.cells("01_a", "1.1", "1.2", bad="1 / 0")
    sources["q1-1-fig"] = sources["q1-1-fig"].replace("0.0123", "9.9")
    small_course.write(two, "01_a", sources)
    assert rerun(two) == "cell bad: ZeroDivisionError: division by zero"
    after = results(two)
    assert page(two, "01_a.html") == old
    assert after["results"] == before["results"] and after["answers"] == before["answers"]
    assert "last good report" in page(two, "index.html")
    reached = nbformat.read(two / "reports" / "failed" / "quick" / "01_a.ipynb", as_version=4)
    assert any(o.output_type == "error" for c in reached.cells for o in c.get("outputs", []))
    assert run.run(two, "quick", "02_b") is None  # 01 was not tried: its failure still stands
    assert "last good report" in page(two, "index.html")


def test_published_results_serve_where_the_runs_are_not_kept(two):
    before, old = results(two), page(two, "01_a.html")
    shutil.rmtree(two / "reports" / "quick" / "notebooks")  # as in a fresh clone of reports/full
    (two / "reports" / "quick" / "results.json").unlink()
    assert inputs.main(["quick", "--only", "02"], two) == 0
    assert run.run(two, "quick", "02_b") is None
    after = results(two)
    assert after["results"] == before["results"] and after["answers"] == before["answers"]
    assert after["notebooks"]["01_a"] == before["notebooks"]["01_a"]
    assert page(two, "01_a.html") == old
    assert 'id="card-1-2"' in page(two, "index.html")


def test_a_removed_notebook_leaves_the_report(two):
    (two / "notebooks" / "01_a.ipynb").unlink()
    index.publish(two, "quick")
    out = two / "reports" / "quick"
    assert sorted(path.name for path in (out / "figures").iterdir()) == ["q2-1-fig.png"]
    assert set(results(two)["notebooks"]) == {"02_b"}
    assert not [path for path in out.rglob("01_a*")]


FULL = Path(__file__).resolve().parents[2] / "reports" / "full"


@pytest.fixture
def full(tmp_path, monkeypatch):
    """The committed report, with notebooks of its names that all fail."""
    shutil.copytree(FULL, tmp_path / "reports" / "full")
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


def test_a_folder_that_cannot_be_written_is_said_in_one_line(one, capsys):
    (one / "reports" / "full").write_text("a file where a folder should be")
    assert inputs.main(["full"], one) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(one / "reports" / "full") in said
