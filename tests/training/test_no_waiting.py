"""No step makes the CPU wait for the device: neither asks for a number nor brings one along.

Tried without a GPU, on tensors of torch's device "meta", which have shapes and no numbers: to ask
for one is an error there, and a copy from the CPU is seen. What waits cannot be captured, either.
"""

import contextlib

import pytest
import torch
from small_steps import STEPS, begun
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib.data.batches import pixels
from course_lib.models import mlvae
from course_lib.training import loop
from course_lib.training.captured import deferring
from course_lib.training.products import onednn_is_exact

# Its recipe asks for the number of classes; its step is that of the other judges.
NAMES = [name for name in STEPS if name != "judge of digits"]


class Copies(TorchDispatchMode):
    """Notes what is copied from one device to another in here."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if "copy" in str(func):
            devices = {t.device.type for t in (*args, result) if isinstance(t, torch.Tensor)}
            self.seen += [str(func)] if len(devices) > 1 else []
        return result


@pytest.fixture
def meta(monkeypatch):
    """A step begun on "meta", but for what torch does not do there: autocast, fused optimisers."""
    onednn_is_exact()  # a trial on the CPU, once
    monkeypatch.setattr(torch, "autocast", lambda *args, **how: contextlib.nullcontext())
    monkeypatch.setattr(mlvae, "count_groups", lambda x, group: 10)

    def begin(name):
        step, batches = begun(name, "meta")
        loop.set_training(step, True)
        for part in step.parts.values():
            if isinstance(part, torch.optim.Optimizer):
                hooks = part._optimizer_step_pre_hooks.values()
                part.step = lambda part=part, hooks=hooks: [hook(part, (), {}) for hook in hooks]
        count = step.parts["average"].n_averaged.to("meta") if "average" in step.parts else None
        batch = [t[: batches.size] for t in batches.tensors]
        return deferring(step, [], count), [pixels(t) if t.ndim == 4 else t for t in batch]

    return begin


@pytest.mark.parametrize("name", NAMES)
def test_no_step_waits(name, meta):
    step, batch = meta(name)
    with Copies() as copies:
        terms = step(*batch)
    assert copies.seen == []
    assert all(term.is_meta for term in terms.values())


@pytest.mark.parametrize(
    "waiting", [lambda x: float(x.sum()), lambda x: x + torch.zeros(3).to(x), lambda x: x.nonzero()]
)
def test_one_that_waits_is_seen(waiting, meta):
    step, batch = meta("vae")
    loss = step.loss

    def waits(model, x):
        waiting(x[0, 0, 0, :3])
        return loss(model, x)

    step.loss = waits
    with pytest.raises((RuntimeError, NotImplementedError, AssertionError)), Copies() as copies:
        step(*batch)
        assert copies.seen == []
