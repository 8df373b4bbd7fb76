"""Where things lie: the repository, the data in it, the cache, the shipped weights, the results.

A path that a user gives in the environment is read from the repository's top, whichever folder the
process stands in, and `~` is the home folder: one word means one place.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PREPARED_VERSION = 2  # of the sets in the cache; 1, unnamed, was sorted by class


def from_user(text):
    """The path that a user means: `~` expanded, a relative one read from the repository."""
    return REPOSITORY / Path(text).expanduser()


def cache_root():
    """Everything that is made: COURSE_CACHE, else cache/ in the repository."""
    return from_user(os.environ.get("COURSE_CACHE") or "cache")


def weights_root():
    """The runs that ship with the course: COURSE_WEIGHTS, else weights/ in the repository."""
    return from_user(os.environ.get("COURSE_WEIGHTS") or "weights")


def is_release():
    """Whether this is a students' copy of the course: its library lacks the answers."""
    return (weights_root() / "RELEASE").is_file()


def results_folder():
    """Where kept results go: COURSE_RESULTS, which reports/run.py sets, or the cache."""
    return from_user(os.environ.get("COURSE_RESULTS") or cache_root() / "results")


def embedded(name):
    """The folder of a data set that is part of the repository."""
    return REPOSITORY / "data" / name


def claims_file():
    """What the sources claim and what became of it, written by hand."""
    return REPOSITORY / "reports" / "claims.toml"
