"""GAN, ACGAN, InfoGAN: losses by hand, who moves in which half of a step, what is remembered."""

import math

import pytest
import torch
from conftest import interrupted
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Bernoulli, Categorical

from course_lib.data.augment import shift, warp_strongly
from course_lib.models import acgan, gan, gan_baseline, infogan
from course_lib.training import adversarial, loop, recorders, runs

REAL = gan.DiscriminatorOutput(
    torch.tensor([2.0, 0.5, -1.0]), torch.tensor([[1.0, -2.0], [0.3, 0.7], [2, 1]])
)
FAKE = gan.DiscriminatorOutput(
    torch.tensor([-3.0, 0.4, 1.5]), torch.tensor([[0.2, -1], [-0.5, 2], [1, -0.1]])
)
ASKED = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
FAMILIES = [gan.recipe, acgan.recipe, infogan.recipe, gan_baseline.recipe]


def pictures(n=24, side=32):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=generator)


def small(recipe, epochs=2, **how):
    """An AdversarialStep of small nets, and its batches."""
    torch.manual_seed(0)
    given = [pictures()]
    if recipe is acgan.recipe:
        given.append((torch.arange(24)[:, None] >> torch.arange(3) & 1).byte())
    sizes = {"discriminator_width": 4} if recipe is gan_baseline.recipe else {}
    return recipe(*given, epochs=epochs, z_dim=5, width=4, batch=8, **sizes, **how)


# ---- losses -------------------------------------------------------------------------------------


def test_hinge_losses_by_hand():
    terms = gan.hinge(REAL, FAKE, ASKED)
    assert terms["on real"].item() == pytest.approx((0 + 0.5 + 2) / 3)
    assert terms["on fake"].item() == pytest.approx((0 + 1.4 + 2.5) / 3)
    assert terms["loss"].item() == pytest.approx((2.5 + 3.9) / 3)
    assert gan.hinge_generator(FAKE, ASKED)["loss"].item() == pytest.approx((3 - 0.4 - 1.5) / 3)


def test_logistic_losses_are_cross_entropies():
    terms = gan.logistic(REAL, FAKE, ASKED)
    real, fake = (Bernoulli(logits=o.score) for o in (REAL, FAKE))
    one, zero = torch.ones(3), torch.zeros(3)
    torch.testing.assert_close(terms["on real"], -real.log_prob(one).mean())
    torch.testing.assert_close(terms["on fake"], -fake.log_prob(zero).mean())
    torch.testing.assert_close(terms["loss"], terms["on real"] + terms["on fake"])
    lone = gan.logistic_generator(FAKE, ASKED)
    torch.testing.assert_close(lone["loss"], -fake.log_prob(one).mean())  # taken for real


def test_acgan_adds_reading_of_real_pictures_to_the_discriminator_alone():
    fake = FAKE._replace(c_logits=FAKE.c_logits.clone().requires_grad_())
    terms = acgan.discriminator_loss(REAL, fake, ASKED, weight=0.7)
    read = -Bernoulli(logits=REAL.c_logits).log_prob(ASKED).sum(1).mean()
    torch.testing.assert_close(terms["read real"], 0.7 * read)
    torch.testing.assert_close(terms["loss"], gan.hinge(REAL, FAKE, ASKED)["loss"] + 0.7 * read)
    assert not terms["loss"].requires_grad  # nobody learns from how generated ones are read
    # In the paper the discriminator does.
    paper = acgan.discriminator_loss(REAL, FAKE, ASKED, weight=0.7, read_fake=True)
    torch.testing.assert_close(paper["loss"] - terms["loss"], 0.7 * acgan.read(FAKE, ASKED))
    terms = acgan.generator_loss(FAKE, ASKED, weight=0.7)
    asked = -0.7 * Bernoulli(logits=FAKE.c_logits).log_prob(ASKED).sum(1).mean()
    torch.testing.assert_close(terms["asked for"], asked)
    torch.testing.assert_close(terms["loss"], terms["generator"] + asked)


def test_acgan_reads_features_whatever_their_size():
    discriminator = acgan.Discriminator(3, width=4)
    h = torch.randn(2, 256)
    small, large = discriminator.c_head(0.01 * h), discriminator.c_head(h)
    torch.testing.assert_close(small, large, atol=0.05, rtol=0)
    assert discriminator(torch.rand(2, 3, 32, 32)).c_logits.shape == (2, 3)


def test_infogan_adds_reading_of_generated_pictures_to_both():
    read = -Categorical(logits=FAKE.c_logits).log_prob(ASKED.argmax(1)).mean()
    discriminator = infogan.discriminator_loss(REAL, FAKE, ASKED, weight=0.7)
    generator = infogan.generator_loss(FAKE, ASKED, weight=0.7)
    torch.testing.assert_close(discriminator["read code"], 0.7 * read)
    torch.testing.assert_close(generator["show code"], 0.7 * read)
    torch.testing.assert_close(
        discriminator["loss"], gan.hinge(REAL, FAKE, ASKED)["loss"] + 0.7 * read
    )
    torch.testing.assert_close(generator["loss"], generator["generator"] + 0.7 * read)


def test_the_information_bound_is_that_of_a_known_channel():
    """A picture that shows its code with probability 0.8, else any other: I is known."""
    p = torch.full((4, 4), 0.2 / 3) + torch.eye(4) * (0.8 - 0.2 / 3)
    cross_entropy = -(p * p.log()).sum(1).mean()  # the reader knows the channel
    exact = (p * (p / 0.25).log()).sum(1).mean()
    assert infogan.bound(cross_entropy, 4).item() == pytest.approx(exact.item())
    assert infogan.bound(math.log(4), 4) == pytest.approx(0)


def test_a_disguise_changes_each_picture_and_keeps_what_it_shows():
    torch.manual_seed(0)
    x = torch.zeros(200, 1, 32, 32)
    x[:, :, 12:20, 12:20] = 1.0
    seen = warp_strongly(x)
    assert seen.shape == x.shape and seen.min() >= 0 and seen.max() <= 1 + 1e-6
    mass = seen.sum((1, 2, 3))  # strokes get thicker and thinner
    assert mass.min() < 50 and mass.max() > 80 and (seen[0] != seen[1]).any()
    middle = (seen * torch.arange(32)).sum((1, 2, 3)) / mass - 15.5
    assert 2 < middle.abs().max() < 6 and abs(middle.mean()) < 0.5  # shifted to both sides
    for how in (True, False):
        step, batches = small(infogan.recipe, disguise=how)
        assert (step.augment is warp_strongly) == how
        step(*next(batches.epoch(0)))


def test_random_codes_are_one_hot_and_equally_likely():
    torch.manual_seed(0)
    c = infogan.random_codes(torch.zeros(7000, 1), 7)
    assert (c.sum(1) == 1).all() and c.dtype == torch.float32
    assert ((c.mean(0) - 1 / 7).abs() < 0.02).all()


def test_the_share_of_the_noise_of_known_generators():
    class Known(nn.Module):
        """Pictures whose variance is known: a over the noise and b over two codes."""

        z_dim = 1

        def __init__(self, a, b):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.tensor(a)), b

        def forward(self, z, c):
            value = self.a * z[:, 0].sign() + self.b * (c[:, 0] - c[:, 1])
            return value.view(-1, 1, 1, 1).expand(-1, 1, 2, 2)

    torch.manual_seed(0)
    share = infogan.noise_share(Known(0.3, 0.4), 2, 4000)
    assert share == pytest.approx(0.09 / (0.09 + 0.16), abs=0.01)
    assert infogan.noise_share(Known(0.0, 0.4), 2) == 0
    assert infogan.noise_share(Known(0.3, 0.0), 2) == pytest.approx(1)


def test_an_embedded_code_is_looked_up():
    model = infogan.Embedded(5, 3, 2, 4, 32, 3)
    z, vectors = torch.randn(3, 5), model.embedding.weight.T
    expected = gan.Generator.forward(model.eval(), z, vectors[[2, 0, 1]])
    torch.testing.assert_close(model(z, torch.eye(3)[[2, 0, 1]]), expected)


def test_a_code_of_length_one_learns_its_direction_alone():
    step, batches = small(infogan.recipe, embedding=6, unit_length=True)
    loop.set_training(step, True)
    before = step.generator.embedding.weight.clone()
    for batch in batches.epoch(0):
        step(*batch)
    for net in (step.generator, step.best):
        torch.testing.assert_close(net.embedding.weight.norm(dim=0), torch.ones(7))
    assert not torch.equal(step.generator.embedding.weight, before)
    z, vectors = torch.randn(2, 5), step.best.embedding.weight.T
    expected = gan.Generator.forward(step.best.eval(), z, vectors[[3, 1]])
    torch.testing.assert_close(step.best(z, torch.eye(7)[[3, 1]]), expected)


# ---- the step -----------------------------------------------------------------------------------


def changed(before, model):
    return any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("recipe", FAMILIES)
def test_each_half_of_a_step_moves_one_player(recipe, monkeypatch):
    step, batches = small(recipe)
    moved, players = [], {"discriminator": step.discriminator, "generator": step.generator}
    whole = adversarial.update

    def watched(optimizer, loss):
        before = {n: [p.clone() for p in m.parameters()] for n, m in players.items()}
        whole(optimizer, loss)
        moved.append({name: changed(before[name], m) for name, m in players.items()})

    monkeypatch.setattr(adversarial, "update", watched)
    step(*next(iter(batches.epoch(0))))
    assert moved == [
        {"discriminator": True, "generator": False},
        {"discriminator": False, "generator": True},
    ]
    assert all(p.requires_grad for m in players.values() for p in m.parameters())


@pytest.mark.parametrize("recipe", FAMILIES)
def test_the_terms_of_every_step_are_kept(recipe):
    step, batches = small(recipe)
    loop.set_training(step, True)
    given = [step(*b) for e in range(2) for b in batches.epoch(e)]
    trace = step.parts["trace"].table()
    assert len(trace) == len(given) == 6
    also = {acgan.recipe: {"read real", "read fake"}, infogan.recipe: {"read code"}}
    assert set(trace) == {*recorders.Trace.NAMES, *also.get(recipe, ())}
    for name in trace:
        assert trace[name].tolist() == pytest.approx([float(t[name]) for t in given])


@pytest.mark.parametrize("recipe", [gan.recipe, acgan.recipe, infogan.recipe])
def test_an_evaluation_is_a_step_in_which_nobody_learns(recipe):
    step, batches = small(recipe, lr_g=0.0, lr_d=0.0, augment=False)
    batch = next(batches.epoch(0))
    step.discriminator.eval()  # spectral norm turns its vectors with every pass in training
    torch.manual_seed(4)
    evaluation = step.evaluate(*batch)
    torch.manual_seed(4)
    terms = step(*batch)
    names = set(evaluation) & set(terms)
    assert {"on real", "on fake", "generator"} <= names and "accuracy" not in evaluation
    for name in names:
        torch.testing.assert_close(evaluation[name], terms[name])
    assert not any(term.requires_grad for term in evaluation.values())


def test_snapshots_show_the_same_noise_at_even_moments():
    step, batches = small(gan.recipe, epochs=3, ema=0.0)  # nine steps
    snapshots, generated = step.parts["snapshots"], []
    for e in range(3):
        for batch in batches.epoch(e):
            step(*batch)
            with torch.no_grad():
                x = step.best.eval()(snapshots.z, snapshots.c)
            generated.append((x * 255).round().byte())
    assert snapshots.frames.shape == (8, 8, 3, 32, 32)
    assert snapshots.steps() == [2, 3, 4, 5, 6, 7, 8, 9]
    for frame, i in zip(snapshots.frames, snapshots.steps(), strict=True):
        assert torch.equal(frame, generated[i - 1])


def test_snapshots_ask_for_what_real_pictures_show():
    step, _ = small(acgan.recipe)
    assert torch.equal(
        step.parts["snapshots"].c, (torch.arange(8)[:, None] >> torch.arange(3) & 1).float()
    )


@pytest.mark.parametrize("recipe", FAMILIES)
def test_pictures_have_the_shape_and_range_of_pictures(recipe):
    step, _ = small(recipe)
    c = torch.zeros(6, getattr(step.generator, "c_dim", 0))
    x = step.best.generate(c)
    assert x.shape == (6, 3, 32, 32) and 0 <= x.min() < x.max() <= 1


def test_the_discriminator_learns_to_tell_and_the_generator_to_please():
    """A generator that stands still loses; then the discriminator stands still and it catches
    up."""
    step, batches = small(gan.recipe, epochs=40, lr_g=0.0, lr_d=2e-3, augment=False)
    for e in range(15):
        for batch in batches.epoch(e):
            terms = step(*batch)
    assert terms["accuracy"] > 0.9 and terms["real score"] > terms["fake score"] + 1
    step.opt_d.param_groups[0]["lr"], step.opt_g.param_groups[0]["lr"] = 0.0, 2e-3
    before = terms["fake score"]
    for e in range(15):
        for batch in batches.epoch(e):
            terms = step(*batch)
    assert terms["fake score"] > before + 0.5


class Linear(nn.Module):
    """A discriminator whose slope is known."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(3 * 32 * 32))

    def forward(self, x):
        score = x.flatten(1) @ self.w
        return gan.DiscriminatorOutput(score, score.new_zeros(len(x), 0))


def test_r1_of_a_linear_discriminator_is_its_squared_slope():
    step, batches = small(gan.recipe, r1=3.0, augment=False)
    step.discriminator = Linear()
    (x,) = next(iter(batches.epoch(0)))
    terms = step._discriminator_terms(x, x.clone(), step.condition(x))
    w = step.discriminator.w
    torch.testing.assert_close(terms["r1"], 1.5 * w.square().sum())
    torch.testing.assert_close(terms["loss"], terms["on real"] + terms["on fake"] + terms["r1"])
    terms["loss"].backward()
    assert w.grad is not None and (w.grad - 3 * w).norm() < w.grad.norm()


def test_the_kept_generator_is_an_average():
    step, batches = small(gan.recipe, ema=0.6)
    average = [p.clone() for p in step.generator.parameters()]  # the first update copies
    for i, batch in enumerate(batches.epoch(0)):
        step(*batch)
        now = list(step.generator.parameters())
        kept = min(0.6, (1 + i) / (10 + i)) if i else 0.0  # it warms up
        average = [kept * a + (1 - kept) * b for a, b in zip(average, now, strict=True)]
    for mine, kept in zip(average, step.best.parameters(), strict=True):
        torch.testing.assert_close(mine, kept)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([8, 16]))
def test_shifts_are_those_of_a_loop_over_pictures(seed, side):
    torch.manual_seed(seed)
    x = torch.rand(3, 2, side, side)
    torch.manual_seed(seed)
    moved = shift(x)
    reach = side // 8
    torch.manual_seed(seed)
    dy, dx = torch.randint(-reach, reach + 1, (2, 3, 1))
    for i in range(3):
        for row in range(side):
            for column in range(side):
                r = min(max(row + int(dy[i]), 0), side - 1)
                s = min(max(column + int(dx[i]), 0), side - 1)
                assert torch.equal(moved[i, :, row, column], x[i, :, r, s])


@pytest.mark.parametrize("recipe", [gan.recipe, acgan.recipe, infogan.recipe])
def test_in_bf16_the_nets_compute_in_it_and_keep_their_weights_in_float32(recipe):
    step, batches = small(recipe, bf16=True)
    seen = []
    for net in (step.discriminator.score, step.generator.net[0]):
        net.register_forward_hook(lambda module, given, out: seen.append(out.dtype))
    terms = step(*next(iter(batches.epoch(0))))
    # The generator runs once; the discriminator sees real pictures, generated ones, and these again
    # for the generator's step.
    assert seen == [torch.bfloat16] * 4 and all(t.isfinite() for t in terms.values())
    weights = [*step.generator.parameters(), *step.discriminator.parameters()]
    moments = [state["exp_avg"] for state in step.opt_g.state.values()]
    assert moments and {t.dtype for t in weights + moments} == {torch.float32}


def test_fixed_vectors_of_a_code_stay_as_they_are():
    step, batches = small(infogan.recipe, embedding=6, unit_length=True, fixed=True)
    loop.set_training(step, True)
    before = step.generator.embedding.weight.clone()
    first = step.generator.net[0].weight.clone()
    for batch in batches.epoch(0):
        step(*batch)
    torch.testing.assert_close(step.generator.embedding.weight, before)
    assert not torch.equal(step.generator.net[0].weight, first)


def test_a_reader_of_its_own_sees_two_disguises_and_the_score_plain_pictures():
    torch.manual_seed(0)
    net, x = infogan.OwnReader(3, width=4, channels=1).eval(), torch.rand(2, 1, 32, 32)
    one, two = net(x), net(x)
    torch.testing.assert_close(one.score, two.score)
    assert one.views.shape == (2, 2, 3) and not torch.equal(*one.views)
    torch.testing.assert_close(one.c_logits, (one.views[0] + one.views[1]) / 2)
    step, batches = small(infogan.recipe, own_reader=True)
    before = step.discriminator.reader[1].weight.clone()
    step(*next(batches.epoch(0)))
    assert not torch.equal(step.discriminator.reader[1].weight, before)


def test_two_disguises_agree_by_their_mutual_information():
    torch.manual_seed(0)
    first, second = torch.randn(2, 50, 4, dtype=torch.float64) * 2
    sure = torch.eye(4)[torch.arange(8) % 4] * 60
    assert infogan.agree(sure, sure, balance=1).item() == pytest.approx(math.log(4), abs=1e-5)
    assert infogan.agree(sure, sure, balance=1.5).item() == pytest.approx(2 * math.log(4), abs=1e-5)
    assert infogan.agree(sure, 0 * sure, balance=1).item() == pytest.approx(0, abs=1e-6)
    p, q = first.softmax(1), second.softmax(1)
    joint = [[sum(p[i, a] * q[i, b] + q[i, a] * p[i, b] for i in range(50)) / 100
              for b in range(4)] for a in range(4)]  # fmt: skip
    share = [sum(row) for row in joint]
    cells = [(joint[a][b], share[a] * share[b]) for a in range(4) for b in range(4)]
    for balance in (1.0, 1.5):
        by_hand = sum(both * (math.log(both) - balance * math.log(alone)) for both, alone in cells)
        assert infogan.agree(first, second, balance).item() == pytest.approx(by_hand.item())
    torch.testing.assert_close(infogan.agree(first, second), infogan.agree(second, first))


def test_the_discriminator_rises_in_agreement_by_its_weight():
    views = torch.tensor([[[2.0, 0], [0, 1], [3, 0]], [[1.0, 0], [0, 2], [1, 0]]])
    real = infogan.ReadTwice(REAL.score, views.mean(0), views)
    plain = infogan.discriminator_loss(REAL, FAKE, ASKED)
    terms = infogan.discriminator_loss(real, FAKE, ASKED, on_real=3.0)
    assert terms["agree"].item() == pytest.approx(infogan.agree(*views).item())
    torch.testing.assert_close(terms["loss"], plain["loss"] - 3 * terms["agree"])


# ---- kept, broken, resumed ----------------------------------------------------------------------


UNIT = {"embedding": 6, "unit_length": True}


@pytest.mark.parametrize(("recipe", "more"), [*((r, {}) for r in FAMILIES), (infogan.recipe, UNIT)])
@pytest.mark.parametrize("at", [2, 5])
def test_a_broken_adversarial_run_ends_in_the_same_weights_and_trace(recipe, more, at, monkeypatch):
    def run():
        given = [pictures()] + [torch.ones(24, 3).byte()] * (recipe is acgan.recipe)
        sizes = {"discriminator_width": 4} if recipe is gan_baseline.recipe else {}
        how = dict(epochs=2, z_dim=5, width=4, batch=8, seed=0) | sizes | more
        return runs.train_or_load(recipe, given, how, 2).step.parts

    expected = {
        n: {k: v.clone() for k, v in p.state_dict().items()}
        for n, p in run().items()
        if isinstance(p, nn.Module)
    }
    result = interrupted(run, adversarial.AdversarialStep, at, monkeypatch)
    for name, state in expected.items():
        for key, value in state.items():
            assert torch.equal(result[name].state_dict()[key], value), f"{name}.{key}"


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_a_nan_stops_with_the_name_of_a_term(player):
    step, batches = small(gan.recipe)
    with torch.no_grad():
        list(getattr(step, player).parameters())[-1].fill_(float("nan"))
    with pytest.raises(loop.Diverged, match="the term 'on (real|fake)' is nan"):
        loop.fit(step, batches, epochs=1, progress=False)
