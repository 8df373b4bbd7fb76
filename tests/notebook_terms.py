"""The terms of docs/glossary.md: explained in a notebook where they first appear.

An entry is a paragraph: **term** (also *another word*), $notation$: its meaning. *In 01, 02.*
"""

import re
from pathlib import Path

from notebook_cells import calls, words

GLOSSARY = Path(__file__).resolve().parents[1] / "docs" / "glossary.md"
ENTRY = re.compile(
    r"\*\*(?P<term>[^*]+)\*\*(?: \(also (?P<also>[^)]*)\))?(?:, (?P<notation>\$[^$]+\$))?: "
    r"(?P<text>.+) \*In (?P<where>\d\d(?:, \d\d)*)\.\*"
)
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
# Formulas, code, addresses, headings and tags of HTML hold words that are no prose.
SILENT = re.compile(
    r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`|\]\([^)]*\)|^#+ [^\n]*$|<[^>]*>",
    re.DOTALL | re.MULTILINE,
)
LEAST = 8  # words that explain
LABEL = re.compile(r".*[.:?!]|S\d", re.DOTALL)  # "Predict first." and names of sources


def glossary(text=None):
    """{term: {"forms", "text", "where", ...}} of the glossary, in its order."""
    text = GLOSSARY.read_text(encoding="utf-8") if text is None else text
    entries = {}
    for paragraph in re.split(r"\n\s*\n", text):
        match = ENTRY.fullmatch(" ".join(paragraph.split()))
        if match:
            also = re.findall(r"\*([^*]+)\*", match["also"] or "")
            more = {"forms": [match["term"], *also], "where": match["where"].split(", ")}
            entries[match["term"]] = match.groupdict() | more
    return entries


def finder(entries):
    """(pattern, {form: term}): what finds each term in a text, the longest form first."""
    term = {form: name for name, entry in entries.items() for form in entry["forms"]}
    forms = [one(form) for form in sorted(term, key=len, reverse=True)]
    lower = {form.lower(): name for form, name in term.items()}
    return re.compile(rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)"), lower


def one(form):
    """A form's pattern: in the plural too, over a line's end, in any case unless it is FID."""
    pattern = re.escape(form).replace(r"\ ", r"\s+")
    return f"{pattern}s?" if re.search("[A-Z]{2}", form) else f"(?i:{pattern}(?:s|es)?)"


def term_of(match, terms):
    result = " ".join(match[0].split()).lower()
    return next(terms[f] for f in (result, result[:-1], result[:-2]) if f in terms)


def paragraphs(nb):
    """(cell, text, may explain) in the order in which a reader meets them: markdown without the
    opening, and the answers' text."""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and cell.id != "title":
            text = SILENT.sub(" ", cell.source)
            yield from ((cell, paragraph, True) for paragraph in re.split(r"\n\s*\n", text))
        elif cell.cell_type == "code":
            texts = [call.args[1] for call in calls(cell, "answer") if len(call.args) > 1]
            yield from ((cell, str(getattr(t, "value", "")), False) for t in texts)


def first_uses(nb, entries):
    """{term: (cell, paragraph, match, may explain)} at each term's first appearance."""
    pattern, terms = finder(entries)
    first = {}
    for cell, text, explains in paragraphs(nb):
        for match in pattern.finditer(text):
            first.setdefault(term_of(match, terms), (cell, text, match, explains))
    return first


def term_rule(nb, path, entries=None):
    """Each term is bold where it first appears, and the paragraph says what it means."""
    entries = glossary() if entries is None else entries
    for term, (cell, text, match, explains) in first_uses(nb, entries).items():
        bold = any(b.start() <= match.start() < b.end() for b in BOLD.finditer(text))
        if not explains or not bold:
            yield f"cell {cell.id} is the first with '{term}' and does not explain it in **bold**"
        elif len(words(BOLD.sub(" ", text))) < LEAST:
            yield f"cell {cell.id} has '{term}' in bold and does not say what it is"


def bold_rule(nb, path, entries=None):
    """What is bold is a label or a term, and every term is in the glossary."""
    pattern, _ = finder(glossary() if entries is None else entries)
    for cell, text, explains in paragraphs(nb):
        for bold in BOLD.findall(text) if explains else []:
            if not LABEL.fullmatch(bold) and not pattern.search(bold):
                yield f"cell {cell.id}: '{bold}' is bold, and docs/glossary.md does not have it"


def where_rule(nb, path, entries=None):
    """The glossary says truly in which notebooks a term is used."""
    entries = glossary() if entries is None else entries
    used, number = set(first_uses(nb, entries)), path.name[:2]
    for term, entry in entries.items():
        if term in used and number not in entry["where"]:
            yield f"docs/glossary.md does not say that {number} uses '{term}'"
        if term not in used and number in entry["where"]:
            yield f"docs/glossary.md says that {number} uses '{term}', and it does not"
