"""The optimisers that leave torch's compiler alone are torch's own in all else."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from course_lib.training import optimisers

EVERYTHING = """
import sys
import torch
import course_lib.course.check, course_lib.course.live, course_lib.course.widgets
from course_lib.evaluation import coverage, digits
from course_lib.training import loop
from small_steps import STEPS, begun
for name in STEPS:
    step, batches = begun(name, "cpu")
    loop.fit(step, batches, 1)
    for part in step.parts.values():
        part.load_state_dict(part.state_dict())
    assert "torch._dynamo" not in sys.modules, name
print(len(STEPS), "families")
"""


def test_neither_an_import_nor_any_training_waits_for_the_compiler():
    tests = str(Path(__file__).parents[1])
    words = [sys.executable, "-c", f"import sys; sys.path.append({tests!r})" + EVERYTHING]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("families\n"), done.stderr[-2000:]


def trained(optimizer, **how):
    """Weights and state after 20 steps with a falling rate, half of them after a reload."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    seen = []

    def begin():
        made = optimizer(net.parameters(), 0.05, **how)
        made.register_step_pre_hook(lambda *words: seen.append(1))
        return made, torch.optim.lr_scheduler.CosineAnnealingLR(made, 20)

    made, schedule = begin()
    for i in range(20):
        if i == 10:
            states = made.state_dict(), schedule.state_dict()
            made, schedule = begin()
            made.load_state_dict(states[0])
            schedule.load_state_dict(states[1])
        made.zero_grad()
        net(torch.randn(8, 3)).square().mean().backward()
        made.step()
        schedule.step()
    assert len(seen) == 20
    return net.state_dict(), made.state_dict()


@pytest.mark.parametrize(
    ("name", "how"),
    [("Adam", dict(fused=True)), ("Adam", dict(weight_decay=0.1)), ("RMSprop", dict(momentum=0.9))],
)
def test_they_are_torchs_to_the_last_digit(name, how):
    (ours, state), (theirs, their_state) = (
        trained(getattr(place, name), **how) for place in (optimisers, torch.optim)
    )
    assert all(torch.equal(ours[word], theirs[word]) for word in theirs)
    assert str(state) == str(their_state)


def test_a_group_that_is_added_later_is_trained_and_no_gradient_is_kept():
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    made = optimisers.Adam([first], 0.1)
    made.add_param_group({"params": [second], "lr": 0.2})
    (first.sum() + second.sum()).backward()
    made.step()
    torch.testing.assert_close(first.detach(), torch.tensor([0.9, 0.9]))
    torch.testing.assert_close(second.detach(), torch.tensor([0.8, 0.8]))
    made.zero_grad()
    assert first.grad is None and not made.state[first]["exp_avg"].requires_grad
