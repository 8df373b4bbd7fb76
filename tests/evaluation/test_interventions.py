"""Interventions: a model whose levels are known must get the matrix that is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import awake
from torch.distributions import Normal, kl_divergence

from course_lib.evaluation import interventions, stats
from course_lib.models import hvae


class Known:
    """Three groups of one number each; the pixel (0, 0, i) is the number of group i."""

    sides, scale_of_group = (2, 4), [0, 0, 1]

    def features(self, x):
        return x

    def top_down(self, features, temperature=1.0):
        """The pixels, and the groups' codes as GroupSample names them."""
        zs = self.encode(features, temperature)
        return self.generate(given=zs), [SimpleNamespace(z=z) for z in zs]

    def mean(self, parameters):
        return parameters

    def encode(self, x, temperature=1.0):
        return [x[:, :, :1, i : i + 1] for i in range(3)]

    def generate(self, n=1, given=(None,) * 3, temperature=1.0):
        known = [z for z in given if z is not None]
        n = len(known[0]) if known else n
        zs = [temperature * torch.randn(n, 1, 1, 1) if z is None else z for z in given]
        return torch.cat(zs, 3)


def read(x):
    """Four factors: one of each group, and the sum of the last two."""
    x = x.flatten(1)
    return torch.cat([x, x[:, 1:].sum(1, keepdim=True)], 1)


def effects(n=4000):
    return interventions.resampling_effects(
        Known(), read, torch.randn(n, 1, 1, 3), interventions.groups_by_scale(Known())
    )


def test_levels_of_scales():
    assert interventions.groups_by_scale(Known()) == {"2x2": [0, 1], "4x4": [2]}
    assert interventions.groups_by_scale(hvae.HVAE(width=(8, 8, 8), groups=(1, 2, 1))) == {
        "2x2": [0],
        "4x4": [1, 2],
        "16x16": [3],
    }


def test_the_matrix_of_a_known_model():
    share = interventions.shares(effects())
    assert share == pytest.approx(np.array([[1, 1, 0, 0.5], [0, 0, 1, 0.5]]), abs=0.1)


def test_shares_with_all_that_lies_below():
    levels = interventions.with_everything_below(interventions.groups_by_scale(Known()))
    share = interventions.draw_shares(Known(), read, torch.randn(4000, 1, 1, 3), levels)
    assert share == pytest.approx(np.array([[1, 1, 1, 1], [0, 0, 1, 0.5]]), abs=0.1)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_codes_and_their_copies_are_those_of_two_passes(temperature):
    how = dict(sides=(2, 4, 8), width=(12, 8, 8), groups=(2, 1, 2), z_dim=3, sigma=0.1)
    model, x = awake(hvae.HVAE((3, 32, 32), **how), 0.2), torch.rand(6, 3, 32, 32)
    torch.manual_seed(1)
    zs, copies = interventions.coded(model, x, temperature)
    torch.manual_seed(1)
    wanted = model.encode(x, temperature)
    assert all(torch.equal(z, other) for z, other in zip(zs, wanted, strict=True))
    torch.testing.assert_close(copies, model.generate(given=wanted))


class Faint(Known):
    """Shows a quarter of what its third group says, and noise in its codes unless they are cold."""

    def encode(self, x, temperature=1.0):
        return [z + temperature * 0.1 * torch.randn_like(z) for z in super().encode(x)]

    def generate(self, n=1, given=(None,) * 3, temperature=1.0):
        return super().generate(n, given, temperature) * torch.tensor([1.0, 1.0, 0.25])


def test_what_a_level_carries_is_its_part_of_the_difference():
    x, step = torch.randn(300, 1, 1, 3), torch.tensor([0.0, 3.0, 4.0])
    moved = interventions.carried(Known(), read, x, x + step, {"2x2": [0, 1], "4x4": [2]})
    assert list(moved) == ["2x2", "4x4", "all"]
    for name, wanted in (("2x2", [0, 3, 0, 3]), ("4x4", [0, 0, 4, 4]), ("all", [0, 3, 4, 7])):
        assert moved[name] == pytest.approx(np.tile(wanted, (300, 1)), abs=1e-5)
    back = interventions.carried(Known(), read, x + step, x, {"4x4": [2]})
    assert back["4x4"][:, 2] == pytest.approx(np.full(300, -4.0), abs=1e-5)


def test_swap_shares_are_of_what_all_codes_carry():
    x, step = torch.randn(300, 1, 1, 3), torch.tensor([0.0, 3.0, 4.0])
    pairs = {3: (x, x + step), 2: (x, x + step), 1: (x + step, x)}
    share = interventions.swap_shares(Known(), read, pairs, {"2x2": [0, 1], "4x4": [2]})
    assert share == pytest.approx(np.array([[3 / 7, 0, 1], [4 / 7, 1, 0]]), abs=1e-5)


def test_three_ways_of_asking_two_models():
    x, step = torch.randn(4000, 1, 1, 3), torch.tensor([0.0, 3.0, 4.0])
    pairs = {3: (x[:9], x[:9] + step), 1: (x[:9], x[:9] + step)}
    tables = interventions.three_ways([Known(), Faint()], read, x, pairs)
    assert [table.shape for table in tables.values()] == [(2, 2, 2)] * 3
    wanted = {
        "drawn alone": [[0.5, 1], [0.5, 0]],
        "with all below": [[1, 1], [0.5, 0]],
        "swapped": [[3 / 7, 1], [4 / 7, 0]],
    }
    assert list(tables) == list(wanted)
    for way, of_known in wanted.items():
        assert tables[way][0] == pytest.approx(np.array(of_known), abs=0.1), way
    assert tables["swapped"][1] == pytest.approx(np.array([[3 / 4, 1], [1 / 4, 0]]), abs=1e-5)


def test_the_leading_level_in_each_model():
    table = np.array([[[0.5, 0.1], [0.2, 0.9], [0.1, 0.0]], [[0.0, 0.3], [0.1, 0.2], [0.2, 0.1]]])
    leads = interventions.leading({"drawn alone": table, "swapped": table[::-1]}, ["smile", "gaze"])
    assert leads.loc["smile"].to_dict() == {"drawn alone": "1 3", "swapped": "3 1"}
    assert leads.loc["gaze"].to_dict() == {"drawn alone": "2 1", "swapped": "1 2"}


def test_moves_are_standard_deviations_of_the_numbers_that_hold_most():
    how = dict(sides=(2, 4, 8), width=(12, 8, 8), groups=(2, 1, 2), z_dim=3, sigma=0.1)
    model, x = awake(hvae.HVAE((3, 32, 32), **how), 0.2), torch.rand(6, 3, 32, 32)
    zs = model.encode(x[:2], temperature=0.0)
    torch.manual_seed(1)
    moves = interventions.moves(model, x, zs, k=4)
    torch.manual_seed(1)
    held, priors = model(x)[1], model.top_down(given=zs)[1]
    for move, sample, prior in zip(moves, held, priors, strict=True):
        assert move.shape == (2, 4, *prior.z.shape[1:])
        assert ((move != 0).flatten(2).sum(2) == 1).all(), "one number each"
        q, p = (
            Normal(m, (0.5 * v).exp())
            for m, v in ((sample.mu, sample.logvar), (sample.mu_p, sample.logvar_p))
        )
        nats = kl_divergence(q, p).mean(0).flatten()
        at = move[0].flatten(1).argmax(1)
        torch.testing.assert_close(nats[at], nats.topk(4).values, rtol=1e-3, atol=1e-6)
        sds = (0.5 * prior.logvar_p).exp().flatten(1)
        torch.testing.assert_close(move.flatten(2).sum(2), sds[:, at])


def test_codes_that_are_carried_are_posterior_means():
    x = torch.randn(300, 1, 1, 3)
    moved = interventions.carried(Faint(), read, x, x + 1, {"4x4": [2]})
    assert moved["4x4"][:, 2] == pytest.approx(np.full(300, 0.25), abs=1e-5)  # no noise in it


@pytest.mark.parametrize("n", [2, 5, 9])
def test_every_picture_has_another_to_be_compared_with(n):
    x = torch.randn(n, 1, 1, 3)
    moved = interventions.resampling_effects(
        Known(), read, x, interventions.groups_by_scale(Known()), size=4
    )["another"]
    assert moved.shape[0] == n and (moved.max(1) > 0).all()
    with pytest.raises(ValueError, match="no other"):
        interventions.resampling_effects(Known(), read, x[:1], {})


def test_below_a_level_are_all_finer_ones():
    levels = {"2x2": [0, 1], "4x4": [2], "8x8": [3]}
    below = interventions.with_everything_below(levels)
    assert below == {"2x2": [0, 1, 2, 3], "4x4": [2, 3], "8x8": [3]}


def test_resampling_and_swaps_touch_only_their_level():
    zs = [torch.full((5, 1, 1, 1), float(i)) for i in range(3)]
    others = [z + 10 for z in zs]
    resampled = interventions.resample(Known(), zs, [1]).flatten(1)
    assert (resampled[:, [0, 2]] == torch.tensor([0.0, 2.0])).all() and resampled[:, 1].std() > 0
    assert interventions.swap(Known(), zs, others, [0, 2]).flatten(1)[0].tolist() == [10, 1, 12]
    assert zs[2].unique().item() == 2  # what was given stays as it was


def test_temperature_of_what_is_resampled():
    zs = [torch.zeros(4000, 1, 1, 1)] * 3
    resampled = interventions.resample(Known(), zs, [0], 0.5)[..., 0]
    assert resampled.std().item() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (9.0, 1.0),
        (6.0, 2.5),
        (5.0, 3.0),
        (4.5, 4 + 2 / 3),
        (1.0, np.nan),
    ],
)
def test_epochs_until_a_value(value, wanted):
    history = pd.DataFrame({"epoch": [1, 2, 3, 4, 5], "bits": [8.0, 7.0, 5.0, 5.5, 4.0]})
    assert stats.epochs_to(history, "bits", value) == pytest.approx(wanted, nan_ok=True)
