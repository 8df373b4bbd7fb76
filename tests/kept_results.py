"""What the tests of results share: the data and the run behind them, and what was kept."""

import json

from course_lib.paths import results_folder

ABOUT = {"data": "mnist", "sha256": "ab" * 32, "split": "test", "n": 360}
RUN_ABOUT = {
    "settings": {"seed": 4, "batch": 128},
    "epochs": 3,
    "steps": 30,
    "device": "cpu (2 threads)",
    "seconds": 12.34,
    "data_sha256": "cd" * 32,
    "key": "0123",
}


def kept(name):
    """The JSON that was handed to the report under this name."""
    return json.loads((results_folder() / f"{name}.json").read_text())
