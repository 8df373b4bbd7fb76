"""Is every head trained, and is the class code used?  The audit of a model with two codes.

It takes any model with encode(x) -> (style, class), each (mu, logvar); heads, {name: module};
evidence(x, group); decode(style, class), pixels in [0, 1]; and n_groups: see mlvae.MLVAE.
"""

import copy
from typing import NamedTuple

import torch

from course_lib.data.batches import in_batches, pixels
from course_lib.models import gaussian
from course_lib.training import loop


class Audit(NamedTuple):
    """gradients: norm on each head after one step. class_kl: nats a group. usage: nats an image.
    faults: what is wrong, in words; an empty list passes."""

    gradients: dict
    class_kl: float
    usage: float
    faults: list


def audit(step, x, group, least_usage=1.0, least_kl=0.1):
    """Examine a training step (LossStep) on pictures (B, C, H, W) in [0, 1] with groups (B,).

    The step is tried on a copy: the model is left as it was. usage and KL below the given nats are
    faults, as is a head without a gradient or outside the optimiser. Give a batch of the size that
    it trains with: a group's KL grows with the pictures that it has.
    """
    cost, nats = usage(step.best, x, group), class_kl(step.best, x, group)
    gradients = gradient_norms(step, x, group)
    flat = [name for name, norm in gradients.items() if not norm > 0]  # so a NaN is a fault too
    faults = [f"{name} is never trained: its gradient is zero" for name in flat]
    for name in left_out(step):
        faults.append(f"{name} is never trained: the optimiser does not hold it")
    if not nats >= least_kl:
        faults.append(f"the class code has collapsed: {nats:.4f} nats a group")
    if not cost >= least_usage:
        faults.append(f"the decoder ignores the class code: a wrong one costs {cost:.3f} nats")
    return Audit(gradients, nats, cost, faults)


def gradient_norms(step, x, group):
    """The gradient's norm on every head after one update of a copy of the step, {name: norm}."""
    step = copy.deepcopy(step)
    step.schedule = None  # a finished schedule has no further step to take
    loop.set_training(step, True)
    step.optimizer.zero_grad(set_to_none=True)
    step(x, group)
    return {name: _norm(head) for name, head in step.model.heads.items()}


def left_out(step):
    """The heads with a parameter that the step's optimiser does not hold, [name]."""
    trained = {id(p) for group in step.optimizer.param_groups for p in group["params"]}
    heads = step.model.heads.items()
    return [name for name, head in heads if not {id(p) for p in head.parameters()} <= trained]


def _norm(module):
    norms = [p.grad.norm() for p in module.parameters() if p.grad is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0


@torch.no_grad()
def usage(model, x, group, sigma=0.5**0.5, seed=0):
    """What a wrong class code costs, nats per image: the loss with the groups' codes shuffled, less
    the loss. Only the reconstruction differs. Needs two groups or more."""
    ### BEGIN ANSWER 4.6
    style, code = model.encode(x)[0][0], model.evidence(x, group)[0]
    present = group.unique()
    if len(present) < 2:
        raise ValueError(
            f"all pictures are of group {present.tolist()}: there is no other to swap in"
        )
    other = torch.arange(model.n_groups, device=group.device)
    other[present] = present.roll(1 + seed % (len(present) - 1))  # each gets another one's code
    right, wrong = (
        gaussian.squared_error(x, model.decode(style, code[g])) for g in (group, other[group])
    )
    return float((wrong - right).mean() / (2 * sigma**2))
    ### END ANSWER


@torch.no_grad()
def class_kl(model, x, group):
    """KL of q(class|group) from N(0, I), nats, the mean over the groups that are present."""
    return float(gaussian.kl(*model.evidence(x, group))[group.unique()].mean())


@torch.no_grad()
def codes(model, x, y, n):
    """The class code of every group, (n_groups, class_dim), from its first n pictures of x, uint8
    (N, C, H, W), with groups y (N,)."""
    chosen = torch.cat([(y == k).nonzero()[:n, 0] for k in range(model.n_groups)])
    return model.evidence(pixels(x[chosen]), y[chosen])[0]


class Swaps(NamedTuple):
    """Shares of swapped pictures that a judge gives the class of the class code (class_follow) or
    the class of the style picture (style_follow). n: how many were judged."""

    class_follow: float
    style_follow: float
    n: int


@torch.no_grad()
def swaps(model, judge, styles, evidence, n_evidence, seed=0):
    """Every style picture with every class but its own, judged by an independent classifier.

    styles, evidence: (x uint8, y) each; the class code of a pair comes from n_evidence pictures of
    `evidence`, chosen anew for each pair, with replacement. ValueError where there is nothing to
    swap, or a picture without a label.
    """
    generator = torch.Generator().manual_seed(seed)
    (x, y), (pool, labels) = styles, evidence
    _check_swaps(y, labels)
    style = in_batches(lambda p: model.encode(p)[0][0], x)
    class_posterior = in_batches(lambda p: torch.cat(model.encode(p)[1], 1), pool)
    class_follow, style_follow = [], []  # 0 or 1 for every swapped picture
    for label in labels.unique().tolist():
        others = (y != label).nonzero().flatten()
        posterior = class_posterior[labels == label]
        code = sample_class_codes(posterior, len(others), n_evidence, generator)
        swapped = model.decode(style[others], code)
        predicted = torch.cat([judge(part).argmax(1) for part in swapped.split(500)])
        class_follow.append(predicted == label)
        style_follow.append(predicted == y[others])
    class_follow, style_follow = torch.cat(class_follow), torch.cat(style_follow)
    return Swaps(
        float(class_follow.float().mean()), float(style_follow.float().mean()), len(class_follow)
    )


def _check_swaps(y, labels):
    if int(min(y.min(), labels.min())) < 0:
        raise ValueError("swaps: a picture has no label (a negative one); leave it out")
    if len(torch.cat([y, labels]).unique()) < 2:
        raise ValueError(f"swaps: all pictures are of class {int(y[0])}; nothing can be swapped in")


def sample_class_codes(class_posterior, n, n_evidence, generator):
    """n class codes (n, class_dim), each the evidence of n_evidence rows chosen for it at random.

    class_posterior: q(class|x) of pictures of one class, mu and logvar side by side, (M, 2
    class_dim).
    """
    rows = torch.randint(len(class_posterior), (n * n_evidence,), generator=generator)
    evidence = class_posterior[rows.to(class_posterior.device)].chunk(2, 1)
    owner = torch.arange(n, device=class_posterior.device).repeat_interleave(n_evidence)
    return gaussian.product(*evidence, owner, n)[0]
