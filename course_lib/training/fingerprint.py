"""What a run does in its first five steps: the test by which old weights and new code are compared.

Weights that were trained by other code are as good as new where the code still does the same. Five
steps on the CPU tell: a changed formula, default, order of pictures or schedule shows at once, and
a renamed or moved function does not.
"""

import itertools
import math
import warnings

import torch

from course_lib.training.loop import set_training
from course_lib.training.source_digest import source_digest

N_STEPS, N_POINTS = 5, 10
# Relative, a step each. Measured over thirteen recipes between processors of three generations and
# one or two threads: at most 1e-6 in the first step; small differences then grow, most in the
# duels of GANs, to 0.04 in the fifth. A changed formula shows in the first two.
ROUNDING = (1e-4, 1e-3, 1e-2, 5e-2, 2e-1)
# Absolute: of terms that begin at 0, and of a game's, which are differences of scores. Between an
# AMD and an Intel processor, or one and two threads, a generator's -0.0505 had moved by 2e-4 in the
# second step, and its -0.237 by 3e-3 in the third.
FLOORS = (1e-5, 5e-4, 5e-3, 1e-2, 2e-2)
AWAKE, AWAKE_FLOOR = 1e-3, 2e-4
OF_SUMS = 5e-3  # relative to the sum of absolute weights
BF16 = 100  # times as much where the forward pass is in bfloat16


def fingerprint(recipe, tensors, settings, epochs):
    """The run's first steps, on the CPU, as numbers that JSON holds.

    losses: the named terms of each step. sums: of every part's weights after them, and of their
    absolute values. rates: every optimiser's learning rates at ten points of the run. awake: the
    terms of a step whose weights were perturbed, since at the start a KL may be 0 and its sign
    cannot be seen. A loss weight is a constant of its recipe, so it shows in the losses.
    """
    with torch.random.fork_rng(devices=[]):
        step, batches = _start(recipe, tensors, settings)
        n_steps = epochs * len(batches)
        losses = [plain(step(*batch)) for batch in first(batches, min(N_STEPS, n_steps))]
        sums = {name: _sums(part) for name, part in step.parts.items() if _is_module(part)}
        rates = _rates(step, n_steps - len(losses))
        awake = _awake(*_start(recipe, tensors, settings))
    return {"losses": losses, "sums": sums, "rates": rates, "awake": awake}


def difference(old, new, bf16=False):
    """The first thing in which two fingerprints differ by more than rounding, as text, or None."""
    factor = BF16 if bf16 else 1
    if len(old["losses"]) != len(new["losses"]):
        return f"it has {len(new['losses'])} first steps, it had {len(old['losses'])}"
    steps = zip(ROUNDING, FLOORS, old["losses"], new["losses"], strict=False)
    for i, (tolerance, floor, a, b) in enumerate(steps, 1):
        if a.keys() != b.keys():
            return f"step {i} has the terms {', '.join(b)}, it had {', '.join(a)}"
        for name in a:
            if not abs(a[name] - b[name]) <= factor * (tolerance * abs(a[name]) + floor):
                return f"step {i}: {name} is {b[name]:.6g}, it was {a[name]:.6g}"
    for name, value in old["awake"].items():
        allowed = factor * (AWAKE * abs(value) + AWAKE_FLOOR)
        if not abs(new["awake"].get(name, math.nan) - value) <= allowed:
            return f"away from the start {name} is {new['awake'].get(name)}, it was {value}"
    if old["sums"].keys() != new["sums"].keys():
        return f"it trains {', '.join(new['sums'])}, it trained {', '.join(old['sums'])}"
    for name, (total, size) in old["sums"].items():
        if not abs(new["sums"][name][0] - total) <= factor * OF_SUMS * (1 + size):
            return f"after {N_STEPS} steps the weights of its {name} have another sum"
    rates = zip(old["rates"], new["rates"], strict=False)
    if len(old["rates"]) != len(new["rates"]) or any(
        abs(a - b) > 1e-6 * abs(a) + 1e-12 for a, b in rates
    ):
        return "its learning rate takes another course"
    return None


def _start(recipe, tensors, settings):
    torch.manual_seed(settings.get("seed", 0))
    step, batches = recipe(*(t.cpu() for t in tensors), **settings)
    set_training(step, True)
    return step, batches


@torch.no_grad()
def _perturb(step):
    for part in filter(_is_module, step.parts.values()):
        for p in part.parameters():
            p += 0.02 * torch.randn_like(p)


def _awake(step, batches):
    _perturb(step)
    return plain(step(*next(first(batches, 1))))


def first(batches, n_steps):
    """The first batches, over as many epochs as they take."""
    epochs = (batches.epoch(epoch) for epoch in itertools.count())
    return itertools.islice(itertools.chain.from_iterable(epochs), n_steps)


def plain(terms):
    """The terms of a step as numbers; a GPU has finished the step by then."""
    return {name: float(term) for name, term in terms.items()}


def _is_module(part):
    return isinstance(part, torch.nn.Module)


def _sums(module):
    floats = [t.double() for t in module.state_dict().values() if t.is_floating_point()]
    return [float(sum(t.sum() for t in floats)), float(sum(t.abs().sum() for t in floats))]


def _rates(step, n_left):
    """Learning rates at ten points of the rest of the run, the schedule stepped without training:
    at each point the rate of every parameter group of every optimiser, all in one list."""
    optimizers = [p for p in step.parts.values() if isinstance(p, torch.optim.Optimizer)]
    points = {round(n_left * i / (N_POINTS - 1)) for i in range(N_POINTS)}
    schedule, rates = step.parts.get("schedule"), []
    with warnings.catch_warnings(action="ignore"):  # that no update comes between two steps
        for i in range(max(n_left, 0) + 1):
            if i in points:
                rates += [float(g["lr"]) for o in optimizers for g in o.param_groups]
            if schedule is not None and i < n_left:
                schedule.step()
    return rates


class Behaviour:
    """Whether today's code still does what a record says that the run's code did."""

    def __init__(self, recipe, tensors, about, evaluate=None, held=()):
        self.recipe, self.tensors, self.about = recipe, tensors, about
        self.evaluate, self.held, self._fingerprint = evaluate, held, None

    def sources(self):
        """The digests of the code that trains, and of the code that measures after each epoch."""
        measuring = {"evaluate_sha256": source_digest(self.evaluate)} if self.evaluate else {}
        return {"source_sha256": source_digest(self.recipe)} | measuring

    def data(self):
        """The tensors that a run is trained on, and those that are measured after each epoch."""
        return [*self.tensors, *(self.held if self.evaluate else ())]

    def fingerprint(self):
        """The run's first five steps by today's code."""
        if self._fingerprint is None:
            settings, epochs = self.about["settings"], self.about["epochs"]
            self._fingerprint = fingerprint(self.recipe, self.tensors, settings, epochs)
        return self._fingerprint

    def mark(self):
        """What a record keeps, so that a later version can compare."""
        return self.sources() | {"fingerprint": self.fingerprint()}

    def misfit(self, mark):
        """None where the code is the same or does the same; else what differs, as text."""
        if mark.get("source_sha256") == self.sources()["source_sha256"]:
            return None
        return self.misbehaves(mark)

    def misbehaves(self, mark):
        """None where the first five steps are the same; else what differs, as text."""
        bf16 = bool(self.about["settings"].get("bf16"))
        try:
            change = difference(mark["fingerprint"], self.fingerprint(), bf16)
        except (KeyError, TypeError, ValueError) as error:
            return f"its fingerprint is of another version ({error!r})"
        return change and f"the code has changed since: {change}"

    def mismeasured(self, record, model):
        """None where what is measured after an epoch is what it was: by the same code, or by other
        code whose last row is the same within 2 %, as draws allow; else what differs, as text."""
        sources = self.sources()
        if record.get("evaluate_sha256") == sources.get("evaluate_sha256"):
            return None
        model.eval()
        place = next(model.parameters()).device
        values = self.evaluate(model, *(t.to(place) for t in self.held)) if self.evaluate else {}
        for name, value in values.items():
            old = record["history"].get(name, [math.nan])[-1]
            if not abs(float(value) - old) <= 0.02 * abs(old) + 1e-3:
                return f"{name} is measured otherwise: {float(value):.6g}, it was {old:.6g}"
        return None
