"""Answers that are the same but for layout, comments and names: for a person to look at."""

import ast
from collections import defaultdict
from itertools import combinations

from course_lib.training.source_digest import bare

RARE = 3  # an answer of at most so many students says something
SHORTEST = 60  # characters: shorter ones are alike by chance


class Renamed(ast.NodeTransformer):
    """Every name becomes its place in the order of first appearance."""

    def __init__(self):
        self.names = {}

    def renamed(self, name):
        return self.names.setdefault(name, f"n{len(self.names)}")

    def visit_Name(self, node):
        return ast.copy_location(ast.Name(self.renamed(node.id), node.ctx), node)

    def visit_arg(self, node):
        return ast.copy_location(ast.arg(self.renamed(node.arg)), node)


def normal(source):
    """The text by which two answers are compared; None of what is no Python or too short."""
    try:
        text = ast.unparse(Renamed().visit(ast.parse(bare(source))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return text if len(text) >= SHORTEST else None


def pairs(sources, *given_out):
    """[(student, student, cells)] of pairs that share an answer which few have and nobody gave out.

    sources: {student: {cell id: source}}. given_out: {cell id: source} of the staff, of a release.
    """
    groups = defaultdict(list)
    for student, given in sources.items():
        for name, source in given.items():
            if text := normal(source):
                groups[name, text].append(student)
    known = {(name, normal(source)) for own in given_out for name, source in own.items()}
    found = defaultdict(list)
    for (name, text), students in groups.items():
        if 2 <= len(students) <= RARE and (name, text) not in known:
            for pair in combinations(sorted(students), 2):
                found[pair].append(name)
    return sorted(((*pair, names) for pair, names in found.items()), key=lambda p: (-len(p[2]), p))
