"""What stands between the marks is cut, from notebooks and from Python files alike, as nbgrader
does it (its ClearSolutions, LockCells and ComputeChecksums; a test compares the two)."""

import copy
import hashlib
import re

STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
MARK = re.compile(r"^(\s*)\S.*?\b(BEGIN|END) (SOLUTION|ANSWER)\b *([\d.]*)")


def without_solutions(source, stub=lambda question: STUB, kinds=("SOLUTION",)):
    """A source with a stub in the place of each region of these kinds; the marks of others go, what
    is between them stays. ValueError where marks are not in pairs.

    SOLUTION: students write it. ANSWER: a part of the library that says the same, on which the rest
    of the course runs: only what the sandbox mounts lacks it.
    """
    lines, opened = [], None
    for line in source.split("\n"):
        mark = MARK.match(line)
        if mark:
            opened = crossed(opened, mark, line)
            if opened in kinds:
                lines += [mark[1] + text for text in stub(mark[4]).split("\n")]
        elif opened not in kinds:
            lines.append(line)
    if opened:
        raise ValueError(f"a BEGIN {opened} has no END {opened}")
    return "\n".join(lines)


def crossed(opened, mark, line):
    """The kind of region that is open after a mark, None where none is."""
    if (mark[2] == "BEGIN") == (opened is not None) or (opened or mark[3]) != mark[3]:
        raise ValueError(f"BEGIN and END are not in pairs at: {line}")
    return mark[3] if mark[2] == "BEGIN" else None


def of_question(name):
    """The stub of a region of the library."""
    return f'raise NotImplementedError("question {name} asks for this: see its notebook")'


def regions(source, kinds=("SOLUTION",)):
    """The lines of all regions of these kinds, without the marks."""
    lines, opened = [], None
    for line in source.split("\n"):
        if mark := MARK.match(line):
            opened = crossed(opened, mark, line)
        elif opened in kinds and line.strip():
            lines.append(line)
    return lines


def released(nb):
    """A prepared notebook as students get it: no solutions, no outputs, cells locked."""
    nb = copy.deepcopy(nb)
    for cell in nb.cells:
        about = cell.metadata.get("nbgrader")
        if about is not None and about.get("solution") and cell.cell_type == "code":
            cell.source = without_solutions(cell.source)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
        if about is not None:
            lock(cell, about)
    return nb


def lock(cell, about):
    fixed = not about["solution"] and (about["grade"] or about["locked"])
    if about["solution"] or about["grade"] or about["locked"]:
        cell.metadata["deletable"] = False
        if fixed:
            cell.metadata["editable"] = False
        about["checksum"], about["cell_type"] = checksum(cell, about, fixed), cell.cell_type


def checksum(cell, about, fixed):
    """nbgrader's own, so that its commands take a release for one of theirs."""
    parts = [cell.source, cell.cell_type, about["grade"], about["solution"], fixed]
    parts += [about["grade_id"]] + ([float(about["points"])] if about["grade"] else [])
    return hashlib.md5("".join(map(str, parts)).encode()).hexdigest()
