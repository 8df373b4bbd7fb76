"""Shared fixtures: every test gets a cache of its own, and real data only where they are."""

import os
import shutil

import pytest
import torch

from course_lib import data
from course_lib.paths import cache_root
from course_lib.training import loop
from course_lib.training.checkpoint import Checkpoint
from grading import release

REAL_CACHE = cache_root()  # before any test moves it
torch.set_num_threads(1)  # tiny nets: threads cost more than they bring

# They take longest: begun first, none of them is what the other processes wait for at the end.
LONGEST = "test_weights.py", "test_hostile.py", "test_distributed.py", "test_build.py"


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Kept runs and rendered faces of a test must not meet those of a reader."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_RESULTS", raising=False)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """The folder that students get, made once for all tests of a process."""
    folder = tmp_path_factory.mktemp("release")
    release.release(folder)
    return folder


@pytest.fixture
def real(monkeypatch):
    """load(name, split) from the prepared sets; skips where the set is not prepared."""

    def load(name, split="train", n=None):
        monkeypatch.setenv("COURSE_CACHE", os.fspath(REAL_CACHE))
        try:
            return data.load(name, split, n)
        except data.DataMissing as missing:
            pytest.skip(str(missing))

    return load


@pytest.fixture
def no_training(monkeypatch):
    """Call it: from then on a training fails the test."""

    def refuse(*args, **how):
        pytest.fail("it was trained")

    return lambda: monkeypatch.setattr(loop, "fit", refuse)


def awake(model, scale=0.1):
    """Move every parameter away from its start: at initialisation a wrong sign is invisible."""
    with torch.no_grad():
        for p in model.parameters():
            p += scale * torch.randn_like(p)
    return model.eval()


def untrained(step, batches):
    """The names of the parameters that one step leaves without a gradient."""
    step(*next(batches.epoch(0)))
    parameters = step.model.named_parameters()
    return [name for name, p in parameters if p.grad is None or not p.grad.any()]


def pictures(n=16, channels=3, size=64):
    """Soft stripes, each picture with its own angle and colour, uint8."""
    generator = torch.Generator().manual_seed(11)
    a, b, c = torch.rand(3, n, channels, 1, 1, generator=generator)
    y, x = torch.meshgrid(torch.linspace(0, 1, size), torch.linspace(0, 1, size), indexing="ij")
    return (127 * (1 + torch.sin(9 * (a * x + b * y + c)))).round().byte()


def interrupted(run, step, at, monkeypatch):
    """What run() returns when it was broken off at the at-th call of the class `step`, with a save
    after each, and then taken up again, in a cache of its own."""
    monkeypatch.setenv("COURSE_CACHE", os.environ["COURSE_CACHE"] + "-broken")
    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    calls, whole = [], step.__call__

    def breaking(self, *batch):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return whole(self, *batch)

    monkeypatch.setattr(step, "__call__", breaking)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.setattr(step, "__call__", whole)
    return run()


# ---- pages in a browser --------------------------------------------------------------------------

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        # Chromium has no sandbox of its own where tests run as root.
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()
