"""hvae: its bound against torch.distributions and brute force, its scales, its guarded training."""

import itertools
import math

import pytest
import torch
from conftest import awake, interrupted, pictures
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.utils.flop_counter import FlopCounterMode

from course_lib import data
from course_lib.evaluation import likelihood
from course_lib.models import hvae, logistic_mixture
from course_lib.training import runs
from course_lib.training.steps import GradientGuard, LossStep, adam, warmed

TINY = dict(sides=(2, 4, 8), width=(12, 8, 8), groups=(2, 1, 2), z_dim=3, n_mixtures=2)


def tiny(scale=0.1, **more):
    return awake(hvae.HVAE((3, 32, 32), **TINY | more), scale)


def binary(scale=0.3):
    """A model of 4x4 binary pictures with seven latent numbers: few enough for brute force."""
    how = dict(sides=(1, 1, 2), width=(6, 6, 6), groups=(2, 1, 1), z_dim=1, n_mixtures=0)
    return awake(hvae.HVAE((1, 4, 4), **how), scale)


def normal(mu, logvar):
    return Independent(Normal(mu, (0.5 * logvar).exp()), 3)


# ---- the bound ----------------------------------------------------------------------------------


@pytest.mark.parametrize("free", [0.0, 3.0])
def test_the_loss_is_that_of_torch_distributions(free):
    model, x = tiny(), data.pixels(pictures(size=32))
    torch.manual_seed(3)
    terms = hvae.loss(model, x, free)
    torch.manual_seed(3)
    parameters, drawn = model(x)
    recon = logistic_mixture.nll(x, parameters, 2).mean()
    kls = [kl_divergence(normal(d.mu, d.logvar), normal(d.mu_p, d.logvar_p)).mean() for d in drawn]
    lacking = sum(max(free - k.item(), 0.0) for k in kls)
    torch.testing.assert_close(terms["recon"], recon, rtol=1e-5, atol=0)
    torch.testing.assert_close(terms["kl"], sum(kls), rtol=1e-4, atol=0)
    assert terms["free"].item() == pytest.approx(lacking, rel=1e-4)
    assert terms["loss"].item() == pytest.approx(
        terms["recon"].item() + terms["kl"].item() + lacking, rel=1e-5
    )
    assert min(kls) > 1e-3, "asleep: a wrong sign would not show"
    assert free == 0 or lacking > 0.1


def test_a_binary_picture_is_bernoulli_and_grey_ones_are_sampled_anew():
    model = binary()
    x = torch.bernoulli(torch.full((8, 1, 4, 4), 0.4))
    parameters, _ = model(x)
    wanted = -Independent(Bernoulli(logits=parameters), 3).log_prob(x)
    torch.testing.assert_close(model.nll(x, parameters), wanted)
    torch.testing.assert_close(model.quantised(x), x)
    grey = model.quantised(torch.full((2000, 1, 4, 4), 0.3))
    assert set(grey.unique().tolist()) == {0.0, 1.0}
    assert grey.mean().item() == pytest.approx(0.3, abs=0.02)


def test_a_fixed_width_is_a_normal_and_its_bits_are_of_256_values():
    model, x = tiny(sigma=0.07, n_mixtures=2), data.pixels(pictures(size=32))
    parameters, _ = model(x)
    assert parameters.shape == x.shape, "a mean a pixel, whatever n_mixtures says"
    wanted = -(Normal(parameters, 0.07).log_prob(x) - math.log(255)).flatten(1).sum(1)
    torch.testing.assert_close(model.nll(x, parameters), wanted, rtol=1e-4, atol=0)
    assert torch.equal(model.quantised(x), x)
    assert torch.equal(model.mean(parameters), parameters.clamp(0, 1))


def test_five_bits_reach_the_loss_the_held_out_terms_and_the_recipe():
    x = pictures(8, size=32)
    step, _ = hvae.recipe(x, **TINY, n_bits=5, batch=4)
    model = awake(step.model, 0.1)
    few = logistic_mixture.quantised(data.pixels(x), 5)
    torch.manual_seed(0)
    parameters, drawn = model(few)
    nll = logistic_mixture.nll(few, parameters, 2, 5)
    total = (nll + sum(hvae.kl(d) for d in drawn)).mean()
    torch.manual_seed(0)
    assert hvae.loss(model, data.pixels(x))["loss"].item() == pytest.approx(total.item(), rel=1e-5)
    torch.manual_seed(0)
    assert hvae.held_out(model, x)["test nats"] == pytest.approx(total.item(), rel=1e-5)


def test_importance_sampling_meets_the_evidence_by_brute_force():
    """p(x) = E_p[p(x|z)]: 50,000 draws from the prior, against 2,000 from the posterior."""
    model = binary(0.15)
    x = torch.bernoulli(torch.rand(4, 1, 4, 4))
    with torch.no_grad():
        logits, _ = model.top_down(n=50_000)
        pairs = torch.stack([-model.nll(one.expand_as(logits), logits) for one in x])
        evidence = pairs.logsumexp(1) - math.log(50_000)
    torch.manual_seed(1)
    result = {k: likelihood.log_likelihood(model, x, n_samples=k) for k in (1, 20, 2000)}
    torch.testing.assert_close(result[2000], evidence, rtol=0, atol=0.06)
    means = [
        torch.stack([likelihood.log_likelihood(model, x, n_samples=k) for _ in range(300 // k)])
        .mean()
        .item()
        for k in (1, 20)
    ]
    assert means[0] < means[1] < evidence.mean().item() + 0.05
    assert means[0] < evidence.mean().item() - 0.02, "q is p: the weights would not be tested"


def test_the_bound_is_the_mean_of_the_log_weights():
    model, x = binary(), torch.bernoulli(torch.rand(3, 1, 4, 4))
    with torch.no_grad():
        weights = likelihood.log_weights(model, x, None, 4000)
        many = x.repeat_interleave(4000, 0)
        bound = -hvae.nll_and_kls(model, many).sum(1).view(3, 4000)
    error = (weights.std(1) + bound.std(1)) / math.sqrt(4000)
    assert ((weights.mean(1) - bound.mean(1)).abs() < 4 * error).all()


@pytest.mark.parametrize("rows", [7, 50, 1000])
def test_blocks_of_any_size_count_every_picture_and_draw(rows):
    model, x = binary(0.1), torch.bernoulli(torch.rand(11, 1, 4, 4))
    whole, parts = (
        likelihood.log_likelihood(model, x, n_samples=600),
        likelihood.log_likelihood(model, x, n_samples=600, rows=rows),
    )
    assert parts.shape == (11,)
    torch.testing.assert_close(parts, whole, rtol=0, atol=0.2)


def test_at_the_start_the_posterior_is_the_prior_and_the_prior_is_standard():
    model = hvae.HVAE((3, 32, 32), **TINY)
    _, drawn = model(data.pixels(pictures(4, size=32)))
    for d in drawn:
        assert d.mu.abs().max() == d.logvar.abs().max() == d.mu_p.abs().max() == 0
        assert hvae.kl(d).abs().max() == 0


# ---- the architecture ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size",
    [
        dict(shape=(3, 64, 64)),
        dict(shape=(3, 32, 32), **TINY),
        dict(shape=(3, 32, 32), sides=(2, 4, 8), width=(64, 48, 32), z_dim=8, n_mixtures=2),
    ],
)
def test_simple_and_multi_scale_have_the_same_parameters_and_compute(size):
    counts, flops = [], []
    for simple in (False, True):
        model = hvae.HVAE(**size, simple=simple)
        with FlopCounterMode(display=False) as counter:
            model(torch.rand(1, *size["shape"]))
        counts.append(sum(p.numel() for p in model.parameters()))
        flops.append(counter.get_total_flops())
    assert counts[0] == pytest.approx(counts[1], rel=0.02)
    assert flops[0] == pytest.approx(flops[1], rel=0.10)
    latents = [
        sum(d.z[0].numel() for d in hvae.HVAE(**size, simple=s).top_down()[1])
        for s in (False, True)
    ]
    assert latents[0] == latents[1]


def test_twelve_groups_on_three_scales_or_one_each():
    full, simple = (hvae.HVAE(simple=s) for s in (False, True))
    assert full.scale_of_group == [0] * 4 + [1] * 4 + [2] * 4 and simple.scale_of_group == [0, 1, 2]
    sides = [d.z.shape[1] for d in full.top_down()[1]]
    assert sides == [2] * 4 + [4] * 4 + [16] * 4


@pytest.mark.parametrize(
    ("shape", "sides", "k"),
    [
        ((1, 28, 28), (2, 4, 16), 0),
        ((1, 28, 28), (2, 4, 8), 0),
        ((3, 32, 32), (2, 4, 16), 2),
        ((3, 64, 64), (2, 4, 16), 2),
    ],
)
def test_pictures_come_back_in_their_own_shape(shape, sides, k):
    model = awake(hvae.HVAE(shape, **TINY | dict(sides=sides, n_mixtures=k)))
    drawn = model.generate(3)
    assert drawn.shape == (3, *shape) and 0 <= drawn.min() and drawn.max() <= 1
    assert model.nll(torch.zeros(2, *shape), model(torch.zeros(2, *shape))[0]).shape == (2,)


def test_every_parameter_learns():
    model = tiny()
    hvae.loss(model, data.pixels(pictures(size=32)))["loss"].backward()
    still = [name for name, p in model.named_parameters() if not p.grad.abs().sum() > 0]
    assert still == []


# ---- groups -------------------------------------------------------------------------------------


def test_what_is_given_is_held_and_the_rest_is_sampled():
    model = tiny()
    zs = model.encode(data.pixels(pictures(4, size=32)))
    for i in range(len(zs)):
        given = [None if k == i else z for k, z in enumerate(zs)]
        _, drawn = model.top_down(given=given)
        same = [torch.equal(d.z, z) for d, z in zip(drawn, zs, strict=True)]
        assert same == [k != i for k in range(len(zs))]


def test_all_given_is_the_reconstruction():
    model, x = tiny(), data.pixels(pictures(4, size=32))
    torch.manual_seed(5)
    parameters, drawn = model(x)
    again, _ = model.top_down(given=[d.z for d in drawn])
    torch.testing.assert_close(again, parameters)


def test_temperature_scales_the_samples_of_each_group():
    model = tiny()
    assert torch.equal(model.generate(2, temperature=0.0), model.generate(2, temperature=0.0))
    hot = [0.0] * 4 + [2.0]
    _, drawn = model.top_down(n=4000, temperature=hot)
    for d, wanted in zip(drawn, hot, strict=True):
        spread = ((d.z - d.mu) / (0.5 * d.logvar).exp()).std().item()
        assert spread == pytest.approx(wanted, rel=0.02)


def test_held_out_is_the_same_each_time_in_both_units_and_leaves_the_random_state():
    model, x = tiny(), pictures(12, size=32)
    before = torch.get_rng_state()
    first, second = hvae.held_out(model, x), hvae.held_out(model, x)
    assert first == second and torch.equal(before, torch.get_rng_state())
    assert first["test bits"] == pytest.approx(first["test nats"] / (3 * 32 * 32 * math.log(2)))
    kls = [value for name, value in first.items() if " kl " in name]
    torch.manual_seed(0)
    with torch.no_grad():
        each = hvae.nll_and_kls(model, data.pixels(x)).mean(0)
    assert sum(kls) == pytest.approx(each[1:].sum().item(), rel=1e-4)
    assert kls[0] == pytest.approx(each[1:3].sum().item(), rel=1e-4)
    assert first["test nats"] == pytest.approx(each.sum().item(), rel=1e-5)


# ---- training -----------------------------------------------------------------------------------


def guarded(**how):
    weights = torch.nn.Parameter(torch.ones(3))
    optimizer = adam(torch.nn.ParameterList([weights]), 0.1)
    guard = GradientGuard(optimizer, **how)

    def step(gradient):
        before = weights.detach().clone()
        weights.grad = torch.as_tensor(gradient, dtype=torch.float32).expand(3).clone()
        optimizer.step()
        return bool((weights != before).any()), weights.grad.norm().item()

    return step, guard


@pytest.mark.parametrize("bad", [100.0, math.inf, math.nan])
def test_the_guard_leaves_out_an_outlier_and_goes_on(bad):
    step, guard = guarded()
    assert all(step(1.0)[0] for _ in range(5))
    assert not step(bad)[0] and guard.skipped == 1
    assert step(1.0)[0] and guard.skipped == 1 and guard.mean_norm.isfinite()


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_the_guard_leaves_out_a_first_step_that_is_no_number(bad):
    step, guard = guarded()
    assert not step(bad)[0] and guard.skipped == 1
    assert step(1.0)[0] and step(1.1)[0] and guard.skipped == 1


def test_the_guard_shortens_a_gradient_far_above_the_mean_and_passes_others():
    step, guard = guarded(clip=2.0)
    assert step(1.0)[1] == pytest.approx(math.sqrt(3), rel=1e-5)
    assert step(5.0)[1] == pytest.approx(2 * math.sqrt(3), rel=1e-4)
    assert guard.skipped == 0


def test_the_guard_does_not_skip_for_ever_when_norms_stay_high():
    step, guard = guarded()
    step(1.0)
    moved = [step(1000.0)[0] for _ in range(150)]
    assert not moved[0] and all(moved[-50:])


def test_the_rate_rises_and_falls():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], 1.0)
    schedule, rates = warmed(optimizer, warm=4, total=20), []
    for _ in range(20):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == 0.25 and max(rates) == rates[3] and rates[-1] < 0.01
    assert rates[10] == pytest.approx(0.5)


def test_training_lowers_the_bound_and_a_kept_run_opens(capsys):
    x = pictures(64, size=32)
    how = TINY | dict(batch=8, lr=5e-3, ema=0.9, warm=5)

    def again():
        return runs.train_or_load(hvae.recipe, [x], how, 12, hvae.held_out, [x[:16]])

    first = again()
    assert first.history["test bits"].iloc[-1] < first.history["test bits"].iloc[0] - 0.3
    second = again()
    assert "opened" in capsys.readouterr().out
    for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert "guard" in second.step.parts


@pytest.mark.parametrize("at", [2, 5])
def test_a_broken_run_ends_in_the_weights_and_the_guard_of_an_unbroken_one(at, monkeypatch):
    how = TINY | dict(batch=4, anneal=2, warm=3, ema=0.9)

    def run():
        return runs.train_or_load(hvae.recipe, [pictures(12, size=32)], how, 2).step.parts

    expected = {n: p.state_dict() for n, p in run().items()}
    assert {"model", "optimizer", "schedule", "average", "guard"} <= set(expected)
    result = interrupted(run, LossStep, at, monkeypatch)
    assert result["schedule"].state_dict() == expected["schedule"]
    for name in ("model", "average", "guard"):
        for key, value in expected[name].items():
            assert torch.equal(result[name].state_dict()[key], value), f"{name}.{key}"


def test_bfloat16_gives_the_loss_of_float32_within_a_percent():
    model, x = tiny(), data.pixels(pictures(size=32))
    result = []
    for low in (False, True):
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            result.append(hvae.loss(model, x)["loss"].item())
    assert result[1] == pytest.approx(result[0], rel=0.01)


def survives(steps, lr, batch, depth, bf16, width=(16, 16, 12)):
    """Train and sample at every temperature: all terms, weights and pictures must be finite."""
    x = pictures(128, size=32)
    groups = (depth, depth, depth)
    step, batches = hvae.recipe(
        x, **TINY | dict(width=width, groups=groups), lr=lr, batch=batch, bf16=bf16, warm=0
    )
    feed = itertools.chain.from_iterable(batches.epoch(e) for e in itertools.count())
    for one in itertools.islice(feed, steps):
        assert all(term.isfinite() for term in step(*one).values())
    for model in (step.model, step.best):
        assert all(p.isfinite().all() for p in model.parameters())
        for temperature in (0.5, 1.0, 1.5):
            assert model.generate(8, temperature=temperature).isfinite().all()


@pytest.mark.parametrize(
    ("lr", "batch", "depth", "bf16"),
    [
        (1e-3, 16, 1, False),
        (3e-2, 4, 2, False),
        (1e-1, 4, 2, False),
        (3e-2, 4, 1, True),
    ],
)
def test_rough_settings_give_no_nan(lr, batch, depth, bf16):
    survives(25, lr, batch, depth, bf16)


@pytest.mark.slow
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("batch", [4, 16])
@pytest.mark.parametrize("lr", [1e-3, 1e-2, 3e-2])
def test_a_grid_of_settings_gives_no_nan(lr, batch, depth, bf16):
    survives(200, lr, batch, depth, bf16)
