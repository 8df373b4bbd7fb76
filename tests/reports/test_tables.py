"""RESULTS.md and the README's table are made of claims.toml and the ledger, and stay in step."""

import json
import re
from pathlib import Path

import index
import pytest
import store
import tables
from notebook_rules import POINTS

from course_lib.course import claims

ROOT = Path(__file__).resolve().parents[2]
FULL = ROOT / "reports" / "full"
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")
QUESTIONS = [question for points in POINTS.values() for question in points]


def answers():
    """The full report's answers, {question: answer}, joined with claims.toml as it is now."""
    parts = [store.read_part(FULL, path.stem) for path in sorted(FULL.glob("results/*.json"))]
    return index.answers_of(parts, "full", claims.load(ROOT / "reports" / "claims.toml"))


def test_the_ledger_is_joined_with_the_claims_of_today():
    kept = json.loads((FULL / "results.json").read_text(encoding="utf-8"))["answers"]
    assert kept == answers(), "run `make results`"


def test_results_md_is_what_claims_and_ledger_make():
    text = (FULL / "RESULTS.md").read_text(encoding="utf-8")
    assert text == tables.results_page(answers()), "run `make results`"


def test_the_readme_has_the_table_that_claims_and_ledger_make():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text == tables.with_table(text, tables.front_table(answers())), "run `make results`"
    assert tables.front_table(answers()).count("\n") == 2 + 10


def test_every_question_has_its_claim_and_its_cell():
    known = claims.load(ROOT / "reports" / "claims.toml")
    assert list(known) == QUESTIONS == list(answers())
    for question, table in known.items():
        assert table.get("full", {}).get("short"), f"{question} has no short text"


def test_every_number_of_the_ledger_lies_within_its_bounds():
    assert {q: a["notes"] for q, a in answers().items() if a["notes"]} == {}


def typed_elsewhere(short, *texts):
    """The numbers typed in a short text, not put in by name, that stand in none of the texts."""
    typed = set(NUMBER.findall(re.sub(r"{[^}]*}", "", short)))
    return sorted(typed - set(NUMBER.findall(" ".join(texts))))


@pytest.mark.parametrize("question", QUESTIONS)
def test_numbers_typed_in_a_short_text_stand_in_the_answer(question):
    """An answer of the first version keeps no numbers by name, so its short text has them typed."""
    short = claims.of(question, "full", claims.load(ROOT / "reports" / "claims.toml"))["short"]
    answer = answers()[question]
    part = json.loads((FULL / "results" / f"{answer['notebook']}.json").read_text(encoding="utf-8"))
    kept = next(a for a in part["answers"] if a["question"] == question)
    assert typed_elsewhere(short, answer["claim"], kept["answer"], kept.get("ours", "")) == []


ANSWER = {
    "question": "2.3",
    "title": "Ten | pairs",
    "source": "S1",
    "claim": "It is | 0.02.",
    "ours": "MSE 0.0061",
    "answer": "The MSE is 0.0061.",
    "verdict": "beaten",
    "reason": "Ours is\nlower.",
    "front": True,
}


def test_a_row_holds_claim_ours_and_verdict_in_one_line():
    plain = ANSWER | {"claim": "", "verdict": "no claim", "front": False}
    page = tables.results_page({"2.3": ANSWER, "2.10": plain})
    row = "| 2.3 | S1: It is \\| 0.02. | MSE 0.0061 | **beaten** Ours is lower. |\n"
    assert row in page and "| 2.10 | – | MSE 0.0061 | – |\n" in page
    assert "**2.3 · Ten | pairs.** The MSE is 0.0061.\n" in page
    front = tables.front_table({"2.3": ANSWER, "2.10": plain})
    assert front.splitlines()[2:] == ["| 2.3 | S1: It is \\| 0.02. | MSE 0.0061 | beaten |"]


def test_a_typed_number_that_the_answer_does_not_have_is_noticed():
    assert typed_elsewhere("{mse:.7f} 0.01, 2 of 2x2", "0.01", "it is 3") == ["2"]


@pytest.mark.parametrize("key", ["claim", "ours"])
def test_a_long_cell_of_the_front_table_is_refused(key):
    tables.front_table({"2.3": ANSWER | {key: "word " * 12}})
    with pytest.raises(claims.ClaimError, match="2.3: more than 12 words in 'word word"):
        tables.front_table({"2.3": ANSWER | {key: "word " * 13}})


def test_the_table_goes_between_its_marks_and_nowhere_else():
    text = f"a\n{tables.BEGIN}\nold\n{tables.END}\nb"
    assert tables.with_table(text, "new\n") == f"a\n{tables.BEGIN}\nnew\n{tables.END}\nb"
    for spoilt in ("a", text.replace(tables.END, ""), text + tables.BEGIN):
        with pytest.raises(claims.ClaimError, match="README.md needs <!-- results:begin -->"):
            tables.with_table(spoilt, "new\n")


def test_a_number_outside_its_bounds_would_be_noticed():
    kept = {"question": "2.3", "answer": "", "numbers": {"mse": 0.9}, "notes": []}
    part = {"about": {"questions": []}, "answers": [kept]}
    table = {"verdict": "open", "reason": "r", "finding": "{mse}", "bounds": {"mse": [0, 0.5]}}
    joined = index.answers_of([part], "full", {"2.3": {"full": table}})
    assert joined["2.3"]["notes"] == ["mse is 0.9, and the answer rests on 0 to 0.5"]
