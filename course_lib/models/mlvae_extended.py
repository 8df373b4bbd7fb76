"""The multi-level VAE, extended: codes that hold what they should, and nothing else.

To the mended loss come, each with a weight of its own: reconstruction from the class code of one
other picture of the group (as Hosoya 2019 and Jha et al. 2018 swap codes), and an adversary that
reads the group from the style code (Ganin & Lempitsky 2015, Hadad et al. 2018).
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.models import gaussian, layers, mlvae


class Deep(mlvae.MLVAE):
    """Two hidden layers with batch norm on either side, and an adversary, style -> group logits."""

    def __init__(self, style_dim=10, class_dim=10, hidden=512, shape=(1, 28, 28), n_groups=10):
        super().__init__(style_dim, class_dim, hidden, shape, n_groups)
        n_pixels = shape[0] * shape[1] * shape[2]
        self.trunk = nn.Sequential(nn.Flatten(), *layers.hidden(n_pixels, hidden))
        self.decoder = nn.Sequential(
            *layers.hidden(style_dim + class_dim, hidden),
            nn.Linear(hidden, n_pixels),
            nn.Unflatten(1, shape),
        )
        self.adversary = nn.Sequential(
            nn.Linear(style_dim, 256),
            nn.ReLU(),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Linear(256, n_groups),
        )


class GradientReversal(torch.autograd.Function):
    """The identity, whose gradient is multiplied by -weight (Ganin & Lempitsky 2015)."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        ### BEGIN ANSWER 4.7
        return -ctx.weight * gradient, None
        ### END ANSWER


def loss(model, x, group, one_shot=0.5, adversary=3.0, sigma=0.5**0.5):
    """The mended loss and what may help; with both weights at 0 it is mlvae.loss.

    one_shot: share of the pictures decoded with the class code of one other picture of the group.
    adversary: how strongly the style code hides the group from a classifier that trains along; its
    cross-entropy is a term of the loss, with its gradient turned round on its way into the encoder.
    It reads the mean of the style code: what is hidden there is hidden in every sample, too.
    """
    style, class_posterior = model.encode(x)
    evidence = gaussian.product(*class_posterior, group, model.n_groups)
    z, code = gaussian.sample(*style), gaussian.sample(*evidence)[group]
    if one_shot:
        other = partner(group)
        other_code = gaussian.sample(*(t[other] for t in class_posterior))
        chosen = torch.rand(len(x), 1, device=x.device) < one_shot
        code = torch.where(chosen, other_code, code)
    class_kl = gaussian.kl(*evidence).sum() / len(x)
    terms = mlvae.loss_terms(x, model.decode(z, code), style, class_kl, sigma)
    if adversary:
        logits = model.adversary(GradientReversal.apply(style[0], adversary))
        terms["adversary"] = F.cross_entropy(logits, group)
    return {"loss": sum(terms.values()), **terms}


def partner(group):
    """For every picture the index of another one of its group, (B,); itself where it is alone."""
    shuffled = torch.randperm(len(group), device=group.device)
    order = shuffled[torch.argsort(group[shuffled], stable=True)]
    ends = group[order].roll(-1) != group[order]  # the last of a group takes its first
    first = torch.searchsorted(group[order].contiguous(), group[order].contiguous())
    follow = torch.where(ends, order[first], order.roll(-1))
    return torch.empty_like(order).scatter(0, order, follow)


def recipe(
    x, group, epochs=10, one_shot=0.5, adversary=3.0, hidden=128, lr=1e-2, batch=256, seed=0
):
    """Train the deep net; the rate falls to 0 over `epochs` along a cosine."""
    model = Deep(hidden=hidden, shape=tuple(x.shape[1:]), n_groups=mlvae.count_groups(x, group))
    objective = partial(loss, one_shot=one_shot, adversary=adversary)
    return mlvae.step_and_batches(model.to(x.device), x, group, objective, lr, batch, seed, epochs)
