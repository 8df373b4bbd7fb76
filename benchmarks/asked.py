"""The trainings that a notebook asks for, read off its cells without training any of them.

    asked("05", "full")    a list of Training, in the notebook's order, each once

Of the cells only the statements run that lead to a training, with a stand-in for what each training
would give; what needs more than that fails and is passed by. So a bare machine without Jupyter can
train what the notebooks ask for, with the settings that stand there and nowhere else.
"""

import contextlib
import functools
import importlib.util
import inspect
import io
import json
import sys
from collections import defaultdict
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import NamedTuple
from unittest.mock import MagicMock

from course_lib.course import slices
from course_lib.data.missing import DataMissing
from course_lib.paths import REPOSITORY
from course_lib.training import keys, outcomes, runs

PACKAGES = ("IPython", "ipywidgets", "sklearn", "cv2", "seaborn", "skimage", "nbformat")
# What course_lib asks of one while it is imported.
AT_IMPORT = {"cv2": {"data": SimpleNamespace(haarcascades=""), "setNumThreads": int}}
TRAINERS = ("train_or_load", "outcome_or_train", "history_or_train", "repeated")


class Training(NamedTuple):
    """What runs.train_or_load takes; evaluate is asked on `held` after each epoch, or None."""

    recipe: object
    tensors: list
    settings: dict
    epochs: int
    evaluate: object = None
    held: tuple = ()

    def lasting(self, epochs):
        """The same for so many epochs, schedule included."""
        known = inspect.signature(self.recipe).parameters
        own = {name: epochs for name in ("epochs", "anneal") if self.settings.get(name)}
        own |= {"epochs": epochs} if "epochs" in known else {}
        return self._replace(epochs=epochs, settings=self.settings | own)

    def shortened(self, share):
        """A share of its steps: of the epochs, and of the pictures where that is less than one."""
        if share * self.epochs >= 1:
            return self.lasting(round(share * self.epochs))
        batch = keys.arguments(self.recipe, self.tensors, self.settings)["batch"]
        n = max(2 * batch, round(share * self.epochs * len(self.tensors[0])))
        return self.lasting(1)._replace(tensors=[t[:n] for t in self.tensors])


@functools.cache
def asked(number, profile):
    """The trainings of the notebook of this number; words on what could not be read off go to
    stderr."""
    stand_in_for_what_is_absent()
    (path,) = (REPOSITORY / "notebooks").glob(f"{number}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code" and cell["id"] != "colab"]
    space = {"__name__": "asked"}
    for cell in code:
        if "parameters" in cell["metadata"].get("tags", []):
            exec("".join(cell["source"]), space)
    space["profile"], found = profile, []
    with noted(found), contextlib.redirect_stdout(io.StringIO()):
        for given, text in leading_to_trainings(["".join(cell["source"]) for cell in code]):
            try:
                exec(compile(text, path.stem, "exec"), space)
            except Exception as error:  # of what comes after a training, most often
                what = f"passed by: {text.splitlines()[0][:50]} ({error!r:.100})"
                what = str(error) if isinstance(error, DataMissing) else what
                print(f"{path.stem}: {what}", file=sys.stderr)
                space |= {name: MagicMock() for name in given - set(space)}
    return distinct(found)


def leading_to_trainings(sources):
    """[(names that it gives, text)] of the statements of some cells that ask for a training, and of
    those that these need."""
    statements, wanted, chosen = slices.statements(sources), set(), []
    trainers = set(TRAINERS)
    for given, read, text in statements:  # functions of the notebook that train
        if text.startswith("def ") and read & trainers:
            trainers |= given
    for given, read, text in reversed(statements):
        asks = not text.startswith("def ") and any(f"{name}(" in text for name in trainers)
        if "profile" not in given and (asks or given & wanted):
            wanted = (wanted - given) | read
            chosen.append((given, text))
    return chosen[::-1]


@contextlib.contextmanager
def noted(found):
    """In here what would train is put into the list `found` in place of that."""

    def note(recipe, tensors, settings, epochs, evaluate=None, held=(), *title, **more):
        if not stands_in(*tensors, *held, *settings.values(), epochs):
            found.append(Training(recipe, list(tensors), settings, epochs, evaluate, tuple(held)))
        return MagicMock(numbers=defaultdict(float))

    def history(*args, **more):
        known = len(found)
        made = note(*args, **more)
        return MagicMock(numbers=columns(found[-1])) if len(found) > known else made

    def outcome(recipe, tensors, settings, epochs, *measuring, **more):
        return note(recipe, tensors, settings, epochs)  # what is measured at the end is no part

    ours = {runs: {"train_or_load": note, "measure_or_load": MagicMock()}}
    ours[outcomes] = {"history_or_train": history, "outcome_or_train": outcome}
    before = {module: {n: getattr(module, n) for n in names} for module, names in ours.items()}
    try:
        _set(ours)
        yield
    finally:
        _set(before)


def stands_in(*values):
    """Whether one of them could not be read off: a set that is not prepared, say."""
    return any(isinstance(value, MagicMock) for value in values)


def columns(training):
    """A history of ones: a number an epoch of what is measured after each."""
    step, _ = runs.begin(training.recipe, training.tensors, training.settings)
    measured = training.evaluate(step.best, *training.held)
    return {name: [1.0] * training.epochs for name in ("epoch", *measured)}


def _set(functions):
    for module, by_name in functions.items():
        for name, function in by_name.items():
            setattr(module, name, function)


def distinct(trainings):
    """Each once, whatever is measured after its epochs; one that is measured stands for all."""
    seen = {}
    for one in trainings:
        full = keys.arguments(one.recipe, one.tensors, one.settings)
        data = [(t.data_ptr(), tuple(t.shape)) for t in one.tensors]
        key = str((keys.name_of(one.recipe), full, one.epochs, data))
        if key not in seen or (one.evaluate and not seen[key].evaluate):
            seen[key] = one
    return list(seen.values())


# ---- what a bare machine lacks ------------------------------------------------------------------


def stand_in_for_what_is_absent():
    """Let `import` pass for those of PACKAGES that are not installed. To use one says so."""
    for name in PACKAGES:
        there = isinstance(sys.modules.get(name), Absent) or importlib.util.find_spec(name)
        if not there:
            sys.modules[name] = Absent(name)
            vars(sys.modules[name]).update(AT_IMPORT.get(name, {}))
    if not any(isinstance(finder, Parts) for finder in sys.meta_path):
        sys.meta_path.append(Parts())


class Absent(ModuleType):
    """A package or a part of one that is not installed; whatever is imported from it is a class,
    and to make one, or to ask it for anything, is a ModuleNotFoundError."""

    __path__ = ()

    def __init__(self, name):
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Unusable(name, (), {"package": self.__name__.split(".")[0]})


class Unusable(type):
    """A class of an absent package."""

    def __call__(cls, *args, **how):
        raise ModuleNotFoundError(f"{cls.package} is not installed here")

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise ModuleNotFoundError(f"{cls.package} is not installed here")


class Parts:
    """Finds the parts of absent packages: sklearn.metrics where sklearn is one."""

    def find_spec(self, name, path=None, target=None):
        parent = sys.modules.get(name.split(".")[0])
        return ModuleSpec(name, self) if isinstance(parent, Absent) and "." in name else None

    def create_module(self, spec):
        return Absent(spec.name)

    def exec_module(self, module):
        pass
