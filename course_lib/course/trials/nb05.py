"""Notebook 05, the GAN."""

import torch
from torch import nn

from course_lib.course.trials.nets import filled, integers, normal, uniform
from course_lib.training.optimisers import SGD


def q5_1(rng, logistic, hinge):
    real, fake = 2 * normal(rng, 9), 2 * normal(rng, 9)

    def slopes():
        scores = [t.clone().requires_grad_() for t in (real, fake)]
        losses = [pair[0] + pair[1] for pair in (logistic(*scores), hinge(*scores))]
        return [torch.autograd.grad(loss, scores) for loss in losses]

    return {
        "logistic": lambda: logistic(real, fake),
        "hinge": lambda: hinge(real, fake),
        "logistic of very sure scores": lambda: logistic(60 * real, 60 * fake),
        "gradients": slopes,
    }


def squares(real, fake):
    """Losses that no question asks for, so that a wrong loss does not count twice."""
    return (real - 1).square().mean() + fake.square().mean(), (fake - 1).square().mean()


def q5_2(rng, one_step):
    seed = int(integers(rng, 2**31, 1))
    x, z = uniform(rng, 3, 8, 4), normal(rng, 3, 8, 2)

    def played(n_steps):
        """The parameters of discriminator and generator, each in one row, after some steps."""
        g, d = filled(nn.Linear(2, 4), seed), filled(nn.Linear(4, 1), seed + 1)
        opt_g, opt_d = (SGD(net.parameters(), 0.1) for net in (g, d))
        for i in range(n_steps):
            one_step(lambda z: g(z).sigmoid(), lambda x: d(x)[:, 0], opt_g, opt_d, x[i], z[i],
                     losses=squares)  # fmt: skip
        return [nn.utils.parameters_to_vector(net.parameters()) for net in (d, g)]

    return {
        "the discriminator after a step": lambda: played(1)[0],
        "the generator after a step": lambda: played(1)[1],
        "both after three steps": lambda: torch.cat(played(3)),
    }


def q5_3(rng, recall):
    real, generated = normal(rng, 200, 3).double(), 0.7 * normal(rng, 60, 3).double()
    one = normal(rng, 1, 3).double()
    return {
        "recall": lambda: [recall(real, generated, k) for k in (1, 2, 5)],
        "recall of one picture again and again": lambda: recall(real, one.repeat(20, 1)),
    }


def q5_4(rng, overlap):
    shapes = [(stride + int(integers(rng, 5, 1)), stride) for stride in (2, 3, 4)]
    return {
        "overlap": lambda: [overlap([kernel], [stride], 24) for kernel, stride in shapes],
        "two steps side by side": lambda: overlap(*zip(*shapes[:2], strict=True), 18),
    }


def q5_5(rng, sharpness, frechet):
    x = uniform(rng, 5, 3, 7, 6)
    a, b = (normal(rng, 60, 4) @ normal(rng, 4, 4) + normal(rng, 4) for _ in range(2))
    return {
        "sharpness": lambda: sharpness(x),
        "frechet": lambda: [frechet(a, b), frechet(b[:30], 2 * a)],
    }
