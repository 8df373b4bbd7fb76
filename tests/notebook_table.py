"""What a reader meets in each notebook, in numbers: make form, or make form ONLY="01 02".

With notebooks named, their faults follow, as if each were in the course's form already.
"""

import sys
from pathlib import Path

import nbformat
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "reports"))


def main(only):
    from notebook_measures import measure
    from notebook_rules import IN_FORM, rules_of

    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    paths = [path for path in paths if not only or path.name[:2] in only]
    if not paths:
        raise SystemExit(f"make form: no notebook {' '.join(only)}; write two digits, ONLY=02")
    books = {path: nbformat.read(path, as_version=4) for path in paths}
    rows = pd.DataFrame({path.stem: measure(nb) for path, nb in books.items()}).T
    held = ["yes" if path.name[:2] in IN_FORM else "no" for path in paths]
    shares = rows.columns[rows.ne(rows.round()).any()]
    rows = rows.astype(dict.fromkeys(rows.columns.difference(shares), int)).round(2)
    print(rows.assign(held=held).to_string())
    for path, nb in books.items() if only else ():
        result = [fault for rule in rules_of(path, in_form=only) for fault in rule(nb, path)]
        print(f"\n{path.name}: {len(result)} faults", *result, sep="\n  ")


if __name__ == "__main__":
    main(sys.argv[1:])
