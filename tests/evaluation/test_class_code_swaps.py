"""Swaps by painters and judges whose answer is known, and the source's classifiers on codes."""

import pytest
import torch
from conftest import awake
from torch import nn

from course_lib import data
from course_lib.evaluation import class_code, source_probes
from course_lib.models import mlvae
from course_lib.training import loop


def net():
    """Six by six pixels, away from its start."""
    return awake(mlvae.MLVAE(3, 3, 8, (1, 6, 6)))


# ---- swaps --------------------------------------------------------------------------------------


class Painter(nn.Module):
    """Pictures of ten pixels, the brightest one is the class; encode reads it off, and decode
    paints either the class code or the style."""

    def __init__(self, paints):
        super().__init__()
        self.paints = paints

    def encode(self, x):
        flat = x.flatten(1)
        return (flat, torch.zeros_like(flat)), (2 * flat, torch.zeros_like(flat))

    def decode(self, style, code):
        return (code / 2 if self.paints == "class" else style).view(-1, 1, 1, 10)


def painted(labels):
    y = torch.tensor(labels)
    return (255 * torch.eye(10)[y]).byte().view(-1, 1, 1, 10), y


def read(x):
    return x.flatten(1)


@pytest.mark.parametrize("n_evidence", [1, 5])
def test_swaps_follow_what_is_painted(n_evidence):
    styles, evidence = painted([0, 1, 1, 2, 9]), painted([0, 1, 2, 3, 0, 1, 2, 3])
    n = 4 + 3 + 4 + 5  # the pictures that are not of class 0, 1, 2, 3
    result = class_code.swaps(Painter("class"), read, styles, evidence, n_evidence)
    assert result == (1.0, 0.0, n)
    assert class_code.swaps(Painter("style"), read, styles, evidence, n_evidence) == (0.0, 1.0, n)


def test_swaps_of_a_judge_that_always_says_the_same():
    styles, evidence = painted([0, 1, 2, 2]), painted([0, 1, 2])
    always = lambda x: torch.eye(10)[[2] * len(x)]
    # of 3 + 3 + 2 pairs 2 mean class 2, and 2 + 2 wear it
    assert class_code.swaps(Painter("class"), always, styles, evidence, 1) == (2 / 8, 4 / 8, 8)


def test_swaps_choose_evidence_by_their_seed_alone():
    model, x = net(), (255 * torch.rand(30, 1, 6, 6)).byte()
    y = torch.arange(30) % 3
    seen = []
    judge = lambda p: seen.append(p) or torch.zeros(len(p), 10)
    for seed in (0, 0, 1):
        torch.manual_seed(len(seen))
        class_code.swaps(model, judge, (x, y), (x, y), 2, seed)
    first, again, other = (torch.cat(seen[3 * i : 3 * i + 3]) for i in range(3))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_swaps_refuse_a_picture_without_a_label():
    x = torch.zeros(3, 1, 6, 6).byte()
    good, bad = (x, torch.tensor([0, 1, 2])), (x, torch.tensor([0, 1, -1]))
    for styles, evidence in ((good, bad), (bad, good)):
        with pytest.raises(ValueError, match="a picture has no label"):
            class_code.swaps(net(), None, styles, evidence, 1)


@pytest.mark.parametrize("n_evidence", [1, 4])
def test_sampled_class_codes_are_a_loop_over_products(n_evidence):
    posterior = torch.randn(6, 4, dtype=torch.float64)
    generator = torch.Generator().manual_seed(2)
    codes = class_code.sample_class_codes(posterior, 5, n_evidence, generator)
    chosen = torch.randint(6, (5 * n_evidence,), generator=generator.manual_seed(2))
    for i, rows in enumerate(chosen.view(5, n_evidence)):
        mu, logvar = posterior[rows, :2], posterior[rows, 2:]
        precision = (-logvar).exp()
        torch.testing.assert_close(codes[i], (mu * precision).sum(0) / precision.sum(0))
    assert codes.shape == (5, 2)


# ---- the source's classifiers ----------------------------------------------------------------


def test_codes_are_the_four_heads():
    model, x = net(), (255 * torch.rand(7, 1, 6, 6)).byte()
    codes = source_probes.codes(model, x)
    style, class_posterior = model.encode(data.pixels(x))
    assert tuple(codes) == mlvae.HEADS
    for name, expected in zip(mlvae.HEADS, (*style, *class_posterior), strict=True):
        torch.testing.assert_close(codes[name], expected)


Y = torch.tensor([4, 1, 4, 4, 1, 9])


def test_codes_with_evidence_are_pooled_by_label_with_one_noise_a_label():
    mu, logvar = torch.randn(6, 3), torch.randn(6, 3)
    torch.manual_seed(7)
    codes = source_probes.sample_codes(mu, logvar, Y, evidence=True, std=0.3, n_groups=10)
    torch.manual_seed(7)
    noise = torch.randn(10, 3)
    for label in (1, 4, 9):
        precision = (-logvar[label == Y]).exp()
        mean = (mu[label == Y] * precision).sum(0) / precision.sum(0)
        expected = mean + 0.3 * precision.sum(0).rsqrt() * noise[label]
        torch.testing.assert_close(codes[label == Y], expected.expand((label == Y).sum(), 3))


def test_codes_without_evidence_are_a_sample_a_picture_at_std_one():
    mu, logvar = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, -1.0]])
    y = torch.zeros(100_000).long()
    codes = source_probes.sample_codes(
        mu.expand(100_000, 2), logvar.expand(100_000, 2), y, False, std=0.01, n_groups=4
    )
    torch.testing.assert_close(codes.mean(0), mu[0], atol=0.02, rtol=0)
    torch.testing.assert_close(codes.var(0).log(), logvar[0], atol=0.03, rtol=0)


def clouds(n=400, classes=4):
    """Codes of classes that overlap picture by picture, and lie apart in the mean."""
    y = torch.arange(n) % classes
    mu = torch.eye(classes)[y] + 1.5 * torch.randn(n, classes)
    return mu, torch.full((n, classes), -1.0), y


def test_labels_leak_into_the_sources_score():
    """What 99.71 % is worth: with pooled labels hard codes look easy, and the honest probe says."""
    mu, logvar, y = clouds()
    step, batches = source_probes.classifier_recipe(mu, logvar, y, evidence=True, std=0.1, lr=2e-3)
    loop.fit(step, batches, 60, progress=False)
    held = clouds()
    assert source_probes.source_accuracy(step.model, *held, evidence=True, std=0.1) > 0.95
    honest = source_probes.probe_accuracy(step.model, held[0], held[2])
    assert honest < 0.75
    one_by_one = [step.model(m[None]).argmax().item() for m in held[0]]
    hits = [a == b for a, b in zip(one_by_one, held[2].tolist(), strict=True)]
    assert honest == pytest.approx(sum(hits) / 400)


def test_source_accuracy_leaves_classifier_and_random_state_alone():
    mu, logvar, y = clouds()
    step, _ = source_probes.classifier_recipe(mu, logvar, y)
    model = step.model.eval()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    state = torch.get_rng_state()
    first = source_probes.source_accuracy(model, mu, logvar, y, False, 1.0)
    assert first == source_probes.source_accuracy(model, mu, logvar, y, False, 1.0)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert not model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_seed_accuracy_counts_whole_batches_in_training_mode():
    """Codes shifted far away: batch norm in training mode does not see it, the probe's does."""
    mu, logvar, y = clouds()
    mu = 4 * torch.eye(4)[y] + 0.01 * mu
    step, batches = source_probes.classifier_recipe(mu, logvar - 20, y, lr=2e-3)
    loop.fit(step, batches, 40, progress=False)
    assert source_probes.source_accuracy(step.model, mu + 50, logvar - 20, y, False, 1.0) == 1.0
    assert source_probes.probe_accuracy(step.model, mu, y) == 1.0
    assert source_probes.probe_accuracy(step.model, mu + 50, y) < 0.6
    wrong = torch.where(torch.arange(400) % 8 == 0, (y + 1) % 4, y)  # an eighth of the labels
    score = source_probes.source_accuracy(step.model, mu, logvar - 20, wrong, False, 1.0)
    assert score == pytest.approx(7 / 8, abs=0.03) and (score * 384).is_integer()


@pytest.mark.parametrize("evidence", [True, False])
def test_the_classifier_is_that_of_the_seed_and_learns(evidence):
    mu, logvar, y = clouds()
    step, batches = source_probes.classifier_recipe(mu, logvar, y, evidence, std=0.5, lr=2e-3)
    shapes = [tuple(p.shape) for p in step.model.parameters() if p.ndim == 2]
    assert shapes == [(256, 4), (256, 256), (4, 256)]
    torch.manual_seed(3)
    result = step.loss(step.model, mu, logvar, y)["loss"]
    torch.manual_seed(3)
    log_p = step.model(source_probes.sample_codes(mu, logvar, y, evidence, 0.5, 10)).log_softmax(1)
    torch.testing.assert_close(result, -log_p[torch.arange(400), y].mean())
    history = loop.fit(step, batches, 30, progress=False)
    assert history.loss.iloc[-1] < 0.9 * history.loss.iloc[0]
