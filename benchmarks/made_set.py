"""A prepared set of any size that takes no room: all its pictures are black, in a sparse file."""

import numpy as np

from course_lib.atomic import write_json
from course_lib.paths import PREPARED_VERSION, cache_root


def make(name, n, shape=(3, 64, 64)):
    """Write n pictures and labels as data_scripts would, for data.load(name); its name."""
    folder = cache_root() / "data" / name
    folder.mkdir(parents=True)
    for part, dtype, row in (("x", np.uint8, shape), ("y", np.int64, ())):
        np.lib.format.open_memmap(folder / f"train_{part}.npy", "w+", dtype, (n, *row)).flush()
    splits = {"train": {"n": n, "sha256": "0" * 64}}
    about = {"version": PREPARED_VERSION, "names": ["black"], "splits": splits}
    write_json(folder / "about.json", about)
    return name
