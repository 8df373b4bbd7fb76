"""Notebook 04, the multi-level VAE."""

import torch

from course_lib.course.trials.nets import TwoCodes, integers, normal, uniform


def q4_1(rng, product):
    mu, group = normal(rng, 12, 3), integers(rng, 4, 12)
    logvar = 3 * normal(rng, 12, 3)
    extreme = torch.tensor([80.0, -80.0])[integers(rng, 2, 12, 3)]
    return {
        "product": lambda: product(mu, logvar, group, 4),
        "product with an empty group": lambda: product(mu, logvar, group + (group > 0), 6),
        "product of very sure and unsure ones": lambda: product(mu, extreme, group, 4),
    }


def q4_2(rng, class_cost):
    mu, logvar, group = normal(rng, 4, 3), normal(rng, 4, 3), integers(rng, 4, 11)

    def slopes():
        inputs = [t.clone().requires_grad_() for t in (mu, logvar)]
        return torch.autograd.grad(class_cost(*inputs, group), inputs)

    return {
        "once a group": lambda: class_cost(mu, logvar, group),
        "once a picture": lambda: class_cost(mu, logvar, group, once_a="picture"),
        "gradients": slopes,
    }


def q4_3(rng, swap):
    model, codes, x = TwoCodes(rng), normal(rng, 3, 3), uniform(rng, 2, 1, 28, 28)
    return {"swap": lambda: swap(model, codes, x)}


def q4_4(rng, pooled):
    mu, logvar, y = normal(rng, 9, 3), normal(rng, 9, 3), integers(rng, 5, 9)
    eps = normal(rng, 5, 3)
    stds = (0.1, 1.0)
    return {f"std {std}": lambda std=std: pooled(mu, logvar, y, std, eps) for std in stds}


def q4_5(rng, purity):
    z, labels = normal(rng, 60, 3), integers(rng, 3, 60)
    z = z + 0.8 * labels[:, None]
    return {"purity": lambda: [purity(z, labels), purity(z, labels, k=3)]}


def q4_6(rng, usage, silent_heads):
    model, x = TwoCodes(rng), uniform(rng, 10, 1, 28, 28)
    group = torch.cat([torch.tensor([0, 4]), 3 * integers(rng, 2, 8) + 1])  # 0, 4 and 1 or 4
    alone = ["style_mu", "style_logvar", "class_mu", "class_logvar"]
    chosen = [alone[int(i)] for i in torch.randperm(4, generator=rng)[:2]]

    def silent():
        h = model.trunk(x)
        names = silent_heads(model, sum(model.heads[name](h).square().sum() for name in chosen))
        return [float(name in names) for name in alone] + [len(names)]

    return {"usage": lambda: usage(model, x, group), "silent_heads": silent}


def q4_7(rng, turned):
    z, slope, weight = normal(rng, 4, 3), normal(rng, 4, 3), float(1 + 4 * uniform(rng, 1))

    def slopes():
        given = z.clone().requires_grad_()
        return torch.autograd.grad((slope * turned(given, weight)).sum(), given)[0]

    return {"the value": lambda: turned(z, weight), "the gradient": slopes}


def q4_8(rng, epochs_for):
    passes, batches = integers(rng, 9, 8).tolist(), (1 + integers(rng, 500, 8)).tolist()
    steps = [n * (20_000 // b) + (20_000 // b) // 3 for n, b in zip(passes, batches, strict=True)]
    pairs = [*zip(steps, batches, strict=True), (1, 512)]
    return {"epochs_for": lambda: [epochs_for(s, 20_000, b) for s, b in pairs]}
