"""Pages and results, piece by piece: what cannot be shown whole and offline is refused."""

import json
import re
from pathlib import Path

import documents
import execute
import markup
import nbformat
import overview
import pages
import pytest
import store
import wording

from course_lib.course import claims
from course_lib.course.protocol import VERDICTS

CLAIMS = Path(__file__).resolve().parents[2] / "reports" / "claims.toml"
EMPTY = {"profile": "quick", "built": None, "notebooks": {}, "results": [], "answers": {}}


@pytest.mark.parametrize(
    ("cell_id", "source", "tags", "message"),
    [
        ("x", "x = 1", [], "Code, 1 line"),
        ("x", "x = 1\n# why\ny = 2\n", [], "Code, 3 lines"),
        ("x", "# Two faces: why?\nx = 1", [], "Code: Two faces: why?, 2 lines"),
        ("x", "# The width.\nx = 1", [], "Code: The width, 2 lines"),
        ("x", "# " + "Word " * 40 + "\nx", [], "Code, 2 lines"),
        ("x", "# conv: code size and width\nx = 1", [], "Code, 2 lines"),
        ("x", "# Of both nets. wide: the second\nx = 1", [], "Code, 2 lines"),
        ("x", "#%%\nx = 1", [], "Code, 2 lines"),
        ("x", "x = 1", ["injected-parameters"], "Parameters of this run"),
        ("x", "x = 1", ["parameters"], "Parameters"),
        ("settings", "# Of both nets\nx = 1", [], "Settings, 2 lines"),
        ("q1-1-task-check", "assert x", [], "Check, 1 line"),
        ("q1-1-check", "assert x", ["skip-execution"], "Check, 1 line (not run in this profile)"),
        ("q1-1-staff", "assert x", [], "Staff check, 1 line"),
    ],
)
def test_a_folded_cell_says_what_it_holds(cell_id, source, tags, message):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": tags}, id=cell_id)
    assert wording.summary(cell) == message


NET = "shipped run models.vae.recipe-01: opened (20 epochs, trained in 455 s on cpu (1 threads))"
KEPT = "kept measurement likelihood-02: opened (10 pictures, measured in 3 s on cpu (2 threads))"
AGAIN = "kept run models.vae.recipe-01: no such file; it is trained again"


def printing(text):
    """The page of a cell that printed this, from its first output on."""
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("stream", text=text)])
    html, _ = pages.page(nbformat.v4.new_notebook(cells=[cell]), "01_a", {"01_a": "T"})
    return html.split('<div class="outputs">', 1)[1]


def test_lines_that_say_what_was_opened_are_folded():
    html = printing(f"{NET}\n{NET}\n{KEPT}\n")
    assert "<summary>2 trained nets and 1 measurement opened</summary>" in html
    assert html.count("<details") == 1 and html.count("trained in 455 s on CPU, 1 thread)") == 2
    assert "measured in 3 s on CPU, 2 threads)" in html


def test_what_else_a_cell_prints_stays_open():
    assert "<details" not in printing(f"8,000 pictures\n{AGAIN}\n")
    html = printing(f"8,000 pictures\n{NET}\n{AGAIN}\nvae: training, 20 steps\n")
    assert html.count("<details") == 1 and "<summary>1 trained net opened</summary>" in html
    opened = html.split("</details>")[1]
    assert "it is trained again\nvae: training, 20 steps</pre>" in opened
    assert "8,000 pictures" in html.split("<details")[0]


@pytest.mark.parametrize(("owner", "shown"), [("OWNER/NAME", False), ("somebody/a-course", True)])
def test_a_page_links_to_colab_once_the_course_has_an_address(owner, shown):
    link = f"[Open in Colab](https://colab.research.google.com/github/{owner}/blob/main/01_a.ipynb)"
    cell = nbformat.v4.new_markdown_cell(f"# T\n\n{link}\n\nBelow.")
    html, _ = pages.page(nbformat.v4.new_notebook(cells=[cell]), "01_a", {"01_a": "T"})
    assert ("Open in Colab" in html) == ("colab.research" in html) == shown and "Below." in html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(9.6, "10 s"), (59.7, "1 min 0 s"), (194.4, "3 min 14 s"), (4827, "1 h 20 min")],
)
def test_a_duration_as_people_say_it(seconds, words):
    assert wording.duration(seconds) == words


def test_code_is_folded_but_a_task_is_open_without_nbgraders_marks():
    task = "def f(x):\n    ### BEGIN SOLUTION\n    return x < 1\n    ### END SOLUTION\n"
    cells = [nbformat.v4.new_code_cell(task, id="q1-1-task"), nbformat.v4.new_code_cell("y = 2")]
    html, _ = pages.page(nbformat.v4.new_notebook(cells=cells), "01_a", {"01_a": "T"})
    body = html.split("<main", 1)[1]
    assert body.count('<details class="input"><summary>Code, 1 line</summary>') == 1
    assert body.count('<div class="input">') == 1 and "SOLUTION" not in body
    assert body.index("A solution; students") < body.index("highlight")


def test_under_full_or_with_fewer_epochs_what_to_see_in_quick_is_folded():
    cells = [nbformat.v4.new_markdown_cell("**What to see.** A fringe.", id="q1-1-see")]
    nb = nbformat.v4.new_notebook(cells=cells)
    for profile, budget, folded in (("quick", 1.0, 0), ("full", 1.0, 1), ("quick", 0.3, 1)):
        given = {"profile": profile, "budget": budget}
        assert execute.is_passed_by(nb.cells[0], given) == folded
    body = lambda: pages.page(nb, "01_a", {"01_a": "T"})[0].split("<main", 1)[1]
    assert "<details" not in body()
    nb.cells[0].metadata["tags"] = ["skip-execution"]
    assert "<summary>What to see in the whole quick profile</summary>" in body()


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ("<img src=figures/q1.png>", "no alt text"),
        ('<img alt="x" src="https://a.example/b.png">', "from outside"),
        ('<div style="background: url(//a.example/b)">x</div>', "from outside"),
    ],
)
def test_output_of_a_cell_that_a_page_cannot_show_is_refused(html, message):
    cell = nbformat.v4.new_code_cell("show()")
    cell.outputs = [nbformat.v4.new_output("display_data", {"text/html": html})]
    nb = nbformat.v4.new_notebook(cells=[cell])
    with pytest.raises(markup.PageError, match=message):
        pages.page(nb, "01_a", {"01_a": "T"})


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "from outside"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "from outside"),
        ("<style>@import 'x.css';</style>", "from outside"),
        ("<style>p { background: url(http://a.example/b) }</style>", "from outside"),
        ('<img src="figures/a.png" alt=" ">', "no alt text"),
        ('<img src="figures/b.png" alt="b">', "no picture figures/b.png"),
        ('<a href="#nowhere">x</a>', "no place #nowhere"),
        ('<p id="a"></p><p id="a"></p>', "two places named #a"),
    ],
)
def test_page_check_refuses(html, message):
    with pytest.raises(markup.PageError, match=message):
        markup.check_page(html, "p", {"figures/a.png"})


def test_page_check_lets_links_to_papers_pass():
    html = '<img src="figures/a.png" alt="a"><a href="https://arxiv.org/abs/1312.6114">paper</a>'
    assert markup.check_page(html, "p", {"figures/a.png"}) is None  # nothing is refused


RESULT = {
    "kind": "result",
    "name": "q1-2-mse",
    "question": "1.2",
    "title": "t",
    "figure": None,
    "numbers": {"mse": 0.5},
    "units": {"mse": "u"},
    "protocol": {"data": "mnist"},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": "2.2"}, "of another notebook"),
        ({"name": "q1-20-mse"}, "does not start with q1-2"),
        ({"numbers": {"mse": float("nan")}}, "'mse' is nan"),
        ({"units": None}, "'units' is missing"),
        ({"figure": "figures/x.png"}, "was not saved"),
        ({"protocol": None}, "without a protocol"),
    ],
)
def test_results_that_break_the_contract_are_refused(tmp_path, change, message):
    (tmp_path / "q1-2-mse.json").write_text(json.dumps(RESULT))
    assert store.load_results(tmp_path, "01_a")[0][0]["numbers"] == {"mse": 0.5}
    (tmp_path / "q1-2-mse.json").write_text(json.dumps(RESULT | change))
    with pytest.raises(store.ResultError, match=message):
        store.load_results(tmp_path, "01_a")


def test_results_with_their_own_protocol_stand_in_their_own_table():
    other = RESULT | {"name": "q1-2-other", "units": {"mse": "pixels in [-1,1]"}}
    about = {"title": "T", "questions": [], "page": "01_a.html", "error": None, "figures": []}
    about |= {"built": "2026-01-01", "seconds": 1.0, "budget": 1.0}
    results = [result | {"notebook": "01_a"} for result in (RESULT, other)]
    merged = {"profile": "quick", "budget": 1.0, "built": "2026-01-01", "answers": {}}
    html = overview.index(
        {**merged, "notebooks": {"01_a": about}, "results": results}, {"01_a": "T"}, {}
    )
    assert html.count("<table>") == 2
    assert "run on 1 January 2026 in 1 s, budget 1.0" in html


def test_the_index_says_what_sources_and_verdicts_are():
    known = claims.load(CLAIMS)
    sources = {table.get("source", "") for table in known.values()}
    assert {s for s in sources if re.fullmatch(r"S\d|NVAE", s)} == set(overview.SOURCES)
    assert set(overview.VERDICTS) == set(VERDICTS)
    answers = {v: {"notebook": "01_a", "verdict": v} for v in overview.VERDICTS}
    html = overview.index(EMPTY | {"answers": answers}, {"01_a": "T"}, {})
    for word, text in (overview.SOURCES | overview.VERDICTS).items():
        assert word in html and text in html


def test_the_front_page_leads_to_its_explorer_and_a_card_shows_its_figures_caption():
    shown = RESULT | {"notebook": "01_a", "figure": "figures/q1-2-mse.webp"}
    shown |= {"alt": "A", "caption": "C"}
    moving = {"q3-5-own": {"script": "q3-5-own-0", "seen": "", "alt": "A four."}}
    about = {"title": "T", "questions": [], "page": "01_a.html", "error": None, "live": moving}
    about |= {"built": "2026-01-01", "seconds": 1.0, "budget": 1.0}
    report = EMPTY | {"notebooks": {"01_a": about}, "results": [shown]}
    sizes = {"q3-5-own.webp": (8, 8), "q1-2-mse.webp": (8, 8)}
    html = overview.index(report, {"01_a": "T"}, sizes)
    assert '<a href="01_a.html#explorer-q3-5-own">How it works' in html
    assert '<p class="caption">C</p>' in html


def test_the_index_names_each_device_once_in_words():
    devices = ("cpu (1 threads)", "cpu (1 threads), cpu (2 threads)", "NVIDIA H100")
    results = [{"protocol": {"data": "faces", "device": device}} for device in devices]
    assert overview.used(results)["device"] == ["NVIDIA H100", "cpu (1 threads)", "cpu (2 threads)"]
    notes = RESULT | {"notebook": "01_a", "protocol": results[1]["protocol"]}
    html = overview.index(EMPTY | {"results": [notes]}, {"01_a": "T"}, {})
    assert "<dd>CPU, 1 thread; CPU, 2 threads</dd>" in html and "threads)" not in html


NAMED = {"kind": "answer", "question": "1.2", "answer": "t", "numbers": {"mse": 0.5}, "notes": []}
FIRST = {"kind": "answer", "question": "1.2", "title": "t", "answer": "t", "ours": "o", "claim": ""}
FIRST |= {"source": "S1", "verdict": "open"}


@pytest.mark.parametrize(
    ("answer", "change", "message"),
    [
        (NAMED, {"numbers": {"mse": float("inf")}}, "'mse' is inf"),
        (NAMED, {"numbers": [0.5]}, "'numbers' is missing or not a dict"),
        (NAMED, {"notes": None}, "'notes' is missing"),
        (NAMED, {"question": "2.2"}, "of another notebook"),
        (FIRST, {"verdict": "won"}, "verdict 'won' is none of"),
        (FIRST, {"ours": None}, "'ours' is missing"),
    ],
)
def test_answers_of_both_kinds_are_checked(tmp_path, answer, change, message):
    (tmp_path / "answer-q1-2.json").write_text(json.dumps(answer))
    assert store.load_results(tmp_path, "01_a") == ([], [answer | {"notebook": "01_a"}])
    (tmp_path / "answer-q1-2.json").write_text(json.dumps(answer | change))
    with pytest.raises(store.ResultError, match=message):
        store.load_results(tmp_path, "01_a")


@pytest.mark.parametrize("latex", [r"\frac{1", r"\nosuchcommand x", r"a & b"])
def test_a_formula_that_cannot_be_read_is_said_on_one_line(latex):
    with pytest.raises(markup.PageError) as caught:
        markup.to_html(f"Before ${latex}$ after")
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "on_the_page"),
    [
        ("02_vae.ipynb", "02_vae.html"),
        ("02_vae.ipynb#q2-3", "02_vae.html#q2-3"),
        ("../docs/metrics.md", "metrics.html"),
        ("../docs/glossary.md#a", "glossary.html#a"),
        ("https://x.org/../docs/a.md", "https://x.org/../docs/a.md"),
    ],
)
def test_a_notebooks_links_lead_from_its_page_to_the_same_place(written, on_the_page):
    assert f'href="{on_the_page}"' in markup.to_html(f"[there]({written})")


def test_a_link_to_what_lies_in_no_reports_folder_is_refused():
    with pytest.raises(markup.PageError, match="docs/speed.md is no page of a report: glossary,"):
        markup.to_html("[there](../docs/speed.md)")
    with pytest.raises(markup.PageError, match="docs/metrics.md: speed.md does not lie in"):
        documents.document("metrics", "# Metrics\n\n[there](speed.md)", {})


def test_documents_lead_to_each_other_and_show_their_pictures():
    text = "# T\n\n[a](metrics.md#h-b), [c](https://x.org/d.md) ![Shown.](metrics/order.png)"
    html, shown = documents.document("gan_trials", text, {"01_a": "One"})
    assert list(shown) == ["figures/metrics-order.webp"]
    for part in ('href="metrics.html#h-b"', 'href="https://x.org/d.md"', 'alt="Shown."'):
        assert part in html
    assert "<title>T - " in html and 'href="01_a.html"' in html


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("06_acgan", "06 ACGAN"),
        ("07_infogan", "07 InfoGAN"),
        ("04_multilevel_vae", "04 multi-level VAE"),
        ("01_autoencoder", "01 autoencoder"),
    ],
)
def test_a_notebook_is_named_as_people_say_it(name, said):
    assert wording.short(name) == said
