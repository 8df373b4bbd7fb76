"""The classifiers on codes of the source, the multi-level-vae repository, and an honest one beside
them."""

import copy
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data.batches import Batches, in_batches
from course_lib.models import gaussian
from course_lib.training.steps import LossStep, adam


@torch.no_grad()
def codes(model, x):
    """{head: (N, D)}, style before class and mu before logvar, for pictures uint8 (N, C, H, W)."""
    table = in_batches(lambda p: torch.cat([t for pair in model.encode(p) for t in pair], 1), x)
    style_dim, class_dim = model.style_dim, model.class_dim
    heads = table.split([style_dim, style_dim, class_dim, class_dim], 1)
    return dict(zip(model.heads, heads, strict=True))


def sample_codes(mu, logvar, y, evidence, std, n_groups):
    """The source's embeddings of a batch, (B, D).

    With evidence: the product over the batch's pictures *of the same true label*, and one sample of
    std times its sigma for all of them. Without: one sample a picture, std 1.
    """
    ### BEGIN ANSWER 4.4
    if not evidence:
        return gaussian.sample(mu, logvar)
    mu, logvar = gaussian.product(mu, logvar, y, n_groups)
    return gaussian.sample(mu, logvar, std)[y]
    ### END ANSWER


def classifier_recipe(mu, logvar, y, evidence=False, std=1.0, lr=1e-4, batch=128, seed=0):
    """The source's classifier on sampled codes: D-256-256-10, batch norm, leaky ReLU, Adam."""
    n_groups = int(y.max()) + 1
    model = nn.Sequential(
        nn.Linear(mu.shape[1], 256),
        nn.BatchNorm1d(256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 256),
        nn.BatchNorm1d(256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, n_groups),
    ).to(mu.device)
    loss = partial(classifier_loss, evidence=evidence, std=std, n_groups=n_groups)
    return LossStep(model, loss, adam(model, lr)), Batches(mu, logvar, y, size=batch, seed=seed)


def classifier_loss(model, mu, logvar, y, evidence=False, std=1.0, n_groups=10):
    """Cross-entropy of sampled codes, nats."""
    z = sample_codes(mu, logvar, y, evidence, std, n_groups)
    return {"loss": F.cross_entropy(model(z), y)}


@torch.no_grad()
def source_accuracy(classifier, mu, logvar, y, evidence, std, batch=128, seed=0):
    """The source's score: whole shuffled batches, batch norm left in training mode, labels
    pooled."""
    classifier, n_groups = copy.deepcopy(classifier).train(), int(y.max()) + 1
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        hits = []
        for mu_part, logvar_part, labels in Batches(mu, logvar, y, size=batch, seed=seed).epoch(0):
            z = sample_codes(mu_part, logvar_part, labels, evidence, std, n_groups)
            hits.append((classifier(z).argmax(1) == labels).float().mean())
    return float(torch.stack(hits).mean())


@torch.no_grad()
def probe_accuracy(classifier, mu, y):
    """An honest score: posterior means, picture by picture, batch norm in evaluation mode."""
    return float((classifier.eval()(mu).argmax(1) == y).float().mean())
