"""What one generator step gains: the game stays as it was, and the gain is what calculus says."""

import pytest
import torch

from course_lib.data import Batches
from course_lib.evaluation import coverage, games
from course_lib.models import gan
from course_lib.training import adversarial

SIDE = 32


def pictures(n=48, seed=3):
    return torch.rand(n, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def small_game(rate=1e-3):
    """A game of tiny nets whose generator makes steps of plain gradient descent."""
    torch.manual_seed(0)
    generator, discriminator = gan.Generator(4, 0, 2, SIDE), gan.Discriminator(0, 4, SIDE)
    opts = (
        torch.optim.SGD(generator.parameters(), rate),
        torch.optim.Adam(discriminator.parameters(), 1e-2),
    )
    batches = Batches((255 * pictures()).byte(), size=8, seed=0)
    losses = gan.logistic, gan.logistic_generator
    return adversarial.AdversarialStep(generator, discriminator, *losses, *opts, batches, 1)


def gain(game, **how):
    how = dict(repeats=2, batch=8, warm=3) | how
    return games.gain_by_lead(game, (255 * pictures()).byte(), pictures(seed=5), **how)


def test_the_margin_grows_with_the_lead_and_the_game_stays_as_it_was():
    game = small_game()
    parts = [p.clone() for p in game.generator.parameters()]
    parts += [p.clone() for p in game.discriminator.parameters()]
    torch.manual_seed(7)
    state = torch.get_rng_state()
    found = gain(game)
    margins = [found[f"{lead} margin"] for lead in games.AHEAD]
    assert margins[-1] > 2 * margins[0] and margins[-1] > margins[2]
    now = [*game.generator.parameters(), *game.discriminator.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(parts, now, strict=True))
    assert torch.equal(state, torch.get_rng_state()) and game.opt_g.param_groups[0]["lr"] == 1e-3
    assert found == gain(game)  # the same noises each time


def test_a_short_step_gains_in_proportion_to_its_length(monkeypatch):
    monkeypatch.setattr(games, "AHEAD", (5,))
    one, two = gain(small_game(1e-4)), gain(small_game(2e-4))
    assert 0 < one["5 own"] and two["5 own"] == pytest.approx(2 * one["5 own"], rel=0.05)
    assert 0 < one["5 new noise"]


def test_against_a_discriminator_that_sees_nothing_there_is_no_gain(monkeypatch):
    monkeypatch.setattr(games, "AHEAD", (0,))
    game = small_game()
    game.discriminator.score = torch.nn.Linear(16 * 4 * 4, 1)
    torch.nn.init.zeros_(game.discriminator.score.weight)
    found = gain(game, warm=0)
    assert found["0 own"] == found["0 new noise"] == found["0 outside"] == 0.0


class Paints:
    """A generator whose pictures are given."""

    def __init__(self, x):
        self.x = x

    def generate(self, c):
        return self.x[: len(c)]


def test_a_grid_and_a_bright_rim_are_found():
    real, c = 0.5 * pictures(40), torch.zeros(40, 0)
    found = games.painted(Paints(real), c, real)
    assert found["rim"] == 0 and found["distance"] == 0 and found["grid"] < 0.3
    barred = real.clone()
    barred[..., ::4] += 0.3
    barred[..., :2, :] += 0.2
    found = games.painted(Paints(barred), c, real)
    assert found["grid"] > 0.9 and found["rim"] > 0.05 and found["distance"] > 0


class Reads(torch.nn.Module):
    """A judge of fixed random features, whose attributes are their first four."""

    def __init__(self):
        super().__init__()
        self.map = torch.nn.Linear(3 * SIDE * SIDE, 8)

    def features(self, x):
        return self.map(x.flatten(1))

    def forward(self, x):
        return self.features(x)[:, :4]


def test_real_pictures_beside_themselves_reach_everything():
    torch.manual_seed(0)
    real, judge = pictures(200), Reads()
    row = coverage.beside(judge, real, real, [0, 2])
    assert row["recall"] == 1 and row["bins"] == row["of"] > 10
    assert row["FID"] == pytest.approx(0, abs=1e-3) and row["distance"] == 0
    one = coverage.beside(judge, real, real[:1].expand(200, -1, -1, -1), [0, 2])
    assert one["recall"] <= 1 / 200 and one["bins"] == 1 and one["FID"] > 0
