"""Which statements of a notebook a cell needs: those that give the names it reads, and what they
need in turn. So one task can be checked without the training that stands before it."""

import ast
import symtable


def statements(sources):
    """[(names that it gives, names that it reads, text)] of all statements of some code cells."""
    result = []
    for source in sources:
        for node in parsed(source):
            text = written(source, node)
            given, read = names(text)
            result.append((given | changed(node), read | added_to(node), text))
    return result


def written(source, node):
    """The text of a statement, its decorators too."""
    above = [ast.get_source_segment(source, d) for d in getattr(node, "decorator_list", [])]
    return "\n".join([*(f"@{text}" for text in above), ast.get_source_segment(source, node)])


def changed(node):
    """The names of things of which a statement sets a part: table["a"] = 1, net.size = 2."""
    parts = [n for n in ast.walk(node) if isinstance(n, ast.Subscript | ast.Attribute)]
    return {base(n) for n in parts if isinstance(n.ctx, ast.Store)} - {None}


def added_to(node):
    """The names of things that a statement adds to, which it so reads: rows += [1]."""
    return {base(n.target) for n in ast.walk(node) if isinstance(n, ast.AugAssign)} - {None}


def base(node):
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def parsed(source):
    """The statements of a cell; none of a cell that is no Python, or has a line for the shell."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def names(source):
    """({names that a text gives}, {global names that it reads}); both empty if it is no Python."""
    try:
        table = symtable.symtable(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(), set()
    given = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    return given, set(reads(table))


def reads(table):
    at_top = table.get_type() == "module"
    symbols = table.get_symbols()
    yield from (s.get_name() for s in symbols if s.is_referenced() and (at_top or s.is_global()))
    for inner in table.get_children():
        yield from reads(inner)


def wants(source):
    """The names that a text reads and has not given before."""
    given, wanted = set(), set()
    for gives, read, _ in statements([source]):
        wanted |= read - given
        given |= gives
    return wanted


def needed(before, source):
    """The texts of those statements, of all that stand `before`, which `source` needs, in order."""
    wanted, chosen = wants(source), []
    for given, read, text in reversed(before):
        if given & wanted:
            wanted = (wanted - given) | read
            chosen.append(text)
    return chosen[::-1]
