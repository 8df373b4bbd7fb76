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

    ValueError, naming the place, for a deduction that is no number from 0 to what the line costs.
    """
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return {tuple(r[c] for c in COLUMNS[:3]): (deduction(r, path), r["remark"]) for r in rows}


def deduction(row, path):
    text = row["deduction"].strip().replace(",", ".")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= float(row["at most"]):
        place = f"{row['student']}, question {row['question']}, {row['line']}"
        raise ValueError(f"{path}: {place}: a deduction is 0 to {row['at most']}, not {text!r}")
    return value


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
