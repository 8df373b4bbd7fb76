"""One training loop for every family.

A step is a callable `step(*batch) -> {name: scalar tensor}` that makes one update, and has `parts`,
a dict of everything trained or remembered (modules, optimisers, averages), each with a state_dict.
The loop owns epochs, means, checkpoints and the watch for NaN; the step owns the update.
"""

import time

import pandas as pd
import torch
from tqdm import tqdm

BUNDLE = 50  # steps


class Diverged(ArithmeticError):
    """A term of the loss is no longer finite; the message names term, step and last good state."""


def fit(step, batches, epochs, evaluate=None, checkpoint=None, title="training", progress=True):
    """Run `step` over `batches` for `epochs`; return the history, a DataFrame with a row an epoch.

    A row holds the mean of every term, whatever `evaluate()` returned after the epoch, and seconds.
    `checkpoint` (checkpoint.Checkpoint) is asked after each step whether a save is due; a run that
    it holds is continued, and ends in the same weights as an unbroken one. Raises Diverged.
    """
    training = _Training(step, batches, checkpoint)
    bar = tqdm(
        total=epochs * len(batches),
        initial=training.steps,
        desc=title,
        unit="step",
        disable=not progress,
        leave=False,
        mininterval=0.5,
    )
    with bar:
        for epoch in range(training.epoch, epochs):
            set_training(step, True)
            for batch in batches.epoch(epoch, skip=training.index):
                training.step_on(batch)
                bar.update()
            set_training(step, False)
            training.close_epoch(evaluate)
    return training.history()


def set_training(step, mode):
    """Put every module of the step into training (True) or evaluation mode (False)."""
    for part in step.parts.values():
        if isinstance(part, torch.nn.Module):
            part.train(mode)


class _Training:
    """Where a training stands: epoch, batch, sums and history; saved, and taken up again."""

    def __init__(self, step, batches, checkpoint):
        self.step, self.batches, self.checkpoint = step, batches, checkpoint
        self.epoch, self.index, self.rows, self.total = 0, 0, [], None
        self.pending, self.names, self.last_good = [], None, "the start"
        self.start, self.seconds_before = time.perf_counter(), 0.0
        saved = checkpoint.load() if checkpoint else None
        if saved is not None:
            self._restore(saved)

    @property
    def steps(self):
        return self.epoch * len(self.batches) + self.index

    def step_on(self, batch):
        """Take one step. Its terms stay on the device and are looked at in bundles: a look stops a
        GPU, and costs a CPU as much as a small layer. Several processes look at the same step."""
        try:
            terms = self.step(*batch)
        except Exception:
            self._sum_up()  # a NaN some steps before says why
            raise
        self.names = list(terms)
        self.pending.append(torch.stack([term.float() for term in terms.values()]))
        self.index += 1
        if self.index % BUNDLE == 0:
            self._sum_up()
        if self.checkpoint and self.checkpoint.due():
            self.save()

    def close_epoch(self, evaluate):
        """Turn the epoch's sums into a row of the history."""
        self._sum_up()
        means = (self.total / self.index).tolist()
        terms = dict(zip(self.names, means, strict=True))
        evaluation = {name: float(v) for name, v in evaluate().items()} if evaluate else {}
        self.rows.append(
            {"epoch": self.epoch + 1} | terms | evaluation | {"seconds": self.seconds()}
        )
        self.epoch, self.index, self.total = self.epoch + 1, 0, None

    def history(self):
        return pd.DataFrame(self.rows)

    def seconds(self):
        """What the training took so far, what it took before it was broken off included."""
        return self.seconds_before + time.perf_counter() - self.start

    def save(self):
        """Save everything that the next step depends on; never a state that is not finite."""
        if not all(bool(terms.isfinite().all()) for terms in self.pending):
            return  # the next look says so; of several processes this one alone saves
        self._sum_up()
        parts = {name: part.state_dict() for name, part in self.step.parts.items()}
        if not all(bool(t.isfinite().all()) for t in _tensors(parts)):
            # Most often the next step's loss is NaN and says so; the last good state stays.
            print(f"step {self.steps}: a weight is not finite, so this state is not saved")
            return
        self.checkpoint.save(
            {
                "parts": parts,
                "epoch": self.epoch,
                "index": self.index,
                "rows": self.rows,
                "total": self.total,
                "names": self.names,
                "rng": torch.get_rng_state(),
                "cuda_rng": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
                "seconds": self.seconds(),
            }
        )
        self.last_good = f"step {self.steps}, kept in {self.checkpoint.path}"

    def _restore(self, saved):
        for name, part in self.step.parts.items():
            part.load_state_dict(saved["parts"][name])
        self.epoch, self.index, self.rows = saved["epoch"], saved["index"], saved["rows"]
        self.total, self.names = saved["total"], saved["names"]
        self.seconds_before = saved["seconds"]
        torch.set_rng_state(saved["rng"])
        if saved["cuda_rng"] is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(saved["cuda_rng"])
        self.last_good = f"step {self.steps}, kept in {self.checkpoint.path}"

    def _sum_up(self):
        """Check the bundle for NaN and add it to the epoch's sums, in float64 on the CPU."""
        if not self.pending:
            return
        bundle = torch.stack(self.pending).cpu().double()
        if not bool(bundle.isfinite().all()):
            self._raise_diverged(bundle)
        for terms in bundle:  # one by one: the sum is the same, whenever a save came between
            self.total = terms if self.total is None else self.total + terms
        self.pending = []

    def _raise_diverged(self, bundle):
        row, column = (~bundle.isfinite()).nonzero()[0].tolist()
        # "loss" is the sum of the others: name the term that went first.
        broken = [n for n, v in zip(self.names, bundle[row], strict=True) if not v.isfinite()]
        name = next((n for n in broken if n != "loss"), self.names[column])
        step = self.steps - len(self.pending) + row + 1
        raise Diverged(
            f"training stopped at step {step} (epoch {self.epoch + 1}): the term '{name}' is "
            f"{bundle[row, self.names.index(name)].item()}. Last good state: {self.last_good}. "
            "Lower the learning rate, or clip the gradient, and run again."
        )


def _tensors(tree):
    """All floating-point tensors in a tree of dicts and lists."""
    if isinstance(tree, torch.Tensor):
        return [tree] if tree.is_floating_point() else []
    branches = tree.values() if isinstance(tree, dict) else tree
    return [t for b in branches if isinstance(b, dict | list | torch.Tensor) for t in _tensors(b)]
