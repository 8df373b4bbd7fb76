"""Is every head trained, and is the class code used?  The audit of a model with two codes.

It takes any model with encode(x) -> (style, class), each (mu, logvar); heads, {name: module};
evidence(x, group); decode(style, class), pixels in [0, 1]; and n_groups: see mlvae.MLVAE.
"""

import copy
from typing import NamedTuple

import torch

from course_lib.data.batches import in_batches
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
    found, spent = usage(step.best, x, group), class_kl(step.best, x, group)
    gradients = gradient_norms(step, x, group)
    faults = [
        f"{name} is never trained: its gradient is zero"
        for name, g in gradients.items()
        if not g > 0
    ]
    faults += [
        f"{name} is never trained: the optimiser does not hold it" for name in left_out(step)
    ]
    if not spent >= least_kl:  # so that a NaN is a fault too
        faults.append(f"the class code has collapsed: {spent:.4f} nats a group")
    if not found >= least_usage:
        faults.append(f"the decoder ignores the class code: a wrong one costs {found:.3f} nats")
    return Audit(gradients, spent, found, faults)


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
    held = {id(p) for group in step.optimizer.param_groups for p in group["params"]}
    heads = step.model.heads.items()
    return [name for name, head in heads if not {id(p) for p in head.parameters()} <= held]


def _norm(module):
    parts = [p.grad.norm() for p in module.parameters() if p.grad is not None]
    return float(torch.stack(parts).norm()) if parts else 0.0


@torch.no_grad()
def usage(model, x, group, sigma=0.5**0.5, seed=0):
    """What a wrong class code costs, nats per image: the loss with the groups' codes shuffled, less
    the loss. Only the reconstruction differs. Needs two groups or more."""
    style, code = model.encode(x)[0][0], model.evidence(x, group)[0]
    present = group.unique()
    if len(present) < 2:
        raise ValueError(
            f"all pictures are of group {present.tolist()}: there is no other to swap in"
        )
    order = torch.arange(model.n_groups, device=group.device)
    other = order.clone()
    turn = 1 + seed % (len(present) - 1)
    other[present] = present.roll(turn)  # every group gets another one's code
    right, wrong = (
        gaussian.squared_error(x, model.decode(style, code[g])) for g in (group, other[group])
    )
    return float((wrong - right).mean() / (2 * sigma**2))


@torch.no_grad()
def class_kl(model, x, group):
    """KL of q(class|group) from N(0, I), nats, the mean over the groups that are present."""
    return float(gaussian.kl(*model.evidence(x, group))[group.unique()].mean())


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
    `evidence`, drawn anew for each pair, with replacement. ValueError where there is nothing to
    swap, or a picture without a label.
    """
    generator = torch.Generator().manual_seed(seed)
    (x, y), (pool, labels) = styles, evidence
    _check_swaps(y, labels)
    style = in_batches(lambda p: model.encode(p)[0][0], x)
    member = in_batches(lambda p: torch.cat(model.encode(p)[1], 1), pool)
    said, meant, worn = [], [], []
    for target in labels.unique().tolist():
        keep = (y != target).nonzero().flatten()
        code = one_code_each(member[labels == target], len(keep), n_evidence, generator)
        shown = model.decode(style[keep], code)
        said.append(torch.cat([judge(part).argmax(1) for part in shown.split(500)]))
        meant.append(torch.full_like(said[-1], target))
        worn.append(y[keep])
    said, meant, worn = torch.cat(said), torch.cat(meant), torch.cat(worn)
    return Swaps(*(float((said == t).float().mean()) for t in (meant, worn)), len(said))


def _check_swaps(y, labels):
    if int(min(y.min(), labels.min())) < 0:
        raise ValueError("swaps: a picture has no label (a negative one); leave it out")
    if len(torch.cat([y, labels]).unique()) < 2:
        raise ValueError(f"swaps: all pictures are of class {int(y[0])}; nothing can be swapped in")


def one_code_each(member, n, n_evidence, generator):
    """n class codes (n, class_dim), each the evidence of its own n_evidence rows of `member`.

    member: (M, 2 class_dim), mu and logvar side by side, all of one class.
    """
    chosen = torch.randint(len(member), (n * n_evidence,), generator=generator)
    owner = torch.arange(n).repeat_interleave(n_evidence).to(member.device)
    return gaussian.product(*member[chosen.to(member.device)].chunk(2, 1), owner, n)[0]
