"""Asked and made: generators whose control is known by construction."""

import pytest
import torch
from torch import nn

from course_lib.evaluation import asked
from course_lib.models import acgan


class Painter(nn.Module):
    """Paints each of three attributes into a row of its own, 1 where asked for; the last one
    follows the noise instead, and with `tied` the second goes where the first one goes."""

    z_dim = 2

    def __init__(self, tied=False):
        super().__init__()
        self.tied = tied

    def forward(self, z, c):
        second = c[:, 0] if self.tied else c[:, 1]
        rows = torch.stack([c[:, 0], second, (z[:, 0] > 0).float()], 1)
        return rows[:, None, :, None].expand(-1, 3, 3, 3)


def says(x):
    return x.mean((1, 3)) > 0.5


def labels(n=400):
    return (torch.rand(n, 3, generator=torch.Generator().manual_seed(3)) < 0.5).float()


def test_a_switch_changes_one_label():
    c = labels(9)
    off, on = asked.switched(c, 1)
    assert off[:, 1].eq(0).all() and on[:, 1].eq(1).all()
    assert torch.equal(off[:, [0, 2]], c[:, [0, 2]]) and torch.equal(on[:, [0, 2]], c[:, [0, 2]])
    assert torch.equal(c, labels(9))  # the labels given stay as they were


def test_flips_by_hand():
    before = torch.tensor([[0, 0, 1], [1, 0, 1], [0, 1, 1], [0, 0, 0]]).bool()
    after = torch.tensor([[1, 0, 1], [1, 1, 0], [0, 1, 0], [1, 0, 0]]).bool()
    follows, others = asked.flips(before, after, 0)
    assert follows == 0.5  # the first and the last; the second was seen before
    assert others == pytest.approx(3 / 8)


def test_what_is_painted_follows_alone_and_what_is_not_does_not():
    z, c = asked.noise(400, 2, 0), labels()
    table = asked.alone(Painter(), says, z, c)
    assert table.tolist() == [[1, 0], [1, 0], [0, 0]]
    tied = asked.alone(Painter(tied=True), says, z, c)
    assert tied[0].tolist() == [1, 0.5] and tied[1].tolist() == [0, 0]


def test_tied_labels_look_controlled_where_they_are_asked_for_together():
    """The trap of a score on whole label rows: the second is never painted, and it follows."""
    c = labels()
    c[:, 1] = c[:, 0]
    said = asked.in_parts(says, asked.generated(Painter(tied=True), asked.noise(400, 2, 0), c))
    assert asked.jointly(said, c.bool())[:2].tolist() == [1, 1]
    assert asked.alone(Painter(tied=True), says, asked.noise(400, 2, 0), c)[1, 0] == 0


def test_the_joint_share_is_that_of_pairs():
    said, c = torch.rand(50, 3) < 0.6, labels(50).bool()
    pairs = [
        [not said[i, k] and bool(said[j, k]) for i in range(50) for j in range(50)
         if not c[i, k] and c[j, k]]
        for k in range(3)
    ]  # fmt: skip
    expected = torch.tensor([sum(p) / len(p) for p in pairs])
    torch.testing.assert_close(asked.jointly(said, c), expected)


def test_scores_name_every_attribute():
    x = (torch.rand(60, 3, 32, 32) * 255).byte()
    wide = Painter()
    wide.forward = lambda z, c: Painter.forward(wide, z, c).repeat(1, 1, 11, 11)[:, :, :32, :32]
    read = lambda p: p[:, :, :3, :3].mean((1, 3)) > 0.5
    features = lambda p: p.mean((2, 3))
    numbers = asked.scores(wide, labels(60).byte(), x, read, features, ["a", "b", "c"], n=60)
    assert numbers["follows a"] == 1 and numbers["others a"] == 0 and numbers["follows c"] == 0
    assert numbers["follows"] == pytest.approx(2 / 3) and 0 <= numbers["recall"] <= 1
    assert numbers["by noise"] == pytest.approx(0.5 / 3, abs=0.1)


def test_players_are_seen_at_even_moments_as_they_are():
    torch.manual_seed(0)
    x, y = (torch.rand(60, 3, 32, 32) * 255).byte(), labels(60).byte()
    step, batches = acgan.early_recipe(x, y, epochs=2, width=4, batch=10, n_moments=4, n_held=20)
    assert len(batches) == 4  # what is held back is not trained on
    for epoch in range(2):
        for batch in batches.epoch(epoch):
            step(*batch)
    players = step.best
    assert players.steps.tolist() == [2, 4, 6, 8] and players.frames.shape == (4, 20, 3, 32, 32)
    assert torch.equal(players.c, y[-20:].float()) and step.generator.training
    step.generator.eval()
    made = step.generator(players.z, players.c)  # raw weights
    assert (made * 255 - players.frames[-1]).abs().max() <= 0.51
    numbers = asked.readings(players, lambda p: players.c[: len(p)].bool())
    assert numbers["judge 8"] == 1 and set(numbers) >= {"own 2", "real 4", "judge 6"}
    own = (players.logits[-1, 1] > 0) == players.c.bool()
    assert numbers["own 8"] == pytest.approx(own.float().mean().item())


def test_being_watched_changes_no_training():
    torch.manual_seed(0)
    x, y = (torch.rand(40, 3, 32, 32) * 255).byte(), labels(40).byte()
    how = dict(epochs=1, width=4, batch=10, augment=False)
    torch.manual_seed(1)
    watched, batches = acgan.early_recipe(x, y, n_moments=2, n_held=10, **how)
    torch.manual_seed(1)
    plain, own = acgan.recipe(x[:-10], y[:-10], ema=0.0, **how)
    for step, given in ((watched, batches), (plain, own)):
        torch.manual_seed(2)
        for batch in given.epoch(0):
            step(*batch)
    pairs = zip(watched.generator.parameters(), plain.generator.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
