"""A compiled step is the plain step but for rounding: one family on a CPU, all of them on a GPU."""

import shutil

import pytest
import torch

from benchmarks import families
from course_lib.data import inputs
from course_lib.training.compiled import CompiledStep
from course_lib.training.loop import set_training

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: CUDA graphs")
CPU = pytest.mark.skipif(not shutil.which("g++"), reason="needs g++: compiling for a CPU")
GAMES = ("gan", "acgan", "infogan")
LOSSES = [name for name in families.FAMILIES if name not in GAMES]
PLACES = [pytest.param("cvae", "cpu", marks=[CPU, pytest.mark.slow])]  # 20 s of compiling
PLACES += [pytest.param(name, "cuda", marks=GPU) for name in LOSSES]


def two_steps(name, device, compiled):
    """The terms of two steps, and the gradients of the first one."""
    recipe, words, settings = families.FAMILIES[name]
    torch.manual_seed(0)
    step, batches = recipe(*(inputs.tensor(word)[:64].to(device) for word in words), **settings)
    step.bf16 = False  # or rounding would be of two digits
    own = CompiledStep(step) if compiled else step
    set_training(own, True)
    batch, terms, gradients = next(batches.epoch(0)), [], {}
    for _ in range(2):
        terms.append({n: float(t) for n, t in own(*batch).items()})
        gradients = gradients or {n: p.grad.clone() for n, p in step.model.named_parameters()}
    return terms, gradients


@pytest.mark.parametrize(("name", "device"), PLACES)
def test_a_compiled_step_is_the_plain_one_but_for_rounding(name, device):
    terms, gradients = two_steps(name, device, compiled=False)
    fast_terms, fast_gradients = two_steps(name, device, compiled=True)
    for plain, fast in zip(terms, fast_terms, strict=True):
        assert fast == pytest.approx(plain, rel=1e-4, abs=1e-3)
    for n, gradient in gradients.items():
        assert (fast_gradients[n] - gradient).abs().max() <= 1e-4 * gradient.abs().max() + 1e-6, n
