"""What is cut from notebooks and from the library, and that nothing of it is in a release."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from answers import prepared, solution

from grading import course, cut, release

LIBRARY = sorted((course.ROOT / "course_lib").rglob("*.py"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    copied = release.COPIED
    release.COPIED = [name for name in copied if name not in ("data", "weights")]
    release.release(folder)
    release.COPIED = copied
    return folder


def texts(folder):
    for path in [*folder.rglob("*.py"), *folder.rglob("*.ipynb")]:
        if path.suffix == ".py":
            yield path, path.read_text()
        else:
            yield path, "\n".join(cell.source for cell in nbformat.read(path, 4).cells)


def test_no_line_of_any_region_of_a_notebook_is_in_its_release(made):
    for name, nb in course.notebooks().items():
        left = {line.strip() for line in said(made / "notebooks" / f"{name}.ipynb")}
        tasks = [cell for cell in nb.cells if course.is_task(cell)]
        others = "\n".join(c.source for c in nb.cells if not course.is_task(c)).splitlines()
        left -= {line.strip() for line in others}  # `with torch.no_grad():` stands anywhere
        assert tasks
        for cell in tasks:
            lines = [line.strip() for line in cut.regions(cell.source)]
            assert lines and not [s for s in lines if len(s) > 12 and s in left], cell.id


def said(path):
    return "\n".join(c.source for c in nbformat.read(path, 4).cells).splitlines()


def test_no_function_of_a_region_of_the_library_is_in_a_release_nor_any_mark(made):
    cut_away = 0
    for path in LIBRARY:
        place = made / "course_lib" / path.relative_to(course.ROOT / "course_lib")
        lines, text = cut.regions(path.read_text()), place.read_text()
        cut_away += len(lines)
        assert "BEGIN SOLUTION" not in text and "BEGIN ANSWER" not in text
        assert not [s for s in lines if len(s.strip()) > 12 and s in text.splitlines()], path
    assert cut_away > 5
    assert not any("SOLUTION" in text for _, text in texts(made))


def test_what_the_sandbox_mounts_lacks_the_answers_and_says_which_question_asks(tmp_path):
    release.for_grading(tmp_path / "course_lib")
    lines = [
        "from course_lib.models import gaussian, ae, vae, cvae, completion",
        "from course_lib.evaluation import edits, latents, class_code, interventions, stats",
        "import torch",
        "def stops(f, *given):",
        "    try: f(*given)",
        "    except NotImplementedError as error: return str(error)",
        "z = torch.zeros(2, 3)",
        "print(stops(gaussian.kl, z, z)); print(stops(edits.blend, z, z, 1))",
        "print(stops(ae.wide)); print(stops(stats.paired_ratio, [1], [2]))",
        "print(stops(interventions.swap, None, [], [], [0]))",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True,
        env={"PYTHONPATH": str(tmp_path), "PATH": "", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert [line.split()[1] for line in said] == ["2.1", "1.3", "1.2", "8.4", "8.5"]


def test_the_library_stays_python_whatever_is_cut():
    for path in LIBRARY:
        text = path.read_text()
        for kinds in (("SOLUTION",), ("SOLUTION", "ANSWER")):
            left = ast.parse(cut.without_solutions(text, cut.of_question, kinds))
            assert bool(left.body) == bool(text), path  # a function that loses its body has a stub


def test_a_release_has_no_cell_of_staff_no_output_and_no_count(made):
    for path in made.glob("notebooks/*.ipynb"):
        nb = nbformat.read(path, 4)
        nbformat.validate(nb)
        assert not any("staff" in cell.metadata.get("tags", []) for cell in nb.cells)
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in code)
        assert "course" not in nb.metadata


LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_every_link_of_a_release_leads_to_something_in_it(made):
    texts = {path: path.read_text() for path in made.rglob("*.md")}
    for path in made.glob("notebooks/*.ipynb"):
        cells = [c for c in nbformat.read(path, 4).cells if c.cell_type == "markdown"]
        texts[path] = "\n".join(cell.source for cell in cells)
    found = 0
    for path, text in texts.items():
        for link in LINK.findall(text):
            if "://" not in link:
                assert (path.parent / link.partition("#")[0]).exists(), f"{path.name}: {link}"
                found += 1
    assert found > 10


def test_no_released_notebook_leads_to_the_staff_s_own_or_names_a_target_that_is_not_there(made):
    targets = set(re.findall(r"^(\w+):", (release.OWN / "Makefile").read_text(), re.MULTILINE))
    for path in made.glob("notebooks/*.ipynb"):
        text = "\n".join(said(path))
        assert not re.search(r"colab|github\.io|Read the page", text, re.IGNORECASE), path.name
        assert "git clone" not in text
        assert set(re.findall(r"\bmake (\w+)`", text)) <= targets, path.name
        title = nbformat.read(path, 4).cells[0].source
        assert "**Time.**" in title and "\n\n\n" not in title


def test_every_question_hands_in_behind_its_checks_and_says_its_points(made):
    given = 0
    for name in course.notebooks():
        nb = nbformat.read(made / "notebooks" / f"{name}.ipynb", 4)
        ids = [cell.id for cell in nb.cells]
        for q in course.questions(prepared(name)):
            hand_in = ids.index(course.cell_id(q, "hand-in"))
            assert course.TASK.fullmatch(ids[hand_in - 1]) and ids.index(q.tasks[-1]) < hand_in
            about = nb.cells[hand_in].metadata.nbgrader
            assert about.grade and about.locked and about.points == q.points
            title = nb.cells[ids.index(course.cell_id(q, "task").removesuffix("-task"))].source
            assert f"({course.in_words(q.points + q.text)})" in title.splitlines()[0]
            given += q.points + q.text
            assert (course.cell_id(q, "text") in ids) == bool(q.text)
    assert given == sum(p["points"] + p.get("text", 0) for q, p in course.points().items()
                        if course.has_trial(q))  # fmt: skip


def test_all_points_are_a_hundred_and_rubrics_cover_their_texts():
    table = course.points()
    assert sum(p["points"] + p.get("text", 0) for p in table.values()) == 100
    for name, about in table.items():
        if "text" in about:
            assert about["ask"] and sum(about["rubric"].values()) == about["text"], name


def test_what_can_be_handed_in_makes_the_hundred():
    asked = [q for nb in course.notebooks().values() for q in course.questions(nb)]
    assert sum(q.points + q.text for q in asked) == 100
    assert len(course.notebooks()) == 8 and [q.name for q in asked] == list(course.points())


def test_a_text_question_does_not_show_the_staff_s_finding(made):
    nb = nbformat.read(made / "notebooks" / "02_vae.ipynb", 4)
    ids = {cell.id for cell in nb.cells}
    assert not {"q2-6-see", "q2-6-answer", "q2-6-check"} & ids
    assert {"q2-6-ask", "q2-6-text", "q2-5-answer"} <= ids


def test_the_release_filled_with_the_staff_s_bodies_is_the_prepared_notebook(made):
    for name in course.notebooks():
        nb, whole = nbformat.read(made / "notebooks" / f"{name}.ipynb", 4), prepared(name)
        filled = {cell.id: solution(name).get(cell.id, cell.source) for cell in nb.cells}
        assert filled == {cell.id: cell.source for cell in whole.cells}


def test_nbgrader_s_own_command_gives_the_same_notebooks(made, tmp_path):
    pytest.importorskip("nbgrader", reason="nbgrader is not installed: its release is not compared")
    for name in course.notebooks():
        place = tmp_path / "source" / "ps1" / f"{name}.ipynb"
        place.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(prepared(name), place)
    (tmp_path / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'c'\n"
    )
    words = ["generate_assignment", "ps1", "--create", "--force"]
    command = [sys.executable, "-c", "from nbgrader.apps.nbgraderapp import main; main()", *words]
    places = [str(Path(sys.executable).parent), os.environ["PATH"]]  # it calls alembic by name
    env = os.environ | {"PATH": os.pathsep.join(places)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    for name in course.notebooks():
        theirs = nbformat.read(tmp_path / "release" / "ps1" / f"{name}.ipynb", 4)
        ours = nbformat.read(made / "notebooks" / f"{name}.ipynb", 4)
        assert cells(theirs) == cells(ours)


def cells(nb):
    return [(c.cell_type, c.source, json.loads(json.dumps(c.metadata))) for c in nb.cells]


@pytest.mark.parametrize(
    "source",
    ["### BEGIN SOLUTION", "### END SOLUTION", "### BEGIN SOLUTION\n### BEGIN SOLUTION",
     "### BEGIN SOLUTION\n### END ANSWER", "### BEGIN ANSWER\nx\n### END SOLUTION"],
)  # fmt: skip
def test_marks_that_are_not_in_pairs_are_refused(source):
    with pytest.raises(ValueError, match="BEGIN"):
        cut.without_solutions(source)


def test_a_region_becomes_a_stub_at_its_indent_and_text_around_it_stays():
    region = "    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n"
    assert cut.without_solutions(f"def f():\n    '''What.'''\n{region}x = 1") == (
        "def f():\n    '''What.'''\n    # YOUR CODE HERE\n    raise NotImplementedError()\nx = 1"
    )


def test_a_notebook_in_the_old_form_is_not_yet_of_the_class():
    old = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1", id="q9-1-check")])
    assert course.questions(old) == []
    assert set(course.notebooks()) <= {p.stem for p in (course.ROOT / "notebooks").glob("*.ipynb")}
