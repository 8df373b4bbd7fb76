"""log p(x|c) by grid and by guarded samples: against closed forms, and against each other."""

import math

import pytest
import torch
from conftest import awake
from linear_gaussian import C_DIM, X_DIM, oracle

from course_lib.atomic import read_json
from course_lib.data import inputs
from course_lib.evaluation import label_likelihood, likelihood
from course_lib.models import cvae
from course_lib.paths import weights_root
from course_lib.training import measurements

TEN = torch.eye(10)


@pytest.mark.parametrize("learned", [False, True], ids=["N(0, I)", "learned prior"])
def test_the_samples_find_the_likelihood_of_the_linear_gaussian(learned):
    model, x, c = oracle(learned, 40)
    result, exact = label_likelihood.by_samples(model, x, c, 4000), model.evidence(x, c)
    assert abs((result - exact).mean().item()) < 0.02 and (result - exact).abs().max() < 0.2
    assert exact.std() > 1, "the pictures differ, so a constant cannot pass"


def test_where_q_is_far_off_the_priors_samples_still_find_the_pictures():
    """q stands six standard deviations beside the posterior: alone it misses by nats."""
    model, x, c = oracle(False, 30, shift=6.0, spread=0.5)
    exact = model.evidence(x, c)
    alone = likelihood.log_likelihood(model, x, c, 8000) - exact
    guarded = label_likelihood.by_samples(model, x, c, 8000) - exact
    assert alone.mean() < -1 and guarded.abs().mean() < 0.3


def test_half_of_the_samples_come_from_either_side():
    """With p(x|z, c) = 1 the estimate is log 1 whatever r is, so one sample of each says it all."""
    model, x, c = oracle(True, 7)
    model.log_px = lambda x, z, c: 0 * x[:, 0]
    seen = label_likelihood.by_samples(model, x, c, 20_000)
    torch.testing.assert_close(seen, 0 * seen, atol=0.05, rtol=0)
    assert seen.shape == (7,) and x.shape == (7, X_DIM) and c.shape == (7, C_DIM)


def test_blocks_and_rest_add_up_to_the_number_of_samples():
    model, x, c = oracle(False, 3)
    torch.manual_seed(0)
    whole = label_likelihood.by_samples(model, x, c, 3000, rows=60_000)
    torch.manual_seed(1)
    torch.testing.assert_close(
        label_likelihood.by_samples(model, x, c, 3000, rows=37), whole, atol=0.15, rtol=0
    )


def small_pictures(n=12):
    return (torch.rand(n, 1, 28, 28) > 0.6).float(), TEN[torch.arange(n) % 3]


def test_each_picture_is_summed_under_its_own_label():
    model, (x, c) = awake(cvae.small(), 0.02), small_pictures()
    result = label_likelihood.own_on_grid(model, x, c, side=40)
    one_by_one = [likelihood.on_grid(model, x[i : i + 1], c[i : i + 1], 40) for i in range(len(x))]
    torch.testing.assert_close(result, torch.cat(one_by_one), rtol=1e-4, atol=1e-3)
    other = label_likelihood.own_on_grid(model, x, c.roll(1, 1), side=40)
    assert (result - other).abs().min() > 1e-3, "the label is not looked at"


def test_a_vae_has_one_column_and_a_cvae_one_for_each_label():
    (x, c), torch_seed = small_pictures(4), torch.manual_seed
    vae = awake(cvae.twin(0, 2, 16), 0.02)
    torch_seed(3)
    table = label_likelihood.table_by_samples(vae, x, c[:, :0], 50)
    torch_seed(3)
    torch.testing.assert_close(table[:, 0], label_likelihood.by_samples(vae, x, c[:, :0], 50))
    torch.testing.assert_close(
        label_likelihood.own_on_grid(vae, x, c[:, :0], 30), likelihood.on_grid(vae, x, c[:, :0], 30)
    )
    model = awake(cvae.twin(10, 2, 16), 0.02)
    table = label_likelihood.table_by_samples(model, x, c, 2000)
    grid = [likelihood.on_grid(model, x, one.expand(4, -1), 100) for one in TEN]
    torch.testing.assert_close(table, torch.stack(grid, 1), atol=0.3, rtol=0)


def test_the_shipped_net_has_one_likelihood_by_grid_and_by_samples():
    """Within 0.1 nats over the set, as notebook 03 shows; samples of q alone miss by more."""
    path = weights_root() / "models.cvae.recipe-d0dde3aaf0413020.json"
    result = {}
    for entry in read_json(path)["measurements"]:
        if entry["n"] == 100:
            file = path.with_name(f"{path.stem}.{entry['name']}.safetensors")
            result[entry["function"].rpartition(".")[2]] = measurements.read(file, entry).mean()
    grid = result["own_on_grid"]
    assert abs(result["by_samples"] - grid) < 0.1
    assert grid - result["log_likelihood"] > 1


def test_the_words_of_a_shipped_measurement_open_the_fixed_binary_pictures():
    whole, few = (inputs.tensor(f"mnist/test/{n}:x:binary=0") for n in (300, 100))
    assert torch.equal(whole[:100], few) and whole.unique().tolist() == [0, 255]
    assert math.isclose(float((few > 0).float().mean()), 0.13, abs_tol=0.03)
