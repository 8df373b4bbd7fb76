"""Two players, one step: the critic descends on its loss, then the generator on its own.

Goodfellow et al., 2014, Algorithm 1, with one update of the critic. What a family decides, the two
losses and what the drawn pictures should show, comes in as functions: see gan, acgan, infogan.
"""

import pandas as pd
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course_lib import train
from course_lib.data import pixels


class Duel:
    """One update of the critic and one of the generator: a step for train.fit.

    losses: of the critic, (real, fake, c) -> terms, and of the generator, (fake, c) -> terms.
    ask(x, *labels) -> c (B, c_dim): what the drawn pictures should show. augment: real and drawn
    pictures alike are shifted before the critic sees them (Zhao et al. 2020). r1: weight of
    ||d score / d x||^2 / 2 on real pictures (Mescheder, Geiger & Nowozin 2018). ema: decay of the
    average of the generator's weights. also: names of further terms to trace at every step.
    """

    def __init__(self, generator, critic, losses, opt_g, opt_c, batches, epochs, ask=None,
                 augment=False, r1=0.0, ema=0.995, bf16=False, also=()):  # fmt: skip
        self.generator, self.critic, self.opt_g, self.opt_c = generator, critic, opt_g, opt_c
        self.critic_loss, self.generator_loss = losses
        self.ask, self.augment = ask or nothing, shifted if augment else (lambda x: x)
        self.r1, self.bf16 = r1, bf16
        n_steps, device = epochs * len(batches), next(generator.parameters()).device
        mean = get_ema_multi_avg_fn(ema)
        self.parts = {
            "generator": generator, "critic": critic, "opt_g": opt_g, "opt_c": opt_c,
            "average": AveragedModel(generator, multi_avg_fn=mean, use_buffers=True),
            "trace": Trace(n_steps, device, also), "film": self._film(batches, n_steps),
        }  # fmt: skip

    def _film(self, batches, n_steps, n=8):
        x, *labels = (t[:n] for t in batches.tensors)
        z = torch.randn(len(x), self.generator.z_dim, device=x.device)
        return Film(n_steps, z, self.ask(pixels(x), *labels), x)

    def __call__(self, x, *labels):
        """Algorithm 1 of the paper with one step of the critic; the terms, detached."""
        c = self.ask(x, *labels)
        z = torch.randn(len(x), self.generator.z_dim, device=x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            x_fake = self.generator(z, c)
            critic = self._criticise(self.augment(x), self.augment(x_fake.detach()), c)
        descend(self.opt_c, critic["loss"])

        self.critic.requires_grad_(False)  # the generator's step must not move it
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            generator = self.generator_loss(self.critic(self.augment(x_fake)), c)
        descend(self.opt_g, generator["loss"])
        self.critic.requires_grad_(True)

        self.parts["average"].update_parameters(self.generator)
        terms = {n: t.detach() for n, t in (critic | generator).items() if n != "loss"}
        self.parts["trace"](terms)
        self.parts["film"](self.best)
        return terms

    @torch.no_grad()
    def look(self, x, *labels):
        """The terms of a batch, named as in a step, while nobody learns (no r1, no traces)."""
        c = self.ask(x, *labels)
        x_fake = self.generator(torch.randn(len(x), self.generator.z_dim, device=x.device), c)
        real, fake = self.critic(self.augment(x)), self.critic(self.augment(x_fake))
        return self.critic_loss(real, fake, c) | self.generator_loss(fake, c)

    def _criticise(self, x, x_fake, c):
        """The critic's terms, and what it gets right."""
        x = x.requires_grad_(self.r1 > 0)
        real, fake = self.critic(x), self.critic(x_fake)
        terms = self.critic_loss(real, fake, c)
        if self.r1:
            (slope,) = torch.autograd.grad(real.score.sum(), x, create_graph=True)
            terms["r1"] = self.r1 / 2 * slope.square().flatten(1).sum(1).mean()
            terms["loss"] = terms["loss"] + terms["r1"]
        right = ((real.score > 0).float().mean() + (fake.score < 0).float().mean()) / 2
        return terms | {"accuracy": right, "real score": real.score.mean(),
                        "fake score": fake.score.mean()}  # fmt: skip

    @property
    def best(self):
        """The generator to use: the averaged one."""
        return self.parts["average"].module


def descend(optimizer, loss):
    """One update."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def nothing(x, *labels):
    """c without columns: a GAN draws what it likes."""
    return x.new_zeros(len(x), 0)


class Trace(nn.Module):
    """What every single step of a Duel returned, kept with the weights and resumed with them.

    The table lies on the device and the count on the CPU, so that no step waits for the other.
    """

    NAMES = ("on real", "on fake", "accuracy", "real score", "fake score", "generator")

    def __init__(self, n_steps, device, also=()):
        super().__init__()
        self.names = (*self.NAMES, *also)
        self.register_buffer("values", torch.zeros(n_steps, len(self.names), device=device))
        self.register_buffer("n", torch.zeros((), dtype=torch.long))

    def forward(self, terms):
        """Write one step's terms down."""
        self.values[int(self.n)] = torch.stack([terms[name].float() for name in self.names])
        self.n += 1

    def table(self):
        """A DataFrame with a row a step."""
        return pd.DataFrame(self.values[: int(self.n)].cpu().numpy(), columns=self.names)


class Film(nn.Module):
    """Pictures from the same z and c at n_frames moments of a training, uint8, kept and resumed.

    frames: (n_frames, n, C, H, W), evenly spaced, the last one after the last step.
    """

    def __init__(self, n_steps, z, c, like, n_frames=8):
        super().__init__()
        self.n_steps = n_steps
        self.register_buffer("z", z)
        self.register_buffer("c", c)
        n_frames = min(n_frames, n_steps)
        self.register_buffer("frames", torch.zeros(n_frames, *like.shape).to(like))
        self.register_buffer("n", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, generator):
        """Count one more step, and draw where a frame is due."""
        frame = int(self.n) * len(self.frames) // self.n_steps
        self.n += 1
        if int(self.n) * len(self.frames) // self.n_steps > frame:
            mode = generator.training
            drawn = generator.eval()(self.z, self.c)
            self.frames[frame] = (drawn * 255).round().byte()
            generator.train(mode)

    def steps(self):
        """After how many steps each frame was drawn."""
        n = len(self.frames)
        return [-(-(i + 1) * self.n_steps // n) for i in range(n)]


def shifted(x, share=0.125):
    """Each picture moved by up to an eighth of its side, its edge repeated, (B, C, H, W)."""
    n, side = len(x), x.shape[-1]
    reach = int(share * side)
    dy, dx = torch.randint(-reach, reach + 1, (2, n, 1), device=x.device)
    at = torch.arange(side, device=x.device)
    rows, columns = (at + dy).clamp(0, side - 1), (at + dx).clamp(0, side - 1)
    which = torch.arange(n, device=x.device)[:, None, None]
    return x.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def play(generator, critic, losses, batches, epochs, lr_g, lr_c, **how):
    """A Duel with two rates (Heusel et al. 2017) on the batches' device, and the batches."""
    device = batches.tensors[0].device
    opt_g = train.adam(generator.to(device), lr_g, betas=(0.0, 0.99))
    opt_c = train.adam(critic.to(device), lr_c, betas=(0.0, 0.99))
    return Duel(generator, critic, losses, opt_g, opt_c, batches, epochs, **how), batches
