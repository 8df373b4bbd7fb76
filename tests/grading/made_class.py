"""A class of 60, made: good, partly right, wrong in each named way, and hostile; for a larger one
the same students again.

    python tests/grading/made_class.py FOLDER [N]     writes notebooks and expected.json beside them
    python tests/grading/made_class.py FOLDER OUT     what was graded otherwise than designed

N: so many of them, from all kinds.

expected.json holds {student: {question: share}}: what the grader has to find.
"""

import json
import sys
from pathlib import Path

import nbformat
from answers import as_notebook, prepared, solution
from hostile import CASES
from test_trials import SLIPS

from grading import course, cut

NAME = "02_vae"
TEXT = (
    "The autoencoder gained 4 % and the VAE lost 3 %, with three seeds; other data were not tried."
)


def students():
    """{student: ({cell id: source} or raw text, {question: share})}."""
    everything = {q.name: 1.0 for q in course.questions(prepared(NAME))}
    made = {f"good-{i:02}": (solution(NAME) | {"q2-6-text": f"{TEXT} ({i})"}, everything)
            for i in range(23)}  # fmt: skip
    made |= partly(everything) | wrong(everything) | hostile(everything)
    made["untouched"] = ({i: cut.without_solutions(s) for i, s in solution(NAME).items()},
                         dict.fromkeys(everything, 0.0))  # fmt: skip
    made["unreadable"] = ("no notebook", dict.fromkeys(everything, 0.0))
    made["all-cells-deleted"] = ({}, dict.fromkeys(everything, 0.0))
    return made


def partly(everything):
    """Those who answered the first n questions and left the others as they were."""
    names, made = list(everything), {}
    for n in range(1, 7):
        given = dict(solution(NAME))
        for name in names[n:]:
            cell = f"q{name.replace('.', '-')}-task"
            given[cell] = cut.without_solutions(given[cell])
        shares = {name: float(i < n) for i, name in enumerate(names)}
        made[f"first-{n}"] = (given, everything | shares)
    return made


# What each slip of 02 costs its own question, and those that use its function.
COSTS = {
    "0.5 * (spread": {"2.1": 1 / 3, "2.2": 0.5},
    "torch.expm1(difference)": {"2.1": 2 / 3},
    "math.sqrt(weight * n_pixels / 2)": {"2.1": 2 / 3},
    "(0.5 * logvar).exp()": {"2.2": 0.5},
    "mu + (0.5 * logvar).exp() * eps": {"2.2": 0.75},
    ".mean(1)": {"2.3": 0.0},
    "z.mean(0) + eps": {"2.4": 0.0},
    "y.cpu()": {"2.5": 0.0},
    "z[has].mean(0) - z[~has].mean(0)": {"2.7": 0.5},
}


def wrong(everything):
    made = {}
    for notebook, cell, old, new, _, _ in SLIPS:
        if notebook == NAME and old in COSTS:
            given = solution(NAME) | {cell: solution(NAME)[cell].replace(old, new)}
            made[f"wrong-{len(made):02}"] = (given, everything | COSTS[old])
    return made


def hostile(everything):
    """Every fourth attack on 2.1, the other questions answered rightly: of those, 2.2 uses kl."""
    chosen = list(CASES)[::4][:22]
    made = {}
    for i, name in enumerate(chosen):
        cell = CASES[name][0]
        made[f"hostile-{i:02}"] = (solution(NAME) | {"q2-1-task": cell}, everything | {"2.1": 0.0})
    return made


def write(folder, n=None):
    folder.mkdir(parents=True, exist_ok=True)
    made, expected = students(), {}
    rounds = -(-(n or len(made)) // len(made))
    made = {f"{student}{'x' * i}": own for i in range(rounds) for student, own in made.items()}
    chosen = [list(made)[i * len(made) // n] for i in range(n)] if n else made
    for student in chosen:
        given, shares = made[student]
        path = folder / f"{student}-{NAME}.ipynb"
        if isinstance(given, str):
            path.write_text(given)
        else:
            nb = as_notebook(NAME, given)
            for cell in nb.cells:
                if cell.cell_type == "code":
                    cell.outputs = []
            if not given:
                nb.cells = [
                    c for c in nb.cells if not c.metadata.get("nbgrader", {}).get("solution")
                ]
            nbformat.write(nb, path)
        expected[student] = shares
    (folder / "expected.json").write_text(json.dumps(expected, indent=1))
    return expected


def differences(folder, out):
    """A line for each share that is not as designed."""
    expected = json.loads((folder / "expected.json").read_text())
    for path in sorted(out.glob("students/*/record.json")):
        record = json.loads(path.read_text())
        for name, share in expected[record["student"]].items():
            verdict = record["notebooks"][NAME]["verdicts"][name]
            # 2.2 uses kl of 2.1: an attack on 2.1 may cost it, which is the student's own doing.
            if abs(verdict["share"] - share) > 1e-6 and not is_own_loss(record, name):
                yield f"{record['student']}, {name}: {verdict['share']:.2f}, not {share:.2f}"


def is_own_loss(record, name):
    return record["student"].startswith("hostile") and name == "2.2"


def main(folder, how=""):
    if how and not how.isdigit():
        found = list(differences(Path(folder), Path(how)))
        print("\n".join(found) or "every score is as designed")
        return len(found) > 0
    print(f"{len(write(Path(folder), int(how or 0)))} students in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
