"""The same loop trains two players: all their parts are kept, resumed and watched for NaN."""

import os

import pytest
import torch
from torch import nn
from toy_family import pictures

from course_lib import data, runs, train


class Duel:
    """A generator against a critic: one call, two updates."""

    def __init__(self, lr):
        self.generator, self.critic = nn.Linear(4, 16), nn.Linear(16, 1)
        self.opt_g, self.opt_c = train.adam(self.generator, lr), train.adam(self.critic, lr)
        self.parts = {
            "generator": self.generator, "critic": self.critic,
            "opt_g": self.opt_g, "opt_c": self.opt_c,
        }  # fmt: skip
        self.best = self.generator

    def __call__(self, x):
        fake = self.generator(torch.randn(len(x), 4))
        real_score, fake_score = self.critic(x.flatten(1)), self.critic(fake.detach())
        critic = (1 - real_score).relu().mean() + (1 + fake_score).relu().mean()
        self.descend(self.opt_c, critic)
        generator = -self.critic(fake).mean()
        self.descend(self.opt_g, generator)
        return {"critic": critic.detach(), "generator": generator.detach()}

    def descend(self, optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def recipe(x, lr=1e-2, batch=10, seed=0):
    return Duel(lr), data.Batches(x, size=batch, seed=seed)


def weights(run):
    return [
        p.clone() for name in ("generator", "critic") for p in run.step.parts[name].parameters()
    ]


def test_both_players_learn_and_have_a_history():
    run = runs.kept(recipe, [pictures()], {}, epochs=4)
    assert {"critic", "generator"} <= set(run.history) and len(run.history) == 4
    torch.manual_seed(0)
    start = Duel(1e-2)
    for name in ("generator", "critic"):
        assert not torch.equal(run.step.parts[name].weight, start.parts[name].weight)


@pytest.mark.parametrize("at", [3, 12])
def test_a_broken_duel_ends_in_the_same_weights(at, monkeypatch):
    expected = weights(runs.kept(recipe, [pictures()], {}, epochs=4))
    monkeypatch.setenv("COURSE_CACHE", os.environ["COURSE_CACHE"] + "-broken")
    monkeypatch.setattr(runs.Checkpoint, "due", lambda self: True)
    calls, whole = [], Duel.__call__

    def breaking(self, x):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return whole(self, x)

    monkeypatch.setattr(Duel, "__call__", breaking)
    with pytest.raises(KeyboardInterrupt):
        runs.kept(recipe, [pictures()], {}, epochs=4)
    monkeypatch.setattr(Duel, "__call__", whole)
    resumed = weights(runs.kept(recipe, [pictures()], {}, epochs=4))
    assert all(torch.equal(a, b) for a, b in zip(resumed, expected, strict=True))


def test_a_nan_names_the_player():
    step, batches = recipe(pictures())
    with torch.no_grad():
        step.generator.weight.fill_(float("nan"))
    with pytest.raises(train.Diverged, match="the term '(critic|generator)' is nan"):
        train.fit(step, batches, epochs=1, progress=False)
