"""Every recipe of the library at a size for a test, on pictures of noise."""

import torch

from course_lib.evaluation import judge
from course_lib.models import (
    acgan,
    ae,
    completion,
    cvae,
    gan,
    gan_baseline,
    hvae,
    hvae_iwae,
    infogan,
    iwae,
    mlvae,
    mlvae_extended,
    vae,
)

N, BATCH, EPOCHS = 32, 8, 2  # eight steps
CONV = dict(width=4, z_dim=4, batch=BATCH)
GAME = dict(width=4, z_dim=8, batch=BATCH, epochs=EPOCHS)
LEVELS = dict(sides=(2, 4, 8), width=(16, 16, 8), groups=(2, 1, 1), z_dim=2, batch=BATCH, warm=5)
DENSE = dict(hidden=16, batch=BATCH, epochs=EPOCHS)
BOUND = dict(k=3, width=16, seeing=16, z_dim=4, batch=BATCH, epochs=EPOCHS)
READER = dict(width=4, batch=BATCH, epochs=EPOCHS)
STEPS = {
    "ae, wide": (ae.wide_recipe, ["large"], DENSE | dict(z_dim=4, mirror=True, ema=0.9)),
    "ae, narrow": (ae.narrow_recipe, ["large"], dict(batch=BATCH)),
    "ae, convolutional": (ae.conv_recipe, ["large"], CONV | dict(epochs=EPOCHS)),
    "vae": (vae.recipe, ["large"], CONV | dict(mirror=True, ema=0.9, epochs=EPOCHS)),
    "vae, learned sigma": (vae.recipe, ["large"], CONV | dict(sigma=None)),
    "cvae": (cvae.recipe, ["digits", "one_hot"], dict(batch=BATCH)),
    "cvae, twin": (cvae.twin_recipe, ["digits", "one_hot"], READER | dict(width=16)),
    "iwae": (iwae.recipe, ["digits", "one_hot"], BOUND | dict(bf16=False, tight=0.5)),
    "completion": (completion.recipe, ["digits"], BOUND | dict(bf16=False, seen=8, tight=0.0)),
    "completion, guess": (completion.guess_recipe, ["digits"], READER | dict(bf16=False)),
    "mlvae": (mlvae.recipe, ["digits", "group"], DENSE),
    "mlvae, the source's": (mlvae.recipe, ["digits", "group"], DENSE | dict(detached=True)),
    "mlvae, extended": (mlvae_extended.recipe, ["digits", "group"], DENSE),
    "hvae": (hvae.recipe, ["small"], LEVELS | dict(sigma=0.05, anneal=EPOCHS)),
    "hvae, mixture": (hvae.recipe, ["small"], LEVELS | dict(n_mixtures=2, simple=True)),
    "hvae, binary": (hvae.recipe, ["digits"], LEVELS | dict(n_mixtures=0, free=0.1)),
    "hvae, tight": (
        hvae_iwae.recipe, ["digits"],
        {k: v for k, v in LEVELS.items() if k != "warm"}
        | dict(epochs=EPOCHS, k=3, tight=0.5, bf16=False),
    ),
    "gan": (gan.recipe, ["small"], GAME),
    "gan, r1": (gan.recipe, ["small"], GAME | dict(r1=1.0, augment=False)),
    "gan, the source's": (gan_baseline.recipe, ["small"], GAME | dict(discriminator_width=4)),
    "acgan": (acgan.recipe, ["small", "attributes"], GAME),
    "acgan, watched": (
        acgan.early_recipe, ["small", "attributes"],
        dict(width=4, batch=4, epochs=EPOCHS, n_moments=3, n_held=16),
    ),
    "infogan": (infogan.recipe, ["small"], GAME),
    "infogan, embedded": (
        infogan.recipe, ["small"], GAME | dict(embedding=8, unit_length=True, disguise=True)
    ),
    "infogan, own reader": (infogan.recipe, ["small"], GAME | dict(own_reader=True)),
    "judge": (judge.recipe, ["small", "attributes"], READER),
    "judge of digits": (judge.digit_recipe, ["digits", "group"], READER),
    "judge of factors": (judge.factor_recipe, ["small", "one_hot"], READER),
}  # fmt: skip


def tensors():
    """Pictures of noise and their labels, by name; always the same."""
    draw = torch.Generator().manual_seed(0)
    noise = lambda *shape, high=256: torch.randint(high, (N, *shape), generator=draw)
    group = torch.arange(N) % 10
    return {
        "digits": (noise(1, 28, 28, high=2) * 255).byte(),
        "small": noise(3, 32, 32).byte(),
        "large": noise(3, 64, 64).byte(),
        "group": group,
        "one_hot": torch.eye(10)[group],
        "attributes": noise(3, high=2).byte(),
    }


def begun(name, device):
    """(step, batches) of one of STEPS, the same each time."""
    recipe, words, settings = STEPS[name]
    known = tensors()
    torch.manual_seed(0)
    return recipe(*(known[word].to(device) for word in words), **settings)
