"""A captured step is the plain one but for rounding. On a CPU all is tried but the recording
itself, for which a stand-in does the work again at every replay; that is tried where a GPU is.
"""

import importlib
import inspect
import itertools
import pkgutil

import pytest
import torch
from small_steps import EPOCHS, STEPS, begun, tensors

from course_lib import models
from course_lib.training import keys, loop
from course_lib.training.captured import CapturedStep, NeedsGPU, captured
from course_lib.training.checkpoint import Checkpoint
from course_lib.training.fingerprint import plain
from course_lib.training.source_digest import source_digest

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: CUDA graphs")
PLACES = ["cpu", pytest.param("cuda", marks=GPU)]
# Of a term, relative; of all weights, relative to the way that they went. A GPU adds up in any
# order, and two players amplify that.
TOLERANCE = {"cpu": 1e-4, "cuda": 1e-2}


class Again:
    """In place of a Recorder: what was recorded is done anew, and its tensors are filled."""

    def __init__(self):
        self.recorded, self.replayed = 0, 0

    def plain(self, work):
        return work()

    def record(self, work):
        terms, afterwards = work()  # a GPU would not do it yet: so the first replay need not
        self.recorded, first = self.recorded + 1, self.replayed

        def replay():
            if self.replayed > first:
                for name, term in work()[0].items():
                    terms[name].copy_(term)
            self.replayed += 1

        return replay, (terms, afterwards)


def capture(step, device):
    return CapturedStep(step, None if device == "cuda" else Again())


def weights(step):
    """All that modules of a step hold, floats, in one vector a module."""
    modules = {n: p for n, p in step.parts.items() if isinstance(p, torch.nn.Module)}
    return {
        name: torch.cat([t.detach().flatten().cpu().double() for t in part.state_dict().values()])
        for name, part in modules.items()
    }


def rates(step):
    optimizers = [p for p in step.parts.values() if isinstance(p, torch.optim.Optimizer)]
    return [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]


def trained(name, device, wrap=lambda step: step, n=None):
    """(step, terms of n steps, weights at the start)."""
    step, batches = begun(name, device)
    own, start = wrap(step), weights(step)
    loop.set_training(own, True)
    stream = itertools.chain.from_iterable(batches.epoch(e) for e in range(EPOCHS))
    terms = [plain(own(*batch)) for batch in itertools.islice(stream, n)]
    return own, terms, start


@pytest.mark.parametrize("device", PLACES)
@pytest.mark.parametrize("name", STEPS)
def test_a_captured_step_is_the_plain_one_but_for_rounding(name, device):
    step, terms, start = trained(name, device)
    own, own_terms, _ = trained(name, device, lambda step: capture(step, device))
    near = TOLERANCE[device]
    for one, other in zip(terms, own_terms, strict=True):
        assert other == pytest.approx(one, rel=near, abs=near)
    after, own_after = weights(step), weights(own)
    for part, before in start.items():
        off = (own_after[part] - after[part]).norm()
        assert off <= near * (after[part] - before).norm() + 1e-6, part
    if device == "cpu":  # two stages are two recordings; what changes at every step is none
        number = {"iwae": 2, "hvae, tight": 2, "judge of digits": 0}.get(name, 1)
        assert own.recorder.recorded == number
    assert rates(own) == rates(step) and all(isinstance(rate, float) for rate in rates(own))


def test_every_recipe_is_tried():
    names = [f"course_lib.models.{module.name}" for module in pkgutil.iter_modules(models.__path__)]
    modules = map(importlib.import_module, ["course_lib.evaluation.judge", *names])
    made = [f for m in modules for n, f in inspect.getmembers(m) if n.endswith("recipe")]
    assert set(made) == {recipe for recipe, *_ in STEPS.values()}


@pytest.mark.parametrize("device", PLACES)
@pytest.mark.parametrize("name", ["hvae", "gan, r1"])
def test_a_captured_training_is_taken_up_where_it_was_broken(name, device, tmp_path):
    """Also after a recording: what was loaded lies elsewhere, so a step is recorded anew."""

    def run(epochs, own=None):
        step, batches = begun(name, device)
        own = own or capture(step, device)
        checkpoint = Checkpoint(tmp_path, {}, lambda mark: None, every=0.0)
        checkpoint.due = lambda: epochs < EPOCHS and own.replay is not None
        loop.fit(own, batches, epochs, checkpoint=checkpoint, progress=False)
        return own

    whole, *_ = trained(name, device, lambda step: capture(step, device))
    own = run(EPOCHS, run(EPOCHS - 1))
    assert own.replay is not None
    for part, values in weights(whole).items():
        torch.testing.assert_close(weights(own)[part], values, rtol=1e-3, atol=1e-3)


def test_without_a_gpu_it_says_so():
    with pytest.raises(NeedsGPU, match="on a GPU, and this model is on the cpu"):
        CapturedStep(begun("vae", "cpu")[0])


def test_a_recipe_that_is_captured_where_possible_makes_the_same_run():
    recipe, words, settings = STEPS["gan"]
    x = [tensors()[word] for word in words]
    one, other = (keys.describe(r, x, settings, EPOCHS) for r in (recipe, captured(recipe)))
    assert one == other and source_digest(recipe) == source_digest(captured(recipe))
    step, _ = captured(recipe)(*x, **settings)
    assert not isinstance(step, CapturedStep), "on a CPU it stays plain"
