"""One notebook: every way to fail is noticed, said in one line, and changes nothing."""

import json

import execute
import inputs
import nbformat
import pytest
import run
import small_course
import store

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


def test_a_fault_of_the_claims_does_not_hide_the_notebooks_own(tmp_path, monkeypatch):
    def refuse(root, profile):
        raise run.claims.ClaimError("2.7: no number")

    monkeypatch.setattr(run.index, "publish", refuse)
    for own, whole in ((None, "2.7: no number"), ("cell x: no", "cell x: no; and 2.7: no number")):
        monkeypatch.setattr(run, "attempt", lambda *names, own=own: own)
        assert run.run(tmp_path, "quick", "01_a") == whole


def test_the_index_says_what_failed_and_shows_what_did_not(bad):
    root, faults = bad
    assert faults["12_good"] is None
    report = small_course.results(root)
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


@pytest.mark.parametrize("minor", [0, 4])
def test_old_notebooks_without_ids_run_and_are_up_to_date_after(one, minor):
    path = one / "notebooks" / "01_a.ipynb"
    nb = json.loads(path.read_text())
    nb["nbformat_minor"] = minor
    for cell in nb["cells"]:
        del cell["id"]
    path.write_text(json.dumps(nb))
    assert inputs.main(["quick"], one) == 0 and run.run(one, "quick", "01_a") is None
    html = (one / "reports" / "quick" / "01_a.html").read_text(encoding="utf-8")
    assert 'id="cell-1"' in html and '<h2 id="q1-1">' in html
    before = (one / "reports" / "quick" / "notebooks" / "01_a.inputs").stat().st_mtime_ns
    assert inputs.main(["quick"], one) == 0
    assert (one / "reports" / "quick" / "notebooks" / "01_a.inputs").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda nb: None, None),
        (lambda nb: nb.cells[-1].outputs.clear(), "did not live to the end"),
        (lambda nb: nb.cells.pop(), "did not live to the end"),
        (lambda nb: nb.cells[0].update(execution_count=None), "cell a: did not run"),
    ],
)
def test_every_mark_of_a_finished_run_is_asked_for(spoil, message):
    nb = nbformat.v4.new_notebook()
    nb.cells = [nbformat.v4.new_code_cell(id=i) for i in ("a", execute.END_ID)]
    for cell in nb.cells:
        cell.source, cell.execution_count = "1", 1
    nb.cells[-1].outputs = [nbformat.v4.new_output("stream", text="word\n")]
    spoil(nb)
    fault = execute.first_fault(nb, "word")
    assert fault is None if message is None else message in fault


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


def test_an_error_that_says_nothing_is_told_by_its_line():
    bare = ["\x1b[31m----> 5\x1b[0m assert ratio > 5", "\x1b[0m      6 x = 1", "AssertionError: "]
    output = nbformat.v4.new_output("error", ename="AssertionError", evalue="", traceback=bare)
    cell = nbformat.v4.new_code_cell("assert ratio > 5", outputs=[output], execution_count=1)
    assert execute.cell_fault(cell) == "AssertionError: assert ratio > 5"


# ---- checks of quick's runs ---------------------------------------------------------------------

CHECKS = {
    "q1_1_check": "assert profile == 'quick' and budget == 1",
    "q1_1_staff": "assert profile == 'quick' and budget == 1",
    "q1_1_task_check": "ran('task-check')",
}


@pytest.mark.parametrize(("profile", "budget"), [("quick", 1), ("full", 1), ("quick", 0.5)])
def test_full_and_fewer_epochs_pass_the_checks_of_quicks_runs_by(tmp_path, profile, budget):
    small_course.write(tmp_path, "01_a", small_course.cells("01_a", "1.1", **CHECKS))
    assert inputs.main([profile, "--budget", str(budget)], tmp_path) == 0
    assert run.run(tmp_path, profile, "01_a") is None
    assert small_course.ran(tmp_path) == ["01_a", "task-check"]
    path = tmp_path / "reports" / profile / "notebooks" / "01_a.ipynb"
    cells = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
    counts = {i: cells[i].execution_count for i in ("q1-1-check", "q1-1-staff")}
    passed_by = profile == "full" or budget < 1
    assert all((count is None) == passed_by for count in counts.values())
