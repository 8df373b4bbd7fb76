"""What a class gets, without any kernel: marks are merged, pages escaped, like answers shown."""

import csv
import json
from xml.etree import ElementTree

import pytest
from answers import solution
from made_records import NAME, published, record, rows

from grading import cut, marking, pages, publish, records, similar, work

EVIL = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\x1b[31m\x07</pre>"


def test_every_student_has_a_row_a_page_and_results_and_texts_wait_for_their_marks(tmp_path):
    table = published(tmp_path, record("ada", text="It grew."), record("bob", 0.0))
    assert (table["ada"]["points"], table["ada"]["of"]) == ("14", "16")
    assert table["ada"]["2.6 text"] == "" and table["ada"]["complete"] == "no"
    assert table["bob"]["2.6 text"] == "0" and table["bob"]["complete"] == "yes"
    place = records.folder(tmp_path, "ada")
    results = json.loads((place / "results.json").read_text())
    assert results["score"] == 14 and len(results["tests"]) == 8
    (text,) = [t for t in results["tests"] if t["name"] == "2.6 text"]
    assert "score" not in text and "not marked" in text["output"]
    assert all(t["output_format"] == "text" for t in results["tests"])
    suite = ElementTree.fromstring((place / "junit.xml").read_text())
    assert len(suite.findall("testcase")) == 8 and len(suite.findall("testcase/skipped")) == 1
    assert "14 of 16" in (place / "feedback.html").read_text()


def mark(path, values, remark="see me", mark=",", encoding=None):
    sheet = rows(path)
    for row in sheet:
        row["deduction"] = values.get(row["line"], row["deduction"])
        row["remark"] = remark
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, marking.COLUMNS, delimiter=mark)
        writer.writeheader()
        writer.writerows(sheet)


def test_marks_are_merged_by_student_and_question_and_survive(tmp_path):
    made = [record("ada", text="It grew."), record("bob", text="It fell."), record("eve")]
    published(tmp_path, *made)
    assert {r["student"] for r in rows(tmp_path / "marking.csv")} == {"ada", "bob"}
    mark(tmp_path / "marking.csv", {"observed": "0.5", "evidence": "0,25"})
    assert published(tmp_path, *made)["ada"]["2.6 text"] == ""  # one line is still empty
    mark(tmp_path / "marking.csv", {"limits": "0"})
    for _ in range(2):  # written anew, it says the same
        table = published(tmp_path, *reversed(made))
        assert table["ada"]["2.6 text"] == "1.25" and table["ada"]["points"] == "15.25"
    page = (records.folder(tmp_path, "ada") / "feedback.html").read_text()
    assert "see me" in page and "observed: -0.5" in page


@pytest.mark.parametrize("how", [(";", "utf-8-sig"), (";", None), ("\t", None), (",", "utf-8-sig")])
def test_a_sheet_is_read_as_spreadsheets_save_it(how, tmp_path):
    made, path = record("ada", text="It grew; so, much."), tmp_path / "marking.csv"
    published(tmp_path, made)
    mark(path, {"observed": "0,5", "evidence": "0", "limits": "0"}, "why, ä; and so on", *how)
    if how[0] == ";":
        path.write_bytes(path.read_bytes().replace(b"0.5", b"0,5"))  # what a line costs, too
    assert published(tmp_path, made)["ada"]["2.6 text"] == "1.5"
    assert {row["remark"] for row in rows(path)} == {"why, ä; and so on"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"student,question,line,at most,remark,text\n", "has no column deduction: write it"),
        (b"", "has no column student, question, line"),
        ("student,question,line,at most,deduction,remark\nä".encode("latin-1"), "CSV UTF-8"),
    ],
)
def test_a_file_that_is_no_sheet_is_named_with_the_cure(content, said, tmp_path):
    (tmp_path / "marking.csv").write_bytes(content)
    with pytest.raises(ValueError, match=said) as failed:
        published(tmp_path, record("ada", text="It grew."))
    assert str(tmp_path / "marking.csv") in str(failed.value) and "\n" not in str(failed.value)


@pytest.mark.parametrize("value", ["-1", "3", "two", "nan", "1e9"])
def test_a_deduction_that_cannot_be_is_refused_with_its_place(value, tmp_path):
    published(tmp_path, record("ada", text="It grew."))
    mark(tmp_path / "marking.csv", {"evidence": value})
    with pytest.raises(ValueError, match="ada, question 2.6, evidence"):
        published(tmp_path, record("ada", text="It grew."))


def test_what_a_student_wrote_is_text_everywhere(tmp_path):
    cell = {"question": "2.1", "part": "task", "source": EVIL, "outputs": EVIL}
    made = record(EVIL, 0.0, text=EVIL, reason=EVIL, shown=[cell])
    published(tmp_path, made, record("=cmd()", text="+1"))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "\x1b" not in text and "\x07" not in text, path
            if path.suffix == ".html":
                assert "<script" not in text and "<img src=x" not in text, path
    assert all(not r["student"].startswith("=") for r in rows(tmp_path / "grades.csv"))
    assert all(not r["text"].startswith("+") for r in rows(tmp_path / "marking.csv"))
    ElementTree.fromstring((records.folder(tmp_path, EVIL) / "junit.xml").read_text())


def test_unsafe_prints_itself_into_every_result(tmp_path):
    table = published(tmp_path, record("ada", unsafe=True))
    assert "without a sandbox" in table["ada"]["remark"]
    place = records.folder(tmp_path, "ada")
    for name in ("results.json", "junit.xml", "feedback.html"):
        assert "without a sandbox" in (place / name).read_text(), name
    assert "without a sandbox" in (tmp_path / "class.html").read_text()


def test_answers_that_are_the_same_but_for_names_and_layout_are_shown():
    source = (
        "def kl(a, b):\n    total = (a - b).square().sum(1)\n    return total / 2 + b.exp().sum(1)"
    )
    other = "def kl(x, y):  # mine\n    s = (x-y).square().sum(1)\n\n    return s/2+y.exp().sum(1)"
    apart = source.replace("/ 2", "/ 3")
    given = {"ada": {"c": source}, "bob": {"c": other}, "eve": {"c": apart}, "x": {"c": "def ("}}
    assert similar.pairs(given, {}) == [("ada", "bob", ["c"])]
    assert similar.pairs(given, {"c": source}) == []
    assert similar.pairs(given | {f"s{i}": {"c": source} for i in range(5)}, {}) == []


def test_untouched_cells_of_a_release_are_no_answers_that_are_the_same():
    made = [record("ada"), record("bob")]
    for one in made:
        one["notebooks"][NAME]["tasks"] = {
            i: cut.without_solutions(source) for i, source in solution(NAME).items()
        }
    assert any(map(similar.normal, made[0]["notebooks"][NAME]["tasks"].values()))
    assert publish.alike(made) == []


def test_each_notebook_that_failed_as_a_whole_says_why(tmp_path):
    first = "01_autoencoder"
    empty = record("ada", 0.0, reason="the notebook is empty")
    both = empty["notebooks"] | record("", 0.0, reason="not handed in", name=first)["notebooks"]
    one = record("bob")["notebooks"] | record("", 0.0, reason="no cell", name=first)["notebooks"]
    same = {n: record("", 0.0, reason="lost", name=n)["notebooks"][n] for n in (NAME, first)}
    made = [empty | {"notebooks": both}, record("bob") | {"notebooks": one}]
    table = published(tmp_path, *made, record("eve") | {"notebooks": same})
    said = [table[student]["remark"] for student in ("ada", "bob", "eve")]
    assert said[0] == f"{NAME}: the notebook is empty; {first}: not handed in"
    assert said[1:] == [f"{first}: no cell", "lost"]
    assert said[0] in (tmp_path / "class.html").read_text()


def test_a_page_says_what_was_not_handed_in_and_which_text_is_empty():
    first, made = "01_autoencoder", record("ada", text="YOUR ANSWER HERE")
    lost = work.broken(work.job("ada", {first: work.missing()}), "disk full")
    page = pages.feedback(made | {"notebooks": made["notebooks"] | lost["notebooks"]}, [], False)
    assert "Taken from <code>ada.ipynb</code>." in page and page.count("Taken from") == 1
    assert page.count("Not handed in.") == 1
    assert page.count("No text.") == 1 and "YOUR ANSWER HERE" not in page


def test_a_wrong_answer_that_calls_a_wrong_one_says_so(tmp_path):
    made = record("ada")
    found = made["notebooks"][NAME]
    found["tasks"] = solution(NAME)
    for question, share in (("2.1", 0.5), ("2.2", 0.5), ("2.7", 0.5)):
        found["verdicts"][question]["share"] = share
    said = {r["question"]: r["output"] for r in records.tests(made, lambda q, n: (None, n, ""))}
    assert "It calls kl, of question 2.1: mend that first." in said["2.2"]
    assert "It calls" not in said["2.1"] + said["2.7"]
