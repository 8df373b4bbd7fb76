"""Under the full profile the checks of quick are passed by: what comes after must not need them."""

import builtins
import symtable

import execute
from notebook_cells import code_cells, lines, tree


def full_rule(nb, path):
    """No cell that full runs needs a name that only cells which full passes by would give."""
    known = {*dir(builtins), "get_ipython"}
    for cell in code_cells(nb):
        if execute.is_passed_by(cell, {"profile": "full"}):
            continue
        needed, given = names(cell)
        for name in sorted(needed - known - given):
            yield f"cell {cell.id} needs {name}, which no cell gives that make full runs"
        known |= given | needed


def names(cell):
    """({global names that a cell reads}, {those that it gives})."""
    tree(cell)  # a cell that is no Python fails here, by its own message
    source = "\n".join("pass" if line.startswith(("!", "%")) else line for line in lines(cell))
    table = symtable.symtable(source, cell.id, "exec")
    given = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    return set(reads(table)), given


def reads(table):
    at_top = table.get_type() == "module"
    yield from (
        s.get_name() for s in table.get_symbols() if s.is_referenced() and (at_top or s.is_global())
    )
    for inner in table.get_children():
        yield from reads(inner)
