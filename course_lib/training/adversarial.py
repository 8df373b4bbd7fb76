"""Two players, one step: the discriminator descends on its loss, then the generator on its own.

Goodfellow et al., 2014, Algorithm 1, with one update of the discriminator. What a family decides,
the two losses and what the generated pictures should show, comes in as functions: see gan, acgan,
infogan.
"""

import torch

from course_lib.data.batches import pixels
from course_lib.training.recorders import SampleSnapshots, Trace
from course_lib.training.steps import adam, average_of, update


class AdversarialStep:
    """One update of the discriminator and one of the generator: a step for loop.fit.

    discriminator_loss(real, fake, c) -> terms and generator_loss(fake, c) -> terms, where real and
    fake are gan.DiscriminatorOutput. condition(x, *labels) -> c (B, c_dim): what the generated
    pictures should show. augment: a random change of real and generated pictures alike before the
    discriminator sees them (Zhao et al. 2020), or None. r1: weight of ||d score / d x||^2 / 2 on
    real pictures (Mescheder, Geiger & Nowozin 2018). ema: decay of the average of the generator's
    weights. traced: names of further terms to trace at every step.
    """

    def __init__(
        self,
        generator,
        discriminator,
        discriminator_loss,
        generator_loss,
        opt_g,
        opt_d,
        batches,
        epochs,
        condition=None,
        augment=None,
        r1=0.0,
        ema=0.995,
        bf16=False,
        traced=(),
    ):
        self.generator, self.discriminator = generator, discriminator
        self.opt_g, self.opt_d = opt_g, opt_d
        self.discriminator_loss, self.generator_loss = discriminator_loss, generator_loss
        self.condition, self.augment = condition or no_condition, augment or unchanged
        self.r1, self.bf16 = r1, bf16
        n_steps, device = epochs * len(batches), next(generator.parameters()).device
        self.parts = {
            "generator": generator,
            "discriminator": discriminator,
            "opt_g": opt_g,
            "opt_d": opt_d,
            "average": average_of(generator, ema),
            "trace": Trace(n_steps, device, traced),
            "snapshots": self._snapshots(batches, n_steps),
        }

    def _snapshots(self, batches, n_steps, n=8):
        x, *labels = (t[:n] for t in batches.tensors)
        z = torch.randn(len(x), self.generator.z_dim, device=x.device)
        return SampleSnapshots(n_steps, z, self.condition(pixels(x), *labels), x)

    def __call__(self, x, *labels):
        """Algorithm 1 of the paper with one step of the discriminator; the terms, detached."""
        ### BEGIN ANSWER 5.2
        c = self.condition(x, *labels)
        z = torch.randn(len(x), self.generator.z_dim, device=x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            x_fake = self.generator(z, c)
            d_terms = self._discriminator_terms(self.augment(x), self.augment(x_fake.detach()), c)
        update(self.opt_d, d_terms["loss"])

        self.discriminator.requires_grad_(False)  # the generator's step must not move it
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            g_terms = self.generator_loss(self.discriminator(self.augment(x_fake)), c)
        update(self.opt_g, g_terms["loss"])
        self.discriminator.requires_grad_(True)

        self.parts["average"].update_parameters(self.generator)
        terms = {n: t.detach() for n, t in (d_terms | g_terms).items() if n != "loss"}
        self.parts["trace"](terms)
        self.parts["snapshots"](self.best)
        return terms
        ### END ANSWER

    @torch.no_grad()
    def evaluate(self, x, *labels):
        """The terms of a batch, named as in a step, while nobody learns (no r1, no traces)."""
        c = self.condition(x, *labels)
        x_fake = self.generator(torch.randn(len(x), self.generator.z_dim, device=x.device), c)
        real, fake = self.discriminator(self.augment(x)), self.discriminator(self.augment(x_fake))
        return self.discriminator_loss(real, fake, c) | self.generator_loss(fake, c)

    def _discriminator_terms(self, x, x_fake, c):
        """The discriminator's terms, and what it gets right."""
        x = x.requires_grad_(self.r1 > 0)
        real, fake = self.discriminator(x), self.discriminator(x_fake)
        terms = self.discriminator_loss(real, fake, c)
        if self.r1:
            (slope,) = torch.autograd.grad(real.score.sum(), x, create_graph=True)
            terms["r1"] = self.r1 / 2 * slope.square().flatten(1).sum(1).mean()
            terms["loss"] = terms["loss"] + terms["r1"]
        accuracy = ((real.score > 0).float().mean() + (fake.score < 0).float().mean()) / 2
        return terms | {
            "accuracy": accuracy,
            "real score": real.score.mean(),
            "fake score": fake.score.mean(),
        }

    @property
    def best(self):
        """The generator to use: the averaged one."""
        return self.parts["average"].module


def no_condition(x, *labels):
    """c without columns: nothing is asked of the generated pictures."""
    return x.new_zeros(len(x), 0)


def unchanged(x):
    """The pictures as they are."""
    return x


def two_rates(generator, discriminator, lr_g, lr_d):
    """Adam for either player, each with a rate of its own (Heusel et al. 2017): opt_g, opt_d."""
    betas = (0.0, 0.99)
    return adam(generator, lr_g, betas=betas), adam(discriminator, lr_d, betas=betas)
