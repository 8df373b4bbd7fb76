"""How an estimate of log p(x) rises with the number of samples that it is made of."""

import torch

from course_lib.data.batches import pixels
from course_lib.evaluation.likelihood import block_sizes
from course_lib.models.importance import infer, log_mean, log_weights


@torch.no_grad()
def by_counts(model, x, counts=(1, 10, 100, 1000), rows=100):
    """Estimates of log p(x) by importance sampling, a column a number of samples: (B, counts).

    All come from the same samples of q, as many as the largest count: an estimate with fewer is
    the mean over as many groups of them as there are. With one sample its mean is the ELBO (Burda
    et al. 2016). Nats per image. rows: samples decoded at once, few enough for a CPU's cache.
    ValueError where a count does not divide the largest.
    """
    most = max(counts)
    if odd := [n for n in counts if most % n]:
        raise ValueError(f"{most} samples cannot be divided into groups of {odd[0]}")
    estimates = []
    for one in x.split(1):
        nothing = one.new_zeros(1, 0)
        inferred = infer(model, one, nothing)  # once, for all blocks
        sizes = block_sizes(most, rows)
        blocks = [log_weights(model, one, nothing, n, inferred) for n in sizes]
        log_w = torch.cat(blocks, 1)
        estimates.append(torch.stack([log_mean(log_w.view(-1, n)).mean() for n in counts]))
    return torch.stack(estimates)


def compared(model, x, others, seen, others_seen, count=1000):
    """What pictures cost a model beside what they cost another one: x, which neither was trained
    on, and `seen`, which this one was trained on. Both are uint8 (N, C, H, W); others and
    others_seen (N,) are the other model's estimates of log p(x) from as many samples.

    {"nats": the mean of -log p(x); "more": by how much it is above the other model's; "half": half
    the 95 % interval of that difference over pictures}, and the same of `seen`, as "seen nats" and
    so on. Nats per image. A model that learned by heart has a "seen more" far below its "more".
    """
    of_seen = _beside(model, seen, others_seen, count)
    return _beside(model, x, others, count) | {f"seen {k}": value for k, value in of_seen.items()}


def _beside(model, x, others, count):
    log_px = torch.cat([by_counts(model, pixels(one), (count,)) for one in x.split(1)])[:, 0].cpu()
    more = others - log_px
    half = 1.96 * more.std() / len(x) ** 0.5
    return {"nats": -log_px.mean().item(), "more": more.mean().item(), "half": half.item()}
