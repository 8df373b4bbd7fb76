"""Notebook 06, the auxiliary-classifier GAN."""

from types import SimpleNamespace

import pandas as pd
import torch

from course_lib.course.trials.nets import integers, normal, uniform


def bits(rng, *shape):
    return integers(rng, 2, *shape).float()


def q6_1(rng, reading, discriminator_loss, generator_loss):
    logits, c, weight = 3 * normal(rng, 2, 6, 4), bits(rng, 6, 4), float(0.2 + uniform(rng, 1))
    scores = 2 * normal(rng, 2, 6)

    def said(logits):
        return [
            SimpleNamespace(score=score, c_logits=l)
            for score, l in zip(scores, logits, strict=True)
        ]

    def slopes():
        """On the readings of real and generated pictures; without read_fake the second is 0."""
        given = logits.clone().requires_grad_()
        losses = [discriminator_loss(*said(given), c, weight, fake) for fake in (False, True)]
        return [torch.autograd.grad(loss, given)[0] for loss in losses]

    return {
        "reading": lambda: [reading(logits[0], c), reading(60 * logits[1], c)],
        "discriminator_loss": lambda: discriminator_loss(*said(logits), c, weight),
        "discriminator_loss with read_fake": lambda: discriminator_loss(
            *said(logits), c, weight, read_fake=True
        ),
        "generator_loss": lambda: generator_loss(said(logits)[1], c, weight),
        "gradients of the discriminator's loss": slopes,
    }


def q6_2(rng, per_label, right):
    trace = pd.DataFrame(uniform(rng, 12, 2).numpy(), columns=["read real", "read fake"])
    weight, n, window = float(0.2 + uniform(rng, 1)), *(2 + integers(rng, 5, 2)).tolist()
    logits, c = normal(rng, 30, 4), bits(rng, 30, 4)

    def lines():
        made = per_label(trace, weight, n, window)
        return [list(made["real"]), list(made["generated"])]

    return {"per_label": lines, "right": lambda: [right(logits, c), right(logits[:7], c[:7])]}


def q6_3(rng, switched, flips):
    labels, i = integers(rng, 2, 8, 5), int(integers(rng, 5, 1))
    given, (before, after) = labels.clone(), integers(rng, 2, 2, 40, 5).bool()
    return {
        "switched": lambda: torch.stack([*switched(given, i), given]),
        "flips": lambda: [flips(before, after, k) for k in range(5)],
    }
