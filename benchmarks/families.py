"""What each family is timed on: its recipe, and data and settings as in its notebook's quick runs.

An epoch of a set is a round, a fraction of a second on one core.
"""

import torch

from benchmarks.rounds import DEVICE, ROUNDS
from course_lib.data import inputs
from course_lib.models import acgan, ae, completion, cvae, gan, hvae, infogan, iwae, mlvae, vae

PHOTOS, CLOSEUPS = ["photos/train/512:x"], ["closeups/train/480:x", "closeups/train/480:halves"]
CONV = dict(batch=64, width=16)
GAME = dict(batch=32, epochs=ROUNDS + 1, augment=False)  # a game's trace is of a known length
LEVELS = dict(sides=(2, 4, 8), width=(64, 48, 32), groups=(4, 4, 4), z_dim=8, sigma=0.05, batch=32)
FAMILIES = {
    "ae": (ae.conv_recipe, PHOTOS, CONV),
    "vae": (vae.recipe, PHOTOS, CONV),
    "cvae": (cvae.recipe, ["mnist/train/10000:x", "mnist/train/10000:one_hot"], {}),
    "iwae": (iwae.recipe, ["mnist/train/4000:x", "mnist/train/4000:one_hot"], {"tight": 1.0}),
    "completion": (completion.recipe, ["mnist/train/6000:x"], {}),
    "mlvae": (mlvae.recipe, ["mnist/train/20000:x", "mnist/train/20000:y"], {}),
    "gan": (gan.recipe, CLOSEUPS[:1], GAME | {"width": 24}),
    "acgan": (acgan.recipe, CLOSEUPS, GAME | {"width": 24}),
    "infogan": (infogan.recipe, CLOSEUPS[:1], GAME | {"width": 16}),
    "hvae": (hvae.recipe, CLOSEUPS[:1], LEVELS),
}
DIGITS = ("cvae", "iwae", "completion", "mlvae")


def chosen(name):
    """(recipe, tensors, settings) of a family."""
    recipe, words, settings = FAMILIES[name]
    torch.manual_seed(0)
    return recipe, [inputs.tensor(word).to(DEVICE) for word in words], settings
