"""What people hand in: every layout is read, and nothing in it can hurt or get lost."""

import io
import json
import os
import zipfile

import nbformat
import pytest
from answers import as_notebook, prepared, solution

from grading import course, files, submissions

NAMES = ("01_autoencoder", "02_vae")


@pytest.fixture(scope="module")
def notebooks():
    return {name: prepared(name) for name in NAMES}


@pytest.fixture(scope="module")
def good():
    """The text of a good submission of 02, its outputs gone so that it is small."""
    nb = as_notebook("02_vae", solution("02_vae") | {"q2-6-text": "It grew."})
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    return nbformat.writes(nb)


def zipped(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file.getvalue()


def put(folder, **files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def found(path, notebooks):
    return {(s.student, s.notebook): s for s in submissions.submissions(path, notebooks)}


@pytest.mark.parametrize(
    ("place", "student"),
    [
        ("ada-02_vae.ipynb", "ada"),
        ("ada/02_vae.ipynb", "ada"),
        ("submitted/ada/ps1/02_vae.ipynb", "ada"),
        ("Ada Lovelace_4711_assignsubmission_file/02_vae.ipynb", "Ada Lovelace_4711"),
        ("Ada Lovelace_4711_assignsubmission_file_/sub/my.ipynb", "Ada Lovelace_4711"),
        ("lovelaceada_88123_991234_02_vae-1.ipynb", "lovelaceada_88123"),
        ("lovelaceada_LATE_88123_991234_02_vae.ipynb", "lovelaceada_88123"),
        ("submission_1234567/02_vae.ipynb", "submission_1234567"),
    ],
)
def test_every_layout_says_whose_it_is_as_a_folder_and_as_a_zip_file(
    place, student, tmp_path, notebooks, good
):
    put(tmp_path / "class", **{place: good})
    assert list(found(tmp_path / "class", notebooks)) == [(student, "02_vae")]
    put(tmp_path, **{"class.zip": zipped(**{place: good})})
    if place != "ada-02_vae.ipynb":  # one notebook in a zip file is of whom the zip file names
        assert list(found(tmp_path / "class.zip", notebooks)) == [(student, "02_vae")]


def test_a_zip_file_in_a_student_s_folder_is_theirs(tmp_path, notebooks, good):
    put(tmp_path, **{"ada/work.zip": zipped(**{"x/02_vae.ipynb": good})})
    assert list(found(tmp_path, notebooks)) == [("ada", "02_vae")]


def test_one_notebook_is_graded_by_its_own_name(tmp_path, notebooks, good):
    put(tmp_path, **{"ada.ipynb": good})
    (only,) = submissions.submissions(tmp_path / "ada.ipynb", notebooks)
    assert only.student == "ada" and only.given["q2-6-text"] == "It grew." and not only.fault


def test_the_latest_of_several_counts(tmp_path, notebooks, good):
    put(tmp_path, **{"ada/02_vae.ipynb": good, "ada/02_vae-2.ipynb": good.replace("grew", "fell")})
    os.utime(tmp_path / "ada/02_vae.ipynb", (1, 1))
    (only,) = submissions.submissions(tmp_path, notebooks)
    assert only.given["q2-6-text"] == "It fell."


def changed(good, change):
    nb = json.loads(good)
    for cell in nb["cells"]:
        change(cell)
    return json.dumps(nb)


def test_only_answer_cells_are_taken_whatever_else_was_changed(tmp_path, notebooks, good):
    def spoil(cell):
        about = cell["metadata"].get("nbgrader", {})
        if about.get("grade"):
            about["points"], cell["source"] = 100, "print('100 of 100')"
        elif not about.get("solution"):
            cell["source"] = "import os; os._exit(0)" if cell["cell_type"] == "code" else "changed"

    put(tmp_path, **{"ada.ipynb": changed(good, spoil)})
    (only,) = submissions.submissions(tmp_path, notebooks)
    assert {k: v for k, v in only.given.items() if "task" in k} == solution("02_vae")


def test_a_copied_cell_stands_below_its_original_which_counts(tmp_path, notebooks, good):
    nb = json.loads(good)
    place = next(i for i, c in enumerate(nb["cells"]) if c["id"] == "q2-1-task")
    copy = json.loads(json.dumps(nb["cells"][place])) | {"id": "new", "source": "worse"}
    nb["cells"].insert(place + 1, copy)
    put(tmp_path, **{"ada.ipynb": json.dumps(nb)})
    (only,) = submissions.submissions(tmp_path, notebooks)
    assert only.given["q2-1-task"] == solution("02_vae")["q2-1-task"]


def without_ids(cell):
    cell.pop("id", None)


def without_metadata(cell):
    cell["metadata"] = {}


def without_both(cell):
    cell.pop("id", None)
    cell["metadata"] = {}


@pytest.mark.parametrize("change", [without_ids, without_metadata, without_both])
def test_cells_are_known_by_grade_id_else_by_id_else_by_their_functions(
    change, tmp_path, notebooks, good
):
    put(tmp_path, **{"02_vae.ipynb": changed(good, change)})
    (only,) = submissions.submissions(tmp_path, notebooks)
    assert {k: v for k, v in only.given.items() if "task" in k} == solution("02_vae")


def test_a_notebook_of_format_3_is_read(tmp_path, notebooks, good):
    nb = json.loads(good)
    for cell in nb["cells"]:
        cell["input" if cell["cell_type"] == "code" else "source"] = cell.pop("source")
    old = {"nbformat": 3, "worksheets": [{"cells": nb["cells"]}], "metadata": {}}
    put(tmp_path, **{"02_vae.ipynb": json.dumps(old)})
    (only,) = submissions.submissions(tmp_path, notebooks)
    assert {k: v for k, v in only.given.items() if "task" in k} == solution("02_vae")


BAD = {
    "not JSON": b"nothing",
    "empty": b"",
    "bytes": bytes(range(256)),
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "a number": b"7",
    "cells that are none": b'{"cells": 7}',
    "cells of nothing": b'{"cells": [null, 3, {"metadata": 3, "source": {"a": 1}}]}',
    "worksheets that are none": b'{"worksheets": [{"cells": null}]}',
    "no cell of the course": b'{"cells": []}',
    "200 MB": b" " * (200 << 20),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_read_has_a_row_that_says_why(kind, tmp_path, notebooks, good):
    put(tmp_path, **{"bad-02_vae.ipynb": BAD[kind], "good-02_vae.ipynb": good})
    rows = found(tmp_path, notebooks)
    assert set(rows) == {("bad", "02_vae"), ("good", "02_vae")}
    assert rows["bad", "02_vae"].fault and not rows["good", "02_vae"].fault


def test_links_pipes_and_folders_named_like_notebooks_are_not_followed(tmp_path, notebooks, good):
    put(tmp_path, **{"secret/02_vae.ipynb": good, "class/good-02_vae.ipynb": good})
    folder = tmp_path / "class"
    (folder / "link-02_vae.ipynb").symlink_to(tmp_path / "secret" / "02_vae.ipynb")
    (folder / "passwd.ipynb").symlink_to("/etc/passwd")
    (folder / "linked").symlink_to(tmp_path / "secret")
    (folder / "folder.ipynb").mkdir()
    os.mkfifo(folder / "pipe-02_vae.ipynb")
    rows = found(folder, notebooks)
    assert {s for s, _ in rows} == {"good", "link", "passwd", "pipe"}
    assert [s for (s, _), row in rows.items() if not row.fault] == ["good"]


def test_a_zip_bomb_and_a_zip_file_that_is_none_are_refused(tmp_path, notebooks, good):
    bomb = zipped(**{"bomb-02_vae.ipynb": b"0" * (300 << 20)})
    assert len(bomb) < 1 << 20
    put(tmp_path, **{"ada/bomb.zip": bomb, "bob/none.zip": b"PK nothing", "eve/02_vae.ipynb": good})
    rows = found(tmp_path, notebooks)
    assert [s for (s, _), row in rows.items() if not row.fault] == ["eve"]
    assert {s for s, _ in rows} == {"ada", "bob", "eve"}


def test_a_zip_file_that_lies_about_its_sizes_is_refused(tmp_path, notebooks, good):
    bomb = bytearray(zipped(**{"02_vae.ipynb": b"0" * (300 << 20)}))
    for start in (bomb.find(b"PK\x01\x02") + 24, bomb.find(b"PK\x03\x04") + 22):
        bomb[start : start + 4] = (1000).to_bytes(4, "little")  # the size it says it has
    put(tmp_path, **{"ada/bomb.zip": bytes(bomb)})
    (only,) = submissions.submissions(tmp_path, notebooks)
    assert only.fault


def test_many_small_files_in_a_zip_file_are_refused(tmp_path, notebooks):
    many = zipped(**{f"{i}.ipynb": "{}" for i in range(files.MOST_MEMBERS + 1)})
    put(tmp_path, **{"ada.zip": many})
    (only,) = submissions.submissions(tmp_path, notebooks)
    assert "files" in only.fault


def test_names_that_climb_lead_nowhere(tmp_path, notebooks, good):
    climbing = zipped(**{"../../../etc/02_vae.ipynb": good, "/elsewhere/02_vae.ipynb": good})
    put(tmp_path, **{"ada.zip": climbing})
    rows = found(tmp_path, notebooks)
    assert {s for s, _ in rows} == {"etc", "elsewhere"} and not any(r.fault for r in rows.values())
    assert [p.name for p in tmp_path.iterdir()] == ["ada.zip"]


def test_a_name_with_a_newline_or_markup_is_only_a_name(tmp_path, notebooks, good):
    name = "a\nb<script>alert(1)</script>=cmd"
    put(tmp_path, **{f"{name.replace('/', '')}-02_vae.ipynb": good})
    (only,) = submissions.submissions(tmp_path, notebooks)
    assert only.student.startswith("a\nb<script>")
    from grading import records

    place = records.folder(tmp_path, only.student)
    assert place.parent == tmp_path / "students" and "\n" not in place.name


def test_two_students_never_share_a_folder(tmp_path):
    from grading import records

    names = ["Ada L", "Ada/L", "Ada-L", "..", "../..", "", "Ädä", "Ödö", "x" * 300, "x" * 301]
    places = {records.folder(tmp_path, name) for name in names}
    assert len(places) == len(names)
    assert all(place.parent == tmp_path / "students" and len(place.name) < 60 for place in places)


def test_a_sheet_or_register_holds_no_formula():
    from grading import marking

    for name in ("=1+1", "+1", "-1", "@x", "\tx", "=HYPERLINK(1)"):
        assert not marking.harmless(name).startswith(("=", "+", "-", "@", "\t"))
    assert marking.harmless("Ada") == "Ada"


def test_a_question_without_a_task_cell_in_the_notebook_is_nobody_s(notebooks):
    assert all(course.questions(nb) for nb in notebooks.values())


def test_a_notebook_that_is_none_of_the_course_is_not_taken_for_the_first(
    tmp_path, notebooks, good
):
    put(tmp_path, **{"eve/homework.ipynb": '{"cells": []}', "eve/02_vae.ipynb": good})
    rows = found(tmp_path, notebooks)
    assert set(rows) == {("eve", ""), ("eve", "02_vae")} and not rows["eve", "02_vae"].fault
    assert "no answer cell" in rows["eve", ""].fault


def test_who_handed_in_no_notebook_is_known_by_what_lies_there(tmp_path, notebooks, good):
    folder = tmp_path / "class"
    put(folder, **{"ada/02_vae.ipynb": good, "ada/notes.txt": "", "fay/02_vae.txt": "x"})
    put(folder, **{"notes.txt": "x", "gus_12_assignsubmission_file/report.pdf": "x"})
    put(folder, **{"hal/work.zip": zipped(**{"a/report.pdf": "x"}), "ivo/.DS_Store": ""})
    put(folder, **{"submitted/kim/ps1/timestamp.txt": "x"})
    for name in ("dan", "submitted/lea/ps1"):
        (folder / name).mkdir(parents=True)
    expected = {"notes.txt": [], "fay": ["02_vae.txt"], "gus_12": ["report.pdf"], "dan": ["empty"]}
    expected |= {"hal": ["report.pdf"], "ivo": ["empty"]}
    expected |= {"kim": ["timestamp.txt"], "lea": ["empty"]}
    rows = submissions.submissions(folder, notebooks)
    assert submissions.without_notebook(folder, rows, notebooks) == expected
    whole = zipped(
        **{"ada/02_vae.ipynb": good, "fay/02_vae.txt": "x", "dan/": "", "__MACOSX/x": ""}
    )
    put(tmp_path, **{"class.zip": whole})
    rows = submissions.submissions(tmp_path / "class.zip", notebooks)
    left = submissions.without_notebook(tmp_path / "class.zip", rows, notebooks)
    assert left == {"fay": ["02_vae.txt"], "dan": ["empty"]}


@pytest.mark.parametrize("name", ["notes.txt", "bad.zip", "link"])
def test_what_is_no_class_is_refused_and_no_student(name, tmp_path, notebooks, good):
    put(tmp_path, **{"notes.txt": "x", "bad.zip": "x", "class/02_vae.ipynb": good})
    (tmp_path / "link").symlink_to(tmp_path / "class")
    with pytest.raises(submissions.Refused, match=name):
        submissions.submissions(tmp_path / name, notebooks)
