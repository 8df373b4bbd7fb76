"""What stands between the marks is cut, from notebooks and from Python files alike, as nbgrader
does it (its ClearSolutions, LockCells and ComputeChecksums; a test compares the two)."""

import copy
import hashlib
import re

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"


def of_question(line):
    """The stub of the library's region that a line opens, as ### BEGIN SOLUTION 2.1."""
    name = line.partition(BEGIN)[2].strip()
    return f'raise NotImplementedError("question {name} asks for this: see its notebook")'


def without_solutions(source, stub=lambda line: STUB):
    """A source with a stub in the place of each region. ValueError where marks are not in pairs."""
    lines, inside = [], False
    for line in source.split("\n"):
        if BEGIN in line or END in line:
            if (BEGIN in line) == inside:
                raise ValueError(f"BEGIN SOLUTION and END SOLUTION are not in pairs at: {line}")
            inside = BEGIN in line
            indent = re.match(r"\s*", line)[0]
            lines += [indent + text for text in stub(line).split("\n")] if inside else []
        elif not inside:
            lines.append(line)
    if inside:
        raise ValueError("a BEGIN SOLUTION has no END SOLUTION")
    return "\n".join(lines)


def regions(source):
    """The lines of all regions, without the marks."""
    parts = re.split(rf"^.*(?:{BEGIN}|{END}).*$", source, flags=re.MULTILINE)
    return [line for part in parts[1::2] for line in part.splitlines() if line.strip()]


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
