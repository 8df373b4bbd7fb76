"""What one generator step gains, as a function of how far the discriminator is ahead.

An intervention and no curve: both players are copied, the discriminator alone learns some steps
more, is frozen, and the generator makes a single step against it. Loss before and after are of the
same noise, so that the luck of a batch falls out.
"""

import copy

import torch
from torch.nn.utils import parametrizations

from course_lib.data.batches import pixels
from course_lib.evaluation import image_quality
from course_lib.training import loop
from course_lib.training.steps import update

AHEAD = (0, 1, 3, 10, 30, 100)  # steps that the discriminator makes alone


def gain_by_lead(game, x, real, repeats=4, batch=32, warm=30, seed=0):
    """{"3 margin": ..., "3 own": ..., "3 new noise": ..., "3 outside": ...} for each lead of AHEAD.

    game: an AdversarialStep at the end of its training, which asks nothing of its pictures; x:
    uint8 training pictures; real: pictures in [0, 1] that nobody learned from. margin: mean score
    of real less that of generated pictures, before the step. own, new noise: how much the
    generator's loss falls by one step, on that step's noise and on other noise. outside: how much
    the sliced distance to real pictures falls. Means over `repeats` single steps, each from the
    same two players; every lead has the same noises.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        game = _with_moments(game, x, batch, warm)
        z = torch.randn(repeats, batch, game.generator.z_dim, device=x.device)
        other = torch.randn(len(real), game.generator.z_dim, device=x.device)
        start = _distance(game, other, real)
        found, made = {}, 0
        for lead in AHEAD:
            for _ in range(lead - made):
                _discriminator_step(game, x, batch)
            made = lead
            rows = [_one_step(game, own, other, real, start) for own in z]
            means = torch.tensor(rows).mean(0).tolist()
            found[f"{lead} margin"] = _margin(game, real, other)
            names = ("own", "new noise", "outside")
            found |= {f"{lead} {k}": v for k, v in zip(names, means, strict=True)}
    return found


def _with_moments(game, x, batch, warm):
    """A copy of the game that goes on as it did: its optimisers, of which a kept run has no state,
    see the gradients of `warm` steps at rate 0."""
    game = copy.deepcopy(game)
    loop.set_training(game, True)
    groups = game.opt_g.param_groups + game.opt_d.param_groups
    rates = [group["lr"] for group in groups]
    for group in groups:
        group["lr"] = 0.0
    for _ in range(warm):
        _discriminator_step(game, x, batch)
        _generator_step(game, torch.randn(batch, game.generator.z_dim, device=x.device))
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = rate
    return game


def _discriminator_step(game, x, batch):
    chosen = pixels(x[torch.randint(len(x), (batch,))])
    c = game.condition(chosen)
    z = torch.randn(len(chosen), game.generator.z_dim, device=x.device)
    with torch.no_grad():
        fake = game.generator(z, c)
    scores = game.discriminator(game.augment(chosen)), game.discriminator(game.augment(fake))
    update(game.opt_d, game.discriminator_loss(*scores, c)["loss"])


def _generator_loss(game, z):
    c = z[:, :0]
    return game.generator_loss(game.discriminator(game.augment(game.generator(z, c))), c)["loss"]


def _generator_step(game, z):
    game.discriminator.requires_grad_(False)
    update(game.opt_g, _generator_loss(game, z))
    game.discriminator.requires_grad_(True)


@torch.no_grad()
def _margin(game, real, z):
    fake = game.discriminator(game.generator(z, z[:, :0])).score.mean()
    return float(game.discriminator(real).score.mean() - fake)


def _one_step(game, own, other, real, start):
    """What one step of a copied generator gains: on its own noise, on other noise, outside."""
    game = copy.deepcopy(game)
    for part in game.discriminator.modules():
        if isinstance(part, parametrizations._SpectralNorm):
            part.eval()  # frozen: its estimate of the norm would move with every look
    with torch.no_grad():
        before = [float(_generator_loss(game, z)) for z in (own, other)]
    _generator_step(game, own)
    with torch.no_grad():
        after = [float(_generator_loss(game, z)) for z in (own, other)]
    return before[0] - after[0], before[1] - after[1], start - _distance(game, other, real)


@torch.no_grad()
def _distance(game, z, real):
    """The sliced distance of the pictures that the generator makes of these z."""
    generated = game.generator(z, z[:, :0])  # by these pictures' own means, not by running ones
    return image_quality.sliced_distance(real, generated)["distance"]


@torch.no_grad()
def painted(generator, c, real):
    """What a transposed convolution may leave behind in pictures: {"grid", "size", "rim", "found",
    "distance"}.

    c (N, c_dim): what is asked of the pictures, the same noise always; real: as many pictures in
    [0, 1]. grid: the share of the mean picture's fine grain that repeats every four pixels, and
    its size. rim: how much brighter the outer two pixels are than in real pictures, on [0, 1].
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generated = generator.generate(c)
    share, size = image_quality.grid(generated)
    rim = image_quality.border(generated).mean() - image_quality.border(real).mean()
    near = image_quality.beside(real, generated)
    numbers = {"grid": share, "size": size, "rim": float(rim)}
    return numbers | {"found": near["faces found"], "distance": near["distance"]}
