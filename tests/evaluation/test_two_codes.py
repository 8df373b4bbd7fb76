"""The numbers of a model with two codes: each against a loop, or a case whose value is known."""

import pytest
import torch
from torch import nn

from course_lib import data
from course_lib.evaluation import source_probes, two_codes
from course_lib.models import gaussian, mlvae


def digits(n=200, split="train"):
    return data.load("mnist", split, n)[:2]


class Told(nn.Module):
    """A style code that says the label in one number, with noise of this log-variance."""

    def __init__(self, logvar):
        super().__init__()
        self.style_dim, self.class_dim, self.heads = 1, 1, dict.fromkeys(mlvae.HEADS)
        self.logvar = logvar

    def encode(self, x):
        mu = 255 * x[:, 0, 0, :1]  # the label, written into the first pixel
        return (mu, torch.full_like(mu, self.logvar)), (0 * mu, 0 * mu)


def labelled(n, seed):
    y = torch.randint(0, 3, (n,), generator=torch.Generator().manual_seed(seed))
    x = torch.zeros(n, 1, 28, 28, dtype=torch.uint8)
    x[:, 0, 0, 0] = y
    return x, y


def test_a_probe_of_samples_does_not_read_what_the_noise_drowns():
    held = *labelled(3000, 0), *labelled(600, 1)
    loud, quiet = Told(8.0), Told(-8.0)  # standard deviations of 55 and of 0.02
    assert two_codes.probe(quiet, *held) > 0.95
    assert two_codes.probe(loud, *held, sampled=False) > 0.95, "the means still differ"
    assert two_codes.probe(loud, *held) < 0.45, "guessing is a third"


def test_a_probe_leaves_other_draws_as_they_are():
    held = *labelled(300, 0), *labelled(60, 1)
    torch.manual_seed(4)
    expected = torch.randn(3)
    torch.manual_seed(4)
    two_codes.probe(Told(0.0), *held, epochs=1)
    assert torch.equal(torch.randn(3), expected)


def test_reconstruction_is_that_of_a_loop():
    torch.manual_seed(0)
    model = mlvae.MLVAE(3, 4, hidden=8).eval()
    (x, y), (x_test, y_test) = digits(), digits(7, "test")
    result = two_codes.reconstruction(model, x, y, x_test, y_test, n_evidence=100)
    expected = []
    with torch.no_grad():
        code = model.evidence(data.pixels(x[:100]), y[:100])[0]
        for picture, label in zip(data.pixels(x_test), y_test.tolist(), strict=True):
            style = model.encode(picture[None])[0][0]
            error = (picture - model.decode(style, code[label : label + 1])[0]).square().sum()
            expected.append(error.item())  # at sigma^2 = 0.5 the factor is 1
    assert result == pytest.approx(sum(expected) / 7, rel=1e-4)


def test_scores_hold_brief_and_the_style_kl_is_that_of_the_posteriors():
    torch.manual_seed(0)
    model, read = mlvae.MLVAE(3, 4, hidden=8).eval(), lambda p: p.flatten(1)[:, 300:310]
    held = *digits(300), *digits(100, "test")
    brief = two_codes.brief(model, *held, read, n_styles=20)
    scores = two_codes.scores(model, *held, read, n_styles=20)
    assert {name: scores[name] for name in brief} == brief
    assert set(scores) - set(brief) == {"style_probe", "mean_probe", "usage", "class_kl"}
    codes = source_probes.codes(model, held[2])
    expected = gaussian.kl(codes["style_mu"], codes["style_logvar"]).mean()
    assert brief["style_kl"] == pytest.approx(float(expected), rel=1e-4)


def test_pooling_by_the_label_reads_an_encoder_that_knows_nothing_and_shuffled_labels_do_not():
    """The controls of the source's table, on a tenth of the digits."""
    torch.manual_seed(0)
    model = mlvae.MLVAE(hidden=32).eval()
    held = *digits(6000), *digits(1000, "test")
    result = two_codes.source_rows(model, *held, std=0.1, epochs=4)
    assert min(result["untrained_pooled"], result["class_pooled"]) > 0.6
    assert result["pooled_shuffled"] < 0.25
    assert result["untrained_alone"] < result["untrained_pooled"] - 0.2


def test_neighbours_agree_is_that_of_a_loop():
    torch.manual_seed(1)
    codes, labels = torch.randn(40, 3), torch.randint(0, 3, (40,))
    hits = []
    for i in range(40):
        distance = (codes - codes[i]).norm(dim=1)
        distance[i] = float("inf")
        hits += (labels[distance.argsort()[:5]] == labels[i]).tolist()
    assert two_codes.neighbours_agree(codes, labels) == pytest.approx(sum(hits) / len(hits))
