"""Scores of outliers: at values known by hand."""

import numpy as np
import pytest
import torch

from course_lib.evaluation import outlier_scores, stats
from course_lib.models import ae, vae


def test_the_score_is_the_error_of_the_copy_for_both_kinds_of_nets():
    x = torch.rand(3, 3, 64, 64)
    model, plain = vae.VAE(z_dim=4, width=4).eval(), ae.convolutional(width=4, z_dim=4).eval()
    torch.testing.assert_close(outlier_scores.score(model, x), vae.errors(model, x))
    torch.testing.assert_close(outlier_scores.score(plain, x), ae.errors(plain, x))


def test_remoteness_counts_in_standard_deviations_whatever_the_scale():
    codes = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    z = torch.stack([codes.mean(0), codes[0]])
    far = outlier_scores.remoteness(z, codes)
    white = torch.linalg.solve(torch.linalg.cholesky(codes.T.cov()), codes[0] - codes.mean(0))
    torch.testing.assert_close(far[1], white.square().sum(), rtol=1e-3, atol=0)
    scale = torch.tensor([1.0, 10.0, 0.5])
    scaled = outlier_scores.remoteness(scale * z, scale * codes)
    torch.testing.assert_close(scaled, far, rtol=1e-3, atol=1e-6)


def test_each_family_is_set_against_the_normal_pictures_alone():
    family = np.repeat([0, 1, 2], 20)
    scores = {
        "first": np.where(family == 1, 2.0, 1.0),
        "second": 1.0 * (family == 2) - (family == 1),
    }
    result = outlier_scores.auc_by_family(scores, family, ["normal", "a", "b"])
    assert result["first"]["a"] == (1, 1, 1) and result["first"]["b"][0] == 0.5
    assert result["first"]["all"][0] == pytest.approx(0.75)
    assert result["second"]["a"][0] == 0 and result["second"]["b"][0] == 1
    low, high = result["first"]["all"][1:]
    assert low < 0.75 < high


def test_the_score_is_picked_on_one_half_and_measured_on_the_other():
    """Of many scores that know nothing the best looks good where it was picked, and only there."""
    rng, family = np.random.default_rng(0), np.arange(200) // 2 % 2
    blind = {str(i): rng.normal(size=200) for i in range(200)}
    flattered = max(stats.auc(family > 0, v, n_resamples=2)[0] for v in blind.values())
    name, auc, low, high = outlier_scores.picked(blind, family)
    assert auc < flattered and low < 0.5 < high and name in blind
    name, auc, *_ = outlier_scores.picked(blind | {"sure": family + 0.1 * blind["0"]}, family)
    assert (name, auc) == ("sure", 1.0)
