"""What the console says while a notebook runs: its cells, and every net that is trained."""

import contextlib
import re
import sys

from nbclient import NotebookClient
from tqdm import tqdm

from course_lib.paths import weights_root

# What a notebook prints where a net is trained, or a measurement made, that is not kept
# (training/opening.py, runs.py, measurements.py, outcomes.py): whoever waits is told.
LONG = re.compile(r": training, \d+ steps|; it is (trained|measured) (here|again)")


class Client(NotebookClient):
    """Hands each line that a cell prints to `tell` as soon as it is whole."""

    def __init__(self, nb, tell, **more):
        super().__init__(nb, **more)
        self.tell, self.begun = tell, ""

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "execute_input":  # another cell
            self.begun = ""
        if msg["msg_type"] == "stream" and msg["content"]["name"] == "stdout":
            *lines, self.begun = (self.begun + msg["content"]["text"]).split("\n")
            for line in lines:
                self.tell(line)
        return super().process_message(msg, cell, cell_index)


@contextlib.contextmanager
def bar(nb, name):
    """(watch, tell): watch(cell id) moves the notebook's bar, tell(line) says a line that matters
    above it. What ships and is not there is said at once."""
    # papermill adds one cell, execute.py another
    with tqdm(total=len(nb.cells) + 2, desc=name, unit="cell", dynamic_ncols=True) as made:

        def watch(cell_id):
            made.set_description_str(f"{name} · {cell_id}")
            made.update()

        say = lambda line: made.write(f"{name}: {line}", file=sys.stderr)
        for lost_name in lost(nb):
            say(f"weights/{lost_name} is missing; git checkout -- weights brings it back")
        yield watch, lambda line: LONG.search(line) and say(line)


def lost(nb):
    """What the committed notebook opened in weights/, by its name, and is there no longer. Where
    one of a run's two files is left, the run itself says which is missing when it is opened."""
    opened = nb.metadata.get("course", {}).get("weights", {})
    return [name for name in sorted(opened) if not any(weights_root().glob(f"{name}.*"))]
