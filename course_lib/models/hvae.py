"""HVAE: maximise E_q[log p(x|z)] - sum_l KL(q(z_l|x, z_<l) || p(z_l|z_<l)).

Vahdat & Kautz 2020 (NVAE: the posterior is a residual on the prior), Child 2021 (VDVAE: top-down
blocks, skipped steps). Groups of latent maps lie on three scales, say 2x2, 4x4 and 16x16, from the
top down. `simple` merges the groups of a scale into one, as large as they were together, and has
plain cells where the others were. Nats per image. p(x|z) is one of three: a Gaussian of fixed width
`sigma`, a mixture of logistics on 2^n_bits colours, or, with neither, binary pixels.
"""

import math
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data.batches import Batches, in_batches
from course_lib.models import gaussian, logistic_mixture
from course_lib.models.layers import ChannelsLast, Residual, bottleneck
from course_lib.training.steps import GradientGuard, LossStep, adam, warmed


class GroupSample(NamedTuple):
    """One group: sample z, its q (mu, logvar) and p (mu_p, logvar_p); (B, side, side, z_dim)."""

    z: torch.Tensor
    mu: torch.Tensor
    logvar: torch.Tensor
    mu_p: torch.Tensor
    logvar_p: torch.Tensor


class Group(nn.Module):
    """One group of latent maps: prior from above, posterior as a residual on it, then a
    bottleneck."""

    def __init__(self, width, inner, z_dim, kernel, gain):
        super().__init__()
        self.z_dim = z_dim
        # Both begin at 0: p is N(0, I), and q = p.
        self.prior = bottleneck(width, inner, 2 * z_dim + width, kernel, gain=0.0)
        self.posterior = bottleneck(2 * width, inner, 2 * z_dim, kernel, gain=0.0)
        self.inject = nn.Linear(z_dim, width)
        self.residual = Residual(width, inner, kernel, gain)

    def forward(self, h, e=None, z=None, temperature=1.0):
        """h (B, side, side, width) from above, e from the encoder -> the next h, and a GroupSample.

        z is given, or sampled from q, or where there is no e from p, its sigma times `temperature`.
        """
        from_h = self.prior(h).float()  # in bfloat16 a KL would lose its digits
        mu_p, logvar_p, h_update = from_h.split([self.z_dim, self.z_dim, h.shape[3]], 3)
        mu, logvar = mu_p, logvar_p = mu_p, soft_clamp(logvar_p)
        if e is not None:
            d_mu, d_logvar = self.posterior(torch.cat([h, e], 3)).float().chunk(2, 3)
            ### BEGIN ANSWER 8.1
            mu, logvar = mu_p + d_mu, logvar_p + soft_clamp(d_logvar)
            ### END ANSWER
        if z is None:
            z = gaussian.sample(mu, logvar, temperature)
        h = self.residual(h + h_update + self.inject(z))
        return h, GroupSample(z, mu, logvar, mu_p, logvar_p)


def soft_clamp(logvar, limit=5.0):
    """limit * tanh(logvar / limit): no variance leaves float32, and the gradient stays smooth."""
    return limit * torch.tanh(logvar / limit)


def decoder_stage(width, n_groups, z_dim, kernel, gain, simple):
    """A scale's blocks: n_groups Groups, or one with all their latents, and plain cells.

    A Group without its latents has the parameters of three cells, to the last bias, and convolves
    the same maps: `simple` costs what the groups cost, by construction.
    """
    inner = width // 2
    if not simple:
        return nn.ModuleList(Group(width, inner, z_dim, kernel, gain) for _ in range(n_groups))
    plain = [Residual(width, inner, kernel, gain) for _ in range(3 * (n_groups - 1))]
    return nn.ModuleList([Group(width, inner, n_groups * z_dim, kernel, gain), *plain])


def encoder_stage(conv, width, kernel, gain):
    """A scale of the encoder: maps made smaller, and two cells."""
    cells = (Residual(width, width // 2, kernel, gain) for _ in range(2))
    return nn.Sequential(ChannelsLast(conv), *cells)


def head(width, channels, patch, n_mixtures):
    """Maps (B, side, side, width) -> the pixels' parameters (B, side, side, n * patch^2): those of
    a mixture, or a number a pixel where n_mixtures is 0."""
    n = logistic_mixture.n_parameters(channels, n_mixtures) if n_mixtures else channels
    last = nn.Conv2d(width, n * patch**2, 3, 1, 1)
    if n_mixtures:  # logistics begin narrow: from a width of 1 Adam takes hundreds of steps
        maps = last.bias.data.view(n, patch**2)
        maps[n_mixtures * (1 + channels) :][: n_mixtures * channels] = -2.0
    return nn.Sequential(nn.SiLU(), ChannelsLast(last))


class HVAE(nn.Module):
    """Pictures of side 28 (padded by 2), 32 or 64.

    sides, width, groups: of the three scales, the coarse one first; each side divides the next.
    sigma: the width of a Gaussian on [0, 1], which is then p(x|z). Without it, n_mixtures logistics
    on 2^n_bits values a colour; n_mixtures = 0: binary pixels, 1 channel.
    """

    def __init__(
        self,
        shape=(3, 64, 64),
        sides=(2, 4, 16),
        width=(512, 256, 64),
        groups=(4, 4, 4),
        z_dim=16,
        n_mixtures=10,
        simple=False,
        sigma=None,
        n_bits=8,
    ):
        super().__init__()
        channels, side = shape[0], shape[-1]
        n_mixtures = 0 if sigma else n_mixtures
        self.shape, self.sides, self.n_mixtures = tuple(shape), tuple(sides), n_mixtures
        self.sigma, self.n_bits = sigma, n_bits
        self.pad = 2 if side == 28 else 0
        self.patch = patch = (side + 2 * self.pad) // sides[2]
        gain = 1 / math.sqrt(sum(groups))
        top, middle, low = width
        to_middle, to_low = sides[1] // sides[0], sides[2] // sides[1]
        down, up = nn.Conv2d, nn.ConvTranspose2d
        stages = (
            encoder_stage(down(channels, low, patch, patch), low, 3, gain),
            encoder_stage(down(low, middle, to_low, to_low), middle, 3, gain),
            encoder_stage(down(middle, top, to_middle, to_middle), top, 1, gain),
        )
        self.bottom_up = nn.ModuleList(stages)
        self.start = nn.Parameter(torch.zeros(1, sides[0], sides[0], top))
        to_next = (up(top, middle, to_middle, to_middle), up(middle, low, to_low, to_low))
        self.up = nn.ModuleList([nn.Identity(), *(ChannelsLast(conv) for conv in to_next)])
        kernels = (1, 3, 3)  # on 2x2 a kernel of 3x3 would see padding mostly
        self.scales = nn.ModuleList(
            decoder_stage(w, n, z_dim, kernel, gain, simple)
            for w, n, kernel in zip(width, groups, kernels, strict=True)
        )
        self.head = head(low, channels, patch, n_mixtures)
        self.scale_of_group = [
            i for i, blocks in enumerate(self.scales) for b in blocks if isinstance(b, Group)
        ]

    def features(self, x):
        """What the encoder sees on each scale: (B, side, side, width), coarse first."""
        h, features = F.pad(2 * x - 1, [self.pad] * 4, value=-1.0).permute(0, 2, 3, 1), []
        for stage in self.bottom_up:
            h = stage(h)
            features.insert(0, h)
        return features

    def top_down(self, features=(None,) * 3, given=None, n=1, temperature=1.0):
        """The pixels' parameters (B, n_out, side, side) and a list of GroupSample, one a group.

        features: of `features`, or none: the prior. given: a z or None for every group.
        temperature: a number, or one for every group; n: how many, where nothing else tells.
        """
        given = given or [None] * len(self.scale_of_group)
        inputs = [t for t in (features[0], *given) if t is not None]
        temperature = temperature if isinstance(temperature, list) else [temperature] * len(given)
        h, samples = self.start.expand(len(inputs[0]) if inputs else n, -1, -1, -1), []
        for up, blocks, e in zip(self.up, self.scales, features, strict=True):
            h = up(h)
            for block in blocks:
                if isinstance(block, Residual):
                    h = block(h)
                    continue
                h, sample = block(h, e, given[len(samples)], temperature[len(samples)])
                samples.append(sample)
        parameters = F.pixel_shuffle(self.head(h).permute(0, 3, 1, 2), self.patch).float()
        inside = slice(self.pad, parameters.shape[-1] - self.pad)
        return parameters[:, :, inside, inside], samples

    def forward(self, x):
        """One sample of the posterior: the pixels' parameters, and a list of GroupSample."""
        return self.top_down(self.features(x))

    def encode(self, x, temperature=1.0):
        """A sample of every group of q, (B, side, side, z_dim) each; temperature 0: its mean."""
        _, samples = self.top_down(self.features(x), temperature=temperature)
        return [sample.z for sample in samples]

    def nll(self, x, parameters):
        """-log p(x|z), (B,), nats, for x as `quantised` gives it."""
        if self.sigma:
            return gaussian.coded_nll(x, parameters, self.sigma)
        if self.n_mixtures:
            return logistic_mixture.nll(x, parameters, self.n_mixtures, self.n_bits)
        return gaussian.bernoulli_nll(x, parameters)

    @torch.no_grad()
    def generate(self, n=1, given=None, temperature=1.0):
        """The pixels' means in [0, 1]: groups from the prior, but for those that are given."""
        ### BEGIN ANSWER 8.3
        parameters, _ = self.top_down(given=given, n=n, temperature=temperature)
        return self.mean(parameters)
        ### END ANSWER

    def mean(self, parameters):
        """The pixels' means in [0, 1], (B, C, side, side)."""
        if self.sigma:
            return parameters.clamp(0, 1)
        if self.n_mixtures:
            return logistic_mixture.mean(parameters, self.n_mixtures, self.shape[0])
        return parameters.sigmoid()

    def quantised(self, x):
        """Pictures in [0, 1] on the values that p(x|z) knows: 2^n_bits of a colour; binary pixels
        are sampled anew from grey ones, 0 and 1 stay."""
        if self.sigma or self.n_mixtures:
            return x if self.n_bits == 8 else logistic_mixture.quantised(x, self.n_bits)
        return torch.bernoulli(x)


def loss(model, x, free=0.0):
    """-ELBO in nats per image, plus what each group's KL lacks of `free` nats (free bits)."""
    x = model.quantised(x)
    parameters, samples = model(x)
    recon = model.nll(x, parameters).mean()
    kls = torch.stack([kl(sample).mean() for sample in samples])
    shortfall = (free - kls).clamp(min=0).sum()
    loss = recon + kls.sum() + shortfall
    return {"loss": loss, "recon": recon, "kl": kls.sum(), "free": shortfall}


def kl(sample):
    """KL(q || p) of one group, (B,), nats; sample: a GroupSample."""
    return gaussian.kl(sample.mu, sample.logvar, sample.mu_p, sample.logvar_p)


def nll_and_kls(model, x):
    """-log p(x|z) and the KL of every group with one sample of z, (B, 1 + groups), nats."""
    x = model.quantised(x)
    parameters, samples = model(x)
    return torch.stack([model.nll(x, parameters), *(kl(sample) for sample in samples)], 1)


@torch.no_grad()
def held_out(model, x):
    """Of uint8 pictures, the same noise every time: -ELBO in nats per image and in bits per
    dimension, and the KL on each scale."""
    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        torch.manual_seed(0)
        nll, *kls = in_batches(partial(nll_and_kls, model), x).mean(0).tolist()
    nats = sum([nll, *kls])
    means = {"test nats": nats, "test bits": logistic_mixture.bits(nats, model.shape)}
    for i, side in enumerate(model.sides):
        of_scale = [k for k, scale in zip(kls, model.scale_of_group, strict=True) if scale == i]
        means[f"test kl {side}x{side}"] = sum(of_scale)
    return means


def recipe(
    x,
    sides=(2, 4, 16),
    width=(512, 256, 64),
    groups=(4, 4, 4),
    z_dim=16,
    n_mixtures=10,
    simple=False,
    sigma=None,
    n_bits=8,
    free=0.0,
    lr=1e-3,
    batch=64,
    ema=0.999,
    anneal=0,
    warm=100,
    bf16=False,
    seed=0,
):
    """Adam on guarded gradients. The rate rises over `warm` steps; it falls to 0 over `anneal`
    epochs along a cosine where anneal > 0."""
    likelihood = {"n_mixtures": n_mixtures, "sigma": sigma, "n_bits": n_bits}
    model = HVAE(x.shape[1:], sides, width, groups, z_dim, simple=simple, **likelihood).to(x.device)
    batches = Batches(x, size=batch, seed=seed)
    optimizer = adam(model, lr, betas=(0.9, 0.99))
    schedule = warmed(optimizer, warm, anneal * len(batches))
    guard = GradientGuard(optimizer).to(x.device)
    objective = partial(loss, free=free)
    step = LossStep(model, objective, optimizer, ema, schedule=schedule, guard=guard, bf16=bf16)
    return step, batches
