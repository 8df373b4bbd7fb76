"""Is a code in the picture, or a sign between two players?  Readers that took no part in the game.

The discriminator learned to read the code while the generator learned to be read: they may have
agreed on something that nobody else sees. A fresh reader is trained on generated pictures and their
codes, and tested on pictures from other noise; and so it is on pictures that were made worse, with
what is fine in them blurred away or drowned in noise.
"""

import math

import torch
import torch.nn.functional as F

from course_lib.evaluation import coverage, judge
from course_lib.evaluation.parts import in_parts
from course_lib.models import infogan
from course_lib.training import loop


def blurred(x, side=8):
    """Pictures (N, C, S, S), averaged to side x side and enlarged again."""
    return F.interpolate(F.adaptive_avg_pool2d(x, side), x.shape[-1], mode="nearest")


def noisy(x, sigma=0.1):
    """Pictures in [0, 1] plus Gaussian noise."""
    return (x + sigma * torch.randn_like(x)).clamp(0, 1)


CHANGES = {"as generated": lambda x: x, "blurred": blurred, "noisy": noisy}


def scores(model, real, n_codes=7, n=2800, seed=0):
    """The numbers of one training. noise_share: infogan's. diversity: as a share of that of `real`,
    floats (N, C, S, S). A name of CHANGES: what a fresh reader finds of the code, nats a picture,
    in pictures that are so changed, at most log n_codes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        pictures, codes = generated(model, n_codes, n)
        fresh = generated(model, n_codes, n)
        of_noise = infogan.noise_share(model, n_codes, 200)
        pairs = {
            name: ((change(pictures), codes), (change(fresh[0]), fresh[1]))
            for name, change in CHANGES.items()
        }
    diversity = coverage.diversity(fresh[0]) / coverage.diversity(real)
    bounds = {name: fresh_bound(*pair, seed=seed) for name, pair in pairs.items()}
    return {"noise_share": of_noise, "diversity": diversity} | bounds


@torch.no_grad()
def generated(model, n_codes, n):
    """n pictures, equally many of each code as far as n allows, and their codes (n,)."""
    device = next(model.parameters()).device
    codes = torch.arange(n, device=device) % n_codes
    pictures = [model.generate(F.one_hot(c, n_codes).float()) for c in codes.split(700)]
    return torch.cat(pictures), codes


def fresh_bound(train, test, epochs=6, width=16, seed=0):
    """What a new reader, trained on the first pair, finds of the codes in the second, nats a
    picture: the bound on the information. Each a pair of pictures in [0, 1] and codes (N,)."""
    stored = (train[0] * 255).round().byte()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        step, batches = judge.recipe(stored, train[1], epochs, width, batch=64, seed=seed)
        loop.fit(step, batches, epochs, progress=False)
        loop.set_training(step, False)
    return bound_of(step.best, *test)


def bound_of(reader, pictures, codes):
    """log n_codes less the cross-entropy with which reader(pictures) (N, n_codes) names the codes
    (N,), nats a picture: below 0 where a reader is sure and wrong."""
    logits = in_parts(reader, pictures, 500)
    return math.log(logits.shape[1]) - float(F.cross_entropy(logits, codes))
