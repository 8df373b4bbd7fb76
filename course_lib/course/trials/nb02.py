"""Notebook 02, the VAE."""

import torch

from course_lib.course.trials.nets import Variational, integers, normal, uniform


def q2_1(rng, kl, sigma_of_weight):
    mu_q, mu_p = 3 * normal(rng, 6, 4), 3 * normal(rng, 6, 4)
    logvar_q, logvar_p = 4 * normal(rng, 6, 4), 2 * normal(rng, 6, 4)
    near = 1e-3 * normal(rng, 6, 4)
    weights = uniform(rng, 3).tolist()
    return {
        "kl": lambda: kl(mu_q, logvar_q, mu_p, logvar_p),
        "kl of nearly equal ones": lambda: kl(mu_p, logvar_p + near, mu_p, logvar_p),
        "sigma_of_weight": lambda: [sigma_of_weight(w, 12 * n) for n, w in enumerate(weights, 1)],
    }


class Constant(Variational):
    """A decoder that answers every code with grey: the rng of the code plays no part."""

    def decode(self, z):
        return torch.full((len(z), *self.shape), 0.4)


def q2_2(rng, sample, loss):
    mu, logvar, eps, weight = (normal(rng, 5, 4) for _ in range(4))
    x, sigma = uniform(rng, 6, 3, 4, 4), float(0.1 + uniform(rng, 1))
    exact, grey = Variational(rng, (3, 4, 4), 5, -60.0), Constant(rng, (3, 4, 4), 5, -0.7)

    def slopes():
        inputs = [t.clone().requires_grad_() for t in (mu, logvar)]
        return torch.autograd.grad((weight * sample(*inputs, eps)).sum(), inputs)

    def terms(net):
        made = loss(net, x, sigma)
        return made["recon"], made["kl"]

    return {
        "sample": lambda: sample(mu, logvar, eps),
        "gradients of sample": slopes,
        "loss": lambda: terms(exact),
        "loss of a net that answers with grey": lambda: terms(grey),
    }


def q2_3(rng, squared_errors):
    x, net = uniform(rng, 7, 3, 4, 4), Variational(rng, (3, 4, 4), 6)
    return {"squared_errors": lambda: squared_errors(net, x)}


def q2_4(rng, like):
    z = normal(rng, 50, 4) @ normal(rng, 4, 4) + normal(rng, 4)
    eps = torch.cat([torch.zeros(1, 4), torch.eye(4), normal(rng, 3, 4)])
    return {"like": lambda: like(z, eps)}


def q2_5(rng, probe):
    z, z_test = 5 + 3 * normal(rng, 300, 5), 5 + 3 * normal(rng, 60, 5)
    y = (z[:, 0] - z[:, 3] + 2 * normal(rng, 300) > 0).long()
    return {"probe": lambda: probe(z, y, z_test)}


def q2_6(rng, active_units):
    deviation = torch.tensor([3.0, 1.0, 0.5, 0.2, 0.05, 0.02, 0.0])
    mu = normal(rng, 500, 7) * deviation[torch.randperm(7, generator=rng)] + 3
    n = 1 + int(integers(rng, 5, 1))
    return {
        "active_units": lambda: [active_units(mu), active_units(mu[:, :n])],
        "active_units with a threshold": lambda: [active_units(mu, t) for t in (0.1, 4.0, 0.001)],
    }


def q2_7(rng, attribute_vector, walk):
    z, has = normal(rng, 20, 5), torch.arange(20) % (2 + int(integers(rng, 4, 1))) == 0
    return {
        "attribute_vector": lambda: attribute_vector(z, has),
        "walk": lambda: [walk(z[0], z[1], n) for n in (2, 5, 8)],
    }
