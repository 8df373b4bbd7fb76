"""record(...) and answer(...): what they show, what they keep, what they refuse."""

import math
import re
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from IPython.display import HTML, Markdown
from kept_results import ABOUT, RUN_ABOUT, kept

from course_lib.course import figures, results

LEARNT = RUN_ABOUT | {"settings": {"seed": 4, "batch": 128, "lr": 0.001}}
RUN = SimpleNamespace(about=LEARNT)
CLAIMS = """
["2.3"]
source = "S1"
claim = "It is 0.02."
["2.3".quick]
verdict = "beaten"
reason = "ours is lower"
bounds = {mse = [0.005, 0.007]}
["2.3".full]
finding = "On CelebA the test MSE is {mse:.4f}."
verdict = "not comparable"
reason = "other test pictures"
"""


@pytest.fixture
def shown(monkeypatch):
    """What a cell shows, as (thing, metadata)."""
    result = []
    monkeypatch.setattr(
        results, "display", lambda thing, raw=False, metadata=None: result.append((thing, metadata))
    )
    return result


@pytest.fixture
def claimed(tmp_path, monkeypatch):
    """A claims.toml of one question."""
    path = tmp_path / "claims.toml"
    path.write_text(CLAIMS)
    monkeypatch.setattr("course_lib.course.claims.claims_file", lambda: path)


def nothing_kept():
    return not list(results.results_folder().rglob("*.*"))


def message(shown):
    return "\n".join(thing.data for thing, _ in shown if isinstance(thing, Markdown | HTML))


def squares():
    return figures.image_grid(torch.full((4, 1, 8, 8), 0.5), columns=2)


def record(**facts):
    return results.record(data=ABOUT, run=RUN, unit="nats per image", facts=facts)


# ---- a record -----------------------------------------------------------------------------------


def test_a_figure_is_shown_with_its_alt_caption_and_protocol_and_kept(shown):
    record(judge="0.98").figure("q2-3-pairs", squares(), "Four squares.", alt="Grey squares.")
    (bundle, metadata), (caption, _), (protocol, _) = shown
    picture = (results.results_folder() / "figures" / "q2-3-pairs.png").read_bytes()
    assert bundle["image/png"] == picture
    assert metadata == {"image/png": {"alt": "Grey squares.", "name": "q2-3-pairs"}}
    assert caption.data == "*Four squares.*"
    assert protocol.data.startswith('<details class="protocol">') and "judge" in protocol.data
    result = kept("q2-3-pairs")
    assert result["kind"] == "result" and result["question"] == "2.3"
    assert result["figure"] == "figures/q2-3-pairs.png" and result["alt"] == "Grey squares."
    assert result["title"] == result["caption"] == "Four squares."
    assert result["table"] is None and result["numbers"] == {}


def test_numbers_are_named_in_words_and_kept_with_their_unit(shown):
    record().numbers("q2-3-size", "Sizes.", first_layer=1_234_567, mse=torch.tensor(0.25))
    assert "| first layer | 1,234,567 |" in message(shown) and "| mse | 0.25 |" in message(shown)
    result = kept("q2-3-size")
    assert result["numbers"] == {"first_layer": 1234567, "mse": 0.25}
    assert result["units"] == dict.fromkeys(["first_layer", "mse"], "nats per image")


def test_a_result_may_have_a_unit_of_its_own(shown):
    measured = record()
    measured.numbers("q2-3-a", "One.", unit="bits", rate=1.5)
    measured.numbers("q2-3-b", "Two.", rate=1.5)
    assert kept("q2-3-a")["protocol"]["unit"] == kept("q2-3-a")["units"]["rate"] == "bits"
    assert kept("q2-3-b")["protocol"]["unit"] == "nats per image"


def test_the_protocol_is_bound_once_from_data_and_run(shown):
    measured = record(resamples=200)
    measured.numbers("q2-3-a", "One.", x=1)
    how = kept("q2-3-a")["protocol"]
    assert how == measured.protocol and how["resamples"] == 200
    assert how["data"] == "mnist" and how["seed"] == "4" and how["run"] == "0123"
    assert how["budget"] == "3 epochs, 30 steps of 128 images, rate 0.001"


def test_a_table_has_thousands_separators_and_a_dash_where_nothing_was_measured(shown):
    table = pd.DataFrame({"net": ["a", "b"], "size": [763232.0, math.nan], "n": [1024, 7]})
    record().table("q2-3-sizes", table, "Sizes.")
    html = shown[0][0].to_html()
    for cell in ("763,232", "–", "1,024"):
        assert f">{cell}</td>" in html
    assert "nan" not in html.lower() and "763232" not in html


def test_a_column_of_a_table_has_one_number_of_decimals_and_is_kept_as_it_was(shown):
    table = pd.DataFrame({"net": ["a", "b", "c"], "share": [0.98, 0.96357, 1.0], "n": [9, 10, 11]})
    record().table("q2-3-sizes", table, "Sizes.")
    html = shown[0][0].to_html()
    assert re.findall(r"<td[^>]*>([^<]*)</td>", html) == [
        *("a", "0.9800", "9"),
        *("b", "0.9636", "10"),
        *("c", "1.0000", "11"),
    ]
    assert [row["share"] for row in kept("q2-3-sizes")["table"]] == [0.98, 0.96357, 1.0]


def test_a_table_keeps_none_where_nothing_was_measured(shown):
    table = pd.DataFrame({"net": ["a", "b"], "size": [763232.0, math.nan], "n": [1024, 7]})
    record().table("q2-3-sizes", table, "Sizes.")
    assert kept("q2-3-sizes")["table"][1] == {"net": "b", "size": None, "n": 7}


def test_a_caption_that_says_what_the_figure_shows_is_its_alt_too(shown):
    record().figure("q2-3-pairs", squares(), "Four grey squares.")
    assert shown[0][1]["image/png"]["alt"] == "Four grey squares."


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_figure_without_alt_is_refused_before_anything_is_written_or_shown(shown, alt):
    with pytest.raises(ValueError, match="figure 'q2-3-pairs': no caption"):
        record().figure("q2-3-pairs", squares(), " ", alt=alt)
    assert shown == [] and nothing_kept()


@pytest.mark.parametrize("name", ["mse", "q2-mse", "2-3-mse", "q2-3-../x", "q2-3-A b"])
@pytest.mark.parametrize("kind", ["figure", "table", "numbers"])
def test_a_name_without_its_question_is_refused_before_anything_is_written(shown, name, kind):
    calls = {
        "figure": lambda: record().figure(name, squares(), "Squares.", alt="Squares."),
        "table": lambda: record().table(name, pd.DataFrame({"a": [1]}), "A table."),
        "numbers": lambda: record().numbers(name, "Numbers.", mse=0.5),
    }
    with pytest.raises(ValueError, match="must start with its question, as in 'q2-3-test-mse'"):
        calls[kind]()
    assert shown == [] and nothing_kept()


@pytest.mark.parametrize("bad", [math.nan, math.inf, torch.tensor(math.nan), [1.0, math.nan]])
def test_a_number_that_is_not_finite_is_refused(shown, claimed, bad):
    with pytest.raises(ValueError, match="a kept number is"):
        record().numbers("q2-3-mse", "The error.", mse=bad)
    with pytest.raises(ValueError, match="a kept number is"):
        results.answer("2.3", "It is done.", mse=bad)
    assert shown == [] and nothing_kept()


def test_an_infinite_cell_of_a_table_is_refused(shown):
    with pytest.raises(ValueError, match="a kept number is inf"):
        record().table("q2-3-mse", pd.DataFrame({"mse": [1.0, math.inf]}), "Errors.")
    assert shown == [] and nothing_kept()


# ---- the folded protocol ------------------------------------------------------------------------


def test_a_folded_protocol_is_escaped_html():
    html = results.folded({"unit": "<b>&</b>", "a <i>key</i>": 'x"y', "empty": ""})
    assert html.startswith('<details class="protocol"><summary>How this was measured</summary>')
    assert "<b>" not in html and "<i>" not in html and "empty" not in html
    assert "<td>&lt;b&gt;&amp;&lt;/b&gt;</td>" in html and "a &lt;i&gt;key&lt;/i&gt;" in html


def test_a_folded_protocol_names_the_device_in_words():
    assert "<td>CPU, 1 thread</td>" in results.folded({"device": "cpu (1 threads)"})


def test_a_folded_protocol_has_short_digests():
    html = results.folded({"sha256": "ab" * 32, "train_sha256": "cd" * 32, "n": 360})
    assert f"<td>{'ab' * 6}</td>" in html and f"<td>{'cd' * 6}</td>" in html
    assert "<th>n</th><td>360</td>" in html


# ---- an answer ----------------------------------------------------------------------------------


def test_an_answer_puts_its_numbers_in_and_keeps_them_by_name(shown, claimed):
    results.answer("2.3", "The test MSE is {mse:.4f}.", mse=torch.tensor(0.0061), n=1000)
    text = message(shown)
    assert "**Answer 2.3.** The test MSE is 0.0061." in text
    assert "S1" in text and "It is 0.02." in text and "**beaten**" in text
    assert "ours is lower" in text and "differs" not in text
    result = kept("answer-q2-3")
    assert result["numbers"] == {"mse": pytest.approx(0.0061), "n": 1000}
    assert {k: result[k] for k in ("kind", "question", "answer", "notes")} == {
        "kind": "answer",
        "question": "2.3",
        "answer": "The test MSE is 0.0061.",
        "notes": [],
    }


def test_a_number_outside_its_bounds_is_said_and_kept(shown, claimed):
    results.answer("2.3", "The test MSE is {mse:.4f}.", mse=0.0123)
    note = "mse is 0.0123, and the answer rests on 0.005 to 0.007"
    assert kept("answer-q2-3")["notes"] == [note] and note in message(shown)


def test_a_text_that_asks_for_a_number_that_was_not_given_is_refused(shown, claimed):
    with pytest.raises(ValueError, match="answer 2.3: the text asks for high, low, not given"):
        results.answer("2.3", "From {low} to {high:.2f}, mean {mse}.", mse=0.5)
    assert shown == [] and nothing_kept()


def test_full_shows_the_finding_of_claims_in_the_answers_place(shown, claimed):
    results.answer("2.3", "In quick it is {mse:.4f}.", profile="full", mse=0.0055)
    assert "On CelebA the test MSE is 0.0055." in message(shown) and "In quick" not in message(
        shown
    )
    assert "other test pictures" in message(shown) and "ours is lower" not in message(shown)


def test_a_question_that_claims_does_not_know_is_answered_without_a_verdict(shown, claimed):
    results.answer("9.1", "It is {n}.", n=3)
    assert message(shown).count("Answer 9.1") == 1 and "erdict" not in message(shown)


@pytest.mark.parametrize("question", ["q2-3", "2-3", "2", "2.3 "])
def test_a_question_is_named_by_its_number(shown, claimed, question):
    with pytest.raises(ValueError, match="name its question as in '2.3'"):
        results.answer(question, "It is so.")
    assert shown == [] and nothing_kept()
