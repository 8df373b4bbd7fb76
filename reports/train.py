"""Train a notebook's runs anew, from nothing: python reports/train.py 03 [--profile full].

The notebook's own cells run in this process with `retrain = True`, so progress bars are seen. Each
run is kept in the cache when it ends. Killed and started again, it goes on where it stopped: what
was trained since the first start is opened, the run under way continues from its checkpoint. So
does the share of the epochs that was chosen for --minutes hold, until the training has ended.
"""

import os
import sys
import time

import execute
import inputs
import minutes
import nbformat
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from course_lib.atomic import Unreadable, read_json, write_json
from course_lib.command import Parser
from course_lib.paths import REPOSITORY, cache_root


def main(words=None):
    """The exit status: 0, 1 where a cell failed, 2 for a mistake on the command line."""
    parser = Parser(prog="train", description=__doc__.splitlines()[0])
    parser.add_argument("notebook", help="its number or name, 03 or 03_cvae")
    parser.add_argument("--profile", default="quick", choices=("quick", "full"))
    inputs.add_budget(parser)
    options = parser.parse_args(words)
    paths = sorted((REPOSITORY / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    chosen = [p for p in paths if options.notebook in (p.stem, p.stem[:2])]
    if len(chosen) != 1:
        known = ", ".join(p.stem for p in paths)
        print(f"train.py: no notebook '{options.notebook}'; there are {known}", file=sys.stderr)
        return 2
    try:
        inputs.budget_or_minutes(options)
        return train(chosen[0], options.profile, options.budget, options.minutes)
    except (inputs.UsageError, minutes.PlanError) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"train.py: {error}; free the place, or name another in COURSE_CACHE", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        print("train.py: stopped; the same command goes on where this stopped", file=sys.stderr)
        return 130


def train(path, profile, budget, within=None):
    """Run the cells of the notebook, at this share of the epochs or at one that should fit `within`
    so many minutes; its finished runs count from the first start on."""
    mark = cache_root() / "retrain" / f"{path.stem}-{profile}.json"
    since = begun(mark)
    os.environ["COURSE_RETRAIN_SINCE"] = str(since)
    budget = budget or share(mark, path.stem, profile, within)
    os.chdir(path.parent)
    shell = InteractiveShell.instance()
    shell.display_pub = CapturingDisplayPublisher()  # figures are the report's matter
    given = f"profile, budget, retrain = {profile!r}, {budget!r}, True"
    parameters = {"profile": profile, "budget": budget}
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        if cell.cell_type != "code" or execute.is_passed_by(cell, parameters):
            continue
        begins = "parameters" in cell.metadata.get("tags", [])
        result = shell.run_cell(f"{cell.source}\n{given}" if begins else cell.source)
        if not result.success:
            print(f"train.py: {path.name}, cell {cell.id} failed, as shown above", file=sys.stderr)
            return 1
    mark.unlink(missing_ok=True)
    print(
        f"{path.stem}: all runs trained anew in {time.time() - since:.0f} s since the first start"
    )
    return 0


def begun(mark):
    """When this training was started first, seconds since 1970; a killed one left its mark."""
    try:
        return read_json(mark)["since"]
    except (FileNotFoundError, Unreadable, KeyError, TypeError):
        write_json(mark, {"since": time.time()})
        return read_json(mark)["since"]


def share(mark, name, profile, within):
    """The share of the epochs for these minutes, chosen at the first start and kept in its mark."""
    kept = read_json(mark)
    if kept.get("minutes") != within:
        chosen = minutes.shares(REPOSITORY, profile, [name], within, retrain=True)
        kept |= {"minutes": within, "budget": chosen[name]}
        write_json(mark, kept)
    return kept["budget"]


if __name__ == "__main__":
    sys.exit(main())
