"""Notebook 07, InfoGAN."""

import numpy as np
import torch

from course_lib.course.trials.nets import integers, normal


def q7_1(rng, bound):
    logits, sent = normal(rng, 50, 6), integers(rng, 6, 50)
    counts = 1 + integers(rng, 20, 5, 5)  # of a channel: how often code k came out as l
    n = counts.min()  # codes are equally likely
    went_in = torch.arange(5).repeat_interleave(int(n) * 5)
    came_out = torch.multinomial(counts.double(), int(n) * 5, True, generator=rng).flatten()
    shift = normal(rng, 5, 1)  # a softmax does not see it
    knows = ((counts / counts.sum(1, keepdim=True)).T.log() + shift)[came_out]
    return {
        "bound": lambda: [bound(logits, sent), bound(logits[:, :4], sent % 4)],
        "bound of a reader that knows the channel": lambda: bound(knows, went_in),
        "bound of a very sure reader": lambda: bound(300 * logits, sent),
    }


def q7_2(rng, meanings):
    codes = (torch.randperm(210, generator=rng) % 7).numpy()
    chance = integers(rng, 2, 210, 3).numpy()
    leaning = np.where(integers(rng, 3, 210).numpy() == 0, codes > 3, chance[:, 0])
    certain = np.stack([codes == int(integers(rng, 7, 1)), np.ones(210)], 1).astype(int)
    some = np.concatenate([chance, leaning[:, None], certain], 1)
    return {
        "bits": lambda: meanings(codes, some, 9)[0].tolist(),
        "p": lambda: meanings(codes, some)[1].tolist(),
        "p of few shuffles": lambda: meanings(codes, certain, 9)[1].tolist(),
    }


def q7_3(rng, noise_share, mixed):
    by_noise, by_code = normal(rng, 1, 6, 3, 4, 4), normal(rng, 4, 1, 3, 4, 4)
    both = by_noise + 2 * by_code + normal(rng, 4, 6, 3, 4, 4) * torch.arange(4)
    first, second = torch.randperm(6, generator=rng)[:2].tolist()
    given = {
        "noise_share": both,
        "deaf to the code": by_noise.expand(4, -1, -1, -1, -1),
        "deaf to the noise": by_code.expand(-1, 6, -1, -1, -1),
    }
    result = {name: lambda p=p: noise_share(p) for name, p in given.items()}
    return result | {"mixed": lambda: [mixed(first, second, a, 6) for a in (0.0, 0.3, 1.0)]}
