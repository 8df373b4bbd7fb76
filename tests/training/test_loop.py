"""The loop: means, NaN, averages, order of batches, nothing lost by an interruption."""

import math

import pytest
import torch
from torch import nn
from toy_family import Toy, loss, pictures, recipe

from course_lib import data
from course_lib.training import loop
from course_lib.training.steps import LossStep


def test_history_holds_the_mean_of_every_term():
    values = iter(range(100))

    class Counter:
        parts = {"model": nn.Linear(1, 1)}

        def __call__(self, x):
            return {"loss": torch.tensor(float(next(values)))}

    batches = data.Batches(torch.zeros(40, 1, 2, 2, dtype=torch.uint8), size=10)
    history = loop.fit(Counter(), batches, epochs=2, evaluate=lambda: {"test": 7.0})
    assert history.loss.tolist() == [1.5, 5.5]  # means of 0..3 and of 4..7
    assert history.epoch.tolist() == [1, 2] and history.test.tolist() == [7.0, 7.0]


def test_training_lowers_the_loss_and_averages_the_weights():
    torch.manual_seed(0)
    step, batches = recipe(pictures())
    start = step.model.net[1].weight.clone()
    history = loop.fit(step, batches, epochs=60)
    assert history.loss.iloc[-1] < 0.8 * history.loss.iloc[0]
    averaged, last = step.best.net[1].weight, step.model.net[1].weight
    assert step.best is not step.model
    # an average lies between where the weights came from and where they are
    assert 0 < (last - averaged).norm() < (last - start).norm()


def test_a_loss_step_makes_the_update_of_plain_torch():
    x = data.pixels(pictures())
    torch.manual_seed(5)
    ours, theirs = Toy(), Toy()
    theirs.load_state_dict(ours.state_dict())
    step = LossStep(ours, loss, torch.optim.SGD(ours.parameters(), 0.1))
    optimizer = torch.optim.SGD(theirs.parameters(), 0.1)
    for _ in range(3):
        torch.manual_seed(9)
        terms = step(x)
        torch.manual_seed(9)
        value = loss(theirs, x)["loss"]
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        assert terms["loss"].item() == value.item() and not terms["loss"].requires_grad
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_schedule_steps_once_an_update():
    step, batches = recipe(pictures())  # the rate falls to 0.9 of itself after every 7 steps
    loop.fit(step, batches, epochs=3)  # of five steps
    assert step.optimizer.param_groups[0]["lr"] == pytest.approx(1e-2 * 0.9**2)


def test_clip_bounds_the_gradient():
    model = nn.Linear(4, 1)
    step = LossStep(
        model,
        lambda m, x: {"loss": 1e3 * m(x).sum()},
        torch.optim.SGD(model.parameters(), 1.0),
        clip=0.5,
    )
    before = torch.cat([p.flatten().clone() for p in model.parameters()])
    step(torch.ones(2, 4))
    after = torch.cat([p.flatten() for p in model.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("bad", ["recon", "kl"])
@pytest.mark.parametrize(("size", "epoch", "stops"), [(15, 2, 8), (1, 1, loop.BUNDLE)])
def test_nan_stops_it_at_the_next_look_and_term_step_and_last_good_state_are_named(
    bad, size, epoch, stops
):
    """It looks after every BUNDLE of steps, and at the end of an epoch."""
    calls = []

    class Failing:
        parts = {"model": nn.Linear(1, 1)}

        def __call__(self, x):
            calls.append(1)
            terms = {"loss": 1.0, "recon": 0.5, "kl": 0.5}
            if len(calls) == 6:
                terms |= {"loss": float("nan"), bad: float("nan")}
            return {name: torch.tensor(value) for name, value in terms.items()}

    batches = data.Batches(torch.zeros(60, 1, 2, 2, dtype=torch.uint8), size=size)
    with pytest.raises(loop.Diverged) as error:
        loop.fit(Failing(), batches, epochs=10)
    message = str(error.value)
    assert len(calls) == stops, "the means of an epoch, or many steps, were made after the NaN"
    assert f"'{bad}'" in message and f"step 6 (epoch {epoch})" in message
    assert "Last good state" in message


class Sometimes:
    """A checkpoint that is due at some steps; it notes what is saved."""

    path, saved = "kept.safetensors", ()

    def __init__(self, *due):
        self.steps, self.at = due, 0

    def due(self):
        self.at += 1
        return self.at in self.steps

    def save(self, state):
        self.saved += (state["index"],)

    def load(self):
        return None


def stopped(step, *due):
    """(the checkpoint, the message) of a training whose loss becomes NaN at step 30."""
    step.parts = {"model": nn.Linear(1, 1)}
    batches = data.Batches(torch.zeros(200, 1, 2, 2, dtype=torch.uint8), size=1)
    checkpoint = Sometimes(*due)
    with pytest.raises(loop.Diverged) as error:
        loop.fit(step, batches, epochs=1, checkpoint=checkpoint, progress=False)
    return checkpoint, str(error.value)


class Broken:
    """Its loss is NaN from step 30 on; after some more steps a net of its own kind may raise."""

    def __init__(self, raises=None):
        self.n, self.raises = 0, raises

    def __call__(self, x):
        self.n += 1
        if self.n == self.raises:
            raise ValueError("Expected parameter loc to satisfy the constraint Real()")
        return {"loss": torch.tensor(math.nan if self.n >= 30 else 1.0)}


def test_a_save_moves_no_look_and_none_keeps_a_state_after_a_nan():
    """Or a rank that saves would stop at another step than the others, who would wait for it."""
    for due, saved in ([(), ()], [(20,), (20,)], [(20, 40), (20,)], [(40,), ()]):
        step = Broken()
        checkpoint, message = stopped(step, *due)
        assert step.n == loop.BUNDLE and checkpoint.saved == saved
        assert "step 30" in message and ("step 20, kept" in message) == (saved == (20,))


def test_a_step_that_raises_after_a_nan_is_not_what_went_wrong():
    assert "the term 'loss' is nan" in stopped(Broken(raises=33))[1]


def test_a_save_leaves_the_means_as_they_are():
    class Large:
        parts = {"model": nn.Linear(1, 1)}

        def __call__(self, x):
            return {"loss": 10 ** (12 * torch.rand(()) - 6)}

    def mean(*due):
        torch.manual_seed(0)
        batches = data.Batches(torch.zeros(170, 1, 2, 2, dtype=torch.uint8), size=1)
        return loop.fit(Large(), batches, 1, checkpoint=Sometimes(*due), progress=False).loss[0]

    assert mean() == mean(7, 49, 93)


def test_batches_visit_every_picture_once_and_depend_on_seed_and_epoch_alone():
    x = torch.arange(30, dtype=torch.uint8).view(30, 1, 1, 1)
    y = torch.arange(30)
    batches = data.Batches(x, y, size=7, seed=4)
    seen = [label for _, part in batches.epoch(0) for label in part.tolist()]
    assert len(seen) == 28 == len(set(seen)) and len(batches) == 4
    for picture, label in batches.epoch(0):
        torch.testing.assert_close(picture.flatten() * 255, label.float())
    again = data.Batches(x, y, size=7, seed=4)
    assert [p.tolist() for _, p in again.epoch(3, skip=2)] == [
        p.tolist() for _, p in list(batches.epoch(3))[2:]
    ]
    other_seed = data.Batches(x, y, size=7, seed=5)
    orders = {
        tuple(torch.cat([p for _, p in passes]).tolist())
        for passes in (batches.epoch(0), batches.epoch(1), other_seed.epoch(0))
    }
    assert len(orders) == 3
    with pytest.raises(ValueError, match="different lengths"):
        data.Batches(x, y[:5], size=7)
