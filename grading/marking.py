"""The marking sheet: a CSV with a line for each line of a rubric. Staff write deductions and
remarks, which stay when the sheet is written anew. Empty means not marked, never 0."""

import csv
import io
import math

from course_lib.atomic import write_text
from grading import course, records

COLUMNS = ("student", "question", "line", "at most", "deduction", "remark", "text")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(text):
    """A cell that no spreadsheet takes for a formula."""
    text = records.visible(text)
    return f"'{text}" if text.startswith(FORMULA) else text


def read(path):
    """{(student, question, line): (deduction, remark)} of a sheet; {} where there is none.

    ValueError, naming the place, for a deduction that is no number from 0 to what the line costs,
    and for a file that is no such sheet.
    """
    if not path.exists():
        return {}
    rows = table(path)
    return {tuple(r[c] for c in COLUMNS[:3]): (deduction(r, path), r["remark"]) for r in rows}


def table(path):
    """The rows of a sheet with commas, semicolons or tabs, as spreadsheets write them."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not in UTF-8: save it as 'CSV UTF-8'") from None
    mark = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, restval="")
    if lost := [name for name in COLUMNS[:-1] if name not in (reader.fieldnames or ())]:
        names = ", ".join(lost)
        raise ValueError(
            f"{path} has no column {names}: write it into the first line again, or move the file "
            "away, and a new sheet is written"
        )
    return list(reader)


def deduction(row, path):
    text = row["deduction"].strip()
    if not text:
        return None
    value = number(text)
    if not 0 <= value <= number(row["at most"]):
        place = f"{row['student']}, question {row['question']}, {row['line']}"
        raise ValueError(f"{path}: {place}: a deduction is 0 to {row['at most']}, not {text!r}")
    return value


def number(text):
    """A number with a point or a comma; nan for what is none."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return math.nan


def marks_of(sheet, student):
    """marks(question, points) -> (score or None, at most, words), for records.tests."""

    def marks(question, points):
        lines = course.points()[question]["rubric"]
        found = {line: sheet.get((harmless(student), question, line), (None, "")) for line in lines}
        remarks = [f"{line}: {remark}" for line, (_, remark) in found.items() if remark]
        given = [value for value, _ in found.values()]
        if None in given:
            return None, points, "\n".join(["not marked yet", *remarks])
        costs = [f"{line}: -{value:g}" for line, (value, _) in found.items() if value]
        return max(0.0, points - sum(given)), points, "\n".join([*costs, *remarks]) or "marked"

    return marks


def write(path, all_records, sheet):
    """The sheet for all texts that were handed in, with what it held before."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for record in all_records:
        for question, text in texts(record):
            for line, cost in course.points()[question]["rubric"].items():
                key = (harmless(record["student"]), question, line)
                value, remark = sheet.get(key, (None, ""))
                cells = ["" if value is None else f"{value:g}", remark, harmless(text)]
                writer.writerow([*key, f"{cost:g}", *cells])
    write_text(path, file.getvalue())


def texts(record):
    for found in record["notebooks"].values():
        yield from ((q, text) for q, text in found["texts"].items() if not records.is_empty(text))
