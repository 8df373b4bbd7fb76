"""Fill a hole anywhere: a CVAE whose condition is the rest of the picture.

Sohn, Lee & Yan, 2015, did it for quadrants. The loss bounds -log p(missing|given), in nats per
image. The baseline has no z: it guesses each missing pixel on its own.
"""

import torch
from torch import nn

from course_lib.data.batches import Batches, pixels
from course_lib.models import cvae, gaussian, iwae, layers
from course_lib.models.cvae import N_PIXELS, SIDE
from course_lib.training.steps import LossStep, adam, warmed

CORNERS = ("upper left", "upper right", "lower left", "lower right")
PUBLISHED = {  # which quadrants are given, as their number grows
    1: ("lower left",),
    2: ("upper left", "lower left"),
    3: ("upper left", "upper right", "lower left"),
}


def quadrants(*given):
    """The mask (1, 1, 28, 28) that is 1 on the named quadrants, of CORNERS."""
    ### BEGIN ANSWER 3.6
    if unknown := set(given) - set(CORNERS):
        raise ValueError(f"no quadrant is called {sorted(unknown)}; there are {', '.join(CORNERS)}")
    mask, half = torch.zeros(1, 1, SIDE, SIDE), SIDE // 2
    for name in given:
        top, left = (half * (word in name) for word in ("lower", "right"))
        mask[..., top : top + half, left : left + half] = 1
    return mask
    ### END ANSWER


def shown(x, mask):
    """What is given, (B, 784): white 1 and black -1 where the mask is 1, and 0 where it is 0."""
    ### BEGIN ANSWER 3.6
    return ((2 * x - 1) * mask).flatten(1)
    ### END ANSWER


def random_masks(n, device):
    """n masks (n, 1, 28, 28), 1 where a pixel is given: half of them as in PUBLISHED, a quarter
    with one to three quadrants of the fourteen ways to choose them, and a quarter with a hole, a
    rectangle of sides 7 to 28."""
    with torch.device(device):  # a copy from the CPU would wait for the step before
        ways = torch.cat([quadrants(*PUBLISHED[i]) for i in (1, 2, 3)])[:, 0]
    number = torch.randint(1, 15, (n, 1), device=device)  # its four bits are the four quadrants
    given = (number >> torch.arange(4, device=device)) & 1
    quadrant = torch.ones(SIDE // 2, SIDE // 2, device=device)
    rectangle = _spans(n, device)[:, :, None] & _spans(n, device)[:, None, :]
    kind = torch.randint(4, (n, 1, 1), device=device)
    masks = ways[torch.randint(3, (n,), device=device)]
    masks = torch.where(kind == 0, torch.kron(given.view(n, 2, 2).float(), quadrant), masks)
    return torch.where(kind == 1, 1.0 - rectangle.float(), masks)[:, None]


def _spans(n, device):
    """n stretches of 7 to 28 places, (n, 28), True inside."""
    length = torch.randint(7, SIDE + 1, (n, 1), device=device)
    begin = (torch.rand(n, 1, device=device) * (SIDE + 1 - length)).long()
    at = torch.arange(SIDE, device=device)
    return (at >= begin) & (at < begin + length)


class Completer(cvae.CVAE):
    """A CVAE of the missing pixels. c: `seen` numbers that its first net makes of what is given,
    and the mask, (B, seen + 784), see `given`. The posterior is a residual on the prior (Vahdat &
    Kautz, 2020), for what is given says most of z already."""

    def __init__(self, z_dim=32, seen=192, seeing=264, width=384):
        encoder = layers.mlp(N_PIXELS + seen, seeing, 2 * z_dim)
        decoder = layers.mlp(z_dim + seen, width, N_PIXELS)
        super().__init__(encoder, decoder, z_dim, nn.Linear(seen, 2 * z_dim))
        self.see, self.seen = layers.mlp(N_PIXELS, seeing, seen), seen

    def given(self, x, mask):
        """c of pictures of which the pixels at 1 in the mask (B or 1, 1, 28, 28) are given."""
        return torch.cat([self.see(shown(x, mask)).float(), mask.expand_as(x).flatten(1)], 1)

    def encode(self, x, c):
        """q(z|x, c): mean and log-variance, each (B, z_dim)."""
        seen = c[:, : self.seen]
        residual = self.encoder(torch.cat([x.flatten(1), seen], 1))
        return (self.prior_net(seen) + residual).chunk(2, 1)

    def prior(self, c):
        """p(z|c): mean and log-variance, each (B, z_dim)."""
        return super().prior(c[:, : self.seen])

    def decode(self, z, c):
        """Logits of p(x|z, c), (B, 1, 28, 28)."""
        return super().decode(z, c[:, : self.seen])

    def log_px(self, x, z, c):
        """log p(missing pixels|z, given pixels), (B,), nats."""
        missing = 1 - c[:, self.seen :].detach().view_as(x)
        return -gaussian.bernoulli_nll(x, self.decode(z, c), missing)


class Guess(nn.Module):
    """The baseline without z: what is given, (B, 784), -> logits (B, 1, 28, 28)."""

    def __init__(self, width=560):
        super().__init__()
        self.net = layers.mlp(N_PIXELS, width, N_PIXELS)

    def given(self, x, mask):
        """c: see `shown`."""
        return shown(x, mask)

    def forward(self, c):
        return self.net(c).view(-1, 1, SIDE, SIDE)

    @torch.no_grad()
    def generate(self, c):
        """The pixels' means, (B, 1, 28, 28); always the same ones."""
        return self(c).sigmoid()


def fill(model, x, mask):
    """The given pixels of x and the missing ones as means, (B, 1, 28, 28); mask: 1 is given."""
    with torch.no_grad():
        return x * mask + model.generate(model.given(x, mask)) * (1 - mask)


def loss(model, x, k=4):
    """Minus the bound with k samples (see iwae.py) of the missing pixels, for pictures drawn as 0
    and 1, under random masks."""
    x = torch.bernoulli(x)
    return iwae.loss(model, x, model.given(x, random_masks(len(x), x.device)), k)


def guess_nll(model, x, mask):
    """-log p(missing pixels|given) of the baseline, (B,), nats; of grey ones a cross-entropy."""
    return gaussian.bernoulli_nll(x, model(model.given(x, mask)), 1 - mask.expand_as(x))


def guess_loss(model, x):
    """The baseline's mean over pictures, half of them grey and half drawn as 0 and 1, under random
    masks: so one net answers for both."""
    drawn = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
    x = torch.where(drawn, torch.bernoulli(x), x)
    return {"loss": guess_nll(model, x, random_masks(len(x), x.device)).mean()}


@torch.no_grad()
def held_out(model, x):
    """The terms of `loss` or `guess_loss` on held-out pictures (uint8), always the same masks."""
    objective = guess_loss if isinstance(model, Guess) else loss
    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        torch.manual_seed(0)
        rows = [objective(model, pixels(part)) for part in x.split(500)]
    return {f"test {name}": float(sum(r[name] for r in rows)) / len(rows) for name in rows[0]}


def recipe(
    x, epochs=60, k=4, tight=0.4, z_dim=32, seen=192, seeing=264, width=384, lr=2e-3, batch=128,
    ema=0.999, bf16=True, seed=0,
):  # fmt: skip
    """One model for any hole."""
    model = Completer(z_dim, seen, seeing, width).to(x.device)
    batches = Batches(x, size=batch, seed=seed)
    return iwae.descent(model, loss, k, tight, lr, epochs * len(batches), ema, bf16), batches


def guess_recipe(x, epochs=40, width=560, lr=2e-3, batch=128, ema=0.999, bf16=True, seed=0):
    """The baseline for any hole, grey or binary."""
    model, batches = Guess(width).to(x.device), Batches(x, size=batch, seed=seed)
    optimizer = adam(model, lr)
    schedule = warmed(optimizer, 0, epochs * len(batches))
    return LossStep(model, guess_loss, optimizer, ema, schedule=schedule, bf16=bf16), batches
