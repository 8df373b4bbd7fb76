"""Say of each notebook that cannot run why, in one line, before any cell does: make test asks."""

import sys
from pathlib import Path

import execute

ROOT = Path(__file__).resolve().parents[1]


def main(root=ROOT):
    faults = 0
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        try:
            execute.check_runnable(execute.read(path), ("profile", "budget"))
        except execute.NotebookError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            faults += 1
    return min(faults, 1)


if __name__ == "__main__":
    sys.exit(main())
