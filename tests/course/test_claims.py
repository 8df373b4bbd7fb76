"""claims.toml: read whole or refused by a line that says which table and why."""

import pytest

from course_lib.course import claims

GOOD = """
["2.3"]
source = "S1"
claim = "It is 0.02."
title = "A title"
["2.3".quick]
verdict = "beaten"
reason = "ours is lower"
bounds = {mse = [0.005, 0.007]}
short = "MSE {mse:.3f}"
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """written(text): the claims.toml that is read from now on."""
    path = tmp_path / "claims.toml"
    monkeypatch.setattr(claims, "claims_file", lambda: path)
    return path.write_text


def test_a_question_is_read_with_every_key(written):
    written(GOOD)
    result = claims.of("2.3", "quick")
    assert result["source"] == "S1" and result["verdict"] == "beaten"
    assert result["bounds"] == {"mse": [0.005, 0.007]} and result["finding"] == ""
    assert result["front"] is False and set(result) == {*claims.QUESTION, *claims.PROFILE}


def test_what_is_not_written_of_a_profile_or_a_question_is_no_claim(written):
    written(GOOD)
    assert claims.of("2.3", "full")["verdict"] == "no claim"
    assert claims.of("2.3", "full")["claim"] == "It is 0.02."
    assert claims.of("9.1", "quick")["claim"] == "" == claims.of("9.1", "quick")["short"]


def test_without_the_file_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "claims_file", lambda: tmp_path / "none.toml")
    assert claims.load() == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("source =", "sauce =", '["2.3"]: there is no key sauce; known: '),
        ('["2.3".quick]', '["2.3".quik]', '["2.3"]: there is no key quik'),
        ("reason =", "because =", '["2.3"].quick: there is no key because'),
        ('"beaten"', '"won"', '["2.3"].quick: the verdict must be one of reproduced, beaten'),
        ('verdict = "beaten"\n', "", '["2.3"].quick: the verdict must be one of'),
        ('"ours is lower"', '" "', '["2.3"].quick: a verdict needs its reason'),
        ('reason = "ours is lower"\n', "", '["2.3"].quick: a verdict needs its reason'),
        ("[0.005, 0.007]", "[0.007, 0.005]", "bounds of mse must be [low, high]"),
        ("[0.005, 0.007]", "[0.007]", "bounds of mse must be [low, high]"),
        ("[0.005, 0.007]", "0.007", "bounds of mse must be [low, high]"),
        ("[0.005, 0.007]", '["a", "b"]', "bounds of mse must be [low, high]"),
        ("{mse = [0.005, 0.007]}", '"mse"', '["2.3"].quick: bounds must be a table'),
        ("A title", "A title\n", "claims.toml: "),
        ('["2.3".quick]', '["2.3"]\nquick = 3\n[x]', "claims.toml: "),
        ('["2.3".quick]', "quick = 3\n[x]", '["2.3"]: quick must be a table'),
        ('title = "A title"', "front = 1", '["2.3"]: front must be true or false'),
        ("MSE {mse:.3f}", "word " * 13, '["2.3"].quick: short has more than 12 words'),
        ('["2.3"]', "quick = 3\n['2.3']", '["quick"] must be a table'),
        ('title = "A title"', "title = 3", '["2.3"]: title must be text'),
        ('"MSE {mse:.3f}"', "0.3", '["2.3"].quick: short must be text'),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_name(written, old, new, message):
    assert old in GOOD
    written(GOOD.replace(old, new))
    with pytest.raises(claims.ClaimError) as caught:
        claims.load()
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_no_claim_needs_no_reason(written):
    written(GOOD.replace('"beaten"', '"no claim"').replace("ours is lower", ""))
    assert claims.of("2.3", "quick")["verdict"] == "no claim"


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (0.005, []),
        (0.007, []),
        (0.0049, ["mse is 0.0049, and the answer rests on 0.005 to 0.007"]),
        (0.5, ["mse is 0.5, and the answer rests on 0.005 to 0.007"]),
        (None, ["mse was not measured"]),
    ],
)
def test_a_number_outside_its_bounds_is_said(value, lines):
    assert claims.outside({"mse": [0.005, 0.007]}, {"mse": value, "n": 3}) == lines
    assert claims.outside({}, {"mse": value}) == []


# ---- joined with what a notebook kept -----------------------------------------------------------

KEPT = {"kind": "answer", "question": "2.3", "answer": "It is 0.006.", "numbers": {"mse": 0.006}}
FULL = """
["2.3".full]
finding = "On CelebA {mse:.4f}."
verdict = "open"
reason = "One seed."
"""
FIRST = {
    "kind": "answer",
    "question": "2.3",
    "title": "t",
    "answer": "It was so.",
    "ours": "MSE 0.1",
    "claim": "old",
    "source": "S9",
    "verdict": "refuted",
    "figure": "q2-3-old",
}


def test_a_kept_answer_gets_the_claim_the_verdict_and_the_short_text_of_today(written):
    written(GOOD)
    result = claims.joined(KEPT, "quick")
    assert result["answer"] == "It is 0.006." and result["ours"] == "MSE 0.006"
    assert result["verdict"] == "beaten" and result["reason"] == "ours is lower"
    assert result["source"] == "S1" and result["notes"] == []
    written(GOOD.replace('"beaten"', '"refuted"').replace("0.007]", "0.0055]"))
    result = claims.joined(KEPT, "quick")
    assert result["verdict"] == "refuted" and result["notes"][0].startswith("mse is 0.006, and")


def test_full_has_its_own_finding_and_verdict(written):
    written(GOOD + FULL)
    result = claims.joined(KEPT, "full")
    assert result["answer"] == "On CelebA 0.0060." and result["verdict"] == "open"
    written(GOOD)
    assert claims.joined(KEPT, "full")["answer"].startswith("Nothing has been written")


def test_an_answer_of_the_first_version_keeps_what_claims_does_not_say(written):
    written("")
    assert claims.joined(FIRST, "full") == FIRST | {
        "numbers": {},
        "notes": [],
        "reason": "",
        "front": False,
    }
    written(GOOD + FULL)
    result = claims.joined(FIRST, "full")
    assert (result["claim"], result["source"]) == ("It is 0.02.", "S1")
    assert (result["verdict"], result["reason"]) == ("open", "One seed.")
    assert (result["ours"], result["answer"], result["figure"]) == (
        "MSE 0.1",
        "It was so.",
        "q2-3-old",
    )
    written((GOOD + FULL).replace('"One seed."', '"One seed."\nshort = "one seed"'))
    assert claims.joined(FIRST, "full")["ours"] == "one seed"
    assert claims.joined(FIRST, "quick")["ours"] == "MSE 0.1"  # its short asks for a named number


def test_a_short_text_that_asks_for_what_was_not_kept_is_refused(written):
    written(GOOD.replace("{mse:.3f}", "{error:.3f}"))
    with pytest.raises(claims.ClaimError, match="2.3, short: the text asks for error, not given"):
        claims.joined(KEPT, "quick")


def test_an_answer_in_words_says_what_there_is_to_say(written):
    written(GOOD.replace("0.007]", "0.0055]"))
    words = claims.in_words(claims.joined(KEPT, "quick"))
    assert words.startswith(
        '<div class="answer" data-question="2.3">\n\n**Answer 2.3.** It is 0.006.'
    )
    for part in (
        "**This run differs:** mse is 0.006",
        "*What S1 says:* It is 0.02.",
        "**beaten**. ",
    ):
        assert part in words
    written("")
    words = claims.in_words(claims.joined(KEPT, "quick"))
    assert "says" not in words and "Verdict" not in words and "differs" not in words
